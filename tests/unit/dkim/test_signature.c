#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"

#include "base/build.h"
#include "dkim/signature.h"
#include "dkim/signed.h"

#include <string.h>

enum { ARENA_MAX = 1 << 22 };

#define A      "a=rsa-sha256;"
#define BH     "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;"
#define B      "b=dGVzdA=="
#define D      "d=example.com; s=sel;"
#define H      "h=from:to;"
#define COMMON "v=1;" A D H BH B

/* The reason, "" when the field is good. */
static const char *
read_value(
    struct arena *arena, struct text value, struct dkim_signature *signature)
{
	struct mail_header *header = arena_alloc(arena, sizeof *header);
	struct text raw = arena_join(arena, TEXT("DKIM-Signature:"), value);
	const char *reason = "";

	assert_true(mail_header_add_raw(header, arena, raw));
	if (dkim_signature_read(
		arena, &header->fields.at[0], signature, &reason))
		return "";
	return reason;
}

static const struct row {
	const char *name;
	const char *value;
	const char *reason; /* "" for a good one */
} rows[] = {
    {"all defaults", COMMON, ""},
    {"semicolon at the end", COMMON ";", ""},
    {"folding everywhere",
	" v = 1 ;\r\n\ta\r\n = rsa-sha256; d = example.com ; s =\r\n sel;"
	" h = from \r\n : to ; bh = 47DEQpj8HBSa+/TImW+5\r\n"
	" JCeuQeRkm5NMpJWZG3hSuFU= ; b = dG\r\n Vz dA == ; ",
	""},
    {"unknown tag", COMMON "; zz=whatever", ""},
    {"not a list", "hello", "malformed tag list"},
    {"empty", "", "malformed tag list"},
    {"no tag between", "v=1;;" A D H BH B, "malformed tag list"},
    {"duplicate", COMMON "; d=example.com", "a tag stands twice"},
    {"duplicate unknown", COMMON "; x1=a; x1=b", "a tag stands twice"},
    {"tag name in capitals is another", COMMON "; D=example.net", ""},
    {"v missing", A D H BH B, "v= is missing"},
    {"v 2", "v=2;" A D H BH B, "v= is not 1"},
    {"v 1.0", "v=1.0;" A D H BH B, "v= is not 1"},
    {"v empty", "v=;" A D H BH B, "v= is not 1"},
    {"a missing", "v=1;" D H BH B, "a= is missing"},
    {"a unknown", "v=1;a=rsa-md5;" D H BH B, "a= is unknown"},
    {"a with odd bytes", "v=1;a=rsa\xFF;" D H BH B, "a= is malformed"},
    {"a rsa-sha1", "v=1;a=rsa-sha1;" D H BH B,
	"rsa-sha1 is not accepted (RFC 8301 3.1)"},
    {"a ed25519", "v=1;a=ed25519-sha256;" D H BH B, ""},
    {"a in capitals", "v=1;a=RSA-SHA256;" D H BH B, ""},
    {"d missing", "v=1;" A "s=s;" H BH B, "d= is missing"},
    {"d one label", "v=1;" A "d=com;s=s;" H BH B, "d= is no domain name"},
    {"d empty label", "v=1;" A "d=a..b;s=s;" H BH B, "d= is no domain name"},
    {"d dot at the end", "v=1;" A "d=a.b.;s=s;" H BH B, "d= is no domain name"},
    {"d parenthesis", "v=1;" A "d=legit.com(.evil.com;s=s;" H BH B,
	"d= is no domain name"},
    {"d white space inside", "v=1;" A "d=a.b c.d;s=s;" H BH B,
	"d= is no domain name"},
    {"d address", "v=1;" A "d=a@b.c;s=s;" H BH B, "d= is no domain name"},
    {"d U-labels",
	"v=1;" A "d=b\xC3\xBC"
	"cher.example;s=s;" H BH B,
	""},
    {"d bad UTF-8", "v=1;" A "d=b\xC3.example;s=s;" H BH B,
	"d= is no domain name"},
    {"s missing", "v=1;" A "d=a.b;" H BH B, "s= is missing"},
    {"s empty", "v=1;" A "d=a.b;s=;" H BH B, "s= is no selector"},
    {"s of two labels", "v=1;" A "d=a.b;s=x.y;" H BH B, ""},
    {"s slash", "v=1;" A "d=a.b;s=x/y;" H BH B, "s= is no selector"},
    {"d underscore", "v=1;" A "d=_a.b;s=s;" H BH B, ""},
    {"d label of 63",
	"v=1;" A
	"d=123456789012345678901234567890123456789012345678901234567890123"
	".b;s=s;" H BH B,
	""},
    {"d label of 64",
	"v=1;" A
	"d=1234567890123456789012345678901234567890123456789012345678901234"
	".b;s=s;" H BH B,
	"d= is no domain name"},
    {"s parenthesis", "v=1;" A "d=a.b;s=x(y;" H BH B, "s= is no selector"},
    {"s white space inside", "v=1;" A "d=a.b;s=x y;" H BH B,
	"s= is no selector"},
    {"s empty label", "v=1;" A "d=a.b;s=x..y;" H BH B, "s= is no selector"},
    {"s dot at the end", "v=1;" A "d=a.b;s=x.;" H BH B, "s= is no selector"},
    {"s U-labels",
	"v=1;" A "d=a.b;s=b\xC3\xBC"
	"cher;" H BH B,
	""},
    {"i UTF-8 local part",
	COMMON ";i=j\xC3\xB6"
	       "e@example.com",
	""},
    {"i quoted, white space", COMMON ";i=\"a =3B b\"@example.com", ""},
    {"i NUL in the domain", COMMON ";i=a@x=00.example.com", "i= is malformed"},
    {"i elsewhere before a quoted at", COMMON ";i=\"a@example.com\"@b.c",
	"i= is not in the domain of d="},
    {"i dot at the end", COMMON ";i=@example.com.", "i= is malformed"},
    {"i the domain", COMMON ";i=@example.com", ""},
    {"i below", COMMON ";i=joe@Sub.Example.COM", ""},
    {"i quoted local part", COMMON ";i=\"a@b\"@example.com", ""},
    {"i quoted-printable", COMMON ";i=joe=3Bx=40y@example=2Ecom", ""},
    {"i folded", COMMON ";i=joe@exam\r\n ple.com", ""},
    {"i no at", COMMON ";i=example.com", "i= is malformed"},
    {"i empty", COMMON ";i=", "i= is malformed"},
    {"i only at", COMMON ";i=@", "i= is malformed"},
    {"i bad =", COMMON ";i=a=4@example.com", "i= is malformed"},
    {"i = at the end", COMMON ";i=@example.com=", "i= is malformed"},
    {"i elsewhere", COMMON ";i=@example.net", "i= is not in the domain of d="},
    {"i above", "v=1;" A "d=a.example.com;s=s;" H BH B ";i=@example.com",
	"i= is not in the domain of d="},
    {"i looks below", COMMON ";i=@badexample.com",
	"i= is not in the domain of d="},
    {"b missing", "v=1;" A D H BH, "b= is missing"},
    {"b empty", "v=1;" A D H BH "b=", "b= is malformed"},
    {"b not base64", "v=1;" A D H BH "b=*", "b= is malformed"},
    {"bh missing", "v=1;" A D H B, "bh= is missing"},
    {"bh too short", "v=1;" A D H "bh=dGVzdA==;" B, "bh= is no SHA-256 hash"},
    {"bh empty", "v=1;" A D H "bh=;" B, "bh= is no SHA-256 hash"},
    {"a white space inside", "v=1;a=rsa - sha256;" D H BH B, "a= is malformed"},
    {"z is not looked at", COMMON ";z==:|", ""},
    {"v last", A D H BH B ";v=1", ""},
    {"h name twice", "v=1;" A D "h=from:from:to:to;" BH B, ""},
    {"h of control bytes", "v=1;" A D "h=from:a\x7F;" BH B,
	"malformed tag list"},
    {"h beyond ASCII", "v=1;" A D "h=from:\xC3\xA4;" BH B, "h= is malformed"},
    {"c in capitals", COMMON ";c=Relaxed/SIMPLE", ""},
    {"c both", COMMON ";c=relaxed/simple", ""},
    {"c one", COMMON ";c=relaxed", ""},
    {"c unknown", COMMON ";c=nofws", "c= is unknown"},
    {"c unknown body", COMMON ";c=simple/nofws", "c= is unknown"},
    {"c empty body", COMMON ";c=simple/", "c= is unknown"},
    {"c empty", COMMON ";c=", "c= is unknown"},
    {"c three", COMMON ";c=simple/simple/simple", "c= is unknown"},
    {"h missing", "v=1;" A D BH B, "h= is missing"},
    {"h empty", "v=1;" A D "h=;" BH B, "h= is malformed"},
    {"h without From", "v=1;" A D "h=to:subject;" BH B, "h= has no From"},
    {"h empty name", "v=1;" A D "h=from::to;" BH B, "h= is malformed"},
    {"h colon at the end", "v=1;" A D "h=from:;" BH B, "h= is malformed"},
    {"h white space in name", "v=1;" A D "h=from:a b;" BH B, "h= is malformed"},
    {"h FROM", "v=1;" A D "h=TO : FROM;" BH B, ""},
    {"l", COMMON ";l=0", ""},
    {"l 76 digits",
	COMMON ";l=1234567890123456789012345678901234567890"
	       "123456789012345678901234567890123456",
	""},
    {"l 77 digits",
	COMMON ";l=1234567890123456789012345678901234567890"
	       "1234567890123456789012345678901234567",
	"l= is malformed"},
    {"l empty", COMMON ";l=", "l= is malformed"},
    {"l sign", COMMON ";l=+1", "l= is malformed"},
    {"l words", COMMON ";l=1 2", "l= is malformed"},
    {"q", COMMON ";q=dns/txt", ""},
    {"q several", COMMON ";q=http/x : dns/txt", ""},
    {"q unknown", COMMON ";q=dns", "q= has no method that is known"},
    {"q empty", COMMON ";q=", "q= has no method that is known"},
    {"t", COMMON ";t=1117574938", ""},
    {"t negative", COMMON ";t=-1", "t= is malformed"},
    {"x after t", COMMON ";t=5;x=6", ""},
    {"x at t", COMMON ";t=5;x=5", "x= is malformed or not after t="},
    {"x before t, in front", COMMON ";x=5;t=6",
	"x= is malformed or not after t="},
    {"x over 12 digits", COMMON ";t=5;x=99999999999999999999", ""},
    {"t over 12 digits", COMMON ";t=99999999999999999999;x=5",
	"x= is malformed or not after t="},
    {"x 12 digits", COMMON ";t=999999999998;x=999999999999", ""},
    {"x before t, 12 digits", COMMON ";t=999999999999;x=999999999998",
	"x= is malformed or not after t="},
    {"x and t over 12 digits", COMMON ";t=1000000000000;x=1000000000001", ""},
    {"x empty", COMMON ";x=", "x= is malformed or not after t="},
    {"t empty", COMMON ";t=", "t= is malformed"},
    {"x hexadecimal", COMMON ";x=0x10", "x= is malformed or not after t="},
};

