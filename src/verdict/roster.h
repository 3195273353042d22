/* Roster: a file of the operator's, one entry a line, found by key. "#" begins a
 * comment. Read once and never changed; 100,000 lines are no burden: an entry
 * is found by halving. */
#ifndef VERDICT_ROSTER_H
#define VERDICT_ROSTER_H

#include "base/build.h"
#include "base/problem.h"
#include "base/vec.h"

enum {
	ROSTER_BYTES_MAX = 32 * 1024 * 1024, /* of the file */
	ROSTER_LINES_MAX = 1000000,
	ROSTER_LINE_MAX = 1000, /* bytes */
	ROSTER_WORDS_MAX = 4,   /* of a line */
	ROSTER_KEY_MAX = 300,
	ROSTER_ARENA_MAX = 512 * 1024 * 1024, /* what all that may take */
};

struct roster_entry {
	struct text key;   /* canonical, such as "dkim .example.org" */
	struct text value; /* what the line says besides; may be "" */
	unsigned line;
};

struct roster {
	struct text name; /* of the file */
	VEC(struct roster_entry) entries;
};

/* A line's words: at least one. */
struct roster_words {
	struct text at[ROSTER_WORDS_MAX];
	size_t count;
};

/* READ_ENTRY turns a line into a key and a value that live in ARENA; false:
 * *ret_why says what the line must be. False: *ret_problem says where. */
bool roster_read(struct arena *arena, struct text text, const char *name,
    bool (*read_entry)(struct arena *arena, const struct roster_words *words,
	struct roster_entry *ret_entry, const char **ret_why),
    struct roster *ret_roster, struct problem *ret_problem) MUST_USE;

/* The first line of this key, or NULL. */
const struct roster_entry *roster_find(
    const struct roster *roster, struct text key);
/* The next line of the same key, or NULL. */
const struct roster_entry *roster_next(
    const struct roster *roster, const struct roster_entry *entry);

/* Domain patterns: "example.org" is that domain alone, ".example.org" or
 * "*.example.org" all below it. In keys they are lower case, A-labels, and the
 * asterisk is gone. */
bool roster_read_pattern(
    struct arena *arena, struct text word, struct text *ret_pattern) MUST_USE;
bool roster_pattern_matches(struct text pattern, struct text domain);
/* The line whose key is KIND and the nearest pattern for DOMAIN: itself before
 * ".parent" before ".grandparent". Or NULL. */
const struct roster_entry *roster_find_domain(
    const struct roster *roster, struct text kind, struct text domain);

#endif
