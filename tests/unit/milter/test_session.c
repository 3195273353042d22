/* Dialogues: frames in, a transcript out. Each is fed whole, byte by byte and
 * split in two at every place; the transcript must be the same. In it a line
 * is an event, "MACROS" what the session knows then, or "> " and a frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "frames.h"

enum { FRAMES_MAX = 24, TRANSCRIPT_MAX = 64 * 1024 };

#define AGREED "> O\\x00\\x00\\x00\\x06\\x00\\x00\\x001\\x00\\x1F\\xF3\\x88\n"
#define CONNECTED                                                              \
 {                                                                             \
  'C', BYTES("mx.example\0"                                                    \
	     "4\x1f\x90"                                                       \
	     "192.0.2.7\0")                                                    \
 }

static void
answer_accept(struct milter_session *session)
{
	milter_accept(session);
}

static void
answer_continue(struct milter_session *session)
{
	milter_continue(session);
}

static void
answer_tempfail(struct milter_session *session)
{
	milter_progress(session);
	milter_tempfail(session);
	milter_accept(session); /* too late: ignored */
}

static void
answer_changes(struct milter_session *session)
{
	milter_delete_field(session, TEXT("Authentication-Results"), 2);
	milter_insert_field(session, 0, TEXT("Authentication-Results"),
	    TEXT("a;\r\n\tspf=pass"));
	milter_quarantine(session, TEXT("policy of\nexample"));
	milter_accept(session);
}

static void
answer_forged(struct milter_session *session)
{
	milter_insert_field(session, 1, TEXT("X"), TEXT("a\r\nBcc: b\rc\0d\n"));
	milter_continue(session);
}

static void
answer_reject(struct milter_session *session)
{
	milter_reply(session, "550", "5.7.1", TEXT("100% of\r\n\xC3\xA9!"));
}

struct row {
	const char *name;
	struct milter_frame frames[FRAMES_MAX];
	void (*answer)(struct milter_session *session);
	const char *macro; /* looked up at every event */
	const char *expected;
};

