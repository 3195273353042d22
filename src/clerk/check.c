#include "clerk/check.h"

#include "clerk/signing.h"

#include "base/base64.h"
#include "base/date.h"
#include "dkim/key.h"
#include "dns/name.h"
#include "mail/message.h"

#include <assert.h>

enum { MAIL_MAX = 64 * 1024, RSA_BITS_WANTED = 2048 /* RFC 8301 3.2 */ };

static const char *const key_words[] = {
    [CHECK_KEY_NONE] = "none",
    [CHECK_KEY_GOOD] = "good",
    [CHECK_KEY_MISSING] = "missing",
    [CHECK_KEY_OTHER] = "other",
    [CHECK_KEY_BROKEN] = "broken",
    [CHECK_KEY_UNKNOWN] = "unknown",
};
static_assert(sizeof key_words / sizeof *key_words == CHECK_KEY_UNKNOWN + 1,
    "a word each");
const struct names check_key_names = NAMES(key_words);

static const char *const conclusion_words[] = {
    [CHECK_BY_BOTH] = "dkim and spf",
    [CHECK_BY_DKIM] = "dkim",
    [CHECK_BY_SPF] = "spf",
    [CHECK_BY_MTA] = "only if the mta signs",
    [CHECK_FAILS] = "fail",
    [CHECK_UNKNOWN] = "unknown",
};
static_assert(
    sizeof conclusion_words / sizeof *conclusion_words == CHECK_UNKNOWN + 1,
    "a word each");
const struct names check_conclusion_names = NAMES(conclusion_words);

struct examination {
	const struct check_options *options;
	struct resolver *resolver;
	struct arena *arena;
	struct check *check;
	struct text mail;
};

static const struct config *
config_of(const struct examination *exam)
{
	return exam->options->setup->config;
}

static int64_t
deadline(const struct examination *exam)
{
	return resolver_deadline(
	    exam->resolver, config_of(exam)->message_timeout);
}

static void PRINTF_LIKE(2, 3)
    advise(struct examination *exam, const char *format, ...)
{
	struct text *line = vec_push(exam->arena, &exam->check->advice);
	struct build build;
	va_list values;

	if (line == NULL)
		return;
	build_init_arena(&build, exam->arena, MAIL_MAX);
	va_start(values, format);
	build_vformat(&build, format, values);
	va_end(values);
	*line = build_view(&build);
}

/* --- the published key --- */

static struct text
record_of(struct arena *arena, const struct crypto_secret *secret)
{
	struct build record;
	bool is_rsa = crypto_key_algorithm(crypto_secret_key(secret)) ==
		      CRYPTO_RSA_SHA256;

	build_init_arena(&record, arena, MAIL_MAX);
	build_format(&record, "v=DKIM1; k=%s; p=", is_rsa ? "rsa" : "ed25519");
	base64_write(&record, crypto_secret_public(secret), 0);
	return build_view(&record);
}

static const struct dns_answer *
ask(const struct examination *exam, struct dns_facts *facts, struct text name)
{
	int64_t until = deadline(exam);

	for (;;) {
		dns_facts_begin_pass(facts, DNS_SHARE_DKIM);
		const struct dns_answer *answer = dns_ask(facts, name, DNS_TXT);
		if (!dns_facts_missed(facts))
			return answer;
		(void)resolver_answer_wanted(exam->resolver, facts, until);
	}
}

/* What it signs is what the other verifies: then they belong together. */
static bool
belongs(struct arena *arena, const struct crypto_secret *secret,
    const struct crypto_key *key)
{
	const struct sha256 digest = {{1}};
	struct text signature;

	return crypto_key_algorithm(key) ==
		   crypto_key_algorithm(crypto_secret_key(secret)) &&
	       crypto_sign(secret, arena, &digest, &signature) &&
	       crypto_verify(key, &digest, signature) == CRYPTO_GOOD;
}

static void
compare_key(struct examination *exam, struct text record)
{
	struct check *check = exam->check;
	const struct dkim_key key = dkim_key_read(exam->arena, record);

	if (check->key == CHECK_KEY_GOOD)
		return;
	if (key.problem != NULL) {
		check->key = CHECK_KEY_BROKEN;
		check->key_problem = text_from_cstr(key.problem);
	} else if (belongs(exam->arena, check->sender.signer.secret, key.key)) {
		check->key = CHECK_KEY_GOOD;
		check->key_is_testing = key.is_testing;
	} else {
		check->key = CHECK_KEY_OTHER;
	}
}

