#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../dkim/signer.h"
#include "judge.h"
#include "mail/authres.h"

static struct signer signer;
static struct dns_zone *zone;

static const char records[] =
    "_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=quarantine; "
    "rua=mailto:d@example.com\"\n"
    "example.com TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "mail.example.com TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "news.example.com A 192.0.2.1\n"
    "_dmarc.test.example TXT \"v=DMARC1; p=reject; t=y\"\n"
    "_dmarc.broken.example TXT \"v=DMARC1; p=rejct\"\n"
    "_dmarc.slow.example TXT \"v=DMARC1; p=reject\"\n"
    "slow.example TXT \"v=spf1 include:x.slow.example -all\"\n"
    "x.slow.example TIMEOUT\n"
    "_dmarc.lost.example SERVFAIL\n"
    "_dmarc.victim.example TXT \"v=DMARC1; p=reject\"\n"
    "_dmarc.broken.victim.example SERVFAIL\n"
    "list.example.net TXT \"v=spf1 ip4:192.0.2.50 -all\"\n"
    "attacker.example TXT \"v=spf1 ip4:192.0.2.66 -all\"\n";

static int
prepare(void **state)
{
	struct build text;

	(void)state;
	signer_init(&signer);
	build_init(&text, 65536);
	build_cstr(&text, records);
	build_text(&text,
	    signer_record(&signer, "s._domainkey.example.com", "", SIGN_RSA));
	build_text(
	    &text, signer_record(&signer, "s._domainkey.list.example.net", "",
		       SIGN_OTHER_RSA));
	build_text(
	    &text, signer_record(&signer, "s._domainkey.attacker.example", "",
		       SIGN_OTHER_RSA));
	zone = order_zone(build_view(&text));
	build_free(&text);
	return 0;
}

static int
clean(void **state)
{
	(void)state;
	dns_zone_free(zone);
	signer_free(&signer);
	return 0;
}

/* --- messages --- */

#define BODY   "Hello,\r\nthis is the text.\r\n"
#define FOOTER "-- \r\nList of the club\r\n"

static struct text
with_fields(const char *fields, const char *body)
{
	return arena_format(signer.arena, "%s\r\n%s", fields, body);
}

static const char plain[] =
    "From: Ann <ann@example.com>\r\nTo: Bob <bob@example.org>\r\n"
    "Subject: Hello\r\n";

/* DKIM-Signature of DOMAIN over the plain fields and BODY, then the fields. */
static const char *
signed_fields(
    const char *domain, enum sign_key key, const char *fields, const char *body)
{
	struct mail_header header = {.bytes = 0};
	struct text rest = text_from_cstr(fields);

	while (rest.len > 0) {
		struct text field = text_split(&rest, '\n');
		field = text_slice(field, 0, field.len - 1); /* CR */
		assert_true(mail_header_add_raw(&header, signer.arena, field));
	}
	struct sign_options options = {
	    .key = key, .domain = domain, .body = body};
	struct text signature = signer_sign(&signer, &header, &options);
	return arena_cstr(
	    signer.arena, arena_format(signer.arena, TEXT_FMT "\r\n%s",
			      TEXT_ARG(signature), fields));
}

static struct text
make_genuine(void)
{
	return with_fields(
	    signed_fields("example.com", SIGN_RSA, plain, BODY), BODY);
}

/* The list adds its fields and a footer, and signs what it sends. */
static struct text
make_list_mail(void)
{
	const char *fields =
	    signed_fields("example.com", SIGN_RSA, plain, BODY);
	const char *from_list = arena_cstr(
	    signer.arena, arena_format(signer.arena,
			      "List-Id: <club.list.example.net>\r\n%s", plain));
	const char *outer = signed_fields(
	    "list.example.net", SIGN_OTHER_RSA, from_list, BODY FOOTER);

	/* The list's signature, then the author's, then the fields. */
	size_t cut =
	    text_find_part(text_from_cstr(outer), text_from_cstr(from_list));
	return arena_format(signer.arena,
	    TEXT_FMT "List-Id: <club.list.example.net>\r\n%s\r\n%s",
	    TEXT_ARG(text_slice(text_from_cstr(outer), 0, cut)), fields,
	    BODY FOOTER);
}

