#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/build.h"
#include "exact.h"
#include "mail/authres.h"
#include "vectors.h"

#include <string.h>

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

struct value_row {
	const char *name;
	struct text value;
	struct text written;
};

static const struct value_row value_rows[] = {
    {"domain", T("example.com"), T("example.com")},
    {"address", T("a+b=c@example.com"), T("\"a+b=c@example.com\"")},
    {"plain address", T("a+b-c@example.com"), T("a+b-c@example.com")},
    {"two @", T("a@b@c"), T("\"a@b@c\"")},
    {"@ first", T("@example.com"), T("\"@example.com\"")},
    {"@ last", T("a@"), T("\"a@\"")},
    {"IPv6", T("2001:db8::1"), T("\"2001:db8::1\"")},
    {"base64", T("ab/+=="), T("\"ab/+==\"")},
    {"empty", T(""), T("\"\"")},
    {"space", T("a b"), T("\"a b\"")},
    {"quote", T("\"; dmarc=pass"), T("\"\\\"; dmarc=pass\"")},
    {"backslash", T("a\\"), T("\"a\\\\\"")},
    {"backslash and quote", T("\\\""), T("\"\\\\\\\"\"")},
    {"comment", T("legit.com(.evil.com"), T("\"legit.com(.evil.com\"")},
    {"semicolon", T("a;b"), T("\"a;b\"")},
    {"line end", T("a\r\nFrom: b"), T("\"a??From: b\"")},
    {"tab", T("a\tb"), T("\"a?b\"")},
    {"NUL", T("legit.com\0.evil"), T("\"legit.com?.evil\"")},
    {"DEL", T("a\x7F"), T("\"a?\"")},
    {"8-bit", T("b\xC3\xBC"), T("\"b??\"")},
};

static void
test_values(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof value_rows / sizeof *value_rows; i++) {
		const struct value_row *row = &value_rows[i];
		struct text value = exact(row->value);
		struct build build;
		build_init(&build, 1000);
		authres_write_value(&build, value);
		if (!text_equal(build_view(&build), row->written)) {
			print_error("%s: " TEXT_FMT "\n", row->name,
			    TEXT_ARG(build_view(&build)));
			wrong++;
		}
		build_free(&build);
		exact_free(value);
	}
	assert_int_equal(wrong, 0);
}

static void
test_write(void **state)
{
	struct authres authres;
	struct build build;

	(void)state;
	build_init(&build, 10000);
	authres_begin(&authres, &build, TEXT("mx.example.org"), TEXT("4ABC"));
	authres_method(&authres, "dkim", "fail", TEXT("bad \"signature\""));
	authres_property(&authres, "header", "d", TEXT("example.com"));
	authres_property(&authres, "header", "s", TEXT(""));
	authres_property(&authres, "header", "b", TEXT("a/b"));
	authres_method(&authres, "dmarc", "pass", TEXT(""));
	authres_property(&authres, "header", "from", TEXT("example.com"));
	authres_end(&authres);
	assert_true(text_equal(build_view(&build),
	    TEXT("mx.example.org/4ABC;\r\n"
		 "\tdkim=fail reason=\"bad \\\"signature\\\"\""
		 " header.d=example.com header.b=\"a/b\";\r\n"
		 "\tdmarc=pass header.from=example.com")));
	build_free(&build);
}

static void
test_write_none(void **state)
{
	struct authres authres;
	struct build build;

	(void)state;
	build_init(&build, 10000);
	authres_begin(&authres, &build, TEXT("a b"), TEXT("1"));
	authres_end(&authres);
	build_byte(&build, '\n');
	authres_begin(&authres, &build, TEXT("a"), TEXT("1;2"));
	authres_end(&authres);
	assert_true(
	    text_equal(build_view(&build), TEXT("\"a b\"; none\na; none")));
	build_free(&build);
}

