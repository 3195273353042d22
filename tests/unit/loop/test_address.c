#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/address.h"

#include "exact.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/dmarcd-test-XXXXXX";
static char path[64];
static char address[80];

static void
finds_paths(void **state)
{
	static const char *const rows[][2] = {
	    {"unix:/run/x", "/run/x"},
	    {"local:/run/x", "/run/x"},
	    {"LOCAL:x", "x"},
	    {"/run/x", "/run/x"},
	    {"inet:8893@localhost", ""},
	    {"inet6:8893", ""},
	    {"x", ""},
	    {"", ""},
	};
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text text = exact(text_from_cstr(rows[i][0]));
		struct text found = address_path(text);
		if (!text_equal(found, text_from_cstr(rows[i][1]))) {
			print_error("%s: \"" TEXT_FMT "\"\n", rows[i][0],
			    TEXT_ARG(found));
			failures++;
		}
		exact_free(text);
	}
	assert_int_equal(failures, 0);
}

static void
says_what_is_wrong(void **state)
{
	static const struct {
		const char *address;
		enum problem_kind kind;
		const char *part; /* of the problem's text */
	} rows[] = {
	    {"", PROBLEM_CONFIG, "is not a socket"},
	    {"unix:", PROBLEM_CONFIG, "is not a socket"},
	    {"8893", PROBLEM_CONFIG, "is not a socket"},
	    {"tcp:8893", PROBLEM_CONFIG, "is not a socket"},
	    {"inet:", PROBLEM_CONFIG, "is not a socket"},
	    {"inet:x@127.0.0.1", PROBLEM_CONFIG, "is not a socket"},
	    {"inet:65536@127.0.0.1", PROBLEM_CONFIG, "is not a socket"},
	    {"inet:-1@127.0.0.1", PROBLEM_CONFIG, "is not a socket"},
	    {"inet:0@::1", PROBLEM_CONFIG, "no such host"},
	    {"inet6:0@127.0.0.1", PROBLEM_CONFIG, "no such host"},
	    {"unix:/tmp/"
	     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		PROBLEM_CONFIG, "must have 1 to"},
	    {"unix:/nowhere/at/all", PROBLEM_NO_INPUT, "listen on"},
	};

	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct problem problem = {0};
		struct text text = exact(text_from_cstr(rows[i].address));
		int fd = address_listen(text, 0600, &problem);
		if (fd >= 0 || problem.kind != rows[i].kind ||
		    strstr(problem.text, rows[i].part) == NULL ||
		    strstr(problem.text, rows[i].address) == NULL) {
			print_error("%s: %d %s\n", rows[i].address,
			    (int)problem.kind, problem.text);
			failures++;
		}
		exact_free(text);
	}
	assert_int_equal(failures, 0);
}

/* What `dmarcd -n` looks at: nothing is bound or looked up. */
static void
checks_alone(void **state)
{
	static const struct {
		const char *address;
		const char *part; /* of the problem's text; NULL: good */
	} rows[] = {
	    {"unix:/nowhere/at/all", NULL},
	    {"local:/run/x", NULL},
	    {"/run/x", NULL},
	    {"inet:1", NULL},
	    {"inet:65535@no.such.host.invalid", NULL},
	    {"inet6:8893@[::1]", NULL},
	    {"", "is not a socket"},
	    {"unix:", "is not a socket"},
	    {"inet:65536", "is not a socket"},
	    {"inet:0", "from 1 to 65535"},
	    {"inet6:00@::1", "from 1 to 65535"},
	    {"8893@localhost", "is not a socket"},
	    {"unix:/tmp/"
	     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		"must have 1 to"},
	};

	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct problem problem = {0};
		struct text text = exact(text_from_cstr(rows[i].address));
		bool is_good = address_check(text, &problem);
		if (is_good != (rows[i].part == NULL) ||
		    (!is_good &&
			(problem.kind != PROBLEM_CONFIG ||
			    strstr(problem.text, rows[i].part) == NULL ||
			    strstr(problem.text, rows[i].address) == NULL))) {
			print_error("%s: %s\n", rows[i].address, problem.text);
			failures++;
		}
		exact_free(text);
	}
	assert_int_equal(failures, 0);
}

