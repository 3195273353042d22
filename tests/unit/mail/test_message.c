#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/build.h"
#include "exact.h"
#include "mail/message.h"

#include <string.h>

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

/* What came out of a message, written down as one text: each field in
 * brackets, a bar, the body; "none" when it was no message. */
struct record {
	struct build text;
	bool is_too_long;
};

static void
record_header(void *context, const struct mail_header *header)
{
	struct record *record = context;

	record->is_too_long = header->is_too_long;
	for (size_t i = 0; i < header->fields.count; i++) {
		build_byte(&record->text, '[');
		build_text(&record->text, header->fields.at[i].raw);
		build_byte(&record->text, ']');
	}
	build_byte(&record->text, '|');
}

static void
record_body(void *context, struct text piece)
{
	struct record *record = context;

	assert_true(piece.len > 0);
	build_text(&record->text, piece);
}

static void
run(struct record *record, struct text message_text, size_t first, size_t step)
{
	struct arena *arena = arena_new(4 * MAIL_HEADER_MAX);
	struct mail_message_sink sink = {record_header, record_body, record};
	struct mail_message *message = mail_message_new(arena, &sink);

	assert_non_null(message);
	for (size_t from = 0, to = first; from < message_text.len;
	     from = to, to += step) {
		struct text piece = exact(text_slice(message_text, from, to));
		mail_message_feed(message, piece);
		exact_free(piece);
	}
	if (!mail_message_finish(message))
		build_text(&record->text, TEXT("none"));
	arena_free(arena);
}

struct row {
	const char *name;
	struct text message;
	struct text expected;
};

static const struct row rows[] = {
    {"CR LF", T("A: 1\r\nB: 2\r\n\r\nbody\r\n"), T("[A: 1][B: 2]|body\r\n")},
    {"LF", T("A: 1\nB: 2\n\nbody\nmore\n"), T("[A: 1][B: 2]|body\r\nmore\r\n")},
    {"mixed", T("A: 1\r\nB: 2\n\r\nbody\nmore\r\n\n"),
	T("[A: 1][B: 2]|body\r\nmore\r\n\r\n")},
    {"fold", T("A: 1\n 2\n\t3\nB:\n 4\n\n"),
	T("[A: 1\r\n 2\r\n\t3][B:\r\n 4]|")},
    {"blank fold", T("A: 1\n \nB: 2\n\nx"), T("[A: 1\r\n ][B: 2]|x")},
    {"no body", T("A: 1\r\n\r\n"), T("[A: 1]|")},
    {"no empty line", T("A: 1\r\nB: 2\r\n"), T("[A: 1][B: 2]|")},
    {"no line end", T("A: 1\r\nB: 2"), T("[A: 1][B: 2]|")},
    {"CR at the end", T("A: 1\r"), T("[A: 1\r]|")},
    {"body of line ends", T("A: 1\n\n\n\r\n\n"), T("[A: 1]|\r\n\r\n\r\n")},
    {"body without line end", T("A: 1\n\nx"), T("[A: 1]|x")},
    {"CR is data", T("A: 1\r2\r\rB: 3\r\n\r\nx\ry\r\r\nz\r"),
	T("[A: 1\r2\r\rB: 3]|x\ry\r\r\nz\r")},
    {"CR CR LF ends no header", T("A: 1\r\r\nB: 2\n\nx"),
	T("[A: 1\r][B: 2]|x")},
    {"line of CR ends the header", T("A: 1\n\r\r\nB: 2\n\nx"),
	T("[A: 1]|\r\r\nB: 2\r\n\r\nx")},
    {"NUL", T("A: 1\0\n\n\0x\0"), T("[A: 1\0]|\0x\0")},
    {"space before the colon", T("A \t: 1\n\n"), T("[A \t: 1]|")},
    {"empty values", T("A:\nB:\n\n"), T("[A:][B:]|")},
    {"odd name", T("!#~: 1\n\n"), T("[!#~: 1]|")},
    {"junk ends the header", T("A: 1\njunk\nB: 2\n\nx\n"),
	T("[A: 1]|junk\r\nB: 2\r\n\r\nx\r\n")},
    {"junk at the end", T("A: 1\njunk"), T("[A: 1]|junk")},
    {"junk at the end with CR", T("A: 1\njunk\r"), T("[A: 1]|junk\r")},
    {"8-bit name is junk", T("A: 1\n\xC3\xBC: 2\n"),
	T("[A: 1]|\xC3\xBC: 2\r\n")},
    {"name with NUL is junk", T("A: 1\nFrom\0: 2\n"),
	T("[A: 1]|From\0: 2\r\n")},
    {"name across a fold is junk", T("A: 1\nFrom\n : 2\n"),
	T("[A: 1]|From\r\n : 2\r\n")},
    {"mbox", T("From a@b Mon Jan  1 00:00:00 2024\nA: 1\n\nx"), T("[A: 1]|x")},
    {"mbox twice", T("From a\nFrom b\nA: 1\n\n"), T("none")},
    {"mbox later", T("A: 1\nFrom a\nB: 2\n"), T("[A: 1]|From a\r\nB: 2\r\n")},
    {"mbox only", T("From a\n"), T("none")},
    {"From with a space is a field", T("From : a@b\n\n"), T("[From : a@b]|")},
    {"nothing", T(""), T("none")},
    {"empty line first", T("\nA: 1\n\nx"), T("none")},
    {"fold first", T(" A: 1\nB: 2\n\nx"), T("none")},
    {"no field", T("hello\nA: 1\n\n"), T("none")},
    {"colon first", T(": 1\n"), T("none")},
    {"byte order mark",
	T("\xEF\xBB\xBF"
	  "A: 1\n\n"),
	T("none")},
};

