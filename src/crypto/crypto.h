/* Crypto: hash, verify, sign. The only folder that sees OpenSSL.
 *
 * Everything is made in an arena and freed with it. */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include "base/arena.h"

enum { SHA256_SIZE = 32 };

struct sha256 {
	unsigned char byte[SHA256_SIZE];
};

/* A running SHA-256. NULL: no memory. */
struct crypto_hash;
struct crypto_hash *crypto_hash_new(struct arena *arena) MUST_USE;
void crypto_hash_feed(struct crypto_hash *hash, struct text bytes);
/* The digest of what was fed so far; feeding may go on afterwards. False: the
 * library failed (also in an earlier call); there is no digest then. */
bool crypto_hash_finish(
    const struct crypto_hash *hash, struct sha256 *ret_digest) MUST_USE;
/* The same of TAIL after what was fed, which stays as it was. */
bool crypto_hash_finish_with(const struct crypto_hash *hash, struct text tail,
    struct sha256 *ret_digest) MUST_USE;
bool crypto_sha256(struct text bytes, struct sha256 *ret_digest) MUST_USE;

enum crypto_algorithm {
	CRYPTO_RSA_SHA256,
	CRYPTO_ED25519_SHA256, /* RFC 8463: over the SHA-256 digest */
};

enum crypto_result {
	CRYPTO_GOOD,
	CRYPTO_BROKEN, /* looked at, and not what it should be */
	/* The library failed before it could look, as for want of memory: this
	 * says nothing about the bytes. */
	CRYPTO_UNABLE,
};

/* A public key. */
struct crypto_key;

/* DER of SubjectPublicKeyInfo (what DKIM records hold) or of RSAPublicKey (RFC
 * 6376 3.6.1): read by our own bounded walk, then EVP_PKEY_fromdata, since
 * OpenSSL's own decoder costs fifty times as much. Broken: not such a key,
 * trailing bytes, modulus over 4096 bits, exponent over 64 bits. */
enum crypto_result crypto_key_read_rsa(
    struct arena *arena, struct text der, struct crypto_key **ret_key) MUST_USE;
/* Raw 32 bytes (RFC 8463 3). Broken: another length, a point of small order. */
enum crypto_result crypto_key_read_ed25519(
    struct arena *arena, struct text raw, struct crypto_key **ret_key) MUST_USE;
unsigned crypto_key_bits(const struct crypto_key *key); /* of the modulus */
enum crypto_algorithm crypto_key_algorithm(const struct crypto_key *key);

/* Is SIGNATURE KEY's over DIGEST? PKCS#1 v1.5 for RSA. */
enum crypto_result crypto_verify(const struct crypto_key *key,
    const struct sha256 *digest, struct text signature) MUST_USE;

/* A private key. The library's copy is overwritten when it is freed. */
struct crypto_secret;

/* PEM, not encrypted: PKCS#8, or PKCS#1 of RSA. Broken: no such key, or one
 * whose signatures would not be accepted; *ret_why, a literal, says which. */
enum crypto_result crypto_secret_read(struct arena *arena, struct text pem,
    struct crypto_secret **ret_secret, const char **ret_why) MUST_USE;
/* Its public half, and as a DKIM record has it: what the two functions above
 * read. */
const struct crypto_key *crypto_secret_key(const struct crypto_secret *secret);
struct text crypto_secret_public(const struct crypto_secret *secret);
/* Always the same bytes for the same digest. False: no memory, or the library
 * failed. */
bool crypto_sign(const struct crypto_secret *secret, struct arena *arena,
    const struct sha256 *digest, struct text *ret_signature) MUST_USE;
/* Overwrites BYTES, which held a secret. */
void crypto_forget(char *bytes, size_t len);

#endif
