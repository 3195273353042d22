#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"

#include "base/base64.h"
#include "crypto/crypto.h"

#include <openssl/err.h>
#include <string.h>

enum { ARENA_MAX = 1 << 20, SPKI_HEAD = 22 };

/* RFC 8463 A.2: the RSA key of selector "test", the Ed25519 key of "brisbane".
 */
static const char rsa_key[] =
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3id"
    "Y6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ"
    "/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2Ee"
    "C3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";
static const char ed25519_key[] =
    "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

static struct text
decoded(struct arena *arena, const char *base64)
{
	struct text bytes;

	assert_true(base64_read(arena, text_from_cstr(base64), &bytes));
	return bytes;
}

static bool
digest_is(const struct sha256 *digest, const char *hex)
{
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		if (digest->byte[i] !=
		    hex_value(hex[2 * i]) * 16 + hex_value(hex[2 * i + 1]))
			return false;
	}
	return true;
}

/* --- hashes (FIPS 180-2 B.1, B.2) --- */

static const struct hash_row {
	const char *name;
	const char *text;
	const char *hex;
} hash_rows[] = {
    {"empty", "",
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"one block", "abc",
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static unsigned
check_hash(struct arena *arena, const struct hash_row *row)
{
	struct text text = text_from_cstr(row->text);
	struct sha256 digest;
	unsigned bad = 0;

	assert_true(crypto_sha256(text, &digest));
	bad += !digest_is(&digest, row->hex);
	for (size_t i = 0; i <= text.len; i++) {
		struct crypto_hash *hash = crypto_hash_new(arena);
		assert_non_null(hash);
		crypto_hash_feed(hash, text_slice(text, 0, i));
		/* Asking in between changes nothing. */
		assert_true(crypto_hash_finish(hash, &digest));
		assert_true(crypto_hash_finish_with(
		    hash, text_slice(text, i, text.len), &digest));
		bad += !digest_is(&digest, row->hex);
		crypto_hash_feed(hash, text_slice(text, i, text.len));
		assert_true(crypto_hash_finish(hash, &digest));
		bad += !digest_is(&digest, row->hex);
	}
	if (bad > 0)
		print_error("%s\n", row->name);
	return bad;
}

static void
test_hashes(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof hash_rows / sizeof *hash_rows; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		bad += check_hash(arena, &hash_rows[i]);
		arena_free(arena);
	}
	assert_int_equal(bad, 0);
}

/* --- DER --- */

static struct crypto_key *
read_rsa(struct arena *arena, struct text der)
{
	struct crypto_key *key;

	return crypto_key_read_rsa(arena, der, &key) == CRYPTO_GOOD ? key
								    : NULL;
}

static struct crypto_key *
read_ed25519(struct arena *arena, struct text raw)
{
	struct crypto_key *key;

	return crypto_key_read_ed25519(arena, raw, &key) == CRYPTO_GOOD ? key
									: NULL;
}

static bool
is_rsa_key(struct text der)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct text copy = exact(der);
	bool is_key = read_rsa(arena, copy) != NULL;

	exact_free(copy);
	arena_free(arena);
	return is_key;
}

static void
test_rsa_in_both_forms(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct text der = decoded(arena, rsa_key);
	struct crypto_key *key = read_rsa(arena, der);

	(void)state;
	assert_non_null(key);
	assert_int_equal(crypto_key_bits(key), 1024);
	assert_int_equal(crypto_key_algorithm(key), CRYPTO_RSA_SHA256);
	key = read_rsa(arena, text_slice(der, SPKI_HEAD, der.len));
	assert_non_null(key);
	assert_int_equal(crypto_key_bits(key), 1024);
	arena_free(arena);
}

/* Whatever is cut off or added, it is no key. */
static void
test_rsa_cut_and_extended(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct text der = decoded(arena, rsa_key);

	(void)state;
	for (size_t head = 0; head <= SPKI_HEAD; head += SPKI_HEAD) {
		struct text form = text_slice(der, head, der.len);
		for (size_t len = 0; len < form.len; len++)
			assert_false(is_rsa_key(text_slice(form, 0, len)));
		assert_true(is_rsa_key(form));
		assert_false(is_rsa_key(arena_join(arena, form, TEXT("\0"))));
	}
	arena_free(arena);
}