static const struct row rows[] = {
    {"all offered, all events",
	{HELLO, {'D', BYTES("Cj\0mx.test\0{daemon_name}\0smtpd\0")}, CONNECTED,
	    {'H', BYTES("helo.example\0")}, {'D', BYTES("Mi\0Q1\0")}, MAILED,
	    {'L', BYTES("From\0 a@b.example\0")},
	    {'L', BYTES("Subject\0 x\n y\0")}, {'N', BYTES("")},
	    {'B', BYTES("body\r\n")}, {'B', BYTES("\0more")}, END,
	    {'Q', BYTES("")}},
	answer_accept, NULL,
	AGREED "CONNECT 192.0.2.7 mx.example\n"
	       "HELO helo.example\n"
	       "MAIL <a@b.example>\n"
	       "FIELD From: a@b.example\n"
	       "FIELD Subject: x\\x0A y\n"
	       "END OF HEADER\n"
	       "BODY body\\x0D\\x0A\n"
	       "BODY \\x00more\n"
	       "END OF MESSAGE\n> a\n"
	       "QUIT\n"},
    {"version 2 awaits an answer to each command",
	{{'O', BYTES("\0\0\0\2\0\0\0\x1f\0\0\0\x7f")}, CONNECTED,
	    {'H', BYTES("h\0")}, MAILED, {'R', BYTES("<c@d>\0")},
	    {'L', BYTES("A\0b\0")}, {'N', BYTES("")}, {'B', BYTES("x")}, END,
	    {'A', BYTES("")}, {'Q', BYTES("")}},
	answer_continue, NULL,
	"> O\\x00\\x00\\x00\\x02\\x00\\x00\\x00\\x11\\x00\\x00\\x00\\x08\n"
	"CONNECT 192.0.2.7 mx.example\n> c\n"
	"HELO h\n> c\n"
	"MAIL <a@b.example>\n> c\n"
	"> c\n"
	"FIELD A:b\n> c\n"
	"END OF HEADER\n> c\n"
	"BODY x\n> c\n"
	"END OF MESSAGE\n> c\n"
	"QUIT\n"},
    {"version 4 with DATA and unknown commands",
	{{'O', BYTES("\0\0\0\4\0\0\0\1\0\0\0\0")}, CONNECTED,
	    {'U', BYTES("XYZ\0")}, MAILED, {'T', BYTES("")}, {'N', BYTES("")},
	    END},
	answer_accept, NULL,
	"> O\\x00\\x00\\x00\\x04\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x00\n"
	"CONNECT 192.0.2.7 mx.example\n> c\n"
	"> c\n"
	"MAIL <a@b.example>\n> c\n"
	"> c\n"
	"END OF HEADER\n> c\n"
	"END OF MESSAGE\n> a\n"},
    {"a later version gets ours",
	{{'O', BYTES("\0\0\0\7\0\0\0\x31\x30\x1f\xff\xff"
		     "000\0{x}\0")}},
	NULL, NULL,
	"> O\\x00\\x00\\x00\\x06\\x00\\x00\\x0010\\x1F\\xF3\\x88\n"},
    {"version 1", {{'O', BYTES("\0\0\0\1\0\0\1\xff\0\x1f\xff\xff")}}, NULL,
	NULL, "ERROR milter protocol below version 2\n"},
    {"header fields may not be added",
	{{'O', BYTES("\0\0\0\6\0\0\1\xfe\0\x1f\xff\xff")}}, NULL, NULL,
	"ERROR the MTA does not let filters add header fields\n"},
    {"short negotiation", {{'O', BYTES("\0\0\0\6\0\0\1\xff\0\x1f\xff")}}, NULL,
	NULL, "ERROR the negotiation is too short\n"},
    {"negotiated twice", {HELLO, HELLO}, NULL, NULL,
	AGREED "ERROR unexpected command\n"},
    {"no negotiation", {CONNECTED}, NULL, NULL, "ERROR unexpected command\n"},
    {"a port check", {{'Q', BYTES("")}}, NULL, NULL, "QUIT\n"},
    {"unknown command", {HELLO, {'?', BYTES("")}}, NULL, NULL,
	AGREED "ERROR unknown command\n"},

    {"IPv6",
	{HELLO, {'C', BYTES("h\0"
			    "6\0\0"
			    "2001:db8::7\0")}},
	NULL, NULL, AGREED "CONNECT 2001:db8::7 h\n"},
    {"IPv6 as Sendmail writes it",
	{HELLO, {'C', BYTES("h\0"
			    "6\0\0"
			    "IPv6:2001:DB8::7\0")}},
	NULL, NULL, AGREED "CONNECT 2001:db8::7 h\n"},
    {"IPv4 inside IPv6",
	{HELLO, {'C', BYTES("h\0"
			    "6\0\0"
			    "::ffff:192.0.2.1\0")}},
	NULL, NULL, AGREED "CONNECT 192.0.2.1 h\n"},
    {"unix client",
	{HELLO, {'C', BYTES("localhost\0"
			    "L\0\0"
			    "/sock\0")}},
	NULL, NULL, AGREED "CONNECT  localhost\n"},
    {"unknown client", {HELLO, {'C', BYTES("unknown\0U")}}, NULL, NULL,
	AGREED "CONNECT  unknown\n"},
    {"an address that is none must not look local",
	{HELLO, {'C', BYTES("h\0"
			    "4\0\0"
			    "192.0.2.999\0")}},
	NULL, NULL, AGREED "ERROR unknown client address\n"},
    {"the wrong family",
	{HELLO, {'C', BYTES("h\0"
			    "4\0\0"
			    "::1\0")}},
	NULL, NULL, AGREED "ERROR unknown client address\n"},
    {"a family of its own",
	{HELLO, {'C', BYTES("h\0"
			    "X\0\0"
			    "::1\0")}},
	NULL, NULL, AGREED "ERROR unknown client address\n"},
    {"no family", {HELLO, {'C', BYTES("h\0")}}, NULL, NULL,
	AGREED "ERROR broken connect command\n"},
    {"half a port",
	{HELLO, {'C', BYTES("h\0"
			    "4\0")}},
	NULL, NULL, AGREED "ERROR broken connect command\n"},
    {"address without its end",
	{HELLO, {'C', BYTES("h\0"
			    "4\0\0"
			    "192.0.2.7")}},
	NULL, NULL, AGREED "ERROR broken connect command\n"},
    {"HELO without its end", {HELLO, {'H', BYTES("h")}}, NULL, NULL,
	AGREED "ERROR broken HELO command\n"},
    {"MAIL without its end", {HELLO, {'M', BYTES("<>")}}, NULL, NULL,
	AGREED "ERROR broken MAIL command\n"},
    {"field without a value", {HELLO, MAILED, {'L', BYTES("A\0")}}, NULL, NULL,
	AGREED "MAIL <a@b.example>\nERROR broken header field\n"},
    {"field without its end", {HELLO, MAILED, {'L', BYTES("A\0b")}}, NULL, NULL,
	AGREED "MAIL <a@b.example>\nERROR broken header field\n"},
    {"field with a NUL in it", {HELLO, MAILED, {'L', BYTES("A\0b\0c\0")}}, NULL,
	NULL, AGREED "MAIL <a@b.example>\nFIELD A:b\\x00c\n"},

    {"the end of message carries body bytes",
	{HELLO, MAILED, {'N', BYTES("")}, {'E', BYTES("last")}}, answer_accept,
	NULL,
	AGREED "MAIL <a@b.example>\nEND OF HEADER\nBODY last\n"
	       "END OF MESSAGE\n> a\n"},
    {"no end of header before the body",
	{HELLO, MAILED, {'B', BYTES("x")}, END}, answer_accept, NULL,
	AGREED "MAIL <a@b.example>\nEND OF HEADER\nBODY x\n"
	       "END OF MESSAGE\n> a\n"},
    {"neither header nor body", {HELLO, MAILED, END}, answer_accept, NULL,
	AGREED "MAIL <a@b.example>\nEND OF HEADER\nEND OF MESSAGE\n> a\n"},
    {"a field after the end of the header",
	{HELLO, MAILED, {'N', BYTES("")}, {'L', BYTES("A\0b\0")}}, NULL, NULL,
	AGREED "MAIL <a@b.example>\nEND OF HEADER\nERROR unexpected command\n"},
    {"a field without MAIL", {HELLO, {'L', BYTES("A\0b\0")}}, NULL, NULL,
	AGREED "ERROR unexpected command\n"},
    {"an end without MAIL", {HELLO, END}, NULL, NULL,
	AGREED "ERROR unexpected command\n"},

    {"aborts outside of a message are nothing",
	{HELLO, {'A', BYTES("")}, CONNECTED, {'A', BYTES("")}, {'A', BYTES("")},
	    {'Q', BYTES("")}},
	NULL, NULL, AGREED "CONNECT 192.0.2.7 mx.example\nQUIT\n"},
    {"abort in the header, then another message",
	{HELLO, MAILED, {'L', BYTES("A\0b\0")}, {'A', BYTES("")}, MAILED, END},
	answer_accept, NULL,
	AGREED "MAIL <a@b.example>\nFIELD A:b\nABORT\n"
	       "MAIL <a@b.example>\nEND OF HEADER\nEND OF MESSAGE\n> a\n"},
    {"abort while the answer is awaited",
	{HELLO, MAILED, END, {'A', BYTES("")}, MAILED}, NULL, NULL,
	AGREED "MAIL <a@b.example>\nEND OF HEADER\nEND OF MESSAGE\nABORT\n"
	       "MAIL <a@b.example>\n"},
    {"quit while the answer is awaited", {HELLO, MAILED, END, {'Q', BYTES("")}},
	NULL, NULL,
	AGREED "MAIL <a@b.example>\nEND OF HEADER\nEND OF MESSAGE\nABORT\n"
	       "QUIT\n"},
    {"other commands wait for the answer", {HELLO, MAILED, END, MAILED}, NULL,
	NULL, AGREED "MAIL <a@b.example>\nEND OF HEADER\nEND OF MESSAGE\n"},
    {"MAIL within a message ends it", {HELLO, MAILED, MAILED}, NULL, NULL,
	AGREED "MAIL <a@b.example>\nABORT\nMAIL <a@b.example>\n"},
    {"after QUIT nothing", {HELLO, {'Q', BYTES("")}, CONNECTED}, NULL, NULL,
	AGREED "QUIT\n"},
    {"another connection by K",
	{HELLO, CONNECTED, MAILED, {'K', BYTES("")},
	    {'C', BYTES("two\0"
			"4\0\0"
			"192.0.2.8\0")}},
	NULL, NULL,
	AGREED "CONNECT 192.0.2.7 mx.example\nMAIL <a@b.example>\nABORT\n"
	       "CONNECT 192.0.2.8 two\n"},

    {"macros: the latest stage says",
	{HELLO, {'D', BYTES("Ci\0one\0")}, CONNECTED,
	    {'D', BYTES("M{i}\0two\0")}, MAILED,
	    {'D', BYTES("Lx\0y\0i\0three\0")}, {'L', BYTES("A\0b\0")},
	    {'D', BYTES("E")}, END},
	answer_accept, "i",
	AGREED "CONNECT 192.0.2.7 mx.example\nMACRO one\n"
	       "MAIL <a@b.example>\nMACRO two\n"
	       "FIELD A:b\nMACRO three\n"
	       "END OF HEADER\nMACRO three\n"
	       "END OF MESSAGE\nMACRO three\n> a\n"},
    {"macros of a message go with it, those of the connection stay",
	{HELLO, {'D', BYTES("Ci\0one\0")}, CONNECTED,
	    {'D', BYTES("M{i}\0two\0")}, MAILED, {'A', BYTES("")}, MAILED, END,
	    {'H', BYTES("h\0")}, {'K', BYTES("")}, CONNECTED},
	answer_accept, "{i}",
	AGREED "CONNECT 192.0.2.7 mx.example\nMACRO one\n"
	       "MAIL <a@b.example>\nMACRO two\n"
	       "ABORT\nMACRO two\n"
	       "MAIL <a@b.example>\nMACRO one\n"
	       "END OF HEADER\nMACRO one\n"
	       "END OF MESSAGE\nMACRO one\n> a\n"
	       "HELO h\nMACRO one\n"
	       "CONNECT 192.0.2.7 mx.example\nMACRO \n"},
    {"macros of the next message do not reach this one",
	{HELLO, {'D', BYTES("Mi\0one\0")}, MAILED, {'D', BYTES("Mi\0two\0")},
	    MAILED},
	NULL, "i",
	AGREED "MAIL <a@b.example>\nMACRO one\nABORT\nMACRO one\n"
	       "MAIL <a@b.example>\nMACRO two\n"},
    {"macros of no stage, broken macros",
	{HELLO, {'D', BYTES("")}, {'D', BYTES("?i\0x\0")}, {'D', BYTES("Ci\0")},
	    CONNECTED, {'D', BYTES("Mi\0x")}, MAILED},
	NULL, "i",
	AGREED "CONNECT 192.0.2.7 mx.example\nMACRO \n"
	       "MAIL <a@b.example>\nMACRO \n"},

    {"changes, then the answer", {HELLO, MAILED, END}, answer_changes, NULL,
	AGREED "MAIL <a@b.example>\nEND OF HEADER\nEND OF MESSAGE\n"
	       "> m\\x00\\x00\\x00\\x02Authentication-Results\\x00\\x00\n"
	       "> i\\x00\\x00\\x00\\x00Authentication-Results\\x00"
	       " a;\\x0A\\x09spf=pass\\x00\n"
	       "> qpolicy of?example\\x00\n"
	       "> a\n"},
    {"changes that were not allowed are not sent",
	{{'O', BYTES("\0\0\0\6\0\0\0\1\0\x0f\xff\xff")}, MAILED, END},
	answer_changes, NULL,
	"> O\\x00\\x00\\x00\\x06\\x00\\x00\\x00\\x01\\x00\\x0F\\xF3\\x88\n"
	"MAIL <a@b.example>\nEND OF HEADER\nEND OF MESSAGE\n"
	"> i\\x00\\x00\\x00\\x00Authentication-Results\\x00"
	"a;\\x0A\\x09spf=pass\\x00\n"
	"> a\n"},
    {"a value cannot make another field", {HELLO, MAILED, END}, answer_forged,
	NULL,
	AGREED "MAIL <a@b.example>\nEND OF HEADER\nEND OF MESSAGE\n"
	       "> i\\x00\\x00\\x00\\x01X\\x00 a\\x0A\\x09Bcc: b?c?d\\x0A\\x09"
	       "\\x00\n"
	       "> c\n"},
    {"a reply's text", {HELLO, MAILED, END}, answer_reject, NULL,
	AGREED "MAIL <a@b.example>\nEND OF HEADER\nEND OF MESSAGE\n"
	       "> y550 5.7.1 100%% of?\?\?\?!\\x00\n"},
    {"progress, and one answer only", {HELLO, MAILED, END}, answer_tempfail,
	NULL,
	AGREED "MAIL <a@b.example>\nEND OF HEADER\nEND OF MESSAGE\n"
	       "> p\n> t\n"},
};

