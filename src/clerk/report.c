/* The job: seal what is finished, then send what is sealed and due; or, as a
 * dry run, show both. */
#include "clerk/clerk.h"
#include "clerk/crew.h"
#include "clerk/show.h"
#include "clerk/signing.h"

#include "base/date.h"
#include "crypto/crypto.h"

#include <unistd.h>

enum { SENDER_ARENA_MAX = 64 * 1024 };

/* The day asked for, or all of time. */
static struct store_span
asked_span(int64_t date)
{
	int64_t begin = date - date % DAY;

	if (date >= 0)
		return (struct store_span){begin, begin + DAY - 1};
	return (struct store_span){0, INT64_MAX};
}

/* --- a dry run --- */

/* What is done with each report of a list. The store lets who is called use it
 * meanwhile. */
struct visit {
	struct outbox *outbox;
	bool done; /* false: *outbox->problem */
};

static bool
is_wanted(const struct visit *visit, const struct store_report *report)
{
	const struct clerk_report *job = visit->outbox->job;

	return job->wants == NULL ||
	       job->wants(job->context, report->policy.domain);
}

static bool
show_sealed(void *context, const struct store_report *report)
{
	struct visit *visit = context;

	visit->done = !is_wanted(visit, report) ||
		      show_report(visit->outbox, report, true);
	return visit->done;
}

static bool
show_unsealed(void *context, const struct store_report *report)
{
	struct visit *visit = context;

	visit->done = !is_wanted(visit, report) ||
		      show_report(visit->outbox, report, false);
	return visit->done;
}

/* What is finished, or belongs to the day that was asked for. */
static bool
preview_period(void *context, struct store_span period)
{
	struct visit *visit = context;
	struct outbox *outbox = visit->outbox;
	const struct clerk_report *job = outbox->job;

	if (job->date < 0 && period.end + job->config->report_delay >= job->now)
		return false;
	visit->done = store_preview_reports(outbox->store, job->domain, period,
			  show_unsealed, visit, outbox->problem) &&
		      visit->done;
	return visit->done;
}

static bool
preview(struct outbox *outbox)
{
	const struct clerk_report *job = outbox->job;
	struct visit visit = {outbox, true};

	return store_for_each_period(outbox->store, asked_span(job->date),
		   job->config->report_interval, preview_period, &visit,
		   outbox->problem) &&
	       visit.done;
}

static bool
visit_due(struct outbox *outbox, store_report_fn *each)
{
	const struct clerk_report *job = outbox->job;
	const struct store_due due = {
	    job->domain, asked_span(job->date), job->now};
	struct visit visit = {outbox, true};

	return store_for_each_due_report(
		   outbox->store, &due, each, &visit, outbox->problem) &&
	       visit.done;
}

static bool
show_all_sealed(struct outbox *outbox)
{
	const struct clerk_report *job = outbox->job;
	struct visit visit = {outbox, true};

	return store_for_each_report(outbox->store, job->domain,
		   asked_span(job->date), show_sealed, &visit,
		   outbox->problem) &&
	       visit.done;
}

/* What a real run would touch; of a day, or when XML is wanted, all. */
static bool
show(struct outbox *outbox)
{
	const struct clerk_report *job = outbox->job;
	bool is_all = job->date >= 0 || job->output != NULL;
	struct visit visit = {outbox, true};

	if (job->id.len > 0)
		return store_for_each_report_named(outbox->store, job->id,
			   show_sealed, &visit, outbox->problem) &&
		       visit.done;
	return (is_all ? show_all_sealed(outbox)
		       : visit_due(outbox, show_sealed)) &&
	       preview(outbox);
}

/* --- the real thing --- */

struct text
clerk_node(char name[CLERK_NODE_BYTES])
{
	name[CLERK_NODE_BYTES - 1] = '\0';
	return gethostname(name, CLERK_NODE_BYTES - 1) == 0 && name[0] != '\0'
		   ? text_from_cstr(name)
		   : TEXT("localhost");
}

/* Its moment within ReportSpread: anywhere, and always the same. */
static int64_t
moment_of(const struct clerk_report *job, struct text domain)
{
	unsigned spread = job->config->report_spread;
	struct sha256 digest;
	struct build name;
	uint64_t moment = 0;

	if (job->node.len == 0 || spread == 0)
		return 0;
	build_init(&name, SIZE_MAX);
	build_text(&name, job->node);
	build_byte(&name, ' ');
	build_text(&name, domain);
	if (!build_failed(&name) && crypto_sha256(build_view(&name), &digest))
		for (size_t i = 0; i < sizeof moment; i++)
			moment = moment << 8 | digest.byte[i];
	build_free(&name);
	return (int64_t)(moment % spread);
}

static bool
has_come(const struct clerk_report *job, const struct store_report *report)
{
	return report->end + job->config->report_delay +
		   moment_of(job, report->policy.domain) <
	       job->now;
}

/* One after the other, with what is open already. */
static bool
send_sealed(void *context, const struct store_report *report)
{
	struct visit *visit = context;

	if (!is_wanted(visit, report) || !has_come(visit->outbox->job, report))
		return true;
	if (outbox_should_stop(visit->outbox))
		return false;
	visit->done = outbox_send(visit->outbox, report);
	return visit->done;
}

