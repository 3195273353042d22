/* A golden report of each format that a person can read, and reports out of
 * hostile texts, all of them looked at by xmllint with the format's schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "report/aggregate.h"
#include "report/xml.h"
#include "vectors.h"
#include "xmlcheck.h"

#include <stdio.h>

enum {
	ARENA_MAX = 4 * 1024 * 1024,
	XML_MAX = 4 * 1024 * 1024,
	FORMATS = REPORT_RFC7489 + 1,
};

/* --- values --- */

static const struct report_metadata metadata = {
    .org_name = {"Receiver & Sons", 15},
    .email = {"dmarc@receiver.example", 22},
    .extra_contact_info = {"https://receiver.example/dmarc", 30},
    .report_id = {"0123456789abcdef0123456789abcdef", 32},
    .begin = 1795305600,
    .end = 1795391999,
    .generator = {"dmarcd", 6},
};

static const struct report_policy policy = {
    .domain = {"example.com", 11},
    .p = {"quarantine", 10},
    .sp = {"none", 4},
    .np = {"reject", 6},
    .adkim = {"r", 1},
    .aspf = {"s", 1},
    .fo = {"0", 1},
    .testing = {"n", 1},
    .discovery_method = {"treewalk", 8},
};

static struct report_dkim passing[] = {
    {{"example.com", 11}, {"s1", 2}, {"pass", 4}}};
static struct report_dkim mixed[] = {
    {{"list.example", 12}, {"", 0}, {"fail", 4}},
    {{"example.com", 11}, {"s1", 2}, {"PASS", 4}},
    {{"old.example", 11}, {"s2", 2}, {"hardfail", 8}},
    {{"odd.example", 11}, {"s3", 2}, {"excellent", 9}},
    {{"", 0}, {"", 0}, {"", 0}},
};
static struct report_reason overrides[] = {
    {{"mailing_list", 12}, {"List-Id <dev.list.example>", 26}},
    {{"sampled_out", 11}, {"", 0}},
    {{"local_policy", 12}, {"", 0}},
    {{"policy_test_mode", 16}, {"t=y", 3}},
};

static const struct report_row rows[] = {
    {
	.source_ip = {"192.0.2.1", 9},
	.count = 1234567,
	.disposition = {"pass", 4},
	.dkim_aligned = true,
	.header_from = {"example.com", 11},
	.envelope_from = {"bounce.example.com", 18},
	.has_envelope_from = true,
	.dkim = {passing, 1, 1},
	.spf_domain = {"bounce.example.com", 18},
	.spf_result = {"softfail", 8},
    },
    {
	.source_ip = {"2001:db8::1", 11},
	.count = 2,
	.disposition = {"exploded", 8},
	.reasons = {overrides, 4, 4},
	.header_from = {"news.example.com", 16},
	.has_envelope_from = true,
	.dkim = {mixed, 5, 5},
	.spf_domain = {"", 0},
	.spf_result = {"unknown", 7},
    },
    {
	.source_ip = {"203.0.113.9", 11},
	.count = 1,
	.disposition = {"none", 4},
	.header_from = {"example.com", 11},
    },
};

enum { ROWS = sizeof rows / sizeof *rows };

static void
write_report(const struct aggregate *aggregate,
    const struct report_metadata *about, const struct report_policy *published,
    const struct report_row *row, size_t count)
{
	aggregate_begin(aggregate, about, published);
	for (size_t i = 0; i < count; i++)
		aggregate_row(aggregate, &row[i]);
	aggregate_end(aggregate);
	assert_false(build_failed(aggregate->build));
}

/* --- tests --- */

static const char *const golden_files[FORMATS] = {
    [REPORT_RFC9990] = "tests/unit/report/golden.xml",
    [REPORT_RFC7489] = "tests/unit/report/golden-7489.xml",
};

static void
check_golden(enum report_format format)
{
	struct arena *arena = arena_new(ARENA_MAX);
	const char *file = golden_files[format];
	struct text golden = vectors_read(arena, file);
	struct build build;

	build_init(&build, XML_MAX);
	write_report(&(struct aggregate){&build, format}, &metadata, &policy,
	    rows, ROWS);
	if (!text_equal(build_view(&build), golden)) {
		(void)fwrite(build.ptr, 1, build.len, stderr);
		print_error("this is not %s\n", file);
		fail();
	}
	assert_int_not_equal(xml_check(file, golden), XML_INVALID);
	build_free(&build);
	arena_free(arena);
}

static void
test_golden(void **state)
{
	(void)state;
	for (size_t i = 0; i < FORMATS; i++)
		check_golden((enum report_format)i);
}

/* The checker does find what is wrong. */
static void
test_checker(void **state)
{
	static const char *const wrong[] = {"<feedback/>",
	    "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\"/>", "<a>",
	    ""};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_not_equal(
		    xml_check("as it should be", text_from_cstr(wrong[i])),
		    XML_VALID);
}

static const struct text hostile[] = {
    {"", 0},
    {"]]></feedback><!--", 18},
    {"</org_name><record>", 19},
    {"&#x41;&amp;&xxe;", 16},
    {"\0\x01\x1F\x7F", 4},
    {"a\r\nb\tc", 6},
    {"\xFF\xFE\xC0\x80\xED\xA0\x80", 7},
    {"\xF4\x90\x80\x80\xF8\x88\x80\x80\x80", 9},
    {"\xEF\xBF\xBE\xEF\xBF\xBF", 6},
    {"\xC2\x80\xC2\x9B\x1B[31m", 9},
    {"\xC3\xBC\xE2\x82\xAC\xF0\x9F\x93\xA7", 9},
    {"\xE2\x82", 2},
    {"<?xml version=\"1.0\"?><!DOCTYPE a>", 33},
    {"' onload=\"", 10},
};