static const char *const event_words[] = {
    [MILTER_EVENT_CONNECT] = "CONNECT ",
    [MILTER_EVENT_HELO] = "HELO ",
    [MILTER_EVENT_MAIL] = "MAIL ",
    [MILTER_EVENT_RECIPIENT] = "RCPT ",
    [MILTER_EVENT_FIELD] = "FIELD ",
    [MILTER_EVENT_END_OF_HEADER] = "END OF HEADER",
    [MILTER_EVENT_BODY] = "BODY ",
    [MILTER_EVENT_END_OF_MESSAGE] = "END OF MESSAGE",
    [MILTER_EVENT_ABORT] = "ABORT",
    [MILTER_EVENT_QUIT] = "QUIT",
    [MILTER_EVENT_ERROR] = "ERROR ",
};

static void
write_event(struct build *transcript, const struct milter_event *event)
{
	build_cstr(transcript, event_words[event->kind]);
	if (event->kind == MILTER_EVENT_CONNECT) {
		ip_write(transcript, &event->ip);
		build_byte(transcript, ' ');
	}
	build_clean(transcript, event->name);
	if (event->kind == MILTER_EVENT_FIELD)
		build_byte(transcript, ':');
	build_clean(transcript, event->text);
	build_byte(transcript, '\n');
}

