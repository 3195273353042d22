/* Large reports become several, and mail to report addresses makes none, on
 * every engine. */
#include "place.h"

/* What the sealed reports hold, and whether each may be so large. */
struct total {
	struct store *store;
	uint64_t rows_max;
	unsigned reports;
	unsigned rows;
	unsigned rows_of_report;
	uint64_t messages;
	uint64_t bytes;
	struct build xml;
	struct build first; /* what all of it was the first time */
	unsigned seqs[128];
	char id[32]; /* of the last report */
};

static bool
add_row(void *context, const struct report_row *row)
{
	struct total *total = context;
	const struct aggregate aggregate = {&total->xml, REPORT_RFC9990};

	aggregate_row(&aggregate, row);
	total->rows_of_report++;
	total->messages += row->count;
	return true;
}

static bool
add_report(void *context, const struct store_report *report)
{
	struct total *total = context;
	size_t before = total->xml.len;

	total->rows_of_report = 0;
	MUST(store_for_each_row(
	    total->store, report, true, add_row, total, &problem));
	size_t bytes = total->xml.len - before;
	assert_int_not_equal(total->rows_of_report, 0);
	if (total->rows_of_report > 1 && total->rows_max > 0)
		assert_true(bytes <= total->rows_max);
	total->rows += total->rows_of_report;
	total->seqs[total->reports++] = report->seq;
	memcpy(total->id, report->id.ptr, sizeof total->id);
	return true;
}

static struct total
total_of(struct store *store, uint64_t rows_max)
{
	struct total total = {.store = store, .rows_max = rows_max};

	build_init(&total.xml, SIZE_MAX);
	MUST(store_for_each_report(store, TEXT(""),
	    ((struct store_span){0, INT64_MAX}), add_report, &total, &problem));
	return total;
}

enum { ROWS = 40 };

/* Rows of which every other is twice there, in two batches. */
static void
add_rows(struct place *place, const char *claim, const char *host)
{
	struct history_entry entries[ROWS + ROWS / 2];

	for (size_t i = 0; i < ROWS; i++) {
		entries[i] = sample();
		entries[i].client =
		    arena_format(place->arena, "192.0.2.%zu", i + 1);
		entries[i].mail_from = text_from_cstr(host);
		if (i < ROWS / 2)
			entries[ROWS + i] = entries[i];
	}
	add_to(place->store, claim, 0, entries, ROWS);
	add_to(place->store, claim, 100, entries + ROWS, ROWS / 2);
}

/* All rows of one report as XML, and the largest of them. */
static uint64_t
bytes_of_all(struct place *place)
{
	add_rows(place, "whole", "example.com");
	assert_int_equal(seal(place->store, day + 2 * DAY), 1);
	struct total total = total_of(place->store, 0);
	assert_int_equal(total.reports, 1);
	assert_int_equal(total.rows, ROWS);
	assert_int_equal(total.messages, ROWS + ROWS / 2);
	uint64_t bytes = total.xml.len;
	build_free(&total.xml);
	uint64_t gone;
	MUST(store_expire_before(
	    place->store, day + 400 * DAY, day + 400 * DAY, &gone, &problem));
	return bytes;
}

static int64_t
places_of(struct place *place)
{
	return number_of(place, "SELECT COUNT(*) FROM dmarc_part_row");
}

