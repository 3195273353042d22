#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deliver/password.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONG_64                                                                \
 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONGEST                                                                \
 LONG_64 LONG_64 LONG_64 "0123456789abcdef0123456789abcdef0123456789abcdef"    \
			 "0123456789abcde"

static const struct {
	const char *name;
	mode_t mode;
	const char *bytes;
	const char *password; /* NULL: refused */
	const char *says;
} rows[] = {
    {"a line", 0600, "secret\n", "secret", NULL},
    {"no end", 0600, "secret", "secret", NULL},
    {"blanks are its own", 0640, " se cret \r\nmore\n", " se cret ", NULL},
    {"bytes", 0400, "p\xC3\xA4ss:\\\n", "p\xC3\xA4ss:\\", NULL},
    {"longest", 0600, LONGEST "\n", LONGEST, NULL},
    {"too long", 0600, LONGEST "f\n", NULL, "255 bytes"},
    {"empty", 0600, "", NULL, "first line"},
    {"empty line", 0600, "\r\nsecret\n", NULL, "first line"},
    {"all may read", 0644, "secret\n", NULL, "chmod o-rw"},
    {"all may write", 0602, "secret\n", NULL, "chmod o-rw"},
};

static bool
run_row(size_t row)
{
	char path[] = "/tmp/password-XXXXXX";
	char password[PASSWORD_MAX + 1] = "";
	struct problem problem = {0};
	int fd = mkstemp(path);
	size_t len = strlen(rows[row].bytes);

	assert_true(fd >= 0 && write(fd, rows[row].bytes, len) == (ssize_t)len);
	assert_int_equal(fchmod(fd, rows[row].mode), 0);
	(void)close(fd);
	bool is_read = password_read(path, password, &problem);
	(void)unlink(path);
	if (rows[row].password == NULL
		? !is_read && strstr(problem.text, rows[row].says) != NULL &&
		      strstr(problem.text, path) != NULL &&
		      strstr(problem.text, "secret") == NULL
		: is_read && strcmp(password, rows[row].password) == 0)
		return true;
	print_error("%s: %s\n", rows[row].name, problem.text);
	return false;
}

static void
test_files(void **state)
{
	size_t failures = 0;

	(void)state;
	for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
		failures += !run_row(row);
	assert_int_equal(failures, 0);
}

static void
test_no_file(void **state)
{
	static const char *const paths[] = {"/nonexistent/x", "/", "/dev/null"};

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		char password[PASSWORD_MAX + 1];
		struct problem problem = {0};
		assert_false(password_read(paths[i], password, &problem));
		assert_non_null(strstr(problem.text, "ReportPasswordFile /"));
	}
}

/* Nobody can make us wait for the other end. */
static void
test_fifo(void **state)
{
	char folder[] = "/tmp/password-XXXXXX";
	char path[64], password[PASSWORD_MAX + 1];
	struct problem problem = {0};

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(password_read(path, password, &problem));
	assert_non_null(strstr(problem.text, "not a file"));
	(void)unlink(path);
	(void)rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_no_file),
	    cmocka_unit_test(test_fifo),
	};

	return cmocka_run_group_tests_name(
	    "deliver password", tests, NULL, NULL);
}
