/* Whatever a broken child leaves on the board, the master reads figures from
 * it and tells a status that is JSON. The linker brings us the call that gives
 * the board its memory (--wrap, tests/unit/meson.build). */
#include "dmarcd/board.h"

#include "dmarcd/children.h"
#include "dmarcd/status.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CACHE_LINE = 64, NOW = 1000, CHILD = 3, ROUNDS = 200 };

static unsigned char *memory;
static size_t memory_size;

/* NOLINTBEGIN(readability-identifier-naming): the linker's words */
void *__wrap_mmap(
    void *address, size_t size, int protection, int flags, int fd, off_t at);
/* Its name where off_t was smaller once. */
void *__wrap_mmap64(
    void *address, size_t size, int protection, int flags, int fd, off_t at);

void *
__wrap_mmap(
    void *address, size_t size, int protection, int flags, int fd, off_t at)
{
	(void)address, (void)protection, (void)flags, (void)fd, (void)at;
	memory_size = size;
	memory = aligned_alloc(CACHE_LINE, size);
	assert_non_null(memory);
	memset(memory, 0, size);
	return memory;
}

void *
__wrap_mmap64(
    void *address, size_t size, int protection, int flags, int fd, off_t at)
{
	return __wrap_mmap(address, size, protection, flags, fd, at);
}

/* NOLINTEND(readability-identifier-naming) */

time_t
children_now(void)
{
	return NOW;
}

static void
fill(uint64_t word)
{
	for (size_t i = 0; i < memory_size; i += sizeof word)
		memcpy(memory + i, &word, sizeof word);
}

/* The same numbers in every run. */
static void
fill_anyhow(uint64_t seed)
{
	for (size_t i = 0; i < memory_size; i++) {
		seed = seed * 6364136223846793005U + 1442695040888963407U;
		memory[i] = (unsigned char)(seed >> 56);
	}
}

/* What dmarc status and Prometheus do with it begins so. */
static void
check_status(void)
{
	static const struct status status = {NULL, "running"};
	struct build object;
	json_error_t error;

	build_init(&object, STATUS_MAX);
	status_write(&object, &status);
	assert_false(build_failed(&object));
	json_t *json = json_loadb(object.ptr, object.len, 0, &error);
	if (json == NULL)
		fail_msg("%s at %d", error.text, error.position);
	for (enum figure figure = 0; figure < FIGURES; figure++) {
		const struct figure_row *row = &figure_rows[figure];
		const json_t *number = json_object_get(
		    json_object_get(json, row->group), row->word);
		assert_true(board_knows(figure) ? json_is_integer(number)
						: json_is_null(number));
		assert_true(json_integer_value(number) >= 0);
	}
	json_decref(json);
	build_free(&object);
}

static void
check_silence(void)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		assert_in_range(board_silence(i), 0, NOW);
}

static void
test_any_words(void **state)
{
	static const uint64_t words[] = {0, 1, INT64_MAX,
	    (uint64_t)INT64_MAX + 1, UINT64_MAX, UINT64_MAX / 32, UINT32_MAX,
	    0x0000010000000100};

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		fill(words[i]);
		check_status();
		check_silence();
	}
	fill(0);
}

static void
test_any_bytes(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		fill_anyhow(round);
		check_status();
		check_silence();
		board_clear((size_t)round % CHILDREN_MAX);
	}
	fill(0);
}

/* Sums end at what readers of JSON take for a number. */
static void
test_sums(void **state)
{
	(void)state;
	board_count(0, FIGURE_DNS_ASKED, INT64_MAX);
	assert_true(board_sum(FIGURE_DNS_ASKED) == INT64_MAX);
	board_count(1, FIGURE_DNS_ASKED, 1);
	assert_true(board_sum(FIGURE_DNS_ASKED) == INT64_MAX);
	board_count(1, FIGURE_DNS_ASKED, UINT64_MAX - 1);
	assert_true(board_sum(FIGURE_DNS_ASKED) == INT64_MAX);
	board_enter(CHILD, 2);
	board_level(0, FIGURE_CACHE_BYTES, INT64_MAX);
	board_level(1, FIGURE_CACHE_BYTES, INT64_MAX);
	assert_true(board_sum(FIGURE_CACHE_BYTES) == INT64_MAX);
	board_clear(CHILD);
	assert_int_equal(board_sum(FIGURE_CACHE_BYTES), 0);
	fill(0);
}

static void
test_values(void **state)
{
	static const uint64_t values[] = {0, 7, INT64_MAX - 1};

	(void)state;
	assert_true(board_knows(FIGURE_IMPORT_LAST));
	assert_false(board_knows(FIGURE_REPORT_WAITING));
	check_status();
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		board_set(FIGURE_REPORT_WAITING, values[i]);
		assert_true(board_knows(FIGURE_REPORT_WAITING));
		assert_true(board_sum(FIGURE_REPORT_WAITING) == values[i]);
		check_status();
	}
	fill(0);
}

/* A note of any text; what is no text is escaped. */
static void
test_notes(void **state)
{
	static const char text[] = "\"\\\n\x01\x7F\x80\xFF\xC3(\xE2\x82";
	struct board_note note;

	(void)state;
	for (size_t i = 0; i <= BOARD_RECENT; i++)
		board_note_recent(TEXT(text));
	board_note(BOARD_IMPORT, TEXT(text));
	assert_true(board_read(BOARD_IMPORT, &note));
	assert_int_equal(note.len, sizeof text - 1);
	assert_false(board_read(BOARD_EXPIRE, &note));
	check_status();
	fill(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_any_words),
	    cmocka_unit_test(test_any_bytes),
	    cmocka_unit_test(test_sums),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_notes),
	};
	struct problem problem = {PROBLEM_NONE, ""};

	if (!board_make(&problem))
		return 1;
	int failures =
	    cmocka_run_group_tests_name("dmarcd board", tests, NULL, NULL);
	free(memory);
	return failures;
}