static void
test_long_values(void **state)
{
	static char bytes[AUTHRES_VALUE_MAX + 1] = "";
	struct authres authres;
	struct build build;

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = 'x';
	struct text too_long = {bytes, sizeof bytes};
	struct text fits = {bytes, sizeof bytes - 1};
	build_init(&build, 10000);
	authres_begin(&authres, &build, TEXT("a"), TEXT(""));
	authres_method(&authres, "m", "r", too_long);
	assert_int_equal(build.len,
	    sizeof "a;\r\n\tm=r reason=\"\"" - 1 + AUTHRES_VALUE_MAX);
	size_t len = build.len;
	authres_property(&authres, "p", "n", too_long);
	assert_int_equal(build.len, len);
	authres_property(&authres, "p", "n", fits);
	assert_int_equal(
	    build.len, len + sizeof "\r\n\tp.n=" - 1 + AUTHRES_VALUE_MAX);
	build_free(&build);
}

static size_t
longest_line(struct text field)
{
	size_t longest = 0;

	while (field.len > 0) {
		struct text line = text_split(&field, '\n');
		if (line.len > longest)
			longest = line.len;
	}
	return longest; /* with a CR */
}

/* RFC 5322 2.1.1: whatever a stranger wrote, no line is longer than 998. */
static void
test_long_lines(void **state)
{
	static const char fillings[] = {'x', '"', '\\', ' '};
	static char bytes[AUTHRES_VALUE_MAX];
	unsigned wrong = 0;

	(void)state;
	for (size_t len = 1; len <= sizeof bytes; len++) {
		struct authres authres;
		struct build build;
		struct text value = {bytes, len};
		memset(bytes, fillings[len % sizeof fillings], sizeof bytes);
		build_init(&build, 100000);
		build_cstr(&build, "Authentication-Results: ");
		authres_begin(&authres, &build, TEXT("mx.example"), value);
		authres_method(&authres, "dkim", "permerror", value);
		for (int i = 0; i < 4; i++)
			authres_property(&authres, "header", "i", value);
		if (longest_line(build_view(&build)) > 999) {
			print_error("%zu: " TEXT_FMT "\n", len,
			    TEXT_ARG(build_view(&build)));
			wrong++;
		}
		build_free(&build);
	}
	assert_int_equal(wrong, 0);
}

/* A property moves to the next line, and what is too long is left out. */
static void
test_folded_properties(void **state)
{
	static char bytes[AUTHRES_VALUE_MAX];
	struct authres authres;
	struct build build;

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	build_init(&build, 10000);
	authres_begin(&authres, &build, TEXT("a"), TEXT(""));
	authres_method(&authres, "m", "r", (struct text){bytes, 400});
	authres_property(&authres, "p", "n", (struct text){bytes, 400});
	authres_property(&authres, "p", "n", (struct text){bytes, 100});
	authres_property(&authres, "p", "n", TEXT("z"));
	assert_true(text_ends_nocase(
	    text_slice(build_view(&build), 0, build.len - 100 - 6),
	    TEXT("x\r\n\tp.n=")));
	assert_true(text_ends_nocase(build_view(&build), TEXT("x p.n=z")));
	size_t len = build.len;
	memset(bytes, '"', sizeof bytes);
	authres_property(&authres, "p", "n", (struct text){bytes, 257});
	assert_int_equal(build.len, len);
	authres_property(&authres, "p", "n", (struct text){bytes, 256});
	assert_int_equal(build.len, len + sizeof " p.n=\"\"" - 1 + 512);
	build_free(&build);
}

struct id_row {
	const char *name;
	struct text value;
	const char *id; /* NULL: cannot be read */
};

