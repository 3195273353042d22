/* Reporter: a thread beside the clerk's own that sends reports, so that import
 * and expiry keep their times while name servers or relays are waited for. */
#ifndef DMARCD_REPORTER_H
#define DMARCD_REPORTER_H

#include "config/setup.h"

struct reporter;

/* SETUP must outlive it. NULL: *ret_problem. */
struct reporter *reporter_new(
    const struct setup *setup, struct problem *ret_problem) MUST_USE;
/* Begins a job. False: the last one goes on, and no other begins. */
bool reporter_begin(struct reporter *reporter) MUST_USE;
/* The job under way is told to stop, and waited for: what is with a relay is
 * finished. NULL is allowed. */
void reporter_free(struct reporter *reporter);

#endif
