/* Key: what a line of an entry means, for codec.c. One table, in the order of
 * writing; a line of an unknown key means nothing. */
#ifndef HISTORY_KEY_H
#define HISTORY_KEY_H

#include "history/entry.h"

struct codes;

/* How the empty text is written. */
enum when_empty { LEAVE_OUT, DASH, BLANK };

/* In whose entries the key must stand. */
enum required { IN_NONE, IN_OURS, IN_ALL };

struct history_key {
	struct text name;
	/* NULL: not written, and skipped in an entry of ours. */
	void (*write)(struct build *build, const struct history_key *key,
	    const struct history_entry *entry);
	bool (*read)(struct arena *arena, const struct history_key *key,
	    struct text value, struct history_entry *entry);
	/* From an entry of another program; NULL: only we write this key. */
	bool (*read_foreign)(struct arena *arena, const struct history_key *key,
	    struct text value, struct history_entry *entry);
	/* What to say of a value that cannot be read; NULL: that. */
	const char *odd;
	size_t offset; /* of a text or a bool in the entry */
	const struct codes *codes;
	enum when_empty when_empty;
	enum required required;
	bool repeats;
};

enum { HISTORY_KEYS = 33 };
extern const struct history_key history_keys[HISTORY_KEYS];

/* Fills in what other programs say only through other values. */
void history_conclude_foreign(struct history_entry *entry);

#endif
