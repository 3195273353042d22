/* DKIM key records (RFC 6376 3.6.1, RFC 8463), as values. */
#ifndef DKIM_KEY_H
#define DKIM_KEY_H

#include "crypto/crypto.h"
#include "dns/answer.h"

struct dkim_key {
	const char *problem;          /* why it cannot be used, or NULL */
	const struct crypto_key *key; /* NULL with a problem */
	bool unable; /* the problem is ours and says nothing about the key */
	bool is_testing; /* t=y */
	bool is_strict;  /* t=s: i= must be exactly @d= */
};

/* The keys of all TXT records of an answer; each one is tried. */
struct dkim_keys {
	size_t count;
	const struct dkim_key *at;
};

enum { DKIM_KEYS_MAX = 5 }; /* TXT records that are looked at */

struct dkim_key dkim_key_read(struct arena *arena, struct text record);
/* A dns_parser: const struct dkim_keys *. */
const void *dkim_keys_parse(
    struct arena *arena, const struct dns_answer *answer);

#endif
