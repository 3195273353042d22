/* Timers only note that a job is due; the jobs run between two steps of the
 * loop, one after the other, since they take steps themselves: a report's DNS,
 * and the question whether we should stop. */
#include "clerk.h"

#include "board.h"
#include "confine.h"
#include "log.h"

#include "clerk/clerk.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	SECOND = 1000, /* milliseconds */
	REPORT_EVERY = 10 * 60 * SECOND,
	EXPIRE_EVERY = 6 * 60 * 60 * SECOND,
	FIRST_AFTER = SECOND,
	STEP = 60 * SECOND,
	HOST_NAME_BYTES = 256,
};

enum job { IMPORT, EXPIRE, REPORT, JOBS };

static const struct {
	const char *word;
	enum figure last; /* when it succeeded */
	enum figure failures;
	enum board_place place; /* of what its last failure was */
} board_rows[JOBS] = {
    [IMPORT] = {"import", FIGURE_IMPORT_LAST, FIGURE_IMPORT_FAILURES,
	BOARD_IMPORT},
    [EXPIRE] = {"expire", FIGURE_EXPIRE_LAST, FIGURE_EXPIRE_FAILURES,
	BOARD_EXPIRE},
    [REPORT] = {"report", FIGURE_REPORT_LAST, FIGURE_REPORT_FAILURES,
	BOARD_REPORT},
};

struct clerk {
	const struct setup *setup;
	const struct config *config;
	struct loop *loop;
	struct resolver *resolver;
	struct store *store;
	/* The options as C strings, in the configuration's arena. */
	const char *database, *history_file, *nameservers;
	bool is_due[JOBS];
	bool has_warned; /* that anybody may write to the history */
	bool is_stopping;
};

static int64_t
now(void)
{
	return (int64_t)time(NULL);
}

/* The database, opened when first needed and again after it was lost. */
static bool
open_store(struct clerk *clerk, struct problem *problem)
{
	if (clerk->store == NULL)
		clerk->store = store_open(clerk->database, true, problem);
	return clerk->store != NULL;
}

static void
give_up(struct clerk *clerk, enum job job, const struct problem *problem)
{
	board_count(0, board_rows[job].failures, 1);
	board_note(board_rows[job].place, text_from_cstr(problem->text));
	log_warn("%s: %s%s", board_rows[job].word, problem->text,
	    problem->kind == PROBLEM_CONFIG ? "" : "; it will be tried again");
	if (clerk->store != NULL)
		store_close(clerk->store);
	clerk->store = NULL;
}

/* A signal may have come while a job was at work. */
static bool
should_stop(void *context)
{
	struct clerk *clerk = context;

	loop_step(clerk->loop, 0);
	return clerk->is_stopping;
}

static void
note_done(enum job job)
{
	board_set(board_rows[job].last, (uint64_t)now());
}

static void
warn(struct clerk *clerk)
{
	if (!clerk->has_warned)
		log_warn("warning: anybody may write to %s, and so forge what "
			 "is reported; if its writers own it or are in its "
			 "group: chmod o-w %s",
		    clerk->history_file, clerk->history_file);
	clerk->has_warned = true;
}

static void
import(struct clerk *clerk)
{
	struct clerk_import job = {
	    .config = clerk->config,
	    .now = now(),
	    .should_stop = should_stop,
	    .context = clerk,
	};
	struct clerk_imported done = {0};
	struct problem problem = {PROBLEM_NONE, ""};

	if (!open_store(clerk, &problem) ||
	    !clerk_import(
		&job, clerk->store, clerk->history_file, &done, &problem)) {
		give_up(clerk, IMPORT, &problem);
		return;
	}
	note_done(IMPORT);
	board_count(0, FIGURE_IMPORT_ENTRIES, done.entries);
	board_count(0, FIGURE_IMPORT_REJECTED, done.rejected);
	if (done.is_open_to_all)
		warn(clerk);
	if (done.entries > 0 || done.rejected > 0)
		log_say("imported %llu entries, set aside %llu%s%s",
		    (unsigned long long)done.entries,
		    (unsigned long long)done.rejected,
		    done.rejected > 0 ? " in " : "", done.rejected_file);
}

static void
report(struct clerk *clerk)
{
	char host[HOST_NAME_BYTES] = "localhost";
	struct clerk_report job = {
	    .config = clerk->config,
	    .dmarc = &clerk->setup->checks.dmarc,
	    .now = now(),
	    .date = -1,
	    .node = text_from_cstr(host),
	    .should_stop = should_stop,
	    .context = clerk,
	};
	struct clerk_reported done = {0};
	struct problem problem = {PROBLEM_NONE, ""};

	(void)gethostname(host, sizeof host - 1);
	if (!open_store(clerk, &problem) ||
	    !clerk_report(
		&job, clerk->store, clerk->resolver, &done, &problem)) {
		give_up(clerk, REPORT, &problem);
		return;
	}
	note_done(REPORT);
	board_count(0, FIGURE_REPORT_SENT, done.sent);
	board_count(0, FIGURE_REPORT_REFUSED, done.failed);
	board_set(FIGURE_REPORT_WAITING, done.waiting);
	if (done.sent + done.failed > 0)
		log_say("reports: %llu sent, %llu waiting, %llu refused",
		    (unsigned long long)done.sent,
		    (unsigned long long)done.waiting,
		    (unsigned long long)done.failed);
}

