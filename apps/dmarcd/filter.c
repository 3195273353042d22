#include "filter.h"

#include "confine.h"
#include "log.h"
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WORKERS_MAX = BOARD_WORKERS_MAX };

static const int filter_signals[] = {SIGTERM, SIGINT, FILTER_RETIRE_SIGNAL};

enum { SIGNALS = sizeof filter_signals / sizeof *filter_signals };

struct filter {
	struct loop *loop; /* the main thread's: signals only */
	struct loop_signal *signals[SIGNALS];
	struct loop_watch *master;
	struct worker *workers[WORKERS_MAX];
	pthread_t threads[WORKERS_MAX];
	size_t worker_count;
	size_t thread_count;
	_Atomic size_t running;
};

static void
tell_all(struct filter *filter, enum worker_wish wish)
{
	for (size_t i = 0; i < filter->worker_count; i++)
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
	struct filter *filter = context;

	(void)events;
	log_say("the master is gone; stopping");
	loop_watch_stop(filter->master); /* it reads end of file for ever */
	filter->master = NULL;
	tell_all(filter, WORKER_STOP);
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
count_workers(const struct config *config)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->workers > 0)
		return config->workers;
	if (processors < 1)
		return 1;
	return processors > WORKERS_MAX ? WORKERS_MAX : (size_t)processors;
}

static bool
make_workers(struct filter *filter, const struct filter_options *options,
    struct problem *problem)
{
	struct worker_setup setup = {
	    .setup = options->setup,
	    .sockets = options->sockets,
	    .socket_count = options->socket_count,
	    .milter_count = options->milter_count,
	    .on_done = on_worker_done,
	    .context = filter,
	};
	size_t wanted = count_workers(options->setup->config);

	board_enter(options->number, wanted);
	for (size_t i = 0; i < wanted; i++) {
		setup.number = i;
		filter->workers[i] = worker_new(&setup, problem);
		if (filter->workers[i] == NULL)
			return false;
		filter->worker_count++;
	}
	confine_filter(options->setup->config);
	return true;
}

static bool
start_threads(struct filter *filter, struct problem *problem)
{
	for (size_t i = 0; i < filter->worker_count; i++) {
		atomic_fetch_add(&filter->running, 1);
		if (pthread_create(&filter->threads[i], NULL, run_worker,
			filter->workers[i]) != 0)
			return problem_set(problem, PROBLEM_SYSTEM,
			    "cannot start thread %zu; lower Workers", i + 1);
		filter->thread_count++;
	}
	return true;
}

static void
free_workers(struct filter *filter)
{
	for (size_t i = 0; i < filter->thread_count; i++)
		(void)pthread_join(filter->threads[i], NULL);
	for (size_t i = 0; i < filter->worker_count; i++)
		worker_free(filter->workers[i]);
}

/* Signals, and the master's end. */
static bool
start_listening(struct filter *filter, int master, struct problem *problem)
{
	bool is_good = true;

	for (size_t i = 0; i < SIGNALS; i++) {
		filter->signals[i] = loop_signal_start(
		    filter->loop, filter_signals[i], on_signal, filter);
		is_good = is_good && filter->signals[i] != NULL;
	}
	filter->master = loop_watch_start(
	    filter->loop, master, LOOP_READABLE, on_master, filter);
	loop_on_wake(filter->loop, on_all_done, filter);
	return (is_good && filter->master != NULL) ||
	       problem_set(problem, PROBLEM_SYSTEM, "no memory for signals");
}

static void
stop_listening(struct filter *filter)
{
	if (filter->master != NULL)
		loop_watch_stop(filter->master);
	for (size_t i = 0; i < SIGNALS; i++)
		loop_signal_stop(filter->signals[i]);
}

/* Not earlier: a signal must find its handler and workers to tell. Only in
 * this thread: the workers have inherited that they are blocked. */
static void
let_signals_in(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < SIGNALS; i++)
		(void)sigaddset(&set, filter_signals[i]);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static bool
say_ready(int fd, struct problem *problem)
{
	bool is_said = write(fd, "", 1) == 1;

	if (!is_said)
		(void)problem_set(problem, PROBLEM_SYSTEM,
		    "cannot tell the master: %s", strerror(errno));
	(void)close(fd);
	return is_said;
}

/* Each connection is a descriptor, and the soft limit mostly is 1024. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int
filter_run(const struct filter_options *options)
{
	static struct filter filter;
	struct problem problem = {PROBLEM_NONE, ""};

	log_open("dmarcd filter");
	raise_descriptor_limit();
	filter.loop = loop_new(&problem);
	if (filter.loop != NULL &&
	    start_listening(&filter, options->master, &problem) &&
	    make_workers(&filter, options, &problem) &&
	    start_threads(&filter, &problem) &&
	    say_ready(options->ready, &problem)) {
		let_signals_in();
		loop_run(filter.loop);
	} else {
		log_warn("%s", problem.text);
		tell_all(&filter, WORKER_STOP);
	}
	free_workers(&filter);
	if (filter.loop != NULL)
		stop_listening(&filter);
	loop_free(filter.loop);
	return problem_exit_code(&problem);
}
