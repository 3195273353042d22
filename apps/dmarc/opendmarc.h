/* The tools that came with OpenDMARC 1.4.2, answered by dmarc when it is called
 * by their names: the same options and environment, the same words. */
#ifndef DMARC_OPENDMARC_H
#define DMARC_OPENDMARC_H

#include "tool.h"

#include <getopt.h>

extern const struct command command_opendmarc_check;
extern const struct command command_opendmarc_expire;
extern const struct command command_opendmarc_import;
extern const struct command command_opendmarc_importstats;
extern const struct command command_opendmarc_params;
extern const struct command command_opendmarc_reports;

struct opendmarc {
	struct tool *tool;
	const char *usage; /* what stands behind "NAME: usage: " */
	/* Gets an option of the tool's own; says what is wrong, or NULL. */
	const char *(*take)(void *context, int option, const char *value);
	void *context;
	struct config *config;
	bool is_verbose;
	/* What options or environment say of the database, or defaults. */
	bool names_database;
	const char *host;
	const char *database;
	const char *password;
	const char *port;
	const char *user;
	char password_kept[256];
};

/* The options that all of them have, as rows for getopt_long_only, and as lines
 * for usage. */
enum {
	OPENDMARC_CONFIG = 256,
	OPENDMARC_HOST,
	OPENDMARC_NAME,
	OPENDMARC_PASSWORD,
	OPENDMARC_PORT,
	OPENDMARC_USER,
	OPENDMARC_HELP,
	OPENDMARC_VERBOSE,
	OPENDMARC_QUIET,
	OPENDMARC_VERSION,
	OPENDMARC_OWN, /* of one of them, from here on */
};

#define OPENDMARC_OPTIONS                                                      \
 {"config", required_argument, NULL, OPENDMARC_CONFIG},                        \
     {"dbhost", required_argument, NULL, OPENDMARC_HOST},                      \
     {"dbname", required_argument, NULL, OPENDMARC_NAME},                      \
     {"dbpasswd", required_argument, NULL, OPENDMARC_PASSWORD},                \
     {"dbport", required_argument, NULL, OPENDMARC_PORT},                      \
     {"dbuser", required_argument, NULL, OPENDMARC_USER},                      \
     {"help", no_argument, NULL, OPENDMARC_HELP},                              \
     {"verbose", no_argument, NULL, OPENDMARC_VERBOSE},                        \
     {"noverbose", no_argument, NULL, OPENDMARC_QUIET},                        \
     {"no-verbose", no_argument, NULL, OPENDMARC_QUIET},                       \
 {                                                                             \
  "version", no_argument, NULL, OPENDMARC_VERSION                              \
 }

#define OPENDMARC_DATABASE_USAGE                                               \
 "\t--config=file             configuration [/etc/dmarcd.conf]\n"              \
 "\t--dbhost=host             database host [localhost]\n"                     \
 "\t--dbname=name             database name [opendmarc]\n"                     \
 "\t--dbpasswd=password       database password [opendmarc]\n"                 \
 "\t--dbport=port             database port [3306]\n"                          \
 "\t--dbuser=user             database user [opendmarc]\n"                     \
 "\t                          without these or variables: Database\n"
#define OPENDMARC_OTHER_USAGE                                                  \
 "\t--help                    print help and exit\n"                           \
 "\t--verbose                 verbose output\n"                                \
 "\t--version                 print version and exit\n"

/* Reads the command line; of what OPTIONS have of the tool's own TAKE is told.
 * The password is wiped from ARGV. False: exit with *RET_STATUS. */
bool opendmarc_read(struct opendmarc *opendmarc, int argc, char **argv,
    const struct option *options, int *ret_status) MUST_USE;

/* Copies WORD into KEPT, SIZE bytes of it, and wipes it from the command line,
 * which everybody can read. */
void opendmarc_hide(char *word, char *kept, size_t size);

/* Loads the configuration, decides on the database, and becomes UserID: what
 * options or environment name, else Database, else OpenDMARC's defaults. */
bool opendmarc_begin(
    struct opendmarc *opendmarc, struct problem *problem) MUST_USE;
void opendmarc_end(struct opendmarc *opendmarc);

/* With --verbose, on standard error: "opendmarc-import: WORDS". */
void opendmarc_say(const struct opendmarc *opendmarc, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* Where opendmarc-import keeps what it was given: a file in ImportSpool, or
 * where we may write. Of the configuration's arena. NULL: *problem. */
const char *opendmarc_spool(
    const struct opendmarc *opendmarc, struct problem *problem) MUST_USE;

#endif
