/* Runs other people's SPF suites. Each case runs at once, with its answers in
 * several random orders, and closed early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spf/identity.h"

#include "order.h"
#include "vectors.h"

#include <string.h>

enum { SEEDS = 6, CLOSINGS = 16 };

/* Where we answer otherwise, and where docs/departures.md says why. */
static const struct departure {
	const char *suite;
	const char *name;
	const char *result;
	const char *why;
} departures[] = {
    {"spf/blitiri/blitirispf-tests.json", "resolution-with-10-lookups",
	"permerror", "include:d11 is no domain-spec (RFC 7208 7.1)"},
    {"spf/blitiri/blitirispf-tests.json", "mx-resolution-10-terms", "none",
	"mx10 is a single label (RFC 7208 4.3)"},
    {"spf/blitiri/blitirispf-tests.json", "mx-resolution-11-terms", "none",
	"mx11 is a single label (RFC 7208 4.3)"},
    {"spf/blitiri/blitirispf-tests.json", "one-mx-not-found", "none",
	"d00 is a single label (RFC 7208 4.3)"},
    {"spf/blitiri/blitirispf-tests.json", "all-mx-not-found", "none",
	"d01 is a single label (RFC 7208 4.3)"},
    {"spf/blitiri/blitirispf-tests.json", "include-not-found", "none",
	"d02 is a single label (RFC 7208 4.3)"},
    {"spf/blitiri/blitirispf-tests.json", "redirect-not-found", "none",
	"d03 is a single label (RFC 7208 4.3)"},
    {"spf/noxxi/misc.json", "sender-id", "none", "Sender ID (RFC 4406)"},
    {"spf/noxxi/misc.json", "sender-id-pick-mfrom1", "none",
	"Sender ID (RFC 4406)"},
    {"spf/noxxi/misc.json", "sender-id-pick-mfrom2", "none",
	"Sender ID (RFC 4406)"},
    {"spf/pyspf/test.json", "default-modifier", "neutral",
	"default= is an unknown modifier (RFC 7208 6)"},
    {"spf/pyspf/test.json", "default-modifier-harsh", "neutral",
	"default= is an unknown modifier (RFC 7208 6)"},
};

/* --- the zone --- */

/* Quoted, with everything but letters and digits as \DDD. */
static void
add_string(struct build *zone, struct text text)
{
	build_byte(zone, '"');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.ptr[i];
		if (is_alnum(byte))
			build_byte(zone, (char)byte);
		else
			build_format(zone, "\\%03u", byte);
	}
	build_byte(zone, '"');
}

/* A dot between labels must stand unescaped. */
static void
add_name(struct build *zone, struct text name)
{
	if (name.len == 0) {
		build_cstr(zone, ".");
		return;
	}
	for (size_t i = 0; i < name.len; i++) {
		unsigned char byte = (unsigned char)name.ptr[i];
		if (is_alnum(byte) || byte == '.')
			build_byte(zone, (char)byte);
		else
			build_format(zone, "\\%03u", byte);
	}
}

static bool
has_type(const json_t *records, const char *type)
{
	for (size_t i = 0; i < json_array_size(records); i++) {
		const json_t *record = json_array_get(records, i);
		const json_t *value = json_object_get(record, "type");
		if (text_equal(json_text(value), text_from_cstr(type)))
			return true;
	}
	return false;
}

/* In these suites TIMEOUT is what any type gets that has no data. */
static void
add_failure(struct build *zone, struct text owner, const json_t *records)
{
	static const char *const types[] = {"A", "AAAA", "MX", "PTR", "TXT"};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (has_type(records, types[i]))
			continue;
		add_name(zone, owner);
		build_format(zone, " SERVFAIL %s\n", types[i]);
	}
}

static void
add_strings(struct build *zone, const json_t *strings)
{
	for (size_t i = 0; i < json_array_size(strings); i++) {
		build_byte(zone, ' ');
		add_string(zone, json_text(json_array_get(strings, i)));
	}
	if (json_array_size(strings) == 0)
		build_cstr(zone, " \"\"");
}

static void
add_record(struct build *zone, struct text owner, const json_t *record)
{
	struct text type = json_get(record, "type");

	/* Type SPF is dead, and the suites have its TXT copy too. */
	if (text_equal(type, TEXT("SPF")))
		return;
	add_name(zone, owner);
	build_format(zone, " " TEXT_FMT, TEXT_ARG(type));
	if (text_equal(type, TEXT("TXT"))) {
		add_strings(zone, json_object_get(record, "txt"));
	} else if (text_equal(type, TEXT("A")) ||
		   text_equal(type, TEXT("AAAA"))) {
		build_byte(zone, ' ');
		build_text(zone, json_get(record, "addr"));
	} else {
		build_byte(zone, ' ');
		if (text_equal(type, TEXT("MX")))
			build_format(zone, "%lld ",
			    (long long)json_integer_value(
				json_object_get(record, "pref")));
		add_name(zone, json_get(record, "name"));
	}
	build_byte(zone, '\n');
}

