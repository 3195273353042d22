/* The importer's side. Under FILE.lock, FILE is given a second name (link) and
 * then replaced by an empty one (rename), while its writers are kept out by
 * their own lock. At every moment there is a FILE, and killed at any moment
 * nothing is lost or doubled: after the link alone, FILE and the claim are one
 * file, which the next run sees and then only replaces FILE.
 *
 * A claim's name is a UUID of version 7 (RFC 9562 5.7), so names sort by time.
 */
#include "journal/file.h"
#include "journal/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { UUID_LENGTH = 36 };

struct journal_lock {
	int fd;
	char *path;       /* FILE */
	char *folder;     /* where it lies */
	const char *name; /* the rest of path */
};

static char *
join(const char *a, const char *b, const char *c)
{
	size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
	char *joined = malloc(size);

	if (joined != NULL)
		(void)snprintf(joined, size, "%s%s%s", a, b, c);
	return joined;
}

/* --- the lock --- */

static bool
set_path(struct journal_lock *lock, const char *path)
{
	lock->path = strdup(path);
	if (lock->path == NULL)
		return false;
	const char *slash = strrchr(lock->path, '/');
	lock->name = slash == NULL ? lock->path : slash + 1;
	lock->folder = slash == NULL
			   ? strdup("./")
			   : strndup(path, (size_t)(slash - lock->path) + 1);
	return lock->folder != NULL;
}

/* A lock made by root belongs to whom FILE belongs to, so that the daemon can
 * take it too. Only one made here is given away: who owns the folder could have
 * linked any file to its name. When it cannot be made, opening it says why. */
