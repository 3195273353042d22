#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "mail/address.h"
#include "mail/message.h"
#include "vectors.h"

#include <string.h>

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

struct from_row {
	const char *name;
	struct text value;
	enum author_status status;
	const char *domain;
};

#define LABEL63                                                                \
 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME253                                                                \
 LABEL63 "." LABEL63 "." LABEL63 "."                                           \
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define OK        AUTHOR_OK
#define MULTIPLE  AUTHOR_MULTIPLE
#define MALFORMED AUTHOR_MALFORMED

static const struct from_row from_rows[] = {
    {"bare", T("a@example.com"), OK, "example.com"},
    {"angle", T("<a@example.com>"), OK, "example.com"},
    {"space before", T(" a@example.com "), OK, "example.com"},
    {"atoms", T("John Doe <a@example.com>"), OK, "example.com"},
    {"dot in the name", T("John Q. Public <a@example.com>"), OK, "example.com"},
    {"brackets in the name", T("[List] A B <a@example.com>"), OK,
	"example.com"},
    {"quoted name", T("\"Doe, John\" <a@example.com>"), OK, "example.com"},
    {"escapes", T("\"J \\\"<>, \\\\\" <a@example.com>"), OK, "example.com"},
    {"address behind an escaped quote",
	T("\"a \\\" <b@y.org> \\\\\" <a@example.com>"), MALFORMED, ""},
    {"address before an escaped backslash",
	T("\"b@y.org \\\\\" <a@example.com>"), MALFORMED, ""},
    {"address as a quoted name", T("\"b@y.org\" <a@example.com>"), OK,
	"example.com"},
    {"upper case", T("A@EXAMPLE.Com"), OK, "example.com"},
    {"trailing dot", T("a@example.com."), OK, "example.com"},
    {"single label", T("a@localhost"), OK, "localhost"},
    {"label of 63",
	T("a@abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
	  ".example"),
	OK,
	"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
	".example"},
    {"label of 64",
	T("a@abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd"
	  ".example"),
	MALFORMED, ""},
    {"labels of 1", T("a@x.y"), OK, "x.y"},
    {"name of 253", T("a@" NAME253), OK, NAME253},
    {"name of 253 and a dot", T("a@" NAME253 "."), OK, NAME253},
    {"name of 254", T("a@" NAME253 "a"), MALFORMED, ""},
    {"address without brackets", T("a@192.0.2.1"), OK, "192.0.2.1"},
    {"number as top level", T("a@example.1"), OK, "example.1"},
    {"hyphens at the ends", T("a@-x-.example"), OK, "-x-.example"},
    {"underscore", T("a@my_host.example.com"), OK, "my_host.example.com"},
    {"quoted local part", T("\"john doe\"@example.com"), OK, "example.com"},
    {"quoted @", T("\"b@y.org\"@example.com"), MALFORMED, ""},
    {"quoted @ and >", T("<\"b@y.org>\"@example.com>"), MALFORMED, ""},
    {"quoted @, same domain", T("\"b@example.com\"@example.com"), MALFORMED,
	""},
    {"quoted >", T("<\"b>\"@example.com>"), OK, "example.com"},
    {"words with dots", T("\"a b\".c.\"d\"@example.com"), OK, "example.com"},
    {"dots anywhere", T("..a..b.@example.com"), OK, "example.com"},
    {"all atext", T("!#$%&'*+-/?=^_`{|}~@example.com"), OK, "example.com"},

    {"comment behind", T("a@example.com (John Doe)"), OK, "example.com"},
    {"comments everywhere",
	T("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>"), OK,
	"silly.test"},
    {"nested comments", T("(a(b(c)d)) a@example.com ((e)f)"), OK,
	"example.com"},
    {"comment across a fold", T("(a\r\n b)\r\n <a@example.com>"), OK,
	"example.com"},
    {"comment of parts of addresses", T("(<\">;,:) a@example.com"), OK,
	"example.com"},
    {"comments 32 deep",
	T("((((((((((((((((((((((((((((((((x))))))))))))))))))))))))))))))))"
	  "a@example.com"),
	OK, "example.com"},
    {"comments 33 deep",
	T("(((((((((((((((((((((((((((((((((x)))))))))))))))))))))))))))))))))"
	  "a@example.com"),
	MALFORMED, ""},
    {"address in a comment", T("a@example.com (b@y.org)"), MALFORMED, ""},
    {"comment of the same address", T("a@example.com (A@EXAMPLE.com.)"), OK,
	"example.com"},
    {"comment of the same domain", T("(J <b@example.com>) <a@example.com>"), OK,
	"example.com"},
    {"the same domain twice",
	T("(b@example.com) a@example.com (c@example.com)"), OK, "example.com"},
    {"comment of a subdomain", T("a@example.com (b@x.example.com)"), MALFORMED,
	""},
    {"comment of a longer domain", T("a@example.com (b@example.com.y.org)"),
	MALFORMED, ""},
    {"two addresses in a comment",
	T("a@example.com (b@example.com> <b@y.org>)"), MALFORMED, ""},
    {"two comments, the other first",
	T("(b@y.org) (b@example.com) a@example.com"), MALFORMED, ""},
    {"two comments", T("a@example.com (b@example.com) (b@y.org)"), MALFORMED,
	""},
    {"comment of two @", T("a@example.com (b@example.com@y.org)"), MALFORMED,
	""},
    {"space in a comment's domain", T("a@example.com (b@example.com .y.org)"),
	MALFORMED, ""},
    {"comment in a comment's domain",
	T("a@example.com (b@example.com(.y.org))"), MALFORMED, ""},
    {"escape in a comment's domain", T("a@example.com (b@example.com\\.y.org)"),
	MALFORMED, ""},
    {"@ alone in a comment", T("a@example.com (@)"), MALFORMED, ""},
    {"addresses of one domain in comments, another behind",
	T("a@example.com (b@example.com), b@y.org"), MULTIPLE, ""},
    {"comment without end", T("a@example.com (b"), MALFORMED, ""},
    {"comment without begin", T("a@example.com b)"), MALFORMED, ""},
    {"escaped end of a comment", T("a@example.com (b\\)"), MALFORMED, ""},
    {"comment in a domain", T("a@example.com(x).y.org"), MALFORMED, ""},
    {"comment before a domain", T("a@(y.org)example.com"), MALFORMED, ""},
    {"space in a domain", T("a@example.com .y.org"), MALFORMED, ""},
    {"space around @", T("a @ example.com"), OK, "example.com"},
    {"space in a local part", T("a .b@example.com"), MALFORMED, ""},

    {"route", T("<@y.org,@z.org:a@example.com>"), OK, "example.com"},
    {"route with empty members", T("<@y.org,, @z.org,:a@example.com>"), OK,
	"example.com"},
    {"route without end", T("<@y.org a@example.com>"), MALFORMED, ""},
    {"route of no domain", T("<@:a@example.com>"), MALFORMED, ""},
    {"route without <", T("@y.org:a@example.com"), MALFORMED, ""},

    {"group", T("A Group:a@example.com, B <b@example.com>;"), OK,
	"example.com"},
    {"group of two domains", T("G:a@example.com, b@y.org;"), MULTIPLE, ""},
    {"group and address", T("G:a@example.com; (x), b@example.com"), OK,
	"example.com"},
    {"empty group", T("Undisclosed recipients:;"), MALFORMED, ""},
    {"empty group with a comment", T("G: (a comment) ;"), MALFORMED, ""},
    {"empty group and address", T("G:;, a@example.com"), OK, "example.com"},
    {"group without end", T("G:a@example.com"), MALFORMED, ""},
    {"group without name", T(":a@example.com;"), MALFORMED, ""},
    {"group in a group", T("G:H:a@example.com;;"), MALFORMED, ""},
    {"end without group", T("a@example.com;"), MALFORMED, ""},
    {"behind a group", T("G:a@example.com; b@y.org"), MALFORMED, ""},

    {"two of one domain", T("a@example.com, b@Example.COM."), OK,
	"example.com"},
    {"two domains", T("a@example.com, b@y.org"), MULTIPLE, ""},
    {"parent and child", T("a@example.com, b@b.example.com"), MULTIPLE, ""},
    {"two angles", T("<a@example.com> <b@y.org>"), MALFORMED, ""},
    {"two angles, one domain", T("<a@example.com> <b@example.com>"), MALFORMED,
	""},
    {"angle that does not end", T("a@example.com, <b@y.org"), MALFORMED, ""},
    {"trailing >", T("a@example.com>"), MALFORMED, ""},
    {"trailing > behind an angle", T("<a@example.com>>"), MALFORMED, ""},
    {"double <", T("<<a@example.com>>"), MALFORMED, ""},
    {"trailing comma", T("a@example.com,"), MALFORMED, ""},
    {"leading comma", T(",a@example.com"), MALFORMED, ""},
    {"empty member", T("a@example.com,,b@example.com"), MALFORMED, ""},
    {"comma in the name", T("Doe, John <a@example.com>"), MALFORMED, ""},
    {"address as a name", T("b@y.org <a@example.com>"), MALFORMED, ""},
    {"address as a name, one domain", T("b@EXAMPLE.com <a@example.com>"), OK,
	"example.com"},
    {"name and address as a name", T("B b@example.com <a@example.com>"),
	MALFORMED, ""},
    {"name behind", T("<a@example.com> John"), MALFORMED, ""},
    {"quoted name behind", T("<a@example.com> \"b@y.org\""), MALFORMED, ""},
    {"address behind", T("<a@example.com>b@y.org"), MALFORMED, ""},
    {"colon in the name", T("Re: John <a@example.com>"), MALFORMED, ""},
    {"semicolon in the name", T("J; D <a@example.com>"), MALFORMED, ""},
    {"> in the name", T("J> <a@example.com>"), MALFORMED, ""},
    {"backslash in the name", T("J\\D <a@example.com>"), MALFORMED, ""},
    {"semicolon for a comma", T("a@example.com; b@y.org"), MALFORMED, ""},
    {"space for a comma", T("<a@example.com> <b@y.org>"), MALFORMED, ""},
    {"two @", T("a@b@example.com"), MALFORMED, ""},
    {"two addresses, no comma", T("a@example.com b@y.org"), MALFORMED, ""},
    {"backslash", T("<a@example.com>\\,<b@y.org>"), MALFORMED, ""},
    {"open quote", T("\"John <a@example.com>"), MALFORMED, ""},
    {"escaped quote", T("\"John\\\" <a@example.com>"), MALFORMED, ""},
    {"quote inside a name", T("J\"o\"hn <a@example.com>"), OK, "example.com"},
    {"quote before an atom", T("\"b@y.org\"a@example.com"), MALFORMED, ""},

    {"nothing", T(""), MALFORMED, ""},
    {"blank", T(" \t "), MALFORMED, ""},
    {"comment only", T("(a)"), MALFORMED, ""},
    {"null", T("<>"), MALFORMED, ""},
    {"name only", T("John Doe"), MALFORMED, ""},
    {"name and null", T("\"a@example.com\" <>"), MALFORMED, ""},
    {"local part only", T("<postmaster>"), MALFORMED, ""},
    {"no local part", T("@example.com"), MALFORMED, ""},
    {"no domain", T("a@"), MALFORMED, ""},
    {"domain literal", T("a@[192.0.2.1]"), MALFORMED, ""},
    {"domain literal of IPv6", T("a@[IPv6:2001:db8::1]"), MALFORMED, ""},
    {"domain literal of a name", T("a@[example.com]"), MALFORMED, ""},
    {"domain literal beside a domain", T("a@example.com, b@[192.0.2.1]"),
	MALFORMED, ""},
    {"port", T("a@example.com:25"), MALFORMED, ""},
    {"leading dot", T("a@.example.com"), MALFORMED, ""},
    {"quoted domain", T("a@\"example.com\""), MALFORMED, ""},
    {"escaped @", T("a\\@y.org@example.com"), MALFORMED, ""},
    {"percent hack", T("a%y.org@example.com"), OK, "example.com"},
    {"mailto", T("mailto:a@example.com"), MALFORMED, ""},
    {"mailto in an angle", T("<mailto:a@example.com>"), MALFORMED, ""},
    {"domain is a dot", T("a@."), MALFORMED, ""},
    {"empty label", T("a@b..example.com"), MALFORMED, ""},
    {"two dots at the end", T("a@example.com.."), MALFORMED, ""},
    {"not ldh", T("a@exa!mple.com"), MALFORMED, ""},
    {"slash in the domain", T("a@example.com/y.org"), MALFORMED, ""},

    {"encoded name", T("=?utf-8?q?J=C3=B6rg_=3Cb=40y.org=3E?= <a@example.com>"),
	OK, "example.com"},
    {"encoded address",
	T("=?utf-8?B?PGFkbWluQGxlZ2l0aW1hdGUuY29tPg==?=,<b@y.org>"), MALFORMED,
	""},
    {"encoded address alone", T("=?utf-8?b?YUBleGFtcGxlLmNvbQ==?="), MALFORMED,
	""},
    {"encoded local part", T("=?utf-8?q?a=40example.com?=@y.org"), MALFORMED,
	""},

    {"UTF-8 name", T("J\xC3\xB6rg <a@example.com>"), OK, "example.com"},
    {"UTF-8 local part", T("j\xC3\xB6rg@example.com"), OK, "example.com"},
    {"U-label",
	T("a@B\xC3\xBC"
	  "cher.example"),
	OK, "xn--bcher-kva.example"},
    {"A-label", T("a@XN--bcher-kva.example"), OK, "xn--bcher-kva.example"},
    {"U-label and A-label",
	T("a@b\xC3\xBC"
	  "cher.example, b@xn--bcher-kva.example"),
	OK, "xn--bcher-kva.example"},
    {"ideographic full stop", T("a@example.com\xE3\x80\x82y.org"), MALFORMED,
	""},
    {"full-width full stop",
	T("a@example\xEF\xBC\x8E"
	  "com"),
	MALFORMED, ""},
    {"half-width full stop",
	T("a@example\xEF\xBD\xA1"
	  "com"),
	MALFORMED, ""},
    {"full-width @", T("a@b\xEF\xBC\xA0y.org"), MALFORMED, ""},
    {"full-width @ before @", T("a\xEF\xBC\xA0y.org@example.com"), MALFORMED,
	""},
    {"small @ before @", T("a\xEF\xB9\xABy.org@example.com"), MALFORMED, ""},
    {"full-width @ alone",
	T("a\xEF\xBC\xA0"
	  "example.com"),
	MALFORMED, ""},
    {"full-width @ in a name", T("b\xEF\xBC\xA0y.org <a@example.com>"), OK,
	"example.com"},
    {"full-width letter",
	T("a@\xEF\xBD\x82"
	  "ank.example"),
	MALFORMED, ""},
    {"Kelvin sign", T("a@ban\xE2\x84\xAA.example"), MALFORMED, ""},
    {"zero-width space", T("a@ba\xE2\x80\x8Bnk.example"), MALFORMED, ""},
    {"soft hyphen", T("a@ba\xC2\xADnk.example"), MALFORMED, ""},
    {"BOM in a domain",
	T("a@\xEF\xBB\xBF"
	  "bank.example"),
	MALFORMED, ""},
    {"zero-width joiner",
	T("a@a\xE2\x80\x8D"
	  "b.example"),
	MALFORMED, ""},
    {"upper case outside ASCII",
	T("a@B\xC3\x9C"
	  "CHER.example"),
	MALFORMED, ""},
    {"not NFC",
	T("a@bu\xCC\x88"
	  "cher.example"),
	MALFORMED, ""},
    {"emoji", T("a@\xE2\x9D\xA4.example"), MALFORMED, ""},
    {"underscore in a U-label", T("a@b\xC3\xBC_.example"), MALFORMED, ""},
    {"sharp s", T("a@fa\xC3\x9F.example"), OK, "xn--fa-hia.example"},
    {"Hebrew", T("a@\xD7\x90\xD7\x91.example"), OK, "xn--4dbc.example"},
    {"A-label that is none", T("a@xn--\xC3\xBC.example"), MALFORMED, ""},
    {"A-label that is no punycode", T("a@xn--zzzzzz---.example"), OK,
	"xn--zzzzzz---.example"},
    {"A-label of an emoji", T("a@xn--qei.example"), OK, "xn--qei.example"},
    {"BOM",
	T("\xEF\xBB\xBF"
	  "a@example.com"),
	OK, "example.com"},
    {"BOM and angle", T("\xEF\xBB\xBF <a@example.com>"), OK, "example.com"},
    {"bidi marks in the name",
	T("\xE2\x80\xAE"
	  "J <a@example.com>"),
	OK, "example.com"},
    {"no-break space", T("a@example.com\xC2\xA0"), MALFORMED, ""},
    {"U-label that is none", T("a@\xE2\x80\xAE.example"), MALFORMED, ""},
    {"Latin-1", T("J\xF6rg <a@example.com>"), MALFORMED, ""},
    {"overlong", T("\xC0\xBC <a@example.com>"), MALFORMED, ""},
    {"overlong of three", T("\xE0\x80\xBC <a@example.com>"), MALFORMED, ""},
    {"surrogate", T("\xED\xA0\x80 <a@example.com>"), MALFORMED, ""},
    {"beyond Unicode", T("\xF4\x90\x80\x80 <a@example.com>"), MALFORMED, ""},
    {"four bytes", T("\xF0\x9F\x98\x80 <a@example.com>"), OK, "example.com"},
    {"cut sequence", T("a@example.com (\xF0\x9F\x98"), MALFORMED, ""},
    {"line separator U+2028",
	T("a\xE2\x80\xA8"
	  "b <a@example.com>"),
	MALFORMED, ""},
    {"paragraph separator U+2029",
	T("a\xE2\x80\xA9"
	  "b <a@example.com>"),
	MALFORMED, ""},
    {"next line U+0085",
	T("a\xC2\x85"
	  "b <a@example.com>"),
	MALFORMED, ""},

    {"NUL", T("a@example.com\0.y.org"), MALFORMED, ""},
    {"NUL in a comment", T("(\0) a@example.com"), MALFORMED, ""},
    {"NUL in quotes", T("\"\0\" <a@example.com>"), MALFORMED, ""},
    {"DEL in quotes", T("\"\x7F\" <a@example.com>"), MALFORMED, ""},
    {"DEL", T("\x7F <a@example.com>"), MALFORMED, ""},
    {"escape", T("\x1B[1m <a@example.com>"), MALFORMED, ""},
    {"form feed", T("a@example.com\f"), MALFORMED, ""},
    {"bare CR", T("a@example.com\r (x)"), MALFORMED, ""},
    {"bare LF", T("a@example.com\n (x)"), MALFORMED, ""},
    {"CR CR LF", T("a@example.com\r\r\n (x)"), MALFORMED, ""},
    {"folded", T("\r\n\tJohn\r\n Doe\r\n <a@example.com>"), OK, "example.com"},
    {"line end without fold", T("a@example.com\r\nTo: b@y.org"), MALFORMED, ""},
    {"line end at the end", T("a@example.com\r\n"), MALFORMED, ""},
    {"blank line", T("a@example.com\r\n \r\n (x)"), MALFORMED, ""},
    {"blank line at the end", T("a@example.com\r\n "), MALFORMED, ""},
    {"escaped fold in quotes", T("\"John\\\r\n \" <a@example.com>"), MALFORMED,
	""},
    {"escaped fold in a comment", T("(a\\\r\n ) a@example.com"), MALFORMED, ""},
    {"fold in a domain", T("a@example\r\n .com"), MALFORMED, ""},
    {"fold in an angle", T("<\r\n a@example.com\r\n >"), OK, "example.com"},
    {"fold around @", T("a\r\n @\r\n example.com"), OK, "example.com"},
    {"field in a fold", T("a@example.com\r\n From: b@y.org"), MALFORMED, ""},
    {"fold in quotes", T("\"John\r\n Doe\" <a@example.com>"), OK,
	"example.com"},
};

