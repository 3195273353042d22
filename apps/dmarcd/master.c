/* Plan: signals only set flags, and are let in only while the master waits
 * (ppoll): for them, for a child's end, or for a filter that says it is ready.
 * A reload has two steps: a filter with the next configuration is started;
 * once it is ready, and only then, it takes the place of the current one. A
 * file that changed is a reload, too, but of the options that we have. */
#include "master.h"

#include "background.h"
#include "board.h"
#include "children.h"
#include "clerk.h"
#include "control.h"
#include "filter.h"
#include "log.h"
#include "notify.h"
#include "pid_file.h"
#include "settings.h"
#include "sockets.h"
#include "watch.h"

#include "config/identity.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	/* Seconds after SIGTERM, then SIGKILL: the filter has messages under
	 * way, over its MessageTimeout; the clerk may wait for a server's word
	 * on a report that it has sent, and must not send it again. */
	FILTER_STOP_SPARE = 20,
	CLERK_STOP = 150,
	AGAIN = 10,       /* seconds until files are read that could not
			      be taken into use */
	STUCK_AFTER = 30, /* seconds without a worker's sign of life */
};

struct master {
	struct master_options options;
	struct settings current;
	struct settings next; /* while a reload is under way */
	bool rereads;         /* it is for files that changed */
	time_t last_look;     /* at those files */
	time_t again;         /* then they are read, changed or not; 0: no */
	struct identity identity;
	struct sockets sockets;
	struct control control;
	int pid_file; /* open as long as we run; -1: none */
	int life[2];  /* a pipe that closes when we are gone */
	struct children children;
	bool is_up;             /* a filter was ready once */
	bool is_told_to_reload; /* the service manager knows of it */
	bool is_stuck;          /* a worker is, at the last look */
	bool is_stopping;
	time_t stop_began;
	int status;
	sigset_t waiting; /* the signal mask while we wait */
};

static volatile sig_atomic_t stop_is_asked;
static volatile sig_atomic_t reload_is_asked;

static int
fail(const struct problem *problem)
{
	log_warn("%s", problem->text);
	return problem_exit_code(problem);
}

/* A file that only root can read must fail now, not at a reload. */
static bool
load_once_more(const struct master_options *options, struct problem *problem)
{
	struct settings again = {0};

	if (!settings_load(
		options->config_path, options->overrides, &again, problem))
		return false;
	settings_clear(&again);
	return true;
}

int
master_check(const struct master_options *options)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct identity identity;
	struct settings settings = {0};

	if (!settings_load(
		options->config_path, options->overrides, &settings, &problem))
		return fail(&problem);
	bool is_good =
	    identity_read(settings.config->user_id, &identity, &problem);
	settings_clear(&settings);
	if (is_good && geteuid() == 0)
		is_good = identity_become(&identity, &problem) &&
			  load_once_more(options, &problem);
	return is_good ? EX_OK : fail(&problem);
}

/* --- pid file --- */

static const char *
pid_path(const struct master *master)
{
	const struct config *config = master->current.config;

	return arena_cstr(config->arena, config->pid_file);
}

static bool
write_pid(struct master *master, struct problem *problem)
{
	if (master->current.config->pid_file.len == 0)
		return true;
	master->pid_file = pid_file_write(pid_path(master), problem);
	return master->pid_file >= 0;
}

/* --- children --- */

/* The clerk sets its handlers itself, some time later; until then it may just
 * end. SIGHUP, sent to all by mistake, is nothing for children. */
static int
run_clerk(const struct clerk_options *options)
{
	sigset_t set;

	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	return clerk_run(options);
}

static const struct settings *
settings_of(const struct master *master, enum child_place place)
{
	return place == NEXT ? &master->next : &master->current;
}

/* In the background nobody reads standard error once we are up. */
static void
aim_log(const struct config *config, bool is_hidden)
{
	log_as_json(config->log_format == CONFIG_LOG_JSON);
	log_to_syslog(
	    config->syslog || is_hidden
		? names_word(&config_facility_names, config->syslog_facility)
		: NULL);
}