static void
listens_on_a_path(void **state)
{
	struct problem problem = {0};
	struct stat status;
	struct text text = text_from_cstr(address);

	(void)state;
	int fd = address_listen(text, 0620, &problem);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0620);
	int client = address_connect(text, &problem);
	assert_true(client >= 0);
	assert_int_equal(close(client), 0);

	/* In use: it stays. */
	assert_int_equal(address_listen(text, 0600, &problem), -1);
	assert_int_equal(problem.kind, PROBLEM_UNAVAILABLE);
	assert_non_null(strstr(problem.text, "in use"));

	/* Left behind: it is replaced. */
	assert_int_equal(close(fd), 0);
	problem = (struct problem){0};
	assert_int_equal(address_connect(text, &problem), -1);
	assert_int_equal(problem.kind, PROBLEM_UNAVAILABLE);
	fd = address_listen(text_from_cstr(path), 0600, &problem);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
}

/* A process that is too busy to take connections is not gone. */
static void
keeps_a_full_socket(void **state)
{
	struct problem problem = {0};
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct text text = text_from_cstr(address);
	int clients[16];
	int count = 0;

	(void)state;
	int fd = address_listen(text, 0600, &problem);
	assert_true(fd >= 0);
	assert_int_equal(listen(fd, 1), 0);
	(void)snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
	for (bool is_taken = true; is_taken && count < 16; count++) {
		clients[count] =
		    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		is_taken = connect(clients[count], (struct sockaddr *)&name,
			       sizeof name) == 0;
	}
	assert_in_range(count, 1, 15);
	(void)alarm(10);
	assert_int_equal(address_listen(text, 0600, &problem), -1);
	(void)alarm(0);
	assert_non_null(strstr(problem.text, "in use"));
	for (int i = 0; i < count; i++)
		(void)close(clients[i]);
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
}

/* A socket of another kind neither takes nor refuses connections. */
static void
keeps_what_it_cannot_judge(void **state)
{
	struct problem problem = {0};
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	(void)state;
	(void)snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(
	    address_listen(text_from_cstr(address), 0600, &problem), -1);
	assert_non_null(strstr(problem.text, "cannot tell whether"));
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
}

static void
keeps_what_is_no_socket(void **state)
{
	struct problem problem = {0};
	struct stat status;
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(
	    address_listen(text_from_cstr(address), 0600, &problem), -1);
	assert_non_null(strstr(problem.text, "is not a socket"));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(unlink(path), 0);
}

static void
listens_on_a_port(void **state)
{
	struct problem problem = {0};
	struct sockaddr_in name;
	socklen_t size = sizeof name;
	char text[40];

	(void)state;
	int fd = address_listen(TEXT("inet:0@127.0.0.1"), 0, &problem);
	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
	(void)snprintf(text, sizeof text, "inet:%u@[127.0.0.1]",
	    (unsigned)ntohs(name.sin_port));
	int client = address_connect(text_from_cstr(text), &problem);
	assert_true(client >= 0);
	assert_int_equal(close(client), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(address_connect(text_from_cstr(text), &problem), -1);
	assert_int_equal(problem.kind, PROBLEM_UNAVAILABLE);
}

static int
make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof path, "%s/socket", folder);
	(void)snprintf(address, sizeof address, "local:%s", path);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_paths),
	    cmocka_unit_test(says_what_is_wrong),
	    cmocka_unit_test(checks_alone),
	    cmocka_unit_test(listens_on_a_path),
	    cmocka_unit_test(keeps_a_full_socket),
	    cmocka_unit_test(keeps_what_it_cannot_judge),
	    cmocka_unit_test(keeps_what_is_no_socket),
	    cmocka_unit_test(listens_on_a_port),
	};

	return cmocka_run_group_tests_name(
	    "loop address", tests, make_folder, remove_folder);
}
