/* Scenarios on real files in a directory of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/build.h"
#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* In place of the system's: fails so many times, then succeeds. */
static int disk_failures;

/* Stands in for the C library's fdatasync, whose own declaration it need not repeat. */
int disk_fdatasync(int fd) __asm__("fdatasync");

int
disk_fdatasync(int fd)
{
	if (disk_failures == 0)
		return fsync(fd);
	disk_failures--;
	errno = EIO;
	return -1;
}

struct place {
	char folder[64];
	char file[96];
};

static int
set_up(void **state)
{
	struct place *place = calloc(1, sizeof *place);

	if (place == NULL)
		return 1;
	(void)snprintf(
	    place->folder, sizeof place->folder, "/tmp/dmarcd-journal-XXXXXX");
	if (mkdtemp(place->folder) == NULL)
		return 1;
	(void)snprintf(
	    place->file, sizeof place->file, "%s/history", place->folder);
	*state = place;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *place = *state;
	char command[128];

	(void)snprintf(command, sizeof command, "rm -rf %s", place->folder);
	int status = system(command);
	free(place);
	return status;
}

static struct journal *
must_open(const struct place *place, enum journal_sync sync)
{
	struct problem problem = {0};
	struct journal *journal = journal_open(place->file, sync, &problem);

	if (journal == NULL)
		fail_msg("%s", problem.text);
	return journal;
}

static void
must_append(struct journal *journal, const char *entry)
{
	struct problem problem = {0};
	bool kept = false;

	if (!journal_append(journal, text_from_cstr(entry), &kept, &problem))
		fail_msg("%s", problem.text);
}

static struct journal_lock *
must_lock(const struct place *place)
{
	struct problem problem = {0};
	struct journal_lock *lock = journal_lock(place->file, &problem);

	if (lock == NULL)
		fail_msg("%s", problem.text);
	return lock;
}

static void
must_claim(struct journal_lock *lock)
{
	struct problem problem = {0};

	if (!journal_claim(lock, &problem))
		fail_msg("%s", problem.text);
}

static struct journal_claims
must_list(struct journal_lock *lock)
{
	struct journal_claims claims = {0};
	struct problem problem = {0};

	if (!journal_claims(lock, &claims, &problem))
		fail_msg("%s", problem.text);
	return claims;
}

static void
assert_content(const char *path, const char *expected)
{
	char bytes[4096];
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	size_t len = fread(bytes, 1, sizeof bytes - 1, file);
	bytes[len] = '\0';
	(void)fclose(file);
	assert_string_equal(bytes, expected);
}

static void
test_append(void **state)
{
	const struct place *place = *state;
	struct journal *journal = must_open(place, JOURNAL_SYNC_EACH);
	struct problem problem = {0};
	struct stat status;

	must_append(journal, "a\nend\n");
	must_append(journal, "b\n");
	assert_content(place->file, "a\nend\nb\n");
	assert_int_equal(stat(place->file, &status), 0);
	assert_int_equal(status.st_mode & 07777 & ~0600u, 0);
	assert_true(journal_flush(journal, &problem));
	assert_int_equal(journal_kept(journal), 0);
	journal_close(journal);
}

static void
test_moved(void **state)
{
	const struct place *place = *state;
	struct journal *journal = must_open(place, JOURNAL_SYNC_SECOND);
	char moved[128];

	(void)snprintf(moved, sizeof moved, "%s.1", place->file);
	must_append(journal, "a\n");
	assert_int_equal(rename(place->file, moved), 0);
	must_append(journal, "b\n");
	assert_content(moved, "a\n");
	assert_content(place->file, "b\n");
	assert_int_equal(unlink(place->file), 0);
	must_append(journal, "c\n");
	assert_content(place->file, "c\n");
	journal_close(journal);
}

