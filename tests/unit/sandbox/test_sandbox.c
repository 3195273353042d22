/* What must fail in a sandbox is tried, each in a process of its own, and what
 * must go on, too. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/sandbox.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* A status over any errno. */
enum { KILLED = 1000, LOOSE = 250 };

/* IPPROTO_MPTCP, which older libraries do not know. */
enum { MULTIPATH_TCP = 262 };

/* kept/old, read/old, other/; the process stands in their folder. */
static char stage[] = "/var/tmp/sandbox-XXXXXX";
static unsigned open_port, closed_port;
static pid_t tester;

/* --- what is tried: 0, or errno --- */

static int
error_of(long result)
{
	return result < 0 ? errno : 0;
}

static int
open_with(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	int error = error_of(fd);

	if (fd >= 0)
		(void)close(fd);
	return error;
}

static int
read_system_file(void)
{
	return open_with("/etc/passwd", O_RDONLY);
}

static int
write_system_file(void)
{
	return open_with("/etc/passwd", O_WRONLY | O_APPEND);
}

static int
read_spool(void)
{
	return open_with("read/old", O_RDONLY);
}

static int
write_spool(void)
{
	return open_with("read/old", O_WRONLY);
}

static int
read_kept(void)
{
	return open_with("kept/old", O_RDONLY);
}

static int
append_kept(void)
{
	return open_with("kept/old", O_WRONLY | O_APPEND);
}

static int
truncate_kept(void)
{
	return open_with("kept/old", O_WRONLY | O_TRUNC);
}

/* For ioctl alone, says open(2); landlock then asks for no right. */
static int
open_for_neither(void)
{
	return open_with("/etc/passwd", O_WRONLY | O_RDWR);
}

static int
truncate_for_neither(void)
{
	return open_with("read/old", O_WRONLY | O_RDWR | O_TRUNC);
}

/* It works, and needs no right to write from a landlock before version 3. */
static int
truncate_to_read(void)
{
	return open_with("read/old", O_RDONLY | O_TRUNC);
}

#ifdef SYS_open
static int
truncate_by_old_call(void)
{
	return error_of(syscall(SYS_open, "read/old", O_RDONLY | O_TRUNC));
}
#else
# define truncate_by_old_call truncate_to_read
#endif

static int
truncate_by_path(void)
{
	return error_of(truncate("read/old", 0));
}

static int
make_kept(void)
{
	return open_with("kept/new", O_WRONLY | O_CREAT | O_EXCL);
}

static int
make_other(void)
{
	return open_with("other/new", O_WRONLY | O_CREAT);
}

static int
list_kept(void)
{
	DIR *folder = opendir("kept");
	int error = folder == NULL ? errno : 0;

	if (folder != NULL)
		(void)closedir(folder);
	return error;
}

static int
remove_kept(void)
{
	return error_of(unlink("kept/old"));
}

static int
rename_kept(void)
{
	return error_of(rename("kept/old", "kept/new"));
}

static int
take_out(void)
{
	return error_of(rename("kept/old", "other/old"));
}

static int
link_out(void)
{
	return error_of(link("/etc/passwd", "kept/passwd"));
}

static int
make_link(void)
{
	return error_of(symlink("/etc/passwd", "kept/passwd"));
}

/* Of which landlock knows nothing. */
static int
change_mode(void)
{
	return error_of(fchmodat(AT_FDCWD, "other", 0700, 0));
}

static int
make_folder(void)
{
	return error_of(mkdir("kept/folder", 0700));
}

static int
start_program(void)
{
	char *const arguments[] = {(char[]){"true"}, NULL};

	(void)execv("/bin/true", arguments);
	return errno;
}

static int
start_process(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return error_of(child);
}

static void *
do_nothing(void *context)
{
	return context;
}

static int
start_thread(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, do_nothing, NULL);

	return error != 0 ? error : pthread_join(thread, NULL);
}

