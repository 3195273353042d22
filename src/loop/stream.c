/* Plan: plain sockets under uv_poll, not libuv's streams: several loops may
 * poll one listening socket, writes never raise SIGPIPE, and what is written
 * goes out at once when the socket takes it.
 *
 * A stream's life: open, perhaps ended (the peer closed; told once), closing
 * (the owner closed; what was written is still sent), gone. Its struct is
 * freed when libuv has let go of both handles. */
#include "loop/inside.h"

#include "base/build.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LINGER = 5000,         /* milliseconds for the last bytes */
	ACCEPT_REST = 100,     /* milliseconds without descriptors to give */
	ACCEPT_AT_ONCE = 64,   /* then the other sockets get their turn */
	DISCARD_AT_MOST = 16,  /* reads */
	UNSENT_MAX = 64 << 20, /* more than any owner should let it become */
};

struct loop_stream {
	uv_poll_t poll; /* first, so that its address is the stream's */
	uv_timer_t linger;
	int fd;
	unsigned handles; /* that libuv still holds */
	struct loop *loop;
	struct loop_stream_events events;
	struct build unsent;
	size_t sent; /* of unsent; dropped now and then */
	bool is_reading;
	bool is_broken; /* a write failed: the end is still to be told */
	bool is_ended;  /* told */
	bool is_closing;
	bool is_gone;
};

struct loop_listener {
	uv_poll_t poll; /* first, so that its address is the listener's */
	uv_timer_t rest;
	unsigned handles;
	struct loop *loop;
	int fd;
	void (*on_connection)(void *context, struct loop_stream *stream);
	void *context;
	bool is_stopped;
};

/* --- streams --- */

static void on_stream(uv_poll_t *uv, int status, int events);

static bool
is_passing(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static bool
must_tell_break(const struct loop_stream *stream)
{
	return stream->is_broken && stream->is_reading && !stream->is_ended &&
	       !stream->is_closing;
}

/* Tells libuv what this stream waits for now. */
static void
update_poll(struct loop_stream *stream)
{
	int events = 0;

	if (stream->is_gone)
		return;
	if (stream->is_reading && !stream->is_ended && !stream->is_closing)
		events |= UV_READABLE;
	if (stream->unsent.len > 0 || must_tell_break(stream))
		events |= UV_WRITABLE;
	if (events == 0)
		(void)uv_poll_stop(&stream->poll);
	else
		(void)uv_poll_start(&stream->poll, events, on_stream);
}

static void
on_stream_closed(uv_handle_t *handle)
{
	struct loop_stream *stream = handle->data;

	if (--stream->handles > 0)
		return;
	build_free(&stream->unsent);
	free(stream);
}

/* Closing a socket with bytes unread resets the connection, and the peer may
 * lose what was sent last. */
static void
discard_unread(struct loop_stream *stream)
{
	struct loop *loop = stream->loop;

	for (unsigned n = 0; n < DISCARD_AT_MOST; n++)
		if (recv(stream->fd, loop->bytes, sizeof loop->bytes, 0) <= 0)
			return;
}

/* The end of its life: nothing is left to send, or no more time for it. */
static void
let_go(struct loop_stream *stream)
{
	if (stream->is_gone)
		return;
	stream->is_gone = true;
	discard_unread(stream);
	uv_close((uv_handle_t *)&stream->poll, on_stream_closed);
	uv_close((uv_handle_t *)&stream->linger, on_stream_closed);
	/* libuv's poll handle has let go of it in uv_close. */
	(void)close(stream->fd);
}

static void
forget_unsent(struct loop_stream *stream)
{
	build_free(&stream->unsent);
	stream->sent = 0;
}

static void
break_stream(struct loop_stream *stream)
{
	stream->is_broken = true;
	forget_unsent(stream);
}

/* Sends what the socket takes of BYTES now; how much that was. */
static size_t
send_now(struct loop_stream *stream, struct text bytes)
{
	size_t sent = 0;

	while (sent < bytes.len) {
		ssize_t len = send(stream->fd, bytes.ptr + sent,
		    bytes.len - sent, MSG_NOSIGNAL);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && !is_passing(errno))
			break_stream(stream);
		if (len <= 0)
			break;
		sent += (size_t)len;
	}
	return sent;
}

static void
send_unsent(struct loop_stream *stream)
{
	struct build *unsent = &stream->unsent;

	size_t sent = send_now(
	    stream, text_slice(build_view(unsent), stream->sent, unsent->len));
	if (stream->is_broken)
		return;
	stream->sent += sent;
	if (stream->sent == unsent->len) {
		forget_unsent(stream);
	} else if (stream->sent > unsent->len / 2) {
		build_drop(unsent, stream->sent);
		stream->sent = 0;
	}
}

static void
tell_end(struct loop_stream *stream)
{
	stream->is_ended = true;
	stream->events.on_end(stream->events.context);
}

static void
receive(struct loop_stream *stream)
{
	struct loop *loop = stream->loop;
	ssize_t len = recv(stream->fd, loop->bytes, sizeof loop->bytes, 0);

	if (len > 0)
		stream->events.on_bytes(stream->events.context,
		    (struct text){loop->bytes, (size_t)len});
	else if (len == 0 || !is_passing(errno))
		tell_end(stream);
}