/* What must not be opened: by name of what lies there. */
static void
test_refused(void **state)
{
	const struct place *place = *state;
	struct problem problem = {0};
	char other[128];

	(void)snprintf(other, sizeof other, "%s.other", place->file);
	assert_int_equal(symlink(other, place->file), 0);
	assert_null(journal_open(place->file, JOURNAL_SYNC_NONE, &problem));
	assert_int_equal(problem.kind, PROBLEM_CONFIG);
	assert_int_equal(access(other, F_OK), -1);
	assert_int_equal(unlink(place->file), 0);

	problem = (struct problem){0};
	assert_int_equal(mkfifo(place->file, 0600), 0);
	assert_null(journal_open(place->file, JOURNAL_SYNC_NONE, &problem));
	assert_int_equal(unlink(place->file), 0);

	problem = (struct problem){0};
	assert_int_equal(mkdir(place->file, 0700), 0);
	assert_null(journal_open(place->file, JOURNAL_SYNC_NONE, &problem));
	assert_int_equal(rmdir(place->file), 0);

	problem = (struct problem){0};
	(void)snprintf(other, sizeof other, "%s.other/history", place->file);
	assert_null(journal_open(other, JOURNAL_SYNC_NONE, &problem));
	assert_int_equal(problem.kind, PROBLEM_NO_INPUT);
	char advice[512];
	(void)snprintf(advice, sizeof advice,
	    "%s: its folder is missing; as root: install -d -o %lu -m 700 "
	    "%s.other",
	    other, (unsigned long)geteuid(), place->file);
	assert_string_equal(problem.text, advice);

	/* The path becomes a link while we write. */
	struct journal *journal = must_open(place, JOURNAL_SYNC_NONE);
	bool kept = false;
	assert_int_equal(unlink(place->file), 0);
	assert_int_equal(symlink(other, place->file), 0);
	problem = (struct problem){0};
	assert_false(journal_append(journal, TEXT("a\n"), &kept, &problem));
	assert_true(kept);
	assert_int_equal(access(other, F_OK), -1);
	assert_int_equal(unlink(place->file), 0);
	problem = (struct problem){0};
	assert_true(journal_flush(journal, &problem));
	assert_content(place->file, "a\n");
	journal_close(journal);
}

