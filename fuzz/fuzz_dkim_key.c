/* DKIM key records. A key that can be used has no problem and is not too short;
 * one that cannot says why. */
#include "dkim/key.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct arena *arena = arena_new(1024 * 1024);
	struct text record = {(const char *)bytes, len};
	struct sha256 digest = {{0}};

	if (arena == NULL)
		return 0;
	struct dkim_key key = dkim_key_read(arena, record);
	assert((key.problem == NULL) == (key.key != NULL));
	if (key.key != NULL) {
		assert(crypto_key_algorithm(key.key) != CRYPTO_RSA_SHA256 ||
		       crypto_key_bits(key.key) >= 1024);
		assert(crypto_verify(key.key, &digest, TEXT("x")) ==
		       CRYPTO_BROKEN);
	}
	arena_free(arena);
	return 0;
}
