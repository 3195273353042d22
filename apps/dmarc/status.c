#include "status.h"

#include "tool.h"

#include "loop/address.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static const char usage[] =
    "Usage: dmarc status [OPTION...]\n"
    "\n"
    "Asks the running dmarcd how it does. The status is 0 when it answered, 69\n"
    "when nobody does, 77 when we may not ask.\n"
    "\n"
    "  --json            one object on one line, for programs\n"
    "  --metrics         the figures in Prometheus' text format\n"
    "  --socket ADDRESS  ask there, unix:/path, and read no configuration\n"
    "  -c FILE           configuration, instead of /etc/dmarcd.conf\n";

enum {
	OPTION_JSON = 256,
	OPTION_METRICS,
	OPTION_SOCKET,
	ANSWER_MAX = 1024 * 1024,
	PATIENCE = 10, /* seconds for the whole answer */
};

static const struct option options[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"metrics", no_argument, NULL, OPTION_METRICS},
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {NULL, 0, NULL, 0},
};

static const json_t *
find_figure(const json_t *object, enum figure figure)
{
	const struct figure_row *row = &figure_rows[figure];

	return json_object_get(json_object_get(object, row->group), row->word);
}

int64_t
status_figure(const json_t *object, enum figure figure)
{
	int64_t value = json_integer_value(find_figure(object, figure));

	return value < 0 ? 0 : value;
}

bool
status_knows(const json_t *object, enum figure figure)
{
	return figure_rows[figure].kind != FIGURE_VALUE ||
	       json_is_integer(find_figure(object, figure));
}

/* --- the question --- */

/* Whose group may ask. */
static bool
cannot_ask(struct text address, struct problem *problem)
{
	char path[108] = "";
	struct stat status;
	const struct group *group = NULL;
	struct text name = address_path(address);

	if (name.len < sizeof path)
		memcpy(path, name.ptr, name.len);
	if (stat(path, &status) == 0)
		group = getgrgid(status.st_gid);
	return problem_set(problem, PROBLEM_PERMISSION,
	    "%s: permission denied: only root and the group %s may ask", path,
	    group == NULL ? "of UserID" : group->gr_name);
}

/* The fd, or -1. */
static int
connect_to(struct text address, struct problem *problem)
{
	struct problem own = {PROBLEM_NONE, ""};
	int fd = address_connect(address, &own);

	if (fd >= 0)
		return fd;
	if (own.kind == PROBLEM_PERMISSION)
		(void)cannot_ask(address, problem);
	else if (own.kind == PROBLEM_CONFIG)
		(void)problem_set(problem, own.kind, "%s", own.text);
	else
		(void)problem_set(problem, PROBLEM_UNAVAILABLE,
		    "%s: is dmarcd running, with this ControlSocket?",
		    own.text);
	return -1;
}

static bool
read_answer(int fd, struct build *answer, struct problem *problem)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	char bytes[4096];
	ssize_t len;

	do {
		if (poll(&poll_fd, 1, PATIENCE * 1000) != 1)
			return problem_set(problem, PROBLEM_UNAVAILABLE,
			    "dmarcd does not answer: is it stopped, or too "
			    "busy?");
		len = read(fd, bytes, sizeof bytes);
		if (len > 0)
			build_text(answer, (struct text){bytes, (size_t)len});
	} while (len > 0);
	return (answer->len > 0 && !build_failed(answer)) ||
	       problem_set(problem, PROBLEM_UNAVAILABLE,
		   "dmarcd closed the connection without an answer");
}

/* A full queue would let connect wait for ever. */
static void
on_alarm(int number)
{
	(void)number;
}

static bool
ask(struct text address, struct build *answer, struct problem *problem)
{
	struct sigaction action = {.sa_handler = on_alarm};

	(void)sigaction(SIGALRM, &action, NULL);
	(void)alarm(PATIENCE);
	int fd = connect_to(address, problem);
	if (fd < 0)
		return false;
	bool is_read = read_answer(fd, answer, problem);
	(void)alarm(0);
	(void)close(fd);
	return is_read;
}

/* --- the answer --- */

static void
tell(struct text answer, int form, struct problem *problem)
{
	json_error_t error;
	json_t *object =
	    json_loadb(answer.ptr, answer.len, JSON_DISABLE_EOF_CHECK, &error);

	if (!json_is_object(object))
		(void)problem_set(problem, PROBLEM_UNAVAILABLE,
		    "what answers is not dmarcd: %s", error.text);
	else if (form == OPTION_JSON)
		(void)fwrite(answer.ptr, 1, answer.len, stdout);
	else if (form == OPTION_METRICS)
		status_print_metrics(object);
	else
		status_print(object);
	json_decref(object);
}

/* dmarcd goes on with what it read before the file was broken. */
static struct config *
read_config(const struct tool *tool, struct problem *problem)
{
	const char *path = tool_config_path(tool);
	struct config *config = tool_config(tool, problem);

	if (config == NULL && path != NULL)
		config = config_salvage(path);
	if (config == NULL || problem->kind == PROBLEM_NONE)
		return config;
	struct text address = config_control_socket(config);
	if (address.len > 0)
		tool_say("%s: warning: %s; asking " TEXT_FMT " all the same",
		    tool->name, problem->text, TEXT_ARG(address));
	*problem = (struct problem){PROBLEM_NONE, ""};
	return config;
}

static struct text
socket_of(
    const struct config *config, const char *option, struct problem *problem)
{
	struct text address = option != NULL ? text_from_cstr(option)
					     : config_control_socket(config);

	if (address.len == 0)
		(void)problem_set(problem, PROBLEM_CONFIG,
		    "ControlSocket is none, so nobody answers");
	return address;
}

static int
report(struct tool *tool, const char *option, int form)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct config *config =
	    option == NULL ? read_config(tool, &problem) : NULL;
	struct build answer;

	build_init(&answer, ANSWER_MAX);
	if (problem.kind == PROBLEM_NONE) {
		struct text address = socket_of(config, option, &problem);
		if (address.len > 0 && ask(address, &answer, &problem))
			tell(build_view(&answer), form, &problem);
	}
	build_free(&answer);
	config_free(config);
	return problem.kind == PROBLEM_NONE ? EX_OK : tool_fail(tool, &problem);
}

static int
run(struct tool *tool, int argc, char **argv)
{
	const char *address = NULL;
	int form = 0;

	for (int letter;
	     (letter = tool_option(tool, argc, argv, options)) != -1;) {
		if (letter == '?')
			return EX_USAGE;
		if (letter == OPTION_SOCKET)
			address = optarg;
		else if (form != 0 && form != letter)
			return tool_usage(
			    tool, "give one of --json and --metrics", NULL);
		else
			form = letter;
	}
	if (optind < argc)
		return tool_usage(tool, "no such argument", argv[optind]);
	return report(tool, address, form);
}

const struct command command_status = {
    .name = "status",
    .sentence = "ask the running dmarcd how it does",
    .usage = usage,
    .run = run,
};