static const struct id_row id_rows[] = {
    {"usual", T(" mx.example.org; none"), "mx.example.org"},
    {"no results", T("mx.example.org"), "mx.example.org"},
    {"no space", T("mx.example.org;none"), "mx.example.org"},
    {"version", T("mx.example.org 1; none"), "mx.example.org"},
    {"comments", T("(a(b)) mx.example.org (c) 1 (d); none"), "mx.example.org"},
    {"folded", T("\r\n\tmx.example.org\r\n\t; none"), "mx.example.org"},
    {"quoted", T("\"mx.example.org\"; none"), "mx.example.org"},
    {"quoted with escapes", T("\"m\\x (a;\\\"b\" 1; none"), "mx (a;\"b"},
    {"quoted line ends", T("\"m\r\n x\\\r\\\n\"; none"), "m x"},
    {"with a job", T("mx.example.org/4ABC; none"), "mx.example.org/4ABC"},
    {"UTF-8", T("b\xC3\xBC.example; none"), "b\xC3\xBC.example"},
    {"nothing", T(""), NULL},
    {"blank", T(" "), NULL},
    {"results only", T("; none"), NULL},
    {"no id", T("spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a"), NULL},
    {"no semicolon", T("mx.example.org dmarc=pass"), NULL},
    {"two ids", T("mx.example.org mx; none"), NULL},
    {"version that is none", T("mx.example.org 1a; none"), NULL},
    {"open comment", T("(mx.example.org; none"), NULL},
    {"open quotes", T("\"mx.example.org; none"), NULL},
    {"NUL", T("mx.example.org\0; none"), NULL},
    {"comment only", T("(mx.example.org)"), NULL},
};

static bool
check_id(const char *name, struct text value, const char *id)
{
	struct arena *arena = arena_new(1 << 16);
	struct text input = exact(value);
	struct text found = TEXT("");
	bool is_read = authres_read_id(arena, input, &found);
	bool is_right = is_read == (id != NULL) &&
			(id == NULL || text_equal(found, text_from_cstr(id)));

	if (!is_right)
		print_error("%s: %d \"" TEXT_FMT "\"\n", name, is_read,
		    TEXT_ARG(found));
	exact_free(input);
	arena_free(arena);
	return is_right;
}

static void
test_ids(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof id_rows / sizeof *id_rows; i++)
		wrong +=
		    !check_id(id_rows[i].name, id_rows[i].value, id_rows[i].id);
	assert_int_equal(wrong, 0);
}

struct claim_row {
	struct text value;
	bool is_claim;
	const char *our_id; /* NULL: mx.example.org */
};

static const struct claim_row claim_rows[] = {
    {T("mx.example.org; none"), true, NULL},
    {T("MX.Example.ORG; none"), true, NULL},
    {T("(x) \"mx.example.org\" (y) 2; none"), true, NULL},
    {T("\" mx.example.org \"; none"), true, NULL},
    {T("mx.example.org.; none"), true, NULL},
    {T("mx.example.org/4ABC; none"), true, NULL},
    {T("mx.example.org./4ABC; none"), true, NULL},
    {T("\"mx.example.org/4;A\"; none"), true, NULL},
    {T("mx.example.org dmarc=pass"), true, NULL}, /* cannot be read */
    {T(""), true, NULL},
    {T("mx.example.org.net; none"), false, NULL},
    {T("amx.example.org; none"), false, NULL},
    {T("example.org; none"), false, NULL},
    {T("mx.example.org-x; none"), false, NULL},
    {T("x/mx.example.org; none"), false, NULL},
    {T("other; none (mx.example.org; none)"), false, NULL},
    {T("other 1; none"), false, NULL},
    {T("other (x) 01 (y); none"), false, NULL},
    {T("other 2; none"), true, NULL}, /* a version that nobody knows */
    {T("other 11111111111111111111111; none"), true, NULL},
    {T("mx.example.org..; none"), true, NULL},
    {T("mx.example.org/; none"), true, NULL},
    {T("mx.example.org; none"), true, "mx.example.org."},
    {T("mx.example.org.; none"), true, "mx.example.org."},
    {T("mx.example.org/4ABC; none"), true, "mx.example.org."},
    {T("mx.example.org.net; none"), false, "mx.example.org."},
    {T("mx.example.org/a; none"), true, "MX.example.org/A"},
    {T("\"mx.example.org/a\"; none"), true, "mx.example.org/a"},
    {T("mx.example.org./a/4ABC; none"), true, "mx.example.org/a"},
    {T("mx.example.org/a; none"), true, "mx.example.org./a."},
    {T("mx.example.org/ab; none"), false, "mx.example.org/a"},
    {T("mx.example.org; none"), false, "mx.example.org/a"},
};

