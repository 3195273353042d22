/* Plan: each thing that can be waited for is a libuv handle in a struct of
 * ours. Stopping one closes the handle at once and frees the struct when libuv
 * has let go of it, which is in a later turn of the loop; so a callback may
 * stop anything, itself too. */
#include "loop/inside.h"

#include <assert.h>
#include <stdlib.h>

struct loop_timer {
	uv_timer_t uv; /* first, so that its address is the timer's */
	void (*on_time)(void *context);
	void *context;
};

struct loop_signal {
	uv_signal_t uv;
	void (*on_signal)(void *context, int number);
	void *context;
};

struct loop_watch {
	uv_poll_t uv;
	int events;
	void (*on_event)(void *context, int events);
	void *context;
};

static void
on_wake(uv_async_t *wake)
{
	struct loop *loop = wake->data;

	if (loop->on_wake != NULL)
		loop->on_wake(loop->context);
}

static void
on_step_end(uv_timer_t *timer)
{
	(void)timer;
}

static bool
open_own_handles(struct loop *loop)
{
	if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0)
		return false;
	loop->wake.data = loop;
	/* Being wakeable is no reason to go on. */
	uv_unref((uv_handle_t *)&loop->wake);
	(void)uv_timer_init(&loop->uv, &loop->step);
	return true;
}

struct loop *
loop_new(struct problem *ret_problem)
{
	struct loop *loop = calloc(1, sizeof *loop);

	if (loop != NULL && uv_loop_init(&loop->uv) == 0) {
		if (open_own_handles(loop))
			return loop;
		(void)uv_loop_close(&loop->uv);
	}
	free(loop);
	(void)problem_set(ret_problem, PROBLEM_SYSTEM,
	    "cannot make an event loop: no memory or no file descriptors");
	return NULL;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	uv_close((uv_handle_t *)&loop->wake, NULL);
	uv_close((uv_handle_t *)&loop->step, NULL);
	/* Handles that are closing, streams that send their last bytes. */
	while (uv_loop_close(&loop->uv) != 0)
		(void)uv_run(&loop->uv, UV_RUN_ONCE);
	free(loop);
}

void
loop_run(struct loop *loop)
{
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void
loop_step(struct loop *loop, unsigned milliseconds)
{
	if (milliseconds == 0) {
		(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
		return;
	}
	uv_update_time(&loop->uv);
	(void)uv_timer_start(&loop->step, on_step_end, milliseconds, 0);
	(void)uv_run(&loop->uv, UV_RUN_ONCE);
	(void)uv_timer_stop(&loop->step);
}

void
loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

void
loop_on_wake(
    struct loop *loop, void (*on_wake_function)(void *context), void *context)
{
	loop->on_wake = on_wake_function;
	loop->context = context;
}

void
loop_wake(struct loop *loop)
{
	(void)uv_async_send(&loop->wake);
}

int64_t
loop_now(const struct loop *loop)
{
	(void)loop;
	return (int64_t)(uv_hrtime() / 1000000);
}

static void
free_handle(uv_handle_t *handle)
{
	free(handle);
}

/* --- timers --- */

static void
on_timer(uv_timer_t *uv)
{
	struct loop_timer *timer = (struct loop_timer *)uv;

	timer->on_time(timer->context);
}

struct loop_timer *
loop_timer_start(struct loop *loop, unsigned after, unsigned every,
    void (*on_time)(void *context), void *context)
{
	struct loop_timer *timer = calloc(1, sizeof *timer);

	if (timer == NULL)
		return NULL;
	timer->on_time = on_time;
	timer->context = context;
	(void)uv_timer_init(&loop->uv, &timer->uv);
	/* libuv counts from the begin of this turn of the loop. */
	uv_update_time(&loop->uv);
	(void)uv_timer_start(&timer->uv, on_timer, after, every);
	return timer;
}

void
loop_timer_stop(struct loop_timer *timer)
{
	if (timer != NULL)
		uv_close((uv_handle_t *)&timer->uv, free_handle);
}

/* --- signals --- */

static void
on_signal_number(uv_signal_t *uv, int number)
{
	struct loop_signal *handle = (struct loop_signal *)uv;

	handle->on_signal(handle->context, number);
}

struct loop_signal *
loop_signal_start(struct loop *loop, int number,
    void (*on_signal)(void *context, int number), void *context)
{
	struct loop_signal *handle = calloc(1, sizeof *handle);

	if (handle == NULL)
		return NULL;
	handle->on_signal = on_signal;
	handle->context = context;
	if (uv_signal_init(&loop->uv, &handle->uv) != 0) {
		free(handle);
		return NULL;
	}
	if (uv_signal_start(&handle->uv, on_signal_number, number) != 0) {
		uv_close((uv_handle_t *)&handle->uv, free_handle);
		return NULL;
	}
	return handle;
}

void
loop_signal_stop(struct loop_signal *handle)
{
	if (handle != NULL)
		uv_close((uv_handle_t *)&handle->uv, free_handle);
}

/* --- descriptors of others --- */

static_assert(UV_READABLE == (int)LOOP_READABLE, "passed on as they are");
static_assert(UV_WRITABLE == (int)LOOP_WRITABLE, "passed on as they are");

static void
on_poll(uv_poll_t *uv, int status, int events)
{
	struct loop_watch *watch = (struct loop_watch *)uv;

	/* The owner's own call will tell him which error. libuv has stopped
	 * watching, the owner perhaps has not done with the descriptor. */
	if (status < 0) {
		events = LOOP_READABLE | LOOP_WRITABLE;
		loop_watch_change(watch, watch->events);
	}
	watch->on_event(
	    watch->context, events & (LOOP_READABLE | LOOP_WRITABLE));
}

struct loop_watch *
loop_watch_start(struct loop *loop, int fd, int events,
    void (*on_event)(void *context, int events), void *context)
{
	struct loop_watch *watch = calloc(1, sizeof *watch);

	if (watch == NULL)
		return NULL;
	watch->on_event = on_event;
	watch->context = context;
	if (uv_poll_init(&loop->uv, &watch->uv, fd) != 0) {
		free(watch);
		return NULL;
	}
	loop_watch_change(watch, events);
	return watch;
}

void
loop_watch_change(struct loop_watch *watch, int events)
{
	watch->events = events;
	(void)uv_poll_start(&watch->uv, events, on_poll);
}

void
loop_watch_stop(struct loop_watch *watch)
{
	if (watch != NULL)
		uv_close((uv_handle_t *)&watch->uv, free_handle);
}
