/* Plan: check_host is RFC 7208 4's function of that name, and each mechanism is
 * one function of RFC 7208 5. They ask the facts as if every answer were there.
 * An answer that is not looks like a failed one; evaluate sees that the pass
 * missed something, hints at what the record would ask next, and gives up: the
 * result is thrown away. All counters are in struct pass, so each pass counts
 * anew. Recursion ends because every include and redirect is a term, and there
 * are at most ten. */
#include "spf/check.h"

#include "spf/client.h"
#include "spf/macro.h"
#include "spf/record.h"

#include "dns/name.h"

enum { TERMS_MAX = 10, VOIDS_MAX = 2, MX_MAX = 10 }; /* RFC 7208 4.6.4 */

/* A name and a term are as long as an attacker likes. */
enum { REASON_PART_MAX = DNS_NAME_MAX };

enum match { MATCH, NO_MATCH, MATCH_TEMPERROR, MATCH_PERMERROR };

/* Why the result is what it is. */
struct reason {
	struct text domain;
	struct text term;
	const char *what;
};

struct pass {
	struct dns_facts *facts;
	struct arena *arena;
	struct trace *trace;
	struct spf_macro_values values; /* domain: set for each expansion */
	bool local_is_ascii;
	unsigned terms; /* that ask the DNS */
	unsigned voids; /* of these, that got nothing */
	/* The directive that matched last: its record's exp= (6.2). */
	struct text explanation;
	struct text explained_domain;
	struct reason reason;
};

static const char *const result_words[] = {
    [SPF_NONE] = "none",
    [SPF_NEUTRAL] = "neutral",
    [SPF_PASS] = "pass",
    [SPF_FAIL] = "fail",
    [SPF_SOFTFAIL] = "softfail",
    [SPF_TEMPERROR] = "temperror",
    [SPF_PERMERROR] = "permerror",
};
const struct names spf_result_names = NAMES(result_words);

/* Tells the story, and remembers the line as the reason so far. TERM may be
 * "". */
static void
say(struct pass *pass, struct text domain, struct text term, const char *what,
    const char *section)
{
	pass->reason = (struct reason){domain, term, what};
	trace_say(pass->trace,
	    "spf: " TEXT_FMT ": " TEXT_FMT "%s%s (RFC 7208 %s)",
	    TEXT_ARG(domain), TEXT_ARG(term), term.len > 0 ? " " : "", what,
	    section);
}

/* The same of a whole domain; returns RESULT. */
static enum spf_result
conclude(struct pass *pass, struct text domain, enum spf_result result,
    const char *what, const char *section)
{
	say(pass, domain, TEXT(""), what, section);
	return result;
}

/* --- DNS --- */

static bool
is_failed(const struct dns_answer *answer)
{
	return answer->status == DNS_FAILED || answer->status == DNS_UNKNOWN;
}

static enum match
failed(struct pass *pass, struct text name, enum dns_type type)
{
	say(pass, name, text_from_cstr(dns_type_name(type)), "lookup failed",
	    "5");
	return MATCH_TEMPERROR;
}

/* RFC 7208 4.6.4 limits the terms, not the lookups, that get nothing. */
static enum match
count_void(struct pass *pass, struct text name)
{
	if (++pass->voids <= VOIDS_MAX)
		return NO_MATCH;
	say(pass, name, TEXT(""), "is the third void lookup", "4.6.4");
	return MATCH_PERMERROR;
}

static enum dns_type
address_type(const struct pass *pass)
{
	return spf_client_address_type(&pass->values.client);
}

/* A U-label that came in through a macro is no name (RFC 8616 4). */
static bool
is_name(struct text name)
{
	return text_is_ascii(name) && dns_name_is_valid(name);
}

/* --- target names (RFC 7208 4.8) --- */

static void
set_values(struct pass *pass, struct text domain, struct text macros)
{
	pass->values.domain = domain;
	if (spf_macro_uses(macros, "p"))
		pass->values.validated = spf_client_best_name(
		    pass->facts, pass->arena, &pass->values.client, domain);
}

static struct text
target_name(struct pass *pass, struct text domain, struct text domain_spec)
{
	if (domain_spec.len == 0)
		return domain;
	set_values(pass, domain, domain_spec);
	return spf_macro_expand_name(pass->arena, domain_spec, &pass->values);
}

