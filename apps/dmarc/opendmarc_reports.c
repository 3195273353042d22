/* opendmarc-reports: dmarc report, with the options of that tool put over the
 * configuration. What it has no use for any more is taken, and said. */
#include "opendmarc.h"
#include "report.h"

#include "base/date.h"
#include "config/file.h"
#include "dns/name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	OPTION_DAY = OPENDMARC_OWN,
	OPTION_DOMAIN,
	OPTION_INTERVAL,
	OPTION_KEEPFILES,
	OPTION_WORKDIR,
	OPTION_TEST,
	OPTION_NODOMAIN,
	OPTION_SKIPDOMAINS,
	OPTION_NO_REPORTS_LIST,
	OPTION_REPORT_EMAIL,
	OPTION_REPORT_ORG,
	OPTION_REPORT_CONTACT,
	OPTION_SMTP_SERVER,
	OPTION_SMTP_PORT,
	OPTION_SMTP_SSL,
	OPTION_SMTP_CA_FILE,
	OPTION_SMTP_USERNAME,
	OPTION_SMTP_PASSWORD,
	OPTION_NOTHING, /* from here on: said, and nothing else */
	OPTION_NOUPDATE = OPTION_NOTHING,
	OPTION_UTC,
	OPTION_REPORT_BCC,
	OPTION_VERP,
	OPTION_STALE,
	OPTION_DBSCHEME,
	OPTION_DB_DSN,
	OPTION_FORENSIC,
	OPTIONS_END,

	FAILED = 1, /* that tool knew no other status */
	LIST_MAX = 1024 * 1024,
	DOMAINS_MAX = 32 * 1024 * 1024,
	PORT_MAX = 65535,
};

static const struct option options[] = {
    OPENDMARC_OPTIONS,
    {"day", no_argument, NULL, OPTION_DAY},
    {"db-dsn", required_argument, NULL, OPTION_DB_DSN},
    {"dbscheme", required_argument, NULL, OPTION_DBSCHEME},
    {"domain", required_argument, NULL, OPTION_DOMAIN},
    {"forensic", no_argument, NULL, OPTION_FORENSIC},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"keepfiles", no_argument, NULL, OPTION_KEEPFILES},
    {"n", no_argument, NULL, OPTION_TEST},
    {"no-reports-list", required_argument, NULL, OPTION_NO_REPORTS_LIST},
    {"noday", no_argument, NULL, OPTION_UTC},
    {"nodomain", required_argument, NULL, OPTION_NODOMAIN},
    {"noupdate", no_argument, NULL, OPTION_NOUPDATE},
    {"no-update", no_argument, NULL, OPTION_NOUPDATE},
    {"noutc", no_argument, NULL, OPTION_UTC},
    {"report-bcc", required_argument, NULL, OPTION_REPORT_BCC},
    {"report-contact", required_argument, NULL, OPTION_REPORT_CONTACT},
    {"report-email", required_argument, NULL, OPTION_REPORT_EMAIL},
    {"report-org", required_argument, NULL, OPTION_REPORT_ORG},
    {"skipdomains", required_argument, NULL, OPTION_SKIPDOMAINS},
    /* These two were unique before there were so many. */
    {"smtp-p", required_argument, NULL, OPTION_SMTP_PORT},
    {"smtp-s", required_argument, NULL, OPTION_SMTP_SERVER},
    {"smtp-port", required_argument, NULL, OPTION_SMTP_PORT},
    {"smtp-password", required_argument, NULL, OPTION_SMTP_PASSWORD},
    {"smtp-ssl", no_argument, NULL, OPTION_SMTP_SSL},
    {"smtp-ssl-ca-file", required_argument, NULL, OPTION_SMTP_CA_FILE},
    {"smtp-username", required_argument, NULL, OPTION_SMTP_USERNAME},
    {"smtp-server", required_argument, NULL, OPTION_SMTP_SERVER},
    {"stale-check", no_argument, NULL, OPTION_STALE},
    {"stale-def-deny", no_argument, NULL, OPTION_STALE},
    {"stale-server", required_argument, NULL, OPTION_STALE},
    {"test", no_argument, NULL, OPTION_TEST},
    {"utc", no_argument, NULL, OPTION_UTC},
    {"v", no_argument, NULL, OPENDMARC_VERBOSE},
    {"verp", no_argument, NULL, OPTION_VERP},
    {"workdir", required_argument, NULL, OPTION_WORKDIR},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "opendmarc-reports [options]\n"
    "\t--day                     reports of whole days\n" OPENDMARC_DATABASE_USAGE
    "\t--domain=name             only reports to this domain\n"
    "\t--interval=seconds        a report's period [ReportInterval]\n"
    "\t--keepfiles               keep the XML of each report\n"
    "\t-n, --test                send nothing, keep the XML\n"
    "\t--no-reports-list=file    addresses and domains that get no report\n"
    "\t--nodomain=name           no report to this domain; may be repeated\n"
    "\t--report-contact=text     further contact, named in reports\n"
    "\t--report-email=address    reports come from here [postmaster@DOMAIN]\n"
    "\t--report-org=name         our organization's name\n"
    "\t--skipdomains=file        domains as with --nodomain, one a line\n"
    "\t--smtp-password=password  password there; see ReportPasswordFile\n"
    "\t--smtp-port=port          port of the mail server [25]\n"
    "\t--smtp-server=host        mail server [ReportTransport]\n"
    "\t--smtp-ssl                TLS from the beginning\n"
    "\t--smtp-ssl-ca-file=file   authorities that may vouch for it\n"
    "\t--smtp-username=name      log in there\n"
    "\t--workdir=dir             where the XML is kept [.]\n"
    "\t-v                        as --verbose\n" OPENDMARC_OTHER_USAGE
    "These do nothing any more, and say why:\n"
    "\t--dbscheme=scheme         see Database\n"
    "\t--db-dsn=words            see Database\n"
    "\t--forensic                failure reports are not sent\n"
    "\t--noupdate                what was sent is always noted\n"
    "\t--report-bcc=address      reports are not copied; see --keepfiles\n"
    "\t--stale-check             each destination's own consent is asked for\n"
    "\t--stale-def-deny          as --stale-check\n"
    "\t--stale-server=name       as --stale-check\n"
    "\t--utc                     days are always those of UTC\n"
    "\t--verp                    see ReportEnvelopeFrom\n";

