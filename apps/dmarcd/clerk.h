/* Clerk: the process beside mail: imports the history, sends reports, deletes
 * what is old, on a schedule. SQL and libcurl live here; when it crashes or
 * waits for a database, mail goes on. */
#ifndef DMARCD_CLERK_H
#define DMARCD_CLERK_H

#include "config/setup.h"

struct clerk_options {
	const struct setup *setup;
	int master; /* reads end of file when the master is gone */
};

/* The process's whole life; the exit status. */
int clerk_run(const struct clerk_options *options);

#endif