static bool
is_in_background(const struct master *master)
{
	return master->options.started >= 0;
}

static int
run_child(void *context, const struct child *child, int ready)
{
	const struct master *master = context;
	const struct settings *settings = settings_of(master, child->place);
	struct filter_options filter = {&settings->setup, master->sockets.fd,
	    master->sockets.count, master->sockets.milter_count,
	    master->life[0], ready, child->number};
	struct clerk_options clerk = {&settings->setup, master->life[0]};

	(void)close(master->life[1]);
	if (master->sockets.control >= 0)
		(void)close(master->sockets.control);
	if (master->pid_file >= 0)
		(void)close(master->pid_file);
	for (size_t i = 0; child->kind == CLERK && i < master->sockets.count;
	     i++)
		(void)close(master->sockets.fd[i]);
	aim_log(settings->config, is_in_background(master));
	if (is_in_background(master)) {
		if (!master->is_up)
			(void)close(master->options.started);
		background_close_terminal();
	}
	if (child->kind == FILTER)
		return filter_run(&filter);
	(void)close(ready);
	return run_clerk(&clerk);
}

static bool
start_child(struct master *master, enum child_kind kind, enum child_place place)
{
	const struct config *config = settings_of(master, place)->config;
	struct child child = {
	    .kind = kind,
	    .place = place,
	    .patience = kind == CLERK ? CLERK_STOP
				      : (time_t)config->message_timeout +
					    FILTER_STOP_SPARE,
	};

	return children_start(&master->children, child, run_child, master);
}

static bool
is_wanted(const struct master *master, enum child_kind kind)
{
	if (master->is_stopping)
		return false;
	return kind == FILTER || master->current.config->database.len > 0;
}

static void
start_missing(struct master *master)
{
	for (enum child_kind kind = FILTER; kind < CHILD_KINDS; kind++) {
		if (is_wanted(master, kind) &&
		    children_miss(&master->children, kind))
			(void)start_child(master, kind, CURRENT);
	}
}

static void
begin_stop(struct master *master, int status)
{
	if (master->is_stopping)
		return;
	notify_say("STOPPING=1");
	master->is_stopping = true;
	master->status = status;
	master->stop_began = children_now();
	children_signal(&master->children, SIGTERM);
}

/* --- reload --- */

static bool
load_next(struct master *master, struct problem *problem)
{
	return master->rereads
		   ? settings_load_again(
			 &master->current, &master->next, problem)
		   : settings_load(master->options.config_path,
			 master->options.overrides, &master->next, problem);
}

/* What the files say is good, so it is not their fault. */
static void
give_up_next(struct master *master, const char *why)
{
	log_warn("%s; the old configuration stays%s", why,
	    master->rereads ? ", and the files are read again in a moment"
			    : "");
	board_count(0, FIGURE_RELOADS_FAILED, 1);
	if (master->rereads)
		master->again = children_now() + AGAIN;
	settings_clear(&master->next);
}

static void
begin_reload(struct master *master, bool rereads)
{
	struct problem problem = {PROBLEM_NONE, ""};

	master->rereads = rereads;
	if (rereads)
		master->again = 0;
	if (!load_next(master, &problem)) {
		log_warn("%s; the old configuration stays", problem.text);
		board_count(0, FIGURE_RELOADS_FAILED, 1);
		return;
	}
	const char *option =
	    settings_changed_for_good(&master->current, &master->next);
	if (option != NULL) {
		log_warn("%s cannot be changed by a reload, only by a restart; "
			 "the old configuration stays",
		    option);
		board_count(0, FIGURE_RELOADS_FAILED, 1);
		settings_clear(&master->next);
	} else if (!start_child(master, FILTER, NEXT)) {
		give_up_next(master, "no new filter");
	}
}

static void
note_settings(const struct master *master)
{
	board_set(FIGURE_SUFFIX_LIST,
	    (uint64_t)master->current.setup.suffixes_written);
}

