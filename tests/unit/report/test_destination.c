#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "order.h"
#include "report/destination.h"
#include "vectors.h"

#include <string.h>

enum { ARENA_MAX = 4 * 1024 * 1024, SEEDS = 24 };

/* --- reading --- */

/* 64 and 63 times a. */
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A64 A63 "a"

static const struct {
	const char *name;
	struct text uri;
	enum destination_status status;
	const char *address;
} uri_rows[] = {
    {"plain", {"mailto:a@example.org", 20}, DESTINATION_OK, "a@example.org"},
    {"scheme in capitals", {"MAILTO:a@example.org", 20}, DESTINATION_OK,
	"a@example.org"},
    {"host in capitals", {"mailto:A.b@EXAMPLE.Org", 22}, DESTINATION_OK,
	"A.b@example.org"},
    {"root dot", {"mailto:a@example.org.", 21}, DESTINATION_OK,
	"a@example.org"},
    {"size", {"mailto:a@example.org!10m", 24}, DESTINATION_OK, "a@example.org"},
    {"size without unit", {"mailto:a@example.org!500", 24}, DESTINATION_OK,
	"a@example.org"},
    {"empty size", {"mailto:a@example.org!", 21}, DESTINATION_MALFORMED, ""},
    {"wrong size", {"mailto:a@example.org!10mb", 25}, DESTINATION_MALFORMED,
	""},
    {"query", {"mailto:a@example.org?subject=x&cc=b@c.d", 39}, DESTINATION_OK,
	"a@example.org"},
    {"query and size", {"mailto:a@example.org?subject=x!10m", 34},
	DESTINATION_OK, "a@example.org"},
    {"fragment", {"mailto:a@example.org#x", 22}, DESTINATION_OK,
	"a@example.org"},
    {"percent", {"mailto:a%2Bb%21c@example.org", 28}, DESTINATION_OK,
	"a+b!c@example.org"},
    {"percent-encoded at", {"mailto:a%40example.org", 22}, DESTINATION_OK,
	"a@example.org"},
    {"quoted", {"mailto:\"a@b\"@example.org", 24}, DESTINATION_MALFORMED, ""},
    {"quoted pair", {"mailto:\"a\\\"b\"@example.org", 25},
	DESTINATION_MALFORMED, ""},
    {"quoted, that need not be", {"mailto:%22reports%22@example.org", 32},
	DESTINATION_MALFORMED, ""},
    {"local part of 64", {"mailto:" A64 "@example.org", 83}, DESTINATION_OK,
	A64 "@example.org"},
    {"local part of 65", {"mailto:" A64 "a@example.org", 84},
	DESTINATION_MALFORMED, ""},

    {"https", {"https://example.org/dmarc", 25}, DESTINATION_UNSUPPORTED, ""},
    {"mailtox", {"mailtox:a@example.org", 21}, DESTINATION_UNSUPPORTED, ""},
    {"empty", {"", 0}, DESTINATION_MALFORMED, ""},
    {"no scheme", {"a@example.org", 13}, DESTINATION_MALFORMED, ""},
    {"only scheme", {"mailto:", 7}, DESTINATION_MALFORMED, ""},
    {"space before", {" mailto:a@example.org", 21}, DESTINATION_MALFORMED, ""},
    {"slashes", {"mailto://a@example.org", 22}, DESTINATION_OK,
	"//a@example.org"},
    {"no local part", {"mailto:@example.org", 19}, DESTINATION_MALFORMED, ""},
    {"no host", {"mailto:a@", 9}, DESTINATION_MALFORMED, ""},
    {"no at", {"mailto:example.org", 18}, DESTINATION_MALFORMED, ""},
    {"two at", {"mailto:a@b@example.org", 22}, DESTINATION_MALFORMED, ""},
    {"route", {"mailto:@a.org:b@example.org", 27}, DESTINATION_MALFORMED, ""},
    {"two addresses", {"mailto:a@b.org%2Cc@example.org", 30},
	DESTINATION_MALFORMED, ""},
    {"CR LF", {"mailto:a@x.org>%0D%0ARCPT TO:<evil@x.org", 40},
	DESTINATION_MALFORMED, ""},
    {"LF at the end", {"mailto:a@x.org%0A", 17}, DESTINATION_MALFORMED, ""},
    {"CR LF in quotes", {"mailto:\"%0D%0A\"@x.org", 21}, DESTINATION_MALFORMED,
	""},
    {"raw CR LF", {"mailto:a\r\n@x.org", 16}, DESTINATION_MALFORMED, ""},
    {"NUL", {"mailto:a@x.org%00.evil.org", 26}, DESTINATION_MALFORMED, ""},
    {"raw NUL", {"mailto:a@x.org\0.evil.org", 24}, DESTINATION_MALFORMED, ""},
    {"space", {"mailto:a%20b@x.org", 18}, DESTINATION_MALFORMED, ""},
    {"space in quotes", {"mailto:\"a b\"@x.org", 18}, DESTINATION_MALFORMED,
	""},
    {"DEL", {"mailto:a%7Fb@x.org", 18}, DESTINATION_MALFORMED, ""},
    {"angle brackets", {"mailto:%3Ca@x.org%3E", 20}, DESTINATION_MALFORMED, ""},
    {"brackets in quotes", {"mailto:\"%3E%3C\"@x.org", 21},
	DESTINATION_MALFORMED, ""},
    {"option", {"mailto:-oQ/tmp@x.org", 20}, DESTINATION_MALFORMED, ""},
    {"encoded option", {"mailto:%2DoQ@x.org", 18}, DESTINATION_MALFORMED, ""},
    {"UTF-8", {"mailto:%C3%BC@x.org", 19}, DESTINATION_MALFORMED, ""},
    {"U-label",
	{"mailto:a@b\xC3\xBC"
	 "cher.example",
	    21},
	DESTINATION_MALFORMED, ""},
    {"percent at the end", {"mailto:a@x.org%", 15}, DESTINATION_MALFORMED, ""},
    {"half percent", {"mailto:a@x.org%4", 16}, DESTINATION_MALFORMED, ""},
    {"wrong percent", {"mailto:a%zz@x.org", 17}, DESTINATION_MALFORMED, ""},
    {"two dots", {"mailto:a..b@x.org", 17}, DESTINATION_MALFORMED, ""},
    {"dot first", {"mailto:.a@x.org", 15}, DESTINATION_MALFORMED, ""},
    {"dot last", {"mailto:a.@x.org", 15}, DESTINATION_MALFORMED, ""},
    {"open quote", {"mailto:\"a@x.org", 15}, DESTINATION_MALFORMED, ""},
    {"quote in the middle", {"mailto:a\"b\"@x.org", 17}, DESTINATION_MALFORMED,
	""},
    {"local host", {"mailto:root@localhost", 21}, DESTINATION_MALFORMED, ""},
    {"IPv4", {"mailto:a@192.0.2.1", 18}, DESTINATION_MALFORMED, ""},
    {"literal", {"mailto:a@[192.0.2.1]", 20}, DESTINATION_MALFORMED, ""},
    {"empty label", {"mailto:a@x..org", 15}, DESTINATION_MALFORMED, ""},
    {"port", {"mailto:a@x.org:25", 17}, DESTINATION_MALFORMED, ""},
    {"path", {"mailto:a@x.org/b", 16}, DESTINATION_MALFORMED, ""},
    {"comment", {"mailto:a@x.org(b)", 17}, DESTINATION_MALFORMED, ""},
    {"encoded query", {"mailto:a@x.org%3Fcc=b@c.d", 25}, DESTINATION_MALFORMED,
	""},
    {"encoded size", {"mailto:a@x.org%2110m", 20}, DESTINATION_MALFORMED, ""},
};