static void
write_output(struct build *transcript, struct milter_session *session)
{
	struct milter_frame frame;
	size_t size;

	while (milter_session_output(session).len > 0) {
		assert_int_equal(
		    milter_frame_read(
			milter_session_output(session), &frame, &size),
		    MILTER_READ_FRAME);
		build_cstr(transcript, "> ");
		build_byte(transcript, frame.command);
		build_clean(transcript, frame.data);
		build_byte(transcript, '\n');
		milter_session_sent(session, size);
	}
}

static void
take_events(const struct row *row, struct milter_session *session,
    struct build *transcript)
{
	struct milter_event event;

	while (milter_session_next(session, &event)) {
		write_event(transcript, &event);
		if (row->macro != NULL) {
			build_cstr(transcript, "MACRO ");
			build_clean(
			    transcript, milter_session_macro(session,
					    text_from_cstr(row->macro)));
			build_byte(transcript, '\n');
		}
		if (event.kind == MILTER_EVENT_END_OF_MESSAGE &&
		    row->answer != NULL)
			row->answer(session);
		write_output(transcript, session);
	}
	write_output(transcript, session);
}

/* Feeds INPUT: SPLIT bytes, then the rest; SPLIT 0: byte by byte. */
static void
run(const struct row *row, struct text input, size_t split,
    struct build *transcript)
{
	struct milter_session *session = milter_session_new();
	size_t step = split == 0 ? 1 : split;

