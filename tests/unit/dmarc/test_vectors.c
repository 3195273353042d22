/* Other people's cases: mailauth's of RFC 9989 and mox's of RFC 7489. Where we
 * differ, `differences` says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vectors.h"
#include "world.h"

/* A value of a case, and what it is with us. */
static const struct difference {
	const char *name;
	const char *path;
	const char *ours;
	const char *why;
} differences[] = {
    {"does not inherit the org policy when the author domain publishes "
     "multiple records (\xC2\xA7"
     "4.10 step 2)",
	"status.result", "fail",
	"RFC 9989 4.10 step 2: they are discarded, and the walk goes on"},
    {"does not inherit the org policy when the author domain publishes "
     "multiple records (\xC2\xA7"
     "4.10 step 2)",
	"no policy", "false", "as above"},
    {"applies no DMARC processing for a record with no p and no rua",
	"status.result", "permerror",
	"RFC 9989 9.2: an improperly formatted record; no policy applies"},
    {"malformed.example", "result", "fail",
	"RFC 7489 6.3: other syntax errors are discarded, and p is good"},
};

/* What is compared, and how it went. */
struct tally {
	unsigned compared;
	unsigned differed;
	unsigned failures;
};

static void
compare(struct tally *tally, struct text name, const char *path,
    struct text expected, struct text got)
{
	tally->compared++;
	for (size_t i = 0; i < sizeof differences / sizeof *differences; i++) {
		const struct difference *one = &differences[i];
		if (!text_equal(name, text_from_cstr(one->name)) ||
		    !text_equal(
			text_from_cstr(path), text_from_cstr(one->path)))
			continue;
		tally->differed++;
		expected = text_from_cstr(one->ours);
	}
	if (text_equal(expected, got))
		return;
	print_error(TEXT_FMT ": %s is " TEXT_FMT ", not " TEXT_FMT "\n",
	    TEXT_ARG(name), path, TEXT_ARG(got), TEXT_ARG(expected));
	tally->failures++;
}

static void
compare_bool(struct tally *tally, struct text name, const char *path,
    bool expected, bool got)
{
	compare(tally, name, path, expected ? TEXT("true") : TEXT("false"),
	    got ? TEXT("true") : TEXT("false"));
}

static void
conclude(const struct tally *tally, const char *what)
{
	print_message("# %s: %u values, %u by our own reading\n", what,
	    tally->compared, tally->differed);
	assert_int_equal(tally->failures, 0);
	assert_true(tally->compared > 0);
}

/* --- zones: {NAME: {TYPE: [DATA…] or {"error": …}}} --- */

static void
write_data(struct build *zone, const char *name, const char *type, json_t *data)
{
	size_t index;
	json_t *string;

	if (json_is_string(data)) {
		build_format(
		    zone, "%s %s %s\n", name, type, json_string_value(data));
	} else if (json_is_array(data)) {
		build_format(zone, "%s %s", name, type);
		json_array_foreach(data, index, string)
		    build_format(zone, " \"%s\"", json_string_value(string));
		build_byte(zone, '\n');
	} else {
		build_format(zone, "%s EXISTS\n", name);
	}
}

static void
write_name(struct build *zone, const char *name, json_t *types)
{
	const char *type;
	json_t *list;
	json_t *data;
	size_t index;

	json_object_foreach(types, type, list)
	{
		if (json_is_object(list))
			build_format(zone, "%s %s %s\n", name,
			    json_string_value(json_object_get(list, "error")),
			    type);
		json_array_foreach(list, index, data)
		    write_data(zone, name, type, data);
	}
}

static struct world
open_zone(json_t *zone)
{
	const char *name;
	json_t *types;
	struct build text;

	build_init(&text, 65536);
	json_object_foreach(zone, name, types) write_name(&text, name, types);
	struct world world = world_open(build_view(&text));
	build_free(&text);
	return world;
}

/* --- one case --- */

enum { IDENTIFIERS_MAX = 4 };

struct run {
	struct world world;
	struct dmarc_identifier dkim[IDENTIFIERS_MAX];
	struct dmarc_input input;
	struct dmarc_discovery found;
	struct dmarc_outcome outcome;
};

