#include "tool.h"
#include "verdict.h"

#include "base/date.h"
#include "mail/message.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char usage[] =
    "Usage: dmarc verify [OPTION...] FILE|-\n"
    "\n"
    "Judges one message and prints the verdict. The status is 0 whatever the\n"
    "verdict, 65 for a file that is no message.\n"
    "\n"
    "  --ip ADDRESS         the client that sent it; without: no SPF\n"
    "  --helo NAME          what it said at HELO\n"
    "  --mail-from ADDRESS  envelope sender; without or \"\": the null sender\n"
    "  --time TIME          when: seconds, 2026-11-23, or\n"
    "                       2026-11-23T15:04:05Z (default: now)\n"
    "  --zone FILE          answer DNS from this file\n"
    "  --resolver ADDR[#PORT]  ask this resolver\n"
    "  --discovery METHOD   treewalk or psl\n"
    "  --authserv-id ID     first word of Authentication-Results\n"
    "  --enforce MODE       monitor, quarantine, considered (default) or\n"
    "                       strict\n"
    "  --json               one object on one line, for programs\n"
    "  --explain            tell why, step by step\n"
    "  -c FILE              configuration; without it none is read\n";

struct verify {
	const char *path;
	struct text ip, helo, mail_from, authserv_id;
	int enforce;
	int discovery;
	bool explain;
	bool json;
};

enum {
	OPTION_IP = 256,
	OPTION_HELO,
	OPTION_MAIL_FROM,
	OPTION_TIME,
	OPTION_ZONE,
	OPTION_RESOLVER,
	OPTION_DISCOVERY,
	OPTION_AUTHSERV_ID,
	OPTION_ENFORCE,
	OPTION_EXPLAIN,
	OPTION_JSON,
};

static const struct option options[] = {
    {"ip", required_argument, NULL, OPTION_IP},
    {"helo", required_argument, NULL, OPTION_HELO},
    {"mail-from", required_argument, NULL, OPTION_MAIL_FROM},
    {"time", required_argument, NULL, OPTION_TIME},
    {"zone", required_argument, NULL, OPTION_ZONE},
    {"resolver", required_argument, NULL, OPTION_RESOLVER},
    {"discovery", required_argument, NULL, OPTION_DISCOVERY},
    {"authserv-id", required_argument, NULL, OPTION_AUTHSERV_ID},
    {"enforce", required_argument, NULL, OPTION_ENFORCE},
    {"explain", no_argument, NULL, OPTION_EXPLAIN},
    {"json", no_argument, NULL, OPTION_JSON},
    {NULL, 0, NULL, 0},
};

/* False: *ret_what is wrong with the value. */
static bool
take_option(
    struct tool *tool, struct verify *verify, int letter, const char **ret_what)
{
	struct text value = text_from_cstr(optarg == NULL ? "" : optarg);

	switch (letter) {
	case 'c': tool->config_path = optarg; return true;
	case OPTION_IP: verify->ip = value; return true;
	case OPTION_HELO: verify->helo = value; return true;
	case OPTION_MAIL_FROM: verify->mail_from = value; return true;
	case OPTION_ZONE: tool->zone = optarg; return true;
	case OPTION_RESOLVER: tool->resolver = optarg; return true;
	case OPTION_AUTHSERV_ID: verify->authserv_id = value; return true;
	case OPTION_EXPLAIN: verify->explain = true; return true;
	case OPTION_JSON: verify->json = true; return true;
	case OPTION_TIME:
		*ret_what = "--time: not a time";
		return date_read(value, &tool->now);
	case OPTION_DISCOVERY:
		*ret_what = "--discovery: neither treewalk nor psl";
		verify->discovery = names_find(&dmarc_method_names, value);
		return verify->discovery >= 0;
	case OPTION_ENFORCE:
		*ret_what = "--enforce: not monitor, quarantine, considered "
			    "or strict";
		verify->enforce = names_find(&enforce_names, value);
		return verify->enforce >= 0;
	default: *ret_what = "unknown option"; return false;
	}
}

/* --- feeding the message --- */

static void
on_header(void *context, const struct mail_header *header)
{
	checks_header(context, header);
	checks_end_of_header(context);
}

static void
on_body(void *context, struct text piece)
{
	checks_body(context, piece);
}

static bool
feed(const char *path, struct arena *arena, struct checks *checks,
    struct problem *problem)
{
	struct mail_message_sink sink = {on_header, on_body, checks};
	struct mail_message *message = mail_message_new(arena, &sink);
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	char piece[16384];

