#include "clerk/target.h"

#include "report/destination.h"

/* One search for targets. */
struct search {
	const struct outbox *outbox;
	const struct store_report *report;
	struct arena *arena;
	struct targets *targets;
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
		if (text_equal(targets->list.at[i].address, address))
			return true;
	return false;
}

bool
target_is_ourselves(const struct outbox *outbox, struct text address)
{
	return text_equal_nocase(address, outbox->sender.email);
}

static int64_t
deadline(const struct outbox *outbox)
{
	return resolver_deadline(
	    outbox->resolver, outbox->job->config->message_timeout);
}

/* RFC 9990 4, with facts of its own: a share's room is for one check. */
static void
ask_consent(const struct search *search, struct destination *destination)
{
	const struct outbox *outbox = search->outbox;
	struct dns_facts *facts = dns_facts_new(search->arena);
	int64_t until = deadline(outbox);

	if (facts == NULL) {
		destination->status = DESTINATION_TEMPERROR;
		return;
	}
	while (!destination_check(destination, search->report->policy.domain,
	    outbox->dmarc, facts, search->arena, NULL))
		(void)resolver_answer_wanted(outbox->resolver, facts, until);
}

/* What is done about a destination that has an address. */
static struct target
decide(const struct search *search, const struct destination *destination)
{
	struct target target = {.address = destination->address,
	    .action = TARGET_CLOSE,
	    .state = DELIVERY_UNAUTHORIZED,
	    .words = destination->reason};

	if (target_is_ourselves(search->outbox, destination->address)) {
		target.state = DELIVERY_SUPPRESSED;
		target.words = TEXT("our own ReportEmail");
	} else if (destination->status == DESTINATION_OK) {
		target.action = TARGET_SEND;
	} else if (destination->status == DESTINATION_TEMPERROR) {
		target.action = TARGET_RETRY;
	}
	return target;
}

static void
add_uri(struct search *search, struct text uri)
{
	struct destination destination = destination_read(search->arena, uri);

	if (destination.status == DESTINATION_OK)
		ask_consent(search, &destination);
	if (destination.address.len == 0)
		outbox_say(search->outbox, search->report,
		    "not sent to " TEXT_FMT ": " TEXT_FMT, TEXT_ARG(uri),
		    TEXT_ARG(destination.reason));
	else if (!targets_have(search->targets, destination.address))
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

	for (size_t i = 0; i < record->rua.count; i++)
		if (targets->list.count < OUTBOX_DESTINATIONS_MAX)
			add_uri(search, record->rua.at[i]);
	if (record->rua.count == 0)
		add_nobody(search, TARGET_CLOSE, "no rua");
	else if (targets->list.count == 0)
		add_nobody(search, TARGET_CLOSE, "no rua that can be used");
}

void
targets_find(const struct outbox *outbox, const struct store_report *report,
    struct arena *arena, struct targets *ret_targets)
{
	struct search search = {outbox, report, arena, ret_targets};
	struct text domain = report->policy.domain;
	struct dns_facts *facts = dns_facts_new(arena);
	int64_t until = deadline(outbox);
	struct dmarc_discovery found = {.status = DMARC_DISCOVERY_TEMPERROR};

	*ret_targets = (struct targets){.policy_is_known = false};
	while (facts != NULL && !dmarc_discover(domain, outbox->dmarc, facts,
				    arena, NULL, &found))
		(void)resolver_answer_wanted(outbox->resolver, facts, until);
	if (found.status == DMARC_DISCOVERY_TEMPERROR) {
		add_nobody(&search, TARGET_RETRY, "DNS does not say where to");
		return;
	}
	ret_targets->policy_is_known = true;
	/* A record above is another report's. */
	if (found.record == NULL ||
	    !text_equal_nocase(found.policy_domain, domain))
		add_nobody(&search, TARGET_CLOSE, "no DMARC record any more");
	else
		add_uris(&search, found.record);
}
