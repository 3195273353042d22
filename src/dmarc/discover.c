/* One full walk from the Author Domain answers both questions: which record
 * applies (4.10.1) and what the Organizational Domain is (4.10.2). A walk goes
 * on over names that are not known yet, so the first pass asks for all of them
 * and one round of the network is enough. */
#include "dmarc/discover.h"

#include "dns/name.h"

static const char *const method_words[] = {
    [DMARC_TREEWALK] = "treewalk",
    [DMARC_PSL] = "psl",
};
const struct names dmarc_method_names = NAMES(method_words);

/* Where the trace says that a rule stands. RFC 9989 has no suffix list. */
static const struct sections {
	const char *search;
	const char *organizational;
	const char *policy;
} method_sections[] = {
    [DMARC_TREEWALK] = {"RFC 9989 4.10", "RFC 9989 4.10.2", "RFC 9989 4.10.1"},
    [DMARC_PSL] = {"RFC 7489 6.6.3", "RFC 7489 3.2", "RFC 7489 6.6.3"},
};

/* What a search works with. */
struct search {
	struct text author;
	const struct dmarc_options *options;
	struct dns_facts *facts;
	struct arena *arena;
	struct trace *trace;
};

/* The DMARC records at _dmarc.DOMAIN. */
static struct dmarc_step
look_at(struct text domain, struct dns_facts *facts, struct arena *arena)
{
	struct dmarc_step step = {
	    .name = arena_join(arena, TEXT("_dmarc."), domain),
	    .status = DNS_FAILED,
	};

	if (arena_failed(arena))
		return step;
	const struct dns_answer *answer = dns_ask(facts, step.name, DNS_TXT);
	step.status = answer->status;
	if (answer->status != DNS_FOUND)
		return step;
	const struct dmarc_records *records =
	    dns_answer_parsed(answer, dmarc_records_parse, arena);
	if (records == NULL) {
		step.status = DNS_FAILED;
		return step;
	}
	step.records = records->count;
	step.record = records->record;
	return step;
}

static bool
has_failed(const struct dmarc_step *step)
{
	return step->status == DNS_FAILED || step->status == DNS_UNKNOWN;
}

static struct text
step_domain(const struct dmarc_step *step)
{
	return dns_name_parent(step->name); /* without "_dmarc" */
}

void
dmarc_walk(struct text domain, struct dns_facts *facts, struct arena *arena,
    struct dmarc_walk *ret_walk)
{
	struct dmarc_walk walk = {.count = 0};
	struct text target = domain;

	while (target.len > 0 && walk.count < DMARC_STEPS_MAX) {
		struct dmarc_step step = look_at(target, facts, arena);
		walk.steps[walk.count++] = step;
		walk.failed |= has_failed(&step);
		/* Steps 2 and 6 */
		if (step.record != NULL &&
		    step.record->psd != DMARC_PSD_UNKNOWN)
			break;
		/* Steps 4 and 7: one label off, and of a domain with more than
		 * eight labels as many as leave seven. */
		target = dns_name_parent(target);
		if (walk.count == 1)
			target = dns_name_tail(target, DMARC_STEPS_MAX - 1);
	}
	*ret_walk = walk;
}

struct text
dmarc_walk_organizational_domain(
    const struct dmarc_walk *walk, struct text domain)
{
	struct text fewest = domain;

	for (size_t i = 0; i < walk->count; i++) {
		const struct dmarc_record *record = walk->steps[i].record;
		size_t labels = dns_name_labels(step_domain(&walk->steps[i]));
		if (record == NULL)
			continue;
		/* 4.10.2 rule 1 */
		if (record->psd == DMARC_PSD_NO)
			return dns_name_tail(domain, labels);
		/* Rule 2. One label below on the way to DOMAIN, which may be
		 * a name that the walk skipped. */
		if (record->psd == DMARC_PSD_YES && i > 0)
			return dns_name_tail(domain, labels + 1);
		fewest = dns_name_tail(domain, labels);
	}
	return fewest; /* rule 3, or DOMAIN itself */
}

/* After a failed walk: the highest name that may be the Organizational Domain,
 * had the queries that failed found a record. */
static struct text
highest_organizational_domain(const struct dmarc_walk *walk, struct text domain)
{
	struct text highest = dmarc_walk_organizational_domain(walk, domain);

	for (size_t i = 0; i < walk->count; i++) {
		size_t labels = dns_name_labels(step_domain(&walk->steps[i]));
		if (has_failed(&walk->steps[i]) &&
		    labels < dns_name_labels(highest))
			highest = dns_name_tail(domain, labels);
	}
	return highest;
}

static void
say_step(
    struct trace *trace, const char *section, const struct dmarc_step *step)
{
	if (step->record != NULL)
		trace_say(trace, "%s: " TEXT_FMT ": " TEXT_FMT, section,
		    TEXT_ARG(step->name), TEXT_ARG(step->record->text));
	else if (step->records > 1)
		trace_say(trace,
		    "%s: " TEXT_FMT ": %zu DMARC records, so none counts",
		    section, TEXT_ARG(step->name), step->records);
	else
		trace_say(trace, "%s: " TEXT_FMT ": %s", section,
		    TEXT_ARG(step->name),
		    step->status == DNS_FOUND
			? "no DMARC record among the TXT records"
			: names_word(&dns_status_names, (int)step->status));
}