static bool
is_expected(const char *name, const struct author *author,
    enum author_status status, const char *domain)
{
	if (author->status == status &&
	    text_equal(author->domain, text_from_cstr(domain)) &&
	    (author->reason.len == 0) == (status == AUTHOR_OK))
		return true;
	print_error("%s: %s " TEXT_FMT " (" TEXT_FMT "), not %s %s\n", name,
	    names_word(&author_status_names, (int)author->status),
	    TEXT_ARG(author->domain), TEXT_ARG(author->reason),
	    names_word(&author_status_names, (int)status), domain);
	return false;
}

static bool
check_value(const char *name, struct text value, enum author_status status,
    const char *domain)
{
	struct arena *arena = arena_new(1 << 20);
	struct text input = exact(value);
	struct author author = author_read(arena, input);
	bool is_right = is_expected(name, &author, status, domain);

	exact_free(input);
	arena_free(arena);
	return is_right;
}

static void
test_values(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof from_rows / sizeof *from_rows; i++) {
		const struct from_row *row = &from_rows[i];
		wrong += !check_value(
		    row->name, row->value, row->status, row->domain);
	}
	assert_int_equal(wrong, 0);
}

static bool
check_list(unsigned count, bool is_one_domain, enum author_status status)
{
	struct build value;

	build_init(&value, 1 << 16);
	for (unsigned i = 0; i < count; i++)
		build_format(&value, "%sa@d%u.example", i > 0 ? ",\r\n " : "",
		    is_one_domain ? 0 : i);
	bool is_right = check_value("a long list", build_view(&value), status,
	    status == AUTHOR_OK ? "d0.example" : "");
	build_free(&value);
	return is_right;
}

