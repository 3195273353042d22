/* The identities of a session that SPF checks (RFC 7208 2.3, 2.4). */
#ifndef SPF_IDENTITY_H
#define SPF_IDENTITY_H

#include "spf/check.h"

/* INPUT's helo must be set; these set local and domain, which is "" where there
 * is no usable one: the result is none then (4.3). */
void spf_identify_helo(struct arena *arena, struct spf_input *input);
/* MAIL_FROM with or without <>. True: it is the null sender, whose identity is
 * postmaster@HELO. */
bool spf_identify_mail_from(
    struct arena *arena, struct text mail_from, struct spf_input *input);

#endif
