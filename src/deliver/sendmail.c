/* A program of the sendmail family takes the mail on its standard input. It is
 * started without a shell, inherits nothing of ours, and its exit status
 * (sysexits.h) is its answer. */
#define _GNU_SOURCE /* memfd_create, …_addclosefrom_np */

#include "deliver/transport.h"
#include "deliver/words.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { GRACE = 5000, TICK = 10 }; /* milliseconds */

struct sendmail {
	struct deliver base;
	unsigned timeout; /* seconds */
	char path[];
};

/* A program at work. */
struct run {
	pid_t pid;
	int status;  /* of waitpid */
	int hearing; /* its standard output and error, not blocking; -1: over */
	struct words words;
};

/* --- set-up --- */

static bool
check_program(const char *path, struct problem *problem)
{
	struct stat status;

	if (path[0] == '/' && stat(path, &status) == 0 &&
	    S_ISREG(status.st_mode) && access(path, X_OK) == 0)
		return true;
	return problem_set(problem, PROBLEM_CONFIG,
	    "ReportTransport: %s is no program that can be run; write "
	    "sendmail:/usr/sbin/sendmail, without arguments",
	    path);
}

static bool
check_sendmail(const struct deliver_options *options, struct text where,
    struct problem *problem)
{
	if (options->tls == DELIVER_TLS_REQUIRED ||
	    transport_has(options->user) ||
	    transport_has(options->password_file))
		return problem_set(problem, PROBLEM_CONFIG,
		    "ReportTLS required, ReportUser and ReportPasswordFile are "
		    "for smtp:// and smtps://; with sendmail: the mail server "
		    "decides how mail goes on");
	return check_program(where.ptr, problem); /* the end of a C string */
}

static struct deliver *
open_sendmail(const struct deliver_options *options, struct text where,
    struct problem *problem)
{
	struct sendmail *sendmail = calloc(1, sizeof *sendmail + where.len + 1);

	if (sendmail == NULL) {
		(void)problem_no_memory(problem);
		return NULL;
	}
	/* Left to us by who started us, it would take the program's status. */
	struct sigaction action;
	if (sigaction(SIGCHLD, NULL, &action) == 0 &&
	    action.sa_handler == SIG_IGN)
		(void)signal(SIGCHLD, SIG_DFL);
	sendmail->timeout = options->timeout;
	memcpy(sendmail->path, where.ptr, where.len);
	return &sendmail->base;
}

static void
close_sendmail(struct deliver *deliver)
{
	free((struct sendmail *)deliver);
}

/* --- a program at work --- */

static int64_t
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Takes what the program has said by now. */
static void
hear(struct run *run)
{
	char piece[WORDS_MAX];

	while (run->hearing >= 0) {
		ssize_t len = read(run->hearing, piece, sizeof piece);
		if (len > 0) {
			words_add(
			    &run->words, (struct text){piece, (size_t)len});
		} else if (len < 0 && (errno == EINTR || errno == EAGAIN)) {
			return;
		} else {
			(void)close(run->hearing);
			run->hearing = -1;
		}
	}
}

/* Until it ends; false: not before DEADLINE. Who lets go of its output may
 * still be at work, and who inherited that from it is no concern of ours. */
static bool
await(struct run *run, int64_t deadline)
{
	for (;;) {
		struct pollfd said = {.fd = run->hearing, .events = POLLIN};
		pid_t ended = waitpid(run->pid, &run->status, WNOHANG);
		hear(run);
		if (ended == run->pid)
			return true;
		if (now_ms() >= deadline)
			return false;
		(void)poll(&said, 1, TICK);
	}
}

/* Asked first, so that it can tidy up its queue. */
static void
end(struct run *run)
{
	(void)kill(run->pid, SIGTERM);
	if (await(run, now_ms() + GRACE))
		return;
	(void)kill(run->pid, SIGKILL);
	while (waitpid(run->pid, &run->status, 0) < 0 && errno == EINTR)
		;
}

/* errno's value */
static int
redirect(posix_spawn_file_actions_t *files, int in, int out)
{
	int error = posix_spawn_file_actions_adddup2(files, in, STDIN_FILENO);

	if (error == 0)
		error =
		    posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO);
	if (error == 0)
		error =
		    posix_spawn_file_actions_adddup2(files, out, STDERR_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_addclosefrom_np(
		    files, STDERR_FILENO + 1);
	return error;
}

/* Neither what we ignore nor what we block is ignored or blocked there. */
static int
restore_signals(posix_spawnattr_t *attributes)
{
	sigset_t all, none;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	(void)posix_spawnattr_setsigdefault(attributes, &all);
	(void)posix_spawnattr_setsigmask(attributes, &none);
	return posix_spawnattr_setflags(
	    attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static int
spawn(char *const *words, int in, int out, pid_t *ret_pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&files);

	if (error != 0)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error == 0) {
		error = redirect(&files, in, out);
		if (error == 0)
			error = restore_signals(&attributes);
		if (error == 0)
			error = posix_spawn(ret_pid, words[0], &files,
			    &attributes, words, environ);
		(void)posix_spawnattr_destroy(&attributes);
	}
	(void)posix_spawn_file_actions_destroy(&files);
	return error;
}

