#include "report.h"
#include "report_check.h"

#include "base/date.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char usage[] =
    "Usage: dmarc report [OPTION...]\n"
    "\n"
    "Makes the aggregate reports (RFC 9990) of the periods that are over and\n"
    "sends those that are due. Run as often as you like: each is sent once.\n"
    "The status is 0, or 75 when some destination still waits, to be tried by\n"
    "a later run.\n"
    "\n"
    "  --check          say whether our reports pass DMARC where they arrive;\n"
    "                   see dmarc report --check --help\n"
    "  --domain DOMAIN  only reports to this Policy Domain\n"
    "  --dry-run        change nothing, send nothing, ask no DNS\n"
    "  --date DAY       only the reports of that day; with --dry-run of all its\n"
    "                   periods, over or not\n"
    "  --output DIR     write each report's XML there as it is sent; with\n"
    "                   --dry-run of every report of the periods that are over\n"
    "  --now TIME       act as if it were TIME (seconds, or\n"
    "                   2026-11-23T15:04:05Z)\n"
    "  -c FILE          configuration\n";

enum {
	OPTION_DOMAIN = 256,
	OPTION_DRY_RUN,
	OPTION_DATE,
	OPTION_OUTPUT,
};

static const struct option options[] = {
    {"domain", required_argument, NULL, OPTION_DOMAIN},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"date", required_argument, NULL, OPTION_DATE},
    {"output", required_argument, NULL, OPTION_OUTPUT},
    {"now", required_argument, NULL, TOOL_NOW},
    {NULL, 0, NULL, 0},
};

static void
on_report(void *context, const struct store_report *report, const char *what)
{
	struct build line;

	(void)context;
	build_init(&line, 4096);
	date_write_day(&line, report->begin);
	build_cstr(&line, "  ");
	build_clean(&line, report->policy.domain);
	build_cstr(&line, "  ");
	build_clean(&line, text_from_cstr(what));
	(void)printf(TEXT_FMT "\n", TEXT_ARG(build_view(&line)));
	build_free(&line);
}

static const char *
take_option(struct clerk_report *job, int letter)
{
	switch (letter) {
	case OPTION_DOMAIN: job->domain = text_from_cstr(optarg); return NULL;
	case OPTION_DRY_RUN: job->dry_run = true; return NULL;
	case OPTION_OUTPUT: job->output = optarg; return NULL;
	default:
		return date_read(text_from_cstr(optarg), &job->date)
			   ? NULL
			   : "--date: not a day (2026-11-23)";
	}
}

static bool
run_with_store(const struct tool *tool, const struct clerk_report *job,
    struct clerk_reported *done, struct problem *problem)
{
	struct store *store = tool_store(job->config, false, problem);
	struct tool_dns dns = {.loop = NULL};
	bool is_done;

	if (store == NULL)
		return false;
	is_done = (job->dry_run ||
		      tool_open_dns(tool, job->config, NULL, &dns, problem)) &&
		  clerk_report(job, store, dns.resolver, done, problem);
	tool_close_dns(&dns);
	store_close(store);
	return is_done;
}

bool
report_run(const struct tool *tool, const struct clerk_report *job,
    struct clerk_reported *ret_done, struct problem *problem)
{
	struct clerk_report whole = *job;
	struct setup setup;

	if (!setup_make(job->config, &setup, problem))
		return false;
	whole.dmarc = &setup.checks.dmarc;
	whole.now = tool->now;
	bool done = run_with_store(tool, &whole, ret_done, problem);
	setup_clear(&setup);
	return done;
}

static void
print_summary(const struct clerk_report *job, const struct clerk_reported *done)
{
	if (job->dry_run)
		(void)printf("%llu reports; nothing was sent (dry run)\n",
		    (unsigned long long)done->reports);
	else
		(void)printf("%llu reports, %llu sent, %llu waiting, "
			     "%llu refused\n",
		    (unsigned long long)done->reports,
		    (unsigned long long)done->sent,
		    (unsigned long long)done->waiting,
		    (unsigned long long)done->failed);
}

static int
run(struct tool *tool, int argc, char **argv)
{
	struct clerk_report job = {.date = -1, .on_report = on_report};
	struct clerk_reported done = {0};
	struct problem problem = {PROBLEM_NONE, ""};

	if (report_check_is_asked(argc, argv))
		return report_check(tool, argc, argv);
	for (int letter;
	     (letter = tool_option(tool, argc, argv, options)) != -1;) {
		if (letter == '?')
			return EX_USAGE;
		const char *what = take_option(&job, letter);
		if (what != NULL)
			return tool_usage(tool, what, optarg);
	}
	if (optind < argc)
		return tool_usage(tool, "no such argument", argv[optind]);
	struct config *config = tool_config(tool, &problem);
	job.config = config;
	if (config != NULL && report_run(tool, &job, &done, &problem))
		print_summary(&job, &done);
	config_free(config);
	if (problem.kind != PROBLEM_NONE)
		return tool_fail(tool, &problem);
	return done.waiting > 0 ? EX_TEMPFAIL : EX_OK;
}

const struct command command_report = {
    .name = "report",
    .sentence = "make and send aggregate reports",
    .usage = usage,
    .run = run,
};
