/* Deliveries: those of one report, as the store had them when it was begun. */
#ifndef CLERK_DELIVERIES_H
#define CLERK_DELIVERIES_H

#include "store/store.h"

struct deliveries {
	struct arena *arena;
	VEC(struct store_delivery) list;
};

/* Into the arena, which may have failed after. False: *ret_problem. */
bool deliveries_read(struct deliveries *deliveries, struct store *store,
    struct text report, struct problem *ret_problem) MUST_USE;
/* But for case; or NULL. */
const struct store_delivery *deliveries_find(
    const struct deliveries *deliveries, struct text destination);
/* How many say only that nothing could be sent there (targets_skip). */
size_t deliveries_count_skipped(const struct deliveries *deliveries);

#endif
