/* Attacks on a domain with p=reject, by somebody who has one real mail of it,
 * a domain and DNS of his own, and any client. None may get less than a reject
 * but by being held, with HoldQuarantinedMessages, or by being deferred. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../dkim/signer.h"
#include "judge.h"

static struct signer signer;
static struct dns_zone *zone;

static const char records[] =
    "_dmarc.bank.example TXT \"v=DMARC1; p=reject\"\n"
    "bank.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "slow._domainkey.bank.example TIMEOUT\n"
    "broken._domainkey.bank.example SERVFAIL\n"
    "slow._domainkey.sub.bank.example TIMEOUT\n"
    "slow._domainkey.attacker.example TIMEOUT\n"
    "_dmarc.tenant.bank.example TXT \"v=DMARC1; p=none; psd=n\"\n"
    "friend.example TXT \"v=spf1 ip4:192.0.2.10 -all\"\n"
    "attacker.example TXT \"v=spf1 ip4:192.0.2.66 -all\"\n";

static int
set_up(void **state)
{
	struct build text;

	(void)state;
	signer_init(&signer);
	build_init_arena(&text, signer.arena, 65536);
	build_cstr(&text, records);
	build_text(&text,
	    signer_record(&signer, "s._domainkey.bank.example", "", SIGN_RSA));
	build_text(&text, signer_record(&signer,
			      "s._domainkey.news.bank.example", "", SIGN_RSA));
	build_text(
	    &text, signer_record(&signer, "s._domainkey.attacker.example", "",
		       SIGN_OTHER_RSA));
	build_text(
	    &text, signer_record(&signer, "s._domainkey.tenant.bank.example",
		       "", SIGN_OTHER_RSA));
	zone = order_zone(build_view(&text));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	dns_zone_free(zone);
	signer_free(&signer);
	return 0;
}

/* --- messages --- */

#define FROM    "From: Bank <info@bank.example>\r\n"
#define SUBJECT "Subject: Your account\r\n"
#define TYPE    "Content-Type: text/plain; charset=utf-8\r\n"
#define CTE     "Content-Transfer-Encoding: "
#define REAL    FROM SUBJECT TYPE CTE "8bit\r\n"
#define TAGGED  FROM "Subject: [l] Your account\r\n" TYPE CTE "8bit\r\n"
#define BODY    "Dear customer,\r\nall is well.\r\n"
#define PHISH   "Log in at evil.example now.\r\n"
#define ALL                                                                    \
 "c=relaxed/relaxed; h=from:subject:content-type:content-transfer-encoding"

static struct text
sign(const char *domain, enum sign_key key, const char *tags,
    const char *fields, const char *body)
{
	const struct sign_options options = {
	    .key = key, .domain = domain, .tags = tags, .body = body};
	struct mail_header header = {0};
	struct text rest = text_from_cstr(fields);

	while (rest.len > 0) {
		struct text field = text_split(&rest, '\n');
		field = text_slice(field, 0, field.len - 1); /* CR */
		assert_true(mail_header_add_raw(&header, signer.arena, field));
	}
	return arena_join(signer.arena, signer_sign(&signer, &header, &options),
	    TEXT("\r\n"));
}

/* The bank's signature over the real mail. */
static struct text
real_signature(void)
{
	return sign("bank.example", SIGN_RSA, ALL, REAL, BODY);
}

static struct text
compose(struct text signatures, const char *fields, const char *body)
{
	return arena_join(signer.arena, signatures,
	    arena_format(signer.arena, "%s\r\n%s", fields, body));
}

#define ARC                                                                    \
 "ARC-Seal: i=1; a=rsa-sha256; t=1; cv=none; d=attacker.example; s=s; "        \
 "b=AAAA\r\n"                                                                  \
 "ARC-Message-Signature: i=1; a=rsa-sha256; d=attacker.example; s=s; "         \
 "h=from; bh=AAAA; b=AAAA\r\n"                                                 \
 "ARC-Authentication-Results: i=1; mx.example.org; dmarc=pass "                \
 "header.from=bank.example; dkim=pass header.d=bank.example\r\n"

/* COUNT fields that claim to be of DOMAIN. */
static struct text
junk(const char *domain, const char *selector, size_t count)
{
	struct build build;

	build_init_arena(&build, signer.arena, 1 << 20);
	for (size_t i = 0; i < count; i++)
		build_format(&build,
		    "DKIM-Signature: v=1; a=rsa-sha256; d=%s; s=%s%zu; "
		    "h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; "
		    "b=AAAA\r\n",
		    domain, selector, i);
	return build_view(&build);
}

