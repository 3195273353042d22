/* Content-Transfer-Encoding (RFC 2045 6): a body from one form to another, for
 * undoing what a relay made of it.
 *
 * Decoding is strict, so that nothing a reader might be shown gets lost: bytes
 * that a lenient decoder would skip make it fail. Encoding is as most software
 * does it, with lines of 76. */
#ifndef DKIM_ENCODING_H
#define DKIM_ENCODING_H

#include "base/build.h"

enum dkim_encoding {
	DKIM_7BIT, /* the body as it stands, without a byte over 0x7F */
	DKIM_8BIT,
	DKIM_BASE64,
	DKIM_QUOTED_PRINTABLE,
	DKIM_ENCODINGS,
};

/* "7bit", …: what the field says. */
struct text dkim_encoding_name(enum dkim_encoding encoding);
/* A field's value. False: none of these. */
bool dkim_encoding_read(
    struct text value, enum dkim_encoding *ret_encoding) MUST_USE;

/* False: malformed, or no memory. */
bool dkim_decode(struct arena *arena, struct text body,
    enum dkim_encoding encoding, struct text *ret_text) MUST_USE;
/* False: TEXT cannot stand in this encoding. */
bool dkim_encode(struct build *build, struct text text,
    enum dkim_encoding encoding) MUST_USE;

#endif
