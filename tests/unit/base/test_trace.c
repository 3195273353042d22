#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/problem.h"
#include "base/trace.h"

#include <string.h>
#include <sysexits.h>

static void
assert_story(const struct trace *trace, struct text expected)
{
	struct text story = trace_story(trace);

	if (!text_equal(story, expected))
		print_error(TEXT_FMT "\n", TEXT_ARG(story));
	assert_true(text_equal(story, expected));
}

static void
test_story(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	struct trace trace;

	(void)state;
	trace_init(&trace, arena);
	assert_story(&trace, TEXT(""));
	trace_say(&trace, "thrown away");
	trace_reset(&trace);
	assert_story(&trace, TEXT(""));
	trace_say(&trace, "%s is %d", "x", 1);
	trace_say(&trace, "%s", "a\r\nb\\\x1B[1m\xC3");
	trace_say(&trace, "%s", "");
	assert_story(
	    &trace, TEXT("x is 1\na\\x0D\\x0Ab\\x5C\\x1B[1m\\xC3\n\n"));
	arena_free(arena);
}

static void
test_nobody_reads(void **state)
{
	(void)state;
	trace_reset(NULL);
	trace_say(NULL, "%s", "x");
	assert_story(NULL, TEXT(""));
}

static void
test_long_line(void **state)
{
	static char line[5000];
	struct arena *arena = arena_new(1 << 20);
	struct trace trace;

	(void)state;
	memset(line, 'x', sizeof line - 1);
	trace_init(&trace, arena);
	trace_say(&trace, "%s", line);
	trace_say(&trace, "next");
	struct text story = trace_story(&trace);
	assert_int_equal(story.len, 1024 + sizeof "next");
	assert_true(text_ends_nocase(story, TEXT("xx\nnext\n")));
	arena_free(arena);
}

/* A full story stays as it is, and a new one can begin. */
static void
test_full(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	struct trace trace;

	(void)state;
	trace_init(&trace, arena);
	for (int i = 0; i < 10000; i++)
		trace_say(&trace, "line number %d", i);
	struct text story = trace_story(&trace);
	assert_true(story.len <= TRACE_MAX && story.len > TRACE_MAX - 100);
	assert_true(text_starts(story, TEXT("line number 0\n")));
	trace_reset(&trace);
	trace_say(&trace, "again");
	assert_story(&trace, TEXT("again\n"));
	assert_false(arena_failed(arena));
	arena_free(arena);
}

static void
test_problem(void **state)
{
	static char line[5000];
	struct problem problem = {.kind = PROBLEM_NONE};

	(void)state;
	memset(line, 'x', sizeof line - 1);
	assert_int_equal(problem_exit_code(&problem), EX_OK);
	assert_false(problem_set(NULL, PROBLEM_DATA, "%s", "x"));
	assert_false(problem_set(&problem, PROBLEM_CONFIG, "%s: no", "file"));
	assert_false(problem_set(&problem, PROBLEM_DATA, "second"));
	assert_string_equal(problem.text, "file: no");
	assert_int_equal(problem_exit_code(&problem), EX_CONFIG);
	problem.kind = PROBLEM_NONE;
	assert_false(problem_set(&problem, PROBLEM_TEMPORARY, "%s", line));
	assert_int_equal(strlen(problem.text), sizeof problem.text - 1);
	assert_int_equal(problem_exit_code(&problem), EX_TEMPFAIL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_story),
	    cmocka_unit_test(test_nobody_reads),
	    cmocka_unit_test(test_long_line),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
