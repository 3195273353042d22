#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "mail/header.h"

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

struct add_row {
	const char *name;
	struct text field_name;
	struct text value;
	bool leading_space;
	struct text raw;
	struct text read_name;
	struct text read_value;
};

static const struct add_row add_rows[] = {
    {"without the space", T("Subject"), T("Hi"), false, T("Subject: Hi"),
	T("Subject"), T(" Hi")},
    {"with the space", T("Subject"), T("\tHi "), true, T("Subject:\tHi "),
	T("Subject"), T("\tHi ")},
    {"no space at all", T("Subject"), T("Hi"), true, T("Subject:Hi"),
	T("Subject"), T("Hi")},
    {"LF fold", T("To"), T("a,\n\tb,\r\n c"), false, T("To: a,\r\n\tb,\r\n c"),
	T("To"), T(" a,\r\n\tb,\r\n c")},
    {"LF first and last", T("To"), T("\nx\n"), true, T("To:\r\nx\r\n"), T("To"),
	T("\r\nx\r\n")},
    {"LF LF", T("To"), T("\n\n"), true, T("To:\r\n\r\n"), T("To"),
	T("\r\n\r\n")},
    {"CR alone", T("To"), T("a\rb\r"), true, T("To:a\rb\r"), T("To"),
	T("a\rb\r")},
    {"CR CR LF", T("To"), T("a\r\r\n b"), true, T("To:a\r\r\n b"), T("To"),
	T("a\r\r\n b")},
    {"NUL", T("To"), T("a\0b"), true, T("To:a\0b"), T("To"), T("a\0b")},
    {"empty", T("To"), T(""), true, T("To:"), T("To"), T("")},
    {"name with a space", T("From "), T("a"), false, T("From : a"), T("From"),
	T(" a")},
    {"name with a colon", T("From:x"), T("a"), false, T("From:x: a"), T("From"),
	T("x: a")},
};

static bool
check_field(
    const char *name, const struct mail_field *field, const struct add_row *row)
{
	if (text_equal(field->raw, row->raw) &&
	    text_equal(field->name, row->read_name) &&
	    text_equal(field->value, row->read_value))
		return true;
	print_error("%s: \"" TEXT_FMT "\", \"" TEXT_FMT "\", \"" TEXT_FMT
		    "\"\n",
	    name, TEXT_ARG(field->raw), TEXT_ARG(field->name),
	    TEXT_ARG(field->value));
	return false;
}

static bool
check_add(const struct add_row *row)
{
	struct arena *arena = arena_new(1 << 16);
	struct mail_header header = {0};
	struct text name = exact(row->field_name);
	struct text value = exact(row->value);
	bool is_added =
	    mail_header_add(&header, arena, name, value, row->leading_space);

	exact_free(name);
	exact_free(value);
	bool is_right = is_added && header.fields.count == 1 &&
			header.bytes == row->raw.len + 2 &&
			check_field(row->name, &header.fields.at[0], row);
	/* What was made is read as the same. */
	struct text raw = exact(row->raw);
	is_added = mail_header_add_raw(&header, arena, raw);
	exact_free(raw);
	is_right = is_right && is_added &&
		   check_field(row->name, &header.fields.at[1], row);
	arena_free(arena);
	return is_right;
}

static void
test_add(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof add_rows / sizeof *add_rows; i++)
		wrong += !check_add(&add_rows[i]);
	assert_int_equal(wrong, 0);
}

static void
test_no_field(void **state)
{
	static const struct text raws[] = {
	    T(""), T("Subject"), T(":"), T(": x"), T(" \t: x"), T("\r\n")};
	struct arena *arena = arena_new(1 << 16);
	struct mail_header header = {0};

	(void)state;
	for (size_t i = 0; i < sizeof raws / sizeof *raws; i++)
		assert_false(mail_header_add_raw(&header, arena, raws[i]));
	assert_int_equal(header.fields.count, 0);
	assert_int_equal(header.bytes, 0);
	assert_false(arena_failed(arena));
	arena_free(arena);
}

