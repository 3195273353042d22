#include "import.h"

#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

static const char usage[] =
    "Usage: dmarc import [OPTION...] [FILE ...]\n"
    "\n"
    "Takes the history file (HistoryFile of the configuration, or the FILEs),\n"
    "dmarcd's, OpenDMARC's or Exim's, and stores its entries in Database, each\n"
    "exactly once, however often it is run, stopped or killed. What was taken\n"
    "is kept for ClaimKeep and looked at again. The status is 0 when all was\n"
    "read and stored, 65 when bad entries were set aside, 75 when it should be\n"
    "run again, 77 when a permission is missing.\n"
    "\n"
    "  --again     look at what was taken and is kept; take no more\n"
    "  --now TIME  act as if it were TIME: seconds, 2026-11-23, or\n"
    "              2026-11-23T15:04:05Z\n"
    "  -c FILE     configuration, instead of /etc/dmarcd.conf\n";

enum { OPTION_AGAIN = 256 };

static const struct option options[] = {
    {"again", no_argument, NULL, OPTION_AGAIN},
    {"now", required_argument, NULL, TOOL_NOW},
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

/* The files of one run: the sum, and the status of the first that failed. */
struct importing {
	struct tool *tool;
	struct clerk_import import;
	struct store *store;
	struct clerk_imported sum;
	int status;
};

void
import_tell(const struct tool *tool, const char *path,
    const struct clerk_imported *done)
{
	if (done->is_open_to_all)
		tool_say("%s: warning: anybody may write to %s, and so forge "
			 "what is reported; if its writers own it or are in "
			 "its group: chmod o-w %s",
		    tool->name, path, path);
	if (done->rejected == 0)
		return;
	print_clean(text_from_cstr(path));
	(void)printf(": %llu bad entr%s set aside in ",
	    (unsigned long long)done->rejected,
	    done->rejected == 1 ? "y" : "ies");
	print_clean(text_from_cstr(done->rejected_file));
	(void)printf("%s%s\n",
	    done->rejected == 1 ? ": " : "; what is wrong with the first: ",
	    done->why);
}

int
import_status(const struct problem *problem)
{
	int status = problem_exit_code(problem);
	/* EX_DATAERR would say that all was done but for bad entries. */
	bool may_pass = status == EX_CANTCREAT || status == EX_OSERR ||
			status == EX_UNAVAILABLE || status == EX_DATAERR;

	return may_pass ? EX_TEMPFAIL : status;
}

static void
fail(struct importing *importing, const struct problem *problem)
{
	(void)tool_fail(importing->tool, problem);
	if (importing->status == EX_OK)
		importing->status = import_status(problem);
}

static void
import_file(struct importing *importing, const char *path)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct clerk_imported done = {0};
	bool is_done = clerk_import(
	    &importing->import, importing->store, path, &done, &problem);

	if (importing->import.on_progress != NULL)
		(void)fprintf(stderr, "\r     \r");
	import_tell(importing->tool, path, &done);
	if (!is_done)
		fail(importing, &problem);
	importing->sum.entries += done.entries;
	importing->sum.rejected += done.rejected;
}

static void
import_all(struct importing *importing, char **paths)
{
	const struct config *config = importing->import.config;
	struct problem problem = {PROBLEM_NONE, ""};

	if (*paths == NULL && config->history_file.len == 0) {
		(void)problem_set(&problem, PROBLEM_CONFIG,
		    "HistoryFile is not set and no file was given");
		fail(importing, &problem);
		return;
	}
	if (*paths == NULL)
		import_file(
		    importing, arena_cstr(config->arena, config->history_file));
	for (; *paths != NULL; paths++)
		import_file(importing, *paths);
	(void)printf("%llu entries imported, %llu set aside\n",
	    (unsigned long long)importing->sum.entries,
	    (unsigned long long)importing->sum.rejected);
	if (importing->status == EX_OK && importing->sum.rejected > 0)
		importing->status = EX_DATAERR;
}

static int
run(struct tool *tool, int argc, char **argv)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct importing importing = {.tool = tool, .import.waits = true};

	for (int letter;
	     (letter = tool_option(tool, argc, argv, options)) != -1;) {
		if (letter == '?')
			return EX_USAGE;
		importing.import.again = true;
	}
	struct config *config = tool_config(tool, &problem);
	importing.store =
	    config == NULL ? NULL : tool_store(config, true, &problem);
	if (importing.store != NULL) {
		importing.import.config = config;
		importing.import.now = tool->now;
		if (isatty(STDERR_FILENO))
			importing.import.on_progress = on_progress;
		import_all(&importing, argv + optind);
		store_close(importing.store);
	} else {
		fail(&importing, &problem);
	}
	config_free(config);
	return importing.status;
}

const struct command command_import = {
    .name = "import",
    .sentence = "store the history in the database",
    .usage = usage,
    .run = run,
};
