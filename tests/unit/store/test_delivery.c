/* Whose turn a delivery is, and which reports wait for one, on every engine. */
#include "deliveries.h"

#include <sys/wait.h>
#include <time.h>

/* --- deliveries --- */

static void
test_add_delivery(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	struct text report = make_report(place);
	struct store_delivery delivery = {.report = report,
	    .destination = TEXT("a@example.com"),
	    .words = TEXT("")};

	assert_int_equal(lease(store, report, delivery.destination, 60), 0);
	MUST(store_add_delivery(store, &delivery, &problem));
	delivery.state = DELIVERY_REFUSED;
	MUST(store_add_delivery(store, &delivery, &problem)); /* stays */
	delivery.destination = TEXT("\xFF b@example.com");
	delivery.state = DELIVERY_UNAUTHORIZED;
	delivery.words = TEXT("no \"rua\" there: 100%\n");
	MUST(store_add_delivery(store, &delivery, &problem));
	assert_deliveries(store, report,
	    "\xFF b@example.com unauthorized 0 no \"rua\" there: 100%\n\n"
	    "a@example.com waiting 0 \n");
	assert_int_equal(lease(store, report, delivery.destination, 60), 0);
}

static void
test_fence(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	struct text report = make_report(place);
	struct text to = TEXT("a@example.com");
	struct store_delivery delivery = {
	    .report = report, .destination = to, .words = TEXT("")};
	struct problem refused = {0};

	MUST(store_add_delivery(store, &delivery, &problem));
	uint64_t fence = lease(store, report, to, 60);
	assert_int_not_equal(fence, 0);
	assert_int_equal(lease(store, report, to, 60), 0);
	assert_true(is_ours(store, report, to, fence));
	assert_false(is_ours(store, report, to, fence + 1));
	delivery.tries = 1;
	delivery.words = TEXT("451 later");
	assert_false(
	    store_finish_delivery(store, fence + 1, &delivery, NULL, &refused));
	assert_int_equal(refused.kind, PROBLEM_TEMPORARY);
	MUST(store_finish_delivery(store, fence, &delivery, NULL, &problem));
	assert_false(is_ours(store, report, to, fence));
	assert_false(
	    store_finish_delivery(store, fence, &delivery, NULL, &refused));

	/* Due again, this time accepted. */
	uint64_t second = lease(store, report, to, 60);
	assert_true(second > fence);
	delivery.state = DELIVERY_ACCEPTED;
	delivery.tries = 2;
	delivery.words = TEXT("250 thanks");
	MUST(store_finish_delivery(store, second, &delivery, NULL, &problem));
	assert_int_equal(lease(store, report, to, 60), 0);
	assert_deliveries(
	    store, report, "a@example.com accepted 2 250 thanks\n");
}

static void
test_lease_ends(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	struct text report = make_report(place);
	struct text to = TEXT("a@example.com");
	const struct store_delivery delivery = {
	    .report = report, .destination = to, .words = TEXT("")};
	const struct store_delivery later = {.report = report,
	    .destination = TEXT("b@example.com"),
	    .next = (int64_t)time(NULL) + 1000,
	    .words = TEXT("")};

	MUST(store_add_delivery(store, &delivery, &problem));
	MUST(store_add_delivery(store, &later, &problem));
	assert_int_equal(lease(store, report, later.destination, 60), 0);
	uint64_t first = lease(store, report, to, 1);
	(void)sleep(2);
	assert_false(is_ours(store, report, to, first));
	uint64_t second = lease(store, report, to, 60);
	assert_true(second > first);
	struct problem refused = {0};
	assert_false(
	    store_finish_delivery(store, first, &delivery, NULL, &refused));
	assert_true(is_ours(store, report, to, second));
}

