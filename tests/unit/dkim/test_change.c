/* What is found out about messages that were changed on their way, and what is
 * not: each row is a message as signed and as received. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "run.h"
#include "signer.h"

#include "dkim/encoding.h"
#include "dkim/undo.h"

#include <string.h>

enum { ARENA_MAX = 4 * 1024 * 1024, NOW = 1000000 };

#define FROM    "From: Joe <joe@example.com>\r\n"
#define SUBJECT "Subject: dinner\r\n"
#define TYPE    "Content-Type: text/plain; charset=utf-8\r\n"
#define CTE     "Content-Transfer-Encoding: "
#define ALL     "h=from:subject:content-type:content-transfer-encoding"
#define SIMPLE  "c=simple/simple; " ALL
#define RELAXED "c=relaxed/relaxed; " ALL

#define TEXT_8BIT                                                              \
 "Gr\xC3\xBC\xC3\x9F"                                                          \
 "e = \r\n.\r\n"
#define TEXT_QP     "Gr=C3=BC=C3=9Fe =3D=20\r\n.\r\n"
#define TEXT_BASE64 "R3LDvMOfZSA9IA0KLg0K\r\n"

#define S DKIM_CHANGE_SUBJECT
#define L DKIM_CHANGE_LINES
#define E DKIM_CHANGE_ENCODING
#define F DKIM_CHANGE_FOOTER

static const struct row {
	const char *name;
	const char *tags;
	const char *header; /* as signed */
	const char *body;
	const char *got_header; /* as received; NULL: as signed */
	const char *got_body;
	unsigned changes;
} rows[] = {
    /* Subject tags. */
    {"a tag", RELAXED, FROM SUBJECT, "a\r\n", FROM "Subject: [list] dinner\r\n",
	NULL, S},
    {"a tag, simple", SIMPLE, FROM SUBJECT, "a\r\n",
	FROM "Subject: [list] dinner\r\n", NULL, S},
    {"a tag before Re:", RELAXED, FROM "Subject: Re: dinner\r\n", "a\r\n",
	FROM "Subject: [list] Re: dinner\r\n", NULL, S},
    {"a tag after Re:", RELAXED, FROM "Subject: Re: dinner\r\n", "a\r\n",
	FROM "Subject: Re: [list] dinner\r\n", NULL, S},
    {"a tag before the author's own", RELAXED, FROM "Subject: [a] b\r\n",
	"a\r\n", FROM "Subject: [list] [a] b\r\n", NULL, S},
    {"a tag of two words", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [External mail_1-2] dinner\r\n", NULL, S},
    {"a tag of 24", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [xxxxxxxxxxxxxxxxxxxxxxxx] dinner\r\n", NULL, S},
    {"a tag of 25", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [xxxxxxxxxxxxxxxxxxxxxxxxx] dinner\r\n", NULL, 0},
    {"an empty tag", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [] dinner\r\n", NULL, 0},
    {"a tag with a name", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [evil.example] dinner\r\n", NULL, 0},
    {"a tag with a URL", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [http://evil] dinner\r\n", NULL, 0},
    {"a tag with an address", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [me@evil] dinner\r\n", NULL, 0},
    {"a tag of an encoded word", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [=?utf-8?q?a?=] dinner\r\n", NULL, 0},
    {"a tag beyond ASCII", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [\xC3\xA4] dinner\r\n", NULL, 0},
    {"text without brackets", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: list: dinner\r\n", NULL, 0},
    {"a tag without space", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [list]dinner\r\n", NULL, 0},
    {"a tag that does not end", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [list dinner\r\n", NULL, 0},
    {"a tag with four digits", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [list-2026] dinner\r\n", NULL, S},
    {"a tag with more", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [call 0900-1 23] dinner\r\n", NULL, 0},
    {"a tag at the end", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: dinner [list]\r\n", NULL, 0},
    {"two tags", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [a] [b] dinner\r\n", NULL, 0},
    {"a tag and another word", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [list] dinner!\r\n", NULL, 0},
    {"a tag, and From changed", RELAXED, FROM SUBJECT, "a\r\n",
	"From: Bank <joe@example.com>\r\n"
	"Subject: [list] dinner\r\n",
	NULL, 0},
    {"a second Subject", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: attack\r\nSubject: [list] dinner\r\n", NULL, 0},
    {"no Subject", RELAXED, FROM SUBJECT, "a\r\n", FROM, NULL, 0},
    /* What readers show stands above what was signed. */
    {"a tag, a second To", "c=relaxed/relaxed; h=from:subject:to",
	FROM SUBJECT "To: a@example.net\r\n", "a\r\n",
	"To: b@example.net\r\n" FROM "Subject: [list] dinner\r\n"
	"To: a@example.net\r\n",
	NULL, 0},
    {"white space, a second Subject", SIMPLE, FROM SUBJECT, "a\r\n",
	"Subject: attack\r\n" FROM SUBJECT, "a \r\n", 0},
    {"recoded, a second Subject", RELAXED, FROM SUBJECT TYPE CTE "8bit\r\n",
	TEXT_8BIT,
	"Subject: attack\r\n" FROM SUBJECT TYPE CTE "quoted-printable\r\n",
	TEXT_QP, 0},
    {"a footer, a second Subject", RELAXED, FROM SUBJECT, "a\r\n",
	"Subject: attack\r\n" FROM SUBJECT, "a\r\nlist\r\n", 0},
    {"a tag, and l=", "h=from:subject; l=1", FROM SUBJECT, "a\r\n",
	FROM "Subject: [list] dinner\r\n", "a\r\nattack\r\n", 0},

    /* Line ends and white space. */
    {"white space added", SIMPLE, FROM, "a\r\nb\r\n", NULL, "a \r\nb\t\r\n", L},
    {"a line of white space added", SIMPLE, FROM, "a\r\n", NULL, "a\r\n \r\n",
	L},
    {"white space of the delimiter lost", SIMPLE, FROM, "a\r\n-- \r\nJoe\r\n",
	NULL, "a\r\n--\r\nJoe\r\n", L},
    {"the same, relaxed, is no change", RELAXED, FROM, "a\r\n-- \r\nJoe\r\n",
	NULL, "a\r\n--\r\nJoe!\r\n", 0},
    {"LF alone", RELAXED, FROM, "a\r\nb\r\n", NULL, "a\nb\r\n", L},
    {"LF alone before the end", RELAXED, FROM, "a\r\nb\r\n", NULL, "a\r\nb\n",
	L},
    {"LF made CR LF", RELAXED, FROM, "a\nb\r\n", NULL, "a\r\nb\r\n", L},
    {"LF made CR LF, without a last line end", RELAXED, FROM, "a\nb", NULL,
	"a\r\nb", L},
    {"CR alone is no line end", RELAXED, FROM, "a\r\nb\r\n", NULL, "a\rb\r\n",
	0},
    {"white space inside", SIMPLE, FROM, "a b\r\n", NULL, "a  b\r\n", 0},
    {"white space lost", SIMPLE, FROM, "a \r\n", NULL, "a\r\n", 0},
    {"white space and a word", SIMPLE, FROM, "a\r\n", NULL, "a \r\nb\r\n", 0},
    {"white space and a tag", SIMPLE, FROM SUBJECT, "a\r\n",
	FROM "Subject: [list] dinner\r\n", "a \r\n", S | L},

    /* Encodings. */
    {"8bit to quoted-printable", RELAXED, FROM TYPE CTE "8bit\r\n", TEXT_8BIT,
	FROM TYPE CTE "quoted-printable\r\n", TEXT_QP, E},
    {"8bit to quoted-printable, simple", SIMPLE, FROM TYPE CTE "8bit\r\n",
	TEXT_8BIT, FROM TYPE CTE "quoted-printable\r\n", TEXT_QP, E},
    {"8bit to base64", RELAXED, FROM TYPE CTE "8bit\r\n", TEXT_8BIT,
	FROM TYPE CTE "Base64\r\n", TEXT_BASE64, E},
    {"7bit to base64", RELAXED, FROM TYPE CTE "7bit\r\n", "abc\r\n",
	FROM TYPE CTE "base64\r\n", "YWJjDQo=\r\n", E},
    {"quoted-printable to 8bit", RELAXED, FROM TYPE CTE "quoted-printable\r\n",
	TEXT_QP, FROM TYPE CTE "8bit\r\n", TEXT_8BIT, E},
    {"quoted-printable to base64", RELAXED,
	FROM TYPE CTE "quoted-printable\r\n", TEXT_QP,
	FROM TYPE CTE "base64\r\n", TEXT_BASE64, E},
    {"base64 to 8bit", RELAXED, FROM TYPE CTE "base64\r\n", TEXT_BASE64,
	FROM TYPE CTE "8bit\r\n", TEXT_8BIT, E},
    {"base64 to quoted-printable", RELAXED, FROM TYPE CTE "base64\r\n",
	TEXT_BASE64, FROM TYPE CTE "quoted-printable\r\n", TEXT_QP, E},
    {"base64 in other lines", RELAXED, FROM TYPE CTE "base64\r\n", TEXT_BASE64,
	NULL, "R3LDvMOf\r\nZSA9IA0KLg0K\r\n", E},
    {"quoted-printable in other lines", RELAXED,
	FROM TYPE CTE "quoted-printable\r\n", TEXT_QP, NULL,
	"Gr=C3=\r\n=BC=C3=9Fe =3D=20\r\n=2E\r\n", E},
    {"the same text under another name", RELAXED, FROM TYPE CTE "8bit\r\n",
	"abc\r\n", FROM TYPE CTE "7bit\r\n", NULL, E},
    {"without Content-Type", RELAXED, FROM CTE "8bit\r\n", TEXT_8BIT,
	FROM CTE "quoted-printable\r\n", TEXT_QP, E},
    {"recoded and a tag", RELAXED, FROM SUBJECT TYPE CTE "8bit\r\n", TEXT_8BIT,
	FROM "Subject: [list] dinner\r\n" TYPE CTE "quoted-printable\r\n",
	TEXT_QP, E | S},
    {"recoded, with text of one's own", RELAXED, FROM TYPE CTE "8bit\r\n",
	TEXT_8BIT, FROM TYPE CTE "quoted-printable\r\n", TEXT_QP "attack\r\n",
	0},
    {"text after base64", RELAXED, FROM TYPE CTE "8bit\r\n", TEXT_8BIT,
	FROM TYPE CTE "base64\r\n", TEXT_BASE64 "-- attack\r\n", 0},
    {"text after the padding", RELAXED, FROM TYPE CTE "7bit\r\n", "abc\r\n",
	FROM TYPE CTE "base64\r\n", "YWJjDQo=\r\nattack==\r\n", 0},
    {"text that base64 decoders skip", RELAXED, FROM TYPE CTE "8bit\r\n",
	TEXT_8BIT, FROM TYPE CTE "base64\r\n", "<b>!</b>\r\n" TEXT_BASE64, 0},
    {"no digits after =", RELAXED, FROM TYPE CTE "8bit\r\n", TEXT_8BIT,
	FROM TYPE CTE "quoted-printable\r\n", "=attack\r\n" TEXT_QP, 0},
    {"white space after a soft break", RELAXED, FROM TYPE CTE "8bit\r\n",
	TEXT_8BIT, FROM TYPE CTE "quoted-printable\r\n", "= \r\n" TEXT_QP, 0},
    {"white space at a line's end", RELAXED, FROM TYPE CTE "8bit\r\n",
	"a \r\nb\r\n", FROM TYPE CTE "quoted-printable\r\n", "a \r\n=62\r\n",
	0},
    {"8bit in quoted-printable", RELAXED, FROM TYPE CTE "8bit\r\n", TEXT_8BIT,
	FROM TYPE CTE "quoted-printable\r\n",
	"Gr\xC3=BC=C3=9Fe =3D=20\r\n.\r\n", 0},
    {"recoded, charset changed", RELAXED, FROM TYPE CTE "8bit\r\n", TEXT_8BIT,
	FROM "Content-Type: text/plain; charset=utf-7\r\n" CTE
	     "quoted-printable\r\n",
	TEXT_QP, 0},
    {"recoded, unsigned Content-Type",
	"c=relaxed/relaxed; h=from:content-transfer-encoding",
	FROM TYPE CTE "8bit\r\n", TEXT_8BIT,
	FROM TYPE CTE "quoted-printable\r\n", TEXT_QP, 0},
    {"recoded, Content-Type added above",
	"c=relaxed/relaxed; h=from:content-transfer-encoding:content-type",
	FROM TYPE CTE "8bit\r\n", TEXT_8BIT,
	"Content-Type: text/html\r\n" FROM TYPE CTE "quoted-printable\r\n",
	TEXT_QP, 0},
    {"recoded, unsigned encoding", "c=relaxed/relaxed; h=from:content-type",
	FROM TYPE CTE "8bit\r\n", TEXT_8BIT,
	FROM TYPE CTE "quoted-printable\r\n", TEXT_QP, 0},
    /* Of these the encoding says nothing (RFC 2045 6.4), so that readers
       differ in what they show. */
    {"recoded, multipart", RELAXED,
	FROM "Content-Type: Multipart/mixed; boundary=b\r\n" CTE "8bit\r\n",
	TEXT_8BIT,
	FROM "Content-Type: Multipart/mixed; boundary=b\r\n" CTE
	     "quoted-printable\r\n",
	TEXT_QP, 0},
    {"recoded, a message", RELAXED,
	FROM "Content-Type:message/rfc822\r\n" CTE "8bit\r\n", TEXT_8BIT,
	FROM "Content-Type:message/rfc822\r\n" CTE "quoted-printable\r\n",
	TEXT_QP, 0},
    {"recoded, a comment before the type", RELAXED,
	FROM "Content-Type: (x) multipart/mixed\r\n" CTE "8bit\r\n", TEXT_8BIT,
	FROM "Content-Type: (x) multipart/mixed\r\n" CTE "quoted-printable\r\n",
	TEXT_QP, 0},
    {"recoded, HTML", RELAXED,
	FROM "Content-Type:\r\n\ttext/html\r\n" CTE "8bit\r\n", TEXT_8BIT,
	FROM "Content-Type:\r\n\ttext/html\r\n" CTE "quoted-printable\r\n",
	TEXT_QP, E},
    {"recoded, two encodings", RELAXED, FROM TYPE CTE "8bit\r\n", TEXT_8BIT,
	CTE "7bit\r\n" FROM TYPE CTE "quoted-printable\r\n", TEXT_QP, 0},
    {"recoded, encoding unknown", RELAXED, FROM TYPE CTE "8bit\r\n", TEXT_8BIT,
	FROM TYPE CTE "x-quoted-printable\r\n", TEXT_QP, 0},
    /* The header verifies, and what it says is not what undoing would need. */
    {"decoded, but not by its name", RELAXED, FROM TYPE CTE "8bit\r\n",
	TEXT_BASE64, NULL, TEXT_8BIT, 0},

    /* Footers. */
    {"a footer", RELAXED, FROM, "a\r\n", NULL, "a\r\n__\r\nlist\r\n", F},
    {"a footer and a tag", RELAXED, FROM SUBJECT, "a\r\n",
	FROM "Subject: [list] dinner\r\n", "a\r\n__\r\nlist\r\n", F | S},
    {"a footer, and From changed", RELAXED, FROM SUBJECT, "a\r\n",
	"From: Bank <joe@example.com>\r\n" SUBJECT, "a\r\nb\r\n", 0},
    {"another body", RELAXED, FROM SUBJECT, "a\r\n", NULL, "attack\r\n", 0},
    {"text in front", RELAXED, FROM SUBJECT, "a\r\n", NULL, "attack\r\na\r\n",
	0},
    {"the end lost", RELAXED, FROM, "a\r\nb\r\n", NULL, "a\r\n", 0},
};

static struct signer signer;
static struct dns_zone *zone;

static int
set_up(void **state)
{
	(void)state;
	signer_init(&signer);
	struct build text;
	build_init_arena(&text, signer.arena, 8192);
	build_text(&text,
	    signer_record(&signer, "s._domainkey.example.com", "", SIGN_RSA));
	build_text(&text, signer_record(&signer, "t._domainkey.example.com",
			      "t=y; ", SIGN_RSA));
	build_text(&text, TEXT("gone._domainkey.example.com TXT \"p=\"\n"));
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

static struct mail_header
read_header(struct text text)
{
	struct mail_header header = {0};

	while (text.len > 0) {
		size_t end = text_find_part(text, TEXT("\r\n"));
		while (end + 2 < text.len && is_wsp(text.ptr[end + 2]))
			end += 2 + text_find_part(
				       text_slice(text, end + 2, text.len),
				       TEXT("\r\n"));
		if (!mail_header_add_raw(
			&header, signer.arena, text_slice(text, 0, end)))
			abort();
		text = text_slice(text, end + 2, text.len);
	}
	return header;
}

/* As signed, then as received: in its bytes, as a milter hands it over. */
static const struct dkim_verdict *
verify(struct run *run, const struct row *row, const char *selector)
{
	struct sign_options options = {
	    .tags = row->tags, .body = row->body, .selector = selector};
	const char *got =
	    row->got_header == NULL ? row->header : row->got_header;
	struct text body =
	    text_from_cstr(row->got_body == NULL ? row->body : row->got_body);
	struct mail_header header = read_header(text_from_cstr(row->header));
	struct text field = signer_sign(&signer, &header, &options);
	size_t piece = run->piece == 0 ? body.len : run->piece;

	header = read_header(arena_format(
	    signer.arena, TEXT_FMT "\r\n%s", TEXT_ARG(field), got));
	trace_init(&run->trace, run->arena);
	run->facts = dns_facts_new(run->arena);
	run->dkim = dkim_new(run->arena, &header, &run->options);
	assert_non_null(run->dkim);
	for (size_t at = 0; at < body.len; at += piece) {
		struct text copy = exact(text_slice(body, at, at + piece));
		dkim_body(run->dkim, copy);
		exact_free(copy);
	}
	dkim_end_of_body(run->dkim);
	order_drive(run->facts, zone, run->order, run->seed, run_pass, run);
	return run->results.count == 1 ? run->results.at : NULL;
}

static void
test_rows(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct run run = {.arena = arena_new(ARENA_MAX),
		    .options = {NOW, TEXT("example.com")},
		    .piece = i % 9};
		const struct dkim_verdict *verdict =
		    verify(&run, &rows[i], "s");
		if (verdict == NULL || verdict->result != DKIM_FAIL ||
		    verdict->changes != rows[i].changes) {
			print_error("%s: " TEXT_FMT, rows[i].name,
			    TEXT_ARG(trace_story(&run.trace)));
			bad++;
		}
		arena_free(run.arena);
	}
	assert_int_equal(bad, 0);
}

/* --- what is told --- */

static const struct {
	struct row row;
	const char *story; /* after the first line */
} stories[] = {
    {{"", RELAXED, FROM SUBJECT, "a\r\n", FROM "Subject: [list] dinner\r\n",
	 "a\r\n__\r\nlist\r\n", 0},
	"dkim: signature 1 verifies after undoing a tag before the Subject and "
	"an appended footer: that was done on the way, and without it the "
	"signature would have passed\n"},
    {{"", RELAXED, FROM, "a\r\n", NULL, "b\r\n", 0},
	"dkim: signature 1: the signed header fields are as the signer left "
	"them, the body is not; how it was changed is not known\n"},
    {{"", RELAXED, FROM, "a\r\n", "From: x@example.com\r\n", NULL, 0},
	"dkim: signature 1: the body is as the signer left it; a signed header "
	"field was changed, or the key is not the signer's\n"},
    {{"", RELAXED, FROM, "a\r\n", "From: x@example.com\r\n", "b\r\n", 0},
	"dkim: signature 1: header and body were changed, or the key is not "
	"the signer's\n"},
};

static void
test_stories(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
		struct run run = {.arena = arena_new(ARENA_MAX),
		    .options = {NOW, TEXT("example.com")}};
		assert_non_null(verify(&run, &stories[i].row, "s"));
		struct text story = trace_story(&run.trace);
		(void)text_split(&story, '\n');
		assert_string_equal(
		    arena_cstr(run.arena, story), stories[i].story);
		arena_free(run.arena);
	}
}

/* RFC 6376 3.6.1, t=y: what becomes of such signatures is for their owner. */
static void
test_testing_key(void **state)
{
	struct run run = {.arena = arena_new(ARENA_MAX),
	    .options = {NOW, TEXT("example.com")}};
	const struct row row = {"", RELAXED, FROM, "a\r\n", NULL, NULL, 0};

	(void)state;
	assert_non_null(verify(&run, &row, "t"));
	assert_true(text_equal(trace_story(&run.trace),
	    TEXT("dkim: signature 1, d=example.com s=t a=rsa-sha256: pass; its "
		 "key is being tested, t=y (RFC 6376 6.1)\n")));
	arena_free(run.arena);
}

/* A signature that fails for its key's sake is nobody's. */
static void
test_revoked_key(void **state)
{
	struct run run = {.arena = arena_new(ARENA_MAX),
	    .options = {NOW, TEXT("example.com")}};
	const struct row row = {"", RELAXED, FROM SUBJECT, "a\r\n",
	    FROM "Subject: [list] dinner\r\n", NULL, 0};

	(void)state;
	const struct dkim_verdict *verdict = verify(&run, &row, "gone");
	assert_non_null(verdict);
	assert_int_equal(verdict->result, DKIM_PERMERROR);
	assert_int_equal(verdict->changes, 0);
	arena_free(run.arena);
}

/* --- limits --- */

static const char *
repeated(const char *piece, size_t times, const char *end)
{
	struct build build;

	build_init_arena(&build, signer.arena, 1 << 20);
	for (size_t i = 0; i < times; i++)
		build_cstr(&build, piece);
	build_cstr(&build, end);
	return arena_cstr(signer.arena, build_view(&build));
}

static void
test_limits(void **state)
{
	enum { LINES = DKIM_UNDO_BODY / 8 };

	static const char tagged[] = FROM "Subject: [list] dinner\r\n";
	const struct row limits[] = {
	    {"the longest body", SIMPLE, FROM,
		repeated("123456\r\n", LINES, ""), NULL,
		repeated("123456\r\n", LINES - 1, "12345 \r\n"), 0},
	    {"the longest body", SIMPLE, FROM,
		repeated("123456\r\n", LINES - 1, "12345\r\n"), NULL,
		repeated("123456\r\n", LINES - 1, "12345 \r\n"), L},
	    {"a longer one", SIMPLE, FROM,
		repeated("123456\r\n", LINES - 1, "123456\r\n"), NULL,
		repeated("123456\r\n", LINES - 1, "123456 \r\n"), 0},
	    /* What was kept of it would match. */
	    {"text behind the longest body", SIMPLE, FROM,
		repeated("123456\r\n", LINES - 1, "12345\r\n"), NULL,
		repeated("123456\r\n", LINES - 1, "12345 \r\nattack\r\n"), 0},
	    {"fields", RELAXED, FROM SUBJECT, "a\r\n",
		repeated("X: y\r\n", DKIM_UNDO_FIELDS - 3, tagged), NULL, S},
	    {"more fields", RELAXED, FROM SUBJECT, "a\r\n",
		repeated("X: y\r\n", DKIM_UNDO_FIELDS - 2, tagged), NULL, 0},
	    {"a large header", RELAXED, FROM SUBJECT, "a\r\n",
		arena_cstr(signer.arena,
		    arena_format(signer.arena, "X: %s\r\n%s",
			repeated("x", DKIM_UNDO_HEADER, ""), tagged)),
		NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct run run = {.arena = arena_new(ARENA_MAX),
		    .options = {NOW, TEXT("example.com")},
		    .piece = DKIM_UNDO_BODY};
		const struct dkim_verdict *verdict =
		    verify(&run, &limits[i], "s");
		assert_non_null(verdict);
		if (verdict->changes != limits[i].changes)
			print_error("%s, %zu\n", limits[i].name, i);
		assert_int_equal(verdict->changes, limits[i].changes);
		arena_free(run.arena);
	}
}

/* --- encodings --- */

static const struct {
	const char *name;
	struct text text;
	struct text encoded;
} quoted[] = {
    {"empty", {"", 0}, {"", 0}},
    {"a line of 76", {NULL, 76}, {NULL, 0}},
    {"bytes", {"\0=\x7F\r\xFF", 5}, {"=00=3D=7F=0D=FF", 15}},
    {"white space", {"a \r\n\tb\t", 7}, {"a=20\r\n\tb=09", 11}},
    {"LF alone", {"a\nb", 3}, {"a=0Ab", 5}},
};

static void
test_quoted_printable(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct text text = quoted[i].text;
		struct text encoded = quoted[i].encoded;
		struct text again;
		struct build build;
		if (text.ptr == NULL) {
			text = text_from_cstr(repeated("x", 76, ""));
			encoded = text;
		}
		build_init_arena(&build, arena, 1000);
		assert_true(dkim_encode(&build, text, DKIM_QUOTED_PRINTABLE));
		if (!text_equal(build_view(&build), encoded))
			print_error("%s\n", quoted[i].name);
		assert_true(text_equal(build_view(&build), encoded));
		assert_true(
		    dkim_decode(arena, encoded, DKIM_QUOTED_PRINTABLE, &again));
		assert_true(text_equal(again, text));
		arena_free(arena);
	}
}

/* No line is longer than 76, and nothing gets lost, wherever it is broken. */
static void
test_line_length(void **state)
{
	(void)state;
	for (size_t len = 70; len < 240; len++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct text text = text_from_cstr(
		    repeated("x", len, "\xC3\xA4 x\xC3\xA4\r\nx"));
		struct build build;
		struct text again;
		build_init_arena(&build, arena, 2000);
		assert_true(dkim_encode(&build, text, DKIM_QUOTED_PRINTABLE));
		struct text rest = build_view(&build);
		assert_true(
		    dkim_decode(arena, rest, DKIM_QUOTED_PRINTABLE, &again));
		assert_true(text_equal(again, text));
		while (rest.len > 0)
			assert_in_range(text_split(&rest, '\n').len, 0, 77);
		arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_stories),
	    cmocka_unit_test(test_testing_key),
	    cmocka_unit_test(test_revoked_key),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_quoted_printable),
	    cmocka_unit_test(test_line_length),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