/* "result" is absent where all of them passed. */
static struct dmarc_identifier
read_identifier(const json_t *json)
{
	struct text result = json_get(json, "result");

	return (struct dmarc_identifier){
	    .domain = json_get(json, "domain"),
	    .passed = result.len == 0 || text_equal(result, TEXT("pass")),
	    .temperror = text_equal(result, TEXT("temperror")),
	};
}

static void
judge(
    struct run *run, struct text author, const json_t *spf, const json_t *dkim)
{
	run->input.author = author;
	run->input.dkim = run->dkim;
	run->input.dkim_count = json_array_size(dkim);
	assert_true(run->input.dkim_count <= IDENTIFIERS_MAX);
	assert_true(json_array_size(spf) <= 1);
	if (json_array_size(spf) == 1)
		run->input.spf = read_identifier(json_array_get(spf, 0));
	for (size_t i = 0; i < run->input.dkim_count; i++)
		run->dkim[i] = read_identifier(json_array_get(dkim, i));
	run->found = world_discover(&run->world, author);
	run->outcome = world_check(&run->world, &run->input, &run->found);
}

static struct text
result_word(const struct run *run)
{
	return text_from_cstr(
	    names_word(&dmarc_result_names, (int)run->outcome.result));
}

/* --- mailauth --- */

static void
expect_result(struct tally *tally, struct text name, struct run *run,
    const json_t *wanted)
{
	compare(tally, name, "status.result", json_get(wanted, "arg"),
	    result_word(run));
}

static void
expect_policy(struct tally *tally, struct text name, struct run *run,
    const json_t *wanted)
{
	compare(tally, name, "policy", json_get(wanted, "arg"),
	    text_from_cstr(
		names_word(&dmarc_policy_names, (int)run->outcome.policy)));
}

static void
expect_domain(struct tally *tally, struct text name, struct run *run,
    const json_t *wanted)
{
	compare(tally, name, "domain", json_get(wanted, "arg"),
	    run->found.organizational_domain);
}

/* There shall be no "policy"; or no "pct", which we never had. */
static void
expect_absent(struct tally *tally, struct text name, struct run *run,
    const json_t *wanted)
{
	if (text_equal(json_get(wanted, "arg"), TEXT("policy")))
		compare_bool(tally, name, "no policy", true,
		    run->outcome.policy == DMARC_POLICY_ABSENT);
}

static void
expect_strict(struct tally *tally, struct text name, struct run *run,
    const json_t *wanted)
{
	(void)wanted;
	compare_bool(tally, name, "strict", true,
	    run->found.record != NULL && run->found.record->strict_dkim);
}

static void
expect_spf(struct tally *tally, struct text name, struct run *run,
    const json_t *wanted)
{
	(void)wanted;
	compare_bool(
	    tally, name, "spf aligned", true, run->outcome.spf_aligned);
}

static void
expect_no_dkim(struct tally *tally, struct text name, struct run *run,
    const json_t *wanted)
{
	(void)wanted;
	compare_bool(
	    tally, name, "dkim aligned", false, run->outcome.dkim_aligned);
}

static void
expect_record(struct tally *tally, struct text name, struct run *run,
    const json_t *wanted)
{
	assert_non_null(run->found.record);
	compare_bool(tally, name, "rr", true,
	    text_find_part(run->found.record->text, json_get(wanted, "arg")) <
		run->found.record->text.len);
}

/* The names themselves are in rfc-examples.json. */
static void
expect_queries(struct tally *tally, struct text name, struct run *run,
    const json_t *wanted)
{
	(void)wanted;
	compare_bool(tally, name, "eight queries", true,
	    dns_facts_count(run->world.facts) == DMARC_STEPS_MAX);
}

static const struct {
	const char *path;
	int call; /* of several in one test; -1: there is one */
	void (*expect)(struct tally *tally, struct text name, struct run *run,
	    const json_t *wanted);
} expectations[] = {
    {"status.result", -1, expect_result},
    {"aligned.status.result", 0, expect_result},
    {"unaligned.status.result", 1, expect_result},
    {"policy", -1, expect_policy},
    {"domain", -1, expect_domain},
    {"result", -1, expect_absent},
    {"alignment.dkim.strict", -1, expect_strict},
    {"alignment.spf.result", -1, expect_spf},
    {"alignment.dkim.result", -1, expect_no_dkim},
    {"rr", -1, expect_record},
    {"dmarcQueries", -1, expect_queries},
};

