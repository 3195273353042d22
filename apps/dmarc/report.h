/* Reporting, as dmarc report and opendmarc-reports do it. */
#ifndef DMARC_REPORT_H
#define DMARC_REPORT_H

#include "tool.h"

#include "clerk/clerk.h"

/* A Policy Domain as typed, in the form that reports have it. */
struct text report_domain(struct arena *arena, struct text typed);

/* Does JOB, all of which is set but dmarc and now, with what job->config says of
 * the store and of DNS. */
bool report_run(const struct tool *tool, const struct clerk_report *job,
    struct clerk_reported *ret_done, struct problem *problem) MUST_USE;

#endif
