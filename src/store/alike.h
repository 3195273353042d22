/* Alike: entries that make the same row. Most entries of a batch are alike, and
 * making a row costs far more than seeing that. Not all need be found: rows are
 * compared again (store/import.c). */
#ifndef STORE_ALIKE_H
#define STORE_ALIKE_H

#include "history/entry.h"

struct alike {
	const struct history_entry
	    *last; /* received last; the first of those */
	int64_t count;
};

/* *RET_ALIKE: *RET_COUNT groups, in order of their first entry. */
bool alike_find(struct arena *arena, const struct history_entry *entries,
    size_t count, struct alike **ret_alike, size_t *ret_count) MUST_USE;

#endif