static void
test_read(void **state)
{
	size_t failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof uri_rows / sizeof *uri_rows; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct text uri = exact(uri_rows[i].uri);
		struct destination found = destination_read(arena, uri);
		bool is_ok = found.status == DESTINATION_OK;
		if (found.status != uri_rows[i].status ||
		    !text_equal(
			found.address, text_from_cstr(uri_rows[i].address)) ||
		    is_ok != (found.reason.len == 0) ||
		    is_ok != (found.host.len > 0)) {
			print_error("%s: %s <" TEXT_FMT "> " TEXT_FMT "\n",
			    uri_rows[i].name,
			    names_word(&destination_status_names, found.status),
			    TEXT_ARG(found.address), TEXT_ARG(found.reason));
			failures++;
		}
		exact_free(uri);
		arena_free(arena);
	}
	assert_int_equal(failures, 0);
}

static const struct {
	const char *uri;
	uint64_t size_max;
} size_rows[] = {
    {"mailto:a@example.org", 0},
    {"mailto:a@example.org!500", 500},
    {"mailto:a@example.org!10k", 10240},
    {"mailto:a@example.org!10M", 10485760},
    {"mailto:a@example.org!2g", UINT64_C(2) << 30},
    {"mailto:a@example.org!1t", UINT64_C(1) << 40},
    {"mailto:a@example.org!16777215t", UINT64_C(16777215) << 40},
    /* More than any mail has, and nothing at all. */
    {"mailto:a@example.org!16777216t", 0},
    {"mailto:a@example.org!18446744073709551615", UINT64_MAX},
    {"mailto:a@example.org!18446744073709551616", 0},
    {"mailto:a@example.org!0", 0},
    /* Of two, the last; what is no size is the address's. */
    {"mailto:a!5k@example.org!3", 3},
    {"mailto:a!5k@example.org", 0},
    {"mailto:a%215k@example.org?subject=x!7", 7},
    {"mailto:a@example.org!k", 0},
    {"https://example.org/!5k", 0},
};