static void
test_limits(void **state)
{
	(void)state;
	assert_true(check_list(AUTHOR_ADDRESSES_MAX, true, AUTHOR_OK));
	assert_true(
	    check_list(AUTHOR_ADDRESSES_MAX + 1, true, AUTHOR_MALFORMED));
	assert_true(check_list(AUTHOR_DOMAINS_MAX, false, AUTHOR_MULTIPLE));
	assert_true(
	    check_list(AUTHOR_DOMAINS_MAX + 1, false, AUTHOR_MALFORMED));
}

/* FIRST, and a comment up to LEN bytes in its last line, which has BEFORE. */
static bool
check_line(
    const char *first, size_t before, size_t len, enum author_status status)
{
	struct build value;

	build_init(&value, 2000);
	build_cstr(&value, first);
	size_t end = value.len - before + len - 1;
	build_byte(&value, '(');
	while (value.len < end)
		build_byte(&value, 'x');
	build_byte(&value, ')');
	bool is_right = check_value("a long line", build_view(&value), status,
	    status == AUTHOR_OK ? "example.com" : "");
	build_free(&value);
	return is_right;
}

/* The first line has the field's name too. */
static void
test_line_length(void **state)
{
	static const char folded[] = "<a@example.com>\r\n ";
	static const char whole[] = "<a@example.com>";
	size_t first = sizeof "From:" - 1 + sizeof whole - 1;

	(void)state;
	assert_true(check_line(folded, 1, 998, AUTHOR_OK));
	assert_true(check_line(folded, 1, 999, AUTHOR_MALFORMED));
	assert_true(check_line(whole, first, 998, AUTHOR_OK));
	assert_true(check_line(whole, first, 999, AUTHOR_MALFORMED));
}