/* No byte of the structure may be another one. */
static void
test_rsa_structure_bytes(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct text der = decoded(arena, rsa_key);
	unsigned char copy[256];
	unsigned bad = 0;

	(void)state;
	memcpy(copy, der.ptr, der.len);
	for (size_t i = 0; i < der.len; i++) {
		bool is_modulus = i >= 28 && i <= 28 + 128;
		bool is_exponent = i >= der.len - 3;
		if (is_modulus || is_exponent)
			continue;
		for (unsigned byte = 0; byte < 256; byte++) {
			if (byte == (unsigned char)der.ptr[i])
				continue;
			copy[i] = (unsigned char)byte;
			if (is_rsa_key((struct text){(char *)copy, der.len})) {
				print_error("byte %zu as %u\n", i, byte);
				bad++;
			}
		}
		copy[i] = (unsigned char)der.ptr[i];
	}
	assert_int_equal(bad, 0);
	arena_free(arena);
}

/* RSAPublicKey of a modulus of LEN bytes FIRST FF … LAST, and an exponent. */
static struct text
make_rsa(struct build *build, size_t len, unsigned first, unsigned last,
    struct text exponent)
{
	bool is_padded = first >= 0x80;
	size_t number = len + is_padded;
	size_t inside = 4 + number + 2 + exponent.len;

	build_cut(build, 0);
	build_text(build, TEXT("\x30\x82"));
	build_byte(build, (char)(inside >> 8));
	build_byte(build, (char)inside);
	build_text(build, TEXT("\x02\x82"));
	build_byte(build, (char)(number >> 8));
	build_byte(build, (char)number);
	if (is_padded)
		build_byte(build, '\0');
	build_byte(build, (char)first);
	for (size_t i = 2; i < len; i++)
		build_byte(build, '\xFF');
	build_byte(build, (char)last);
	build_byte(build, '\x02');
	build_byte(build, (char)exponent.len);
	build_text(build, exponent);
	return build_view(build);
}

#define E65537 "\x01\0\x01"

