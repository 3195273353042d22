#include "verdict/results.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_flood),
	    cmocka_unit_test(test_over_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