/* What a clock wrote that was years ahead holds up nothing for years. */
static void
test_clock_was_ahead(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	struct text report = make_report(place);
	int64_t now = (int64_t)time(NULL);
	const struct store_delivery soon = {.report = report,
	    .destination = TEXT("soon@example.com"),
	    .next = now + DAY - 60,
	    .words = TEXT("")};
	const struct store_delivery far = {.report = report,
	    .destination = TEXT("far@example.com"),
	    .next = now + 1000 * (int64_t)DAY,
	    .words = TEXT("")};
	const struct store_due due = {TEXT(""), {0, INT64_MAX}, now};

	assert_false(store_delivery_is_due(&soon, now));
	assert_true(store_delivery_is_due(&soon, soon.next));
	assert_true(store_delivery_is_due(&far, now));
	MUST(store_add_delivery(store, &soon, &problem));
	assert_due(store, &due, "");
	assert_int_equal(lease(store, report, soon.destination, 60), 0);
	MUST(store_add_delivery(store, &far, &problem));
	uint64_t first = lease(store, report, far.destination, 1000 * DAY);
	assert_int_not_equal(first, 0);
	assert_true(lease(store, report, far.destination, 60) > first);
	assert_int_equal(lease(store, report, far.destination, 60), 0);
	assert_due(store, &due, "example.com ");
}

/* Many want one lease; one gets it. */
static void
test_lease_at_once(void **state)
{
	struct place *place = *state;
	struct text report = make_report(place);
	const struct store_delivery delivery = {.report = report,
	    .destination = TEXT("a@example.com"),
	    .words = TEXT("")};
	unsigned got = 0;

	MUST(store_add_delivery(place->store, &delivery, &problem));
	pid_t children[6];
	for (size_t i = 0; i < 6; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct store *ours = must_open(place);
			_exit(
			    lease(ours, report, delivery.destination, 60) != 0);
		}
	}
	for (size_t i = 0; i < 6; i++) {
		int status;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		got += WEXITSTATUS(status) != 0 ? 1 : 0;
	}
	assert_int_equal(got, 1);
}

/* --- what is due --- */

/* Gives the report of a domain the deliveries that its name tells: "now",
 * "later", "sent", "vain", in any order. */
static bool
add_told(void *context, const struct store_report *report)
{
	static const struct {
		const char *part;
		enum delivery_state state;
		int64_t next;
		unsigned tries;
	} told[] = {{"now", DELIVERY_WAITING, 1000, 0},
	    {"later", DELIVERY_WAITING, 1001, 0},
	    {"sent", DELIVERY_ACCEPTED, 0, 1},
	    {"vain", DELIVERY_WAITING, 1000, 1},
	    {"backs-off", DELIVERY_WAITING, 1001, 2},
	    {"given-up", DELIVERY_REFUSED, 0, 23}};
	struct text domain = report->policy.domain;

	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		struct text part = text_from_cstr(told[i].part);
		const struct store_delivery delivery = {.report = report->id,
		    .destination = part,
		    .state = told[i].state,
		    .next = told[i].next,
		    .tries = told[i].tries,
		    .words = TEXT("")};
		if (text_find_part(domain, part) < domain.len)
			MUST(store_add_delivery(context, &delivery, &problem));
	}
	return true;
}

static void
test_due(void **state)
{
	static const char *const domains[] = {"fresh.example", "later.example",
	    "now.example", "now-later.example", "sent.example",
	    "sent-later.example", "sent-now.example"};

	enum { DOMAINS = sizeof domains / sizeof *domains };
	struct place *place = *state;
	struct store *store = place->store;
	struct history_entry entries[DOMAINS];
	struct store_due due = {TEXT(""), {0, INT64_MAX}, 1000};

	for (size_t i = 0; i < DOMAINS; i++) {
		entries[i] = sample();
		entries[i].policy_domain = text_from_cstr(domains[i]);
	}
	add_to(store, "c", 0, entries, DOMAINS);
	assert_due(store, &due, ""); /* not sealed */
	assert_int_equal(waiting(store, ""), 0);
	assert_int_equal(seal(store, day + 2 * DAY), DOMAINS);
	assert_int_equal(waiting(store, ""), 0);
	MUST(store_for_each_report(store, TEXT(""),
	    ((struct store_span){0, INT64_MAX}), add_told, store, &problem));
	assert_int_equal(waiting(store, ""), 6);
	assert_int_equal(waiting(store, "now-later.example"), 2);
	assert_int_equal(waiting(store, "fresh.example"), 0);
	assert_int_equal(waiting(store, "sent.example"), 0);

	due.span = (struct store_span){day + 1, INT64_MAX};
	assert_due(store, &due, "");
	due.span = (struct store_span){day, day};
	due.now = 999;
	assert_due(store, &due, "fresh.example ");
	due.now = 1000;
	assert_due(
	    store, &due, "now-later.example now.example sent-now.example ");
	due.domain = TEXT("now.example");
	assert_due(store, &due, "now.example ");
	due = (struct store_due){TEXT(""), {0, INT64_MAX}, 1001};
	assert_due(store, &due,
	    "later.example now-later.example now.example sent-later.example "
	    "sent-now.example ");
}

