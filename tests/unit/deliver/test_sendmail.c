/* Delivery to a small script in place of sendmail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deliver/deliver.h"
#include "deliver/words.h"
#include "exact.h"
#include "vectors.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARENA_MAX = 1024 * 1024, TIMEOUT = 60, FOREIGN_FD = 77 };

/* A folder with the script in it; the script runs there. */
struct place {
	char folder[32];
	char program[64];
	struct arena *arena;
	struct text words; /* of the last mail */
	unsigned asked;    /* times of before_data */
	bool refuses;      /* before_data does */
};

static const char *
path_of(struct place *place, const char *name)
{
	return arena_cstr(place->arena,
	    arena_format(place->arena, "%s/%s", place->folder, name));
}

static bool
exists(struct place *place, const char *name)
{
	return access(path_of(place, name), F_OK) == 0;
}

static struct text
contents(struct place *place, const char *name)
{
	return vectors_read(place->arena, path_of(place, name));
}

static void
write_script(struct place *place, const char *body)
{
	FILE *file = fopen(place->program, "w");

	assert_non_null(file);
	(void)fprintf(
	    file, "#!/bin/sh\ncd %s\n: >ran\n%s\n", place->folder, body);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(place->program, 0700), 0);
}

static int
set_up(void **state)
{
	struct place *place = calloc(1, sizeof *place);

	assert_non_null(place);
	(void)strcpy(place->folder, "/tmp/deliver-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	(void)snprintf(place->program, sizeof place->program, "%s/sendmail",
	    place->folder);
	place->arena = arena_new(ARENA_MAX);
	*state = place;
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = {
	    "ran", "words", "mail", "status", "fds", "hold", "sendmail"};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)unlink(path_of(place, names[i]));
	(void)rmdir(place->folder);
	arena_free(place->arena);
	free(place);
	return 0;
}

/* The program is not at work yet. */
static bool
before_data(void *context)
{
	struct place *place = context;

	place->asked++;
	assert_false(exists(place, "ran"));
	return !place->refuses;
}

static struct deliver *
open_program(struct place *place, unsigned timeout)
{
	struct problem problem = {0};
	struct text transport =
	    arena_format(place->arena, "sendmail:%s", place->program);
	const struct deliver_options options = {
	    .transport = arena_cstr(place->arena, transport),
	    .tls = DELIVER_TLS_OPPORTUNISTIC,
	    .timeout = timeout};
	struct deliver *deliver = deliver_new(&options, &problem);

	if (deliver == NULL)
		fail_msg("%s", problem.text);
	return deliver;
}

static enum deliver_result
send_within(struct place *place, unsigned timeout, const char *from,
    const char *to, struct text mail)
{
	struct deliver *deliver = open_program(place, timeout);
	struct text copy = exact(mail);
	const struct deliver_letter letter = {.from = text_from_cstr(from),
	    .to = text_from_cstr(to),
	    .mail = copy,
	    .before_data = before_data,
	    .context = place};

	enum deliver_result result =
	    deliver_mail(deliver, &letter, place->arena, &place->words);
	exact_free(copy);
	deliver_free(deliver);
	return result;
}

static enum deliver_result
send_mail(struct place *place)
{
	return send_within(place, TIMEOUT, "a@receiver.example",
	    "b@example.com", TEXT("Subject: x\r\n\r\nx\r\n"));
}

/* --- what it is given --- */

static const struct {
	const char *from, *to;
	const char *words;
} word_rows[] = {
    {"a@receiver.example", "b@example.com",
	"[-i][-f][a@receiver.example][--][b@example.com]"},
    {"", "b@example.com", "[-i][-f][<>][--][b@example.com]"},
    {"", "-oQ/tmp@example.com", "[-i][-f][<>][--][-oQ/tmp@example.com]"},
    {"", "$(id)`id`;id|\"*\"@example.com",
	"[-i][-f][<>][--][$(id)`id`;id|\"*\"@example.com]"},
};

