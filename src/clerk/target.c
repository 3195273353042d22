#include "clerk/target.h"

#include "mail/mailbox.h"

/* Of one check. What a hostile host answers fills the memory of its own check,
 * and of no other. */
enum { SCRATCH_ARENA_MAX = 8 * 1024 * 1024 };

/* One search for targets. */
struct search {
	const struct outbox *outbox;
	const struct store_report *report;
	struct arena *arena;
	struct targets *targets;
	/* All that were asked, also those that override another. */
	struct targets_asked asked;
};

static void
add(struct search *search, struct target target)
{
	struct target *copy = vec_push(search->arena, &search->targets->list);

	if (copy == NULL)
		return;
	*copy = target;
	copy->address = arena_copy(search->arena, target.address);
	copy->words = arena_copy(search->arena, target.words);
}

bool
targets_have(const struct targets *targets, struct text address)
{
	for (size_t i = 0; i < targets->list.count; i++)
		if (text_equal_nocase(targets->list.at[i].address, address))
			return true;
	return false;
}

bool
target_suppressed(
    const struct outbox *outbox, struct text address, const char **ret_why)
{
	struct problem ignored = {0};
	bool is_suppressed = false;

	*ret_why = NULL;
	if (mailbox_is_same(address, outbox->sender.email))
		*ret_why = "our own ReportEmail";
	else if (config_reports_not_to(outbox->job->config, address))
		*ret_why = "in NoReportsList";
	else if (!store_is_suppressed(
		     outbox->store, address, &is_suppressed, &ignored))
		return false;
	else if (is_suppressed)
		*ret_why = "suppressed by dmarc report suppress";
	return true;
}

/* --- redirection --- */

struct redirecting {
	struct arena *arena;
	struct text rua;
};

static bool
take_redirection(void *context, const struct store_redirection *redirection)
{
	struct redirecting *redirecting = context;

	/* Never NULL: "" is an answer too. */
	redirecting->rua =
	    arena_join(redirecting->arena, redirection->rua, TEXT(","));
	return false;
}

bool
target_redirected(const struct outbox *outbox, struct text domain,
    struct arena *arena, struct text *ret_rua)
{
	struct redirecting redirecting = {.arena = arena};
	struct problem ignored = {0};

	if (!store_for_each_redirection(outbox->store, domain, take_redirection,
		&redirecting, &ignored))
		return false;
	*ret_rua = redirecting.rua;
	return !arena_failed(arena);
}

static int64_t
deadline(const struct outbox *outbox)
{
	return resolver_deadline(
	    outbox->resolver, outbox->job->config->message_timeout);
}

void
target_ask_consent(struct destination *destination, struct text policy_domain,
    const struct dmarc_options *dmarc, struct resolver *resolver,
    unsigned seconds, struct arena *arena)
{
	struct arena *scratch = arena_new(SCRATCH_ARENA_MAX);
	struct dns_facts *facts =
	    scratch == NULL ? NULL : dns_facts_new(scratch);
	int64_t until = resolver_deadline(resolver, seconds);

	if (facts == NULL) {
		destination->status = DESTINATION_TEMPERROR;
		destination->reason = TEXT("no memory");
	} else {
		while (!destination_check(
		    destination, policy_domain, dmarc, facts, scratch, NULL))
			(void)resolver_answer_wanted(resolver, facts, until);
		destination->address = arena_copy(arena, destination->address);
		destination->host = arena_copy(arena, destination->host);
		destination->reason = arena_copy(arena, destination->reason);
	}
	arena_free(scratch);
}

/* What is done about a destination that has an address. */
static struct target
decide(const struct search *search, const struct destination *destination)
{
	struct target target = {.address = destination->address,
	    .action = TARGET_CLOSE,
	    .state = DELIVERY_UNAUTHORIZED,
	    .words = destination->reason,
	    .size_max = destination->size_max};

	const char *why;

	if (!target_suppressed(search->outbox, destination->address, &why)) {
		target.action = TARGET_RETRY;
		target.words = TEXT("the database does not say who wants none");
	} else if (why != NULL) {
		target.state = DELIVERY_SUPPRESSED;
		target.words = text_from_cstr(why);
	} else if (destination->status == DESTINATION_OK) {
		target.action = TARGET_SEND;
	} else if (destination->status == DESTINATION_TEMPERROR) {
		target.action = TARGET_RETRY;
	}
	return target;
}

