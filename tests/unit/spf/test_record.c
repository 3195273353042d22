#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spf/record.h"

#include "exact.h"

#include <string.h>

static const char *const mechanism_names[] = {
    "all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"};

static struct text
write_term(struct arena *arena, const struct spf_term *term)
{
	char ip[IP_TEXT_MAX];

	return arena_format(arena, "%s %s /%u//%u %s " TEXT_FMT,
	    names_word(&spf_result_names, (int)term->qualifier),
	    mechanism_names[term->mechanism], term->prefix4, term->prefix6,
	    ip_cstr(&term->net, ip), TEXT_ARG(term->domain));
}

static const struct spf_record *
parse(struct arena *arena, struct text text)
{
	const struct dns_record records[] = {{.text = text}};
	const struct dns_answer answer = {
	    .status = DNS_FOUND, .count = 1, .records = records};

	return dns_answer_parsed(&answer, spf_record_parse, arena);
}

/* One term each. */
static const struct {
	const char *term;
	const char *parsed; /* NULL: an error */
} directives[] = {
    {"all", "pass all /32//128  "},
    {"+all", "pass all /32//128  "},
    {"-all", "fail all /32//128  "},
    {"~ALL", "softfail all /32//128  "},
    {"?all", "neutral all /32//128  "},
    {"--all", NULL},
    {"all:", NULL},
    {"all.", NULL},
    {"all/8", NULL},
    {"all:example.com", NULL},
    {"include:a.example", "pass include /32//128  a.example"},
    {"include:%{d2}", "pass include /32//128  %{d2}"},
    {"include", NULL},
    {"include:", NULL},
    {"include:a.example/24", NULL},
    {"include=a.example", "modifier"},
    {"a", "pass a /32//128  "},
    {"A", "pass a /32//128  "},
    {"-a", "fail a /32//128  "},
    {"a:", NULL},
    {"a/24", "pass a /24//128  "},
    {"a/0", "pass a /0//128  "},
    {"a//64", "pass a /32//64  "},
    {"a/24//64", "pass a /24//64  "},
    {"a/24/64", NULL},
    {"a/24//", NULL},
    {"a/", NULL},
    {"a//", NULL},
    {"a///64", NULL},
    {"a/33", NULL},
    {"a//129", NULL},
    {"a/024", NULL},
    {"a/-1", NULL},
    {"a/4294967328", NULL},
    {"a/24x", NULL},
    {"a:b.example/24", "pass a /24//128  b.example"},
    {"a:b.example//64", "pass a /32//64  b.example"},
    {"a:b.example/24//64", "pass a /24//64  b.example"},
    {"a:x/y.example/24", "pass a /24//128  x/y.example"},
    {"a:x/24.example", "pass a /32//128  x/24.example"},
    {"a:%{l/}/24", "pass a /24//128  %{l/}"},
    {"a:/24", NULL},
    {"a:192.0.2.1", NULL},
    {"a:museum", NULL},
    {"a:b.example:25", NULL},
    {"ab", NULL},
    {"mx", "pass mx /32//128  "},
    {"mx:b.example//0", "pass mx /32//0  b.example"},
    {"mx.example", NULL},
    {"ptr", "pass ptr /32//128  "},
    {"ptr:b.example", "pass ptr /32//128  b.example"},
    {"ptr/24", NULL},
    {"ptr:", NULL},
    {"ip4:192.0.2.0/24", "pass ip4 /24//128 192.0.2.0 "},
    {"ip4:192.0.2.0", "pass ip4 /32//128 192.0.2.0 "},
    {"ip4:192.0.2.0/0", "pass ip4 /0//128 192.0.2.0 "},
    {"ip4:192.0.2.0/33", NULL},
    {"ip4:192.0.2.0/032", NULL},
    {"ip4:192.0.2.0/", NULL},
    {"ip4:192.0.2.0//32", NULL},
    {"ip4:192.0.2", NULL},
    {"ip4:192.0.2.01", NULL},
    {"ip4:192.0.2.256", NULL},
    {"ip4:192.0.2.0:25", NULL},
    {"ip4:2001:db8::", NULL},
    {"ip4", NULL},
    {"ip4:", NULL},
    {"ip4/24", NULL},
    {"ip4=192.0.2.1", "modifier"},
    {"ip6:2001:db8::/33", "pass ip6 /32//33 2001:db8:: "},
    {"ip6:::/0", "pass ip6 /32//0 :: "},
    {"ip6:::192.0.2.1", "pass ip6 /32//128 ::192.0.2.1 "},
    {"ip6:::ffff:192.0.2.1", "pass ip6 /32//128 ::ffff:192.0.2.1 "},
    {"ip6:2001:db8::/129", NULL},
    {"ip6:2001:db8::%eth0", NULL},
    {"ip6:[2001:db8::]", NULL},
    {"ip6:192.0.2.1", NULL},
    {"ip6", NULL},
    {"exists:%{ir}.b.example", "pass exists /32//128  %{ir}.b.example"},
    {"exists", NULL},
    {"exists:b.example/24", NULL},
    {"exists:%(ir).b.example", NULL},
    {"exists:%{c}.b.example", NULL},
    {"redirect:b.example", NULL},
    {"-redirect=b.example", NULL},
    {"moo", NULL},
    {"v=spf1", "modifier"},
    {"x", NULL},
    {"x=", "modifier"},
    {"x.y_z-1=a:b/c", "modifier"},
    {"x/y=z", NULL},
    {"x:y=z", NULL},
    {"1x=y", NULL},
    {"=y", NULL},
    {"_x=y", NULL},
    {"x=%", NULL},
    {"x=%{d}", "modifier"},
    {"x=%{c}", NULL},
    {"redirect=", NULL},
    {"redirect=b", NULL},
    {"redirect=b.example", "modifier"},
    {"Redirect=%{d}", "modifier"},
    {"exp=", NULL},
    {"exp=-all", NULL},
    {"EXP=b.example", "modifier"},
    {"exp=b.example exp=b.example", NULL},
    {"redirect=b.example redirect=c.example", NULL},
    {"exp=b.example redirect=c.example", "modifier"},
    {"a\ta", NULL},
    {"a\r", NULL},
    {"a:\xEF\xBB\xBF.example.com", NULL},
    {"\x96"
     "all",
	NULL},
};

