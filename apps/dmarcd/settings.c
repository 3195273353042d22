#include "settings.h"

#include "gate.h"
#include "log.h"

#include "clerk/clerk.h"
#include "config/identity.h"
#include "config/options.h"
#include "loop/address.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void
settings_clear(struct settings *settings)
{
	if (settings->config == NULL)
		return;
	setup_clear(&settings->setup);
	config_free(settings->config);
	*settings = (struct settings){0};
}

static bool
check_sockets(const struct config *config, struct problem *problem)
{
	struct text rest = config->socket;

	for (size_t count = 1; rest.len > 0; count++) {
		if (count > SOCKETS_MAX)
			return problem_set(problem, PROBLEM_CONFIG,
			    "Socket: more than %d", SOCKETS_MAX);
		if (!address_check(text_trim(text_split(&rest, ',')), problem))
			return false;
	}
	return true;
}

static bool
check_control(const struct config *config, struct problem *problem)
{
	struct text address = config_control_socket(config);

	if (address.len == 0 || address_path(address).len > 0)
		return address.len == 0 || address_check(address, problem);
	return problem_set(problem, PROBLEM_CONFIG,
	    "ControlSocket: \"" TEXT_FMT "\" is not unix:/path, or none",
	    TEXT_ARG(address));
}

static bool
check_query(const struct config *config, struct problem *problem)
{
	struct text group_name = config->query_socket_group;
	struct gate gate;
	gid_t group;

	if (config->query_socket.len > 0 &&
	    !address_check(config->query_socket, problem))
		return false;
	if (group_name.len > 0 && !group_read(group_name, &group))
		return problem_set(problem, PROBLEM_CONFIG,
		    "QuerySocketGroup: no group \"" TEXT_FMT
		    "\" on this system",
		    TEXT_ARG(group_name));
	return gate_read(config, &gate, problem);
}

/* --- the sender of reports --- */

/* The child's side. */
static _Noreturn void
tell_of_sender(const struct config *config, int fd)
{
	struct problem found = {PROBLEM_NONE, ""};

	bool is_good = clerk_check_sender(config, &found);
	_exit(
	    write(fd, &found, sizeof found) == sizeof found && is_good ? 0 : 1);
}

/* One write of less than PIPE_BUF arrives whole, or not at all. */
static bool
hear_of_sender(pid_t child, int fd, struct problem *found)
{
	ssize_t len;

	do {
		len = read(fd, found, sizeof *found);
	} while (len < 0 && errno == EINTR);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
	}
	return len == sizeof *found;
}

/* A key is looked at in a process of its own: nothing of it may stay in the
 * memory that filters are forked from, and the library leaves some. */
static bool
check_apart(const struct config *config, struct problem *problem)
{
	struct problem found;
	int ends[2];
	bool is_heard;

	if (pipe(ends) != 0)
		return problem_set(
		    problem, PROBLEM_SYSTEM, "pipe: %s", strerror(errno));
	pid_t child = fork();
	if (child == 0)
		tell_of_sender(config, ends[1]);
	(void)close(ends[1]);
	is_heard = child > 0 && hear_of_sender(child, ends[0], &found);
	(void)close(ends[0]);
	if (!is_heard)
		return problem_set(problem, PROBLEM_SYSTEM,
		    "ReportSigningKey: no process could look at it");
	return found.kind == PROBLEM_NONE ||
	       problem_set(problem, found.kind, "%s", found.text);
}

static bool
check_sender(const struct config *config, struct problem *problem)
{
	return config->report_signing_key.len > 0
		   ? check_apart(config, problem)
		   : clerk_check_sender(config, problem);
}

/* Values that only show that they are wrong when they are used: better now
 * than every five minutes in the log. */
static bool
check_values(const struct config *config, struct problem *problem)
{
	struct arena *arena = config->arena;

	if (!check_sockets(config, problem) || !check_query(config, problem) ||
	    !check_control(config, problem))
		return false;
	if (config->nameservers.len > 0 &&
	    !resolver_check(arena_cstr(arena, config->nameservers), problem))
		return false;
	if (config->database.len > 0 &&
	    !store_check(arena_cstr(arena, config->database), problem))
		return false;
	return config->report_email.len == 0 || check_sender(config, problem);
}

/* CONFIG, which may be NULL, is the settings' or freed. */
static bool
settle(struct config *config, struct settings *ret_settings,
    struct problem *problem)
{
	if (config == NULL)
		return false;
	const char *path =
	    config->path == NULL ? "no configuration file" : config->path;
	if (config->socket.len + config->query_socket.len == 0)
		(void)problem_set(problem, PROBLEM_CONFIG,
		    "%s: Socket is missing; say where the MTA connects, for "
		    "example: Socket unix:/run/dmarcd/milter.sock, or "
		    "QuerySocket for Exim",
		    path);
	else if (config->database.len > 0 && config->history_file.len == 0)
		(void)problem_set(problem, PROBLEM_CONFIG,
		    "%s: Database without HistoryFile: nothing to import",
		    path);
	else if (check_values(config, problem) &&
		 setup_make(config, &ret_settings->setup, problem)) {
		ret_settings->config = config;
		return true;
	}
	config_free(config);
	return false;
}

bool
settings_load(const char *path, const char *overrides,
    struct settings *ret_settings, struct problem *ret_problem)
{
	return settle(config_load_over(path, overrides, ret_problem),
	    ret_settings, ret_problem);
}

bool
settings_load_again(const struct settings *old, struct settings *ret_settings,
    struct problem *ret_problem)
{
	return settle(config_load_again(old->config, ret_problem), ret_settings,
	    ret_problem);
}

const char *
settings_changed_for_good(
    const struct settings *old_settings, const struct settings *new_settings)
{
	const struct config *old = old_settings->config;
	const struct config *new = new_settings->config;

	for (size_t i = 0; i < config_options_count; i++) {
		const struct config_option *option = &config_options[i];
		if (option->use == OPTION_RESTART &&
		    !text_equal(option_get(option, old, new->arena),
			option_get(option, new, new->arena)))
			return option->name;
	}
	return NULL;
}

/* Options of other programs and other times. */
static void
say_idle(const struct config *config)
{
	for (size_t i = 0; i < config_options_count; i++) {
		const struct config_option *option = &config_options[i];
		if (option->use == OPTION_IDLE && config_is_set(config, i))
			log_say("%s: %s", option->name, option->sentence);
	}
}

void
settings_say(const struct settings *settings)
{
	const struct config *config = settings->config;

	if (config->authentication_source == AUTHENTICATION_HEADERS)
		log_say("AuthenticationSource headers: SPF and DKIM are not "
			"checked here; verdicts are only as safe as the "
			"filter in front, which must remove forged "
			"Authentication-Results");
	if (config_enforce(config) == ENFORCE_STRICT &&
	    config->trusted_senders.len + config->local_policy.len > 0)
		log_say("Enforce strict: TrustedSenders and LocalPolicy do not "
			"count; considered is the mode with them");
	say_idle(config);
}