static void
add_owner(struct build *zone, const json_t *owner)
{
	struct text name = json_get(owner, "owner");
	const json_t *records = json_object_get(owner, "rrs");

	if (has_type(records, "TIMEOUT") || has_type(records, "SERVFAIL"))
		add_failure(zone, name, records);
	for (size_t i = 0; i < json_array_size(records); i++) {
		const json_t *record = json_array_get(records, i);
		struct text type = json_get(record, "type");
		if (!text_equal(type, TEXT("TIMEOUT")) &&
		    !text_equal(type, TEXT("SERVFAIL")))
			add_record(zone, name, record);
	}
}

static struct dns_zone *
make_zone(const json_t *scenario)
{
	const json_t *owners = json_object_get(scenario, "zone");
	struct build text;

	build_init(&text, 1 << 24);
	for (size_t i = 0; i < json_array_size(owners); i++)
		add_owner(&text, json_array_get(owners, i));
	assert_false(build_failed(&text));
	struct dns_zone *zone = order_zone(build_view(&text));
	build_free(&text);
	return zone;
}

/* --- a case --- */

struct run {
	struct spf_input input;
	struct arena *arena;
	struct dns_facts *facts;
	struct spf_outcome outcome;
};

static bool
check(void *context)
{
	struct run *run = context;

	return spf_check(
	    &run->input, run->facts, run->arena, NULL, &run->outcome);
}

static struct spf_input
read_input(struct arena *arena, const json_t *test)
{
	struct text sender = json_get(test, "mailfrom");
	struct spf_input input = {
	    .helo = json_get(test, "helo"),
	    .receiver = json_get(test, "receiver"),
	    .share = DNS_SHARE_SPF,
	};

	assert_true(ip_read(json_get(test, "host"), &input.client));
	(void)spf_identify_mail_from(arena, sender, &input);
	return input;
}

static void
begin(struct run *run, const json_t *test)
{
	run->arena = arena_new(4 * 1024 * 1024);
	assert_non_null(run->arena);
	run->facts = dns_facts_new(run->arena);
	run->input = read_input(run->arena, test);
}

static void
end(struct run *run)
{
	assert_false(arena_failed(run->arena));
	arena_free(run->arena);
}

static const struct departure *
find_departure(const char *suite, struct text name)
{
	for (size_t i = 0; i < sizeof departures / sizeof *departures; i++) {
		if (strcmp(departures[i].suite, suite) == 0 &&
		    text_equal(name, text_from_cstr(departures[i].name)))
			return &departures[i];
	}
	return NULL;
}

static bool
is_expected(
    const json_t *test, const struct departure *departure, const char *result)
{
	const json_t *expected = json_object_get(test, "result");

	if (departure != NULL)
		return strcmp(departure->result, result) == 0;
	for (size_t i = 0; i < json_array_size(expected); i++) {
		if (text_equal(json_text(json_array_get(expected, i)),
			text_from_cstr(result)))
			return true;
	}
	return false;
}

/* In any case of letters: 7208's v-macro-ip6 has upper case nibbles, where RFC
 * 7208 7.4 has lower case. "DEFAULT" is none of the owner's. */
static bool
is_explained(const json_t *test, const struct spf_outcome *outcome)
{
	struct text expected = json_get(test, "explanation");

	if (text_equal(expected, TEXT("DEFAULT")))
		return outcome->explanation.len == 0;
	return expected.len == 0 ||
	       text_equal_nocase(outcome->explanation, expected);
}

static bool
is_same(const struct spf_outcome *a, const struct spf_outcome *b)
{
	return a->result == b->result && text_equal(a->domain, b->domain) &&
	       text_equal(a->reason, b->reason) &&
	       text_equal(a->explanation, b->explanation);
}

static bool
run_in_random_order(const json_t *test, const struct dns_zone *zone,
    const struct spf_outcome *expected)
{
	bool ok = true;

	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct run run;
		begin(&run, test);
		dns_facts_allow_hints(run.facts, seed % 2 == 0);
		order_drive(run.facts, zone, ORDER_RANDOM, seed, check, &run);
		if (!is_same(&run.outcome, expected)) {
			print_error("order %u: " TEXT_FMT ", not " TEXT_FMT
				    "\n",
			    seed, TEXT_ARG(run.outcome.reason),
			    TEXT_ARG(expected->reason));
			ok = false;
		}
		end(&run);
	}
	return ok;
}