static struct text
make_plain(void)
{
	return with_fields(plain, BODY);
}

static struct text
make_subdomain(void)
{
	return with_fields("From: x@news.example.com\r\nSubject: a\r\n", BODY);
}

static struct text
make_missing_subdomain(void)
{
	return with_fields("From: x@nope.example.com\r\nSubject: a\r\n", BODY);
}

static struct text
make_two_from(void)
{
	return with_fields(
	    "From: a@example.com\r\nFrom: b@attacker.example\r\n", BODY);
}

static struct text
make_no_from(void)
{
	return with_fields("Subject: nobody\r\n", BODY);
}

static struct text
make_self_signed_list(void)
{
	const char *fields = "List-Id: <l.attacker.example>\r\n"
			     "From: ann@example.com\r\nTo: b@example.org\r\n"
			     "Subject: x\r\n";

	return with_fields(
	    signed_fields("attacker.example", SIGN_OTHER_RSA, fields, BODY),
	    BODY);
}

static struct text
make_replaced_body(void)
{
	return with_fields(signed_fields("example.com", SIGN_RSA, plain, BODY),
	    "Buy this.\r\n");
}

static struct text
make_test_domain(void)
{
	return with_fields("From: x@test.example\r\n", BODY);
}

static struct text
make_broken_record(void)
{
	return with_fields("From: x@broken.example\r\n", BODY);
}

static struct text
make_slow(void)
{
	return with_fields("From: x@slow.example\r\n", BODY);
}

static struct text
make_lost(void)
{
	return with_fields("From: x@lost.example\r\n", BODY);
}

static struct text
make_below_broken(void)
{
	return with_fields("From: x@a.broken.victim.example\r\n", BODY);
}

static struct text
make_unknown(void)
{
	return with_fields("From: x@nothing.example\r\n", BODY);
}

/* --- scenes: the demo's first, then more --- */

enum { OWN = 1, LIST_HOST = 50, ATTACKER = 66 };

static const struct scene {
	const char *name;
	struct text (*make)(void);
	int client; /* last byte of 192.0.2.x */
	const char *mail_from;
	const char *expected;
} scenes[] = {
    {"genuine", make_genuine, OWN, "<bounce@example.com>", "pass none none"},
    {"forwarded", make_genuine, ATTACKER, "<bounce@example.com>",
	"pass none none"},
    {"mailing list", make_list_mail, LIST_HOST, "<b@list.example.net>",
	"fail quarantine mailing_list held"},
    {"spoofed", make_plain, ATTACKER, "<x@attacker.example>",
	"fail reject none"},
    {"spoofed subdomain", make_subdomain, ATTACKER, "<x@attacker.example>",
	"fail quarantine none held"},
    {"two From fields", make_two_from, ATTACKER, "<x@attacker.example>",
	"permerror reject local_policy"},
    {"no From field", make_no_from, OWN, "<bounce@example.com>",
	"none reject local_policy"},
    {"SPF alone", make_plain, OWN, "<bounce@example.com>", "pass none none"},
    {"the null sender", make_plain, OWN, "<>", "pass none none"},
    {"the null sender from elsewhere", make_plain, ATTACKER, "<>",
	"fail reject none"},
    {"a MAIL FROM that is none", make_plain, OWN, "<@@>", "fail reject none"},
    {"the author claimed in MAIL FROM", make_plain, ATTACKER,
	"<bounce@example.com>", "fail reject none"},
    {"a subdomain that is not there", make_missing_subdomain, ATTACKER,
	"<x@attacker.example>", "fail quarantine none held"},
    {"a List-Id signed by the attacker", make_self_signed_list, ATTACKER,
	"<x@attacker.example>", "fail quarantine mailing_list held"},
    {"a body replaced", make_replaced_body, ATTACKER, "<x@attacker.example>",
	"fail quarantine other held"},
    {"t=y", make_test_domain, ATTACKER, "<x@attacker.example>",
	"fail quarantine policy_test_mode held"},
    {"a broken record", make_broken_record, ATTACKER, "<x@attacker.example>",
	"permerror none none"},
    {"SPF in trouble, policy known", make_slow, ATTACKER, "<x@slow.example>",
	"temperror defer local_policy"},
    {"SPF in trouble, not the author's", make_plain, ATTACKER,
	"<x@slow.example>", "fail reject none"},
    {"no policy to be had", make_lost, ATTACKER, "<x@lost.example>",
	"temperror none none"},
    {"below a broken delegation", make_below_broken, ATTACKER,
	"<x@attacker.example>", "temperror defer local_policy"},
    {"no policy", make_unknown, ATTACKER, "<x@attacker.example>",
	"none none none"},
};

