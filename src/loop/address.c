#include "loop/address.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, HOST_MAX = 255 };

static const struct scheme {
	struct text word;
	int family;
} schemes[] = {
    {{"unix:", 5}, AF_UNIX},
    {{"local:", 6}, AF_UNIX},
    {{"inet:", 5}, AF_INET},
    {{"inet6:", 6}, AF_INET6},
};

/* The family of ADDRESS, and what stands after the word for it. */
static int
split_scheme(struct text address, struct text *ret_rest)
{
	*ret_rest = address;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (text_starts_nocase(address, schemes[i].word)) {
			*ret_rest = text_slice(
			    address, schemes[i].word.len, address.len);
			return schemes[i].family;
		}
	return text_starts(address, TEXT("/")) ? AF_UNIX : AF_UNSPEC;
}

struct text
address_path(struct text address)
{
	struct text rest;

	return split_scheme(address, &rest) == AF_UNIX ? rest : TEXT("");
}

/* What an address says; nothing is looked up for it. */
struct place {
	int family;
	struct sockaddr_un path;
	char port[6];
	char host[HOST_MAX + 1]; /* "": every address of this host */
};

/* port [ "@" host ]; the host may stand in brackets. */
static bool
read_port(struct text rest, struct place *place)
{
	uint64_t number;
	struct text digits = text_split(&rest, '@');

	if (!text_to_number(digits, 65535, &number))
		return false;
	if (text_starts(rest, TEXT("[")) && rest.ptr[rest.len - 1] == ']')
		rest = text_slice(rest, 1, rest.len - 1);
	if (rest.len > HOST_MAX || text_has(rest, '\0'))
		return false;
	(void)snprintf(place->port, sizeof place->port, "%u", (unsigned)number);
	if (rest.len > 0)
		memcpy(place->host, rest.ptr, rest.len);
	return true;
}

static bool
read_path(struct text path, struct place *place)
{
	struct sockaddr_un *name = &place->path;

	name->sun_family = AF_UNIX;
	if (path.len >= sizeof name->sun_path || text_has(path, '\0'))
		return false;
	memcpy(name->sun_path, path.ptr, path.len);
	return true;
}

static bool
read_place(
    struct text address, struct place *ret_place, struct problem *ret_problem)
{
	struct text rest;

	*ret_place = (struct place){.family = split_scheme(address, &rest)};
	if (ret_place->family == AF_UNIX && rest.len > 0)
		return read_path(rest, ret_place) ||
		       problem_set(ret_problem, PROBLEM_CONFIG,
			   "\"" TEXT_FMT "\" is no path for a unix socket: "
			   "it must have 1 to %zu bytes",
			   TEXT_ARG(address),
			   sizeof ret_place->path.sun_path - 1);
	if ((ret_place->family == AF_INET || ret_place->family == AF_INET6) &&
	    read_port(rest, ret_place))
		return true;
	return problem_set(ret_problem, PROBLEM_CONFIG,
	    "\"" TEXT_FMT "\" is not a socket: write unix:/path, "
	    "inet:port@host or inet6:port@host",
	    TEXT_ARG(address));
}

bool
address_check(struct text address, struct problem *ret_problem)
{
	struct place place;

	if (!read_place(address, &place, ret_problem))
		return false;
	if (strcmp(place.port, "0") == 0)
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "\"" TEXT_FMT "\": nobody would know the port; write one "
		    "from 1 to 65535",
		    TEXT_ARG(address));
	return true;
}

/* ERROR is getaddrinfo's; NULL, so that callers can return it. */
static struct addrinfo *
say_unfound(struct text address, int error, struct problem *ret_problem)
{
	enum problem_kind kind = PROBLEM_CONFIG;
	const char *what = "no such host";
	const char *why = gai_strerror(error);

	if (error == EAI_AGAIN || error == EAI_SYSTEM)
		what = "cannot look up the host";
	if (error == EAI_AGAIN)
		kind = PROBLEM_TEMPORARY;
	if (error == EAI_SYSTEM) {
		kind = problem_kind_of(errno);
		why = strerror(errno);
	}
	(void)problem_set(ret_problem, kind, "\"" TEXT_FMT "\": %s: %s",
	    TEXT_ARG(address), what, why);
	return NULL;
}

/* NULL: *ret_problem. */
static struct addrinfo *
find_host(struct text address, const struct place *place, int flags,
    struct problem *ret_problem)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_family = place->family,
	    .ai_flags = flags};
	const char *host = place->host[0] == '\0' ? NULL : place->host;
	struct addrinfo *found = NULL;
	int error = getaddrinfo(host, place->port, &hints, &found);

	return error == 0 ? found : say_unfound(address, error, ret_problem);
}

