/* opendmarc-import: standard input is first taken into a spool of our own,
 * forced to disk, and then imported from there: a database that fails loses
 * nothing, though a script empties the file afterwards. opendmarc-importstats
 * is a plain import of HistoryFile. */
#include "import.h"
#include "opendmarc.h"

#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { OPTION_INPUT = OPENDMARC_OWN, PATH_LENGTH = 4096 };

static const struct option import_options[] = {
    OPENDMARC_OPTIONS,
    {"input", required_argument, NULL, OPTION_INPUT},
    {NULL, 0, NULL, 0},
};

static const struct option importstats_options[] = {
    OPENDMARC_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const char import_usage[] =
    "opendmarc-import [options]\n" OPENDMARC_DATABASE_USAGE
    "\t--input=file              file to import [standard input]\n" OPENDMARC_OTHER_USAGE;

static const char importstats_usage[] =
    "opendmarc-importstats [options]\n" OPENDMARC_DATABASE_USAGE
	OPENDMARC_OTHER_USAGE;

/* --- the script's gap --- */

/* The file that standard input is, if it has a name. */
static bool
find_name(char name[PATH_LENGTH])
{
	ssize_t len = readlink("/proc/self/fd/0", name, PATH_LENGTH - 1);

	if (len <= 0 || name[0] != '/')
		return false;
	name[len] = '\0';
	return true;
}

/* Was it said of this file before? */
static bool
is_told(const char *spool, const struct stat *input)
{
	char mark[PATH_LENGTH];

	(void)snprintf(mark, sizeof mark, "%s.told-%llx-%llx", spool,
	    (unsigned long long)input->st_dev,
	    (unsigned long long)input->st_ino);
	int fd = open(
	    mark, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)close(fd);
	return fd < 0 && errno == EEXIST;
}

/* Once for a file, or cron would send it every time. */
static void
tell_gap(const struct opendmarc *opendmarc, const char *spool)
{
	const char *config = opendmarc->tool->config_path;
	struct stat input;
	char name[PATH_LENGTH];

	if (fstat(STDIN_FILENO, &input) != 0 || !S_ISREG(input.st_mode) ||
	    is_told(spool, &input))
		return;
	if (!find_name(name))
		(void)snprintf(name, sizeof name, "FILE");
	(void)fprintf(stderr,
	    "%s: what is written to %s between this import and a script's\n"
	    "  cat /dev/null > %s\n"
	    "is lost. This line, in place of both, has no such gap:\n"
	    "  dmarc import %s%s%s%s\n",
	    opendmarc->tool->name, name, name, config == NULL ? "" : "-c ",
	    config == NULL ? "" : config, config == NULL ? "" : " ", name);
	if (opendmarc->names_database)
		(void)fprintf(stderr,
		    "with this in dmarcd.conf, and the password in that file:\n"
		    "  Database mysql://%s@%s:%s/%s"
		    "?password-file=/etc/dmarcd.password\n",
		    opendmarc->user, opendmarc->host, opendmarc->port,
		    opendmarc->database);
}

/* --- importing --- */

static bool
import(struct opendmarc *opendmarc, const char *path, bool again,
    struct clerk_imported *done, struct problem *problem)
{
	const struct clerk_import job = {.config = opendmarc->config,
	    .now = opendmarc->tool->now,
	    .waits = true,
	    .again = again};
	struct store *store = tool_store(opendmarc->config, true, problem);

	if (store == NULL)
		return false;
	opendmarc_say(opendmarc, "connected to database");
	bool good = clerk_import(&job, store, path, done, problem);
	store_close(store);
	import_tell(opendmarc->tool, path, done);
	opendmarc_say(opendmarc, "%llu entries imported, %llu set aside",
	    (unsigned long long)done->entries,
	    (unsigned long long)done->rejected);
	return good;
}

static int
import_spool(struct opendmarc *opendmarc, const char *spool)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct clerk_imported done = {0};

	if (import(opendmarc, spool, true, &done, &problem))
		return done.rejected > 0 ? EX_DATAERR : EX_OK;
	(void)tool_fail(opendmarc->tool, &problem);
	(void)fprintf(stderr,
	    "%s: what was read is safe in %s.claim-*, and the next run imports "
	    "it\n",
	    opendmarc->tool->name, spool);
	return EX_TEMPFAIL;
}

static bool
open_input(const char *input, struct problem *problem)
{
	int fd = open(input, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		return problem_set(problem, problem_kind_of(errno), "%s: %s",
		    input, strerror(errno));
	(void)close(fd);
	return true;
}

/* NULL: nothing was taken. */
static const char *
take_input(
    struct opendmarc *opendmarc, const char *input, struct problem *problem)
{
	uint64_t bytes;

	if (!opendmarc_begin(opendmarc, problem) ||
	    (input != NULL && !open_input(input, problem)))
		return NULL;
	const char *spool = opendmarc_spool(opendmarc, problem);
	if (spool == NULL ||
	    !journal_spool(spool, STDIN_FILENO, &bytes, problem))
		return NULL;
	opendmarc_say(
	    opendmarc, "%llu new bytes read", (unsigned long long)bytes);
	return spool;
}

static const char *
take_path(void *context, int option, const char *value)
{
	const char **input = context;

	(void)option;
	*input = value;
	return NULL;
}

static int
run_import(struct tool *tool, int argc, char **argv)
{
	const char *input = NULL;
	struct problem problem = {PROBLEM_NONE, ""};
	struct opendmarc opendmarc = {.tool = tool,
	    .usage = import_usage,
	    .take = take_path,
	    .context = &input};
	int status;

	if (!opendmarc_read(&opendmarc, argc, argv, import_options, &status))
		return status;
	const char *spool = take_input(&opendmarc, input, &problem);
	if (spool != NULL) {
		status = import_spool(&opendmarc, spool);
		tell_gap(&opendmarc, spool);
	} else {
		status = tool_fail(tool, &problem);
	}
	opendmarc_end(&opendmarc);
	return status;
}

/* --- opendmarc-importstats --- */

static int
run_importstats(struct tool *tool, int argc, char **argv)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct clerk_imported done = {0};
	struct opendmarc opendmarc = {.tool = tool, .usage = importstats_usage};
	int status;

	if (!opendmarc_read(
		&opendmarc, argc, argv, importstats_options, &status))
		return status;
	bool begun = opendmarc_begin(&opendmarc, &problem);
	const struct config *config = opendmarc.config;
	if (begun && config->history_file.len == 0)
		begun = problem_set(
		    &problem, PROBLEM_CONFIG, "HistoryFile is not set");
	bool good =
	    begun &&
	    import(&opendmarc, arena_cstr(config->arena, config->history_file),
		false, &done, &problem);
	status = done.rejected > 0 ? EX_DATAERR : EX_OK;
	/* It always was content with no file. */
	if (!good && (!begun || problem.kind != PROBLEM_NO_INPUT)) {
		(void)tool_fail(tool, &problem);
		status = import_status(&problem);
	}
	opendmarc_end(&opendmarc);
	return status;
}

const struct command command_opendmarc_import = {
    .name = "opendmarc-import",
    .sentence = "store the history in the database",
    .usage = import_usage,
    .run = run_import,
};

const struct command command_opendmarc_importstats = {
    .name = "opendmarc-importstats",
    .sentence = "store HistoryFile in the database",
    .usage = importstats_usage,
    .run = run_importstats,
};