/* RFC 8616 4: a local part that is not ASCII matches nothing. */
static bool
is_unmatchable(const struct pass *pass, struct text domain_spec)
{
	return !pass->local_is_ascii && spf_macro_uses(domain_spec, "sl");
}

/* --- mechanisms (RFC 7208 5) --- */

static enum spf_result check_host(struct pass *pass, struct text domain);

/* Adds to *FOUND how many addresses HOST has. */
static enum match
match_host(struct pass *pass, struct text host, const struct spf_term *term,
    size_t *found)
{
	const struct ip *client = &pass->values.client;
	unsigned prefix = client->version == 4 ? term->prefix4 : term->prefix6;
	const struct dns_answer *answer =
	    dns_ask(pass->facts, host, address_type(pass));

	if (is_failed(answer))
		return failed(pass, host, address_type(pass));
	for (size_t i = 0; i < answer->count; i++) {
		if (ip_in_net(client, &answer->records[i].ip, prefix))
			return MATCH;
	}
	*found += answer->count;
	return NO_MATCH;
}

static enum match
match_all(struct pass *pass, struct text target, const struct spf_term *term)
{
	(void)pass, (void)target, (void)term;
	return MATCH;
}

static enum match
match_ip(struct pass *pass, struct text target, const struct spf_term *term)
{
	unsigned prefix =
	    term->mechanism == SPF_IP4 ? term->prefix4 : term->prefix6;

	(void)target;
	return ip_in_net(&pass->values.client, &term->net, prefix) ? MATCH
								   : NO_MATCH;
}

static enum match
match_a(struct pass *pass, struct text target, const struct spf_term *term)
{
	size_t found = 0;
	enum match match = match_host(pass, target, term, &found);

	if (match == NO_MATCH && found == 0)
		return count_void(pass, target);
	return match;
}

/* The next pass will ask for the other hosts too. */
static void
hint_hosts(struct pass *pass, const struct dns_answer *answer, size_t from)
{
	if (!dns_facts_missed(pass->facts))
		return;
	for (size_t i = from; i < answer->count; i++)
		dns_hint(
		    pass->facts, answer->records[i].text, address_type(pass));
}

static enum match
match_mx(struct pass *pass, struct text target, const struct spf_term *term)
{
	const struct dns_answer *answer = dns_ask(pass->facts, target, DNS_MX);
	size_t asked = 0;
	size_t found = 0;

	if (is_failed(answer))
		return failed(pass, target, DNS_MX);
	if (answer->count > MX_MAX) {
		say(pass, target, TEXT(""), "has more than 10 MX records",
		    "4.6.4");
		return MATCH_PERMERROR;
	}
	for (size_t i = 0; i < answer->count; i++) {
		/* "MX 0 ." has no host (RFC 7505) and asks nothing. */
		if (!is_name(answer->records[i].text))
			continue;
		asked++;
		enum match match =
		    match_host(pass, answer->records[i].text, term, &found);
		if (match != NO_MATCH) {
			hint_hosts(pass, answer, i + 1);
			return match;
		}
	}
	if (answer->count == 0 || (asked > 0 && found == 0))
		return count_void(pass, target);
	return NO_MATCH;
}

static enum match
match_exists(struct pass *pass, struct text target, const struct spf_term *term)
{
	const struct dns_answer *answer = dns_ask(pass->facts, target, DNS_A);

	(void)term;
	if (is_failed(answer))
		return failed(pass, target, DNS_A);
	return answer->count > 0 ? MATCH : count_void(pass, target);
}

/* Only names that could match are looked up. A failed PTR lookup matches
 * nothing (RFC 7208 5.5). */
static enum match
match_ptr(struct pass *pass, struct text target, const struct spf_term *term)
{
	const struct ip *client = &pass->values.client;
	const struct dns_answer *names =
	    spf_client_ask_names(pass->facts, pass->arena, client);

	(void)term;
	if (is_failed(names))
		return NO_MATCH;
	if (names->count == 0)
		return count_void(pass, target);
	for (size_t i = 0; i < names->count && i < SPF_PTR_MAX; i++) {
		struct text name = names->records[i].text;
		if (dns_name_is_at_or_below(name, target) &&
		    spf_client_has_name(pass->facts, client, name))
			return MATCH;
	}
	return NO_MATCH;
}

