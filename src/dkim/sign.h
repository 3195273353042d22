/* Signing mails of our own (RFC 6376 5). */
#ifndef DKIM_SIGN_H
#define DKIM_SIGN_H

#include "crypto/crypto.h"

#include "base/build.h"

/* Who signs. */
struct dkim_signer {
	struct text domain;                 /* d=, A-labels, lower case */
	struct text selector;               /* s=, likewise */
	const struct crypto_secret *secret; /* NULL: nobody */
};

/* Adds the DKIM-Signature field of MAIL, a whole one with CR LF line ends;
 * CR LF ends the field too. TIME, for t=, is the mail's own, so that a repeated
 * mail is the same mail. False: no memory, or MAIL is none. */
bool dkim_sign(struct build *build, struct arena *arena, struct text mail,
    const struct dkim_signer *signer, int64_t time) MUST_USE;

#endif