struct find_row {
	const char *name;
	const char *message;
	enum author_status status;
	const char *domain;
};

static const struct find_row find_rows[] = {
    {"one", "Subject: x\nFrom: a@example.com\n\n", OK, "example.com"},
    {"any case", "fROM: a@example.com\n\n", OK, "example.com"},
    {"space before the colon", "From : a@example.com\n\n", OK, "example.com"},
    {"none", "To: a@example.com\n\n", AUTHOR_NONE, ""},
    {"only other fields", "Resent-From: a@example.com\nX-From: b@y.org\n\n",
	AUTHOR_NONE, ""},
    {"two", "From: a@example.com\nFrom: b@y.org\n\n", MULTIPLE, ""},
    {"two alike", "From: a@example.com\nFrom: a@example.com\n\n", MULTIPLE, ""},
    {"two, one disguised", "From: a@example.com\nFROM\t: b@y.org\n\n", MULTIPLE,
	""},
    {"two, one malformed", "From: a@example.com\nFrom: x\n\n", MULTIPLE, ""},
    {"in the body", "Subject: x\n\nFrom: a@example.com\n", AUTHOR_NONE, ""},
    {"other author fields",
	"Sender: b@y.org\nReply-To: c@y.org\nResent-Sender: d@y.org\n"
	"From: a@example.com\n\n",
	OK, "example.com"},
    {"tab before the colon", "From\t :\ta@example.com\n\n", OK, "example.com"},
    {"names that begin like it",
	"From-: b@y.org\nFroma: b@y.org\nFrom.: b@y.org\n"
	"From: a@example.com\n\n",
	OK, "example.com"},
    {"folded behind the name", "From:\n\ta@example.com\n\n", OK, "example.com"},
    {"bare CR in it", "From: a@example.com\rFrom: b@y.org\n\n", MALFORMED, ""},
    {"byte order mark ends the header",
	"X: y\n\xEF\xBB\xBF"
	"From: b@y.org\nFrom: a@example.com\n\n",
	AUTHOR_NONE, ""},
    {"behind junk", "Subject: x\njunk\nFrom: a@example.com\n\n", AUTHOR_NONE,
	""},
    {"empty", "From:\n\n", MALFORMED, ""},
};

