/* RSA keys in DER. What our reader takes, OpenSSL's own decoder must take too,
 * and as the same number; whatever is added, it is no key any more. */
#include "crypto/crypto.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static unsigned
bits_by_openssl(const uint8_t *bytes, size_t len)
{
	const unsigned char *at = bytes;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)len);

	if (key == NULL) {
		at = bytes;
		key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)len);
	}
	unsigned bits = key == NULL ? 0 : (unsigned)EVP_PKEY_get_bits(key);
	EVP_PKEY_free(key);
	return at == bytes + len ? bits : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct arena *arena = arena_new(64 * 1024);
	struct text der = {(const char *)bytes, len};
	struct sha256 digest = {{0}};

	if (arena == NULL)
		return 0;
	struct crypto_key *key;
	struct crypto_key *none;
	enum crypto_result result = crypto_key_read_rsa(arena, der, &key);
	assert(result != CRYPTO_UNABLE);
	if (result == CRYPTO_GOOD) {
		unsigned bits = crypto_key_bits(key);
		assert(bits > 0 && bits <= 4096);
		assert(bits == bits_by_openssl(bytes, len));
		assert(crypto_verify(key, &digest, TEXT("")) == CRYPTO_BROKEN);
		struct text longer = arena_join(arena, der, TEXT("\0"));
		struct text shorter = text_slice(der, 0, len - 1);
		assert(
		    crypto_key_read_rsa(arena, longer, &none) == CRYPTO_BROKEN);
		assert(crypto_key_read_rsa(arena, shorter, &none) ==
		       CRYPTO_BROKEN);
	}
	arena_free(arena);
	return 0;
}
