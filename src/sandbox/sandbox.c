/* Landlock by raw calls: no C library has them, and the kernel's header may be
 * older than the kernel. */
#define _GNU_SOURCE /* syscall, O_PATH */
#include "sandbox/sandbox.h"

#include "sandbox/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Versions of landlock. */
enum { PORTS_SINCE = 4, SCOPES_SINCE = 6 };

#ifdef __linux__

# include <sys/prctl.h>
# include <sys/stat.h>
# include <sys/syscall.h>

# ifndef SYS_landlock_create_ruleset /* the same on all machines */
#  define SYS_landlock_create_ruleset 444
#  define SYS_landlock_add_rule       445
#  define SYS_landlock_restrict_self  446
# endif

/* linux/landlock.h */
enum {
	VERSION = 1 << 0, /* flag */
	PATH_BENEATH = 1, /* types of rules */
	NET_PORT = 2,

	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_FILE = 1 << 5,
	MAKE_REG = 1 << 8,
	TRUNCATE = 1 << 14,
	OF_FILES = WRITE_FILE | READ_FILE | TRUNCATE,

	BIND_TCP = 1 << 0,
	CONNECT_TCP = 1 << 1,
	SCOPE_ABSTRACT_SOCKETS = 1 << 0,
	SCOPE_SIGNALS = 1 << 1,
};

struct ruleset {
	uint64_t rights;
	uint64_t ports;
	uint64_t scopes;
};

struct path_rule {
	uint64_t rights;
	int32_t folder;
} __attribute__((packed));

struct port_rule {
	uint64_t rights;
	uint64_t port;
};

/* How many of the rights a version has; the last row is of all later ones. */
static const int rights_of[] = {0, 13, 14, 15, 15, 16};

static const uint64_t rights_for[] = {
    [SANDBOX_READ] = READ_FILE | READ_DIR,
    [SANDBOX_APPEND] = WRITE_FILE | MAKE_REG | TRUNCATE,
    [SANDBOX_CHANGE] =
	READ_FILE | READ_DIR | WRITE_FILE | MAKE_REG | TRUNCATE | REMOVE_FILE,
};

static void
begin(struct sandbox *sandbox, int version)
{
	int last = sizeof rights_of / sizeof *rights_of - 1;
	int count = rights_of[version < last ? version : last];

	sandbox->version = version;
	sandbox->rights = ((uint64_t)1 << count) - 1;
	struct ruleset rules = {
	    .rights = sandbox->rights,
	    .ports = version >= PORTS_SINCE ? BIND_TCP | CONNECT_TCP : 0,
	    .scopes = version >= SCOPES_SINCE
			  ? SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS
			  : 0,
	};
	sandbox->rules =
	    (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
}

void
sandbox_begin(struct sandbox *ret_sandbox)
{
	struct sandbox sandbox = {.rules = -1};
	int version =
	    (int)syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, VERSION);

	if (version > 0)
		begin(&sandbox, version);
	sandbox.error = errno;
	*ret_sandbox = sandbox;
}

bool
sandbox_may(struct sandbox *sandbox, enum sandbox_use use, const char *path)
{
	struct path_rule rule = {
	    rights_for[use] & sandbox->rights, open(path, O_PATH | O_CLOEXEC)};
	struct stat status;

	if (rule.folder < 0)
		return false;
	if (fstat(rule.folder, &status) == 0 && !S_ISDIR(status.st_mode))
		rule.rights &= OF_FILES;
	if (sandbox->rules >= 0)
		(void)syscall(SYS_landlock_add_rule, sandbox->rules,
		    PATH_BENEATH, &rule, 0);
	(void)close(rule.folder);
	return true;
}

void
sandbox_may_connect(struct sandbox *sandbox, unsigned port)
{
	struct port_rule rule = {CONNECT_TCP, port};

	if (sandbox->version >= PORTS_SINCE)
		(void)syscall(
		    SYS_landlock_add_rule, sandbox->rules, NET_PORT, &rule, 0);
}

/* 0, or errno. */
static int
restrict_files(const struct sandbox *sandbox)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return errno;
	if (sandbox->rules < 0)
		return sandbox->error;
	return syscall(SYS_landlock_restrict_self, sandbox->rules, 0) == 0
		   ? 0
		   : errno;
}

#else

void
sandbox_begin(struct sandbox *ret_sandbox)
{
	*ret_sandbox = (struct sandbox){.rules = -1, .error = ENOSYS};
}

bool
sandbox_may(struct sandbox *sandbox, enum sandbox_use use, const char *path)
{
	(void)sandbox;
	(void)use;
	return access(path, F_OK) == 0;
}

void
sandbox_may_connect(struct sandbox *sandbox, unsigned port)
{
	(void)sandbox;
	(void)port;
}

static int
restrict_files(const struct sandbox *sandbox)
{
	return sandbox->error;
}

#endif

void
sandbox_give_up(struct sandbox *sandbox)
{
	if (sandbox->rules >= 0)
		(void)close(sandbox->rules);
	sandbox->rules = -1;
}

static bool
may_in_folder_of(
    struct sandbox *sandbox, enum sandbox_use use, const char *path)
{
	char folder[PATH_MAX] = ".";
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);

	if (len >= sizeof folder)
		return false;
	/* "/" alone would be everything. */
	if (slash == path)
		return sandbox_may(sandbox, use, path);
	if (len > 0) {
		memcpy(folder, path, len);
		folder[len] = '\0';
	}
	return sandbox_may(sandbox, use, folder);
}

bool
sandbox_may_beside(
    struct sandbox *sandbox, enum sandbox_use use, const char *path)
{
	bool is_there = may_in_folder_of(sandbox, use, path);
	char *target = realpath(path, NULL);

	if (target != NULL)
		(void)may_in_folder_of(sandbox, use, target);
	free(target);
	return is_there;
}

/* Truncating, devices and signals are no lack: calls.c stops those. */
static const char *
lack_of(int version)
{
	if (version < PORTS_SINCE)
		return "TCP ports (Linux 6.7), abstract Unix sockets "
		       "(Linux 6.12)";
	return version < SCOPES_SINCE ? "abstract Unix sockets (Linux 6.12)"
				      : "";
}

bool
sandbox_enter(struct sandbox *sandbox, enum sandbox_calls calls,
    struct problem *ret_problem)
{
	/* In this order: these calls are not left after the last one. */
	int files = restrict_files(sandbox);
	sandbox_give_up(sandbox);
	bool is_whole = calls_restrict(calls);
	const char *lack = lack_of(sandbox->version);
	const char *other = is_whole ? "" : ", no seccomp";

	if (files != 0)
		return problem_set(ret_problem, PROBLEM_SYSTEM,
		    "no landlock (%s)%s", strerror(files), other);
	if (*lack != '\0')
		return problem_set(ret_problem, PROBLEM_SYSTEM,
		    "no landlock for %s%s", lack, other);
	return is_whole ||
	       problem_set(ret_problem, PROBLEM_SYSTEM, "no seccomp");
}
