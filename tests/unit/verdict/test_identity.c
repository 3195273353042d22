/* Whatever forms the envelope has, DMARC aligns the domain that SPF checked, and
 * nobody comes to a stranger's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge.h"

/* The client may send for evil.example and what is below it, and for mx9. */
static const char records[] =
    "_dmarc.bank.example TXT \"v=DMARC1; p=reject\"\n"
    "bank.example TXT \"v=spf1 ip4:203.0.113.1 -all\"\n"
    "*.bank.example TXT \"v=spf1 ip4:203.0.113.1 -all\"\n"
    "evil.example TXT \"v=spf1 ip4:192.0.2.66 -all\"\n"
    "*.evil.example TXT \"v=spf1 ip4:192.0.2.66 -all\"\n"
    "mx9.bank.example TXT \"v=spf1 ip4:192.0.2.66 -all\"\n"
    "xn--bnk-qla.example TXT \"v=spf1 ip4:192.0.2.66 -all\"\n"
    "local TXT \"v=spf1 +all\"\n";

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

static const struct row {
	const char *name;
	struct text mail_from;
	struct text helo;
	const char *words; /* SPF, HELO, DMARC of author@bank.example */
} rows[] = {
    {"the attacker's own", T("<a@evil.example>"), T("evil.example"),
	"pass evil.example, pass evil.example, fail"},
    {"the bank's", T("<a@bank.example>"), T("evil.example"),
	"fail bank.example, pass evil.example, fail"},
    {"a host of the bank", T("<a@mx9.bank.example>"), T("evil.example"),
	"pass mx9.bank.example, pass evil.example, pass"},
    {"without <>", T("a@evil.example"), T("x"),
	"pass evil.example, none x, fail"},
    {"upper case and a dot", T("<A@MX9.Bank.EXAMPLE.>"), T("x"),
	"pass mx9.bank.example, none x, pass"},
    {"route", T("<@evil.example:a@bank.example>"), T("x"),
	"fail bank.example, none x, fail"},
    {"route through the bank", T("<@bank.example:a@evil.example>"), T("x"),
	"pass evil.example, none x, fail"},
    {"quoted @", T("<\"a@evil.example\"@bank.example>"), T("x"),
	"fail bank.example, none x, fail"},
    {"quoted bank", T("<\"a@bank.example\"@evil.example>"), T("x"),
	"pass evil.example, none x, fail"},
    {"percent hack", T("<a%bank.example@evil.example>"), T("x"),
	"pass evil.example, none x, fail"},
    {"bang path", T("<bank.example!a@evil.example>"), T("x"),
	"pass evil.example, none x, fail"},
    {"two @", T("<a@bank.example@evil.example>"), T("x"),
	"none , none x, fail"},
    {"parenthesis", T("<a@bank.example(.evil.example>"), T("x"),
	"none , none x, fail"},
    {"NUL", T("<a@evil.example\0.bank.example>"), T("x"),
	"none , none x, fail"},
    {"NUL behind the bank", T("<a@bank.example\0.evil.example>"), T("x"),
	"none , none x, fail"},
    {"line end", T("<a@evil.example\r\n.bank.example>"), T("x"),
	"none , none x, fail"},
    {"space", T("<a@evil.example bank.example>"), T("x"),
	"none , none x, fail"},
    {"backslash", T("<a@evil.example\\.bank.example>"), T("x"),
	"none , none x, fail"},
    {"escaped dot", T("<a@evil\\046example.bank.example>"), T("x"),
	"none , none x, fail"},
    {"quote in the domain", T("<a@\"evil.example\".bank.example>"), T("x"),
	"none , none x, fail"},
    {"parameters", T("<a@evil.example> ORCPT=a@bank.example"), T("x"),
	"none , none x, fail"},
    {"literal", T("<a@[192.0.2.66]>"), T("x"), "none , none x, fail"},
    {"literal of a name", T("<a@[mx9.bank.example]>"), T("x"),
	"none , none x, fail"},
    {"no @", T("<bank.example>"), T("evil.example"),
	"none , pass evil.example, fail"},
    {"no local part", T("<@mx9.bank.example>"), T("x"),
	"pass mx9.bank.example, none x, pass"},
    {"no domain", T("<a@>"), T("mx9.bank.example"),
	"none , pass mx9.bank.example, fail"},
    {"single label", T("<a@local>"), T("local"),
	"none local, none local, fail"},
    {"empty label", T("<a@mx9..bank.example>"), T("x"), "none , none x, fail"},
    {"zero-width space", T("<a@mx9\xE2\x80\x8B.bank.example>"), T("x"),
	"none , none x, fail"},
    {"full-width letter",
	T("<a@mx9.\xEF\xBD\x82"
	  "ank.example>"),
	T("x"), "none , none x, fail"},
    {"ideographic full stop",
	T("<a@mx9.bank\xE3\x80\x82"
	  "example>"),
	T("x"), "none , none x, fail"},
    {"U-label", T("<a@b\xC3\xA4nk.example>"), T("x"),
	"pass xn--bnk-qla.example, none x, fail"},
    {"UTF-8 local part", T("<\xC3\xA4@mx9.bank.example>"), T("x"),
	"pass mx9.bank.example, none x, pass"},

    {"null sender", T("<>"), T("mx9.bank.example"),
	"pass mx9.bank.example, pass mx9.bank.example, pass"},
    {"nothing", T(""), T("evil.example"),
	"pass evil.example, pass evil.example, fail"},
    {"blank is not null", T("< >"), T("mx9.bank.example"),
	"none , pass mx9.bank.example, fail"},
    {"HELO is not MAIL FROM", T("<a@evil.example>"), T("mx9.bank.example"),
	"pass evil.example, pass mx9.bank.example, fail"},
    {"null sender, dot and case", T("<>"), T("MX9.BANK.example."),
	"pass mx9.bank.example, pass mx9.bank.example, pass"},
    {"null sender, literal", T("<>"), T("[192.0.2.66]"),
	"none [192.0.2.66], none [192.0.2.66], fail"},
    {"null sender, IPv6 literal", T("<>"), T("[IPv6:2001:db8::1]"),
	"none [ipv6:2001:db8::1], none [ipv6:2001:db8::1], fail"},
    {"null sender, single label", T("<>"), T("local"),
	"none local, none local, fail"},
    {"null sender, no HELO", T("<>"), T(""), "none , none , fail"},
    {"null sender, two dots", T("<>"), T("mx9.bank.example.."),
	"none , none , fail"},
    {"null sender, NUL", T("<>"), T("evil.example\0.bank.example"), NULL},
    {"null sender, space", T("<>"), T("evil.example x.bank.example"), NULL},
    {"null sender, backslash", T("<>"), T("evil.example\\.bank.example"), NULL},
    {"null sender, @", T("<>"), T("a@mx9.bank.example"), NULL},
    {"null sender, line end", T("<>"), T("evil.example\r\n.bank.example"),
	NULL},
    {"null sender, not UTF-8", T("<>"), T("\xFF.bank.example"), NULL},
};