static void
limit_file_size(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file size limit stands for a full disk: the write is short. */
static void
test_full(void **state)
{
	const struct place *place = *state;
	struct journal *journal = must_open(place, JOURNAL_SYNC_NONE);
	struct problem problem = {0};
	bool kept = false;

	(void)signal(SIGXFSZ, SIG_IGN);
	must_append(journal, "first\n");
	limit_file_size(10);
	assert_false(
	    journal_append(journal, TEXT("second\n"), &kept, &problem));
	assert_true(kept);
	assert_int_equal(problem.kind, PROBLEM_CANNOT_WRITE);
	assert_content(place->file, "first\n"); /* taken back */
	/* In order, though this one would fit. */
	kept = false;
	assert_false(journal_append(journal, TEXT("3\n"), &kept, &problem));
	assert_true(kept);
	assert_int_equal(journal_kept(journal), 9);
	problem = (struct problem){0};
	assert_false(journal_flush(journal, &problem));
	limit_file_size(RLIM_INFINITY);
	problem = (struct problem){0};
	assert_true(journal_flush(journal, &problem));
	assert_int_equal(journal_kept(journal), 0);
	must_append(journal, "4\n");
	assert_content(place->file, "first\nsecond\n3\n4\n");
	journal_close(journal);
}

/* What the disk did not take is told, though forcing again succeeds. */
static void
test_lost(void **state)
{
	static const enum journal_sync syncs[] = {
	    JOURNAL_SYNC_EACH, JOURNAL_SYNC_SECOND};
	struct problem problem = {0};

	for (size_t i = 0; i < sizeof syncs / sizeof *syncs; i++) {
		struct journal *journal = must_open(*state, syncs[i]);
		disk_failures = 1;
		must_append(journal, "a\n");
		must_append(journal, "b\n"); /* forces again, and can */
		assert_false(journal_flush(journal, &problem));
		assert_non_null(strstr(problem.text, "force to disk"));
		/* Told once. */
		assert_true(journal_flush(journal, &problem));
		journal_close(journal);
	}
}

static void
test_kept_limit(void **state)
{
	const struct place *place = *state;
	struct journal *journal = must_open(place, JOURNAL_SYNC_NONE);
	struct problem problem = {0};
	size_t size = 64 * 1024;
	char *entry = malloc(size);
	bool kept = true;
	size_t count = 0;
	struct stat status;

	assert_non_null(entry);
	memset(entry, 'x', size);
	entry[size - 1] = '\n';
	limit_file_size(10);
	while (kept && count < 1000) {
		assert_false(journal_append(
		    journal, (struct text){entry, size}, &kept, &problem));
		count += kept ? 1 : 0;
	}
	assert_int_equal(count, JOURNAL_KEPT_MAX / size);
	limit_file_size(RLIM_INFINITY);
	journal_close(journal); /* tries once more */
	assert_int_equal(stat(place->file, &status), 0);
	assert_int_equal(status.st_size, count * size);
	free(entry);
}

/* Somebody holds the lock and does not give it back. */
static void
test_stuck_lock(void **state)
{
	const struct place *place = *state;
	struct journal *journal = must_open(place, JOURNAL_SYNC_NONE);
	struct problem problem = {0};
	bool kept = false;
	int fd = open(place->file, O_RDONLY);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_false(journal_append(journal, TEXT("a\n"), &kept, &problem));
	assert_true(kept);
	assert_int_equal(problem.kind, PROBLEM_TEMPORARY);
	(void)close(fd);
	problem = (struct problem){0};
	assert_true(journal_flush(journal, &problem));
	assert_content(place->file, "a\n");
	journal_close(journal);
}

/* --- claims --- */

static void
test_claim(void **state)
{
	const struct place *place = *state;
	struct journal *journal = must_open(place, JOURNAL_SYNC_NONE);
	struct stat before;
	struct stat after;

	must_append(journal, "a\n");
	assert_int_equal(chmod(place->file, 0664), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(place->file, 12345, 23456), 0);
	assert_int_equal(stat(place->file, &before), 0);
	struct journal_lock *lock = must_lock(place);
	must_claim(lock);
	must_claim(lock); /* empty now: nothing happens */
	assert_int_equal(stat(place->file, &after), 0);
	assert_int_equal(after.st_size, 0);
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_uid, before.st_uid);
	assert_int_equal(after.st_gid, before.st_gid);
	must_append(journal, "b\n");
	must_claim(lock);
	struct journal_claims claims = must_list(lock);
	assert_int_equal(claims.count, 2);
	assert_content(claims.path[0], "a\n");
	assert_content(claims.path[1], "b\n");
	journal_claims_free(&claims);
	journal_unlock(lock);
	journal_close(journal);
}

static void
test_two_importers(void **state)
{
	const struct place *place = *state;
	struct problem problem = {0};
	struct journal *journal = must_open(place, JOURNAL_SYNC_NONE);
	struct journal_lock *lock = must_lock(place);

	assert_null(journal_lock(place->file, &problem));
	assert_int_equal(problem.kind, PROBLEM_TEMPORARY);
	journal_unlock(lock);
	lock = must_lock(place);
	journal_unlock(lock);
	journal_close(journal);
}

static void
test_no_file(void **state)
{
	const struct place *place = *state;
	struct problem problem = {0};
	char lock_path[128];

	assert_null(journal_lock(place->file, &problem));
	assert_int_equal(problem.kind, PROBLEM_NO_INPUT);
	(void)snprintf(lock_path, sizeof lock_path, "%s.lock", place->file);
	assert_int_equal(access(lock_path, F_OK), -1);
}

