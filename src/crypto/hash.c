/* SHA-256 by OpenSSL's EVP. The algorithm is fetched once for the process: a
 * constant that is only known at run time, and costs a lock each time it is
 * looked up by name. */
#include "crypto/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

static EVP_MD *sha256; /* NULL when the library has none */
static CRYPTO_ONCE sha256_once = CRYPTO_ONCE_STATIC_INIT;

struct crypto_hash {
	EVP_MD_CTX *context;
	bool failed;
};

static void
fetch_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static bool
have_sha256(void)
{
	return CRYPTO_THREAD_run_once(&sha256_once, fetch_sha256) == 1 &&
	       sha256 != NULL;
}

static void
release_context(void *context)
{
	EVP_MD_CTX_free(context);
}

struct crypto_hash *
crypto_hash_new(struct arena *arena)
{
	struct crypto_hash *hash = arena_alloc(arena, sizeof *hash);
	EVP_MD_CTX *context = hash == NULL ? NULL : EVP_MD_CTX_new();

	if (context == NULL || !arena_defer(arena, release_context, context))
		return NULL;
	hash->context = context;
	if (!have_sha256() || EVP_DigestInit_ex2(context, sha256, NULL) != 1)
		return NULL;
	return hash;
}

void
crypto_hash_feed(struct crypto_hash *hash, struct text bytes)
{
	if (bytes.len > 0 && !hash->failed)
		hash->failed =
		    EVP_DigestUpdate(hash->context, bytes.ptr, bytes.len) != 1;
}

bool
crypto_hash_finish(const struct crypto_hash *hash, struct sha256 *ret_digest)
{
	return crypto_hash_finish_with(hash, TEXT(""), ret_digest);
}

bool
crypto_hash_finish_with(
    const struct crypto_hash *hash, struct text tail, struct sha256 *ret_digest)
{
	struct sha256 digest;
	EVP_MD_CTX *copy = hash->failed ? NULL : EVP_MD_CTX_new();
	bool done = copy != NULL &&
		    EVP_MD_CTX_copy_ex(copy, hash->context) == 1 &&
		    (tail.len == 0 ||
			EVP_DigestUpdate(copy, tail.ptr, tail.len) == 1) &&
		    EVP_DigestFinal_ex(copy, digest.byte, NULL) == 1;

	EVP_MD_CTX_free(copy);
	if (done)
		*ret_digest = digest;
	return done;
}

bool
crypto_sha256(struct text bytes, struct sha256 *ret_digest)
{
	struct sha256 digest;

	if (!have_sha256() || EVP_Digest(bytes.ptr, bytes.len, digest.byte,
				  NULL, sha256, NULL) != 1)
		return false;
	*ret_digest = digest;
	return true;
}