/* The policy for an Author Domain below the policy domain (4.10.1): np if it
 * does not exist, else sp, else p. Whether it exists is asked only when that
 * makes a difference; RFC 7489 does not know np. */
static void
request_for_subdomain(
    const struct search *search, struct dmarc_discovery *discovery)
{
	const struct dmarc_record *record = discovery->record;
	bool has_sp = record->sp != DMARC_POLICY_ABSENT;

	discovery->requested = has_sp ? record->sp : record->p;
	discovery->requested_by = has_sp ? "sp" : "p";
	if (record->np == DMARC_POLICY_ABSENT ||
	    record->np == discovery->requested ||
	    search->options->method == DMARC_PSL)
		return;
	enum dns_status status =
	    dns_ask(search->facts, search->author, DNS_A)->status;
	trace_say(search->trace,
	    "RFC 9989 3.2.13: " TEXT_FMT ": %s, so %s applies",
	    TEXT_ARG(search->author),
	    names_word(&dns_status_names, (int)status),
	    status == DNS_NXDOMAIN ? "np" : discovery->requested_by);
	if (status == DNS_NXDOMAIN) {
		discovery->requested = record->np;
		discovery->requested_by = "np";
	} else if (status == DNS_FAILED || status == DNS_UNKNOWN) {
		discovery->status = DMARC_DISCOVERY_TEMPERROR;
		if (record->np < discovery->requested) {
			discovery->requested = record->np;
			discovery->requested_by = "np";
		}
	}
}

/* To RFC 7489 np is an unknown tag, which may have any value. */
static bool
is_usable(const struct search *search, const struct dmarc_record *record)
{
	struct dmarc_record known = *record;

	if (search->options->method == DMARC_PSL)
		known.np = DMARC_POLICY_ABSENT;
	return dmarc_record_is_usable(&known);
}

/* The record at STEP is the one to apply. */
static void
settle(const struct search *search, const struct dmarc_step *step,
    struct dmarc_discovery *discovery)
{
	discovery->record = step->record;
	discovery->policy_domain = step_domain(step);
	discovery->requested_by = "p";
	if (!is_usable(search, step->record)) {
		/* 4.10.1. The walk is not resumed. */
		bool as_none = step->record->rua.count > 0;
		discovery->status = as_none ? DMARC_DISCOVERY_AS_NONE
					    : DMARC_DISCOVERY_UNUSABLE;
		discovery->requested =
		    as_none ? DMARC_POLICY_NONE : DMARC_POLICY_ABSENT;
		trace_say(search->trace,
		    "%s: the record of " TEXT_FMT " has no p, or a wrong p, sp "
		    "or np; %s",
		    method_sections[discovery->method].policy,
		    TEXT_ARG(discovery->policy_domain),
		    as_none ? "with a rua it acts as p=none"
			    : "without a rua it is unusable");
		return;
	}
	discovery->status = DMARC_DISCOVERY_FOUND;
	discovery->requested = step->record->p;
	if (!dns_name_equal(discovery->policy_domain, search->author))
		request_for_subdomain(search, discovery);
}

static bool
is_of_psd(const struct dmarc_step *step)
{
	return step->record != NULL && step->record->psd == DMARC_PSD_YES;
}

/* Of the records above the author: the Organizational Domain's, else the one
 * of the PSD that ended the walk (4.10.1). NULL: none. */
static const struct dmarc_step *
choose_above(const struct dmarc_walk *walk, struct text author)
{
	struct text org = dmarc_walk_organizational_domain(walk, author);
	const struct dmarc_step *last = &walk->steps[walk->count - 1];

	for (size_t i = 1; i < walk->count; i++)
		if (walk->steps[i].record != NULL &&
		    dns_name_equal(step_domain(&walk->steps[i]), org))
			return &walk->steps[i];
	return is_of_psd(last) ? last : NULL;
}

/* DNS failed in the walk, and STEP has the record that would apply had there
 * been none where it failed. Kept, or a name below a broken delegation would
 * be a way around the policy above it. One that is unusable says nothing. */
static void
settle_unsure(const struct search *search, const struct dmarc_step *step,
    struct dmarc_discovery *discovery)
{
	if (step != NULL && is_usable(search, step->record))
		settle(search, step, discovery);
	discovery->status = DMARC_DISCOVERY_TEMPERROR;
}