/* Killed between link and rename: FILE and its claim are one. */
static void
test_killed_after_link(void **state)
{
	const struct place *place = *state;
	struct journal *journal = must_open(place, JOURNAL_SYNC_NONE);
	struct problem problem = {0};
	char claim[160];

	must_append(journal, "a\n");
	(void)snprintf(claim, sizeof claim,
	    "%s.claim-01234567-89ab-7def-8123-456789abcdef", place->file);
	assert_int_equal(link(place->file, claim), 0);
	must_append(journal, "b\n");
	struct journal_lock *lock = must_lock(place);
	/* Not removed while it is the file. */
	assert_true(journal_remove_claim(lock, claim, 4, INT64_MAX, &problem));
	must_claim(lock);
	struct journal_claims claims = must_list(lock);
	assert_int_equal(claims.count, 1);
	assert_string_equal(claims.path[0], claim);
	assert_true(text_equal(journal_claim_id(claim),
	    TEXT("01234567-89ab-7def-8123-456789abcdef")));
	assert_content(claim, "a\nb\n");
	assert_content(place->file, "");
	must_append(journal, "c\n");
	assert_content(place->file, "c\n");
	journal_claims_free(&claims);
	journal_unlock(lock);
	journal_close(journal);
}

static void
test_remove(void **state)
{
	const struct place *place = *state;
	struct journal *journal = must_open(place, JOURNAL_SYNC_NONE);
	struct problem problem = {0};
	uint64_t size;
	bool is_rested;
	int64_t now = (int64_t)time(NULL);

	must_append(journal, "a\n");
	struct journal_lock *lock = must_lock(place);
	must_claim(lock);
	struct journal_claims claims = must_list(lock);
	const char *claim = claims.path[0];
	int fd = journal_open_claim(claim, &size, &is_rested, &problem);
	assert_true(fd >= 0);
	assert_int_equal(size, 2);
	(void)close(fd);
	assert_true(journal_remove_claim(lock, claim, 1, now + 100, &problem));
	assert_int_equal(access(claim, F_OK), 0); /* has grown */
	assert_true(journal_remove_claim(lock, claim, 2, now - 100, &problem));
	assert_int_equal(access(claim, F_OK), 0); /* too young */
	assert_true(journal_remove_claim(lock, claim, 2, now + 100, &problem));
	assert_int_equal(access(claim, F_OK), -1);
	journal_claims_free(&claims);
	journal_unlock(lock);
	journal_close(journal);
}

/* When was it last written to? Seconds from now, before or after. */
static void
test_rest(void **state)
{
	static const struct {
		int written;
		bool is_rested;
	} rows[] = {{-JOURNAL_REST, true}, {-1000, true},
	    {1000, true /* the clock was set back */}};
	const struct place *place = *state;
	struct problem problem = {0};
	uint64_t size;
	bool is_rested = true;

	struct journal *journal = must_open(place, JOURNAL_SYNC_NONE);
	must_append(journal, "a\n");
	journal_close(journal);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct timespec times[2];
		(void)clock_gettime(CLOCK_REALTIME, &times[0]);
		times[0].tv_sec += rows[i].written;
		times[1] = times[0];
		assert_int_equal(utimensat(AT_FDCWD, place->file, times, 0), 0);
		int fd = journal_open_claim(
		    place->file, &size, &is_rested, &problem);
		assert_true(fd >= 0);
		assert_int_equal(is_rested, rows[i].is_rested);
		(void)close(fd);
	}
}

/* What is no file is refused, and nothing is left beside it. */
static void
test_no_regular_file(void **state)
{
	const struct place *place = *state;
	struct problem problem = {0};
	char lock_path[128];

	assert_int_equal(mkdir(place->file, 0755), 0);
	(void)snprintf(lock_path, sizeof lock_path, "%s.lock", place->file);
	for (int i = 0; i < 2; i++) {
		problem = (struct problem){0};
		assert_null(journal_lock(place->file, &problem));
		assert_int_equal(problem.kind, PROBLEM_CONFIG);
		assert_int_equal(access(lock_path, F_OK), -1);
		if (i == 0) {
			assert_int_equal(rmdir(place->file), 0);
			assert_int_equal(symlink("/dev/null", place->file), 0);
		}
	}
}

