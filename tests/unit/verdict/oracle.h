/* Oracle: a small world, as a value, and what RFC 9989, RFC 7489, RFC 7208 and
 * RFC 6376 say of a message in it. Written from the RFCs over plain C strings;
 * nothing here reads a verdict or calls what it is to judge. */
#ifndef TESTS_VERDICT_ORACLE_H
#define TESTS_VERDICT_ORACLE_H

#include <stdbool.h>
#include <string.h>

enum { NAMES = 17, SIGNATURES_MAX = 12, OWNERS_MAX = 120 };

static const char *const names[NAMES] = {
    "com",
    "example.com",
    "a.example.com",
    "x.a.example.com",
    "b.example.com",
    "notexample.com",
    "example.com.other.com",
    "other.com",
    "example",
    "bank.example",
    "giant.bank.example",
    "mail.giant.bank.example",
    "mega.bank.example",
    "c.d.e.f.g.example.com",
    "b.c.d.e.f.g.example.com",
    "a.b.c.d.e.f.g.example.com", /* nine labels: the one above is skipped */
    "z.b.c.d.e.f.g.example.com",
};

/* The suffix list of this world. */
static const char *const suffixes[] = {"com", "example", "bank.example"};

/* --- what is published --- */

/* Words as in the record; NULL: no such tag. */
struct policy {
	const char *p;
	const char *sp;
	const char *np;
	bool strict_dkim;
	bool strict_spf;
	char psd; /* 'y', 'n', 'u' */
	bool test;
	bool rua;
	unsigned pct;
};

struct publication {
	bool fails;
	unsigned count;
	struct policy record[2];
};

enum spf_kind {
	PUBLISHES_NONE,
	PUBLISHES_OWN,     /* the first client and no other */
	PUBLISHES_SECOND,  /* the second */
	PUBLISHES_NEUTRAL, /* ?ip4 of the first */
	PUBLISHES_A,       /* the host's own address */
	PUBLISHES_INCLUDE,
	PUBLISHES_REDIRECT,
	PUBLISHES_BROKEN,
	PUBLISHES_TWO,
	PUBLISHES_FAILURE,
	SPF_KINDS,
};

enum key_kind {
	KEY_GOOD,
	KEY_ABSENT,
	KEY_REVOKED,
	KEY_OTHER,
	KEY_FAILURE,
	KEY_KINDS
};

struct host {
	struct publication dmarc;
	enum spf_kind spf;
	int target; /* of an include or redirect: never a single label */
	enum key_kind key;
	bool has_address; /* the first client's */
	bool address_fails;
	bool is_alias; /* of no name; then there is no SPF and no address */
};

enum form {
	FORM_GOOD,
	FORM_FLIPPED, /* one character of b= is another */
	FORM_STOLEN,  /* d= is another than the one it was signed with */
	FORM_EXPIRED, /* x= */
	FORM_SHORT,   /* l= */
	FORM_NO_FROM, /* h= does not name From */
	FORMS,
};

struct given_signature {
	int d; /* that the field says */
	enum form form;
};

struct model {
	struct host host[NAMES];
	/* Every owner of a line of the zone, so that it is known what exists. */
	size_t owners;
	const char *owner[OWNERS_MAX];
	bool is_psl;
	int author; /* -1: the From field has no one domain */
	bool has_from;
	int client; /* 1, 2, 3; 0: not known */
	int sender; /* MAIL FROM, or HELO for the null sender; -1: none */
	bool is_body_changed;
	size_t signatures;
	struct given_signature signature[SIGNATURES_MAX];
};

/* --- names --- */

static inline const char *
above(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot == NULL ? name + strlen(name) : dot + 1;
}

static inline unsigned
count_labels(const char *name)
{
	unsigned count = 0;

	for (; *name != '\0'; name = above(name))
		count++;
	return count;
}

