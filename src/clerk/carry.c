#include "clerk/carry.h"

#include "base/date.h"
#include "report/destination.h"
#include "store/legacy.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	CLAIM_MAX = 64,
	PAGE_ARENA_MAX = 192 * 1024 * 1024,
	WEEK = 7 * DAY,
	CUT_URIS =
	    255, /* bytes that its column has: there may have been more */
};

static const char *const fate_words[] = {
    [CARRY_REPORTABLE] = "reportable",
    [CARRY_REPORTED] = "reported",
    [CARRY_OLD] = "old",
    [CARRY_OURS] = "ours",
    [CARRY_NO_POLICY] = "no-policy",
    [CARRY_DEFERRED] = "deferred",
};
const struct names carry_fate_names = NAMES(fate_words);

struct carrying {
	const struct clerk_carry *carry;
	struct store *store;
	struct legacy *legacy;
	char claim[CLAIM_MAX];
	int64_t since;
	struct clerk_carried *done;
	struct problem problem; /* of a callback */
};

/* --- messages --- */

static enum carry_fate
fate_of(const struct carrying *carrying, const struct legacy_message *message)
{
	const struct history_entry *entry = &message->entry;

	if (entry->action == HISTORY_TEMPFAIL)
		return CARRY_DEFERRED;
	/* Without its "p" a report would say what was never published. */
	if (text_equal(entry->result, TEXT("none")) ||
	    entry->policy_domain.len == 0 || entry->p.len == 0)
		return CARRY_NO_POLICY;
	/* opendmarc-reports takes what is later than the last time. */
	if (entry->received <= message->reported)
		return CARRY_REPORTED;
	if (entry->received >= carrying->done->until)
		return CARRY_OURS;
	return entry->received < carrying->since ? CARRY_OLD : CARRY_REPORTABLE;
}

struct batch {
	struct history_entry *entries;
	size_t count;
	struct clerk_carried done; /* counts of this batch */
};

static void
count_odd(struct clerk_carried *done, const char *why, uint64_t id, uint64_t n)
{
	size_t i = 0;

	done->rejected += n;
	while (i < CARRY_ODDS_MAX - 1 && done->odds[i].count > 0 &&
	       done->odds[i].why != why)
		i++;
	if (done->odds[i].count == 0) {
		done->odds[i].why = why;
		done->odds[i].first = id;
	}
	done->odds[i].count += n;
}

static void
take_message(const struct carrying *carrying,
    const struct legacy_message *message, struct batch *batch)
{
	struct history_entry entry = message->entry;

	if (message->odd != NULL) {
		count_odd(&batch->done, message->odd, message->id, 1);
		return;
	}
	enum carry_fate fate = fate_of(carrying, message);
	batch->done.messages[fate]++;
	/* Then nobody can be told: see row_of_entry in the store. */
	if (fate != CARRY_REPORTABLE)
		entry.policy_domain = TEXT("");
	batch->entries[batch->count++] = entry;
}

static void
add_up(struct clerk_carried *sum, const struct clerk_carried *done)
{
	for (size_t i = 0; i < CARRY_FATES; i++)
		sum->messages[i] += done->messages[i];
	for (size_t i = 0; i < CARRY_ODDS_MAX && done->odds[i].count > 0; i++)
		count_odd(sum, done->odds[i].why, done->odds[i].first,
		    done->odds[i].count);
}

/* A batch begins where the last one that is stored ends, so that of two at work
 * at once only one can add it, and no id is in two. */
static bool
carry_page(struct carrying *carrying, struct arena *arena, uint64_t *at,
    struct problem *ret_problem)
{
	struct legacy_page page;
	struct batch batch = {0};

	if (!legacy_read(carrying->legacy, arena, *at, &page, ret_problem))
		return false;
	size_t count = page.messages.count;
	if (count == 0) {
		*at = 0;
		return true;
	}
	batch.entries = arena_array(arena, count, sizeof *batch.entries);
	if (batch.entries == NULL)
		return problem_no_memory(ret_problem);
	for (size_t i = 0; i < count; i++)
		take_message(carrying, &page.messages.at[i], &batch);
	const struct store_batch described = {
	    .claim = text_from_cstr(carrying->claim),
	    .first_byte = *at,
	    .last_byte = page.messages.at[count - 1].id,
	    .rejected = batch.done.rejected,
	    .now = carrying->carry->now,
	};
	if (!store_add_batch(carrying->store, &described, batch.entries,
		batch.count, ret_problem))
		return false;
	add_up(carrying->done, &batch.done);
	return store_next_byte(
	    carrying->store, described.claim, at, ret_problem);
}

