/* Passing identifiers are looked at first, those that DNS kept from being
 * evaluated only when nothing passed: a pass wins over errors (RFC 9989
 * 5.3.6). */
#include "dmarc/check.h"

#include "dns/name.h"

static const char *const result_words[] = {
    [DMARC_NONE] = "none",
    [DMARC_PASS] = "pass",
    [DMARC_FAIL] = "fail",
    [DMARC_TEMPERROR] = "temperror",
    [DMARC_PERMERROR] = "permerror",
};
const struct names dmarc_result_names = NAMES(result_words);

enum alignment { ALIGNED, NOT_ALIGNED, ALIGNMENT_UNKNOWN };

struct evaluation {
	const struct dmarc_input *input;
	const struct dmarc_discovery *discovery;
	const struct dmarc_options *options;
	struct dns_facts *facts;
	struct arena *arena;
	struct trace *trace;
	unsigned walks;
	bool troubled; /* an identifier may be aligned, had DNS answered */
};

/* RFC 9989 4.4, 4.10.2. The same Organizational Domain can only be that of a
 * name at or below the author's, so no other name is walked. */
static enum alignment
align(struct evaluation *evaluation, struct text domain, bool is_strict)
{
	const struct dmarc_discovery *discovery = evaluation->discovery;
	struct text org;

	if (domain.len == 0)
		return NOT_ALIGNED;
	if (dns_name_equal(domain, evaluation->input->author))
		return ALIGNED; /* no walk is needed */
	if (is_strict ||
	    !dns_name_is_at_or_below(domain, discovery->organizational_domain))
		return NOT_ALIGNED;
	if (discovery->organizational_failed)
		return ALIGNMENT_UNKNOWN;
	bool is_walk = evaluation->options->method == DMARC_TREEWALK;
	if (is_walk && evaluation->walks++ >= DMARC_WALKS_MAX)
		return NOT_ALIGNED;
	if (!dmarc_organizational_domain(domain, evaluation->options,
		evaluation->facts, evaluation->arena, &org))
		return ALIGNMENT_UNKNOWN;
	return dns_name_equal(org, discovery->organizational_domain)
		   ? ALIGNED
		   : NOT_ALIGNED;
}

static void
say_alignment(struct evaluation *evaluation, const char *method,
    const struct dmarc_identifier *identifier, bool is_strict,
    enum alignment alignment)
{
	static const char *const words[] = {
	    [ALIGNED] = "aligned",
	    [NOT_ALIGNED] = "not aligned",
	    [ALIGNMENT_UNKNOWN] = "alignment not known, DNS failed",
	};

	trace_say(evaluation->trace,
	    "RFC 9989 4.4: %s " TEXT_FMT " (%s): %s with " TEXT_FMT "; %s",
	    method, TEXT_ARG(identifier->domain),
	    identifier->passed ? "pass" : "temperror", words[alignment],
	    TEXT_ARG(evaluation->input->author),
	    is_strict ? "strict asks for the same name"
		      : "relaxed asks for the same Organizational Domain");
}

/* Has this identifier passed, and is it aligned? */
static bool
passes(struct evaluation *evaluation, const char *method,
    const struct dmarc_identifier *identifier, bool is_strict)
{
	if (!identifier->passed)
		return false;
	enum alignment alignment =
	    align(evaluation, identifier->domain, is_strict);
	say_alignment(evaluation, method, identifier, is_strict, alignment);
	evaluation->troubled |= alignment == ALIGNMENT_UNKNOWN;
	return alignment == ALIGNED;
}

static bool
any_dkim_passes(struct evaluation *evaluation)
{
	const struct dmarc_input *input = evaluation->input;
	bool is_strict = evaluation->discovery->record->strict_dkim;

	for (size_t i = 0; i < input->dkim_count; i++)
		if (passes(evaluation, "DKIM", &input->dkim[i], is_strict))
			return true;
	return false;
}

/* An identifier that may have passed counts only if it could have aligned. */
static void
weigh_trouble(struct evaluation *evaluation, const char *method,
    const struct dmarc_identifier *identifier, bool is_strict)
{
	if (!identifier->temperror || identifier->passed ||
	    evaluation->troubled)
		return;
	enum alignment alignment =
	    align(evaluation, identifier->domain, is_strict);
	say_alignment(evaluation, method, identifier, is_strict, alignment);
	evaluation->troubled = alignment != NOT_ALIGNED;
}

static enum dmarc_result
result_without_pass(struct evaluation *evaluation)
{
	const struct dmarc_input *input = evaluation->input;
	const struct dmarc_record *record = evaluation->discovery->record;

	weigh_trouble(evaluation, "SPF", &input->spf, record->strict_spf);
	for (size_t i = 0; i < input->dkim_count; i++)
		weigh_trouble(
		    evaluation, "DKIM", &input->dkim[i], record->strict_dkim);
	if (evaluation->troubled ||
	    evaluation->discovery->status == DMARC_DISCOVERY_TEMPERROR)
		return DMARC_TEMPERROR;
	return DMARC_FAIL;
}

/* DNS failed where a record may stand that goes before this one. It may be
 * unusable, so that not even a pass is sure; but none makes an aligned message
 * fail, so there is no policy to be carried out. */
static bool
is_unsure_record(const struct evaluation *evaluation)
{
	const struct dmarc_discovery *discovery = evaluation->discovery;

	return discovery->organizational_failed &&
	       !dns_name_equal(
		   discovery->policy_domain, evaluation->input->author);
}