/* Why it does nothing. */
static const struct {
	const char *name;
	const char *why;
} nothings[OPTIONS_END - OPTION_NOTHING] = {
    [OPTION_NOUPDATE - OPTION_NOTHING] = {"--noupdate",
	"what was sent is noted in any case, or it would be sent again"},
    [OPTION_UTC - OPTION_NOTHING] = {"--utc", "days are always those of UTC"},
    [OPTION_REPORT_BCC - OPTION_NOTHING] = {"--report-bcc",
	"reports are not copied; --keepfiles keeps them"},
    [OPTION_VERP - OPTION_NOTHING] = {"--verp",
	"ReportEnvelopeFrom is the envelope's sender"},
    [OPTION_STALE - OPTION_NOTHING] = {"--stale-*",
	"each destination's own consent is asked for at sending (RFC 9990 4)"},
    [OPTION_DBSCHEME - OPTION_NOTHING] = {"--dbscheme",
	"Database says which one it is, and --dbhost and its like mean MySQL"},
    [OPTION_DB_DSN -
	OPTION_NOTHING] = {"--db-dsn", "Database says where it is"},
    [OPTION_FORENSIC -
	OPTION_NOTHING] = {"--forensic", "failure reports are not sent"},
};

struct reporting {
	struct opendmarc opendmarc;
	struct clerk_report job;
	struct arena *arena;
	VEC(struct text) skipped; /* domains */
	bool is_by_day;
	bool keeps_files;
	uint64_t interval; /* 0: ReportInterval */
	uint64_t port;     /* 0: not said */
	const char *server;
	bool has_ssl;
	const char *ca_file;
	const char *user;
	char password[256];
	FILE *password_file; /* of no name */
	const char *email;
	const char *organization;
	const char *contact;
	const char *workdir;
	const char *skip_list;
	const char *no_reports_list;
	bool is_told[OPTIONS_END - OPTION_NOTHING];
	bool has_failed;
};

