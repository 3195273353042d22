#include "worker.h"

#include "conversation.h"
#include "gate.h"
#include "inquiry.h"
#include "log.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
	SECOND = 1000, /* milliseconds */
	MINUTE = 60 * SECOND,
	CACHE_BYTES = 16 * 1024 * 1024,
	STOP_SECONDS_SPARE = 5, /* over MessageTimeout, then cut off */
};

/* The history cannot be written. */
struct trouble {
	bool is_told;
	int64_t quiet_until; /* milliseconds of loop_now */
	size_t waited;       /* bytes, the most that were seen to wait */
};

struct worker {
	struct worker_setup setup;
	struct loop *loop;
	struct resolver *resolver;
	struct journal *journal;
	struct trouble trouble;
	struct loop_listener **listeners; /* one a socket */
	struct loop_timer *every_second;
	struct loop_timer *deadline; /* of stopping */
	struct guest *guests;
	uint64_t guest_count;
	struct resolver_figures told; /* what the board has of it */
	struct gate gate;
	enum worker_wish state;
	_Atomic enum worker_wish wish;
};

const struct setup *
worker_its_setup(const struct worker *worker)
{
	return worker->setup.setup;
}

struct loop *
worker_loop(struct worker *worker)
{
	return worker->loop;
}

struct resolver *
worker_resolver(struct worker *worker)
{
	return worker->resolver;
}

struct journal *
worker_journal(struct worker *worker)
{
	return worker->journal;
}

bool
worker_is_stopping(const struct worker *worker)
{
	return worker->state == WORKER_STOP;
}

void
worker_count(const struct worker *worker, enum figure figure)
{
	board_count(worker->setup.number, figure, 1);
}

static void
tell_guests(struct worker *worker, int more)
{
	worker->guest_count += (uint64_t)more;
	board_level(
	    worker->setup.number, FIGURE_CONNECTIONS_OPEN, worker->guest_count);
}

static void
end_when_done(struct worker *worker)
{
	if (worker->state != WORKER_GO_ON && worker->guests == NULL)
		loop_stop(worker->loop);
}

void
worker_admit(struct worker *worker, struct guest *guest)
{
	guest->previous = NULL;
	guest->next = worker->guests;
	if (guest->next != NULL)
		guest->next->previous = guest;
	worker->guests = guest;
	tell_guests(worker, 1);
}

void
worker_dismiss(struct worker *worker, struct guest *guest)
{
	if (guest->next != NULL)
		guest->next->previous = guest->previous;
	if (guest->previous != NULL)
		guest->previous->next = guest->next;
	else
		worker->guests = guest->next;
	tell_guests(worker, -1);
	end_when_done(worker);
}

static void
on_connection(void *context, struct loop_stream *stream)
{
	worker_count(context, FIGURE_CONNECTIONS_MILTER);
	if (!conversation_new(context, stream))
		log_warn("no memory for a connection; it was closed");
}

static void
on_inquiry(void *context, struct loop_stream *stream)
{
	struct worker *worker = context;

	if (!gate_admits(&worker->gate, stream)) {
		worker_count(worker, FIGURE_CONNECTIONS_REFUSED);
		log_warn("query: neither QueryUsers nor QueryHosts lets this "
			 "client ask; connection closed");
		loop_stream_close(stream);
		return;
	}
	worker_count(worker, FIGURE_CONNECTIONS_QUERY);
	if (!inquiry_new(worker, stream))
		log_warn("no memory for a query; connection closed");
}

void
worker_say_history_problem(struct worker *worker, const struct problem *problem)
{
	struct trouble *trouble = &worker->trouble;
	size_t waits = journal_kept(worker->journal);

	if (waits > trouble->waited)
		trouble->waited = waits;
	if (loop_now(worker->loop) < trouble->quiet_until)
		return;
	log_warn("history: %s; %zu bytes wait in memory", problem->text, waits);
	trouble->is_told = true;
	trouble->quiet_until = loop_now(worker->loop) + MINUTE;
}

static void
end_trouble(struct trouble *trouble)
{
	if (trouble->is_told)
		log_say("history: written again, %zu bytes that waited are "
			"safe",
		    trouble->waited);
	*trouble = (struct trouble){0};
}

/* What is counted elsewhere, from time to time. */
static void
tell_board(struct worker *worker)
{
	size_t number = worker->setup.number;
	const struct resolver_figures *told = &worker->told;
	struct resolver_figures now;

	resolver_figures(worker->resolver, &now);
	board_count(number, FIGURE_DNS_ASKED, now.asked - told->asked);
	board_count(
	    number, FIGURE_DNS_CACHED, now.from_cache - told->from_cache);
	board_count(number, FIGURE_DNS_SENT, now.sent - told->sent);
	board_count(number, FIGURE_DNS_FAILED, now.failed - told->failed);
	board_count(
	    number, FIGURE_DNS_TIMED_OUT, now.timed_out - told->timed_out);
	board_level(number, FIGURE_CACHE_ENTRIES, now.cache_entries);
	board_level(number, FIGURE_CACHE_BYTES, now.cache_bytes);
	board_level(number, FIGURE_HISTORY_WAITING,
	    worker->journal == NULL ? 0 : journal_kept(worker->journal));
	board_level(number, FIGURE_WORKERS, 1);
	board_beat(number);
	worker->told = now;
}

static void
write_history(struct worker *worker)
{
	struct problem problem = {PROBLEM_NONE, ""};

	if (journal_flush(worker->journal, &problem))
		end_trouble(&worker->trouble);
	else
		worker_say_history_problem(worker, &problem);
}

