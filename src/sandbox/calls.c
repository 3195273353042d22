/* A list of what is allowed. Everything else is not implemented, as it would be
 * in an older kernel: the C library then does without (clone3, io_uring). */
#define _GNU_SOURCE /* CLONE_THREAD */
#include "sandbox/calls.h"

#include <errno.h>

#ifdef __linux__

# include <sched.h>
# include <seccomp.h>
# include <stddef.h>
# include <sys/ioctl.h>
# include <sys/mman.h>
# include <sys/prctl.h>
# include <sys/socket.h>
# include <termios.h>
# include <unistd.h>

# ifndef PR_SET_VMA
#  define PR_SET_VMA 0x53564d41
# endif

/* clang-format off */
static const char *const common[] = {
    /* files */
    "access", "close", "dup", "dup2", "dup3", "faccessat", "faccessat2",
    "fcntl", "fdatasync", "flock", "fstat", "fstatfs", "fsync", "ftruncate",
    "getcwd", "getdents64", "lseek", "lstat", "newfstatat", "open", "openat",
    "pread64", "preadv", "pwrite64", "pwritev", "read", "readlink",
    "readlinkat", "readv", "stat", "statfs", "statx", "write", "writev",
    /* sockets and waiting; those that we listen on are open already */
    "accept", "accept4", "connect", "epoll_create1", "epoll_ctl",
    "epoll_pwait", "epoll_wait", "eventfd2", "getpeername", "getsockname",
    "getsockopt", "pipe", "pipe2", "poll", "ppoll", "pselect6", "recvfrom",
    "recvmmsg", "recvmsg", "select", "sendmmsg", "sendmsg", "sendto",
    "setsockopt", "shutdown", "socketpair",
    /* memory, threads */
    "brk", "exit", "exit_group", "futex", "get_robust_list", "madvise",
    "membarrier", "mremap", "munmap", "rseq", "sched_getaffinity",
    "sched_yield", "set_robust_list", "set_tid_address",
    /* time, signals, who we are */
    "clock_getres", "clock_gettime", "clock_nanosleep", "getegid", "geteuid",
    "getgid", "getpid", "getppid", "getrandom", "getrlimit", "getrusage",
    "gettid", "gettimeofday", "getuid", "nanosleep", "restart_syscall",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    "sysinfo", "time", "uname",
    NULL,
};

static const char *const clerk_only[] = {
    "fadvise64", "fallocate", "fchmod", "fchmodat", "fchown", "link",
    "linkat", "rename", "renameat", "renameat2", "unlink", "unlinkat",
    /* of libraries that are loaded when they are needed */
    "mmap", "mprotect",
    NULL,
};

/* What only an intruder calls: it shall be noticed. */
static const char *const deadly[] = {"execve", "execveat", "ptrace", NULL};

struct conditional {
	const char *call;
	struct scmp_arg_cmp argument;
};

static const struct conditional common_conditional[] = {
    {"clone", {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD}},
    {"ioctl", {1, SCMP_CMP_EQ, FIOCLEX, 0}},
    {"ioctl", {1, SCMP_CMP_EQ, FIONBIO, 0}},
    {"ioctl", {1, SCMP_CMP_EQ, FIONREAD, 0}},
    {"ioctl", {1, SCMP_CMP_EQ, TCGETS, 0}},
    {"prctl", {0, SCMP_CMP_EQ, PR_SET_NAME, 0}},
    {"prctl", {0, SCMP_CMP_EQ, PR_SET_VMA, 0}},
    {"prlimit64", {0, SCMP_CMP_EQ, 0, 0}}, /* our own */
    {"socket", {0, SCMP_CMP_EQ, AF_UNIX, 0}},
    {"socket", {0, SCMP_CMP_EQ, AF_INET, 0}},
    {"socket", {0, SCMP_CMP_EQ, AF_INET6, 0}},
    {NULL, {0, SCMP_CMP_EQ, 0, 0}},
};

static const struct conditional filter_conditional[] = {
    {"mmap", {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
    {"mprotect", {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
    {NULL, {0, SCMP_CMP_EQ, 0, 0}},
};

/* clang-format on */

/* A name that this machine, or the library, does not know is no call that
 * somebody here could make. */
static bool
add(scmp_filter_ctx filter, uint32_t action, const char *name,
    const struct scmp_arg_cmp *argument)
{
	int number = seccomp_syscall_resolve_name(name);

	return number == __NR_SCMP_ERROR ||
	       seccomp_rule_add_array(filter, action, number,
		   argument == NULL ? 0 : 1, argument) == 0;
}

static bool
add_all(scmp_filter_ctx filter, uint32_t action, const char *const *names)
{
	for (; *names != NULL; names++)
		if (!add(filter, action, *names, NULL))
			return false;
	return true;
}

static bool
add_conditional(scmp_filter_ctx filter, const struct conditional *at)
{
	for (; at->call != NULL; at++)
		if (!add(filter, SCMP_ACT_ALLOW, at->call, &at->argument))
			return false;
	return true;
}

/* abort */
static bool
add_signals_to_self(scmp_filter_ctx filter)
{
	struct scmp_arg_cmp self = {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};

	return add(filter, SCMP_ACT_ALLOW, "tgkill", &self);
}

static bool
fill(scmp_filter_ctx filter, enum sandbox_calls calls)
{
	return add_all(filter, SCMP_ACT_ALLOW, common) &&
	       add_all(filter, SCMP_ACT_KILL_PROCESS, deadly) &&
	       add_conditional(filter, common_conditional) &&
	       add_signals_to_self(filter) &&
	       (calls == SANDBOX_CLERK
		       ? add_all(filter, SCMP_ACT_ALLOW, clerk_only)
		       : add_conditional(filter, filter_conditional));
}

bool
calls_restrict(enum sandbox_calls calls)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

	if (filter == NULL)
		return false;
	/* A tree, where the kernel does not remember what is allowed. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	bool is_in_force = fill(filter, calls) && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return is_in_force;
}

#else

bool
calls_restrict(enum sandbox_calls calls)
{
	(void)calls;
	return false;
}

#endif
