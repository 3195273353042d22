/* Every size that a stranger chooses has a limit and an outcome. What a whole
 * message makes of each is here; the limits themselves are tested as follows.
 *
 * header 1 MiB, 8192 fields   mail/test_header.c, and here
 * milter frame                milter/test_session.c
 * From addresses, domains     mail/test_address.c, and here
 * DKIM signatures             dkim/test_check.c, and here
 * h= items                    dkim/test_signature.c, and here
 * RSA bits                    crypto/test_crypto.c, dkim/test_key.c, and here
 * TXT records of a key        dkim/test_key.c
 * SPF terms, voids, MX, PTR   spf/test_check.c, and here
 * tree walk queries           dmarc/test_discover.c (eight, nine labels)
 * tree walks a message        dmarc/test_check.c, and here
 * URIs, tags of a record      dmarc/test_record.c
 * shares of the facts         dns/test_facts.c, and here
 * records of an answer        dns/test_message.c, dns/test_zone.c
 * aliases of an answer        dns/test_message.c, dns/test_zone.c
 * time a question             resolve/test_resolver.c
 * time a message              verdict/test_property.c (closed early),
 *                             system/test_dmarcd.py (at the deadline)
 * arena a message             verdict/test_property.c, and here
 * history value, entry        history/test_codec.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../dkim/signer.h"
#include "judge.h"

#define BODY "Hello\r\n"

static struct signer signer;

static int
prepare(void **state)
{
	(void)state;
	signer_init(&signer);
	return 0;
}

static int
clean(void **state)
{
	(void)state;
	signer_free(&signer);
	return 0;
}

/* --- parts of messages and zones --- */

/* FORMAT with NUMBER in place of "%u", if that is there. */
static const char *
words(const char *format, unsigned number)
{
	struct text text = text_from_cstr(format);
	size_t at = text_find_part(text, TEXT("%u"));

	if (at == text.len)
		return format;
	return arena_cstr(
	    signer.arena, arena_format(signer.arena, TEXT_FMT "%u" TEXT_FMT,
			      TEXT_ARG(text_slice(text, 0, at)), number,
			      TEXT_ARG(text_slice(text, at + 2, text.len))));
}

/* FORMAT with each number below COUNT, one after the other. */
static const char *
repeat(const char *format, unsigned count)
{
	struct build build;

	build_init_arena(&build, signer.arena, 2 * MAIL_HEADER_MAX);
	for (unsigned i = 0; i < count; i++)
		build_cstr(&build, words(format, i));
	return arena_cstr(signer.arena, build_view(&build));
}

static void
add_signature(struct build *message, const char *fields, const char *domain,
    const char *tags, enum sign_key key)
{
	struct mail_header header = {.bytes = 0};
	struct sign_options options = {
	    .key = key, .domain = domain, .tags = tags, .body = BODY};
	struct text rest = text_from_cstr(fields);

	while (rest.len > 0) {
		struct text field = text_split(&rest, '\n');
		assert_true(mail_header_add_raw(&header, signer.arena,
		    text_slice(field, 0, field.len - 1)));
	}
	build_text(message, signer_sign(&signer, &header, &options));
	build_cstr(message, "\r\n");
}

static struct build
begin(void)
{
	struct build build;

	build_init_arena(&build, signer.arena, 8 * MAIL_HEADER_MAX);
	return build;
}

#define PLAIN  "From: ann@example.com\r\n"
#define GOOD   "c=relaxed/relaxed; h=from"
#define NORMAL "_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n"

/* NORMAL, MORE, and the keys of example.com and the names below COUNT, by
 * FORMAT. */
static struct text
make_zone(const char *more, const char *format, unsigned count)
{
	struct build zone = begin();

	build_cstr(&zone, NORMAL);
	build_cstr(&zone, more);
	build_text(&zone, signer_record(&signer, "s._domainkey.example.com",
			      "k=ed25519; ", SIGN_ED25519));
	for (unsigned i = 0; i < count; i++)
		build_text(&zone, signer_record(&signer, words(format, i),
				      "k=ed25519; ", SIGN_ED25519));
	assert_false(build_failed(&zone));
	return build_view(&zone);
}

