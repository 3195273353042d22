/* The RFCs' own examples and derived ones (vectors/dmarc/rfc-examples.json):
 * the kinds that this folder answers. What else is in the file is named, with
 * the folder it belongs to, by the last test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/name.h"
#include "vectors.h"
#include "world.h"

static unsigned checks;

static unsigned
complain(const json_t *example, const char *key, struct text got)
{
	print_error("%s: %s is " TEXT_FMT "\n",
	    json_string_value(json_object_get(example, "id")), key,
	    TEXT_ARG(got));
	return 1;
}

static unsigned
expect_text(const json_t *example, const char *key, struct text got)
{
	const json_t *expect = json_object_get(example, "expect");
	const json_t *value = json_object_get(expect, key);

	if (value == NULL)
		return 0;
	checks++;
	return json_is_string(value) && text_equal(json_text(value), got)
		   ? 0
		   : complain(example, key, got);
}

static unsigned
expect_bool(const json_t *example, const char *key, bool got)
{
	const json_t *expect = json_object_get(example, "expect");
	const json_t *value = json_object_get(expect, key);

	if (value == NULL)
		return 0;
	checks++;
	return json_is_boolean(value) && json_is_true(value) == got
		   ? 0
		   : complain(example, key, got ? TEXT("true") : TEXT("false"));
}

static unsigned
expect_list(const json_t *example, const char *key, const struct text *got,
    size_t count)
{
	const json_t *list =
	    json_object_get(json_object_get(example, "expect"), key);
	unsigned failures = 0;

	if (list == NULL)
		return 0;
	checks++;
	if (json_array_size(list) != count)
		return complain(example, key, TEXT("of another length"));
	for (size_t i = 0; i < count; i++)
		if (!text_equal(json_text(json_array_get(list, i)), got[i]))
			failures += complain(example, key, got[i]);
	return failures;
}

/* --- zones --- */

static void
write_data(struct build *zone, const char *type, struct text data)
{
	bool is_txt = text_equal(text_from_cstr(type), TEXT("TXT"));

	if (text_equal(text_from_cstr(type), TEXT("MX")))
		build_cstr(zone, "10 ");
	if (is_txt)
		build_byte(zone, '"');
	build_text(zone, data);
	build_cstr(zone, is_txt ? "\"\n" : "\n");
}

static void
write_name(struct build *zone, const char *name, json_t *entry)
{
	const char *type;
	json_t *list;
	json_t *data;
	size_t index;

	if (json_is_string(entry))
		build_format(zone, "%s %s\n", name, json_string_value(entry));
	else if (json_object_size(entry) == 0)
		build_format(zone, "%s EXISTS\n", name);
	void *at = json_object_iter(entry);
	for (; json_is_object(entry) && at != NULL;
	     at = json_object_iter_next(entry, at)) {
		type = json_object_iter_key(at);
		list = json_object_iter_value(at);
		json_array_foreach(list, index, data)
		{
			build_format(zone, "%s %s ", name, type);
			write_data(zone, type, json_text(data));
		}
	}
}

static struct world
open_zone(const json_t *example)
{
	json_t *zone = json_object_get(example, "zone");
	struct build text;

	build_init(&text, 65536);
	for (void *at = json_object_iter(zone); at != NULL;
	     at = json_object_iter_next(zone, at))
		write_name(&text, json_object_iter_key(at),
		    json_object_iter_value(at));
	struct world world = world_open(build_view(&text));
	build_free(&text);
	return world;
}

/* --- record_parsing --- */

static struct text
policy_text(enum dmarc_policy policy)
{
	return text_from_cstr(names_word(&dmarc_policy_names, (int)policy));
}

/* "p": null is a record without one. */
static unsigned
expect_policy(const json_t *example, enum dmarc_policy p)
{
	const json_t *expect = json_object_get(example, "expect");

	if (!json_is_null(json_object_get(expect, "p")))
		return expect_text(example, "p", policy_text(p));
	checks++;
	return p == DMARC_POLICY_ABSENT
		   ? 0
		   : complain(example, "p", policy_text(p));
}

