#include "clerk/target.h"

#include "clerk/consent.h"

#include "mail/mailbox.h"

enum { SCRATCH_ARENA_MAX = 8 * 1024 * 1024, SPELT_MAX = 254 };

/* One search for targets. */
struct search {
	struct outbox *outbox;
	const struct store_report *report;
	struct arena *arena;
	struct targets *targets;
	/* All that are asked, also those that override another. */
	struct targets_asked asked;
	struct destination destinations[OUTBOX_DESTINATIONS_MAX];
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

/* At most as long as an address, and in one word, as a list's columns are. */
static struct text
spell(struct arena *arena, struct text uri)
{
	struct build spelt;

	build_init_arena(&spelt, arena, 3 * SPELT_MAX);
	for (size_t i = 0; i < uri.len && i < SPELT_MAX; i++)
		if (uri.ptr[i] == ' ')
			build_cstr(&spelt, "%20");
		else
			build_byte(&spelt, uri.ptr[i]);
	struct text whole = build_view(&spelt);
	if (uri.len <= SPELT_MAX && whole.len <= SPELT_MAX)
		return whole;
	return arena_join(
	    arena, text_slice(whole, 0, SPELT_MAX - 3), TEXT("..."));
}

void
targets_skip(struct targets *targets, struct arena *arena, struct text uri,
    struct text words)
{
	const struct store_delivery skipped = {.destination = spell(arena, uri),
	    .state = DELIVERY_UNWANTED,
	    .words = arena_copy(arena, words)};
	struct store_delivery *copy;

	/* "" would be the report as a whole. */
	if (skipped.destination.len == 0 ||
	    targets->skipped.count == OUTBOX_DESTINATIONS_MAX)
		return;
	copy = vec_push(arena, &targets->skipped);
	if (copy != NULL)
		*copy = skipped;
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
	if (mailbox_is_same(address, outbox->sender.self.email))
		*ret_why = "our own ReportEmail";
	else if (mailbox_is_same(address, outbox->sender.envelope))
		*ret_why = "our own ReportEnvelopeFrom";
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

/* --- DNS --- */

static bool
should_stop(void *context)
{
	return outbox_should_stop(context);
}

static struct resolver_patience
patience(struct outbox *outbox)
{
	return (struct resolver_patience){
	    .deadline = resolver_deadline(
		outbox->resolver, outbox->job->config->message_timeout),
	    .should_stop = should_stop,
	    .context = outbox,
	};
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

static bool
was_asked(const struct targets_asked *asked, struct text address)
{
	for (size_t i = 0; i < asked->count; i++)
		if (text_equal_nocase(asked->address[i], address))
			return true;
	return false;
}

bool
targets_note_asked(struct targets_asked *asked, struct text address)
{
	if (asked->count == OUTBOX_DESTINATIONS_MAX ||
	    was_asked(asked, address))
		return false;
	asked->address[asked->count++] = address;
	return true;
}

static void
skip(struct search *search, struct text uri, struct text words)
{
	outbox_say(search->outbox, search->report,
	    "not sent to " TEXT_FMT ": " TEXT_FMT, TEXT_ARG(uri),
	    TEXT_ARG(words));
	targets_skip(search->targets, search->arena, uri, words);
}

static void
note_uri(struct search *search, struct text uri)
{
	const struct destination destination =
	    destination_read(search->arena, uri);

	if (destination.address.len == 0)
		skip(search, uri, destination.reason);
	else if (targets_note_asked(&search->asked, destination.address))
		search->destinations[search->asked.count - 1] = destination;
	else if (!was_asked(&search->asked, destination.address))
		targets_skip(search->targets, search->arena, uri,
		    TEXT(TARGETS_TOO_MANY));
}

/* Is there nothing left to note? A record may have thousands. */
static bool
is_full(const struct search *search)
{
	return search->asked.count == OUTBOX_DESTINATIONS_MAX &&
	       search->targets->skipped.count == OUTBOX_DESTINATIONS_MAX;
}

/* In the record's order, whoever answered first. */
static void
add_asked(struct search *search)
{
	for (size_t i = 0; i < search->asked.count; i++) {
		const struct destination *asked = &search->destinations[i];
		/* An override may name one that is there. */
		if (!targets_have(search->targets, asked->address))
			add(search, decide(search, asked));
	}
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
	struct outbox *outbox = search->outbox;
	const struct consent consent = {
	    .policy_domain = search->report->policy.domain,
	    .dmarc = outbox->job->dmarc,
	    .resolver = outbox->resolver,
	    .patience = patience(outbox),
	};

	for (size_t i = 0; i < record->rua_sized.count && !is_full(search); i++)
		note_uri(search, record->rua_sized.at[i]);
	consent_ask(
	    &consent, search->destinations, search->asked.count, search->arena);
	add_asked(search);
	for (size_t i = 0;
	     record->rua.count == 0 && i < record->rua_unread.count; i++)
		skip(search, record->rua_unread.at[i], TEXT("no URI"));
	if (record->rua.count + record->rua_unread.count == 0)
		add_nobody(search, TARGET_CLOSE, "no rua");
	else if (search->targets->list.count == 0)
		add_nobody(search, TARGET_CLOSE, "no rua that can be used");
}

/* The operator's word needs nobody's consent. */
static void
add_redirected(struct search *search, struct text rua)
{
	while (rua.len > 0) {
		struct text uri = text_trim(text_split(&rua, ','));
		if (uri.len > 0)
			note_uri(search, uri);
	}
	add_asked(search);
	if (search->targets->list.count == 0)
		add_nobody(search, TARGET_CLOSE, "redirected to nobody");
}

struct discovering {
	struct text domain;
	const struct dmarc_options *dmarc;
	struct dns_facts *facts;
	struct arena *scratch;
	struct dmarc_discovery found;
};

static bool
discover(void *context)
{
	struct discovering *discovering = context;

	return dmarc_discover(discovering->domain, discovering->dmarc,
	    discovering->facts, discovering->scratch, NULL,
	    &discovering->found);
}

static void
find_in(struct search *search, struct arena *scratch)
{
	struct outbox *outbox = search->outbox;
	struct discovering discovering = {
	    .domain = search->report->policy.domain,
	    .dmarc = outbox->job->dmarc,
	    .facts = dns_facts_new(scratch),
	    .scratch = scratch,
	    .found = {.status = DMARC_DISCOVERY_TEMPERROR}};
	struct resolver_check check = {.facts = discovering.facts,
	    .run = discover,
	    .context = &discovering};
	const struct resolver_patience until = patience(outbox);
	const struct dmarc_discovery *found = &discovering.found;

	if (check.facts != NULL)
		resolver_run_checks(outbox->resolver, &check, 1, &until);
	if (found->status == DMARC_DISCOVERY_TEMPERROR ||
	    arena_failed(scratch)) {
		add_nobody(search, TARGET_RETRY, "DNS does not say where to");
		return;
	}
	search->targets->policy_is_known = true;
	/* A record above is another report's. */
	if (found->record == NULL ||
	    !text_equal_nocase(found->policy_domain, discovering.domain))
		add_nobody(search, TARGET_CLOSE, "no DMARC record any more");
	else
		add_uris(search, found->record);
}

void
targets_find(struct outbox *outbox, const struct store_report *report,
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
