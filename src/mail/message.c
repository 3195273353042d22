/* Plan: the header is read line by line into one buffer that holds the current
 * field with its continuation lines; line_at is where the current line begins
 * in it. A line is judged when its end is seen, so pieces may be cut anywhere.
 * In the body only a CR at a piece's end must wait for the next piece. */
#include "mail/message.h"

#include "base/build.h"
#include "base/scan.h"

/* As long as a header with its line end, so that the header's own limit is the
 * one that is passed first. */
enum { FIELD_MAX = MAIL_HEADER_MAX + 2 };

enum state {
	STATE_START, /* nothing yet, or an mbox line */
	STATE_HEADER,
	STATE_BODY,
	STATE_NO_MESSAGE, /* or no memory: nothing more is looked at */
};

struct mail_message {
	struct arena *arena;
	struct mail_message_sink sink;
	struct mail_header header;
	struct build field; /* on the heap: used again for each field */
	size_t line_at;
	enum state state;
	bool is_line_lost; /* its begin did not fit into FIELD */
	bool was_mbox_line;
	bool has_cr; /* body: the last piece ended in a CR, not given yet */
};

static void
free_field(void *field)
{
	build_free(field);
}

struct mail_message *
mail_message_new(struct arena *arena, const struct mail_message_sink *sink)
{
	struct mail_message *message = arena_alloc(arena, sizeof *message);

	if (message == NULL)
		return NULL;
	message->arena = arena;
	message->sink = *sink;
	build_init(&message->field, FIELD_MAX);
	if (!arena_defer(arena, free_field, &message->field))
		return NULL;
	return message;
}

static void
give_body(const struct mail_message *message, struct text piece)
{
	if (piece.len > 0)
		message->sink.body(message->sink.context, piece);
}

/* LF alone becomes CR LF; a CR that does not stand before LF is data. A CR that
 * waited and its LF, now at the begin of PIECE, come out right as LF alone. */
static void
feed_body(struct mail_message *message, struct text piece)
{
	size_t given = 0;

	if (piece.len == 0)
		return;
	if (message->has_cr && piece.ptr[0] != '\n')
		give_body(message, TEXT("\r"));
	for (size_t at = text_find(piece, '\n'); at < piece.len;
	     at += 1 + text_find(text_slice(piece, at + 1, piece.len), '\n')) {
		if (at > 0 && piece.ptr[at - 1] == '\r')
			continue;
		give_body(message, text_slice(piece, given, at));
		give_body(message, TEXT("\r\n"));
		given = at + 1;
	}
	message->has_cr = piece.ptr[piece.len - 1] == '\r';
	give_body(
	    message, text_slice(piece, given, piece.len - message->has_cr));
}

/* The field that was collected, up to where the current line begins. */
static void
end_field(struct mail_message *message)
{
	struct text raw =
	    text_slice(build_view(&message->field), 0, message->line_at);

	if (raw.len == 0)
		return;
	raw.len -= 2; /* its CR LF */
	if (!mail_header_add_raw(&message->header, message->arena, raw))
		message->state = STATE_NO_MESSAGE;
	build_drop(&message->field, message->line_at);
	message->line_at = 0;
}

static void
end_header(struct mail_message *message)
{
	end_field(message);
	if (message->state == STATE_NO_MESSAGE)
		return;
	message->state = STATE_BODY;
	message->sink.end_of_header(message->sink.context, &message->header);
}

/* field-name = 1*ftext, and obsolete white space before the colon (RFC 5322
 * 3.6.8, 4.5.8) */
static bool
is_ftext(int byte)
{
	return is_printable(byte) && byte != ':';
}

static bool
is_field(struct text line)
{
	struct scan scan = scan_text(line);

	if (scan_while(&scan, is_ftext).len == 0)
		return false;
	scan_wsp(&scan);
	return scan_byte(&scan, ':');
}

/* The field does not fit. */
static void
lose_field(struct mail_message *message)
{
	message->header.is_too_long = true;
	message->line_at = 0;
	build_cut(&message->field, 0);
}

