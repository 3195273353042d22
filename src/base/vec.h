/* Vec: a growing array in an arena.
 *
 *	VEC(struct header) fields = {0};
 *	struct header *field = vec_push(arena, &fields);
 *	if (field == NULL)
 *		return false;
 *	for (size_t i = 0; i < fields.count; i++) … fields.at[i] …
 *
 * Pointers to elements are good until the next push. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/arena.h"

#define VEC(type)                                                              \
 struct {                                                                      \
  type *at;                                                                    \
  size_t count;                                                                \
  size_t room;                                                                 \
 }

/* A new zeroed element at the end, or NULL when the arena has failed. */
#define vec_push(arena, vec)                                                   \
 vec_push_bytes(                                                               \
     (arena), &(vec)->at, &(vec)->count, &(vec)->room, sizeof *(vec)->at)

/* Behind vec_push. AT is the address of the pointer to the elements. */
void *vec_push_bytes(struct arena *arena, void *at, size_t *count, size_t *room,
    size_t size) MUST_USE;

#endif
