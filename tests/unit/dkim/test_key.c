#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"

#include "dkim/key.h"

#include <string.h>

enum { ARENA_MAX = 1 << 20 };

/* RFC 8463 A.2 */
#define RSA                                                                    \
 "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5q"   \
 "hdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+"   \
 "PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
#define ED25519 "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
/* 512 bits */
#define SHORT                                                                  \
 "p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALjmc4i6J5ywVgiSOanHVrKrBVcmYzRuFPbXC4g"   \
 "S3Vg3/JaNUi9Peq1YZ/fk0lKrMQo7v0h6vIpXx5R71HS0SScCAwEAAQ=="

#define BITS_1023                                                              \
 "p=MIGeMA0GCSqGSIb3DQEBAQUAA4GMADCBiAKBgGez6d/uaVrVBHu1UfpFF5NOi6QdI9"        \
 "QhVuqOEne0+yOIrA6F8BSdOQEwr9LI1c/AZs3vVoUxPodyEc1gTOIQNmqcPq1PZRr+A6"        \
 "G27lHv1W9UEJ49f3PDeiDeGPwEDbXVrVqxL4j1odna+ZsV5J9QEcXM6HtZtDpIxuPUQK"        \
 "XlRQnPAgMBAAE="
#define BITS_1024                                                              \
 "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQD3Q8XUNtlSZm/APpbQWgPZFWxeCR"        \
 "NXjN816dhlzFaVvtdJ6xG8RLHgDcwPk2bCsjnXR0DOrx81yyBCuSqCsyYW4Ojpz9nxUo"        \
 "L/Oy9hCPHPgasZYZTXdm1mljneVLDh617e4HU+GiIW01RQw5sCn74uF+FyO4LSZGuYWv"        \
 "fioiKXXwIDAQAB"
/* The same as RSAPublicKey (RFC 6376 3.6.1). */
#define PUBLIC_1024                                                            \
 "p=MIGJAoGBAPdDxdQ22VJmb8A+ltBaA9kVbF4JE1eM3zXp2GXMVpW+10nrEbxEseANzA"        \
 "+TZsKyOddHQM6vHzXLIEK5KoKzJhbg6OnP2fFSgv87L2EI8c+BqxlhlNd2bWaWOd5UsO"        \
 "HrXt7gdT4aIhbTVFDDmwKfvi4X4XI7gtJka5ha9+KiIpdfAgMBAAE="

static const struct row {
	const char *name;
	const char *record;
	const char *problem; /* "" for a good one */
} rows[] = {
    {"RSA", "v=DKIM1; k=rsa; " RSA, ""},
    {"only p", RSA, ""},
    {"semicolon at the end", RSA ";", ""},
    {"k in capitals", "k=RSA; " RSA, ""},
    {"Ed25519", "v=DKIM1; k=ed25519; " ED25519, ""},
    {"g and n", "v=DKIM1; g=*; n=a note; " RSA, ""},
    {"white space", " v = DKIM1 ; k = rsa ; " RSA " ", ""},
    {"Ed25519 as RSA", ED25519, "p= is no RSA key, or too large"},
    {"RSA as Ed25519", "k=ed25519;" RSA, "p= is no Ed25519 key"},
    {"short RSA", SHORT,
	"the RSA key is shorter than 1024 bits (RFC 8301 3.2)"},
    {"1023 bits", BITS_1023,
	"the RSA key is shorter than 1024 bits (RFC 8301 3.2)"},
    {"1024 bits", BITS_1024, ""},
    {"RSAPublicKey", PUBLIC_1024, ""},
    {"folded p",
	"p=MIGfMA0GCSqGSIb3 DQEBAQUAA4GNADCB\r\n iQKBgQDkHlOQoBTzWRiGs5V6"
	"NpP3idY6Wk08a5q hdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ"
	"/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G"
	"+2kryOTIKT+l/K4w3QIDAQAB",
	""},
    {"unknown tags", "x=y; v1=DKIM2; " RSA, ""},
    {"unknown flags", "t=z:yy; " RSA, ""},
    {"no flags", "t=; " RSA, ""},
    {"h of more", "h=sha512:SHA256; " RSA, ""},
    {"h looks like it", "h=sha256x; " RSA, "the key is not for SHA-256"},
    {"s empty", "s=; " RSA, "the key is not for mail"},
    {"g of somebody", "g=joe; " RSA, ""},
    {"n beyond ASCII", "n=\xC3\xA4; " RSA, ""},
    {"n with a control byte", "n=\x01; " RSA, "the key record is malformed"},
    {"revoked, of another service", "s=tlsrpt; p=", "the key is not for mail"},
    {"p twice, once revoked", "p=; " RSA,
	"a tag stands twice in the key record"},
    {"bytes after the key", RSA "AAAA", "p= is no RSA key, or too large"},
    {"v later", "k=rsa; v=DKIM1; " RSA, "the record is not of DKIM1"},
    {"v DKIM2", "v=DKIM2; " RSA, "the record is not of DKIM1"},
    {"v DKIM1.0", "v=DKIM1.0; " RSA, "the record is not of DKIM1"},
    {"v dkim1", "v=dkim1; " RSA, "the record is not of DKIM1"},
    {"v with colon", "v=DKIM1: g=*; " RSA, "the record is not of DKIM1"},
    {"k unknown", "k=ed25519-sha256; " RSA, "k= is unknown"},
    {"k empty", "k=; " RSA, "k= is unknown"},
    {"h sha256", "h=sha1 : sha256; " RSA, ""},
    {"h sha1", "h=sha1; " RSA, "the key is not for SHA-256"},
    {"h empty", "h=; " RSA, "the key is not for SHA-256"},
    {"s email", "s=email; " RSA, ""},
    {"s star", "s=x:*; " RSA, ""},
    {"s other", "s=tlsrpt; " RSA, "the key is not for mail"},
    {"p missing", "v=DKIM1; k=rsa", "p= is missing"},
    {"p empty", "v=DKIM1; p=", "the key is revoked"},
    {"p white space", "v=DKIM1; p= ; ", "the key is revoked"},
    {"p not base64", "p=*", "p= is not base64"},
    {"p cut", "p=MIGfMA0GCSqGSIb3", "p= is no RSA key, or too large"},
    {"twice", RSA "; " RSA, "a tag stands twice in the key record"},
    {"SPF", "v=spf1 -all", "the record is not of DKIM1"},
    {"not a list", "hello", "the key record is malformed"},
    {"empty", "", "the key record is malformed"},
    {"escaped semicolons", "v=DKIM1\\; k=rsa\\; " RSA,
	"the record is not of DKIM1"},
};

