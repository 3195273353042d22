/* Message: a fold that takes a message file in pieces of any size and gives
 * its header fields and its body. Line ends may be LF or CR LF; both come out
 * as CR LF, since that is what was signed; a CR alone is data. The body goes to
 * a callback piece by piece and is never held.
 *
 * The header ends at the first empty line, or, as MTAs do it, right before the
 * first line that is neither a field (RFC 5322 ftext and a colon) nor begins
 * with white space: that line belongs to the body. */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include "mail/header.h"

struct mail_message;

/* BODY is called for each piece of body, after the header is complete; END
 * when the header is complete, also when there is no body at all. */
struct mail_message_sink {
	void (*end_of_header)(void *context, const struct mail_header *header);
	void (*body)(void *context, struct text piece);
	void *context;
};

/* In ARENA. The header found is complete when end_of_header is called. */
struct mail_message *mail_message_new(
    struct arena *arena, const struct mail_message_sink *sink) MUST_USE;
void mail_message_feed(struct mail_message *message, struct text piece);
/* False: this is no message (empty, or its first line is no header field), or
 * there was no memory. Then neither header nor body was given. An mbox "From "
 * line at the very beginning is skipped. */
bool mail_message_finish(struct mail_message *message) MUST_USE;

#endif
