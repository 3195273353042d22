/* Plan: a thread for each job, one at a time. Its loop, resolver and database
 * stay for the next one; while no thread is there they are nobody's. */
#include "reporter.h"

#include "board.h"
#include "desk.h"
#include "log.h"

#include "clerk/clerk.h"
#include "loop/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SECOND = 1000 /* milliseconds */ };

struct reporter {
	const struct setup *setup;
	struct loop *loop;
	struct resolver *resolver;
	struct desk desk;
	pthread_t thread;
	bool has_thread; /* to be joined */
	atomic_bool is_done;
	atomic_bool is_stopping;
};

/* --- the thread --- */

static bool
should_stop(void *context)
{
	struct reporter *reporter = context;

	return atomic_load(&reporter->is_stopping);
}

/* None was taken, so it is the relay more likely than who the reports are for. */
static void
fail(struct desk *desk, const struct clerk_reported *done)
{
	struct problem problem = {PROBLEM_NONE, ""};

	(void)problem_set(&problem, PROBLEM_TEMPORARY,
	    "none of %llu was handed over: %s", (unsigned long long)done->later,
	    done->later_words);
	desk_give_up(desk, JOB_REPORT, &problem);
}

static void
tell(struct desk *desk, const struct clerk_reported *done)
{
	board_set(FIGURE_REPORT_WAITING, done->waiting);
	if (done->sent == 0 && done->later > 0)
		fail(desk, done);
	else
		desk_done(JOB_REPORT);
	if (done->sent + done->failed > 0)
		log_say("reports: %llu sent, %llu waiting, %llu refused",
		    (unsigned long long)done->sent,
		    (unsigned long long)done->waiting,
		    (unsigned long long)done->failed);
}

static void
report(struct reporter *reporter)
{
	char node[CLERK_NODE_BYTES];
	struct clerk_report job = {
	    .config = reporter->setup->config,
	    .dmarc = &reporter->setup->checks.dmarc,
	    .now = (int64_t)time(NULL),
	    .date = -1,
	    .node = clerk_node(node),
	    .should_stop = should_stop,
	    .context = reporter,
	};
	struct clerk_reported done = {0};
	struct problem problem = {PROBLEM_NONE, ""};

	bool good = desk_open(&reporter->desk, &problem) &&
		    clerk_report(&job, reporter->desk.store, reporter->resolver,
			&done, &problem);
	/* Also what came before it failed. */
	board_count(0, FIGURE_REPORT_SENT, done.sent);
	board_count(0, FIGURE_REPORT_REFUSED, done.failed);
	if (good)
		tell(&reporter->desk, &done);
	else
		desk_give_up(&reporter->desk, JOB_REPORT, &problem);
}

static void *
run(void *context)
{
	struct reporter *reporter = context;

	report(reporter);
	atomic_store(&reporter->is_done, true);
	return NULL;
}

/* --- the clerk's side --- */

static bool
open_resolver(struct reporter *reporter, struct problem *ret_problem)
{
	const struct setup *setup = reporter->setup;
	const struct config *config = setup->config;
	struct resolver_options options = {
	    .timeout = config->dns_timeout * SECOND};

	if (config->nameservers.len > 0)
		options.servers =
		    arena_cstr(config->arena, config->nameservers);
	reporter->resolver =
	    setup->zone != NULL
		? resolver_new_zone(reporter->loop, setup->zone, ret_problem)
		: resolver_new_network(reporter->loop, &options, ret_problem);
	return reporter->resolver != NULL;
}

struct reporter *
reporter_new(const struct setup *setup, struct problem *ret_problem)
{
	struct reporter *reporter = calloc(1, sizeof *reporter);
	const struct config *config = setup->config;

	if (reporter == NULL) {
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	reporter->setup = setup;
	reporter->desk.database = arena_cstr(config->arena, config->database);
	reporter->loop = loop_new(ret_problem);
	if (reporter->loop == NULL || !open_resolver(reporter, ret_problem)) {
		reporter_free(reporter);
		return NULL;
	}
	return reporter;
}

static void
join(struct reporter *reporter)
{
	if (reporter->has_thread)
		(void)pthread_join(reporter->thread, NULL);
	reporter->has_thread = false;
}

bool
reporter_begin(struct reporter *reporter)
{
	struct problem problem = {PROBLEM_NONE, ""};

	if (reporter->has_thread && !atomic_load(&reporter->is_done))
		return false;
	join(reporter);
	atomic_store(&reporter->is_done, false);
	int error = thread_start(&reporter->thread, run, reporter);
	reporter->has_thread = error == 0;
	if (error != 0) {
		(void)problem_set(&problem, PROBLEM_TEMPORARY,
		    "no thread can be started: %s", strerror(error));
		desk_give_up(&reporter->desk, JOB_REPORT, &problem);
	}
	return true;
}

void
reporter_free(struct reporter *reporter)
{
	if (reporter == NULL)
		return;
	atomic_store(&reporter->is_stopping, true);
	join(reporter);
	desk_close(&reporter->desk);
	resolver_free(reporter->resolver);
	loop_free(reporter->loop);
	free(reporter);
}