static void
test_rows(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct text record = exact(text_from_cstr(rows[i].record));
		struct dkim_key key = dkim_key_read(arena, record);
		const char *problem = key.problem == NULL ? "" : key.problem;
		if (strcmp(problem, rows[i].problem) != 0 ||
		    (key.key == NULL) != (key.problem != NULL)) {
			print_error("%s: \"%s\"\n", rows[i].name, problem);
			bad++;
		}
		exact_free(record);
		arena_free(arena);
	}
	assert_int_equal(bad, 0);
}

static void
test_flags(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct dkim_key key = dkim_key_read(arena, TEXT("t=y:s; " RSA));

	(void)state;
	assert_true(key.is_testing && key.is_strict);
	key = dkim_key_read(arena, TEXT("t=x : s ; " RSA));
	assert_true(!key.is_testing && key.is_strict);
	key = dkim_key_read(arena, TEXT(RSA));
	assert_true(!key.is_testing && !key.is_strict);
	arena_free(arena);
}

/* All records of an answer are read, up to the limit, and kept with it. */
static void
test_answer(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct dns_answer *answer = dns_answer_new(DNS_FOUND, 60);
	struct dns_record record = {.text = TEXT("v=spf1 -all")};

	(void)state;
	for (int i = 0; i < DKIM_KEYS_MAX + 2; i++) {
		assert_true(dns_answer_add(answer, &record));
		record.text = TEXT("v=DKIM1; " RSA);
	}
	const struct dkim_keys *keys =
	    dns_answer_parsed(answer, dkim_keys_parse, arena);
	assert_non_null(keys);
	assert_int_equal(keys->count, DKIM_KEYS_MAX);
	assert_non_null(keys->at[0].problem);
	assert_null(keys->at[1].problem);
	assert_ptr_equal(
	    dns_answer_parsed(answer, dkim_keys_parse, arena), keys);
	dns_answer_unref(answer);
	arena_free(arena);
}

/* Without memory there are no keys, rather than bad ones. */
static void
test_no_memory(void **state)
{
	struct dns_record record = {.text = TEXT("v=DKIM1; " RSA)};
	const struct dns_answer answer = {
	    .status = DNS_FOUND, .count = 1, .records = &record};
	bool failed = true;

	(void)state;
	for (size_t n = 1; failed; n++) {
		struct arena *arena = arena_new(ARENA_MAX);
		arena_fail_after(arena, n);
		const struct dkim_keys *keys = dkim_keys_parse(arena, &answer);
		failed = arena_failed(arena);
		assert_int_equal(keys == NULL, failed);
		if (keys != NULL)
			assert_null(keys->at[0].problem);
		arena_free(arena);
		assert_in_range(n, 1, 100);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_flags),
	    cmocka_unit_test(test_answer),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
