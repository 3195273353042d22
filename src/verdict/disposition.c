/* Of a failing message something is asked: by its owner, or by the operator's
 * rule for this author. `overrides` says who goes before that, in their order;
 * the last change is the reason that is reported (RFC 9990 3.1.6). A message
 * whose author cannot be known and one that DNS kept from being judged have one
 * rule each. */
#include "verdict/disposition.h"

#include "dns/name.h"
#include "verdict/evidence.h"
#include "verdict/required.h"
#include "verdict/rule.h"

static const char *const enforce_words[] = {
    [ENFORCE_MONITOR] = "monitor",
    [ENFORCE_QUARANTINE] = "quarantine",
    [ENFORCE_CONSIDERED] = "considered",
    [ENFORCE_STRICT] = "strict",
};
const struct names enforce_names = NAMES(enforce_words);

static const char *const on_temperror_words[] = {
    [ON_TEMPERROR_DEFER] = "defer",
    [ON_TEMPERROR_ACCEPT] = "accept",
};
const struct names on_temperror_names = NAMES(on_temperror_words);

static const char *const claimed_indirect_words[] = {
    [CLAIMED_QUARANTINE] = "quarantine",
    [CLAIMED_REJECT] = "reject",
};
const struct names claimed_indirect_names = NAMES(claimed_indirect_words);

static const char *const trusted_indirect_words[] = {
    [TRUSTED_QUARANTINE] = "quarantine",
    [TRUSTED_ACCEPT] = "accept",
};
const struct names trusted_indirect_names = NAMES(trusted_indirect_words);

static const char *const action_words[] = {
    [DISPOSITION_NONE] = "none",
    [DISPOSITION_QUARANTINE] = "quarantine",
    [DISPOSITION_REJECT] = "reject",
    [DISPOSITION_DEFER] = "defer",
};
const struct names disposition_action_names = NAMES(action_words);

static const char *const override_words[] = {
    [OVERRIDE_NONE] = "none",
    [OVERRIDE_LOCAL_POLICY] = "local_policy",
    [OVERRIDE_MAILING_LIST] = "mailing_list",
    [OVERRIDE_OTHER] = "other",
    [OVERRIDE_POLICY_TEST_MODE] = "policy_test_mode",
    [OVERRIDE_TRUSTED_FORWARDER] = "trusted_forwarder",
};
const struct names override_type_names = NAMES(override_words);

enum {
	REPLY_MAX = 400,          /* with "550 5.7.1 " well within one line */
	REJECT_STRING_MAX = 4096, /* more of it is not even looked at */
};

struct deciding {
	const struct disposition_input *input;
	const struct disposition_options *options;
	struct arena *arena;
	struct trace *trace;
	struct disposition disposition;
	bool is_form_refused;
};

static void
change(struct deciding *deciding, enum disposition_action action,
    enum override_type reason, struct text comment)
{
	deciding->disposition.action = action;
	deciding->disposition.reason = reason;
	deciding->disposition.comment = comment;
	trace_say(deciding->trace, "%s (%s): " TEXT_FMT,
	    names_word(&disposition_action_names, (int)action),
	    names_word(&override_type_names, (int)reason), TEXT_ARG(comment));
}

static enum disposition_action
action_of(enum dmarc_policy policy)
{
	if (policy == DMARC_POLICY_QUARANTINE)
		return DISPOSITION_QUARANTINE;
	if (policy == DMARC_POLICY_REJECT)
		return DISPOSITION_REJECT;
	return DISPOSITION_NONE;
}

/* --- what is asked for, when a message failed --- */

/* t=y or pct=0 (RFC 9989 4.7 t, A.6): one level lower. */
static void
apply_test_mode(struct deciding *deciding)
{
	enum disposition_action lower =
	    action_of(deciding->input->dmarc->policy);

	if (lower != deciding->disposition.action)
		change(deciding, lower, OVERRIDE_POLICY_TEST_MODE,
		    TEXT("the owner is testing: one level lower"));
}

/* A line that decides: where it stands is for the operator, and what it says
 * also goes to the author's domain, with the report. */
static void
say_line(struct deciding *deciding, const char *option,
    const struct roster *roster, const struct roster_entry *line)
{
	trace_say(deciding->trace, "%s: line %u of " TEXT_FMT, option,
	    line->line, TEXT_ARG(roster->name));
}