static int
open_socket(int family)
{
	int fd = socket(family, SOCK_STREAM, 0);

	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* --- a stale socket --- */

/* What a connection to NAME comes to, as errno says it; 0: it is taken. */
static int
try_connection(const struct sockaddr_un *name)
{
	int fd = open_socket(AF_UNIX);
	int error = 0;

	/* Without waiting, since the queue of a busy process may be full. */
	if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
	    connect(fd, (const struct sockaddr *)name, sizeof *name) != 0)
		error = errno;
	if (fd >= 0)
		(void)close(fd);
	return error;
}

/* Takes away what an earlier process left, and nothing else. */
static bool
remove_stale(const struct sockaddr_un *name, struct problem *ret_problem)
{
	struct stat status;

	if (lstat(name->sun_path, &status) != 0)
		return true;
	if (!S_ISSOCK(status.st_mode))
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "%s exists and is not a socket: remove it or choose "
		    "another path",
		    name->sun_path);
	int error = try_connection(name);
	if (error == 0 || error == EAGAIN || error == EINPROGRESS)
		return problem_set(ret_problem, PROBLEM_UNAVAILABLE,
		    "%s is in use by a running process", name->sun_path);
	if (error != ECONNREFUSED && error != ENOENT)
		return problem_set(ret_problem, problem_kind_of(error),
		    "cannot tell whether %s is in use: %s", name->sun_path,
		    strerror(error));
	if (unlink(name->sun_path) != 0 && errno != ENOENT)
		return problem_set(ret_problem, problem_kind_of(errno),
		    "cannot remove the old socket %s: %s", name->sun_path,
		    strerror(errno));
	return true;
}

/* --- both --- */

/* Closes FD, so that callers can return it. */
static int
give_up(
    int fd, const char *what, struct text address, struct problem *ret_problem)
{
	(void)problem_set(ret_problem, problem_kind_of(errno),
	    "cannot %s " TEXT_FMT ": %s", what, TEXT_ARG(address),
	    strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static bool
start_listening(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
	       listen(fd, BACKLOG) == 0;
}

/* The mode is right before anybody can connect, and nobody can put another
 * file in the path's place before it is set. */
static bool
bind_unix(int fd, const struct sockaddr_un *name, unsigned mode)
{
	mode_t old = umask(~(mode_t)mode & 0777);
	bool is_bound =
	    bind(fd, (const struct sockaddr *)name, sizeof *name) == 0;
	int error = errno;

	(void)umask(old);
	errno = error;
	return is_bound;
}

static int
listen_unix(struct text address, const struct sockaddr_un *name, unsigned mode,
    struct problem *ret_problem)
{
	if (!remove_stale(name, ret_problem))
		return -1;
	int fd = open_socket(AF_UNIX);
	if (fd < 0 || !bind_unix(fd, name, mode))
		return give_up(fd, "listen on", address, ret_problem);
	if (!start_listening(fd)) {
		fd = give_up(fd, "listen on", address, ret_problem);
		(void)unlink(name->sun_path);
	}
	return fd;
}

static bool
bind_inet(int fd, const struct addrinfo *to)
{
	int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (to->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	return bind(fd, to->ai_addr, to->ai_addrlen) == 0;
}

int
address_listen(struct text address, unsigned mode, struct problem *ret_problem)
{
	struct place place;

	if (!read_place(address, &place, ret_problem))
		return -1;
	if (place.family == AF_UNIX)
		return listen_unix(address, &place.path, mode, ret_problem);
	struct addrinfo *found =
	    find_host(address, &place, AI_PASSIVE, ret_problem);
	if (found == NULL)
		return -1;
	int fd = open_socket(found->ai_family);
	bool is_bound = fd >= 0 && bind_inet(fd, found);
	freeaddrinfo(found);
	if (!is_bound || !start_listening(fd))
		return give_up(fd, "listen on", address, ret_problem);
	return fd;
}

static int
connect_unix(struct text address, const struct sockaddr_un *name,
    struct problem *ret_problem)
{
	int fd = open_socket(AF_UNIX);

	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)name, sizeof *name) != 0)
		return give_up(fd, "connect to", address, ret_problem);
	return fd;
}

int
address_connect(struct text address, struct problem *ret_problem)
{
	struct place place;

	if (!read_place(address, &place, ret_problem))
		return -1;
	if (place.family == AF_UNIX)
		return connect_unix(address, &place.path, ret_problem);
	struct addrinfo *found = find_host(address, &place, 0, ret_problem);
	if (found == NULL)
		return -1;
	int fd = open_socket(found->ai_family);
	bool is_connected =
	    fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0;
	freeaddrinfo(found);
	if (!is_connected)
		return give_up(fd, "connect to", address, ret_problem);
	return fd;
}
