/* Plan: dkim_new reads all signatures and decides at once about those that
 * need no key: malformed, expired, too many. The others become jobs: their body
 * hashes run while the body comes in, and each pass of the check asks for their
 * keys and judges them. Verdicts stand in field order; a job knows its own. */
#include "dkim/check.h"

#include "dkim/form.h"
#include "dkim/key.h"
#include "dkim/signed.h"
#include "dkim/undo.h"
#include "dns/name.h"

#include <assert.h>

enum {
	/* RFC 6376 3.5, x=: how far the signer's clock may be behind. */
	CLOCK_SKEW = 300,
	FORMS = 2,
};

static const char *const result_words[] = {
    [DKIM_NONE] = "none",
    [DKIM_PASS] = "pass",
    [DKIM_FAIL] = "fail",
    [DKIM_POLICY] = "policy",
    [DKIM_NEUTRAL] = "neutral",
    [DKIM_TEMPERROR] = "temperror",
    [DKIM_PERMERROR] = "permerror",
};
static_assert(sizeof result_words / sizeof *result_words == DKIM_PERMERROR + 1,
    "a word for each result");
const struct names dkim_result_names = NAMES(result_words);

struct candidate {
	size_t nearness; /* to the author's domain */
	struct dkim_signature signature;
	struct dkim_verdict *verdict;
};

struct job {
	struct dkim_signature signature;
	struct dkim_verdict *verdict;
	struct text key_name;
	const struct dkim_form *form;
	/* The verdict is of this answer: a pure function of it and of the
	 * message, so that further passes need not verify again. Facts hold
	 * their answers, so an address is not used twice. */
	const struct dns_answer *judged;
	const struct crypto_key *first_key; /* that could have signed */
	bool has_digest;
	struct sha256 digest; /* of the signed header */
	bool is_covered;      /* dkim_signed.is_covered */
};

struct dkim {
	struct arena *arena;
	const struct mail_header *header;
	struct dkim_options options;
	size_t count;
	struct dkim_verdict *verdicts;
	size_t jobs;
	struct job job[DKIM_SIGNATURES_MAX];
	struct dkim_form *form[FORMS]; /* by canonicalization */
	struct dkim_undo *undo;
	bool body_ended;
};

static void
decide(
    struct dkim_verdict *verdict, enum dkim_result result, const char *reason)
{
	verdict->result = result;
	verdict->reason = text_from_cstr(reason);
}

/* --- the header --- */

static void
copy_tags(struct dkim_verdict *verdict, const struct dkim_signature *signature)
{
	verdict->domain = signature->domain;
	verdict->selector = signature->selector;
	verdict->identity = signature->identity;
	verdict->algorithm = signature->algorithm;
	verdict->b = signature->b;
	verdict->signed_names = signature->signed_names;
}

static bool
is_expired(const struct dkim_signature *signature, int64_t now)
{
	return signature->has_expiration && now > CLOCK_SKEW &&
	       signature->expiration < now - CLOCK_SKEW;
}

/* Reads one field. True: it is to be verified. */
static bool
read_signature(const struct dkim *dkim, const struct mail_field *field,
    struct candidate *ret_candidate)
{
	struct dkim_signature *signature = &ret_candidate->signature;
	struct dkim_verdict *verdict = ret_candidate->verdict;
	const char *reason = "";
	bool is_read =
	    dkim_signature_read(dkim->arena, field, signature, &reason);

	copy_tags(verdict, signature);
	if (!is_read)
		decide(verdict, DKIM_PERMERROR, reason);
	else if (dkim->header->is_too_long) /* h= would miss what is lost */
		decide(verdict, DKIM_PERMERROR, "the header is too long");
	else if (is_expired(signature, dkim->options.now))
		decide(verdict, DKIM_POLICY, "the signature has expired");
	else
		return true;
	return false;
}

static const struct mail_field *
next_signature(const struct mail_header *header, const struct mail_field *field)
{
	size_t from =
	    field == NULL ? 0 : (size_t)(field - header->fields.at) + 1;

	return mail_header_find(header, TEXT("DKIM-Signature"), from);
}