/* "fail reject none …": judge_words, by a stranger's client. */
static void
expect(struct text zone_text, const char *mail_from, struct text message,
    const char *expected)
{
	struct dns_zone *zone = order_zone(zone_text);
	struct judge judge;

	judge_init(&judge);
	judge.zone = zone;
	judge.options.explain = false;
	judge.envelope.mail_from = text_from_cstr(mail_from);
	struct text got =
	    judge_words(signer.arena, judge_message(&judge, message));
	judge_close(&judge);
	dns_zone_free(zone);
	if (!text_equal(got, text_from_cstr(expected)))
		fail_msg(TEXT_FMT ", not %s", TEXT_ARG(got), expected);
}

static void
expect_of(const char *fields, const char *expected)
{
	struct build message = begin();

	build_cstr(&message, fields);
	build_cstr(&message, "\r\n" BODY);
	assert_false(build_failed(&message));
	expect(
	    make_zone("example.com TXT \"v=spf1 ip4:192.0.2.1 -all\"\n", "", 0),
	    "<b@example.com>", build_view(&message), expected);
}

/* --- the header --- */

static void
test_fields(void **state)
{
	struct build fields = begin();

	(void)state;
	build_cstr(&fields, repeat("X: y\r\n", MAIL_FIELDS_MAX - 1));
	build_cstr(&fields, PLAIN);
	expect_of(
	    arena_cstr(signer.arena, build_view(&fields)), "pass none none");
	build_cstr(&fields, "X: y\r\n");
	expect_of(arena_cstr(signer.arena, build_view(&fields)),
	    "permerror reject local_policy");
}

static void
test_header(void **state)
{
	enum { LINE = 512 };

	static char line[LINE];
	struct build fields = begin();

	(void)state;
	for (size_t i = 0; i < LINE - 2; i++)
		line[i] = i == 0 || i % 64 > 0 ? 'x' : ':';
	line[LINE - 2] = '\r';
	line[LINE - 1] = '\n';
	build_cstr(&fields, PLAIN);
	while (fields.len + LINE <= MAIL_HEADER_MAX)
		build_text(&fields, (struct text){line, LINE});
	expect_of(
	    arena_cstr(signer.arena, build_view(&fields)), "pass none none");
	build_text(&fields, (struct text){line, LINE});
	expect_of(arena_cstr(signer.arena, build_view(&fields)),
	    "permerror reject local_policy");
}

