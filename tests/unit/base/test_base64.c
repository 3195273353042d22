#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "exact.h"

#include <string.h>

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

struct row {
	struct text bytes;
	struct text letters;
};

/* RFC 4648 10, and all values. */
static const struct row rows[] = {
    {T(""), T("")},
    {T("f"), T("Zg==")},
    {T("fo"), T("Zm8=")},
    {T("foo"), T("Zm9v")},
    {T("foob"), T("Zm9vYg==")},
    {T("fooba"), T("Zm9vYmE=")},
    {T("foobar"), T("Zm9vYmFy")},
    {T("\0"), T("AA==")},
    {T("\0\0\0"), T("AAAA")},
    {T("\xFF\xFF\xFF"), T("////")},
    {T("\xFB\xEF\xBE"), T("++++")},
};

static struct text
write_base64(struct build *build, struct text bytes, size_t line)
{
	build_init(build, 10000);
	base64_write(build, bytes, line);
	return build_view(build);
}

static void
test_both_ways(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(1 << 16);
		struct text bytes = exact(rows[i].bytes);
		struct text letters = exact(rows[i].letters);
		struct text read = TEXT("x");
		struct build build;
		struct text written = write_base64(&build, bytes, 0);
		if (!text_equal(written, letters) ||
		    !base64_read(arena, letters, &read) ||
		    !text_equal(read, bytes)) {
			print_error("\"" TEXT_FMT "\"\n", TEXT_ARG(letters));
			wrong++;
		}
		build_free(&build);
		exact_free(bytes);
		exact_free(letters);
		arena_free(arena);
	}
	assert_int_equal(wrong, 0);
}

static const struct text refused[] = {
    T("Z"),
    T("Zg"),
    T("Zg="),
    T("Zg==="),
    T("Zm8"),
    T("Zm9"),
    T("="),
    T("=="),
    T("===="),
    T("Z==="),
    T("Zg==Zg=="),
    T("Zm9v="),
    T("=Zg="),
    T("Zg=g"),
    T("Zg-_"),
    T("Zg,="),
    T("Zg=\0"),
    T("Z\0g="),
    T("Zh=="),
    T("Zm9="),
    T("Zg==\0"),
    T("\xC3g=="),
    T("Zm9v\v"),
    T("Zm9v\f"),
};

static void
test_refused(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct arena *arena = arena_new(1 << 16);
		struct text letters = exact(refused[i]);
		struct text read = TEXT("x");
		if (base64_read(arena, letters, &read) ||
		    !text_equal(read, TEXT("x"))) {
			print_error("\"" TEXT_FMT "\"\n", TEXT_ARG(letters));
			wrong++;
		}
		exact_free(letters);
		arena_free(arena);
	}
	assert_int_equal(wrong, 0);
}

static void
test_white_space(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	struct text read;

	(void)state;
	assert_true(base64_read(arena, TEXT(" Z\tm\r\n 9 vYg\n=\r= "), &read));
	assert_true(text_equal(read, TEXT("foob")));
	assert_true(base64_read(arena, TEXT(" \r\n"), &read));
	assert_int_equal(read.len, 0);
	arena_fail_after(arena, 1);
	assert_false(base64_read(arena, TEXT("Zm9v"), &read));
	arena_free(arena);
}

static void
test_all_bytes(void **state)
{
	char bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	for (size_t len = 0; len <= sizeof bytes; len++) {
		struct arena *arena = arena_new(1 << 16);
		struct text text = {bytes + sizeof bytes - len, len};
		struct text read;
		struct build build;
		struct text written = write_base64(&build, text, 8);
		assert_true(base64_read(arena, written, &read));
		assert_true(text_equal(read, text));
		build_free(&build);
		arena_free(arena);
	}
}

struct line_row {
	struct text bytes;
	size_t line;
	struct text written;
};

static const struct line_row line_rows[] = {
    {T(""), 4, T("")},
    {T("f"), 4, T("Zg==\r\n")},
    {T("foo"), 4, T("Zm9v\r\n")},
    {T("foob"), 4, T("Zm9v\r\nYg==\r\n")},
    {T("foobar"), 8, T("Zm9vYmFy\r\n")},
    {T("foobarf"), 8, T("Zm9vYmFy\r\nZg==\r\n")},
};

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof line_rows / sizeof *line_rows; i++) {
		const struct line_row *row = &line_rows[i];
		struct build build;
		struct text written =
		    write_base64(&build, row->bytes, row->line);
		assert_true(text_equal(written, row->written));
		build_free(&build);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_both_ways),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_white_space),
	    cmocka_unit_test(test_all_bytes),
	    cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