static bool
make_verdicts(struct dkim *dkim)
{
	static const struct dkim_verdict not_read = {
	    .result = DKIM_NEUTRAL,
	    .domain = {"", 0},
	    .selector = {"", 0},
	    .identity = {"", 0},
	    .algorithm = {"", 0},
	    .b = {"", 0},
	    .signed_names = {"", 0},
	    .reason = {"limit", sizeof "limit" - 1},
	};

	size_t fields = mail_header_count(dkim->header, TEXT("DKIM-Signature"));
	dkim->count = fields < DKIM_RESULTS_MAX ? fields : DKIM_RESULTS_MAX;
	dkim->verdicts =
	    arena_array(dkim->arena, dkim->count, sizeof *dkim->verdicts);
	if (dkim->verdicts == NULL)
		return false;
	for (size_t i = 0; i < dkim->count; i++)
		dkim->verdicts[i] = not_read;
	return true;
}

/* --- which to verify --- */

/* How near NAME is to the author's domain: the labels they have in common from
 * the right, and one more when they are equal. What can align has most. */
static size_t
nearness(struct text author, struct text name)
{
	size_t a = author.len;
	size_t n = name.len;
	size_t labels = 0;

	while (a > 0 && n > 0 && author.ptr[a - 1] == name.ptr[n - 1]) {
		a--;
		n--;
		labels += author.ptr[a] == '.';
	}
	bool ends_author = a == 0 || author.ptr[a - 1] == '.';
	bool ends_name = n == 0 || name.ptr[n - 1] == '.';
	if (author.len > 0 && ends_author && ends_name)
		labels++;
	return labels + (a == 0 && n == 0);
}

/* A job for CANDIDATE. False: no memory. */
static bool
add_job(struct dkim *dkim, const struct candidate *candidate)
{
	const struct dkim_signature *signature = &candidate->signature;
	struct dkim_form **form = &dkim->form[signature->body];

	if (*form == NULL)
		*form = dkim_form_new(dkim->arena, signature->body);
	if (*form == NULL || !dkim_form_want(*form, dkim->arena, signature))
		return false;
	if (dkim->undo == NULL)
		dkim->undo = dkim_undo_new(dkim->arena, dkim->header);
	dkim->job[dkim->jobs++] = (struct job){
	    .signature = *signature,
	    .verdict = candidate->verdict,
	    .key_name = arena_join(dkim->arena, signature->selector,
		arena_join(
		    dkim->arena, TEXT("._domainkey."), signature->domain)),
	    .form = *form,
	};
	return !arena_failed(dkim->arena);
}

struct candidates {
	size_t count;
	struct candidate at[DKIM_SIGNATURES_MAX];
};

/* The nearest first, those equally near in field order, and no more than are
 * verified: the verdict of the others says "limit" already. */
static void
insert_candidate(
    struct candidates *candidates, const struct candidate *candidate)
{
	size_t at = candidates->count;

	while (at > 0 && candidates->at[at - 1].nearness < candidate->nearness)
		at--;
	if (at == DKIM_SIGNATURES_MAX)
		return;
	if (candidates->count < DKIM_SIGNATURES_MAX)
		candidates->count++;
	for (size_t i = candidates->count - 1; i > at; i--)
		candidates->at[i] = candidates->at[i - 1];
	candidates->at[at] = *candidate;
}

static bool
add_jobs(struct dkim *dkim)
{
	struct candidates candidates = {.count = 0};
	const struct mail_field *field = NULL;

	for (size_t i = 0; i < dkim->count; i++) {
		struct candidate candidate = {.verdict = &dkim->verdicts[i]};
		field = next_signature(dkim->header, field);
		if (!read_signature(dkim, field, &candidate))
			continue;
		candidate.nearness =
		    nearness(dkim->options.author, candidate.signature.domain);
		insert_candidate(&candidates, &candidate);
	}
	for (size_t i = 0; i < candidates.count; i++) {
		if (!add_job(dkim, &candidates.at[i]))
			return false;
	}
	return true;
}

struct dkim *
dkim_new(struct arena *arena, const struct mail_header *header,
    const struct dkim_options *options)
{
	struct dkim *dkim = arena_alloc(arena, sizeof *dkim);

	if (dkim == NULL)
		return NULL;
	dkim->arena = arena;
	dkim->header = header;
	dkim->options = *options;
	if (!make_verdicts(dkim) || (dkim->count > 0 && !add_jobs(dkim)))
		return NULL;
	return arena_failed(arena) ? NULL : dkim;
}

/* --- the body --- */