static struct text
usable_text(const struct dmarc_record *record)
{
	if (dmarc_record_is_usable(record))
		return TEXT("as-published");
	return record->rua.count > 0 ? TEXT("none")
				     : TEXT("no-dmarc-processing");
}

static unsigned
compare_record(const json_t *example, const struct dmarc_record *record)
{
	static const char *const psd[] = {[DMARC_PSD_UNKNOWN] = "u",
	    [DMARC_PSD_YES] = "y",
	    [DMARC_PSD_NO] = "n"};
	unsigned failures = expect_policy(example, record->p);

	failures += expect_text(example, "sp", policy_text(record->sp));
	failures += expect_text(example, "np", policy_text(record->np));
	failures += expect_text(
	    example, "adkim", record->strict_dkim ? TEXT("s") : TEXT("r"));
	failures += expect_text(
	    example, "aspf", record->strict_spf ? TEXT("s") : TEXT("r"));
	failures += expect_text(example, "fo", record->fo);
	failures +=
	    expect_text(example, "psd", text_from_cstr(psd[record->psd]));
	failures +=
	    expect_text(example, "t", record->testing ? TEXT("y") : TEXT("n"));
	failures += expect_text(example, "policy_usable", usable_text(record));
	failures +=
	    expect_list(example, "rua", record->rua.at, record->rua.count);
	failures +=
	    expect_list(example, "ruf", record->ruf.at, record->ruf.count);
	return failures;
}

static unsigned
run_record(const json_t *example)
{
	const json_t *strings = json_object_get(example, "txt");
	struct arena *arena = arena_new(65536);
	struct text whole = TEXT("");
	unsigned failures = 0;

	for (size_t i = 0; i < json_array_size(strings); i++)
		whole = arena_join(
		    arena, whole, json_text(json_array_get(strings, i)));
	bool is_dmarc = dmarc_record_is_dmarc(whole);
	failures += expect_bool(example, "valid", is_dmarc);
	if (is_dmarc)
		failures +=
		    compare_record(example, dmarc_record_read(arena, whole));
	arena_free(arena);
	return failures;
}

static void
test_records(void **state)
{
	(void)state;
	vectors_run_examples("record_parsing", run_record);
}

/* --- tree_walk --- */

struct walk_run {
	struct world *world;
	struct text start;
	struct dmarc_walk walk;
};

static bool
walk_once(void *context)
{
	struct walk_run *run = context;

	dns_facts_begin_pass(run->world->facts, DNS_SHARE_POLICY);
	dmarc_walk(
	    run->start, run->world->facts, run->world->arena, &run->walk);
	return !dns_facts_missed(run->world->facts);
}

static unsigned
run_walk(const json_t *example)
{
	struct world world = open_zone(example);
	struct walk_run run = {
	    .world = &world, .start = json_get(example, "start")};
	struct text queries[DMARC_STEPS_MAX];
	unsigned failures = 0;

	(void)order_drive(
	    world.facts, world.zone, ORDER_RANDOM, checks, walk_once, &run);
	for (size_t i = 0; i < run.walk.count; i++)
		queries[i] = run.walk.steps[i].name;
	failures += expect_list(example, "queries", queries, run.walk.count);
	failures += expect_text(example, "org_domain",
	    dmarc_walk_organizational_domain(&run.walk, run.start));
	world_close(&world);
	return failures;
}

static void
test_walks(void **state)
{
	(void)state;
	vectors_run_examples("tree_walk", run_walk);
}

/* --- policy_discovery --- */

