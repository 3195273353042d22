#include "config/setup.h"

#include "config/file.h"
#include "verdict/rule.h"

#include <unistd.h>

enum { FILE_BYTES_MAX = 64 * 1024 * 1024 };

/* Where distributions put the list, if PublicSuffixList does not say. */
static const char *const suffix_list_paths[] = {
    "/usr/share/publicsuffix/public_suffix_list.dafsa",
    "/usr/share/publicsuffix/public_suffix_list.dat",
    "/usr/local/share/public_suffix_list/public_suffix_list.dat",
};

struct dns_zone *
setup_read_zone(const char *path, struct problem *ret_problem)
{
	struct arena *arena = arena_new((size_t)FILE_BYTES_MAX * 4);
	struct dns_zone *zone = NULL;
	struct text bytes;

	if (arena == NULL)
		(void)problem_no_memory(ret_problem);
	else if (file_read(arena, path, FILE_BYTES_MAX, &bytes, ret_problem))
		zone = dns_zone_read(bytes, path, ret_problem);
	arena_free(arena);
	return zone;
}

static struct suffix_list *
read_suffixes(struct setup *setup, const char *path, struct problem *problem)
{
	const struct config *config = setup->config;
	struct arena *arena = arena_new((size_t)FILE_BYTES_MAX * 4);
	struct suffix_list *list = NULL;
	struct text bytes;

	if (arena == NULL) {
		(void)problem_no_memory(problem);
	} else if (config_note_file(config, path, problem) &&
		   file_read(arena, path, FILE_BYTES_MAX, &bytes, problem)) {
		list = suffix_list_read(bytes);
		setup->suffixes_written = file_look(path).written.tv_sec;
		if (list == NULL)
			(void)problem_set(problem, PROBLEM_CONFIG,
			    "%s: not a public suffix list", path);
	}
	arena_free(arena);
	return list;
}

/* The file that the option names, else the system's, else libpsl's own. */
static struct suffix_list *
load_suffixes(struct setup *setup, struct problem *problem)
{
	const struct config *config = setup->config;
	size_t paths = sizeof suffix_list_paths / sizeof *suffix_list_paths;

	if (config->public_suffix_list.len > 0)
		return read_suffixes(setup,
		    arena_cstr(config->arena, config->public_suffix_list),
		    problem);
	for (size_t i = 0; i < paths; i++) {
		if (access(suffix_list_paths[i], R_OK) == 0)
			return read_suffixes(
			    setup, suffix_list_paths[i], problem);
		/* It may come. */
		if (!config_note_file(config, suffix_list_paths[i], problem))
			return NULL;
	}
	struct suffix_list *list = suffix_list_builtin();
	if (list == NULL)
		(void)problem_set(problem, PROBLEM_CONFIG,
		    "no public suffix list; install one and name it by "
		    "PublicSuffixList, or use DiscoveryMethod treewalk");
	return list;
}

static bool
load_zone(struct setup *setup, struct problem *problem)
{
	const struct config *config = setup->config;

	if (config->zone_file.len == 0)
		return true;
	const char *path = arena_cstr(config->arena, config->zone_file);
	if (!config_note_file(config, path, problem))
		return false;
	setup->zone = setup_read_zone(path, problem);
	return setup->zone != NULL;
}

/* --- lists --- */

/* One of the operator's files, into ARENA; "" when no option names it. */
static bool
read_list(const struct config *config, struct text path, struct arena *arena,
    struct text *ret_bytes, struct problem *problem)
{
	const char *name = arena_cstr(config->arena, path);

	*ret_bytes = TEXT("");
	if (path.len == 0)
		return true;
	return config_note_file(config, name, problem) &&
	       file_read(arena, name, ROSTER_BYTES_MAX, ret_bytes, problem);
}

/* What was read lives in SETUP, the files' bytes only in SCRATCH. */
static bool
read_lists(struct setup *setup, struct arena *scratch, struct problem *problem)
{
	const struct config *config = setup->config;
	struct disposition_options *options = &setup->checks.disposition;
	struct text senders;
	struct text rules;

	if (!read_list(
		config, config->trusted_senders, scratch, &senders, problem) ||
	    !read_list(config, config->local_policy, scratch, &rules, problem))
		return false;
	options->trusted_senders = trust_read(setup->lists, senders,
	    arena_cstr(scratch, config->trusted_senders), problem);
	options->local_policy = rule_read(setup->lists, rules,
	    arena_cstr(scratch, config->local_policy), problem);
	return options->trusted_senders != NULL &&
	       options->local_policy != NULL;
}

static bool
load_lists(struct setup *setup, struct problem *problem)
{
	struct arena *scratch = arena_new((size_t)ROSTER_BYTES_MAX * 4);

	setup->lists = arena_new(ROSTER_ARENA_MAX);
	bool is_loaded = scratch != NULL && setup->lists != NULL
			     ? read_lists(setup, scratch, problem)
			     : problem_no_memory(problem);
	arena_free(scratch);
	return is_loaded;
}

static void
set_checks(struct setup *setup)
{
	const struct config *config = setup->config;

	setup->checks = (struct checks_options){
	    .authserv_id = config->authserv_id,
	    .authserv_id_with_job = config->authserv_id_with_job_id,
	    .source = (enum authentication_source)config->authentication_source,
	    .trusted_authserv_ids = config->trusted_authserv_ids,
	    .spf_ignore_results = config->spf_ignore_results,
	    .spf_self_validate = config->spf_self_validate,
	    .disposition =
		{
		    .enforce = config_enforce(config),
		    .on_temperror = (enum on_temperror)config->on_temperror,
		    .claimed_indirect =
			(enum claimed_indirect)config->claimed_indirect,
		    .trusted_indirect =
			(enum trusted_indirect)config->trusted_indirect,
		    .hold_quarantined = config->hold_quarantined_messages,
		    .reject_string = config->reject_string,
		    .required_headers = config->required_headers,
		    .required_from = config->required_from,
		    .reject_multi_value_from = config->reject_multi_value_from,
		    .lets_unknown_author_pass =
			config->reject_failures && config->enforce < 0,
		},
	};
}

bool
setup_set_method(
    struct setup *setup, enum dmarc_method method, struct problem *ret_problem)
{
	if (method == DMARC_PSL && setup->suffixes == NULL)
		setup->suffixes = load_suffixes(setup, ret_problem);
	setup->checks.dmarc = (struct dmarc_options){method, setup->suffixes};
	return method != DMARC_PSL || setup->suffixes != NULL;
}

bool
setup_make(const struct config *config, struct setup *ret_setup,
    struct problem *ret_problem)
{
	struct setup setup = {.config = config};

	set_checks(&setup);
	if (load_lists(&setup, ret_problem) &&
	    setup_set_method(&setup,
		(enum dmarc_method)config->discovery_method, ret_problem) &&
	    load_zone(&setup, ret_problem)) {
		*ret_setup = setup;
		return true;
	}
	setup_clear(&setup);
	return false;
}

void
setup_clear(struct setup *setup)
{
	if (setup->suffixes != NULL)
		suffix_list_free(setup->suffixes);
	if (setup->zone != NULL)
		dns_zone_free(setup->zone);
	arena_free(setup->lists);
	setup->lists = NULL;
	setup->suffixes = NULL;
	setup->zone = NULL;
}