/* --- the command line --- */

static const char *
skip(struct reporting *reporting, struct text domain)
{
	struct text *skipped = vec_push(reporting->arena, &reporting->skipped);

	if (skipped != NULL)
		*skipped = report_domain(reporting->arena, domain);
	return arena_failed(reporting->arena)
		   ? "no memory for the domains to skip"
		   : NULL;
}

/* Is it one that is kept as it is? */
static bool
take_text(struct reporting *reporting, int option, const char *value)
{
	switch (option) {
	case OPTION_WORKDIR: reporting->workdir = value; return true;
	case OPTION_SKIPDOMAINS: reporting->skip_list = value; return true;
	case OPTION_NO_REPORTS_LIST:
		reporting->no_reports_list = value;
		return true;
	case OPTION_REPORT_EMAIL: reporting->email = value; return true;
	case OPTION_REPORT_ORG: reporting->organization = value; return true;
	case OPTION_REPORT_CONTACT: reporting->contact = value; return true;
	case OPTION_SMTP_CA_FILE: reporting->ca_file = value; return true;
	case OPTION_SMTP_USERNAME: reporting->user = value; return true;
	case OPTION_SMTP_SERVER: reporting->server = value; return true;
	default: return false;
	}
}

static const char *
take(void *context, int option, const char *value)
{
	struct reporting *reporting = context;

	if (take_text(reporting, option, value))
		return NULL;
	if (option >= OPTION_NOTHING) {
		reporting->is_told[option - OPTION_NOTHING] = true;
		return NULL;
	}
	switch (option) {
	case OPTION_DAY: reporting->is_by_day = true; return NULL;
	case OPTION_DOMAIN:
		reporting->job.domain = text_from_cstr(value);
		return value[0] != '\0' ? NULL : "--domain: no domain";
	case OPTION_INTERVAL:
		return text_to_number(text_from_cstr(value), INT32_MAX,
			   &reporting->interval)
			   ? NULL
			   : "--interval: not a number of seconds";
	case OPTION_SMTP_PORT:
		return text_to_number(
			   text_from_cstr(value), PORT_MAX, &reporting->port)
			   ? NULL
			   : "--smtp-port: not a port";
	case OPTION_SMTP_SSL: reporting->has_ssl = true; return NULL;
	case OPTION_SMTP_PASSWORD:
		opendmarc_hide(
		    optarg, reporting->password, sizeof reporting->password);
		return NULL;
	case OPTION_NODOMAIN: return skip(reporting, text_from_cstr(value));
	case OPTION_TEST: reporting->job.dry_run = true; break;
	default: break;
	}
	reporting->keeps_files = true;
	return NULL;
}

/* So that a script's options are not trusted with what they no longer do. */
static void
say_nothings(const struct reporting *reporting)
{
	for (size_t i = 0; i < sizeof nothings / sizeof *nothings; i++) {
		if (reporting->is_told[i])
			(void)fprintf(stderr, "%s: %s does nothing: %s\n",
			    reporting->opendmarc.tool->name, nothings[i].name,
			    nothings[i].why);
	}
}

/* --- over the configuration --- */

static void
set(struct text *member, const char *value)
{
	if (value != NULL)
		*member = text_from_cstr(value);
}

/* Called by this name it always mailed, as postmaster of this host's domain. */
static bool
set_sender(
    struct reporting *reporting, struct config *config, struct problem *problem)
{
	struct text host = config->host_name;
	struct text domain = dns_name_parent(host);

	set(&config->report_org, reporting->organization);
	set(&config->report_contact, reporting->contact);
	set(&config->report_email, reporting->email);
	if (config->report_email.len > 0)
		return true;
	if (!text_has(domain, '.'))
		domain = host;
	if (text_has(domain, '.'))
		config->report_email =
		    arena_join(config->arena, TEXT("postmaster@"), domain);
	else if (!reporting->job.dry_run)
		return problem_set(problem, PROBLEM_CONFIG,
		    "this host's name, " TEXT_FMT ", has no domain to report "
		    "from: give --report-email, or set ReportEmail",
		    TEXT_ARG(host));
	return true;
}

