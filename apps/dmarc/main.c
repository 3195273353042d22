/* dmarc: the tool. One word, one command. */
#include "opendmarc.h"
#include "tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

static const struct command *const commands[] = {
    &command_lookup,
    &command_verify,
    &command_spf,
    &command_import,
    &command_report,
    &command_expire,
    &command_database,
    &command_status,
    &command_config,
    NULL,
};

/* Called by one of these names, dmarc is that program. */
static const struct command *const namesakes[] = {
    &command_opendmarc_import,
    &command_opendmarc_importstats,
    &command_opendmarc_expire,
    &command_opendmarc_reports,
    &command_opendmarc_check,
    &command_opendmarc_params,
    NULL,
};

static void
print_usage(FILE *out)
{
	(void)fputs(
	    "Usage: dmarc [-c FILE] COMMAND [OPTION...]\n"
	    "       dmarc -h | -V\n"
	    "\n"
	    "Does by hand what dmarcd does by itself, and looks at policies and\n"
	    "messages. The commands:\n"
	    "\n",
	    out);
	for (size_t i = 0; commands[i] != NULL; i++)
		(void)fprintf(out, "  %-8s  %s\n", commands[i]->name,
		    commands[i]->sentence);
	(void)fputs(
	    "\n"
	    "  -c FILE        configuration (default /etc/dmarcd.conf, else\n"
	    "                 /etc/opendmarc.conf); behind the command, too\n"
	    "  -h, --help     this help; behind a command, that command's\n"
	    "  -V, --version  version\n"
	    "\n"
	    "Each command has its manual: dmarc-lookup(1), and so on.\n",
	    out);
}

static const struct command *
find_command(const struct command *const *list, const char *name)
{
	for (; *list != NULL; list++) {
		if (strcmp((*list)->name, name) == 0)
			return *list;
	}
	return NULL;
}

static const struct command *
find_namesake(const char *path)
{
	const char *slash = strrchr(path, '/');

	return find_command(namesakes, slash == NULL ? path : slash + 1);
}

static bool
is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Half an answer is none. */
static int
finish(const char *program, int status)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return status;
	(void)fprintf(
	    stderr, "%s: standard output: %s\n", program, strerror(errno));
	return EX_IOERR;
}

static int
run(const struct command *command, struct tool *tool, int argc, char **argv)
{
	char name[32];

	/* Only there: further on it may be the value of an option, such as a
	 * stranger's HELO. */
	if (argc > 1 && is_help(argv[1])) {
		(void)fputs(command->usage, stdout);
		return EX_OK;
	}
	(void)snprintf(name, sizeof name, "dmarc %s", command->name);
	tool->name = name;
	opterr = 0;
	return command->run(tool, argc, argv);
}

int
main(int argc, char **argv)
{
	struct tool tool = {.now = (int64_t)time(NULL)};
	const struct command *namesake =
	    argc < 1 ? NULL : find_namesake(argv[0]);

	if (namesake != NULL) {
		tool.name = namesake->name;
		opterr = 0;
		return finish(namesake->name, namesake->run(&tool, argc, argv));
	}
	/* dmarc -c FILE COMMAND … is taken as dmarc COMMAND -c FILE … */
	if (argc > 2 && strcmp(argv[1], "-c") == 0) {
		tool.config_path = argv[2];
		argc -= 2;
		argv += 2;
	}
	if (argc < 2) {
		print_usage(stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		(void)printf("dmarc %s\n", DMARCD_VERSION);
		return finish("dmarc", EX_OK);
	}
	if (is_help(argv[1])) {
		print_usage(stdout);
		return finish("dmarc", EX_OK);
	}
	const struct command *command = find_command(commands, argv[1]);
	if (command == NULL) {
		tool_say("dmarc: %s: no such %s; see dmarc --help", argv[1],
		    argv[1][0] == '-' ? "option, or one without its value"
				      : "command");
		return EX_USAGE;
	}
	return finish("dmarc", run(command, &tool, argc - 1, argv + 1));
}