static struct text
comment_on(struct deciding *deciding, const char *what,
    const struct roster_entry *line)
{
	return arena_format(deciding->arena, "%s: " TEXT_FMT "%s" TEXT_FMT,
	    what, TEXT_ARG(line->key), line->value.len > 0 ? " " : "",
	    TEXT_ARG(line->value));
}

/* LocalPolicy: the operator's word instead of the owner's, softer or stricter.
 * Under monitor nothing is done, and under strict what was published. */
static void
apply_rule(struct deciding *deciding)
{
	const struct roster *rules = deciding->options->local_policy;
	enum enforce enforce = deciding->options->enforce;
	const struct roster_entry *rule =
	    rules == NULL ? NULL
			  : rule_find(rules, deciding->input->author->domain);

	if (rule == NULL ||
	    (enforce != ENFORCE_QUARANTINE && enforce != ENFORCE_CONSIDERED))
		return;
	say_line(deciding, "LocalPolicy", rules, rule);
	if (rule_action(rule) != deciding->disposition.action)
		change(deciding, rule_action(rule), OVERRIDE_LOCAL_POLICY,
		    comment_on(deciding, "rule here", rule));
}

/* --- who goes before what is asked, the strongest first --- */

/* TrustedSenders: an operator's word for who passes on other people's mail. */
static bool
weigh_trust(struct deciding *deciding)
{
	const struct disposition_options *options = deciding->options;
	const struct trust *trust = options->trusted_senders;
	const struct disposition_input *input = deciding->input;
	struct trust_sender sender = {
	    input->client, input->spf_domain, input->dkim, input->header};
	const struct roster_entry *line =
	    trust == NULL ? NULL : trust_find(trust, &sender);

	enum disposition_action action =
	    options->trusted_indirect == TRUSTED_ACCEPT
		? DISPOSITION_NONE
		: DISPOSITION_QUARANTINE;

	if (line == NULL || deciding->disposition.action <= action)
		return false;
	say_line(deciding, "TrustedSenders", &trust->roster, line);
	change(deciding, action,
	    trust_is_list(line) ? OVERRIDE_MAILING_LIST
				: OVERRIDE_TRUSTED_FORWARDER,
	    comment_on(deciding, "trusted here", line));
	return true;
}

static bool
weigh_proof(struct deciding *deciding)
{
	struct evidence proof;

	if (deciding->disposition.action != DISPOSITION_REJECT ||
	    !evidence_find_proof(deciding->input, deciding->arena, &proof))
		return false;
	change(deciding, DISPOSITION_QUARANTINE, proof.reason, proof.comment);
	return true;
}

/* RFC 9989 7.4 asks not to reject for p=reject alone. A claim of having come
 * by a detour softens it only where quarantine really holds the message: it
 * would otherwise be a way around the policy that is open to everybody. */
static bool
weigh_claims(struct deciding *deciding)
{
	const struct disposition_options *options = deciding->options;
	struct evidence claim;

	if (deciding->disposition.action != DISPOSITION_REJECT)
		return false;
	if (!evidence_find_claim(deciding->input, deciding->arena, &claim)) {
		trace_say(deciding->trace,
		    "RFC 9989 7.4: nothing shows that a list or a forwarder "
		    "passed it on, so the policy stands");
		return false;
	}
	if (options->hold_quarantined &&
	    options->claimed_indirect == CLAIMED_QUARANTINE) {
		change(deciding, DISPOSITION_QUARANTINE, claim.reason,
		    claim.comment);
		return true;
	}
	trace_say(deciding->trace,
	    "RFC 9989 7.4: a list or a forwarder may have passed it on (" TEXT_FMT
	    "), but that is no proof, and the policy "
	    "stands: %s",
	    TEXT_ARG(claim.comment),
	    options->hold_quarantined
		? "ClaimedIndirect is reject"
		: "quarantine would not hold the message");
	return false;
}

/* Each goes before what stands below it, and all of them before what is asked.
 * The place of a trusted sealer's ARC chain is above the first. */
static const struct {
	bool (*weigh)(struct deciding *deciding); /* true: it has decided */
	enum enforce since;                       /* and stricter, but strict */
} overrides[] = {
    {weigh_trust, ENFORCE_QUARANTINE},
    {weigh_proof, ENFORCE_CONSIDERED},
    {weigh_claims, ENFORCE_CONSIDERED},
};

