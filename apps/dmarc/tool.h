/* What the commands of dmarc share: the command line's common part, the
 * configuration, DNS, and how a problem is told. */
#ifndef DMARC_TOOL_H
#define DMARC_TOOL_H

#include "config/setup.h"
#include "resolve/resolver.h"
#include "store/store.h"

#include <getopt.h>

struct tool {
	const char *name;        /* for messages: "dmarc verify" */
	const char *config_path; /* -c; NULL: the default, if there is one */
	int64_t now;             /* --now, else the clock */
	const char *zone;        /* --zone */
	const char *resolver;    /* --resolver */
	const char *facts;       /* --facts */
};

struct command {
	const char *name;
	const char *sentence; /* for the list of commands */
	const char *usage;    /* whole help text of the command */
	int (*run)(struct tool *tool, int argc, char **argv);
};

extern const struct command command_config;
extern const struct command command_database;
extern const struct command command_expire;
extern const struct command command_import;
extern const struct command command_lookup;
extern const struct command command_report;
extern const struct command command_spf;
extern const struct command command_status;
extern const struct command command_verify;

/* One line on standard error; bytes that a terminal might obey, whoever they
 * come from, as \xNN. */
void tool_say(const char *format, ...) PRINTF_LIKE(1, 2);
/* Prints "NAME: text" and returns the exit status (sysexits.h). */
int tool_fail(const struct tool *tool, const struct problem *problem);
/* Says what is wrong with the command line; returns EX_USAGE. */
int tool_usage(const struct tool *tool, const char *what, const char *value);

/* Options that commands share, for their lists. */
enum {
	TOOL_NOW = 512, /* --now TIME */
	TOOL_ZONE,      /* --zone FILE */
	TOOL_RESOLVER,  /* --resolver ADDRESS */
	TOOL_FACTS,     /* --facts FILE */
};

/* The command's next option as getopt_long gives it, but for the shared ones,
 * and -c, which go into TOOL. '?': it is wrong, and that has been said. */
int tool_option(
    struct tool *tool, int argc, char **argv, const struct option *options);

/* -c's file, else the daemon's default; NULL: there is none. */
const char *tool_config_path(const struct tool *tool);
/* That file, else built-in defaults. */
struct config *tool_config(
    const struct tool *tool, struct problem *problem) MUST_USE;

/* At most one of --zone, --resolver and --facts. */
bool tool_has_one_source(const struct tool *tool);
#define TOOL_SEVERAL_SOURCES "give one of --zone, --resolver and --facts"

/* DNS for one command: --zone, --resolver, the configuration's, or the
 * system's. */
struct tool_dns {
	const char *name; /* of the tool, for what it says */
	struct loop *loop;
	struct dns_zone *zone;
	const struct dns_zone *facts; /* answered from these alone */
	struct resolver *resolver;
	unsigned seconds; /* MessageTimeout */
	int64_t deadline; /* set by tool_begin */
};

/* FACTS: NULL, or the only answers there are; what is not among them has failed,
 * and is said on standard error. */
bool tool_open_dns(const struct tool *tool, const struct config *config,
    const struct dns_zone *facts, struct tool_dns *ret_dns,
    struct problem *problem) MUST_USE;
void tool_close_dns(struct tool_dns *dns);
/* One check, or all of one message: while (!check(…)) tool_answer(…);
 * MessageTimeout after tool_begin the facts are closed. */
void tool_begin(struct tool_dns *dns);
void tool_answer(struct tool_dns *dns, struct dns_facts *facts);

/* Root becomes UserID. */
bool tool_become_user(
    const struct config *config, struct problem *problem) MUST_USE;
/* What Database says; NULL: *problem. Root becomes UserID first, so that what is
 * made is the daemon's. */
const char *tool_database(
    const struct config *config, struct problem *problem) MUST_USE;
/* The store there. */
struct store *tool_store(
    const struct config *config, bool create, struct problem *problem) MUST_USE;

/* Prints a text for people: other bytes than 0x20-0x7E as \xNN. */
void print_clean(struct text text);

#endif