static struct text
with_key(const char *domain, const char *selector)
{
	struct text field = junk(domain, selector, 1);
	size_t digit = text_find_part(field, TEXT("0; h="));

	return arena_join(signer.arena, text_slice(field, 0, digit),
	    text_slice(field, digit + 1, field.len));
}

static struct text
make_plain(void)
{
	return compose(TEXT(""), REAL, PHISH);
}

static struct text
make_self_signed_list(void)
{
	const char *fields = "List-Id: <l.attacker.example>\r\n" REAL;

	return compose(
	    sign("attacker.example", SIGN_OTHER_RSA, NULL, fields, PHISH),
	    fields, PHISH);
}

static struct text
make_replaced_body(void)
{
	return compose(real_signature(), REAL, PHISH);
}

static struct text
make_appended(void)
{
	return compose(real_signature(), REAL, BODY PHISH);
}

static struct text
make_appended_and_tag(void)
{
	return compose(real_signature(), TAGGED, BODY PHISH);
}

static struct text
make_appended_and_list(void)
{
	const char *fields = "List-Id: <l.attacker.example>\r\n" REAL;

	return compose(arena_join(signer.arena,
			   sign("attacker.example", SIGN_OTHER_RSA, NULL,
			       fields, BODY PHISH),
			   real_signature()),
	    fields, BODY PHISH);
}

/* Below the bank, and an organization of its own (RFC 9989 4.7, psd=n). */
static struct text
make_tag_of_tenant(void)
{
	return compose(
	    sign("tenant.bank.example", SIGN_OTHER_RSA, ALL, REAL, PHISH),
	    TAGGED, PHISH);
}

static struct text
make_appended_of_tenant(void)
{
	return compose(
	    sign("tenant.bank.example", SIGN_OTHER_RSA, ALL, REAL, BODY), REAL,
	    BODY PHISH);
}

static struct text
make_tag_with_link(void)
{
	return compose(real_signature(),
	    FROM "Subject: [evil.example] Your account\r\n" TYPE CTE "8bit\r\n",
	    BODY);
}

static struct text
make_other_subject(void)
{
	return compose(real_signature(),
	    FROM "Subject: Call 0900 now\r\n" TYPE CTE "8bit\r\n", BODY);
}

/* Undoing the harmless must not make us blind to what stands above. */
static struct text
make_covered_and_tag(void)
{
	return compose(real_signature(),
	    "Content-Type: text/html; charset=utf-7\r\n" FROM
	    "Subject: [l] Your account\r\n" TYPE CTE "8bit\r\n",
	    BODY);
}

static struct text
make_covered_and_recoded(void)
{
	return compose(real_signature(),
	    "Subject: Call 0900 now\r\n" FROM SUBJECT TYPE CTE "base64\r\n",
	    "RGVhciBjdXN0b21lciwNCmFsbCBpcyB3ZWxsLg0K\r\n");
}

static struct text
make_recoded_and_text(void)
{
	return compose(real_signature(),
	    FROM SUBJECT TYPE CTE "quoted-printable\r\n", BODY PHISH);
}

/* Lenient decoders skip what is no base64; another reader shows it. */
static struct text
make_hidden_in_base64(void)
{
	return compose(real_signature(), FROM SUBJECT TYPE CTE "base64\r\n",
	    "RGVhciBjdXN0b21lciwNCmFsbCBpcyB3ZWxsLg0K\r\n\r\n-- " PHISH);
}

static struct text
make_other_charset(void)
{
	return compose(real_signature(),
	    FROM SUBJECT "Content-Type: text/html; charset=utf-7\r\n" CTE
			 "quoted-printable\r\n",
	    BODY);
}

static struct text
make_length(void)
{
	return compose(
	    sign("bank.example", SIGN_RSA,
		"c=relaxed/relaxed; h=from:subject; l=30", REAL, BODY),
	    REAL, BODY PHISH);
}

static struct text
make_expired(void)
{
	return compose(
	    sign("bank.example", SIGN_RSA,
		"c=relaxed/relaxed; h=from:subject; x=1000", REAL, BODY),
	    REAL, BODY);
}

static struct text
make_arc(void)
{
	return compose(TEXT(""), ARC REAL, PHISH);
}

static struct text
make_slow_key(void)
{
	return compose(with_key("bank.example", "slow"), REAL, PHISH);
}

static struct text
make_broken_key(void)
{
	return compose(with_key("bank.example", "broken"), REAL, PHISH);
}

static struct text
make_slow_key_below(void)
{
	return compose(with_key("sub.bank.example", "slow"), REAL, PHISH);
}

static struct text
make_own_slow_key(void)
{
	return compose(with_key("attacker.example", "slow"), REAL, PHISH);
}

