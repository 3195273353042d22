#include "tool.h"
#include "verdict.h"

#include "base/date.h"
#include "config/file.h"
#include "mail/message.h"
#include "verdict/replay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char usage[] =
    "Usage: dmarc verify [OPTION...] FILE|-\n"
    "\n"
    "Judges one message and prints the verdict. The status is 0 whatever the\n"
    "verdict, 65 for a file that is no message.\n"
    "\n"
    "  --ip ADDRESS               the client that sent it; without: no SPF\n"
    "  --helo NAME                what it said at HELO\n"
    "  --mail-from ADDRESS        envelope sender; without or \"\": the null sender\n"
    "  --time TIME                when: seconds, 2026-11-23, or\n"
    "                             2026-11-23T15:04:05Z (default: now)\n"
    "  --zone FILE                answer DNS from this zone file\n"
    "  --facts FILE               take envelope, time, options and DNS from what\n"
    "                             --save-facts wrote; options given here win\n"
    "  --save-facts FILE          write them there\n"
    "  --resolver ADDRESS[#PORT]  ask this resolver, or several: with commas\n"
    "  --discovery METHOD         treewalk (RFC 9989) or psl (RFC 7489)\n"
    "  --authserv-id ID           first word of Authentication-Results\n"
    "  --enforce MODE             monitor, quarantine, considered (default) or\n"
    "                             strict\n"
    "  --json                     one object on one line, for programs\n"
    "  --explain                  tell why, step by step\n"
    "  -c FILE                    configuration; without it none is read\n";

enum { FACTS_MAX = 64 * 1024 * 1024 };

struct verify {
	const char *path;
	struct ip ip;
	/* NULL: not given, which is not the same as "". */
	struct text helo, mail_from, authserv_id;
	const char *save_facts;
	int64_t time;
	bool has_time;
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
	OPTION_DISCOVERY,
	OPTION_AUTHSERV_ID,
	OPTION_ENFORCE,
	OPTION_EXPLAIN,
	OPTION_SAVE_FACTS,
	OPTION_JSON,
};

static const struct option options[] = {
    {"ip", required_argument, NULL, OPTION_IP},
    {"helo", required_argument, NULL, OPTION_HELO},
    {"mail-from", required_argument, NULL, OPTION_MAIL_FROM},
    {"time", required_argument, NULL, OPTION_TIME},
    {"zone", required_argument, NULL, TOOL_ZONE},
    {"resolver", required_argument, NULL, TOOL_RESOLVER},
    {"discovery", required_argument, NULL, OPTION_DISCOVERY},
    {"authserv-id", required_argument, NULL, OPTION_AUTHSERV_ID},
    {"enforce", required_argument, NULL, OPTION_ENFORCE},
    {"facts", required_argument, NULL, TOOL_FACTS},
    {"save-facts", required_argument, NULL, OPTION_SAVE_FACTS},
    {"explain", no_argument, NULL, OPTION_EXPLAIN},
    {"json", no_argument, NULL, OPTION_JSON},
    {NULL, 0, NULL, 0},
};

