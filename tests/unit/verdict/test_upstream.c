#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge.h"

#include <string.h>

static struct dns_zone *zone;

/* SPF here would pass, and no DKIM signature would: neither is looked at. */
static const char records[] =
    "_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n"
    "example.com TXT \"v=spf1 +all\"\n"
    "mail.example.com TXT \"v=spf1 +all\"\n"
    "_dmarc.xn--bcher-kva.example TXT \"v=DMARC1; p=reject\"\n";

static int
prepare(void **state)
{
	(void)state;
	zone = order_zone(text_from_cstr(records));
	return 0;
}

static int
clean(void **state)
{
	(void)state;
	dns_zone_free(zone);
	return 0;
}

#define AR "Authentication-Results: "
#define MX "mx.example.org"
#define US AR MX "; "

#define SIGNATURE(d, s, b)                                                     \
 "DKIM-Signature: v=1; a=rsa-sha256; d=" d "; s=" s "; h=from;\r\n"            \
 "\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=" b "\r\n"

#define SIGNED SIGNATURE("example.com", "s1", "AAAABBBBCCCC")
#define TWICE  SIGNED SIGNATURE("example.com", "s2", "DDDDEEEEFFFF")

#define PASS(id) AR id "; spf=pass smtp.mailfrom=example.com\r\n"
#define FAIL(id) AR id "; spf=fail smtp.mailfrom=example.com\r\n"
#define DKIM(id) AR id "; dkim=pass header.d=example.com\r\n"

#define MAIL_FROM(value) US "spf=pass smtp.mailfrom=" value "\r\n"
#define NAMED(more)      US "dkim=pass header.d=example.com " more "\r\n" SIGNED

#define FROM "<bounce@example.com>"

struct row {
	const char *name;
	const char *fields;   /* above From */
	const char *expected; /* SPF, each signature or "-", DMARC */
};

