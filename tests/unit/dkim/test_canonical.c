#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "vectors.h"

#include "base/base64.h"
#include "base/build.h"
#include "dkim/canonical.h"

#include <string.h>

static const char mailauth[] =
    "github.com/postalsys/mailauth (MIT), tests of lib/dkim";

static void
collect(void *context, struct text piece)
{
	build_text(context, piece);
}

/* The form of TEXT given in pieces that end at FIRST and SECOND. */
static struct text
run_split(struct arena *arena, struct text text, size_t first, size_t second,
    enum dkim_canonicalization how)
{
	const size_t ends[] = {0, first, second, text.len};
	struct dkim_canonical_body body;
	struct build build;

	build_init_arena(&build, arena, 1 << 20);
	dkim_canonical_body_init(&body, how, collect, &build);
	for (size_t i = 0; i < 3; i++) {
		struct text piece =
		    exact(text_slice(text, ends[i], ends[i + 1]));
		dkim_canonical_body_feed(&body, piece);
		exact_free(piece);
	}
	dkim_canonical_body_finish(&body);
	assert_int_equal(body.bytes, build_view(&build).len);
	return build_view(&build);
}

static const struct body_row {
	const char *name;
	const char *body;
	const char *simple;
	const char *relaxed;
} body_rows[] = {
    {"RFC 6376 3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n",
	" C\r\nD E\r\n"},
    {"empty", "", "\r\n", ""},
    {"only line ends", "\r\n\r\n", "\r\n", ""},
    {"only white space", " \t\r\n", " \t\r\n", ""},
    {"white space without line end", "  ", "  \r\n", ""},
    {"no line end", "abc", "abc\r\n", "abc\r\n"},
    {"line of white space at the end", "a\r\n \r\n\t\r\n", "a\r\n \r\n\t\r\n",
	"a\r\n"},
    {"line of white space inside", "a\r\n \t\r\nb\r\n", "a\r\n \t\r\nb\r\n",
	"a\r\n\r\nb\r\n"},
    {"empty lines inside and before", "\r\n\r\na\r\n\r\n\r\nb\r\n\r\n",
	"\r\n\r\na\r\n\r\n\r\nb\r\n", "\r\n\r\na\r\n\r\n\r\nb\r\n"},
    {"white space at the begin of a line", "\t  abc\t\r\n", "\t  abc\t\r\n",
	" abc\r\n"},
    {"single SP stays", "a b c\r\n", "a b c\r\n", "a b c\r\n"},
    {"single TAB becomes SP", "a\tb\r\n", "a\tb\r\n", "a b\r\n"},
    {"CR alone is data", "a\rb\r\n", "a\rb\r\n", "a\rb\r\n"},
    {"CR alone after white space", "a \rb", "a \rb\r\n", "a \rb\r\n"},
    {"CR CR LF", "a\r\r\n", "a\r\r\n", "a\r\r\n"},
    {"CR at the very end", "a \r", "a \r\r\n", "a \r\r\n"},
    {"CR at the end, white space before", "\r", "\r\r\n", "\r\r\n"},
    {"LF alone is data", "a\nb \n\r\n", "a\nb \n\r\n", "a\nb \n\r\n"},
    {"LF CR", "a\n\r\n\n\r", "a\n\r\n\n\r\r\n", "a\n\r\n\n\r\r\n"},
    {"VT, FF and NBSP are data", "a\v\f\xA0\r\n", "a\v\f\xA0\r\n",
	"a\v\f\xA0\r\n"},
};

static unsigned
check_body(struct arena *arena, const struct body_row *row,
    enum dkim_canonicalization how)
{
	struct text body = text_from_cstr(row->body);
	struct text expected =
	    text_from_cstr(how == DKIM_SIMPLE ? row->simple : row->relaxed);
	unsigned bad = 0;

	for (size_t i = 0; i <= body.len; i++) {
		for (size_t k = i; k <= body.len; k++)
			bad += !text_equal(
			    run_split(arena, body, i, k, how), expected);
	}
	if (bad > 0)
		print_error("%s: %s: %u splits differ\n", row->name,
		    how == DKIM_SIMPLE ? "simple" : "relaxed", bad);
	return bad;
}

static void
test_body_in_all_splits(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof body_rows / sizeof *body_rows; i++) {
		struct arena *arena = arena_new(1 << 24);
		bad += check_body(arena, &body_rows[i], DKIM_SIMPLE);
		bad += check_body(arena, &body_rows[i], DKIM_RELAXED);
		arena_free(arena);
	}
	assert_int_equal(bad, 0);
}

static void
test_many_empty_lines(void **state)
{
	struct arena *arena = arena_new(1 << 24);
	struct build body;

	(void)state;
	build_init_arena(&body, arena, 1 << 20);
	for (size_t i = 0; i < 1000; i++)
		build_text(&body, TEXT("\r\n"));
	build_byte(&body, 'a');
	struct text text = build_view(&body);
	struct text form = run_split(arena, text, 999, 1001, DKIM_RELAXED);
	build_text(&body, TEXT("\r\n"));
	assert_true(text_equal(form, build_view(&body)));
	arena_free(arena);
}