static void
test_words(void **state)
{
	struct place *place = *state;

	write_script(
	    place, "for word; do printf '[%s]' \"$word\"; done >words");
	for (size_t i = 0; i < sizeof word_rows / sizeof *word_rows; i++) {
		(void)unlink(path_of(place, "ran"));
		assert_int_equal(send_within(place, TIMEOUT, word_rows[i].from,
				     word_rows[i].to, TEXT("x")),
		    DELIVER_ACCEPTED);
		struct text words = contents(place, "words");
		if (!text_equal(words, text_from_cstr(word_rows[i].words)))
			fail_msg("row %zu: " TEXT_FMT, i, TEXT_ARG(words));
	}
	assert_int_equal(place->asked, sizeof word_rows / sizeof *word_rows);
}

static const struct {
	const char *mail, *expected;
} mail_rows[] = {
    {"Subject: x\r\n\r\n.\r\n..\r\nlast\r\n", "Subject: x\n\n.\n..\nlast\n"},
    {"a\r\n\r\n", "a\n\n"},
    {"no end", "no end\n"},
    {"a\rb\nc\r\n", "a\rb\nc\n"},
    {"", ""},
};

static void
test_mail(void **state)
{
	struct place *place = *state;

	write_script(place, "cat >mail");
	for (size_t i = 0; i < sizeof mail_rows / sizeof *mail_rows; i++) {
		(void)unlink(path_of(place, "ran"));
		assert_int_equal(
		    send_within(place, TIMEOUT, "", "b@example.com",
			text_from_cstr(mail_rows[i].mail)),
		    DELIVER_ACCEPTED);
		struct text mail = contents(place, "mail");
		if (!text_equal(mail, text_from_cstr(mail_rows[i].expected)))
			fail_msg("row %zu: " TEXT_FMT, i, TEXT_ARG(mail));
	}
}

/* It reads nothing of a mail larger than any pipe holds. */
static void
test_large_mail(void **state)
{
	enum { LARGE = 4 * 1024 * 1024 };
	struct place *place = *state;
	char *bytes = malloc(LARGE);

	assert_non_null(bytes);
	memset(bytes, 'x', LARGE);
	write_script(place, "exit 0");
	assert_int_equal(send_within(place, TIMEOUT, "", "b@example.com",
			     (struct text){bytes, LARGE}),
	    DELIVER_ACCEPTED);
	write_script(place, "wc -c >mail");
	(void)unlink(path_of(place, "ran"));
	assert_int_equal(send_within(place, TIMEOUT, "", "b@example.com",
			     (struct text){bytes, LARGE}),
	    DELIVER_ACCEPTED);
	assert_true(text_equal(contents(place, "mail"), TEXT("4194305\n")));
	free(bytes);
}

/* Without the two that the C library keeps to itself. */
static unsigned long long
signals_of(struct place *place, const char *name)
{
	struct text status = contents(place, "status");
	size_t at = text_find_part(status, text_from_cstr(name));

	assert_true(at < status.len);
	return strtoull(arena_cstr(place->arena,
			    text_slice(status, at + strlen(name), at + 25)),
		   NULL, 16) &
	       0x7FFFFFFF;
}

/* A file of ours that another library left open, and the signals that a daemon
 * ignores and blocks. */
static void
test_inherits_nothing(void **state)
{
	struct place *place = *state;
	sigset_t blocked, before;

	write_script(place,
	    "grep -E '^Sig(Blk|Ign)' /proc/self/status >status\n"
	    "ls /proc/$$/fd >fds");
	assert_int_equal(dup2(STDERR_FILENO, FOREIGN_FD), FOREIGN_FD);
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &blocked, &before);
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(send_mail(place), DELIVER_ACCEPTED);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)close(FOREIGN_FD);
	assert_int_equal(signals_of(place, "SigBlk:\t"), 0);
	assert_int_equal(signals_of(place, "SigIgn:\t"), 0);
	struct text fds = contents(place, "fds");
	assert_true(fds.len > 0);
	assert_int_equal(text_find_part(fds, TEXT("77")), fds.len);
}

