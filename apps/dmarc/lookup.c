#include "tool.h"

#include "clerk/target.h"
#include "dns/name.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

static const char usage[] =
    "Usage: dmarc lookup [OPTION...] DOMAIN\n"
    "\n"
    "Finds the DMARC policy for mail from DOMAIN, step by step. The status is\n"
    "0 with a usable policy, 1 without, 75 when DNS failed for now.\n"
    "\n"
    "  --zone FILE             answer DNS from this file\n"
    "  --resolver ADDR[#PORT]  ask this resolver\n"
    "  --discovery METHOD      treewalk (RFC 9989) or psl (RFC 7489)\n"
    "  -c FILE                 configuration\n";

enum {
	OPTION_ZONE = 256,
	OPTION_RESOLVER,
	OPTION_DISCOVERY,
	NO_POLICY = 1, /* exit status */
	LOOKUP_ARENA_MAX = 4 * 1024 * 1024,
};

static const struct option options[] = {
    {"zone", required_argument, NULL, OPTION_ZONE},
    {"resolver", required_argument, NULL, OPTION_RESOLVER},
    {"discovery", required_argument, NULL, OPTION_DISCOVERY},
    {NULL, 0, NULL, 0},
};

struct lookup {
	struct text domain;
	const struct dmarc_options *dmarc;
	struct arena *arena;
	struct dns_facts *facts;
	struct tool_dns dns;
	struct dmarc_discovery discovery;
};

static void
print_row(const char *what, struct text value)
{
	(void)printf("%-22s ", what);
	print_clean(value);
	(void)printf("\n");
}

/* All that the walk asked is known by now, so this pass misses nothing. */
static void
print_walk(struct lookup *lookup)
{
	struct dmarc_walk walk;

	dns_facts_begin_pass(lookup->facts, DNS_SHARE_POLICY);
	dmarc_walk(lookup->domain, lookup->facts, lookup->arena, &walk);
	for (size_t i = 0; i < walk.count; i++) {
		const struct dmarc_step *step = &walk.steps[i];
		(void)printf("  ");
		print_clean(step->name);
		if (step->status != DNS_FOUND) {
			(void)printf("  %s\n",
			    names_word(&dns_status_names, (int)step->status));
		} else if (step->records == 1) {
			(void)printf("\n    \"");
			print_clean(step->record->text);
			(void)printf("\"\n");
		} else {
			(void)printf("  %zu DMARC records%s\n", step->records,
			    step->records > 1 ? ", so none counts "
						"(RFC 9989 4.10)"
					      : "");
		}
	}
}

static void
print_record(const struct lookup *lookup)
{
	const struct dmarc_record *record = lookup->discovery.record;
	static const char *const psd_words[] = {"u", "y", "n"};

	(void)printf("\nThe record's tags\n");
	(void)printf("  p=%s sp=%s np=%s adkim=%c aspf=%c psd=%s t=%c fo=",
	    names_word(&dmarc_policy_names, (int)record->p),
	    names_word(&dmarc_policy_names, (int)record->sp),
	    names_word(&dmarc_policy_names, (int)record->np),
	    record->strict_dkim ? 's' : 'r', record->strict_spf ? 's' : 'r',
	    psd_words[record->psd], record->testing ? 'y' : 'n');
	print_clean(record->fo);
	(void)printf("\n");
	for (size_t i = 0; i < record->warnings.count; i++) {
		(void)printf("  warning: ");
		print_clean(record->warnings.at[i]);
		(void)printf("\n");
	}
}

static void
print_destination(struct lookup *lookup, struct text uri)
{
	struct destination destination = destination_read(lookup->arena, uri);

	if (destination.status == DESTINATION_OK)
		target_ask_consent(&destination,
		    lookup->discovery.policy_domain, lookup->dmarc,
		    lookup->dns.resolver, lookup->dns.seconds, lookup->arena);
	(void)printf("  ");
	print_clean(uri);
	(void)printf("  %s",
	    names_word(&destination_status_names, (int)destination.status));
	if (destination.reason.len > 0) {
		(void)printf(": ");
		print_clean(destination.reason);
	}
	(void)printf("\n");
}

static void
print_destinations(struct lookup *lookup)
{
	const struct dmarc_record *record = lookup->discovery.record;

	(void)printf("\nAggregate reports go to\n");
	for (size_t i = 0; i < record->rua.count; i++)
		print_destination(lookup, record->rua.at[i]);
	if (record->rua.count == 0)
		(void)printf("  nobody: the record has no rua\n");
}

