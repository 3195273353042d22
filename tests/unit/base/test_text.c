#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/names.h"
#include "base/text.h"
#include "exact.h"

#include <stdlib.h>
#include <string.h>

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

static void
assert_text(struct text text, struct text expected)
{
	if (!text_equal(text, expected))
		print_error("\"" TEXT_FMT "\"\n", TEXT_ARG(text));
	assert_true(text_equal(text, expected));
}

/* Which of the 256 bytes and -1 are of a kind, against what strchr says. */
static unsigned
count_wrong(bool (*kind)(int byte), const char *members)
{
	unsigned wrong = kind(-1) + kind('\0');

	for (int byte = 1; byte < 256; byte++)
		wrong += kind(byte) != (strchr(members, byte) != NULL);
	return wrong;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

static void
test_kinds(void **state)
{
	(void)state;
	assert_int_equal(count_wrong(is_alpha, LOWER UPPER), 0);
	assert_int_equal(count_wrong(is_digit, DIGIT), 0);
	assert_int_equal(count_wrong(is_alnum, LOWER UPPER DIGIT), 0);
	assert_int_equal(count_wrong(is_hex, DIGIT "abcdefABCDEF"), 0);
	assert_int_equal(count_wrong(is_wsp, " \t"), 0);
	assert_int_equal(count_wrong(is_space, " \t\r\n"), 0);
	assert_int_equal(count_wrong(is_printable, LOWER UPPER DIGIT
			     "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
	    0);
}

static void
test_letters(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		const char *upper = byte == 0 ? NULL : strchr(UPPER, byte);
		int expected = upper == NULL ? byte : LOWER[upper - UPPER];
		assert_int_equal(to_lower((char)byte), (char)expected);
		bool is_harmless = byte >= 0x20 && byte <= 0x7E;
		assert_int_equal(
		    to_harmless((char)byte), is_harmless ? (char)byte : '?');
	}
	for (int value = 0; value < 16; value++) {
		assert_int_equal(hex_value("0123456789abcdef"[value]), value);
		assert_int_equal(hex_value("0123456789ABCDEF"[value]), value);
	}
	assert_int_equal(hex_value('g'), -1);
	assert_int_equal(hex_value('G'), -1);
	assert_int_equal(hex_value(-1), -1);
}

static void
test_slice(void **state)
{
	struct text text = exact(TEXT("abc"));
	struct text none = {NULL, 0};

	(void)state;
	assert_text(text_slice(text, 0, 3), TEXT("abc"));
	assert_text(text_slice(text, 1, 2), TEXT("b"));
	assert_text(text_slice(text, 1, 99), TEXT("bc"));
	assert_text(text_slice(text, 3, 3), TEXT(""));
	assert_text(text_slice(text, 2, 1), TEXT(""));
	assert_text(text_slice(text, 99, SIZE_MAX), TEXT(""));
	assert_text(text_slice(none, 0, 1), TEXT(""));
	assert_non_null(text_slice(none, 0, 1).ptr);
	assert_text(text_from_cstr("ab"), TEXT("ab"));
	exact_free(text);
}

static void
test_trim(void **state)
{
	(void)state;
	assert_text(
	    text_trim(TEXT(" \t\r\na \t\r\nb\r \n")), TEXT("a \t\r\nb"));
	assert_text(text_trim(TEXT("\va\f")), TEXT("\va\f"));
	assert_text(text_trim(TEXT("\0 ")), TEXT("\0"));
	assert_text(text_trim(TEXT(" \r\n\t")), TEXT(""));
	assert_text(text_trim(TEXT("")), TEXT(""));
	assert_text(text_trim((struct text){NULL, 0}), TEXT(""));
}

static void
test_equal(void **state)
{
	struct text none = {NULL, 0};

	(void)state;
	assert_true(text_equal(TEXT("a\0b"), TEXT("a\0b")));
	assert_false(text_equal(TEXT("a\0b"), TEXT("a\0c")));
	assert_false(text_equal(TEXT("a"), TEXT("A")));
	assert_false(text_equal(TEXT("a"), TEXT("ab")));
	assert_true(text_equal(none, TEXT("")));
	assert_true(text_equal_nocase(TEXT("aZ\0["), TEXT("Az\0[")));
	assert_false(text_equal_nocase(TEXT("["), TEXT("{")));
	assert_false(text_equal_nocase(TEXT("\xC3"), TEXT("\xE3")));
	assert_false(text_equal_nocase(TEXT("a"), TEXT("")));
	assert_true(text_equal_nocase(none, none));
}

static void
test_starts_ends(void **state)
{
	(void)state;
	assert_true(text_starts(TEXT("abc"), TEXT("ab")));
	assert_true(text_starts(TEXT("abc"), TEXT("")));
	assert_false(text_starts(TEXT("abc"), TEXT("abcd")));
	assert_false(text_starts(TEXT("abc"), TEXT("AB")));
	assert_true(text_starts_nocase(TEXT("abc"), TEXT("AB")));
	assert_false(text_starts_nocase(TEXT("abc"), TEXT("b")));
	assert_true(text_ends_nocase(TEXT("abc"), TEXT("BC")));
	assert_true(text_ends_nocase(TEXT("abc"), TEXT("")));
	assert_true(text_ends_nocase(TEXT("abc"), TEXT("abc")));
	assert_false(text_ends_nocase(TEXT("abc"), TEXT("xabc")));
	assert_false(text_ends_nocase(TEXT("abc"), TEXT("ab")));
}

/* Each is before the next. */
static void
test_compare(void **state)
{
	static const struct text order[] = {T(""), T("\0"), T("A"), T("AB"),
	    T("a"), T("a\0"), T("ab"), T("b"), T("\x7F"), T("\x80"), T("\xFF")};

	(void)state;
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
			int found = text_compare(order[i], order[k]);
			assert_int_equal(found < 0, i < k);
			assert_int_equal(found > 0, i > k);
		}
	}
	assert_int_equal(text_compare((struct text){NULL, 0}, TEXT("")), 0);
}