static struct text
make_junk_before(void)
{
	return compose(
	    arena_join(signer.arena, junk("attacker.example", "j", 200),
		real_signature()),
	    REAL, PHISH);
}

static struct text
make_junk_after(void)
{
	return compose(arena_join(signer.arena, real_signature(),
			   junk("attacker.example", "j", 200)),
	    REAL, PHISH);
}

static struct text
make_junk_of_the_bank(void)
{
	return compose(arena_join(signer.arena, real_signature(),
			   junk("bank.example", "j", 200)),
	    REAL, BODY PHISH);
}

static struct text
make_junk_and_slow_key(void)
{
	return compose(arena_join(signer.arena, junk("bank.example", "j", 10),
			   with_key("bank.example", "slow")),
	    REAL, PHISH);
}

/* --- what becomes of them --- */

static const struct row {
	const char *name;
	struct text (*make)(void);
	const char *held; /* with HoldQuarantinedMessages */
	const char *not_held;
} rows[] = {
    {"nothing but the name", make_plain, "fail reject none",
	"fail reject none"},
    {"a self-signed List-Id", make_self_signed_list,
	"fail quarantine mailing_list held", "fail reject none"},
    {"a real mail, body replaced", make_replaced_body,
	"fail quarantine other held", "fail reject none"},
    {"a real mail, text appended", make_appended,
	"fail quarantine mailing_list held", "fail reject none"},
    {"text appended and a Subject tag", make_appended_and_tag,
	"fail quarantine mailing_list held", "fail reject none"},
    {"text appended and a list", make_appended_and_list,
	"fail quarantine mailing_list held", "fail reject none"},
    {"a tenant's own mail, with a tag", make_tag_of_tenant, "fail reject none",
	"fail reject none"},
    {"a tenant's own mail, text appended", make_appended_of_tenant,
	"fail reject none", "fail reject none"},
    {"a Subject tag that is a link", make_tag_with_link, "fail reject none",
	"fail reject none"},
    {"another Subject", make_other_subject, "fail reject none",
	"fail reject none"},
    {"a tag, another type above", make_covered_and_tag, "fail reject none",
	"fail reject none"},
    {"recoded, another Subject above", make_covered_and_recoded,
	"fail reject none", "fail reject none"},
    {"recoded, with text", make_recoded_and_text, "fail reject none",
	"fail reject none"},
    {"text hidden in base64", make_hidden_in_base64, "fail reject none",
	"fail reject none"},
    {"recoded, another charset", make_other_charset, "fail reject none",
	"fail reject none"},
    {"text behind l=", make_length, "fail reject none", "fail reject none"},
    {"an expired signature", make_expired, "fail reject none",
	"fail reject none"},
    {"an ARC chain of one's own", make_arc, "fail reject none",
	"fail reject none"},
    {"a slow key of the bank's", make_slow_key, "temperror defer local_policy",
	"temperror defer local_policy"},
    {"a failing key of the bank's", make_broken_key,
	"temperror defer local_policy", "temperror defer local_policy"},
    {"a slow key below the bank", make_slow_key_below,
	"temperror defer local_policy", "temperror defer local_policy"},
    {"a slow key of one's own", make_own_slow_key, "fail reject none",
	"fail reject none"},
    {"junk before a real one", make_junk_before, "fail quarantine other held",
	"fail reject none"},
    {"junk after a real one", make_junk_after, "fail quarantine other held",
	"fail reject none"},
    {"junk of the bank's name", make_junk_of_the_bank,
	"fail quarantine mailing_list held", "fail reject none"},
    {"junk before a slow key", make_junk_and_slow_key, "fail reject none",
	"fail reject none"},
};

static struct text
judge_attack(struct text message, enum enforce enforce, bool holds)
{
	struct judge judge;

	judge_init(&judge);
	judge.zone = zone;
	judge.options.disposition.enforce = enforce;
	judge.options.disposition.hold_quarantined = holds;
	judge.envelope.client.byte[3] = 66;
	judge.envelope.helo = TEXT("mail.attacker.example");
	judge.envelope.mail_from = TEXT("<x@attacker.example>");
	const struct verdict *verdict = judge_message(&judge, message);
	assert_non_null(verdict);
	/* What the table says must be what the top of this file says. */
	enum disposition_action action = verdict->disposition.action;
	assert_true(action == DISPOSITION_REJECT ||
		    action == DISPOSITION_DEFER ||
		    (action == DISPOSITION_QUARANTINE && holds &&
			verdict->disposition.hold));
	assert_int_not_equal(verdict->dmarc.result, DMARC_PASS);
	struct text words = judge_words(signer.arena, verdict);
	judge_close(&judge);
	return words;
}

