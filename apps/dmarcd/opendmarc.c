/* What the flags say goes on top of the configuration file as lines of it. -t is
 * left to dmarc verify. */
#include "opendmarc.h"

#include "background.h"
#include "log.h"
#include "master.h"

#include "config/config.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static const char usage[] =
    "Usage: opendmarc [-AflnvV] [-c FILE] [-p SOCKET] [-P FILE]\n"
    "                 [-t FILE[,FILE...]] [-u USER[:GROUP]]\n"
    "       opendmarc --help\n"
    "\n"
    "This is dmarcd by the command line of OpenDMARC; see opendmarc(8).\n"
    "\n"
    "  -A                 accepted: what fails is always started again\n"
    "  -c FILE            configuration (default /etc/opendmarc.conf, else\n"
    "                     /etc/dmarcd.conf)\n"
    "  -f                 stay in the foreground\n"
    "  -l                 log to syslog\n"
    "  -n                 check the configuration and exit: 0 if it is good\n"
    "  -p SOCKET          instead of Socket\n"
    "  -P FILE            instead of PidFile\n"
    "  -t FILE[,FILE...]  print the verdict on each message and exit\n"
    "  -u USER[:GROUP]    instead of UserID\n"
    "  -v                 with -t: tell why\n"
    "  -V                 version\n"
    "  --help             this help\n";

enum { OVERRIDES_MAX = 64 * 1024 };

struct flags {
	const char *config_path;
	const char *test_files; /* NULL: no -t */
	struct build overrides;
	bool in_foreground;
	bool only_parse;
	bool is_verbose;
};

bool
opendmarc_is_meant(const char *program)
{
	const char *slash = strrchr(program, '/');

	return strcmp(slash == NULL ? program : slash + 1, "opendmarc") == 0;
}

static void
override(struct flags *flags, const char *name, const char *value)
{
	build_format(&flags->overrides, "%s %s\n", name, value);
}

static bool
take_flag(struct flags *flags, int letter)
{
	switch (letter) {
	case 'A': return true; /* what fails is always started again */
	case 'c': flags->config_path = optarg; return true;
	case 'f': flags->in_foreground = true; return true;
	case 'l': override(flags, "Syslog", "yes"); return true;
	case 'n': flags->only_parse = true; return true;
	case 'p': override(flags, "Socket", optarg); return true;
	case 'P': override(flags, "PidFile", optarg); return true;
	case 't': flags->test_files = optarg; return true;
	case 'u': override(flags, "UserID", optarg); return true;
	case 'v': flags->is_verbose = true; return true;
	default: return false;
	}
}

/* --- -t --- */

/* dmarc, beside us or in the bin folder beside ours, else wherever it is. */
static void
find_tool(char *path, size_t room)
{
	static const char *const places[] = {"dmarc", "../bin/dmarc"};
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	if (len > 0) {
		self[len] = '\0';
		*(strrchr(self, '/') + 1) = '\0';
	}
	for (size_t i = 0; len > 0 && i < 2; i++) {
		int need = snprintf(path, room, "%s%s", self, places[i]);
		if (need > 0 && (size_t)need < room && access(path, X_OK) == 0)
			return;
	}
	(void)snprintf(path, room, "dmarc");
}

static const char *
test_value(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value == NULL ? otherwise : value;
}

static void
become_verify(const struct flags *flags, const char *file)
{
	char tool[PATH_MAX];
	const char *words[16] = {"dmarc", "verify", "--ip",
	    test_value("OPENDMARC_TEST_CLIENTIP", "127.0.0.1"), "--helo",
	    test_value("OPENDMARC_TEST_HELOHOST", "localhost"), "--mail-from",
	    test_value("OPENDMARC_TEST_ENVFROM", "<sender@example.org>")};
	size_t count = 8;

	if (flags->config_path != NULL) {
		words[count++] = "-c";
		words[count++] = flags->config_path;
	}
	if (flags->is_verbose)
		words[count++] = "--explain";
	words[count++] = "--";
	words[count] = file;
	find_tool(tool, sizeof tool);
	/* execvp takes what it does not change as changeable. */
	char *copies[16] = {NULL};
	for (size_t i = 0; i <= count; i++)
		copies[i] = strdup(words[i]);
	(void)execvp(tool, copies);
	perror(tool);
	_exit(EX_UNAVAILABLE);
}

static void
print_name(const char *file)
{
	struct build line;

	build_init(&line, 4 * PATH_MAX + 2);
	build_clean(&line, text_from_cstr(file));
	build_cstr(&line, ":\n");
	(void)fwrite(line.ptr, 1, line.len, stdout);
	(void)fflush(stdout);
	build_free(&line);
}

static int
test_file(const struct flags *flags, const char *file)
{
	int status = 0;

	print_name(file);
	pid_t child = fork();
	if (child == 0)
		become_verify(flags, file);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return EX_OSERR;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

/* The status of the last file that could not be judged. */
static int
test_files(const struct flags *flags)
{
	char *files = strdup(flags->test_files);
	int worst = EX_OK;

	for (char *file = files; file != NULL;) {
		char *comma = strchr(file, ',');
		if (comma != NULL)
			*comma = '\0';
		int status = test_file(flags, file);
		if (status != EX_OK)
			worst = status;
		file = comma == NULL ? NULL : comma + 1;
	}
	free(files);
	return worst;
}

/* --- the daemon --- */

static int
run(const struct flags *flags, const char *overrides)
{
	struct master_options master = {flags->config_path, overrides, -1};
	struct problem problem = {PROBLEM_NONE, ""};
	struct config *config =
	    config_load_over(flags->config_path, overrides, &problem);

	if (config == NULL) {
		log_tell("opendmarc", "%s", problem.text);
		return problem_exit_code(&problem);
	}
	bool leaves = config->background && !flags->in_foreground;
	config_free(config);
	if (flags->only_parse)
		return EX_OK;
	if (leaves)
		master.started = background_enter();
	return master_run(&master);
}

int
opendmarc_main(int argc, char **argv)
{
	struct flags flags = {.config_path = "/etc/opendmarc.conf"};
	int status = EX_USAGE;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		(void)fputs(usage, stdout);
		return EX_OK;
	}
	if (access(flags.config_path, R_OK) != 0)
		flags.config_path = NULL;
	build_init(&flags.overrides, OVERRIDES_MAX);
	opterr = 0;
	for (int letter;
	     (letter = getopt(argc, argv, "Ac:flnp:P:t:u:vV")) != -1;) {
		if (letter == 'V') {
			(void)puts("opendmarc: dmarcd " DMARCD_VERSION);
			build_free(&flags.overrides);
			return EX_OK;
		}
		if (!take_flag(&flags, letter))
			goto misused;
	}
	build_byte(&flags.overrides, '\0');
	if (optind < argc || build_failed(&flags.overrides))
		goto misused;
	status = flags.test_files != NULL && !flags.only_parse
		     ? test_files(&flags)
		     : run(&flags, flags.overrides.ptr);
	build_free(&flags.overrides);
	return status;
misused:
	log_tell("opendmarc",
	    "%s: not what can be said here; see opendmarc --help",
	    argv[optind < argc ? optind : argc - 1]);
	build_free(&flags.overrides);
	return status;
}
