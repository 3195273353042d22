#include "lookup.h"

#include "tool.h"

#include "clerk/consent.h"
#include "dns/name.h"
#include "mail/taglist.h"

#include <string.h>
#include <sysexits.h>

static const char usage[] =
    "Usage: dmarc lookup [OPTION...] DOMAIN\n"
    "\n"
    "Finds the DMARC policy for mail from DOMAIN, step by step. The status is\n"
    "0 with a usable policy, 1 without, 75 when DNS failed for now.\n"
    "\n"
    "  --zone FILE                answer DNS from this zone file\n"
    "  --resolver ADDRESS[#PORT]  ask this resolver, or several: with commas\n"
    "  --discovery METHOD         treewalk (RFC 9989) or psl (RFC 7489)\n"
    "  --json                     one object on one line, for programs\n"
    "  -c FILE                    configuration, instead of /etc/dmarcd.conf\n";

enum {
	OPTION_DISCOVERY = 256,
	OPTION_JSON,
	NO_POLICY = 1, /* exit status */
	LOOKUP_ARENA_MAX = 4 * 1024 * 1024,
};

static const struct option options[] = {
    {"zone", required_argument, NULL, TOOL_ZONE},
    {"resolver", required_argument, NULL, TOOL_RESOLVER},
    {"discovery", required_argument, NULL, OPTION_DISCOVERY},
    {"json", no_argument, NULL, OPTION_JSON},
    {NULL, 0, NULL, 0},
};

struct asking {
	const struct dmarc_options *dmarc;
	struct arena *arena;
	struct dns_facts *facts;
	struct tool_dns *dns;
	struct lookup *lookup;
	bool json;
	int discovery; /* --discovery, or -1 */
};

static void
warn(struct asking *asking, struct text warning)
{
	struct text *added = vec_push(asking->arena, &asking->lookup->warnings);

	if (added != NULL)
		*added = warning;
}

/* --- the queries of the discovery --- */

static const struct dns_answer *
known_answer(struct asking *asking, struct text name, enum dns_type type)
{
	dns_facts_begin_pass(asking->facts, DNS_SHARE_POLICY);
	return dns_ask(asking->facts, name, type);
}

/* Whoever wrote it meant a DMARC record. */
static bool
is_nearly_dmarc(struct arena *arena, struct text text)
{
	struct text lower = arena_lower(arena, text);

	return !dmarc_record_is_dmarc(text) &&
	       text_find_part(lower, TEXT("dmarc1")) < lower.len;
}

static void
take_text(struct asking *asking, struct lookup_query *query, struct text text)
{
	if (dmarc_record_is_dmarc(text)) {
		struct text *record = vec_push(asking->arena, &query->records);
		if (record != NULL)
			*record = text;
	} else if (is_nearly_dmarc(asking->arena, text)) {
		warn(asking,
		    arena_format(asking->arena,
			TEXT_FMT ": not taken for a DMARC record, since it "
				 "does not begin with v=DMARC1 (RFC 9989 4.7)",
			TEXT_ARG(query->name)));
	}
}

static void
add_query(struct asking *asking, struct text name, enum dns_type type)
{
	const struct dns_answer *answer = known_answer(asking, name, type);
	struct lookup_query *query =
	    vec_push(asking->arena, &asking->lookup->queries);

	if (query == NULL)
		return;
	*query = (struct lookup_query){
	    .name = name, .type = type, .status = answer->status};
	for (size_t i = 0; type == DNS_TXT && i < answer->count; i++)
		take_text(asking, query, answer->records[i].text);
	if (query->records.count > 1)
		warn(asking, arena_format(asking->arena,
				 TEXT_FMT ": %zu DMARC records, so none counts "
					  "(RFC 9989 4.10)",
				 TEXT_ARG(name), query->records.count));
}

