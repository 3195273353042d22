/* Filter: the process that judges mail: one worker for each thread. It has no
 * SQL, no HTTP client, no credentials, and starts no program. */
#ifndef DMARCD_FILTER_H
#define DMARCD_FILTER_H

#include "config/setup.h"

#include <signal.h>

struct filter_options {
	const struct setup *setup;
	const int *sockets;
	size_t socket_count;
	size_t milter_count; /* the others are for queries */
	int master;          /* reads end of file when the master is gone */
	int ready;           /* gets one byte when mail is served */
	size_t number;       /* among the children */
};

/* SIGUSR2 tells it to retire (serve what is open, take nothing new): after a
 * reload another filter has taken its place. */
enum { FILTER_RETIRE_SIGNAL = SIGUSR2 };

/* The process's whole life; the exit status. The signals that it takes (this
 * one, SIGTERM, SIGINT) must be blocked; it lets them in when it is ready. */
int filter_run(const struct filter_options *options);

#endif
