#include "config/file.h"

#include "base/build.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
read_all(int fd, struct build *bytes)
{
	char piece[16384];

	for (;;) {
		ssize_t len = read(fd, piece, sizeof piece);
		if (len == 0)
			return true;
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return false;
		build_text(bytes, (struct text){piece, (size_t)len});
		if (build_failed(bytes)) {
			errno = bytes->len + (size_t)len > bytes->limit
				    ? EFBIG
				    : ENOMEM;
			return false;
		}
	}
}

/* A FIFO that nobody writes to must not make us wait; it is empty. */
static int
open_now(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, O_RDONLY);
	return fd;
}

bool
file_read(struct arena *arena, const char *path, size_t max,
    struct text *ret_bytes, struct problem *ret_problem)
{
	bool is_input = strcmp(path, "-") == 0;
	int fd = is_input ? STDIN_FILENO : open_now(path);
	struct build bytes;

	if (fd < 0)
		return problem_set(ret_problem, problem_kind_of(errno),
		    "%s: %s", path, strerror(errno));
	build_init_arena(&bytes, arena, max);
	bool is_read = read_all(fd, &bytes);
	int error = errno;
	if (!is_input)
		(void)close(fd);
	if (!is_read)
		return problem_set(ret_problem, PROBLEM_SYSTEM, "%s: %s", path,
		    strerror(error));
	*ret_bytes = build_view(&bytes);
	return true;
}

bool
file_lasts(const char *path)
{
	struct stat status;

	return stat(path, &status) != 0 ||
	       !(S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

struct file_stamp
file_look(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
		return (struct file_stamp){.is_there = false};
	return (struct file_stamp){true, status.st_dev, status.st_ino,
	    status.st_size, status.st_mtim, status.st_ctim};
}

static bool
is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool
file_is_same(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->is_there == b->is_there && a->device == b->device &&
	       a->inode == b->inode && a->size == b->size &&
	       is_same_time(&a->written, &b->written) &&
	       is_same_time(&a->changed, &b->changed);
}
