/* What goes and what stays when data expires, on every engine. */
#include "deliveries.h"

#include <signal.h>
#include <time.h>

static uint64_t
expire_unsent(struct store *store, int64_t before, int64_t unsent_before)
{
	uint64_t rows = 99;

	MUST(
	    store_expire_before(store, before, unsent_before, &rows, &problem));
	return rows;
}

/* What was not sent stays. */
static uint64_t
expire(struct store *store, int64_t before)
{
	return expire_unsent(store, before, 0);
}

/* Notes a delivery of every report. */
static bool
note_delivery(void *context, const struct store_report *report)
{
	struct store_delivery delivery = {.report = report->id,
	    .destination = TEXT("a@example.com"),
	    .state = DELIVERY_ACCEPTED,
	    .words = TEXT("250 thanks")};

	MUST(store_add_delivery(context, &delivery, &problem));
	return true;
}

static void
note_deliveries(struct store *store)
{
	MUST(store_for_each_report(store, TEXT(""),
	    ((struct store_span){0, INT64_MAX}), note_delivery, store,
	    &problem));
}

static void
test_expire(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	struct history_entry entries[60];

	/* More parts than one look deletes. */
	for (size_t i = 0; i < 60; i++) {
		entries[i] = sample();
		entries[i].received = day + (int64_t)(i % 24) * HOUR;
		entries[i].client =
		    arena_format(place->arena, "192.0.2.%zu", i);
	}
	add_to(store, "c", 0, entries, 60);
	add_to(store, "c", 100, entries, 10);
	assert_int_equal(seal(store, day + 9 * DAY), 1);
	note_deliveries(store);
	/* Too young. */
	assert_int_equal(expire(store, day + DAY - 1), 0);
	assert_int_equal(figures_of(store).messages, 70);
	assert_int_equal(expire(store, day + DAY), 70);
	assert_int_equal(figures_of(store).rows, 0);
	assert_int_equal(figures_of(store).reports, 0);
	assert_int_equal(
	    number_of(place, "SELECT COUNT(*) FROM dmarc_seal"), 0);
	/* What was read of a claim is known for much longer. */
	assert_int_equal(figures_of(store).batches, 2);
	assert_int_equal(expire(store, day + 500 * DAY), 0);
	assert_int_equal(figures_of(store).batches, 0);
}

/* A report that is not sent yet stays, until it is too old even for that. */
static void
test_expire_unsent(void **state)
{
	struct store *store = ((struct place *)*state)->store;
	struct history_entry entries[] = {sample(), sample()};

	entries[1].received += 5 * DAY;
	add_to(store, "c", 0, entries, 2);
	assert_int_equal(seal(store, day + 9 * DAY), 2);
	assert_int_equal(expire_unsent(store, day + 90 * DAY, day), 0);
	assert_int_equal(
	    expire_unsent(store, day + 90 * DAY, day + DAY - 1), 0);
	assert_int_equal(figures_of(store).reports, 2);
	assert_int_equal(expire_unsent(store, day + 90 * DAY, day + DAY), 1);
	assert_int_equal(figures_of(store).reports, 1);
	note_deliveries(store);
	assert_int_equal(expire_unsent(store, day + 90 * DAY, day + DAY), 1);
	assert_int_equal(figures_of(store).reports, 0);
}

/* What is in no report goes too, by whole days; what else there is stays. */
static void
test_expire_unsealed(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	struct history_entry late = sample();

	add_numbered(place, "c", 700); /* more than a page */
	assert_int_equal(seal(store, day + 2 * DAY), 700);
	note_deliveries(store);
	add_numbered(place, "d", 700);
	late.received = day + 24 * HOUR;
	add_to(store, "e", 0, &late, 1);
	late.received = day + 23 * HOUR;
	add_to(store, "e", 100, &late, 1);
	/* The day is not over at the limit. */
	assert_int_equal(expire(store, day + 24 * HOUR - 1), 0);
	/* All of the day, sealed or not; the next day stays. */
	assert_int_equal(expire(store, day + 24 * HOUR), 1401);
	assert_int_equal(expire(store, day + 47 * HOUR), 0);
	assert_int_equal(figures_of(store).rows, 1);
	assert_int_equal(seal(store, day + 9 * DAY), 1);
	assert_int_equal(figures_of(store).reports, 1);
	/* A report keeps what is in it. */
	assert_int_equal(expire(store, day + 90 * DAY), 0);
	assert_int_equal(figures_of(store).rows, 1);
}

/* What somebody waits for stays until a report tells it, however late it came;
 * with it all of its day, which that report is made of. */
