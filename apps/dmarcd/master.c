#include "master.h"

#include "clerk.h"
#include "filter.h"
#include "log.h"
#include "privileges.h"

#include "loop/address.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
	SOCKETS_MAX = 16,
	CHILDREN_MAX = 64, /* retired filters included */
	RESTART_DELAY = 1, /* seconds between two starts of the same kind */
	FIRST_SECONDS = 3, /* an end this early is our start failing */
	STOP_SPARE = 10,   /* seconds over MessageTimeout, then SIGKILL */
};

enum kind { FILTER, CLERK, KINDS };

static const char *const kind_words[KINDS] = {"filter", "clerk"};

struct child {
	pid_t pid; /* 0: free */
	enum kind kind;
	bool is_retired;
};

struct master {
	const char *config_path;
	struct config *config;
	struct setup setup;
	struct identity identity;
	int sockets[SOCKETS_MAX];
	size_t socket_count;
	int life[2]; /* a pipe that closes when we are gone */
	struct child children[CHILDREN_MAX];
	time_t started;
	time_t last_start[KINDS];
	bool is_stopping;
	time_t kill_at;
	int status;
	sigset_t signals;
};

/* --- configuration --- */

static bool
load(const char *path, struct config **ret_config, struct setup *ret_setup,
    struct problem *problem)
{
	struct config *config = config_load(path, problem);

	if (config == NULL)
		return false;
	if (config->socket.len == 0)
		(void)problem_set(problem, PROBLEM_CONFIG,
		    "%s: Socket is missing; say where the MTA connects, for "
		    "example: Socket unix:/run/dmarcd/milter.sock",
		    path == NULL ? "no configuration file" : path);
	else if (config->database.len > 0 && config->history_file.len == 0)
		(void)problem_set(problem, PROBLEM_CONFIG,
		    "%s: Database without HistoryFile: nothing to import",
		    path);
	else if (setup_make(config, ret_setup, problem)) {
		*ret_config = config;
		return true;
	}
	config_free(config);
	return false;
}

static int
fail(const struct problem *problem)
{
	log_say("%s", problem->text);
	return problem_exit_code(problem);
}

int
master_check(const struct master_options *options)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct identity identity;
	struct config *config;
	struct setup setup;

	if (!load(options->config_path, &config, &setup, &problem))
		return fail(&problem);
	bool is_good = identity_read(config->user_id, &identity, &problem);
	setup_clear(&setup);
	config_free(config);
	return is_good ? EX_OK : fail(&problem);
}

/* --- sockets --- */

static bool
give_socket(struct master *master, struct text address, struct problem *problem)
{
	struct text path = address_path(address);

	if (path.len == 0 || !master->identity.is_set || geteuid() != 0)
		return true;
	const char *cstr = arena_cstr(master->config->arena, path);
	if (chown(cstr, master->identity.user, master->identity.group) == 0)
		return true;
	return problem_set(
	    problem, PROBLEM_SYSTEM, "Socket: %s: %s", cstr, strerror(errno));
}

static bool
bind_sockets(struct master *master, struct problem *problem)
{
	struct text rest = master->config->socket;
	unsigned mode = 0777 & ~master->config->umask;

	while (rest.len > 0) {
		struct text address = text_trim(text_split(&rest, ','));
		if (master->socket_count == SOCKETS_MAX)
			return problem_set(problem, PROBLEM_CONFIG,
			    "Socket: more than %d", SOCKETS_MAX);
		int fd = address_listen(address, mode, problem);
		if (fd < 0)
			return false;
		master->sockets[master->socket_count++] = fd;
		if (!give_socket(master, address, problem))
			return false;
	}
	return true;
}

/* Only those that we bound: another one's socket is not ours to remove. */
static void
remove_sockets(struct master *master)
{
	struct text rest = master->config->socket;

	for (size_t i = 0; i < master->socket_count; i++) {
		struct text path =
		    address_path(text_trim(text_split(&rest, ',')));
		(void)close(master->sockets[i]);
		if (path.len > 0)
			(void)unlink(arena_cstr(master->config->arena, path));
	}
}