static void
ignore_body(void *context, struct text piece)
{
	(void)context;
	(void)piece;
}

struct finder {
	struct arena *arena;
	struct author author;
};

static void
find_author(void *context, const struct mail_header *header)
{
	struct finder *finder = context;

	finder->author = author_find(finder->arena, header);
}

static struct author
find_in_message(struct arena *arena, struct text bytes)
{
	struct finder finder = {.arena = arena,
	    .author = {AUTHOR_NONE, TEXT(""), TEXT("no message")}};
	struct mail_message_sink sink = {find_author, ignore_body, &finder};
	struct mail_message *message = mail_message_new(arena, &sink);

	assert_non_null(message);
	mail_message_feed(message, bytes);
	bool is_message = mail_message_finish(message);
	assert_int_equal(
	    is_message, !text_equal(finder.author.reason, TEXT("no message")));
	return finder.author;
}

static void
test_find(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof find_rows / sizeof *find_rows; i++) {
		const struct find_row *row = &find_rows[i];
		struct arena *arena = arena_new(1 << 20);
		struct author author =
		    find_in_message(arena, text_from_cstr(row->message));
		wrong +=
		    !is_expected(row->name, &author, row->status, row->domain);
		arena_free(arena);
	}
	assert_int_equal(wrong, 0);
}