static void
examine_answer(struct examination *exam, const struct dns_answer *answer)
{
	bool is_known = answer->status != DNS_FAILED;

	exam->check->key = is_known ? CHECK_KEY_MISSING : CHECK_KEY_UNKNOWN;
	for (size_t i = 0; i < answer->count && i < DKIM_KEYS_MAX; i++)
		compare_key(exam, answer->records[i].text);
}

static void
examine_key(struct examination *exam)
{
	struct check *check = exam->check;
	const struct dkim_signer *signer = &check->sender.signer;

	if (signer->secret == NULL)
		return;
	check->key_name = signing_record_name(exam->arena, signer);
	check->key_record = record_of(exam->arena, signer->secret);
	struct dns_facts *facts = dns_facts_new(exam->arena);
	if (facts != NULL)
		examine_answer(exam, ask(exam, facts, check->key_name));
}

/* --- a report, as a receiver judges it --- */

static void
take_header(void *context, const struct mail_header *header)
{
	checks_header(context, header);
	checks_end_of_header(context);
}

static void
take_body(void *context, struct text piece)
{
	checks_body(context, piece);
}

/* NULL: no memory. */
static const struct verdict *
judge_in(
    struct examination *exam, const struct ip *address, struct arena *arena)
{
	struct checks_options options = exam->options->setup->checks;
	const struct envelope envelope = {
	    .client = *address,
	    .helo = exam->check->helo,
	    .mail_from = exam->check->sender.envelope,
	    .receiver = TEXT("receiver"),
	    .now = exam->options->now,
	};

	options.source = AUTHENTICATION_SELF;
	struct checks *checks = checks_new(arena, &options, &envelope);
	const struct mail_message_sink sink = {take_header, take_body, checks};
	struct mail_message *message = mail_message_new(arena, &sink);
	if (checks == NULL || message == NULL)
		return NULL;
	mail_message_feed(message, exam->mail);
	if (!mail_message_finish(message))
		return NULL;
	checks_end_of_body(checks);
	int64_t until = deadline(exam);
	while (!checks_run(checks))
		(void)resolver_answer_wanted(
		    exam->resolver, checks_facts(checks), until);
	return checks_verdict(checks);
}

/* Several are none (RFC 9989 4.10); of those above only the lack matters. */
static struct text
find_ambiguous(const struct dmarc_discovery *found)
{
	for (size_t i = 0; i < found->walk.count; i++) {
		const struct dmarc_step *step = &found->walk.steps[i];
		if (step->records > 1 && (i == 0 || found->record == NULL))
			return step->name;
	}
	return TEXT("");
}

static void
note_policy(struct examination *exam, const struct dmarc_discovery *found)
{
	struct check *check = exam->check;

	check->discovery = found->status;
	check->policy = dmarc_discovery_policy(found);
	check->policy_domain = arena_copy(exam->arena, found->policy_domain);
	check->organizational_domain =
	    arena_copy(exam->arena, found->organizational_domain);
	check->ambiguous = arena_copy(exam->arena, find_ambiguous(found));
	if (found->record == NULL)
		return;
	check->policy_record = arena_copy(exam->arena, found->record->text);
	check->strict_dkim = found->record->strict_dkim;
}

static void
note_route(struct examination *exam, const struct ip *address,
    const struct verdict *verdict)
{
	struct check_route *route = vec_push(exam->arena, &exam->check->routes);

	if (route == NULL)
		return;
	*route = (struct check_route){
	    .address = *address,
	    .dmarc = verdict->dmarc.result,
	    .spf = verdict->spf.result,
	    .spf_domain = arena_copy(exam->arena, verdict->spf.domain),
	    .spf_reason = arena_copy(exam->arena, verdict->spf.reason),
	    .spf_aligned = verdict->dmarc.spf_aligned,
	    .dkim_aligned = verdict->dmarc.dkim_aligned,
	};
}

static bool
judge(struct examination *exam, const struct ip *address)
{
	struct arena *arena = arena_new(MESSAGE_ARENA_MAX);
	const struct verdict *verdict =
	    arena == NULL ? NULL : judge_in(exam, address, arena);

	if (verdict != NULL) {
		note_policy(exam, &verdict->discovery);
		note_route(exam, address, verdict);
	}
	arena_free(arena);
	return verdict != NULL && !arena_failed(exam->arena);
}

static bool
judge_all(struct examination *exam)
{
	static const struct ip unknown = {.version = 0};

	if (exam->options->addresses == 0)
		return judge(exam, &unknown);
	for (size_t i = 0; i < exam->options->addresses; i++)
		if (!judge(exam, &exam->options->address[i]))
			return false;
	return true;
}

