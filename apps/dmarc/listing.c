#include "listing.h"

#include "base/date.h"

/* --- why not --- */

/* A period is sealed some time after its end. */
static void
why_not_sealed(const struct listing *listing, const struct store_report *report,
    struct build *words)
{
	const struct clerk_report *job = listing->job;
	int64_t sealed = report->end + 1 + job->config->report_delay;

	if (sealed > job->now) {
		build_cstr(words, "not sealed until ");
		date_write(words, sealed);
	} else if (job->config->report_email.len > 0) {
		build_cstr(words, "the next run seals it");
	} else {
		build_cstr(words, "ReportEmail is not set");
	}
}

static void
why_waiting(const struct listing *listing,
    const struct store_delivery *delivery, struct build *words)
{
	if (listing->job->config->report_email.len == 0)
		build_cstr(words, "ReportEmail is not set");
	else if (delivery == NULL || delivery->tries == 0)
		build_cstr(words, "not tried yet");
	else
		build_format(words, "tried %u time%s", delivery->tries,
		    delivery->tries == 1 ? "" : "s");
	if (delivery == NULL)
		return;
	if (!store_delivery_is_due(delivery, listing->job->now)) {
		build_cstr(words, ", next ");
		date_write(words, delivery->next);
	}
	if (delivery->words.len > 0)
		build_cstr(words, ": ");
	build_text(words, delivery->words);
}

void
listing_why(const struct listing *listing, const struct store_listed *listed,
    const struct store_delivery *delivery, struct build *words)
{
	if (!listed->is_sealed)
		why_not_sealed(listing, listed->report, words);
	else if (delivery == NULL || delivery->state == DELIVERY_WAITING)
		why_waiting(listing, delivery, words);
	else
		build_text(words, delivery->words);
}

/* --- the reports --- */

static bool
add_row(void *context, const struct report_row *row)
{
	struct listing_sums *sums = context;

	if (row->dkim_aligned || row->spf_aligned)
		sums->passed += row->count;
	if (row->dkim_aligned)
		sums->by_dkim += row->count;
	if (row->spf_aligned)
		sums->by_spf += row->count;
	if (text_equal(row->disposition, TEXT("quarantine")))
		sums->quarantined += row->count;
	if (text_equal(row->disposition, TEXT("reject")))
		sums->rejected += row->count;
	if (row->reasons.count > 0)
		sums->overridden += row->count;
	return true;
}

static bool
add_up(struct listing *listing, const struct store_listed *listed)
{
	listing->sums = (struct listing_sums){0};
	return store_for_each_row(listing->store, listed->report,
	    listed->is_sealed, add_row, &listing->sums, listing->problem);
}

static bool
tell(void *context, const struct store_listed *listed)
{
	struct listing *listing = context;

	listing->count++;
	if (listing->id != NULL && !add_up(listing, listed))
		return false;
	if (listing->json)
		return json_print(
		    listing_json(listing, listed), listing->problem);
	if (listing->id != NULL)
		listing_show(listing, listed);
	else
		listing_print(listing, listed);
	return true;
}

bool
listing_run(struct listing *listing, struct problem *problem)
{
	const struct clerk_report *job = listing->job;
	const struct clerk_list list = {.config = job->config,
	    .id = text_from_cstr(listing->id == NULL ? "" : listing->id),
	    .domain = job->domain,
	    .date = job->date,
	    .each = tell,
	    .context = listing};

	listing->problem = problem;
	listing->store = tool_store(job->config, false, problem);
	if (listing->store == NULL)
		return false;
	if (listing->id == NULL && !listing->json)
		listing_print_head();
	bool done = clerk_list_reports(&list, listing->store, problem);
	store_close(listing->store);
	if (!done || problem->kind != PROBLEM_NONE)
		return false;
	return listing->id == NULL || listing->count > 0 ||
	       problem_set(problem, PROBLEM_NO_INPUT,
		   "%s: no sealed report whose id begins like this",
		   listing->id);
}
