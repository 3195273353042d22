#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/build.h"

static void
assert_built(const struct build *build, struct text expected)
{
	if (!text_equal(build_view(build), expected))
		print_error("\"" TEXT_FMT "\"\n", TEXT_ARG(build_view(build)));
	assert_true(text_equal(build_view(build), expected));
}

static void
add_all(struct build *build)
{
	assert_built(build, TEXT(""));
	build_text(build, TEXT("a\0"));
	build_text(build, (struct text){NULL, 0});
	build_cstr(build, "b");
	build_cstr(build, "");
	build_byte(build, '\n');
	build_number(build, 0);
	build_number(build, 18446744073709551615U);
	build_format(build, "%s/%d", "x", 7);
	build_format(build, "%s", "");
	assert_built(build, TEXT("a\0b\n018446744073709551615x/7"));
	assert_false(build_failed(build));
}

static void
test_heap(void **state)
{
	struct build build;

	(void)state;
	build_init(&build, 100);
	add_all(&build);
	build_free(&build);
	add_all(&build); /* again after free */
	build_free(&build);
	build_free(&build);
}

static void
test_arena(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	struct build build;

	(void)state;
	build_init_arena(&build, arena, 100);
	add_all(&build);
	build_free(&build);
	add_all(&build);
	arena_free(arena);
}

static void
test_growing(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	struct build heap;
	struct build in_arena;

	(void)state;
	build_init(&heap, 100000);
	build_init_arena(&in_arena, arena, 100000);
	for (int i = 0; i < 100000; i++) {
		build_byte(&heap, (char)(i % 251));
		build_byte(&in_arena, (char)(i % 251));
	}
	assert_false(build_failed(&heap));
	assert_built(&in_arena, build_view(&heap));
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(heap.ptr[i], (char)(i % 251));
	build_free(&heap);
	arena_free(arena);
}

/* Exactly the limit fits, whatever it is added with. */
static void
test_limit(void **state)
{
	struct build build;

	(void)state;
	build_init(&build, 4);
	build_text(&build, TEXT("1234"));
	assert_false(build_failed(&build));
	build_cut(&build, 0);
	build_format(&build, "%d", 1234);
	assert_false(build_failed(&build));
	build_text(&build, TEXT(""));
	assert_false(build_failed(&build));
	build_byte(&build, '5');
	assert_true(build_failed(&build));
	assert_built(&build, TEXT("1234"));
	build_cut(&build, 0);
	build_byte(&build, '1'); /* failure stays */
	assert_true(build_failed(&build));
	assert_built(&build, TEXT(""));
	build_free(&build);
	assert_false(build_failed(&build));
	build_format(&build, "%d", 12345);
	assert_true(build_failed(&build));
	assert_built(&build, TEXT(""));
	build_free(&build);
}

static void
test_no_memory(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	struct build build;

	(void)state;
	build_init_arena(&build, arena, 10000);
	arena_fail_after(arena, 2);
	build_text(&build, TEXT("kept"));
	for (int i = 0; i < 1000; i++)
		build_byte(&build, 'x');
	assert_true(build_failed(&build));
	assert_true(text_starts(build_view(&build), TEXT("keptxxx")));
	assert_null(build_room(&build, 1));
	arena_free(arena);
}

static void
test_room_cut_drop(void **state)
{
	struct build build;

	(void)state;
	build_init(&build, 100);
	build_drop(&build, 0);
	build_drop(&build, 5);
	build_cut(&build, 5);
	assert_built(&build, TEXT(""));
	char *room = build_room(&build, 6);
	assert_non_null(room);
	for (int i = 0; i < 6; i++)
		room[i] = (char)('a' + i);
	assert_built(&build, TEXT("abcdef"));
	build_cut(&build, 7);
	assert_built(&build, TEXT("abcdef"));
	build_cut(&build, 5);
	assert_built(&build, TEXT("abcde"));
	build_drop(&build, 0);
	build_drop(&build, 2);
	assert_built(&build, TEXT("cde"));
	build_drop(&build, 9);
	assert_built(&build, TEXT(""));
	build_free(&build);
}

static void
test_insert(void **state)
{
	struct build build;

	(void)state;
	build_init(&build, 8);
	build_insert(&build, 0, TEXT("de"));
	assert_built(&build, TEXT("de"));
	build_insert(&build, 0, TEXT("abc"));
	assert_built(&build, TEXT("abcde"));
	build_insert(&build, 5, TEXT("f"));
	build_insert(&build, 3, TEXT(""));
	assert_built(&build, TEXT("abcdef"));
	build_insert(&build, 1, TEXT("__"));
	assert_built(&build, TEXT("a__bcdef"));
	build_insert(&build, 1, TEXT("x"));
	assert_true(build_failed(&build));
	assert_true(text_equal(build_view(&build), TEXT("a__bcdef")));
	build_free(&build);
}

static void
test_clean(void **state)
{
	struct build build;

	(void)state;
	build_init(&build, 100);
	build_clean(&build, TEXT("a b~\\\0\n\r\t\x1B\x7F\xC3\xBC"));
	assert_built(
	    &build, TEXT("a b~\\x5C\\x00\\x0A\\x0D\\x09\\x1B\\x7F\\xC3\\xBC"));
	build_free(&build);
	build_init(&build, 80);
	build_json(&build, TEXT("a b~\\\"\0\n\xC3\xBC"));
	build_json(&build, TEXT(""));
	assert_built(
	    &build, TEXT("\"a b~\\\\\\\"\\u0000\\u000a\\u00c3\\u00bc\"\"\""));
	build_free(&build);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_heap),
	    cmocka_unit_test(test_arena),
	    cmocka_unit_test(test_growing),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_room_cut_drop),
	    cmocka_unit_test(test_insert),
	    cmocka_unit_test(test_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