static void
discover_by_walk(const struct search *search, struct dmarc_discovery *discovery)
{
	struct dmarc_walk *walk = &discovery->walk;

	dmarc_walk(search->author, search->facts, search->arena, walk);
	for (size_t i = 0; i < walk->count; i++)
		say_step(search->trace, method_sections[DMARC_TREEWALK].search,
		    &walk->steps[i]);
	discovery->organizational_failed = walk->failed;
	discovery->organizational_domain =
	    highest_organizational_domain(walk, search->author);
	if (walk->count == 0)
		return;
	/* A record of the Author Domain is the one, whatever stands above. */
	const struct dmarc_step *step = &walk->steps[0];
	bool is_unsure = step->record == NULL && walk->failed;
	if (step->record == NULL)
		step = choose_above(walk, search->author);
	if (is_unsure)
		settle_unsure(search, step, discovery);
	else if (step != NULL)
		settle(search, step, discovery);
	discovery->is_psd_policy =
	    discovery->record != NULL && step != walk->steps && is_of_psd(step);
}

/* RFC 7489 6.6.3: the Author Domain, else its Organizational Domain by the
 * suffix list; several records at a name end the search. */
static void
discover_by_suffix(
    const struct search *search, struct dmarc_discovery *discovery)
{
	const char *section = method_sections[DMARC_PSL].search;
	struct text author = search->author;
	struct text org =
	    suffix_organizational_domain(search->options->suffixes, author);
	struct dmarc_step step = look_at(author, search->facts, search->arena);
	struct dmarc_walk *walk = &discovery->walk;

	walk->steps[walk->count++] = step;
	discovery->organizational_domain = org;
	say_step(search->trace, section, &step);
	if (step.records == 0 && !has_failed(&step) &&
	    !dns_name_equal(author, org)) {
		step = look_at(org, search->facts, search->arena);
		walk->steps[walk->count++] = step;
		say_step(search->trace, section, &step);
	}
	if (has_failed(&step))
		discovery->status = DMARC_DISCOVERY_TEMPERROR;
	else if (step.record != NULL)
		settle(search, &step, discovery);
}

static void
say_outcome(struct trace *trace, const struct dmarc_discovery *discovery)
{
	const struct sections *section = &method_sections[discovery->method];

	trace_say(trace, "%s: Organizational Domain " TEXT_FMT "%s",
	    section->organizational, TEXT_ARG(discovery->organizational_domain),
	    discovery->organizational_failed ? ", or one below it: DNS failed"
					     : "");
	if (discovery->status == DMARC_DISCOVERY_NONE)
		trace_say(
		    trace, "%s: no DMARC record applies", section->policy);
	else if (discovery->record == NULL)
		trace_say(trace, "%s: DNS failed, the policy is not known",
		    section->policy);
	else if (discovery->status != DMARC_DISCOVERY_UNUSABLE)
		trace_say(trace, "%s: the record of " TEXT_FMT "%s %s: %s=%s",
		    section->policy, TEXT_ARG(discovery->policy_domain),
		    discovery->is_psd_policy ? " (a public suffix)" : "",
		    discovery->status == DMARC_DISCOVERY_TEMPERROR
			? "may apply, DNS failed"
			: "applies",
		    discovery->requested_by,
		    names_word(&dmarc_policy_names, (int)discovery->requested));
}

bool
dmarc_discover(struct text author, const struct dmarc_options *options,
    struct dns_facts *facts, struct arena *arena, struct trace *trace,
    struct dmarc_discovery *ret_discovery)
{
	struct search search = {author, options, facts, arena, trace};
	struct dmarc_discovery discovery = {
	    .status = DMARC_DISCOVERY_NONE,
	    .method = options->method,
	    .organizational_domain = author,
	};

	dns_facts_begin_pass(facts, DNS_SHARE_POLICY);
	trace_reset(trace);
	if (options->method == DMARC_PSL)
		discover_by_suffix(&search, &discovery);
	else
		discover_by_walk(&search, &discovery);
	if (dns_facts_missed(facts))
		return false;
	say_outcome(trace, &discovery);
	*ret_discovery = discovery;
	return true;
}

bool
dmarc_discovery_is_test(const struct dmarc_discovery *discovery)
{
	const struct dmarc_record *record = discovery->record;

	return record != NULL &&
	       (record->testing ||
		   (discovery->method == DMARC_PSL && record->pct == 0));
}

enum dmarc_policy
dmarc_discovery_policy(const struct dmarc_discovery *discovery)
{
	if (!dmarc_discovery_is_test(discovery) ||
	    discovery->requested == DMARC_POLICY_ABSENT)
		return discovery->requested;
	return discovery->requested == DMARC_POLICY_REJECT
		   ? DMARC_POLICY_QUARANTINE
		   : DMARC_POLICY_NONE;
}

bool
dmarc_organizational_domain(struct text domain,
    const struct dmarc_options *options, struct dns_facts *facts,
    struct arena *arena, struct text *ret_domain)
{
	struct dmarc_walk walk;

	if (options->method == DMARC_PSL) {
		*ret_domain =
		    suffix_organizational_domain(options->suffixes, domain);
		return true;
	}
	dmarc_walk(domain, facts, arena, &walk);
	if (walk.failed)
		return false;
	*ret_domain = dmarc_walk_organizational_domain(&walk, domain);
	return true;
}
