#include "base/vec.h"

#include <string.h>

static bool
grow(struct arena *arena, void *at, size_t count, size_t *room, size_t size)
{
	size_t new_room = *room == 0 ? 8 : *room * 2;
	void *bytes = arena_array(arena, new_room, size);
	void *old;

	if (bytes == NULL)
		return false;
	memcpy(&old, at, sizeof old);
	if (count > 0)
		memcpy(bytes, old, count * size);
	memcpy(at, &bytes, sizeof bytes);
	*room = new_room;
	return true;
}

void *
vec_push_bytes(
    struct arena *arena, void *at, size_t *count, size_t *room, size_t size)
{
	char *bytes;

	if (*count == *room && !grow(arena, at, *count, room, size))
		return NULL;
	memcpy(&bytes, at, sizeof bytes);
	return bytes + (*count)++ * size;
}