static void
set_interval(struct reporting *reporting, struct config *config)
{
	const char *name = reporting->opendmarc.tool->name;
	uint64_t interval = reporting->interval;

	if (reporting->is_by_day && interval > 0)
		(void)fprintf(
		    stderr, "%s: WARN: --day overrides --interval\n", name);
	if (reporting->is_by_day)
		interval = DAY;
	if (interval == 0)
		return;
	if (interval % 3600 == 0 && DAY % interval == 0)
		config->report_interval = (unsigned)interval;
	else
		(void)fprintf(stderr,
		    "%s: --interval does nothing: a period is whole hours that "
		    "divide a day; it stays at %u seconds\n",
		    name, config->report_interval);
}

static void
set_server(const struct reporting *reporting, struct config *config)
{
	const char *server = reporting->server;
	uint64_t port = reporting->port;

	if (server == NULL)
		server = getenv("OPENDMARC_SMTPSERVER");
	if (port == 0 && getenv("OPENDMARC_SMTPPORT") != NULL)
		(void)text_to_number(
		    text_from_cstr(getenv("OPENDMARC_SMTPPORT")), PORT_MAX,
		    &port);
	set(&config->report_tls_certificates, reporting->ca_file);
	if (server == NULL && port == 0 && !reporting->has_ssl)
		return;
	if (server == NULL)
		server = "127.0.0.1";
	bool is_v6 = strchr(server, ':') != NULL && server[0] != '[';
	config->report_transport = arena_format(config->arena,
	    "smtp%s://%s%s%s:%llu", reporting->has_ssl ? "s" : "",
	    is_v6 ? "[" : "", server, is_v6 ? "]" : "",
	    (unsigned long long)(port > 0             ? port
				 : reporting->has_ssl ? 465
						      : 25));
}

/* A password is read from a file; this one has no name but that of our own
 * descriptor. */
static bool
set_user(
    struct reporting *reporting, struct config *config, struct problem *problem)
{
	const char *name = reporting->opendmarc.tool->name;

	set(&config->report_user, reporting->user);
	if (reporting->password[0] == '\0')
		return true;
	(void)fprintf(stderr,
	    "%s: --smtp-password: others could read it on the command line; "
	    "write it into the file of ReportPasswordFile\n",
	    name);
	FILE *file = tmpfile();
	reporting->password_file = file;
	if (file == NULL || fputs(reporting->password, file) == EOF ||
	    fflush(file) != 0)
		return problem_set(problem, PROBLEM_CANNOT_WRITE,
		    "a temporary file: %s", strerror(errno));
	config->report_password_file =
	    arena_format(config->arena, "/dev/fd/%d", fileno(file));
	return true;
}

static bool
read_lists(
    struct reporting *reporting, struct config *config, struct problem *problem)
{
	struct text lines = {.len = 0};

	if (reporting->no_reports_list != NULL) {
		if (!file_read(config->arena, reporting->no_reports_list,
			LIST_MAX, &lines, problem))
			return false;
		config->no_reports = arena_join(config->arena,
		    arena_join(config->arena, config->no_reports, TEXT("\n")),
		    lines);
	}
	if (reporting->skip_list == NULL)
		return true;
	if (!file_read(reporting->arena, reporting->skip_list, LIST_MAX, &lines,
		problem))
		return false;
	while (lines.len > 0) {
		struct text line = text_split(&lines, '\n');
		line = text_trim(text_slice(line, 0, text_find(line, '#')));
		if (line.len > 0 && skip(reporting, line) != NULL)
			return problem_no_memory(problem);
	}
	return true;
}

static bool
set_all(struct reporting *reporting, struct problem *problem)
{
	struct config *config = reporting->opendmarc.config;

	set_interval(reporting, config);
	set_server(reporting, config);
	if (!set_sender(reporting, config, problem) ||
	    !set_user(reporting, config, problem) ||
	    !read_lists(reporting, config, problem))
		return false;
	if (reporting->keeps_files)
		reporting->job.output =
		    reporting->workdir == NULL ? "." : reporting->workdir;
	reporting->job.config = config;
	reporting->job.domain =
	    report_domain(config->arena, reporting->job.domain);
	return !arena_failed(config->arena) || problem_no_memory(problem);
}

