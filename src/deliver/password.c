#include "deliver/password.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
refuse(struct problem *problem, const char *path, const char *why)
{
	return problem_set(
	    problem, PROBLEM_CONFIG, "ReportPasswordFile %s: %s", path, why);
}

static bool
check_mode(int fd, const char *path, struct problem *problem)
{
	struct stat status;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return refuse(problem, path, "not a file");
	return (status.st_mode & (S_IROTH | S_IWOTH)) == 0 ||
	       problem_set(problem, PROBLEM_CONFIG,
		   "ReportPasswordFile %s: everybody may read it or write to "
		   "it; type: chmod o-rw %s",
		   path, path);
}

static bool
read_line(int fd, const char *path, char *line, struct problem *problem)
{
	char room[PASSWORD_MAX + 2];
	ssize_t len = read(fd, room, sizeof room);

	if (len < 0)
		return refuse(problem, path, strerror(errno));
	struct text bytes = {room, (size_t)len};
	bytes = text_slice(bytes, 0, text_find(bytes, '\n'));
	if (bytes.len > 0 && bytes.ptr[bytes.len - 1] == '\r')
		bytes.len--;
	if (bytes.len == 0 || bytes.len > PASSWORD_MAX || text_has(bytes, '\0'))
		return refuse(problem, path,
		    "its first line must be the password, of 1 to 255 bytes");
	memcpy(line, bytes.ptr, bytes.len);
	line[bytes.len] = '\0';
	return true;
}

bool
password_read(const char *path, char ret_password[PASSWORD_MAX + 1],
    struct problem *ret_problem)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return problem_set(ret_problem, problem_kind_of(errno),
		    "ReportPasswordFile %s: %s", path, strerror(errno));
	bool is_read = check_mode(fd, path, ret_problem) &&
		       read_line(fd, path, ret_password, ret_problem);
	(void)close(fd);
	return is_read;
}
