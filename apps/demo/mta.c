/* demo-mta: an MTA as a milter sees one, for the demo and for tests. It sends
 * one message and says what the MTA would do with it.
 *
 * demo-mta SOCKET CLIENT-ADDRESS HELO MAIL-FROM FILE */
#include "config/file.h"
#include "loop/address.h"
#include "mail/message.h"
#include "milter/protocol.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	MESSAGE_MAX = 64 * 1024 * 1024,
	BODY_PIECE = 65535,
	VERSION = 6,
	ACTIONS = 0x1FF,
	PROTOCOL = 0x1FFFFF,
};

struct mta {
	int fd;
	struct arena *arena;
	struct build in;
	uint32_t protocol; /* as negotiated */
	char held[1024];   /* reason, when the message is to be held */
	const char *queue_id;
};

static bool
send_frame(struct mta *mta, char command, struct text data)
{
	struct build out;
	size_t sent = 0;

	build_init(&out, MILTER_FRAME_MAX + 5);
	milter_frame_write(&out, command, data);
	while (!build_failed(&out) && sent < out.len) {
		ssize_t len = write(mta->fd, out.ptr + sent, out.len - sent);
		if (len <= 0)
			break;
		sent += (size_t)len;
	}
	bool is_sent = !build_failed(&out) && sent == out.len;
	build_free(&out);
	return is_sent;
}

/* The next reply; its data is good until the next call. */
static bool
take_frame(struct mta *mta, struct milter_frame *ret_frame, size_t *used)
{
	char piece[65536];

	build_drop(&mta->in, *used);
	*used = 0;
	for (;;) {
		enum milter_read read_status =
		    milter_frame_read(build_view(&mta->in), ret_frame, used);
		if (read_status != MILTER_READ_MORE)
			return read_status == MILTER_READ_FRAME;
		ssize_t len = read(mta->fd, piece, sizeof piece);
		if (len <= 0)
			return false;
		build_text(&mta->in, (struct text){piece, (size_t)len});
	}
}

static void
print_field(struct text data)
{
	uint32_t index;
	struct text name;
	struct text value;

	if (!milter_take_number(&data, &index) ||
	    !milter_take_string(&data, &name) ||
	    !milter_take_string(&data, &value))
		return;
	(void)printf("add %u " TEXT_FMT ":", index, TEXT_ARG(name));
	if (value.len > 0 && value.ptr[0] != ' ')
		(void)printf(" ");
	(void)printf(TEXT_FMT "\n", TEXT_ARG(value));
}

static void
print_change(struct text data)
{
	uint32_t nth;
	struct text name;

	if (milter_take_number(&data, &nth) && milter_take_string(&data, &name))
		(void)printf(
		    "remove " TEXT_FMT " number %u\n", TEXT_ARG(name), nth);
}

static void
note_quarantine(struct mta *mta, struct text data)
{
	struct text reason;

	if (milter_take_string(&data, &reason))
		(void)snprintf(
		    mta->held, sizeof mta->held, TEXT_FMT, TEXT_ARG(reason));
}

/* The answer to the whole message. True: it was the final one. */
static bool
take_answer(struct mta *mta, const struct milter_frame *frame)
{
	struct text data = frame->data;
	struct text text = TEXT("");

	switch (frame->command) {
	case MILTER_INSERT_HEADER: print_field(data); return false;
	case MILTER_CHANGE_HEADER: print_change(data); return false;
	case MILTER_QUARANTINE: note_quarantine(mta, data); return false;
	case MILTER_PROGRESS: return false;
	case MILTER_REPLY_CODE:
		if (milter_take_string(&data, &text))
			(void)printf("mta " TEXT_FMT "\n", TEXT_ARG(text));
		return true;
	case MILTER_ACCEPT:
	case MILTER_CONTINUE:
		if (mta->held[0] != '\0')
			(void)printf("mta hold (quarantine): %s\n", mta->held);
		else
			(void)printf("mta accept\n");
		return true;
	case MILTER_TEMPFAIL: (void)printf("mta 451 4.7.1\n"); return true;
	default:
		(void)printf("mta '%c' (not expected)\n", frame->command);
		return true;
	}
}

/* A command, and its reply unless it was negotiated away. */
static bool
command(struct mta *mta, char letter, struct text data, uint32_t no_reply)
{
	struct milter_frame frame;
	size_t used = 0;

	if (!send_frame(mta, letter, data))
		return false;
	if ((mta->protocol & no_reply) != 0)
		return true;
	bool is_taken = take_frame(mta, &frame, &used);
	build_drop(&mta->in, used);
	return is_taken && frame.command == MILTER_CONTINUE;
}

static bool
negotiate(struct mta *mta)
{
	struct milter_frame frame;
	struct build data;
	size_t used = 0;
	uint32_t version;
	uint32_t actions;

	build_init_arena(&data, mta->arena, 64);
	milter_put_number(&data, VERSION);
	milter_put_number(&data, ACTIONS);
	milter_put_number(&data, PROTOCOL);
	if (!send_frame(mta, MILTER_NEGOTIATE, build_view(&data)) ||
	    !take_frame(mta, &frame, &used) ||
	    frame.command != MILTER_NEGOTIATED)
		return false;
	bool is_read = milter_take_number(&frame.data, &version) &&
		       milter_take_number(&frame.data, &actions) &&
		       milter_take_number(&frame.data, &mta->protocol);
	build_drop(&mta->in, used);
	return is_read;
}