/* It is lost with its field, up to its end. What was kept of it is the same
 * however it was cut, and enough to know a field. */
static void
lose_line(struct mail_message *message)
{
	bool is_header = message->state == STATE_HEADER ||
			 is_field(build_view(&message->field));

	message->state = is_header ? STATE_HEADER : STATE_NO_MESSAGE;
	message->is_line_lost = true;
	lose_field(message);
}

static size_t
room(const struct mail_message *message)
{
	return FIELD_MAX - message->field.len;
}

/* TEXT is not longer than there is room. */
static void
keep(struct mail_message *message, struct text text)
{
	build_text(&message->field, text);
	if (build_failed(&message->field))
		message->state = STATE_NO_MESSAGE;
}

/* The line belongs to the current field. Once the header is too long nothing
 * more is kept of it, only its end is looked for. */
static void
keep_line(struct mail_message *message)
{
	message->state = STATE_HEADER;
	if (message->header.is_too_long) {
		build_cut(&message->field, message->line_at);
		return;
	}
	if (room(message) < 2) {
		lose_field(message);
		return;
	}
	keep(message, TEXT("\r\n"));
	message->line_at = message->field.len;
}

static void
take_first_line(struct mail_message *message, struct text line)
{
	if (is_field(line)) {
		keep_line(message);
	} else if (!message->was_mbox_line &&
		   text_starts(line, TEXT("From "))) {
		message->was_mbox_line = true;
		build_cut(&message->field, 0);
	} else {
		message->state = STATE_NO_MESSAGE;
	}
}

/* LINE is the last thing in message->field. END is what ended it: nothing at
 * the end of the input. */
static void
take_line(struct mail_message *message, struct text line, struct text end)
{
	bool is_empty = line.len == 0;

	if (message->state == STATE_START) {
		take_first_line(message, line);
	} else if (is_field(line)) {
		end_field(message);
		if (message->state == STATE_HEADER)
			keep_line(message);
	} else if (!is_empty && is_wsp(line.ptr[0])) {
		keep_line(message);
	} else {
		end_header(message);
		if (message->state != STATE_BODY || is_empty)
			return;
		/* end_field moved the line to the begin of the buffer. */
		give_body(message, build_view(&message->field));
		give_body(message, end);
	}
}

static struct text
current_line(const struct mail_message *message)
{
	return text_slice(
	    build_view(&message->field), message->line_at, message->field.len);
}

static void
end_line(struct mail_message *message)
{
	struct text line = current_line(message);

	if (message->is_line_lost) {
		message->is_line_lost = false;
		return;
	}
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		build_cut(&message->field, message->field.len - 1);
	take_line(message, current_line(message), TEXT("\r\n"));
}

static bool
is_in_header(const struct mail_message *message)
{
	return message->state == STATE_START || message->state == STATE_HEADER;
}

static void
add_to_line(struct mail_message *message, struct text text)
{
	bool fits = text.len <= room(message);

	keep(message, text_slice(text, 0, room(message)));
	if (!fits && is_in_header(message))
		lose_line(message);
}

void
mail_message_feed(struct mail_message *message, struct text piece)
{
	while (piece.len > 0 && is_in_header(message)) {
		bool has_end = text_has(piece, '\n');
		struct text line = text_split(&piece, '\n');
		if (!message->is_line_lost)
			add_to_line(message, line);
		if (has_end && is_in_header(message))
			end_line(message);
	}
	if (message->state == STATE_BODY)
		feed_body(message, piece);
}

bool
mail_message_finish(struct mail_message *message)
{
	if (is_in_header(message) && current_line(message).len > 0)
		take_line(message, current_line(message), TEXT(""));
	if (message->state == STATE_HEADER)
		end_header(message);
	if (message->has_cr)
		give_body(message, TEXT("\r"));
	message->has_cr = false;
	return message->state == STATE_BODY;
}
