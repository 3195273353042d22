/* Public keys and verification.
 *
 * RSA keys come as DER (X.690). Of it we read just what RFC 8017 A.1 and RFC
 * 3279 2.3.1 make of an RSA key, strictly: definite lengths in their shortest
 * form, whole numbers in theirs, nothing left over at any level. */
#include "crypto/crypto.h"

#include "base/scan.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <string.h>

enum {
	MODULUS_BITS_MAX = 4096, /* RFC 8301 3.2 asks for no more */
	MODULUS_BYTES_MAX = MODULUS_BITS_MAX / 8,
	ED25519_KEY_SIZE = 32,
};

enum der_tag {
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_SEQUENCE = 0x30,
};

struct crypto_key {
	EVP_PKEY *key;
	EVP_PKEY_CTX *verify; /* RSA: prepared, copied for each use */
	enum crypto_algorithm algorithm;
	unsigned bits;
};

struct rsa_numbers {
	struct text modulus; /* big-endian, without leading zeros */
	uint64_t exponent;
};

/* --- DER --- */

/* X.690 10.1: the shortest form; two bytes of length are enough for us. */
static bool
read_length(struct scan *der, size_t *ret_len)
{
	int first = scan_any(der);

	if (first < 0 || first > 0x82 || first == 0x80)
		return false;
	if (first < 0x80) {
		*ret_len = (size_t)first;
		return true;
	}
	int high = first == 0x82 ? scan_any(der) : 0;
	int low = scan_any(der);
	if (high < 0 || low < 0)
		return false;
	*ret_len = (size_t)high << 8 | (size_t)low;
	return *ret_len >= (first == 0x82 ? 0x100U : 0x80U);
}

/* One element TAG: what is in it. */
static bool
read_element(struct scan *der, enum der_tag tag, struct scan *ret_inside)
{
	size_t len;

	if (!scan_byte(der, (char)tag) || !read_length(der, &len) ||
	    len > der->text.len - der->at)
		return false;
	*ret_inside = scan_text(text_slice(der->text, der->at, der->at + len));
	der->at += len;
	return true;
}

/* A whole number above zero, without the zero byte that makes it positive. */
static bool
read_integer(struct scan *der, struct text *ret_number)
{
	struct scan inside;

	if (!read_element(der, DER_INTEGER, &inside))
		return false;
	int first = scan_peek(&inside);
	int second = scan_peek_at(&inside, 1);
	if (first < 0 || first >= 0x80)
		return false; /* nothing, or negative */
	if (first == 0 && second < 0x80)
		return false; /* zero, or not the shortest form */
	if (first == 0)
		(void)scan_any(&inside);
	*ret_number = scan_rest(&inside);
	return true;
}

static bool
is_odd(struct text number)
{
	return ((unsigned char)number.ptr[number.len - 1] & 1) != 0;
}

/* RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
 *
 * An exponent of 1 would make every text its own signature. */
static bool
read_rsa_public_key(struct scan *der, struct rsa_numbers *ret_numbers)
{
	struct scan inside;
	struct text modulus;
	struct text exponent;
	uint64_t e = 0;

	if (!read_element(der, DER_SEQUENCE, &inside) || !scan_at_end(der) ||
	    !read_integer(&inside, &modulus) ||
	    !read_integer(&inside, &exponent) || !scan_at_end(&inside))
		return false;
	if (modulus.len > MODULUS_BYTES_MAX || exponent.len > sizeof e ||
	    !is_odd(modulus) || !is_odd(exponent))
		return false;
	for (size_t i = 0; i < exponent.len; i++)
		e = e << 8 | (unsigned char)exponent.ptr[i];
	if (e == 1)
		return false;
	*ret_numbers = (struct rsa_numbers){modulus, e};
	return true;
}

/* SubjectPublicKeyInfo ::= SEQUENCE {
 *   algorithm         SEQUENCE { rsaEncryption, NULL },
 *   subjectPublicKey  BIT STRING of RSAPublicKey } */