/* --- pid file --- */

static bool
write_pid(const struct master *master, struct problem *problem)
{
	const struct config *config = master->config;

	if (config->pid_file.len == 0)
		return true;
	const char *path = arena_cstr(config->arena, config->pid_file);
	int fd = open(
	    path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	bool is_written = fd >= 0 && dprintf(fd, "%ld\n", (long)getpid()) > 0;
	int error = errno;
	if (fd >= 0)
		(void)close(fd);
	return is_written || problem_set(problem, PROBLEM_CANNOT_WRITE,
				 "PidFile: %s: %s", path, strerror(error));
}

static void
remove_pid(const struct master *master)
{
	const struct config *config = master->config;

	if (config->pid_file.len > 0)
		(void)unlink(arena_cstr(config->arena, config->pid_file));
}

/* --- children --- */

static int
child_run(struct master *master, enum kind kind)
{
	struct filter_options filter = {&master->setup, master->sockets,
	    master->socket_count, master->life[0]};
	struct clerk_options clerk = {&master->setup, master->life[0]};

	(void)close(master->life[1]);
	(void)sigprocmask(SIG_UNBLOCK, &master->signals, NULL);
	return kind == FILTER ? filter_run(&filter) : clerk_run(&clerk);
}

static void
start_child(struct master *master, enum kind kind)
{
	struct child *slot = NULL;

	for (size_t i = 0; i < CHILDREN_MAX && slot == NULL; i++) {
		if (master->children[i].pid == 0)
			slot = &master->children[i];
	}
	if (slot == NULL) {
		log_say("too many retired processes; %s not started yet",
		    kind_words[kind]);
		return;
	}
	master->last_start[kind] = time(NULL);
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(child_run(master, kind));
	if (pid < 0) {
		log_say("cannot start the %s: %s", kind_words[kind],
		    strerror(errno));
		return;
	}
	*slot = (struct child){.pid = pid, .kind = kind};
}

static bool
is_wanted(const struct master *master, enum kind kind)
{
	if (master->is_stopping)
		return false;
	return kind == FILTER || master->config->database.len > 0;
}

static bool
is_running(const struct master *master, enum kind kind)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		const struct child *child = &master->children[i];
		if (child->pid != 0 && child->kind == kind &&
		    !child->is_retired)
			return true;
	}
	return false;
}

static void
start_missing(struct master *master)
{
	for (enum kind kind = FILTER; kind < KINDS; kind++) {
		if (is_wanted(master, kind) && !is_running(master, kind) &&
		    time(NULL) >= master->last_start[kind] + RESTART_DELAY)
			start_child(master, kind);
	}
}

static bool
has_children(const struct master *master)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		if (master->children[i].pid != 0)
			return true;
	}
	return false;
}

static void
signal_all(const struct master *master, int number)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		if (master->children[i].pid != 0)
			(void)kill(master->children[i].pid, number);
	}
}

static void
begin_stop(struct master *master, int status)
{
	if (master->is_stopping)
		return;
	master->is_stopping = true;
	master->status = status;
	master->kill_at =
	    time(NULL) + (time_t)master->config->message_timeout + STOP_SPARE;
	signal_all(master, SIGTERM);
}

static void
note_end(struct master *master, const struct child *child, int status)
{
	bool is_early = time(NULL) < master->started + FIRST_SECONDS;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;

	if (child->is_retired || master->is_stopping)
		return;
	if (WIFSIGNALED(status))
		log_say("the %s was ended by signal %d",
		    kind_words[child->kind], WTERMSIG(status));
	else
		log_say("the %s ended with status %d", kind_words[child->kind],
		    code);
	/* A filter that cannot even start would only be started again for
	 * nothing: whoever started us should see it. */
	if (child->kind == FILTER && is_early && code != EX_OK)
		begin_stop(master, code);
}