static void
test_claimed_file(void **state)
{
	(void)state;
	assert_int_equal(journal_claimed_file(
			     "/a/h.claim-01234567-89ab-7def-8123-456789abcdef"),
	    4);
	assert_int_equal(journal_claimed_file("/a/h"), 0);
	assert_int_equal(journal_claimed_file(""), 0);
	assert_int_equal(
	    journal_claimed_file("h.claim-01234567-89ab-7def-8123-456789abcdef"
				 ".rejected"),
	    0);
}

/* --- the spool --- */

/* What is in the claims, in order, each with a '|' behind it. */
static void
print_claims(const struct place *place, char *text, size_t size)
{
	struct problem problem = {0};
	struct journal_claims claims;
	struct journal_lock *lock = must_lock(place);
	size_t len = 0;

	if (!journal_claims(lock, &claims, &problem))
		fail_msg("%s", problem.text);
	for (size_t i = 0; i < claims.count; i++) {
		uint64_t bytes;
		bool is_rested;
		int fd = journal_open_claim(
		    claims.path[i], &bytes, &is_rested, &problem);
		assert_true(fd >= 0 && is_rested);
		assert_true(len + bytes + 2 < size);
		assert_int_equal(read(fd, text + len, bytes), bytes);
		len += bytes;
		text[len++] = '|';
		(void)close(fd);
	}
	text[len] = '\0';
	journal_claims_free(&claims);
	journal_unlock(lock);
}

static uint64_t
must_spool(const struct place *place, const char *text)
{
	struct problem problem = {0};
	uint64_t bytes = 0;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	(void)close(ends[1]);
	if (!journal_spool(place->file, ends[0], &bytes, &problem))
		fail_msg("%s", problem.text);
	(void)close(ends[0]);
	return bytes;
}

static void
put(const struct place *place, const char *suffix, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s%s", place->file, suffix);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* One after another, on the claims of those before. */
static void
test_spool(void **state)
{
	static const struct {
		const char *name;
		const char *left; /* by a copy that was killed; or NULL */
		const char *input;
		uint64_t bytes;
		const char *claims;
	} rows[] = {
	    {"nothing", NULL, "", 0, ""},
	    {"the first", NULL, "a\nb\n", 4, "a\nb\n|"},
	    {"nothing again", NULL, "", 0, "a\nb\n|"},
	    {"the same again", NULL, "a\nb\n", 0, "a\nb\n|"},
	    {"and more", NULL, "a\nb\nc\nd", 3, "a\nb\nc\nd|"},
	    {"a torn line continued", NULL, "a\nb\nc\nde\n", 2,
		"a\nb\nc\nde\n|"},
	    {"less of the same", NULL, "a\nb\n", 0, "a\nb\nc\nde\n|"},
	    {"another", NULL, "b\n", 2, "a\nb\nc\nde\n|b\n|"},
	    {"the longer one is continued", NULL, "b\nc\n", 2,
		"a\nb\nc\nde\n|b\nc\n|"},
	    {"killed, and given again", "x\ny", "x\nyz\n", 2,
		"a\nb\nc\nde\n|b\nc\n|x\nyz\n|"},
	    {"killed, and gone", "v\n", "", 0,
		"a\nb\nc\nde\n|b\nc\n|x\nyz\n|v\n|"},
	    {"killed amid what was known", "b\n", "w\n", 2,
		"a\nb\nc\nde\n|b\nc\n|x\nyz\n|v\n|w\n|"},
	};
	const struct place *place = *state;
	char claims[256];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].left != NULL)
			put(place, ".input", rows[i].left);
		uint64_t bytes = must_spool(place, rows[i].input);
		print_claims(place, claims, sizeof claims);
		if (bytes != rows[i].bytes ||
		    strcmp(claims, rows[i].claims) != 0)
			fail_msg("%s: %llu bytes, \"%s\"", rows[i].name,
			    (unsigned long long)bytes, claims);
	}
}

