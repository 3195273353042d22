/* Plan: the input is a buffer of frames with a position. One table says for
 * each command and state what happens to the frame at hand: it is taken, it
 * has to wait, it is an error, or an event is due before it (then the state
 * changes, the frame stays, and the table is asked again).
 *
 *	NEW --negotiate--> IDLE --mail--> FIELDS --end of header--> BODY
 *	BODY --end of message--> WAITING --final answer--> IDLE
 *
 * Macros are kept for each stage as the MTA sent them, and searched from the
 * latest stage back. Those of a message go with the first frame after it, so
 * that its last event can still be logged with its queue id. */
#include "milter/inside.h"

#include <assert.h>

enum {
	VERSION_MIN = 2,
	VERSION_MAX = 6,
	LENGTH_SIZE = 4,
	INPUT_MAX = 2 * MILTER_FRAME_MAX,
	INPUT_KEPT = 128 * 1024, /* a larger buffer is freed when empty */
	OUTPUT_MAX = 2 * 1024 * 1024,
	CHANGES_MAX = 1024 * 1024,
	MACROS_MAX = 64 * 1024,
};

enum {
	WANTED_ACTIONS = MILTER_ACTION_ADD_HEADERS |
			 MILTER_ACTION_CHANGE_HEADERS |
			 MILTER_ACTION_QUARANTINE,
	WANTED_PROTOCOL =
	    MILTER_NO_RCPT | MILTER_NO_UNKNOWN | MILTER_NO_DATA |
	    MILTER_NO_REPLY_CONNECT | MILTER_NO_REPLY_HELO |
	    MILTER_NO_REPLY_MAIL | MILTER_NO_REPLY_RCPT | MILTER_NO_REPLY_DATA |
	    MILTER_NO_REPLY_UNKNOWN | MILTER_NO_REPLY_HEADER |
	    MILTER_NO_REPLY_END_OF_HEADER | MILTER_NO_REPLY_BODY |
	    MILTER_LEADING_SPACE | MILTER_FRAMES_256K | MILTER_FRAMES_1M,
};

enum step {
	BAD,
	TAKE,
	STAY,         /* until the end of message is answered */
	ABORT_FIRST,  /* the message at hand ends without an answer */
	HEADER_FIRST, /* the end of the header was not said */
	BODY_FIRST,   /* the end of message may carry the last body bytes */
};

/* The order in which an MTA goes through them. */
static const char stages[] = {MILTER_CONNECT, MILTER_HELO, MILTER_UNKNOWN,
    MILTER_MAIL, MILTER_RCPT, MILTER_DATA, MILTER_HEADER, MILTER_END_OF_HEADER,
    MILTER_BODY, MILTER_END_OF_MESSAGE};

enum { STAGE_MAIL = 3 };

static_assert(sizeof stages == MILTER_STAGES, "one room for each");

struct milter_session *
milter_session_new(void)
{
	struct arena *arena = arena_new(sizeof(struct milter_session) + 64);
	struct milter_session *session =
	    arena == NULL ? NULL : arena_alloc(arena, sizeof *session);

	if (session == NULL) {
		arena_free(arena);
		return NULL;
	}
	session->arena = arena;
	session->wanted = WANTED_ACTIONS;
	build_init(&session->input, INPUT_MAX);
	build_init(&session->output, OUTPUT_MAX);
	build_init(&session->changes, CHANGES_MAX);
	for (size_t i = 0; i < MILTER_STAGES; i++)
		build_init(&session->macros[i], MACROS_MAX);
	return session;
}

void
milter_session_free(struct milter_session *session)
{
	if (session == NULL)
		return;
	build_free(&session->input);
	build_free(&session->output);
	build_free(&session->changes);
	for (size_t i = 0; i < MILTER_STAGES; i++)
		build_free(&session->macros[i]);
	arena_free(session->arena);
}

void
milter_session_want(struct milter_session *session, uint32_t action)
{
	session->wanted |= action;
}

void
milter_session_want_recipients(struct milter_session *session)
{
	session->wants_recipients = true;
}

/* --- macros --- */

static void
forget_macros(struct milter_session *session, size_t from)
{
	for (size_t i = from; i < MILTER_STAGES; i++)
		build_free(&session->macros[i]);
}

static size_t
find_stage(char letter)
{
	return text_find((struct text){stages, MILTER_STAGES}, letter);
}

static struct text
without_braces(struct text name)
{
	if (name.len >= 2 && name.ptr[0] == '{' &&
	    name.ptr[name.len - 1] == '}')
		return text_slice(name, 1, name.len - 1);
	return name;
}

