/* The option table: the one place where an option is named. The parser, the
 * help, and the manual's test come from it. */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include "config/config.h"

enum option_type {
	OPTION_TEXT,
	OPTION_FILE,    /* below BaseDirectory, if it does not begin with / */
	OPTION_BOOLEAN, /* first letter: t y 1, f n 0 */
	OPTION_NUMBER,  /* C's bases: 010 is octal, 0x10 hexadecimal */
	OPTION_SECONDS, /* a number with s, m, h or d behind it; alone: s */
	OPTION_BYTES,   /* a number with k, m or g behind it; alone: bytes */
	OPTION_WORD,    /* one of words */
};

enum option_use {
	OPTION_RELOAD,  /* a reload can change it */
	OPTION_RESTART, /* only a restart can */
	OPTION_IDLE, /* read for old files; the sentence says why only that */
};

enum { OPTION_MODE_MAX = 0777 };

struct config_option {
	const char *name;
	enum option_type type;
	enum option_use use;
	size_t offset;             /* in struct config */
	const char *default_value; /* as it would stand in the file; NULL: "" */
	uint64_t min, max;         /* NUMBER, SECONDS */
	const struct names *words; /* WORD */
	const char *sentence;
};

extern const struct config_option config_options[];
extern const size_t config_options_count;

/* The row called NAME in any case, or once called so, or NULL. */
const struct config_option *option_find(struct text name);
/* The row whose name is most like NAME, or NULL when none is near. */
const struct config_option *option_nearest(struct text name);
/* Sets the member of CONFIG. False: *ret_why says what the value must be. */
bool option_set(const struct config_option *option, struct config *config,
    struct text value, struct text *ret_why) MUST_USE;
/* The member of CONFIG as it would stand in the file; "" when it is not set. */
struct text option_get(const struct config_option *option,
    const struct config *config, struct arena *arena);
/* "text", "time", … */
const char *option_type_name(enum option_type type);

#endif
