#include "report.h"
#include "report_check.h"

#include "listing.h"
#include "suppress.h"

#include "base/date.h"
#include "dns/name.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char usage[] =
    "Usage: dmarc report [OPTION...]\n"
    "       dmarc report --list [OPTION...]\n"
    "       dmarc report --show ID [OPTION...]\n"
    "       dmarc report suppress [ADDRESS [WHY ...]]\n"
    "       dmarc report allow ADDRESS\n"
    "\n"
    "Makes the aggregate reports (RFC 9990) of the periods that are over and\n"
    "sends those that are due. Run as often as you like: each is sent once.\n"
    "The status is 0, or 75 when some destination still waits, to be tried by\n"
    "a later run.\n"
    "\n"
    "  --check          say whether our reports pass DMARC where they arrive;\n"
    "                   see dmarc report --check --help\n"
    "  --domain DOMAIN  only reports to this Policy Domain\n"
    "  --date DAY       only the reports of that day (2026-11-23, in UTC)\n"
    "  --dry-run        change nothing, send nothing, ask no DNS; say what is\n"
    "                   due, with --date for all periods of that day, over or\n"
    "                   not\n"
    "  --format FORM    9990 or 7489, instead of ReportFormat; what is sealed\n"
    "                   is sent as it was sealed\n"
    "  --output DIR     write each report's XML there as it is sent; with\n"
    "                   --dry-run that of every report of the periods that are\n"
    "                   over\n"
    "  --list           show each report with its state, and why not sent\n"
    "  --show ID        show one; the beginning of its id is enough; with\n"
    "                   --output write its XML\n"
    "  --json           with --list, --show and suppress: an object a line\n"
    "  --now TIME       act as if it were TIME: seconds, 2026-11-23, or\n"
    "                   2026-11-23T15:04:05Z\n"
    "  -c FILE          configuration, instead of /etc/dmarcd.conf\n"
    "\n"
    "suppress: no report goes to ADDRESS from now on, or when it is a domain, to\n"
    "any there; without ADDRESS it lists them. allow: it may get them again.\n";

enum {
	OPTION_DOMAIN = 256,
	OPTION_DRY_RUN,
	OPTION_DATE,
	OPTION_OUTPUT,
	OPTION_FORMAT,
	OPTION_LIST,
	OPTION_SHOW,
	OPTION_JSON,
};

static const struct option options[] = {
    {"domain", required_argument, NULL, OPTION_DOMAIN},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"date", required_argument, NULL, OPTION_DATE},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"list", no_argument, NULL, OPTION_LIST},
    {"output", required_argument, NULL, OPTION_OUTPUT},
    {"show", required_argument, NULL, OPTION_SHOW},
    {"now", required_argument, NULL, TOOL_NOW},
    {NULL, 0, NULL, 0},
};

/* What the command line asks for. */
struct request {
	struct clerk_report job;
	int format; /* or -1 */
	bool lists;
	const char *id; /* --show */
	bool json;
	bool has_others; /* than --json: what suppress and allow do not know */
	char **words;    /* a verb and its arguments */
	int count;       /* of them */
};

static void
on_report(void *context, const struct store_report *report, const char *what)
{
	struct build line;

	(void)context;
	build_init(&line, SIZE_MAX);
	date_write_day(&line, report->begin);
	build_format(
	    &line, "  " TEXT_FMT "  %s", TEXT_ARG(report->policy.domain), what);
	print_clean(build_view(&line));
	(void)printf("\n");
	build_free(&line);
}