enum { SCENES = sizeof scenes / sizeof *scenes };

static void
set_scene(struct judge *judge, const struct scene *scene)
{
	judge_init(judge);
	judge->zone = zone;
	judge->envelope.client.byte[3] = (uint8_t)scene->client;
	judge->envelope.mail_from = text_from_cstr(scene->mail_from);
}

/* The same verdict, field and story in any order, in pieces of any size. */
static void
test_scenes(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < SCENES; i++) {
		struct text message = scenes[i].make();
		struct text field = TEXT("");
		struct text told = TEXT("");
		for (unsigned seed = 0; seed < 5; seed++) {
			struct judge judge;
			set_scene(&judge, &scenes[i]);
			judge.order = seed == 0 ? ORDER_AT_ONCE : ORDER_RANDOM;
			judge.seed = seed;
			judge.piece = seed * 7;
			judge.is_hasty = seed > 2;
			const struct verdict *verdict =
			    judge_message(&judge, message);
			struct text words = judge_words(judge.arena, verdict);
			assert_false(judge.was_final_early);
			assert_non_null(verdict);
			if (!text_equal(
				words, text_from_cstr(scenes[i].expected))) {
				print_error("%s (%u): " TEXT_FMT "\n" TEXT_FMT,
				    scenes[i].name, seed, TEXT_ARG(words),
				    TEXT_ARG(verdict->story));
				failures++;
			}
			if (seed == 0) {
				field = arena_copy(signer.arena,
				    verdict->authentication_results);
				told = arena_copy(signer.arena, verdict->story);
			}
			assert_true(
			    text_equal(field, verdict->authentication_results));
			assert_true(text_equal(told, verdict->story));
			judge_close(&judge);
		}
	}
	assert_int_equal(failures, 0);
}

/* Without holding, nothing that anybody can make softens a reject. */
static void
test_claims_not_held(void **state)
{
	(void)state;
	for (size_t i = 0; i < SCENES; i++) {
		struct judge judge;
		set_scene(&judge, &scenes[i]);
		judge.options.disposition.hold_quarantined = false;
		const struct verdict *verdict =
		    judge_message(&judge, scenes[i].make());
		assert_non_null(verdict);
		if (verdict->dmarc.result == DMARC_FAIL &&
		    verdict->dmarc.policy == DMARC_POLICY_REJECT)
			assert_int_equal(
			    verdict->disposition.action, DISPOSITION_REJECT);
		judge_close(&judge);
	}
}

static void
test_closed_early(void **state)
{
	(void)state;
	for (size_t i = 0; i < SCENES; i++) {
		struct text message = scenes[i].make();
		bool may_pass = text_starts(
		    text_from_cstr(scenes[i].expected), TEXT("pass"));
		for (unsigned seed = 0; seed < 16; seed++) {
			struct judge judge;
			set_scene(&judge, &scenes[i]);
			judge.order = ORDER_CLOSED_EARLY;
			judge.seed = seed;
			const struct verdict *verdict =
			    judge_message(&judge, message);
			assert_non_null(verdict);
			if (verdict->dmarc.result == DMARC_PASS && !may_pass)
				print_error("%s: a pass\n", scenes[i].name);
			assert_true(
			    verdict->dmarc.result != DMARC_PASS || may_pass);
			judge_close(&judge);
		}
	}
}

/* Every allocation fails once: the true verdict or none. */
static void
test_memory(void **state)
{
	static const size_t chosen[] = {0, 2, 5};
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct scene *scene = &scenes[chosen[i]];
		struct text message = scene->make();
		bool has_verdict = false;
		for (size_t n = 1; !has_verdict; n++) {
			struct judge judge;
			set_scene(&judge, scene);
			judge.fail_at = n;
			const struct verdict *verdict =
			    judge_message(&judge, message);
			has_verdict = verdict != NULL;
			struct text words = judge_words(signer.arena, verdict);
			if (has_verdict &&
			    !text_equal(
				words, text_from_cstr(scene->expected))) {
				print_error("%s, allocation %zu: " TEXT_FMT
					    "\n",
				    scene->name, n, TEXT_ARG(words));
				failures++;
			}
			judge_close(&judge);
			assert_true(n < 5000);
		}
	}
	assert_int_equal(failures, 0);
}