/* --- what it answers --- */

static const struct {
	const char *script;
	enum deliver_result result;
	const char *says; /* behind its path */
} status_rows[] = {
    {"exit 0", DELIVER_ACCEPTED, " accepted it"},
    {"echo queued as 42", DELIVER_ACCEPTED, " accepted it: queued as 42"},
    {"exit 1", DELIVER_RETRY, " ended by status 1"},
    {"exit 64", DELIVER_RETRY, " ended by status 64"},
    {"exit 65", DELIVER_REFUSED, " ended by status 65"},
    {"exit 66", DELIVER_RETRY, " ended by status 66"},
    {"echo nobody there >&2; exit 67", DELIVER_REFUSED,
	" ended by status 67: nobody there"},
    {"exit 68", DELIVER_REFUSED, " ended by status 68"},
    {"exit 69", DELIVER_RETRY, " ended by status 69"},
    {"exit 70", DELIVER_RETRY, " ended by status 70"},
    {"exit 71", DELIVER_RETRY, " ended by status 71"},
    {"exit 72", DELIVER_RETRY, " ended by status 72"},
    {"exit 73", DELIVER_RETRY, " ended by status 73"},
    {"exit 74", DELIVER_RETRY, " ended by status 74"},
    {"printf 'first\\nqueue full\\n' >&2; exit 75", DELIVER_RETRY,
	" ended by status 75: first queue full"},
    {"exit 76", DELIVER_RETRY, " ended by status 76"},
    {"exit 77", DELIVER_RETRY, " ended by status 77"},
    {"exit 78", DELIVER_RETRY, " ended by status 78"},
    {"exit 255", DELIVER_RETRY, " ended by status 255"},
    {"printf 'red \\033[31m' >&2; exit 70", DELIVER_RETRY,
	" ended by status 70: red \x1B[31m"},
    {"kill -9 $$", DELIVER_RETRY, " ended by signal 9"},
    {"exec >&- 2>&-; exit 65", DELIVER_REFUSED, " ended by status 65"},
};

static void
test_statuses(void **state)
{
	struct place *place = *state;

	for (size_t i = 0; i < sizeof status_rows / sizeof *status_rows; i++) {
		(void)unlink(path_of(place, "ran"));
		write_script(place, status_rows[i].script);
		enum deliver_result result = send_mail(place);
		struct text says = text_slice(
		    place->words, strlen(place->program), place->words.len);
		if (result != status_rows[i].result ||
		    !text_equal(says, text_from_cstr(status_rows[i].says)))
			fail_msg("%s: %d " TEXT_FMT, status_rows[i].script,
			    (int)result, TEXT_ARG(place->words));
	}
}

/* More than we keep, and than a pipe holds. */
static void
test_talks_too_much(void **state)
{
	struct place *place = *state;

	write_script(place, "head -c 1000000 /dev/zero >&2; exit 75");
	assert_int_equal(send_mail(place), DELIVER_RETRY);
	assert_int_equal(place->words.len, WORDS_MAX);
	assert_true(text_find_part(place->words, TEXT("75: ??")) < WORDS_MAX);
}

/* Its own child has its output still, and waits until we are back. */
static void
test_leaves_a_child(void **state)
{
	struct place *place = *state;

	write_script(place, ": >hold\n"
			    "(while [ -e hold ]; do sleep 0.1; done) &\n"
			    "exit 0");
	assert_int_equal(send_mail(place), DELIVER_ACCEPTED);
	assert_true(exists(place, "hold"));
}

static void
test_takes_too_long(void **state)
{
	static const char *const scripts[] = {"exec sleep 600",
	    "exec >&- 2>&-; exec sleep 600", "trap '' TERM; exec sleep 600"};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		(void)unlink(path_of(place, "ran"));
		write_script(place, scripts[i]);
		assert_int_equal(
		    send_within(place, 1, "", "b@example.com", TEXT("x")),
		    DELIVER_RETRY);
		assert_true(
		    text_find_part(place->words,
			TEXT("took more than 1 seconds")) < place->words.len);
	}
}