static void
test_find(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	struct mail_header header = {0};
	static const struct text raws[] = {
	    T("To: 1"), T("TO : 2"), T("Tor: 3"), T("to:4")};

	(void)state;
	for (size_t i = 0; i < sizeof raws / sizeof *raws; i++)
		assert_true(mail_header_add_raw(&header, arena, raws[i]));
	const struct mail_field *field = header.fields.at;
	assert_ptr_equal(mail_header_find(&header, TEXT("tO"), 0), field);
	assert_ptr_equal(mail_header_find(&header, TEXT("to"), 1), field + 1);
	assert_ptr_equal(mail_header_find(&header, TEXT("to"), 2), field + 3);
	assert_null(mail_header_find(&header, TEXT("to"), 4));
	assert_null(mail_header_find(&header, TEXT("to"), 99));
	assert_null(mail_header_find(&header, TEXT("T"), 0));
	assert_int_equal(mail_header_count(&header, TEXT("To")), 3);
	assert_int_equal(mail_header_count(&header, TEXT("From")), 0);
	arena_free(arena);
}

static char bytes[MAIL_HEADER_MAX];

/* A field of LEN bytes with its line end. */
static bool
add_long(struct mail_header *header, struct arena *arena, size_t len)
{
	return mail_header_add(header, arena, TEXT("A"),
	    (struct text){bytes, len - sizeof "A:\r\n" + 1}, true);
}

static void
test_too_long(void **state)
{
	struct arena *arena = arena_new(4 * MAIL_HEADER_MAX);
	struct mail_header header = {0};

	(void)state;
	assert_true(add_long(&header, arena, MAIL_HEADER_MAX - 4));
	assert_false(header.is_too_long);
	assert_true(mail_header_add_raw(&header, arena, TEXT("B:")));
	assert_false(header.is_too_long);
	assert_int_equal(header.bytes, MAIL_HEADER_MAX);
	assert_true(mail_header_add_raw(&header, arena, TEXT("C:")));
	assert_true(header.is_too_long);
	assert_int_equal(header.fields.count, 2);
	arena_free(arena);
}

/* One field too long, and the small ones behind it are lost too: else a From
 * that stands in between could be hidden. */
static void
test_too_long_at_once(void **state)
{
	struct arena *arena = arena_new(4 * MAIL_HEADER_MAX);
	struct mail_header header = {0};

	(void)state;
	assert_true(add_long(&header, arena, MAIL_HEADER_MAX + 1));
	assert_true(header.is_too_long);
	assert_true(mail_header_add_raw(&header, arena, TEXT("B: x")));
	assert_int_equal(header.fields.count, 0);
	assert_int_equal(header.bytes, 0);
	arena_free(arena);
}

/* The most fields that a message's arena must take, as short and as long as
 * they may be; one more is one too many, and takes nothing. */
static void
test_too_many(void **state)
{
	enum { LONG = MAIL_HEADER_MAX / MAIL_FIELDS_MAX };

	static const size_t lens[] = {sizeof "A:\r\n" - 1, LONG};
	(void)state;

	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		struct arena *arena = arena_new(4 * MAIL_HEADER_MAX);
		struct mail_header header = {0};
		for (size_t n = 0; n < MAIL_FIELDS_MAX; n++)
			assert_true(add_long(&header, arena, lens[i]));
		assert_false(header.is_too_long);
		size_t used = arena_used(arena);
		assert_true(used < 2 * MAIL_HEADER_MAX);
		for (size_t n = 0; n < MAIL_HEADER_MAX / 4; n++)
			assert_true(add_long(&header, arena, lens[i]));
		assert_true(header.is_too_long);
		assert_int_equal(header.fields.count, MAIL_FIELDS_MAX);
		assert_int_equal(arena_used(arena), used);
		arena_free(arena);
	}
}

static void
test_no_memory(void **state)
{
	bool is_added = false;
	size_t n = 0;

	(void)state;
	while (!is_added) {
		struct arena *arena = arena_new(1 << 16);
		struct mail_header header = {0};
		arena_fail_after(arena, ++n);
		is_added = mail_header_add_raw(&header, arena, TEXT("A: x")) &&
			   mail_header_add(
			       &header, arena, TEXT("B"), TEXT("y"), false);
		assert_int_equal(is_added, !arena_failed(arena));
		arena_free(arena);
		assert_true(n < 100);
	}
	assert_true(n > 3);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_add),
	    cmocka_unit_test(test_no_field),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_too_long),
	    cmocka_unit_test(test_too_long_at_once),
	    cmocka_unit_test(test_too_many),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
