/* Promise 1: never a false pass. Random zones, envelopes and signed messages;
 * a pass must be justified by a passing identifier that is aligned in the eyes
 * of a second, simpler reading of RFC 9989 4.10 below, and a fail must not have
 * had one. The verdict may not depend on when answers come, and closing early
 * never gives a pass that the full run does not give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../dkim/sign.h"
#include "dns/name.h"
#include "judge.h"

enum { ROUNDS = 1500 };

#define DOMAINS 10
static const char *const domains[DOMAINS] = {
    "com",
    "example.com",
    "a.example.com",
    "x.a.example.com",
    "b.example.com",
    "other.com",
    "bank.example",
    "giant.bank.example",
    "mail.giant.bank.example",
    "mega.bank.example",
};

static const char *const dmarc_records[] = {
    NULL,
    NULL,
    NULL,
    "TXT \"v=DMARC1; p=reject\"",
    "TXT \"v=DMARC1; p=quarantine; sp=reject; t=y\"",
    "TXT \"v=DMARC1; p=none; np=reject\"",
    "TXT \"v=DMARC1; p=reject; adkim=s; aspf=s\"",
    "TXT \"v=DMARC1; p=reject; adkim=s\"",
    "TXT \"v=DMARC1; p=reject; psd=y\"",
    "TXT \"v=DMARC1; p=reject; psd=n\"",
    "TXT \"v=DMARC1; p=oops; rua=mailto:a@example.com\"",
    "TXT \"v=DMARC1; p=oops\"",
    "TXT \"v=DMARC1x; p=reject; psd=n\"",
    "SERVFAIL",
};

static const char *const spf_records[] = {
    NULL,
    "TXT \"v=spf1 ip4:192.0.2.1 -all\"",
    "TXT \"v=spf1 ip4:192.0.2.2 -all\"",
    "TXT \"v=spf1 include:a.example.com ~all\"",
    "TXT \"v=spf1 redirect=b.example.com\"",
    "TXT \"v=spf1 nonsense\"",
    "TXT \"v=spf1 exists:%{d}.spf.example -all\"",
    "SERVFAIL",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct signer signer;
static const char *signatures[DOMAINS][DOMAINS]; /* author, then d= */

static int
prepare(void **state)
{
	(void)state;
	signer_init(&signer);
	for (size_t author = 0; author < DOMAINS; author++) {
		for (size_t d = 0; d < DOMAINS; d++) {
			struct mail_header header = {.bytes = 0};
			struct sign_options options = {
			    .key = SIGN_ED25519,
			    .domain = domains[d],
			    .tags = "c=relaxed/relaxed; h=from",
			    .body = "Hello\r\n",
			};
			assert_true(mail_header_add_raw(&header, signer.arena,
			    arena_format(
				signer.arena, "From: x@%s", domains[author])));
			signatures[author][d] = arena_cstr(signer.arena,
			    signer_sign(&signer, &header, &options));
		}
	}
	return 0;
}

static int
clean(void **state)
{
	(void)state;
	signer_free(&signer);
	return 0;
}

static unsigned
draw(unsigned *random, size_t count)
{
	*random = *random * 1664525U + 1013904223U;
	return (*random >> 10) % (unsigned)count;
}

/* --- a random world --- */

static void
add_line(struct build *text, const char *prefix, const char *domain,
    const char *data)
{
	if (data != NULL)
		build_format(text, "%s%s %s\n", prefix, domain, data);
}

static struct dns_zone *
draw_zone(unsigned *random)
{
	struct text key = signer_public(&signer, SIGN_ED25519);
	struct build text;

	build_init(&text, 65536);
	for (size_t i = 0; i < DOMAINS; i++) {
		const char *dmarc =
		    dmarc_records[draw(random, COUNT(dmarc_records))];
		add_line(&text, "_dmarc.", domains[i], dmarc);
		/* Sometimes a second one, so that none counts. */
		if (dmarc != NULL && dmarc[0] == 'T' && draw(random, 8) == 0)
			add_line(&text, "_dmarc.", domains[i],
			    "TXT \"v=DMARC1; p=none\"");
		add_line(&text, "", domains[i],
		    spf_records[draw(random, COUNT(spf_records))]);
		if (draw(random, 6) == 0)
			add_line(
			    &text, "s._domainkey.", domains[i], "SERVFAIL");
		else if (draw(random, 6) > 0)
			build_format(&text,
			    "s._domainkey.%s TXT \"k=ed25519; p=" TEXT_FMT
			    "\"\n",
			    domains[i], TEXT_ARG(key));
	}
	struct dns_zone *zone = judge_zone(build_view(&text));
	build_free(&text);
	return zone;
}

