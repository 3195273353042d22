#include "opendmarc.h"

#include "clerk/clerk.h"

#include <stdio.h>
#include <sysexits.h>

enum { OPTION_DAYS = OPENDMARC_OWN, OPTION_ALL, DAYS = 180, DAYS_MAX = 36500 };

static const struct option options[] = {
    OPENDMARC_OPTIONS,
    {"expire", required_argument, NULL, OPTION_DAYS},
    {"alltables", no_argument, NULL, OPTION_ALL},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "opendmarc-expire [options]\n"
    "\t--alltables               accepted: everything expires together here\n" OPENDMARC_DATABASE_USAGE
    "\t--expire=days             expiration time, in days [180]\n" OPENDMARC_OTHER_USAGE;

static const char *
take(void *context, int option, const char *value)
{
	uint64_t *days = context;

	if (option == OPTION_ALL)
		return NULL;
	return text_to_number(text_from_cstr(value), DAYS_MAX, days) &&
		       *days > 0
		   ? NULL
		   : "invalid expiration time";
}

static bool
expire(struct opendmarc *opendmarc, uint64_t days, struct problem *problem)
{
	uint64_t rows = 0;

	if (!opendmarc_begin(opendmarc, problem))
		return false;
	struct store *store = tool_store(opendmarc->config, false, problem);
	if (store == NULL)
		return false;
	opendmarc_say(opendmarc, "connected to database");
	opendmarc_say(opendmarc, "expiring messages older than %llu day(s)",
	    (unsigned long long)days);
	bool good = clerk_expire(
	    store, opendmarc->tool->now, (unsigned)days, false, &rows, problem);
	store_close(store);
	if (good && opendmarc->is_verbose && rows == 0)
		(void)printf("%s: no rows deleted\n", opendmarc->tool->name);
	else if (good && opendmarc->is_verbose)
		(void)printf("%s: %llu row(s) deleted\n", opendmarc->tool->name,
		    (unsigned long long)rows);
	return good;
}

static int
run(struct tool *tool, int argc, char **argv)
{
	uint64_t days = DAYS;
	struct problem problem = {PROBLEM_NONE, ""};
	struct opendmarc opendmarc = {
	    .tool = tool, .usage = usage, .take = take, .context = &days};
	int status = EX_OK;

	if (!opendmarc_read(&opendmarc, argc, argv, options, &status))
		return status;
	if (!expire(&opendmarc, days, &problem))
		status = tool_fail(tool, &problem);
	opendmarc_end(&opendmarc);
	return status;
}

const struct command command_opendmarc_expire = {
    .name = "opendmarc-expire",
    .sentence = "delete what is old",
    .usage = usage,
    .run = run,
};