static bool
read_subject_public_key(struct scan *der, struct rsa_numbers *ret_numbers)
{
	/* 1.2.840.113549.1.1.1 and NULL (RFC 3279 2.3.1) */
	static const char rsa[] = "\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01"
				  "\x05\x00";
	struct scan inside;
	struct scan algorithm;
	struct scan bits;

	if (!read_element(der, DER_SEQUENCE, &inside) || !scan_at_end(der) ||
	    !read_element(&inside, DER_SEQUENCE, &algorithm) ||
	    !read_element(&inside, DER_BIT_STRING, &bits) ||
	    !scan_at_end(&inside))
		return false;
	return text_equal(algorithm.text, TEXT(rsa)) &&
	       scan_byte(&bits, 0) && /* no unused bits */
	       read_rsa_public_key(&bits, ret_numbers);
}

static bool
read_rsa_numbers(struct text der, struct rsa_numbers *ret_numbers)
{
	struct scan info = scan_text(der);
	struct scan key = scan_text(der);

	return read_subject_public_key(&info, ret_numbers) ||
	       read_rsa_public_key(&key, ret_numbers);
}

/* --- keys --- */

static void
release_key(void *key)
{
	EVP_PKEY_free(key);
}

static void
release_context(void *context)
{
	EVP_PKEY_CTX_free(context);
}

/* OpenSSL's parameters hold numbers in the machine's own byte order. */
static bool
write_native(struct text number, unsigned char *ret_native)
{
	BIGNUM *bn =
	    BN_bin2bn((const unsigned char *)number.ptr, (int)number.len, NULL);
	bool done = bn != NULL && BN_bn2nativepad(bn, ret_native,
				      (int)number.len) == (int)number.len;

	BN_free(bn);
	return done;
}

static EVP_PKEY *
import_rsa(struct rsa_numbers numbers)
{
	unsigned char modulus[MODULUS_BYTES_MAX];
	OSSL_PARAM parameters[] = {
	    OSSL_PARAM_construct_BN(
		OSSL_PKEY_PARAM_RSA_N, modulus, numbers.modulus.len),
	    OSSL_PARAM_construct_uint64(
		OSSL_PKEY_PARAM_RSA_E, &numbers.exponent),
	    OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	if (context == NULL || !write_native(numbers.modulus, modulus) ||
	    EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) !=
		1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}

/* A context that is ready to verify: PKCS#1 v1.5 over a SHA-256 digest. */
static EVP_PKEY_CTX *
prepare_rsa(EVP_PKEY *key)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	if (context != NULL && EVP_PKEY_verify_init(context) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1)
		return context;
	EVP_PKEY_CTX_free(context);
	return NULL;
}

/* Takes over LIBRARY_KEY, also on failure. */
static struct crypto_key *
keep_key(
    struct arena *arena, EVP_PKEY *library_key, enum crypto_algorithm algorithm)
{
	if (library_key == NULL ||
	    !arena_defer(arena, release_key, library_key))
		return NULL;
	struct crypto_key *key = arena_alloc(arena, sizeof *key);
	if (key == NULL)
		return NULL;
	key->key = library_key;
	key->algorithm = algorithm;
	key->bits = (unsigned)EVP_PKEY_get_bits(library_key);
	if (algorithm != CRYPTO_RSA_SHA256)
		return key;
	key->verify = prepare_rsa(library_key);
	if (key->verify == NULL ||
	    !arena_defer(arena, release_context, key->verify))
		return NULL;
	return key;
}

enum crypto_result
crypto_key_read_rsa(
    struct arena *arena, struct text der, struct crypto_key **ret_key)
{
	struct rsa_numbers numbers;

	if (!read_rsa_numbers(der, &numbers))
		return CRYPTO_BROKEN;
	/* Who else uses OpenSSL in this thread must not find our errors. */
	(void)ERR_set_mark();
	*ret_key = keep_key(arena, import_rsa(numbers), CRYPTO_RSA_SHA256);
	(void)ERR_pop_to_mark();
	return *ret_key == NULL ? CRYPTO_UNABLE : CRYPTO_GOOD;
}

