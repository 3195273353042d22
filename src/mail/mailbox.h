/* Mailbox: which addresses are one mailbox, by custom rather than by RFC 5321:
 * upper and lower case are alike, also before the '@', and "user+tag@domain" is
 * in the mailbox of "user@domain" (RFC 5233). */
#ifndef MAIL_MAILBOX_H
#define MAIL_MAILBOX_H

#include "base/text.h"

struct mailbox {
	struct text user;
	struct text tag;    /* "+tag", or "" */
	struct text domain; /* "@domain" */
};

/* Any bytes; what has no '@' has no domain. */
struct mailbox mailbox_read(struct text address);
/* Tags aside. */
bool mailbox_is_same(struct text a, struct text b);
/* Does mail to ADDRESS arrive in MAILBOX? "user" has all of his tags; a
 * mailbox with a tag has that alone. */
bool mailbox_has(struct text mailbox, struct text address);

#endif
