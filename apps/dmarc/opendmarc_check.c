/* opendmarc-check: a domain's policy in that tool's words; looked for as dmarcd
 * does. */
#include "opendmarc.h"

#include "dns/name.h"
#include "mail/taglist.h"

#include <stdio.h>
#include <sysexits.h>

enum { CHECK_ARENA_MAX = 4 * 1024 * 1024 };

static const char usage[] =
    "opendmarc-check [options] domain ...\n"
    "\t--config=file             configuration [/etc/dmarcd.conf]\n"
    "\t--help                    print help and exit\n"
    "\t--version                 print version and exit\n";

static const struct option options[] = {
    {"config", required_argument, NULL, OPENDMARC_CONFIG},
    {"help", no_argument, NULL, OPENDMARC_HELP},
    {"version", no_argument, NULL, OPENDMARC_VERSION},
    {NULL, 0, NULL, 0},
};

struct checking {
	struct tool *tool;
	const struct dmarc_options *dmarc;
	struct tool_dns *dns;
	struct arena *arena;
	struct text domain;
};

/* --- asking --- */

/* Those words of libopendmarc that say why there is no policy. */
static const char *
why_not(const struct dmarc_discovery *found)
{
	switch (found->status) {
	case DMARC_DISCOVERY_TEMPERROR:
		return "DNS lookup of domain tempfailed";
	case DMARC_DISCOVERY_NONE:
		return "Looked up domain lacked a DMARC record";
	case DMARC_DISCOVERY_UNUSABLE:
		return found->record->p == DMARC_POLICY_ABSENT
			   ? "Found DMARC record lacked a required p= entry"
			   : "Found DMARC record contained a bad token value";
	case DMARC_DISCOVERY_FOUND:
	case DMARC_DISCOVERY_AS_NONE: break;
	}
	return NULL;
}

/* NULL, or why there is none. */
static const char *
discover(struct checking *checking, const char *word,
    struct dmarc_discovery *ret_found)
{
	struct arena *arena = checking->arena;
	struct dns_facts *facts = dns_facts_new(arena);

	if (!dns_name_read_typed(
		arena, text_from_cstr(word), &checking->domain) ||
	    !dns_name_is_ldh(checking->domain))
		return "not a domain name, like example.com";
	if (facts == NULL)
		return "no memory";
	tool_begin(checking->dns);
	while (!dmarc_discover(
	    checking->domain, checking->dmarc, facts, arena, NULL, ret_found))
		tool_answer(checking->dns, facts);
	return arena_failed(arena) ? "no memory" : why_not(ret_found);
}

/* --- saying --- */

static const char *
alignment_word(bool is_strict)
{
	return is_strict ? "strict" : "relaxed";
}

static const char *
policy_word(enum dmarc_policy policy, const char *otherwise)
{
	return policy == DMARC_POLICY_ABSENT || policy == DMARC_POLICY_INVALID
		   ? otherwise
		   : names_word(&dmarc_policy_names, (int)policy);
}

/* As published: with their sizes, and whatever is wrong with them. */
static void
print_uris(const char *title, const struct taglist *tags, struct text name)
{
	const struct tag *tag = taglist_find(tags, name);
	struct text rest = tag == NULL ? TEXT("") : tag->value;

	(void)printf("\t%s:\n", title);
	if (rest.len == 0)
		(void)printf("\t\t(none)\n");
	while (rest.len > 0) {
		(void)printf("\t\t");
		print_clean(text_trim(text_split(&rest, ',')));
		(void)printf("\n");
	}
}

static void
print_record(const struct checking *checking, const char *domain,
    const struct dmarc_discovery *found)
{
	const struct dmarc_record *record = found->record;
	struct taglist tags = {.has_error = false};

	(void)printf("DMARC record for ");
	print_clean(text_from_cstr(domain));
	(void)printf(":\n");
	if (!text_equal(found->policy_domain, checking->domain)) {
		(void)printf("\tPublished by: ");
		print_clean(found->policy_domain);
		(void)printf("\n");
	}
	(void)printf("\tSample percentage: %u\n", record->pct);
	(void)printf(
	    "\tDKIM alignment: %s\n", alignment_word(record->strict_dkim));
	(void)printf(
	    "\tSPF alignment: %s\n", alignment_word(record->strict_spf));
	/* What is wrong counts as p=none (RFC 9989 4.10.1). */
	(void)printf("\tDomain policy: %s\n", policy_word(record->p, "none"));
	(void)printf(
	    "\tSubdomain policy: %s\n", policy_word(record->sp, "unspecified"));
	if (!taglist_read(checking->arena, record->text, &tags))
		tags.tags.count = 0;
	print_uris("Aggregate report URIs", &tags, TEXT("rua"));
	print_uris("Failure report URIs", &tags, TEXT("ruf"));
}

static int
check(struct checking *checking, const char *domain)
{
	struct dmarc_discovery found = {.record = NULL};

	checking->arena = arena_new(CHECK_ARENA_MAX);
	const char *why = checking->arena == NULL
			      ? "no memory"
			      : discover(checking, domain, &found);
	if (why == NULL)
		print_record(checking, domain, &found);
	else
		tool_say("%s: opendmarc_policy_query_dmarc(%s): %s",
		    checking->tool->name, domain, why);
	arena_free(checking->arena);
	return why == NULL ? EX_OK : EX_SOFTWARE;
}

/* --- the command --- */

/* The first domain without a policy ends it, as it always did. */
static int
check_all(struct tool *tool, const struct config *config,
    const struct dmarc_options *dmarc, char **domains, struct problem *problem)
{
	struct tool_dns dns;
	struct checking checking = {.tool = tool, .dmarc = dmarc, .dns = &dns};
	int status = EX_OK;

	if (!tool_open_dns(tool, config, NULL, &dns, problem))
		return status;
	while (*domains != NULL && status == EX_OK)
		status = check(&checking, *domains++);
	tool_close_dns(&dns);
	return status;
}

static int
say_usage(const struct tool *tool, FILE *out, int status)
{
	(void)fprintf(out, "%s: usage: %s", tool->name, usage);
	return status;
}

static int
run(struct tool *tool, int argc, char **argv)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct setup setup;
	int status = EX_OK;

	for (int option; (option = getopt_long_only(
			      argc, argv, "", options, NULL)) != -1;) {
		if (option == OPENDMARC_HELP)
			return say_usage(tool, stdout, EX_OK);
		if (option == OPENDMARC_VERSION) {
			(void)printf("%s v%s\n", tool->name, DMARCD_VERSION);
			return EX_OK;
		}
		if (option != OPENDMARC_CONFIG)
			return say_usage(tool, stderr, EX_USAGE);
		tool->config_path = optarg;
	}
	if (optind == argc)
		return say_usage(tool, stderr, EX_USAGE);
	struct config *config = tool_config(tool, &problem);
	if (config != NULL && setup_make(config, &setup, &problem)) {
		status = check_all(
		    tool, config, &setup.checks.dmarc, argv + optind, &problem);
		setup_clear(&setup);
	}
	config_free(config);
	return problem.kind == PROBLEM_NONE ? status
					    : tool_fail(tool, &problem);
}

const struct command command_opendmarc_check = {
    .name = "opendmarc-check",
    .sentence = "print a domain's policy",
    .usage = usage,
    .run = run,
};
