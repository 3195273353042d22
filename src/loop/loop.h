/* Loop: one thread's event loop: sockets, timers, signals. The only folder
 * that sees libuv. Everything here belongs to the thread that runs the loop,
 * except loop_wake. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/ip.h"
#include "base/problem.h"
#include "base/text.h"

#include <signal.h>
#include <sys/types.h>

struct loop;

struct loop *loop_new(struct problem *ret_problem) MUST_USE;
/* Everything that was opened on it must have been closed; streams that still
 * send get their time here. NULL is allowed. */
void loop_free(struct loop *loop);
/* Until loop_stop, or until nothing is left to wait for. */
void loop_run(struct loop *loop);
/* Waits for one event at most MILLISECONDS long, handles what is there. */
void loop_step(struct loop *loop, unsigned milliseconds);
void loop_stop(struct loop *loop);
/* From any thread: ON_WAKE (loop_on_wake) is called in the loop's thread, once
 * for one wake or several. Being wakeable alone does not keep it running. */
void loop_on_wake(
    struct loop *loop, void (*on_wake)(void *context), void *context);
void loop_wake(struct loop *loop);

int64_t loop_now(const struct loop *loop); /* milliseconds, monotonic */

/* Timers. ON_TIME is called once, or every EVERY milliseconds if not 0. Each
 * must be stopped, also one that has run. */
struct loop_timer;
struct loop_timer *loop_timer_start(struct loop *loop, unsigned after,
    unsigned every, void (*on_time)(void *context), void *context) MUST_USE;
void loop_timer_stop(struct loop_timer *timer); /* NULL is allowed; frees */

/* Signals. */
struct loop_signal;
struct loop_signal *loop_signal_start(struct loop *loop, int number,
    void (*on_signal)(void *context, int number), void *context) MUST_USE;
void loop_signal_stop(struct loop_signal *handle);

/* A file descriptor of somebody else's (c-ares). */
struct loop_watch;

enum { LOOP_READABLE = 1, LOOP_WRITABLE = 2 };
struct loop_watch *loop_watch_start(struct loop *loop, int fd, int events,
    void (*on_event)(void *context, int events), void *context) MUST_USE;
void loop_watch_change(struct loop_watch *watch, int events);
void loop_watch_stop(struct loop_watch *watch); /* does not close the fd */

/* Streams: accepted or connected sockets. */
struct loop_stream;

struct loop_stream_events {
	void (*on_bytes)(void *context, struct text bytes);
	/* The peer closed, or an error; nothing comes after it. The stream
	 * must still be closed. */
	void (*on_end)(void *context);
	void *context;
};

/* A listening socket that is already bound (address_listen, or from the
 * master); several loops may accept from the same one. The fd stays open when
 * the listener is closed. */
struct loop_listener;
struct loop_listener *loop_listener_start(struct loop *loop, int fd,
    void (*on_connection)(void *context, struct loop_stream *stream),
    void *context, struct problem *ret_problem) MUST_USE;
void loop_listener_stop(struct loop_listener *listener);

/* A stream of a connected socket, which it takes over and makes non-blocking.
 * NULL: no memory; FD is closed then too. */
struct loop_stream *loop_stream_open(struct loop *loop, int fd) MUST_USE;

/* Who is at its other end. */
struct loop_peer {
	bool is_local; /* on a unix socket: a process of USER */
	uid_t user;
	struct ip ip; /* else */
};

bool loop_stream_peer(
    const struct loop_stream *stream, struct loop_peer *ret_peer) MUST_USE;

void loop_stream_read(
    struct loop_stream *stream, const struct loop_stream_events *events);
/* Sends a copy of BYTES, in order. TCP_NODELAY is set. */
void loop_stream_write(struct loop_stream *stream, struct text bytes);
/* No further callbacks. What was written is still sent, then it is closed,
 * after five seconds at the latest. Frees. */
void loop_stream_close(struct loop_stream *stream);

#endif
