/* The examples of RFC 7208 (vectors/dmarc/rfc-examples.json): macros (7.4), the
 * table of include (5.2), and appendix A. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "order.h"
#include "spf/check.h"
#include "spf/macro.h"
#include "vectors.h"

#include <stdlib.h>

/* --- 7.4 --- */

static unsigned
expand(const json_t *cases, const json_t *env, const char *client)
{
	struct arena *arena = arena_new(65536);
	struct text sender = json_get(env, "sender");
	struct spf_macro_values values = {
	    .local = text_slice(sender, 0, text_find(sender, '@')),
	    .sender = json_get(env, "domain"),
	    .domain = json_get(env, "domain"),
	};
	unsigned failures = 0;
	json_t *pair;
	size_t index;

	assert_true(ip_read(json_get(env, client), &values.client));
	json_array_foreach(cases, index, pair)
	{
		struct text macro = json_text(json_array_get(pair, 0));
		struct text wanted = json_text(json_array_get(pair, 1));
		/* Most are no domain-spec on their own. */
		struct text got =
		    spf_macro_expand_explanation(arena, macro, &values);
		if (text_equal(got, wanted))
			continue;
		print_error(TEXT_FMT ": " TEXT_FMT "\n", TEXT_ARG(macro),
		    TEXT_ARG(got));
		failures++;
	}
	assert_true(index > 0);
	arena_free(arena);
	return failures;
}

static void
test_macros(void **state)
{
	const json_t *macros =
	    json_object_get(vectors_examples(), "spf_macros");
	const json_t *env = json_object_get(macros, "env");
	unsigned failures =
	    expand(json_object_get(macros, "cases"), env, "ip4");

	(void)state;
	failures += expand(json_object_get(macros, "cases_ip6"), env, "ip6");
	assert_int_equal(failures, 0);
}

/* --- checks --- */

struct run {
	struct spf_input input;
	struct arena *arena;
	struct dns_facts *facts;
	struct spf_outcome outcome;
};

static bool
check_once(void *context)
{
	struct run *run = context;

	return spf_check(
	    &run->input, run->facts, run->arena, NULL, &run->outcome);
}

static enum spf_result
check(const struct dns_zone *zone, struct text domain, struct text client)
{
	struct run run = {.arena = arena_new(1 << 20),
	    .input = {.helo = TEXT("mail.example.net"),
		.local = TEXT("user"),
		.domain = domain}};

	assert_true(ip_read(client, &run.input.client));
	run.facts = dns_facts_new(run.arena);
	(void)order_drive(run.facts, zone, ORDER_RANDOM, 1, check_once, &run);
	enum spf_result result = run.outcome.result;
	arena_free(run.arena);
	return result;
}

/* --- 5.2: what include makes of each result of its target --- */

static const struct {
	const char *inner;
	const char *record;
} inners[] = {
    {"pass", "TXT \"v=spf1 +all\""},
    {"fail", "TXT \"v=spf1 -all\""},
    {"softfail", "TXT \"v=spf1 ~all\""},
    {"neutral", "TXT \"v=spf1 ?all\""},
    {"temperror", "SERVFAIL"},
    {"permerror", "TXT \"v=spf1 nonsense\""},
    {"none", "TXT \"no policy\""},
};

static void
test_include(void **state)
{
	static const struct {
		const char *word;
		enum spf_result result;
	} becomes[] = {
	    {"match", SPF_PASS},
	    {"no-match", SPF_SOFTFAIL},
	    {"return-temperror", SPF_TEMPERROR},
	    {"return-permerror", SPF_PERMERROR},
	};

	const json_t *map = json_object_get(
	    json_object_get(vectors_examples(), "spf_include_table"), "map");
	char zone_text[200];
	unsigned compared = 0;

	(void)state;
	for (size_t i = 0; i < sizeof inners / sizeof *inners; i++) {
		struct text word = json_get(map, inners[i].inner);
		(void)snprintf(zone_text, sizeof zone_text,
		    "a.example TXT \"v=spf1 include:b.example ~all\"\n"
		    "b.example %s\n",
		    inners[i].record);
		struct dns_zone *zone = order_zone(text_from_cstr(zone_text));
		enum spf_result got =
		    check(zone, TEXT("a.example"), TEXT("192.0.2.1"));
		for (size_t k = 0; k < sizeof becomes / sizeof *becomes; k++)
			if (text_equal(word, text_from_cstr(becomes[k].word))) {
				assert_int_equal(got, becomes[k].result);
				compared++;
			}
		dns_zone_free(zone);
	}
	assert_int_equal(compared, json_object_size(map));
}

/* --- appendix A --- */

static void
write_records(
    struct build *zone, const char *owner, const char *type, json_t *list)
{
	json_t *data;
	size_t index;

	if (json_is_string(list))
		build_format(
		    zone, "%s %s %s\n", owner, type, json_string_value(list));
	json_array_foreach(list, index, data)
	{
		if (json_is_array(data))
			build_format(zone, "%s MX %d %s\n", owner,
			    (int)json_integer_value(json_array_get(data, 0)),
			    json_string_value(json_array_get(data, 1)));
		else
			build_format(zone, "%s %s %s\n", owner, type,
			    json_string_value(data));
	}
}

static struct dns_zone *
make_zone(json_t *names, const char *record)
{
	const char *owner;
	const char *type;
	json_t *types;
	json_t *list;
	struct build text;

	build_init(&text, 65536);
	build_format(&text, "example.com TXT \"%s\"\n", record);
	json_object_foreach(names, owner, types)
	{
		json_object_foreach(types, type, list)
		    write_records(&text, owner, type, list);
	}
	struct dns_zone *zone = order_zone(build_view(&text));
	build_free(&text);
	return zone;
}

static unsigned
compare(const struct dns_zone *zone, const json_t *one, const char *key,
    bool passes)
{
	unsigned failures = 0;
	json_t *client;
	size_t index;

	json_array_foreach(json_object_get(one, key), index, client)
	{
		enum spf_result got =
		    check(zone, TEXT("example.com"), json_text(client));
		if ((got == SPF_PASS) == passes)
			continue;
		print_error("%s from %s\n",
		    json_string_value(json_object_get(one, "record")),
		    json_string_value(client));
		failures++;
	}
	return failures;
}

static void
test_appendix(void **state)
{
	json_t *appendix =
	    json_object_get(vectors_examples(), "spf_appendix_a");
	unsigned failures = 0;
	json_t *one;
	size_t index;

	(void)state;
	json_array_foreach(json_object_get(appendix, "cases"), index, one)
	{
		struct dns_zone *zone =
		    make_zone(json_object_get(appendix, "zone"),
			json_string_value(json_object_get(one, "record")));
		failures += compare(zone, one, "pass", true);
		failures += compare(zone, one, "not_pass", false);
		failures += compare(zone, one, "fail", false);
		dns_zone_free(zone);
	}
	print_message("# %zu records of appendix A\n", index);
	assert_int_equal(failures, 0);
	assert_true(index > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_macros),
	    cmocka_unit_test(test_include),
	    cmocka_unit_test(test_appendix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
