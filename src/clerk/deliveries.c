#include "clerk/deliveries.h"

static bool
add_delivery(void *context, const struct store_delivery *delivery)
{
	struct deliveries *deliveries = context;
	struct arena *arena = deliveries->arena;
	struct store_delivery *copy = vec_push(arena, &deliveries->list);

	if (copy == NULL)
		return false;
	*copy = *delivery;
	copy->report = arena_copy(arena, delivery->report);
	copy->destination = arena_copy(arena, delivery->destination);
	copy->words = arena_copy(arena, delivery->words);
	return !arena_failed(arena);
}

bool
deliveries_read(struct deliveries *deliveries, struct store *store,
    struct text report, struct problem *ret_problem)
{
	return store_for_each_delivery(
	    store, report, add_delivery, deliveries, ret_problem);
}

const struct store_delivery *
deliveries_find(const struct deliveries *deliveries, struct text destination)
{
	for (size_t i = 0; i < deliveries->list.count; i++)
		if (text_equal_nocase(
			deliveries->list.at[i].destination, destination))
			return &deliveries->list.at[i];
	return NULL;
}

/* What was settled has a try. */
static bool
is_skipped(const struct store_delivery *delivery)
{
	return delivery->state == DELIVERY_UNWANTED && delivery->tries == 0;
}

size_t
deliveries_count_skipped(const struct deliveries *deliveries)
{
	size_t count = 0;

	for (size_t i = 0; i < deliveries->list.count; i++)
		count += is_skipped(&deliveries->list.at[i]);
	return count;
}
