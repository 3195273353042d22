/* Private keys and signing. The administrator's own file is read here, so the
 * library's decoder may do it. */
#include "crypto/crypto.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <limits.h>

enum {
	RSA_BITS_MIN =
	    1024, /* RFC 8301 3.2; the most is crypto_key_read_rsa's */
	ED25519_KEY_SIZE = 32,
	SIGNATURE_MAX = 4096 / 8,
};

struct crypto_secret {
	EVP_PKEY *key;
	struct crypto_key *half; /* the public one */
	struct text public;
};

static void
release_key(void *key)
{
	EVP_PKEY_free(key);
}

void
crypto_forget(char *bytes, size_t len)
{
	OPENSSL_cleanse(bytes, len);
}

/* --- reading --- */

/* The library would ask at the terminal. */
static int
/* NOLINTNEXTLINE(readability-non-const-parameter): the library's type */
refuse_password(char *buffer, int size, int is_for_writing, void *context)
{
	bool *is_encrypted = context;

	(void)buffer;
	(void)size;
	(void)is_for_writing;
	*is_encrypted = true;
	return -1;
}

static EVP_PKEY *
decode(struct text pem, const char **ret_why)
{
	bool is_encrypted = false;
	BIO *bio =
	    pem.len > INT_MAX ? NULL : BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *key = bio == NULL ? NULL
				    : PEM_read_bio_PrivateKey(bio, NULL,
					  refuse_password, &is_encrypted);

	BIO_free(bio);
	if (key == NULL)
		*ret_why = is_encrypted ? "the key is encrypted"
					: "there is no private key in it";
	return key;
}

static struct text
public_rsa(struct arena *arena, EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	struct text copy = TEXT("");

	if (len > 0)
		copy = arena_copy(
		    arena, (struct text){(const char *)der, (size_t)len});
	OPENSSL_free(der);
	return copy;
}

static struct text
public_ed25519(struct arena *arena, EVP_PKEY *key)
{
	unsigned char raw[ED25519_KEY_SIZE];
	size_t len = sizeof raw;

	if (EVP_PKEY_get_raw_public_key(key, raw, &len) != 1)
		return TEXT("");
	return arena_copy(arena, (struct text){(const char *)raw, len});
}

/* Read as those will read it who check our signatures. */
static const char *
read_half(struct arena *arena, struct crypto_secret *secret)
{
	bool is_rsa = EVP_PKEY_is_a(secret->key, "RSA") == 1;

	if (!is_rsa && EVP_PKEY_is_a(secret->key, "ED25519") != 1)
		return "the key is neither RSA nor Ed25519";
	secret->public = is_rsa ? public_rsa(arena, secret->key)
				: public_ed25519(arena, secret->key);
	if ((is_rsa ? crypto_key_read_rsa : crypto_key_read_ed25519)(
		arena, secret->public, &secret->half) != CRYPTO_GOOD)
		return "the key is too large, or of an unusual kind";
	if (is_rsa && crypto_key_bits(secret->half) < RSA_BITS_MIN)
		return "the RSA key is shorter than 1024 bits (RFC 8301 3.2)";
	return NULL;
}

/* The numbers of an RSA key may belong to several. */
static bool
is_whole(struct arena *arena, const struct crypto_secret *secret)
{
	const struct sha256 digest = {{0}};
	struct text signature;

	return crypto_sign(secret, arena, &digest, &signature) &&
	       crypto_verify(secret->half, &digest, signature) == CRYPTO_GOOD;
}

static const char *
read_secret(struct arena *arena, struct text pem, struct crypto_secret *secret)
{
	const char *why = NULL;

	secret->key = decode(pem, &why);
	if (secret->key == NULL ||
	    !arena_defer(arena, release_key, secret->key))
		return why;
	why = read_half(arena, secret);
	if (why == NULL && !is_whole(arena, secret))
		why = "the key's own signature does not verify";
	return why;
}

enum crypto_result
crypto_secret_read(struct arena *arena, struct text pem,
    struct crypto_secret **ret_secret, const char **ret_why)
{
	struct crypto_secret *secret = arena_alloc(arena, sizeof *secret);
	const char *why = NULL;

	(void)ERR_set_mark();
	if (secret != NULL)
		why = read_secret(arena, pem, secret);
	(void)ERR_pop_to_mark();
	if (arena_failed(arena))
		return CRYPTO_UNABLE;
	if (why != NULL) {
		*ret_why = why;
		return CRYPTO_BROKEN;
	}
	*ret_secret = secret;
	return CRYPTO_GOOD;
}

const struct crypto_key *
crypto_secret_key(const struct crypto_secret *secret)
{
	return secret->half;
}

struct text
crypto_secret_public(const struct crypto_secret *secret)
{
	return secret->public;
}

/* --- signing --- */

static bool
sign_rsa(EVP_PKEY *key, const struct sha256 *digest, unsigned char *bytes,
    size_t *len)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool done =
	    context != NULL && EVP_PKEY_sign_init(context) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
	    EVP_PKEY_sign(context, bytes, len, digest->byte, SHA256_SIZE) == 1;

	EVP_PKEY_CTX_free(context);
	return done;
}

/* RFC 8463 3: PureEd25519 over the digest. */
static bool
sign_ed25519(EVP_PKEY *key, const struct sha256 *digest, unsigned char *bytes,
    size_t *len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool done =
	    context != NULL &&
	    EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) ==
		1 &&
	    EVP_DigestSign(context, bytes, len, digest->byte, SHA256_SIZE) == 1;

	EVP_MD_CTX_free(context);
	return done;
}

bool
crypto_sign(const struct crypto_secret *secret, struct arena *arena,
    const struct sha256 *digest, struct text *ret_signature)
{
	unsigned char bytes[SIGNATURE_MAX];
	size_t len = sizeof bytes;
	bool is_rsa = crypto_key_algorithm(secret->half) == CRYPTO_RSA_SHA256;

	(void)ERR_set_mark();
	bool done = (is_rsa ? sign_rsa : sign_ed25519)(
	    secret->key, digest, bytes, &len);
	(void)ERR_pop_to_mark();
	if (!done)
		return false;
	struct text copy =
	    arena_copy(arena, (struct text){(const char *)bytes, len});
	if (arena_failed(arena))
		return false;
	*ret_signature = copy;
	return true;
}