static void
test_rows(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct dkim_signature signature;
		struct text value = exact(text_from_cstr(rows[i].value));
		const char *reason = read_value(arena, value, &signature);
		if (strcmp(reason, rows[i].reason) != 0) {
			print_error("%s: \"%s\" instead of \"%s\"\n",
			    rows[i].name, reason, rows[i].reason);
			bad++;
		}
		exact_free(value);
		arena_free(arena);
	}
	assert_int_equal(bad, 0);
}

/* A NUL in a name is neither the end of it nor a letter ("Composition Kills",
 * A3): nothing is asked. */
static void
test_nul(void **state)
{
	static const char domain[] =
	    "v=1;" A "d=example.com\0.evil.example; s=s;" H BH B;
	static const char selector[] =
	    "v=1;" A "d=example.com; s=s\0.evil;" H BH B;
	const struct text values[] = {TEXT(domain), TEXT(selector)};

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct dkim_signature signature;
		struct text value = values[i];
		assert_string_equal(
		    read_value(arena, value, &signature), "malformed tag list");
		assert_true(
		    signature.domain.len == 0 || signature.selector.len == 0);
		arena_free(arena);
	}
}

static void
test_values(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct dkim_signature signature;
	struct text value =
	    TEXT(" v=1; a=ed25519-sha256; c=relaxed;"
		 " d=B\xC3\xBC"
		 "cher.Example; s=Sel; l=12;"
		 " i=a=3Bb@\r\n x.b\xC3\xBC"
		 "cher=2Eexample; t=1; x=2; " H BH " b=dGVz\r\n dHRl c3Q= ");

	(void)state;
	assert_string_equal(read_value(arena, value, &signature), "");
	assert_true(
	    text_equal(signature.domain, TEXT("xn--bcher-kva.example")));
	assert_true(text_equal(signature.selector, TEXT("sel")));
	assert_true(text_equal(signature.identity, TEXT("a=3Bb@x.b\xC3\xBC"
							"cher=2Eexample")));
	assert_true(text_equal(
	    signature.identity_domain, TEXT("x.xn--bcher-kva.example")));
	assert_int_equal(signature.crypto, CRYPTO_ED25519_SHA256);
	assert_int_equal(signature.header, DKIM_RELAXED);
	assert_int_equal(signature.body, DKIM_SIMPLE);
	assert_true(signature.has_length);
	assert_int_equal(signature.length, 12);
	assert_int_equal(signature.timestamp, 1);
	assert_int_equal(signature.expiration, 2);
	assert_true(text_equal(signature.signature, TEXT("testtest")));
	assert_true(text_equal(signature.b, TEXT("dGVzdHRl")));
	assert_true(
	    text_equal(text_slice(signature.field->value, signature.b_at,
			   signature.b_at + signature.b_len),
		TEXT("dGVz\r\n dHRl c3Q= ")));
	arena_free(arena);
}