static unsigned
run_discovery(const json_t *example)
{
	struct text author = json_get(example, "author");
	struct world world = open_zone(example);
	struct dmarc_input input = {.author = author};

	world.order = ORDER_RANDOM;
	world.seed = checks;
	struct dmarc_discovery found = world_discover(&world, author);
	struct dmarc_outcome outcome = world_check(&world, &input, &found);
	unsigned failures = expect_bool(example, "applies",
	    found.status == DMARC_DISCOVERY_FOUND ||
		found.status == DMARC_DISCOVERY_AS_NONE);

	failures += expect_text(example, "policy_domain", found.policy_domain);
	failures +=
	    expect_text(example, "org_domain", found.organizational_domain);
	failures += expect_text(example, "tag",
	    found.requested_by == NULL ? TEXT("-")
				       : text_from_cstr(found.requested_by));
	failures +=
	    expect_text(example, "policy", policy_text(found.requested));
	failures +=
	    expect_text(example, "effective", policy_text(outcome.policy));
	failures += expect_text(example, "result",
	    text_from_cstr(
		names_word(&dmarc_result_names, (int)outcome.result)));
	world_close(&world);
	return failures;
}

static void
test_discoveries(void **state)
{
	(void)state;
	vectors_run_examples("policy_discovery", run_discovery);
}

/* --- alignment --- */

struct alignment_run {
	const json_t *example;
	struct world *world;
	struct text author;
	struct dmarc_discovery found;
};

/* Is DOMAIN alone, passing, enough for a pass in this mode? */
static bool
aligns(struct alignment_run *run, struct text domain, bool is_dkim, bool strict)
{
	struct dmarc_record record = *run->found.record;
	struct dmarc_discovery found = run->found;
	struct dmarc_identifier one = {.domain = domain, .passed = true};
	struct dmarc_input input = {.author = run->author};

	record.strict_dkim = strict;
	record.strict_spf = strict;
	found.record = &record;
	if (is_dkim) {
		input.dkim = &one;
		input.dkim_count = 1;
	} else {
		input.spf = one;
	}
	return world_check(run->world, &input, &found).result == DMARC_PASS;
}

static unsigned
expect_dkim(struct alignment_run *run, const char *key, bool strict)
{
	const json_t *domains = json_object_get(run->example, "dkim");
	const json_t *expected =
	    json_object_get(json_object_get(run->example, "expect"), key);
	unsigned failures = 0;

	for (size_t i = 0; i < json_array_size(expected); i++) {
		struct text domain = json_text(json_array_get(domains, i));
		bool got = aligns(run, domain, true, strict);
		checks++;
		if (json_is_true(json_array_get(expected, i)) != got)
			failures += complain(run->example, key, domain);
	}
	return failures;
}

/* With all its identifiers passing. */
static unsigned
expect_result(struct alignment_run *run)
{
	struct dmarc_identifier dkim[4];
	json_t *domains = json_object_get(run->example, "dkim");
	struct dmarc_input input = {
	    .author = run->author,
	    .spf = {.domain = json_get(run->example, "spf"), .passed = true},
	    .dkim = dkim,
	    .dkim_count = json_array_size(domains),
	};

	assert_true(input.dkim_count <= 4);
	for (size_t i = 0; i < input.dkim_count; i++)
		dkim[i] = (struct dmarc_identifier){
		    .domain = json_text(json_array_get(domains, i)),
		    .passed = true};
	struct dmarc_outcome outcome =
	    world_check(run->world, &input, &run->found);
	return expect_text(run->example, "dmarc",
	    text_from_cstr(
		names_word(&dmarc_result_names, (int)outcome.result)));
}

static unsigned
run_alignment(const json_t *example)
{
	struct world world = open_zone(example);
	struct alignment_run run = {.example = example, .world = &world};
	struct text spf = json_get(example, "spf");
	unsigned failures = 0;

	assert_true(dns_name_read(
	    world.arena, json_get(example, "author"), &run.author));
	run.found = world_discover(&world, run.author);
	assert_non_null(run.found.record);
	failures += expect_bool(
	    example, "spf_relaxed", aligns(&run, spf, false, false));
	failures +=
	    expect_bool(example, "spf_strict", aligns(&run, spf, false, true));
	failures += expect_dkim(&run, "dkim_relaxed", false);
	failures += expect_dkim(&run, "dkim_strict", true);
	failures += expect_result(&run);
	world_close(&world);
	return failures;
}