/* For np: does the domain exist? Asked only where it makes a difference. */
static bool
was_existence_asked(const struct asking *asking)
{
	for (size_t i = 0; i < dns_facts_count(asking->facts); i++) {
		struct dns_question question;
		const struct dns_answer *answer;
		dns_facts_at(asking->facts, i, &question, &answer);
		if (question.type == DNS_A && answer != NULL)
			return true;
	}
	return false;
}

static void
add_queries(struct asking *asking)
{
	const struct dmarc_walk *walk = &asking->lookup->discovery.walk;

	for (size_t i = 0; i < walk->count; i++)
		add_query(asking, walk->steps[i].name, DNS_TXT);
	if (was_existence_asked(asking))
		add_query(asking, asking->lookup->domain, DNS_A);
}

/* --- records where nobody looks for them --- */

/* Around DOMAIN, as "" and "%": what slips of the hand make of _dmarc.DOMAIN. */
static const struct {
	struct text before;
	bool twice;
} misplaced[] = {
    {{"", 0}, false},
    {{"dmarc.", 6}, false},
    {{"_dmarc._dmarc.", 14}, false},
    {{"_dmarc.", 7}, true},
};

/* The domain's own record may be seen here too, by a wildcard: no slip. */
static bool
has_another(const struct asking *asking, const struct dns_answer *answer)
{
	const struct dmarc_discovery *found = &asking->lookup->discovery;

	for (size_t i = 0; i < answer->count; i++) {
		struct text text = answer->records[i].text;
		if (dmarc_record_is_dmarc(text) &&
		    (found->record == NULL ||
			!text_equal(text, found->record->text)))
			return true;
	}
	return false;
}

static void
look_beside(struct asking *asking)
{
	struct text domain = asking->lookup->domain;
	struct arena *arena = asking->arena;

	if (text_starts(domain, TEXT("_dmarc."))) {
		warn(asking,
		    arena_format(arena,
			"this asks for mail from " TEXT_FMT "; you may mean "
			"dmarc lookup " TEXT_FMT,
			TEXT_ARG(domain), TEXT_ARG(dns_name_parent(domain))));
		return;
	}
	for (size_t i = 0; i < sizeof misplaced / sizeof *misplaced; i++) {
		struct text name =
		    arena_join(arena, misplaced[i].before, domain);
		if (misplaced[i].twice)
			name = arena_join(
			    arena, name, arena_join(arena, TEXT("."), domain));
		dns_facts_begin_pass(asking->facts, DNS_SHARE_ALIGNMENT);
		(void)dns_ask(asking->facts, name, DNS_TXT);
		tool_answer(asking->dns, asking->facts);
		if (has_another(asking, dns_ask(asking->facts, name, DNS_TXT)))
			warn(
			    asking, arena_format(arena,
					TEXT_FMT
					": a DMARC record where nobody looks "
					"for it; its place is _dmarc." TEXT_FMT,
					TEXT_ARG(name), TEXT_ARG(domain)));
	}
}

/* --- the record --- */

static bool
is_there(const struct taglist *list, const char *name)
{
	for (size_t i = 0; i < list->tags.count; i++)
		if (text_equal_nocase(
			list->tags.at[i].name, text_from_cstr(name)))
			return true;
	return false;
}

static struct text
policy_word(enum dmarc_policy policy, struct text fallback)
{
	if (policy == DMARC_POLICY_ABSENT)
		return fallback;
	return text_from_cstr(names_word(&dmarc_policy_names, (int)policy));
}