	assert_non_null(session);
	for (size_t at = 0; at < input.len; at += step) {
		if (at > 0 && split != 0)
			step = input.len;
		struct text part = exact(text_slice(input, at, at + step));
		milter_session_feed(session, part);
		exact_free(part);
		take_events(row, session, transcript);
	}
	milter_session_free(session);
}

/* Events first, then the frames that were sent: which comes first when both
 * are at hand depends on the splitting. */
static void
write_lines(struct build *build, struct text transcript, bool is_output)
{
	while (transcript.len > 0) {
		struct text line = text_split(&transcript, '\n');
		if (text_starts(line, TEXT("> ")) != is_output)
			continue;
		build_text(build, line);
		build_byte(build, '\n');
	}
}

static bool
is_same(struct text a, struct text b)
{
	struct build one;
	struct build other;

	build_init(&one, TRANSCRIPT_MAX);
	build_init(&other, TRANSCRIPT_MAX);
	write_lines(&one, a, false);
	write_lines(&one, a, true);
	write_lines(&other, b, false);
	write_lines(&other, b, true);
	bool is_equal = text_equal(build_view(&one), build_view(&other));
	build_free(&one);
	build_free(&other);
	return is_equal;
}

static int
check_row(const struct row *row, struct text input, size_t split)
{
	struct build transcript;
	int failures = 0;

	build_init(&transcript, TRANSCRIPT_MAX);
	run(row, input, split, &transcript);
	if (!is_same(build_view(&transcript), text_from_cstr(row->expected))) {
		print_error("%s, split at %zu:\n" TEXT_FMT "expected:\n%s",
		    row->name, split, TEXT_ARG(build_view(&transcript)),
		    row->expected);
		failures = 1;
	}
	build_free(&transcript);
	return failures;
}