static void
end_reload(struct master *master, struct child *next)
{
	children_retire(&master->children);
	children_forgive(&master->children);
	next->place = CURRENT;
	master->again = 0;
	settings_clear(&master->current);
	master->current = master->next;
	master->next = (struct settings){0};
	board_count(0, FIGURE_RELOADS, 1);
	note_settings(master);
	if (master->rereads) {
		log_say("the files that changed are in use");
		return;
	}
	aim_log(master->current.config, is_in_background(master));
	log_say("configuration reloaded from %s",
	    master->options.config_path == NULL ? "defaults"
						: master->options.config_path);
	settings_say(&master->current);
}

/* One reload at a time, and none before the first filter's word. */
static void
reload_if_due(struct master *master)
{
	if (master->is_stopping || master->next.config != NULL ||
	    children_starting(&master->children))
		return;
	if (reload_is_asked) {
		reload_is_asked = false;
		notify_reloading();
		master->is_told_to_reload = true;
		begin_reload(master, false);
	} else if (children_now() >= master->last_look + WATCH_INTERVAL) {
		master->last_look = children_now();
		bool is_due =
		    master->again > 0 && master->last_look >= master->again;
		if (watch_look(master->current.config) || is_due)
			begin_reload(master, true);
	}
}

/* --- what children tell --- */

static void
say_started(const struct config *config)
{
	bool has_both = config->socket.len > 0 && config->query_socket.len > 0;

	log_say("started; listening on " TEXT_FMT "%s" TEXT_FMT,
	    TEXT_ARG(config->socket), has_both ? ", for queries on " : "",
	    TEXT_ARG(config->query_socket));
}

static void
note_ready(struct master *master, struct child *child)
{
	if (master->is_stopping)
		return;
	if (!master->is_up) {
		note_settings(master);
		notify_say("READY=1");
		say_started(master->current.config);
		settings_say(&master->current);
		aim_log(master->current.config, is_in_background(master));
		background_leave(master->options.started);
	}
	master->is_up = true;
	if (child->place == NEXT)
		end_reload(master, child);
}

static void
hear(struct master *master)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		struct child *child = &master->children.at[i];
		if (child_is_ready(child))
			note_ready(master, child);
	}
}

/* A service manager tells all of us at once, and a child may have ended before
 * we let the signal in. */
static bool
is_told_to_stop(void)
{
	sigset_t pending;

	return stop_is_asked || (sigpending(&pending) == 0 &&
				    (sigismember(&pending, SIGTERM) == 1 ||
					sigismember(&pending, SIGINT) == 1));
}

static void
note_end(struct master *master, const struct child *child, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
	char how[64];
	char why[128];

	if (child->place == RETIRED || master->is_stopping || is_told_to_stop())
		return;
	(void)snprintf(how, sizeof how,
	    WIFSIGNALED(status) ? "was ended by signal %d"
				: "ended with status %d",
	    WIFSIGNALED(status) ? WTERMSIG(status) : code);
	if (child->place == NEXT) {
		(void)snprintf(why, sizeof why,
		    "the new filter %s before it was ready", how);
		give_up_next(master, why);
	} else if (child->kind == FILTER && !master->is_up) {
		/* It would only be started again for nothing: whoever started
		 * us should see it. */
		log_warn("the filter %s", how);
		begin_stop(master, code);
	} else {
		board_count(0,
		    child->kind == FILTER ? FIGURE_FILTER_RESTARTS
					  : FIGURE_CLERK_RESTARTS,
		    1);
		log_warn("the %s %s; it is started again in %lld s",
		    child_word(child), how,
		    (long long)children_pause(
			&master->children, child, code != EX_OK));
	}
}

static void
reap(struct master *master)
{
	int status;

	for (struct child *child;
	     (child = children_ended(&master->children, &status)) != NULL;) {
		/* Its last word may have come after hear. */
		if (child_is_ready(child))
			note_ready(master, child);
		note_end(master, child, status);
		board_clear(child->number);
		child->pid = 0;
	}
}

/* --- the whole --- */

static void
on_signal(int number)
{
	if (number == SIGTERM || number == SIGINT)
		stop_is_asked = true;
	else if (number == SIGHUP || number == SIGUSR1)
		reload_is_asked = true;
}