/* --- what follows --- */

static enum check_conclusion
conclude(const struct check *check)
{
	size_t dkim = 0;
	size_t spf = 0;
	size_t passes = 0;
	size_t unknown = 0;

	for (size_t i = 0; i < check->routes.count; i++) {
		const struct check_route *route = &check->routes.at[i];
		dkim += route->dkim_aligned;
		spf += route->spf_aligned;
		passes += route->dmarc == DMARC_PASS;
		unknown += route->dmarc == DMARC_TEMPERROR;
	}
	if (unknown > 0)
		return CHECK_UNKNOWN;
	if (passes == check->routes.count)
		return dkim < passes  ? CHECK_BY_SPF
		       : spf < passes ? CHECK_BY_DKIM
				      : CHECK_BY_BOTH;
	bool has_record = check->discovery == DMARC_DISCOVERY_FOUND ||
			  check->discovery == DMARC_DISCOVERY_AS_NONE;
	return check->key == CHECK_KEY_NONE && has_record ? CHECK_BY_MTA
							  : CHECK_FAILS;
}

static void
advise_policy(struct examination *exam)
{
	const struct check *check = exam->check;
	struct text domain = check->sender.self.receiver;

	if (check->ambiguous.len > 0)
		advise(exam,
		    "several DMARC records at " TEXT_FMT
		    ", so none counts: leave one",
		    TEXT_ARG(check->ambiguous));
	switch (check->discovery) {
	case DMARC_DISCOVERY_NONE:
		if (check->ambiguous.len > 0)
			break;
		advise(exam,
		    "no DMARC record covers " TEXT_FMT
		    ": publish _dmarc." TEXT_FMT " TXT \"v=DMARC1; p=none\"",
		    TEXT_ARG(domain), TEXT_ARG(domain));
		break;
	case DMARC_DISCOVERY_AS_NONE:
	case DMARC_DISCOVERY_UNUSABLE:
		advise(exam,
		    "the DMARC record at " TEXT_FMT " is broken: see dmarc"
		    " lookup " TEXT_FMT,
		    TEXT_ARG(check->policy_domain), TEXT_ARG(domain));
		break;
	case DMARC_DISCOVERY_TEMPERROR:
		advise(exam,
		    "DNS does not say which DMARC record covers " TEXT_FMT,
		    TEXT_ARG(domain));
		break;
	case DMARC_DISCOVERY_FOUND: break;
	}
}

static void
advise_strength(struct examination *exam)
{
	const struct crypto_key *key =
	    crypto_secret_key(exam->check->sender.signer.secret);

	if (crypto_key_algorithm(key) == CRYPTO_ED25519_SHA256)
		advise(exam, "not every receiver verifies Ed25519 (RFC 8463);"
			     " RSA reaches all");
	else if (crypto_key_bits(key) < RSA_BITS_WANTED)
		advise(exam, "the key has %u bits; RFC 8301 wants %d or more",
		    crypto_key_bits(key), RSA_BITS_WANTED);
}

static void
advise_alignment(struct examination *exam)
{
	const struct check *check = exam->check;
	struct text own = check->sender.self.receiver;
	struct text signer = check->sender.signer.domain;
	bool may_align = check->strict_dkim ? text_equal_nocase(signer, own)
					    : dns_name_is_at_or_below(signer,
						  check->organizational_domain);

	if (!may_align)
		advise(exam,
		    "d=" TEXT_FMT " is not aligned with " TEXT_FMT
		    "%s: set ReportSigningDomain " TEXT_FMT
		    ", and publish the key there",
		    TEXT_ARG(signer), TEXT_ARG(own),
		    check->strict_dkim ? ", as the record has adkim=s" : "",
		    TEXT_ARG(own));
}