static void
on_stream(uv_poll_t *uv, int status, int events)
{
	struct loop_stream *stream = (struct loop_stream *)uv;

	if (status < 0)
		break_stream(stream);
	else if ((events & UV_WRITABLE) != 0)
		send_unsent(stream);
	if (stream->is_closing) {
		if (stream->unsent.len == 0)
			let_go(stream);
		return;
	}
	if (must_tell_break(stream))
		tell_end(stream);
	else if ((events & UV_READABLE) != 0 && stream->is_reading &&
		 !stream->is_ended)
		receive(stream);
	update_poll(stream);
}

struct loop_stream *
loop_stream_open(struct loop *loop, int fd)
{
	struct loop_stream *stream = calloc(1, sizeof *stream);
	int on = 1;

	if (stream == NULL || uv_poll_init(&loop->uv, &stream->poll, fd) != 0) {
		free(stream);
		(void)close(fd);
		return NULL;
	}
	(void)uv_timer_init(&loop->uv, &stream->linger);
	stream->poll.data = stream;
	stream->linger.data = stream;
	stream->handles = 2;
	stream->fd = fd;
	stream->loop = loop;
	build_init(&stream->unsent, UNSENT_MAX);
	/* Fails for unix sockets, which do not need it. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return stream;
}

int
loop_stream_fd(const struct loop_stream *stream)
{
	return stream->fd;
}

void
loop_stream_read(
    struct loop_stream *stream, const struct loop_stream_events *events)
{
	stream->events = *events;
	stream->is_reading = true;
	update_poll(stream);
}

void
loop_stream_write(struct loop_stream *stream, struct text bytes)
{
	size_t sent = 0;

	if (stream->is_broken || stream->is_closing)
		return;
	if (stream->unsent.len == 0)
		sent = send_now(stream, bytes);
	if (!stream->is_broken)
		build_text(&stream->unsent, text_slice(bytes, sent, bytes.len));
	if (build_failed(&stream->unsent))
		break_stream(stream);
	update_poll(stream);
}

static void
on_linger_end(uv_timer_t *timer)
{
	let_go(timer->data);
}

void
loop_stream_close(struct loop_stream *stream)
{
	if (stream == NULL || stream->is_closing)
		return;
	stream->is_closing = true;
	if (stream->unsent.len == 0) {
		let_go(stream);
		return;
	}
	uv_update_time(&stream->loop->uv);
	(void)uv_timer_start(&stream->linger, on_linger_end, LINGER, 0);
	update_poll(stream);
}

/* --- listeners --- */

static void on_listener(uv_poll_t *uv, int status, int events);

static void
on_rest_end(uv_timer_t *timer)
{
	struct loop_listener *listener = timer->data;

	(void)uv_poll_start(&listener->poll, UV_READABLE, on_listener);
}

/* Without free descriptors the socket stays readable: wait, do not spin. */
static void
rest(struct loop_listener *listener)
{
	(void)uv_poll_stop(&listener->poll);
	uv_update_time(&listener->loop->uv);
	(void)uv_timer_start(&listener->rest, on_rest_end, ACCEPT_REST, 0);
}

/* The next connection, or -1. */
static int
accept_one(struct loop_listener *listener)
{
	int fd = accept(listener->fd, NULL, NULL);

	if (fd >= 0) {
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		return fd;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	    errno == ENOMEM)
		rest(listener);
	return -1;
}

static void
on_listener(uv_poll_t *uv, int status, int events)
{
	struct loop_listener *listener = (struct loop_listener *)uv;

	(void)events;
	if (status < 0) {
		rest(listener);
		return;
	}
	for (unsigned n = 0; n < ACCEPT_AT_ONCE && !listener->is_stopped; n++) {
		/* Nobody there: another loop was faster. */
		int fd = accept_one(listener);
		if (fd < 0)
			return;
		struct loop_stream *stream =
		    loop_stream_open(listener->loop, fd);
		if (stream != NULL)
			listener->on_connection(listener->context, stream);
	}
}

struct loop_listener *
loop_listener_start(struct loop *loop, int fd,
    void (*on_connection)(void *context, struct loop_stream *stream),
    void *context, struct problem *ret_problem)
{
	struct loop_listener *listener = calloc(1, sizeof *listener);
	int error = listener == NULL
			? UV_ENOMEM
			: uv_poll_init(&loop->uv, &listener->poll, fd);

	if (error != 0) {
		free(listener);
		(void)problem_set(ret_problem, PROBLEM_SYSTEM,
		    "cannot wait for connections: %s", uv_strerror(error));
		return NULL;
	}
	(void)uv_timer_init(&loop->uv, &listener->rest);
	listener->poll.data = listener;
	listener->rest.data = listener;
	listener->handles = 2;
	listener->loop = loop;
	listener->fd = fd;
	listener->on_connection = on_connection;
	listener->context = context;
	(void)uv_poll_start(&listener->poll, UV_READABLE, on_listener);
	return listener;
}

static void
on_listener_closed(uv_handle_t *handle)
{
	struct loop_listener *listener = handle->data;

	if (--listener->handles == 0)
		free(listener);
}

void
loop_listener_stop(struct loop_listener *listener)
{
	if (listener == NULL)
		return;
	listener->is_stopped = true;
	uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
	uv_close((uv_handle_t *)&listener->rest, on_listener_closed);
}