/* More than a block, alike but for the last byte or not at all. */
static void
test_spool_blocks(void **state)
{
	enum { SIZE = 200000 };
	const struct place *place = *state;
	struct problem problem = {0};
	char *text = malloc(SIZE + 1);
	uint64_t bytes = 0;

	assert_non_null(text);
	for (size_t i = 0; i < SIZE; i++)
		text[i] = "0123456789\n"[i % 11];
	text[SIZE] = '\0';
	for (int turn = 0; turn < 3; turn++) {
		static const uint64_t new[] = {SIZE, 0, SIZE};
		if (turn == 2)
			text[SIZE - 1] = 'x';
		put(place, ".given", text);
		char path[128];
		(void)snprintf(path, sizeof path, "%s.given", place->file);
		struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
		int fd = open(path, O_RDONLY);
		if (!journal_spool(place->file, fd, &bytes, &problem))
			fail_msg("%s", problem.text);
		(void)close(fd);
		assert_int_equal(bytes, new[turn]);
	}
	free(text);
}

/* A writer without a lock is still at it: the end of its entry is taken too. */
static void
test_spool_waits(void **state)
{
	const struct place *place = *state;
	struct problem problem = {0};
	char claims[64];
	char path[128];
	uint64_t bytes = 0;
	struct stat before;
	struct stat after;

	put(place, ".given", "a\nb");
	(void)snprintf(path, sizeof path, "%s.given", place->file);
	assert_int_equal(stat(path, &before), 0);
	pid_t writer = fork();
	if (writer == 0) {
		const struct timespec pause = {.tv_nsec = 500 * 1000 * 1000};
		(void)nanosleep(&pause, NULL);
		int fd = open(path, O_WRONLY | O_APPEND);
		_exit(write(fd, "c\n", 2) != 2);
	}
	int fd = open(path, O_RDONLY);
	if (!journal_spool(place->file, fd, &bytes, &problem))
		fail_msg("%s", problem.text);
	(void)close(fd);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	assert_int_equal(stat(path, &after), 0);
	print_claims(place, claims, sizeof claims);
	/* Where the writer came so late that it had rested, it says nothing. */
	if (after.st_mtim.tv_sec - before.st_mtim.tv_sec < JOURNAL_REST)
		assert_string_equal(claims, "a\nbc\n|");
}

static void
test_spool_refused(void **state)
{
	struct place place = *(const struct place *)*state;
	struct problem problem = {0};
	uint64_t bytes = 0;
	int folder = open(place.folder, O_RDONLY);

	assert_false(journal_spool(place.file, folder, &bytes, &problem));
	assert_int_equal(problem.kind, PROBLEM_SYSTEM); /* no bytes there */
	(void)close(folder);
	problem = (struct problem){0};
	(void)snprintf(
	    place.file, sizeof place.file, "%.60s/no/f", place.folder);
	assert_false(journal_spool(place.file, 0, &bytes, &problem));
	assert_int_equal(problem.kind, PROBLEM_NO_INPUT);
}

/* Other names beside it are no claims. */
static void
test_names(void **state)
{
	static const char *const names[] = {"history.claim-",
	    "history.claim-0123",
	    "history.claim-01234567-89ab-7def-8123-456789abcdef.rejected",
	    "history.claim-01234567-89AB-7DEF-8123-456789ABCDEF",
	    "histor.claim-01234567-89ab-7def-8123-456789abcdef",
	    "xhistory.claim-01234567-89ab-7def-8123-456789abcdef"};
	const struct place *place = *state;
	struct journal *journal = must_open(place, JOURNAL_SYNC_NONE);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[160];
		(void)snprintf(
		    path, sizeof path, "%s/%s", place->folder, names[i]);
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		assert_true(fd >= 0);
		(void)close(fd);
	}
	struct journal_lock *lock = must_lock(place);
	struct journal_claims claims = must_list(lock);
	assert_int_equal(claims.count, 0);
	journal_claims_free(&claims);
	journal_unlock(lock);
	journal_close(journal);
}