static void
describe_tags(struct asking *asking)
{
	const struct dmarc_record *record = asking->lookup->discovery.record;
	static const char *const psd_words[] = {
	    [DMARC_PSD_UNKNOWN] = "u",
	    [DMARC_PSD_YES] = "y",
	    [DMARC_PSD_NO] = "n",
	};
	struct taglist list = {.has_error = false};
	struct text p = policy_word(record->p, TEXT(""));
	struct text sp = policy_word(record->sp, p);
	const struct lookup_tag tags[LOOKUP_TAGS] = {
	    {.name = "p", .value = p},
	    {.name = "sp", .value = sp},
	    {.name = "np", .value = policy_word(record->np, sp)},
	    {.name = "adkim",
		.value = record->strict_dkim ? TEXT("s") : TEXT("r")},
	    {.name = "aspf",
		.value = record->strict_spf ? TEXT("s") : TEXT("r")},
	    {.name = "psd", .value = text_from_cstr(psd_words[record->psd])},
	    {.name = "t", .value = record->testing ? TEXT("y") : TEXT("n")},
	    {.name = "fo", .value = record->fo},
	};

	if (!taglist_read(asking->arena, record->text, &list))
		list.tags.count = 0;
	for (size_t i = 0; i < LOOKUP_TAGS; i++) {
		asking->lookup->tags[i] = tags[i];
		asking->lookup->tags[i].is_default =
		    !is_there(&list, tags[i].name);
	}
	for (size_t i = 0; i < record->warnings.count; i++)
		warn(asking, record->warnings.at[i]);
}

static void
add_address(struct asking *asking, struct text uri, bool is_ruf)
{
	struct lookup *lookup = asking->lookup;
	struct lookup_address *address =
	    is_ruf ? vec_push(asking->arena, &lookup->ruf)
		   : vec_push(asking->arena, &lookup->rua);

	if (address == NULL)
		return;
	address->uri = uri;
	address->destination = destination_read(asking->arena, uri);
	address->destination.is_ruf = is_ruf;
	address->asked = address->destination.address;
}

/* The INDEXth, as if those of ruf stood behind those of rua. */
static struct destination *
destination_at(const struct lookup *lookup, size_t index)
{
	size_t ruas = lookup->rua.count;

	return index < ruas ? &lookup->rua.at[index].destination
			    : &lookup->ruf.at[index - ruas].destination;
}

