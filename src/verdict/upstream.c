/* First the believed fields are found; then each question (what of this
 * identity, what of this signature?) goes through all results of them. */
#include "verdict/upstream.h"

#include "dns/name.h"

#include <assert.h>

static const char *const source_words[] = {
    [AUTHENTICATION_SELF] = "self",
    [AUTHENTICATION_HEADERS] = "headers",
};
static_assert(
    sizeof source_words / sizeof *source_words == AUTHENTICATION_HEADERS + 1,
    "a word for each source");
const struct names authentication_source_names = NAMES(source_words);

/* --- whom we believe --- */

/* TRUSTED or TRUSTED/job. Nothing else is the same: no dot at its end and no
 * other message's queue id. */
static enum upstream_bearer
compare_id(struct text id, struct text trusted, struct text job)
{
	struct text rest = text_slice(id, trusted.len, id.len);

	if (trusted.len == 0 || !text_starts_nocase(id, trusted))
		return UPSTREAM_STRANGER;
	if (rest.len == 0)
		return UPSTREAM_TRUSTED;
	return job.len > 0 && rest.ptr[0] == '/' &&
		       text_equal(text_slice(rest, 1, rest.len), job)
		   ? UPSTREAM_JOB
		   : UPSTREAM_STRANGER;
}

static enum upstream_bearer
bearer_of(const struct upstream_trust *trust, struct text id)
{
	enum upstream_bearer bearer =
	    compare_id(id, trust->authserv_id, trust->job);
	struct text more = trust->trusted_ids;

	while (bearer == UPSTREAM_STRANGER && more.len > 0)
		bearer = compare_id(
		    id, text_trim(text_split(&more, ',')), trust->job);
	return bearer;
}

enum upstream_bearer
upstream_read(struct arena *arena, const struct upstream_trust *trust,
    struct text value, struct authres_field *ret_field)
{
	struct authres_field field;
	struct text id;

	/* The id first: only a field that it vouches for is read whole. */
	if (!authres_read_id(arena, value, &id))
		return UPSTREAM_STRANGER;
	enum upstream_bearer bearer = bearer_of(trust, id);
	if (bearer == UPSTREAM_STRANGER ||
	    !authres_read(arena, value, &field) || field.version != 1)
		return UPSTREAM_STRANGER;
	*ret_field = field;
	return bearer;
}

/* --- names --- */

/* VALUE with U-labels (RFC 8601 5) as A-labels, where a name is all of it or
 * stands behind the last "@". */
static struct text
with_a_labels(struct arena *arena, struct text value)
{
	size_t at = text_find_last(value, '@');
	size_t from = at == value.len ? 0 : at + 1;
	struct text name = text_slice(value, from, value.len);

	if (text_is_ascii(name) || !dns_name_read(arena, name, &name))
		return value;
	return arena_join(arena, text_slice(value, 0, from), name);
}

/* Now, since each name is compared with that of every signature. */
static void
read_names(struct arena *arena, const struct authres_field *field)
{
	for (size_t i = 0; i < field->results.count; i++) {
		const struct authres_result *result = &field->results.at[i];
		for (size_t k = 0; k < result->properties.count; k++) {
			struct authres_property *one =
			    &result->properties.at[k];
			one->value = with_a_labels(arena, one->value);
		}
	}
}

/* VALUE may have a dot at its end; NAME has not. */
static bool
is_same_name(struct text value, struct text name)
{
	if (value.len > 0 && value.ptr[value.len - 1] == '.')
		value.len--;
	return dns_name_equal(value, name);
}

/* --- which fields --- */

static bool
is_named(const struct mail_field *field, struct text name)
{
	return text_equal_nocase(field->name, name);
}

/* The story of a field that is not believed. */
static void
say_why_not(struct arena *arena, const struct upstream_trust *trust,
    struct text value, struct trace *trace)
{
	struct text id;

