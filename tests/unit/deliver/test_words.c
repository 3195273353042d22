/* What servers say, from hostile ones too, as one line to keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deliver/words.h"
#include "exact.h"

#include <string.h>

static const struct {
	const char *lines[4];
	const char *expected;
} reply_rows[] = {
    {{"250 2.0.0 queued\r\n"}, "250 2.0.0 queued"},
    {{"354 go on\r\n", "550 no\r\n"}, "550 no"},
    {{"550-first\r\n", "550 second\r\n"}, "550 first second"},
    {{"550-5.1.1 first\r\n", "550-5.1.1 second\r\n", "550 5.1.1 third\r\n"},
	"550 5.1.1 first second third"},
    {{"550-5.1.1 first\r\n", "550 5.1.10 other\r\n"},
	"550 5.1.1 first 5.1.10 other"},
    {{"250-sink\r\n", "250 OK\r\n", "550 no\r\n"}, "550 no"},
    {{"550-\r\n", "550 \r\n"}, "550"},
    {{"550\r\n"}, "550"},
    {{"5\r\n"}, "5"},
    {{"\r\n"}, ""},
    {{"550-no end\r\n", "", "550 end"}, "550 end"},
    {{"550-5.\r\n", "550 5.\r\n"}, "550 5. 5."},
    {{"550 \x1B[31mred\xFF\\\r\n"}, "550 \x1B[31mred\xFF\\"},
};

static void
test_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof reply_rows / sizeof *reply_rows; i++) {
		struct arena *arena = arena_new(64 * 1024);
		struct words words = {.len = 0};
		for (size_t j = 0; j < 4; j++) {
			if (reply_rows[i].lines[j] == NULL)
				break;
			struct text line =
			    exact(text_from_cstr(reply_rows[i].lines[j]));
			words_add_reply(&words, line);
			exact_free(line);
		}
		struct text line = words_line(words_view(&words), arena);
		if (!text_equal(line, text_from_cstr(reply_rows[i].expected)))
			fail_msg(
			    "row %zu: \"" TEXT_FMT "\"", i, TEXT_ARG(line));
		arena_free(arena);
	}
}

static void
test_lines_of_a_program(void **state)
{
	struct arena *arena = arena_new(64 * 1024);
	struct words words = {.len = 0};

	(void)state;
	words_add(&words, TEXT("\n  first \r\n\n"));
	words_add(&words, TEXT("second\ttab\0\\\n\n"));
	assert_true(text_equal(words_line(words_view(&words), arena),
	    TEXT("first second\ttab?\\")));
	words_clear(&words);
	assert_int_equal(words_view(&words).len, 0);
	arena_free(arena);
}

/* However much is said. */
static void
test_limits(void **state)
{
	struct arena *arena = arena_new(64 * 1024);
	struct words words = {.len = 0};
	static const char code[] = {'5', '5', '0', '-'};
	char flood[4096];

	(void)state;
	memset(flood, 0xFF, sizeof flood);
	for (int i = 0; i < 3; i++)
		words_add(&words, (struct text){flood, sizeof flood});
	assert_int_equal(words_view(&words).len, WORDS_MAX);
	assert_int_equal(words_line(words_view(&words), arena).len, WORDS_MAX);
	memcpy(flood, code, sizeof code);
	for (int i = 0; i < 1000; i++)
		words_add_reply(&words, (struct text){flood, sizeof flood});
	assert_int_equal(words_view(&words).len, WORDS_MAX);
	arena_free(arena);
}

static void
test_no_memory(void **state)
{
	struct arena *arena = arena_new(64 * 1024);

	(void)state;
	while (arena_alloc(arena, 1024) != NULL)
		;
	assert_int_equal(words_line(TEXT("550 no"), arena).len, 0);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_replies),
	    cmocka_unit_test(test_lines_of_a_program),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("deliver words", tests, NULL, NULL);
}