static void
test_size(void **state)
{
	size_t failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof size_rows / sizeof *size_rows; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct text uri = exact(text_from_cstr(size_rows[i].uri));
		uint64_t found = destination_read(arena, uri).size_max;
		if (found != size_rows[i].size_max) {
			print_error("%s: %llu\n", size_rows[i].uri,
			    (unsigned long long)found);
			failures++;
		}
		exact_free(uri);
		arena_free(arena);
	}
	assert_int_equal(failures, 0);
}

/* 254 bytes are the limit of the whole address. */
static void
test_length(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct text host = TEXT(A63 "." A63 "." A63);

	(void)state;
	for (size_t local = 60; local <= 64; local++) {
		struct text address = arena_format(arena, "mailto:%.*s@%.*s",
		    (int)local, A64, (int)host.len, host.ptr);
		enum destination_status expected = local + 1 + host.len <= 254
						       ? DESTINATION_OK
						       : DESTINATION_MALFORMED;
		assert_int_equal(
		    destination_read(arena, address).status, expected);
	}
	arena_free(arena);
}

/* --- RFC 9990 4 --- */

static const char zone_text[] =
    "_dmarc.blue.example.com TXT \"v=DMARC1; p=none\"\n"
    "_dmarc.example.org TXT \"v=DMARC1; p=none\"\n"
    "_dmarc.suffix.example TXT \"v=DMARC1; p=none; psd=y\"\n"
    "_dmarc.yes.suffix.example TXT \"v=DMARC1; p=none\"\n"
    "suffix.example._report._dmarc.yes.suffix.example TXT \"v=DMARC1\"\n"
    "blue.example.com._report._dmarc.yes.example.net TXT \"v=DMARC1\"\n"
    "blue.example.com._report._dmarc.semi.example.net TXT \"v=DMARC1;\"\n"
    "blue.example.com._report._dmarc.spf.example.net TXT \"v=spf1 -all\"\n"
    "blue.example.com._report._dmarc.two.example.net TXT \"v=spf1 -all\"\n"
    "blue.example.com._report._dmarc.two.example.net TXT \"v=DMARC1\"\n"
    "blue.example.com._report._dmarc.late.example.net TXT "
    "\"x; v=DMARC1\"\n"
    "blue.example.com._report._dmarc.over.example.net TXT "
    "\"v=DMARC1; rua=mailto:new@over.example.net\"\n"
    "blue.example.com._report._dmarc.case.example.net TXT "
    "\"v=DMARC1; rua=mailto:new@CASE.example.net.!5m\"\n"
    "blue.example.com._report._dmarc.away.example.net TXT "
    "\"v=DMARC1; rua=mailto:x@victim.example\"\n"
    "blue.example.com._report._dmarc.below.example.net TXT "
    "\"v=DMARC1; rua=mailto:x@sub.below.example.net\"\n"
    "blue.example.com._report._dmarc.both.example.net TXT "
    "\"v=DMARC1; rua=mailto:a@both.example.net,mailto:x@victim.example\"\n"
    "blue.example.com._report._dmarc.also.example.net TXT "
    "\"v=DMARC1; rua=mailto:a@also.example.net\"\n"
    "blue.example.com._report._dmarc.also.example.net TXT "
    "\"v=DMARC1; rua=mailto:x@victim.example\"\n"
    "blue.example.com._report._dmarc.bad.example.net TXT "
    "\"v=DMARC1; rua=mailto:a%0Ab@bad.example.net\"\n"
    "blue.example.com._report._dmarc.http.example.net TXT "
    "\"v=DMARC1; rua=https://http.example.net/,mailto:a@http.example.net\"\n"
    "blue.example.com._report._dmarc.two-tags.example.net TXT "
    "\"v=DMARC1; rua=mailto:a@two-tags.example.net; "
    "ruf=mailto:f@two-tags.example.net\"\n"
    "blue.example.com._report._dmarc.slow.example.net TIMEOUT TXT\n"
    "*._report._dmarc.wild.example TXT \"v=DMARC1\"\n";