static void
test_parts(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	uint64_t all = bytes_of_all(place);

	const struct {
		uint64_t rows_max;
		unsigned least, most; /* reports */
	} rows[] = {
	    {all, 1, 1},
	    {all - 1, 2, 2},
	    {all / 2 + 1000, 2, 2},
	    {all / 5, 5, 8},
	    {1, ROWS, ROWS},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char claim[32];
		(void)snprintf(claim, sizeof claim, "claim%zu", i);
		add_rows(place, claim, "example.com");
		uint64_t made =
		    seal_parts(store, day + 2 * DAY, rows[i].rows_max);
		struct total total = total_of(store, rows[i].rows_max);
		assert_int_equal(total.reports, made);
		assert_in_range(made, rows[i].least, rows[i].most);
		/* What is one report needs no order of its own. */
		assert_int_equal(
		    places_of(place), made > 1 ? ROWS + ROWS / 2 : 0);
		assert_int_equal(total.rows, ROWS);
		assert_int_equal(total.messages, ROWS + ROWS / 2);
		/* Same rows, same order, one after the other. */
		assert_int_equal(total.xml.len, all);
		for (unsigned seq = 0; seq < total.reports; seq++)
			assert_int_equal(total.seqs[seq], seq);
		/* And the same again. */
		struct total again = total_of(store, rows[i].rows_max);
		assert_true(
		    text_equal(build_view(&again.xml), build_view(&total.xml)));
		build_free(&again.xml);
		build_free(&total.xml);

		/* Late: a supplement, of its own parts. */
		(void)snprintf(claim, sizeof claim, "late%zu", i);
		add_rows(place, claim, "late.example");
		assert_int_equal(
		    seal_parts(store, day + 2 * DAY, rows[i].rows_max) > 0,
		    true);
		total = total_of(store, rows[i].rows_max);
		assert_true(total.reports > made);
		assert_int_equal(total.rows, 2 * ROWS);
		assert_int_equal(total.messages, 2 * (ROWS + ROWS / 2));
		build_free(&total.xml);

		uint64_t gone;
		MUST(store_expire_before(
		    store, day + 400 * DAY, day + 400 * DAY, &gone, &problem));
		assert_int_equal(figures_of(store).rows, 0);
		assert_int_equal(figures_of(store).reports, 0);
		assert_int_equal(places_of(place), 0);
	}
}

/* Where all bytes become longest, none is measured too short. */
static void
test_longest_rows(void **state)
{
	struct place *place = *state;
	struct history_entry entries[8];
	struct history_dkim signatures[100];
	static char quotes[2000];
	static const uint64_t sizes[] = {5000, 20000, 50000, 100000, 200000};

	memset(quotes, '"', sizeof quotes);
	for (size_t i = 0; i < 100; i++)
		signatures[i] =
		    (struct history_dkim){arena_format(place->arena, "%zu", i),
			TEXT("b"), TEXT("pass")};
	for (size_t i = 0; i < 8; i++) {
		entries[i] = sample();
		entries[i].client = TEXT("2001:db8::1");
		entries[i].mail_from = (struct text){quotes, 100 * i};
		entries[i].comment = (struct text){quotes, 100 * i};
		entries[i].reason = TEXT("other");
		entries[i].dkim.at = signatures;
		entries[i].dkim.count = 12 * i;
	}
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char claim[32];
		(void)snprintf(claim, sizeof claim, "claim%zu", i);
		add_to(place->store, claim, 0, entries, 8);
		(void)seal_parts(place->store, day + 2 * DAY, sizes[i]);
		struct total total = total_of(place->store, sizes[i]);
		assert_int_equal(total.messages, 8);
		build_free(&total.xml);
		uint64_t gone;
		MUST(store_expire_before(place->store, day + 400 * DAY,
		    day + 400 * DAY, &gone, &problem));
	}
}

static void
deliver(struct store *store, struct text report, enum delivery_state state)
{
	const struct store_delivery delivery = {.report = report,
	    .destination = TEXT("a@example.com"),
	    .state = state,
	    .words = TEXT("")};

	MUST(store_add_delivery(store, &delivery, &problem));
}

static bool
deliver_each(void *context, const struct store_report *report)
{
	deliver(context, report->id, DELIVERY_ACCEPTED);
	return true;
}

/* Parts expire with the first, and not while one of them waits. */
static void
test_expire_parts(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	uint64_t gone;

	add_rows(place, "c", "example.com");
	uint64_t made = seal_parts(store, day + 2 * DAY, 10000);
	assert_true(made > 2);
	struct total total = total_of(store, 10000);
	build_free(&total.xml);
	struct text last = {total.id, sizeof total.id};
	deliver(store, last, DELIVERY_WAITING);
	MUST(store_for_each_report(store, TEXT(""),
	    ((struct store_span){0, INT64_MAX}), deliver_each, store,
	    &problem));
	MUST(store_expire_before(
	    store, day + 400 * DAY, day - DAY, &gone, &problem));
	assert_int_equal(gone, 0);
	assert_int_equal(figures_of(store).reports, made);
	uint64_t fence;
	MUST(store_lease_delivery(
	    store, last, TEXT("a@example.com"), 60, &fence, &problem));
	MUST(store_finish_delivery(store, fence,
	    &(struct store_delivery){.report = last,
		.destination = TEXT("a@example.com"),
		.state = DELIVERY_ACCEPTED,
		.words = TEXT("")},
	    NULL, &problem));
	MUST(store_expire_before(
	    store, day + 400 * DAY, day - DAY, &gone, &problem));
	assert_int_equal(gone, ROWS + ROWS / 2);
	assert_int_equal(figures_of(store).reports, 0);
}