/* RFC 7208 5.2's table. */
static enum match
match_include(
    struct pass *pass, struct text target, const struct spf_term *term)
{
	static const enum match matches[] = {
	    [SPF_NONE] = MATCH_PERMERROR,
	    [SPF_NEUTRAL] = NO_MATCH,
	    [SPF_PASS] = MATCH,
	    [SPF_FAIL] = NO_MATCH,
	    [SPF_SOFTFAIL] = NO_MATCH,
	    [SPF_TEMPERROR] = MATCH_TEMPERROR,
	    [SPF_PERMERROR] = MATCH_PERMERROR,
	};

	(void)term;
	return matches[check_host(pass, target)];
}

static const struct {
	const char *section;
	enum match (*match)(
	    struct pass *pass, struct text target, const struct spf_term *term);
	bool asks;          /* counts as a term that asks the DNS */
	enum dns_type hint; /* what is prefetched; A: or AAAA */
} mechanisms[] = {
    [SPF_ALL] = {"5.1", match_all, false, 0},
    [SPF_INCLUDE] = {"5.2", match_include, true, DNS_TXT},
    [SPF_A] = {"5.3", match_a, true, DNS_A},
    [SPF_MX] = {"5.4", match_mx, true, DNS_MX},
    [SPF_PTR] = {"5.5", match_ptr, true, 0},
    [SPF_IP4] = {"5.6", match_ip, false, 0},
    [SPF_IP6] = {"5.6", match_ip, false, 0},
    [SPF_EXISTS] = {"5.7", match_exists, true, 0},
};

/* --- a record --- */

/* RFC 7208 4.6.4; DOMAIN and TERM are for the story. */
static bool
may_ask(struct pass *pass, struct text domain, struct text term)
{
	if (++pass->terms <= TERMS_MAX)
		return true;
	say(pass, domain, term, "is the eleventh term that asks the DNS",
	    "4.6.4");
	return false;
}

static enum match
match_term(struct pass *pass, struct text domain, const struct spf_term *term)
{
	if (!mechanisms[term->mechanism].asks)
		return mechanisms[term->mechanism].match(pass, domain, term);
	if (!may_ask(pass, domain, term->text))
		return MATCH_PERMERROR;
	if (is_unmatchable(pass, term->domain))
		return NO_MATCH;
	struct text target = target_name(pass, domain, term->domain);
	/* RFC 7208 4.8 leaves it open; an include says none by itself. */
	if (term->mechanism != SPF_INCLUDE && !is_name(target))
		return NO_MATCH;
	return mechanisms[term->mechanism].match(pass, target, term);
}

/* RFC 7208 4.6.2 */
static enum spf_result
matched(struct pass *pass, struct text domain, const struct spf_record *record,
    const struct spf_term *term)
{
	static const char *const what[] = {
	    [SPF_NEUTRAL] = "matches, result neutral",
	    [SPF_PASS] = "matches, result pass",
	    [SPF_FAIL] = "matches, result fail",
	    [SPF_SOFTFAIL] = "matches, result softfail",
	};

	pass->explanation = record->explanation;
	pass->explained_domain = domain;
	say(pass, domain, term->text, what[term->qualifier],
	    mechanisms[term->mechanism].section);
	return term->qualifier;
}

/* Not where it would tell the owner about a message for nothing. */
static void
hint_target(struct pass *pass, struct text domain, struct text domain_spec,
    enum dns_type type)
{
	if (spf_macro_uses(domain_spec, "slohp"))
		return;
	dns_hint(pass->facts, target_name(pass, domain, domain_spec),
	    type == DNS_A ? address_type(pass) : type);
}

/* The pass is lost: prefetch for the terms from FROM on, up to the one that
 * matches for certain, and no more than could still be evaluated. */
static void
hint_rest(struct pass *pass, struct text domain,
    const struct spf_record *record, size_t from)
{
	unsigned terms = pass->terms;

	for (size_t i = from; i < record->terms; i++) {
		const struct spf_term *term = &record->term[i];
		if (mechanisms[term->mechanism].asks) {
			if (++terms > TERMS_MAX)
				return;
			if (mechanisms[term->mechanism].hint != 0)
				hint_target(pass, domain, term->domain,
				    mechanisms[term->mechanism].hint);
		} else if (match_term(pass, domain, term) == MATCH) {
			return;
		}
	}
	if (record->redirect.len > 0 && terms < TERMS_MAX)
		hint_target(pass, domain, record->redirect, DNS_TXT);
}