static bool
run_closed_early(const json_t *test, const struct dns_zone *zone)
{
	bool ok = true;

	for (unsigned seed = 0; seed < CLOSINGS; seed++) {
		struct run run;
		begin(&run, test);
		order_drive(
		    run.facts, zone, ORDER_CLOSED_EARLY, seed, check, &run);
		if (run.outcome.result == SPF_PASS) {
			print_error("closed %u: a pass\n", seed);
			ok = false;
		}
		end(&run);
	}
	return ok;
}

/* RFC 7208 5.5 and 7.3 make a failed lookup "no match" there, so closing early
 * may pass where the full run does not. */
static bool
uses_ptr(const json_t *scenario)
{
	char *json = json_dumps(scenario, 0);
	bool found = strstr(json, "ptr") != NULL || strstr(json, "%{p") != NULL;

	free(json);
	return found;
}

static bool
run_case(const char *suite, const json_t *scenario, const json_t *test,
    const struct dns_zone *zone)
{
	struct text name = json_get(test, "name");
	const struct departure *departure = find_departure(suite, name);
	struct run run;

	begin(&run, test);
	order_drive(run.facts, zone, ORDER_AT_ONCE, 0, check, &run);
	const char *result =
	    names_word(&spf_result_names, (int)run.outcome.result);
	bool ok = is_expected(test, departure, result);
	if (ok && run.outcome.result == SPF_FAIL)
		ok = is_explained(test, &run.outcome);
	if (!run_in_random_order(test, zone, &run.outcome))
		ok = false;
	if (run.outcome.result != SPF_PASS && !uses_ptr(scenario) &&
	    !run_closed_early(test, zone))
		ok = false;
	if (!ok)
		print_error("%s: " TEXT_FMT ": %s, \"" TEXT_FMT "\" (" TEXT_FMT
			    ")\n",
		    suite, TEXT_ARG(name), result,
		    TEXT_ARG(run.outcome.explanation),
		    TEXT_ARG(run.outcome.reason));
	else if (departure != NULL)
		print_message("# " TEXT_FMT ": %s: %s\n", TEXT_ARG(name),
		    result, departure->why);
	end(&run);
	return ok;
}

/* The wrong ones. */
static unsigned
run_scenario(const char *suite, const json_t *scenario)
{
	const json_t *tests = json_object_get(scenario, "tests");
	struct dns_zone *zone = make_zone(scenario);
	unsigned wrong = 0;

	for (size_t i = 0; i < json_array_size(tests); i++)
		wrong +=
		    !run_case(suite, scenario, json_array_get(tests, i), zone);
	dns_zone_free(zone);
	return wrong;
}

static void
test_suite(void **state)
{
	const char *suite = *state;
	json_t *json =
	    vectors_json(suite, "github.com/sdgathman/pyspf, albertito/spf and "
				"noxxi/p5-mail-spf-iterator");
	size_t cases = 0;
	unsigned wrong = 0;

	const json_t *scenarios = json_object_get(json, "scenarios");
	for (size_t i = 0; i < json_array_size(scenarios); i++) {
		const json_t *scenario = json_array_get(scenarios, i);
		cases += json_array_size(json_object_get(scenario, "tests"));
		wrong += run_scenario(suite, scenario);
	}
	print_message("# %s: %zu cases, %u wrong\n", suite, cases, wrong);
	assert_int_equal(wrong, 0);
	assert_true(cases > 0);
	json_decref(json);
}

#define SUITE(title, file)                                                     \
 {                                                                             \
  .name = (title), .test_func = test_suite, .initial_state = (file)            \
 }

int
main(void)
{
	static char rfc7208[] = "spf/rfc7208-openspf/rfc7208-tests.json";
	static char rfc4408[] = "spf/rfc4408-openspf/rfc4408-tests.json";
	static char pyspf[] = "spf/pyspf/test.json";
	static char blitiri[] = "spf/blitiri/blitirispf-tests.json";
	static char noxxi[] = "spf/noxxi/misc.json";
	const struct CMUnitTest tests[] = {
	    SUITE("rfc7208", rfc7208),
	    SUITE("rfc4408", rfc4408),
	    SUITE("pyspf", pyspf),
	    SUITE("blitiri", blitiri),
	    SUITE("noxxi", noxxi),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
