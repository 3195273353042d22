/* The examples of RFC 6376 (vectors/dmarc/rfc-examples.json): canonical forms
 * (3.4.5) and which fields h= takes (5.4.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "dkim/canonical.h"
#include "dkim/signed.h"
#include "vectors.h"

#include "base/base64.h"

static unsigned compared;

static unsigned
expect(const json_t *example, const char *key, struct text got)
{
	const json_t *wanted =
	    json_object_get(json_object_get(example, "expect"), key);

	if (wanted == NULL)
		return 0;
	compared++;
	if (text_equal(json_text(wanted), got))
		return 0;
	print_error("%s: %s is '" TEXT_FMT "'\n",
	    json_string_value(json_object_get(example, "id")), key,
	    TEXT_ARG(got));
	return 1;
}

static void
collect(void *context, struct text piece)
{
	build_text(context, piece);
}

static struct text
canonical_body(
    struct arena *arena, struct text text, enum dkim_canonicalization how)
{
	struct dkim_canonical_body body;
	struct build build;

	build_init_arena(&build, arena, 65536);
	dkim_canonical_body_init(&body, how, collect, &build);
	dkim_canonical_body_feed(&body, text);
	dkim_canonical_body_finish(&body);
	return build_view(&build);
}

static struct text
canonical_header(struct arena *arena, const struct mail_header *header,
    enum dkim_canonicalization how)
{
	struct build build;

	build_init_arena(&build, arena, 65536);
	for (size_t i = 0; i < header->fields.count; i++)
		dkim_canonical_field(
		    &header->fields.at[i], how, collect, &build);
	return build_view(&build);
}

static struct text
hash(struct arena *arena, struct text text)
{
	struct sha256 digest;
	struct build build;

	assert_true(crypto_sha256(text, &digest));
	build_init_arena(&build, arena, 1000);
	base64_write(
	    &build, (struct text){(const char *)digest.byte, SHA256_SIZE}, 0);
	return build_view(&build);
}

/* "input" is a message, "body" a body alone. */
static void
read_example(struct arena *arena, const json_t *example,
    struct mail_header *header, struct text *ret_body)
{
	struct text rest = json_get(example, "input");
	size_t end = text_find_part(rest, TEXT("\r\n\r\n"));
	struct text fields = text_slice(rest, 0, end);

	*ret_body = text_slice(rest, end + 4, rest.len);
	if (json_object_get(example, "body") != NULL)
		*ret_body = json_get(example, "body");
	while (fields.len > 0) {
		size_t at = text_find_part(fields, TEXT("\r\n"));
		while (at + 2 < fields.len && is_wsp(fields.ptr[at + 2]))
			at += 2 + text_find_part(
				      text_slice(fields, at + 2, fields.len),
				      TEXT("\r\n"));
		assert_true(mail_header_add_raw(
		    header, arena, text_slice(fields, 0, at)));
		fields = text_slice(fields, at + 2, fields.len);
	}
}

static unsigned
run_canonical_forms(const json_t *example)
{
	bool is_simple = json_object_get(json_object_get(example, "expect"),
			     "body_simple") != NULL;
	struct arena *arena = arena_new(1 << 20);
	struct mail_header header = {.bytes = 0};
	struct text body;
	unsigned failures = 0;

	read_example(arena, example, &header, &body);
	struct text relaxed = canonical_body(arena, body, DKIM_RELAXED);
	struct text simple = canonical_body(arena, body, DKIM_SIMPLE);
	failures += expect(example, "body_relaxed", relaxed);
	failures += expect(example, "body_simple", simple);
	failures += expect(
	    example, "sha256", hash(arena, is_simple ? simple : relaxed));
	failures += expect(example, "header_relaxed",
	    canonical_header(arena, &header, DKIM_RELAXED));
	failures += expect(example, "header_simple",
	    canonical_header(arena, &header, DKIM_SIMPLE));
	arena_free(arena);
	return failures;
}

static void
test_canonical_forms(void **state)
{
	(void)state;
	vectors_run_examples("dkim_canonicalization", run_canonical_forms);
	assert_true(compared > 10);
}

static struct text
text_at(const json_t *pair, size_t index)
{
	return json_text(json_array_get(pair, index));
}

static unsigned
run_signed_fields(const json_t *example)
{
	const json_t *expected = json_object_get(example, "expect");
	struct arena *arena = arena_new(65536);
	struct mail_header header = {.bytes = 0};
	struct dkim_signature signature = {
	    .signed_names = json_get(example, "h")};
	struct dkim_signed fields;
	unsigned wrong = 0;
	size_t found = 0;
	json_t *pair;
	size_t i;

	json_array_foreach(json_object_get(example, "headers"), i, pair)
	    assert_true(mail_header_add_raw(&header, arena,
		arena_format(arena, TEXT_FMT ": " TEXT_FMT,
		    TEXT_ARG(text_at(pair, 0)), TEXT_ARG(text_at(pair, 1)))));
	dkim_signed_find(&header, &signature, &fields);
	for (i = 0; i < fields.count; i++) {
		const struct mail_field *field = fields.field[i];
		if (field == NULL)
			continue;
		pair = json_array_get(expected, found++);
		wrong += !text_equal(field->name, text_at(pair, 0)) ||
			 !text_equal(text_trim(field->value), text_at(pair, 1));
	}
	arena_free(arena);
	return wrong + (found != json_array_size(expected));
}

static void
test_signed_fields(void **state)
{
	(void)state;
	vectors_run_examples("dkim_header_selection", run_signed_fields);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_canonical_forms),
	    cmocka_unit_test(test_signed_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
