/* Worker: one thread of the filter, with its own loop, resolver, cache and
 * history writer. Workers share the setup, which never changes, and the
 * listening sockets; nothing else. */
#ifndef DMARCD_WORKER_H
#define DMARCD_WORKER_H

#include "board.h"

#include "config/setup.h"
#include "journal/journal.h"
#include "resolve/resolver.h"

struct worker_setup {
	size_t number; /* among the filter's, from 0 on */
	const struct setup *setup;
	const int *sockets; /* listening */
	size_t socket_count;
	size_t milter_count;            /* the others are for queries */
	void (*on_done)(void *context); /* in the worker's thread, at its end */
	void *context;
};

struct worker;

/* Makes it, without running it. NULL: *ret_problem. */
struct worker *worker_new(
    const struct worker_setup *setup, struct problem *ret_problem) MUST_USE;
/* In its thread: until it was told to stop and has nothing left to do. */
void worker_run(struct worker *worker);
void worker_free(struct worker *worker);

/* From any thread. STOP: take no connections, finish the messages that are
 * under way, close the rest. RETIRE: take no connections, serve those that are
 * open until the MTA closes them. */
enum worker_wish { WORKER_GO_ON, WORKER_RETIRE, WORKER_STOP };

void worker_tell(struct worker *worker, enum worker_wish wish);

/* A connection of either kind, in the worker's care from admit to dismiss. */
struct guest {
	/* Closes now if nothing is under way, else right after its answer. */
	void (*stop)(struct guest *guest);
	/* Closes now, whatever is under way, and frees. */
	void (*close)(struct guest *guest);
	struct guest *previous;
	struct guest *next;
};

void worker_admit(struct worker *worker, struct guest *guest);
void worker_dismiss(struct worker *worker, struct guest *guest);

/* For guests. */
/* One more of FIGURE, a FIGURE_COUNT. */
void worker_count(const struct worker *worker, enum figure figure);
const struct setup *worker_its_setup(const struct worker *worker);
struct loop *worker_loop(struct worker *worker);
struct resolver *worker_resolver(struct worker *worker);
struct journal *worker_journal(struct worker *worker); /* NULL: no history */
bool worker_is_stopping(const struct worker *worker);
/* The history could not be written: says so in the log when it begins and at
 * most once a minute. When it is written again the worker says that itself. */
void worker_say_history_problem(
    struct worker *worker, const struct problem *problem);

#endif