static void
expire(struct clerk *clerk)
{
	struct problem problem = {PROBLEM_NONE, ""};
	uint64_t rows = 0;

	if (!open_store(clerk, &problem) ||
	    !clerk_expire(clerk->store, now(), clerk->config->expire_days,
		false, &rows, &problem)) {
		give_up(clerk, EXPIRE, &problem);
		return;
	}
	note_done(EXPIRE);
	board_count(0, FIGURE_EXPIRE_ROWS, rows);
	if (rows > 0)
		log_say("deleted %llu old rows", (unsigned long long)rows);
}

static void
run_due(struct clerk *clerk)
{
	static void (*const jobs[JOBS])(struct clerk * clerk) = {
	    [IMPORT] = import,
	    [EXPIRE] = expire,
	    [REPORT] = report,
	};

	for (enum job job = IMPORT; job < JOBS && !clerk->is_stopping; job++) {
		if (!clerk->is_due[job])
			continue;
		clerk->is_due[job] = false;
		jobs[job](clerk);
	}
}

static void
on_time(void *context)
{
	bool *is_due = context;

	*is_due = true;
}

static void
on_signal(void *context, int number)
{
	struct clerk *clerk = context;

	(void)number;
	clerk->is_stopping = true;
}

static void
on_master(void *context, int events)
{
	on_signal(context, events);
}

static bool
copy_options(struct clerk *clerk, struct problem *problem)
{
	const struct config *config = clerk->config;

	clerk->database = arena_cstr(config->arena, config->database);
	clerk->history_file = arena_cstr(config->arena, config->history_file);
	clerk->nameservers = arena_cstr(config->arena, config->nameservers);
	return !arena_failed(config->arena) || problem_no_memory(problem);
}

static bool
open_resolver(struct clerk *clerk, struct problem *problem)
{
	const struct config *config = clerk->config;
	struct resolver_options options = {
	    .timeout = config->dns_timeout * SECOND};

	if (config->nameservers.len > 0)
		options.servers = clerk->nameservers;
	clerk->resolver =
	    clerk->setup->zone != NULL
		? resolver_new_zone(clerk->loop, clerk->setup->zone, problem)
		: resolver_new_network(clerk->loop, &options, problem);
	return clerk->resolver != NULL;
}

static void
work(struct clerk *clerk, int master)
{
	bool reports = clerk->config->report_email.len > 0;
	unsigned import_every = clerk->config->import_interval * SECOND;
	struct loop_signal *term =
	    loop_signal_start(clerk->loop, SIGTERM, on_signal, clerk);
	struct loop_signal *interrupt =
	    loop_signal_start(clerk->loop, SIGINT, on_signal, clerk);
	struct loop_watch *watch = loop_watch_start(
	    clerk->loop, master, LOOP_READABLE, on_master, clerk);
	struct loop_timer *timers[JOBS] = {
	    loop_timer_start(clerk->loop, FIRST_AFTER, import_every, on_time,
		&clerk->is_due[IMPORT]),
	    loop_timer_start(clerk->loop, FIRST_AFTER * 2, EXPIRE_EVERY,
		on_time, &clerk->is_due[EXPIRE]),
	    reports ? loop_timer_start(clerk->loop, FIRST_AFTER * 3,
			  REPORT_EVERY, on_time, &clerk->is_due[REPORT])
		    : NULL,
	};

	while (!clerk->is_stopping) {
		loop_step(clerk->loop, STEP);
		run_due(clerk);
	}
	for (size_t i = 0; i < JOBS; i++)
		loop_timer_stop(timers[i]);
	loop_watch_stop(watch);
	loop_signal_stop(interrupt);
	loop_signal_stop(term);
}

int
clerk_run(const struct clerk_options *options)
{
	struct clerk clerk = {
	    .setup = options->setup,
	    .config = options->setup->config,
	};
	struct problem problem = {PROBLEM_NONE, ""};

	log_open("dmarcd clerk");
	if (copy_options(&clerk, &problem))
		clerk.loop = loop_new(&problem);
	if (clerk.loop != NULL && open_resolver(&clerk, &problem) &&
	    confine_clerk(clerk.config, &problem))
		work(&clerk, options->master);
	else
		log_say("%s", problem.text);
	if (clerk.store != NULL)
		store_close(clerk.store);
	if (clerk.resolver != NULL)
		resolver_free(clerk.resolver);
	if (clerk.loop != NULL)
		loop_free(clerk.loop);
	return problem_exit_code(&problem);
}