static const struct row rows[] = {
    /* whom we believe */
    {"nobody says anything", SIGNED, "none neutral fail"},
    {"AuthservID", PASS(MX), "pass - pass"},
    {"a trusted id", PASS("filter.example.org"), "pass - pass"},
    {"the other one", PASS("other.example.org"), "pass - pass"},
    {"any case", PASS("MX.Example.ORG"), "pass - pass"},
    {"quoted", PASS("\"mx.example.org\""), "pass - pass"},
    {"comments", PASS("(a) mx.example.org (b) 1 (c)"), "pass - pass"},
    {"somebody else", PASS("example.org"), "none - fail"},
    {"id with a suffix", PASS("mx.example.org.evil.example"), "none - fail"},
    {"id with a dot", PASS("mx.example.org."), "none - fail"},
    {"id with a prefix", PASS("amx.example.org"), "none - fail"},
    {"id with a blank", PASS("\" mx.example.org\""), "none - fail"},
    {"the list of ids", PASS("\"filter.example.org, other\""), "none - fail"},
    {"the empty id", PASS("\"\""), "none - fail"},
    {"the empty id with the queue id", PASS("\"/4XYZ\""), "none - fail"},
    {"id in a comment", PASS("(mx.example.org) evil"), "none - fail"},
    {"another version", PASS("mx.example.org 2"), "none - fail"},
    /* the queue id */
    {"this message's queue id", PASS(MX "/4XYZ"), "pass - pass"},
    {"quoted queue id", PASS("\"filter.example.org/4XYZ\""), "pass - pass"},
    {"another's queue id", PASS("mx.example.org/4XYA"), "none - fail"},
    {"queue id in another case", PASS("mx.example.org/4xyz"), "none - fail"},
    {"no queue id but a slash", PASS("mx.example.org/"), "none - fail"},
    {"a stranger with the queue id", PASS("evil.example/4XYZ"), "none - fail"},
    {"the queue id goes before", PASS(MX) FAIL(MX "/4XYZ"), "fail - fail"},
    {"whatever stands on top", PASS(MX "/4XYZ") FAIL(MX), "pass - pass"},
    {"even when it says nothing", PASS(MX) AR "mx.example.org/4XYZ; none\r\n",
	"none - fail"},
    {"another's queue id is not one", FAIL("mx.example.org/4XYA") PASS(MX),
	"pass - pass"},
    /* where it stands */
    {"below Received", "Received: from a by b; date\r\n" PASS(MX),
	"none - fail"},
    {"below rECEIVED :", "rECEIVED : from a by b; date\r\n" PASS(MX),
	"none - fail"},
    {"above Received", PASS(MX) "Received: from a by b; date\r\n",
	"pass - pass"},
    {"below others", "X-Received: x\r\nReturn-Path: <x@y>\r\n" PASS(MX),
	"pass - pass"},
    {"with the queue id below",
	"Received: from a by b; date\r\n" PASS(MX "/4XYZ"), "none - fail"},
    /* other fields */
    {"Received-SPF",
	"Received-SPF: pass (mx.example.org) "
	"identity=mailfrom; envelope-from=a@example.com\r\n",
	"none - fail"},
    {"ARC-Authentication-Results",
	"ARC-Authentication-Results: i=1; mx.example.org; "
	"spf=pass smtp.mailfrom=example.com\r\n",
	"none - fail"},
    {"X-Authentication-Results", "X-" PASS(MX), "none - fail"},
    {"other methods",
	US "arc=pass smtp.mailfrom=example.com header.d=example.com; "
	   "dmarc=pass header.from=example.com; auth=pass "
	   "smtp.mailfrom=a@example.com; domainkeys=pass "
	   "header.d=example.com\r\n" SIGNED,
	"none neutral fail"},
    {"a method's other version",
	US "spf/2=pass smtp.mailfrom=example.com; dkim/2=pass "
	   "header.d=example.com\r\n" SIGNED,
	"none neutral fail"},
    {"methods in any case", US "SPF/1=Pass SMTP.MailFrom=Example.COM\r\n",
	"pass - pass"},
    {"unknown results", US "spf=great smtp.mailfrom=example.com\r\n",
	"none - fail"},
    /* read whole or not at all */
    {"junk behind it", US "spf=pass smtp.mailfrom=example.com; junk\r\n",
	"none - fail"},
    {"property without a type",
	US "spf=pass smtp.mailfrom=example.com; dmarc=pass action=none\r\n",
	"none - fail"},
    {"open comment", US "spf=pass smtp.mailfrom=example.com (\r\n",
	"none - fail"},
    {"no semicolon", AR "mx.example.org spf=pass smtp.mailfrom=example.com\r\n",
	"none - fail"},
    {"a pass in a comment",
	US "spf=fail (; spf=pass) smtp.mailfrom=a; "
	   "x=y (spf=pass smtp.mailfrom=example.com)\r\n",
	"none - fail"},
    {"a pass in a value",
	US "spf=fail smtp.mailfrom=\"x; spf=pass smtp.mailfrom=example.com\";"
	   " x=y a.b=\"(;spf=pass smtp.mailfrom=example.com\"\r\n",
	"none - fail"},
    {"a local part that goes on", MAIL_FROM("\"a@example.com\"@evil.example"),
	"none - fail"},
    {"a comment in a domain", MAIL_FROM("a@example.com(.evil.example)"),
	"pass - pass"},
    {"a comment in quotes", MAIL_FROM("\"a@example.com(.evil.example\""),
	"none - fail"},
    /* spf: which identity */
    {"local part and domain", MAIL_FROM("bounce@example.com"), "pass - pass"},
    {"a local part with =", MAIL_FROM("b+a=b.example@example.com"),
	"pass - pass"},
    {"quoted local part", US "spf=pass smtp.mailfrom=\"a b\"@example.com\r\n",
	"pass - pass"},
    {"quoted address", US "spf=pass smtp.mailfrom=\"a;b@example.com\"\r\n",
	"pass - pass"},
    {"another domain", MAIL_FROM("a@evil.example"), "none - fail"},
    {"a subdomain", MAIL_FROM("a.example.com"), "none - fail"},
    {"the parent", MAIL_FROM("com"), "none - fail"},
    {"two identities",
	US "spf=pass smtp.mailfrom=example.com "
	   "smtp.mailfrom=evil.example\r\n",
	"none - fail"},
    {"no identity", US "spf=pass\r\n", "none - fail"},
    {"another ptype", US "spf=pass header.mailfrom=example.com\r\n",
	"none - fail"},
    {"smtp.from", US "spf=pass smtp.from=example.com\r\n", "none - fail"},
    {"HELO only", US "spf=pass smtp.helo=example.com\r\n", "none - fail"},
    {"HELO besides",
	US "spf=pass smtp.mailfrom=example.com smtp.helo=evil.example\r\n",
	"pass - pass"},
    {"softfail", US "spf=softfail smtp.mailfrom=example.com\r\n",
	"softfail - fail"},
    {"temperror", US "spf=temperror smtp.mailfrom=example.com\r\n",
	"temperror - temperror"},
    /* dkim: which signature */
    {"by d", DKIM(MX) SIGNED, "none pass pass"},
    {"by all",
	US "dkim=pass header.d=example.com header.s=s1 header.a=rsa-sha256 "
	   "header.i=@example.com header.b=\"AAAABBBB\"\r\n" SIGNED,
	"none pass pass"},
    {"by more of b",
	US "dkim=pass header.d=example.com "
	   "header.b=AAAABBBBCC\r\n" SIGNED,
	"none pass pass"},
    {"a field below it", SIGNED DKIM(MX), "none pass pass"},
    {"no signature", DKIM(MX), "none - fail"},
    {"another's signature", DKIM(MX) SIGNATURE("a.net", "s1", "AAAABBBB"),
	"none neutral fail"},
    {"another d", US "dkim=pass header.d=a.net\r\n" SIGNED,
	"none neutral fail"},
    {"a subdomain's", US "dkim=pass header.d=a.example.com\r\n" SIGNED,
	"none neutral fail"},
    {"two d", US "dkim=pass header.d=a.net header.d=example.com\r\n" SIGNED,
	"none neutral fail"},
    {"no d", US "dkim=pass header.i=@example.com header.s=s1\r\n" SIGNED,
	"none neutral fail"},
    {"d of another ptype", US "dkim=pass smtp.d=example.com\r\n" SIGNED,
	"none neutral fail"},
    {"another s", NAMED("header.s=s2"), "none neutral fail"},
    {"another b", NAMED("header.b=AAAABBBC"), "none neutral fail"},
    {"too little of b", NAMED("header.b=AAAA"), "none neutral fail"},
    {"another a", NAMED("header.a=ed25519-sha256"), "none neutral fail"},
    {"another i", NAMED("header.i=@a.example.com"), "none neutral fail"},
    {"i without @", NAMED("header.i=example.com"), "none neutral fail"},
    {"i with a local part", NAMED("header.i=x@example.com"), "none pass pass"},
    {"the second of two",
	US "dkim=fail header.d=example.com header.s=s1; "
	   "dkim=pass header.d=example.com header.s=s2\r\n" TWICE,
	"none fail,pass pass"},
    {"one of two", US "dkim=pass header.d=example.com header.s=s2\r\n" TWICE,
	"none neutral,pass pass"},
    {"two that cannot be told apart",
	US "dkim=fail header.d=example.com; "
	   "dkim=pass header.d=example.com\r\n" TWICE,
	"none fail,fail fail"},
    {"malformed, whatever they say",
	DKIM("mx.example.org") "DKIM-Signature: v=1; d=example.com; s=s1\r\n",
	"none permerror fail"},
    {"rsa-sha1, whatever they say",
	DKIM(
	    "mx.example.org") "DKIM-Signature: v=1; a=rsa-sha1; d=example.com; s=s1; h=from; "
			      "bh=2jmj7l5rSw0yVb/vlWAYkK/YBwk=; b=AAAA\r\n",
	"none permerror fail"},
    {"U-labels",
	US "dkim=pass header.d=b\xC3\xBC"
	   "cher.example\r\n" SIGNATURE("xn--bcher-kva.example", "s1", "AAAA"),
	"none pass fail"},
    {"dkim=none", US "dkim=none\r\n" SIGNED, "none neutral fail"},
    {"dkim=temperror", US "dkim=temperror header.d=example.com\r\n" SIGNED,
	"none temperror temperror"},
    /* disagreement: the worst counts */
    {"the same twice", PASS(MX) PASS("filter.example.org"), "pass - pass"},
    {"pass, then fail", PASS(MX) FAIL("filter.example.org"), "fail - fail"},
    {"fail, then pass", FAIL(MX) PASS("filter.example.org"), "fail - fail"},
    {"in one field",
	US "spf=pass smtp.mailfrom=example.com; spf=neutral "
	   "smtp.mailfrom=example.com\r\n",
	"neutral - fail"},
    {"temperror and pass",
	US "spf=temperror smtp.mailfrom=example.com; "
	   "spf=pass smtp.mailfrom=a@example.com\r\n",
	"temperror - temperror"},
    {"temperror and fail",
	US "spf=temperror smtp.mailfrom=example.com; "
	   "spf=fail smtp.mailfrom=a@example.com\r\n",
	"fail - fail"},
    {"dkim: pass and fail",
	DKIM(MX) US "dkim=fail header.d=example.com header.s=s1\r\n" SIGNED,
	"none fail fail"},
    {"dkim: pass and policy",
	DKIM(MX) US "dkim=policy header.d=example.com header.s=s1\r\n" SIGNED,
	"none policy fail"},
    {"a stranger's fail does not count", PASS(MX) FAIL("evil.example"),
	"pass - pass"},
    {"a fail below Received does not count",
	PASS(MX) "Received: x\r\n" FAIL("mx.example.org"), "pass - pass"},
};

