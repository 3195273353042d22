/* The calls below are allowed. Every other fails with ENOSYS, as if the kernel
 * were older: the C library then does without (clone3, io_uring). */
#define _GNU_SOURCE /* CLONE_THREAD */
#include "sandbox/calls.h"

#include <errno.h>

#ifdef __linux__

# include <fcntl.h>
# include <netinet/in.h>
# include <netinet/tcp.h>
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
    "fdatasync", "flock", "fstat", "fstatfs", "fsync", "ftruncate", "getcwd",
    "getdents64", "lseek", "lstat", "newfstatat", "pread64", "preadv",
    "pwrite64", "pwritev", "read", "readlink", "readlinkat", "readv", "stat",
    "statfs", "statx", "write", "writev",
    /* sockets and waiting */
    "connect", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait",
    "eventfd2", "getpeername", "getsockname", "getsockopt", "pipe", "pipe2",
    "poll", "ppoll", "pselect6", "recvfrom", "recvmmsg", "recvmsg", "select",
    "shutdown",
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

static const char *const filter_only[] = {
    "accept", "accept4", /* what it listens on is open already */
    NULL,
};

static const char *const clerk_only[] = {
    "fadvise64", "fallocate", "fchmod", "fchown", "link", "linkat", "rename",
    "renameat", "renameat2", "unlink", "unlinkat",
    /* of libraries that are loaded when they are needed */
    "mmap", "mprotect",
    NULL,
};

/* What only an intruder calls: it shall be noticed. */
static const char *const deadly[] = {"execve", "execveat", "ptrace", NULL};

enum {
	ARGUMENTS_MAX = 3,
	OPENED_FOR = O_WRONLY | O_RDWR, /* masks */
	SOCKET_TYPE = 0xf,
};

/* Allowed when all of the arguments are so. */
struct conditional {
	const char *call;
	struct scmp_arg_cmp arguments[ARGUMENTS_MAX];
};

# define IS(index, value)           {index, SCMP_CMP_EQ, value, 0}
# define MASKED(index, mask, value) {index, SCMP_CMP_MASKED_EQ, mask, value}

/* MPTCP and SCTP go to every port: landlock of Linux 6.14 and later asks TCP
 * alone for it. */
# define SOCKETS_OF(family, type, protocol)                                    \
	 {"socket", {IS(0, family), MASKED(1, SOCKET_TYPE, type), IS(2, 0)}},   \
	 {"socket",                                                             \
	     {IS(0, family), MASKED(1, SOCKET_TYPE, type), IS(2, protocol)}}

/* Without the mode of both bits, which is for neither, and without truncating
 * what is only read: from such, older kernels' landlock wants no right. */
# define OPENING(call, flags)                                                  \
	 {call, {MASKED(flags, OPENED_FOR | O_TRUNC, O_RDONLY)}},               \
	 {call, {MASKED(flags, OPENED_FOR, O_WRONLY)}},                         \
	 {call, {MASKED(flags, OPENED_FOR, O_RDWR)}}

static const struct conditional common_conditional[] = {
    {"clone", {MASKED(0, CLONE_THREAD, CLONE_THREAD)}},
    /* none that have the kernel send signals for us: F_SETOWN, FIOSETOWN */
    {"fcntl", {IS(1, F_DUPFD)}},
    {"fcntl", {IS(1, F_DUPFD_CLOEXEC)}},
    {"fcntl", {IS(1, F_GETFD)}},
    {"fcntl", {IS(1, F_GETFL)}},
    {"fcntl", {IS(1, F_GETLK)}},
    {"fcntl", {IS(1, F_SETFD)}},
    {"fcntl", {IS(1, F_SETFL)}},
    {"fcntl", {IS(1, F_SETLK)}},
    {"fcntl", {IS(1, F_SETLKW)}},
    {"ioctl", {IS(1, FIOCLEX)}},
    {"ioctl", {IS(1, FIONBIO)}},
    {"ioctl", {IS(1, FIONREAD)}},
    {"ioctl", {IS(1, TCGETS)}},
    OPENING("open", 1),
    OPENING("openat", 2),
    {"prctl", {IS(0, PR_SET_NAME)}},
    {"prctl", {IS(0, PR_SET_VMA)}},
    {"prlimit64", {IS(0, 0)}}, /* our own */
    /* landlock looks at connect, and not at what connects by sending */
    {"sendmmsg", {MASKED(3, MSG_FASTOPEN, 0)}},
    {"sendmsg", {MASKED(2, MSG_FASTOPEN, 0)}},
    {"sendto", {MASKED(3, MSG_FASTOPEN, 0)}},
    /* TCP_ULP makes of TCP what landlock takes for none: SMC */
    {"setsockopt", {IS(1, IPPROTO_IP)}},
    {"setsockopt", {IS(1, IPPROTO_IPV6)}},
    {"setsockopt", {IS(1, IPPROTO_TCP), {2, SCMP_CMP_LT, TCP_ULP, 0}}},
    {"setsockopt", {IS(1, SOL_SOCKET)}},
    {"socket", {IS(0, AF_UNIX)}},
    SOCKETS_OF(AF_INET, SOCK_DGRAM, IPPROTO_UDP),
    SOCKETS_OF(AF_INET, SOCK_STREAM, IPPROTO_TCP),
    SOCKETS_OF(AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
    SOCKETS_OF(AF_INET6, SOCK_STREAM, IPPROTO_TCP),
    {"socketpair", {IS(0, AF_UNIX)}},
    {0},
};

static const struct conditional filter_conditional[] = {
    {"mmap", {MASKED(2, PROT_EXEC, 0)}},
    {"mprotect", {MASKED(2, PROT_EXEC, 0)}},
    {0},
};

/* clang-format on */

/* A name that this machine, or the library, does not know is no call that
 * somebody here could make. */
static bool
add(scmp_filter_ctx filter, uint32_t action, const char *name,
    const struct scmp_arg_cmp *arguments, unsigned count)
{
	int number = seccomp_syscall_resolve_name(name);

	return number == __NR_SCMP_ERROR ||
	       seccomp_rule_add_array(
		   filter, action, number, count, arguments) == 0;
}

static bool
add_all(scmp_filter_ctx filter, uint32_t action, const char *const *names)
{
	for (; *names != NULL; names++)
		if (!add(filter, action, *names, NULL, 0))
			return false;
	return true;
}

static bool
add_conditional(scmp_filter_ctx filter, const struct conditional *at)
{
	for (; at->call != NULL; at++) {
		unsigned count = 0;
		while (count < ARGUMENTS_MAX && at->arguments[count].op != 0)
			count++;
		if (!add(
			filter, SCMP_ACT_ALLOW, at->call, at->arguments, count))
			return false;
	}
	return true;
}

/* abort */
static bool
add_signals_to_self(scmp_filter_ctx filter)
{
	struct scmp_arg_cmp self = IS(0, (scmp_datum_t)getpid());

	return add(filter, SCMP_ACT_ALLOW, "tgkill", &self, 1);
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
		       : add_all(filter, SCMP_ACT_ALLOW, filter_only) &&
			     add_conditional(filter, filter_conditional));
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