static const struct {
	const char *name;
	const char *policy_domain;
	const char *uri;
	enum destination_status status;
	const char *address;
	bool is_ruf;
} check_rows[] = {
    {"same domain", "blue.example.com", "mailto:a@blue.example.com",
	DESTINATION_OK, "a@blue.example.com", false},
    {"same organization, below", "example.org", "mailto:a@reports.example.org",
	DESTINATION_OK, "a@reports.example.org", false},
    {"same organization, above", "sub.example.org", "mailto:a@example.org",
	DESTINATION_OK, "a@example.org", false},
    {"a public suffix's own", "suffix.example", "mailto:a@suffix.example",
	DESTINATION_OK, "a@suffix.example", false},
    {"below a public suffix", "suffix.example", "mailto:a@no.suffix.example",
	DESTINATION_UNAUTHORIZED, "a@no.suffix.example", false},
    {"consent below a public suffix", "suffix.example",
	"mailto:a@yes.suffix.example", DESTINATION_OK, "a@yes.suffix.example",
	false},
    {"above, to a public suffix", "yes.suffix.example",
	"mailto:a@suffix.example", DESTINATION_UNAUTHORIZED, "a@suffix.example",
	false},
    {"consent", "blue.example.com", "mailto:a@yes.example.net", DESTINATION_OK,
	"a@yes.example.net", false},
    {"consent with semicolon", "blue.example.com", "mailto:a@semi.example.net",
	DESTINATION_OK, "a@semi.example.net", false},
    {"consent for another", "red.example.com", "mailto:a@yes.example.net",
	DESTINATION_UNAUTHORIZED, "a@yes.example.net", false},
    {"nothing there", "blue.example.com", "mailto:a@no.example.net",
	DESTINATION_UNAUTHORIZED, "a@no.example.net", false},
    {"another record", "blue.example.com", "mailto:a@spf.example.net",
	DESTINATION_UNAUTHORIZED, "a@spf.example.net", false},
    {"v= not first", "blue.example.com", "mailto:a@late.example.net",
	DESTINATION_UNAUTHORIZED, "a@late.example.net", false},
    {"several records", "blue.example.com", "mailto:a@two.example.net",
	DESTINATION_OK, "a@two.example.net", false},
    {"wildcard", "blue.example.com", "mailto:a@wild.example", DESTINATION_OK,
	"a@wild.example", false},
    {"override", "blue.example.com", "mailto:a@over.example.net",
	DESTINATION_OK, "new@over.example.net", false},
    {"override in capitals", "blue.example.com", "mailto:a@case.example.net",
	DESTINATION_OK, "new@case.example.net", false},
    {"override elsewhere", "blue.example.com", "mailto:a@away.example.net",
	DESTINATION_UNAUTHORIZED, "a@away.example.net", false},
    {"override below", "blue.example.com", "mailto:a@below.example.net",
	DESTINATION_UNAUTHORIZED, "a@below.example.net", false},
    {"one of two overrides elsewhere", "blue.example.com",
	"mailto:a@both.example.net", DESTINATION_UNAUTHORIZED,
	"a@both.example.net", false},
    {"one of two records elsewhere", "blue.example.com",
	"mailto:a@also.example.net", DESTINATION_UNAUTHORIZED,
	"a@also.example.net", false},
    {"unusable override", "blue.example.com", "mailto:a@bad.example.net",
	DESTINATION_UNAUTHORIZED, "a@bad.example.net", false},
    {"one unusable override", "blue.example.com", "mailto:b@http.example.net",
	DESTINATION_OK, "a@http.example.net", false},
    {"override by rua", "blue.example.com", "mailto:x@two-tags.example.net",
	DESTINATION_OK, "a@two-tags.example.net", false},
    {"override by ruf", "blue.example.com", "mailto:x@two-tags.example.net",
	DESTINATION_OK, "f@two-tags.example.net", true},
    {"rua is no override of ruf", "blue.example.com",
	"mailto:x@over.example.net", DESTINATION_OK, "x@over.example.net",
	true},
    {"time-out", "blue.example.com", "mailto:a@slow.example.net",
	DESTINATION_TEMPERROR, "a@slow.example.net", false},
    {"name too long", A63 "." A63 "." A63 "." A63, "mailto:a@yes.example.net",
	DESTINATION_UNAUTHORIZED, "a@yes.example.net", false},
    {"not OK stays so", "blue.example.com", "https://yes.example.net/",
	DESTINATION_UNSUPPORTED, "", false},
};