static bool
is_claim_refused(const struct place *place)
{
	struct problem problem = {0};
	struct journal_lock *lock = journal_lock(place->file, &problem);
	bool is_refused = lock != NULL && !journal_claim(lock, &problem) &&
			  problem.kind == PROBLEM_PERMISSION &&
			  strstr(problem.text, "directory") != NULL;

	journal_unlock(lock);
	return is_refused;
}

static bool
is_lock_refused(const struct place *place)
{
	struct problem problem = {0};

	return journal_lock(place->file, &problem) == NULL &&
	       problem.kind == PROBLEM_PERMISSION;
}

static bool
holds_for_nobody(const struct place *place, bool (*check)(const struct place *))
{
	enum { NOBODY = 65534 };

	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(setgid(NOBODY) == 0 && setuid(NOBODY) == 0 && check(place)
			  ? 0
			  : 1);
	return waitpid(child, &status, 0) == child && status == 0;
}

/* As nobody, in a directory that is not ours, then in one that nobody else may
 * enter: the permission is named. */
static void
test_permission(void **state)
{
	const struct place *place = *state;

	if (geteuid() != 0) {
		print_message("# needs root, to become somebody else\n");
		skip();
	}
	struct journal *journal = must_open(place, JOURNAL_SYNC_NONE);
	must_append(journal, "a\n");
	journal_close(journal);
	assert_int_equal(chmod(place->folder, 0755), 0);
	assert_int_equal(chmod(place->file, 0644), 0);
	journal_unlock(must_lock(place));
	char lock_path[128];
	(void)snprintf(lock_path, sizeof lock_path, "%s.lock", place->file);
	assert_int_equal(chmod(lock_path, 0644), 0);

	assert_true(holds_for_nobody(place, is_claim_refused));
	assert_content(place->file, "a\n");
	assert_int_equal(chmod(place->folder, 0700), 0);
	assert_true(holds_for_nobody(place, is_lock_refused));
}

/* Root gives a lock that it made to FILE's owner, and no other file that
 * somebody linked to the lock's name. */