static void
holds_dialogues(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct build input;
		build_init(&input, TRANSCRIPT_MAX);
		for (size_t n = 0;
		     n < FRAMES_MAX && rows[i].frames[n].command != 0; n++)
			milter_frame_write(&input, rows[i].frames[n].command,
			    rows[i].frames[n].data);
		int failed = 0;
		for (size_t split = 0; split <= input.len && failed == 0;
		     split++)
			failed = check_row(&rows[i], build_view(&input), split);
		failures += failed;
		build_free(&input);
	}
	assert_int_equal(failures, 0);
}

/* --- limits --- */

static void
says_error_once(struct milter_session *session, const char *reason)
{
	struct milter_event event;

	assert_true(milter_session_next(session, &event));
	assert_int_equal(event.kind, MILTER_EVENT_ERROR);
	assert_true(text_equal(event.text, text_from_cstr(reason)));
	assert_false(milter_session_next(session, &event));
	milter_session_feed(session, TEXT("\0\0\0\1Q"));
	assert_false(milter_session_next(session, &event));
}

static void
bounds_frames(void **state)
{
	struct milter_session *session = milter_session_new();

	(void)state;
	milter_session_feed(session, TEXT("\0\x11\0\1B"));
	says_error_once(session, "wrong frame length");
	milter_session_free(session);
}

static void
bounds_input_while_waiting(void **state)
{
	static char bytes[2 * MILTER_FRAME_MAX];
	struct milter_session *session = new_at_end_of_message();

	(void)state;
	milter_session_feed(session, (struct text){bytes, sizeof bytes});
	milter_session_feed(session, TEXT("x"));
	says_error_once(session, "the MTA sends more than fits");
	milter_session_free(session);
}

static void
bounds_macros(void **state)
{
	static char macros[64 * 1024 + 2] = {'C'};
	struct milter_session *session = new_at_end_of_message();
	struct milter_event event;
	struct build frame;

	(void)state;
	milter_accept(session);
	build_init(&frame, sizeof macros + 100);
	milter_frame_write(
	    &frame, 'D', (struct text){macros, sizeof macros - 1});
	milter_session_feed(session, build_view(&frame));
	assert_false(milter_session_next(session, &event));
	build_cut(&frame, 0);
	milter_frame_write(&frame, 'D', (struct text){macros, sizeof macros});
	milter_session_feed(session, build_view(&frame));
	says_error_once(session, "too many macros");
	build_free(&frame);
	milter_session_free(session);
}

static void
bounds_output(void **state)
{
	struct milter_session *session = new_at_end_of_message();

	(void)state;
	for (size_t i = 0; i < 2 * 1024 * 1024 / 5 + 1; i++)
		milter_progress(session);
	says_error_once(session, "the MTA does not take its answers");
	milter_session_free(session);
}