/* --- reporting --- */

static bool
wants(void *context, struct text domain)
{
	const struct reporting *reporting = context;

	for (size_t i = 0; i < reporting->skipped.count; i++) {
		if (text_equal_nocase(reporting->skipped.at[i], domain))
			return false;
	}
	return true;
}

/* The clerk's lines in that tool's words: how they begin, and what is said in
 * place of that, around the domain. */
static const struct {
	const char *begin;
	const char *before;
	const char *behind;
	bool is_always; /* without --verbose too */
	bool is_failure;
} lines[] = {
    {"sent to ", "sent report for ", " to ", false, false},
    {"would be sent to mailto:", "would email ", " report to ", true, false},
    {"not sent: no rua that can be used", "no usable reporting URI for domain ",
	"; skipping", false, false},
    {"not sent: no rua", "no reporting URI for domain ", "; skipping", false,
	false},
    {"later", "report for ", " waits", true, true},
    {"refused", "report for ", " was refused", true, false},
    {"", "report for ", ": ", false, false},
};

static void
on_report(void *context, const struct store_report *report, const char *what)
{
	struct reporting *reporting = context;
	struct opendmarc *opendmarc = &reporting->opendmarc;
	struct text line = text_from_cstr(what);
	size_t i = 0;

	while (!text_starts(line, text_from_cstr(lines[i].begin)))
		i++;
	reporting->has_failed |= lines[i].is_failure;
	if (!opendmarc->is_verbose && !lines[i].is_always)
		return;
	tool_say("%s: %s" TEXT_FMT "%s%s", opendmarc->tool->name,
	    lines[i].before, TEXT_ARG(report->policy.domain), lines[i].behind,
	    what + strlen(lines[i].begin));
}

static bool
report(struct reporting *reporting, struct problem *problem)
{
	struct opendmarc *opendmarc = &reporting->opendmarc;
	struct clerk_reported done = {0};

	if (!opendmarc_begin(opendmarc, problem) ||
	    !set_all(reporting, problem) ||
	    !report_run(opendmarc->tool, &reporting->job, &done, problem))
		return false;
	opendmarc_say(opendmarc, "%llu report(s), %llu sent, %llu refused",
	    (unsigned long long)done.reports, (unsigned long long)done.sent,
	    (unsigned long long)done.failed);
	return true;
}

static int
run_in(struct reporting *reporting, int argc, char **argv)
{
	struct opendmarc *opendmarc = &reporting->opendmarc;
	struct problem problem = {PROBLEM_NONE, ""};
	int status = EX_OK;

	if (!opendmarc_read(opendmarc, argc, argv, options, &status))
		return status;
	/* In a test nothing is noted anyway. */
	if (reporting->job.dry_run)
		reporting->is_told[OPTION_NOUPDATE - OPTION_NOTHING] = false;
	say_nothings(reporting);
	if (!report(reporting, &problem)) {
		(void)tool_fail(opendmarc->tool, &problem);
		status = FAILED;
	} else if (reporting->has_failed && !reporting->job.dry_run) {
		status = FAILED;
	}
	opendmarc_end(opendmarc);
	return status;
}

static int
run(struct tool *tool, int argc, char **argv)
{
	struct reporting reporting = {
	    .opendmarc = {.tool = tool, .usage = usage, .take = take},
	    .job = {.date = -1, .wants = wants, .on_report = on_report},
	    .arena = arena_new(DOMAINS_MAX)};

	reporting.opendmarc.context = &reporting;
	reporting.job.context = &reporting;
	if (reporting.arena == NULL)
		return FAILED;
	int status = run_in(&reporting, argc, argv);
	if (reporting.password_file != NULL)
		(void)fclose(reporting.password_file);
	arena_free(reporting.arena);
	return status;
}

const struct command command_opendmarc_reports = {
    .name = "opendmarc-reports",
    .sentence = "make and send aggregate reports",
    .usage = usage,
    .run = run,
};
