/* Plan: a list of chunks, newest first; the newest has the free room. The
 * first chunk is small, since most answers and reports are; each further one
 * doubles up to CHUNK_MAX. Sizes are rounded up to ALIGNMENT. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ALIGNMENT = 16,
	CHUNK_FIRST = 512,
	CHUNK_MAX = 64 * 1024,
};

struct chunk {
	struct chunk *next;
	size_t size; /* bytes after this header */
	size_t used;
	size_t padding; /* keeps the bytes after it aligned */
};

struct deferred {
	struct deferred *next;
	void (*release)(void *);
	void *object;
};

struct arena {
	struct chunk *chunks;
	struct deferred *deferred;
	size_t used;
	size_t limit;
	size_t fail_after; /* 0: never */
	bool failed;
};

struct arena *
arena_new(size_t limit)
{
	struct arena *arena = calloc(1, sizeof *arena);

	if (arena != NULL)
		arena->limit = limit;
	return arena;
}

void
arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	for (struct deferred *d = arena->deferred; d != NULL; d = d->next)
		d->release(d->object);
	while (arena->chunks != NULL) {
		struct chunk *next = arena->chunks->next;
		free(arena->chunks);
		arena->chunks = next;
	}
	free(arena);
}

static bool
add_chunk(struct arena *arena, size_t size)
{
	size_t room = CHUNK_FIRST;

	if (arena->chunks != NULL)
		room = arena->chunks->size * 2;
	if (room > CHUNK_MAX)
		room = CHUNK_MAX;
	if (room < size)
		room = size;
	struct chunk *chunk = malloc(sizeof *chunk + room);
	if (chunk == NULL)
		return false;
	*chunk = (struct chunk){.next = arena->chunks, .size = room};
	arena->chunks = chunk;
	return true;
}

static bool
may_take(struct arena *arena, size_t size)
{
	if (arena->failed || size > arena->limit - arena->used)
		return false;
	return arena->fail_after == 0 || --arena->fail_after > 0;
}

/* Not zeroed. */
static void *
take(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX - ALIGNMENT - sizeof(struct chunk)) {
		arena->failed = true;
		return NULL;
	}
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!may_take(arena, size)) {
		arena->failed = true;
		return NULL;
	}
	struct chunk *chunk = arena->chunks;
	if (chunk == NULL || chunk->size - chunk->used < size) {
		if (!add_chunk(arena, size)) {
			arena->failed = true;
			return NULL;
		}
		chunk = arena->chunks;
	}
	char *taken = (char *)(chunk + 1) + chunk->used;
	chunk->used += size;
	arena->used += size;
	return taken;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	void *taken = take(arena, size);

	if (taken != NULL)
		memset(taken, 0, size);
	return taken;
}

void *
arena_array(struct arena *arena, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size) {
		arena->failed = true;
		return NULL;
	}
	return arena_alloc(arena, count * size);
}

bool
arena_defer(struct arena *arena, void (*release)(void *), void *object)
{
	struct deferred *deferred = arena_alloc(arena, sizeof *deferred);

	if (deferred == NULL) {
		release(object);
		return false;
	}
	*deferred = (struct deferred){arena->deferred, release, object};
	arena->deferred = deferred;
	return true;
}

struct text
arena_copy(struct arena *arena, struct text text)
{
	if (text.len == 0)
		return TEXT("");
	char *copy = take(arena, text.len);
	if (copy == NULL)
		return TEXT("");
	memcpy(copy, text.ptr, text.len);
	return (struct text){copy, text.len};
}

struct text
arena_lower(struct arena *arena, struct text text)
{
	if (text.len == 0)
		return TEXT("");
	char *copy = take(arena, text.len);
	if (copy == NULL)
		return TEXT("");
	for (size_t i = 0; i < text.len; i++)
		copy[i] = to_lower(text.ptr[i]);
	return (struct text){copy, text.len};
}

struct text
arena_join(struct arena *arena, struct text a, struct text b)
{
	char *copy = take(arena, a.len + b.len);

	if (copy == NULL)
		return TEXT("");
	if (a.len > 0)
		memcpy(copy, a.ptr, a.len);
	if (b.len > 0)
		memcpy(copy + a.len, b.ptr, b.len);
	return (struct text){copy, a.len + b.len};
}

struct text
arena_format(struct arena *arena, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	int len = vsnprintf(NULL, 0, format, values);
	va_end(values);
	if (len < 0) {
		arena->failed = true;
		return TEXT("");
	}
	char *copy = take(arena, (size_t)len + 1);
	if (copy == NULL)
		return TEXT("");
	va_start(values, format);
	vsnprintf(copy, (size_t)len + 1, format, values);
	va_end(values);
	return (struct text){copy, (size_t)len};
}

const char *
arena_cstr(struct arena *arena, struct text text)
{
	char *copy = take(arena, text.len + 1);

	if (copy == NULL)
		return "";
	if (text.len > 0)
		memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	return copy;
}

bool
arena_failed(const struct arena *arena)
{
	return arena->failed;
}

size_t
arena_used(const struct arena *arena)
{
	return arena->used;
}

void
arena_fail_after(struct arena *arena, size_t n)
{
	arena->fail_after = n;
}
