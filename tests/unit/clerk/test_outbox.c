/* What is tried again, when, and when it is given up. */
#include "scene.h"

#include "clerk/outbox.h"

static void
test_retry(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_END, "451 4.3.0 busy\r\n");
	run(scene);
	assert_reported(scene, 1, 0, 1, 0);
	scene->now += 15 * MINUTE - 1;
	run(scene);
	assert_reported(scene, 0, 0, 1, 0);
	scene->now += 1;
	sink_reply(scene->sink, SINK_END, NULL);
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
	/* The same mail, byte for byte. */
	struct text heard = sink_heard(scene->sink);
	struct text data = TEXT("DATA\r\n");
	struct text end = TEXT("\r\n.\r\n");
	size_t first = text_find_part(heard, data);
	size_t first_end = text_find_part(heard, end);
	struct text rest = text_slice(heard, first_end + end.len, heard.len);
	size_t second = text_find_part(rest, data);
	assert_true(second < rest.len);
	assert_true(text_equal(text_slice(heard, first, first_end),
	    text_slice(rest, second, text_find_part(rest, end))));
}

static void
test_given_up(void **state)
{
	struct scene *scene = *state;
	int64_t begin = scene->now;

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_RCPT, "450 4.2.0 full\r\n");
	for (unsigned try = 1; try < OUTBOX_TRIES_MAX; try++) {
		run(scene);
		assert_reported(scene, 1, 0, 1, 0);
		scene->now += outbox_retry_after(try);
	}
	assert_in_range(scene->now - begin, 3 * DAY, 3 * DAY + 12 * HOUR);
	run(scene);
	assert_reported(scene, 1, 0, 0, 1);
	assert_true(has_line(scene,
	    "refused by reports@example.com: given up after 23 tries: 450"));
	scene->now += 30 * DAY;
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
}

/* The record changes while a delivery waits. */
static void
test_withdrawn(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, RECORD("rua=mailto:old@example.com"));
	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_RCPT, "450 4.2.0 full\r\n");
	run(scene);
	assert_reported(scene, 1, 0, 1, 0);
	set_zone(scene, RECORD("rua=mailto:new@example.com"));
	sink_reply(scene->sink, SINK_RCPT, NULL);
	scene->now += HOUR;
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
	assert_true(has_line(scene, "sent to new@example.com"));
	assert_true(has_line(
	    scene, "not sent to old@example.com: not in the record any more"));
	scene->now += DAY;
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
}

/* The record spells it otherwise while the other waits: it had its mail. */
static void
test_respelt(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, RECORD("rua=mailto:a@example.com"));
	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_RCPT, "450 4.2.0 full\r\n");
	run(scene);
	assert_reported(scene, 1, 0, 1, 0);
	set_zone(
	    scene, RECORD("rua=mailto:A@example.com,mailto:b@example.com"));
	scene->now += HOUR;
	run(scene);
	assert_reported(scene, 1, 0, 2, 0);
	assert_true(has_line(scene, "later to a@example.com"));
	sink_reply(scene->sink, SINK_RCPT, NULL);
	scene->now += HOUR;
	run(scene);
	assert_reported(scene, 1, 2, 0, 0);
	assert_true(has_line(scene, "sent to a@example.com"));
	scene->now += DAY;
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
}

static void
test_dns_recovers(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, "_dmarc.example.com SERVFAIL TXT\n");
	add_message(scene, "example.com", DAY_0 + HOUR);
	run(scene);
	assert_reported(scene, 1, 0, 1, 0);
	set_zone(scene, OWN);
	scene->now += HOUR;
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
	assert_false(has_line(scene, "not sent"));
	scene->now += DAY;
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
}

/* DNS fails for good while some wait: each of them is tried as often as any, at
 * its times, and given up. */
static void
test_dns_never_recovers(void **state)
{
	struct scene *scene = *state;

	set_zone(
	    scene, RECORD("rua=mailto:a@example.com,mailto:b@example.com"));
	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_RCPT, "450 4.2.0 full\r\n");
	run(scene);
	assert_reported(scene, 1, 0, 2, 0);
	set_zone(scene, "_dmarc.example.com SERVFAIL TXT\n");
	for (unsigned try = 2; try < OUTBOX_TRIES_MAX; try++) {
		run(scene); /* too early */
		assert_reported(scene, 0, 0, 2, 0);
		scene->now += outbox_retry_after(try - 1);
		run(scene);
		assert_reported(scene, 1, 0, 2, 0);
		assert_true(has_line(
		    scene, "later to b@example.com: DNS does not say"));
	}
	scene->now += DAY;
	run(scene);
	assert_reported(scene, 1, 0, 0, 2);
	scene->now += DAY;
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
}

static void
test_backoff(void **state)
{
	static const int64_t minutes[] = {15, 30, 60, 120, 240, 240, 240};

	(void)state;
	for (unsigned i = 0; i < sizeof minutes / sizeof *minutes; i++)
		assert_int_equal(
		    outbox_retry_after(i + 1), minutes[i] * MINUTE);
	assert_int_equal(outbox_retry_after(0), 15 * MINUTE);
	int64_t whole = 0;
	for (unsigned try = 1; try < OUTBOX_TRIES_MAX; try++)
		whole += outbox_retry_after(try);
	assert_in_range(whole, 3 * DAY, 4 * DAY);
	assert_int_equal(outbox_retry_after(UINT32_MAX), 240 * MINUTE);
}

/* What was asked for in the middle of a day is another report. */
static void
test_policy_changes(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	scene->p = "none";
	add_message(scene, "example.com", DAY_0 + 2 * HOUR);
	scene->p = NULL;
	add_message(scene, "example.com", DAY_0 + 3 * HOUR);
	run(scene);
	assert_reported(scene, 2, 2, 0, 0);
	assert_int_equal(times_heard(scene, "\r\nSubject: "), 2);
}

/* Neither now, nor when a record comes later. */
static void
test_never_wanted(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, RECORD(""));
	add_message(scene, "example.com", DAY_0 + HOUR);
	run(scene);
	assert_reported(scene, 1, 0, 0, 0);
	set_zone(scene, OWN);
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
	assert_int_equal(times_heard(scene, "\r\nSubject: "), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_retry, SENDER),
	    SCENARIO(test_given_up, SENDER),
	    SCENARIO(test_withdrawn, SENDER),
	    SCENARIO(test_respelt, SENDER),
	    SCENARIO(test_dns_recovers, SENDER),
	    SCENARIO(test_dns_never_recovers, SENDER),
	    SCENARIO(test_policy_changes, SENDER),
	    SCENARIO(test_never_wanted, SENDER),
	    cmocka_unit_test(test_backoff),
	};

	return cmocka_run_group_tests_name("clerk outbox", tests, NULL, NULL);
}
