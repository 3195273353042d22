#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spf/macro.h"

#include "exact.h"

#include <string.h>

/* RFC 7208 7.4 */
static const struct spf_macro_values values = {
    .local = {"strong-bad", 10},
    .sender = {"email.example.com", 17},
    .domain = {"email.example.com", 17},
    .validated = {"mx.example.org", 14},
    .helo = {"Mail+1.example.org", 18},
    .receiver = {"receiver.example.net", 20},
    .client = {.version = 4, .byte = {192, 0, 2, 3}},
    .now = 1401408000,
};

static struct arena *
new_arena(void)
{
	struct arena *arena = arena_new(1 << 24);

	assert_non_null(arena);
	return arena;
}

static bool
is(const char *input, struct text got, const char *expected)
{
	if (text_equal(got, text_from_cstr(expected)))
		return true;
	print_error("%s: got \"" TEXT_FMT "\", not \"%s\"\n", input,
	    TEXT_ARG(got), expected);
	return false;
}

struct row {
	const char *text;
	const char *expansion;
};

static const struct row names[] = {
    /* RFC 7208 7.4, all of it */
    {"%{s}", "strong-bad@email.example.com"},
    {"%{o}", "email.example.com"},
    {"%{d}", "email.example.com"},
    {"%{d4}", "email.example.com"},
    {"%{d3}", "email.example.com"},
    {"%{d2}", "example.com"},
    {"%{d1}", "com"},
    {"%{dr}", "com.example.email"},
    {"%{d2r}", "example.email"},
    {"%{l}", "strong-bad"},
    {"%{l-}", "strong.bad"},
    {"%{lr}", "strong-bad"},
    {"%{lr-}", "bad.strong"},
    {"%{l1r-}", "strong"},
    {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
    {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
    {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
	"bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
    {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
	"3.2.0.192.in-addr.strong.lp._spf.example.com"},
    {"%{d2}.trusted-domains.example.net",
	"example.com.trusted-domains.example.net"},
    /* ours */
    {"plain.Example.ORG", "plain.example.org"},
    {"one.dot.off.", "one.dot.off"},
    {"only.one.off..", "only.one.off."},
    {"%{d}.", "email.example.com"},
    {"%{p}", "mx.example.org"},
    {"%{P2}", "example.org"},
    {"%{h}", "mail+1.example.org"},
    {"%{H}", "mail%2b1.example.org"},
    {"%{S}", "strong-bad%40email.example.com"},
    {"%{s1r@}", "strong-bad@email"}, /* '@' is no delimiter: not valid */
    {"%{h+}", "mail.1.example.org"},
    {"%{h1+}", "1.example.org"},
    {"%{h+.}", "mail.1.example.org"},
    {"%{hr+.-/_=,}", "org.example.1.mail"},
    {"%{l99999999999999999999}", "strong-bad"},
    {"%{d127}", "email.example.com"},
    {"a%%b%_c%-d", "a%b c%20d"},
};

static void
test_names(void **state)
{
	bool ok = true;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct text text = exact(text_from_cstr(names[i].text));
		struct arena *arena = new_arena();
		if (text_has(text, '@'))
			ok &= !spf_macro_is_valid(text, SPF_MACRO_STRING);
		else
			ok &= is(names[i].text,
			    spf_macro_expand_name(arena, text, &values),
			    names[i].expansion);
		arena_free(arena);
		exact_free(text);
	}
	assert_true(ok);
}

static const struct row ip6_names[] = {
    /* RFC 7208 7.4 */
    {"%{ir}.%{v}._spf.%{d2}",
	"1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
	"ip6._spf.example.com"},
    {"%{i2}", "0.1"},
    {"%{i2r}", "0.2"},
};

static void
test_ip6_names(void **state)
{
	struct spf_macro_values ip6 = values;
	bool ok = true;

	(void)state;
	assert_true(ip_read(TEXT("2001:db8::cb01"), &ip6.client));
	for (size_t i = 0; i < sizeof ip6_names / sizeof *ip6_names; i++) {
		struct text text = exact(text_from_cstr(ip6_names[i].text));
		struct arena *arena = new_arena();
		ok &= is(ip6_names[i].text,
		    spf_macro_expand_name(arena, text, &ip6),
		    ip6_names[i].expansion);
		arena_free(arena);
		exact_free(text);
	}
	assert_true(ok);
}

/* Leading, trailing and consecutive delimiters make empty parts. */
static void
test_empty_parts(void **state)
{
	static const struct row rows[] = {
	    {"%{l-}", ".a..b."},
	    {"%{lr-}", ".b..a."},
	    {"%{l2-}", "b."},
	    {"%{l2r-}", "a."},
	};
	struct spf_macro_values odd = values;
	bool ok = true;

	(void)state;
	odd.local = TEXT("-a--b-");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = new_arena();
		/* A letter after it keeps its last dot. */
		struct text text = arena_format(arena, "%sx", rows[i].text);
		struct text got = spf_macro_expand_name(arena, text, &odd);
		ok &= is(rows[i].text, text_slice(got, 0, got.len - 1),
		    rows[i].expansion);
		arena_free(arena);
	}
	assert_true(ok);
}

static const struct row explanations[] = {
    {"", ""},
    {"Two  words.", "Two  words."},
    {"%{c} at %{t} by %{r}", "192.0.2.3 at 1401408000 by receiver.example.net"},
    {"See http://%{d}/why.html?s=%{S}&i=%{I}",
	"See http://email.example.com/why.html?"
	"s=strong-bad%40email.example.com&i=192.0.2.3"},
    {"%{d}.", "email.example.com."},
};

static void
test_explanations(void **state)
{
	bool ok = true;

	(void)state;
	for (size_t i = 0; i < sizeof explanations / sizeof *explanations;
	     i++) {
		const struct row *row = &explanations[i];
		struct text text = exact(text_from_cstr(row->text));
		struct arena *arena = new_arena();
		ok &= spf_macro_is_valid(text, SPF_MACRO_EXPLAIN);
		ok &= is(row->text,
		    spf_macro_expand_explanation(arena, text, &values),
		    row->expansion);
		arena_free(arena);
		exact_free(text);
	}
	assert_true(ok);
}

/* A sender's local part cannot break the line, and is not repeated for ever. */
static void
test_explanation_is_tame(void **state)
{
	struct arena *arena = new_arena();
	struct spf_macro_values wild = values;
	struct build repeated;

	(void)state;
	wild.local = TEXT("a\r\n550 b\xC3\xA4\0");
	assert_true(is("wild",
	    spf_macro_expand_explanation(arena, TEXT("%{l}."), &wild),
	    "a??550 b???."));
	build_init_arena(&repeated, arena, 1 << 20);
	for (int i = 0; i < 20000; i++)
		build_cstr(&repeated, "%{s}");
	struct text got =
	    spf_macro_expand_explanation(arena, build_view(&repeated), &values);
	assert_int_equal(got.len, SPF_EXPLANATION_MAX);
	assert_false(arena_failed(arena));
	arena_free(arena);
}

/* RFC 7208 7.3: labels off the left until 253 bytes are left. */
static void
test_long_names(void **state)
{
	struct arena *arena = new_arena();
	struct build text;

	(void)state;
	build_init_arena(&text, arena, 1 << 20);
	for (int i = 0; i < 500; i++)
		build_cstr(&text, i % 2 == 0 ? "%{l1}." : "1234567890.");
	build_cstr(&text, "example.com");
	/* 11 and 22 labels of 10 bytes and a dot: 11 + 22 * 11 is 253 */
	struct text name =
	    spf_macro_expand_name(arena, build_view(&text), &values);
	assert_int_equal(name.len, 253);
	assert_true(text_starts(name, TEXT("strong-bad.1234567890.")));
	build_cstr(&text, "m.");
	name = spf_macro_expand_name(arena, build_view(&text), &values);
	assert_int_equal(name.len, 243);
	assert_true(text_starts(name, TEXT("1234567890.strong-bad.")));
	text.len = 0;
	for (int i = 0; i < 23; i++)
		build_cstr(&text, i < 22 ? "1234567890." : "example.com");
	assert_int_equal(text.len, 253);
	name = spf_macro_expand_name(arena, build_view(&text), &values);
	assert_int_equal(name.len, 253);
	assert_false(arena_failed(arena));
	arena_free(arena);
}

/* RFC 7208 7.3: at least 127 parts may be asked for. */
static void
test_many_parts(void **state)
{
	struct arena *arena = new_arena();
	struct spf_macro_values wide = values;

	(void)state;
	wide.local =
	    TEXT("-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16-17-18-19-20"
		 "-21-22-23-24-25-26-27-28-29-30-31-32-33-34-35-36-37"
		 "-----------------------------------------------------"
		 "---------------------------------------------");
	assert_int_equal(
	    spf_macro_expand_name(arena, TEXT("%{l127-}x"), &wide).len, 184);
	assert_int_equal(
	    spf_macro_expand_name(arena, TEXT("%{l126-}x"), &wide).len, 182);
	arena_free(arena);
}

/* What a stranger's record expands to must not use up the message's arena:
 * one check expands ten terms, in each of its passes. */
static void
test_expansion_is_small(void **state)
{
	enum { EXPANSIONS = 200, PIECES = SPF_DOMAIN_SPEC_MAX / 4 };

	static const char *const macros[] = {"%{s}", "%{S}", "%{i}", "%{c}"};
	static char local[2000];
	struct arena *arena = arena_new(4 << 20);
	struct arena *texts = new_arena();
	struct spf_macro_values long_values = values;
	struct build text;

	(void)state;
	memset(local, 'x', sizeof local);
	long_values.local = (struct text){local, sizeof local};
	assert_true(ip_read(TEXT("2001:db8::1"), &long_values.client));
	build_init_arena(&text, texts, 1 << 20);
	for (size_t i = 0; i < PIECES; i++)
		build_cstr(&text, macros[i % 4]);
	for (int i = 0; i < EXPANSIONS; i++) {
		(void)spf_macro_expand_name(
		    arena, build_view(&text), &long_values);
		(void)spf_macro_expand_explanation(
		    arena, build_view(&text), &long_values);
	}
	assert_false(arena_failed(arena));
	assert_true(arena_used(arena) <=
		    (size_t)EXPANSIONS * (256 + SPF_EXPLANATION_MAX));
	arena_free(texts);
	arena_free(arena);
}

static void
test_long_domain_spec(void **state)
{
	static char bytes[SPF_DOMAIN_SPEC_MAX + 1];
	struct text text = {bytes, sizeof bytes};

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	bytes[5] = '.';
	assert_false(spf_macro_is_valid(text, SPF_MACRO_DOMAIN));
	assert_true(spf_macro_is_valid(text, SPF_MACRO_STRING));
	assert_true(spf_macro_is_valid(text, SPF_MACRO_EXPLAIN));
	text.len--;
	assert_true(spf_macro_is_valid(text, SPF_MACRO_DOMAIN));
}

enum { S = 1 << SPF_MACRO_STRING, D = 1 << SPF_MACRO_DOMAIN };

enum { E = 1 << SPF_MACRO_EXPLAIN };

static const struct {
	const char *text;
	int valid_as;
} syntax[] = {
    {"", S | E},
    {"foo", S | E},
    {"foo.example.com", S | D | E},
    {"foo.example.com.", S | D | E},
    {"foo.example.com..", S | E},
    {".com", S | D | E},
    {"com.", S | E},
    {"foo.xn--zckzah", S | D | E},
    {"foo.1a", S | D | E},
    {"foo.1-2", S | D | E},
    {"foo.12", S | E},
    {"foo.-com", S | E},
    {"foo.com-", S | E},
    {"foo.c_m", S | E},
    {"foo.com:8080", S | E},
    {"foo:bar/baz.com", S | D | E},
    {"two words", E},
    {"tab\there", 0},
    {"bad\x01.com", 0},
    {"b\xC3\xA4h.com", 0},
    {"del\x7F.com", 0},
    {"%{d}", S | D | E},
    {"%{D}", S | D | E},
    {"%%", S | D | E},
    {"foo%_", S | D | E},
    {"foo%-", S | D | E},
    {"%{d}com", S | E},
    {"%{d}.com", S | D | E},
    {"%{d.}com", S | E},
    {"%{d}..", S | E},
    {"%", 0},
    {"foo%", 0},
    {"%a", 0},
    {"%(d)", 0},
    {"%{", 0},
    {"%{}", 0},
    {"%{d", 0},
    {"%{x}", 0},
    {"%{dd}", 0},
    {"%{d0}", 0},
    {"%{d00}", 0},
    {"%{d01}", S | D | E},
    {"%{d1r}", S | D | E},
    {"%{d1R}", S | D | E},
    {"%{dr1}", 0},
    {"%{d-1}", 0},
    {"%{d1r.-+,/_=}", S | D | E},
    {"%{d:}", 0},
    {"%{d }", 0},
    {"%{c}", E},
    {"%{R}", E},
    {"%{t}", E},
    {"%{d99999999999999999999999999}", S | D | E},
};

static void
test_syntax(void **state)
{
	bool ok = true;

	(void)state;
	for (size_t i = 0; i < sizeof syntax / sizeof *syntax; i++) {
		struct text text = exact(text_from_cstr(syntax[i].text));
		for (int form = 0; form < 3; form++) {
			bool valid =
			    spf_macro_is_valid(text, (enum spf_macro_form)form);
			if (valid == ((syntax[i].valid_as >> form & 1) != 0))
				continue;
			print_error("%s: form %d: %s\n", syntax[i].text, form,
			    valid ? "valid" : "not valid");
			ok = false;
		}
		exact_free(text);
	}
	assert_true(ok);
}

static void
test_uses(void **state)
{
	(void)state;
	assert_true(spf_macro_uses(TEXT("a.%{P1r-}.b"), "p"));
	assert_true(spf_macro_uses(TEXT("%{d}.%{l}"), "sl"));
	assert_false(spf_macro_uses(TEXT("%{d}.%%{p}"), "p"));
	assert_false(spf_macro_uses(TEXT("p.%{d}"), "p"));
	assert_false(spf_macro_uses(TEXT(""), "p"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_ip6_names),
	    cmocka_unit_test(test_empty_parts),
	    cmocka_unit_test(test_explanations),
	    cmocka_unit_test(test_explanation_is_tame),
	    cmocka_unit_test(test_long_names),
	    cmocka_unit_test(test_many_parts),
	    cmocka_unit_test(test_expansion_is_small),
	    cmocka_unit_test(test_long_domain_spec),
	    cmocka_unit_test(test_syntax),
	    cmocka_unit_test(test_uses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
