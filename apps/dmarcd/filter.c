#include "filter.h"

#include "log.h"
#include "worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sysexits.h>
#include <unistd.h>

enum { WORKERS_MAX = 256 };

struct filter {
	struct loop *loop; /* the main thread's: signals only */
	struct worker *workers[WORKERS_MAX];
	pthread_t threads[WORKERS_MAX];
	size_t count;
	_Atomic size_t running;
};

static void
tell_all(struct filter *filter, enum worker_wish wish)
{
	for (size_t i = 0; i < filter->count; i++)
		worker_tell(filter->workers[i], wish);
}

static void
on_signal(void *context, int number)
{
	bool retires = number == FILTER_RETIRE_SIGNAL;

	tell_all(context, retires ? WORKER_RETIRE : WORKER_STOP);
}

static void
on_master(void *context, int events)
{
	(void)events;
	log_say("the master is gone; stopping");
	tell_all(context, WORKER_STOP);
}

/* In the last worker's thread. */
static void
on_worker_done(void *context)
{
	struct filter *filter = context;

	if (atomic_fetch_sub(&filter->running, 1) == 1)
		loop_wake(filter->loop);
}

static void
on_all_done(void *context)
{
	struct filter *filter = context;

	loop_stop(filter->loop);
}

static void *
run_worker(void *worker)
{
	worker_run(worker);
	return NULL;
}

static size_t
worker_count(const struct config *config)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->workers > 0)
		return config->workers;
	if (processors < 1)
		return 1;
	return processors > WORKERS_MAX ? WORKERS_MAX : (size_t)processors;
}

static bool
start_workers(struct filter *filter, const struct filter_options *options,
    struct problem *problem)
{
	struct worker_setup setup = {
	    .setup = options->setup,
	    .sockets = options->sockets,
	    .socket_count = options->socket_count,
	    .on_done = on_worker_done,
	    .context = filter,
	};
	size_t wanted = worker_count(options->setup->config);

	for (size_t i = 0; i < wanted; i++) {
		struct worker *worker = worker_new(&setup, problem);
		if (worker == NULL)
			return false;
		filter->workers[i] = worker;
		atomic_fetch_add(&filter->running, 1);
		if (pthread_create(
			&filter->threads[i], NULL, run_worker, worker) != 0) {
			worker_free(worker);
			return problem_set(problem, PROBLEM_SYSTEM,
			    "cannot start thread %zu; lower Workers", i + 1);
		}
		filter->count++;
	}
	return true;
}

static void
join_workers(struct filter *filter)
{
	for (size_t i = 0; i < filter->count; i++) {
		(void)pthread_join(filter->threads[i], NULL);
		worker_free(filter->workers[i]);
	}
}

/* Signals and the master's end, until all workers are done. */
static void
supervise(struct filter *filter, int master)
{
	struct loop_signal *signals[] = {
	    loop_signal_start(filter->loop, SIGTERM, on_signal, filter),
	    loop_signal_start(filter->loop, SIGINT, on_signal, filter),
	    loop_signal_start(
		filter->loop, FILTER_RETIRE_SIGNAL, on_signal, filter),
	};
	struct loop_watch *watch = loop_watch_start(
	    filter->loop, master, LOOP_READABLE, on_master, filter);

	loop_run(filter->loop);
	if (watch != NULL)
		loop_watch_stop(watch);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		if (signals[i] != NULL)
			loop_signal_stop(signals[i]);
	}
}

int
filter_run(const struct filter_options *options)
{
	static struct filter filter;
	struct problem problem = {PROBLEM_NONE, ""};

	log_open("dmarcd filter");
	filter.loop = loop_new(&problem);
	if (filter.loop == NULL) {
		log_say("%s", problem.text);
		return problem_exit_code(&problem);
	}
	loop_on_wake(filter.loop, on_all_done, &filter);
	if (!start_workers(&filter, options, &problem)) {
		log_say("%s", problem.text);
		tell_all(&filter, WORKER_STOP);
	} else {
		supervise(&filter, options->master);
	}
	join_workers(&filter);
	loop_free(filter.loop);
	return problem_exit_code(&problem);
}