static inline int
find_host(const char *name)
{
	for (int i = 0; i < NAMES; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

/* The name one label below TOP on the way down to NAME. */
static inline const char *
one_below(const char *name, const char *top)
{
	while (strcmp(above(name), top) != 0)
		name = above(name);
	return name;
}

static inline bool
is_within(const char *name, const char *top)
{
	for (; *name != '\0'; name = above(name))
		if (strcmp(name, top) == 0)
			return true;
	return false;
}

static inline bool
does_exist(const struct model *model, const char *name)
{
	for (size_t i = 0; i < model->owners; i++)
		if (is_within(model->owner[i], name))
			return true;
	return false;
}

/* --- RFC 9989 4.10 --- */

struct seen {
	bool failed;
	size_t count;
	int host[8];
};

static inline struct seen
walk(const struct model *model, const char *name)
{
	struct seen seen = {.count = 0};

	for (int queries = 0; *name != '\0'; queries++) {
		int at = find_host(name);
		const struct publication *there =
		    at < 0 ? NULL : &model->host[at].dmarc;
		if (there != NULL && there->fails)
			seen.failed = true;
		if (there != NULL && !there->fails && there->count == 1) {
			seen.host[seen.count++] = at;
			if (there->record[0].psd != 'u')
				return seen;
		}
		name = above(name);
		while (queries == 0 && count_labels(name) > 7)
			name = above(name);
	}
	return seen;
}

static inline const char *
treewalk_organization(const struct model *model, const char *start)
{
	struct seen seen = walk(model, start);
	const char *best = start;

	for (size_t i = 0; i < seen.count; i++) {
		const char *name = names[seen.host[i]];
		char psd = model->host[seen.host[i]].dmarc.record[0].psd;
		if (psd == 'n')
			return name;
		if (psd == 'y' && strcmp(name, start) != 0)
			return one_below(start, name);
		best = name;
	}
	return best;
}

/* RFC 7489 3.2 */
static inline const char *
list_organization(const char *start)
{
	for (const char *name = start; *name != '\0'; name = above(name))
		for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
			if (strcmp(name, suffixes[i]) == 0)
				return name == start ? start
						     : one_below(start, name);
	return start;
}

static inline const char *
organization(const struct model *model, const char *name)
{
	return model->is_psl ? list_organization(name)
			     : treewalk_organization(model, name);
}

/* Is the Organizational Domain of NAME not to be known? */
static inline bool
is_unsure(const struct model *model, const char *name)
{
	return !model->is_psl && walk(model, name).failed;
}

/* RFC 9989 4.10.1; RFC 7489 6.6.3. The host whose record applies, or -1. */
static inline int
find_policy(const struct model *model, bool *ret_failed)
{
	const char *author = names[model->author];
	const struct publication *own = &model->host[model->author].dmarc;
	const char *org = organization(model, author);
	struct seen seen = walk(model, author);

	*ret_failed = own->fails;
	if (!own->fails && own->count == 1)
		return model->author;
	if (model->is_psl) {
		int at = find_host(org);
		if (own->fails || own->count > 1 || at < 0 ||
		    at == model->author)
			return -1;
		*ret_failed = model->host[at].dmarc.fails;
		return !*ret_failed && model->host[at].dmarc.count == 1 ? at
									: -1;
	}
	*ret_failed = seen.failed;
	for (size_t i = 0; i < seen.count; i++)
		if (strcmp(names[seen.host[i]], org) == 0)
			return seen.host[i];
	if (seen.count == 0)
		return -1;
	int last = seen.host[seen.count - 1];
	return model->host[last].dmarc.record[0].psd == 'y' ? last : -1;
}

/* --- RFC 7208: 'p'ass 'f'ail 's'oftfail ne'u'tral 'n'one 'P'ermerror
 * 't'emperror --- */

static inline int
check_host(const struct model *model, int at, unsigned terms)
{
	const struct host *host = &model->host[at];
	int inner;

	if (terms > 10) /* 4.6.4 */
		return 'P';
	if (strchr(names[at], '.') == NULL)
		return 'n'; /* 4.3 */
	switch (host->spf) {
	case PUBLISHES_OWN: return model->client == 1 ? 'p' : 'f';
	case PUBLISHES_SECOND: return model->client == 2 ? 'p' : 'f';
	case PUBLISHES_NEUTRAL: return model->client == 1 ? 'u' : 'f';
	case PUBLISHES_A:
		if (terms + 1 > 10)
			return 'P';
		if (host->address_fails)
			return 't';
		return host->has_address && model->client == 1 ? 'p' : 'f';
	case PUBLISHES_INCLUDE: /* 5.2 */
		inner = check_host(model, host->target, terms + 1);
		if (inner == 'p' || inner == 't')
			return inner;
		return inner == 'P' || inner == 'n' ? 'P' : 's';
	case PUBLISHES_REDIRECT: /* 6.1 */
		inner = check_host(model, host->target, terms + 1);
		return inner == 'n' ? 'P' : inner;
	case PUBLISHES_BROKEN:
	case PUBLISHES_TWO: return 'P';
	case PUBLISHES_FAILURE: return 't';
	case PUBLISHES_NONE:
	case SPF_KINDS: break;
	}
	return 'n';
}

/* --- identifiers --- */

enum truth { NO, YES, MAYBE };

static inline enum truth
spf_truth(const struct model *model)
{
	if (model->client == 0 || model->sender < 0)
		return NO;
	int result = check_host(model, model->sender, 0);
	if (result == 't')
		return MAYBE;
	return result == 'p' ? YES : NO;
}

/* A key that fails makes a good signature a MAYBE; and of a bad one nobody can
 * say which of the two faults is told (is_vague). */
static inline enum truth
dkim_truth(const struct model *model, size_t i)
{
	const struct given_signature *signature = &model->signature[i];
	enum key_kind key = model->host[signature->d].key;

	if (strchr(names[signature->d], '.') == NULL)
		return NO; /* RFC 6376 3.5 d= */
	if (signature->form != FORM_GOOD || model->is_body_changed)
		return NO;
	if (key == KEY_FAILURE)
		return MAYBE;
	return key == KEY_GOOD ? YES : NO;
}

static inline bool
is_vague(const struct model *model)
{
	for (size_t i = 0; i < model->signatures; i++) {
		const struct given_signature *one = &model->signature[i];
		if (model->host[one->d].key == KEY_FAILURE &&
		    (one->form != FORM_GOOD || model->is_body_changed))
			return true;
	}
	/* What is beyond the caps (ten signatures, ten walks) is left out. */
	return model->signatures > 9;
}

/* RFC 9989 4.4, 4.10.2 */
static inline enum truth
is_aligned(const struct model *model, int at, bool is_strict)
{
	const char *author = names[model->author];
	const char *org = organization(model, author);

	if (at == model->author)
		return YES;
	if (is_strict)
		return NO;
	if (is_unsure(model, author))
		return MAYBE;
	if (is_unsure(model, names[at]))
		return is_within(names[at], org) ? MAYBE : NO;
	return strcmp(organization(model, names[at]), org) == 0 ? YES : NO;
}

static inline enum truth
both(enum truth a, enum truth b)
{
	if (a == NO || b == NO)
		return NO;
	return a == YES && b == YES ? YES : MAYBE;
}

static inline enum truth
either(enum truth a, enum truth b)
{
	if (a == YES || b == YES)
		return YES;
	return a == NO && b == NO ? NO : MAYBE;
}

/* --- the whole --- */

struct expected {
	bool is_exact; /* else only what must not be is known */
	const char *result;
	const char *policy; /* after t=y; "absent" */
	const char *policy_domain;
	const char *organization;
	enum truth spf; /* passed and aligned */
	enum truth dkim;
};

static inline bool
is_word(const char *word)
{
	return strcmp(word, "none") == 0 || strcmp(word, "quarantine") == 0 ||
	       strcmp(word, "reject") == 0;
}

/* RFC 9989 4.10.1; RFC 7489 6.6.3 step 6 */
static inline bool
is_usable(const struct model *model, const struct policy *policy)
{
	return policy->p != NULL && is_word(policy->p) &&
	       (policy->sp == NULL || is_word(policy->sp)) &&
	       (model->is_psl || policy->np == NULL || is_word(policy->np));
}

static inline const char *
lesser_policy(const char *a, const char *b)
{
	if (strcmp(a, "none") == 0 || strcmp(b, "reject") == 0)
		return a;
	return b;
}

/* What the owner asks for; *ret_failed: the author's existence matters, and is
 * not to be known. */
static inline const char *
requested(const struct model *model, const struct policy *policy, int at,
    bool *ret_failed)
{
	const char *fallback = policy->sp == NULL ? policy->p : policy->sp;
	const struct host *author = &model->host[model->author];

	*ret_failed = false;
	if (at == model->author)
		return policy->p;
	if (model->is_psl || policy->np == NULL ||
	    strcmp(policy->np, fallback) == 0)
		return fallback;
	if (author->address_fails) {
		*ret_failed = true;
		return lesser_policy(policy->np, fallback);
	}
	return does_exist(model, names[model->author]) ? fallback : policy->np;
}

static inline const char *
one_lower(const char *policy)
{
	return strcmp(policy, "reject") == 0 ? "quarantine" : "none";
}

static inline void
weigh(const struct model *model, const struct policy *policy,
    struct expected *expected)
{
	if (model->sender >= 0)
		expected->spf = both(spf_truth(model),
		    is_aligned(model, model->sender, policy->strict_spf));
	for (size_t i = 0; i < model->signatures; i++)
		expected->dkim = either(
		    expected->dkim, both(dkim_truth(model, i),
					is_aligned(model, model->signature[i].d,
					    policy->strict_dkim)));
}

static inline struct expected
judge_model(const struct model *model)
{
	struct expected expected = {
	    .is_exact = true, .policy = "absent", .policy_domain = ""};
	bool failed;

	if (model->author < 0) {
		expected.result = model->has_from ? "permerror" : "none";
		return expected;
	}
	expected.organization = organization(model, names[model->author]);
	int at = find_policy(model, &failed);
	expected.is_exact = !failed && !is_unsure(model, names[model->author]);
	if (at < 0) {
		expected.result = failed ? "temperror" : "none";
		return expected;
	}
	const struct policy *policy = &model->host[at].dmarc.record[0];
	bool usable = is_usable(model, policy);
	expected.policy_domain = names[at];
	if (!usable && !policy->rua) {
		expected.result = "permerror";
		return expected;
	}
	expected.policy =
	    usable ? requested(model, policy, at, &failed) : "none";
	if (policy->test || (model->is_psl && policy->pct == 0))
		expected.policy = one_lower(expected.policy);
	weigh(model, policy, &expected);
	expected.is_exact &= !is_vague(model);
	enum truth sum = either(expected.spf, expected.dkim);
	if (sum == YES)
		expected.result = "pass";
	else
		expected.result =
		    sum == MAYBE || (usable && failed) ? "temperror" : "fail";
	return expected;
}

#endif