/* y of the points of small order (RFC 7748 7, RFC 8032 5.1), little-endian. For
 * them there are signatures of any text that nobody made, as for an exponent of
 * 1. The sign of x, the highest bit, does not matter. */
static const unsigned char small_order[][ED25519_KEY_SIZE] = {
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}, /* of order 4 */
    {0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}, /* the neutral one */
    {0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89,
	0xF2, 0xEF, 0x98, 0xF0, 0xD5, 0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39,
	0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05}, /* of order 8 */
    {0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76,
	0x0D, 0x10, 0x67, 0x0F, 0x2A, 0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6,
	0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A}, /* of order 8 */
    {0xEC, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
	0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
	0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}, /* of order 2 */
    {0xED, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
	0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
	0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
	0x7F}, /* of order 4, not reduced */
    {0xEE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
	0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
	0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
	0x7F}, /* the neutral one, not reduced */
};

static bool
is_of_small_order(struct text raw)
{
	enum { LAST = ED25519_KEY_SIZE - 1 };

	for (size_t i = 0; i < sizeof small_order / sizeof *small_order; i++) {
		if (memcmp(raw.ptr, small_order[i], LAST) == 0 &&
		    (raw.ptr[LAST] & 0x7F) == small_order[i][LAST])
			return true;
	}
	return false;
}

enum crypto_result
crypto_key_read_ed25519(
    struct arena *arena, struct text raw, struct crypto_key **ret_key)
{
	if (raw.len != ED25519_KEY_SIZE || is_of_small_order(raw))
		return CRYPTO_BROKEN;
	(void)ERR_set_mark();
	*ret_key = keep_key(arena,
	    EVP_PKEY_new_raw_public_key_ex(
		NULL, "ED25519", NULL, (const unsigned char *)raw.ptr, raw.len),
	    CRYPTO_ED25519_SHA256);
	(void)ERR_pop_to_mark();
	return *ret_key == NULL ? CRYPTO_UNABLE : CRYPTO_GOOD;
}

unsigned
crypto_key_bits(const struct crypto_key *key)
{
	return key->bits;
}

enum crypto_algorithm
crypto_key_algorithm(const struct crypto_key *key)
{
	return key->algorithm;
}

/* --- verification --- */

static enum crypto_result
verify_rsa(const struct crypto_key *key, const struct sha256 *digest,
    struct text signature)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_dup(key->verify);

	if (context == NULL)
		return CRYPTO_UNABLE;
	int verified =
	    EVP_PKEY_verify(context, (const unsigned char *)signature.ptr,
		signature.len, digest->byte, SHA256_SIZE);
	EVP_PKEY_CTX_free(context);
	return verified == 1 ? CRYPTO_GOOD : CRYPTO_BROKEN;
}

/* RFC 8463 3: PureEd25519 over the digest. */
static enum crypto_result
verify_ed25519(const struct crypto_key *key, const struct sha256 *digest,
    struct text signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	enum crypto_result result = CRYPTO_UNABLE;

	if (context != NULL && EVP_DigestVerifyInit_ex(context, NULL, NULL,
				   NULL, NULL, key->key, NULL) == 1)
		result = EVP_DigestVerify(context,
			     (const unsigned char *)signature.ptr,
			     signature.len, digest->byte, SHA256_SIZE) == 1
			     ? CRYPTO_GOOD
			     : CRYPTO_BROKEN;
	EVP_MD_CTX_free(context);
	return result;
}

enum crypto_result
crypto_verify(const struct crypto_key *key, const struct sha256 *digest,
    struct text signature)
{
	(void)ERR_set_mark();
	enum crypto_result result =
	    key->algorithm == CRYPTO_RSA_SHA256
		? verify_rsa(key, digest, signature)
		: verify_ed25519(key, digest, signature);
	(void)ERR_pop_to_mark();
	return result;
}
