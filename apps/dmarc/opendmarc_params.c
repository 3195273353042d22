/* opendmarc-params: where a domain's reports go, by the operator's word. What
 * that tool locked a domain to is a redirection here. */
#include "opendmarc.h"

#include "dns/name.h"
#include "report/destination.h"

#include <stdio.h>
#include <sysexits.h>

enum {
	OPTION_RUA = OPENDMARC_OWN,
	OPTION_UNLOCK,
	FAILED = 1, /* that tool knew no other status */
};

static const struct option options[] = {
    OPENDMARC_OPTIONS,
    {"rua", required_argument, NULL, OPTION_RUA},
    {"unlock", no_argument, NULL, OPTION_UNLOCK},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "opendmarc-params [options] domain\n" OPENDMARC_DATABASE_USAGE
    "\t--rua=uris                send its reports there, whatever its record says\n"
    "\t--unlock                  what its record says counts again\n" OPENDMARC_OTHER_USAGE;

struct params {
	struct opendmarc opendmarc;
	const char *rua;
	bool unlocks;
};

static const char *
take(void *context, int option, const char *value)
{
	struct params *params = context;

	if (option == OPTION_UNLOCK)
		params->unlocks = true;
	else
		params->rua = value;
	return NULL;
}

/* What could never be sent there would only be seen when reports are missing. */
static bool
check_uris(struct arena *arena, struct text rua, struct problem *problem)
{
	while (rua.len > 0) {
		struct text uri = text_trim(text_split(&rua, ','));
		struct destination to = destination_read(arena, uri);
		if (to.status != DESTINATION_OK)
			return problem_set(problem, PROBLEM_USAGE,
			    "--rua: " TEXT_FMT ": " TEXT_FMT, TEXT_ARG(uri),
			    TEXT_ARG(to.reason));
	}
	return true;
}

static bool
set_domain(struct params *params, struct store *store, const char *word,
    struct problem *problem)
{
	struct arena *arena = params->opendmarc.config->arena;
	struct store_redirection redirection = {
	    .added = params->opendmarc.tool->now,
	    .rua = text_from_cstr(params->rua == NULL ? "" : params->rua)};
	bool was_redirected;

	if (!dns_name_read_typed(
		arena, text_from_cstr(word), &redirection.domain) ||
	    !dns_name_is_ldh(redirection.domain))
		return problem_set(problem, PROBLEM_USAGE,
		    "%s: not a domain name, like example.com", word);
	if (!check_uris(arena, redirection.rua, problem))
		return false;
	/* To unlock what is not locked always went well. */
	return params->unlocks ? store_unredirect(store, redirection.domain,
				     &was_redirected, problem)
			       : store_redirect(store, &redirection, problem);
}

static bool
set_in_store(struct params *params, const char *domain, struct problem *problem)
{
	if (!opendmarc_begin(&params->opendmarc, problem))
		return false;
	struct store *store =
	    tool_store(params->opendmarc.config, true, problem);
	if (store == NULL)
		return false;
	opendmarc_say(&params->opendmarc, "connected to database");
	bool done = set_domain(params, store, domain, problem);
	store_close(store);
	return done;
}

static int
run(struct tool *tool, int argc, char **argv)
{
	struct params params = {
	    .opendmarc = {.tool = tool, .usage = usage, .take = take}};
	struct problem problem = {PROBLEM_NONE, ""};
	int status = EX_OK;

	params.opendmarc.context = &params;
	if (!opendmarc_read(&params.opendmarc, argc, argv, options, &status))
		return status;
	if (optind + 1 != argc) {
		(void)fprintf(stderr, "%s: usage: %s", tool->name, usage);
		return FAILED;
	}
	if (!set_in_store(&params, argv[optind], &problem)) {
		(void)tool_fail(tool, &problem);
		status = FAILED;
	}
	opendmarc_end(&params.opendmarc);
	return status;
}

const struct command command_opendmarc_params = {
    .name = "opendmarc-params",
    .sentence = "say where a domain's reports go",
    .usage = usage,
    .run = run,
};
