/* dmarc: the tool. One word, one command. */
#include "tool.h"

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
asks_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return true;
	}
	return false;
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
		return EX_OK;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return EX_OK;
	}
	const struct command *command = find_command(argv[1]);
	if (command == NULL) {
		(void)fprintf(stderr,
		    "dmarc: %s: no such command; see dmarc --help\n", argv[1]);
		return EX_USAGE;
	}
	if (asks_help(argc - 1, argv + 1)) {
		(void)fputs(command->usage, stdout);
		return EX_OK;
	}
	tool.command = command->name;
	opterr = 0;
	return command->run(&tool, argc - 1, argv + 1);
}
