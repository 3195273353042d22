#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "query/request.h"

#include <stdio.h>

#define ENVELOPE "client_address=192.0.2.1\nhelo64=aGVsbw==\n"
#define SENDER   "sender64=YUBiLmV4YW1wbGU=\n"
#define REST                                                                   \
 "headers64=RnJvbTogYUBiCg==\nauthenticated=0\nid=1abcdt-000000-AB\n"
#define GOOD  "version=1\n" ENVELOPE SENDER REST
#define PASS  "dkim=pass ZXhhbXBsZS5jb20= czE= rsa-sha256 9999999999999\n"
#define INPUT "spool=/var/spool/exim4/input/"

/* What is refused, and why; "" is accepted. */
static const struct row {
	const char *name;
	const char *text;
	const char *why;
} rows[] = {
    {"good", GOOD "\n", ""},
    {"what follows the end", GOOD "\n\0junk=\n", ""},
    {"all names",
	GOOD "port=25\nreports=1\n" INPUT "1abcdt-000000-AB-D\n" PASS PASS "\n",
	""},
    {"no client: local",
	"version=1\nclient_address=\nhelo64=\n" SENDER REST "\n", ""},
    {"IPv6",
	"version=1\nclient_address=2001:db8::1\nhelo64=\n" SENDER REST "\n",
	""},
    {"null sender", "version=1\n" ENVELOPE "sender64=\n" REST "\n", ""},
    {"no port", GOOD "port=\n\n", ""},
    {"limited", GOOD "dkim=pass ZQ== cw== rsa-sha256 10\n\n", ""},
    {"invalid without algorithm", GOOD "dkim=invalid ZQ== cw==  0\n\n", ""},

    {"nothing", "\n", "a line is missing"},
    {"no end", GOOD, "the request has no end"},
    {"CR before LF", "version=1\r\n" ENVELOPE SENDER REST "\n",
	"version is not 1"},
    {"version 2", "version=2\n" ENVELOPE SENDER REST "\n", "version is not 1"},
    {"version missing", ENVELOPE SENDER REST "\n",
	"version is not the first line, and there once"},
    {"version late", ENVELOPE "version=1\n" SENDER REST "\n",
	"version is not the first line, and there once"},
    {"version twice", GOOD "version=1\n\n",
	"version is not the first line, and there once"},
    {"twice", GOOD SENDER "\n", "a name stands there twice"},
    {"missing", "version=1\n" ENVELOPE REST "\n", "a line is missing"},
    {"unknown", GOOD "helo=x\n\n", "a name that is not known"},
    {"upper case", GOOD "PORT=25\n\n", "a name that is not known"},
    {"blank before =", GOOD "port =25\n\n", "a name that is not known"},
    {"no =", GOOD "port\n\n", "a line without ="},
    {"no address",
	"version=1\nclient_address=192.0.2\nhelo64=\n" SENDER REST "\n",
	"client_address is no IP address"},
    {"port", GOOD "port=65536\n\n", "port is no number up to 65535"},
    {"not Base64", "version=1\nclient_address=\nhelo64=he*o\n" SENDER REST "\n",
	"helo64 is not Base64, or too long"},
    {"no padding",
	"version=1\nclient_address=\nhelo64=aGVsbw\n" SENDER REST "\n",
	"helo64 is not Base64, or too long"},
    {"blank in Base64",
	"version=1\nclient_address=\nhelo64=aGVs bw==\n" SENDER REST "\n",
	"helo64 is not Base64, or too long"},
    {"true",
	"version=1\n" ENVELOPE SENDER
	"headers64=\nauthenticated=true\nid=x\n\n",
	"authenticated is not 0 or 1"},
    {"blank in id",
	"version=1\n" ENVELOPE SENDER "headers64=\nauthenticated=0\nid=a b\n\n",
	"id is not printable, or too long"},
    {"recipients", GOOD "recipients64=a,b\n\n",
	"recipients64 is not Base64, or too long"},
    {"reports", GOOD "reports=\n\n", "reports is not 0 or 1"},
    {"status", GOOD "dkim=passed ZQ== cw== rsa-sha256 0\n\n",
	"a dkim line cannot be read, or too many"},
    {"domain not Base64", GOOD "dkim=pass e.com cw== rsa-sha256 0\n\n",
	"a dkim line cannot be read, or too many"},
    {"no length", GOOD "dkim=pass ZQ== cw== rsa-sha256\n\n",
	"a dkim line cannot be read, or too many"},
    {"length and more", GOOD "dkim=pass ZQ== cw== rsa-sha256 0 1\n\n",
	"a dkim line cannot be read, or too many"},
    {"another message's file", GOOD INPUT "1abcdt-000000-AC-D\n\n",
	"spool is not the data file of id"},
};

