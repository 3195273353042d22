/* The writer's side. For each entry: lock the file (flock), see whether the
 * path still is the file we have open and open it again if not, write, unlock.
 * What cannot be written is kept in memory, in order. */
#include "journal/file.h"
#include "journal/journal.h"

#include "base/build.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct journal {
	char *path;
	enum journal_sync sync;
	int fd; /* -1: to be opened again */
	dev_t device;
	ino_t inode;
	bool is_dirty;  /* written since it was last forced to disk */
	int sync_error; /* the first, until it is told; 0: none */
	/* Kept entries, each behind its length (size_t). */
	struct build kept;
	size_t kept_bytes;
};

/* Mail must not wait for a lock that somebody does not give back: 1.4 s in all,
 * and 40 ms while entries are kept already. */
enum { LOCK_TRIES = 120, LOCK_TRIES_KEPT = 10 };

/* The pause between tries, in ns: from 50 us, doubled up to this. */
enum { LOCK_PAUSE_MIN = 50 * 1000, LOCK_PAUSE_MAX = LOCK_PAUSE_MIN << 8 };

/* A file may be taken away between opening and locking; not often. */
enum { OPEN_TRIES = 20 };

static bool
open_file(struct journal *journal, struct problem *ret_problem)
{
	struct stat status;
	int fd = journal_open_file(
	    journal->path, O_WRONLY | O_APPEND | O_CREAT, &status, ret_problem);

	if (fd < 0)
		return false;
	journal->fd = fd;
	journal->device = status.st_dev;
	journal->inode = status.st_ino;
	return true;
}

/* After a failure Linux drops what it could not write, and forcing once more
 * succeeds: so the error is kept until journal_flush tells it. */
static void
force_to_disk(struct journal *journal)
{
	if (!journal->is_dirty)
		return;
	if (fdatasync(journal->fd) == 0)
		journal->is_dirty = false;
	else if (journal->sync_error == 0)
		journal->sync_error = errno;
}

static void
close_file(struct journal *journal)
{
	if (journal->fd < 0)
		return;
	if (journal->sync != JOURNAL_SYNC_NONE)
		force_to_disk(journal);
	(void)close(journal->fd);
	journal->fd = -1;
	journal->is_dirty = false;
}