static void
add_domains(struct store *store, const char *claim, const char *const domains[])
{
	struct history_entry entries[6];
	size_t count = 0;

	for (; domains[count] != NULL; count++) {
		entries[count] = sample();
		entries[count].policy_domain = text_from_cstr(domains[count]);
	}
	add_to(store, claim, 0, entries, count);
	assert_int_equal(seal(store, day + 2 * DAY), count);
}

/* Yesterday's silent domains, and what is new of them, stand behind all that is
 * of others; what was sent, or given up, is no stain. */
static void
test_due_order(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	const struct store_due due = {TEXT(""), {0, INT64_MAX}, 1000};

	add_domains(store, "yesterday",
	    (const char *const[]){"a-vain.example", "b-sent.example",
		"c-backs-off.example", "d-now.example", "e-given-up.example",
		NULL});
	MUST(store_for_each_report(store, TEXT(""),
	    ((struct store_span){0, INT64_MAX}), add_told, store, &problem));
	assert_due(store, &due, "d-now.example a-vain.example ");
	add_domains(store, "today",
	    (const char *const[]){"a-vain.example", "b-sent.example",
		"c-backs-off.example", "e-given-up.example", "f.example",
		NULL});
	assert_due(store, &due,
	    "b-sent.example d-now.example e-given-up.example f.example "
	    "a-vain.example a-vain.example c-backs-off.example ");
}

/* All of many are told, though those before are not due any more. */
static void
test_due_pages(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	const struct store_due all = {TEXT(""), {0, INT64_MAX}, 0};
	struct due due = {.store = store};

	add_numbered(place, "c", 700);
	assert_int_equal(seal(store, day + 2 * DAY), 700);
	build_init(&due.names, SIZE_MAX);
	MUST(store_for_each_due_report(store, &all, name_due, &due, &problem));
	struct text names = build_view(&due.names);
	size_t count = 0;
	for (; names.len > 0; count++)
		(void)text_split(&names, ' ');
	assert_int_equal(count, 700);
	build_free(&due.names);
	assert_due(store, &all, "");
}

/* Each once, though they are looked through twice. */
static void
test_due_order_pages(void **state)
{
	struct place *place = *state;
	const struct store_due all = {TEXT(""), {0, INT64_MAX}, 0};
	struct due due = {.store = place->store};
	size_t count = 0;
	size_t slow = 0;

	add_numbered(place, "c", 700);
	assert_int_equal(seal(place->store, day + 2 * DAY), 700);
	run_sql(place,
	    "INSERT INTO dmarc_delivery SELECT id, 'x', 'waiting', 1, 0, '', 0,"
	    " 0 FROM dmarc_report WHERE policy_domain LIKE '%7%'");
	build_init(&due.names, SIZE_MAX);
	MUST(store_for_each_due_report(
	    place->store, &all, name_due, &due, &problem));
	struct text names = build_view(&due.names);
	for (; names.len > 0; count++) {
		struct text name = text_split(&names, ' ');
		bool is_slow = text_find(name, '7') < name.len;
		assert_true(is_slow || slow == 0);
		slow += is_slow;
	}
	assert_int_equal(count, 700);
	assert_int_equal(slow, 133);
	build_free(&due.names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_add_delivery),
	    SCENARIO(test_fence),
	    SCENARIO(test_lease_ends),
	    SCENARIO(test_clock_was_ahead),
	    SCENARIO(test_lease_at_once),
	    SCENARIO(test_due),
	    SCENARIO(test_due_order),
	    SCENARIO(test_due_pages),
	    SCENARIO(test_due_order_pages),
	};

	return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