static bool
carry_messages(struct carrying *carrying, struct problem *ret_problem)
{
	const struct clerk_carry *carry = carrying->carry;
	uint64_t at = 0;
	uint64_t last = 0;

	if (!legacy_last_id(carrying->legacy, &last, ret_problem) ||
	    !store_next_byte(carrying->store, text_from_cstr(carrying->claim),
		&at, ret_problem))
		return false;
	/* What has no number before it would never be seen. */
	if (last > 0 && at > last + 1)
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "its messages are numbered anew: those up to %" PRIu64
		    " were carried, and the last one now is %" PRIu64,
		    at - 1, last);
	for (bool more = true; more; more = at > 0) {
		struct arena *arena = arena_new(PAGE_ARENA_MAX);
		if (arena == NULL)
			return problem_no_memory(ret_problem);
		bool good = carry_page(carrying, arena, &at, ret_problem);
		arena_free(arena);
		if (!good)
			return false;
		if (carry->on_progress != NULL && at > 0)
			carry->on_progress(carry->context, at - 1, last);
	}
	return true;
}

/* --- the operator's word --- */

/* What could never be sent there, or was cut, is better asked for again. */
static bool
may_send_to(struct arena *arena, struct text rua)
{
	if (rua.len >= CUT_URIS)
		return false;
	while (rua.len > 0) {
		struct text uri = text_trim(text_split(&rua, ','));
		if (destination_read(arena, uri).status != DESTINATION_OK)
			return false;
	}
	return true;
}

static bool
note_redirection(void *context, const struct store_redirection *redirection)
{
	(void)redirection;
	*(bool *)context = true;
	return false;
}

/* One that was carried, or of a form that nothing can be sent to. */
static bool
count_word(struct carrying *carrying, bool is_added, uint64_t *count,
    const struct problem *problem)
{
	if (!is_added && problem->kind != PROBLEM_USAGE)
		return problem_set(
		    &carrying->problem, problem->kind, "%s", problem->text);
	(*(is_added ? count : &carrying->done->refused))++;
	return true;
}

/* A later word of the operator's stays. */
static bool
add_redirection(struct carrying *carrying, struct text domain, struct text rua)
{
	const struct store_redirection redirection = {
	    .domain = domain, .added = carrying->carry->now, .rua = rua};
	struct problem problem = {0};
	bool is_there = false;

	if (!store_for_each_redirection(carrying->store, domain,
		note_redirection, &is_there, &carrying->problem))
		return false;
	if (is_there)
		return true;
	bool is_added = store_redirect(carrying->store, &redirection, &problem);
	return count_word(
	    carrying, is_added, &carrying->done->redirections, &problem);
}

static bool
take_locked(void *context, struct text domain, struct text rua)
{
	struct carrying *carrying = context;
	struct arena *arena = arena_new(PAGE_ARENA_MAX);

	if (arena == NULL)
		return problem_no_memory(&carrying->problem);
	bool is_good = domain.len > 0 && may_send_to(arena, rua);
	arena_free(arena);
	if (is_good)
		return add_redirection(carrying, domain, rua);
	carrying->done->refused++;
	return true;
}

static bool
take_suppressed(void *context, struct text address, struct text why)
{
	struct carrying *carrying = context;
	const struct store_suppression suppression = {
	    .who = address, .added = carrying->carry->now, .words = why};
	struct problem problem = {0};
	bool is_there = false;

	if (!store_is_suppressed(
		carrying->store, address, &is_there, &carrying->problem))
		return false;
	if (is_there)
		return true;
	bool is_added = store_suppress(carrying->store, &suppression, &problem);
	return count_word(
	    carrying, is_added, &carrying->done->suppressions, &problem);
}

static bool
carry_words(struct carrying *carrying, struct problem *ret_problem)
{
	if (!legacy_for_each_locked(
		carrying->legacy, take_locked, carrying, ret_problem) ||
	    !legacy_for_each_suppressed(
		carrying->legacy, take_suppressed, carrying, ret_problem))
		return false;
	return carrying->problem.kind == PROBLEM_NONE ||
	       problem_set(ret_problem, carrying->problem.kind, "%s",
		   carrying->problem.text);
}

/* --- all of it --- */

static bool
begin(struct carrying *carrying, struct problem *ret_problem)
{
	const struct clerk_carry *carry = carrying->carry;
	struct text absent = legacy_absent(carrying->legacy);
	struct text id = legacy_id(carrying->legacy);

	(void)snprintf(carrying->claim, sizeof carrying->claim,
	    STORE_LEGACY_CLAIM TEXT_FMT, TEXT_ARG(id));
	(void)snprintf(carrying->done->absent, sizeof carrying->done->absent,
	    TEXT_FMT, TEXT_ARG(absent));
	carrying->since = carry->since < 0 ? carry->now - WEEK : carry->since;
	carrying->done->until = carry->until;
	return carry->until >= 0 || store_own_since(carrying->store,
					&carrying->done->until, ret_problem);
}

bool
clerk_carry(const struct clerk_carry *carry, struct store *store,
    struct clerk_carried *ret_carried, struct problem *ret_problem)
{
	struct carrying carrying = {
	    .carry = carry, .store = store, .done = ret_carried};

	*ret_carried = (struct clerk_carried){0};
	carrying.legacy = legacy_open(carry->source, ret_problem);
	/* Their word first: what is sent meanwhile goes where they say. */
	bool good = carrying.legacy != NULL && begin(&carrying, ret_problem) &&
		    carry_words(&carrying, ret_problem) &&
		    carry_messages(&carrying, ret_problem);
	legacy_close(carrying.legacy);
	return good;
}
