/* Waits are bounded by turns of the loop and a long limit, which only a broken
 * loop reaches; no verdict depends on how long something took. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/build.h"
#include "loop/address.h"
#include "loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIMIT = 20000, STEP = 100, LARGE = 8 << 20 };

/* Runs the loop until *count reaches WANTED; fails after LIMIT. */
static void
run_until(struct loop *loop, const unsigned *count, unsigned wanted)
{
	int64_t end = loop_now(loop) + LIMIT;

	while (*count < wanted && loop_now(loop) < end)
		loop_step(loop, STEP);
	assert_true(*count >= wanted);
}

static struct loop *
new_loop(void)
{
	struct problem problem = {0};
	struct loop *loop = loop_new(&problem);

	assert_non_null(loop);
	return loop;
}

static void
count_time(void *context)
{
	++*(unsigned *)context;
}

/* --- timers, signals, wakes --- */

static void
runs_timers(void **state)
{
	struct loop *loop = new_loop();
	unsigned once = 0;
	unsigned often = 0;
	unsigned never = 0;
	struct loop_timer *timers[] = {
	    loop_timer_start(loop, 1, 0, count_time, &once),
	    loop_timer_start(loop, 0, 1, count_time, &often),
	    loop_timer_start(loop, LIMIT * 10, 0, count_time, &never),
	};

	(void)state;
	run_until(loop, &often, 3);
	run_until(loop, &once, 1);
	assert_int_equal(once, 1);
	assert_int_equal(never, 0);
	for (size_t i = 0; i < 3; i++)
		loop_timer_stop(timers[i]);
	loop_timer_stop(NULL);
	/* Nothing is left to wait for. */
	loop_run(loop);
	loop_free(loop);
}

struct self_stop {
	struct loop *loop;
	struct loop_timer *timer;
	unsigned count;
};

static void
stop_self(void *context)
{
	struct self_stop *self = context;

	self->count++;
	loop_timer_stop(self->timer);
	loop_stop(self->loop);
}

static void
stops_within_callbacks(void **state)
{
	struct self_stop self = {.loop = new_loop()};
	unsigned often = 0;
	struct loop_timer *other =
	    loop_timer_start(self.loop, 1, 1, count_time, &often);

	(void)state;
	self.timer = loop_timer_start(self.loop, 1, 1, stop_self, &self);
	loop_run(self.loop);
	assert_int_equal(self.count, 1);
	loop_timer_stop(other);
	loop_free(self.loop);
}

static void
count_signal(void *context, int number)
{
	assert_int_equal(number, SIGUSR1);
	++*(unsigned *)context;
}

static void
hears_signals(void **state)
{
	struct loop *loop = new_loop();
	unsigned count = 0;
	struct loop_signal *handle =
	    loop_signal_start(loop, SIGUSR1, count_signal, &count);

	(void)state;
	assert_non_null(handle);
	assert_int_equal(raise(SIGUSR1), 0);
	run_until(loop, &count, 1);
	assert_int_equal(raise(SIGUSR1), 0);
	run_until(loop, &count, 2);
	loop_signal_stop(handle);
	assert_null(loop_signal_start(loop, 1000, count_signal, &count));
	loop_free(loop);
}

static void *
wake(void *context)
{
	loop_wake(context);
	return NULL;
}

static void
wakes_from_threads(void **state)
{
	struct loop *loop = new_loop();
	unsigned count = 0;
	pthread_t thread;

	(void)state;
	loop_on_wake(loop, count_time, &count);
	for (unsigned i = 1; i <= 10; i++) {
		assert_int_equal(pthread_create(&thread, NULL, wake, loop), 0);
		run_until(loop, &count, i);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	loop_free(loop);
}

/* --- watches --- */

static void
count_event(void *context, int events)
{
	unsigned *count = context;

	if ((events & LOOP_READABLE) != 0)
		count[0]++;
	if ((events & LOOP_WRITABLE) != 0)
		count[1]++;
}

static void
watches_descriptors(void **state)
{
	struct loop *loop = new_loop();
	unsigned count[2] = {0};
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct loop_watch *watch =
	    loop_watch_start(loop, pair[0], LOOP_READABLE, count_event, count);
	assert_non_null(watch);
	loop_step(loop, 0);
	assert_int_equal(count[0] + count[1], 0);
	assert_int_equal(write(pair[1], "x", 1), 1);
	run_until(loop, &count[0], 1);
	assert_int_equal(count[1], 0);
	loop_watch_change(watch, LOOP_WRITABLE);
	run_until(loop, &count[1], 1);
	loop_watch_stop(watch);
	/* The number may be watched anew at once. */
	watch =
	    loop_watch_start(loop, pair[0], LOOP_READABLE, count_event, count);
	assert_non_null(watch);
	unsigned before = count[0];
	run_until(loop, &count[0], before + 1);
	loop_watch_stop(watch);
	assert_int_equal(close(pair[0]), 0);
	assert_int_equal(close(pair[1]), 0);
	assert_null(
	    loop_watch_start(loop, pair[0], LOOP_READABLE, count_event, count));
	loop_free(loop);
}

/* --- streams --- */

struct peer {
	struct loop_stream *stream;
	struct build bytes;
	unsigned parts;
	unsigned ends;
	bool is_echo;
	bool closes_on_bytes;
};

static void
on_bytes(void *context, struct text bytes)
{
	struct peer *peer = context;

	peer->parts++;
	build_text(&peer->bytes, bytes);
	if (peer->is_echo)
		loop_stream_write(peer->stream, bytes);
	if (peer->closes_on_bytes)
		loop_stream_close(peer->stream);
}

static void
on_end(void *context)
{
	struct peer *peer = context;

	peer->ends++;
}

static void
open_peer(struct loop *loop, int fd, struct peer *peer)
{
	struct loop_stream_events events = {on_bytes, on_end, peer};

	build_init(&peer->bytes, LARGE * 2);
	peer->stream = loop_stream_open(loop, fd);
	assert_non_null(peer->stream);
	loop_stream_read(peer->stream, &events);
}

static void
open_pair(struct loop *loop, struct peer *a, struct peer *b)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	open_peer(loop, pair[0], a);
	open_peer(loop, pair[1], b);
}

