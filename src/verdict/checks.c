/* The checks stand in the table `steps`, in their order. Each run goes through
 * those that are not decided yet, so that all of them ask for what they want at
 * once; what is decided is never run again, and its story is kept.
 *
 * The Author Domain's policy is asked first and has a share of the facts that
 * nobody else uses before it is known. */
#include "verdict/checks.h"

#include "spf/identity.h"
#include "verdict/results.h"

enum step {
	STEP_UPSTREAM,
	STEP_POLICY,
	STEP_SPF,
	STEP_HELO,
	STEP_DKIM,
	STEP_DMARC,
	STEP_DISPOSITION,
	STEPS,
};

enum { STORY_MAX = (STEPS + 1) * TRACE_MAX };

struct checks {
	struct arena *arena;
	const struct checks_options *options;
	struct envelope envelope;
	struct mail_header header;
	bool header_ended;
	bool body_ended;
	struct dns_facts *facts;
	struct dkim *dkim;        /* NULL: upstream is believed */
	struct upstream upstream; /* likewise */
	struct upstream told;     /* checks_tell_dkim */
	bool is_told;
	bool is_decided[STEPS];
	struct trace traces[STEPS];
	struct trace author_trace;
	struct verdict verdict;
};

struct checks *
checks_new(struct arena *arena, const struct checks_options *options,
    const struct envelope *envelope)
{
	struct checks *checks = arena_alloc(arena, sizeof *checks);

	if (checks == NULL)
		return NULL;
	checks->arena = arena;
	checks->options = options;
	checks->envelope = (struct envelope){
	    .client = envelope->client,
	    .helo = arena_copy(arena, envelope->helo),
	    .mail_from = arena_copy(arena, envelope->mail_from),
	    .job = arena_copy(arena, envelope->job),
	    .receiver = arena_copy(arena, envelope->receiver),
	    .now = envelope->now,
	};
	for (size_t i = 0; i < STEPS; i++)
		trace_init(&checks->traces[i], arena);
	trace_init(&checks->author_trace, arena);
	checks->facts = dns_facts_new(arena);
	return arena_failed(arena) ? NULL : checks;
}

/* --- the message comes in --- */

void
checks_tell_dkim(struct checks *checks, const struct upstream *told)
{
	checks->told = *told;
	checks->is_told = true;
}

void
checks_field(struct checks *checks, struct text name, struct text value,
    bool leading_space)
{
	/* False only without memory; checks_verdict tells that. */
	if (!mail_header_add(
		&checks->header, checks->arena, name, value, leading_space))
		return;
}

void
checks_header(struct checks *checks, const struct mail_header *header)
{
	checks->header = *header;
}

/* A story, or NULL when nobody wants to read it. */
static struct trace *
story(struct checks *checks, struct trace *trace)
{
	return checks->options->explain ? trace : NULL;
}

static bool
believes_upstream(const struct checks *checks)
{
	return checks->options->source == AUTHENTICATION_HEADERS;
}

static bool
verifies_dkim(const struct checks *checks)
{
	return !believes_upstream(checks) && !checks->is_told;
}

void
checks_end_of_header(struct checks *checks)
{
	struct author *author = &checks->verdict.author;

	if (checks->header_ended)
		return;
	checks->header_ended = true;
	*author = author_find(checks->arena, &checks->header);
	if (author->status == AUTHOR_OK)
		trace_say(story(checks, &checks->author_trace),
		    "RFC 9989 5.3.1: Author Domain " TEXT_FMT,
		    TEXT_ARG(author->domain));
	else
		trace_say(story(checks, &checks->author_trace),
		    "RFC 9989 5.3.1: no Author Domain (%s): " TEXT_FMT,
		    names_word(&author_status_names, (int)author->status),
		    TEXT_ARG(author->reason));
	if (!verifies_dkim(checks))
		return;
	struct dkim_options options = {
	    .now = checks->envelope.now,
	    .author = author->domain,
	};
	checks->dkim = dkim_new(checks->arena, &checks->header, &options);
}

void
checks_body(struct checks *checks, struct text piece)
{
	checks_end_of_header(checks);
	if (checks->dkim != NULL && !checks->body_ended)
		dkim_body(checks->dkim, piece);
}

void
checks_end_of_body(struct checks *checks)
{
	checks_end_of_header(checks);
	if (checks->dkim != NULL && !checks->body_ended)
		dkim_end_of_body(checks->dkim);
	checks->body_ended = true;
}

/* --- the steps: true when decided --- */

static bool
run_upstream(struct checks *checks, struct trace *trace)
{
	struct upstream_trust trust = {
	    .authserv_id = checks->options->authserv_id,
	    .trusted_ids = checks->options->trusted_authserv_ids,
	    .job = checks->envelope.job,
	};

	if (believes_upstream(checks))
		checks->upstream = upstream_find(
		    checks->arena, &checks->header, &trust, trace);
	return true;
}