static void
take_signals(struct master *master)
{
	static const int numbers[] = {
	    SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t blocked;

	(void)sigemptyset(&action.sa_mask);
	(void)sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		(void)sigaddset(&blocked, numbers[i]);
		(void)sigaction(numbers[i], &action, NULL);
	}
	/* A filter begins with our mask, before it has its handlers. */
	(void)sigaddset(&blocked, FILTER_RETIRE_SIGNAL);
	(void)sigprocmask(SIG_BLOCK, &blocked, &master->waiting);
	(void)sigaddset(&master->waiting, FILTER_RETIRE_SIGNAL);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		(void)sigdelset(&master->waiting, numbers[i]);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* A worker that does not turn its loop any more, since it runs in circles or
 * waits for a disk for ever, serves no mail: the service manager shall see it. */
static bool
is_alive(struct master *master)
{
	bool was_stuck = master->is_stuck;

	master->is_stuck = false;
	if (master->is_stopping)
		return true;
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		const struct child *child = &master->children.at[i];
		if (child_serves(child) && board_silence(i) > STUCK_AFTER)
			master->is_stuck = true;
	}
	if (master->is_stuck && !was_stuck)
		log_warn("a worker of the filter gives no sign of life since "
			 "%d s; neither do we to the service manager",
		    STUCK_AFTER);
	return !master->is_stuck;
}

static void
tell_manager(struct master *master)
{
	if (master->is_told_to_reload && master->next.config == NULL) {
		notify_say("READY=1");
		master->is_told_to_reload = false;
	}
	if (is_alive(master))
		notify_alive(children_now());
}

static void
answer(struct master *master)
{
	struct status status = {
	    .config_path = master->options.config_path,
	    .state = master->is_stopping ? "stopping"
		     : master->is_up     ? "running"
					 : "starting",
	};

	control_answer(&master->control, master->sockets.control, &status);
}

static void
supervise(struct master *master)
{
	while (!master->is_stopping || children_left(&master->children)) {
		start_missing(master);
		children_wait(&master->children,
		    control_fd(&master->control, master->sockets.control),
		    &master->waiting);
		answer(master);
		hear(master);
		reap(master);
		if (stop_is_asked)
			begin_stop(master, EX_OK);
		reload_if_due(master);
		tell_manager(master);
		children_kill_unready(&master->children);
		if (master->is_stopping)
			children_kill_late(
			    &master->children, master->stop_began);
	}
}

static bool
start(struct master *master, struct problem *problem)
{
	if (!settings_load(master->options.config_path,
		master->options.overrides, &master->current, problem))
		return false;
	board_set(FIGURE_STARTED, (uint64_t)time(NULL));
	if (!identity_read(
		master->current.config->user_id, &master->identity, problem))
		return false;
	aim_log(master->current.config, false);
	(void)umask(master->current.config->umask);
	if (!sockets_bind(&master->sockets, master->current.config,
		&master->identity, problem) ||
	    !write_pid(master, problem) ||
	    !identity_become(&master->identity, problem) ||
	    !load_once_more(&master->options, problem))
		return false;
	if (pipe(master->life) != 0)
		return problem_set(
		    problem, PROBLEM_SYSTEM, "pipe: %s", strerror(errno));
	return true;
}

int
master_run(const struct master_options *options)
{
	static struct master master = {.pid_file = -1, .sockets.control = -1};
	struct problem problem = {PROBLEM_NONE, ""};

	log_open("dmarcd");
	notify_open();
	master.options = *options;
	take_signals(&master);
	if (!board_make(&problem) || !start(&master, &problem)) {
		master.status = fail(&problem);
	} else {
		supervise(&master);
		log_say("stopped");
	}
	if (master.current.config != NULL) {
		sockets_remove(&master.sockets, master.current.config);
		pid_file_remove(master.pid_file, pid_path(&master));
	}
	settings_clear(&master.next);
	settings_clear(&master.current);
	return master.status;
}
