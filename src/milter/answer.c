/* Answers to the end of a message: the changes are collected, and go out in one
 * piece with the final answer. */
#include "milter/inside.h"

enum { REPLY_TEXT_MAX = 980 }; /* Sendmail's limit for a line */

bool
milter_session_leading_space(const struct milter_session *session)
{
	return (session->protocol & MILTER_LEADING_SPACE) != 0;
}

bool
milter_session_may(const struct milter_session *session, uint32_t action)
{
	return (session->actions & action) == action;
}

static bool
may_change(const struct milter_session *session, uint32_t action)
{
	return session->state == WAITING && milter_session_may(session, action);
}

/* A header field's value as milters write it: lines end in LF. No value makes
 * a second field or ends early: a line goes on with white space, and other
 * controls become '?'. */
static void
put_value(struct build *build, struct text value)
{
	for (size_t i = 0; i < value.len; i++) {
		char byte = value.ptr[i];
		char next = '\0';
		if (i + 1 < value.len)
			next = value.ptr[i + 1];
		if (byte == '\r' && next == '\n')
			continue;
		bool is_control = (unsigned char)byte < ' ' || byte == 0x7F;
		if (is_control && byte != '\n' && byte != '\t')
			byte = '?';
		build_byte(build, byte);
		if (byte == '\n' && !is_wsp(next))
			build_byte(build, '\t');
	}
	build_byte(build, '\0');
}

/* One line of printable ASCII, at most REPLY_TEXT_MAX bytes of it. */
static void
put_line(struct build *build, struct text text, bool double_percent)
{
	size_t left = REPLY_TEXT_MAX;

	for (size_t i = 0; i < text.len; i++) {
		char byte = to_harmless(text.ptr[i]);
		size_t times = byte == '%' && double_percent ? 2 : 1;
		if (times > left)
			break;
		left -= times;
		for (size_t n = 0; n < times; n++)
			build_byte(build, byte);
	}
	build_byte(build, '\0');
}

/* Begins a frame whose length end_frame fills in. */
static size_t
begin_frame(struct build *build, char command)
{
	size_t begin = build->len;

	milter_put_number(build, 0);
	build_byte(build, command);
	return begin;
}

static void
end_frame(struct build *build, size_t begin)
{
	if (build_failed(build))
		return;
	size_t len = build->len - begin - 4;
	for (size_t i = 4; i > 0; i--, len >>= 8)
		build->ptr[begin + i - 1] = (char)(len & 0xFF);
}

void
milter_insert_field(struct milter_session *session, uint32_t index,
    struct text name, struct text value)
{
	struct build *build = &session->changes;

	if (!may_change(session, MILTER_ACTION_ADD_HEADERS))
		return;
	size_t begin = begin_frame(build, MILTER_INSERT_HEADER);
	milter_put_number(build, index);
	milter_put_string(build, name);
	if (milter_session_leading_space(session))
		build_byte(build, ' ');
	put_value(build, value);
	end_frame(build, begin);
}

void
milter_delete_field(
    struct milter_session *session, struct text name, uint32_t nth)
{
	struct build *build = &session->changes;

	if (!may_change(session, MILTER_ACTION_CHANGE_HEADERS))
		return;
	size_t begin = begin_frame(build, MILTER_CHANGE_HEADER);
	milter_put_number(build, nth);
	milter_put_string(build, name);
	milter_put_string(build, TEXT(""));
	end_frame(build, begin);
}

void
milter_add_recipient(struct milter_session *session, struct text address)
{
	struct build *build = &session->changes;

	if (!may_change(session, MILTER_ACTION_ADD_RECIPIENTS))
		return;
	size_t begin = begin_frame(build, MILTER_ADD_RECIPIENT);
	build_byte(build, '<');
	for (size_t i = 0; i < address.len; i++)
		build_byte(build, to_harmless(address.ptr[i]));
	build_byte(build, '>');
	build_byte(build, '\0');
	end_frame(build, begin);
}

void
milter_quarantine(struct milter_session *session, struct text reason)
{
	struct build *build = &session->changes;

	if (!may_change(session, MILTER_ACTION_QUARANTINE))
		return;
	size_t begin = begin_frame(build, MILTER_QUARANTINE);
	put_line(build, reason, false);
	end_frame(build, begin);
}

/* Sends the changes with the final answer after them. If the changes are not
 * whole the message must not pass as if they were made. */
static bool
send_changes(struct milter_session *session)
{
	if (session->state != WAITING)
		return false;
	session->state = IDLE;
	session->message_over = true;
	bool is_whole = !build_failed(&session->changes);
	if (is_whole)
		build_text(&session->output, build_view(&session->changes));
	else
		milter_frame_write(&session->output, MILTER_TEMPFAIL, TEXT(""));
	build_free(&session->changes);
	return is_whole;
}

static bool
answer(struct milter_session *session, char reply)
{
	bool is_whole = send_changes(session);

	if (is_whole)
		milter_frame_write(&session->output, reply, TEXT(""));
	return is_whole;
}

bool
milter_accept(struct milter_session *session)
{
	return answer(session, MILTER_ACCEPT);
}

void
milter_continue(struct milter_session *session)
{
	(void)answer(session, MILTER_CONTINUE);
}

void
milter_tempfail(struct milter_session *session)
{
	(void)answer(session, MILTER_TEMPFAIL);
}

void
milter_reply(struct milter_session *session, const char *code,
    const char *status, struct text text)
{
	struct build *build = &session->output;

	if (!send_changes(session))
		return;
	size_t begin = begin_frame(build, MILTER_REPLY_CODE);
	build_cstr(build, code);
	build_byte(build, ' ');
	build_cstr(build, status);
	build_byte(build, ' ');
	put_line(build, text, true);
	end_frame(build, begin);
}

void
milter_progress(struct milter_session *session)
{
	if (session->state == WAITING)
		milter_frame_write(&session->output, MILTER_PROGRESS, TEXT(""));
}

struct text
milter_session_output(const struct milter_session *session)
{
	return build_view(&session->output);
}

void
milter_session_sent(struct milter_session *session, size_t len)
{
	build_drop(&session->output, len);
}