struct handing {
	struct visit visit;
	struct crew *crew;
	uint64_t later;
	bool is_ended;
};

static bool
hand_to_crew(void *context, const struct store_report *report)
{
	struct handing *handing = context;

	if (!is_wanted(&handing->visit, report) ||
	    !has_come(handing->visit.outbox->job, report))
		return true;
	enum crew_answer answer = outbox_should_stop(handing->visit.outbox)
				      ? CREW_ENDED
				      : crew_offer(handing->crew, report);
	handing->later += answer == CREW_LATER;
	handing->is_ended = answer == CREW_ENDED;
	return !handing->is_ended;
}

/* Of a domain whose reports are many, one a round. */
static bool
send_rounds(struct outbox *outbox, struct crew *crew)
{
	const struct clerk_report *job = outbox->job;
	const struct store_due due = {
	    job->domain, asked_span(job->date), job->now};
	uint64_t before = UINT64_MAX;
	struct handing handing = {{outbox, true}, crew, 0, false};
	bool leaves_work;

	do {
		handing.later = 0;
		if (!store_for_each_due_report(outbox->store, &due,
			hand_to_crew, &handing, outbox->problem))
			return false;
		leaves_work = crew_finish(crew);
		if (handing.later >= before && !leaves_work)
			break; /* somebody else has them */
		before = handing.later;
	} while ((handing.later > 0 || leaves_work) && !handing.is_ended);
	return true;
}

static bool
send_with_crew(struct outbox *outbox)
{
	struct problem problem = {0};
	struct crew *crew = crew_new(
	    outbox, outbox->job->config->report_connections, outbox->problem);

	if (crew == NULL)
		return false;
	bool done = send_rounds(outbox, crew);
	if (crew_end(crew, &problem))
		return done;
	return problem_set(outbox->problem, problem.kind, "%s", problem.text);
}

static bool
send_due(struct outbox *outbox)
{
	return outbox->job->config->report_connections > 1
		   ? send_with_crew(outbox)
		   : visit_due(outbox, send_sealed);
}

static bool
send_all(struct outbox *outbox)
{
	const struct clerk_report *job = outbox->job;
	uint64_t sealed;

	const struct store_sealing sealing = {
	    .now = job->now,
	    .interval = job->config->report_interval,
	    .delay = job->config->report_delay,
	    .sender = outbox->sender.self,
	    .rows_max =
		compose_rows_max(&outbox->sender, job->config->max_report_size),
	};

	return store_seal(outbox->store, &sealing, &sealed, outbox->problem) &&
	       send_due(outbox) &&
	       store_count_waiting(outbox->store, job->domain,
		   asked_span(job->date), &outbox->reported->waiting,
		   outbox->problem);
}

static bool
send_with_relay(struct outbox *outbox, struct arena *arena)
{
	if (outbox->sender.self.email.len == 0)
		return problem_set(outbox->problem, PROBLEM_CONFIG,
		    "ReportEmail is not set, so no report is sent; add a line"
		    " such as \"ReportEmail dmarc-reports@example.org\"");
	if (outbox->resolver == NULL)
		return problem_set(outbox->problem, PROBLEM_INTERNAL,
		    "reports cannot be sent without a resolver");
	if (!signing_read(arena, outbox->job->config,
		outbox->sender.self.receiver, &outbox->sender.signer,
		outbox->problem))
		return false;
	outbox->deliver = relay_open(
	    outbox->job->config, outbox->sender.self.receiver, outbox->problem);
	if (outbox->deliver == NULL)
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

	if (arena == NULL)
		return problem_no_memory(outbox->problem);
	bool done = compose_sender(
	    arena, job->config, &outbox->sender, outbox->problem);
	if (done)
		done = job->dry_run ? show(outbox)
				    : send_with_relay(outbox, arena);
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

/* --- the list --- */

struct listing {
	const struct clerk_list *list;
	struct store *store;
	struct problem *problem;
	bool is_stopped;
	bool done;
};

static bool
tell_listed(void *context, const struct store_listed *listed)
{
	struct listing *listing = context;

	listing->is_stopped =
	    !listing->list->each(listing->list->context, listed);
	return !listing->is_stopped;
}

static bool
list_period(void *context, struct store_span period)
{
	struct listing *listing = context;

	listing->done =
	    store_preview_listed(listing->store, listing->list->domain, period,
		tell_listed, listing, listing->problem);
	return listing->done && !listing->is_stopped;
}

bool
clerk_list_reports(const struct clerk_list *list, struct store *store,
    struct problem *ret_problem)
{
	struct listing listing = {list, store, ret_problem, false, true};
	const struct store_list sealed = {
	    list->id, list->domain, asked_span(list->date)};

	if (!store_for_each_listed(
		store, &sealed, tell_listed, &listing, ret_problem))
		return false;
	if (listing.is_stopped || list->id.len > 0)
		return true;
	return store_for_each_period(store, sealed.span,
		   list->config->report_interval, list_period, &listing,
		   ret_problem) &&
	       listing.done;
}
