/* The signed part of the header: the fields that h= names, and the hash over
 * them (RFC 6376 3.7, 5.4.2). */
#ifndef DKIM_SIGNED_H
#define DKIM_SIGNED_H

#include "dkim/signature.h"

struct dkim_signed {
	size_t count; /* names in h= */
	/* In the order of h=: each name takes the lowest field of that name
	 * that is not taken yet. NULL where there is none. The signature's own
	 * field is never among them. */
	const struct mail_field *field[DKIM_SIGNED_NAMES_MAX];
	/* A field that may stand only once stands above the signed one of its
	 * name: it is shown, and nobody signed it (8.15). */
	bool is_covered;
};

void dkim_signed_find(const struct mail_header *header,
    const struct dkim_signature *signature, struct dkim_signed *ret_fields);

/* Does h= (SIGNED_NAMES) have NAME? */
bool dkim_signed_has(struct text signed_names, struct text name);

/* What b= signs: FIELDS, then the signature's own with b= emptied. False: no
 * memory, or the library failed. */
bool dkim_signed_hash(struct arena *arena, const struct dkim_signed *fields,
    const struct dkim_signature *signature, struct sha256 *ret_digest) MUST_USE;

#endif