static void
test_expire_untold(void **state)
{
	struct store *store = ((struct place *)*state)->store;
	struct text rua = TEXT("mailto:a@example.com");
	struct history_entry entries[] = {
	    sample(), sample(), sample(), sample(), sample()};

	entries[0].rua.at = &rua;
	entries[0].rua.count = 1;
	entries[1].received = day + 23 * HOUR;
	/* No recipient: another policy, another day, another domain. */
	entries[2].p = TEXT("none");
	entries[3].received = day + DAY;
	entries[4].policy_domain = TEXT("a.example");
	add_to(store, "c", 0, entries, 5);
	assert_int_equal(
	    expire_unsent(store, day + 90 * DAY, day + DAY - 1), 3);
	assert_int_equal(figures_of(store).messages, 2);
	assert_int_equal(expire(store, day + 90 * DAY), 0);
	assert_int_equal(seal(store, day + 90 * DAY), 1);
	assert_int_equal(expire(store, day + 90 * DAY), 0);
	note_deliveries(store);
	assert_int_equal(expire(store, day + 90 * DAY), 2);
	/* Or until nobody is to be told any more. */
	add_to(store, "d", 0, entries, 1);
	assert_int_equal(expire_unsent(store, day + 90 * DAY, day + DAY), 1);
	assert_int_equal(figures_of(store).rows, 0);
}

/* Who nobody is told about is counted by hour, in no report, and goes with its
 * day. */
static void
test_expire_nobodys(void **state)
{
	struct store *store = ((struct place *)*state)->store;
	struct history_entry entries[50];

	for (size_t i = 0; i < 50; i++) {
		entries[i] = sample();
		entries[i].result = TEXT("none");
		entries[i].received = day + (int64_t)i * HOUR;
	}
	add_to(store, "c", 0, entries, 50);
	add_to(store, "c", 100, entries, 50);
	assert_int_equal(figures_of(store).messages, 100);
	assert_int_equal(figures_of(store).rows, 100);
	assert_output(store, false, "");
	assert_int_equal(seal(store, day + 9 * DAY), 0);
	assert_int_equal(expire(store, day + DAY - 1), 0);
	assert_int_equal(expire(store, day + DAY), 48);
	assert_int_equal(figures_of(store).messages, 52);
	assert_int_equal(figures_of(store).oldest, day + DAY);
	assert_int_equal(expire(store, day + 9 * DAY), 52);
	assert_int_equal(figures_of(store).messages, 0);
}

/* A report that waits to be sent stays, the others go. */
static void
test_expire_waiting(void **state)
{
	struct store *store = ((struct place *)*state)->store;
	struct history_entry entries[] = {sample(), sample(), sample()};
	struct store_delivery delivery = {
	    .destination = TEXT("a@example.com"), .words = TEXT("")};
	struct output output;

	entries[1].received += 5 * DAY;
	entries[2].policy_domain = TEXT("z.example");
	add_to(store, "c", 0, entries, 3);
	assert_int_equal(seal(store, day + 9 * DAY), 3);
	print_all(store, true, &output); /* the last one is z.example's */
	build_free(&output.text);
	delivery.report = text_from_cstr(output.id);
	MUST(store_add_delivery(store, &delivery, &problem));
	note_deliveries(store);
	delivery.destination = TEXT("b@example.com");
	delivery.state = DELIVERY_ACCEPTED;
	MUST(store_add_delivery(store, &delivery, &problem));
	delivery.destination = TEXT("a@example.com");
	assert_int_equal(expire(store, day + 90 * DAY), 2);
	assert_int_equal(figures_of(store).rows, 1);
	assert_int_equal(figures_of(store).reports, 1);
	uint64_t fence =
	    lease(store, delivery.report, delivery.destination, 60);
	delivery.state = DELIVERY_ACCEPTED;
	MUST(store_finish_delivery(store, fence, &delivery, NULL, &problem));
	assert_int_equal(expire(store, day + 90 * DAY), 1);
	assert_int_equal(figures_of(store).reports, 0);
	assert_deliveries(store, delivery.report, "");
}

/* Nothing is added to a report that somebody else is deleting right now. */
static void
test_add_to_vanishing(void **state)
{
	const struct timespec pause = {.tv_nsec = 300 * 1000 * 1000};
	struct place *place = *state;
	struct store_delivery delivery = {
	    .destination = TEXT("a@example.com"), .words = TEXT("")};
	struct db *db;
	int go[2];
	char byte = 0;

	delivery.report = make_report(place);
	assert_int_equal(pipe(go), 0);
	pid_t child = fork();
	if (child == 0) {
		struct problem refused = {0};
		bool good =
		    read(go[0], &byte, 1) == 1 &&
		    store_add_delivery(must_open(place), &delivery, &refused);
		_exit(!good);
	}
	db = db_open(place->database, false, &problem);
	assert_non_null(db);
	MUST(db->driver->begin(db, &problem));
	db->in_transaction = true;
	MUST(db_exec(db,
	    DB_SQL("DELETE FROM dmarc_report WHERE id = ?",
		db_text(delivery.report)),
	    NULL, &problem));
	assert_int_equal(write(go[1], &byte, 1), 1);
	(void)nanosleep(&pause, NULL);
	MUST(db->driver->commit(db, &problem));
	join_all(&child, 1);
	(void)close(go[0]);
	(void)close(go[1]);
	db_close(db);
	assert_deliveries(place->store, delivery.report, "");
}

