#include "base/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void
test_first_stays(void **state)
{
	struct problem problem = {0};

	(void)state;
	assert_false(problem_no_memory(NULL));
	assert_int_equal(problem_exit_code(&problem), 0);
	assert_false(problem_set(&problem, PROBLEM_CONFIG, "line %d", 7));
	assert_false(problem_no_memory(&problem));
	assert_int_equal(problem.kind, PROBLEM_CONFIG);
	assert_string_equal(problem.text, "line 7");
	assert_int_equal(problem_exit_code(&problem), 78);
}

static void
test_kinds(void **state)
{
	static const struct {
		int error;
		enum problem_kind kind;
	} rows[] = {
	    {EACCES, PROBLEM_PERMISSION},
	    {EPERM, PROBLEM_PERMISSION},
	    {ENOENT, PROBLEM_NO_INPUT},
	    {ENOTDIR, PROBLEM_NO_INPUT},
	    {ELOOP, PROBLEM_CONFIG},
	    {ENOSPC, PROBLEM_CANNOT_WRITE},
	    {EROFS, PROBLEM_CANNOT_WRITE},
	    {EIO, PROBLEM_SYSTEM},
	    {ECONNREFUSED, PROBLEM_UNAVAILABLE},
	    {EADDRINUSE, PROBLEM_UNAVAILABLE},
	    {EINVAL, PROBLEM_SYSTEM},
	    {0, PROBLEM_SYSTEM},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (problem_kind_of(rows[i].error) != rows[i].kind)
			fail_msg("%s", strerror(rows[i].error));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_first_stays),
	    cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