/* RFC 7208 6.1. An "all" always matches, so nobody comes here past one. */
static enum spf_result
follow_redirect(
    struct pass *pass, struct text domain, const struct spf_record *record)
{
	if (record->redirect.len == 0)
		return conclude(pass, domain, SPF_NEUTRAL,
		    "no term matches, result neutral", "4.7");
	if (!may_ask(pass, domain, TEXT("redirect")))
		return SPF_PERMERROR;
	struct text target = is_unmatchable(pass, record->redirect)
				 ? TEXT("")
				 : target_name(pass, domain, record->redirect);
	if (dns_facts_missed(pass->facts))
		return SPF_TEMPERROR;
	trace_say(pass->trace,
	    "spf: " TEXT_FMT ": redirect to " TEXT_FMT " (RFC 7208 6.1)",
	    TEXT_ARG(domain), TEXT_ARG(target));
	enum spf_result result = check_host(pass, target);
	return result == SPF_NONE ? SPF_PERMERROR : result;
}

static enum spf_result
evaluate(struct pass *pass, struct text domain, const struct spf_record *record)
{
	for (size_t i = 0; i < record->terms; i++) {
		const struct spf_term *term = &record->term[i];
		enum match match = match_term(pass, domain, term);
		if (dns_facts_missed(pass->facts)) {
			hint_rest(pass, domain, record, i + 1);
			return SPF_TEMPERROR;
		}
		switch (match) {
		case MATCH: return matched(pass, domain, record, term);
		case NO_MATCH: break;
		case MATCH_TEMPERROR: return SPF_TEMPERROR;
		case MATCH_PERMERROR: return SPF_PERMERROR;
		}
		if (mechanisms[term->mechanism].asks)
			trace_say(pass->trace,
			    "spf: " TEXT_FMT ": " TEXT_FMT
			    " does not match (RFC 7208 %s)",
			    TEXT_ARG(domain), TEXT_ARG(term->text),
			    mechanisms[term->mechanism].section);
	}
	return follow_redirect(pass, domain, record);
}

/* RFC 7208 4.4-4.6: the one record of ANSWER, whole and without an error. */
static enum spf_result
evaluate_answer(
    struct pass *pass, struct text domain, const struct dns_answer *answer)
{
	const struct spf_record *record =
	    dns_answer_parsed(answer, spf_record_parse, pass->arena);

	if (record == NULL)
		return conclude(
		    pass, domain, SPF_TEMPERROR, "no memory", "4.4");
	if (record->versions == 0)
		return conclude(pass, domain, SPF_NONE, "no SPF record", "4.5");
	if (record->versions > 1)
		return conclude(pass, domain, SPF_PERMERROR,
		    "more than one SPF record", "4.5");
	if (record->error != NULL) {
		say(pass, domain, record->text, record->error, "4.6");
		return SPF_PERMERROR;
	}
	trace_say(pass->trace, "spf: " TEXT_FMT ": \"" TEXT_FMT "\"",
	    TEXT_ARG(domain), TEXT_ARG(record->text));
	return evaluate(pass, domain, record);
}

/* RFC 7208 4 */
static enum spf_result
check_host(struct pass *pass, struct text domain)
{
	if (!is_name(domain) || dns_name_labels(domain) < 2)
		return conclude(
		    pass, domain, SPF_NONE, "is no domain name", "4.3");
	const struct dns_answer *answer = dns_ask(pass->facts, domain, DNS_TXT);
	if (is_failed(answer)) {
		say(pass, domain, TEXT("TXT"), "lookup failed", "4.4");
		return SPF_TEMPERROR;
	}
	if (answer->status == DNS_NXDOMAIN)
		return conclude(
		    pass, domain, SPF_NONE, "does not exist", "4.3");
	return evaluate_answer(pass, domain, answer);
}

/* --- the outcome --- */

