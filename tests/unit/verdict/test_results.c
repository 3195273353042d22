#include "verdict/results.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/authres.h"

#include <string.h>

enum { SIGNATURES = 3000, LONG = 500 };

static struct dkim_verdict signatures[SIGNATURES];
static char long_bytes[LONG];

static bool
has(struct text text, const char *part)
{
	return text_find_part(text, text_from_cstr(part)) < text.len;
}

static bool
ends_whole(struct text field)
{
	return text_ends_nocase(
	    field, TEXT("\tdmarc=fail header.from=a.example"));
}

/* COUNT junk signatures and, last, one that passed. */
static struct text
write_flood(struct arena *arena, size_t count, struct text domain)
{
	struct verdict verdict = {
	    .author = {.status = AUTHOR_OK, .domain = TEXT("a.example")},
	    .dkim = {count, signatures},
	    .dmarc = {.result = DMARC_FAIL},
	};

	for (size_t i = 0; i < count; i++)
		signatures[i] = (struct dkim_verdict){
		    .result = DKIM_PERMERROR,
		    .domain = domain,
		    .selector = domain,
		    .identity = domain,
		    .algorithm = domain,
		    .b = TEXT("12345678"),
		};
	signatures[count - 1].result = DKIM_PASS;
	signatures[count - 1].domain = TEXT("passed.example");
	return results_write(&verdict, TEXT("mx.test"), TEXT(""), arena);
}

/* Neither the signature that passed nor the verdict is pushed out. */
static void
test_flood(void **state)
{
	struct arena *arena = arena_new((size_t)1 << 22);
	struct text field =
	    write_flood(arena, SIGNATURES, TEXT("junk.example"));

	(void)state;
	assert_true(field.len < 8192);
	assert_true(has(field, "dkim=pass header.d=passed.example"));
	assert_true(ends_whole(field));
	arena_free(arena);
}

/* Over the limit all the same: the verdict alone, and whole. */
static void
test_over_limit(void **state)
{
	struct arena *arena = arena_new((size_t)1 << 24);

	(void)state;
	memset(long_bytes, 'x', sizeof long_bytes);
	for (size_t i = 0; i < SIGNATURES; i++)
		signatures[i].result = DKIM_PASS;
	struct verdict verdict = {
	    .author = {.status = AUTHOR_OK, .domain = TEXT("a.example")},
	    .dkim = {SIGNATURES, signatures},
	    .dmarc = {.result = DMARC_FAIL},
	};
	for (size_t i = 0; i < SIGNATURES; i++)
		signatures[i].domain = (struct text){long_bytes, LONG};
	struct text field =
	    results_write(&verdict, TEXT("mx.test"), TEXT(""), arena);
	assert_true(field.len > 0 && field.len < 200);
	assert_true(ends_whole(field));
	arena_free(arena);
}

/* --- what strangers chose, everywhere at once --- */

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

static const struct text hostile[] = {
    T("a\"; dmarc=pass header.from=bank.example; x=\"y"),
    T("a; spf=pass smtp.mailfrom=bank.example"),
    T("a@bank.example(.evil.example"),
    T("a) (b"),
    T("a(((("),
    T("a\\"),
    T("\\\"; dkim=pass header.d=bank.example (\\\""),
    T("a\r\nAuthentication-Results: mx.test; dmarc=pass"),
    T("a\n\tdkim=pass"),
    T("a\0; dmarc=pass"),
    T("=?utf-8?q?=22=3B_dmarc=3Dpass?="),
    T("a=20b%22%3B"),
    T("b\xC3\xBC"
      "cher.example"),
    T("\xFF\x80;"),
    T(" a b "),
    T("\"a b\"@example.com"),
    T("a@b@c"),
    T("reason=x"),
    T("header.d=bank.example"),
    T("none"),
    T("@"),
    T("\""),
};

static bool
is_harmless_form(struct text read, struct text given)
{
	if (read.len != given.len)
		return false;
	for (size_t i = 0; i < read.len; i++)
		if (read.ptr[i] != to_harmless(given.ptr[i]))
			return false;
	return true;
}

/* METHOD=RESULT, and PROPERTIES ("header.d header.i") of the same value. */
static bool
is_result(const struct authres_result *one, const char *words,
    const char *properties, struct text value)
{
	struct text result = text_from_cstr(words);
	struct text method = text_split(&result, '=');
	struct text rest = text_from_cstr(properties);
	size_t count = 0;

	for (; rest.len > 0; count++) {
		struct text name = text_split(&rest, ' ');
		struct text type = text_split(&name, '.');
		if (count >= one->properties.count ||
		    !text_equal(one->properties.at[count].type, type) ||
		    !text_equal(one->properties.at[count].name, name) ||
		    !is_harmless_form(one->properties.at[count].value, value))
			return false;
	}
	return count == one->properties.count &&
	       text_equal(one->method, method) &&
	       text_equal(one->result, result);
}

/* Whatever stands in d=, s=, i=, a=, b=, MAIL FROM, HELO and From: it is read
 * again as it was given, and nothing else is there. */
static void
test_hostile(void **state)
{
	static const char *const words[] = {
	    "spf=fail", "spf=softfail", "dkim=fail", "dmarc=fail"};
	static const char *const properties[] = {"smtp.mailfrom", "smtp.helo",
	    "header.d header.i header.s header.a header.b", "header.from"};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		struct text value = hostile[i];
		struct arena *arena = arena_new((size_t)1 << 20);
		struct authres_field field = {.version = 0};
		const struct dkim_verdict signature = {
		    .result = DKIM_FAIL,
		    .domain = value,
		    .selector = value,
		    .identity = value,
		    .algorithm = value,
		    .b = value,
		    .reason = value,
		};
		const struct verdict verdict = {
		    .author = {.status = AUTHOR_OK, .domain = value},
		    .mail_from_domain = value,
		    .spf = {.result = SPF_FAIL, .domain = value},
		    .helo = {.result = SPF_SOFTFAIL, .domain = value},
		    .dkim = {1, &signature},
		    .dmarc = {.result = DMARC_FAIL},
		};
		struct text written =
		    results_write(&verdict, TEXT("mx.test"), value, arena);
		bool is_same =
		    authres_read(arena, written, &field) &&
		    field.results.count == 4 &&
		    is_harmless_form(field.results.at[2].reason, value);
		for (size_t k = 0; k < 4 && is_same; k++)
			is_same = is_result(&field.results.at[k], words[k],
			    properties[k], value);
		if (!is_same || !text_starts(field.id, TEXT("mx.test"))) {
			print_error(
			    "%zu: " TEXT_FMT "\n", i, TEXT_ARG(written));
			wrong++;
		}
		arena_free(arena);
	}
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_flood),
	    cmocka_unit_test(test_over_limit),
	    cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
