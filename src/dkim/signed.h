/* The signed part of the header: the fields that h= names, and the hash over
 * them (RFC 6376 3.7, 5.4.2). */
#ifndef DKIM_SIGNED_H
#define DKIM_SIGNED_H

#include "dkim/signature.h"

/* The fields in the order of h=: each name takes the lowest field of that name
 * that is not taken yet. NULL where there is none. Returns the count. The
 * signature's own field is never among them. */
size_t dkim_signed_fields(const struct mail_header *header,
    const struct dkim_signature *signature,
    const struct mail_field *ret_fields[DKIM_SIGNED_NAMES_MAX]);

/* Does h= (SIGNED_NAMES) have NAME? */
bool dkim_signed_has(struct text signed_names, struct text name);

/* Does a field that may stand only once stand above the signed one of its name?
 * It is shown, and nobody signed it (8.15). */
bool dkim_signed_is_covered(
    const struct mail_header *header, const struct dkim_signature *signature);

/* What b= signs: those fields, then the signature's own with b= emptied. False:
 * no memory, or the library failed. */
bool dkim_signed_hash(struct arena *arena, const struct mail_header *header,
    const struct dkim_signature *signature, struct sha256 *ret_digest) MUST_USE;

#endif