	if (trace == NULL)
		return;
	if (!authres_read_id(arena, value, &id))
		trace_say(trace, "RFC 8601 2.2: a field without a readable "
				 "authserv-id is not believed");
	else if (bearer_of(trust, id) == UPSTREAM_STRANGER)
		trace_say(trace,
		    "RFC 8601 5: the field of " TEXT_FMT
		    " is not believed: it is not trusted for this message",
		    TEXT_ARG(id));
	else
		trace_say(trace,
		    "RFC 8601 2.2: the field of " TEXT_FMT
		    " is not believed: it cannot be read whole",
		    TEXT_ARG(id));
}

struct finding {
	struct upstream by[UPSTREAM_JOB + 1]; /* by its bearer */
	size_t count;
};

static bool
find_in(struct arena *arena, struct text value,
    const struct upstream_trust *trust, struct trace *trace,
    struct finding *finding)
{
	struct authres_field field;
	enum upstream_bearer bearer =
	    upstream_read(arena, trust, value, &field);

	if (bearer == UPSTREAM_STRANGER) {
		say_why_not(arena, trust, value, trace);
		return true;
	}
	if (finding->count++ == UPSTREAM_FIELDS_MAX)
		return false;
	struct authres_field *place =
	    vec_push(arena, &finding->by[bearer].fields);
	if (place == NULL)
		return false;
	read_names(arena, &field);
	*place = field;
	trace_say(trace, "RFC 8601 5: the field of " TEXT_FMT " is trusted%s",
	    TEXT_ARG(field.id),
	    bearer == UPSTREAM_JOB ? ", with the queue id" : "");
	return true;
}

struct upstream
upstream_find(struct arena *arena, const struct mail_header *header,
    const struct upstream_trust *trust, struct trace *trace)
{
	struct finding finding = {.count = 0};

	for (size_t i = 0; i < header->fields.count; i++) {
		const struct mail_field *field = &header->fields.at[i];
		if (is_named(field, TEXT("Received"))) {
			trace_say(trace, "RFC 8601 5: fields below the first "
					 "Received are not believed");
			break;
		}
		if (is_named(field, TEXT("Authentication-Results")) &&
		    !find_in(arena, field->value, trust, trace, &finding)) {
			trace_say(trace,
			    "limit: of more than %d trusted fields none is "
			    "believed",
			    UPSTREAM_FIELDS_MAX);
			return (struct upstream){0};
		}
	}
	if (finding.by[UPSTREAM_JOB].fields.count == 0)
		return finding.by[UPSTREAM_TRUSTED];
	if (finding.by[UPSTREAM_TRUSTED].fields.count > 0)
		trace_say(trace, "those without the queue id are not believed");
	return finding.by[UPSTREAM_JOB];
}

/* --- questions --- */

/* What is asked about: an identity, or a signature. */
struct subject {
	enum upstream_identity identity;
	struct text domain;
	const struct dkim_signature *signature;
};

struct method {
	const char *name;
	const struct names *words;
	int pass;
	int temperror;
	bool (*is_about)(
	    const struct authres_result *result, const struct subject *subject);
};

struct opinion {
	bool is_given;
	int word;
	struct text reason;
	struct text id; /* whose */
};

/* Only a pass that nobody denies is one; and what surely failed does not become
 * a matter for later. */
static int
weight(const struct method *method, int word)
{
	if (word == method->pass)
		return 0;
	return word == method->temperror ? 1 : 2;
}

static void
weigh(const struct method *method, const struct opinion *next,
    struct trace *trace, struct opinion *opinion)
{
	if (opinion->is_given && opinion->word != next->word)
		trace_say(trace, "%s: results disagree (%s, %s)", method->name,
		    names_word(method->words, opinion->word),
		    names_word(method->words, next->word));
	if (!opinion->is_given ||
	    weight(method, next->word) > weight(method, opinion->word))
		*opinion = *next;
}

/* RFC 8601 4.1, 2.6: methods, versions and results that are not known are
 * ignored. */