/* False: *ret_what is wrong with the value. */
static bool
take_option(struct verify *verify, int letter, const char **ret_what)
{
	struct text value = text_from_cstr(optarg == NULL ? "" : optarg);

	switch (letter) {
	case OPTION_IP:
		*ret_what = "--ip: not an address";
		return ip_read(value, &verify->ip);
	case OPTION_HELO: verify->helo = value; return true;
	case OPTION_MAIL_FROM: verify->mail_from = value; return true;
	case OPTION_SAVE_FACTS: verify->save_facts = optarg; return true;
	case OPTION_AUTHSERV_ID: verify->authserv_id = value; return true;
	case OPTION_EXPLAIN: verify->explain = true; return true;
	case OPTION_JSON: verify->json = true; return true;
	case OPTION_TIME:
		*ret_what = "--time: not a time";
		verify->has_time = date_read(value, &verify->time);
		return verify->has_time;
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
read_message(FILE *file, struct mail_message *message)
{
	char piece[16384];

	for (size_t len; (len = fread(piece, 1, sizeof piece, file)) > 0;)
		mail_message_feed(message, (struct text){piece, len});
	return ferror(file) == 0;
}

static bool
feed(const char *path, struct arena *arena, struct checks *checks,
    struct problem *problem)
{
	struct mail_message_sink sink = {on_header, on_body, checks};
	struct mail_message *message = mail_message_new(arena, &sink);
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "rb");

	if (message == NULL)
		(void)problem_no_memory(problem);
	else if (file == NULL || !read_message(file, message))
		(void)problem_set(
		    problem, PROBLEM_NO_INPUT, "%s: %s", path, strerror(errno));
	else if (!mail_message_finish(message) && !arena_failed(arena))
		(void)problem_set(problem, PROBLEM_DATA,
		    "%s: not a message: it does not begin with a header field",
		    path);
	if (file != NULL && !is_stdin)
		(void)fclose(file);
	checks_end_of_body(checks);
	return problem->kind == PROBLEM_NONE;
}

/* --- what the verdict is made from --- */

/* The command line goes before the facts, these before the configuration. */
static bool
set_options(const struct verify *verify, struct setup *setup,
    struct checks_options *checks, struct problem *problem)
{
	enum dmarc_method method = checks->dmarc.method;

	if (verify->discovery >= 0)
		method = (enum dmarc_method)verify->discovery;
	if (verify->enforce >= 0)
		checks->disposition.enforce = (enum enforce)verify->enforce;
	if (verify->authserv_id.len > 0)
		checks->authserv_id = verify->authserv_id;
	if (checks->authserv_id.len > AUTHSERV_ID_MAX)
		return problem_set(problem,
		    verify->authserv_id.len > 0 ? PROBLEM_USAGE : PROBLEM_DATA,
		    "authserv-id: more than %d bytes", AUTHSERV_ID_MAX);
	checks->explain = verify->explain && !verify->json;
	if (!setup_set_method(setup, method, problem))
		return false;
	checks->dmarc = setup->checks.dmarc;
	return true;
}

static void
set_envelope(const struct verify *verify, struct envelope *envelope)
{
	if (verify->ip.version != 0)
		envelope->client = verify->ip;
	if (verify->helo.ptr != NULL)
		envelope->helo = verify->helo;
	if (verify->mail_from.ptr != NULL)
		envelope->mail_from = verify->mail_from;
	if (verify->has_time)
		envelope->now = verify->time;
}

static bool
prepare(const struct tool *tool, const struct verify *verify,
    struct setup *setup, struct arena *arena, struct replay *replay,
    struct problem *problem)
{
	struct text bytes;

	*replay = (struct replay){
	    .envelope = {.receiver = setup->config->host_name,
		.now = tool->now},
	    .options = setup->checks,
	};
	if (tool->facts != NULL &&
	    (!file_read(arena, tool->facts, FACTS_MAX, &bytes, problem) ||
		!replay_read(arena, bytes, tool->facts, replay, problem)))
		return false;
	set_envelope(verify, &replay->envelope);
	return set_options(verify, setup, &replay->options, problem);
}

static bool
save_to(const char *path, const struct replay *replay,
    const struct dns_facts *facts, struct problem *problem)
{
	struct build text;
	FILE *file = fopen(path, "wb");

	build_init(&text, FACTS_MAX);
	replay_write(&text, &replay->envelope, &replay->options, facts);
	bool is_saved = file != NULL && !build_failed(&text) &&
			fwrite(text.ptr, 1, text.len, file) == text.len;
	if (file != NULL)
		is_saved &= fclose(file) == 0;
	if (!is_saved)
		(void)problem_set(problem, PROBLEM_CANNOT_WRITE,
		    "%s: the facts cannot be saved: %s", path,
		    build_failed(&text) ? "too many" : strerror(errno));
	build_free(&text);
	return is_saved;
}

/* --- the command --- */

static void
judge(const struct verify *verify, const struct replay *replay,
    struct tool_dns *dns, struct arena *arena, struct problem *problem)
{
	struct checks *checks =
	    checks_new(arena, &replay->options, &replay->envelope);

	if (checks == NULL) {
		(void)problem_no_memory(problem);
		return;
	}
	if (!feed(verify->path, arena, checks, problem))
		return;
	tool_begin(dns);
	while (!checks_run(checks))
		tool_answer(dns, checks_facts(checks));
	const struct verdict *verdict = checks_verdict(checks);
	if (verdict == NULL)
		(void)problem_set(problem, PROBLEM_DATA,
		    "%s: message too complex", verify->path);
	else if (verify->save_facts != NULL &&
		 !save_to(
		     verify->save_facts, replay, checks_facts(checks), problem))
		return;
	else if (verify->json)
		(void)json_print(verdict_json(verdict), problem);
	else
		verdict_print(verdict);
}

static void
run_in(struct tool *tool, const struct verify *verify, struct setup *setup,
    struct arena *arena, struct problem *problem)
{
	struct arena *facts_arena = arena_new((size_t)FACTS_MAX * 4);
	struct replay replay;
	struct tool_dns dns;

	if (facts_arena == NULL)
		(void)problem_no_memory(problem);
	else if (prepare(tool, verify, setup, facts_arena, &replay, problem) &&
		 tool_open_dns(
		     tool, setup->config, replay.facts, &dns, problem)) {
		judge(verify, &replay, &dns, arena, problem);
		tool_close_dns(&dns);
	}
	arena_free(facts_arena);
}

/* The configuration, only if one was named. */
static struct config *
make_config(const struct tool *tool, struct problem *problem)
{
	struct config *config = config_load(tool->config_path, problem);

	if (config != NULL && tool->config_path == NULL)
		config->enforce = ENFORCE_CONSIDERED;
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
	     (letter = tool_option(tool, argc, argv, options)) != -1;) {
		if (letter == '?')
			return EX_USAGE;
		if (!take_option(&verify, letter, &what))
			return tool_usage(tool, what, optarg);
	}
	if (optind + 1 != argc)
		return tool_usage(tool, "give one message file, or -", NULL);
	if (!tool_has_one_source(tool))
		return tool_usage(tool, TOOL_SEVERAL_SOURCES, NULL);
	verify.path = argv[optind];
	struct config *config = make_config(tool, &problem);
	struct arena *arena = arena_new(MESSAGE_ARENA_MAX);
	if (arena == NULL)
		(void)problem_no_memory(&problem);
	else if (config != NULL && setup_make(config, &setup, &problem)) {
		run_in(tool, &verify, &setup, arena, &problem);
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