static void
expect(struct tally *tally, const json_t *one, struct run *run,
    const json_t *wanted)
{
	const json_t *call = json_object_get(one, "call");
	struct text path = json_get(wanted, "path");
	bool is_known = false;

	for (size_t i = 0; i < sizeof expectations / sizeof *expectations;
	     i++) {
		if (!text_equal(path, text_from_cstr(expectations[i].path)))
			continue;
		is_known = true;
		if (expectations[i].call < 0 ||
		    json_integer_value(call) == expectations[i].call)
			expectations[i].expect(
			    tally, json_get(one, "name"), run, wanted);
	}
	assert_true(is_known);
}

static void
run_mailauth(struct tally *tally, json_t *one)
{
	struct run run = {.world = open_zone(json_object_get(one, "zone"))};
	struct text from = json_get(one, "header_from");
	json_t *wanted;
	size_t index;

	judge(&run, text_slice(from, text_find(from, '@') + 1, from.len),
	    json_object_get(one, "spf_pass"),
	    json_object_get(one, "dkim_pass"));
	json_array_foreach(json_object_get(one, "expect"), index, wanted)
	    expect(tally, one, &run, wanted);
	world_close(&run.world);
}

static void
test_mailauth(void **state)
{
	json_t *all =
	    vectors_json("dmarc/mailauth-rfc9989/rfc9989-compliance.json",
		"the tests of postalsys/mailauth");
	struct tally tally = {0};
	json_t *one;
	size_t index;

	(void)state;
	json_array_foreach(json_object_get(all, "cases"), index, one)
	    run_mailauth(&tally, one);
	json_decref(all);
	conclude(&tally, "mailauth");
}

/* --- mox --- */

static void
expect_flag(struct tally *tally, struct text name, const json_t *wanted,
    const char *key, bool got)
{
	const json_t *flag = json_object_get(wanted, key);

	if (flag != NULL)
		compare_bool(tally, name, key, json_is_true(flag), got);
}

static void
run_mox(struct tally *tally, json_t *zone, const json_t *one,
    const struct dmarc_options *options)
{
	const json_t *wanted = json_object_get(one, "expect");
	struct text name = json_get(one, "header_from");
	struct run run = {.world = open_zone(zone)};

	run.world.options = *options;
	judge(&run, name, json_object_get(one, "spf"),
	    json_object_get(one, "dkim"));
	bool has_failed = run.outcome.result == DMARC_FAIL;
	compare(tally, name, "result", json_get(wanted, "result"),
	    result_word(&run));
	if (json_object_get(wanted, "policy_domain") != NULL)
		compare(tally, name, "policy_domain",
		    json_get(wanted, "policy_domain"), run.found.policy_domain);
	expect_flag(
	    tally, name, wanted, "spf_aligned", run.outcome.spf_aligned);
	expect_flag(
	    tally, name, wanted, "dkim_aligned", run.outcome.dkim_aligned);
	expect_flag(tally, name, wanted, "reject",
	    has_failed && run.outcome.policy == DMARC_POLICY_REJECT);
	expect_flag(tally, name, wanted, "sampled_out",
	    has_failed && run.found.requested == DMARC_POLICY_REJECT &&
		run.outcome.policy == DMARC_POLICY_QUARANTINE);
	world_close(&run.world);
}

static void
test_mox(void **state)
{
	json_t *all = vectors_json(
	    "dmarc/mox-rfc7489/rfc7489-vectors.json", "the tests of mjl-/mox");
	struct suffix_list *list =
	    suffix_list_read(TEXT("// ===BEGIN ICANN DOMAINS===\n"
				  "com\nexample\n"
				  "// ===END PRIVATE DOMAINS===\n"));
	const struct dmarc_options options = {DMARC_PSL, list};
	struct tally tally = {0};
	json_t *one;
	size_t index;

	(void)state;
	assert_non_null(list);
	json_array_foreach(json_object_get(all, "cases"), index, one)
	    run_mox(&tally, json_object_get(all, "zone"), one, &options);
	suffix_list_free(list);
	json_decref(all);
	conclude(&tally, "mox");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mailauth),
	    cmocka_unit_test(test_mox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