static struct text
draw_message(unsigned *random)
{
	size_t author = draw(random, DOMAINS);
	struct build text;

	build_init_arena(&text, signer.arena, 65536);
	for (unsigned n = draw(random, 3); n > 0; n--) {
		size_t d = draw(random, DOMAINS);
		build_format(&text, "%s\r\n", signatures[author][d]);
	}
	if (draw(random, 5) == 0)
		build_cstr(&text, "List-Id: <l.example>\r\n");
	build_format(&text, "From: x@%s\r\n", domains[author]);
	if (draw(random, 12) == 0)
		build_format(&text, "From: x@%s\r\n", domains[0]);
	build_cstr(
	    &text, draw(random, 4) == 0 ? "\r\nOther\r\n" : "\r\nHello\r\n");
	return build_view(&text);
}

static void
draw_judge(
    struct judge *judge, const struct suffix_list *list, unsigned *random)
{
	judge_init(judge);
	judge->options.explain = false;
	if (list != NULL && draw(random, 4) == 0)
		judge->options.dmarc = (struct dmarc_options){DMARC_PSL, list};
	judge->options.disposition.enforce = (enum enforce)draw(random, 4);
	judge->options.disposition.hold_quarantined = draw(random, 2) == 0;
	judge->envelope.client.byte[3] = (uint8_t)(1 + draw(random, 2));
	judge->envelope.helo = text_from_cstr(domains[draw(random, DOMAINS)]);
	judge->envelope.mail_from = draw(random, 6) == 0
					? TEXT("<>")
					: arena_format(signer.arena, "<b@%s>",
					      domains[draw(random, DOMAINS)]);
}

/* --- the second reading --- */

/* What stands at _dmarc.NAME: NULL, or the one record's text. */
static bool
published(const struct dns_zone *zone, struct text name, struct text *ret_text)
{
	struct arena *arena = arena_new(4096);
	struct dns_question question = {
	    arena_join(arena, TEXT("_dmarc."), name), DNS_TXT};
	struct dns_answer *answer = dns_zone_answer(zone, &question);
	unsigned count = 0;

	for (size_t i = 0; i < answer->count; i++) {
		if (!text_starts(answer->records[i].text, TEXT("v=DMARC1;")))
			continue;
		*ret_text = arena_copy(signer.arena, answer->records[i].text);
		count++;
	}
	dns_answer_unref(answer);
	arena_free(arena);
	return count == 1;
}

static bool
has(struct text text, const char *part)
{
	return text_find_part(text, text_from_cstr(part)) < text.len;
}

/* RFC 9989 4.10.2; no name here has more than eight labels. */
static struct text
organization(const struct dns_zone *zone, struct text domain)
{
	struct text best = domain;
	struct text below = domain;
	struct text record;

	for (struct text name = domain; name.len > 0;
	     below = name, name = dns_name_parent(name)) {
		if (!published(zone, name, &record))
			continue;
		if (has(record, "psd=n"))
			return name;
		if (has(record, "psd=y"))
			return name.len == domain.len ? domain : below;
		best = name;
	}
	return best;
}

static bool
is_aligned(const struct judge *judge, const struct verdict *verdict,
    struct text domain, bool is_strict)
{
	const struct dmarc_options *options = &judge->options.dmarc;
	struct text author = verdict->author.domain;

	if (text_equal(domain, author))
		return true;
	if (is_strict)
		return false;
	if (options->method == DMARC_PSL)
		return text_equal(
		    suffix_organizational_domain(options->suffixes, domain),
		    suffix_organizational_domain(options->suffixes, author));
	return text_equal(organization(judge->zone, domain),
	    organization(judge->zone, author));
}