static bool
check(const struct row *row, size_t first, size_t step)
{
	struct record record = {.is_too_long = false};

	build_init(&record.text, 1 << 16);
	run(&record, row->message, first, step);
	struct text found = build_view(&record.text);
	bool is_right = text_equal(found, row->expected);
	if (!is_right)
		print_error("%s, cut at %zu: \"" TEXT_FMT "\"\n", row->name,
		    first, TEXT_ARG(found));
	build_free(&record.text);
	return is_right;
}

static void
test_rows(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		wrong += !check(&rows[i], rows[i].message.len + 1, 1);
	assert_int_equal(wrong, 0);
}

/* Cut in two at each place, and byte by byte. */
static void
test_pieces(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (size_t at = 0; at <= rows[i].message.len; at++)
			wrong += !check(&rows[i], at, rows[i].message.len + 1);
		wrong += !check(&rows[i], 1, 1);
	}
	assert_int_equal(wrong, 0);
}

/* BEFORE, a line of LEN bytes 'x', and AFTER; in pieces of STEP bytes. */
static bool
check_long(struct text before, size_t len, struct text after, bool is_too_long,
    struct text expected)
{
	struct record record = {.is_too_long = false};
	struct build message;

	build_init(&message, 4 * MAIL_HEADER_MAX);
	build_init(&record.text, 4 * MAIL_HEADER_MAX);
	build_text(&message, before);
	for (size_t i = 0; i < len; i++)
		build_byte(&message, 'x');
	build_text(&message, after);
	run(&record, build_view(&message), 5000, 5000);
	struct text found = build_view(&record.text);
	bool is_right = record.is_too_long == is_too_long &&
			text_ends_nocase(found, expected);
	if (!is_right)
		print_error("%zu: %d \"" TEXT_FMT "\"\n", len,
		    record.is_too_long, TEXT_ARG(text_slice(found, 0, 1000)));
	build_free(&message);
	build_free(&record.text);
	return is_right;
}

