#include "carry.h"
#include "import.h"
#include "json.h"

#include "base/date.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char usage[] =
    "Usage: dmarc database create|schema|check|status [OPTION...]\n"
    "       dmarc database import-opendmarc [OPTION...] mysql://USER@HOST/NAME\n"
    "\n"
    "  create  make the tables, or bring them up to date\n"
    "  schema  print the SQL that makes them, for who may run it\n"
    "  check   say what could lose data or fail; status 69 when something "
    "could\n"
    "  status  say what is stored\n"
    "  import-opendmarc  carry OpenDMARC's tables over, each message once; what\n"
    "          it reported is not reported again. Stop its jobs first. Status 65\n"
    "          when some of it was odd, else as dmarc import\n"
    "\n"
    "  --json        with status and import-opendmarc: one object on one\n"
    "                line, for programs\n"
    "  --since TIME  with import-opendmarc: report nothing older (default: a\n"
    "                week)\n"
    "  --until TIME  with import-opendmarc: report nothing from then on, since\n"
    "                dmarcd noted it by itself (default: where that begins in\n"
    "                Database)\n"
    "  --now TIME    act as if it were TIME: seconds, 2026-11-23, or\n"
    "                2026-11-23T15:04:05Z\n"
    "  -c FILE       configuration, instead of /etc/dmarcd.conf\n";

enum {
	OPTION_JSON = 256,
	OPTION_SINCE,
	OPTION_UNTIL,
	SCHEMA_MAX = 1024 * 1024,
};

static const struct option options[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"now", required_argument, NULL, TOOL_NOW},
    {"since", required_argument, NULL, OPTION_SINCE},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {NULL, 0, NULL, 0},
};

struct job {
	const struct config *config;
	const char *database;
	bool json;
	struct clerk_carry carry;
	int status; /* of a success */
};

/* --- status --- */

static bool
print_json(const struct store_figures *figures, struct problem *problem)
{
	json_t *reports = json_object();

	for (unsigned i = 0; i < STORE_STATES; i++) {
		if (figures->states[i] > 0)
			(void)json_object_set_new(reports, store_state_name(i),
			    json_integer((json_int_t)figures->states[i]));
	}
	return json_print(
	    json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:o}", "engine",
		figures->engine, "schema", (int)figures->schema, "messages",
		(json_int_t)figures->messages, "rows",
		(json_int_t)figures->rows, "batches",
		(json_int_t)figures->batches, "rejected",
		(json_int_t)figures->rejected, "oldest",
		(json_int_t)figures->oldest, "reports", reports),
	    problem);
}

static void
print_table(const struct store_figures *figures)
{
	const struct {
		const char *name;
		uint64_t number;
	} lines[] = {
	    {"messages", figures->messages},
	    {"rows", figures->rows},
	    {"batches", figures->batches},
	    {"rejected", figures->rejected},
	    {"reports", figures->reports},
	};
	struct build day;

	(void)printf("engine      %s, schema version %u\n", figures->engine,
	    figures->schema);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		(void)printf("%-10s  %llu\n", lines[i].name,
		    (unsigned long long)lines[i].number);
	for (unsigned i = 0; i < STORE_STATES; i++) {
		if (figures->states[i] > 0)
			(void)printf("  %-12s  %llu\n", store_state_name(i),
			    (unsigned long long)figures->states[i]);
	}
	if (figures->oldest == 0)
		return;
	build_init(&day, 64);
	date_write_day(&day, figures->oldest);
	(void)printf("oldest      " TEXT_FMT "\n", TEXT_ARG(build_view(&day)));
	build_free(&day);
}

static bool
status(struct job *job, struct problem *problem)
{
	struct store_figures figures;
	struct store *store = tool_store(job->config, false, problem);
	bool good = store != NULL && store_figures(store, &figures, problem);

	store_close(store);
	if (good && job->json)
		return print_json(&figures, problem);
	if (good)
		print_table(&figures);
	return good;
}

/* --- the others --- */

