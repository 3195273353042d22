/* The deliveries of reports, and those reports that are due. */
#ifndef TESTS_STORE_DELIVERIES_H
#define TESTS_STORE_DELIVERIES_H

#include "output.h"

static inline bool
take_delivery(void *context, const struct store_delivery *delivery)
{
	struct build *text = context;

	build_format(text, TEXT_FMT " %s %u " TEXT_FMT "\n",
	    TEXT_ARG(delivery->destination),
	    names_word(&delivery_state_names, (int)delivery->state),
	    delivery->tries, TEXT_ARG(delivery->words));
	return true;
}

static inline void
assert_deliveries(struct store *store, struct text report, const char *expected)
{
	struct build text;

	build_init(&text, SIZE_MAX);
	MUST(store_for_each_delivery(
	    store, report, take_delivery, &text, &problem));
	assert_built(&text, expected);
}

static inline uint64_t
lease(struct store *store, struct text report, struct text to, unsigned seconds)
{
	uint64_t fence = 99;

	MUST(
	    store_lease_delivery(store, report, to, seconds, &fence, &problem));
	return fence;
}

static inline bool
is_ours(struct store *store, struct text report, struct text to, uint64_t fence)
{
	bool ours = false;

	MUST(store_check_fence(store, report, to, fence, &ours, &problem));
	return ours;
}

/* The name of a report to deliver. */
static inline struct text
make_report(struct place *place)
{
	struct history_entry entry = sample();
	struct output output;

	add_to(place->store, "c", 0, &entry, 1);
	assert_int_equal(seal(place->store, day + 2 * DAY), 1);
	print_all(place->store, true, &output);
	build_free(&output.text);
	return arena_copy(place->arena, text_from_cstr(output.id));
}

struct due {
	struct store *store;
	struct build names;
};

static inline bool
name_due(void *context, const struct store_report *report)
{
	struct due *due = context;
	const struct store_delivery delivery = {.report = report->id,
	    .destination = TEXT("new@example.com"),
	    .state = DELIVERY_ACCEPTED,
	    .words = TEXT("")};

	build_text(&due->names, report->policy.domain);
	build_byte(&due->names, ' ');
	/* The store may be used meanwhile. */
	MUST(store_add_delivery(due->store, &delivery, &problem));
	return true;
}

static inline void
assert_due(
    struct store *store, const struct store_due *wanted, const char *expected)
{
	struct due due = {.store = store};

	build_init(&due.names, SIZE_MAX);
	MUST(
	    store_for_each_due_report(store, wanted, name_due, &due, &problem));
	assert_built(&due.names, expected);
}

static inline uint64_t
waiting(struct store *store, const char *domain)
{
	uint64_t count = 99;

	MUST(store_count_waiting(store, text_from_cstr(domain),
	    ((struct store_span){0, INT64_MAX}), &count, &problem));
	return count;
}

#endif