static struct opinion
ask(const struct upstream *upstream, const struct method *method,
    const struct subject *subject, struct trace *trace)
{
	struct opinion opinion = {.is_given = false};

	for (size_t i = 0; i < upstream->fields.count; i++) {
		const struct authres_field *field = &upstream->fields.at[i];
		for (size_t k = 0; k < field->results.count; k++) {
			const struct authres_result *one =
			    &field->results.at[k];
			struct opinion next = {true,
			    names_find(method->words, one->result), one->reason,
			    field->id};
			if (next.word >= 0 && one->version == 1 &&
			    text_equal_nocase(
				one->method, text_from_cstr(method->name)) &&
			    method->is_about(one, subject))
				weigh(method, &next, trace, &opinion);
		}
	}
	return opinion;
}

static struct text
reason_of(const struct method *method, const struct opinion *opinion)
{
	if (opinion->word == method->pass)
		return TEXT("");
	return opinion->reason.len > 0 ? opinion->reason
				       : TEXT("told by the filter in front");
}

/* --- SPF --- */

/* [[local-part] "@"] domain-name. The null sender has one local part only. */
static bool
is_at_domain(const struct subject *subject, struct text value)
{
	size_t at = text_find_last(value, '@');
	struct text local = text_slice(value, 0, at);

	if (at == value.len)
		return is_same_name(value, subject->domain);
	return (subject->identity == UPSTREAM_MAIL_FROM || local.len == 0 ||
		   text_equal_nocase(local, TEXT("postmaster"))) &&
	       is_same_name(
		   text_slice(value, at + 1, value.len), subject->domain);
}

/* Every smtp.NAME is at the domain. Their number is in *ret_count. */
static bool
are_all_at_domain(const struct authres_result *result, struct text name,
    const struct subject *subject, size_t *ret_count)
{
	*ret_count = 0;
	for (size_t i = 0; i < result->properties.count; i++) {
		const struct authres_property *one = &result->properties.at[i];
		if (!text_equal_nocase(one->type, TEXT("smtp")) ||
		    !text_equal_nocase(one->name, name))
			continue;
		++*ret_count;
		if (!is_at_domain(subject, one->value))
			return false;
	}
	return true;
}

/* A result that names smtp.mailfrom is about that, whatever smtp.helo it has
 * besides. */
static bool
is_about_identity(
    const struct authres_result *result, const struct subject *subject)
{
	size_t count;

	if (!are_all_at_domain(result, TEXT("mailfrom"), subject, &count))
		return false;
	if (count > 0)
		return subject->identity != UPSTREAM_HELO;
	return subject->identity != UPSTREAM_MAIL_FROM &&
	       are_all_at_domain(result, TEXT("helo"), subject, &count) &&
	       count > 0;
}

/* Nothing is said of DOMAIN, or there is none. */
static struct spf_outcome
spf_none(struct text domain, struct trace *trace)
{
	bool has_domain = domain.len > 0;
	struct text reason =
	    has_domain ? TEXT("no believed result") : TEXT("no usable domain");

	trace_say(trace, TEXT_FMT "%s" TEXT_FMT ": spf=none", TEXT_ARG(reason),
	    has_domain ? " is about " : "", TEXT_ARG(domain));
	return (struct spf_outcome){
	    .result = SPF_NONE, .domain = domain, .reason = reason};
}

struct spf_outcome
upstream_spf(const struct upstream *upstream, enum upstream_identity identity,
    struct text domain, struct trace *trace)
{
	static const struct method method = {"spf", &spf_result_names, SPF_PASS,
	    SPF_TEMPERROR, is_about_identity};
	struct subject subject = {.identity = identity, .domain = domain};
	struct opinion opinion = {.is_given = false};

	if (domain.len > 0)
		opinion = ask(upstream, &method, &subject, trace);
	if (!opinion.is_given)
		return spf_none(domain, trace);
	trace_say(trace, TEXT_FMT " says: spf=%s for " TEXT_FMT,
	    TEXT_ARG(opinion.id), names_word(method.words, opinion.word),
	    TEXT_ARG(domain));
	return (struct spf_outcome){
	    .result = (enum spf_result)opinion.word,
	    .domain = domain,
	    .reason = reason_of(&method, &opinion),
	};
}

/* --- DKIM --- */

static bool
is_its_domain(const struct subject *subject, struct text value)
{
	return is_same_name(value, subject->signature->domain);
}

static bool
is_its_selector(const struct subject *subject, struct text value)
{
	return is_same_name(value, subject->signature->selector);
}