static void
test_rows(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text message = rows[i].make();
		struct text held =
		    judge_attack(message, ENFORCE_CONSIDERED, true);
		struct text not_held =
		    judge_attack(message, ENFORCE_CONSIDERED, false);
		(void)judge_attack(message, ENFORCE_STRICT, false);
		if (!text_equal(held, text_from_cstr(rows[i].held)) ||
		    !text_equal(not_held, text_from_cstr(rows[i].not_held))) {
			print_error("%s: " TEXT_FMT "; " TEXT_FMT "\n",
			    rows[i].name, TEXT_ARG(held), TEXT_ARG(not_held));
			bad++;
		}
	}
	assert_int_equal(bad, 0);
}

/* --- in the name of somebody whom the operator trusts --- */

static const struct {
	const char *name;
	const char *mail_from;
	const char *helo;
	const char *words;
} trusted[] = {
    {"SPF passes", "<x@attacker.example>", "x.example",
	"fail quarantine trusted_forwarder"},
    {"SPF fails", "<x@friend.example>", "x.example", "fail reject none"},
    {"only HELO passes", "<x@friend.example>", "attacker.example",
	"fail reject none"},
    {"a null sender, HELO passes", "<>", "attacker.example",
	"fail reject none"},
};

static void
test_trusted_spf(void **state)
{
	struct problem problem = {.kind = PROBLEM_NONE};
	const struct trust *trust = trust_read(signer.arena,
	    TEXT("spf attacker.example\nspf friend.example\n"), "test",
	    &problem);

	(void)state;
	assert_non_null(trust);
	for (size_t i = 0; i < sizeof trusted / sizeof *trusted; i++) {
		struct judge judge;
		judge_init(&judge);
		judge.zone = zone;
		judge.options.disposition.hold_quarantined = false;
		judge.options.disposition.trusted_senders = trust;
		judge.envelope.client.byte[3] = 66;
		judge.envelope.helo = text_from_cstr(trusted[i].helo);
		judge.envelope.mail_from = text_from_cstr(trusted[i].mail_from);
		struct text words = judge_words(
		    signer.arena, judge_message(&judge, make_plain()));
		if (!text_equal(words, text_from_cstr(trusted[i].words)))
			fail_msg(
			    "%s: " TEXT_FMT, trusted[i].name, TEXT_ARG(words));
		judge_close(&judge);
	}
}

/* --- and of what is no attack --- */

static struct text
make_replayed(void)
{
	return compose(real_signature(), REAL, BODY);
}

static struct text
make_tagged(void)
{
	return compose(real_signature(), TAGGED, BODY);
}

static struct text
make_tagged_below(void)
{
	return compose(
	    sign("news.bank.example", SIGN_RSA, ALL, REAL, BODY), TAGGED, BODY);
}

static struct text
make_recoded(void)
{
	return compose(real_signature(), FROM SUBJECT TYPE CTE "base64\r\n",
	    "RGVhciBjdXN0b21lciwNCmFsbCBpcyB3ZWxsLg0K\r\n");
}

static struct text
make_junk_around(void)
{
	struct text half = junk("attacker.example", "j", 90);

	return compose(
	    arena_join(signer.arena,
		arena_join(signer.arena, half, real_signature()), half),
	    REAL, BODY);
}

static const struct {
	const char *name;
	struct text (*make)(void);
	const char *words; /* whether it would be held or not */
} genuine[] = {
    {"passed on", make_replayed, "pass none none"},
    {"passed on under junk", make_junk_around, "pass none none"},
    {"with a Subject tag", make_tagged, "fail quarantine mailing_list"},
    {"with a Subject tag, signed below the author's domain", make_tagged_below,
	"fail quarantine mailing_list"},
    {"recoded", make_recoded, "fail quarantine other"},
};

static void
test_genuine(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof genuine / sizeof *genuine; i++) {
		struct judge judge;
		judge_init(&judge);
		judge.zone = zone;
		judge.options.disposition.hold_quarantined = false;
		judge.envelope.client.byte[3] = 66;
		struct text words = judge_words(
		    signer.arena, judge_message(&judge, genuine[i].make()));
		if (!text_equal(words, text_from_cstr(genuine[i].words)))
			print_error("%s: " TEXT_FMT "\n", genuine[i].name,
			    TEXT_ARG(words));
		assert_true(
		    text_equal(words, text_from_cstr(genuine[i].words)));
		judge_close(&judge);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_trusted_spf),
	    cmocka_unit_test(test_genuine),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