/* Names that only an MTA without manners would hand over. */
static void
test_disguised_names(void **state)
{
	static const struct text names[] = {T("From\x01"), T("\0From"),
	    T("F\xC2\xADrom"), T("fr om"), T("From\0"), T("From\r"),
	    T("\xEF\xBB\xBF"
	      "From"),
	    T("From\xE2\x80\x8B"), T("From\x7F"), T("From\0\t")};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct arena *arena = arena_new(1 << 20);
		struct mail_header header = {0};
		assert_true(mail_header_add(&header, arena, TEXT("From"),
		    TEXT("a@example.com"), false));
		assert_true(mail_header_add(
		    &header, arena, names[i], TEXT("b@y.org"), false));
		struct author author = author_find(arena, &header);
		wrong += !is_expected(
		    "a disguised name", &author, AUTHOR_MALFORMED, "");
		arena_free(arena);
	}
	assert_int_equal(wrong, 0);
}

static void
test_header_too_long(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	struct mail_header header = {0};

	(void)state;
	assert_true(mail_header_add(
	    &header, arena, TEXT("From"), TEXT("a@example.com"), false));
	header.is_too_long = true;
	struct author author = author_find(arena, &header);
	assert_true(
	    is_expected("too long a header", &author, AUTHOR_MALFORMED, ""));
	arena_free(arena);
}

