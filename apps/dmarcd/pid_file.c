#include "pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
pid_file_write(const char *path, struct problem *ret_problem)
{
	int flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
	int fd = open(path, flags, 0644);

	if (fd >= 0 && dprintf(fd, "%ld\n", (long)getpid()) > 0)
		return fd;
	(void)problem_set(ret_problem, PROBLEM_CANNOT_WRITE, "PidFile: %s: %s",
	    path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* Another daemon may have made a new file there, or written into ours. */
static bool
is_ours(int fd, const char *path)
{
	struct stat ours;
	struct stat there;
	char bytes[32];
	ssize_t len = pread(fd, bytes, sizeof bytes - 1, 0);

	if (len < 0 || fstat(fd, &ours) != 0 || lstat(path, &there) != 0)
		return false;
	bytes[len] = '\0';
	return ours.st_dev == there.st_dev && ours.st_ino == there.st_ino &&
	       strtol(bytes, NULL, 10) == (long)getpid();
}

void
pid_file_remove(int fd, const char *path)
{
	if (fd < 0)
		return;
	if (is_ours(fd, path))
		(void)unlink(path);
	(void)close(fd);
}