/* What DMARC has to go by, before anything is compared. */
static bool
has_passed(const struct dmarc_input *input)
{
	for (size_t i = 0; i < input->dkim_count; i++)
		if (input->dkim[i].passed)
			return true;
	return input->spf.passed;
}

static void
say_absent(const struct evaluation *evaluation)
{
	const struct dmarc_input *input = evaluation->input;

	if (!input->spf.passed && !input->spf.temperror)
		trace_say(evaluation->trace,
		    "RFC 9989 4.4: SPF did not pass, so it does not count");
	if (input->dkim_count == 0)
		trace_say(evaluation->trace,
		    "RFC 9989 4.4: no DKIM signature passed, so none counts");
}

static struct text
fail_reason(const struct dmarc_input *input)
{
	return has_passed(input)
		   ? TEXT("nothing that passed is aligned with the author")
		   : TEXT("neither SPF nor DKIM passed");
}

/* RFC 9989 5.3.3 to 5.3.6, with a record at hand. */
static void
evaluate(struct evaluation *evaluation, struct dmarc_outcome *outcome)
{
	const struct dmarc_input *input = evaluation->input;

	outcome->policy = dmarc_discovery_policy(evaluation->discovery);
	say_absent(evaluation);
	outcome->spf_aligned = passes(evaluation, "SPF", &input->spf,
	    evaluation->discovery->record->strict_spf);
	outcome->dkim_aligned = any_dkim_passes(evaluation);
	bool passes = outcome->spf_aligned || outcome->dkim_aligned;
	if (passes && is_unsure_record(evaluation)) {
		outcome->policy = DMARC_POLICY_ABSENT;
		outcome->result = DMARC_TEMPERROR;
		outcome->reason = TEXT("DNS failed for the DMARC record");
		return;
	}
	if (passes) {
		outcome->result = DMARC_PASS;
		return;
	}
	outcome->result = result_without_pass(evaluation);
	outcome->reason = outcome->result == DMARC_FAIL
			      ? fail_reason(input)
			      : TEXT("DNS failed for what could have aligned");
}

static void
conclude(struct evaluation *evaluation, struct dmarc_outcome *outcome)
{
	switch (evaluation->discovery->status) {
	case DMARC_DISCOVERY_NONE:
		outcome->result = DMARC_NONE;
		outcome->reason = TEXT("no DMARC record");
		return;
	case DMARC_DISCOVERY_UNUSABLE:
		outcome->result = DMARC_PERMERROR;
		outcome->reason = TEXT("the DMARC record is unusable");
		return;
	case DMARC_DISCOVERY_TEMPERROR:
		if (evaluation->discovery->record != NULL)
			break;
		outcome->result = DMARC_TEMPERROR;
		outcome->reason = TEXT("DNS failed for the DMARC record");
		return;
	case DMARC_DISCOVERY_FOUND:
	case DMARC_DISCOVERY_AS_NONE: break;
	}
	evaluate(evaluation, outcome);
}

/* For the sender's administrator. */
static void
say_remedy(
    const struct evaluation *evaluation, const char *what, bool is_strict)
{
	const struct dmarc_discovery *discovery = evaluation->discovery;
	bool is_same = is_strict || discovery->organizational_failed;

	trace_say(evaluation->trace,
	    "RFC 9989 4.4: it would have passed with %s %s " TEXT_FMT, what,
	    is_same ? "is" : "has the Organizational Domain",
	    TEXT_ARG(is_same ? evaluation->input->author
			     : discovery->organizational_domain));
}

static void
say_remedies(const struct evaluation *evaluation)
{
	const struct dmarc_record *record = evaluation->discovery->record;

	say_remedy(evaluation,
	    "a DKIM signature that verifies and whose d=", record->strict_dkim);
	say_remedy(evaluation,
	    "a MAIL FROM for which SPF passes and whose domain",
	    record->strict_spf);
}

bool
dmarc_check(const struct dmarc_input *input,
    const struct dmarc_options *options, struct dns_facts *facts,
    struct arena *arena, struct trace *trace, struct dmarc_outcome *ret_outcome)
{
	struct evaluation evaluation = {.input = input,
	    .discovery = input->discovery,
	    .options = options,
	    .facts = facts,
	    .arena = arena,
	    .trace = trace};
	struct dmarc_outcome outcome = {.result = DMARC_NONE};

	dns_facts_begin_pass(facts, DNS_SHARE_ALIGNMENT);
	trace_reset(trace);
	conclude(&evaluation, &outcome);
	if (dns_facts_missed(facts))
		return false;
	/* Without memory nothing was surely found. */
	if (arena_failed(arena))
		outcome = (struct dmarc_outcome){.result = DMARC_TEMPERROR};
	trace_say(trace, "RFC 9989 5.3: dmarc=%s%s" TEXT_FMT,
	    names_word(&dmarc_result_names, (int)outcome.result),
	    outcome.reason.len > 0 ? ": " : "", TEXT_ARG(outcome.reason));
	if (outcome.result == DMARC_FAIL)
		say_remedies(&evaluation);
	*ret_outcome = outcome;
	return true;
}

bool
dmarc_would_align(const struct dmarc_input *input, struct text domain,
    const struct dmarc_options *options, struct dns_facts *facts,
    struct arena *arena)
{
	const struct dmarc_record *record = input->discovery->record;
	struct evaluation evaluation = {.input = input,
	    .discovery = input->discovery,
	    .options = options,
	    .facts = facts,
	    .arena = arena};

	return align(&evaluation, domain,
		   record != NULL && record->strict_dkim) == ALIGNED;
}
