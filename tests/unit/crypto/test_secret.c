/* Private keys and signing. What the keys sign was signed by openssl dgst
 * and pkeyutl too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "secrets.h"

#include "base/base64.h"
#include "crypto/crypto.h"

#include <openssl/err.h>
#include <string.h>

enum { ARENA_MAX = 1 << 20 };

/* Of "abc". */
static const char rsa_signature[] =
    "i1AdVzaxQKockzMSOEDPNHhO3FUdSVtCDD5i/lGNFukYakVoSZ7oWoqS+4lqU6Hfha6mCeo47VfOGlJIE2hc8Btfp78hSWYC35kkLHZqIACJa3y08rRCBZVDf3/jCGkCoRc6//Xrde+EzVHpnphtfU2Vtk82ynU1qaycP+/MeKQ=";
static const char ed25519_signature[] =
    "1B8t1lvLdfmKQM2In08gKR7tLSjIqH3KbZlF6wpdVT9YNYE3sSXg70JXe7+F4mvvMfE4x9gm7OKb1nYHOfDMAA==";

static enum crypto_result
read_secret(struct arena *arena, const char *pem,
    struct crypto_secret **ret_secret, const char **ret_why)
{
	struct text copy = exact(text_from_cstr(pem));
	enum crypto_result result =
	    crypto_secret_read(arena, copy, ret_secret, ret_why);

	exact_free(copy);
	assert_int_equal(ERR_peek_error(), 0);
	return result;
}

/* --- what is a key --- */

static void
test_refused(void **state)
{
	static const struct {
		const char *pem;
		const char *why;
	} rows[] = {
	    {"", "no private key"},
	    {"nonsense\n", "no private key"},
	    {public_key, "no private key"},
	    {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"no private key"},
	    {encrypted_pkcs8, "encrypted"},
	    {encrypted_pkcs1, "encrypted"},
	    {ecdsa, "neither RSA nor Ed25519"},
	    {rsa_pss, "neither RSA nor Ed25519"},
	    {rsa_512, "shorter than 1024"},
	    {rsa_large, "too large"},
	    {rsa_mixed, "does not verify"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct crypto_secret *secret;
		const char *why = "";
		assert_int_equal(read_secret(arena, rows[i].pem, &secret, &why),
		    CRYPTO_BROKEN);
		if (strstr(why, rows[i].why) == NULL)
			fail_msg("%zu: %s", i, why);
		arena_free(arena);
	}
}

/* --- signing --- */

static const struct signing_row {
	const char *pem;
	enum crypto_algorithm algorithm;
	const char *signature;
} signing_rows[] = {
    {rsa_pkcs1, CRYPTO_RSA_SHA256, rsa_signature},
    {rsa_pkcs8, CRYPTO_RSA_SHA256, rsa_signature},
    {ed25519, CRYPTO_ED25519_SHA256, ed25519_signature},
};

enum { SIGNING_ROWS = sizeof signing_rows / sizeof *signing_rows };

static struct crypto_secret *
good_secret(struct arena *arena, const char *pem)
{
	struct crypto_secret *secret = NULL;
	const char *why = "";

	if (read_secret(arena, pem, &secret, &why) != CRYPTO_GOOD)
		fail_msg("%s", why);
	return secret;
}

static void
check_signing(struct arena *arena, const struct signing_row *row)
{
	struct crypto_secret *secret = good_secret(arena, row->pem);
	const struct crypto_key *half = crypto_secret_key(secret);
	struct sha256 digest;
	struct text signature;
	struct text wanted;

	assert_int_equal(crypto_key_algorithm(half), row->algorithm);
	assert_true(crypto_sha256(TEXT("abc"), &digest));
	assert_true(
	    base64_read(arena, text_from_cstr(row->signature), &wanted));
	for (int i = 0; i < 2; i++) {
		assert_true(crypto_sign(secret, arena, &digest, &signature));
		assert_true(text_equal(signature, wanted));
	}
	assert_int_equal(crypto_verify(half, &digest, signature), CRYPTO_GOOD);
	digest.byte[0] ^= 1;
	assert_int_equal(
	    crypto_verify(half, &digest, signature), CRYPTO_BROKEN);
	assert_int_equal(ERR_peek_error(), 0);
}

static void
test_sign(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIGNING_ROWS; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		check_signing(arena, &signing_rows[i]);
		arena_free(arena);
	}
}

/* What is published is read back as the same key. */
static void
test_public(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct crypto_key *key;
	struct text base64;

	(void)state;
	struct text rsa = crypto_secret_public(good_secret(arena, rsa_pkcs1));
	assert_int_equal(crypto_key_read_rsa(arena, rsa, &key), CRYPTO_GOOD);
	assert_int_equal(crypto_key_bits(key), 1024);
	/* openssl pkey -pubout */
	struct text ed = crypto_secret_public(good_secret(arena, ed25519));
	assert_int_equal(crypto_key_read_ed25519(arena, ed, &key), CRYPTO_GOOD);
	size_t line = text_find(text_from_cstr(public_key), '\n') + 1;
	base64 = text_slice(text_from_cstr(public_key), line, line + 60);
	assert_true(base64_read(arena, base64, &base64));
	assert_true(text_ends_nocase(base64, ed));
	arena_free(arena);
}

static void
test_no_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIGNING_ROWS; i++) {
		enum crypto_result result = CRYPTO_UNABLE;
		for (size_t n = 1; result != CRYPTO_GOOD; n++) {
			struct arena *arena = arena_new(ARENA_MAX);
			struct crypto_secret *secret;
			const char *why = "";
			arena_fail_after(arena, n);
			result = read_secret(
			    arena, signing_rows[i].pem, &secret, &why);
			assert_int_not_equal(result, CRYPTO_BROKEN);
			arena_free(arena);
			assert_in_range(n, 1, 100);
		}
	}
}

static void
test_forget(void **state)
{
	char bytes[] = "secret";

	(void)state;
	crypto_forget(bytes, sizeof bytes);
	assert_memory_equal(bytes, "\0\0\0\0\0\0", sizeof bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_sign),
	    cmocka_unit_test(test_public),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