/* --- the field and the story --- */

static void
expect_lines(struct text got, const char *expected)
{
	if (!text_equal(got, text_from_cstr(expected)))
		print_error("'" TEXT_FMT "'\n", TEXT_ARG(got));
	assert_true(text_equal(got, text_from_cstr(expected)));
}

static void
test_field(void **state)
{
	struct judge judge;

	(void)state;
	set_scene(&judge, &scenes[3]);
	judge.options.authserv_id_with_job = true;
	const struct verdict *verdict = judge_message(&judge, make_plain());
	expect_lines(verdict->authentication_results,
	    "mx.example.org/4XYZ;\r\n"
	    "\tspf=pass smtp.mailfrom=attacker.example;\r\n"
	    "\tspf=fail smtp.helo=mail.example.com;\r\n"
	    "\tdkim=none;\r\n"
	    "\tdmarc=fail header.from=example.com policy.dmarc=reject");
	judge_close(&judge);
}

static void
test_field_of_null_sender(void **state)
{
	struct judge judge;

	(void)state;
	judge_init(&judge);
	judge.zone = zone;
	judge.envelope.mail_from = TEXT("");
	const struct verdict *verdict = judge_message(&judge, make_plain());
	expect_lines(verdict->authentication_results,
	    "mx.example.org;\r\n"
	    "\tspf=pass smtp.mailfrom=mail.example.com;\r\n"
	    "\tdkim=none;\r\n"
	    "\tdmarc=pass header.from=example.com policy.dmarc=reject");
	assert_int_equal(verdict->mail_from_domain.len, 0);
	judge_close(&judge);
}

static void
test_field_of_signature(void **state)
{
	struct judge judge;

	(void)state;
	set_scene(&judge, &scenes[2]);
	const struct verdict *verdict = judge_message(&judge, make_list_mail());
	struct text field = verdict->authentication_results;
	static const char *const parts[] = {
	    "dkim=pass header.d=list.example.net "
	    "header.i=\"@list.example.net\" header.s=s header.a=rsa-sha256 "
	    "header.b=",
	    "dkim=fail reason=\"body hash did not verify\" "
	    "header.d=example.com header.i=\"@example.com\" header.s=s ",
	    "dmarc=fail header.from=example.com policy.dmarc=reject",
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		size_t at = text_find_part(field, text_from_cstr(parts[i]));
		if (at == field.len)
			print_error(
			    "%s\n" TEXT_FMT "\n", parts[i], TEXT_ARG(field));
		assert_true(at < field.len);
	}
	judge_close(&judge);
}

static void
test_story(void **state)
{
	static const char *const titles[] = {"author:\n", "policy:\n",
	    "SPF of MAIL FROM:\n", "SPF of HELO:\n", "DKIM:\n", "DMARC:\n",
	    "disposition:\n"};
	struct judge judge;

	(void)state;
	set_scene(&judge, &scenes[2]);
	const struct verdict *verdict = judge_message(&judge, make_list_mail());
	struct text story = verdict->story;
	size_t at = 0;
	for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
		size_t next = text_find_part(story, text_from_cstr(titles[i]));
		if (next == story.len || (i > 0 && next <= at))
			print_error("%s missing:\n" TEXT_FMT, titles[i],
			    TEXT_ARG(story));
		assert_true(next < story.len && (i == 0 || next > at));
		at = next;
	}
	judge_close(&judge);
	judge.options.explain = false;
	verdict = judge_message(&judge, make_list_mail());
	assert_int_equal(verdict->story.len, 0);
	judge_close(&judge);
}

/* --- fields as a milter hands them over --- */

static bool
run_checks(void *context)
{
	return checks_run(context);
}