static void
advise_key(struct examination *exam)
{
	const struct check *check = exam->check;
	struct text name = check->key_name;

	switch (check->key) {
	case CHECK_KEY_NONE:
		advise(exam,
		    "set ReportSigningKey, or see to it that the MTA"
		    " signs mail of " TEXT_FMT,
		    TEXT_ARG(check->sender.self.receiver));
		return;
	case CHECK_KEY_GOOD:
		if (check->key_is_testing)
			advise(exam,
			    TEXT_FMT " says t=y, a test: receivers may"
				     " treat the mail as unsigned",
			    TEXT_ARG(name));
		break;
	case CHECK_KEY_MISSING:
		advise(exam,
		    "nothing is published at " TEXT_FMT
		    ": publish the record below",
		    TEXT_ARG(name));
		break;
	case CHECK_KEY_OTHER:
		advise(exam,
		    "the record at " TEXT_FMT " is of another key:"
		    " publish the one below, or take another selector",
		    TEXT_ARG(name));
		break;
	case CHECK_KEY_BROKEN:
		advise(exam,
		    "the record at " TEXT_FMT " cannot be used (" TEXT_FMT
		    "): publish the one below",
		    TEXT_ARG(name), TEXT_ARG(check->key_problem));
		break;
	case CHECK_KEY_UNKNOWN:
		advise(exam, "DNS does not say what is published at " TEXT_FMT,
		    TEXT_ARG(name));
		break;
	}
	advise_alignment(exam);
	advise_strength(exam);
}

static const char *
spf_identity(const struct check *check)
{
	return check->sender.envelope.len > 0
		   ? "the envelope sender's domain"
		   : "the relay's name at HELO, as the envelope sender is null";
}

/* SPF did not pass, though it could count. */
static void
advise_spf(struct examination *exam, const struct check_route *route)
{
	const char *result = names_word(&spf_result_names, (int)route->spf);
	char ip[IP_TEXT_MAX];

	(void)ip_cstr(&route->address, ip);
	if (route->spf == SPF_TEMPERROR || route->spf == SPF_PERMERROR)
		advise(exam, "SPF is %s for %s: " TEXT_FMT, result, ip,
		    TEXT_ARG(route->spf_reason));
	else
		advise(exam,
		    "SPF is %s for %s: add ip%d:%s to the SPF record of " TEXT_FMT
		    ", %s",
		    result, ip, route->address.version, ip,
		    TEXT_ARG(route->spf_domain), spf_identity(exam->check));
}

static void
advise_route(struct examination *exam, const struct check_route *route)
{
	const struct check *check = exam->check;
	bool may_align = dns_name_is_at_or_below(
	    route->spf_domain, check->organizational_domain);

	if (route->address.version == 0)
		advise(exam, "the address that reports come from is not known,"
			     " so SPF was not checked: give it with --ip");
	else if (route->spf_domain.len == 0)
		advise(exam, "SPF has nothing to check: give the name that the"
			     " relay says at HELO with --helo");
	else if (!may_align || (route->spf == SPF_PASS && !route->spf_aligned))
		advise(exam,
		    "SPF cannot count: " TEXT_FMT
		    ", %s, is not aligned with " TEXT_FMT
		    "; ReportEnvelopeFrom could name an address there",
		    TEXT_ARG(route->spf_domain), spf_identity(check),
		    TEXT_ARG(check->sender.self.receiver));
	else if (route->spf != SPF_PASS)
		advise_spf(exam, route);
}

static bool
examine(struct examination *exam)
{
	struct check *check = exam->check;

	examine_key(exam);
	if (!judge_all(exam))
		return false;
	check->conclusion = conclude(check);
	advise_policy(exam);
	if (check->conclusion != CHECK_BY_SPF || check->key != CHECK_KEY_NONE)
		advise_key(exam);
	for (size_t i = 0; i < check->routes.count; i++)
		advise_route(exam, &check->routes.at[i]);
	return !arena_failed(exam->arena);
}

static bool
compose(struct examination *exam)
{
	int64_t begin = exam->options->now - DAY;
	struct sender *sender = &exam->check->sender;
	const struct store_report report = {
	    .id = TEXT("check"),
	    .policy = {.domain = sender->self.receiver},
	    .begin = begin,
	    .end = exam->options->now - 1,
	};
	struct build mail;

	build_init_arena(&mail, exam->arena, MAIL_MAX);
	bool done =
	    compose_mail(&mail, sender, &report, TEXT(""), sender->self.email);
	exam->mail = build_view(&mail);
	return done;
}

bool
check_reports(const struct check_options *options, struct resolver *resolver,
    struct arena *arena, struct check *ret_check, struct problem *ret_problem)
{
	const struct config *config = options->setup->config;
	struct check check = {.helo = options->helo};
	struct examination exam = {options, resolver, arena, &check, TEXT("")};

	if (!compose_sender(arena, config, &check.sender, ret_problem))
		return false;
	if (check.sender.self.email.len == 0)
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "ReportEmail is not set, so no report is sent");
	if (!signing_read(arena, config, check.sender.self.receiver,
		&check.sender.signer, ret_problem))
		return false;
	if (!compose(&exam) || !examine(&exam))
		return problem_no_memory(ret_problem);
	*ret_check = check;
	return true;
}