static int
trace(void)
{
	return error_of(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
read_memory(void)
{
	return error_of(
	    syscall(SYS_process_vm_readv, tester, NULL, 0, NULL, 0, 0));
}

static int
signal_another(void)
{
	return error_of(kill(tester, 0));
}

static int
signal_thread_of_another(void)
{
	return error_of(syscall(SYS_tgkill, tester, tester, 0));
}

static int
abort_self(void)
{
	abort();
}

static int
become_another(void)
{
	return error_of(setuid(geteuid()));
}

static int
change_root(void)
{
	return error_of(chroot("."));
}

static int
mount_something(void)
{
	return error_of(mount("none", "other", "tmpfs", 0, NULL));
}

static int
leave_namespace(void)
{
	return error_of(unshare(CLONE_NEWUSER));
}

static int
use_keyring(void)
{
	return error_of(syscall(SYS_keyctl, 0, -3, 0, 0, 0));
}

static int
load_bpf(void)
{
	return error_of(syscall(SYS_bpf, 0, NULL, 0));
}

static int
open_perf(void)
{
	return error_of(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int
open_ring(void)
{
	return error_of(syscall(SYS_io_uring_setup, 1, NULL));
}

static int
make_memory_file(void)
{
	return error_of(syscall(SYS_memfd_create, "code", 0));
}

static int
type_for_terminal(void)
{
	return error_of(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int
map_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static int
make_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED
		   ? LOOSE
		   : error_of(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int
open_socket(int domain, int type, int protocol)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	int error = error_of(fd);

	if (fd >= 0)
		(void)close(fd);
	return error;
}

static int
see_packets(void)
{
	return open_socket(AF_PACKET, SOCK_RAW, 0);
}

static int
ask_kernel(void)
{
	return open_socket(AF_NETLINK, SOCK_RAW, 0);
}

static int
use_unix(void)
{
	return open_socket(AF_UNIX, SOCK_DGRAM, 0);
}

static struct sockaddr_in
local(unsigned port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int
connect_by(int type, unsigned port)
{
	struct sockaddr_in to = local(port);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	return fd < 0 ? LOOSE
		      : error_of(connect(
			    fd, (const struct sockaddr *)&to, sizeof to));
}

static int
connect_allowed(void)
{
	return connect_by(SOCK_STREAM, open_port);
}

static int
connect_other(void)
{
	return connect_by(SOCK_STREAM, closed_port);
}

static int
connect_udp(void)
{
	return connect_by(SOCK_DGRAM, closed_port);
}

static int
serve(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return error_of(bind(fd, (const struct sockaddr *)&any, sizeof any));
}

static int
take_connection(void)
{
	return error_of(accept(-1, NULL, NULL));
}

static int
take_connection_with_flags(void)
{
	return error_of(accept4(-1, NULL, NULL, SOCK_CLOEXEC));
}

static int
raise_own_limit(void)
{
	return error_of(syscall(SYS_prlimit64, 0, 7, NULL, NULL));
}

static int
raise_limit_of_another(void)
{
	return error_of(syscall(SYS_prlimit64, tester, 7, NULL, NULL));
}

/* --- signals that the kernel sends for us --- */

static int
on_socket(int (*control)(int fd))
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? LOOSE : error_of(control(fd));
}

static int
set_owner(int fd)
{
	return fcntl(fd, F_SETOWN, tester);
}

static int
set_owner_thread(int fd)
{
	struct f_owner_ex owner = {F_OWNER_PID, tester};

	return fcntl(fd, F_SETOWN_EX, &owner);
}

static int
set_signal(int fd)
{
	return fcntl(fd, F_SETSIG, SIGKILL);
}

static int
set_owner_of_file(int fd)
{
	return ioctl(fd, FIOSETOWN, &tester);
}

static int
set_owner_of_socket(int fd)
{
	return ioctl(fd, SIOCSPGRP, &tester);
}

static int
have_signals_sent(void)
{
	return on_socket(set_owner);
}

static int
have_signals_sent_to_thread(void)
{
	return on_socket(set_owner_thread);
}

static int
choose_signal(void)
{
	return on_socket(set_signal);
}

static int
have_signals_sent_by_file(void)
{
	return on_socket(set_owner_of_file);
}

static int
have_signals_sent_by_socket(void)
{
	return on_socket(set_owner_of_socket);
}

static int
lock_file(void)
{
	struct flock lock = {.l_type = F_WRLCK};
	int fd = open("kept/old", O_WRONLY | O_CLOEXEC);
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return error_of(fcntl(copy, F_SETLK, &lock));
}

/* --- TCP past landlock, which looks at connect() and bind() --- */

static int
send_at_once(const char *call)
{
	struct sockaddr_in to = local(closed_port);
	struct iovec part = {(char[]){"x"}, 1};
	struct mmsghdr message = {.msg_hdr = {.msg_name = &to,
				      .msg_namelen = sizeof to,
				      .msg_iov = &part,
				      .msg_iovlen = 1}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return LOOSE;
	if (strcmp(call, "sendto") == 0)
		return error_of(sendto(fd, "x", 1, MSG_FASTOPEN,
		    (const struct sockaddr *)&to, sizeof to));
	if (strcmp(call, "sendmsg") == 0)
		return error_of(sendmsg(fd, &message.msg_hdr, MSG_FASTOPEN));
	return error_of(sendmmsg(fd, &message, 1, MSG_FASTOPEN));
}

static int
connect_by_sendto(void)
{
	return send_at_once("sendto");
}

static int
connect_by_sendmsg(void)
{
	return send_at_once("sendmsg");
}

static int
connect_by_sendmmsg(void)
{
	return send_at_once("sendmmsg");
}

static int
use_multipath_tcp(void)
{
	return open_socket(AF_INET, SOCK_STREAM, MULTIPATH_TCP);
}

static int
use_multipath_tcp6(void)
{
	return open_socket(AF_INET6, SOCK_STREAM, MULTIPATH_TCP);
}

static int
set_option(int level, int name, const void *value, size_t size)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? LOOSE
		      : error_of(setsockopt(
			    fd, level, name, value, (socklen_t)size));
}

static int
become_other_protocol(void)
{
	return set_option(IPPROTO_TCP, TCP_ULP, "smc", 3);
}

static int
send_soon(void)
{
	return set_option(IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static int
set_service(void)
{
	return set_option(IPPROTO_IP, IP_TOS, &(int){0}, sizeof(int));
}

static int
keep_alive(void)
{
	return set_option(SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
}

/* Protocol 0 is SCTP, then. */
static int
use_sctp(void)
{
	return open_socket(AF_INET, SOCK_SEQPACKET, 0);
}

static int
use_tcp(void)
{
	return open_socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP);
}

static int
use_udp(void)
{
	return open_socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP);
}

static int
make_pair_of(int family)
{
	int ends[2];

	return error_of(socketpair(family, SOCK_STREAM, 0, ends));
}

static int
make_pair(void)
{
	return make_pair_of(AF_UNIX);
}

static int
make_pair_elsewhere(void)
{
	return make_pair_of(AF_TIPC);
}

/* --- the table --- */

/* Since which version of landlock; 0: by seccomp. */
enum { BY_CALLS, FILES = 1, TRUNCATING = 3, PORTS = 4 };

static const struct row {
	const char *name;
	int (*try)(void);
	int landlock;
	int filter, clerk; /* errno, or KILLED by a signal */
} rows[] = {
    {"read a system file", read_system_file, FILES, EACCES, EACCES},
    {"write a system file", write_system_file, FILES, EACCES, EACCES},
    {"read what may be read", read_spool, BY_CALLS, 0, 0},
    {"write what may be read", write_spool, FILES, EACCES, EACCES},
    {"read what may be kept", read_kept, FILES, EACCES, 0},
    {"append to it", append_kept, BY_CALLS, 0, 0},
    {"truncate it", truncate_kept, BY_CALLS, 0, 0},
    {"open for neither", open_for_neither, BY_CALLS, ENOSYS, ENOSYS},
    {"truncate by that", truncate_for_neither, BY_CALLS, ENOSYS, ENOSYS},
    {"truncate what may be read", truncate_to_read, BY_CALLS, ENOSYS, ENOSYS},
    {"by open", truncate_by_old_call, BY_CALLS, ENOSYS, ENOSYS},
    {"by truncate", truncate_by_path, BY_CALLS, ENOSYS, ENOSYS},
    {"make a file there", make_kept, BY_CALLS, 0, 0},
    {"make one elsewhere", make_other, FILES, EACCES, EACCES},
    {"list the folder", list_kept, FILES, EACCES, 0},
    {"remove a file", remove_kept, BY_CALLS, ENOSYS, 0},
    {"rename a file", rename_kept, BY_CALLS, ENOSYS, 0},
    {"take a file out", take_out, FILES, ENOSYS, EACCES},
    {"link a file in", link_out, FILES, ENOSYS, EXDEV},
    {"make a symbolic link", make_link, BY_CALLS, ENOSYS, ENOSYS},
    {"change a mode", change_mode, BY_CALLS, ENOSYS, ENOSYS},
    {"make a folder", make_folder, BY_CALLS, ENOSYS, ENOSYS},
    {"start a program", start_program, BY_CALLS, KILLED + SIGSYS,
	KILLED + SIGSYS},
    {"start a process", start_process, BY_CALLS, ENOSYS, ENOSYS},
    {"start a thread", start_thread, BY_CALLS, 0, 0},
    {"trace", trace, BY_CALLS, KILLED + SIGSYS, KILLED + SIGSYS},
    {"read another's memory", read_memory, BY_CALLS, ENOSYS, ENOSYS},
    {"signal another", signal_another, BY_CALLS, ENOSYS, ENOSYS},
    {"signal its thread", signal_thread_of_another, BY_CALLS, ENOSYS, ENOSYS},
    {"have it signalled", have_signals_sent, BY_CALLS, ENOSYS, ENOSYS},
    {"or its thread", have_signals_sent_to_thread, BY_CALLS, ENOSYS, ENOSYS},
    {"by what signal", choose_signal, BY_CALLS, ENOSYS, ENOSYS},
    {"by FIOSETOWN", have_signals_sent_by_file, BY_CALLS, ENOSYS, ENOSYS},
    {"by SIOCSPGRP", have_signals_sent_by_socket, BY_CALLS, ENOSYS, ENOSYS},
    {"lock a file", lock_file, BY_CALLS, 0, 0},
    {"abort", abort_self, BY_CALLS, KILLED + SIGABRT, KILLED + SIGABRT},
    {"become another user", become_another, BY_CALLS, ENOSYS, ENOSYS},
    {"change the root", change_root, BY_CALLS, ENOSYS, ENOSYS},
    {"mount", mount_something, BY_CALLS, ENOSYS, ENOSYS},
    {"another namespace", leave_namespace, BY_CALLS, ENOSYS, ENOSYS},
    {"the keyring", use_keyring, BY_CALLS, ENOSYS, ENOSYS},
    {"bpf", load_bpf, BY_CALLS, ENOSYS, ENOSYS},
    {"perf", open_perf, BY_CALLS, ENOSYS, ENOSYS},
    {"io_uring", open_ring, BY_CALLS, ENOSYS, ENOSYS},
    {"a file in memory", make_memory_file, BY_CALLS, ENOSYS, ENOSYS},
    {"type for the terminal", type_for_terminal, BY_CALLS, ENOSYS, ENOSYS},
    {"load code", map_code, BY_CALLS, ENOSYS, 0},
    {"make code", make_code, BY_CALLS, ENOSYS, 0},
    {"see packets", see_packets, BY_CALLS, ENOSYS, ENOSYS},
    {"ask the kernel", ask_kernel, BY_CALLS, ENOSYS, ENOSYS},
    {"a unix socket", use_unix, BY_CALLS, 0, 0},
    {"connect", connect_allowed, BY_CALLS, 0, 0},
    {"connect to another port", connect_other, PORTS, EACCES, EACCES},
    {"by sendto", connect_by_sendto, BY_CALLS, ENOSYS, ENOSYS},
    {"by sendmsg", connect_by_sendmsg, BY_CALLS, ENOSYS, ENOSYS},
    {"by sendmmsg", connect_by_sendmmsg, BY_CALLS, ENOSYS, ENOSYS},
    {"TCP by many paths", use_multipath_tcp, BY_CALLS, ENOSYS, ENOSYS},
    {"that of IPv6", use_multipath_tcp6, BY_CALLS, ENOSYS, ENOSYS},
    {"SCTP", use_sctp, BY_CALLS, ENOSYS, ENOSYS},
    {"SMC", become_other_protocol, BY_CALLS, ENOSYS, ENOSYS},
    {"an option of TCP's", send_soon, BY_CALLS, 0, 0},
    {"one of IP's", set_service, BY_CALLS, 0, 0},
    {"one of sockets", keep_alive, BY_CALLS, 0, 0},
    {"TCP by its number", use_tcp, BY_CALLS, 0, 0},
    {"UDP by its number", use_udp, BY_CALLS, 0, 0},
    {"a pair of sockets", make_pair, BY_CALLS, 0, 0},
    {"one of another family", make_pair_elsewhere, BY_CALLS, ENOSYS, ENOSYS},
    {"UDP", connect_udp, BY_CALLS, 0, 0},
    {"serve", serve, BY_CALLS, ENOSYS, ENOSYS},
    {"take a connection", take_connection, BY_CALLS, EBADF, ENOSYS},
    {"or so", take_connection_with_flags, BY_CALLS, EBADF, ENOSYS},
    {"see one's own limits", raise_own_limit, BY_CALLS, 0, 0},
    {"those of another", raise_limit_of_another, BY_CALLS, ENOSYS, ENOSYS},
};

static void
make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x\n", 2), 2);
	assert_int_equal(close(fd), 0);
}

static void
set_stage(void)
{
	(void)unlink("kept/new");
	(void)unlink("kept/passwd");
	(void)unlink("other/old");
	make_file("kept/old");
}

/* In the child: as the filter and the clerk do. */
static bool
enter(enum sandbox_calls calls, struct problem *problem)
{
	struct sandbox sandbox;

	sandbox_begin(&sandbox);
	(void)sandbox_may(&sandbox, SANDBOX_READ, "read");
	(void)sandbox_may_beside(&sandbox,
	    calls == SANDBOX_FILTER ? SANDBOX_APPEND : SANDBOX_CHANGE,
	    "kept/old");
	sandbox_may_connect(&sandbox, open_port);
	return sandbox_enter(&sandbox, calls, problem);
}

static int
status_of(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? KILLED + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

static int
status_in(enum sandbox_calls calls, int (*try)(void))
{
	set_stage();
	(void)fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		_exit(enter(calls, NULL) ? try() : LOOSE);
	}
	return status_of(child);
}

static long
landlock_version(void)
{
	return syscall(444, NULL, (size_t)0, 1);
}

static void
check(enum sandbox_calls calls)
{
	bool is_good = true;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		int wanted = calls == SANDBOX_FILTER ? row->filter : row->clerk;
		if (row->landlock > landlock_version()) {
			print_message("# this kernel cannot: %s\n", row->name);
			continue;
		}
		int got = status_in(calls, row->try);
		if (got != wanted)
			print_message("# %s: %d (%s), not %d\n", row->name, got,
			    strerror(got), wanted);
		is_good = is_good && got == wanted;
	}
	assert_true(is_good);
}

static void
test_filter(void **state)
{
	(void)state;
	check(SANDBOX_FILTER);
}

static void
test_clerk(void **state)
{
	(void)state;
	check(SANDBOX_CLERK);
}

/* What all of it shows nothing about: that the rows can fail. */
static void
test_outside(void **state)
{
	(void)state;
	set_stage();
	assert_int_equal(read_system_file(), 0);
	assert_int_equal(make_other(), 0);
	assert_int_equal(rename_kept(), 0);
	assert_int_equal(open_for_neither(), 0);
	assert_int_equal(truncate_for_neither(), 0);
	assert_int_equal(truncate_to_read(), 0);
	assert_int_equal(truncate_by_path(), 0);
	assert_int_equal(connect_other(), 0);
	assert_int_equal(connect_by_sendto(), 0);
	assert_int_equal(serve(), 0);
	assert_int_equal(signal_another(), 0);
	assert_int_equal(have_signals_sent(), 0);
	assert_int_equal(have_signals_sent_to_thread(), 0);
	assert_int_equal(choose_signal(), 0);
	assert_int_equal(have_signals_sent_by_file(), 0);
	assert_int_equal(have_signals_sent_by_socket(), 0);
}

/* --- kernels without --- */

enum { NO_LANDLOCK = 1, NO_SECCOMP = 2 };

/* As if this were one. */
static void
take_away(int lacks)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	static const struct {
		int lack;
		const char *call;
		struct scmp_arg_cmp argument;
	} calls[] = {
	    {NO_LANDLOCK, "landlock_create_ruleset", {0, SCMP_CMP_GE, 0, 0}},
	    {NO_SECCOMP, "seccomp", {0, SCMP_CMP_GE, 0, 0}},
	    {NO_SECCOMP, "prctl", {0, SCMP_CMP_EQ, PR_SET_SECCOMP, 0}},
	};

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		if ((lacks & calls[i].lack) != 0)
			assert_int_equal(
			    seccomp_rule_add_array(filter,
				SCMP_ACT_ERRNO(ENOSYS),
				seccomp_syscall_resolve_name(calls[i].call), 1,
				&calls[i].argument),
			    0);
	}
	assert_int_equal(seccomp_load(filter), 0);
	seccomp_release(filter);
}

/* 0: what LACKS is said, and what the kernel has is in force. */
static int
enter_without(int lacks, const char *words)
{
	struct problem problem = {PROBLEM_NONE, ""};

	take_away(lacks);
	if (enter(SANDBOX_FILTER, &problem) != (lacks == 0))
		return 1;
	if (strcmp(problem.text, words) != 0) {
		print_message("# %s\n", problem.text);
		return 2;
	}
	/* seccomp lets nobody ask. */
	if ((lacks & NO_SECCOMP) != 0 &&
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 3;
	if ((read_system_file() == 0) != ((lacks & NO_LANDLOCK) != 0))
		return 4;
	return (see_packets() == ENOSYS) == ((lacks & NO_SECCOMP) == 0) ? 0 : 5;
}

static void
test_lacks(void **state)
{
	static const struct {
		int lacks;
		const char *words;
	} kernels[] = {
	    {0, ""},
	    {NO_LANDLOCK, "no landlock (Function not implemented)"},
	    {NO_SECCOMP, "no seccomp"},
	    {NO_LANDLOCK | NO_SECCOMP,
		"no landlock (Function not implemented), no seccomp"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
		(void)fflush(NULL);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			_exit(
			    enter_without(kernels[i].lacks, kernels[i].words));
		assert_int_equal(status_of(child), 0);
	}
}

/* 0: what landlock of VERSION lacks is said, and not in the way. */
static int
enter_older(int version, const char *words)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct sandbox sandbox;

	sandbox_begin(&sandbox);
	sandbox.version = version;
	if (sandbox_enter(&sandbox, SANDBOX_FILTER, &problem) != (*words == 0))
		return 1;
	if (strcmp(problem.text, words) != 0) {
		print_message("# %d: %s\n", version, problem.text);
		return 2;
	}
	return start_process() == ENOSYS ? 0 : 3;
}

static void
test_older(void **state)
{
	static const char files_alone[] = "no landlock for TCP ports (Linux "
					  "6.7), abstract Unix sockets "
					  "(Linux 6.12)";
	static const char without_scopes[] =
	    "no landlock for abstract Unix sockets (Linux 6.12)";

	static const struct {
		int version;
		const char *words;
	} kernels[] = {
	    {1, files_alone}, /* Linux 5.13 */
	    {2, files_alone},
	    {3, files_alone},
	    {4, without_scopes},
	    {5, without_scopes},
	    {6, ""},
	    {7, ""},
	    {99, ""},
	};

	(void)state;
	if (landlock_version() < 1)
		skip();
	for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
		(void)fflush(NULL);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			_exit(
			    enter_older(kernels[i].version, kernels[i].words));
		assert_int_equal(status_of(child), 0);
	}
}

/* --- the stage --- */

static unsigned
listen_somewhere(void)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

static int
build_stage(void **state)
{
	(void)state;
	tester = getpid();
	assert_non_null(mkdtemp(stage));
	assert_int_equal(chdir(stage), 0);
	assert_int_equal(mkdir("kept", 0700), 0);
	assert_int_equal(mkdir("read", 0700), 0);
	assert_int_equal(mkdir("other", 0700), 0);
	make_file("read/old");
	open_port = listen_somewhere();
	closed_port = listen_somewhere();
	return 0;
}

static int
clear_stage(void **state)
{
	static const char *const files[] = {
	    "kept/old", "kept/new", "read/old", "other/new", "other/old"};
	static const char *const folders[] = {"kept", "read", "other"};

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		(void)unlink(files[i]);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		(void)rmdir(folders[i]);
	return rmdir(stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_outside),
	    cmocka_unit_test(test_filter),
	    cmocka_unit_test(test_clerk),
	    cmocka_unit_test(test_lacks),
	    cmocka_unit_test(test_older),
	};

	return cmocka_run_group_tests(tests, build_stage, clear_stage);
}