static struct text
large_text(void)
{
	char *bytes = malloc(LARGE);

	assert_non_null(bytes);
	for (size_t i = 0; i < LARGE; i++)
		bytes[i] = (char)(i * 7 + i / 256);
	return (struct text){bytes, LARGE};
}

static void
free_large(struct text large)
{
	void *bytes;

	memcpy(&bytes, &large.ptr, sizeof bytes);
	free(bytes);
}

static void
run_until_bytes(struct loop *loop, const struct peer *peer, size_t wanted)
{
	int64_t end = loop_now(loop) + LIMIT;

	while (peer->bytes.len < wanted && loop_now(loop) < end)
		loop_step(loop, STEP);
	assert_int_equal(peer->bytes.len, wanted);
}

static void
echoes(void **state)
{
	struct loop *loop = new_loop();
	struct peer a = {0};
	struct peer b = {.is_echo = true};
	struct text large = large_text();

	(void)state;
	open_pair(loop, &a, &b);
	loop_stream_write(a.stream, TEXT(""));
	loop_stream_write(a.stream, TEXT("one "));
	loop_stream_write(a.stream, large);
	loop_stream_write(a.stream, TEXT(" three"));
	run_until_bytes(loop, &a, LARGE + 10);
	assert_memory_equal(a.bytes.ptr, "one ", 4);
	assert_memory_equal(a.bytes.ptr + 4, large.ptr, LARGE);
	assert_memory_equal(a.bytes.ptr + 4 + LARGE, " three", 6);
	loop_stream_close(a.stream);
	run_until(loop, &b.ends, 1);
	assert_int_equal(a.ends, 0);
	loop_stream_close(b.stream);
	loop_free(loop);
	build_free(&a.bytes);
	build_free(&b.bytes);
	free_large(large);
}

/* What was written still arrives; nothing is told to who has closed. */
static void
closes_while_writing(void **state)
{
	struct loop *loop = new_loop();
	struct peer a = {0};
	struct peer b = {0};
	struct text large = large_text();

	(void)state;
	open_pair(loop, &a, &b);
	loop_stream_write(a.stream, large);
	loop_stream_write(b.stream, TEXT("too late"));
	loop_stream_close(a.stream);
	run_until(loop, &b.ends, 1);
	assert_int_equal(b.bytes.len, LARGE);
	assert_int_equal(a.parts + a.ends, 0);
	loop_stream_close(b.stream);
	loop_free(loop);
	build_free(&a.bytes);
	build_free(&b.bytes);
	free_large(large);
}

/* The peer does not read: it ends after the time for the last bytes. */
static void
closes_when_nobody_reads(void **state)
{
	struct loop *loop = new_loop();
	struct peer a = {0};
	struct text large = large_text();
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	open_peer(loop, pair[0], &a);
	loop_stream_write(a.stream, large);
	loop_stream_close(a.stream);
	loop_free(loop);
	assert_int_equal(close(pair[1]), 0);
	build_free(&a.bytes);
	free_large(large);
}

static void
survives_a_peer_that_is_gone(void **state)
{
	struct loop *loop = new_loop();
	struct peer a = {0};
	struct text large = large_text();
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	open_peer(loop, pair[0], &a);
	assert_int_equal(close(pair[1]), 0);
	loop_stream_write(a.stream, large);
	loop_stream_write(a.stream, TEXT("more"));
	run_until(loop, &a.ends, 1);
	loop_stream_write(a.stream, TEXT("more"));
	for (unsigned i = 0; i < 3; i++)
		loop_step(loop, 1);
	assert_int_equal(a.ends, 1);
	loop_stream_close(a.stream);
	loop_free(loop);
	build_free(&a.bytes);
	free_large(large);
}

