#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/build.h"
#include "exact.h"
#include "mail/taglist.h"

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

struct row {
	const char *name;
	struct text text;
	bool has_error;
	bool has_duplicate;
	struct text expected; /* <name=value> each; "" when there is none */
};

static const struct row rows[] = {
    {"one", T("v=DMARC1"), false, false, T("<v=DMARC1>")},
    {"several", T("v=1; a=b;c=d"), false, false, T("<v=1><a=b><c=d>")},
    {"end", T("v=1;"), false, false, T("<v=1>")},
    {"end and space", T("v=1; \r\n\t"), false, false, T("<v=1>")},
    {"space everywhere", T(" v\t= 1 ; a =\r\n b c ;"), false, false,
	T("<v=1><a=b c>")},
    {"fold in a value", T("b=ab\r\n\tcd"), false, false, T("<b=ab\r\n\tcd>")},
    {"empty value", T("v=1; p=; t="), false, false, T("<v=1><p=><t=>")},
    {"equals in a value", T("b=YQ=="), false, false, T("<b=YQ==>")},
    {"case of names", T("V=1; v=2"), false, false, T("<V=1><v=2>")},
    {"underscore and digits", T("a_1=x"), false, false, T("<a_1=x>")},
    {"UTF-8 value", T("i=\xC3\xBC"), false, false, T("<i=\xC3\xBC>")},

    {"duplicate", T("a=1; b=2; a=1"), false, true, T("<a=1><b=2><a=1>")},

    {"empty tag", T("a=1;;b=2"), true, false, T("<a=1><b=2>")},
    {"empty tag first", T(";a=1"), true, false, T("<a=1>")},
    {"two ends", T("a=1;;"), true, false, T("<a=1>")},
    {"blank tag", T("a=1; ;b=2"), true, false, T("<a=1><b=2>")},
    {"no equals", T("a=1; junk; b=2"), true, false, T("<a=1><b=2>")},
    {"no equals at the end", T("a=1; junk"), true, false, T("<a=1>")},
    {"no name", T("a=1; =x"), true, false, T("<a=1>")},
    {"digit first", T("a=1; 1a=x"), true, false, T("<a=1>")},
    {"underscore first", T("a=1; _a=x"), true, false, T("<a=1>")},
    {"space in a name", T("a=1; b c=x"), true, false, T("<a=1>")},
    {"dash in a name", T("a=1; b-c=x"), true, false, T("<a=1>")},
    {"NUL in a name", T("a=1; b\0=x"), true, false, T("<a=1>")},
    {"NUL in a value", T("a=1; d=x\0y"), true, false, T("<a=1>")},
    {"control in a value", T("a=1; d=\x1B[1m"), true, false, T("<a=1>")},
    {"DEL in a value", T("a=1; d=\x7F"), true, false, T("<a=1>")},

    {"nothing", T(""), false, false, T("")},
    {"blank", T(" "), false, false, T("")},
    {"ends only", T(";;;"), false, false, T("")},
    {"no tag", T("hello world"), false, false, T("")},
};

static bool
check(const struct row *row)
{
	struct arena *arena = arena_new(1 << 16);
	struct taglist list = {.has_error = false};
	struct text text = exact(row->text);
	struct build found;

	build_init(&found, 1000);
	bool is_list = taglist_read(arena, text, &list);
	for (size_t i = 0; i < list.tags.count; i++) {
		const struct tag *tag = &list.tags.at[i];
		build_byte(&found, '<');
		build_text(&found, tag->name);
		build_byte(&found, '=');
		build_text(&found, tag->value);
		build_byte(&found, '>');
		/* The untrimmed value is where it says, behind a '='. */
		size_t end = tag->value_at + tag->value_len;
		struct text value = text_slice(text, tag->value_at, end);
		assert_int_equal(text.ptr[tag->value_at - 1], '=');
		assert_true(end == text.len || text.ptr[end] == ';');
		assert_true(text_equal(text_trim(value), tag->value));
	}
	bool is_right = is_list == (row->expected.len > 0) &&
			list.has_error == row->has_error &&
			list.has_duplicate == row->has_duplicate &&
			text_equal(build_view(&found), row->expected);
	if (!is_right)
		print_error("%s: %d%d%d " TEXT_FMT "\n", row->name, is_list,
		    list.has_error, list.has_duplicate,
		    TEXT_ARG(build_view(&found)));
	build_free(&found);
	exact_free(text);
	arena_free(arena);
	return is_right;
}

static void
test_rows(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		wrong += !check(&rows[i]);
	assert_int_equal(wrong, 0);
}

static void
test_find(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	struct taglist list;

	(void)state;
	assert_true(taglist_read(arena, TEXT("V=1; v=2; v=3; empty="), &list));
	const struct tag *tag = list.tags.at;
	assert_ptr_equal(taglist_find(&list, TEXT("v")), tag + 1);
	assert_ptr_equal(taglist_find(&list, TEXT("empty")), tag + 3);
	assert_null(taglist_find(&list, TEXT("Empty")));
	assert_null(taglist_find(&list, TEXT("x")));
	arena_free(arena);
}

static bool
read_many(unsigned count)
{
	struct arena *arena = arena_new(1 << 16);
	struct taglist list;
	struct build text;

	build_init(&text, 1 << 16);
	for (unsigned i = 0; i < count; i++)
		build_format(&text, "a%u=x;", i);
	bool is_list = taglist_read(arena, build_view(&text), &list);
	assert_true(!is_list || list.tags.count == count);
	build_free(&text);
	arena_free(arena);
	return is_list;
}

static void
test_limit(void **state)
{
	(void)state;
	assert_true(read_many(TAGLIST_TAGS_MAX));
	assert_false(read_many(TAGLIST_TAGS_MAX + 1));
}

static void
test_no_memory(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	struct taglist list;

	(void)state;
	arena_fail_after(arena, 1);
	assert_false(taglist_read(arena, TEXT("a=1"), &list));
	arena_free(arena);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
