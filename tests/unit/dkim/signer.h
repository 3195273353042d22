/* A signer for tests: keys made for the run, signatures over whatever tags a
 * test wants. Its canonicalization and header hash are the verifier's own;
 * that these are right is for the vectors of others to show. */
#ifndef TESTS_DKIM_SIGNER_H
#define TESTS_DKIM_SIGNER_H

#include "dkim/canonical.h"
#include "dkim/signed.h"
#include "dns/zone.h"

#include "base/base64.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

enum sign_key {
	SIGN_RSA,
	SIGN_RSA_SMALL, /* 512 bits */
	SIGN_OTHER_RSA,
	SIGN_ED25519,
	SIGN_KEYS,
};

struct signer {
	struct arena *arena;
	EVP_PKEY *key[SIGN_KEYS];
};

/* What a signature is to be like; NULL is the default. */
struct sign_options {
	enum sign_key key;
	const char *domain;   /* "example.com" */
	const char *selector; /* "s" */
	const char *tags;     /* "c=relaxed/relaxed; h=from:to:subject" */
	const char *body;     /* what is signed: all that h=, l= and c= say */
};

static inline void
signer_init(struct signer *signer)
{
	static const unsigned bits[SIGN_KEYS] = {1024, 512, 1024, 0};

	signer->arena = arena_new((size_t)64 * 1024 * 1024);
	for (int i = 0; i < SIGN_KEYS; i++) {
		signer->key[i] =
		    bits[i] == 0
			? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
			: EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits[i]);
		if (signer->arena == NULL || signer->key[i] == NULL)
			abort();
	}
}

static inline void
signer_free(struct signer *signer)
{
	for (int i = 0; i < SIGN_KEYS; i++)
		EVP_PKEY_free(signer->key[i]);
	arena_free(signer->arena);
}

static inline struct text
sign_base64(struct arena *arena, const unsigned char *bytes, size_t len)
{
	struct build build;

	build_init_arena(&build, arena, 64 * 1024);
	base64_write(&build, (struct text){(const char *)bytes, len}, 0);
	return build_view(&build);
}

/* p= of KEY. */
static inline struct text
signer_public(struct signer *signer, enum sign_key key)
{
	unsigned char raw[32];
	size_t len = sizeof raw;
	unsigned char *der = NULL;

	if (key == SIGN_ED25519) {
		EVP_PKEY_get_raw_public_key(signer->key[key], raw, &len);
		return sign_base64(signer->arena, raw, len);
	}
	int der_len = i2d_PUBKEY(signer->key[key], &der);
	struct text text = sign_base64(signer->arena, der, (size_t)der_len);
	OPENSSL_free(der);
	return text;
}

/* A zone line with a key record: TAGS, then p=. */
static inline struct text
signer_record(struct signer *signer, const char *name, const char *tags,
    enum sign_key key)
{
	struct text data = signer_public(signer, key);

	return arena_format(signer->arena,
	    "%s TXT \"%s%s\" \"" TEXT_FMT "\" \"" TEXT_FMT "\"\n", name, tags,
	    "p=", TEXT_ARG(text_slice(data, 0, 200)),
	    TEXT_ARG(text_slice(data, 200, data.len)));
}

static inline void
sign_collect(void *context, struct text piece)
{
	build_text(context, piece);
}

static inline struct text
sign_canonical(
    struct arena *arena, struct text body, enum dkim_canonicalization how)
{
	struct dkim_canonical_body canonical;
	struct build build;

	build_init_arena(&build, arena, 16 * 1024 * 1024);
	dkim_canonical_body_init(&canonical, how, sign_collect, &build);
	dkim_canonical_body_feed(&canonical, body);
	dkim_canonical_body_finish(&canonical);
	return build_view(&build);
}

/* The field without its signature: B stands for it. */
static inline struct text
sign_field(struct signer *signer, const struct sign_options *options,
    struct text body_hash, struct text b)
{
	const char *tags = options->tags;

	return arena_format(signer->arena,
	    "DKIM-Signature: v=1; a=%s; d=%s; s=%s; %s;\r\n"
	    "\tbh=" TEXT_FMT ";\r\n\tb=" TEXT_FMT,
	    options->key == SIGN_ED25519 ? "ed25519-sha256" : "rsa-sha256",
	    options->domain == NULL ? "example.com" : options->domain,
	    options->selector == NULL ? "s" : options->selector,
	    tags == NULL ? "c=relaxed/relaxed; h=from:to:subject" : tags,
	    TEXT_ARG(body_hash), TEXT_ARG(b));
}

static inline struct text
sign_digest(struct signer *signer, enum sign_key key, struct sha256 *digest)
{
	unsigned char bytes[1024];
	size_t len = sizeof bytes;
	bool done;

	if (key == SIGN_ED25519) {
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		done = EVP_DigestSignInit(
			   context, NULL, NULL, NULL, signer->key[key]) == 1 &&
		       EVP_DigestSign(context, bytes, &len, digest->byte,
			   SHA256_SIZE) == 1;
		EVP_MD_CTX_free(context);
	} else {
		EVP_PKEY_CTX *context =
		    EVP_PKEY_CTX_new(signer->key[key], NULL);
		done =
		    EVP_PKEY_sign_init(context) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) ==
			1 &&
		    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
		    EVP_PKEY_sign(
			context, bytes, &len, digest->byte, SHA256_SIZE) == 1;
		EVP_PKEY_CTX_free(context);
	}
	if (!done)
		abort();
	return sign_base64(signer->arena, bytes, len);
}

/* The raw field that signs HEADER and OPTIONS' body. */
static inline struct text
signer_sign(struct signer *signer, const struct mail_header *header,
    const struct sign_options *options)
{
	struct dkim_signature signature;
	struct mail_header one = {0};
	const char *reason = "";
	struct dkim_signed fields;
	struct sha256 digest = {{0}};
	struct text zeros = sign_base64(signer->arena, digest.byte, 32);
	struct text raw = sign_field(signer, options, zeros, TEXT("AAAA"));

	/* Twice: the first reading tells what is to be hashed. */
	if (!mail_header_add_raw(&one, signer->arena, raw) ||
	    !dkim_signature_read(
		signer->arena, &one.fields.at[0], &signature, &reason))
		return raw; /* malformed on purpose */
	struct text body = sign_canonical(
	    signer->arena, text_from_cstr(options->body), signature.body);
	if (signature.has_length && signature.length < body.len)
		body.len = (size_t)signature.length;
	if (!crypto_sha256(body, &digest))
		abort();
	struct text hash = sign_base64(signer->arena, digest.byte, 32);
	raw = sign_field(signer, options, hash, TEXT("AAAA"));
	if (!mail_header_add_raw(&one, signer->arena, raw) ||
	    !dkim_signature_read(
		signer->arena, &one.fields.at[1], &signature, &reason))
		abort();
	dkim_signed_find(header, &signature, &fields);
	if (!dkim_signed_hash(signer->arena, &fields, &signature, &digest))
		abort();
	return sign_field(
	    signer, options, hash, sign_digest(signer, options->key, &digest));
}

#endif
