#include "tool.h"

#include <stdio.h>
#include <sysexits.h>

enum { SECOND = 1000, CACHE_BYTES = 1024 * 1024 };

int
tool_fail(const struct tool *tool, const struct problem *problem)
{
	(void)fflush(stdout);
	(void)fprintf(stderr, "dmarc %s: %s\n", tool->command, problem->text);
	return problem_exit_code(problem);
}

int
tool_usage(const struct tool *tool, const char *what, const char *value)
{
	(void)fprintf(stderr, "dmarc %s: %s%s%s; see dmarc %s --help\n",
	    tool->command, what, value == NULL ? "" : ": ",
	    value == NULL ? "" : value, tool->command);
	return EX_USAGE;
}

struct config *
tool_config(const struct tool *tool, struct problem *problem)
{
	return config_load(tool->config_path == NULL ? config_default_path()
						     : tool->config_path,
	    problem);
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
tool_open_dns(const struct tool *tool, const struct config *config,
    struct tool_dns *ret_dns, struct problem *problem)
{
	struct tool_dns dns = {.seconds = config->message_timeout};
	const char *zone = tool->zone;
	bool is_open;

	if (zone == NULL && tool->resolver == NULL && config->zone_file.len > 0)
		zone = arena_cstr(config->arena, config->zone_file);
	dns.loop = loop_new(problem);
	is_open = dns.loop != NULL &&
		  (zone != NULL ? open_zone(zone, &dns, problem)
				: open_network(tool, config, &dns, problem));
	if (!is_open)
		tool_close_dns(&dns);
	else
		*ret_dns = dns;
	return is_open;
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
	dns->deadline = resolver_deadline(dns->resolver, dns->seconds);
}

void
tool_answer(struct tool_dns *dns, struct dns_facts *facts)
{
	(void)resolver_answer_wanted(dns->resolver, facts, dns->deadline);
}

struct store *
tool_store(const struct config *config, bool create, struct problem *problem)
{
	if (config->database.len == 0) {
		(void)problem_set(problem, PROBLEM_CONFIG,
		    "Database is not set; say where, for example: Database "
		    "sqlite:/var/lib/dmarcd/dmarc.db");
		return NULL;
	}
	return store_open(
	    arena_cstr(config->arena, config->database), create, problem);
}

void
print_clean(struct text text)
{
	struct build line;

	build_init(&line, text.len * 4 + 1);
	build_clean(&line, text);
	(void)fwrite(line.ptr, 1, line.len, stdout);
	build_free(&line);
}
