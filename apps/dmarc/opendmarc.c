#include "opendmarc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* --- the command line --- */

enum { FAILED = 1 /* those tools knew no EX_USAGE */ };

static const char usual_spool[] = "/var/lib/dmarcd/import";

/* The member that OPTION or its variable sets. */
static const struct {
	int option;
	size_t member;
	const char *variable;
	const char *otherwise;
} settings[] = {
    {OPENDMARC_HOST, offsetof(struct opendmarc, host), "OPENDMARC_DBHOST",
	"localhost"},
    {OPENDMARC_NAME, offsetof(struct opendmarc, database), "OPENDMARC_DB",
	"opendmarc"},
    {OPENDMARC_PASSWORD, offsetof(struct opendmarc, password),
	"OPENDMARC_PASSWORD", "opendmarc"},
    {OPENDMARC_PORT, offsetof(struct opendmarc, port), "OPENDMARC_PORT",
	"3306"},
    {OPENDMARC_USER, offsetof(struct opendmarc, user), "OPENDMARC_USER",
	"opendmarc"},
};

enum { SETTINGS = sizeof settings / sizeof *settings };

static void
set(struct opendmarc *opendmarc, size_t setting, const char *value)
{
	void *member = (char *)opendmarc + settings[setting].member;

	memcpy(member, &value, sizeof value);
}

static void
set_defaults(struct opendmarc *opendmarc)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		const char *value = getenv(settings[i].variable);
		if (value != NULL && value[0] != '\0')
			opendmarc->names_database = true;
		else
			value = settings[i].otherwise;
		set(opendmarc, i, value);
	}
}

void
opendmarc_hide(char *word, char *kept, size_t size)
{
	(void)snprintf(kept, size, "%s", word);
	for (; *word != '\0'; word++)
		*word = 'x';
}

static const char *
take_away(struct opendmarc *opendmarc, char *password)
{
	opendmarc_hide(password, opendmarc->password_kept,
	    sizeof opendmarc->password_kept);
	return opendmarc->password_kept;
}

/* Is it one of them? */
static bool
take_setting(struct opendmarc *opendmarc, int option, char *value)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		if (settings[i].option != option)
			continue;
		opendmarc->names_database = true;
		set(opendmarc, i,
		    option == OPENDMARC_PASSWORD ? take_away(opendmarc, value)
						 : value);
		return true;
	}
	return false;
}

/* Where --version or a mistake ends it. */
static bool
stop(int status, int *ret_status)
{
	*ret_status = status;
	return false;
}

static bool
take_option(struct opendmarc *opendmarc, int option, int *ret_status)
{
	const char *name = opendmarc->tool->name;
	const char *wrong = NULL;

	switch (option) {
	case OPENDMARC_CONFIG: opendmarc->tool->config_path = optarg; break;
	case OPENDMARC_VERBOSE: opendmarc->is_verbose = true; break;
	case OPENDMARC_QUIET: opendmarc->is_verbose = false; break;
	case OPENDMARC_HELP:
		(void)printf("%s: usage: %s", name, opendmarc->usage);
		return stop(EX_OK, ret_status);
	case OPENDMARC_VERSION:
		(void)printf("%s v%s\n", name, DMARCD_VERSION);
		return stop(EX_OK, ret_status);
	case '?':
		(void)fprintf(stderr, "%s: usage: %s", name, opendmarc->usage);
		return stop(FAILED, ret_status);
	default:
		if (!take_setting(opendmarc, option, optarg))
			wrong =
			    opendmarc->take(opendmarc->context, option, optarg);
	}
	if (wrong == NULL)
		return true;
	tool_say("%s: %s", name, wrong);
	return stop(FAILED, ret_status);
}

bool
opendmarc_read(struct opendmarc *opendmarc, int argc, char **argv,
    const struct option *options, int *ret_status)
{
	set_defaults(opendmarc);
	for (int option; (option = getopt_long_only(
			      argc, argv, "", options, NULL)) != -1;) {
		if (!take_option(opendmarc, option, ret_status))
			return false;
	}
	return true;
}

/* --- what it says --- */

void
opendmarc_say(const struct opendmarc *opendmarc, const char *format, ...)
{
	va_list values;

	if (!opendmarc->is_verbose)
		return;
	va_start(values, format);
	(void)fprintf(stderr, "%s: ", opendmarc->tool->name);
	(void)vfprintf(stderr, format, values);
	(void)fputc('\n', stderr);
	va_end(values);
}