static bool
create(struct job *job, struct problem *problem)
{
	struct store_figures figures;
	struct store *store = tool_store(job->config, true, problem);
	bool good = store != NULL && store_figures(store, &figures, problem);

	store_close(store);
	if (good)
		(void)printf("schema version %u\n", figures.schema);
	return good;
}

static bool
schema(struct job *job, struct problem *problem)
{
	struct build sql;

	build_init(&sql, SCHEMA_MAX);
	bool good = store_write_schema(job->database, &sql, problem) &&
		    (!build_failed(&sql) || problem_no_memory(problem));
	if (good)
		(void)fwrite(sql.ptr, 1, sql.len, stdout);
	build_free(&sql);
	return good;
}

static void
print_note(void *context, const struct store_note *note)
{
	struct job *job = context;
	bool is_good = note->advice[0] == '\0';

	(void)printf("%-4s  %s: ", is_good ? "ok" : "BAD", note->name);
	print_clean(text_from_cstr(note->value));
	(void)printf("%s%s\n", is_good ? "" : "; ", note->advice);
	if (!is_good)
		job->status = EX_UNAVAILABLE;
}

static bool
check(struct job *job, struct problem *problem)
{
	return store_inspect(job->database, print_note, job, problem);
}

static bool
import_opendmarc(struct job *job, struct problem *problem)
{
	bool all;

	if (!carry_run(&job->carry, job->config, job->json, &all, problem))
		return false;
	job->status = all ? EX_OK : EX_DATAERR;
	return true;
}

static const struct verb {
	const char *name;
	bool (*run)(struct job *job, struct problem *problem);
	bool has_source;
} verbs[] = {
    {"create", create, false},
    {"schema", schema, false},
    {"check", check, false},
    {"status", status, false},
    {"import-opendmarc", import_opendmarc, true},
};

enum { VERBS = sizeof verbs / sizeof *verbs };

static int
run_verb(struct tool *tool, const struct verb *verb, struct job *job)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct config *config = tool_config(tool, &problem);

	job->config = config;
	job->carry.now = tool->now;
	job->database = config == NULL ? NULL : tool_database(config, &problem);
	bool good = job->database != NULL && verb->run(job, &problem);
	config_free(config);
	if (good)
		return job->status;
	int status = tool_fail(tool, &problem);
	return verb->has_source ? import_status(&problem) : status;
}

static bool
take_option(struct tool *tool, int letter, struct job *job)
{
	bool is_since = letter == OPTION_SINCE;

	if (letter == OPTION_JSON) {
		job->json = true;
		return true;
	}
	if (date_read(text_from_cstr(optarg),
		is_since ? &job->carry.since : &job->carry.until))
		return true;
	(void)tool_usage(tool,
	    is_since ? "--since: not a time" : "--until: not a time", optarg);
	return false;
}

static int
run(struct tool *tool, int argc, char **argv)
{
	struct job job = {.carry = {.since = -1, .until = -1}};
	const struct verb *verb = verbs;

	for (int letter;
	     (letter = tool_option(tool, argc, argv, options)) != -1;) {
		if (letter == '?' || !take_option(tool, letter, &job))
			return EX_USAGE;
	}
	if (optind == argc)
		return tool_usage(tool,
		    "say create, schema, check, status or import-opendmarc",
		    NULL);
	while (verb < verbs + VERBS && strcmp(verb->name, argv[optind]) != 0)
		verb++;
	if (verb == verbs + VERBS)
		return tool_usage(tool, "no such command", argv[optind]);
	if (verb->has_source && optind + 1 == argc)
		return tool_usage(
		    tool, "say which database: mysql://user@host/name", NULL);
	job.carry.source = argv[argc - 1];
	if (optind + 1 + verb->has_source < argc)
		return tool_usage(tool, "no such argument",
		    argv[optind + 1 + verb->has_source]);
	return run_verb(tool, verb, &job);
}

const struct command command_database = {
    .name = "database",
    .sentence = "make, check and count what is stored",
    .usage = usage,
    .run = run,
};