static void
count(void *context, struct text piece)
{
	(void)piece;
	++*(size_t *)context;
}

/* However short the words are, and whatever the pieces, the sink is called for
 * many bytes at once, and gets each of them. */
static void
test_gathered(void **state)
{
	enum { TIMES = 3000 };

	struct arena *arena = arena_new(1 << 24);
	struct dkim_canonical_body counted;
	struct build body, form;
	size_t calls = 0;

	(void)state;
	build_init_arena(&body, arena, 1 << 20);
	build_init_arena(&form, arena, 1 << 20);
	for (size_t i = 0; i < TIMES; i++) {
		build_cstr(&body, "a\t b\t\tc");
		build_cstr(&form, "a b c");
	}
	build_cstr(&form, "\r\n");
	struct text text = build_view(&body);
	for (size_t i = 0; i < 2 * DKIM_CANONICAL_GATHERED; i += 7)
		assert_true(
		    text_equal(run_split(arena, text, i, 2 * i, DKIM_RELAXED),
			build_view(&form)));
	dkim_canonical_body_init(&counted, DKIM_RELAXED, count, &calls);
	dkim_canonical_body_feed(&counted, text);
	dkim_canonical_body_finish(&counted);
	assert_int_equal(calls, counted.bytes / DKIM_CANONICAL_GATHERED + 1);
	arena_free(arena);
}

static const struct field_row {
	const char *name;
	const char *raw;
	const char *relaxed;
} field_rows[] = {
    {"RFC 6376 3.4.5 A", "A: X", "a:X\r\n"},
    {"RFC 6376 3.4.5 B", "B : Y\t\r\n\tZ  ", "b:Y Z\r\n"},
    {"empty", "Subject:", "subject:\r\n"},
    {"only white space", "Subject: \t\r\n ", "subject:\r\n"},
    {"white space around folding", "S: a \t\r\n \t b", "s:a b\r\n"},
    {"folding before the text", "S:\r\n a", "s:a\r\n"},
    {"no folding at all", "S:a\r\nb", "s:a\r\nb\r\n"},
    {"CR alone", "S: a\r b", "s:a\r b\r\n"},
    {"LF alone", "S: a\n b", "s:a\n b\r\n"},
    {"colons", "S: a: b", "s:a: b\r\n"},
    {"bytes", "S: \xC3\xA4\xA0\v", "s:\xC3\xA4\xA0\v\r\n"},
};

static bool
field_is(struct arena *arena, struct text raw, enum dkim_canonicalization how,
    struct text expected)
{
	struct mail_header header = {0};
	struct build build;

	build_init_arena(&build, arena, 1 << 20);
	assert_true(mail_header_add_raw(&header, arena, raw));
	dkim_canonical_field(&header.fields.at[0], how, collect, &build);
	return text_equal(build_view(&build), expected);
}

static void
test_fields(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof field_rows / sizeof *field_rows; i++) {
		struct arena *arena = arena_new(1 << 20);
		struct text raw = text_from_cstr(field_rows[i].raw);
		if (!field_is(arena, raw, DKIM_RELAXED,
			text_from_cstr(field_rows[i].relaxed)) ||
		    !field_is(arena, raw, DKIM_SIMPLE,
			arena_join(arena, raw, TEXT("\r\n")))) {
			print_error("%s\n", field_rows[i].name);
			bad++;
		}
		arena_free(arena);
	}
	assert_int_equal(bad, 0);
}

/* However long: the form is written in parts. */
static void
test_long_fields(void **state)
{
	struct arena *arena = arena_new(1 << 24);
	struct text start = TEXT("S: a  ");
	struct build raw;
	struct build relaxed;

	(void)state;
	build_init_arena(&raw, arena, 1 << 16);
	build_init_arena(&relaxed, arena, 1 << 16);
	build_text(&raw, start);
	for (size_t len = 1; len < 1200; len++) {
		build_byte(&raw, (char)('a' + len % 26));
		build_cut(&relaxed, 0);
		build_text(&relaxed, TEXT("s:a "));
		build_text(&relaxed,
		    text_slice(build_view(&raw), start.len, start.len + len));
		build_text(&relaxed, TEXT("\r\n"));
		assert_true(field_is(arena, build_view(&raw), DKIM_RELAXED,
		    build_view(&relaxed)));
		assert_true(field_is(arena, build_view(&raw), DKIM_SIMPLE,
		    arena_join(arena, build_view(&raw), TEXT("\r\n"))));
	}
	arena_free(arena);
}

/* --- mailauth's recorded calls --- */

static struct text
read_base64(struct arena *arena, json_t *value)
{
	struct text bytes = TEXT("");

	if (!base64_read(arena, json_get(value, "b64"), &bytes))
		return TEXT("");
	return bytes;
}