static int
print_lookup(struct lookup *lookup)
{
	static const char *const words[] = {
	    [DMARC_DISCOVERY_NONE] = "none: DMARC does not apply",
	    [DMARC_DISCOVERY_FOUND] = "found",
	    [DMARC_DISCOVERY_AS_NONE] =
		"unusable; acts as p=none, since it has rua (RFC 9989 4.10.1)",
	    [DMARC_DISCOVERY_UNUSABLE] =
		"unusable: no DMARC processing (RFC 9989 4.10.1)",
	    [DMARC_DISCOVERY_TEMPERROR] = "DNS failed; try again later",
	};
	const struct dmarc_discovery *discovery = &lookup->discovery;

	(void)printf("Asked for ");
	print_clean(lookup->domain);
	(void)printf("\n");
	print_walk(lookup);
	(void)printf("\n");
	print_row("Policy record", text_from_cstr(words[discovery->status]));
	if (discovery->record != NULL) {
		print_row("Policy Domain", discovery->policy_domain);
		(void)printf("%-22s %s (by %s)%s\n", "Policy for this domain",
		    names_word(&dmarc_policy_names, (int)discovery->requested),
		    discovery->requested_by,
		    discovery->record->testing ? ", one level lower: t=y" : "");
	}
	print_row("Organizational Domain", discovery->organizational_domain);
	if (discovery->record != NULL) {
		print_record(lookup);
		print_destinations(lookup);
	}
	if (discovery->status == DMARC_DISCOVERY_TEMPERROR)
		return EX_TEMPFAIL;
	return discovery->status == DMARC_DISCOVERY_FOUND ||
		       discovery->status == DMARC_DISCOVERY_AS_NONE
		   ? EX_OK
		   : NO_POLICY;
}

static int
look_up(struct lookup *lookup, const char *domain, struct problem *problem)
{
	lookup->facts = dns_facts_new(lookup->arena);
	if (lookup->facts == NULL) {
		(void)problem_no_memory(problem);
		return 0;
	}
	if (!dns_name_read(
		lookup->arena, text_from_cstr(domain), &lookup->domain) ||
	    !dns_name_is_ldh(lookup->domain)) {
		(void)problem_set(
		    problem, PROBLEM_USAGE, "%s: not a domain name", domain);
		return 0;
	}
	tool_begin(&lookup->dns);
	while (!dmarc_discover(lookup->domain, lookup->dmarc, lookup->facts,
	    lookup->arena, NULL, &lookup->discovery))
		tool_answer(&lookup->dns, lookup->facts);
	int status = print_lookup(lookup);
	if (arena_failed(lookup->arena))
		(void)problem_no_memory(problem);
	return status;
}

static bool
take_option(struct tool *tool, int letter, int *ret_discovery)
{
	switch (letter) {
	case 'c': tool->config_path = optarg; return true;
	case OPTION_ZONE: tool->zone = optarg; return true;
	case OPTION_RESOLVER: tool->resolver = optarg; return true;
	default:
		*ret_discovery =
		    names_find(&dmarc_method_names, text_from_cstr(optarg));
		return *ret_discovery >= 0;
	}
}

static int
run(struct tool *tool, int argc, char **argv)
{
	struct lookup lookup = {.arena = NULL};
	struct problem problem = {PROBLEM_NONE, ""};
	struct setup setup;
	int discovery = -1;
	int status = EX_OK;

	for (int letter;
	     (letter = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
		if (letter == '?')
			return tool_usage(
			    tool, TOOL_BAD_OPTION, argv[optind - 1]);
		if (!take_option(tool, letter, &discovery))
			return tool_usage(tool,
			    "--discovery: neither treewalk nor psl", optarg);
	}
	if (optind + 1 != argc)
		return tool_usage(tool, "give one domain", NULL);
	if (!tool_has_one_source(tool))
		return tool_usage(tool, TOOL_SEVERAL_SOURCES, NULL);
	struct config *config = tool_config(tool, &problem);
	if (config != NULL && discovery >= 0)
		config->discovery_method = discovery;
	lookup.arena = arena_new(LOOKUP_ARENA_MAX);
	if (lookup.arena == NULL)
		(void)problem_no_memory(&problem);
	else if (config != NULL && setup_make(config, &setup, &problem)) {
		lookup.dmarc = &setup.checks.dmarc;
		if (tool_open_dns(tool, config, NULL, &lookup.dns, &problem))
			status = look_up(&lookup, argv[optind], &problem);
		arena_free(lookup.arena);
		lookup.arena = NULL;
		tool_close_dns(&lookup.dns);
		setup_clear(&setup);
	}
	arena_free(lookup.arena);
	config_free(config);
	return problem.kind == PROBLEM_NONE ? status
					    : tool_fail(tool, &problem);
}

const struct command command_lookup = {
    .name = "lookup",
    .sentence = "find a domain's policy, step by step",
    .usage = usage,
    .run = run,
};
