/* The job: seal what is finished, then send what is sealed and due; or, as a
 * dry run, show both. Reports are listed first and handled after, so that the
 * store is not read and written at once. */
#include "clerk/clerk.h"
#include "clerk/outbox.h"

#include "config/setup.h"
#include "dns/name.h"

#include <unistd.h>

enum {
	LIST_ARENA_MAX = 512 * 1024 * 1024,
	SENDER_ARENA_MAX = 64 * 1024,
	HOST_NAME_MAX_BYTES = 256,
};

/* Reports, copied out of the store. */
struct list {
	struct arena *arena;
	VEC(struct store_report) reports;
};

/* --- listing --- */

static void
copy_policy(struct arena *arena, struct report_policy *policy)
{
	struct text *texts[] = {&policy->domain, &policy->p, &policy->sp,
	    &policy->np, &policy->adkim, &policy->aspf, &policy->fo,
	    &policy->testing, &policy->discovery_method};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_copy(arena, *texts[i]);
}

static bool
add_report(void *context, const struct store_report *report)
{
	struct list *list = context;
	struct store_report *copy = vec_push(list->arena, &list->reports);

	if (copy == NULL)
		return false;
	*copy = *report;
	copy->id = arena_copy(list->arena, report->id);
	copy_policy(list->arena, &copy->policy);
	copy->rua.at = NULL;
	copy->rua.count = copy->rua.room = 0;
	for (size_t i = 0; i < report->rua.count; i++) {
		struct text *uri = vec_push(list->arena, &copy->rua);
		if (uri != NULL)
			*uri = arena_copy(list->arena, report->rua.at[i]);
	}
	return !arena_failed(list->arena);
}

/* A period, both ends included. */
struct period {
	int64_t begin;
	int64_t end;
};

/* The reports that begin in PERIOD: SEALED, or as they stand. To be freed by
 * arena_free in any case. */
static bool
list_reports(const struct outbox *outbox, struct period period, bool sealed,
    struct list *ret_list)
{
	struct text domain = outbox->job->domain;
	bool done = false;

	*ret_list = (struct list){.arena = arena_new(LIST_ARENA_MAX)};
	if (ret_list->arena != NULL && sealed)
		done =
		    store_for_each_report(outbox->store, domain, period.begin,
			period.end, add_report, ret_list, outbox->problem);
	else if (ret_list->arena != NULL)
		done =
		    store_preview_reports(outbox->store, domain, period.begin,
			period.end, add_report, ret_list, outbox->problem);
	if (ret_list->arena == NULL || arena_failed(ret_list->arena))
		return problem_set(
		    outbox->problem, PROBLEM_SYSTEM, "no memory");
	return done;
}

/* --- periods --- */

static struct period
period_of(const struct config *config, int64_t time)
{
	int64_t interval = config->report_interval;
	int64_t begin = time - time % interval;

	return (struct period){begin, begin + interval - 1};
}

/* The period asked for, or all of time. */
static struct period
asked_period(const struct clerk_report *job)
{
	if (job->date >= 0)
		return period_of(job->config, job->date);
	return (struct period){0, INT64_MAX};
}

/* --- a dry run --- */

static bool
show_list(struct outbox *outbox, struct period period, bool sealed)
{
	struct list list;
	bool done = list_reports(outbox, period, sealed, &list);

	for (size_t i = 0; done && i < list.reports.count; i++) {
		bool is_shown = true;
		/* Without a date only what a real run would touch. */
		if (sealed && outbox->job->date < 0)
			done = outbox_is_due(
			    outbox, &list.reports.at[i], &is_shown);
		if (done && is_shown)
			done = outbox_show(outbox, &list.reports.at[i], sealed);
	}
	arena_free(list.arena);
	return done;
}