static void
test_find(void **state)
{
	struct text none = {NULL, 0};

	(void)state;
	assert_int_equal(text_find(TEXT("abca"), 'a'), 0);
	assert_int_equal(text_find(TEXT("abca"), 'c'), 2);
	assert_int_equal(text_find(TEXT("abca"), 'x'), 4);
	assert_int_equal(text_find(TEXT("a\0\xFF"), '\xFF'), 2);
	assert_int_equal(text_find(none, '\0'), 0);
	assert_int_equal(text_find_last(TEXT("abca"), 'a'), 3);
	assert_int_equal(text_find_last(TEXT("abca"), 'b'), 1);
	assert_int_equal(text_find_last(TEXT("abca"), 'x'), 4);
	assert_int_equal(text_find_last(none, 'x'), 0);
	assert_int_equal(text_find_part(TEXT("ababc"), TEXT("abc")), 2);
	assert_int_equal(text_find_part(TEXT("ababc"), TEXT("")), 0);
	assert_int_equal(text_find_part(TEXT("ab"), TEXT("abc")), 2);
	assert_int_equal(text_find_part(TEXT("abab"), TEXT("abc")), 4);
	assert_int_equal(text_find_part(none, none), 0);
	assert_true(text_has(TEXT("a\0"), '\0'));
	assert_false(text_has(TEXT("a"), '\0'));
	assert_false(text_has(none, '\0'));
}

static void
test_split(void **state)
{
	struct text rest = TEXT("a,,b,");

	(void)state;
	assert_text(text_split(&rest, ','), TEXT("a"));
	assert_text(text_split(&rest, ','), TEXT(""));
	assert_text(text_split(&rest, ','), TEXT("b"));
	assert_int_equal(rest.len, 0);
	assert_text(text_split(&rest, ','), TEXT(""));
	rest = TEXT("abc");
	assert_text(text_split(&rest, ','), TEXT("abc"));
	assert_int_equal(rest.len, 0);
}

struct number_row {
	struct text text;
	uint64_t max;
	bool is_number;
	uint64_t number;
};

static const struct number_row number_rows[] = {
    {T("0"), 0, true, 0},
    {T("1"), 0, false, 0},
    {T("007"), 7, true, 7},
    {T("255"), 255, true, 255},
    {T("256"), 255, false, 0},
    {T("260"), 255, false, 0},
    {T("9"), 5, false, 0},
    {T("18446744073709551615"), UINT64_MAX, true, UINT64_MAX},
    {T("18446744073709551616"), UINT64_MAX, false, 0},
    {T("99999999999999999999"), UINT64_MAX, false, 0},
    {T("000000000000000000000000000000001"), 1, true, 1},
    {T(""), 9, false, 0},
    {T("+1"), 9, false, 0},
    {T("-1"), 9, false, 0},
    {T(" 1"), 9, false, 0},
    {T("1 "), 9, false, 0},
    {T("1\0"), 9, false, 0},
    {T("0x1"), 9, false, 0},
    {T("\xB2"), 9, false, 0},
};

static void
test_numbers(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof number_rows / sizeof *number_rows; i++) {
		const struct number_row *row = &number_rows[i];
		struct text text = exact(row->text);
		uint64_t number = 4711;
		bool is_number = text_to_number(text, row->max, &number);
		if (is_number != row->is_number ||
		    number != (is_number ? row->number : 4711)) {
			print_error("\"" TEXT_FMT "\"\n", TEXT_ARG(text));
			wrong++;
		}
		exact_free(text);
	}
	assert_int_equal(wrong, 0);
}

static void
test_names(void **state)
{
	static const char *const words[] = {
	    [0] = "none", [2] = "pass", [3] = "fail"};
	static const struct names names = NAMES(words);

	(void)state;
	assert_string_equal(names_word(&names, 0), "none");
	assert_string_equal(names_word(&names, 3), "fail");
	assert_string_equal(names_word(&names, 1), "?");
	assert_string_equal(names_word(&names, 4), "?");
	assert_string_equal(names_word(&names, -1), "?");
	assert_int_equal(names_find(&names, TEXT("PASS")), 2);
	assert_int_equal(names_find(&names, TEXT("none")), 0);
	assert_int_equal(names_find(&names, TEXT("pas")), -1);
	assert_int_equal(names_find(&names, TEXT("?")), -1);
	assert_int_equal(names_find(&names, TEXT("")), -1);
}

static void
test_hex(void **state)
{
	static const unsigned char bytes[] = {0x00, 0x9A, 0xBC, 0xFF};
	char digits[] = "........!";

	(void)state;
	hex_write(digits, bytes, sizeof bytes);
	assert_string_equal(digits, "009abcff!");
	assert_true(text_is_ascii(TEXT("")));
	assert_true(text_is_ascii(TEXT("a\0\x7F")));
	assert_false(text_is_ascii(TEXT("a\x80")));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_letters),
	    cmocka_unit_test(test_slice),
	    cmocka_unit_test(test_trim),
	    cmocka_unit_test(test_equal),
	    cmocka_unit_test(test_starts_ends),
	    cmocka_unit_test(test_compare),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_split),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