/* errno's value: it did not begin. */
static int
begin(struct run *run, char *const *words, int in)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return errno;
	/* Its end blocks, as programs expect. */
	(void)fcntl(ends[1], F_SETFL, 0);
	int error = spawn(words, in, ends[1], &run->pid);
	(void)close(ends[1]);
	run->hearing = ends[0];
	if (error != 0)
		(void)close(ends[0]);
	return error;
}

/* --- one mail --- */

/* The mail as a file with the line ends of this system; NULL: no memory. A
 * file, for nobody has to write into it while the program reads. */
static FILE *
write_mail(struct text mail)
{
	int fd = memfd_create("mail", MFD_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w+");

	if (file == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return NULL;
	}
	while (mail.len > 0) {
		struct text line = text_split(&mail, '\n');
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		(void)fwrite(line.ptr, 1, line.len, file);
		(void)fputc('\n', file);
	}
	if (fflush(file) == 0 && ferror(file) == 0 &&
	    lseek(fd, 0, SEEK_SET) == 0)
		return file;
	(void)fclose(file);
	return NULL;
}

/* What is about this mail or its recipient is final. All else may pass, as a
 * full disk, or be mended, as a wrong path. */
static enum deliver_result
judge(int status)
{
	static const int finals[] = {EX_DATAERR, EX_NOUSER, EX_NOHOST};

	if (!WIFEXITED(status))
		return DELIVER_RETRY;
	if (WEXITSTATUS(status) == EX_OK)
		return DELIVER_ACCEPTED;
	for (size_t i = 0; i < sizeof finals / sizeof *finals; i++)
		if (WEXITSTATUS(status) == finals[i])
			return DELIVER_REFUSED;
	return DELIVER_RETRY;
}

static struct text
last_words(const char *path, const struct run *run, struct arena *arena)
{
	struct text said = words_line(words_view(&run->words), arena);
	int status = run->status;

	if (WIFEXITED(status) && WEXITSTATUS(status) == EX_OK)
		said = arena_format(arena, "%s accepted it%s" TEXT_FMT, path,
		    said.len > 0 ? ": " : "", TEXT_ARG(said));
	else
		said = arena_format(arena, "%s ended by %s %d%s" TEXT_FMT, path,
		    WIFEXITED(status) ? "status" : "signal",
		    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
		    said.len > 0 ? ": " : "", TEXT_ARG(said));
	return text_slice(said, 0, WORDS_MAX);
}

static enum deliver_result
run_program(struct sendmail *sendmail, char *const *words, int in,
    struct arena *arena, struct text *ret_words)
{
	struct run run = {.pid = 0};
	int64_t deadline = now_ms() + (int64_t)sendmail->timeout * 1000;
	int error = begin(&run, words, in);

	if (error != 0) {
		*ret_words = arena_format(
		    arena, "%s: %s", sendmail->path, strerror(error));
		return DELIVER_RETRY;
	}
	bool ended = await(&run, deadline);
	if (!ended)
		end(&run);
	if (run.hearing >= 0)
		(void)close(run.hearing);
	if (ended) {
		*ret_words = last_words(sendmail->path, &run, arena);
		return judge(run.status);
	}
	*ret_words = arena_format(arena, "%s took more than %u seconds",
	    sendmail->path, sendmail->timeout);
	return DELIVER_RETRY;
}

/* posix_spawn wants words that could be written to. */
static char *
word(struct arena *arena, struct text text)
{
	char *copy = arena_alloc(arena, text.len + 1);

	if (copy != NULL && text.len > 0)
		memcpy(copy, text.ptr, text.len);
	return copy;
}

/* "-f <>" is the null sender to all of them; -i: a line of one dot is no end;
 * no option begins behind "--". */
static enum deliver_result
mail_by_sendmail(struct deliver *deliver, const struct deliver_letter *letter,
    struct arena *arena, struct text *ret_words)
{
	struct sendmail *sendmail = (struct sendmail *)deliver;
	struct text from = letter->from.len > 0 ? letter->from : TEXT("<>");
	char *words[] = {sendmail->path, word(arena, TEXT("-i")),
	    word(arena, TEXT("-f")), word(arena, from), word(arena, TEXT("--")),
	    word(arena, letter->to), NULL};
	FILE *mail = arena_failed(arena) ? NULL : write_mail(letter->mail);
	enum deliver_result result = DELIVER_RETRY;

	*ret_words = TEXT("no memory for the mail");
	if (mail == NULL)
		return DELIVER_RETRY;
	*ret_words = TEXT("given up before it was sent");
	if (letter->before_data == NULL || letter->before_data(letter->context))
		result = run_program(
		    sendmail, words, fileno(mail), arena, ret_words);
	(void)fclose(mail);
	return result;
}

const struct transport transport_sendmail = {
    .scheme = "sendmail:",
    .check = check_sendmail,
    .open = open_sendmail,
    .close = close_sendmail,
    .mail = mail_by_sendmail,
};