static struct text
write_words(struct arena *arena, const struct verdict *verdict)
{
	return arena_format(arena, "%s " TEXT_FMT ", %s " TEXT_FMT ", %s",
	    names_word(&spf_result_names, (int)verdict->spf.result),
	    TEXT_ARG(verdict->spf.domain),
	    names_word(&spf_result_names, (int)verdict->helo.result),
	    TEXT_ARG(verdict->helo.domain),
	    names_word(&dmarc_result_names, (int)verdict->dmarc.result));
}

/* Without words: there is no identity at all. */
static bool
is_nobody(const struct verdict *verdict)
{
	return verdict->spf.result == SPF_NONE &&
	       verdict->helo.result == SPF_NONE &&
	       verdict->dmarc.result == DMARC_FAIL;
}

static bool
run_row(const struct row *row, const struct dns_zone *zone, enum order order)
{
	struct judge judge;

	judge_init(&judge);
	judge.zone = zone;
	judge.order = order;
	judge.envelope.client = (struct ip){4, {192, 0, 2, 66}};
	judge.envelope.mail_from = row->mail_from;
	judge.envelope.helo = row->helo;
	const struct verdict *verdict = judge_message(
	    &judge, TEXT("From: a@bank.example\r\nSubject: x\r\n\r\nx\r\n"));
	assert_non_null(verdict);
	struct text words = write_words(judge.arena, verdict);
	bool ok = row->words == NULL
		      ? is_nobody(verdict)
		      : text_equal(words, text_from_cstr(row->words));
	if (!ok)
		print_error("%s: " TEXT_FMT "\n", row->name, TEXT_ARG(words));
	judge_close(&judge);
	return ok;
}

static void
test_rows(void **state)
{
	struct dns_zone *zone = order_zone(text_from_cstr(records));
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		wrong += !run_row(&rows[i], zone, ORDER_AT_ONCE);
		wrong += !run_row(&rows[i], zone, ORDER_RANDOM);
	}
	dns_zone_free(zone);
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