/* Is there a passing, aligned identifier? */
static bool
is_justified(const struct judge *judge, const struct verdict *verdict)
{
	const struct dmarc_record *record = verdict->discovery.record;
	bool found = false;

	if (record == NULL)
		return false;
	if (verdict->spf.result == SPF_PASS)
		found = is_aligned(judge, verdict, verdict->spf.domain,
		    has(record->text, "aspf=s"));
	for (size_t i = 0; i < verdict->dkim.count; i++)
		if (verdict->dkim.at[i].result == DKIM_PASS)
			found |= is_aligned(judge, verdict,
			    verdict->dkim.at[i].domain,
			    has(record->text, "adkim=s"));
	return found;
}

/* --- what must hold --- */

static unsigned counted[5]; /* DMARC results, so that all were seen */

static void
assert_sound(const struct judge *judge, const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;

	if (verdict->dmarc.result == DMARC_PASS) {
		assert_int_equal(verdict->author.status, AUTHOR_OK);
		assert_true(is_justified(judge, verdict));
		assert_int_equal(disposition->action, DISPOSITION_NONE);
	}
	if (verdict->dmarc.result == DMARC_FAIL)
		assert_false(is_justified(judge, verdict));
	if (judge->options.disposition.enforce == ENFORCE_MONITOR)
		assert_int_equal(disposition->action, DISPOSITION_NONE);
	if (judge->options.disposition.enforce == ENFORCE_QUARANTINE)
		assert_int_not_equal(disposition->action, DISPOSITION_REJECT);
	/* Nothing that a stranger can claim lets a refused message in. */
	if (verdict->dmarc.result == DMARC_FAIL &&
	    verdict->dmarc.policy == DMARC_POLICY_REJECT &&
	    judge->options.disposition.enforce == ENFORCE_CONSIDERED)
		assert_true(disposition->action == DISPOSITION_REJECT ||
			    disposition->hold);
	/* RFC 9989 4.10.1: without a record DMARC is not applied. */
	if (verdict->author.status == AUTHOR_OK &&
	    verdict->dmarc.result == DMARC_NONE)
		assert_int_equal(disposition->action, DISPOSITION_NONE);
	counted[verdict->dmarc.result]++;
}

static void
run_round(const struct suffix_list *list, unsigned seed)
{
	unsigned random = seed * 2654435761U + 1;
	struct dns_zone *zone = draw_zone(&random);
	struct text message = draw_message(&random);
	struct judge judge;
	struct text field = TEXT("");
	bool has_passed = false;

	draw_judge(&judge, list, &random);
	judge.zone = zone;
	for (int order = ORDER_AT_ONCE; order <= ORDER_CLOSED_EARLY; order++) {
		judge.order = (enum order)order;
		judge.seed = seed;
		const struct verdict *verdict = judge_message(&judge, message);
		assert_non_null(verdict);
		bool passes = verdict->dmarc.result == DMARC_PASS;
		if (order == ORDER_AT_ONCE) {
			assert_sound(&judge, verdict);
			has_passed = passes;
			field = arena_copy(
			    signer.arena, verdict->authentication_results);
		} else if (order == ORDER_RANDOM) {
			assert_true(
			    text_equal(field, verdict->authentication_results));
		}
		assert_true(has_passed || !passes);
		judge_close(&judge);
	}
	dns_zone_free(zone);
}

static void
test_no_false_pass(void **state)
{
	struct suffix_list *list = suffix_list_builtin();

	(void)state;
	for (unsigned seed = 0; seed < ROUNDS; seed++)
		run_round(list, seed);
	suffix_list_free(list);
	print_message("# none %u, pass %u, fail %u, temperror %u, permerror "
		      "%u\n",
	    counted[DMARC_NONE], counted[DMARC_PASS], counted[DMARC_FAIL],
	    counted[DMARC_TEMPERROR], counted[DMARC_PERMERROR]);
	for (size_t i = 0; i < COUNT(counted); i++)
		assert_true(counted[i] > ROUNDS / 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_false_pass),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
