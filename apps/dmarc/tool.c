#include "tool.h"

#include "base/date.h"
#include "config/identity.h"

#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	SECOND = 1000,
	CACHE_BYTES = 1024 * 1024,
	SAY_MAX = 64 * 1024,
	VALUE_MAX = 200, /* bytes of a wrong one that are said */
};

static void
write_clean(FILE *out, struct text text)
{
	struct build line;

	build_init(&line, text.len * 4 + 1);
	build_clean(&line, text);
	if (line.len > 0)
		(void)fwrite(line.ptr, 1, line.len, out);
	build_free(&line);
}

void
print_clean(struct text text)
{
	write_clean(stdout, text);
}

void
tool_say(const char *format, ...)
{
	struct build line;
	va_list values;

	build_init(&line, SAY_MAX);
	va_start(values, format);
	build_vformat(&line, format, values);
	va_end(values);
	write_clean(stderr, build_view(&line));
	(void)fputc('\n', stderr);
	build_free(&line);
}

int
tool_fail(const struct tool *tool, const struct problem *problem)
{
	(void)fflush(stdout);
	tool_say("%s: %s", tool->name, problem->text);
	return problem_exit_code(problem);
}

int
tool_usage(const struct tool *tool, const char *what, const char *value)
{
	tool_say("%s: %s%s%.*s; see %s --help", tool->name, what,
	    value == NULL ? "" : ": ", VALUE_MAX, value == NULL ? "" : value,
	    tool->name);
	return EX_USAGE;
}

int
tool_option(
    struct tool *tool, int argc, char **argv, const struct option *options)
{
	for (;;) {
		int letter = getopt_long(argc, argv, "c:", options, NULL);
		switch (letter) {
		case 'c': tool->config_path = optarg; break;
		case TOOL_ZONE: tool->zone = optarg; break;
		case TOOL_RESOLVER: tool->resolver = optarg; break;
		case TOOL_FACTS: tool->facts = optarg; break;
		case TOOL_NOW:
			if (date_read(text_from_cstr(optarg), &tool->now))
				break;
			(void)tool_usage(tool, "--now: not a time", optarg);
			return '?';
		case '?':
			(void)tool_usage(tool,
			    "unknown option, or one without its value",
			    argv[optind - 1]);
			return '?';
		default: return letter;
		}
	}
}

const char *
tool_config_path(const struct tool *tool)
{
	return tool->config_path == NULL ? config_default_path()
					 : tool->config_path;
}

struct config *
tool_config(const struct tool *tool, struct problem *problem)
{
	return config_load(tool_config_path(tool), problem);
}

static bool
open_network(const struct tool *tool, const struct config *config,
    struct tool_dns *dns, struct problem *problem)
{
	struct resolver_options options = {
	    .servers = tool->resolver,
	    .timeout = config->dns_timeout * SECOND,
	    .cache_bytes = CACHE_BYTES,
	};

	struct problem wrong = {PROBLEM_NONE, ""};

	if (options.servers != NULL && !resolver_check(options.servers, &wrong))
		return problem_set(
		    problem, PROBLEM_USAGE, "--resolver: %s", wrong.text);
	if (options.servers == NULL && config->nameservers.len > 0)
		options.servers =
		    arena_cstr(config->arena, config->nameservers);
	dns->resolver = resolver_new_network(dns->loop, &options, problem);
	return dns->resolver != NULL;
}

static bool
open_zone(const char *path, struct tool_dns *dns, struct problem *problem)
{
	dns->zone = setup_read_zone(path, problem);
	if (dns->zone == NULL)
		return false;
	dns->resolver = resolver_new_zone(dns->loop, dns->zone, problem);
	return dns->resolver != NULL;
}

bool
tool_has_one_source(const struct tool *tool)
{
	return (tool->zone != NULL) + (tool->resolver != NULL) +
		   (tool->facts != NULL) <=
	       1;
}

static bool
open_source(const struct tool *tool, const struct config *config,
    struct tool_dns *dns, struct problem *problem)
{
	const char *zone = tool->zone;

	if (zone == NULL && tool->resolver == NULL && config->zone_file.len > 0)
		zone = arena_cstr(config->arena, config->zone_file);
	dns->loop = loop_new(problem);
	return dns->loop != NULL &&
	       (zone != NULL ? open_zone(zone, dns, problem)
			     : open_network(tool, config, dns, problem));
}

bool
tool_open_dns(const struct tool *tool, const struct config *config,
    const struct dns_zone *facts, struct tool_dns *ret_dns,
    struct problem *problem)
{
	struct tool_dns dns = {.name = tool->name,
	    .facts = facts,
	    .seconds = config->message_timeout};

	if (facts == NULL && !open_source(tool, config, &dns, problem)) {
		tool_close_dns(&dns);
		return false;
	}
	*ret_dns = dns;
	return true;
}

void
tool_close_dns(struct tool_dns *dns)
{
	if (dns->resolver != NULL)
		resolver_free(dns->resolver);
	if (dns->zone != NULL)
		dns_zone_free(dns->zone);
	if (dns->loop != NULL)
		loop_free(dns->loop);
	*dns = (struct tool_dns){.loop = NULL};
}

void
tool_begin(struct tool_dns *dns)
{
	if (dns->resolver != NULL)
		dns->deadline = resolver_deadline(dns->resolver, dns->seconds);
}

static void
say_unknown(const struct tool_dns *dns, const struct dns_question *question)
{
	(void)fprintf(stderr, "%s: not in the facts, so failed: ", dns->name);
	write_clean(stderr, question->name);
	(void)fprintf(stderr, " %s\n", dns_type_name(question->type));
}

static void
answer_from_facts(const struct tool_dns *dns, struct dns_facts *facts)
{
	struct dns_question question;
	bool is_known;

	/* A hint is a guess, and need not be there. */
	dns_facts_allow_hints(facts, false);
	while (dns_next_wanted(facts, &question)) {
		const struct dns_answer *answer =
		    dns_zone_recall(dns->facts, &question, &is_known);
		if (!is_known)
			say_unknown(dns, &question);
		(void)dns_tell(facts, &question,
		    answer == NULL ? &dns_answer_failed : answer);
	}
}

void
tool_answer(struct tool_dns *dns, struct dns_facts *facts)
{
	if (dns->facts != NULL)
		answer_from_facts(dns, facts);
	else
		(void)resolver_answer_wanted(
		    dns->resolver, facts, dns->deadline);
}

bool
tool_become_user(const struct config *config, struct problem *problem)
{
	struct identity identity;

	return geteuid() != 0 ||
	       (identity_read(config->user_id, &identity, problem) &&
		   identity_become(&identity, problem));
}

const char *
tool_database(const struct config *config, struct problem *problem)
{
	if (config->database.len == 0) {
		(void)problem_set(problem, PROBLEM_CONFIG,
		    "Database is not set; say where, for example: Database "
		    "sqlite:/var/lib/dmarcd/dmarc.db");
		return NULL;
	}
	return tool_become_user(config, problem)
		   ? arena_cstr(config->arena, config->database)
		   : NULL;
}

struct store *
tool_store(const struct config *config, bool create, struct problem *problem)
{
	const char *database = tool_database(config, problem);

	return database == NULL ? NULL : store_open(database, create, problem);
}