/* Whichever allocation fails, the field is malformed and never another's. */
static void
test_no_memory(void **state)
{
	struct author author = {.status = AUTHOR_MALFORMED};
	size_t n = 0;

	(void)state;
	while (author.status != AUTHOR_MULTIPLE) {
		struct arena *arena = arena_new(1 << 20);
		arena_fail_after(arena, ++n);
		author = author_read(arena, TEXT("a@b\xC3\xBC"
						 "cher.example, b@y.org"));
		assert_int_equal(author.status,
		    arena_failed(arena) ? AUTHOR_MALFORMED : AUTHOR_MULTIPLE);
		arena_free(arena);
		assert_true(n < 100);
	}
	assert_true(n > 1);
}

struct path_row {
	const char *name;
	struct text path;
	bool is_usable;
	const char *local;
	const char *domain;
};

static const struct path_row path_rows[] = {
    {"usual", T("<a@example.com>"), true, "a", "example.com"},
    {"without <>", T("a@example.com"), true, "a", "example.com"},
    {"null", T("<>"), true, "", ""},
    {"nothing", T(""), true, "", ""},
    {"case", T("<User@EXAMPLE.com>"), true, "User", "example.com"},
    {"trailing dot", T("<a@example.com.>"), true, "a", "example.com"},
    {"quoted", T("<\"a b@y.org\"@example.com>"), true, "\"a b@y.org\"",
	"example.com"},
    {"VERP", T("<l-bounce+a=y.org@example.com>"), true, "l-bounce+a=y.org",
	"example.com"},
    {"dots", T("<a..b.@example.com>"), true, "a..b.", "example.com"},
    {"specials", T("<a:b;c,[d]@example.com>"), true, "a:b;c,[d]",
	"example.com"},
    {"8-bit", T("<\xFF@example.com>"), true, "\xFF", "example.com"},
    {"U-label",
	T("<a@b\xC3\xBC"
	  "cher.example>"),
	true, "a", "xn--bcher-kva.example"},
    {"route", T("<@y.org,@z.org:a@example.com>"), true, "a", "example.com"},
    {"route and upper case", T("<@Y.org:User@EXAMPLE.com>"), true, "User",
	"example.com"},
    {"route through a literal", T("<@[IPv6:::1]:a@example.com>"), true,
	"::1]:a", "example.com"},
    {"route, two @", T("<@y.org:a@b@example.com>"), false, "", ""},
    {"no local part: postmaster", T("<@example.com>"), true, "", "example.com"},
    {"no local part behind a route", T("<@y.org:@example.com>"), false, "", ""},
    {"no local part, two @", T("<@y.org@example.com>"), false, "", ""},
    {"no local part, no domain", T("@"), false, "", ""},
    {"space without quotes", T("Macro Error@example.com"), true, "Macro Error",
	"example.com"},
    {"space before @", T("<a @example.com>"), true, "a ", "example.com"},
    {"space first", T(" a@example.com"), false, "", ""},
    {"percent hack", T("<a%y.org@example.com>"), true, "a%y.org",
	"example.com"},
    {"bang path", T("<y.org!a@example.com>"), true, "y.org!a", "example.com"},
    {"full-width @", T("<a\xEF\xBC\xA0y.org@example.com>"), true,
	"a\xEF\xBC\xA0y.org", "example.com"},
    {"escaped quote", T("<\"a\\\"@y.org\"@example.com>"), true,
	"\"a\\\"@y.org\"", "example.com"},
    {"single label", T("<a@localhost>"), true, "a", "localhost"},
    {"parameters", T("<a@example.com> SIZE=1"), false, "", ""},
    {"angle in an angle", T("<<a@example.com>>"), false, "", ""},
    {"two dots at the end", T("<a@example.com..>"), false, "", ""},
    {"only @", T("<@>"), false, "", ""},
    {"blank", T("< >"), false, "", ""},
    {"literal of IPv6", T("<a@[IPv6:2001:db8::1]>"), false, "", ""},
    {"zero-width space", T("<a@ba\xE2\x80\x8Bnk.example>"), false, "", ""},
    {"space at the end", T("<a@example.com >"), false, "", ""},
    {"label of 64", T("<a@" LABEL63 "a.example>"), false, "", ""},
    {"no domain", T("<postmaster>"), false, "", ""},
    {"literal", T("<a@[192.0.2.1]>"), false, "", ""},
    {"open", T("<a@example.com"), false, "", ""},
    {"closed only", T("a@example.com>"), false, "", ""},
    {"only <", T("<"), false, "", ""},
    {"space", T("< a@example.com>"), false, "", ""},
    {"two @", T("<a@b@example.com>"), false, "", ""},
    {"parenthesis", T("<a@legit.com(.evil.com>"), false, "", ""},
    {"parenthesis before @", T("<a(@legit.com>"), false, "", ""},
    {"> inside", T("<a@legit.com>@evil.com>"), false, "", ""},
    {"quote without end", T("<\"a@example.com>"), false, "", ""},
    {"behind quotes", T("<\"a\"b@example.com>"), false, "", ""},
    {"NUL in the domain", T("<a@evil.com\0.legit.com>"), false, "", ""},
    {"NUL in the local part", T("<\"a\0\"@evil.com>"), false, "", ""},
    {"line end", T("<\"a\r\n\"@evil.com>"), false, "", ""},
};

