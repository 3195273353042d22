/* Desk: where one thread of the clerk's does its jobs: its connection to the
 * database, and what became of each job, for the board and the log. */
#ifndef DMARCD_DESK_H
#define DMARCD_DESK_H

#include "store/store.h"

enum job { JOB_IMPORT, JOB_EXPIRE, JOB_REPORT, JOBS };

struct desk {
	const char *database;
	struct store *store; /* opened when first needed, and after a loss */
};

bool desk_open(struct desk *desk, struct problem *ret_problem) MUST_USE;
void desk_close(struct desk *desk);
void desk_done(enum job job);
/* Also closes it: the next job may have more luck with a new connection. */
void desk_give_up(
    struct desk *desk, enum job job, const struct problem *problem);

#endif
