/* A dialogue of hostile frames, preceded by a good negotiation if the first
 * byte is odd. Whole and in pieces must give the same events and output; every
 * end of message is answered with changes made of the message's own bytes, and
 * what goes out must be whole frames of the kinds that an MTA knows. */
#include "milter/session.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { STORY_MAX = 64 << 20 };

static void
check(bool is_true)
{
	if (!is_true)
		abort();
}

static void
tell(struct build *story, const struct milter_event *event)
{
	build_number(story, event->kind);
	ip_write(story, &event->ip);
	build_number(story, event->name.len);
	build_text(story, event->name);
	build_number(story, event->text.len);
	build_text(story, event->text);
	build_byte(story, '\n');
}

static void
answer(struct milter_session *session, struct text text)
{
	milter_progress(session);
	milter_delete_field(session, TEXT("X"), 1);
	milter_insert_field(session, 0, TEXT("X"), text);
	milter_quarantine(session, text);
	if (text.len % 3 == 0)
		milter_accept(session);
	else if (text.len % 3 == 1)
		milter_reply(session, "550", "5.7.1", text);
	/* Otherwise it stays unanswered. */
}

static void
check_output(struct text output)
{
	struct milter_frame frame;
	size_t size;

	while (output.len > 0) {
		check(milter_frame_read(output, &frame, &size) ==
		      MILTER_READ_FRAME);
		check(text_has(TEXT("acimOpqty"), frame.command));
		check(frame.command != MILTER_REPLY_CODE ||
		      frame.data.len <= 991);
		if (frame.command == MILTER_INSERT_HEADER)
			check(
			    text_find(text_slice(frame.data, 6, frame.data.len),
				'\0') == frame.data.len - 7);
		output = text_slice(output, size, output.len);
	}
}

static void
run(struct text input, size_t step, bool is_negotiated, struct build *story)
{
	struct milter_session *session = milter_session_new();
	struct build mail;
	struct build sent;
	struct milter_event event;

	check(session != NULL);
	milter_session_want_recipients(session);
	build_init(&mail, STORY_MAX);
	build_init(&sent, STORY_MAX);
	if (is_negotiated)
		milter_session_feed(session,
		    TEXT("\0\0\0\15O\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"));
	for (size_t at = 0; at < input.len; at += step) {
		milter_session_feed(session, text_slice(input, at, at + step));
		while (milter_session_next(session, &event)) {
			tell(story, &event);
			build_text(
			    story, milter_session_macro(session, TEXT("i")));
			if (event.kind == MILTER_EVENT_FIELD) {
				build_cut(&mail, 0);
				build_text(&mail, event.text);
			}
			if (event.kind == MILTER_EVENT_END_OF_MESSAGE)
				answer(session, build_view(&mail));
		}
		build_text(&sent, milter_session_output(session));
		milter_session_sent(
		    session, milter_session_output(session).len);
	}
	check_output(build_view(&sent));
	build_text(story, build_view(&sent));
	build_free(&mail);
	build_free(&sent);
	milter_session_free(session);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text input = {(const char *)bytes, len};
	struct build whole;
	struct build parts;

	if (len < 2 || len > 64 * 1024)
		return 0;
	bool is_negotiated = (bytes[0] & 1) != 0;
	size_t step = bytes[1] % 8 + (size_t)1;
	input = text_slice(input, 2, len);
	build_init(&whole, STORY_MAX);
	build_init(&parts, STORY_MAX);
	run(input, input.len + 1, is_negotiated, &whole);
	run(input, step, is_negotiated, &parts);
	check(text_equal(build_view(&whole), build_view(&parts)));
	build_free(&whole);
	build_free(&parts);
	return 0;
}
