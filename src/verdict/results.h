/* Results: our Authentication-Results field (RFC 8601), one for all methods.
 *
 * What stands in it:
 *  - spf= with smtp.mailfrom, the domain of the MAIL FROM identity; that of the
 *    null sender is postmaster@HELO (RFC 7208 2.4), so then HELO's name;
 *  - a second spf= with smtp.helo, when HELO was another identity and the check
 *    said anything but none;
 *  - dkim= for each signature, or dkim=none;
 *  - dmarc= with header.from and, where a record applies, policy.dmarc: the
 *    policy after the record's own options (sp, np, t), RFC 9989 9.1. What was
 *    really done is not in the field: it says what was found. */
#ifndef VERDICT_RESULTS_H
#define VERDICT_RESULTS_H

#include "verdict/checks.h"

/* JOB: "" unless the authserv-id is to carry it. The value lives in ARENA. */
struct text results_write(const struct verdict *verdict, struct text id,
    struct text job, struct arena *arena);

#endif