static bool
lock_file(const struct journal *journal, struct problem *ret_problem)
{
	struct timespec pause = {.tv_nsec = LOCK_PAUSE_MIN};
	int tries = journal->kept_bytes > 0 ? LOCK_TRIES_KEPT : LOCK_TRIES;

	for (int i = 0; i < tries; i++) {
		if (flock(journal->fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return journal_problem(
			    ret_problem, errno, journal->path, "lock");
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec < LOCK_PAUSE_MAX)
			pause.tv_nsec *= 2;
	}
	return problem_set(ret_problem, PROBLEM_TEMPORARY,
	    "%s: another process holds its lock and does not give it back",
	    journal->path);
}

/* Is the path the file we have open? */
static bool
is_current(const struct journal *journal)
{
	struct stat status;

	return lstat(journal->path, &status) == 0 &&
	       status.st_dev == journal->device &&
	       status.st_ino == journal->inode;
}

/* The file at the path, locked. */
static bool
lock_current(struct journal *journal, struct problem *ret_problem)
{
	for (int i = 0; i < OPEN_TRIES; i++) {
		if (journal->fd < 0 && !open_file(journal, ret_problem))
			return false;
		if (!lock_file(journal, ret_problem))
			return false;
		if (is_current(journal))
			return true;
		close_file(journal); /* and unlocks */
	}
	return problem_set(ret_problem, PROBLEM_TEMPORARY,
	    "%s: is replaced again and again", journal->path);
}

/* Whole or not at all. */
static bool
write_whole(
    struct journal *journal, struct text entry, struct problem *ret_problem)
{
	off_t size = lseek(journal->fd, 0, SEEK_END);
	ssize_t written =
	    size < 0 ? -1 : write(journal->fd, entry.ptr, entry.len);

	if (written >= 0 && (size_t)written == entry.len) {
		journal->is_dirty = true;
		return true;
	}
	int error = written < 0 ? errno : ENOSPC;
	/* Should this fail too, the reader sees a torn entry and drops it. */
	if (written > 0 && ftruncate(journal->fd, size) != 0)
		journal->is_dirty = true;
	return journal_problem(ret_problem, error, journal->path, "write to");
}

static bool
append_now(
    struct journal *journal, struct text entry, struct problem *ret_problem)
{
	if (!lock_current(journal, ret_problem))
		return false;
	bool done = write_whole(journal, entry, ret_problem);
	(void)flock(journal->fd, LOCK_UN);
	/* It is written, so a failure here is told by journal_flush. */
	if (done && journal->sync == JOURNAL_SYNC_EACH)
		force_to_disk(journal);
	return done;
}

static bool
write_kept(struct journal *journal, struct problem *ret_problem)
{
	size_t done = 0;
	bool good = true;

	while (done < journal->kept.len) {
		size_t len;
		memcpy(&len, journal->kept.ptr + done, sizeof len);
		struct text entry = {
		    journal->kept.ptr + done + sizeof len, len};
		good = append_now(journal, entry, ret_problem);
		if (!good)
			break;
		done += sizeof len + len;
		journal->kept_bytes -= len;
	}
	build_drop(&journal->kept, done);
	if (journal->kept.len == 0)
		build_free(&journal->kept);
	return good;
}

static bool
keep(struct journal *journal, struct text entry)
{
	size_t before = journal->kept.len;
	size_t len = entry.len;

	if (len > JOURNAL_KEPT_MAX - journal->kept_bytes)
		return false;
	build_text(
	    &journal->kept, (struct text){(const char *)&len, sizeof len});
	build_text(&journal->kept, entry);
	if (build_failed(&journal->kept)) {
		build_cut(&journal->kept, before);
		journal->kept.failed = false;
		return false;
	}
	journal->kept_bytes += len;
	return true;
}

struct journal *
journal_open(
    const char *path, enum journal_sync sync, struct problem *ret_problem)
{
	struct journal *journal = calloc(1, sizeof *journal);
	char *copy = strdup(path);

	if (journal == NULL || copy == NULL) {
		free(journal);
		free(copy);
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	*journal = (struct journal){.path = copy, .sync = sync, .fd = -1};
	/* Lengths come on top of the entries. */
	build_init(&journal->kept, 2 * (size_t)JOURNAL_KEPT_MAX);
	if (!open_file(journal, ret_problem)) {
		journal_close(journal);
		return NULL;
	}
	return journal;
}

bool
journal_append(struct journal *journal, struct text entry, bool *ret_kept,
    struct problem *ret_problem)
{
	assert(entry.len > 0 && entry.ptr[entry.len - 1] == '\n');
	/* In order: what waits goes first. */
	if (write_kept(journal, ret_problem) &&
	    append_now(journal, entry, ret_problem))
		return true;
	*ret_kept = keep(journal, entry);
	return false;
}

bool
journal_flush(struct journal *journal, struct problem *ret_problem)
{
	if (!write_kept(journal, ret_problem))
		return false;
	if (journal->sync == JOURNAL_SYNC_NONE)
		return true;
	force_to_disk(journal);
	int error = journal->sync_error;
	journal->sync_error = 0;
	return error == 0 || journal_problem(ret_problem, error, journal->path,
				 "force to disk");
}

void
journal_each_kept(
    const struct journal *journal, void (*each)(struct text entry))
{
	for (size_t done = 0; done < journal->kept.len;) {
		size_t len;
		memcpy(&len, journal->kept.ptr + done, sizeof len);
		done += sizeof len;
		each((struct text){journal->kept.ptr + done, len});
		done += len;
	}
}

size_t
journal_kept(const struct journal *journal)
{
	return journal->kept_bytes;
}

void
journal_close(struct journal *journal)
{
	struct problem ignored = {0};

	if (journal == NULL)
		return;
	(void)write_kept(journal, &ignored);
	close_file(journal);
	build_free(&journal->kept);
	free(journal->path);
	free(journal);
}
