/* Input: a line "CLIENT HELO LOCAL DOMAIN", then a zone text. The check must
 * end, with the same outcome whether its answers come at once or one by one in
 * any order, with hints or without. The whole input also goes to the macro and
 * the record parser. */
#include "spf/check.h"
#include "spf/macro.h"
#include "spf/record.h"

#include "base/scan.h"
#include "dns/zone.h"

#include <assert.h>
#include <stdlib.h>

/* As much as a message has: no record may use it up. */
enum { ARENA_MAX = 4 * 1024 * 1024, FACTS_MAX = 128, PASSES_MAX = 130 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* --- the parsers --- */

static void
fuzz_macro(struct text text)
{
	static const struct spf_macro_values values = {
	    .local = {"a-b+c", 5},
	    .sender = {"sender.example", 14},
	    .domain = {"domain.example", 14},
	    .validated = {"unknown", 7},
	    .helo = {"helo example\r\n", 14},
	    .receiver = {"receiver.example", 16},
	    .client = {.version = 6, .byte = {0x20, 0x01}},
	};
	struct arena *arena = arena_new(ARENA_MAX);
	bool is_string = spf_macro_is_valid(text, SPF_MACRO_STRING);

	assert(arena != NULL);
	if (spf_macro_is_valid(text, SPF_MACRO_DOMAIN)) {
		assert(is_string);
		struct text name = spf_macro_expand_name(arena, text, &values);
		/* Too long only for want of a dot to cut at. */
		assert(
		    name.len <= 253 ||
		    !text_has(text_slice(name, name.len - 254, name.len), '.'));
	}
	if (spf_macro_is_valid(text, SPF_MACRO_EXPLAIN)) {
		struct text explanation =
		    spf_macro_expand_explanation(arena, text, &values);
		assert(explanation.len <= SPF_EXPLANATION_MAX);
		for (size_t i = 0; i < explanation.len; i++)
			assert(explanation.ptr[i] == ' ' ||
			       is_printable(explanation.ptr[i]));
	} else {
		assert(!is_string);
	}
	assert(!arena_failed(arena));
	arena_free(arena);
}

static const struct spf_record *
parse_record(struct arena *arena, struct text text)
{
	const struct dns_record records[] = {{.text = text}};
	const struct dns_answer answer = {
	    .status = DNS_FOUND, .count = 1, .records = records};

	return dns_answer_parsed(&answer, spf_record_parse, arena);
}

/* A good record's terms, written one after the other, are the same terms. */
static void
fuzz_record(struct text text)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct build again;

	assert(arena != NULL);
	build_init_arena(&again, arena, ARENA_MAX);
	build_cstr(&again, "v=spf1 ");
	struct text body = arena_join(arena, TEXT("v=spf1 "), text);
	const struct spf_record *record = parse_record(arena, body);
	assert(record != NULL && record->versions == 1);
	assert(record->terms <= SPF_TERMS_MAX);
	for (size_t i = 0; i < record->terms; i++) {
		assert(record->term[i].prefix4 <= 32);
		assert(record->term[i].prefix6 <= 128);
		build_text(&again, record->term[i].text);
		build_byte(&again, ' ');
	}
	const struct spf_record *second =
	    parse_record(arena, build_view(&again));
	assert(second->error == NULL && second->terms == record->terms);
	for (size_t i = 0; i < record->terms; i++)
		assert(
		    text_equal(record->term[i].domain, second->term[i].domain));
	arena_free(arena);
}

/* --- the check --- */

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
	struct text text = {(const char *)bytes, len};
	struct text rest = text;
	struct text line = text_split(&rest, '\n');
	struct spf_input input = {.share = DNS_SHARE_SPF, .now = 1};

	fuzz_macro(text);
	fuzz_record(text);
	if (!ip_read(text_split(&line, ' '), &input.client))
		return 0;
	input.helo = text_split(&line, ' ');
	input.local = text_split(&line, ' ');
	input.domain = line;
	fuzz_check(&input, rest);
	return 0;
}