static bool
check_path(const struct path_row *row)
{
	struct arena *arena = arena_new(1 << 16);
	struct text path = exact(row->path);
	struct text local = TEXT("");
	struct text domain = TEXT("");
	bool is_usable = envelope_read(arena, path, &local, &domain);
	bool is_right = is_usable == row->is_usable &&
			text_equal(local, text_from_cstr(row->local)) &&
			text_equal(domain, text_from_cstr(row->domain));

	if (!is_right)
		print_error("%s: %d " TEXT_FMT " at " TEXT_FMT "\n", row->name,
		    is_usable, TEXT_ARG(local), TEXT_ARG(domain));
	exact_free(path);
	arena_free(arena);
	return is_right;
}

static void
test_paths(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof path_rows / sizeof *path_rows; i++)
		wrong += !check_path(&path_rows[i]);
	assert_int_equal(wrong, 0);
}

/* Real attacks. What the author may be, when anybody: the messages that claim
 * one domain openly are for SPF and DKIM to judge. */
static const struct find_row attack_rows[] = {
    {"client_a1", NULL, MULTIPLE, ""},
    {"server_a9", NULL, AUTHOR_NONE, ""}, /* is no message at all */
    {"server_a15", NULL, MALFORMED, ""},
    {"server_a17", NULL, MALFORMED, ""},
    {"server_a19", NULL, MALFORMED, ""},
};

static void
test_attacks(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof attack_rows / sizeof *attack_rows; i++) {
		const struct find_row *row = &attack_rows[i];
		struct arena *arena = arena_new(1 << 20);
		struct text name =
		    arena_format(arena, "attacks/espoofer/%s.eml", row->name);
		const char *path = vectors_path(arena, arena_cstr(arena, name));
		if (path == NULL) {
			arena_free(arena);
			print_message(
			    "# vectors/attacks/espoofer is absent; see "
			    "github.com/chenjj/espoofer\n");
			skip();
			return;
		}
		struct author author =
		    find_in_message(arena, vectors_read(arena, path));
		wrong +=
		    !is_expected(row->name, &author, row->status, row->domain);
		arena_free(arena);
	}
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_line_length),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_disguised_names),
	    cmocka_unit_test(test_header_too_long),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_attacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