static bool
run_policy(struct checks *checks, struct trace *trace)
{
	struct verdict *verdict = &checks->verdict;

	verdict->discovery.method = checks->options->dmarc.method;
	if (verdict->author.status != AUTHOR_OK)
		return true; /* RFC 9989 5.3.1: no discovery */
	return dmarc_discover(verdict->author.domain, &checks->options->dmarc,
	    checks->facts, checks->arena, trace, &verdict->discovery);
}

static struct spf_input
spf_input(const struct checks *checks, enum dns_share share)
{
	const struct envelope *envelope = &checks->envelope;

	return (struct spf_input){
	    .client = envelope->client,
	    .helo = envelope->helo,
	    .receiver = envelope->receiver,
	    .now = envelope->now,
	    .share = share,
	};
}

static bool
run_spf_of(struct checks *checks, const struct spf_input *input,
    enum upstream_identity identity, struct trace *trace,
    struct spf_outcome *ret_outcome)
{
	const struct checks_options *options = checks->options;

	if (believes_upstream(checks) && !options->spf_ignore_results) {
		*ret_outcome = upstream_spf(
		    &checks->upstream, identity, input->domain, trace);
		if (ret_outcome->result != SPF_NONE ||
		    !options->spf_self_validate)
			return true;
	}
	return spf_check(
	    input, checks->facts, checks->arena, trace, ret_outcome);
}

static bool
run_spf(struct checks *checks, struct trace *trace)
{
	struct verdict *verdict = &checks->verdict;
	struct spf_input input = spf_input(checks, DNS_SHARE_SPF);

	bool is_null_sender = spf_identify_mail_from(
	    checks->arena, checks->envelope.mail_from, &input);

	if (!is_null_sender)
		verdict->mail_from_domain = input.domain;
	return run_spf_of(checks, &input,
	    is_null_sender ? UPSTREAM_NULL_SENDER : UPSTREAM_MAIL_FROM, trace,
	    &verdict->spf);
}

/* RFC 7208 2.3. Recorded; it never stands for MAIL FROM. */
static bool
run_helo(struct checks *checks, struct trace *trace)
{
	struct spf_input input = spf_input(checks, DNS_SHARE_HELO);

	spf_identify_helo(checks->arena, &input);
	return run_spf_of(
	    checks, &input, UPSTREAM_HELO, trace, &checks->verdict.helo);
}

/* While the body comes, the keys do too. */
static bool
run_dkim(struct checks *checks, struct trace *trace)
{
	if (!verifies_dkim(checks)) {
		checks->verdict.dkim = upstream_dkim(checks->arena,
		    believes_upstream(checks) ? &checks->upstream
					      : &checks->told,
		    &checks->header, trace);
		return true;
	}
	if (!checks->body_ended) {
		dkim_hint_keys(checks->dkim, checks->facts);
		return false;
	}
	return dkim_check(
	    checks->dkim, checks->facts, trace, &checks->verdict.dkim);
}

/* Of the signatures that passed or may have. Without memory: none. */
static const struct dmarc_identifier *
dkim_identifiers(
    struct arena *arena, const struct dkim_results *dkim, size_t *ret_count)
{
	struct dmarc_identifier *identifiers =
	    arena_array(arena, dkim->count, sizeof *identifiers);
	size_t count = 0;

	for (size_t i = 0; identifiers != NULL && i < dkim->count; i++) {
		struct dmarc_identifier identifier = {
		    .domain = dkim->at[i].domain,
		    .passed = dkim->at[i].result == DKIM_PASS,
		    .temperror = dkim->at[i].result == DKIM_TEMPERROR,
		};
		if (identifier.passed || identifier.temperror)
			identifiers[count++] = identifier;
	}
	*ret_count = count;
	return identifiers;
}

static bool
run_dmarc(struct checks *checks, struct trace *trace)
{
	struct verdict *verdict = &checks->verdict;

	if (!checks->is_decided[STEP_POLICY] || !checks->is_decided[STEP_SPF] ||
	    !checks->is_decided[STEP_DKIM])
		return false;
	if (verdict->author.status != AUTHOR_OK) {
		bool is_absent = verdict->author.status == AUTHOR_NONE;
		verdict->dmarc = (struct dmarc_outcome){
		    .result = is_absent ? DMARC_NONE : DMARC_PERMERROR,
		    .reason = verdict->author.reason,
		};
		return true;
	}
	struct dmarc_input input = {
	    .author = verdict->author.domain,
	    .discovery = &verdict->discovery,
	    .spf = {.domain = verdict->spf.domain,
		.passed = verdict->spf.result == SPF_PASS,
		.temperror = verdict->spf.result == SPF_TEMPERROR},
	};
	input.dkim =
	    dkim_identifiers(checks->arena, &verdict->dkim, &input.dkim_count);
	return dmarc_check(&input, &checks->options->dmarc, checks->facts,
	    checks->arena, trace, &verdict->dmarc);
}

/* Which of the broken signatures are the author's? They are evidence, and walked
 * like those that passed: what lies below the author's domain may be somebody
 * else's (RFC 9989 4.7, psd=n). */
