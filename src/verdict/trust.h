/* Trust: TrustedSenders, who may pass on other people's mail. A line is
 *
 *	ip ADDRESS[/BITS]            the client's address
 *	dkim DOMAIN|.DOMAIN          a signature of d= that passes
 *	spf DOMAIN|.DOMAIN           MAIL FROM's domain, and SPF passes; HELO's
 *	                             never counts
 *	list-id ID [dkim|spf DOMAIN] the one List-Id field (RFC 2919), and
 *	                             besides, since anybody can write it, such a
 *	                             signature, with List-Id in its h=, or MAIL
 *	                             FROM; of a domain at or above ID when the
 *	                             line names none
 *
 * ID too may be .ID, for all below. */
#ifndef VERDICT_TRUST_H
#define VERDICT_TRUST_H

#include "verdict/roster.h"

#include "dkim/check.h"

#include "base/ip.h"

struct trust {
	struct roster roster;
	bool has_prefix[2][129]; /* networks so long: of IPv4, of IPv6 */
};

/* What is known of who sent a message. */
struct trust_sender {
	struct ip client;       /* version 0: not known */
	struct text spf_domain; /* of MAIL FROM, with SPF pass; else "" */
	const struct dkim_results *dkim;
	const struct mail_header *header;
};

/* NULL: *ret_problem says which line and why. */
const struct trust *trust_read(struct arena *arena, struct text text,
    const char *name, struct problem *ret_problem) MUST_USE;
/* A line that holds for SENDER, or NULL. */
const struct roster_entry *trust_find(
    const struct trust *trust, const struct trust_sender *sender);
bool trust_is_list(
    const struct roster_entry *line); /* it begins with list-id */

#endif
