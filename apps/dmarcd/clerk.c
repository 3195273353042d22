#include "clerk.h"

#include "log.h"

#include "clerk/clerk.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum {
	SECOND = 1000, /* milliseconds */
	REPORT_EVERY = 10 * 60 * SECOND,
	EXPIRE_EVERY = 6 * 60 * 60 * SECOND,
	FIRST_AFTER = SECOND,
};

struct clerk {
	const struct setup *setup;
	const struct config *config;
	struct loop *loop;
	struct resolver *resolver;
	struct store *store;
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
		clerk->store = store_open(
		    arena_cstr(clerk->config->arena, clerk->config->database),
		    true, problem);
	return clerk->store != NULL;
}

static void
give_up(struct clerk *clerk, const char *job, const struct problem *problem)
{
	log_say("%s: %s; it will be tried again", job, problem->text);
	if (clerk->store != NULL)
		store_close(clerk->store);
	clerk->store = NULL;
}

static void
on_import(void *context)
{
	struct clerk *clerk = context;
	struct clerk_import import = {.config = clerk->config, .now = now()};
	struct clerk_imported done = {0};
	struct problem problem = {PROBLEM_NONE, ""};
	const char *path =
	    arena_cstr(clerk->config->arena, clerk->config->history_file);

	if (!open_store(clerk, &problem) ||
	    !clerk_import(&import, clerk->store, path, &done, &problem)) {
		give_up(clerk, "import", &problem);
		return;
	}
	if (done.entries > 0 || done.rejected > 0)
		log_say("imported %llu entries, set aside %llu%s%s",
		    (unsigned long long)done.entries,
		    (unsigned long long)done.rejected,
		    done.rejected > 0 ? " in " : "", done.rejected_file);
}

static void
on_report(void *context)
{
	struct clerk *clerk = context;
	struct clerk_report report = {
	    .config = clerk->config,
	    .now = now(),
	    .date = -1,
	};
	struct clerk_reported done = {0};
	struct problem problem = {PROBLEM_NONE, ""};

	if (!open_store(clerk, &problem) ||
	    !clerk_report(
		&report, clerk->store, clerk->resolver, &done, &problem)) {
		give_up(clerk, "report", &problem);
		return;
	}
	if (done.sent + done.failed > 0)
		log_say("reports: %llu sent, %llu waiting, %llu refused",
		    (unsigned long long)done.sent,
		    (unsigned long long)done.waiting,
		    (unsigned long long)done.failed);
}

static void
on_expire(void *context)
{
	struct clerk *clerk = context;
	struct problem problem = {PROBLEM_NONE, ""};
	uint64_t rows = 0;

	if (!open_store(clerk, &problem) ||
	    !clerk_expire(clerk->store, now(), clerk->config->expire_days,
		&rows, &problem)) {
		give_up(clerk, "expire", &problem);
		return;
	}
	if (rows > 0)
		log_say("deleted %llu old rows", (unsigned long long)rows);
}

static void
on_signal(void *context, int number)
{
	struct clerk *clerk = context;

	(void)number;
	loop_stop(clerk->loop);
}

static void
on_master(void *context, int events)
{
	on_signal(context, events);
}

static bool
open_resolver(struct clerk *clerk, struct problem *problem)
{
	const struct config *config = clerk->config;
	struct resolver_options options = {
	    .timeout = config->dns_timeout * SECOND};

	if (config->nameservers.len > 0)
		options.servers =
		    arena_cstr(config->arena, config->nameservers);
	clerk->resolver =
	    clerk->setup->zone != NULL
		? resolver_new_zone(clerk->loop, clerk->setup->zone)
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
	struct loop_timer *timers[] = {
	    loop_timer_start(
		clerk->loop, FIRST_AFTER, import_every, on_import, clerk),
	    loop_timer_start(
		clerk->loop, FIRST_AFTER * 2, EXPIRE_EVERY, on_expire, clerk),
	    reports ? loop_timer_start(clerk->loop, FIRST_AFTER * 3,
			  REPORT_EVERY, on_report, clerk)
		    : NULL,
	};

	loop_run(clerk->loop);
	for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
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
	clerk.loop = loop_new(&problem);
	if (clerk.loop != NULL && open_resolver(&clerk, &problem))
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