static bool
find_macro(struct text macros, struct text name, struct text *ret_value)
{
	struct text key;
	struct text value;

	while (milter_take_string(&macros, &key) &&
	       milter_take_string(&macros, &value))
		if (text_equal(without_braces(key), name)) {
			*ret_value = value;
			return true;
		}
	return false;
}

struct text
milter_session_macro(const struct milter_session *session, struct text name)
{
	struct text value = TEXT("");

	name = without_braces(name);
	for (size_t i = MILTER_STAGES; i > 0; i--)
		if (find_macro(
			build_view(&session->macros[i - 1]), name, &value))
			break;
	return value;
}

/* --- commands --- */

/* Each takes the data of its command, writes the event and returns true, or
 * returns false when there is nothing to tell. */
typedef bool take_function(struct milter_session *session, struct text data,
    struct milter_event *event);

static bool
fail(struct milter_session *session, struct milter_event *event,
    const char *reason)
{
	session->state = OVER;
	*event = (struct milter_event){
	    .kind = MILTER_EVENT_ERROR, .text = text_from_cstr(reason)};
	return true;
}

static bool
take_negotiate(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	uint32_t version;
	uint32_t actions;
	uint32_t protocol;

	if (!milter_take_number(&data, &version) ||
	    !milter_take_number(&data, &actions) ||
	    !milter_take_number(&data, &protocol))
		return fail(session, event, "the negotiation is too short");
	if (version < VERSION_MIN)
		return fail(session, event, "milter protocol below version 2");
	if ((actions & MILTER_ACTION_ADD_HEADERS) == 0)
		return fail(session, event,
		    "the MTA does not let filters add header fields");
	session->actions = actions & session->wanted;
	session->protocol = protocol & WANTED_PROTOCOL;
	if (session->wants_recipients)
		session->protocol &= ~(uint32_t)MILTER_NO_RCPT;
	session->state = IDLE;
	milter_put_number(&session->output, 13);
	build_byte(&session->output, MILTER_NEGOTIATED);
	milter_put_number(
	    &session->output, version < VERSION_MAX ? version : VERSION_MAX);
	milter_put_number(&session->output, session->actions);
	milter_put_number(&session->output, session->protocol);
	return false;
}

static bool
take_macros(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	size_t stage = data.len == 0 ? MILTER_STAGES : find_stage(data.ptr[0]);

	if (stage == MILTER_STAGES)
		return false;
	struct build *macros = &session->macros[stage];
	build_cut(macros, 0);
	build_text(macros, text_slice(data, 1, data.len));
	if (build_failed(macros))
		return fail(session, event, "too many macros");
	return false;
}

/* The address as the MTA writes it; Sendmail puts "IPv6:" before some. */
static bool
read_address(char family, struct text address, struct ip *ret_ip)
{
	struct ip ip;
	struct text tag = TEXT("IPv6:");

	if (family == '6' && text_starts_nocase(address, tag))
		address = text_slice(address, tag.len, address.len);
	if (!ip_read(address, &ip) || ip.version != (family == '6' ? 6 : 4))
		return false;
	*ret_ip = ip_unmapped(ip);
	return true;
}

/* host NUL family [port address NUL] */
static bool
take_connect(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	struct text address;
	uint16_t port;

	event->kind = MILTER_EVENT_CONNECT;
	if (!milter_take_string(&data, &event->text) || data.len == 0)
		return fail(session, event, "broken connect command");
	char family = data.ptr[0];
	data = text_slice(data, 1, data.len);
	if (family == 'U')
		return true;
	if (!milter_take_number16(&data, &port) ||
	    !milter_take_string(&data, &address))
		return fail(session, event, "broken connect command");
	if (family == 'L')
		return true;
	/* Without an address a client would look like a local one. */
	if ((family != '4' && family != '6') ||
	    !read_address(family, address, &event->ip))
		return fail(session, event, "unknown client address");
	return true;
}

static bool
take_helo(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	event->kind = MILTER_EVENT_HELO;
	if (!milter_take_string(&data, &event->text))
		return fail(session, event, "broken HELO command");
	return true;
}

/* path NUL *(parameter NUL) */
static bool
take_mail(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	event->kind = MILTER_EVENT_MAIL;
	if (!milter_take_string(&data, &event->text))
		return fail(session, event, "broken MAIL command");
	session->state = FIELDS;
	return true;
}