/* A report wants to know whose signature it was, however broken. */
static void
test_what_is_left_of_a_malformed_one(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct dkim_signature signature;
	struct text value = TEXT(
	    "d=example.com; s=sel; i=@example.net; a=rsa-sha1; b=dGVzdHRlc3Q");

	(void)state;
	assert_string_not_equal(read_value(arena, value, &signature), "");
	assert_true(text_equal(signature.domain, TEXT("example.com")));
	assert_true(text_equal(signature.selector, TEXT("sel")));
	assert_true(text_equal(signature.identity, TEXT("@example.net")));
	assert_true(text_equal(signature.algorithm, TEXT("rsa-sha1")));
	assert_true(text_equal(signature.b, TEXT("dGVzdHRl")));
	arena_free(arena);
}

static void
test_limits(void **state)
{
	static const struct {
		const char *name;
		const char *before;
		const char *piece;
		size_t count;
		const char *after;
		const char *reason;
	} limits[] = {
	    {"200 names", "v=1;" A D BH B ";h=from", ":to", 199, "", ""},
	    {"201 names", "v=1;" A D BH B ";h=from", ":to", 200, "",
		"h= has too many names"},
	    {"b just fits", "v=1;" A D H BH "b=", "AAAA", 2048, "", ""},
	    {"b too long", "v=1;" A D H BH "b=", "AAAA", 2049, "",
		"b= is malformed"},
	    {"selector too long for a query", "v=1;" A H BH B ";d=a.bc;s=ab",
		".abcdefghi", 24, "", "s= and d= are too long"},
	    {"selector just fits", "v=1;" A H BH B ";d=a.bc;s=abcdef",
		".abcdefghi", 23, "", ""},
	};

	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct dkim_signature signature;
		struct build build;
		build_init_arena(&build, arena, 1 << 16);
		build_cstr(&build, limits[i].before);
		for (size_t k = 0; k < limits[i].count; k++)
			build_cstr(&build, limits[i].piece);
		build_cstr(&build, limits[i].after);
		const char *reason =
		    read_value(arena, build_view(&build), &signature);
		if (strcmp(reason, limits[i].reason) != 0) {
			print_error("%s: \"%s\"\n", limits[i].name, reason);
			bad++;
		}
		arena_free(arena);
	}
	assert_int_equal(bad, 0);
}