static void
takes_a_long_field(void **state)
{
	static char value[MILTER_FRAME_MAX - 4];
	static struct milter_frame frames[] = {HELLO, MAILED, {'L', {"", 0}}};
	struct milter_session *session = milter_session_new();
	struct milter_event event = {.kind = MILTER_EVENT_ERROR};
	struct build build;

	(void)state;
	for (size_t i = 2; i < sizeof value - 1; i++)
		value[i] = 'x';
	value[0] = 'A';
	frames[2].data = (struct text){value, sizeof value};
	build_init(&build, 2 * MILTER_FRAME_MAX);
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
		milter_frame_write(&build, frames[i].command, frames[i].data);
	milter_session_feed(session, build_view(&build));
	while (milter_session_next(session, &event) &&
	       event.kind != MILTER_EVENT_FIELD)
		;
	assert_int_equal(event.kind, MILTER_EVENT_FIELD);
	assert_int_equal(event.text.len, sizeof value - 3);
	build_free(&build);
	milter_session_free(session);
}

/* Its length is the sender's choice. An MTA whose filter closes the connection
 * may accept the message, so it is cut, and the header is too long. */
static void
cuts_a_field_beyond_a_frame(void **state)
{
	static const struct milter_frame opening[] = {HELLO, MAILED};
	static const size_t beyond[] = {1, MILTER_FRAME_MAX, 5000000};

	(void)state;
	for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
		struct milter_session *session = milter_session_new();
		struct milter_event event;
		struct build input;
		size_t cut = 0;
		bool has_ended = false;
		build_init(&input, 8 * MILTER_FRAME_MAX);
		for (size_t k = 0; k < 2; k++)
			milter_frame_write(
			    &input, opening[k].command, opening[k].data);
		milter_put_number(
		    &input, (uint32_t)(MILTER_FRAME_MAX + beyond[i]));
		build_text(&input, TEXT("LX\0"));
		for (size_t k = 3; k < MILTER_FRAME_MAX + beyond[i]; k++)
			build_byte(&input, 'Q');
		milter_frame_write(&input, 'N', TEXT(""));
		struct text bytes = build_view(&input);
		for (size_t at = 0; at < bytes.len; at += 65536) {
			milter_session_feed(
			    session, text_slice(bytes, at, at + 65536));
			while (milter_session_next(session, &event)) {
				assert_int_not_equal(
				    event.kind, MILTER_EVENT_ERROR);
				if (event.kind == MILTER_EVENT_FIELD)
					cut = event.text.len;
				has_ended |=
				    event.kind == MILTER_EVENT_END_OF_HEADER;
			}
		}
		assert_int_equal(cut, MILTER_FRAME_MAX - 3);
		assert_true(has_ended);
		build_free(&input);
		milter_session_free(session);
	}
}

/* Asked for, and told with or without their parameters. */
static void
tells_recipients(void **state)
{
	static const char mta[] = "\0\0\0\15O\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"
				  "\0\0\0\7M<a@b>\0"
				  "\0\0\0\13R<c@d>\0X=Y\0"
				  "\0\0\0\2R\0"
				  "\0\0\0\3Re@";
	struct milter_session *session = milter_session_new();
	struct milter_event event;
	const char *const texts[] = {"<a@b>", "<c@d>", ""};

	(void)state;
	assert_non_null(session);
	milter_session_want_recipients(session);
	milter_session_feed(session, (struct text){mta, sizeof mta - 1});
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_true(milter_session_next(session, &event));
		assert_int_equal(event.kind,
		    i == 0 ? MILTER_EVENT_MAIL : MILTER_EVENT_RECIPIENT);
		assert_true(text_equal(event.text, text_from_cstr(texts[i])));
	}
	assert_true(milter_session_next(session, &event));
	assert_int_equal(event.kind, MILTER_EVENT_ERROR);
	struct text output = milter_session_output(session);
	assert_int_equal((unsigned char)output.ptr[16] & MILTER_NO_RCPT, 0);
	milter_session_free(session);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(holds_dialogues),
	    cmocka_unit_test(tells_recipients),
	    cmocka_unit_test(bounds_frames),
	    cmocka_unit_test(bounds_input_while_waiting),
	    cmocka_unit_test(bounds_macros),
	    cmocka_unit_test(bounds_output),
	    cmocka_unit_test(takes_a_long_field),
	    cmocka_unit_test(cuts_a_field_beyond_a_frame),
	};

	return cmocka_run_group_tests_name("milter session", tests, NULL, NULL);
}
