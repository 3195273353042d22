#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frames.h"

/* Half of the changes must not go out as if they were all. */
static void
fails_when_changes_do_not_fit(void **state)
{
	struct milter_session *session = new_at_end_of_message();
	static char value[100 * 1024];

	(void)state;
	for (size_t i = 0; i < 11; i++)
		milter_insert_field(
		    session, 0, TEXT("X"), (struct text){value, sizeof value});
	milter_accept(session);
	assert_true(
	    text_equal(milter_session_output(session), TEXT("\0\0\0\1t")));
	milter_session_free(session);
}

/* An aborted message's overflow is not the next one's. */
static void
forgets_aborted_changes(void **state)
{
	static const struct milter_frame frames[] = {
	    {'A', BYTES("")}, MAILED, END};
	struct milter_session *session = new_at_end_of_message();
	struct milter_event event;
	struct build input;
	static char value[100 * 1024];

	(void)state;
	for (size_t i = 0; i < 11; i++)
		milter_insert_field(
		    session, 0, TEXT("X"), (struct text){value, sizeof value});
	build_init(&input, 1000);
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
		milter_frame_write(&input, frames[i].command, frames[i].data);
	milter_session_feed(session, build_view(&input));
	build_free(&input);
	while (milter_session_next(session, &event))
		;
	milter_accept(session);
	assert_true(
	    text_equal(milter_session_output(session), TEXT("\0\0\0\1a")));
	milter_session_free(session);
}

static void
cuts_replies(void **state)
{
	struct milter_session *session = new_at_end_of_message();
	struct milter_frame frame;
	static char percents[2000];
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof percents; i++)
		percents[i] = i == 0 ? 'x' : '%';
	milter_reply(
	    session, "550", "5.7.1", (struct text){percents, sizeof percents});
	assert_int_equal(
	    milter_frame_read(milter_session_output(session), &frame, &size),
	    MILTER_READ_FRAME);
	/* x and whole pairs of '%'. */
	assert_int_equal(frame.data.len, sizeof "550 5.7.1 " - 1 + 979 + 1);
	milter_session_free(session);
}

static void
knows_what_was_negotiated(void **state)
{
	struct milter_session *session = new_at_end_of_message();

	(void)state;
	assert_true(milter_session_leading_space(session));
	assert_true(milter_session_may(session, MILTER_ACTION_CHANGE_HEADERS));
	assert_true(milter_session_may(session, MILTER_ACTION_QUARANTINE));
	milter_session_free(session);
	session = milter_session_new();
	assert_false(milter_session_leading_space(session));
	assert_false(milter_session_may(session, MILTER_ACTION_ADD_HEADERS));
	milter_session_free(session);
}

static size_t
find_recipient(const struct milter_session *session)
{
	struct text output = milter_session_output(session);
	size_t at = text_find_part(output, TEXT("+<a@b.example??x>\0"));

	return at == output.len ? 0 : at;
}

/* Only who asked for it, and whom the MTA allowed it, adds recipients. */
static void
adds_recipients_when_allowed(void **state)
{
	static const struct {
		bool is_wanted;
		uint32_t offered;
		bool is_added;
	} cases[] = {{true, 0x1FF, true}, {false, 0x1FF, false},
	    {true, 0x1FF & ~MILTER_ACTION_ADD_RECIPIENTS, false}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct milter_session *session = milter_session_new();
		struct milter_event event;
		struct build input;
		build_init(&input, 4096);
		milter_put_number(&input, 13);
		build_byte(&input, MILTER_NEGOTIATE);
		milter_put_number(&input, 6);
		milter_put_number(&input, cases[i].offered);
		milter_put_number(&input, 0x1FFFFF);
		milter_frame_write(&input, 'M', TEXT("<a@b.example>\0"));
		milter_frame_write(&input, 'E', TEXT(""));
		if (cases[i].is_wanted)
			milter_session_want(
			    session, MILTER_ACTION_ADD_RECIPIENTS);
		milter_session_feed(session, build_view(&input));
		while (milter_session_next(session, &event))
			assert_int_not_equal(event.kind, MILTER_EVENT_ERROR);
		assert_int_equal(
		    milter_session_may(session, MILTER_ACTION_ADD_RECIPIENTS),
		    cases[i].is_added);
		milter_add_recipient(session, TEXT("a@b.example\r\nx"));
		assert_true(milter_accept(session));
		assert_int_equal(
		    find_recipient(session) > 0, cases[i].is_added);
		build_free(&input);
		milter_session_free(session);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(adds_recipients_when_allowed),
	    cmocka_unit_test(fails_when_changes_do_not_fit),
	    cmocka_unit_test(forgets_aborted_changes),
	    cmocka_unit_test(cuts_replies),
	    cmocka_unit_test(knows_what_was_negotiated),
	};

	return cmocka_run_group_tests_name("milter answer", tests, NULL, NULL);
}