/* The identity is postmaster@HELO, and HELO is mail.example.com. */
static const struct row null_sender_rows[] = {
    {"null sender, the domain", MAIL_FROM("mail.example.com"), "pass - pass"},
    {"null sender, no local part", MAIL_FROM("@mail.example.com"),
	"pass - pass"},
    {"null sender, another local part", MAIL_FROM("user@mail.example.com"),
	"none - fail"},
    {"null sender, smtp.helo", US "spf=pass smtp.helo=mail.example.com\r\n",
	"pass - pass"},
    {"null sender, postmaster", MAIL_FROM("postmaster@mail.example.com"),
	"pass - pass"},
    {"null sender, another HELO", US "spf=pass smtp.helo=example.com\r\n",
	"none - fail"},
    {"null sender, a MAIL FROM elsewhere",
	US "spf=pass smtp.mailfrom=example.com smtp.helo=mail.example.com\r\n",
	"none - fail"},
};

static const struct row other_sender_rows[] = {
    {"the header claims the author", MAIL_FROM("example.com"), "none - fail"},
    {"the sender is not the author", MAIL_FROM("a.net"), "pass - fail"},
};

static const struct row no_sender_rows[] = {
    {"MAIL FROM that is none", MAIL_FROM("example.com"), "none - fail"},
};