static const struct dmarc_options treewalk = {.method = DMARC_TREEWALK};

struct run {
	struct destination asked;
	struct destination result;
	struct text policy_domain;
	struct dns_facts *facts;
	struct arena *arena;
	struct trace trace;
};

static bool
run_check(void *context)
{
	struct run *run = context;

	run->result = run->asked;
	bool final = destination_check(&run->result, run->policy_domain,
	    &treewalk, run->facts, run->arena, &run->trace);
	/* A pass that is thrown away leaves no result. */
	if (!final) {
		assert_int_equal(run->result.status, run->asked.status);
		assert_ptr_equal(
		    run->result.address.ptr, run->asked.address.ptr);
	}
	return final;
}

static struct destination
drive(struct arena *arena, const struct dns_zone *zone, size_t row,
    enum order order, unsigned seed)
{
	struct run run = {.arena = arena,
	    .policy_domain = text_from_cstr(check_rows[row].policy_domain),
	    .facts = dns_facts_new(arena),
	    .asked =
		destination_read(arena, text_from_cstr(check_rows[row].uri))};

	run.asked.is_ruf = check_rows[row].is_ruf;
	trace_init(&run.trace, arena);
	(void)order_drive(run.facts, zone, order, seed, run_check, &run);
	return run.result;
}

static bool
is_expected(size_t row, const struct destination *found)
{
	bool is_same =
	    found->status == check_rows[row].status &&
	    text_equal(found->address, text_from_cstr(check_rows[row].address));

	if (!is_same)
		print_error("%s: %s <" TEXT_FMT "> " TEXT_FMT "\n",
		    check_rows[row].name,
		    names_word(&destination_status_names, found->status),
		    TEXT_ARG(found->address), TEXT_ARG(found->reason));
	return is_same;
}

static void
test_check(void **state)
{
	struct dns_zone *zone = order_zone(text_from_cstr(zone_text));
	size_t failures = 0;

	(void)state;
	for (size_t row = 0; row < sizeof check_rows / sizeof *check_rows;
	     row++)
		for (unsigned seed = 0; seed <= SEEDS; seed++) {
			struct arena *arena = arena_new(ARENA_MAX);
			struct destination found = drive(arena, zone, row,
			    seed == 0 ? ORDER_AT_ONCE : ORDER_RANDOM, seed);
			failures += !is_expected(row, &found);
			found =
			    drive(arena, zone, row, ORDER_CLOSED_EARLY, seed);
			if (found.status != DESTINATION_TEMPERROR)
				failures += !is_expected(row, &found);
			arena_free(arena);
		}
	dns_zone_free(zone);
	assert_int_equal(failures, 0);
}

/* As many records of a consent, and as many URIs of each, are looked at. */
enum { LOOKED_AT = 10 };

/* The address that the override is, which comes behind so many RECORDS without
 * one, in its record behind so many URIS of no use; or the one that was asked. */
static bool
is_overridden(size_t records, size_t uris)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct build zone;

	build_init_arena(&zone, arena, ARENA_MAX);
	for (size_t i = 0; i <= records; i++) {
		build_format(&zone,
		    "blue.example.com._report._dmarc.yes.example.net TXT "
		    "\"v=DMARC1; a=%02zu; rua=",
		    i);
		for (size_t j = 0; i == records && j < uris; j++)
			build_cstr(&zone, "https://x/,");
		build_cstr(&zone,
		    i == records ? "mailto:new@yes.example.net\"\n" : "\"\n");
	}
	struct dns_zone *answers = order_zone(build_view(&zone));
	struct run run = {.arena = arena,
	    .policy_domain = TEXT("blue.example.com"),
	    .facts = dns_facts_new(arena),
	    .asked =
		destination_read(arena, TEXT("mailto:old@yes.example.net"))};
	trace_init(&run.trace, arena);
	(void)order_drive(
	    run.facts, answers, ORDER_AT_ONCE, 0, run_check, &run);
	bool is_new =
	    text_equal(run.result.address, TEXT("new@yes.example.net"));
	dns_zone_free(answers);
	arena_free(arena);
	return is_new;
}