static void
test_claims(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof claim_rows / sizeof *claim_rows; i++) {
		const struct claim_row *row = &claim_rows[i];
		struct arena *arena = arena_new(1 << 16);
		struct text value = exact(row->value);
		const char *our_id =
		    row->our_id == NULL ? "mx.example.org" : row->our_id;
		if (authres_claims(arena, value, text_from_cstr(our_id)) !=
		    row->is_claim) {
			print_error("%s: not %d: " TEXT_FMT "\n", our_id,
			    row->is_claim, TEXT_ARG(row->value));
			wrong++;
		}
		exact_free(value);
		arena_free(arena);
	}
	assert_int_equal(wrong, 0);
}

static struct text
harmless(struct arena *arena, struct text value)
{
	struct build build;

	build_init_arena(&build, arena, 1000);
	for (size_t i = 0; i < value.len; i++)
		build_byte(&build, to_harmless(value.ptr[i]));
	return build_view(&build);
}

/* "id; m=r reason=R p.n=V p.n=V; m=r" of one hostile value. */
static struct text
write_everywhere(struct arena *arena, struct text value)
{
	struct authres authres;
	struct build build;

	build_init_arena(&build, arena, 10000);
	authres_begin(&authres, &build, value, TEXT(""));
	authres_method(&authres, "dkim", "fail", value);
	authres_property(&authres, "header", "d", value);
	authres_property(&authres, "header", "i", value);
	authres_method(&authres, "dmarc", "fail", TEXT(""));
	authres_end(&authres);
	return build_view(&build);
}

static bool
is_same(const struct authres_field *field, struct text value)
{
	const struct authres_result *first = &field->results.at[0];
	size_t properties = value.len > 0 ? 2 : 0;

	if (field->results.count != 2 ||
	    first->properties.count != properties ||
	    !text_equal(field->id, value) ||
	    !text_equal(first->method, TEXT("dkim")) ||
	    !text_equal(first->result, TEXT("fail")) ||
	    !text_equal(first->reason, value) ||
	    !text_equal(field->results.at[1].method, TEXT("dmarc")) ||
	    field->results.at[1].properties.count != 0)
		return false;
	for (size_t i = 0; i < properties; i++)
		if (!text_equal(first->properties.at[i].value, value))
			return false;
	return true;
}

/* What is written is read, and nothing more: no value adds a method, a result
 * or a property. */
static void
test_round_trip(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof value_rows / sizeof *value_rows; i++) {
		struct arena *arena = arena_new(1 << 16);
		struct text value = value_rows[i].value;
		struct text written = write_everywhere(arena, value);
		struct authres_field field;
		if (!authres_read(arena, written, &field) ||
		    !is_same(&field, harmless(arena, value))) {
			print_error("%s: " TEXT_FMT "\n", value_rows[i].name,
			    TEXT_ARG(written));
			wrong++;
		}
		arena_free(arena);
	}
	assert_int_equal(wrong, 0);
}

/* Our id, or any that is expected. */
static unsigned
run_example(const json_t *example)
{
	struct arena *arena = arena_new(1 << 16);
	struct text value = json_get(example, "input");
	struct text our_id = json_get(example, "our_id");
	json_t *expected = json_object_get(example, "expect");
	const char *id =
	    json_string_value(json_object_get(expected, "authserv_id"));
	bool is_to_go = text_equal(json_text(expected), TEXT("remove"));
	unsigned wrong = 0;

	if (id != NULL)
		wrong += !check_id("its id", value, id);
	if (our_id.len > 0)
		wrong += authres_claims(arena, value, our_id) != is_to_go;
	arena_free(arena);
	return wrong;
}

static void
test_examples(void **state)
{
	(void)state;
	vectors_run_examples("authentication_results", run_example);
	vectors_run_examples("ar_forgery", run_example);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_write),
	    cmocka_unit_test(test_write_none),
	    cmocka_unit_test(test_long_values),
	    cmocka_unit_test(test_long_lines),
	    cmocka_unit_test(test_folded_properties),
	    cmocka_unit_test(test_ids),
	    cmocka_unit_test(test_claims),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
