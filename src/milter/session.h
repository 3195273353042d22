/* Session: one MTA connection as a pure state table: bytes in, events out;
 * answers in, bytes out. Order of commands, negotiation, macros and what needs
 * a reply are decided here; what a message means is not.
 *
 *	milter_session_feed(session, bytes);
 *	while (milter_session_next(session, &event))
 *		… answer END_OF_MESSAGE and, when asked, the others …
 *	send milter_session_output(session), then milter_session_sent.
 */
#ifndef MILTER_SESSION_H
#define MILTER_SESSION_H

#include "milter/protocol.h"

#include "base/ip.h"

enum milter_event_kind {
	MILTER_EVENT_CONNECT,   /* ip, text = host name */
	MILTER_EVENT_HELO,      /* text */
	MILTER_EVENT_MAIL,      /* text = the path with <> as sent */
	MILTER_EVENT_RECIPIENT, /* text = likewise; only if wanted */
	MILTER_EVENT_FIELD,     /* name, text = value */
	MILTER_EVENT_END_OF_HEADER,
	MILTER_EVENT_BODY,           /* text */
	MILTER_EVENT_END_OF_MESSAGE, /* must be answered, now or later */
	MILTER_EVENT_ABORT,          /* the message is over without an answer */
	MILTER_EVENT_QUIT,  /* close after what is in the output is sent */
	MILTER_EVENT_ERROR, /* text says what was wrong; close at once */
};

struct milter_event {
	enum milter_event_kind kind;
	struct ip ip; /* version 0: local or unknown */
	struct text name;
	struct text text; /* good until the next call with this session */
};

struct milter_session;

struct milter_session *milter_session_new(void) MUST_USE;
void milter_session_free(struct milter_session *session);
/* Before the first bytes: an action to negotiate beside those on header fields
 * and quarantine; milter_session_may tells whether the MTA allowed it. */
void milter_session_want(struct milter_session *session, uint32_t action);
/* Likewise: MILTER_EVENT_RECIPIENT for each that the MTA accepted. */
void milter_session_want_recipients(struct milter_session *session);

/* Copies BYTES in. Bounded: after an over-long frame the session only says
 * MILTER_EVENT_ERROR. */
void milter_session_feed(struct milter_session *session, struct text bytes);
/* False: no event at hand. After END_OF_MESSAGE nothing comes until it has
 * been answered, except ABORT and QUIT. */
bool milter_session_next(
    struct milter_session *session, struct milter_event *ret_event) MUST_USE;

/* A macro's value as the MTA last gave it for this stage or an earlier one:
 * "i" or "{auth_authen}", with or without braces; "" if it did not. */
struct text milter_session_macro(
    const struct milter_session *session, struct text name);
/* Was leading white space of header values negotiated? */
bool milter_session_leading_space(const struct milter_session *session);
/* May we change header fields and quarantine, as the MTA allowed? */
bool milter_session_may(const struct milter_session *session, uint32_t action);

/* Answers to END_OF_MESSAGE: any modifications, then one final answer, all in
 * one piece of output. INDEX 0 is above the MTA's own Received field. */
void milter_insert_field(struct milter_session *session, uint32_t index,
    struct text name, struct text value);
/* The NTH (from 1) field called NAME goes away. Delete from the highest down,
 * since the MTA counts anew after each. */
void milter_delete_field(
    struct milter_session *session, struct text name, uint32_t nth);
/* ADDRESS without <>. */
void milter_add_recipient(struct milter_session *session, struct text address);
void milter_quarantine(struct milter_session *session, struct text reason);
/* False: the changes were too many to be sent whole, so the MTA was told to
 * try again later instead. */
bool milter_accept(struct milter_session *session);
/* No filter of ours gives these two answers; whoever writes another may. */
void milter_continue(struct milter_session *session);
void milter_tempfail(struct milter_session *session);
/* CODE "550", STATUS "5.7.1", one line of TEXT: '%' doubled as the protocol
 * wants, CR, LF and other controls become '?', cut at 980 bytes. */
void milter_reply(struct milter_session *session, const char *code,
    const char *status, struct text text);
/* "Still working": the MTA's time-out begins anew. */
void milter_progress(struct milter_session *session);

/* What is to be sent; milter_session_sent forgets the first LEN bytes. */
struct text milter_session_output(const struct milter_session *session);
void milter_session_sent(struct milter_session *session, size_t len);

#endif