static void
test_author(void **state)
{
	const struct {
		const char *format;
		unsigned count;
		const char *expected;
	} rows[] = {
	    {"a%u@example.com,\r\n ", 99, "pass none none"},
	    {"a%u@example.com,\r\n ", 100, "permerror reject local_policy"},
	    {"a@d%u.example.com,\r\n ", 10, "permerror reject local_policy"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text from =
		    arena_format(signer.arena, "From: %sb@example.com\r\n",
			repeat(rows[i].format, rows[i].count));
		expect_of(arena_cstr(signer.arena, from), rows[i].expected);
	}
}

/* --- DKIM --- */

/* FOREIGN signatures that pass, and behind them the author's. */
static struct text
make_crowd(unsigned foreign)
{
	struct build message = begin();

	for (unsigned i = 0; i < foreign; i++)
		add_signature(&message, PLAIN, words("d%u.example.net", i),
		    GOOD, SIGN_ED25519);
	add_signature(&message, PLAIN, "example.com", GOOD, SIGN_ED25519);
	build_cstr(&message, PLAIN "\r\n" BODY);
	return build_view(&message);
}

/* However many others stand before it, the author's is verified; of the others
 * those beyond the limit are not. */
static void
test_signatures(void **state)
{
	enum { FOREIGN = DKIM_SIGNATURES_MAX + 10 };

	struct dns_zone *zone =
	    order_zone(make_zone("", "s._domainkey.d%u.example.net", FOREIGN));
	struct judge judge;
	unsigned neutral = 0;

	(void)state;
	judge_init(&judge);
	judge.zone = zone;
	judge.envelope.mail_from = TEXT("<x@attacker.example>");
	const struct verdict *verdict =
	    judge_message(&judge, make_crowd(FOREIGN));
	assert_non_null(verdict);
	assert_int_equal(verdict->dmarc.result, DMARC_PASS);
	assert_true(verdict->dmarc.dkim_aligned);
	assert_int_equal(verdict->dkim.count, FOREIGN + 1);
	assert_int_equal(verdict->dkim.at[FOREIGN].result, DKIM_PASS);
	for (size_t i = 0; i < FOREIGN; i++)
		neutral += verdict->dkim.at[i].result == DKIM_NEUTRAL;
	assert_int_equal(neutral, FOREIGN + 1 - DKIM_SIGNATURES_MAX);
	judge_close(&judge);
	dns_zone_free(zone);
}

static void
expect_signed(const char *tags, enum sign_key key, const char *expected)
{
	struct build message = begin();
	struct build zone = begin();

	build_cstr(&zone, NORMAL);
	build_text(&zone, signer_record(&signer, "s._domainkey.example.com",
			      key == SIGN_ED25519 ? "k=ed25519; " : "", key));
	add_signature(&message, PLAIN, "example.com", tags, key);
	build_cstr(&message, PLAIN "\r\n" BODY);
	expect(build_view(&zone), "<x@attacker.example>", build_view(&message),
	    expected);
}

static void
test_signed_names(void **state)
{
	(void)state;
	expect_signed(GOOD, SIGN_ED25519, "pass none none");
	expect_signed(
	    arena_cstr(signer.arena,
		arena_format(signer.arena, GOOD "%s", repeat(":x%u", 199))),
	    SIGN_ED25519, "pass none none");
	expect_signed(
	    arena_cstr(signer.arena,
		arena_format(signer.arena, GOOD "%s", repeat(":x%u", 200))),
	    SIGN_ED25519, "fail reject none");
}

static void
test_key_size(void **state)
{
	(void)state;
	expect_signed(GOOD, SIGN_RSA, "pass none none");
	expect_signed(GOOD, SIGN_RSA_SMALL, "fail reject none");
}

/* --- SPF --- */

static void
test_spf_terms(void **state)
{
	static const char zone[] =
	    NORMAL "example.com TXT \"v=spf1 %sip4:192.0.2.1 -all\"\n"
		   "h.example.com A 192.0.2.9\n";

	const struct {
		const char *term;
		unsigned count;
		const char *expected;
	} rows[] = {
	    {"a:h.example.com ", 10, "pass none none"},
	    {"a:h.example.com ", 11, "fail reject none"},
	    {"a:v%u.example.com ", 2, "pass none none"},
	    {"a:v%u.example.com ", 3, "fail reject none"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[1000];
		(void)snprintf(text, sizeof text, zone,
		    repeat(rows[i].term, rows[i].count));
		expect(text_from_cstr(text), "<b@example.com>",
		    TEXT(PLAIN "\r\n" BODY), rows[i].expected);
	}
}

/* --- tree walks --- */

/* Names that pass and look aligned until they are walked, SPF's among them;
 * then one that is aligned. */
static void
expect_walked(unsigned strangers, const char *expected)
{
	struct build message = begin();
	struct build more = begin();

	build_cstr(&more, repeat("_dmarc.d%u.example.com TXT "
				 "\"v=DMARC1; psd=n\"\n",
			      strangers));
	build_cstr(&more, "d0.example.com TXT \"v=spf1 ip4:192.0.2.1 -all\"\n");
	build_text(&more, signer_record(&signer, "s._domainkey.a.example.com",
			      "k=ed25519; ", SIGN_ED25519));
	for (unsigned i = 1; i < strangers; i++)
		add_signature(&message, PLAIN, words("d%u.example.com", i),
		    GOOD, SIGN_ED25519);
	add_signature(&message, PLAIN, "a.example.com", GOOD, SIGN_ED25519);
	build_cstr(&message, PLAIN "\r\n" BODY);
	expect(make_zone(arena_cstr(signer.arena, build_view(&more)),
		   "s._domainkey.d%u.example.com", strangers),
	    "<b@d0.example.com>", build_view(&message), expected);
}

static void
test_walks(void **state)
{
	(void)state;
	expect_walked(DMARC_WALKS_MAX - 1, "pass none none");
	expect_walked(DMARC_WALKS_MAX, "fail reject none");
}

/* --- facts --- */

/* A record of DOMAIN whose ten terms cost a hundred and ten lookups. */
static void
add_costly(struct build *zone, const char *domain)
{
	build_format(zone, "%s TXT \"v=spf1 ", domain);
	for (unsigned i = 0; i < 10; i++)
		build_format(zone, "mx:m%u.%s ", i, domain);
	build_cstr(zone, "-all\"\n");
	for (unsigned i = 0; i < 100; i++)
		build_format(zone, "m%u.%s MX 1 h%u.%s\nh%u.%s A 192.0.2.9\n",
		    i / 10, domain, i, domain, i, domain);
}

/* HELO's share is full, and its check has failed; MAIL FROM's is large enough
 * for all that RFC 7208 allows; and the policy has a room of its own. */
static void
test_shares(void **state)
{
	struct build text = begin();
	struct judge judge;

	(void)state;
	build_cstr(&text, NORMAL);
	add_costly(&text, "attacker.example");
	add_costly(&text, "helo.example");
	struct dns_zone *zone = order_zone(build_view(&text));
	judge_init(&judge);
	judge.zone = zone;
	judge.envelope.helo = TEXT("helo.example");
	judge.envelope.mail_from = TEXT("<x@attacker.example>");
	for (int order = ORDER_AT_ONCE; order <= ORDER_RANDOM; order++) {
		judge.order = (enum order)order;
		const struct verdict *verdict =
		    judge_message(&judge, TEXT(PLAIN "\r\n" BODY));
		assert_non_null(verdict);
		assert_int_equal(verdict->spf.result, SPF_FAIL);
		assert_int_equal(verdict->helo.result, SPF_TEMPERROR);
		assert_int_equal(verdict->dmarc.result, DMARC_FAIL);
		assert_int_equal(verdict->dmarc.policy, DMARC_POLICY_REJECT);
		judge_close(&judge);
	}
	dns_zone_free(zone);
}

/* --- memory --- */

/* What does not fit has no verdict, and is deferred with 451. */
static void
test_no_room(void **state)
{
	struct dns_zone *zone = order_zone(TEXT(NORMAL));
	struct build message = begin();
	struct judge judge;

	(void)state;
	build_format(&message, PLAIN "%s\r\n" BODY, repeat("X: %u\r\n", 1000));
	judge_init(&judge);
	judge.zone = zone;
	judge.arena_max = (size_t)64 * 1024;
	assert_null(judge_message(&judge, build_view(&message)));
	judge_close(&judge);
	judge.arena_max = 0;
	assert_non_null(judge_message(&judge, build_view(&message)));
	judge_close(&judge);
	dns_zone_free(zone);
}

/* The largest header that is taken, and as many signatures over all of it as
 * are verified: there is a verdict, and it is the true one. */
static void
test_arena(void **state)
{
	static const char tags[] = "c=simple/simple; h=from:subject";
	struct build fields = begin();
	struct build message = begin();

	(void)state;
	build_cstr(&fields, PLAIN "Subject: ");
	build_cstr(&fields, repeat("ten bytes ", MAIL_HEADER_MAX / 11));
	build_cstr(&fields, "\r\n");
	const char *all = arena_cstr(signer.arena, build_view(&fields));
	for (unsigned i = 0; i < DKIM_SIGNATURES_MAX - 1; i++)
		add_signature(&message, all, words("d%u.example.net", i), tags,
		    SIGN_ED25519);
	add_signature(&message, all, "example.com", tags, SIGN_ED25519);
	build_cstr(&message, all);
	build_cstr(&message, "\r\n" BODY);
	assert_true(message.len < MAIL_HEADER_MAX);
	expect(make_zone(
		   "", "s._domainkey.d%u.example.net", DKIM_SIGNATURES_MAX - 1),
	    "<x@attacker.example>", build_view(&message), "pass none none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_header),
	    cmocka_unit_test(test_author),
	    cmocka_unit_test(test_signatures),
	    cmocka_unit_test(test_signed_names),
	    cmocka_unit_test(test_key_size),
	    cmocka_unit_test(test_spf_terms),
	    cmocka_unit_test(test_walks),
	    cmocka_unit_test(test_shares),
	    cmocka_unit_test(test_no_room),
	    cmocka_unit_test(test_arena),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