static void
closes_within_its_callback(void **state)
{
	struct loop *loop = new_loop();
	struct peer a = {0};
	struct peer b = {.is_echo = true, .closes_on_bytes = true};

	(void)state;
	open_pair(loop, &a, &b);
	loop_stream_write(a.stream, TEXT("bytes"));
	run_until(loop, &a.ends, 1);
	assert_int_equal(a.bytes.len, 5);
	assert_int_equal(b.parts, 1);
	loop_stream_close(a.stream);
	loop_free(loop);
	build_free(&a.bytes);
	build_free(&b.bytes);
}

/* --- listeners --- */

struct server {
	struct peer peers[8];
	unsigned count;
};

static void
on_connection(void *context, struct loop_stream *stream)
{
	struct server *server = context;
	struct peer *peer = &server->peers[server->count++];
	struct loop_stream_events events = {on_bytes, on_end, peer};

	*peer = (struct peer){.stream = stream, .is_echo = true};
	build_init(&peer->bytes, 1000);
	loop_stream_read(stream, &events);
}

static void
close_server(struct server *server)
{
	for (unsigned i = 0; i < server->count; i++) {
		loop_stream_close(server->peers[i].stream);
		build_free(&server->peers[i].bytes);
	}
}

static struct text
temporary_path(char path[64])
{
	(void)snprintf(
	    path, 64, "unix:/tmp/dmarcd-test-%ld.sock", (long)getpid());
	return text_from_cstr(path);
}

/* Two loops wait for the same socket; each connection is one's. */
static void
accepts_in_several_loops(void **state)
{
	struct loop *loops[2] = {new_loop(), new_loop()};
	struct server servers[2] = {0};
	struct loop_listener *listeners[2];
	struct problem problem = {0};
	char path[64];
	struct text address = temporary_path(path);
	int clients[8];
	int fd = address_listen(address, 0600, &problem);

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < 2; i++)
		listeners[i] = loop_listener_start(
		    loops[i], fd, on_connection, &servers[i], &problem);
	for (size_t i = 0; i < 4; i++)
		clients[i] = address_connect(address, &problem);
	run_until(loops[0], &servers[0].count, 4);
	loop_step(loops[1], 1);
	assert_int_equal(servers[1].count, 0);
	loop_listener_stop(listeners[0]);
	for (size_t i = 4; i < 8; i++)
		clients[i] = address_connect(address, &problem);
	run_until(loops[1], &servers[1].count, 4);
	loop_step(loops[0], 1);
	assert_int_equal(servers[0].count, 4);
	for (size_t i = 0; i < 8; i++) {
		char byte = '?';
		struct server *server = &servers[i / 4];
		assert_true(clients[i] >= 0);
		assert_int_equal(write(clients[i], "x", 1), 1);
		run_until(loops[i / 4], &server->peers[i % 4].parts, 1);
		assert_int_equal(read(clients[i], &byte, 1), 1);
		assert_int_equal(byte, 'x');
		assert_int_equal(close(clients[i]), 0);
	}
	loop_listener_stop(listeners[1]);
	for (size_t i = 0; i < 2; i++) {
		close_server(&servers[i]);
		loop_free(loops[i]);
	}
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path + 5), 0);
}

/* Without free descriptors it rests, and goes on when there are some. */
static void
rests_without_descriptors(void **state)
{
	struct loop *loop = new_loop();
	struct server server = {0};
	struct problem problem = {0};
	struct rlimit limit;
	char path[64];
	struct text address = temporary_path(path);
	int fd = address_listen(address, 0600, &problem);
	unsigned turns = 0;

	(void)state;
	struct loop_listener *listener =
	    loop_listener_start(loop, fd, on_connection, &server, &problem);
	int client = address_connect(address, &problem);
	assert_true(client >= 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	struct rlimit low = {
	    .rlim_cur = (rlim_t)client + 1, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	struct loop_timer *timer =
	    loop_timer_start(loop, 1, 1, count_time, &turns);
	run_until(loop, &turns, 3);
	loop_timer_stop(timer);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(server.count, 0);
	run_until(loop, &server.count, 1);
	loop_listener_stop(listener);
	close_server(&server);
	loop_free(loop);
	assert_int_equal(close(client), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path + 5), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(runs_timers),
	    cmocka_unit_test(stops_within_callbacks),
	    cmocka_unit_test(hears_signals),
	    cmocka_unit_test(wakes_from_threads),
	    cmocka_unit_test(watches_descriptors),
	    cmocka_unit_test(echoes),
	    cmocka_unit_test(closes_while_writing),
	    cmocka_unit_test(closes_when_nobody_reads),
	    cmocka_unit_test(survives_a_peer_that_is_gone),
	    cmocka_unit_test(closes_within_its_callback),
	    cmocka_unit_test(accepts_in_several_loops),
	    cmocka_unit_test(rests_without_descriptors),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