static void
ask_consents(struct asking *asking)
{
	const struct lookup *lookup = asking->lookup;
	struct resolver *resolver = asking->dns->resolver;
	size_t count = lookup->rua.count + lookup->ruf.count;
	struct destination *all =
	    arena_array(asking->arena, count, sizeof *all);
	const struct consent consent = {
	    .policy_domain = lookup->discovery.policy_domain,
	    .dmarc = asking->dmarc,
	    .resolver = resolver,
	    .patience = {.deadline =
			     resolver_deadline(resolver, asking->dns->seconds)},
	};

	if (all == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		all[i] = *destination_at(lookup, i);
	consent_ask(&consent, all, count, asking->arena);
	for (size_t i = 0; i < count; i++)
		*destination_at(lookup, i) = all[i];
}

static void
ask_destinations(struct asking *asking)
{
	const struct dmarc_record *record = asking->lookup->discovery.record;

	for (size_t i = 0; i < record->rua.count; i++)
		add_address(asking, record->rua.at[i], false);
	if (record->ruf.count > 0 && record->psd == DMARC_PSD_YES)
		warn(asking, TEXT("ruf: not used in a record with psd=y "
				  "(RFC 9991 2)"));
	for (size_t i = 0; i < record->ruf.count; i++)
		add_address(asking, record->ruf.at[i], true);
	ask_consents(asking);
}

/* --- the command --- */

static int
exit_status(const struct dmarc_discovery *discovery)
{
	switch (discovery->status) {
	case DMARC_DISCOVERY_TEMPERROR: return EX_TEMPFAIL;
	case DMARC_DISCOVERY_FOUND:
	case DMARC_DISCOVERY_AS_NONE: return EX_OK;
	case DMARC_DISCOVERY_NONE:
	case DMARC_DISCOVERY_UNUSABLE: break;
	}
	return NO_POLICY;
}

static bool
read_domain(struct arena *arena, const char *word, struct text *ret_domain,
    struct problem *problem)
{
	struct text text = text_from_cstr(word);
	const char *domain = strrchr(word, '@');
	struct ip ip;

	if (domain != NULL)
		return problem_set(problem, PROBLEM_USAGE,
		    "%s: an address, not a domain: try dmarc lookup %s", word,
		    domain + 1);
	if (ip_read(text, &ip))
		return problem_set(problem, PROBLEM_USAGE,
		    "%s: an IP address, not a domain name", word);
	if (!dns_name_read_typed(arena, text, ret_domain) ||
	    !dns_name_is_ldh(*ret_domain))
		return problem_set(problem, PROBLEM_USAGE,
		    "%s: not a domain name, like example.com", word);
	return true;
}

static bool
look_up(struct asking *asking, const char *domain, struct problem *problem)
{
	struct lookup *lookup = asking->lookup;

	asking->facts = dns_facts_new(asking->arena);
	if (asking->facts == NULL)
		return problem_no_memory(problem);
	if (!read_domain(asking->arena, domain, &lookup->domain, problem))
		return false;
	tool_begin(asking->dns);
	while (!dmarc_discover(lookup->domain, asking->dmarc, asking->facts,
	    asking->arena, NULL, &lookup->discovery))
		tool_answer(asking->dns, asking->facts);
	add_queries(asking);
	if (lookup->discovery.record != NULL) {
		describe_tags(asking);
		ask_destinations(asking);
	}
	tool_begin(asking->dns);
	look_beside(asking);
	return !arena_failed(asking->arena) || problem_no_memory(problem);
}

static int
look_up_in(const struct tool *tool, const struct config *config,
    struct asking *asking, const char *domain, struct problem *problem)
{
	struct lookup lookup = {.warnings = {.count = 0}};
	struct tool_dns dns;
	struct asking here = *asking;

	here.lookup = &lookup;
	here.dns = &dns;
	if (!tool_open_dns(tool, config, NULL, &dns, problem))
		return EX_OK;
	if (look_up(&here, domain, problem)) {
		if (asking->json)
			(void)json_print(lookup_json(&lookup), problem);
		else
			lookup_print(&lookup);
	}
	/* The facts may hold answers of the resolver's. */
	arena_free(asking->arena);
	asking->arena = NULL;
	tool_close_dns(&dns);
	return exit_status(&lookup.discovery);
}

static bool
take_option(struct asking *asking, int letter)
{
	switch (letter) {
	case OPTION_JSON: asking->json = true; return true;
	default:
		asking->discovery =
		    names_find(&dmarc_method_names, text_from_cstr(optarg));
		return asking->discovery >= 0;
	}
}

static int
run(struct tool *tool, int argc, char **argv)
{
	struct asking asking = {.discovery = -1};
	struct problem problem = {PROBLEM_NONE, ""};
	struct setup setup;
	int status = EX_OK;

	for (int letter;
	     (letter = tool_option(tool, argc, argv, options)) != -1;) {
		if (letter == '?')
			return EX_USAGE;
		if (!take_option(&asking, letter))
			return tool_usage(tool,
			    "--discovery: neither treewalk nor psl", optarg);
	}
	if (optind + 1 != argc)
		return tool_usage(tool, "give one domain", NULL);
	if (!tool_has_one_source(tool))
		return tool_usage(tool, TOOL_SEVERAL_SOURCES, NULL);
	struct config *config = tool_config(tool, &problem);
	if (config != NULL && asking.discovery >= 0)
		config->discovery_method = asking.discovery;
	asking.arena = arena_new(LOOKUP_ARENA_MAX);
	if (asking.arena == NULL)
		(void)problem_no_memory(&problem);
	else if (config != NULL && setup_make(config, &setup, &problem)) {
		asking.dmarc = &setup.checks.dmarc;
		status =
		    look_up_in(tool, config, &asking, argv[optind], &problem);
		setup_clear(&setup);
	}
	arena_free(asking.arena);
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