static void
reap(struct master *master)
{
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		for (size_t i = 0; i < CHILDREN_MAX; i++) {
			struct child *child = &master->children[i];
			if (child->pid != pid)
				continue;
			note_end(master, child, status);
			child->pid = 0;
		}
	}
}

/* --- reload --- */

/* The new configuration goes to new processes; the old filter serves the
 * connections that it has until they end, so that no session is dropped. */
static void
retire_children(struct master *master)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		struct child *child = &master->children[i];
		if (child->pid == 0 || child->is_retired)
			continue;
		child->is_retired = true;
		(void)kill(child->pid,
		    child->kind == FILTER ? FILTER_RETIRE_SIGNAL : SIGTERM);
	}
}

static void
reload(struct master *master)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct config *config;
	struct setup setup;

	if (!load(master->config_path, &config, &setup, &problem)) {
		log_say("%s; the old configuration stays", problem.text);
		return;
	}
	if (!text_equal(config->socket, master->config->socket)) {
		log_say("Socket cannot be changed by a reload; restart for "
			"that. The old configuration stays");
		setup_clear(&setup);
		config_free(config);
		return;
	}
	setup_clear(&master->setup);
	config_free(master->config);
	master->config = config;
	master->setup = setup;
	master->setup.config = config;
	retire_children(master);
	start_child(master, FILTER);
	log_say("configuration reloaded from %s",
	    master->config_path == NULL ? "defaults" : master->config_path);
}

/* --- the whole --- */

static void
take_signals(struct master *master)
{
	(void)sigemptyset(&master->signals);
	(void)sigaddset(&master->signals, SIGTERM);
	(void)sigaddset(&master->signals, SIGINT);
	(void)sigaddset(&master->signals, SIGHUP);
	(void)sigaddset(&master->signals, SIGUSR1);
	(void)sigaddset(&master->signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &master->signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static void
supervise(struct master *master)
{
	static const struct timespec second = {.tv_sec = 1};

	while (!master->is_stopping || has_children(master)) {
		start_missing(master);
		int number = sigtimedwait(&master->signals, NULL, &second);
		if (number == SIGTERM || number == SIGINT)
			begin_stop(master, EX_OK);
		else if (number == SIGHUP || number == SIGUSR1)
			reload(master);
		reap(master);
		if (master->is_stopping && time(NULL) > master->kill_at)
			signal_all(master, SIGKILL);
	}
}

static bool
start(struct master *master, struct problem *problem)
{
	struct config *again;

	if (!load(
		master->config_path, &master->config, &master->setup, problem))
		return false;
	if (!identity_read(master->config->user_id, &master->identity, problem))
		return false;
	(void)umask(master->config->umask);
	if (!bind_sockets(master, problem) || !write_pid(master, problem) ||
	    !identity_become(&master->identity, problem))
		return false;
	/* A file that only root can read must fail now, not at a reload. */
	again = config_load(master->config_path, problem);
	config_free(again);
	if (again == NULL)
		return false;
	if (pipe(master->life) != 0)
		return problem_set(
		    problem, PROBLEM_SYSTEM, "pipe: %s", strerror(errno));
	return true;
}

int
master_run(const struct master_options *options)
{
	static struct master master;
	struct problem problem = {PROBLEM_NONE, ""};

	log_open("dmarcd");
	master.config_path = options->config_path;
	take_signals(&master);
	if (!start(&master, &problem)) {
		master.status = fail(&problem);
	} else {
		master.started = time(NULL);
		log_say("started; listening on " TEXT_FMT,
		    TEXT_ARG(master.config->socket));
		supervise(&master);
		log_say("stopped");
	}
	if (master.config != NULL) {
		remove_sockets(&master);
		remove_pid(&master);
		setup_clear(&master.setup);
		config_free(master.config);
	}
	return master.status;
}