#define TABLE(rows) (rows), sizeof(rows) / sizeof *(rows)

static const struct {
	const char *mail_from;
	const struct row *rows;
	size_t count;
} tables[] = {
    {FROM, TABLE(rows)},
    {"<>", TABLE(null_sender_rows)},
    {"<x@a.net>", TABLE(other_sender_rows)},
    {"<@@>", TABLE(no_sender_rows)},
};

static void
init(struct judge *judge, const char *mail_from)
{
	judge_init(judge);
	judge->zone = zone;
	judge->options.source = AUTHENTICATION_HEADERS;
	judge->options.trusted_authserv_ids =
	    TEXT("filter.example.org,, Other.example.org");
	judge->envelope.mail_from = text_from_cstr(mail_from);
}

static struct text
message(struct arena *arena, const char *fields)
{
	return arena_format(
	    arena, "%sFrom: a@example.com\r\n\r\nHello\r\n", fields);
}

static struct text
words(struct arena *arena, const struct verdict *verdict)
{
	struct build build;

	if (verdict == NULL)
		return TEXT("no verdict");
	build_init_arena(&build, arena, 262144);
	build_format(&build, "%s ",
	    names_word(&spf_result_names, (int)verdict->spf.result));
	for (size_t i = 0; i < verdict->dkim.count; i++)
		build_format(&build, "%s%s", i > 0 ? "," : "",
		    names_word(
			&dkim_result_names, (int)verdict->dkim.at[i].result));
	build_format(&build, "%s %s", verdict->dkim.count == 0 ? "-" : "",
	    names_word(&dmarc_result_names, (int)verdict->dmarc.result));
	return build_view(&build);
}