static void
test_alignment(void **state)
{
	(void)state;
	vectors_run_examples("alignment", run_alignment);
}

/* --- aggregate: which report an author belongs to (RFC 9990 3.1.2) --- */

static unsigned
run_report(const json_t *example, const json_t *report)
{
	struct text wanted = json_get(report, "policy_domain");
	unsigned failures = 0;
	json_t *author;
	size_t index;

	json_array_foreach(
	    json_object_get(report, "record_header_from"), index, author)
	{
		struct world world = open_zone(example);
		struct dmarc_discovery found =
		    world_discover(&world, json_text(author));
		checks++;
		if (!text_equal(found.policy_domain, wanted))
			failures += complain(
			    example, "policy_domain", found.policy_domain);
		world_close(&world);
	}
	return failures;
}

static unsigned
run_reports(const json_t *example)
{
	const json_t *expected = json_object_get(example, "expect");
	unsigned failures = 0;
	json_t *report;
	size_t index;

	json_array_foreach(json_object_get(expected, "reports"), index, report)
	    failures += run_report(example, report);
	return failures;
}

static void
test_reports(void **state)
{
	unsigned before = checks;

	(void)state;
	vectors_run_examples("aggregate", run_reports);
	assert_true(checks > before);
}

/* Every kind in the file, and the folder whose tests run it. Some have no data,
 * but words: these are rows there. ARC and failure reports are not built. */
static void
test_the_rest(void **state)
{
	static const char *const elsewhere[][2] = {
	    {"version", "-"},
	    {"sections_cited", "-"},
	    {"zones", "-"},
	    {"record_parsing", "here"},
	    {"tree_walk", "here"},
	    {"policy_discovery", "here"},
	    {"alignment", "here"},
	    {"disposition", "verdict/test_disposition.c"},
	    {"external_verification",
		"report/test_destination.c; those of ruf: not yet"},
	    {"aggregate",
		"authors: here; names and ids: rows of report/test_envelope.c"},
	    {"failure", "not yet: failure reports"},
	    {"fo", "not yet: failure reports"},
	    {"spf_macros", "spf/test_examples.c"},
	    {"spf_appendix_a", "spf/test_examples.c"},
	    {"spf_include_table", "spf/test_examples.c"},
	    {"dkim_canonicalization", "dkim/test_examples.c"},
	    {"dkim_header_selection", "dkim/test_examples.c"},
	    {"dkim_messages", "dkim/test_vectors.c"},
	    {"dkim_rules",
		"rows of dkim/test_signature.c, test_key.c, test_check.c"},
	    {"authentication_results", "mail/test_authres*.c"},
	    {"ar_forgery", "mail/test_authres*.c"},
	    {"arc_structure", "not yet: ARC"},
	};
	size_t known = sizeof elsewhere / sizeof *elsewhere;
	const json_t *examples = vectors_examples();

	(void)state;
	for (size_t i = 0; i < known; i++)
		if (elsewhere[i][1][0] != '-')
			print_message("# %s: %zu, %s\n", elsewhere[i][0],
			    json_array_size(
				json_object_get(examples, elsewhere[i][0])),
			    elsewhere[i][1]);
	print_message("# %u values compared here\n", checks);
	assert_int_equal(json_object_size(examples), known);
	assert_true(checks > 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_walks),
	    cmocka_unit_test(test_discoveries),
	    cmocka_unit_test(test_alignment),
	    cmocka_unit_test(test_reports),
	    cmocka_unit_test(test_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
