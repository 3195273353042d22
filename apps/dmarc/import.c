#include "tool.h"

#include "base/date.h"
#include "clerk/clerk.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

static const char usage[] =
    "Usage: dmarc import [OPTION...] [FILE...]\n"
    "\n"
    "Takes the history file (HistoryFile of the configuration, or the FILEs)\n"
    "and stores its entries in Database, each exactly once, however often it\n"
    "is run, stopped or killed. The status is 0 when all was read and stored,\n"
    "65 when bad entries were set aside, 75 when it should be run again, 77\n"
    "when a permission is missing.\n"
    "\n"
    "  --now TIME  act as if it were TIME (seconds, or 2026-11-23T15:04:05Z)\n"
    "  -c FILE     configuration\n";

enum { OPTION_NOW = 256 };

static const struct option options[] = {
    {"now", required_argument, NULL, OPTION_NOW},
    {NULL, 0, NULL, 0},
};

static void
on_progress(void *context, uint64_t bytes, uint64_t of_bytes)
{
	(void)context;
	if (of_bytes > 0)
		(void)fprintf(
		    stderr, "\r%3u %%", (unsigned)(bytes * 100 / of_bytes));
}

static bool
import_file(const struct clerk_import *import, struct store *store,
    const char *path, struct clerk_imported *sum, struct problem *problem)
{
	struct clerk_imported done = {0};
	bool is_done = clerk_import(import, store, path, &done, problem);

	if (import->on_progress != NULL)
		(void)fprintf(stderr, "\r     \r");
	sum->entries += done.entries;
	sum->rejected += done.rejected;
	sum->claims += done.claims;
	if (done.rejected > 0)
		(void)printf("%s: %llu bad entries set aside in %s\n", path,
		    (unsigned long long)done.rejected, done.rejected_file);
	return is_done;
}

static bool
import_all(const struct clerk_import *import, struct store *store, char **paths,
    struct clerk_imported *sum, struct problem *problem)
{
	const struct config *config = import->config;

	if (*paths == NULL && config->history_file.len == 0)
		return problem_set(problem, PROBLEM_CONFIG,
		    "HistoryFile is not set and no file was given");
	if (*paths == NULL)
		return import_file(import, store,
		    arena_cstr(config->arena, config->history_file), sum,
		    problem);
	for (; *paths != NULL; paths++) {
		if (!import_file(import, store, *paths, sum, problem))
			return false;
	}
	return true;
}

static int
run(struct tool *tool, int argc, char **argv)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct clerk_imported sum = {0};

	for (int letter;
	     (letter = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
		if (letter == '?')
			return tool_usage(
			    tool, TOOL_BAD_OPTION, argv[optind - 1]);
		if (letter == 'c')
			tool->config_path = optarg;
		else if (!date_read(text_from_cstr(optarg), &tool->now))
			return tool_usage(tool, "--now: not a time", optarg);
	}
	struct config *config = tool_config(tool, &problem);
	struct store *store =
	    config == NULL ? NULL : tool_store(config, true, &problem);
	if (store != NULL) {
		struct clerk_import import = {
		    .config = config,
		    .now = tool->now,
		    .on_progress = isatty(STDERR_FILENO) ? on_progress : NULL,
		};
		if (import_all(&import, store, argv + optind, &sum, &problem))
			(void)printf("%llu entries imported, %llu set aside\n",
			    (unsigned long long)sum.entries,
			    (unsigned long long)sum.rejected);
		store_close(store);
	}
	config_free(config);
	if (problem.kind != PROBLEM_NONE)
		return tool_fail(tool, &problem);
	return sum.rejected > 0 ? EX_DATAERR : EX_OK;
}

const struct command command_import = {
    .name = "import",
    .sentence = "store the history in the database",
    .usage = usage,
    .run = run,
};