static void
override(struct deciding *deciding)
{
	enum enforce enforce = deciding->options->enforce;

	if (enforce == ENFORCE_STRICT)
		trace_say(deciding->trace, "Enforce strict: as published");
	for (size_t i = 0; i < sizeof overrides / sizeof *overrides; i++)
		if (enforce != ENFORCE_STRICT &&
		    enforce >= overrides[i].since &&
		    overrides[i].weigh(deciding))
			return;
}

static void
apply_enforce(struct deciding *deciding)
{
	enum disposition_action action = deciding->disposition.action;

	if (deciding->options->enforce == ENFORCE_MONITOR &&
	    action != DISPOSITION_NONE)
		change(deciding, DISPOSITION_NONE, OVERRIDE_LOCAL_POLICY,
		    TEXT("Enforce monitor"));
	if (deciding->options->enforce == ENFORCE_QUARANTINE &&
	    action == DISPOSITION_REJECT)
		change(deciding, DISPOSITION_QUARANTINE, OVERRIDE_LOCAL_POLICY,
		    TEXT("Enforce quarantine"));
}

static void
decide_fail(struct deciding *deciding)
{
	const struct dmarc_discovery *discovery = deciding->input->discovery;

	deciding->disposition.action = action_of(discovery->requested);
	trace_say(deciding->trace, "RFC 9989 5.4: " TEXT_FMT " asks for %s",
	    TEXT_ARG(discovery->policy_domain),
	    names_word(&dmarc_policy_names, (int)discovery->requested));
	apply_test_mode(deciding);
	apply_rule(deciding);
	override(deciding);
	apply_enforce(deciding);
}

/* --- the other cases --- */

/* RFC 9989 5.3.1, 11.5: outside DMARC, and a known way around it. */
static void
decide_without_author(struct deciding *deciding)
{
	struct text reason = deciding->input->author->reason;

	if (deciding->options->lets_unknown_author_pass) {
		change(deciding, DISPOSITION_NONE, OVERRIDE_LOCAL_POLICY,
		    TEXT("no Author Domain; RejectFailures without Enforce"));
		return;
	}
	switch (deciding->options->enforce) {
	case ENFORCE_MONITOR:
		change(deciding, DISPOSITION_NONE, OVERRIDE_LOCAL_POLICY,
		    TEXT("no Author Domain; Enforce monitor"));
		return;
	case ENFORCE_QUARANTINE:
		change(deciding, DISPOSITION_QUARANTINE, OVERRIDE_LOCAL_POLICY,
		    reason);
		return;
	case ENFORCE_CONSIDERED:
	case ENFORCE_STRICT:
		change(deciding, DISPOSITION_REJECT, OVERRIDE_LOCAL_POLICY,
		    reason);
		return;
	}
}

/* RFC 9989 4.10.1, 5.3.6. An attacker must not disarm a policy with a slow key
 * (so a known one defers), nor stop mail where there may be none. */
static void
decide_temperror(struct deciding *deciding)
{
	enum disposition_action action =
	    action_of(deciding->input->dmarc->policy);

	if (action == DISPOSITION_NONE)
		trace_say(deciding->trace,
		    "RFC 9989 5.3.6: accepted: no policy is known that asks "
		    "for more");
	else if (deciding->options->enforce == ENFORCE_MONITOR)
		change(deciding, DISPOSITION_NONE, OVERRIDE_LOCAL_POLICY,
		    TEXT("temperror; Enforce monitor"));
	else if (deciding->options->on_temperror == ON_TEMPERROR_ACCEPT)
		change(deciding, DISPOSITION_NONE, OVERRIDE_LOCAL_POLICY,
		    TEXT("temperror; OnTempError accept"));
	else
		change(deciding, DISPOSITION_DEFER, OVERRIDE_LOCAL_POLICY,
		    TEXT("temperror while a policy is known"));
}

/* --- what is refused for its form --- */

static bool
is_author_refused(
    const struct disposition_options *options, enum author_status status)
{
	switch (status) {
	case AUTHOR_OK: return false;
	case AUTHOR_MULTIPLE: return options->reject_multi_value_from;
	case AUTHOR_NONE:
	case AUTHOR_MALFORMED:
		return options->required_from || options->required_headers;
	}
	return false;
}

