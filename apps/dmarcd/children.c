#define _GNU_SOURCE /* ppoll */
#include "children.h"

#include "filter.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *
child_word(const struct child *child)
{
	static const char *const words[CHILD_KINDS] = {"filter", "clerk"};

	return words[child->kind];
}

time_t
children_now(void)
{
	struct timespec time = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* --- start --- */

static struct child *
free_child(struct children *children)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		if (children->at[i].pid == 0)
			return &children->at[i];
	}
	return NULL;
}

static bool
cannot_start(const struct child *child, const char *why)
{
	log_warn("cannot start the %s: %s", child_word(child), why);
	return false;
}

bool
children_start(struct children *children, struct child child, child_run *run,
    void *context)
{
	struct child *slot = free_child(children);
	int ready[2];

	child.started = children_now();
	children->pauses[child.kind].until = child.started + PAUSE_MIN;
	if (slot == NULL)
		return cannot_start(&child, "too many retired processes");
	if (pipe(ready) != 0)
		return cannot_start(&child, strerror(errno));
	child.number = (size_t)(slot - children->at);
	child.ready = ready[0];
	(void)fcntl(child.ready, F_SETFL, O_NONBLOCK);
	(void)fflush(NULL);
	child.pid = fork();
	if (child.pid == 0) {
		(void)close(child.ready);
		_exit(run(context, &child, ready[1]));
	}
	(void)close(ready[1]);
	if (child.pid < 0) {
		(void)cannot_start(&child, strerror(errno));
		(void)close(ready[0]);
		return false;
	}
	*slot = child;
	return true;
}

static bool
is_running(const struct children *children, enum child_kind kind)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		const struct child *child = &children->at[i];
		if (child->pid != 0 && child->kind == kind &&
		    child->place == CURRENT)
			return true;
	}
	return false;
}

bool
children_miss(const struct children *children, enum child_kind kind)
{
	return !is_running(children, kind) &&
	       children_now() >= children->pauses[kind].until;
}

time_t
children_pause(
    struct children *children, const struct child *child, bool failed)
{
	struct child_pause *pause = &children->pauses[child->kind];
	time_t lived = children_now() - child->started;

	if (!failed || lived >= PAUSE_MAX || pause->seconds == 0)
		pause->seconds = PAUSE_MIN;
	else if (pause->seconds < PAUSE_MAX / 2)
		pause->seconds *= 2;
	else
		pause->seconds = PAUSE_MAX;
	pause->until = children_now() + pause->seconds;
	return pause->seconds;
}

void
children_forgive(struct children *children)
{
	memset(children->pauses, 0, sizeof children->pauses);
}

/* --- news --- */

static bool
is_starting(const struct child *child)
{
	return child->pid != 0 && child->ready >= 0;
}

bool
children_starting(const struct children *children)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		if (is_starting(&children->at[i]))
			return true;
	}
	return false;
}

bool
children_left(const struct children *children)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		if (children->at[i].pid != 0)
			return true;
	}
	return false;
}

void
children_wait(const struct children *children, int fd, const sigset_t *mask)
{
	static const struct timespec second = {.tv_sec = 1};
	struct pollfd fds[CHILDREN_MAX + 1] = {{.fd = fd, .events = POLLIN}};
	nfds_t count = 1;

	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		const struct child *child = &children->at[i];
		if (is_starting(child))
			fds[count++] = (struct pollfd){
			    .fd = child->ready, .events = POLLIN};
	}
	(void)ppoll(fds, count, &second, mask);
}

bool
child_serves(const struct child *child)
{
	return child->pid != 0 && child->kind == FILTER &&
	       child->place == CURRENT && child->is_ready;
}

bool
child_is_ready(struct child *child)
{
	char byte;

	if (!is_starting(child))
		return false;
	ssize_t len = read(child->ready, &byte, 1);
	if (len < 0)
		return false; /* not yet */
	(void)close(child->ready);
	child->ready = -1;
	child->is_ready = len == 1;
	return child->is_ready;
}

struct child *
children_ended(struct children *children, int *ret_status)
{
	for (pid_t pid; (pid = waitpid(-1, ret_status, WNOHANG)) > 0;) {
		for (size_t i = 0; i < CHILDREN_MAX; i++) {
			if (children->at[i].pid == pid)
				return &children->at[i];
		}
	}
	return NULL;
}

/* --- end --- */

void
children_signal(const struct children *children, int number)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		if (children->at[i].pid != 0)
			(void)kill(children->at[i].pid, number);
	}
}

/* The old filter serves the connections that it has until they end, so that no
 * session is dropped. */
void
children_retire(struct children *children)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		struct child *child = &children->at[i];
		if (child->pid == 0 || child->place != CURRENT)
			continue;
		child->place = RETIRED;
		(void)kill(child->pid,
		    child->kind == FILTER ? FILTER_RETIRE_SIGNAL : SIGTERM);
	}
}

void
children_kill_late(const struct children *children, time_t began)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		const struct child *child = &children->at[i];
		if (child->pid != 0 && children_now() > began + child->patience)
			(void)kill(child->pid, SIGKILL);
	}
}

void
children_kill_unready(struct children *children)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		struct child *child = &children->at[i];
		if (!is_starting(child) || child->is_given_up ||
		    children_now() < child->started + READY_MAX)
			continue;
		log_warn("the %s is not ready after %d seconds; it is killed",
		    child_word(child), READY_MAX);
		child->is_given_up = true;
		(void)kill(child->pid, SIGKILL);
	}
}
