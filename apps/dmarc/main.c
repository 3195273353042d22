/* dmarc: the tool. One word, one command. */
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
    &command_config,
    NULL,
};

static void
print_usage(FILE *out)
{
	(void)fputs("Usage: dmarc COMMAND [OPTION...]\n\n", out);
	for (size_t i = 0; commands[i] != NULL; i++)
		(void)fprintf(out, "  %-8s %s\n", commands[i]->name,
		    commands[i]->sentence);
	(void)fputs("\ndmarc COMMAND --help tells more; so does dmarc(1).\n"
		    "Every command takes -c FILE, the configuration.\n",
	    out);
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static bool
is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Half an answer is none. */
static int
finish(int status)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return status;
	(void)fprintf(stderr, "dmarc: standard output: %s\n", strerror(errno));
	return EX_IOERR;
}

static int
run(const struct command *command, struct tool *tool, int argc, char **argv)
{
	/* Only there: further on it may be the value of an option, such as a
	 * stranger's HELO. */
	if (argc > 1 && is_help(argv[1])) {
		(void)fputs(command->usage, stdout);
		return EX_OK;
	}
	tool->command = command->name;
	opterr = 0;
	return command->run(tool, argc, argv);
}

int
main(int argc, char **argv)
{
	struct tool tool = {.now = (int64_t)time(NULL)};

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
		return finish(EX_OK);
	}
	if (is_help(argv[1])) {
		print_usage(stdout);
		return finish(EX_OK);
	}
	const struct command *command = find_command(argv[1]);
	if (command == NULL) {
		(void)fprintf(stderr,
		    "dmarc: %s: no such command; see dmarc --help\n", argv[1]);
		return EX_USAGE;
	}
	return finish(run(command, &tool, argc - 1, argv + 1));
}