static void
test_fields(void **state)
{
	struct judge judge;
	struct arena *arena = arena_new(MESSAGE_ARENA_MAX);

	(void)state;
	judge_init(&judge);
	struct checks *checks =
	    checks_new(arena, &judge.options, &judge.envelope);
	assert_non_null(checks);
	assert_false(checks_run(checks)); /* no header yet */
	checks_field(checks, TEXT("From"), TEXT(" ann@example.com"), true);
	checks_end_of_header(checks);
	assert_false(checks_run(checks)); /* no body yet */
	assert_null(checks_verdict(checks));
	checks_end_of_body(checks);
	(void)order_drive(
	    checks_facts(checks), zone, ORDER_AT_ONCE, 0, run_checks, checks);
	const struct verdict *verdict = checks_verdict(checks);
	assert_int_equal(verdict->dmarc.result, DMARC_PASS);
	assert_true(checks_run(checks)); /* and nothing happens any more */
	assert_ptr_equal(checks_verdict(checks), verdict);
	arena_free(arena);
}

/* What was lost of a header is not judged as if it were all. */
static void
test_long_header(void **state)
{
	struct judge judge;
	struct arena *arena = arena_new(MESSAGE_ARENA_MAX);
	char *large = calloc(1, 200000);

	(void)state;
	judge_init(&judge);
	struct checks *checks =
	    checks_new(arena, &judge.options, &judge.envelope);
	assert_non_null(large);
	for (size_t i = 0; i < 200000; i++)
		large[i] = 'x';
	checks_field(checks, TEXT("From"), TEXT(" ann@example.com"), true);
	for (int i = 0; i < 8; i++)
		checks_field(
		    checks, TEXT("X"), (struct text){large, 200000}, true);
	checks_end_of_body(checks);
	(void)order_drive(
	    checks_facts(checks), zone, ORDER_AT_ONCE, 0, run_checks, checks);
	const struct verdict *verdict = checks_verdict(checks);
	assert_non_null(verdict);
	assert_int_equal(verdict->author.status, AUTHOR_MALFORMED);
	assert_int_equal(verdict->dmarc.result, DMARC_PERMERROR);
	assert_int_equal(verdict->disposition.action, DISPOSITION_REJECT);
	free(large);
	arena_free(arena);
}

/* A flood of empty signatures costs no memory beyond the header's own. */
static void
test_signature_flood(void **state)
{
	enum { FIELDS = MAIL_FIELDS_MAX - 1 };
	struct judge judge;
	struct arena *arena = arena_new(MESSAGE_ARENA_MAX);

	(void)state;
	judge_init(&judge);
	struct checks *checks =
	    checks_new(arena, &judge.options, &judge.envelope);
	checks_field(checks, TEXT("From"), TEXT(" ann@example.com"), true);
	for (int i = 0; i < FIELDS; i++)
		checks_field(checks, TEXT("DKIM-Signature"), TEXT(""), false);
	checks_end_of_body(checks);
	(void)order_drive(
	    checks_facts(checks), zone, ORDER_AT_ONCE, 0, run_checks, checks);
	const struct verdict *verdict = checks_verdict(checks);
	assert_non_null(verdict);
	assert_int_equal(verdict->dkim.count, DKIM_RESULTS_MAX);
	assert_int_equal(verdict->dmarc.result, DMARC_PASS); /* by SPF */
	arena_free(arena);
}

/* Without a client address SPF says none; DKIM still counts. */
static void
test_unknown_client(void **state)
{
	struct judge judge;

	(void)state;
	set_scene(&judge, &scenes[0]);
	judge.envelope.client = (struct ip){.version = 0};
	const struct verdict *verdict = judge_message(&judge, make_genuine());
	assert_int_equal(verdict->spf.result, SPF_NONE);
	assert_int_equal(verdict->dmarc.result, DMARC_PASS);
	assert_true(verdict->dmarc.dkim_aligned);
	judge_close(&judge);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scenes),
	    cmocka_unit_test(test_claims_not_held),
	    cmocka_unit_test(test_closed_early),
	    cmocka_unit_test(test_memory),
	    cmocka_unit_test(test_field),
	    cmocka_unit_test(test_field_of_null_sender),
	    cmocka_unit_test(test_field_of_signature),
	    cmocka_unit_test(test_story),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_long_header),
	    cmocka_unit_test(test_signature_flood),
	    cmocka_unit_test(test_unknown_client),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