static void
make_lock(const char *lock_path, const struct stat *like)
{
	int fd = open(lock_path,
	    O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	if (geteuid() == 0 && fchown(fd, like->st_uid, like->st_gid) == 0)
		(void)fchmod(fd, like->st_mode & 0666);
	(void)close(fd);
}

static int
open_lock(const char *lock_path, const char *path, struct problem *ret_problem)
{
	struct stat like;
	struct stat status;

	/* A mistyped name leaves no lock behind. */
	bool exists = lstat(path, &like) == 0;
	if (!exists && errno != ENOENT) {
		(void)journal_problem(ret_problem, errno, path, "look at");
		return -1;
	}
	if (!exists && lstat(lock_path, &status) != 0) {
		(void)problem_set(ret_problem, PROBLEM_NO_INPUT,
		    "%s: there is no such history file", path);
		return -1;
	}
	/* Nor does a folder, or what else is no history file. */
	if (exists && !S_ISREG(like.st_mode)) {
		(void)(S_ISLNK(like.st_mode)
			   ? journal_problem(ret_problem, ELOOP, path, "open")
			   : problem_set(ret_problem, PROBLEM_CONFIG,
				 "%s: is not a regular file", path));
		return -1;
	}
	if (exists)
		make_lock(lock_path, &like);
	return journal_open_file(
	    lock_path, O_RDONLY | (exists ? O_CREAT : 0), &status, ret_problem);
}

static bool
take_lock(struct journal_lock *lock, struct problem *ret_problem)
{
	char *lock_path = join(lock->path, ".lock", "");

	if (lock_path == NULL)
		return problem_no_memory(ret_problem);
	lock->fd = open_lock(lock_path, lock->path, ret_problem);
	bool taken = lock->fd >= 0 && flock(lock->fd, LOCK_EX | LOCK_NB) == 0;
	if (lock->fd >= 0 && !taken && errno == EWOULDBLOCK)
		(void)problem_set(ret_problem, PROBLEM_TEMPORARY,
		    "%s: another import is at work", lock->path);
	else if (lock->fd >= 0 && !taken)
		(void)journal_problem(ret_problem, errno, lock_path, "lock");
	free(lock_path);
	return taken;
}

struct journal_lock *
journal_lock(const char *path, struct problem *ret_problem)
{
	struct journal_lock *lock = calloc(1, sizeof *lock);

	if (lock == NULL) {
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	lock->fd = -1;
	if (!set_path(lock, path)) {
		(void)problem_no_memory(ret_problem);
		journal_unlock(lock);
		return NULL;
	}
	if (!take_lock(lock, ret_problem)) {
		journal_unlock(lock);
		return NULL;
	}
	return lock;
}

void
journal_unlock(struct journal_lock *lock)
{
	if (lock == NULL)
		return;
	if (lock->fd >= 0)
		(void)close(lock->fd);
	free(lock->folder);
	free(lock->path);
	free(lock);
}

const char *
journal_folder(const struct journal_lock *lock)
{
	return lock->folder;
}

/* --- the list of claims --- */

static bool
is_uuid(const char *name)
{
	size_t len = strspn(name, "0123456789abcdef-");

	return len == UUID_LENGTH && name[len] == '\0';
}

static const char infix[] = ".claim-";

enum { SUFFIX_LENGTH = sizeof infix - 1 + UUID_LENGTH };

static bool
is_suffix(const char *name)
{
	return strncmp(name, infix, sizeof infix - 1) == 0 &&
	       is_uuid(name + sizeof infix - 1);
}

static bool
is_claim(const struct journal_lock *lock, const char *name)
{
	size_t len = strlen(lock->name);

	return strncmp(name, lock->name, len) == 0 && is_suffix(name + len);
}

size_t
journal_claimed_file(const char *path)
{
	size_t len = strlen(path);

	return len > SUFFIX_LENGTH && is_suffix(path + len - SUFFIX_LENGTH)
		   ? len - SUFFIX_LENGTH
		   : 0;
}

static bool
add_claim(struct journal_claims *claims, const struct journal_lock *lock,
    const char *name)
{
	char **grown =
	    realloc(claims->path, (claims->count + 1) * sizeof *claims->path);

	if (grown == NULL)
		return false;
	claims->path = grown;
	char *path = join(lock->folder, name, "");
	if (path == NULL)
		return false;
	claims->path[claims->count++] = path;
	return true;
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool
journal_claims(struct journal_lock *lock, struct journal_claims *ret_claims,
    struct problem *ret_problem)
{
	struct journal_claims claims = {0};
	DIR *folder = opendir(lock->folder);
	bool good = folder != NULL;

	if (!good)
		return journal_problem(
		    ret_problem, errno, lock->folder, "list");
	for (struct dirent *entry; good && (entry = readdir(folder)) != NULL;) {
		if (is_claim(lock, entry->d_name))
			good = add_claim(&claims, lock, entry->d_name);
	}
	(void)closedir(folder);
	if (!good) {
		journal_claims_free(&claims);
		return problem_no_memory(ret_problem);
	}
	if (claims.count > 1)
		qsort(claims.path, claims.count, sizeof *claims.path,
		    compare_paths);
	*ret_claims = claims;
	return true;
}

void
journal_claims_free(struct journal_claims *claims)
{
	for (size_t i = 0; i < claims->count; i++)
		free(claims->path[i]);
	free(claims->path);
	*claims = (struct journal_claims){0};
}

struct text
journal_claim_id(const char *claim)
{
	struct text path = text_from_cstr(claim);

	return path.len < UUID_LENGTH
		   ? path
		   : text_slice(path, path.len - UUID_LENGTH, path.len);
}

/* --- claiming --- */

static bool
make_uuid(char text[UUID_LENGTH + 1], struct problem *ret_problem)
{
	unsigned char byte[16];
	struct timespec now;

	if (getrandom(byte, sizeof byte, 0) != (ssize_t)sizeof byte)
		return problem_set(
		    ret_problem, PROBLEM_SYSTEM, "no random bytes to be had");
	(void)clock_gettime(CLOCK_REALTIME, &now);
	uint64_t time =
	    (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	for (int i = 0; i < 6; i++)
		byte[i] = (unsigned char)(time >> (40 - 8 * i));
	/* The part of a millisecond too (6.2, method 3), so that two claims
	 * made one right after the other are read in that order. */
	unsigned part = (unsigned)(now.tv_nsec % 1000000 * 4096 / 1000000);
	byte[6] = (unsigned char)(0x70 | part >> 8);
	byte[7] = (unsigned char)(part & 0xFF);
	byte[8] = (unsigned char)((byte[8] & 0x3F) | 0x80);
	for (size_t i = 0, at = 0; i < sizeof byte; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[at++] = '-';
		hex_write(text + at, byte + i, 1);
		at += 2;
	}
	text[UUID_LENGTH] = '\0';
	return true;
}

char *
journal_new_claim(const struct journal_lock *lock, struct problem *ret_problem)
{
	char uuid[UUID_LENGTH + 1];

	if (!make_uuid(uuid, ret_problem))
		return NULL;
	char *claim = join(lock->path, infix, uuid);
	if (claim == NULL)
		(void)problem_no_memory(ret_problem);
	return claim;
}

static bool
refused(struct problem *problem, const char *path, const char *what, int error)
{
	return problem_set(problem, problem_kind_of(error), "%s: %s: %s", path,
	    what, strerror(error));
}

/* An empty file beside FILE, which looks like it. */
static bool
make_new(const char *new_path, const struct journal_lock *lock,
    const struct stat *like, struct problem *ret_problem)
{
	(void)unlink(new_path); /* of a killed importer; we hold the lock */
	int fd = open(new_path,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return refused(ret_problem, lock->path,
		    "no permission to make a file beside it (write and search "
		    "permission on its directory is needed)",
		    errno);
	/* Mode last: a change of owner may take bits away. */
	bool good = fchown(fd, like->st_uid, like->st_gid) == 0;
	if (!good)
		(void)refused(ret_problem, lock->path,
		    "no permission to give its successor the same owner and "
		    "group (run as root, or as its owner and in its group)",
		    errno);
	if (good && fchmod(fd, like->st_mode & 07777) != 0)
		good = refused(ret_problem, lock->path,
		    "no permission to give its successor the same mode", errno);
	(void)close(fd);
	if (!good)
		(void)unlink(new_path);
	return good;
}

static bool
is_same_file(const char *path, const struct stat *file)
{
	struct stat status;

	return lstat(path, &status) == 0 && status.st_dev == file->st_dev &&
	       status.st_ino == file->st_ino;
}

/* Did a killed importer come as far as the link? */
static bool
is_linked(struct journal_lock *lock, const struct stat *file, bool *ret_linked,
    struct problem *ret_problem)
{
	struct journal_claims claims = {0};

	*ret_linked = false;
	if (file->st_nlink == 1)
		return true;
	if (!journal_claims(lock, &claims, ret_problem))
		return false;
	for (size_t i = 0; i < claims.count; i++)
		*ret_linked |= is_same_file(claims.path[i], file);
	journal_claims_free(&claims);
	return true;
}

static bool
link_claim(struct journal_lock *lock, const struct stat *file,
    struct problem *ret_problem)
{
	char *claim = journal_new_claim(lock, ret_problem);

	if (claim == NULL)
		return false;
	bool good = linkat(AT_FDCWD, lock->path, AT_FDCWD, claim, 0) == 0;
	if (!good)
		(void)refused(ret_problem, lock->path,
		    "no permission to give it a second name (write permission "
		    "on its directory, and owning the file or reading and "
		    "writing it, are needed)",
		    errno);
	/* Somebody who keeps to no lock may have changed what the path is. */
	if (good && !is_same_file(claim, file)) {
		(void)unlink(claim);
		good = problem_set(ret_problem, PROBLEM_TEMPORARY,
		    "%s: was replaced while it was being claimed", lock->path);
	}
	free(claim);
	return good;
}

static bool
replace(struct journal_lock *lock, const struct stat *file,
    struct problem *ret_problem)
{
	char *new_path = join(lock->path, ".new", "");

	if (new_path == NULL)
		return problem_no_memory(ret_problem);
	bool linked = false;
	bool made = make_new(new_path, lock, file, ret_problem);
	bool good = made && is_linked(lock, file, &linked, ret_problem) &&
		    (linked || link_claim(lock, file, ret_problem));
	/* When this fails the claim stays, one file with FILE, and is found by
	 * the next run. */
	if (good && rename(new_path, lock->path) != 0)
		good = refused(ret_problem, lock->path,
		    "no permission to put an empty file in its place (in a "
		    "directory with the sticky bit one must own the file)",
		    errno);
	if (made && !good)
		(void)unlink(new_path);
	free(new_path);
	return good;
}

/* FILE is open and its writers are kept out. */
static bool
claim_locked(struct journal_lock *lock, int fd, bool *ret_claimed,
    struct problem *ret_problem)
{
	struct stat file;

	*ret_claimed = false;
	if (fstat(fd, &file) != 0)
		return journal_problem(
		    ret_problem, errno, lock->path, "look at");
	if (file.st_size == 0)
		return true;
	if (!is_same_file(lock->path, &file))
		return problem_set(ret_problem, PROBLEM_TEMPORARY,
		    "%s: was replaced while it was being claimed", lock->path);
	*ret_claimed = replace(lock, &file, ret_problem);
	return *ret_claimed;
}

bool
journal_claim(struct journal_lock *lock, struct problem *ret_problem)
{
	struct stat file;
	bool claimed = false;
	int fd = journal_open_file(lock->path, O_RDONLY, &file, ret_problem);

	if (fd < 0)
		return false;
	if (file.st_size == 0) {
		(void)close(fd);
		return true;
	}
	bool good = flock(fd, LOCK_EX) == 0;
	if (!good)
		(void)journal_problem(ret_problem, errno, lock->path, "lock");
	good = good && claim_locked(lock, fd, &claimed, ret_problem);
	(void)flock(fd, LOCK_UN);
	/* What is imported from it must still be there after a power cut, or
	 * later bytes would take its place. */
	if (claimed) {
		(void)fdatasync(fd);
		journal_sync_folder(lock->folder);
	}
	(void)close(fd);
	return good;
}

/* --- reading claims --- */

int
journal_open_claim(const char *claim, uint64_t *ret_size, bool *ret_rested,
    struct problem *ret_problem)
{
	struct stat status;
	int fd = journal_open_file(claim, O_RDONLY, &status, ret_problem);

	if (fd < 0)
		return -1;
	/* With the lock of a late writer its entry is whole. */
	bool good = flock(fd, LOCK_EX) == 0 && fstat(fd, &status) == 0;
	if (!good)
		(void)journal_problem(ret_problem, errno, claim, "lock");
	(void)flock(fd, LOCK_UN);
	if (!good) {
		(void)close(fd);
		return -1;
	}
	*ret_size = (uint64_t)status.st_size;
	*ret_rested = journal_is_rested(&status);
	return fd;
}

bool
journal_remove_claim(struct journal_lock *lock, const char *claim,
    uint64_t size, int64_t before, struct problem *ret_problem)
{
	struct stat status;
	int fd = journal_open_file(claim, O_RDONLY, &status, ret_problem);

	if (fd < 0)
		return false;
	bool good = flock(fd, LOCK_EX) == 0 && fstat(fd, &status) == 0;
	if (!good)
		(void)journal_problem(ret_problem, errno, claim, "lock");
	else if ((uint64_t)status.st_size == size &&
		 (int64_t)status.st_ctim.tv_sec <= before &&
		 !is_same_file(lock->path, &status) && unlink(claim) != 0)
		good = refused(
		    ret_problem, claim, "no permission to remove it", errno);
	(void)close(fd);
	return good;
}
