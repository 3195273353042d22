/* Arena: memory that lives as long as one message, one report, one answer.
 *
 * Everything is freed at once by arena_free, so there is nothing to free in
 * between. An arena has a limit, so that a hostile message cannot take more.
 * Failure is sticky: after the first refused allocation every later one is
 * refused too, text functions return the empty text, and arena_failed tells.
 * Who owns the arena looks at arena_failed before believing a result. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/attr.h"
#include "base/text.h"

struct arena;

/* LIMIT: bytes that all allocations together may take. NULL: no memory. */
struct arena *arena_new(size_t limit) MUST_USE;
void arena_free(struct arena *arena); /* NULL is allowed */

/* Zeroed and aligned for any type. NULL: limit reached or no memory. */
void *arena_alloc(struct arena *arena, size_t size) MUST_USE;
void *arena_array(struct arena *arena, size_t count, size_t size) MUST_USE;

/* RELEASE(OBJECT) is called by arena_free, latest first: for things that a
 * library allocated. When false is returned it was called at once. */
bool arena_defer(
    struct arena *arena, void (*release)(void *), void *object) MUST_USE;

struct text arena_copy(struct arena *arena, struct text text);
struct text arena_lower(struct arena *arena, struct text text);
/* A and B one after the other, NUL bytes and all. */
struct text arena_join(struct arena *arena, struct text a, struct text b);
struct text arena_format(struct arena *arena, const char *format, ...)
    PRINTF_LIKE(2, 3);
/* Terminated by NUL, for the edge. Bytes after an inner NUL are not seen by
 * who takes a C string, so check first where that matters. */
const char *arena_cstr(struct arena *arena, struct text text);

bool arena_failed(const struct arena *arena);
size_t arena_used(const struct arena *arena);

/* For tests: allocation number N from now on fails (1 = the next one). */
void arena_fail_after(struct arena *arena, size_t n);

#endif