static void
on_second(void *context)
{
	struct worker *worker = context;

	if (worker->journal != NULL)
		write_history(worker);
	tell_board(worker);
}

static void
on_deadline(void *context)
{
	struct worker *worker = context;

	log_say("stopping: a message under way was given up");
	loop_stop(worker->loop);
}

static void
stop_listening(struct worker *worker)
{
	if (worker->listeners == NULL)
		return;
	for (size_t i = 0; i < worker->setup.socket_count; i++) {
		if (worker->listeners[i] != NULL)
			loop_listener_stop(worker->listeners[i]);
		worker->listeners[i] = NULL;
	}
}

static void
stop_guests(struct worker *worker)
{
	struct guest *guest = worker->guests;

	while (guest != NULL) {
		struct guest *next = guest->next;
		guest->stop(guest);
		guest = next;
	}
}

static void
on_wake(void *context)
{
	struct worker *worker = context;
	enum worker_wish wish = atomic_load(&worker->wish);

	if (wish <= worker->state)
		return;
	worker->state = wish;
	stop_listening(worker);
	if (wish == WORKER_STOP) {
		unsigned seconds =
		    worker->setup.setup->config->message_timeout +
		    STOP_SECONDS_SPARE;
		worker->deadline = loop_timer_start(
		    worker->loop, seconds * SECOND, 0, on_deadline, worker);
		stop_guests(worker);
		if (worker->deadline == NULL)
			on_deadline(worker);
	}
	end_when_done(worker);
}

void
worker_tell(struct worker *worker, enum worker_wish wish)
{
	enum worker_wish before = atomic_load(&worker->wish);

	/* Whoever stops does not go back to retiring. */
	while (wish > before &&
	       !atomic_compare_exchange_weak(&worker->wish, &before, wish))
		;
	loop_wake(worker->loop);
}

static bool
open_resolver(struct worker *worker, struct problem *problem)
{
	const struct setup *setup = worker->setup.setup;
	const struct config *config = setup->config;
	struct resolver_options options = {
	    .timeout = config->dns_timeout * SECOND,
	    .cache_bytes = CACHE_BYTES,
	};

	if (setup->zone != NULL) {
		worker->resolver =
		    resolver_new_zone(worker->loop, setup->zone, problem);
		return worker->resolver != NULL;
	}
	if (config->nameservers.len > 0)
		options.servers =
		    arena_cstr(config->arena, config->nameservers);
	worker->resolver =
	    resolver_new_network(worker->loop, &options, problem);
	return worker->resolver != NULL;
}

static bool
open_journal(struct worker *worker, struct problem *problem)
{
	const struct config *config = worker->setup.setup->config;

	if (config->history_file.len == 0)
		return true;
	worker->journal =
	    journal_open(arena_cstr(config->arena, config->history_file),
		(enum journal_sync)config->history_sync, problem);
	return worker->journal != NULL;
}

static bool
open_listeners(struct worker *worker, struct problem *problem)
{
	size_t count = worker->setup.socket_count;

	worker->listeners = calloc(count, sizeof(struct loop_listener *));
	if (worker->listeners == NULL)
		return problem_no_memory(problem);
	for (size_t i = 0; i < count; i++) {
		bool is_query = i >= worker->setup.milter_count;
		worker->listeners[i] =
		    loop_listener_start(worker->loop, worker->setup.sockets[i],
			is_query ? on_inquiry : on_connection, worker, problem);
		if (worker->listeners[i] == NULL)
			return false;
	}
	return true;
}

struct worker *
worker_new(const struct worker_setup *setup, struct problem *ret_problem)
{
	struct worker *worker = calloc(1, sizeof *worker);

	if (worker == NULL) {
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	worker->setup = *setup;
	worker->loop = loop_new(ret_problem);
	if (worker->loop == NULL || !open_resolver(worker, ret_problem) ||
	    !open_journal(worker, ret_problem) ||
	    !gate_read(setup->setup->config, &worker->gate, ret_problem) ||
	    !open_listeners(worker, ret_problem)) {
		worker_free(worker);
		return NULL;
	}
	loop_on_wake(worker->loop, on_wake, worker);
	worker->every_second =
	    loop_timer_start(worker->loop, SECOND, SECOND, on_second, worker);
	if (worker->every_second == NULL) {
		(void)problem_no_memory(ret_problem);
		worker_free(worker);
		return NULL;
	}
	tell_board(worker);
	return worker;
}

void
worker_run(struct worker *worker)
{
	loop_run(worker->loop);
	stop_listening(worker);
	while (worker->guests != NULL)
		worker->guests->close(worker->guests);
	tell_board(worker);
	worker->setup.on_done(worker->setup.context);
}

static void
close_journal(struct worker *worker)
{
	struct problem problem = {PROBLEM_NONE, ""};

	if (journal_flush(worker->journal, &problem))
		end_trouble(&worker->trouble);
	else
		log_say("history: %s; the entries that waited follow",
		    problem.text);
	journal_each_kept(worker->journal, log_lost_entry);
	journal_close(worker->journal);
}

void
worker_free(struct worker *worker)
{
	stop_listening(worker);
	loop_timer_stop(worker->every_second);
	loop_timer_stop(worker->deadline);
	if (worker->journal != NULL)
		close_journal(worker);
	if (worker->resolver != NULL)
		resolver_free(worker->resolver);
	if (worker->loop != NULL)
		loop_free(worker->loop);
	free(worker->listeners);
	free(worker);
}