static bool
read_whole(struct arena *arena, struct text text, size_t piece,
    struct query_request *ret_request, const char **ret_why)
{
	struct query query;
	bool is_read;

	query_init(&query);
	while (text.len > 0 && !query_feed(&query, text_slice(text, 0, piece)))
		text = text_slice(text, piece, text.len);
	is_read = query_finish(&query, arena, ret_request, ret_why);
	query_free(&query);
	return is_read;
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text text = exact(text_from_cstr(rows[i].text));
		for (size_t piece = 1; piece < 2 * text.len; piece += piece) {
			struct arena *arena = arena_new(QUERY_ARENA_MAX);
			struct query_request request;
			const char *why = "";
			print_message("# %s, by %zu\n", rows[i].name, piece);
			(void)read_whole(arena, text, piece, &request, &why);
			assert_string_equal(why, rows[i].why);
			arena_free(arena);
		}
		exact_free(text);
	}
}

#define EQUAL(text, literal) assert_true(text_equal(text, TEXT(literal)))

static void
test_values(void **state)
{
	struct arena *arena = arena_new(QUERY_ARENA_MAX);
	struct query_request request;
	struct ip ip;
	const char *why;

	(void)state;
	assert_true(read_whole(arena,
	    TEXT(GOOD "port=4000\nreports=1\nrecipients64=YUBiLCBj\n" PASS
		      "dkim=fail ZQ== cw== ed25519-sha256 0\n\n"),
	    1000, &request, &why));
	assert_true(ip_read(TEXT("192.0.2.1"), &ip));
	assert_true(ip_equal(&request.client, &ip));
	EQUAL(request.helo, "helo");
	EQUAL(request.sender, "a@b.example");
	EQUAL(request.recipients, "a@b, c");
	EQUAL(request.headers, "From: a@b\n");
	EQUAL(request.id, "1abcdt-000000-AB");
	EQUAL(request.spool, "");
	assert_int_equal(request.port, 4000);
	assert_true(request.wants_reports && !request.is_authenticated);
	assert_int_equal(request.dkim.count, 2);
	assert_int_equal(request.dkim.at[0].status, QUERY_DKIM_PASS);
	EQUAL(request.dkim.at[0].domain, "example.com");
	EQUAL(request.dkim.at[0].selector, "s1");
	EQUAL(request.dkim.at[0].algorithm, "rsa-sha256");
	assert_false(request.dkim.at[0].is_limited);
	assert_true(request.dkim.at[1].is_limited);
	arena_free(arena);
}