static bool
take_recipient(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	event->kind = MILTER_EVENT_RECIPIENT;
	if (!session->wants_recipients)
		return false;
	return milter_take_string(&data, &event->text) ||
	       fail(session, event, "broken RCPT command");
}

/* name NUL value NUL; a NUL within the value is part of it. What is left of a
 * frame that was cut is still more than a header may have. */
static bool
take_field(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	bool has_name = milter_take_string(&data, &event->name);

	event->kind = MILTER_EVENT_FIELD;
	event->text = data;
	if (session->is_cut)
		return true;
	if (!has_name || data.len == 0 || data.ptr[data.len - 1] != '\0')
		return fail(session, event, "broken header field");
	event->text = text_slice(data, 0, data.len - 1);
	return true;
}

static bool
take_end_of_header(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	(void)data;
	event->kind = MILTER_EVENT_END_OF_HEADER;
	session->state = BODY;
	return true;
}

static bool
take_body(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	(void)session;
	event->kind = MILTER_EVENT_BODY;
	event->text = data;
	return true;
}

static bool
take_end_of_message(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	(void)data;
	event->kind = MILTER_EVENT_END_OF_MESSAGE;
	/* With its failure: the changes of an aborted message may be there. */
	build_free(&session->changes);
	session->state = WAITING;
	return true;
}

static bool
take_abort(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	bool is_message = session->state != IDLE;

	(void)data;
	event->kind = MILTER_EVENT_ABORT;
	session->state = IDLE;
	session->message_over = true;
	return is_message;
}

static bool
take_quit_new(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	(void)data;
	(void)event;
	forget_macros(session, 0);
	return false;
}

static bool
take_quit(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	(void)data;
	event->kind = MILTER_EVENT_QUIT;
	session->state = OVER;
	return true;
}

static bool
take_nothing(struct milter_session *session, struct text data,
    struct milter_event *event)
{
	(void)session;
	(void)data;
	(void)event;
	return false;
}

/* NO_REPLY: the flag which says that the MTA awaits no answer; 0: it never
 * does, or the answer is written elsewhere. */
static const struct rule {
	char command;
	uint32_t no_reply;
	take_function *take;
	enum step step[OVER];
} rules[] = {

#define A ABORT_FIRST
    {MILTER_NEGOTIATE, 0, take_negotiate, {TAKE, BAD, BAD, BAD, BAD, STAY}},
    {MILTER_MACROS, 0, take_macros, {BAD, TAKE, TAKE, TAKE, BAD, STAY}},
    {MILTER_CONNECT, MILTER_NO_REPLY_CONNECT, take_connect,
	{BAD, TAKE, A, A, BAD, STAY}},
    {MILTER_HELO, MILTER_NO_REPLY_HELO, take_helo,
	{BAD, TAKE, A, A, BAD, STAY}},
    {MILTER_MAIL, MILTER_NO_REPLY_MAIL, take_mail,
	{BAD, TAKE, A, A, BAD, STAY}},
    {MILTER_RCPT, MILTER_NO_REPLY_RCPT, take_recipient,
	{BAD, TAKE, TAKE, TAKE, BAD, STAY}},
    {MILTER_DATA, MILTER_NO_REPLY_DATA, take_nothing,
	{BAD, TAKE, TAKE, TAKE, BAD, STAY}},
    {MILTER_UNKNOWN, MILTER_NO_REPLY_UNKNOWN, take_nothing,
	{BAD, TAKE, TAKE, TAKE, BAD, STAY}},
    {MILTER_HEADER, MILTER_NO_REPLY_HEADER, take_field,
	{BAD, BAD, TAKE, BAD, BAD, STAY}},
    {MILTER_END_OF_HEADER, MILTER_NO_REPLY_END_OF_HEADER, take_end_of_header,
	{BAD, BAD, TAKE, BAD, BAD, STAY}},
    {MILTER_BODY, MILTER_NO_REPLY_BODY, take_body,
	{BAD, BAD, HEADER_FIRST, TAKE, BAD, STAY}},
    {MILTER_END_OF_MESSAGE, 0, take_end_of_message,
	{BAD, BAD, HEADER_FIRST, BODY_FIRST, TAKE, STAY}},
    {MILTER_ABORT, 0, take_abort, {BAD, TAKE, TAKE, TAKE, BAD, TAKE}},
    {MILTER_QUIT_NEW, 0, take_quit_new, {BAD, TAKE, A, A, BAD, A}},
    {MILTER_QUIT, 0, take_quit, {TAKE, TAKE, A, A, BAD, A}},
#undef A
};