static const char *
take_option(struct request *request, int letter)
{
	struct clerk_report *job = &request->job;

	request->has_others |= letter != OPTION_JSON;
	switch (letter) {
	case OPTION_DOMAIN:
		job->domain = text_from_cstr(optarg);
		return optarg[0] != '\0' ? NULL : "--domain: no domain";
	case OPTION_DRY_RUN: job->dry_run = true; return NULL;
	case OPTION_OUTPUT: job->output = optarg; return NULL;
	case OPTION_LIST: request->lists = true; return NULL;
	case OPTION_SHOW: request->id = optarg; return NULL;
	case OPTION_JSON: request->json = true; return NULL;
	case OPTION_FORMAT:
		request->format =
		    names_find(&report_format_names, text_from_cstr(optarg));
		return request->format >= 0 ? NULL
					    : "--format: neither 9990 nor 7489";
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

struct text
report_domain(struct arena *arena, struct text typed)
{
	struct text domain;

	return dns_name_read_typed(arena, typed, &domain)
		   ? domain
		   : arena_lower(arena, typed);
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

static bool
send_or_look(const struct tool *tool, const struct request *request,
    int *ret_status, struct problem *problem)
{
	struct clerk_reported done = {0};

	if (!report_run(tool, &request->job, &done, problem))
		return false;
	print_summary(&request->job, &done);
	*ret_status = done.waiting > 0 ? EX_TEMPFAIL : EX_OK;
	return true;
}

static bool
list(const struct tool *tool, const struct request *request,
    struct problem *problem)
{
	struct listing listing = {.job = &request->job,
	    .id = request->lists ? NULL : request->id,
	    .json = request->json};
	struct clerk_report job = request->job;
	struct clerk_reported done;

	if (!listing_run(&listing, problem))
		return false;
	if (job.output == NULL || request->lists)
		return true;
	job.id = text_from_cstr(request->id);
	job.dry_run = true;
	job.on_report = NULL;
	return report_run(tool, &job, &done, problem);
}

static bool
act(const struct tool *tool, struct request *request, struct config *config,
    int *ret_status, struct problem *problem)
{
	if (request->format >= 0) {
		config->report_format = request->format;
		request->job.reforms = true;
	}
	request->job.config = config;
	request->job.domain = report_domain(config->arena, request->job.domain);
	request->job.now = tool->now;
	if (request->count > 0)
		return suppress_run(tool, config, request->words,
		    request->count, request->json, problem);
	if (request->lists || request->id != NULL)
		return list(tool, request, problem);
	return send_or_look(tool, request, ret_status, problem);
}

/* An option that would be ignored may have been meant: --dry-run, say. */
static const char *
check_words(const struct request *request)
{
	const char *what = suppress_check(request->words, request->count);

	if (what != NULL)
		return what;
	if (request->has_others || (request->json && request->count > 1))
		return "-c and --now, and --json for the list, are all that "
		       "goes with";
	return NULL;
}

/* Likewise, of --list and --show. */
static const char *
check_list(const struct request *request)
{
	const struct clerk_report *job = &request->job;
	bool has_format = request->format >= 0;

	if (request->lists && (job->output != NULL || has_format))
		return "--list writes no XML; --show and --dry-run do";
	if (request->id != NULL && (job->date >= 0 || job->domain.len > 0))
		return "--show ID is of whatever day and domain it is";
	if (request->id != NULL && has_format && job->output == NULL)
		return "--show takes --format with --output";
	return NULL;
}

/* NULL, or what is wrong. */
static const char *
check_request(const struct request *request)
{
	if (request->count > 0)
		return check_words(request);
	if (request->lists + (request->id != NULL) + request->job.dry_run > 1)
		return "give one of --list, --show and --dry-run";
	if (request->id != NULL && request->id[0] == '\0')
		return "--show: no id";
	if (request->json && !request->lists && request->id == NULL)
		return "--json goes with --list, --show or suppress";
	return check_list(request);
}

static int
run(struct tool *tool, int argc, char **argv)
{
	struct request request = {
	    .job = {.date = -1, .on_report = on_report}, .format = -1};
	struct problem problem = {PROBLEM_NONE, ""};
	int status = EX_OK;

	if (report_check_is_asked(argc, argv))
		return report_check(tool, argc, argv);
	for (int letter;
	     (letter = tool_option(tool, argc, argv, options)) != -1;) {
		if (letter == '?')
			return EX_USAGE;
		const char *what = take_option(&request, letter);
		if (what != NULL)
			return tool_usage(tool, what, optarg);
	}
	request.words = argv + optind;
	request.count = argc - optind;
	const char *what = check_request(&request);
	if (what != NULL)
		return tool_usage(tool, what, argv[optind]);
	struct config *config = tool_config(tool, &problem);
	if (config == NULL || !act(tool, &request, config, &status, &problem))
		status = tool_fail(tool, &problem);
	config_free(config);
	return status;
}

const struct command command_report = {
    .name = "report",
    .sentence = "make and send aggregate reports",
    .usage = usage,
    .run = run,
};
