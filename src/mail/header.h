/* Header fields of a message, in order, as they were received.
 *
 * Bytes are kept as they came (RFC 6376's "simple" must see them): name, what
 * stands before the colon, folding by CR LF, everything but the CR LF at the
 * field's end. */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/vec.h"

struct mail_field {
	struct text raw;   /* "Name: value", without the final CR LF */
	struct text name;  /* without white space before the colon */
	struct text value; /* all that stands after the colon */
};

struct mail_header {
	VEC(struct mail_field) fields;
	size_t bytes;     /* of all raw fields with their CR LF */
	bool is_too_long; /* a limit was passed; later fields are lost:
			     malformed, never judged as if complete */
};

/* Each field takes memory beside its bytes, however short it is. */
enum { MAIL_HEADER_MAX = 1024 * 1024, MAIL_FIELDS_MAX = 8192 };

/* Adds a field as a milter hands it over: LF alone in VALUE becomes CR LF.
 * With LEADING_SPACE the value has the white space after the colon (RFC 6376
 * needs it), without it one SP is put there. Copied to ARENA. False: no memory;
 * a field for which there is no room is true, and is_too_long. */
bool mail_header_add(struct mail_header *header, struct arena *arena,
    struct text name, struct text value, bool leading_space) MUST_USE;
/* Adds a field in raw form, with CR LF folding, no final CR LF; copied. False
 * too when there is no colon or no name. */
bool mail_header_add_raw(
    struct mail_header *header, struct arena *arena, struct text raw) MUST_USE;

/* The first field NAME (any case) at or after index FROM, or NULL. */
const struct mail_field *mail_header_find(
    const struct mail_header *header, struct text name, size_t from);
size_t mail_header_count(const struct mail_header *header, struct text name);

#endif
