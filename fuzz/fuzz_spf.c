/* Input: a line "CLIENT HELO LOCAL DOMAIN", then a zone text. The check must
 * end, with the same outcome whether its answers come at once or one by one in
 * any order, with hints or without. */
#include "spf/check.h"

#include "dns/zone.h"

#include <assert.h>
#include <stdlib.h>

/* As much as a message has: no record may use it up. */
enum { ARENA_MAX = 4 * 1024 * 1024, FACTS_MAX = 128, PASSES_MAX = 130 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct run {
	struct arena *arena;
	struct dns_facts *facts;
	struct dns_question waiting[FACTS_MAX];
	size_t waits;
	struct spf_outcome outcome;
};

static void
tell(struct run *run, const struct dns_zone *zone, size_t index)
{
	struct dns_question question = run->waiting[index];
	struct dns_answer *answer = dns_zone_answer(zone, &question);

	assert(answer != NULL);
	run->waiting[index] = run->waiting[--run->waits];
	(void)dns_tell(run->facts, &question, answer);
}

/* SEED 0: all that is wanted at once. Else one answer a pass; even: no hints;
 * a multiple of 3: closed after some. */
static void
run_check(struct run *run, const struct spf_input *input,
    const struct dns_zone *zone, unsigned seed)
{
	unsigned passes = 1;
	unsigned random = seed;

	*run = (struct run){.arena = arena_new(ARENA_MAX)};
	assert(run->arena != NULL);
	run->facts = dns_facts_new(run->arena);
	dns_facts_allow_hints(run->facts, seed % 2 == 1 || seed == 0);
	while (!spf_check(input, run->facts, run->arena, NULL, &run->outcome)) {
		struct dns_question question;
		while (dns_next_wanted(run->facts, &question))
			run->waiting[run->waits++] = question;
		assert(run->waits > 0);
		assert(passes++ <= PASSES_MAX);
		random = random * 1664525 + 1013904223;
		if (seed != 0 && seed % 3 == 0 && passes > seed)
			dns_facts_close(run->facts);
		else if (seed != 0)
			tell(run, zone, (random >> 8) % run->waits);
		else
			while (run->waits > 0)
				tell(run, zone, run->waits - 1);
	}
	assert(dns_facts_count(run->facts) <= FACTS_MAX);
	assert(run->outcome.result <= SPF_PERMERROR);
	assert(!arena_failed(run->arena));
}

static bool
mentions_ptr(struct text zone)
{
	for (size_t i = 0; i < zone.len; i++) {
		struct text rest = text_slice(zone, i, zone.len);
		/* Escapes can spell it too. */
		if (zone.ptr[i] == '\\' ||
		    text_starts_nocase(rest, TEXT("ptr")) ||
		    text_starts_nocase(rest, TEXT("{p")))
			return true;
	}
	return false;
}

static void
compare(const struct spf_outcome *a, const struct spf_outcome *b)
{
	assert(a->result == b->result);
	assert(text_equal(a->domain, b->domain));
	assert(text_equal(a->reason, b->reason));
	assert(text_equal(a->explanation, b->explanation));
}

static void
fuzz_check(const struct spf_input *input, struct text zone_text)
{
	struct dns_zone *zone = dns_zone_read(zone_text, "fuzz", NULL);
	struct run whole;

	if (zone == NULL)
		return;
	run_check(&whole, input, zone, 0);
	for (unsigned seed = 1; seed <= 6; seed++) {
		struct run run;
		run_check(&run, input, zone, seed);
		if (seed % 3 != 0)
			compare(&run.outcome, &whole.outcome);
		else if (run.outcome.result == SPF_PASS)
			assert(whole.outcome.result == SPF_PASS ||
			       mentions_ptr(zone_text));
		arena_free(run.arena);
	}
	arena_free(whole.arena);
	dns_zone_free(zone);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text rest = {(const char *)bytes, len};
	struct text line = text_split(&rest, '\n');
	struct spf_input input = {.share = DNS_SHARE_SPF, .now = 1};

	if (!ip_read(text_split(&line, ' '), &input.client))
		return 0;
	input.helo = text_split(&line, ' ');
	input.local = text_split(&line, ' ');
	input.domain = line;
	fuzz_check(&input, rest);
	return 0;
}
