#include "journal/file.h"
#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
# include <sys/vfs.h>
#else
# include <sys/mount.h>
# include <sys/param.h>
#endif

#ifdef __linux__
/* statfs(2) f_type. */
static bool
is_remote(int fd)
{
	static const uint32_t remote[] = {
	    0x6969,     /* NFS */
	    0x517B,     /* SMB */
	    0xFF534D42, /* CIFS */
	    0xFE534D42, /* SMB2 */
	    0x5346414F, /* AFS */
	    0x6B414653, /* kAFS */
	    0x73757245, /* Coda */
	    0x01021997, /* 9p */
	};
	struct statfs system;

	if (fstatfs(fd, &system) != 0)
		return false;
	for (size_t i = 0; i < sizeof remote / sizeof *remote; i++) {
		if ((uint32_t)system.f_type == remote[i])
			return true;
	}
	return false;
}
#else
static bool
is_remote(int fd)
{
	struct statfs system;

	return fstatfs(fd, &system) == 0 && (system.f_flags & MNT_LOCAL) == 0;
}
#endif

bool
journal_problem(
    struct problem *problem, int error, const char *path, const char *verb)
{
	if (error == ELOOP)
		return problem_set(problem, PROBLEM_CONFIG,
		    "%s: is a symbolic link, which is not followed; name the "
		    "file itself",
		    path);
	return problem_set(problem, problem_kind_of(error),
	    "%s: cannot %s it: %s", path, verb, strerror(error));
}

/* The user by number: its name is not to be had in a sandbox. */
static bool
cannot_make(struct problem *problem, int error, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (error == EACCES)
		return problem_set(problem, PROBLEM_PERMISSION,
		    "%s: cannot make it: no permission to write to its folder",
		    path);
	if (error == ENOENT && slash != NULL)
		return problem_set(problem, problem_kind_of(error),
		    "%s: its folder is missing; as root: install -d -o %lu "
		    "-m 700 %.*s",
		    path, (unsigned long)geteuid(), (int)(slash - path), path);
	return journal_problem(problem, error, path, "make");
}

static bool
is_fit(int fd, const char *path, struct stat *status, struct problem *problem)
{
	if (fstat(fd, status) != 0)
		return journal_problem(problem, errno, path, "look at");
	if (!S_ISREG(status->st_mode))
		return problem_set(
		    problem, PROBLEM_CONFIG, "%s: is not a regular file", path);
	if (is_remote(fd))
		return problem_set(problem, PROBLEM_CONFIG,
		    "%s: lies on a network file system, where locks and "
		    "renames do not keep entries from being lost; keep it on "
		    "a local disk",
		    path);
	return true;
}

int
journal_open_file(const char *path, int flags, struct stat *ret_status,
    struct problem *ret_problem)
{
	struct stat status;
	/* O_NONBLOCK: a FIFO would make us wait for its reader. */
	int safe = flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	/* With O_CREAT, Linux refuses an existing file of another owner in a
	 * sticky directory (fs.protected_regular), even to root. */
	int fd = open(path, safe & ~O_CREAT);
	bool makes = fd < 0 && errno == ENOENT && (flags & O_CREAT) != 0;
	if (makes)
		fd = open(path, safe, 0600);

	if (fd < 0) {
		(void)(makes
			   ? cannot_make(ret_problem, errno, path)
			   : journal_problem(ret_problem, errno, path, "open"));
		return -1;
	}
	if (!is_fit(fd, path, &status, ret_problem)) {
		(void)close(fd);
		return -1;
	}
	*ret_status = status;
	return fd;
}

/* A time to come says that the clock was set back, and nothing of writers. */
bool
journal_is_rested(const struct stat *status)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	int64_t ago = (now.tv_sec - status->st_mtim.tv_sec) * (int64_t)1000 +
		      (now.tv_nsec - status->st_mtim.tv_nsec) / 1000000;
	return ago >= JOURNAL_REST * 1000 || ago <= -JOURNAL_REST * 1000;
}

void
journal_sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)fsync(fd);
	(void)close(fd);
}
