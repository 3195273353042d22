/* Crew: many reports on their way at once, so that a slow server or a domain
 * whose DNS does not answer holds up nobody else's.
 *
 * Each member is a thread with a database connection, a resolver and a relay of
 * its own, and does what one clerk alone does; leases keep them apart. Of a
 * domain one report is under way at a time. */
#ifndef CLERK_CREW_H
#define CLERK_CREW_H

#include "clerk/outbox.h"

struct crew;

/* Up to MOST at once, for OUTBOX's job and with its sender; what OUTBOX has open
 * stays open meanwhile. NULL: *ret_problem. Members come as there is work for
 * them. */
struct crew *crew_new(const struct outbox *outbox, unsigned most,
    struct problem *ret_problem) MUST_USE;

enum crew_answer {
	CREW_TAKEN,
	CREW_LATER, /* its domain is under way: after crew_finish, again */
	CREW_ENDED, /* the job said stop, or a member has failed */
};

/* Copies REPORT; waits while all are busy, and asks job->should_stop. */
enum crew_answer crew_offer(
    struct crew *crew, const struct store_report *report);
/* Waits until all that was taken is done. True: or left, since the relay takes
 * fewer connections; what is due is to be offered again. */
bool crew_finish(struct crew *crew) MUST_USE;
/* What is under way is finished, nothing else is begun. Adds to *outbox->
 * reported. False: *ret_problem, the first of any member. */
bool crew_end(struct crew *crew, struct problem *ret_problem) MUST_USE;

#endif