/* --- which fields h= takes (5.4.2) --- */

static const struct pick_row {
	const char *name;
	const char *fields; /* letters: name and value of a field each */
	const char *h;
	const char *expected; /* values in the order of h=, '-' for none */
} pick_rows[] = {
    {"bottom up", "r1 r2 r3 f1", "f:r:r", "132"},
    {"more than there are", "f1", "f:f:f", "1--"},
    {"a second one above", "f2 f1", "f:f", "12"},
    {"absent", "f1 s1", "t:f:u:s", "-1-1"},
    {"any case", "F1 s1", "f:S", "11"},
    {"taken in turn", "a1 b1 a2 b2 f1", "f:a:b:a:b:a", "12211-"},
};

/* A field "Xn" has the name X-name and the value n. */
static bool
pick_is(struct arena *arena, const struct pick_row *row)
{
	struct dkim_signed fields;
	struct mail_header header = {0};
	struct dkim_signature signature = {
	    .signed_names = text_from_cstr(row->h)};
	struct text rest = text_from_cstr(row->fields);

	while (rest.len > 0) {
		struct text field = text_split(&rest, ' ');
		if (!mail_header_add(&header, arena, text_slice(field, 0, 1),
			text_slice(field, 1, 2), true))
			return false;
	}
	dkim_signed_find(&header, &signature, &fields);
	if (fields.count != strlen(row->expected))
		return false;
	for (size_t i = 0; i < fields.count; i++) {
		struct text value = fields.field[i] == NULL
					? TEXT("-")
					: fields.field[i]->value;
		if (value.ptr[0] != row->expected[i])
			return false;
	}
	return true;
}

static void
test_signed_fields(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof pick_rows / sizeof *pick_rows; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		if (!pick_is(arena, &pick_rows[i])) {
			print_error("%s\n", pick_rows[i].name);
			bad++;
		}
		arena_free(arena);
	}
	assert_int_equal(bad, 0);
}

/* h= may name other signatures, and never takes its own field. */
static void
test_signed_fields_without_own(void **state)
{
	struct dkim_signed fields;
	struct arena *arena = arena_new(ARENA_MAX);
	struct mail_header header = {0};
	struct dkim_signature signature = {
	    .signed_names = TEXT("dkim-signature:dkim-signature")};

	(void)state;
	assert_true(
	    mail_header_add_raw(&header, arena, TEXT("DKIM-Signature: a")) &&
	    mail_header_add_raw(&header, arena, TEXT("DKIM-Signature: b")));
	signature.field = &header.fields.at[1];
	dkim_signed_find(&header, &signature, &fields);
	assert_int_equal(fields.count, 2);
	assert_ptr_equal(fields.field[0], &header.fields.at[0]);
	assert_null(fields.field[1]);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_what_is_left_of_a_malformed_one),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_signed_fields),
	    cmocka_unit_test(test_signed_fields_without_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