/* RFC 7208 6.2: whatever goes wrong, there is just no explanation. */
static struct text
explain(struct pass *pass)
{
	if (pass->explanation.len == 0 ||
	    is_unmatchable(pass, pass->explanation))
		return TEXT("");
	struct text name =
	    target_name(pass, pass->explained_domain, pass->explanation);
	if (dns_facts_missed(pass->facts) || !is_name(name))
		return TEXT("");
	const struct dns_answer *answer = dns_ask(pass->facts, name, DNS_TXT);
	if (answer->count != 1 ||
	    !spf_macro_is_valid(answer->records[0].text, SPF_MACRO_EXPLAIN))
		return TEXT("");
	set_values(pass, pass->explained_domain, answer->records[0].text);
	return spf_macro_expand_explanation(
	    pass->arena, answer->records[0].text, &pass->values);
}

static struct text
write_reason(struct pass *pass)
{
	struct build build;

	/* And what is wrong with them. */
	build_init_arena(&build, pass->arena, 2 * REASON_PART_MAX + 128);
	build_text(&build, text_slice(pass->reason.domain, 0, REASON_PART_MAX));
	build_cstr(&build, ": ");
	build_text(&build, text_slice(pass->reason.term, 0, REASON_PART_MAX));
	build_cstr(&build, pass->reason.term.len > 0 ? " " : "");
	build_cstr(&build, pass->reason.what);
	return build_view(&build);
}

/* U-labels become A-labels (RFC 8616 4), and a name is lower case; what is no
 * name stays as it is, and check_host sees to it. */
static struct text
read_domain(struct arena *arena, struct text domain)
{
	struct text name;

	return dns_name_read(arena, domain, &name) ? name
						   : arena_copy(arena, domain);
}

static void
begin(struct pass *pass, const struct spf_input *input)
{
	struct text domain = read_domain(pass->arena, input->domain);
	struct text local = input->local;
	struct text receiver = input->receiver;

	pass->local_is_ascii = text_is_ascii(local);
	pass->values = (struct spf_macro_values){
	    .local = local.len > 0 ? local : TEXT("postmaster"),
	    .sender = domain,
	    .domain = domain,
	    .helo = text_is_ascii(input->helo)
			? input->helo
			: read_domain(pass->arena, input->helo),
	    .receiver = receiver.len > 0 ? receiver : TEXT("unknown"),
	    .client = ip_unmapped(input->client),
	    .now = input->now,
	};
}

static enum spf_result
run(struct pass *pass)
{
	struct text domain = pass->values.sender;
	char client[IP_TEXT_MAX];

	if (pass->values.client.version == 0)
		return conclude(pass, TEXT("no check"), SPF_NONE,
		    "the client's IP address is not known", "4.1");
	if (domain.len == 0)
		return conclude(pass, TEXT("no check"), SPF_NONE,
		    "no usable domain", "4.3");
	/* RFC 7208 2.6.1, 4.3. A record may ask for any name, but what is
	 * authorised, and what DMARC then aligns, is a host's. */
	if (!dns_name_is_ldh(domain))
		return conclude(
		    pass, domain, SPF_NONE, "is no domain name", "4.3");
	trace_say(pass->trace,
	    "spf: client %s, sender " TEXT_FMT "@" TEXT_FMT ", HELO " TEXT_FMT,
	    ip_cstr(&pass->values.client, client), TEXT_ARG(pass->values.local),
	    TEXT_ARG(domain), TEXT_ARG(pass->values.helo));
	return check_host(pass, domain);
}

bool
spf_check(const struct spf_input *input, struct dns_facts *facts,
    struct arena *arena, struct trace *trace, struct spf_outcome *ret_outcome)
{
	struct pass pass = {.facts = facts, .arena = arena, .trace = trace};
	struct spf_outcome outcome = {.explanation = TEXT("")};

	trace_reset(trace);
	dns_facts_begin_pass(facts, input->share);
	begin(&pass, input);
	outcome.domain = pass.values.sender;
	outcome.result = run(&pass);
	if (outcome.result == SPF_FAIL && !dns_facts_missed(facts))
		outcome.explanation = explain(&pass);
	if (dns_facts_missed(facts))
		return false;
	outcome.reason =
	    outcome.result == SPF_PASS ? TEXT("") : write_reason(&pass);
	*ret_outcome = outcome;
	return true;
}
