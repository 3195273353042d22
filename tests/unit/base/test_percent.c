#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/percent.h"
#include "exact.h"

#include <string.h>

static void
test_write(void **state)
{
	static const struct {
		struct text value;
		const char *written;
	} rows[] = {
	    {{"", 0}, ""},
	    {{"plain-~!", 8}, "plain-~!"},
	    {{"50% \n", 5}, "50%25%20%0A"},
	    {{"\0\x7F\xFF", 3}, "%00%7F%FF"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text value = exact(rows[i].value);
		struct build build;
		build_init(&build, 100);
		percent_write(&build, value);
		assert_true(text_equal(
		    build_view(&build), text_from_cstr(rows[i].written)));
		assert_int_equal(
		    percent_length(value), strlen(rows[i].written));
		build_free(&build);
		exact_free(value);
	}
}

/* Every byte at every place, since eight are looked at together. */
static void
test_places(void **state)
{
	char bytes[20];

	(void)state;
	for (size_t len = 1; len <= sizeof bytes; len++) {
		for (size_t at = 0; at < len; at++) {
			for (int byte = 0; byte < 256; byte++) {
				memset(bytes, 'x', len);
				bytes[at] = (char)byte;
				bool plain =
				    byte > 0x20 && byte < 0x7F && byte != '%';
				assert_int_equal(
				    percent_length((struct text){bytes, len}),
				    len + (plain ? 0 : 2));
			}
		}
	}
}

static void
test_read(void **state)
{
	static const struct {
		const char *written;
		bool is_read;
		struct text value;
	} rows[] = {
	    {"", true, {"", 0}},
	    {"a%0a%0Ab", true, {"a\n\nb", 4}},
	    {"%00", true, {"\0", 1}},
	    {"%", false, {"", 0}},
	    {"a%4", false, {"", 0}},
	    {"%g0", false, {"", 0}},
	    {"a b", false, {"", 0}},
	    {"a\x7F", false, {"", 0}},
	    {"\xC3\xA9", false, {"", 0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(1000);
		struct text written = exact(text_from_cstr(rows[i].written));
		struct text value = TEXT("");
		assert_int_equal(
		    percent_read(arena, written, &value), rows[i].is_read);
		assert_true(text_equal(value, rows[i].value));
		exact_free(written);
		arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_write),
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