static const bool *
find_authors(struct checks *checks)
{
	const struct verdict *verdict = &checks->verdict;
	const struct dkim_verdict *signature = verdict->dkim.at;
	struct dmarc_input input = {
	    .author = verdict->author.domain,
	    .discovery = &verdict->discovery,
	};
	bool *is_authors =
	    arena_array(checks->arena, verdict->dkim.count, sizeof *is_authors);

	for (size_t i = 0; is_authors != NULL && i < verdict->dkim.count; i++)
		is_authors[i] =
		    (signature[i].changes != 0 ||
			signature[i].body_hash_failed) &&
		    dmarc_would_align(&input, signature[i].domain,
			&checks->options->dmarc, checks->facts, checks->arena);
	return is_authors;
}

static bool
run_disposition(struct checks *checks, struct trace *trace)
{
	struct verdict *verdict = &checks->verdict;

	if (!checks->is_decided[STEP_DMARC] || !checks->is_decided[STEP_HELO])
		return false;
	bool is_spf_pass = verdict->spf.result == SPF_PASS;
	bool is_fail = verdict->dmarc.result == DMARC_FAIL;
	dns_facts_begin_pass(checks->facts, DNS_SHARE_ALIGNMENT);
	struct disposition_input input = {
	    .author = &verdict->author,
	    .client = checks->envelope.client,
	    .spf_domain = is_spf_pass ? verdict->mail_from_domain : TEXT(""),
	    .header = &checks->header,
	    .dkim = &verdict->dkim,
	    .is_authors = is_fail ? find_authors(checks) : NULL,
	    .discovery = &verdict->discovery,
	    .dmarc = &verdict->dmarc,
	};
	if (dns_facts_missed(checks->facts) || arena_failed(checks->arena))
		return false;
	verdict->disposition = disposition_decide(
	    &input, &checks->options->disposition, checks->arena, trace);
	return true;
}

static const struct {
	bool (*run)(struct checks *checks, struct trace *trace);
	const char *title; /* of its part of the story */
} steps[] = {
    [STEP_UPSTREAM] = {run_upstream, "results from upstream"},
    [STEP_POLICY] = {run_policy, "policy"},
    [STEP_SPF] = {run_spf, "SPF of MAIL FROM"},
    [STEP_HELO] = {run_helo, "SPF of HELO"},
    [STEP_DKIM] = {run_dkim, "DKIM"},
    [STEP_DMARC] = {run_dmarc, "DMARC"},
    [STEP_DISPOSITION] = {run_disposition, "disposition"},
};

/* --- driving --- */

const struct author *
checks_author(const struct checks *checks)
{
	return &checks->verdict.author;
}

const struct mail_header *
checks_its_header(const struct checks *checks)
{
	return &checks->header;
}

struct dns_facts *
checks_facts(struct checks *checks)
{
	return checks->facts;
}

static void
add_story(struct build *build, const char *title, const struct trace *trace)
{
	struct text lines = trace_story(trace);

	if (lines.len == 0)
		return;
	build_format(build, "%s:\n", title);
	while (lines.len > 0) {
		build_text(build, TEXT("  "));
		build_text(build, text_split(&lines, '\n'));
		build_byte(build, '\n');
	}
}

static void
finish(struct checks *checks)
{
	struct verdict *verdict = &checks->verdict;
	const struct checks_options *options = checks->options;
	struct build whole;

	verdict->authentication_results =
	    results_write(verdict, options->authserv_id,
		options->authserv_id_with_job ? checks->envelope.job : TEXT(""),
		checks->arena);
	if (!options->explain)
		return;
	build_init_arena(&whole, checks->arena, STORY_MAX);
	add_story(&whole, "author", &checks->author_trace);
	for (size_t i = 0; i < STEPS; i++)
		add_story(&whole, steps[i].title, &checks->traces[i]);
	verdict->story = build_view(&whole);
}

/* Memory was short: there will be no verdict. */
static bool
is_broken(const struct checks *checks)
{
	return arena_failed(checks->arena) ||
	       (checks->header_ended && checks->dkim == NULL &&
		   verifies_dkim(checks));
}

bool
checks_run(struct checks *checks)
{
	if (!checks->header_ended)
		return false;
	if (is_broken(checks) || checks->is_decided[STEP_DISPOSITION])
		return checks->body_ended;
	for (size_t i = 0; i < STEPS; i++) {
		struct trace *trace = story(checks, &checks->traces[i]);
		if (checks->is_decided[i])
			continue;
		trace_reset(trace);
		checks->is_decided[i] = steps[i].run(checks, trace);
	}
	if (checks->is_decided[STEP_DISPOSITION])
		finish(checks);
	return checks->body_ended &&
	       (checks->is_decided[STEP_DISPOSITION] || is_broken(checks));
}

const struct verdict *
checks_verdict(const struct checks *checks)
{
	if (!checks->is_decided[STEP_DISPOSITION] || is_broken(checks))
		return NULL;
	return &checks->verdict;
}