void
dkim_body(struct dkim *dkim, struct text piece)
{
	for (size_t i = 0; i < FORMS && !dkim->body_ended; i++) {
		if (dkim->form[i] != NULL)
			dkim_form_feed(dkim->form[i], piece);
	}
	if (dkim->undo != NULL && !dkim->body_ended)
		dkim_undo_feed(dkim->undo, piece);
}

void
dkim_end_of_body(struct dkim *dkim)
{
	for (size_t i = 0; i < FORMS && !dkim->body_ended; i++) {
		if (dkim->form[i] != NULL)
			dkim_form_finish(dkim->form[i]);
	}
	dkim->body_ended = true;
}

/* --- judging --- */

/* False: no memory. */
static bool
hash_header(const struct dkim *dkim, struct job *job)
{
	struct dkim_signed fields;

	if (!job->has_digest) {
		dkim_signed_find(dkim->header, &job->signature, &fields);
		job->is_covered = fields.is_covered;
		job->has_digest = dkim_signed_hash(
		    dkim->arena, &fields, &job->signature, &job->digest);
	}
	return job->has_digest;
}

/* The header verified; so did the body if BODY_MATCHES. */
static void
judge_body(const struct job *job, bool body_matches)
{
	const struct dkim_signature *signature = &job->signature;
	struct dkim_verdict *verdict = job->verdict;
	uint64_t bytes = dkim_form_bytes(job->form);

	if (!body_matches) {
		bool is_short =
		    signature->has_length && signature->length > bytes;
		decide(verdict, DKIM_FAIL,
		    is_short ? "the body is shorter than l="
			     : "body hash did not verify");
		verdict->body_hash_failed = true;
	} else if (signature->has_length && signature->length < bytes) {
		/* 8.2: anything can stand in what is not signed. */
		decide(verdict, DKIM_POLICY,
		    "l= leaves a part of the body unsigned");
	} else if (job->is_covered) {
		decide(verdict, DKIM_POLICY,
		    "a field that may stand once stands above the signed one");
	} else {
		decide(verdict, DKIM_PASS, "");
	}
}

/* Judges the signature by one key (6.1.2 and 6.1.3). True: it is a key that
 * made this signature, and there is no need to try others. */
static bool
judge_key(struct dkim *dkim, struct job *job, const struct dkim_key *key)
{
	const struct dkim_signature *signature = &job->signature;
	struct dkim_verdict *verdict = job->verdict;
	const char *problem = key->problem;

	if (problem == NULL &&
	    crypto_key_algorithm(key->key) != signature->crypto)
		problem = "the key is not for this a=";
	if (problem == NULL && key->is_strict &&
	    !dns_name_equal(signature->identity_domain, signature->domain))
		problem = "the key forbids i= in a subdomain (t=s)";
	if (problem != NULL) {
		if (verdict->result == DKIM_NONE)
			decide(verdict, DKIM_PERMERROR, problem);
		return false;
	}
	if (!hash_header(dkim, job) || dkim_form_failed(job->form)) {
		decide(verdict, DKIM_TEMPERROR, "no memory");
		return true;
	}
	bool body_matches = dkim_form_matches(job->form, signature);
	verdict->is_testing = key->is_testing;
	verdict->body_matches = body_matches;
	if (job->first_key == NULL)
		job->first_key = key->key;
	switch (crypto_verify(key->key, &job->digest, signature->signature)) {
	case CRYPTO_GOOD:
		job->first_key = key->key;
		judge_body(job, body_matches);
		return true;
	case CRYPTO_UNABLE:
		decide(verdict, DKIM_TEMPERROR, "no memory");
		return true;
	case CRYPTO_BROKEN: break;
	}
	decide(verdict, DKIM_FAIL,
	    body_matches ? "signature did not verify"
			 : "neither signature nor body hash verify");
	return false;
}

/* Several records are undefined (3.6.2.2), so each one may be the right one. */
static void
judge_keys(struct dkim *dkim, struct job *job, const struct dns_answer *answer)
{
	const struct dkim_keys *keys =
	    dns_answer_parsed(answer, dkim_keys_parse, dkim->arena);

	if (keys == NULL) {
		decide(job->verdict, DKIM_TEMPERROR, "no memory");
		return;
	}
	decide(job->verdict, DKIM_NONE, "");
	for (size_t i = 0; i < keys->count; i++) {
		if (judge_key(dkim, job, &keys->at[i]))
			return;
	}
	if (keys->count == 0)
		decide(job->verdict, DKIM_PERMERROR, "no key for signature");
}