/* Every period from the oldest message to the last one that is finished. */
static bool
show_finished(struct outbox *outbox)
{
	const struct config *config = outbox->job->config;
	struct store_figures figures;

	if (!store_figures(outbox->store, &figures, outbox->problem))
		return false;
	if (figures.oldest == 0)
		return true;
	struct period period = period_of(config, figures.oldest);
	while (period.end + config->report_delay < outbox->job->now) {
		if (!show_list(outbox, period, false))
			return false;
		period = period_of(config, period.end + 1);
	}
	return true;
}

static bool
show_all(struct outbox *outbox)
{
	struct period asked = asked_period(outbox->job);

	if (!show_list(outbox, asked, true))
		return false;
	return outbox->job->date >= 0 ? show_list(outbox, asked, false)
				      : show_finished(outbox);
}

/* --- the real thing --- */

static bool
send_all(struct outbox *outbox)
{
	const struct clerk_report *job = outbox->job;
	uint64_t sealed;
	struct list list;

	if (!store_seal(outbox->store, job->now, job->config->report_interval,
		job->config->report_delay, &sealed, outbox->problem))
		return false;
	bool done = list_reports(outbox, asked_period(job), true, &list);
	for (size_t i = 0; done && i < list.reports.count; i++)
		done = outbox_send(outbox, &list.reports.at[i]);
	arena_free(list.arena);
	return done;
}

static bool
open_relay(struct outbox *outbox, struct arena *arena)
{
	const struct config *config = outbox->job->config;
	char host[HOST_NAME_MAX_BYTES] = "";
	struct deliver_options options = {
	    .relay = arena_cstr(arena, config->report_relay),
	    .helo = host,
	    .timeout = OUTBOX_SMTP_SECONDS,
	};

	if (gethostname(host, sizeof host - 1) != 0 ||
	    !dns_name_is_ldh(text_from_cstr(host)))
		options.helo = arena_cstr(arena, outbox->sender.receiver);
	if (arena_failed(arena))
		return problem_set(
		    outbox->problem, PROBLEM_SYSTEM, "no memory");
	outbox->deliver = deliver_new(&options, outbox->problem);
	return outbox->deliver != NULL;
}

static bool
send_with_relay(struct outbox *outbox, struct arena *arena)
{
	if (outbox->sender.email.len == 0)
		return problem_set(outbox->problem, PROBLEM_CONFIG,
		    "ReportEmail is not set, so no report is sent; add a line"
		    " such as \"ReportEmail dmarc-reports@example.org\"");
	if (outbox->resolver == NULL)
		return problem_set(outbox->problem, PROBLEM_INTERNAL,
		    "reports cannot be sent without a resolver");
	if (!open_relay(outbox, arena))
		return false;
	bool done = send_all(outbox);
	deliver_free(outbox->deliver);
	return done;
}

static bool
run(struct outbox *outbox)
{
	const struct clerk_report *job = outbox->job;
	struct arena *arena = arena_new(SENDER_ARENA_MAX);
	struct setup setup;

	if (arena == NULL)
		return problem_set(
		    outbox->problem, PROBLEM_SYSTEM, "no memory");
	bool done = compose_sender(
			arena, job->config, &outbox->sender, outbox->problem) &&
		    setup_make(job->config, &setup, outbox->problem);
	if (done) {
		outbox->dmarc = &setup.checks.dmarc;
		done = job->dry_run ? show_all(outbox)
				    : send_with_relay(outbox, arena);
		setup_clear(&setup);
	}
	arena_free(arena);
	return done;
}

bool
clerk_report(const struct clerk_report *job, struct store *store,
    struct resolver *resolver, struct clerk_reported *ret_reported,
    struct problem *ret_problem)
{
	struct clerk_reported reported = {0};
	struct problem problem = {0};
	struct outbox outbox = {.job = job,
	    .store = store,
	    .resolver = resolver,
	    .reported = &reported,
	    .problem = &problem};
	bool done = run(&outbox);

	*ret_reported = reported;
	if (!done)
		(void)problem_set(
		    ret_problem, problem.kind, "%s", problem.text);
	return done;
}