/* mailauth takes LF for a line end; here that is the message reader's work. */
static struct text
with_crlf(struct arena *arena, struct text text)
{
	struct build build;

	build_init_arena(&build, arena, 1 << 20);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\n' && (i == 0 || text.ptr[i - 1] != '\r'))
			build_byte(&build, '\r');
		build_byte(&build, text.ptr[i]);
	}
	return build_view(&build);
}

/* 1: checked and right, 0: not for us, -1: wrong. */
static int
check_call(struct arena *arena, json_t *call, enum dkim_canonicalization how)
{
	json_t *args = json_object_get(call, "args");
	json_t *limit = json_array_get(args, 1);
	struct text result = json_get(call, "result");
	struct sha256 digest;
	struct text expected;

	if (!text_equal(
		json_text(json_array_get(args, 0)), TEXT("rsa-sha256")) ||
	    !json_is_object(json_object_get(call, "input")))
		return 0;
	struct text input = with_crlf(
	    arena, read_base64(arena, json_object_get(call, "input")));
	struct text form =
	    run_split(arena, input, input.len / 3, input.len / 2, how);
	if (json_is_integer(limit))
		form = text_slice(form, 0, (size_t)json_integer_value(limit));
	assert_true(crypto_sha256(form, &digest));
	if (!base64_read(arena, result, &expected))
		return -1;
	return text_equal(
		   expected, (struct text){(char *)digest.byte, SHA256_SIZE})
		   ? 1
		   : -1;
}

static void
check_calls(const char *name, enum dkim_canonicalization how, int expected)
{
	json_t *json = vectors_json(name, mailauth);
	size_t index;
	json_t *item;
	int checked = 0;
	int bad = 0;

	json_array_foreach(json_object_get(json, "cases"), index, item)
	{
		struct arena *arena = arena_new(1 << 24);
		int result = check_call(arena,
		    json_array_get(json_object_get(item, "calls"), 0), how);
		checked += result != 0;
		if (result < 0) {
			print_error("%s: %s\n", name,
			    json_string_value(json_object_get(item, "name")));
			bad++;
		}
		arena_free(arena);
	}
	json_decref(json);
	assert_int_equal(bad, 0);
	assert_int_equal(checked, expected);
}

static void
test_mailauth_simple(void **state)
{
	(void)state;
	check_calls(
	    "dkim/canonicalization/dkim-body-simple.json", DKIM_SIMPLE, 5);
}

static void
test_mailauth_relaxed(void **state)
{
	(void)state;
	check_calls(
	    "dkim/canonicalization/dkim-body-relaxed.json", DKIM_RELAXED, 8);
}

/* The header lines of a call, in form; the signature's own line, which
 * mailauth writes itself, is not compared. */
static bool
check_header_call(
    struct arena *arena, json_t *call, enum dkim_canonicalization how)
{
	json_t *args = json_object_get(call, "args");
	json_t *headers = json_object_get(json_array_get(args, 1), "headers");
	struct text expected =
	    read_base64(arena, json_object_get(json_object_get(call, "result"),
				   "canonicalizedHeader"));
	struct build build;
	size_t index;
	json_t *item;

	build_init_arena(&build, arena, 1 << 20);
	json_array_foreach(headers, index, item)
	{
		struct mail_header header = {0};
		struct text raw = with_crlf(
		    arena, read_base64(arena, json_object_get(item, "line")));
		if (mail_header_add_raw(&header, arena, raw))
			dkim_canonical_field(
			    &header.fields.at[0], how, collect, &build);
	}
	return text_starts(expected, build_view(&build));
}

static void
check_header_calls(
    const char *name, enum dkim_canonicalization how, size_t expected)
{
	json_t *json = vectors_json(name, mailauth);
	size_t index;
	json_t *item;
	unsigned bad = 0;

	assert_int_equal(
	    json_array_size(json_object_get(json, "cases")), expected);
	json_array_foreach(json_object_get(json, "cases"), index, item)
	{
		struct arena *arena = arena_new(1 << 24);
		if (!check_header_call(arena,
			json_array_get(json_object_get(item, "calls"), 0),
			how)) {
			print_error("%s: %s\n", name,
			    json_string_value(json_object_get(item, "name")));
			bad++;
		}
		arena_free(arena);
	}
	json_decref(json);
	assert_int_equal(bad, 0);
}

static void
test_mailauth_headers(void **state)
{
	(void)state;
	check_header_calls(
	    "dkim/canonicalization/dkim-header-simple.json", DKIM_SIMPLE, 17);
	check_header_calls(
	    "dkim/canonicalization/dkim-header-relaxed.json", DKIM_RELAXED, 23);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_body_in_all_splits),
	    cmocka_unit_test(test_many_empty_lines),
	    cmocka_unit_test(test_gathered),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_long_fields),
	    cmocka_unit_test(test_mailauth_simple),
	    cmocka_unit_test(test_mailauth_relaxed),
	    cmocka_unit_test(test_mailauth_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