/* --- when it is not run --- */

static void
test_given_up(void **state)
{
	struct place *place = *state;

	write_script(place, "exit 0");
	place->refuses = true;
	assert_int_equal(send_mail(place), DELIVER_RETRY);
	assert_int_equal(place->asked, 1);
	assert_false(exists(place, "ran"));
}

static void
test_unsafe_addresses(void **state)
{
	static const char *const rows[] = {"", "b", "b c@example.com",
	    "b@example.com\n", "<b@example.com>", "\xC3\xBC@example.com"};
	struct place *place = *state;

	write_script(place, "exit 0");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(
		    send_within(place, TIMEOUT, "", rows[i], TEXT("x")),
		    DELIVER_REFUSED);
	assert_int_equal(place->asked, 0);
	assert_false(exists(place, "ran"));
}

/* Gone since the start. */
static void
test_gone(void **state)
{
	struct place *place = *state;

	write_script(place, "exit 0");
	struct deliver *deliver = open_program(place, TIMEOUT);
	(void)unlink(place->program);
	assert_int_equal(
	    deliver_mail(deliver,
		&(struct deliver_letter){
		    .to = TEXT("b@example.com"), .mail = TEXT("x")},
		place->arena, &place->words),
	    DELIVER_RETRY);
	deliver_free(deliver);
	assert_true(text_find_part(place->words, TEXT("No such file")) <
		    place->words.len);
}

/* Who started us may have left it so; we would never hear its status. */
static void
test_ignored_children(void **state)
{
	struct place *place = *state;

	write_script(place, "exit 67");
	(void)signal(SIGCHLD, SIG_IGN);
	assert_int_equal(send_mail(place), DELIVER_REFUSED);
	(void)signal(SIGCHLD, SIG_DFL);
}

static const struct {
	struct deliver_options options;
	const char *says;
} option_rows[] = {
    {{.transport = "sendmail:"}, "sendmail:/usr/sbin/sendmail"},
    {{.transport = "sendmail:bin/sh"}, "bin/sh"},
    {{.transport = "sendmail:/nonexistent/sendmail"}, "/nonexistent/sendmail"},
    {{.transport = "sendmail:/bin/sh -t"}, "without arguments"},
    {{.transport = "sendmail:/"}, "no program"},
    {{.transport = "sendmail:/etc/passwd"}, "no program"},
    {{.transport = "sendmail:/bin/sh", .tls = DELIVER_TLS_REQUIRED},
	"ReportTLS required"},
    {{.transport = "sendmail:/bin/sh", .user = "u"}, "ReportUser"},
};

static void
test_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof option_rows / sizeof *option_rows; i++) {
		struct problem problem = {0};
		if (deliver_check(&option_rows[i].options, &problem) ||
		    problem.kind != PROBLEM_CONFIG ||
		    strstr(problem.text, option_rows[i].says) == NULL)
			fail_msg("row %zu: %s", i, problem.text);
	}
	assert_true(deliver_check(
	    &(struct deliver_options){.transport = "Sendmail:/bin/sh"}, NULL));
}

#define SCRIPT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCRIPT(test_words),
	    SCRIPT(test_mail),
	    SCRIPT(test_large_mail),
	    SCRIPT(test_inherits_nothing),
	    SCRIPT(test_statuses),
	    SCRIPT(test_talks_too_much),
	    SCRIPT(test_leaves_a_child),
	    SCRIPT(test_takes_too_long),
	    SCRIPT(test_given_up),
	    SCRIPT(test_unsafe_addresses),
	    SCRIPT(test_gone),
	    SCRIPT(test_ignored_children),
	    cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests_name(
	    "deliver sendmail", tests, NULL, NULL);
}