/* Rows of one sender, and more than one look deletes; of none is told twice. */
static void
test_many_places(void **state)
{
	enum { MANY = 4500 };
	struct place *place = *state;
	struct history_entry *entries =
	    arena_array(place->arena, MANY, sizeof *entries);
	uint64_t gone;

	for (size_t i = 0; i < MANY; i++) {
		entries[i] = sample();
		entries[i].mail_from =
		    arena_format(place->arena, "%zu.example", i * 7919 % MANY);
	}
	add_to(place->store, "c", 0, entries, MANY / 2);
	add_to(place->store, "c", 100, entries + MANY / 4, MANY / 4);
	add_to(place->store, "c", 200, entries + MANY / 2, MANY / 2);
	uint64_t made = seal_parts(place->store, day + 2 * DAY, 100000);
	assert_in_range(made, 10, 100);
	struct total total = total_of(place->store, 100000);
	assert_int_equal(total.rows, MANY);
	assert_int_equal(total.messages, MANY + MANY / 4);
	build_free(&total.xml);
	MUST(store_expire_before(
	    place->store, day + 400 * DAY, day + 400 * DAY, &gone, &problem));
	assert_int_equal(gone, MANY + MANY / 4);
	assert_int_equal(figures_of(place->store).reports, 0);
	assert_int_equal(places_of(place), 0);
}

/* --- mail to report addresses --- */

static uint64_t
count_due(struct store *store)
{
	struct total total = {.store = store};
	const struct store_due all = {TEXT(""), {0, INT64_MAX}, INT64_MAX};

	build_init(&total.xml, SIZE_MAX);
	MUST(store_for_each_due_report(
	    store, &all, add_report, &total, &problem));
	build_free(&total.xml);
	return total.messages;
}

static void
test_quiet(void **state)
{
	static const struct {
		const char *name;
		const char *messages; /* q: to a report address; |: a batch */
		unsigned due;         /* messages of due reports */
	} rows[] = {
	    {"nothing but reports", "qqq", 0},
	    {"in several batches", "q|qq|q", 0},
	    {"with another one", "qmq", 3},
	    {"which is alike", "qm", 2},
	    {"in another batch", "qq|m|q", 4},
	    {"none", "m", 1},
	};
	struct place *place = *state;
	struct store *store = place->store;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text rest = text_from_cstr(rows[i].messages);
		char claim[32];
		uint64_t gone;
		(void)snprintf(claim, sizeof claim, "claim%zu", i);
		for (unsigned batch = 0; rest.len > 0; batch++) {
			struct text batched = text_split(&rest, '|');
			struct history_entry entries[8];
			for (size_t k = 0; k < batched.len; k++) {
				entries[k] = sample();
				entries[k].to_reports = batched.ptr[k] == 'q';
			}
			add_to(store, claim, 100 * (uint64_t)batch, entries,
			    batched.len);
		}
		assert_int_equal(seal_parts(store, day + 2 * DAY, 100000), 1);
		if (count_due(store) != rows[i].due)
			fail_msg("%s", rows[i].name);
		struct store_figures figures = figures_of(store);
		assert_int_equal(
		    figures.states[DELIVERY_SUPPRESSED + 1], rows[i].due == 0);
		/* What is final expires, and what is not does not. */
		MUST(store_expire_before(
		    store, day + 400 * DAY, day - DAY, &gone, &problem));
		assert_int_equal(
		    figures_of(store).reports, rows[i].due == 0 ? 0 : 1);
		MUST(store_expire_before(
		    store, day + 400 * DAY, day + 400 * DAY, &gone, &problem));
		run_sql(place,
		    "INSERT INTO dmarc_unsealed (policy_domain, policy, hour,"
		    " batch, rua) SELECT policy_domain, policy, hour, batch,"
		    " '-' FROM dmarc_quiet");
		assert_int_equal(seal(store, day + 2 * DAY), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_parts),
	    SCENARIO(test_longest_rows),
	    SCENARIO(test_expire_parts),
	    SCENARIO(test_many_places),
	    SCENARIO(test_quiet),
	};

	return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
