#include "store/location.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PORT_MAX = 65535 };

static const char password_variable[] = "DMARC_DATABASE_PASSWORD";

/* --- the words --- */

/* Undoes %XX. False: too long, a bad %XX, or a NUL byte. */
static bool
copy(struct text text, char *to, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		int byte = (unsigned char)text.ptr[i];
		if (byte == '%') {
			if (text.len - i < 3)
				return false;
			int high = hex_value(text.ptr[i + 1]);
			int low = hex_value(text.ptr[i + 2]);
			if (high < 0 || low < 0)
				return false;
			byte = high * 16 + low;
			i += 2;
		}
		if (byte == '\0' || len + 1 >= size)
			return false;
		to[len++] = (char)byte;
	}
	to[len] = '\0';
	return true;
}

/* YES or "no". */
static bool
read_switch(struct text word, struct text yes, bool *is_on)
{
	*is_on = text_equal(word, yes);
	return *is_on || text_equal(word, TEXT("no"));
}

static bool
read_option(struct text option, struct location *location)
{
	static const struct {
		struct text name;
		size_t offset;
		size_t size;
	} texts[] = {
	    {{"socket", 6}, offsetof(struct location, socket),
		sizeof location->socket},
	    {{"password-file", 13}, offsetof(struct location, password_file),
		sizeof location->password_file},
	    {{"ca", 2}, offsetof(struct location, ca), sizeof location->ca},
	};
	struct text name = text_split(&option, '=');

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (text_equal(name, texts[i].name))
			return option.len > 0 &&
			       copy(option, (char *)location + texts[i].offset,
				   texts[i].size);
	}
	if (text_equal(name, TEXT("bulk")))
		return read_switch(option, TEXT("yes"), &location->arrays);
	return text_equal(name, TEXT("tls")) &&
	       read_switch(option, TEXT("verify"), &location->tls);
}

/* "host", "host:port", "[2001:db8::1]:port". */
static bool
read_host(struct text text, struct location *location)
{
	size_t end = 0;
	uint64_t port = 0;

	if (text_starts(text, TEXT("["))) {
		end = text_find(text, ']');
		if (end == text.len)
			return false;
		if (!copy(text_slice(text, 1, end), location->host,
			sizeof location->host))
			return false;
		text = text_slice(text, end + 1, text.len);
		if (text.len > 0 && text.ptr[0] != ':')
			return false;
	}
	struct text rest = text;
	struct text host = text_split(&rest, ':');
	if (end == 0 && !copy(host, location->host, sizeof location->host))
		return false;
	if (host.len < text.len &&
	    (!text_to_number(rest, PORT_MAX, &port) || port == 0))
		return false;
	location->port = (unsigned)port;
	return location->host[0] != '\0';
}

/* What a connection to it cannot leave the machine by. */
static bool
is_here(const struct location *location)
{
	static const char *const here[] = {"localhost", "127.0.0.1", "::1"};

	for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
		if (strcmp(location->host, here[i]) == 0)
			return true;
	}
	return false;
}

static bool
read_options(struct text options, struct location *location)
{
	while (options.len > 0) {
		if (!read_option(text_split(&options, '&'), location))
			return false;
	}
	/* The library takes the socket for this name only. */
	return location->socket[0] == '\0' ||
	       strcmp(location->host, "localhost") == 0;
}

/* A name that needs no quotes anywhere. */
static bool
is_plain(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$");

	return len > 0 && name[len] == '\0';
}

static bool
read_all(struct text text, struct location *location)
{
	if (!text_starts(text, TEXT("//")))
		return false;
	text = text_slice(text, 2, text.len);
	struct text address = text_split(&text, '?');
	size_t at = text_find_last(address, '@');
	struct text rest = text_slice(address, at + 1, address.len);
	struct text host = text_split(&rest, '/');

	if (at == 0 || at == address.len || rest.len == 0 ||
	    !copy(text_slice(address, 0, at), location->user,
		sizeof location->user) ||
	    !copy(rest, location->name, sizeof location->name) ||
	    !is_plain(location->name) || !read_host(host, location))
		return false;
	location->arrays = true;
	location->is_remote = location->tls = !is_here(location);
	return read_options(text, location);
}

bool
location_read(const char *where, struct location *ret_location,
    struct problem *ret_problem)
{
	struct location location = {0};
	struct text text = text_from_cstr(where);
	struct text user = text_slice(text, 2, text_find(text, '@'));

	if (text_has(user, ':'))
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "Database: no password here, where others can read it; "
		    "write it into a file and add ?password-file=/path");
	if (!read_all(text, &location))
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "Database: \"%s\" cannot be read; write "
		    "//user@host/name, and then, if need be, ?password-file=, "
		    "socket=, tls=verify or no, ca=, separated by &",
		    where);
	*ret_location = location;
	return true;
}

/* --- the password --- */

static bool
read_file(const char *path, char ret_password[LOCATION_PASSWORD_MAX],
    struct problem *ret_problem)
{
	char bytes[LOCATION_PASSWORD_MAX + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
	int error = errno;

	if (fd >= 0)
		(void)close(fd);
	/* What is missing is no input. */
	if (got < 0)
		return problem_set(ret_problem,
		    error == ENOENT ? PROBLEM_CONFIG : problem_kind_of(error),
		    "password file %s: %s", path, strerror(error));
	struct text all = {bytes, (size_t)got};
	struct text line = text_slice(all, 0, text_find(all, '\n'));
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (line.len >= LOCATION_PASSWORD_MAX || text_has(line, '\0'))
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "password file %s: the first line is no password", path);
	memcpy(ret_password, line.ptr, line.len);
	ret_password[line.len] = '\0';
	return true;
}

bool
location_password(const struct location *location,
    char ret_password[LOCATION_PASSWORD_MAX], struct problem *ret_problem)
{
	const char *password = getenv(password_variable);

	if (location->password_file[0] != '\0')
		return read_file(
		    location->password_file, ret_password, ret_problem);
	if (password == NULL)
		password = "";
	size_t len = strlen(password);
	if (len >= LOCATION_PASSWORD_MAX)
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "%s is too long", password_variable);
	memcpy(ret_password, password, len + 1);
	return true;
}