/* What an option asks for goes before Enforce, as it did in OpenDMARC. */
static bool
refuse_form(struct deciding *deciding)
{
	const struct disposition_options *options = deciding->options;
	const struct author *author = deciding->input->author;
	struct text broken = TEXT("");

	if (options->required_headers)
		broken =
		    required_find(deciding->arena, deciding->input->header);
	if (broken.len > 0)
		change(deciding, DISPOSITION_REJECT, OVERRIDE_LOCAL_POLICY,
		    arena_format(deciding->arena, "RFC 5322 3.6: " TEXT_FMT,
			TEXT_ARG(broken)));
	else if (is_author_refused(options, author->status))
		change(deciding, DISPOSITION_REJECT, OVERRIDE_LOCAL_POLICY,
		    author->reason);
	deciding->is_form_refused =
	    deciding->disposition.action == DISPOSITION_REJECT;
	return deciding->is_form_refused;
}

/* --- the reply --- */

/* One line of printable ASCII with DMARC in it (7.2), whatever the
 * configuration or the sender put there. The first %s becomes DOMAIN. */
static struct text
reply_line(struct arena *arena, struct text format, struct text domain)
{
	size_t at = text_find_part(format, TEXT("%s"));
	struct build line;

	build_init_arena(&line, arena, REJECT_STRING_MAX + DNS_NAME_MAX + 16);
	build_text(&line, text_slice(format, 0, at));
	if (at < format.len)
		build_text(&line, domain);
	build_text(&line, text_slice(format, at + 2, format.len));
	for (size_t i = 0; i < line.len; i++)
		line.ptr[i] = to_harmless(line.ptr[i]);
	struct text text = text_slice(build_view(&line), 0, REPLY_MAX);
	if (text_find_part(text, TEXT("DMARC")) == text.len)
		text = text_slice(
		    arena_join(arena, TEXT("DMARC: "), text), 0, REPLY_MAX);
	return text;
}

static struct text
reject_text(struct deciding *deciding)
{
	const struct author *author = deciding->input->author;
	struct text format =
	    text_slice(deciding->options->reject_string, 0, REJECT_STRING_MAX);

	if (deciding->is_form_refused && author->status == AUTHOR_OK)
		return reply_line(deciding->arena,
		    arena_join(deciding->arena,
			TEXT("DMARC filter: message refused: "),
			deciding->disposition.comment),
		    TEXT("%s"));
	if (author->status != AUTHOR_OK)
		return reply_line(deciding->arena,
		    arena_join(deciding->arena,
			TEXT("DMARC cannot be applied: "),
			text_slice(author->reason, 0, REPLY_MAX)),
		    TEXT("%s"));
	if (format.len == 0)
		format = TEXT("rejected by DMARC policy for %s");
	return reply_line(deciding->arena, format, author->domain);
}

static void
write_reply(struct deciding *deciding)
{
	struct disposition *disposition = &deciding->disposition;

	if (disposition->action == DISPOSITION_REJECT) {
		disposition->smtp_code = "550";
		disposition->smtp_status = "5.7.1";
		disposition->smtp_text = reject_text(deciding);
	}
	if (disposition->action == DISPOSITION_DEFER) {
		disposition->smtp_code = "451";
		disposition->smtp_status = "4.7.1";
		disposition->smtp_text = reply_line(deciding->arena,
		    TEXT("DMARC of %s cannot be evaluated now, DNS failed; "
			 "try again later"),
		    deciding->input->author->domain);
	}
}

struct disposition
disposition_decide(const struct disposition_input *input,
    const struct disposition_options *options, struct arena *arena,
    struct trace *trace)
{
	struct deciding deciding = {.input = input,
	    .options = options,
	    .arena = arena,
	    .trace = trace,
	    .disposition = {.action = DISPOSITION_NONE}};

	if (refuse_form(&deciding))
		trace_say(trace, "refused for its form, whatever the policy");
	else if (input->author->status != AUTHOR_OK)
		decide_without_author(&deciding);
	else if (input->dmarc->result == DMARC_FAIL)
		decide_fail(&deciding);
	else if (input->dmarc->result == DMARC_TEMPERROR)
		decide_temperror(&deciding);
	else
		trace_say(trace, "RFC 9989 5.4: dmarc=%s, no policy applies",
		    names_word(&dmarc_result_names, (int)input->dmarc->result));
	deciding.disposition.hold =
	    deciding.disposition.action == DISPOSITION_QUARANTINE &&
	    options->hold_quarantined;
	write_reply(&deciding);
	trace_say(trace, "disposition: %s%s",
	    names_word(
		&disposition_action_names, (int)deciding.disposition.action),
	    deciding.disposition.hold ? ", to be held" : "");
	return deciding.disposition;
}
