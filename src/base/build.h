/* Build: an output that grows, and remembers failure.
 *
 * Add and add, and look once at the end: after the first failure (no memory,
 * limit passed) nothing more is added and build_failed is true. The bytes are
 * on the heap and freed by build_free, or in an arena (build_init_arena). */
#ifndef BASE_BUILD_H
#define BASE_BUILD_H

#include "base/arena.h"

#include <stdarg.h>

struct build {
	char *ptr;
	size_t len;
	size_t room;
	size_t limit;
	struct arena *arena; /* NULL: heap */
	bool failed;
};

/* LIMIT: the most bytes it may ever hold. */
void build_init(struct build *build, size_t limit);
void build_init_arena(struct build *build, struct arena *arena, size_t limit);
void build_free(struct build *build); /* heap only; may be used again after */

void build_text(struct build *build, struct text text);
void build_cstr(struct build *build, const char *cstr);
void build_byte(struct build *build, char byte);
void build_number(struct build *build, uint64_t number); /* decimal */
void build_format(struct build *build, const char *format, ...)
    PRINTF_LIKE(2, 3);
void build_vformat(struct build *build, const char *format, va_list values)
    PRINTF_LIKE(2, 0);
/* For a log, a terminal, a story: bytes outside 0x20-0x7E, and backslash, as
 * \xNN, so that no value can forge a line or a colour. */
void build_clean(struct build *build, struct text text);
/* A string of JSON, quotes and all; bytes outside 0x20-0x7E as \u00NN, so that it
 * can forge no line either. */
void build_json(struct build *build, struct text text);

/* Room for LEN more bytes, which are then counted as added; NULL on failure.
 * For libraries that write into a buffer; build_cut gives back what is over. */
char *build_room(struct build *build, size_t len) MUST_USE;
void build_cut(struct build *build, size_t len); /* down to LEN bytes */
/* Puts TEXT, which is not of BUILD, before what stands at AT. */
void build_insert(struct build *build, size_t at, struct text text);
/* Forgets the first LEN bytes; for buffers that are sent bit by bit. */
void build_drop(struct build *build, size_t len);

struct text build_view(const struct build *build);
bool build_failed(const struct build *build);

#endif