/* TEXT everywhere. */
static void
write_hostile(const struct aggregate *aggregate, struct text text)
{
	struct report_metadata about = {
	    text, text, text, text, INT64_MIN, INT64_MAX, text, text};
	struct report_policy published = {
	    text, text, text, text, text, text, text, text, text};
	struct report_dkim dkim = {text, text, text};
	struct report_reason reason = {text, text};
	struct report_row row = {.source_ip = text,
	    .count = INT64_MAX,
	    .disposition = text,
	    .reasons = {&reason, 1, 1},
	    .header_from = text,
	    .envelope_from = text,
	    .has_envelope_from = true,
	    .dkim = {&dkim, 1, 1},
	    .spf_domain = text,
	    .spf_result = text};

	write_report(aggregate, &about, &published, &row, 1);
}

static bool
is_harmless(const char *name, enum report_format format, struct text text)
{
	struct build build;

	build_init(&build, XML_MAX);
	write_hostile(&(struct aggregate){&build, format}, text);
	bool is_valid = xml_check(name, build_view(&build)) != XML_INVALID;
	build_free(&build);
	return is_valid;
}

static void
test_hostile(void **state)
{
	size_t failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		struct text text = exact(hostile[i]);
		char name[32];
		(void)snprintf(name, sizeof name, "hostile %zu", i);
		for (size_t format = 0; format < FORMATS; format++)
			failures += !is_harmless(
			    name, (enum report_format)format, text);
		exact_free(text);
	}
	assert_int_equal(failures, 0);
}

/* As long as a value of the history can be, of each byte that there is. */
static void
test_long(void **state)
{
	static char bytes[8 * 1024];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i % 256);
	for (size_t format = 0; format < FORMATS; format++)
		assert_true(is_harmless("long", (enum report_format)format,
		    (struct text){bytes, sizeof bytes}));
}

static const struct {
	const char *name;
	struct text text;
	const char *expected;
} text_rows[] = {
    {"plain", {"abc 1", 5}, "abc 1"},
    {"markup", {"<a b='c' d=\"e\">&", 16},
	"&lt;a b=&apos;c&apos; d=&quot;e&quot;&gt;&amp;"},
    {"line ends", {"\t\r\n", 3}, "&#9;&#13;&#10;"},
    {"controls", {"\0\x01\x0B\x1F\x7F", 5},
	"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD&#127;"},
    {"C1 controls", {"\xC2\x80\xC2\x9F\xC2\xA0", 6}, "&#128;&#159;\xC2\xA0"},
    {"UTF-8 of 2, 3, 4", {"\xC3\xBC\xE2\x82\xAC\xF0\x9F\x93\xA7", 9},
	"\xC3\xBC\xE2\x82\xAC\xF0\x9F\x93\xA7"},
    {"last of each length", {"\xDF\xBF\xEF\xBF\xBD\xF4\x8F\xBF\xBF", 9},
	"\xDF\xBF\xEF\xBF\xBD\xF4\x8F\xBF\xBF"},
    {"overlong", {"\xC0\xAF", 2}, "\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"overlong of 3", {"\xE0\x9F\xBF", 3},
	"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"surrogate", {"\xED\xA0\x80", 3}, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"cut", {"\xE2\x82", 2}, "\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"cut by a letter", {"\xE2\x82x", 3}, "\xEF\xBF\xBD\xEF\xBF\xBDx"},
    {"U+FFFF", {"\xEF\xBF\xBF", 3}, "\xEF\xBF\xBD"},
};

static void
test_text(void **state)
{
	size_t failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof text_rows / sizeof *text_rows; i++) {
		struct text text = exact(text_rows[i].text);
		struct build build;
		build_init(&build, XML_MAX);
		xml_text(&build, text);
		if (!text_equal(build_view(&build),
			text_from_cstr(text_rows[i].expected))) {
			print_error("%s: " TEXT_FMT "\n", text_rows[i].name,
			    TEXT_ARG(build_view(&build)));
			failures++;
		}
		build_free(&build);
		exact_free(text);
	}
	assert_int_equal(failures, 0);
}

/* RFC 9990 3.1.3: at most 100 signatures, the passing ones among them. */
static void
test_many_signatures(void **state)
{
	struct report_dkim dkim[300];
	struct report_row row = rows[0];
	struct build build;
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < 299; i++)
		dkim[i] = (struct report_dkim){
		    TEXT("example.net"), TEXT("s"), TEXT("fail")};
	dkim[299] = (struct report_dkim){
	    TEXT("example.com"), TEXT("last"), TEXT("pass")};
	row.dkim.at = dkim;
	row.dkim.count = 300;
	build_init(&build, XML_MAX);
	aggregate_row(&(struct aggregate){.build = &build}, &row);
	struct text rest = build_view(&build);
	assert_true(text_find_part(rest, TEXT(">last<")) < rest.len);
	for (;; count++) {
		size_t at = text_find_part(rest, TEXT("<selector>"));
		if (at == rest.len)
			break;
		rest = text_slice(rest, at + 1, rest.len);
	}
	assert_int_equal(count, 100);
	build_free(&build);
}

static void
test_no_memory(void **state)
{
	struct build build;

	(void)state;
	build_init(&build, 100);
	const struct aggregate aggregate = {.build = &build};
	aggregate_begin(&aggregate, &metadata, &policy);
	aggregate_row(&aggregate, &rows[0]);
	aggregate_end(&aggregate);
	assert_true(build_failed(&build));
	build_free(&build);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_golden),
	    cmocka_unit_test(test_checker),
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_many_signatures),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name(
	    "report aggregate", tests, NULL, NULL);
}
