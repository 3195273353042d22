/* The spool: bytes that somebody gives us become a claim, as if they had been
 * taken from a history file, before anything else is done with them.
 *
 * They are copied into FILE.input, forced to disk, and then renamed to a claim.
 * Who was told that the import failed gives the same again, and more behind it:
 * it is found by comparing with the claims that there are, and only what is
 * more is taken. So is what a killed copy left. */
#include "journal/file.h"
#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum {
	BLOCK = 64 * 1024,
	REST_LOOKS = 100, /* of a file that others go on writing to */
};

static const struct timespec a_moment = {.tv_nsec = 100 * 1000 * 1000};

struct spool {
	struct journal_lock *lock;
	char *input; /* FILE.input */
	uint64_t bytes;
};

/* --- copying --- */

static bool
write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, bytes, len);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes += written;
		len -= (size_t)written;
	}
	return true;
}

/* To the end that FROM has now. */
static bool
copy_some(
    const struct spool *spool, int from, int to, struct problem *ret_problem)
{
	char block[BLOCK];
	ssize_t got;

	while ((got = read(from, block, sizeof block)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return problem_set(ret_problem, PROBLEM_SYSTEM,
			    "the input cannot be read: %s", strerror(errno));
		if (!write_all(to, block, (size_t)got))
			return journal_problem(
			    ret_problem, errno, spool->input, "write to");
	}
	return true;
}

static bool
may_grow(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	       !journal_is_rested(&status);
}

static bool
copy_all(
    const struct spool *spool, int from, int to, struct problem *ret_problem)
{
	bool more = true;

	for (int look = 0; more && look < REST_LOOKS; look++) {
		/* With a writer's lock its entry is whole; a pipe has none. */
		(void)flock(from, LOCK_SH);
		bool good = copy_some(spool, from, to, ret_problem);
		(void)flock(from, LOCK_UN);
		if (!good)
			return false;
		more = may_grow(from);
		if (more)
			(void)nanosleep(&a_moment, NULL);
	}
	return true;
}

/* --- what was given before --- */

static bool
read_block(int fd, char *block, size_t len, uint64_t at)
{
	ssize_t got = pread(fd, block, len, (off_t)at);

	return got >= 0 && (size_t)got == len;
}

static bool
have_same_bytes(int a, int b, uint64_t len)
{
	char x[BLOCK];
	char y[BLOCK];

	for (uint64_t at = 0; at < len; at += BLOCK) {
		size_t size = len - at < BLOCK ? (size_t)(len - at) : BLOCK;
		if (!read_block(a, x, size, at) || !read_block(b, y, size, at))
			return false;
		if (memcmp(x, y, size) != 0)
			return false;
	}
	return true;
}

/* The largest claim that begins as the input does, or is all of its beginning;
 * NULL: there is none. */
static const char *
find_begun(const struct journal_claims *claims, int input, uint64_t size,
    uint64_t *ret_size)
{
	const char *found = NULL;

	*ret_size = 0;
	for (size_t i = 0; i < claims->count; i++) {
		struct problem ignored = {0};
		struct stat status;
		int fd = journal_open_file(
		    claims->path[i], O_RDONLY, &status, &ignored);
		if (fd < 0)
			continue;
		uint64_t there = (uint64_t)status.st_size;
		if (there > *ret_size &&
		    have_same_bytes(fd, input, there < size ? there : size)) {
			found = claims->path[i];
			*ret_size = there;
		}
		(void)close(fd);
	}
	return found;
}

/* --- the claim --- */

/* Its writer has done, whatever the clock says. */
static void
set_rested(int fd)
{
	const struct timespec times[] = {
	    {.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - JOURNAL_REST - 1}};

	(void)futimens(fd, times);
}

/* The rest of INPUT, behind what CLAIM has of it. */
static bool
continue_claim(struct spool *spool, const char *claim, int input, uint64_t at,
    struct problem *ret_problem)
{
	struct stat status;
	int fd =
	    journal_open_file(claim, O_WRONLY | O_APPEND, &status, ret_problem);

	if (fd < 0)
		return false;
	bool good = lseek(input, (off_t)at, SEEK_SET) >= 0 &&
		    copy_some(spool, input, fd, ret_problem);
	if (good && fsync(fd) != 0)
		good = journal_problem(ret_problem, errno, claim, "write to");
	if (good)
		set_rested(fd);
	(void)close(fd);
	return good;
}

static bool
make_claim(struct spool *spool, int input, struct problem *ret_problem)
{
	char *claim = journal_new_claim(spool->lock, ret_problem);

	if (claim == NULL)
		return false;
	set_rested(input);
	bool good = fsync(input) == 0 && rename(spool->input, claim) == 0;
	if (!good)
		(void)journal_problem(ret_problem, errno, claim, "make");
	else
		journal_sync_folder(journal_folder(spool->lock));
	free(claim);
	return good;
}

static bool
settle(struct spool *spool, int input, uint64_t size,
    const struct journal_claims *claims, struct problem *ret_problem)
{
	uint64_t there;
	const char *claim = find_begun(claims, input, size, &there);

	if (claim == NULL) {
		spool->bytes += size;
		return size == 0 || make_claim(spool, input, ret_problem);
	}
	if (there >= size)
		return true;
	spool->bytes += size - there;
	return continue_claim(spool, claim, input, there, ret_problem);
}

/* What is in FILE.input becomes a claim, or a part of one. */
static bool
settle_input(struct spool *spool, int input, struct problem *ret_problem)
{
	struct stat status;
	struct journal_claims claims;

	if (fstat(input, &status) != 0)
		return journal_problem(
		    ret_problem, errno, spool->input, "look at");
	if (!journal_claims(spool->lock, &claims, ret_problem))
		return false;
	bool good = settle(
	    spool, input, (uint64_t)status.st_size, &claims, ret_problem);
	journal_claims_free(&claims);
	/* Gone already if it became the claim. */
	if (good)
		(void)unlink(spool->input);
	return good;
}

/* --- the whole --- */

/* Of a copy that was killed. */
static bool
settle_left(struct spool *spool, struct problem *ret_problem)
{
	struct stat status;

	if (lstat(spool->input, &status) != 0)
		return true;
	int input =
	    journal_open_file(spool->input, O_RDWR, &status, ret_problem);
	if (input < 0)
		return false;
	bool good = settle_input(spool, input, ret_problem);
	(void)close(input);
	return good;
}

static bool
take(struct spool *spool, int fd, struct problem *ret_problem)
{
	struct stat status;

	if (!settle_left(spool, ret_problem))
		return false;
	spool->bytes = 0;
	int input = journal_open_file(
	    spool->input, O_RDWR | O_CREAT | O_TRUNC, &status, ret_problem);
	if (input < 0)
		return false;
	bool good = copy_all(spool, fd, input, ret_problem) &&
		    settle_input(spool, input, ret_problem);
	(void)close(input);
	return good;
}

static struct journal_lock *
wait_for_lock(const char *path, struct problem *ret_problem)
{
	for (;;) {
		struct problem problem = {0};
		struct journal_lock *lock = journal_lock(path, &problem);
		if (lock != NULL)
			return lock;
		if (problem.kind != PROBLEM_TEMPORARY) {
			(void)problem_set(
			    ret_problem, problem.kind, "%s", problem.text);
			return NULL;
		}
		(void)nanosleep(&a_moment, NULL);
	}
}

static bool
make_file(const char *path, struct problem *ret_problem)
{
	struct stat status;
	int fd =
	    journal_open_file(path, O_RDONLY | O_CREAT, &status, ret_problem);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

bool
journal_spool(
    const char *path, int fd, uint64_t *ret_bytes, struct problem *ret_problem)
{
	struct spool spool = {0};
	size_t size = strlen(path) + sizeof ".input";

	if (!make_file(path, ret_problem))
		return false;
	spool.input = malloc(size);
	if (spool.input == NULL)
		return problem_no_memory(ret_problem);
	(void)snprintf(spool.input, size, "%s.input", path);
	spool.lock = wait_for_lock(path, ret_problem);
	bool good = spool.lock != NULL && take(&spool, fd, ret_problem);
	journal_unlock(spool.lock);
	free(spool.input);
	if (good)
		*ret_bytes = spool.bytes;
	return good;
}