static void
diagnose(struct dkim *dkim, struct job *job)
{
	struct dkim_verdict *verdict = job->verdict;
	struct dkim_broken broken = {
	    .signature = &job->signature,
	    .form = job->form,
	    .key = job->first_key,
	    .header_verifies = verdict->body_hash_failed,
	    .body_matches = verdict->body_matches,
	    .is_covered = job->is_covered,
	};

	if (verdict->result == DKIM_FAIL)
		verdict->changes = dkim_undo_find(dkim->undo, &broken);
}

static void
judge(struct dkim *dkim, struct job *job, const struct dns_answer *answer)
{
	job->first_key = NULL;
	job->verdict->body_hash_failed = false;
	job->verdict->body_matches = false;
	job->verdict->is_testing = false;
	job->verdict->changes = 0;
	switch (answer->status) {
	case DNS_FOUND:
		judge_keys(dkim, job, answer);
		diagnose(dkim, job);
		break;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		decide(job->verdict, DKIM_PERMERROR, "no key for signature");
		break;
	case DNS_UNKNOWN:
	case DNS_FAILED:
		decide(job->verdict, DKIM_TEMPERROR, "key unavailable");
		break;
	}
	job->judged = answer;
}

/* For the sender's administrator: where it probably broke. */
static const char *
find_hint(const struct dkim_verdict *verdict)
{
	if (verdict->body_hash_failed)
		return "the signed header fields are as the signer left them, "
		       "the body is not; how it was changed is not known";
	if (verdict->body_matches)
		return "the body is as the signer left it; a signed header "
		       "field was changed, or the key is not the signer's";
	return "header and body were changed, or the key is not the signer's";
}

static void
tell_signature(const struct dkim *dkim, size_t i, struct trace *trace)
{
	const struct dkim_verdict *verdict = &dkim->verdicts[i];

	trace_say(trace,
	    "dkim: signature %zu, d=" TEXT_FMT " s=" TEXT_FMT " a=" TEXT_FMT
	    ": %s%s" TEXT_FMT "%s (RFC 6376 6.1)",
	    i + 1, TEXT_ARG(verdict->domain), TEXT_ARG(verdict->selector),
	    TEXT_ARG(verdict->algorithm),
	    names_word(&dkim_result_names, (int)verdict->result),
	    verdict->reason.len > 0 ? ", " : "", TEXT_ARG(verdict->reason),
	    verdict->is_testing ? "; its key is being tested, t=y" : "");
	if (verdict->result != DKIM_FAIL)
		return;
	if (verdict->changes == 0)
		trace_say(trace, "dkim: signature %zu: %s", i + 1,
		    find_hint(verdict));
	else
		trace_say(trace,
		    "dkim: signature %zu verifies after undoing " TEXT_FMT
		    ": that was done on the way, and without it the signature "
		    "would have passed",
		    i + 1,
		    TEXT_ARG(
			dkim_changes_describe(dkim->arena, verdict->changes)));
}

static void
tell_story(const struct dkim *dkim, struct trace *trace)
{
	if (trace != NULL && dkim->count == 0)
		trace_say(trace, "dkim: no signature (RFC 6376 6.1)");
	for (size_t i = 0; trace != NULL && i < dkim->count; i++)
		tell_signature(dkim, i, trace);
}

void
dkim_hint_keys(const struct dkim *dkim, struct dns_facts *facts)
{
	dns_facts_begin_pass(facts, DNS_SHARE_DKIM);
	for (size_t i = 0; i < dkim->jobs; i++)
		dns_hint(facts, dkim->job[i].key_name, DNS_TXT);
}

bool
dkim_check(struct dkim *dkim, struct dns_facts *facts, struct trace *trace,
    struct dkim_results *ret_results)
{
	dns_facts_begin_pass(facts, DNS_SHARE_DKIM);
	for (size_t i = 0; i < dkim->jobs; i++) {
		struct job *job = &dkim->job[i];
		const struct dns_answer *answer =
		    dns_ask(facts, job->key_name, DNS_TXT);
		if (dkim->body_ended && job->judged != answer)
			judge(dkim, job, answer);
	}
	if (!dkim->body_ended || dns_facts_missed(facts))
		return false;
	tell_story(dkim, trace);
	*ret_results = (struct dkim_results){dkim->count, dkim->verdicts};
	return true;
}
