#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "query/told.h"

#include <string.h>

/* The fields with | between them; "LONG" before them: not whole. */
static const struct row {
	const char *name;
	const char *headers;
	const char *expected;
} rows[] = {
    {"Exim's Received is skipped", "Received: by us\n\tid x\nFrom: a@b\n",
	"From: a@b"},
    {"the next one is not", "Received: by us\nReceived: b\nFrom: a@b\n",
	"Received: b|From: a@b"},
    {"nor one below", "From: a@b\nReceived: b\n", "From: a@b|Received: b"},
    {"folded", "From: a\n @b\n\tc\nTo: d\n", "From: a\r\n @b\r\n\tc|To: d"},
    {"as written", "from :\ta \n", "from :\ta "},
    {"no LF at the end", "From: a", "From: a"},
    {"two authors", "From: a@b\nFrom: c@d\n", "From: a@b|From: c@d"},
    {"nothing", "", ""},
    {"no field", "From: a@b\nno field\nFrom: c@d\n", "LONG|From: a@b"},
    {"an empty line", "From: a@b\n\nFrom: c@d\n", "LONG|From: a@b"},
    {"no name", ": x\n", "LONG"},
    {"begins with a fold", " x: y\nFrom: a\n", " x: y|From: a"},
};

static void
test_header(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(QUERY_ARENA_MAX);
		struct query_request request = {
		    .headers = exact(text_from_cstr(rows[i].headers))};
		struct mail_header header;
		struct build build;
		print_message("# %s\n", rows[i].name);
		assert_true(query_read_header(arena, &request, &header));
		build_init(&build, 1000);
		if (header.is_too_long)
			build_cstr(&build, "LONG");
		for (size_t k = 0; k < header.fields.count; k++) {
			build_cstr(&build, build.len > 0 ? "|" : "");
			build_text(&build, header.fields.at[k].raw);
		}
		assert_true(text_equal(
		    build_view(&build), text_from_cstr(rows[i].expected)));
		build_free(&build);
		exact_free(request.headers);
		arena_free(arena);
	}
}

/* As Exim cuts it: LEN bytes of FIELDS fields. */
static bool
is_cut(size_t fields, size_t len)
{
	static char bytes[QUERY_HEADERS_MAX + 10];
	struct arena *arena = arena_new(QUERY_ARENA_MAX);
	struct query_request request = {.headers = {bytes, len}};
	struct mail_header header;

	memset(bytes, 'x', sizeof bytes);
	bytes[len - 1] = '\n';
	for (size_t i = 0; i < fields; i++) {
		bytes[3 * i] = 'a';
		bytes[3 * i + 1] = ':';
		if (i + 1 < fields)
			bytes[3 * i + 2] = '\n';
	}
	assert_true(query_read_header(arena, &request, &header));
	assert_int_equal(header.fields.count, fields);
	arena_free(arena);
	return header.is_too_long;
}

static void
test_cut(void **state)
{
	(void)state;
	assert_false(is_cut(1, QUERY_HEADERS_MAX - 2));
	assert_true(is_cut(1, QUERY_HEADERS_MAX - 1));
	assert_false(is_cut(100, QUERY_HEADERS_MAX - 101));
	assert_true(is_cut(100, QUERY_HEADERS_MAX - 100));
}

#define SIGNATURE(d, s)                                                        \
 "DKIM-Signature: v=1; a=rsa-sha256; d=" d "; s=" s                            \
 "; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\n"
#define ONE SIGNATURE("a.example", "s1")

static const struct told_row {
	const char *name;
	const char *headers;
	struct query_dkim dkim[2];
	const char *result; /* of the first signature; NULL: there is none */
} told_rows[] = {

#define D(status, d, s, a, limited)                                            \
 {                                                                             \
  QUERY_DKIM_##status, {(d), sizeof(d) - 1}, {(s), sizeof(s) - 1},             \
      {(a), sizeof(a) - 1}, (limited)                                          \
 }
#define RSA "rsa-sha256"
    {"pass", ONE, {D(PASS, "a.example", "s1", RSA, false)}, "pass"},
    {"part of the body", ONE, {D(PASS, "a.example", "s1", RSA, true)},
	"policy"},
    {"fail", ONE, {D(FAIL, "a.example", "s1", RSA, false)}, "fail"},
    {"invalid", ONE, {D(INVALID, "a.example", "s1", RSA, false)}, "permerror"},
    {"none", ONE, {D(NONE, "a.example", "s1", RSA, false)}, "none"},
    {"not told", ONE, {D(NONE, "", "", "", false)}, "neutral"},
    {"no signature", "From: a@a.example\n",
	{D(PASS, "a.example", "s1", RSA, false)}, NULL},
    {"another domain", ONE, {D(PASS, "b.example", "s1", RSA, false)},
	"neutral"},
    {"a domain below", ONE, {D(PASS, "x.a.example", "s1", RSA, false)},
	"neutral"},
    {"another selector", ONE, {D(PASS, "a.example", "s2", RSA, false)},
	"neutral"},
    {"no selector", ONE, {D(PASS, "a.example", "", RSA, false)}, "neutral"},
    {"another algorithm", ONE, {D(PASS, "a.example", "s1", "rsa-sha1", false)},
	"neutral"},
    {"disagreement", ONE,
	{D(PASS, "a.example", "s1", RSA, false),
	    D(FAIL, "a.example", "s1", RSA, false)},
	"fail"},
    {"malformed signature", "DKIM-Signature: v=1; d=a.example; s=s1\n",
	{D(PASS, "a.example", "s1", RSA, false)}, "permerror"},
    {"words in a domain", ONE,
	{D(PASS, "x header.d=a.example", "s1", RSA, false)}, "neutral"},
};

static void
test_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof told_rows / sizeof *told_rows; i++) {
		const struct told_row *row = &told_rows[i];
		struct arena *arena = arena_new(QUERY_ARENA_MAX);
		struct query_request request = {
		    .headers = text_from_cstr(row->headers)};
		struct mail_header header;
		print_message("# %s\n", row->name);
		for (size_t k = 0; k < 2; k++) {
			if (row->dkim[k].domain.len == 0)
				break;
			struct query_dkim *dkim =
			    vec_push(arena, &request.dkim);
			assert_non_null(dkim);
			*dkim = row->dkim[k];
		}
		assert_true(query_read_header(arena, &request, &header));
		struct upstream told = query_told_dkim(arena, &request);
		struct dkim_results results =
		    upstream_dkim(arena, &told, &header, NULL);
		assert_int_equal(results.count, row->result != NULL);
		if (row->result != NULL)
			assert_string_equal(names_word(&dkim_result_names,
						(int)results.at[0].result),
			    row->result);
		arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_header),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
