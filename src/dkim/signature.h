/* DKIM-Signature fields (RFC 6376 3.5), as values. */
#ifndef DKIM_SIGNATURE_H
#define DKIM_SIGNATURE_H

#include "crypto/crypto.h"
#include "mail/header.h"

enum dkim_canonicalization { DKIM_SIMPLE, DKIM_RELAXED };

struct dkim_signature {
	const struct mail_field *field;
	struct text domain;   /* d=, A-labels, lower case */
	struct text selector; /* s=, likewise */
	struct text identity; /* i= without white space, "@" d= when absent */
	struct text identity_domain; /* its domain, A-labels, lower case */
	struct text algorithm;       /* a= as written: "rsa-sha256" */
	struct sha256 body_hash;     /* bh= */
	struct text signature;       /* b= decoded */
	struct text b;               /* first 8 letters of b= (RFC 6008) */
	struct text signed_names;    /* h= as written, colon-separated */
	/* Where b='s value stands in field->value, to be hashed as empty. */
	size_t b_at;
	size_t b_len;
	uint64_t length;    /* l=; UINT64_MAX when it does not fit */
	int64_t timestamp;  /* t=; INT64_MAX over 12 digits */
	int64_t expiration; /* x=, likewise */
	enum crypto_algorithm crypto;
	enum dkim_canonicalization header;
	enum dkim_canonicalization body;
	bool has_length;
	bool has_timestamp;
	bool has_expiration;
};

enum {
	DKIM_SIGNED_NAMES_MAX = 200,
	DKIM_TAG_MAX = 8192, /* bytes of any tag's value but h='s */
};

/* Reads one field strictly (6.1.1). False: malformed, *ret_reason says why (a
 * literal) and domain, selector, identity, algorithm and b are set as far as
 * they could be read, for the report. */
bool dkim_signature_read(struct arena *arena, const struct mail_field *field,
    struct dkim_signature *ret_signature, const char **ret_reason) MUST_USE;

#endif
