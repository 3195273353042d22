/* Lists: each report with what is in it and what came of it. */
#include "store/internal.h"
#include "store/sum.h"

static bool
take_mail(void *context, const struct db_row *row)
{
	struct store_mail *mail = context;

	mail->xml_bytes = (uint64_t)db_row_number(row, 0);
	mail->mail_bytes = (uint64_t)db_row_number(row, 1);
	return false;
}

/* --- one report --- */

struct listing {
	struct store *store;
	bool sealed;
	store_listed_fn *each;
	void *context;
	struct problem *problem;
	bool is_good;
};

struct line {
	struct arena *arena;
	struct store_listed listed;
};

static bool
add_delivery(void *context, const struct store_delivery *delivery)
{
	struct line *line = context;
	struct store_delivery *copy =
	    vec_push(line->arena, &line->listed.deliveries);

	if (copy == NULL)
		return false;
	*copy = *delivery;
	copy->destination = arena_copy(line->arena, delivery->destination);
	copy->words = arena_copy(line->arena, delivery->words);
	return !arena_failed(line->arena);
}

static bool
goes_before(unsigned a, unsigned b)
{
	return text_compare(text_from_cstr(store_state_name(a)),
		   text_from_cstr(store_state_name(b))) < 0;
}

/* As store_figures counts it. */
static unsigned
state_of(const struct store_listed *listed)
{
	unsigned state = 0;

	for (size_t i = 0; i < listed->deliveries.count; i++) {
		unsigned one = listed->deliveries.at[i].state + 1;
		if (one == DELIVERY_WAITING + 1)
			return one;
		if (state == 0 || goes_before(one, state))
			state = one;
	}
	return state;
}

static bool
fill(const struct listing *listing, struct line *line)
{
	struct store *store = listing->store;
	struct store_listed *listed = &line->listed;
	struct text id = listed->report->id;
	struct sum sum = {.count = 0};

	if (!sum_of_report(store->db, line->arena, listed->report,
		listing->sealed, &sum, listing->problem) ||
	    !sum_count(store->db, &sum, &listed->rows, &listed->messages,
		listing->problem))
		return false;
	if (!listing->sealed)
		return true;
	if (!db_query(store->db,
		DB_SQL("SELECT xml_bytes, mail_bytes FROM dmarc_mail"
		       " WHERE report = ?",
		    db_text(id)),
		take_mail, &listed->mail, listing->problem) ||
	    !store_for_each_delivery(
		store, id, add_delivery, line, listing->problem))
		return false;
	listed->state = state_of(listed);
	return !arena_failed(line->arena) ||
	       problem_no_memory(listing->problem);
}

static bool
list_report(void *context, const struct store_report *report)
{
	struct listing *listing = context;
	struct line line = {.arena = arena_new(STORE_ARENA_MAX),
	    .listed = {.report = report, .is_sealed = listing->sealed}};

	listing->is_good =
	    (line.arena != NULL || problem_no_memory(listing->problem)) &&
	    fill(listing, &line);
	bool more =
	    listing->is_good && listing->each(listing->context, &line.listed);
	arena_free(line.arena);
	return more;
}

/* --- lists --- */

bool
store_for_each_listed(struct store *store, const struct store_list *list,
    store_listed_fn *each, void *context, struct problem *ret_problem)
{
	struct listing listing = {
	    store, true, each, context, ret_problem, true};
	bool good = list->id.len > 0
			? store_for_each_report_named(store, list->id,
			      list_report, &listing, ret_problem)
			: store_for_each_report(store, list->domain, list->span,
			      list_report, &listing, ret_problem);

	return good && listing.is_good;
}

bool
store_preview_listed(struct store *store, struct text domain,
    struct store_span span, store_listed_fn *each, void *context,
    struct problem *ret_problem)
{
	struct listing listing = {
	    store, false, each, context, ret_problem, true};

	return store_preview_reports(
		   store, domain, span, list_report, &listing, ret_problem) &&
	       listing.is_good;
}