/* The domain is enough: a local part can be written in many ways. */
static bool
is_its_identity(const struct subject *subject, struct text value)
{
	size_t at = text_find_last(value, '@');

	return is_same_name(text_slice(value, at + 1, value.len),
	    subject->signature->identity_domain);
}

static bool
is_its_algorithm(const struct subject *subject, struct text value)
{
	return text_equal_nocase(value, subject->signature->algorithm);
}

/* RFC 6008 4: the first 8 letters, or more of them. */
static bool
is_its_b(const struct subject *subject, struct text value)
{
	struct text b = subject->signature->b;

	return text_equal(text_slice(value, 0, b.len), b);
}

static const struct {
	const char *name;
	bool (*is_its)(const struct subject *subject, struct text value);
} tags[] = {
    {"d", is_its_domain},
    {"s", is_its_selector},
    {"i", is_its_identity},
    {"a", is_its_algorithm},
    {"b", is_its_b},
};

static bool
is_contradicted(
    const struct authres_property *property, const struct subject *subject)
{
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
		if (text_equal_nocase(
			property->name, text_from_cstr(tags[i].name)))
			return !tags[i].is_its(subject, property->value);
	return false;
}

static bool
is_about_signature(
    const struct authres_result *result, const struct subject *subject)
{
	bool has_domain = false;

	for (size_t i = 0; i < result->properties.count; i++) {
		const struct authres_property *one = &result->properties.at[i];
		if (!text_equal_nocase(one->type, TEXT("header")))
			continue;
		if (is_contradicted(one, subject))
			return false;
		has_domain |= text_equal_nocase(one->name, TEXT("d"));
	}
	return has_domain;
}

static struct dkim_verdict
judge_signature(struct arena *arena, const struct upstream *upstream,
    const struct mail_field *field, struct trace *trace)
{
	static const struct method method = {"dkim", &dkim_result_names,
	    DKIM_PASS, DKIM_TEMPERROR, is_about_signature};
	struct dkim_signature signature;
	const char *problem = "";
	bool is_read = dkim_signature_read(arena, field, &signature, &problem);
	struct dkim_verdict verdict = {
	    .result = DKIM_PERMERROR,
	    .domain = signature.domain,
	    .selector = signature.selector,
	    .identity = signature.identity,
	    .algorithm = signature.algorithm,
	    .b = signature.b,
	    .signed_names = signature.signed_names,
	    .reason = text_from_cstr(problem),
	};
	struct subject subject = {.signature = &signature};
	struct opinion opinion = {.is_given = false};

	if (is_read)
		opinion = ask(upstream, &method, &subject, trace);
	if (opinion.is_given) {
		verdict.result = (enum dkim_result)opinion.word;
		verdict.reason = reason_of(&method, &opinion);
	} else if (is_read) {
		verdict.result = DKIM_NEUTRAL;
		verdict.reason = TEXT("no believed result names it");
	}
	trace_say(trace,
	    "signature of " TEXT_FMT " (" TEXT_FMT "): %s%s" TEXT_FMT,
	    TEXT_ARG(verdict.domain), TEXT_ARG(verdict.selector),
	    names_word(&dkim_result_names, (int)verdict.result),
	    opinion.is_given ? ", says " : ": ",
	    TEXT_ARG(opinion.is_given ? opinion.id : verdict.reason));
	return verdict;
}

struct dkim_results
upstream_dkim(struct arena *arena, const struct upstream *upstream,
    const struct mail_header *header, struct trace *trace)
{
	VEC(struct dkim_verdict) verdicts = {0};

	for (size_t i = 0; i < header->fields.count; i++) {
		const struct mail_field *field = &header->fields.at[i];
		if (!is_named(field, TEXT("DKIM-Signature")))
			continue;
		struct dkim_verdict *verdict = NULL;
		if (verdicts.count < DKIM_RESULTS_MAX)
			verdict = vec_push(arena, &verdicts);
		if (verdict == NULL)
			break;
		*verdict = judge_signature(arena, upstream, field, trace);
	}
	return (struct dkim_results){verdicts.count, verdicts.at};
}
