/* Addresses: the Author Domain (RFC 9989 3.2.2, 4.2, 5.3.1) and envelope
 * addresses.
 *
 * A real parser of RFC 5322 (with RFC 6532 and RFC 6854) on raw bytes. If two
 * parsers could disagree about who the author is, the field is malformed:
 * nothing is guessed, encoded-words (RFC 2047) are never decoded. */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "mail/header.h"

#include "base/names.h"

enum author_status {
	AUTHOR_OK,
	AUTHOR_NONE,      /* no From field */
	AUTHOR_MULTIPLE,  /* several From fields, or several domains */
	AUTHOR_MALFORMED, /* anything that is not surely one address */
};
extern const struct names author_status_names;

struct author {
	enum author_status status;
	struct text domain; /* A-labels, lower case; "" unless AUTHOR_OK */
	struct text reason; /* for people; "" when AUTHOR_OK */
};

/* Limits: over 100 addresses or 10 domains is malformed. */
enum { AUTHOR_ADDRESSES_MAX = 100, AUTHOR_DOMAINS_MAX = 10 };

/* Reads all From fields of HEADER. On failure of ARENA: malformed. */
struct author author_find(
    struct arena *arena, const struct mail_header *header);
/* The same of one From value, without a message: for tests and fuzzing. */
struct author author_read(struct arena *arena, struct text value);

/* An SMTP path as MAIL FROM has it, with or without <>: local part (as
 * written) and domain (as dns_name_read gives it). The null sender gives two
 * empty texts and true. False: no usable domain. */
bool envelope_read(struct arena *arena, struct text path,
    struct text *ret_local, struct text *ret_domain) MUST_USE;

#endif