static const struct rule *
find_rule(char command)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i].command == command)
			return &rules[i];
	return NULL;
}

/* Macros come before their command: those of the next message's MAIL must not
 * be taken for this one's. */
static enum step
find_step(const struct milter_session *session, const struct rule *rule,
    struct text data)
{
	enum step step = rule->step[session->state];

	if (rule->command != MILTER_MACROS || step != TAKE || data.len == 0)
		return step;
	const struct rule *next = find_rule(data.ptr[0]);
	if (next != NULL && next->step[session->state] == ABORT_FIRST)
		return ABORT_FIRST;
	return TAKE;
}

/* An event that is due before the frame at hand. True: here it is. */
static bool
tell_first(struct milter_session *session, enum step step, struct text data,
    struct milter_event *event)
{
	switch (step) {
	case ABORT_FIRST: return take_abort(session, TEXT(""), event);
	case HEADER_FIRST: return take_end_of_header(session, TEXT(""), event);
	case BODY_FIRST:
		session->state = LAST;
		return data.len > 0 && take_body(session, data, event);
	case BAD:
	case TAKE:
	case STAY: break;
	}
	return false;
}

static bool
take_frame(struct milter_session *session, const struct rule *rule,
    struct text data, struct milter_event *event)
{
	if (session->message_over) {
		forget_macros(session, STAGE_MAIL);
		session->message_over = false;
	}
	bool has_event = rule->take(session, data, event);
	if (rule->no_reply != 0 && (session->protocol & rule->no_reply) == 0 &&
	    session->state != OVER)
		milter_frame_write(&session->output, MILTER_CONTINUE, TEXT(""));
	return has_event;
}

/* The frame at hand, with its rule. False: *ret_reason is why there is none,
 * NULL if more bytes are needed. */
static bool
find_frame(struct milter_session *session, struct milter_frame *ret_frame,
    size_t *ret_size, const char **ret_reason)
{
	struct text input = build_view(&session->input);

	*ret_reason = NULL;
	if (build_failed(&session->input))
		*ret_reason = "the MTA sends more than fits";
	else if (build_failed(&session->output))
		*ret_reason = "the MTA does not take its answers";
	if (*ret_reason != NULL)
		return false;
	switch (milter_frame_read(
	    text_slice(input, session->at, input.len), ret_frame, ret_size)) {
	case MILTER_READ_FRAME: return true;
	case MILTER_READ_ERROR: *ret_reason = "wrong frame length"; break;
	case MILTER_READ_MORE: break;
	}
	return false;
}

/* Of a cut frame not all may be there yet. */
static void
take_bytes(struct milter_session *session, size_t size)
{
	size_t held = session->input.len - session->at;

	session->skip = size > held ? size - held : 0;
	session->at += size - session->skip;
}

static bool
find_event(struct milter_session *session, struct milter_event *event)
{
	struct milter_frame frame;
	const char *reason;
	size_t size;

	while (session->state != OVER) {
		*event =
		    (struct milter_event){.name = TEXT(""), .text = TEXT("")};
		if (!find_frame(session, &frame, &size, &reason))
			return reason != NULL && fail(session, event, reason);
		const struct rule *rule = find_rule(frame.command);
		if (rule == NULL)
			return fail(session, event, "unknown command");
		enum step step = find_step(session, rule, frame.data);
		if (step == BAD)
			return fail(session, event, "unexpected command");
		if (step == STAY)
			return false;
		if (step != TAKE) {
			if (tell_first(session, step, frame.data, event))
				return true;
			continue;
		}
		take_bytes(session, size);
		session->is_cut = size > MILTER_FRAME_MAX + LENGTH_SIZE;
		if (take_frame(session, rule, frame.data, event))
			return true;
	}
	return false;
}

bool
milter_session_next(
    struct milter_session *session, struct milter_event *ret_event)
{
	struct milter_event event;

	if (!find_event(session, &event))
		return false;
	*ret_event = event;
	return true;
}

void
milter_session_feed(struct milter_session *session, struct text bytes)
{
	if (session->state == OVER)
		return;
	struct text skipped = text_slice(bytes, 0, session->skip);
	session->skip -= skipped.len;
	build_drop(&session->input, session->at);
	session->at = 0;
	if (session->input.len == 0 && session->input.room > INPUT_KEPT)
		build_free(&session->input);
	build_text(&session->input, text_slice(bytes, skipped.len, bytes.len));
}
