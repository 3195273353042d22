#include "clerk/relay.h"

#include "dns/name.h"

#include <unistd.h>

enum { RELAY_ARENA_MAX = 64 * 1024, HOST_NAME_BYTES = 256 };

static struct deliver_options
options_of(const struct config *config, struct arena *arena)
{
	static const enum deliver_tls tls[] = {
	    [CONFIG_TLS_NONE] = DELIVER_TLS_NONE,
	    [CONFIG_TLS_OPPORTUNISTIC] = DELIVER_TLS_OPPORTUNISTIC,
	    [CONFIG_TLS_REQUIRED] = DELIVER_TLS_REQUIRED,
	};

	return (struct deliver_options){
	    .transport = arena_cstr(arena, config->report_transport),
	    .timeout = RELAY_SECONDS,
	    .tls = tls[config->report_tls],
	    .certificates = arena_cstr(arena, config->report_tls_certificates),
	    .user = arena_cstr(arena, config->report_user),
	    .password_file = arena_cstr(arena, config->report_password_file),
	};
}

bool
relay_check(const struct config *config, struct problem *ret_problem)
{
	struct arena *arena = arena_new(RELAY_ARENA_MAX);

	if (arena == NULL)
		return problem_no_memory(ret_problem);
	const struct deliver_options options = options_of(config, arena);
	bool is_good = arena_failed(arena)
			   ? problem_no_memory(ret_problem)
			   : deliver_check(&options, ret_problem);
	arena_free(arena);
	return is_good;
}

bool
relay_needs(const struct config *config, struct sandbox *sandbox)
{
	struct arena *arena = arena_new(RELAY_ARENA_MAX);

	if (arena == NULL)
		return false;
	const struct deliver_options options = options_of(config, arena);
	bool is_known =
	    !arena_failed(arena) && deliver_needs(&options, sandbox);
	arena_free(arena);
	return is_known;
}

struct deliver *
relay_open(const struct config *config, struct text receiver,
    struct problem *ret_problem)
{
	struct arena *arena = arena_new(RELAY_ARENA_MAX);
	char host[HOST_NAME_BYTES] = "";
	struct deliver *deliver = NULL;

	if (arena == NULL) {
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	struct deliver_options options = options_of(config, arena);
	options.helo = host;
	if (gethostname(host, sizeof host - 1) != 0 ||
	    !dns_name_is_ldh(text_from_cstr(host)))
		options.helo = arena_cstr(arena, receiver);
	if (arena_failed(arena))
		(void)problem_no_memory(ret_problem);
	else
		deliver = deliver_new(&options, ret_problem);
	arena_free(arena);
	return deliver;
}