/* The same in any order, in pieces of any size. */
static unsigned
check_row(struct arena *arena, const struct row *row, const char *mail_from)
{
	struct text text = message(arena, row->fields);
	unsigned wrong = 0;

	for (unsigned seed = 0; seed < 4; seed++) {
		struct judge judge;
		init(&judge, mail_from);
		judge.order = seed == 0 ? ORDER_AT_ONCE : ORDER_RANDOM;
		judge.seed = seed;
		judge.is_hasty = seed > 1;
		judge.piece = seed * 7;
		const struct verdict *verdict = judge_message(&judge, text);
		struct text got = words(arena, verdict);
		assert_false(judge.was_final_early);
		if (!text_equal(got, text_from_cstr(row->expected))) {
			print_error("%s: " TEXT_FMT "\n" TEXT_FMT, row->name,
			    TEXT_ARG(got),
			    TEXT_ARG(
				verdict == NULL ? TEXT("") : verdict->story));
			wrong++;
		}
		judge_close(&judge);
	}
	return wrong;
}

/* Closing early gives no pass, and neither does memory that ends. */
static unsigned
check_short(struct arena *arena, const struct row *row, const char *mail_from)
{
	struct text text = message(arena, row->fields);
	bool may_pass = strstr(row->expected, " pass") != NULL;
	bool is_whole = false;
	struct judge judge;

	init(&judge, mail_from);
	judge.order = ORDER_CLOSED_EARLY;
	const struct verdict *verdict = judge_message(&judge, text);
	unsigned wrong = verdict == NULL ||
			 (!may_pass && verdict->dmarc.result == DMARC_PASS);
	judge_close(&judge);
	for (size_t n = 1; !is_whole && n < 500; n += 3) {
		init(&judge, mail_from);
		judge.fail_at = n;
		verdict = judge_message(&judge, text);
		is_whole = verdict != NULL;
		wrong += is_whole && !text_equal(words(arena, verdict),
					 text_from_cstr(row->expected));
		judge_close(&judge);
	}
	return wrong + !is_whole;
}

static unsigned
check_all(unsigned (*check)(
    struct arena *arena, const struct row *row, const char *mail_from))
{
	struct arena *arena = arena_new((size_t)1 << 22);
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		for (size_t k = 0; k < tables[i].count; k++)
			wrong += check(
			    arena, &tables[i].rows[k], tables[i].mail_from);
	arena_free(arena);
	return wrong;
}

static void
test_rows(void **state)
{
	(void)state;
	assert_int_equal(check_all(check_row), 0);
}

static void
test_short(void **state)
{
	(void)state;
	assert_int_equal(check_all(check_short), 0);
}

/* With self, the default, no field is believed. */
static void
test_self(void **state)
{
	struct arena *arena = arena_new((size_t)1 << 22);
	struct text text = message(arena, FAIL(MX) DKIM(MX) SIGNED);
	struct judge judge;

	(void)state;
	init(&judge, FROM);
	judge.options.source = AUTHENTICATION_SELF;
	struct text got = words(arena, judge_message(&judge, text));
	assert_true(text_equal(got, TEXT("pass permerror pass")));
	judge_close(&judge);
	arena_free(arena);
}

/* Without a queue id nothing has one. */
static void
test_no_job(void **state)
{
	struct arena *arena = arena_new((size_t)1 << 22);
	struct judge judge;

	(void)state;
	init(&judge, FROM);
	judge.envelope.job = TEXT("");
	struct text got = words(arena,
	    judge_message(&judge, message(arena, PASS("\"mx.example.org/\""))));
	assert_true(text_equal(got, TEXT("none - fail")));
	judge_close(&judge);
	arena_free(arena);
}

/* COUNT times BEFORE, then LAST: what it makes of them. */
static struct text
words_of_many(
    struct arena *arena, const char *before, size_t count, const char *last)
{
	struct build fields;
	struct judge judge;

