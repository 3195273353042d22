/* Required: how often a field may stand in a header (RFC 5322 3.6), for who
 * wants mail refused that breaks this. */
#ifndef VERDICT_REQUIRED_H
#define VERDICT_REQUIRED_H

#include "mail/header.h"

/* The first rule that is broken, "no Date field" or "several To fields"; "" when
 * none is. Lives in ARENA. */
struct text required_find(
    struct arena *arena, const struct mail_header *header) MUST_USE;

#endif
