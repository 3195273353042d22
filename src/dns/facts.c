/* Plan: the facts stand in the order they came up, few enough that a scan by
 * hash finds one as fast as a table would. A fact is told once; closing tells
 * all that is left. So a fact's answer, once there, never changes. */
#include "dns/facts.h"

#include "base/vec.h"
#include "dns/name.h"

#include <assert.h>

struct fact {
	struct dns_question question;
	uint32_t hash;
	const struct dns_answer *answer; /* NULL: not known yet */
};

static const size_t share_max[] = {
    [DNS_SHARE_POLICY] = 24,
    [DNS_SHARE_ALIGNMENT] = 80,
    [DNS_SHARE_SPF] = 128,
    [DNS_SHARE_HELO] = 32,
    [DNS_SHARE_DKIM] = 24,
    [DNS_SHARE_ARC] = 48,
};

enum { SHARES = sizeof share_max / sizeof *share_max };

struct dns_facts {
	struct arena *arena;
	VEC(struct fact) facts;
	size_t handed;   /* facts before this one were handed out */
	size_t answered; /* facts that have their answer */
	size_t taken[SHARES];
	enum dns_share share; /* of this pass */
	bool missed;          /* by this pass */
	bool no_hints;
	bool closed;
};

static const struct dns_answer unknown = {.status = DNS_UNKNOWN};
static const struct dns_answer no_such_name = {.status = DNS_NXDOMAIN};

static void
clear(void *object)
{
	struct dns_facts *facts = object;

	for (size_t i = 0; i < facts->facts.count; i++)
		dns_answer_unref(facts->facts.at[i].answer);
	facts->facts.count = 0;
}

struct dns_facts *
dns_facts_new(struct arena *arena)
{
	struct dns_facts *facts = arena_alloc(arena, sizeof *facts);

	if (facts == NULL)
		return NULL;
	facts->arena = arena;
	return arena_defer(arena, clear, facts) ? facts : NULL;
}

/* FNV-1a. */
static uint32_t
hash_question(struct text name, enum dns_type type)
{
	uint32_t hash = 2166136261U ^ (uint32_t)type;

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char)name.ptr[i]) * 16777619U;
	return hash;
}

static struct fact *
find_fact(const struct dns_facts *facts, struct text name, enum dns_type type)
{
	uint32_t hash = hash_question(name, type);

	for (size_t i = 0; i < facts->facts.count; i++) {
		struct fact *fact = &facts->facts.at[i];
		if (fact->hash == hash && fact->question.type == type &&
		    text_equal(fact->question.name, name))
			return fact;
	}
	return NULL;
}

/* NULL: no memory. */
static struct fact *
add_fact(struct dns_facts *facts, struct text name, enum dns_type type)
{
	struct text copy = arena_copy(facts->arena, name);
	struct fact *fact =
	    copy.len == 0 ? NULL : vec_push(facts->arena, &facts->facts);

	if (fact == NULL)
		return NULL;
	*fact = (struct fact){
	    .question = {copy, type}, .hash = hash_question(name, type)};
	facts->taken[facts->share]++;
	return fact;
}

static void
answer_fact(
    struct dns_facts *facts, struct fact *fact, const struct dns_answer *answer)
{
	fact->answer = answer;
	facts->answered++;
}

/* As dns_name_read for ASCII, without an arena: most names are known. */
static bool
normalise(struct text name, char lower[DNS_NAME_MAX], struct text *ret_name)
{
	if (name.len > 0 && name.ptr[name.len - 1] == '.')
		name.len--;
	if (!dns_name_is_valid(name))
		return false;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = to_lower(name.ptr[i]);
	*ret_name = (struct text){lower, name.len};
	return true;
}

void
dns_facts_begin_pass(struct dns_facts *facts, enum dns_share share)
{
	facts->share = share;
	facts->missed = false;
}

const struct dns_answer *
dns_ask(struct dns_facts *facts, struct text name, enum dns_type type)
{
	char lower[DNS_NAME_MAX];

	if (!normalise(name, lower, &name))
		return &no_such_name;
	struct fact *fact = find_fact(facts, name, type);
	if (fact == NULL) {
		if (facts->taken[facts->share] >= share_max[facts->share])
			return &dns_answer_failed;
		fact = add_fact(facts, name, type);
		if (fact == NULL)
			return &dns_answer_failed;
		/* Closed facts note it too, so that a saved table replays. */
		if (facts->closed)
			answer_fact(facts, fact, &dns_answer_failed);
	}
	if (fact->answer != NULL)
		return fact->answer;
	facts->missed = true;
	return &unknown;
}

void
dns_hint(struct dns_facts *facts, struct text name, enum dns_type type)
{
	char lower[DNS_NAME_MAX];

	if (facts->no_hints || facts->closed ||
	    facts->taken[facts->share] > share_max[facts->share] / 2)
		return;
	if (normalise(name, lower, &name) &&
	    find_fact(facts, name, type) == NULL)
		(void)add_fact(facts, name, type);
}

void
dns_facts_allow_hints(struct dns_facts *facts, bool allow)
{
	facts->no_hints = !allow;
}

bool
dns_facts_missed(const struct dns_facts *facts)
{
	return facts->missed;
}

bool
dns_next_wanted(struct dns_facts *facts, struct dns_question *ret_question)
{
	while (facts->handed < facts->facts.count) {
		struct fact *fact = &facts->facts.at[facts->handed++];
		if (fact->answer == NULL) {
			*ret_question = fact->question;
			return true;
		}
	}
	return false;
}

bool
dns_tell(struct dns_facts *facts, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct fact *fact = find_fact(facts, question->name, question->type);

	assert(answer->status != DNS_UNKNOWN);
	if (fact == NULL || fact->answer != NULL) {
		dns_answer_unref(answer);
		return false;
	}
	answer_fact(facts, fact, answer);
	return true;
}

bool
dns_facts_waiting(const struct dns_facts *facts)
{
	return facts->answered < facts->facts.count;
}

void
dns_facts_close(struct dns_facts *facts)
{
	facts->closed = true;
	for (size_t i = 0; i < facts->facts.count; i++) {
		if (facts->facts.at[i].answer == NULL)
			answer_fact(
			    facts, &facts->facts.at[i], &dns_answer_failed);
	}
}

size_t
dns_facts_count(const struct dns_facts *facts)
{
	return facts->facts.count;
}

void
dns_facts_at(const struct dns_facts *facts, size_t index,
    struct dns_question *ret_question, const struct dns_answer **ret_answer)
{
	const struct fact *fact = &facts->facts.at[index];

	*ret_question = fact->question;
	*ret_answer = fact->answer;
}