static void
test_too_long(void **state)
{
	static const size_t max = MAIL_HEADER_MAX;

	(void)state;
	/* "A: " and CR LF are five bytes. */
	assert_true(check_long(
	    TEXT("A: "), max - 5, TEXT("\n\nbody"), false, TEXT("x]|body")));
	assert_true(check_long(
	    TEXT("A: "), max - 4, TEXT("\n\nbody"), true, TEXT("|body")));
	assert_true(check_long(TEXT("A: "), max + 9999,
	    TEXT("\n fold\nB: 2\n\nbody"), true, TEXT("|body")));
	assert_true(check_long(TEXT("A: 1\nB: "), max + 9999,
	    TEXT("\n\r\nbody\n"), true, TEXT("|body\r\n")));
	assert_true(check_long(TEXT("A: 1\n "), max + 9999,
	    TEXT("\nB: 2\n\nbody"), true, TEXT("|body")));
	assert_true(check_long(
	    TEXT("A: 1\nB: "), max + 9999, TEXT(""), true, TEXT("|")));
	assert_true(check_long(
	    TEXT("A: 1\n\n"), max + 9999, TEXT(""), false, TEXT("xxx")));
	assert_true(check_long(
	    TEXT("x"), max + 9999, TEXT(": y\n\n"), false, TEXT("none")));
}

struct long_case {
	const char *name;
	const char *before; /* the long line */
	const char *after;
	struct text expected;
};

/* Whether a line is lost, and what it was, does not depend on the cuts. */
static const struct long_case long_cases[] = {
    {"first field", "A: ", "\n\nbody", T("|body")},
    {"first field, never ended", "A: ", "", T("|")},
    {"second field", "A: 1\nB: ", "\nC: 3\n\nbody", T("|body")},
    {"fold", "A: 1\nB: 2\n ", "\n\nbody", T("[A: 1]|body")},
    {"field behind an mbox line", "From a\nA: ", "\n\nbody", T("|body")},
    {"no field", "x", "xx\nA: 1\n\n", T("none")},
    {"mbox line", "From ", "\nA: 1\n\n", T("none")},
};

static bool
check_cut(const struct long_case *row, size_t len, size_t step)
{
	struct record record = {.is_too_long = false};
	struct build message;

	build_init(&message, 4 * MAIL_HEADER_MAX);
	build_init(&record.text, 4 * MAIL_HEADER_MAX);
	build_cstr(&message, row->before);
	char *filling = build_room(&message, len);
	assert_non_null(filling);
	memset(filling, 'x', len);
	build_cstr(&message, row->after);
	run(&record, build_view(&message), step, step);
	struct text found = build_view(&record.text);
	bool is_right = text_equal(found, row->expected) &&
			record.is_too_long == text_has(row->expected, '|');
	if (!is_right)
		print_error("%s: %zu bytes by %zu: %d \"" TEXT_FMT "\"\n",
		    row->name, len, step, record.is_too_long,
		    TEXT_ARG(text_slice(found, 0, 100)));
	build_free(&message);
	build_free(&record.text);
	return is_right;
}

static void
test_long_pieces(void **state)
{
	static const size_t max = MAIL_HEADER_MAX;
	static const size_t steps[] = {
	    4 * MAIL_HEADER_MAX, 700000, 65536, 4097};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof long_cases / sizeof *long_cases; i++) {
		for (size_t n = 0; n < sizeof steps / sizeof *steps; n++) {
			for (size_t len = max; len < max + 4; len++)
				wrong +=
				    !check_cut(&long_cases[i], len, steps[n]);
			wrong += !check_cut(&long_cases[i], 2 * max, steps[n]);
		}
	}
	assert_int_equal(wrong, 0);
}

static void
test_no_memory(void **state)
{
	bool is_message = false;
	size_t n = 0;

	(void)state;
	while (!is_message) {
		struct arena *arena = arena_new(1 << 16);
		struct record record = {.is_too_long = false};
		struct mail_message_sink sink = {
		    record_header, record_body, &record};
		build_init(&record.text, 1 << 16);
		arena_fail_after(arena, ++n);
		struct mail_message *message = mail_message_new(arena, &sink);
		if (message != NULL) {
			mail_message_feed(message, TEXT("A: 1\nB: 2\n\nx"));
			is_message = mail_message_finish(message);
		}
		assert_int_equal(is_message, !arena_failed(arena));
		assert_int_equal(is_message, record.text.len > 0);
		build_free(&record.text);
		arena_free(arena);
		assert_true(n < 100);
	}
	assert_true(n > 4);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_pieces),
	    cmocka_unit_test(test_too_long),
	    cmocka_unit_test(test_long_pieces),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