/* Stopped amid a report that waits: nobody sends what is left of it. */
static void
check_half_expired(struct place *place, bool has_delivery)
{
	enum { BATCHES = 50, HOURS = 24 };
	const struct store_due all = {TEXT(""), {0, INT64_MAX}, day + 90 * DAY};
	struct store *store = place->store;
	struct history_entry entries[HOURS];
	struct store_delivery delivery = {
	    .destination = TEXT("a@example.com"), .words = TEXT("")};
	struct problem stopped = {0};
	uint64_t fence = 0;
	uint64_t rows = 0;

	delivery.report = make_report(place);
	for (size_t i = 0; i < HOURS; i++) {
		entries[i] = sample();
		entries[i].received += 5 * DAY + (int64_t)i * HOUR;
	}
	for (uint64_t i = 0; i < BATCHES; i++)
		add_to(store, "d", i * 100, entries, HOURS);
	assert_int_equal(expire_unsent(store, day + 4 * DAY, day + 4 * DAY), 1);
	assert_int_equal(seal(store, day + 9 * DAY), 1);
	/* Nothing is added to what is gone. */
	MUST(store_add_delivery(store, &delivery, &problem));
	assert_deliveries(store, delivery.report, "");

	struct output output;
	print_all(store, true, &output);
	build_free(&output.text);
	delivery.report = text_from_cstr(output.id);
	if (has_delivery) {
		MUST(store_add_delivery(store, &delivery, &problem));
		fence = lease(store, delivery.report, delivery.destination, 60);
		assert_int_not_equal(fence, 0);
	}
	run_sql(place,
	    place->is_server
		? "CREATE TRIGGER stop BEFORE DELETE ON dmarc_row FOR EACH ROW"
		  " IF (SELECT COUNT(*) FROM dmarc_report_batch) < 100 THEN"
		  " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'stopped';"
		  " END IF"
		: "CREATE TRIGGER stop BEFORE DELETE ON dmarc_row"
		  " WHEN (SELECT COUNT(*) FROM dmarc_report_batch) < 100"
		  " BEGIN SELECT RAISE(ABORT, 'stopped'); END");
	assert_false(store_expire_before(
	    store, day + 90 * DAY, day + 90 * DAY, &rows, &stopped));
	assert_non_null(strstr(stopped.text, "stopped"));
	assert_int_equal(figures_of(store).reports, 1);
	assert_true(figures_of(store).rows < BATCHES * HOURS);
	assert_due(store, &all, "");
	assert_int_equal(waiting(store, ""), 0);
	assert_false(has_delivery && is_ours(store, delivery.report,
					 delivery.destination, fence));
	/* Nor by whom was told of it before. */
	MUST(store_add_delivery(store, &delivery, &problem));
	delivery.destination = TEXT("b@example.com");
	MUST(store_add_delivery(store, &delivery, &problem));
	assert_int_equal(
	    lease(store, delivery.report, TEXT("a@example.com"), 60), 0);
	assert_int_equal(
	    lease(store, delivery.report, delivery.destination, 60), 0);
	assert_deliveries(store, delivery.report,
	    has_delivery ? " suppressed 0 expired\n"
			   "a@example.com suppressed 0 expired\n"
			 : " suppressed 0 expired\n");

	/* The next run goes on, whatever the limit for what waits is now. */
	run_sql(place, "DROP TRIGGER stop");
	assert_true(expire(store, day + 90 * DAY) >= 99);
	assert_int_equal(figures_of(store).reports, 0);
	assert_int_equal(figures_of(store).rows, 0);
	assert_deliveries(store, delivery.report, "");
}

static void
test_half_expired(void **state)
{
	check_half_expired(*state, true);
}

static void
test_half_expired_undelivered(void **state)
{
	check_half_expired(*state, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_expire),
	    SCENARIO(test_expire_unsent),
	    SCENARIO(test_expire_unsealed),
	    SCENARIO(test_expire_untold),
	    SCENARIO(test_expire_nobodys),
	    SCENARIO(test_expire_waiting),
	    SCENARIO(test_add_to_vanishing),
	    SCENARIO(test_half_expired),
	    SCENARIO(test_half_expired_undelivered),
	};

	return cmocka_run_group_tests_name("expire", tests, NULL, NULL);
}
