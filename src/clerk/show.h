/* Show: what a dry run says of a report. */
#ifndef CLERK_SHOW_H
#define CLERK_SHOW_H

#include "clerk/outbox.h"

/* What came of REPORT's deliveries, or would of the rua last seen; its XML goes
 * to job->output, if that is set. False: *outbox->problem. */
bool show_report(struct outbox *outbox, const struct store_report *report,
    bool sealed) MUST_USE;

#endif