	build_init_arena(&fields, arena, (size_t)1 << 20);
	for (size_t i = 0; i < count; i++)
		build_cstr(&fields, before);
	build_cstr(&fields, last);
	init(&judge, FROM);
	struct text got = words(
	    arena, judge_message(&judge,
		       message(arena, arena_cstr(arena, build_view(&fields)))));
	judge_close(&judge);
	return got;
}

/* Strangers take no place. With more of ours than are read nobody is believed:
 * the one that says how it is may be the next. */
static void
test_limit(void **state)
{
	static const struct {
		const char *before, *last;
	} floods[] = {
	    {AR "evil.example; none\r\n" US "none\r\n", PASS(MX)},
	    {PASS(MX), US "none\r\n"},
	};
	struct arena *arena = arena_new((size_t)1 << 23);

	(void)state;
	for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
		struct text most = words_of_many(arena, floods[i].before,
		    UPSTREAM_FIELDS_MAX - 1, floods[i].last);
		struct text more = words_of_many(arena, floods[i].before,
		    UPSTREAM_FIELDS_MAX, floods[i].last);
		assert_true(text_equal(most, TEXT("pass - pass")));
		assert_true(text_equal(more, TEXT("none - fail")));
	}
	/* A flood cannot keep the field with the queue id out. */
	assert_true(text_equal(words_of_many(arena, PASS(MX),
				   UPSTREAM_FIELDS_MAX, FAIL(MX "/4XYZ")),
	    TEXT("none - fail")));
	arena_free(arena);
}

/* Each name is read once, however many signatures it is compared with. */
static void
test_many_names(void **state)
{
	struct arena *arena = arena_new((size_t)1 << 24);
	struct build fields;

	(void)state;
	build_init_arena(&fields, arena, (size_t)1 << 20);
	for (size_t i = 0; i < 15; i++) {
		build_cstr(&fields, AR MX);
		for (size_t k = 0; k < AUTHRES_RESULTS_MAX; k++)
			build_cstr(&fields, ";dkim=pass header.d=b\xC3\xBC"
					    "cher.b\xC3\xBC"
					    "cher.b\xC3\xBC"
					    "cher.example");
		build_cstr(&fields, "\r\n");
	}
	build_cstr(&fields, PASS(MX));
	struct text got = words_of_many(
	    arena, SIGNED, 500, arena_cstr(arena, build_view(&fields)));
	assert_true(text_starts(got, TEXT("pass neutral,neutral,")));
	assert_true(text_ends_nocase(got, TEXT("neutral pass")));
	arena_free(arena);
}

/* As many signatures as are read, and a result for each of them. */
static void
test_many_signatures(void **state)
{
	struct arena *arena = arena_new((size_t)1 << 22);
	struct build fields;
	struct judge judge;

	(void)state;
	build_init_arena(&fields, arena, 262144);
	build_cstr(&fields, DKIM(MX));
	for (size_t i = 0; i < DKIM_RESULTS_MAX + 1; i++)
		build_cstr(&fields, SIGNED);
	init(&judge, FROM);
	const struct verdict *verdict = judge_message(
	    &judge, message(arena, arena_cstr(arena, build_view(&fields))));
	assert_non_null(verdict);
	assert_int_equal(verdict->dkim.count, DKIM_RESULTS_MAX);
	assert_int_equal(
	    verdict->dkim.at[DKIM_RESULTS_MAX - 1].result, DKIM_PASS);
	assert_int_equal(verdict->dmarc.result, DMARC_PASS);
	judge_close(&judge);
	arena_free(arena);
}

/* The author's own may be the last of many that passed: no limit of what we
 * verify ourselves concerns what others did. */
static void
test_late_signature(void **state)
{
	struct arena *arena = arena_new((size_t)1 << 22);
	struct build fields;
	struct judge judge;

	(void)state;
	build_init_arena(&fields, arena, 65536);
	build_cstr(&fields, US "dkim=pass header.d=other.example; "
			       "dkim=pass header.d=example.com\r\n");
	for (size_t i = 0; i < 2 * DKIM_SIGNATURES_MAX; i++)
		build_cstr(
		    &fields, SIGNATURE("other.example", "s1", "AAAABBBBCCCC"));
	build_cstr(&fields, SIGNED);
	init(&judge, FROM);
	const struct verdict *verdict = judge_message(
	    &judge, message(arena, arena_cstr(arena, build_view(&fields))));
	assert_non_null(verdict);
	assert_int_equal(verdict->dmarc.result, DMARC_PASS);
	judge_close(&judge);
	arena_free(arena);
}

