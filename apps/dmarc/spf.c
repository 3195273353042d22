#include "tool.h"
#include "verdict.h"

#include "spf/identity.h"

#include <stdio.h>
#include <sysexits.h>

static const char usage[] =
    "Usage: dmarc spf [OPTION...]\n"
    "\n"
    "Checks SPF alone: may this client use this sender? The status is 0\n"
    "whatever the result.\n"
    "\n"
    "  --ip ADDRESS               the client; without: no SPF\n"
    "  --helo NAME                what it said at HELO\n"
    "  --mail-from ADDRESS        envelope sender; without or \"\": the null\n"
    "                             sender, which is postmaster@HELO\n"
    "  --zone FILE                answer DNS from this zone file\n"
    "  --resolver ADDRESS[#PORT]  ask this resolver, or several: with commas\n"
    "  --json                     one object on one line, for programs\n"
    "  --explain                  tell why, step by step\n"
    "  -c FILE                    configuration; without it none is read\n";

enum {
	OPTION_IP = 256,
	OPTION_HELO,
	OPTION_MAIL_FROM,
	OPTION_JSON,
	OPTION_EXPLAIN,
	SPF_ARENA_MAX = 4 * 1024 * 1024,
};

static const struct option options[] = {
    {"ip", required_argument, NULL, OPTION_IP},
    {"helo", required_argument, NULL, OPTION_HELO},
    {"mail-from", required_argument, NULL, OPTION_MAIL_FROM},
    {"zone", required_argument, NULL, TOOL_ZONE},
    {"resolver", required_argument, NULL, TOOL_RESOLVER},
    {"json", no_argument, NULL, OPTION_JSON},
    {"explain", no_argument, NULL, OPTION_EXPLAIN},
    {NULL, 0, NULL, 0},
};

struct session {
	struct spf_input input;
	struct text mail_from;
	bool json;
	bool explain;
};

/* NULL, or what is wrong with the value. */
static const char *
take_option(struct session *session, int letter)
{
	struct text value = text_from_cstr(optarg == NULL ? "" : optarg);

	switch (letter) {
	case OPTION_HELO: session->input.helo = value; return NULL;
	case OPTION_MAIL_FROM: session->mail_from = value; return NULL;
	case OPTION_JSON: session->json = true; return NULL;
	case OPTION_EXPLAIN: session->explain = true; return NULL;
	case OPTION_IP:
		return ip_read(value, &session->input.client)
			   ? NULL
			   : "--ip: not an address";
	default: return "unknown option";
	}
}

static void
print_outcome(const struct session *session, const struct spf_outcome *outcome,
    const struct trace *trace, struct problem *problem)
{
	struct text story = trace_story(trace);

	if (session->json) {
		(void)json_print(spf_json(outcome), problem);
		return;
	}
	spf_print("spf", outcome);
	if (session->explain)
		(void)printf("\n" TEXT_FMT, TEXT_ARG(story));
}

static void
check(struct session *session, struct tool_dns *dns, struct arena *arena,
    struct problem *problem)
{
	struct dns_facts *facts = dns_facts_new(arena);
	struct spf_outcome outcome;
	struct trace trace;

	trace_init(&trace, arena);
	(void)spf_identify_mail_from(
	    arena, session->mail_from, &session->input);
	tool_begin(dns);
	while (facts != NULL &&
	       !spf_check(&session->input, facts, arena, &trace, &outcome))
		tool_answer(dns, facts);
	if (arena_failed(arena))
		(void)problem_no_memory(problem);
	else
		print_outcome(session, &outcome, &trace, problem);
}

static int
run(struct tool *tool, int argc, char **argv)
{
	struct session session = {
	    .input = {.share = DNS_SHARE_SPF, .now = tool->now}};
	struct problem problem = {PROBLEM_NONE, ""};
	struct tool_dns dns;

	for (int letter;
	     (letter = tool_option(tool, argc, argv, options)) != -1;) {
		if (letter == '?')
			return EX_USAGE;
		const char *wrong = take_option(&session, letter);
		if (wrong != NULL)
			return tool_usage(tool, wrong, optarg);
	}
	if (optind != argc)
		return tool_usage(tool, "no such argument", argv[optind]);
	if (!tool_has_one_source(tool))
		return tool_usage(tool, TOOL_SEVERAL_SOURCES, NULL);
	struct config *config = config_load(tool->config_path, &problem);
	struct arena *arena = arena_new(SPF_ARENA_MAX);
	if (arena == NULL)
		(void)problem_no_memory(&problem);
	else if (config != NULL &&
		 tool_open_dns(tool, config, NULL, &dns, &problem)) {
		session.input.receiver = config->host_name;
		check(&session, &dns, arena, &problem);
		tool_close_dns(&dns);
	}
	arena_free(arena);
	config_free(config);
	return problem.kind == PROBLEM_NONE ? EX_OK : tool_fail(tool, &problem);
}

const struct command command_spf = {
    .name = "spf",
    .sentence = "check SPF alone",
    .usage = usage,
    .run = run,
};