static bool
send_macro(struct mta *mta, char stage, const char *name, const char *value)
{
	struct build data;

	build_init_arena(&data, mta->arena, 4096);
	build_byte(&data, stage);
	milter_put_string(&data, text_from_cstr(name));
	milter_put_string(&data, text_from_cstr(value));
	return send_frame(mta, MILTER_MACROS, build_view(&data));
}

static bool
send_connect(struct mta *mta, const char *address)
{
	struct build data;
	bool is_v6 = strchr(address, ':') != NULL;

	build_init_arena(&data, mta->arena, 4096);
	milter_put_string(&data, TEXT("[client]"));
	build_byte(&data, is_v6 ? '6' : '4');
	build_byte(&data, 0x30); /* port 12345, high byte first */
	build_byte(&data, 0x39);
	milter_put_string(&data, text_from_cstr(address));
	return command(
	    mta, MILTER_CONNECT, build_view(&data), MILTER_NO_REPLY_CONNECT);
}

static bool
send_strings(
    struct mta *mta, char letter, const char *string, uint32_t no_reply)
{
	struct build data;

	build_init_arena(&data, mta->arena, 4096);
	milter_put_string(&data, text_from_cstr(string));
	return command(mta, letter, build_view(&data), no_reply);
}

/* --- the message --- */

struct sending {
	struct mta *mta;
	bool failed;
};

static void
send_field(struct sending *sending, const struct mail_field *field)
{
	struct mta *mta = sending->mta;
	struct build data;
	struct text value = field->value;

	if ((mta->protocol & MILTER_LEADING_SPACE) == 0 && value.len > 0 &&
	    value.ptr[0] == ' ')
		value = text_slice(value, 1, value.len);
	build_init_arena(&data, mta->arena, MILTER_FRAME_MAX);
	milter_put_string(&data, field->name);
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] != '\r')
			build_byte(&data, value.ptr[i]);
	}
	build_byte(&data, '\0');
	if (!send_macro(mta, MILTER_HEADER, "i", mta->queue_id) ||
	    !command(
		mta, MILTER_HEADER, build_view(&data), MILTER_NO_REPLY_HEADER))
		sending->failed = true;
}

static void
on_header(void *context, const struct mail_header *header)
{
	struct sending *sending = context;

	for (size_t i = 0; i < header->fields.count; i++)
		send_field(sending, &header->fields.at[i]);
	if (!command(sending->mta, MILTER_END_OF_HEADER, TEXT(""),
		MILTER_NO_REPLY_END_OF_HEADER))
		sending->failed = true;
}

static void
on_body(void *context, struct text piece)
{
	struct sending *sending = context;

	while (piece.len > 0 && !sending->failed) {
		struct text part = text_slice(piece, 0, BODY_PIECE);
		sending->failed = !command(
		    sending->mta, MILTER_BODY, part, MILTER_NO_REPLY_BODY);
		piece = text_slice(piece, part.len, piece.len);
	}
}

static bool
send_message(struct mta *mta, const char *path)
{
	struct sending sending = {.mta = mta};
	struct mail_message_sink sink = {on_header, on_body, &sending};
	struct mail_message *message = mail_message_new(mta->arena, &sink);
	struct problem problem = {PROBLEM_NONE, ""};
	struct text bytes;

	if (message == NULL)
		return false;
	if (!file_read(mta->arena, path, MESSAGE_MAX, &bytes, &problem)) {
		(void)fprintf(stderr, "demo-mta: %s\n", problem.text);
		return false;
	}
	mail_message_feed(message, bytes);
	return mail_message_finish(message) && !sending.failed;
}

static bool
converse(struct mta *mta, char **argument)
{
	struct milter_frame frame;
	size_t used = 0;

	if (!negotiate(mta) || !send_macro(mta, 'C', "j", "mta.example") ||
	    !send_connect(mta, argument[2]) ||
	    !send_strings(
		mta, MILTER_HELO, argument[3], MILTER_NO_REPLY_HELO) ||
	    !send_strings(
		mta, MILTER_MAIL, argument[4], MILTER_NO_REPLY_MAIL) ||
	    !send_message(mta, argument[5]) ||
	    !send_frame(mta, MILTER_END_OF_MESSAGE, TEXT("")))
		return false;
	do {
		if (!take_frame(mta, &frame, &used))
			return false;
	} while (!take_answer(mta, &frame));
	return send_frame(mta, MILTER_QUIT, TEXT(""));
}

int
main(int argc, char **argv)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct mta mta = {.queue_id = "DEMO0"};

	if (argc != 6) {
		(void)fputs("Usage: demo-mta SOCKET CLIENT-ADDRESS HELO "
			    "MAIL-FROM FILE\n",
		    stderr);
		return EX_USAGE;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	mta.fd = address_connect(text_from_cstr(argv[1]), &problem);
	if (mta.fd < 0) {
		(void)fprintf(stderr, "demo-mta: %s\n", problem.text);
		return EX_UNAVAILABLE;
	}
	mta.arena = arena_new((size_t)MESSAGE_MAX * 4);
	build_init(&mta.in, (size_t)MILTER_FRAME_MAX * 2);
	bool is_done = mta.arena != NULL && converse(&mta, argv);
	if (!is_done)
		(void)fputs("demo-mta: the conversation broke off\n", stderr);
	build_free(&mta.in);
	arena_free(mta.arena);
	(void)close(mta.fd);
	return is_done ? EX_OK : EX_PROTOCOL;
}
