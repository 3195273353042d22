/* Timers only note that a job is due; the jobs run between two steps of the
 * loop, one after the other, since they take steps themselves: the question
 * whether we should stop. Reports are begun here, after an import that is due
 * and not amidst of it, so that what they are about is whole, and are sent by a
 * thread of their own. */
#include "clerk.h"

#include "board.h"
#include "confine.h"
#include "desk.h"
#include "log.h"
#include "reporter.h"

#include "clerk/clerk.h"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>

enum {
	SECOND = 1000, /* milliseconds */
	REPORT_EVERY = 10 * 60 * SECOND,
	EXPIRE_EVERY = 6 * 60 * 60 * SECOND,
	FIRST_AFTER = SECOND,
	STEP = 60 * SECOND,
};

struct clerk {
	const struct setup *setup;
	const struct config *config;
	struct loop *loop;
	struct desk desk;
	struct reporter *reporter; /* NULL: no reports are sent */
	const char *history_file;
	uint64_t left; /* bytes taken from it and not read, as far as we know */
	bool is_due[JOBS];
	bool has_warned; /* that anybody may write to the history */
	bool is_stopping;
};

static int64_t
now(void)
{
	return (int64_t)time(NULL);
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
warn(struct clerk *clerk)
{
	if (!clerk->has_warned)
		log_warn("warning: anybody may write to %s, and so forge what "
			 "is reported; if its writers own it or are in its "
			 "group: chmod o-w %s",
		    clerk->history_file, clerk->history_file);
	clerk->has_warned = true;
}

static uint64_t
history_bytes(const struct clerk *clerk)
{
	struct stat status;

	if (clerk->history_file == NULL ||
	    stat(clerk->history_file, &status) != 0 || !S_ISREG(status.st_mode))
		return 0;
	return (uint64_t)status.st_size;
}

static void
note_unread(const struct clerk *clerk)
{
	board_set(FIGURE_IMPORT_UNREAD, clerk->left + history_bytes(clerk));
}

static void
tell_imported(struct clerk *clerk, const struct clerk_imported *done)
{
	desk_done(JOB_IMPORT);
	board_count(0, FIGURE_IMPORT_ENTRIES, done->entries);
	board_count(0, FIGURE_IMPORT_REJECTED, done->rejected);
	if (done->is_open_to_all)
		warn(clerk);
	if (done->rejected > 0)
		log_warn("imported %llu entries, set aside %llu in %s; what is "
			 "wrong with the first: %s",
		    (unsigned long long)done->entries,
		    (unsigned long long)done->rejected, done->rejected_file,
		    done->why);
	else if (done->entries > 0)
		log_say(
		    "imported %llu entries", (unsigned long long)done->entries);
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
	uint64_t before = history_bytes(clerk);
	struct clerk_imported done = {0};
	struct problem problem = {PROBLEM_NONE, ""};

	if (desk_open(&clerk->desk, &problem) &&
	    clerk_import(&job, clerk->desk.store, clerk->history_file, &done,
		&problem)) {
		clerk->left = done.left;
		tell_imported(clerk, &done);
	} else {
		/* Taken then, and perhaps not read. */
		if (history_bytes(clerk) < before)
			clerk->left += before;
		desk_give_up(&clerk->desk, JOB_IMPORT, &problem);
	}
	note_unread(clerk);
}

static void
expire(struct clerk *clerk)
{
	struct problem problem = {PROBLEM_NONE, ""};
	uint64_t rows = 0;

	if (!desk_open(&clerk->desk, &problem) ||
	    !clerk_expire(clerk->desk.store, now(), clerk->config->expire_days,
		false, &rows, &problem)) {
		desk_give_up(&clerk->desk, JOB_EXPIRE, &problem);
		return;
	}
	desk_done(JOB_EXPIRE);
	board_count(0, FIGURE_EXPIRE_ROWS, rows);
	if (rows > 0)
		log_say("deleted %llu old rows", (unsigned long long)rows);
}

/* While the last one goes on it stays due. */
static void
report(struct clerk *clerk)
{
	clerk->is_due[JOB_REPORT] = !reporter_begin(clerk->reporter);
}

static void
run_due(struct clerk *clerk)
{
	static void (*const jobs[JOBS])(struct clerk * clerk) = {
	    [JOB_IMPORT] = import,
	    [JOB_EXPIRE] = expire,
	    [JOB_REPORT] = report,
	};

	for (enum job job = JOB_IMPORT; job < JOBS && !clerk->is_stopping;
	     job++) {
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
open_all(struct clerk *clerk, struct problem *problem)
{
	const struct config *config = clerk->config;

	clerk->desk.database = arena_cstr(config->arena, config->database);
	clerk->history_file = arena_cstr(config->arena, config->history_file);
	clerk->loop = loop_new(problem);
	if (clerk->loop == NULL)
		return false;
	if (config->report_email.len > 0) {
		clerk->reporter = reporter_new(clerk->setup, problem);
		if (clerk->reporter == NULL)
			return false;
	}
	return !arena_failed(config->arena) || problem_no_memory(problem);
}

static void
close_all(struct clerk *clerk)
{
	reporter_free(clerk->reporter);
	desk_close(&clerk->desk);
	loop_free(clerk->loop);
}

static void
work(struct clerk *clerk, int master)
{
	unsigned import_every = clerk->config->import_interval * SECOND;
	struct loop_signal *term =
	    loop_signal_start(clerk->loop, SIGTERM, on_signal, clerk);
	struct loop_signal *interrupt =
	    loop_signal_start(clerk->loop, SIGINT, on_signal, clerk);
	struct loop_watch *watch = loop_watch_start(
	    clerk->loop, master, LOOP_READABLE, on_master, clerk);
	struct loop_timer *timers[JOBS] = {
	    loop_timer_start(clerk->loop, FIRST_AFTER, import_every, on_time,
		&clerk->is_due[JOB_IMPORT]),
	    loop_timer_start(clerk->loop, FIRST_AFTER * 2, EXPIRE_EVERY,
		on_time, &clerk->is_due[JOB_EXPIRE]),
	    clerk->reporter == NULL
		? NULL
		: loop_timer_start(clerk->loop, FIRST_AFTER * 3, REPORT_EVERY,
		      on_time, &clerk->is_due[JOB_REPORT]),
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
	if (open_all(&clerk, &problem) &&
	    confine_clerk(clerk.config, &problem)) {
		work(&clerk, options->master);
	} else {
		note_unread(&clerk);
		desk_give_up(&clerk.desk, JOB_IMPORT, &problem);
	}
	close_all(&clerk);
	return problem_exit_code(&problem);
}