bool
targets_note_asked(struct targets_asked *asked, struct text address)
{
	for (size_t i = 0; i < asked->count; i++)
		if (text_equal_nocase(asked->address[i], address))
			return false;
	if (asked->count == OUTBOX_DESTINATIONS_MAX)
		return false;
	asked->address[asked->count++] = address;
	return true;
}

static void
add_uri(struct search *search, struct text uri)
{
	const struct outbox *outbox = search->outbox;
	struct destination destination = destination_read(search->arena, uri);

	if (destination.address.len == 0) {
		outbox_say(outbox, search->report,
		    "not sent to " TEXT_FMT ": " TEXT_FMT, TEXT_ARG(uri),
		    TEXT_ARG(destination.reason));
		return;
	}
	if (!targets_note_asked(&search->asked, destination.address))
		return;
	target_ask_consent(&destination, search->report->policy.domain,
	    outbox->job->dmarc, outbox->resolver,
	    outbox->job->config->message_timeout, search->arena);
	/* An override may name one that is there. */
	if (!targets_have(search->targets, destination.address))
		add(search, decide(search, &destination));
}

static void
add_nobody(struct search *search, enum target_action action, const char *words)
{
	add(search, (struct target){.action = action,
			.state = DELIVERY_UNWANTED,
			.words = text_from_cstr(words)});
}

static void
add_uris(struct search *search, const struct dmarc_record *record)
{
	const struct targets *targets = search->targets;

	for (size_t i = 0; i < record->rua_sized.count; i++)
		if (search->asked.count < OUTBOX_DESTINATIONS_MAX)
			add_uri(search, record->rua_sized.at[i]);
	if (record->rua.count == 0)
		add_nobody(search, TARGET_CLOSE, "no rua");
	else if (targets->list.count == 0)
		add_nobody(search, TARGET_CLOSE, "no rua that can be used");
}

/* The operator's word needs nobody's consent. */
static void
add_redirected(struct search *search, struct text rua)
{
	while (rua.len > 0) {
		struct text uri = text_trim(text_split(&rua, ','));
		struct destination destination =
		    destination_read(search->arena, uri);
		if (destination.address.len > 0 &&
		    targets_note_asked(&search->asked, destination.address))
			add(search, decide(search, &destination));
	}
	if (search->targets->list.count == 0)
		add_nobody(search, TARGET_CLOSE, "redirected to nobody");
}

static void
find_in(struct search *search, struct arena *scratch)
{
	const struct outbox *outbox = search->outbox;
	struct text domain = search->report->policy.domain;
	struct dns_facts *facts = dns_facts_new(scratch);
	int64_t until = deadline(outbox);
	struct dmarc_discovery found = {.status = DMARC_DISCOVERY_TEMPERROR};

	while (facts != NULL && !dmarc_discover(domain, outbox->job->dmarc,
				    facts, scratch, NULL, &found))
		(void)resolver_answer_wanted(outbox->resolver, facts, until);
	if (found.status == DMARC_DISCOVERY_TEMPERROR ||
	    arena_failed(scratch)) {
		add_nobody(search, TARGET_RETRY, "DNS does not say where to");
		return;
	}
	search->targets->policy_is_known = true;
	/* A record above is another report's. */
	if (found.record == NULL ||
	    !text_equal_nocase(found.policy_domain, domain))
		add_nobody(search, TARGET_CLOSE, "no DMARC record any more");
	else
		add_uris(search, found.record);
}

void
targets_find(const struct outbox *outbox, const struct store_report *report,
    struct arena *arena, struct targets *ret_targets)
{
	struct search search = {.outbox = outbox,
	    .report = report,
	    .arena = arena,
	    .targets = ret_targets};
	struct arena *scratch = arena_new(SCRATCH_ARENA_MAX);
	struct text redirected = {.ptr = NULL};

	*ret_targets = (struct targets){.policy_is_known = false};
	if (scratch == NULL) {
		add_nobody(&search, TARGET_RETRY, "no memory");
	} else if (!target_redirected(
		       outbox, report->policy.domain, scratch, &redirected)) {
		add_nobody(&search, TARGET_RETRY,
		    "the database does not say where to");
	} else if (redirected.ptr != NULL) {
		ret_targets->policy_is_known = true;
		add_redirected(&search, redirected);
	} else {
		find_in(&search, scratch);
	}
	arena_free(scratch);
}