static void
say_time(const struct opendmarc *opendmarc, const char *what)
{
	time_t now = time(NULL);
	struct tm local;
	char text[64];

	if (localtime_r(&now, &local) != NULL &&
	    strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &local) > 0)
		opendmarc_say(opendmarc, "%s at %s", what, text);
}

/* --- the database --- */

/* What says something in a location is written with %XX. */
static void
write_word(struct build *location, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_$";

	for (; *word != '\0'; word++) {
		if (strchr(plain, *word) != NULL)
			build_byte(location, *word);
		else
			build_format(location, "%%%02X", (unsigned char)*word);
	}
}

/* As these tools always did: no TLS. Who wants it says so in Database. */
static struct text
write_location(const struct opendmarc *opendmarc)
{
	bool is_v6 = strchr(opendmarc->host, ':') != NULL;
	struct build location;

	build_init_arena(&location, opendmarc->config->arena, 4096);
	build_cstr(&location, "mysql://");
	write_word(&location, opendmarc->user);
	build_cstr(&location, is_v6 ? "@[" : "@");
	write_word(&location, opendmarc->host);
	build_cstr(&location, is_v6 ? "]:" : ":");
	build_cstr(&location, opendmarc->port);
	build_byte(&location, '/');
	write_word(&location, opendmarc->database);
	build_cstr(&location, "?tls=no");
	return build_view(&location);
}

bool
opendmarc_begin(struct opendmarc *opendmarc, struct problem *problem)
{
	struct config *config = tool_config(opendmarc->tool, problem);

	if (config == NULL)
		return false;
	opendmarc->config = config;
	say_time(opendmarc, "started");
	opendmarc->names_database |= config->database.len == 0;
	if (opendmarc->names_database) {
		config->database = write_location(opendmarc);
		if (setenv("DMARC_DATABASE_PASSWORD", opendmarc->password, 1) !=
		    0)
			return problem_no_memory(problem);
	}
	return tool_database(config, problem) != NULL;
}

void
opendmarc_end(struct opendmarc *opendmarc)
{
	say_time(opendmarc, "terminating");
	config_free(opendmarc->config);
}

/* --- the spool --- */

/* A folder that nobody else can put files into. */
static bool
is_safe(const char *folder, struct problem *problem)
{
	struct stat status;

	if (lstat(folder, &status) != 0)
		return problem_set(problem, problem_kind_of(errno), "%s: %s",
		    folder, strerror(errno));
	if (!S_ISDIR(status.st_mode) || (status.st_mode & S_IWOTH) != 0 ||
	    (status.st_uid != geteuid() && status.st_uid != 0))
		return problem_set(problem, PROBLEM_PERMISSION,
		    "%s: is not a folder of ours that nobody else writes to",
		    folder);
	return access(folder, W_OK | X_OK) == 0 ||
	       problem_set(problem, problem_kind_of(errno), "%s: %s", folder,
		   strerror(errno));
}

/* FOLDER, made if it can be. */
static bool
use_folder(const char *folder, struct problem *problem)
{
	if (mkdir(folder, 0700) == 0)
		return true;
	return is_safe(folder, problem);
}

static const char *
find_folder(const struct config *config, struct problem *problem)
{
	struct problem ignored = {0};

	if (config->import_spool.len > 0) {
		const char *set =
		    arena_cstr(config->arena, config->import_spool);
		return use_folder(set, problem) ? set : NULL;
	}
	if (use_folder(usual_spool, &ignored))
		return usual_spool;
	const char *own = arena_cstr(config->arena,
	    arena_format(config->arena, "/var/tmp/dmarcd-import-%lu",
		(unsigned long)geteuid()));
	return use_folder(own, problem) ? own : NULL;
}

/* One for each database: what is kept there goes into no other one. */
const char *
opendmarc_spool(const struct opendmarc *opendmarc, struct problem *problem)
{
	struct arena *arena = opendmarc->config->arena;
	const char *folder = find_folder(opendmarc->config, problem);
	struct build path;

	if (folder == NULL)
		return NULL;
	build_init_arena(&path, arena, 4096);
	build_format(&path, "%s/", folder);
	if (opendmarc->names_database) {
		build_cstr(&path, "mysql-");
		write_word(&path, opendmarc->database);
	} else {
		build_cstr(&path, "database");
	}
	return arena_cstr(arena, build_view(&path));
}
