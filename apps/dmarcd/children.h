/* Children: the processes that the master has started: the table of them, when
 * one may be started again, and when one must be killed. What their news mean
 * is the master's business. */
#ifndef DMARCD_CHILDREN_H
#define DMARCD_CHILDREN_H

#include "base/attr.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

enum {
	CHILDREN_MAX = 64, /* retired filters included */
	PAUSE_MIN = 1,     /* seconds from an end to the next start */
	PAUSE_MAX = 60,
	READY_MAX = 30, /* seconds until a filter must be ready */
};

enum child_kind { FILTER, CLERK, CHILD_KINDS };

/* Runs with the current settings; with the next; with former ones. */
enum child_place { CURRENT, NEXT, RETIRED };

struct child {
	pid_t pid;     /* 0: free */
	size_t number; /* its place in the table */
	enum child_kind kind;
	enum child_place place;
	int ready; /* a pipe, until it said or closed something; then -1 */
	time_t started;
	time_t patience; /* seconds from SIGTERM to SIGKILL */
	bool is_ready;
	bool is_given_up;
};

struct children {
	struct child at[CHILDREN_MAX];

	struct child_pause {
		time_t seconds; /* the last one; 0: none yet */
		time_t until;   /* nothing of this kind is started before */
	} pauses[CHILD_KINDS];
};

/* What the new process does; the status that it ends with. It writes a byte to
 * READY, or closes it. */
typedef int child_run(void *context, const struct child *child, int ready);

const char *child_word(const struct child *child); /* "filter" */
/* Seconds, whatever happens to the wall clock. */
time_t children_now(void);

/* False: *child says what, the log why not. */
bool children_start(struct children *children, struct child child,
    child_run *run, void *context) MUST_USE;
/* Does one of this kind, with the current settings, wait to be started? */
bool children_miss(const struct children *children, enum child_kind kind);
/* CHILD, which FAILED or just ended, is started again after as many seconds as
 * are returned: PAUSE_MIN, and with each failure that follows a life of less
 * than PAUSE_MAX twice as many, up to PAUSE_MAX. */
time_t children_pause(
    struct children *children, const struct child *child, bool failed);
/* What made them fail may be mended: no pauses. */
void children_forgive(struct children *children);

bool children_left(const struct children *children);
/* A filter that was not heard of yet, a clerk for a moment. */
bool children_starting(const struct children *children);
/* Waits for a signal that MASK lets in, for a child that says something, until
 * FD can be read if it is not -1, and no longer than a second. */
void children_wait(
    const struct children *children, int fd, const sigset_t *mask);
/* Is it the filter that takes new connections? */
bool child_serves(const struct child *child);
/* True, once: CHILD is ready. */
bool child_is_ready(struct child *child);
/* The next one that has ended, with its status; it is the caller's to set its
 * pid to 0. NULL: no more. */
struct child *children_ended(struct children *children, int *ret_status);

void children_signal(const struct children *children, int number);
/* Takes the current ones out of service. */
void children_retire(struct children *children);
/* Those who were told to end at BEGAN and have not. */
void children_kill_late(const struct children *children, time_t began);
/* Those who do not get ready in time; says so in the log. */
void children_kill_unready(struct children *children);

#endif
