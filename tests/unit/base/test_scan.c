#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scan.h"
#include "exact.h"

static void
assert_text(struct text text, struct text expected)
{
	assert_true(text_equal(text, expected));
}

static void
test_bytes(void **state)
{
	struct text text = exact(TEXT("a\xFF\0"));
	struct scan scan = scan_text(text);

	(void)state;
	assert_false(scan_at_end(&scan));
	assert_int_equal(scan_peek(&scan), 'a');
	assert_int_equal(scan_peek_at(&scan, 1), 0xFF);
	assert_int_equal(scan_peek_at(&scan, 2), 0);
	assert_int_equal(scan_peek_at(&scan, 3), -1);
	assert_int_equal(scan_peek_at(&scan, SIZE_MAX), -1);
	assert_false(scan_byte(&scan, 'b'));
	assert_true(scan_byte(&scan, 'a'));
	assert_true(scan_byte(&scan, '\xFF'));
	assert_int_equal(scan_any(&scan), 0);
	assert_true(scan_at_end(&scan));
	assert_int_equal(scan_any(&scan), -1);
	assert_int_equal(scan_peek(&scan), -1);
	assert_int_equal(scan_peek_at(&scan, 1), -1);
	assert_false(scan_byte(&scan, '\xFF')); /* -1 is no byte */
	assert_int_equal(scan.at, 3);
	exact_free(text);
}

static void
test_words(void **state)
{
	struct text text = exact(TEXT("MailTo:x"));
	struct scan scan = scan_text(text);

	(void)state;
	assert_false(scan_word_nocase(&scan, TEXT("mailto:xy")));
	assert_false(scan_word_nocase(&scan, TEXT("http:")));
	assert_int_equal(scan.at, 0);
	assert_true(scan_word_nocase(&scan, TEXT("mailto:")));
	assert_int_equal(scan.at, 7);
	assert_true(scan_word_nocase(&scan, TEXT("")));
	assert_true(scan_word_nocase(&scan, TEXT("X")));
	assert_false(scan_word_nocase(&scan, TEXT("X")));
	exact_free(text);
}

static bool
is_any(int byte)
{
	return byte >= 0;
}

static void
test_while(void **state)
{
	struct text text = exact(TEXT("123abc \t\n\x80"));
	struct scan scan = scan_text(text);

	(void)state;
	assert_text(scan_while(&scan, is_alpha), TEXT(""));
	assert_text(scan_while(&scan, is_digit), TEXT("123"));
	assert_text(scan_while(&scan, is_alpha), TEXT("abc"));
	assert_int_equal(scan_wsp(&scan), 2);
	assert_int_equal(scan_wsp(&scan), 0);
	assert_text(scan_since(&scan, 3), TEXT("abc \t"));
	assert_text(scan_since(&scan, 8), TEXT(""));
	scan.at = 6; /* back to where a rule began */
	assert_text(scan_while(&scan, is_any), TEXT(" \t\n\x80"));
	assert_text(scan_while(&scan, is_any), TEXT(""));
	exact_free(text);
}

static void
test_rest(void **state)
{
	struct text text = exact(TEXT("ab"));
	struct scan scan = scan_text(text);

	(void)state;
	assert_int_equal(scan_any(&scan), 'a');
	assert_text(scan_rest(&scan), TEXT("b"));
	assert_true(scan_at_end(&scan));
	assert_text(scan_rest(&scan), TEXT(""));
	exact_free(text);
}

static void
test_nothing(void **state)
{
	struct scan scan = scan_text((struct text){NULL, 0});

	(void)state;
	assert_true(scan_at_end(&scan));
	assert_int_equal(scan_peek(&scan), -1);
	assert_false(scan_byte(&scan, '\0'));
	assert_int_equal(scan_wsp(&scan), 0);
	assert_text(scan_rest(&scan), TEXT(""));
	assert_true(scan_word_nocase(&scan, TEXT("")));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_while),
	    cmocka_unit_test(test_rest),
	    cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