static const struct rsa_row {
	const char *name;
	size_t len;
	unsigned first;
	unsigned last;
	struct text exponent;
	bool expected;
} rsa_rows[] = {
    {"2048 bits", 256, 0x80, 0xFF, {E65537, 3}, true},
    {"2047 bits", 256, 0x7F, 0xFF, {E65537, 3}, true},
    {"4096 bits", 512, 0xFF, 0xFF, {E65537, 3}, true},
    {"4097 bits", 513, 0x01, 0xFF, {E65537, 3}, false},
    {"modulus is even", 256, 0x80, 0xFE, {E65537, 3}, false},
    {"2040 bits", 256, 0, 0xFF, {E65537, 3}, true},
    {"exponent 3", 256, 0x80, 0xFF, {"\x03", 1}, true},
    {"exponent 1", 256, 0x80, 0xFF, {"\x01", 1}, false},
    {"exponent 0", 256, 0x80, 0xFF, {"\0", 1}, false},
    {"exponent even", 256, 0x80, 0xFF, {"\x04", 1}, false},
    {"exponent negative", 256, 0x80, 0xFF, {"\x81", 1}, false},
    {"exponent not shortest", 256, 0x80, 0xFF, {"\0\x03", 2}, false},
    {"exponent without bytes", 256, 0x80, 0xFF, {"", 0}, false},
    {"exponent of 64 bits", 256, 0x80, 0xFF,
	{"\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9}, true},
    {"exponent of 65 bits", 256, 0x80, 0xFF,
	{"\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9}, false},
};

static void
test_rsa_numbers(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct build build;
	unsigned bad = 0;

	(void)state;
	build_init_arena(&build, arena, 4096);
	for (size_t i = 0; i < sizeof rsa_rows / sizeof *rsa_rows; i++) {
		const struct rsa_row *row = &rsa_rows[i];
		struct text der = make_rsa(
		    &build, row->len, row->first, row->last, row->exponent);
		if (is_rsa_key(der) != row->expected) {
			print_error("%s\n", row->name);
			bad++;
		}
	}
	assert_int_equal(bad, 0);
	arena_free(arena);
}

/* Lengths in more bytes than needed are BER, not DER. */
static void
test_rsa_long_lengths(void **state)
{
	static const char ber[] = "\x30\x81\x06\x02\x01\x07\x02\x01\x03";
	static const char der[] = "\x30\x06\x02\x01\x07\x02\x01\x03";
	static const char indefinite[] = "\x30\x80\x02\x01\x07\x02\x01\x03\0\0";

	(void)state;
	assert_true(is_rsa_key(TEXT(der)));
	assert_false(is_rsa_key(TEXT(ber)));
	assert_false(is_rsa_key(TEXT(indefinite)));
}

/* --- verification --- */

/* RFC 8032 7.1, test 3, has another message than a digest; RFC 8463 A.3's
 * signatures are verified in tests/unit/dkim. Here: a wrong anything fails. */
static void
test_verify_rejects(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct crypto_key *rsa = read_rsa(arena, decoded(arena, rsa_key));
	struct crypto_key *ed =
	    read_ed25519(arena, decoded(arena, ed25519_key));
	struct sha256 digest = {{0}};
	char zeros[1025] = {0};

	(void)state;
	assert_non_null(rsa);
	assert_non_null(ed);
	assert_int_equal(crypto_key_algorithm(ed), CRYPTO_ED25519_SHA256);
	for (size_t len = 0; len <= sizeof zeros; len++) {
		struct text signature = {zeros, len};
		assert_int_equal(
		    crypto_verify(rsa, &digest, signature), CRYPTO_BROKEN);
		assert_int_equal(
		    crypto_verify(ed, &digest, signature), CRYPTO_BROKEN);
	}
	/* Nothing is left for others who use the library in this thread. */
	assert_int_equal(ERR_peek_error(), 0);
	arena_free(arena);
}

/* 1024 and 4096 bits, the least and the most (RFC 8301 3.2): signatures made by
 * `openssl pkeyutl` over 32 zero bytes. */
static const struct {
	const char *key;
	const char *signature;
} signed_zeros[] = {
    {"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQD3Q8XUNtlSZm/APpbQWgPZFWxeCRNX"
     "jN816dhlzFaVvtdJ6xG8RLHgDcwPk2bCsjnXR0DOrx81yyBCuSqCsyYW4Ojpz9nxUoL/"
     "Oy9hCPHPgasZYZTXdm1mljneVLDh617e4HU+GiIW01RQw5sCn74uF+FyO4LSZGuYWvfi"
     "oiKXXwIDAQAB",
	"UPa+kWpcCa2gK+AiqhoNSQHUu3YaBf+P44sVKgljOSBaA7xfrRSdNTkdSnAfAkU+uhqj"
	"qL1IuXeiQ9Mu27ulufMMwzC7Anezqr+k1YXFX20HGvMC3S4ZvBUuZO7gLMUeHrkqSp0B"
	"Z0oVFxl+ZSi8Kpv3zQM1XRcTW90+307hJYI="},
    {"MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAxvLGvqRrF3fhtQ+Pit6VwkWb"
     "ufAwrqegVTKDvM/4mcBdT4kQi7+X1/IjvJk7vH+9lYk+2X5n3NO0vK6RU/vf+ZG5NMNV"
     "YOlZjjnVT81pKVWO+VoagpVIhDL9scWdrgGuRIGI9BWcieGBey3kj8yjOL8dv3008lMl"
     "zGfV49IkggTIpomkaNWBOzuI5gTg2V2CmJWKcuoFj27zWXqvaVCbvEPSURoq5Lq6tV35"
     "NNSMSZDmHvLqckRf7fOxDSFNDYkfdp3wnxD/4PRSI0hFHTiMsgV7JpaGN/DuF50OtOct"
     "5EDUt22WbJOtgJznUJ/uxynZJFsfxnFEBRtrYPmDQ8+3Kn9JuiVm5Fj2UBHfQnFU9245"
     "5Svl1rxrAG+B6I8XqN4iokDcRoWuMFjRtS3cXd1ue3eJMNjzYoc0mj+VEQSuWSXIuMan"
     "IlrUGN1SEKAde2g+JGrzD03d9yFSKHlsmFNaVT/0ZRGj88qUURYUiRea9OkKtUL2+aDr"
     "fxIESKCNBVOj0ga0HaUOxeSPDCXE4zpPMCMf77g0z/qS6xCcNB3Cy1T7J6jKX1KkhMfH"
     "xNX0t0T2Rbu8NS9gmrc1ShqPuj9di0a9ZSTQBxdZU9ip/9mnt38EP7UcuTC0/M8xahBe"
     "sHsLe2skp0GvrYaOfviuEGEGYdLBrg6P/k5nlbE+TnM/7/cCAwEAAQ==",
	"Udht5NUbrAX/cfmYN01PqDW1SZmSW5WGue7dHG/KM9uvCeJ/61Ix9jWGtTXytsxZOjNr"
	"7bUO8ZlmOiGnIkjqQvlB/Nl3GgBtgf5eNgNsCVViteuIq17YtFooylrg8HBGW1TiQZZV"
	"t4sNjrkHMjFcKYG2NOCN6LI69RXalfsBBfoUgXVhcHFafgibE87GFaf1k3sNhsXXTOR1"
	"kjH1hFy1N624Al7/MESzjTNE7wrUQVY7iexKZ1lwJ+ogdTVZNRRvOVPMQzMcSkMrcFLg"
	"uv9KngFoyOu5O+JWF9QUKE1FgRY1yHkY5LYNmrvTpx1sxgGqt03cxeL++EhgxY1NDsGV"
	"crp+3LilCK0FUS17qOijaipvhEZKHru5KLWORPMHaEdMbfIeF2JBG4HEJc2UFHDQVLHI"
	"MT0ARQkLb65aQci2SiKNyNmxm5b0G5jgZsRWb33uVTGKsY3MRn3+mHpwAv6wugDX6brr"
	"MJEyRyQMqPtzVdmLrsa2NVtLJuOi/kUrbVA9/W9ehetiAiMQKTumEZsmaNgZjS5iFpiJ"
	"NuNEeeOCKitcbHEb0kxITwXErd4oyx4y1w3ynDXxJRtSFTWEsTscOmz03oGFn5MKM+gm"
	"wYUW+8AwtavetU8Pm+9fGVn0pbrF9SSvdJnhtJ9PJeY1WtwTJVskyAs08aCMubMHU1xV"
	"5PI="},
};

static void
test_sizes(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof signed_zeros / sizeof *signed_zeros;
	     i++) {
		struct crypto_key *key =
		    read_rsa(arena, decoded(arena, signed_zeros[i].key));
		struct text signature =
		    decoded(arena, signed_zeros[i].signature);
		struct sha256 digest = {{0}};
		assert_non_null(key);
		assert_int_equal(
		    crypto_verify(key, &digest, signature), CRYPTO_GOOD);
		assert_int_equal(
		    crypto_verify(key, &digest,
			text_slice(signature, 0, signature.len - 1)),
		    CRYPTO_BROKEN);
		digest.byte[31] = 1;
		assert_int_equal(
		    crypto_verify(key, &digest, signature), CRYPTO_BROKEN);
	}
	arena_free(arena);
}

static void
test_ed25519_length(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct text raw = decoded(arena, ed25519_key);

	(void)state;
	assert_null(read_ed25519(arena, TEXT("")));
	assert_null(read_ed25519(arena, text_slice(raw, 0, 31)));
	assert_null(read_ed25519(arena, arena_join(arena, raw, TEXT("x"))));
	arena_free(arena);
}

/* The neutral point and a point of order 8, with either sign of x. */
static void
test_ed25519_small_order(void **state)
{
	static const char *const points[] = {
	    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA=",
	    "JuiVj8KyJ7BFw/SJ8u+Y8NXfrAXTxjM5sTgCiG1T/AU=",
	    "JuiVj8KyJ7BFw/SJ8u+Y8NXfrAXTxjM5sTgCiG1T/IU=",
	};
	struct arena *arena = arena_new(ARENA_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof points / sizeof *points; i++)
		assert_null(read_ed25519(arena, decoded(arena, points[i])));
	arena_free(arena);
}

/* Wherever memory ends, there is no key and nothing leaks. */
static void
test_no_memory(void **state)
{
	struct arena *source = arena_new(ARENA_MAX);
	struct text der = decoded(source, rsa_key);
	struct text raw = decoded(source, ed25519_key);
	bool failed = true;

	(void)state;
	for (size_t n = 1; failed; n++) {
		struct arena *arena = arena_new(ARENA_MAX);
		arena_fail_after(arena, n);
		bool made = read_rsa(arena, der) != NULL &&
			    read_ed25519(arena, raw) != NULL &&
			    crypto_hash_new(arena) != NULL;
		failed = arena_failed(arena);
		assert_true(made != failed);
		arena_free(arena);
		assert_in_range(n, 1, 100);
	}
	arena_free(source);
}

/* --- a library without memory --- */

static size_t allocations_left = SIZE_MAX;

static bool
may_allocate(void)
{
	if (allocations_left != SIZE_MAX && allocations_left > 0)
		allocations_left--;
	return allocations_left > 0;
}

static void *
allocate(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return may_allocate() ? malloc(size) : NULL;
}

static void *
reallocate(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return may_allocate() ? realloc(old, size) : NULL;
}

static void
release(void *old, const char *file, int line)
{
	(void)file;
	(void)line;
	free(old);
}

/* Wherever the library's memory ends, a good key is never called broken. */
static void
test_library_fails_for_key(void **state)
{
	struct arena *source = arena_new(ARENA_MAX);
	struct text der = decoded(source, rsa_key);
	struct text raw = decoded(source, ed25519_key);
	bool failed = true;

	(void)state;
	for (size_t n = 1; failed; n++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct crypto_key *key;
		allocations_left = n;
		enum crypto_result rsa = crypto_key_read_rsa(arena, der, &key);
		allocations_left = n;
		enum crypto_result ed =
		    crypto_key_read_ed25519(arena, raw, &key);
		allocations_left = SIZE_MAX;
		assert_int_not_equal(rsa, CRYPTO_BROKEN);
		assert_int_not_equal(ed, CRYPTO_BROKEN);
		if (n == 1)
			assert_true(
			    rsa == CRYPTO_UNABLE && ed == CRYPTO_UNABLE);
		failed = rsa != CRYPTO_GOOD || ed != CRYPTO_GOOD;
		arena_free(arena);
		assert_in_range(n, 1, 1000);
	}
	arena_free(source);
}

static void
test_library_fails_to_verify(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct crypto_key *rsa = read_rsa(arena, decoded(arena, rsa_key));
	struct crypto_key *ed =
	    read_ed25519(arena, decoded(arena, ed25519_key));
	struct sha256 digest = {{0}};

	(void)state;
	allocations_left = 1;
	enum crypto_result by_rsa = crypto_verify(rsa, &digest, TEXT("x"));
	allocations_left = 1;
	enum crypto_result by_ed = crypto_verify(ed, &digest, TEXT("x"));
	allocations_left = SIZE_MAX;
	assert_int_equal(by_rsa, CRYPTO_UNABLE);
	assert_int_equal(by_ed, CRYPTO_UNABLE);
	arena_free(arena);
}

int
main(void)
{
	/* Before the library allocates anything. */
	bool may_fail =
	    CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hashes),
	    cmocka_unit_test(test_rsa_in_both_forms),
	    cmocka_unit_test(test_rsa_cut_and_extended),
	    cmocka_unit_test(test_rsa_structure_bytes),
	    cmocka_unit_test(test_rsa_numbers),
	    cmocka_unit_test(test_rsa_long_lengths),
	    cmocka_unit_test(test_verify_rejects),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_ed25519_length),
	    cmocka_unit_test(test_ed25519_small_order),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_library_fails_for_key),
	    cmocka_unit_test(test_library_fails_to_verify),
	};

	if (!may_fail)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