static void
test_lock_owner(void **state)
{
	enum { NOBODY = 65534 };
	const struct place *place = *state;
	struct stat status;
	char precious[128];
	char lock_path[128];

	if (geteuid() != 0) {
		print_message("# needs root, to give files away\n");
		skip();
	}
	(void)snprintf(lock_path, sizeof lock_path, "%s.lock", place->file);
	(void)snprintf(precious, sizeof precious, "%s/precious", place->folder);
	journal_close(must_open(place, JOURNAL_SYNC_NONE));
	assert_int_equal(chown(place->file, NOBODY, NOBODY), 0);
	journal_unlock(must_lock(place));
	assert_int_equal(stat(lock_path, &status), 0);
	assert_int_equal(status.st_uid, NOBODY);
	assert_int_equal(status.st_gid, NOBODY);

	int fd = open(precious, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(unlink(lock_path), 0);
	assert_int_equal(link(precious, lock_path), 0);
	journal_unlock(must_lock(place));
	assert_int_equal(stat(precious, &status), 0);
	assert_int_equal(status.st_uid, 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

/* --- many at once --- */

enum { WRITERS = 4, LINES = 15000, CLAIMERS = 2 };

static void
write_lines(const struct place *place, int writer)
{
	struct problem problem = {0};
	struct journal *journal =
	    journal_open(place->file, JOURNAL_SYNC_NONE, &problem);
	char line[64];
	bool kept;

	if (journal == NULL)
		_exit(1);
	for (int i = 0; i < LINES; i++) {
		(void)snprintf(line, sizeof line, "%d %d\n", writer, i);
		if (!journal_append(
			journal, text_from_cstr(line), &kept, &problem) &&
		    !kept)
			_exit(2);
	}
	if (!journal_flush(journal, &problem))
		_exit(3);
	journal_close(journal);
	_exit(0);
}

static void
claim_always(const struct place *place)
{
	for (;;) {
		struct problem problem = {0};
		struct journal_lock *lock = journal_lock(place->file, &problem);
		if (lock == NULL)
			continue;
		if (!journal_claim(lock, &problem))
			_exit(1); /* seen as lost lines */
		journal_unlock(lock);
	}
}

static pid_t
start_claimer(const struct place *place)
{
	pid_t child = fork();

	if (child == 0)
		claim_always(place);
	return child;
}

static void
count_lines(const char *path, unsigned char (*seen)[LINES])
{
	FILE *file = fopen(path, "r");
	char line[64];

	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		char *end;
		long writer = strtol(line, &end, 10);
		long number = strtol(end, &end, 10);
		if (*end != '\n' || writer >= WRITERS || number >= LINES)
			fail_msg("torn line '%s'", line);
		seen[writer][number]++;
	}
	(void)fclose(file);
}

/* All lines of all claims: each one once. */
static void
assert_all_once(const struct place *place)
{
	static unsigned char seen[WRITERS][LINES];
	struct journal_lock *lock = must_lock(place);

	must_claim(lock);
	struct journal_claims claims = must_list(lock);
	memset(seen, 0, sizeof seen);
	for (size_t i = 0; i < claims.count; i++)
		count_lines(claims.path[i], seen);
	print_message("# %zu claims\n", claims.count);
	for (int w = 0; w < WRITERS; w++) {
		for (int i = 0; i < LINES; i++) {
			if (seen[w][i] != 1)
				fail_msg(
				    "line %d %d: %d times", w, i, seen[w][i]);
		}
	}
	journal_claims_free(&claims);
	journal_unlock(lock);
}

/* How many have ended, which must be well. */
static int
reap(const pid_t *children, int count)
{
	int done = 0;

	for (int i = 0; i < count; i++) {
		int status;
		if (waitpid(children[i], &status, WNOHANG) == children[i]) {
			assert_int_equal(status, 0);
			done++;
		}
	}
	return done;
}

/* Writers write, importers claim and are killed again and again: every line is
 * somewhere, once. */
static void
test_kill(void **state)
{
	const struct place *place = *state;
	pid_t writers[WRITERS];
	pid_t claimers[CLAIMERS];

	journal_close(must_open(place, JOURNAL_SYNC_NONE));
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = fork();
		if (writers[i] == 0)
			write_lines(place, i);
	}
	for (int i = 0; i < CLAIMERS; i++)
		claimers[i] = start_claimer(place);
	for (int done = 0, kills = 0; done < WRITERS; kills++) {
		const struct timespec pause = {
		    .tv_nsec = kills * 7919 % 20 * 1000 * 1000};
		int victim = kills % CLAIMERS;
		(void)nanosleep(&pause, NULL);
		(void)kill(claimers[victim], SIGKILL);
		(void)waitpid(claimers[victim], NULL, 0);
		claimers[victim] = start_claimer(place);
		done += reap(writers, WRITERS);
	}
	for (int i = 0; i < CLAIMERS; i++) {
		(void)kill(claimers[i], SIGKILL);
		(void)waitpid(claimers[i], NULL, 0);
	}
	assert_all_once(place);
}

#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_append),
	    SCENARIO(test_moved),
	    SCENARIO(test_refused),
	    SCENARIO(test_full),
	    SCENARIO(test_lost),
	    SCENARIO(test_kept_limit),
	    SCENARIO(test_stuck_lock),
	    SCENARIO(test_claim),
	    SCENARIO(test_two_importers),
	    SCENARIO(test_no_file),
	    SCENARIO(test_killed_after_link),
	    SCENARIO(test_remove),
	    SCENARIO(test_rest),
	    SCENARIO(test_no_regular_file),
	    SCENARIO(test_claimed_file),
	    SCENARIO(test_spool),
	    SCENARIO(test_spool_blocks),
	    SCENARIO(test_spool_waits),
	    SCENARIO(test_spool_refused),
	    SCENARIO(test_names),
	    SCENARIO(test_permission),
	    SCENARIO(test_lock_owner),
	    SCENARIO(test_kill),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
