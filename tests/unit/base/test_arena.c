#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/vec.h"

#include <string.h>

static void
test_alloc(void **state)
{
	struct arena *arena = arena_new(1 << 22);

	(void)state;
	for (size_t size = 0; size < 2000; size++) {
		unsigned char *bytes = arena_alloc(arena, size);
		assert_non_null(bytes);
		assert_int_equal((uintptr_t)bytes % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(bytes[i], 0);
		memset(bytes, 0xFF, size); /* nobody else's */
	}
	assert_false(arena_failed(arena));
	arena_free(arena);
	arena_free(NULL);
}

static void
test_limit(void **state)
{
	struct arena *arena = arena_new(1024);

	(void)state;
	assert_non_null(arena_alloc(arena, 1000));
	assert_true(arena_used(arena) >= 1000);
	assert_non_null(arena_alloc(arena, 16));
	assert_null(arena_alloc(arena, 1));
	assert_true(arena_failed(arena));
	arena_free(arena);
}

/* Larger than a chunk ever is, and larger than anything. */
static void
test_sizes(void **state)
{
	static const size_t impossible[] = {
	    SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 16, SIZE_MAX - 40};
	struct arena *arena = arena_new(1 << 20);

	(void)state;
	assert_non_null(arena_alloc(arena, 300000));
	assert_non_null(arena_alloc(arena, 1));
	assert_non_null(arena_alloc(arena, 300000));
	arena_free(arena);
	for (size_t i = 0; i < 4; i++) {
		arena = arena_new(SIZE_MAX);
		assert_null(arena_alloc(arena, impossible[i]));
		assert_true(arena_failed(arena));
		arena_free(arena);
	}
	arena = arena_new(SIZE_MAX);
	assert_null(arena_array(arena, SIZE_MAX / 2 + 2, 2));
	assert_true(arena_failed(arena));
	arena_free(arena);
}

/* Number N fails, and all behind it. */
static void
test_fail_after(void **state)
{
	(void)state;
	for (size_t n = 1; n < 5; n++) {
		struct arena *arena = arena_new(1 << 20);
		arena_fail_after(arena, n);
		for (size_t i = 1; i < 8; i++) {
			void *bytes = arena_alloc(arena, 1);
			assert_int_equal(bytes == NULL, i >= n);
			assert_int_equal(arena_failed(arena), i >= n);
		}
		arena_free(arena);
	}
}

static void
test_failed_texts(void **state)
{
	struct arena *arena = arena_new(0);

	(void)state;
	assert_int_equal(arena_copy(arena, TEXT("a")).len, 0);
	assert_true(arena_failed(arena));
	assert_int_equal(arena_lower(arena, TEXT("a")).len, 0);
	assert_int_equal(arena_join(arena, TEXT("a"), TEXT("b")).len, 0);
	assert_int_equal(arena_format(arena, "%d", 1).len, 0);
	assert_string_equal(arena_cstr(arena, TEXT("a")), "");
	arena_free(arena);
}

static void
assert_text(struct text text, struct text expected)
{
	if (!text_equal(text, expected))
		print_error("\"" TEXT_FMT "\"\n", TEXT_ARG(text));
	assert_true(text_equal(text, expected));
}

static void
test_texts(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	struct text none = {NULL, 0};

	(void)state;
	assert_text(arena_copy(arena, TEXT("a\0b")), TEXT("a\0b"));
	assert_text(arena_copy(arena, none), TEXT(""));
	assert_text(
	    arena_lower(arena, TEXT("A\0z\xC3Z[@`")), TEXT("a\0z\xC3z[@`"));
	assert_text(arena_lower(arena, none), TEXT(""));
	assert_text(
	    arena_join(arena, TEXT("a\0"), TEXT("\0b")), TEXT("a\0\0b"));
	assert_text(arena_join(arena, none, TEXT("b")), TEXT("b"));
	assert_text(arena_join(arena, TEXT("a"), none), TEXT("a"));
	assert_text(arena_join(arena, none, none), TEXT(""));
	assert_text(arena_format(arena, "%s-%d", "x", -1), TEXT("x--1"));
	assert_text(arena_format(arena, "%s", ""), TEXT(""));
	assert_string_equal(arena_cstr(arena, TEXT("ab")), "ab");
	assert_string_equal(arena_cstr(arena, none), "");
	assert_false(arena_failed(arena));
	arena_free(arena);
}

static unsigned released[4];
static size_t releases;

static void
note_release(void *object)
{
	released[releases++] = *(unsigned *)object;
}

static void
test_defer(void **state)
{
	unsigned object[] = {1, 2, 3};
	struct arena *arena = arena_new(1 << 16);

	(void)state;
	releases = 0;
	assert_true(arena_defer(arena, note_release, &object[0]));
	assert_true(arena_defer(arena, note_release, &object[1]));
	assert_int_equal(releases, 0);
	arena_fail_after(arena, 1);
	assert_false(arena_defer(arena, note_release, &object[2]));
	assert_int_equal(releases, 1);
	arena_free(arena);
	assert_int_equal(releases, 3);
	assert_int_equal(released[0], 3);
	assert_int_equal(released[1], 2); /* latest first */
	assert_int_equal(released[2], 1);
}

static void
test_vec(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	VEC(size_t) numbers = {0};

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		size_t *number = vec_push(arena, &numbers);
		assert_non_null(number);
		assert_int_equal(*number, 0);
		*number = i;
	}
	assert_int_equal(numbers.count, 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(numbers.at[i], i);
	arena_free(arena);
}

static void
test_vec_no_memory(void **state)
{
	struct arena *arena = arena_new(8 * sizeof(size_t));
	VEC(size_t) numbers = {0};

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		size_t *number = vec_push(arena, &numbers);
		assert_non_null(number);
		*number = i;
	}
	assert_null(vec_push(arena, &numbers));
	assert_int_equal(numbers.count, 8);
	assert_int_equal(numbers.at[7], 7);
	arena_free(arena);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_alloc),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_fail_after),
	    cmocka_unit_test(test_failed_texts),
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_defer),
	    cmocka_unit_test(test_vec),
	    cmocka_unit_test(test_vec_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