static void
test_directives(void **state)
{
	bool ok = true;

	(void)state;
	for (size_t i = 0; i < sizeof directives / sizeof *directives; i++) {
		struct arena *arena = arena_new(1 << 16);
		struct text text =
		    exact(arena_format(arena, "v=spf1 %s", directives[i].term));
		const struct spf_record *record = parse(arena, text);
		struct text got = TEXT("modifier");
		if (record->terms > 0)
			got = write_term(arena, &record->term[0]);
		if (record->error != NULL)
			got = TEXT("");
		const char *expected = directives[i].parsed;
		if (!text_equal(got,
			text_from_cstr(expected == NULL ? "" : expected))) {
			print_error("%s: got " TEXT_FMT " (%s)\n",
			    directives[i].term, TEXT_ARG(got),
			    record->error == NULL ? "" : record->error);
			ok = false;
		}
		exact_free(text);
		arena_free(arena);
	}
	assert_true(ok);
}

/* RFC 7208 4.5: what is a record, and where its terms are. */
static const struct {
	const char *text;
	size_t versions;
	size_t terms;
} records[] = {
    {"v=spf1", 1, 0},
    {"V=SPF1", 1, 0},
    {"v=spf1 ", 1, 0},
    {"v=spf1   a   mx  -all  ", 1, 3},
    {"v=spf10", 0, 0},
    {"v=spf1\ta", 0, 0},
    {" v=spf1", 0, 0},
    {"v=spf", 0, 0},
    {"", 0, 0},
    {"v=spf2.0/mfrom a", 0, 0},
    {"spf2.0/mfrom a", 0, 0},
    {"v=spf1 x=y a z=w", 1, 1},
};

static void
test_records(void **state)
{
	bool ok = true;

	(void)state;
	for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
		struct arena *arena = arena_new(1 << 16);
		struct text text = exact(text_from_cstr(records[i].text));
		const struct spf_record *record = parse(arena, text);
		if (record->versions != records[i].versions ||
		    record->terms != records[i].terms ||
		    record->error != NULL) {
			print_error("%s: %zu records, %zu terms, %s\n",
			    records[i].text, record->versions, record->terms,
			    record->error == NULL ? "" : record->error);
			ok = false;
		}
		exact_free(text);
		arena_free(arena);
	}
	assert_true(ok);
}

static void
test_nul(void **state)
{
	struct arena *arena = arena_new(1 << 16);

	(void)state;
	assert_non_null(parse(arena, TEXT("v=spf1 a:b.example\0"))->error);
	assert_int_equal(parse(arena, TEXT("v=spf1\0"))->versions, 0);
	arena_free(arena);
}

static const struct spf_record *
parse_repeated(struct arena *arena, const char *term, size_t count)
{
	struct build text;

	build_init_arena(&text, arena, 1 << 20);
	build_cstr(&text, "v=spf1");
	for (size_t i = 0; i < count; i++)
		build_cstr(&text, term);
	return parse(arena, build_view(&text));
}

static void
test_too_many_terms(void **state)
{
	struct arena *arena = arena_new(1 << 24);
	const struct spf_record *record =
	    parse_repeated(arena, " ip6:::", SPF_TERMS_MAX);

	(void)state;
	assert_null(record->error);
	assert_int_equal(record->terms, SPF_TERMS_MAX);
	record = parse_repeated(arena, " ip6:::", SPF_TERMS_MAX + 1);
	assert_non_null(record->error);
	/* Modifiers take no memory. */
	record = parse_repeated(arena, " x=y", 10000);
	assert_null(record->error);
	arena_free(arena);
}

/* Parsed once and kept with the answer, and an answer's memory suffices. */
static void
test_kept(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	struct dns_answer *answer = dns_answer_new(DNS_FOUND, 60);
	struct build text;

	(void)state;
	build_init_arena(&text, arena, 1 << 20);
	build_cstr(&text, "v=spf1");
	for (int i = 0; i < SPF_TERMS_MAX; i++)
		build_cstr(&text, " ip6:2001:db8:1111:2222::/64");
	const struct dns_record txt = {.text = build_view(&text)};
	assert_true(dns_answer_add(answer, &txt));
	size_t used = arena_used(arena);
	const struct spf_record *record =
	    dns_answer_parsed(answer, spf_record_parse, arena);
	assert_int_equal(record->terms, SPF_TERMS_MAX);
	assert_ptr_equal(
	    dns_answer_parsed(answer, spf_record_parse, arena), record);
	assert_int_equal(arena_used(arena), used);
	dns_answer_unref(answer);
	arena_free(arena);
}

static void
test_no_memory(void **state)
{
	const struct spf_record *record = NULL;

	(void)state;
	for (size_t n = 1; record == NULL; n++) {
		struct arena *arena = arena_new(1 << 16);
		arena_fail_after(arena, n);
		record = parse(arena, TEXT("v=spf1 a mx ip4:192.0.2.1 -all"));
		assert_true((record == NULL) == arena_failed(arena));
		assert_true(n < 100);
		arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_directives),
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_too_many_terms),
	    cmocka_unit_test(test_kept),
	    cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