static void
test_limits(void **state)
{
	(void)state;
	assert_true(is_overridden(0, LOOKED_AT - 1));
	assert_false(is_overridden(0, LOOKED_AT));
	assert_true(is_overridden(LOOKED_AT - 1, 0));
	assert_false(is_overridden(LOOKED_AT, 0));
}

/* Without memory it never is OK by mistake, whichever allocation fails. */
static void
test_no_memory(void **state)
{
	struct dns_zone *zone = order_zone(text_from_cstr(zone_text));

	(void)state;
	for (size_t n = 1;; n++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct dns_facts *facts = dns_facts_new(arena);
		struct text uri = TEXT("mailto:a@away.example.net");
		struct run run = {.arena = arena,
		    .policy_domain = TEXT("blue.example.com"),
		    .facts = facts,
		    .asked = destination_read(arena, uri)};
		trace_init(&run.trace, arena);
		arena_fail_after(arena, n);
		(void)order_drive(
		    facts, zone, ORDER_AT_ONCE, 0, run_check, &run);
		bool failed = arena_failed(arena);
		assert_int_equal(run.result.status,
		    failed ? DESTINATION_TEMPERROR : DESTINATION_UNAUTHORIZED);
		arena_free(arena);
		if (!failed)
			break;
	}
	dns_zone_free(zone);
}

/* --- the RFCs' own examples --- */

/* {"name": {"TXT": ["…"]}, "name": "SERVFAIL"} as zone text. */
static struct dns_zone *
zone_of_json(json_t *json)
{
	const char *name;
	json_t *types;
	struct build build;

	build_init(&build, 1 << 20);
	json_object_foreach(json, name, types)
	{
		const json_t *texts = json_object_get(types, "TXT");
		if (json_is_string(types))
			build_format(&build, "%s SERVFAIL TXT\n", name);
		for (size_t i = 0; i < json_array_size(texts); i++)
			build_format(&build, "%s TXT \"%s\"\n", name,
			    json_string_value(json_array_get(texts, i)));
	}
	assert_false(build_failed(&build));
	struct dns_zone *zone = order_zone(build_view(&build));
	build_free(&build);
	return zone;
}

static bool
run_example(const json_t *example)
{
	struct dns_zone *zone = zone_of_json(json_object_get(example, "zone"));
	const json_t *to =
	    json_object_get(json_object_get(example, "expect"), "deliver_to");
	struct arena *arena = arena_new(ARENA_MAX);
	struct run run = {.arena = arena,
	    .policy_domain = json_get(example, "policy_domain"),
	    .facts = dns_facts_new(arena),
	    .asked = destination_read(arena, json_get(example, "uri"))};

	trace_init(&run.trace, arena);
	(void)order_drive(run.facts, zone, ORDER_AT_ONCE, 0, run_check, &run);
	bool is_ok = run.result.status == DESTINATION_OK;
	bool passed = is_ok == (json_array_size(to) == 1);
	if (passed && is_ok)
		passed = text_equal(json_text(json_array_get(to, 0)),
		    arena_join(arena, TEXT("mailto:"), run.result.address));
	if (!passed)
		print_error("%s: %s " TEXT_FMT "\n",
		    json_string_value(json_object_get(example, "id")),
		    names_word(&destination_status_names, run.result.status),
		    TEXT_ARG(run.result.address));
	arena_free(arena);
	dns_zone_free(zone);
	return passed;
}

static void
test_examples(void **state)
{
	const json_t *examples =
	    json_object_get(vectors_examples(), "external_verification");
	size_t failures = 0;
	size_t ran = 0;

	(void)state;
	for (size_t i = 0; i < json_array_size(examples); i++) {
		const json_t *example = json_array_get(examples, i);
		/* Overrides by ruf are RFC 9991's. */
		if (json_object_get(example, "tag") != NULL)
			continue;
		failures += !run_example(example);
		ran++;
	}
	assert_int_equal(failures, 0);
	assert_true(ran > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_size),
	    cmocka_unit_test(test_length),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_examples),
	};

	return cmocka_run_group_tests_name(
	    "report destination", tests, NULL, NULL);
}