static const struct {
	const char *fields;
	const char *lines[4]; /* in the story */
	const char *helo;     /* NULL: mail.example.com */
} stories[] = {
    {PASS(MX "/4XYZ") DKIM(MX) SIGNED,
	{"the field of mx.example.org/4XYZ is trusted, with the queue id",
	    "those without the queue id are not believed",
	    "mx.example.org/4XYZ says: spf=pass for example.com",
	    "signature of example.com (s1): neutral: no believed"},
	NULL},
    {PASS("evil.example") US "spf=pass (\r\n" AR "x y\r\n"
			     "Received: x\r\n",
	{"the field of evil.example is not believed: it is not trusted",
	    "the field of mx.example.org is not believed: it cannot be read",
	    "a field without a readable authserv-id",
	    "fields below the first Received are not believed"},
	NULL},
    {PASS(MX) FAIL("filter.example.org"),
	{"spf: results disagree (pass, fail)",
	    "filter.example.org says: spf=fail",
	    "no believed result is about mail.example.com: spf=none", ""},
	NULL},
    {PASS(MX), {"no usable domain: spf=none", "", "", ""}, "."},
};

static void
test_stories(void **state)
{
	struct arena *arena = arena_new((size_t)1 << 22);
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
		struct judge judge;
		init(&judge, FROM);
		if (stories[i].helo != NULL)
			judge.envelope.helo = text_from_cstr(stories[i].helo);
		const struct verdict *verdict =
		    judge_message(&judge, message(arena, stories[i].fields));
		assert_non_null(verdict);
		for (size_t k = 0; k < 4; k++) {
			struct text line = text_from_cstr(stories[i].lines[k]);
			if (line.len > 0 && text_find_part(verdict->story,
						line) == verdict->story.len) {
				print_error(
				    "%zu: no \"" TEXT_FMT "\" in\n" TEXT_FMT, i,
				    TEXT_ARG(line), TEXT_ARG(verdict->story));
				wrong++;
			}
		}
		judge_close(&judge);
	}
	assert_int_equal(wrong, 0);
	arena_free(arena);
}

/* What is said of HELO is kept beside MAIL FROM, and their words are ours. */
static void
test_passed_on(void **state)
{
	struct arena *arena = arena_new((size_t)1 << 22);
	struct text text = message(arena,
	    US "spf=fail smtp.mailfrom=example.com reason=x\r\n" AR
	       "filter.example.org; spf=pass smtp.mailfrom=a@example.com; "
	       "spf=fail smtp.mailfrom=mail.example.com "
	       "smtp.helo=mail.example.com; spf=softfail "
	       "smtp.helo=mail.example.com; dkim=fail "
	       "reason=\"so; it is\" header.d=example.com\r\n" SIGNED);
	struct judge judge;

	(void)state;
	init(&judge, FROM);
	const struct verdict *verdict = judge_message(&judge, text);
	assert_non_null(verdict);
	assert_int_equal(verdict->helo.result, SPF_SOFTFAIL);
	assert_true(text_equal(verdict->authentication_results,
	    TEXT("mx.example.org;\r\n"
		 "\tspf=pass smtp.mailfrom=example.com;\r\n"
		 "\tspf=softfail smtp.helo=mail.example.com;\r\n"
		 "\tdkim=fail reason=\"so; it is\" header.d=example.com "
		 "header.i=\"@example.com\" header.s=s1 header.a=rsa-sha256 "
		 "header.b=AAAABBBB;\r\n"
		 "\tdmarc=pass header.from=example.com policy.dmarc=reject")));
	judge_close(&judge);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_short),
	    cmocka_unit_test(test_self),
	    cmocka_unit_test(test_no_job),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_many_names),
	    cmocka_unit_test(test_many_signatures),
	    cmocka_unit_test(test_late_signature),
	    cmocka_unit_test(test_stories),
	    cmocka_unit_test(test_passed_on),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
