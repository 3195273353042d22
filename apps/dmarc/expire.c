#include "tool.h"

#include "clerk/clerk.h"

#include <stdio.h>
#include <sysexits.h>

static const char usage[] =
    "Usage: dmarc expire [OPTION...]\n"
    "\n"
    "Deletes stored data that is older than ExpireDays, and what somebody\n"
    "still waits for, in a report or in none yet, when it is twice as old.\n"
    "The status is 0 when all went well, 75 when the database is away.\n"
    "\n"
    "  --days N    instead of ExpireDays\n"
    "  --force     delete what somebody waits for as soon as the rest\n"
    "  --now TIME  act as if it were TIME: seconds, 2026-11-23, or\n"
    "              2026-11-23T15:04:05Z\n"
    "  -c FILE     configuration, instead of /etc/dmarcd.conf\n";

enum { OPTION_DAYS = 256, OPTION_FORCE, DAYS_MAX = 36500 };

static const struct option options[] = {
    {"days", required_argument, NULL, OPTION_DAYS},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"now", required_argument, NULL, TOOL_NOW},
    {NULL, 0, NULL, 0},
};

static int
run(struct tool *tool, int argc, char **argv)
{
	struct problem problem = {PROBLEM_NONE, ""};
	uint64_t days = 0;
	uint64_t rows = 0;
	bool force = false;

	for (int letter;
	     (letter = tool_option(tool, argc, argv, options)) != -1;) {
		if (letter == '?')
			return EX_USAGE;
		if (letter == OPTION_FORCE)
			force = true;
		else if (!text_to_number(
			     text_from_cstr(optarg), DAYS_MAX, &days) ||
			 days == 0)
			return tool_usage(tool,
			    "--days: not a number from 1 to 36500", optarg);
	}
	if (optind < argc)
		return tool_usage(tool, "no such argument", argv[optind]);
	struct config *config = tool_config(tool, &problem);
	struct store *store =
	    config == NULL ? NULL : tool_store(config, false, &problem);
	if (store != NULL) {
		if (days == 0)
			days = config->expire_days;
		if (clerk_expire(store, tool->now, (unsigned)days, force, &rows,
			&problem))
			(void)printf(
			    "%llu rows deleted\n", (unsigned long long)rows);
		store_close(store);
	}
	config_free(config);
	return problem.kind == PROBLEM_NONE ? EX_OK : tool_fail(tool, &problem);
}

const struct command command_expire = {
    .name = "expire",
    .sentence = "delete what is old",
    .usage = usage,
    .run = run,
};
