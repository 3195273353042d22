#include "store/sqlite_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the folder --- */

/* As it would be written before the file's name. */
static const char *
folder_of(const char *path, char folder[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);

	if (slash == NULL)
		return ".";
	if (len == 0)
		return "/";
	if (len >= PATH_MAX)
		len = PATH_MAX - 1; /* opening it failed for that */
	memcpy(folder, path, len);
	folder[len] = '\0';
	return folder;
}

static bool
find_folder(const char *path, struct problem *ret_problem)
{
	char room[PATH_MAX];
	const char *folder = folder_of(path, room);
	struct stat status;

	if (stat(folder, &status) == 0 || (errno != ENOENT && errno != ENOTDIR))
		return true;
	return problem_set(ret_problem, PROBLEM_CONFIG,
	    "database %s: there is no folder %s: make it, or correct Database",
	    path, folder);
}

/* The first that is there, as SQLite chooses. */
static void
need_temporary(struct sandbox *sandbox)
{
	const char *const folders[] = {getenv("SQLITE_TMPDIR"),
	    getenv("TMPDIR"), "/var/tmp", "/usr/tmp", "/tmp"};

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		if (folders[i] != NULL &&
		    access(folders[i], W_OK | X_OK) == 0 &&
		    sandbox_may(sandbox, SANDBOX_CHANGE, folders[i]))
			return;
	}
}

bool
sqlite_file_needs(
    const char *path, struct sandbox *sandbox, struct problem *ret_problem)
{
	need_temporary(sandbox);
	return sandbox_may_beside(sandbox, SANDBOX_CHANGE, path) ||
	       find_folder(path, ret_problem);
}

/* --- permission --- */

static const char *
user_name(uid_t user, char name[64])
{
	char room[4096];
	struct passwd entry;
	struct passwd *found;

	/* Import and reports may ask at once. */
	if (getpwuid_r(user, &entry, room, sizeof room, &found) != 0 ||
	    found == NULL)
		(void)snprintf(name, 64, "%lu", (unsigned long)user);
	else
		(void)snprintf(name, 64, "%s", found->pw_name);
	return name;
}

static bool
may(const char *database, const char *path, int mode, const char *what,
    struct problem *ret_problem)
{
	char user[64];
	char owner[64];
	struct stat status;

	if (faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0)
		return true;
	if (errno == EROFS)
		return problem_set(ret_problem, PROBLEM_CANNOT_WRITE,
		    "database %s: its file system is mounted read-only",
		    database);
	if (errno != EACCES || stat(path, &status) != 0)
		return true;
	(void)user_name(geteuid(), user);
	if (status.st_uid == geteuid())
		return problem_set(ret_problem, PROBLEM_PERMISSION,
		    "database %s: user %s may not write to %s %s: chmod u+%s %s",
		    database, user, what, path,
		    (mode & X_OK) != 0 ? "rwx" : "rw", path);
	return problem_set(ret_problem, PROBLEM_PERMISSION,
	    "database %s: user %s may not write to %s %s, which is %s's; run "
	    "this as %s; or, only if UserID is %s, as root: chown %s %s",
	    database, user, what, path, user_name(status.st_uid, owner), owner,
	    user, user, path);
}

bool
sqlite_file_may_write(const char *path, struct problem *ret_problem)
{
	static const char *const beside[] = {"", "-wal", "-shm"};
	char room[PATH_MAX];

	if (!may(path, folder_of(path, room), R_OK | W_OK | X_OK, "its folder",
		ret_problem))
		return false;
	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
		(void)snprintf(room, sizeof room, "%s%s", path, beside[i]);
		if (!may(path, room, R_OK | W_OK, "the file", ret_problem))
			return false;
	}
	return true;
}

/* --- the file --- */

/* Made by root, it belongs to whom its folder belongs to, so that the daemon
 * can open it. Where root may not give files away it stays root's. */
static void
share(int fd, const char *path)
{
	char room[PATH_MAX];
	struct stat status;

	if (geteuid() == 0 && stat(folder_of(path, room), &status) == 0 &&
	    fchown(fd, status.st_uid, status.st_gid) != 0)
		return;
}

bool
sqlite_file_make(const char *path, struct problem *ret_problem)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int error = errno;

	if (fd >= 0) {
		share(fd, path);
		(void)close(fd);
	}
	return fd >= 0 || error == EEXIST ||
	       (find_folder(path, ret_problem) &&
		   sqlite_file_may_write(path, ret_problem) &&
		   problem_set(ret_problem, problem_kind_of(error),
		       "database %s: cannot be made: %s", path,
		       strerror(error)));
}

bool
sqlite_file_find(const char *path, struct problem *ret_problem)
{
	struct stat status;

	if (stat(path, &status) == 0)
		return true;
	int error = errno;
	return find_folder(path, ret_problem) &&
	       problem_set(ret_problem, problem_kind_of(error),
		   "database %s: %s%s", path, strerror(error),
		   error == ENOENT ? "; \"dmarc database create\" makes it"
				   : "");
}
