/* What a list says of each report, on every engine. */
#include "output.h"

#include <time.h>

static bool
print_listed(void *context, const struct store_listed *listed)
{
	struct build *text = context;

	build_format(text,
	    TEXT_FMT " %s %llu messages in %llu rows, %llu, %llu\n",
	    TEXT_ARG(listed->report->policy.domain),
	    listed->is_sealed ? store_state_name(listed->state) : "not sealed",
	    (unsigned long long)listed->messages,
	    (unsigned long long)listed->rows,
	    (unsigned long long)listed->mail.xml_bytes,
	    (unsigned long long)listed->mail.mail_bytes);
	for (size_t i = 0; i < listed->deliveries.count; i++) {
		const struct store_delivery *delivery =
		    &listed->deliveries.at[i];
		build_format(text, "  " TEXT_FMT " %d %u " TEXT_FMT "\n",
		    TEXT_ARG(delivery->destination), (int)delivery->state,
		    delivery->tries, TEXT_ARG(delivery->words));
	}
	return true;
}

static void
assert_list(
    struct store *store, const struct store_list *list, const char *expected)
{
	struct build text;

	build_init(&text, SIZE_MAX);
	MUST(store_for_each_listed(store, list, print_listed, &text, &problem));
	assert_built(&text, expected);
}

static bool
print_period(void *context, struct store_span period)
{
	build_format(context, "%lld-%lld ", (long long)(period.begin - day),
	    (long long)(period.end - day));
	return true;
}

static void
assert_periods(struct store *store, struct store_span span, unsigned interval,
    const char *expected)
{
	struct build text;

	build_init(&text, SIZE_MAX);
	MUST(store_for_each_period(
	    store, span, interval, print_period, &text, &problem));
	assert_built(&text, expected);
}

static bool
keep_id(void *context, const struct store_report *report)
{
	memcpy(context, report->id.ptr, 32);
	return true;
}

static struct text
id_of(struct store *store, const char *domain, char id[32])
{
	MUST(store_for_each_report(store, text_from_cstr(domain),
	    ((struct store_span){0, INT64_MAX}), keep_id, id, &problem));
	return (struct text){id, 32};
}

static void
deliver(struct store *store, struct text report, const char *to,
    enum delivery_state state, const struct store_mail *mail)
{
	struct store_delivery delivery = {.report = report,
	    .destination = text_from_cstr(to),
	    .words = TEXT("")};
	uint64_t fence = 0;

	MUST(store_add_delivery(store, &delivery, &problem));
	MUST(store_lease_delivery(
	    store, report, delivery.destination, 60, &fence, &problem));
	assert_int_not_equal(fence, 0);
	delivery.state = state;
	delivery.next = (int64_t)time(NULL) + 1000;
	delivery.tries = 1;
	delivery.words = TEXT("their words");
	MUST(store_finish_delivery(store, fence, &delivery, mail, &problem));
}

static void
test_list(void **state)
{
	struct store *store = ((struct place *)*state)->store;
	struct history_entry entries[] = {
	    sample(), sample(), sample(), sample(), sample()};
	const struct store_span all = {0, INT64_MAX};
	const struct store_mail first = {2000, 500};
	const struct store_mail second = {2000, 600};
	struct store_list list = {TEXT(""), TEXT(""), all};
	char a[32];
	char b[32];

	for (size_t i = 0; i < 4; i++)
		entries[i].policy_domain = TEXT("a.example");
	entries[1].client = TEXT("192.0.2.2");
	entries[3].policy_domain = TEXT("b.example");
	entries[4].received += DAY + HOUR;
	add_to(store, "c", 0, entries, 5);
	add_to(store, "d", 0, entries, 2); /* alike in another batch */
	assert_periods(store, all, DAY, "0-86399 86400-172799 ");
	assert_periods(store, all, HOUR, "0-3599 90000-93599 ");
	assert_periods(store, (struct store_span){day + 1, day + 2 * DAY}, HOUR,
	    "90000-93599 ");
	assert_int_equal(seal(store, day + DAY + HOUR), 2);
	assert_periods(store, all, DAY, "86400-172799 ");
	assert_list(store, &list,
	    "a.example sealed 5 messages in 2 rows, 0, 0\n"
	    "b.example sealed 1 messages in 1 rows, 0, 0\n");

	(void)id_of(store, "a.example", a);
	(void)id_of(store, "b.example", b);
	deliver(store, id_of(store, "a.example", a), "one@a.example",
	    DELIVERY_ACCEPTED, &first);
	deliver(store, id_of(store, "a.example", a), "two@a.example",
	    DELIVERY_WAITING, &second);
	list.domain = TEXT("a.example");
	assert_list(store, &list,
	    "a.example waiting 5 messages in 2 rows, 2000, 500\n"
	    "  one@a.example 1 1 their words\n"
	    "  two@a.example 0 1 their words\n");
	deliver(store, id_of(store, "b.example", b), "one@b.example",
	    DELIVERY_SUPPRESSED, NULL);
	deliver(store, id_of(store, "b.example", b), "two@b.example",
	    DELIVERY_UNWANTED, NULL);
	list.domain = TEXT("b.example");
	assert_list(store, &list,
	    "b.example suppressed 1 messages in 1 rows, 0, 0\n"
	    "  one@b.example 5 1 their words\n"
	    "  two@b.example 4 1 their words\n");

	/* By the beginning of an id; the domain and time do not count then. */
	list.span = (struct store_span){0, 0};
	assert_list(store, &list, "");
	list.domain = TEXT("c.example");
	size_t same = 0;
	while (a[same] == b[same])
		same++;
	list.id = (struct text){b, same + 1};
	assert_list(store, &list,
	    "b.example suppressed 1 messages in 1 rows, 0, 0\n"
	    "  one@b.example 5 1 their words\n"
	    "  two@b.example 4 1 their words\n");
	list.id = TEXT("x");
	assert_list(store, &list, "");

	struct build text;
	build_init(&text, SIZE_MAX);
	MUST(store_preview_listed(store, TEXT(""),
	    ((struct store_span){day + DAY, day + 2 * DAY - 1}), print_listed,
	    &text, &problem));
	assert_built(
	    &text, "example.com not sealed 1 messages in 1 rows, 0, 0\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {SCENARIO(test_list)};

	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