	if (file == NULL)
		return problem_set(
		    problem, PROBLEM_NO_INPUT, "%s: %s", path, strerror(errno));
	if (message == NULL) {
		(void)fclose(file);
		return problem_no_memory(problem);
	}
	for (size_t len; (len = fread(piece, 1, sizeof piece, file)) > 0;)
		mail_message_feed(message, (struct text){piece, len});
	bool failed = ferror(file) != 0;
	(void)fclose(file);
	if (failed)
		return problem_set(
		    problem, PROBLEM_SYSTEM, "%s: cannot be read", path);
	if (!mail_message_finish(message))
		return problem_set(problem, PROBLEM_DATA,
		    "%s: not a message: it does not begin with a header field",
		    path);
	checks_end_of_body(checks);
	return true;
}

/* --- the command --- */

static bool
set_envelope(const struct tool *tool, const struct verify *verify,
    const struct config *config, struct envelope *ret_envelope,
    struct problem *problem)
{
	*ret_envelope = (struct envelope){
	    .helo = verify->helo,
	    .mail_from = verify->mail_from,
	    .receiver = config->host_name,
	    .now = tool->now,
	};
	if (verify->ip.len > 0 && !ip_read(verify->ip, &ret_envelope->client))
		return problem_set(problem, PROBLEM_USAGE,
		    "--ip: not an address: " TEXT_FMT, TEXT_ARG(verify->ip));
	return true;
}

static bool
judge(const struct tool *tool, const struct verify *verify,
    const struct setup *setup, struct arena *arena, struct problem *problem)
{
	struct checks_options checks_options = setup->checks;
	struct envelope envelope;
	struct tool_dns dns;

	checks_options.explain = verify->explain && !verify->json;
	if (!set_envelope(tool, verify, setup->config, &envelope, problem) ||
	    !tool_open_dns(tool, setup->config, &dns, problem))
		return false;
	struct checks *checks = checks_new(arena, &checks_options, &envelope);
	if (checks == NULL) {
		(void)problem_no_memory(problem);
	} else if (feed(verify->path, arena, checks, problem)) {
		tool_begin(&dns);
		while (!checks_run(checks))
			tool_answer(&dns, checks_facts(checks));
		const struct verdict *verdict = checks_verdict(checks);
		if (verdict == NULL)
			(void)problem_set(problem, PROBLEM_DATA,
			    "%s: message too complex", verify->path);
		else if (verify->json)
			(void)json_print(verdict_json(verdict), problem);
		else
			verdict_print(verdict);
	}
	tool_close_dns(&dns);
	return problem->kind == PROBLEM_NONE;
}

/* The configuration, only if one was named, with the command line on top. */
static struct config *
make_config(const struct tool *tool, const struct verify *verify,
    struct problem *problem)
{
	struct config *config = config_load(tool->config_path, problem);

	if (config == NULL)
		return NULL;
	if (verify->enforce >= 0)
		config->enforce = verify->enforce;
	else if (tool->config_path == NULL)
		config->enforce = ENFORCE_CONSIDERED;
	if (verify->discovery >= 0)
		config->discovery_method = verify->discovery;
	if (verify->authserv_id.len > 0)
		config->authserv_id = verify->authserv_id;
	return config;
}

static int
run(struct tool *tool, int argc, char **argv)
{
	struct verify verify = {.enforce = -1, .discovery = -1};
	struct problem problem = {PROBLEM_NONE, ""};
	const char *what = NULL;
	struct setup setup;

	for (int letter;
	     (letter = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
		if (letter == '?')
			return tool_usage(
			    tool, TOOL_BAD_OPTION, argv[optind - 1]);
		if (!take_option(tool, &verify, letter, &what))
			return tool_usage(tool, what, optarg);
	}
	if (optind + 1 != argc)
		return tool_usage(tool, "give one message file, or -", NULL);
	verify.path = argv[optind];
	struct config *config = make_config(tool, &verify, &problem);
	struct arena *arena = arena_new(MESSAGE_ARENA_MAX);
	if (arena == NULL)
		(void)problem_no_memory(&problem);
	else if (config != NULL && setup_make(config, &setup, &problem)) {
		(void)judge(tool, &verify, &setup, arena, &problem);
		setup_clear(&setup);
	}
	arena_free(arena);
	config_free(config);
	return problem.kind == PROBLEM_NONE ? EX_OK : tool_fail(tool, &problem);
}

const struct command command_verify = {
    .name = "verify",
    .sentence = "judge one message and say why",
    .usage = usage,
    .run = run,
};