/* For the log: a good id is kept, though what follows is not good. */
static void
test_refused_id(void **state)
{
	static const struct {
		const char *text;
		const char *id;
	} refused[] = {
	    {GOOD "spool=/etc/passwd\n\n", "1abcdt-000000-AB"},
	    {GOOD "x=\n\n", "1abcdt-000000-AB"},
	    {"version=1\nid=a\001b\n\n", ""},
	    {"version=1\nx=\nid=ab\n\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct arena *arena = arena_new(QUERY_ARENA_MAX);
		struct query_request request;
		const char *why;
		assert_false(read_whole(arena, text_from_cstr(refused[i].text),
		    1000, &request, &why));
		assert_true(
		    text_equal(request.id, text_from_cstr(refused[i].id)));
		assert_int_equal(request.headers.len, 0);
		arena_free(arena);
	}
}

/* HEAD, then LINE so many times, then TAIL. */
static bool
read_around(const char *head, const char *line, size_t count, const char *tail,
    const char **ret_why)
{
	struct arena *arena = arena_new(QUERY_ARENA_MAX);
	struct query_request request;
	struct build text;
	bool is_read;

	build_init(&text, 2 * QUERY_REQUEST_MAX);
	build_cstr(&text, head);
	while (count-- > 0)
		build_cstr(&text, line);
	build_cstr(&text, tail);
	is_read = read_whole(arena, build_view(&text), 4096, &request, ret_why);
	build_free(&text);
	arena_free(arena);
	return is_read;
}

static void
test_limits(void **state)
{
	enum {
		UNITS = QUERY_ENVELOPE_MAX / 3, /* of Base64 */
		FILE_LENGTH = sizeof "/input/1abcdt-000000-AB-D"
	};

	static const char dkim[] = "a dkim line cannot be read, or too many";

	static const struct {
		const char *head;
		const char *part;
		size_t max; /* parts that are still good */
		const char *tail;
		const char *why; /* with one more */
	} limits[] = {
	    {GOOD, PASS, QUERY_DKIM_MAX, "\n", dkim},
	    {GOOD "\n", "x", QUERY_REQUEST_MAX, "", ""}, /* behind its end */
	    {"version=1\nclient_address=\nhelo64=", "YWFh", UNITS,
		"\n" SENDER REST "\n", "helo64 is not Base64, or too long"},
	    {"version=1\n" ENVELOPE "sender64=", "YWFh", UNITS, "\n" REST "\n",
		"sender64 is not Base64, or too long"},
	    {GOOD "recipients64=", "YWFh", UNITS, "\n\n",
		"recipients64 is not Base64, or too long"},
	    {GOOD "host64=", "YWFh", UNITS, "\n\n",
		"host64 is not Base64, or too long"},
	    {"version=1\n" ENVELOPE SENDER "headers64=\nauthenticated=0\nid=",
		"a", QUERY_WORD_MAX, "\n\n",
		"id is not printable, or too long"},
	    {GOOD "spool=/", "a", QUERY_PATH_MAX - FILE_LENGTH,
		"/input/1abcdt-000000-AB-D\n\n", "spool is too long"},
	    {GOOD "dkim=pass ", "YWFh", UNITS, " cw== rsa-sha256 0\n\n", dkim},
	    {GOOD "dkim=pass ZQ== ", "YWFh", UNITS, " rsa-sha256 0\n\n", dkim},
	    {GOOD "dkim=pass ZQ== cw== ", "a", QUERY_WORD_MAX, " 0\n\n", dkim},
	};

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		const char *why = "";
		print_message("# %zu\n", i);
		assert_true(read_around(limits[i].head, limits[i].part,
		    limits[i].max, limits[i].tail, &why));
		(void)read_around(limits[i].head, limits[i].part,
		    limits[i].max + 1, limits[i].tail, &why);
		assert_string_equal(why, limits[i].why);
	}
	const char *why = "";
	assert_false(read_around(GOOD, "x", QUERY_REQUEST_MAX, "\n\n", &why));
	assert_string_equal(why, "the request is too long");
}

static const struct {
	const char *path;
	const char *id;
	bool is_good;
} spools[] = {
    {"/var/spool/exim4/input/1abcdt-000000-AB-D", "1abcdt-000000-AB", true},
    {"/var/spool/exim4/input/t/1abcdt-000000-AB-D", "1abcdt-000000-AB", true},
    {"/s/input/1abcdt-00000000000-ABCD-D", "1abcdt-00000000000-ABCD", true},
    {"/s/input/u/1abcdt-000000-AB-D", "1abcdt-000000-AB", false},
    {"/s/input/1abcdt-000000-AB-H", "1abcdt-000000-AB", false},
    {"/s/input/1abcdt-000000-AC-D", "1abcdt-000000-AB", false},
    {"/s/input1abcdt-000000-AB-D", "1abcdt-000000-AB", false},
    {"/s/msglog/1abcdt-000000-AB-D", "1abcdt-000000-AB", false},
    {"/s/xinput/1abcdt-000000-AB-D", "1abcdt-000000-AB", false},
    {"s/input/1abcdt-000000-AB-D", "1abcdt-000000-AB", false},
    {"/s/../input/1abcdt-000000-AB-D", "1abcdt-000000-AB", false},
    {"/s/.x/input/1abcdt-000000-AB-D", "1abcdt-000000-AB", false},
    {"/s//input/1abcdt-000000-AB-D", "1abcdt-000000-AB", false},
    {"/s /input/1abcdt-000000-AB-D", "1abcdt-000000-AB", false},
    {"/s/input/x-D", "x", false},
    {"/s/input/1abcd/-000000-AB-D", "1abcd/-000000-AB", false},
    {"/s/input/1abcdt-000000-AB-C-D", "1abcdt-000000-AB-C", false},
    {"", "", false},
};

static void
test_spool(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof spools / sizeof *spools; i++) {
		struct text path = exact(text_from_cstr(spools[i].path));
		struct text id = exact(text_from_cstr(spools[i].id));
		print_message("# %s\n", spools[i].path);
		struct text name = query_spool_name(path, id);
		assert_int_equal(name.len, spools[i].is_good ? id.len + 2 : 0);
		exact_free(path);
		exact_free(id);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_refused_id),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_spool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
