/* Domain names as the checks use them.
 *
 * A name is a text: labels joined by dots, no dot at the end, each label 1-63
 * bytes of any value, all together at most 253 (RFC 1035 2.3.4). Inside the
 * checks names are lower case; dns_name_read makes them so. A label that holds
 * a dot cannot be written this way and is refused where names come in. */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include "base/arena.h"

enum {
	DNS_NAME_MAX = 253,
	DNS_LABEL_MAX = 63,
};

/* Are the lengths right? Says nothing about which bytes. */
bool dns_name_is_valid(struct text name);
/* Letters, digits, '-' and '_' only, and valid: what d=, s= and an Author
 * Domain must be after conversion to A-labels. */
bool dns_name_is_ldh(struct text name);

/* One trailing dot off, ASCII letters to lower case, U-labels (RFC 5890, UTF-8)
 * to A-labels. False: not valid, or no U-label as IDNA2008 has it, which maps
 * nothing. A-labels stay as they are, as no byte outside ASCII asks libidn2. */
bool dns_name_read(
    struct arena *arena, struct text text, struct text *ret_name) MUST_USE;

/* The same of what a person types: U-labels are mapped first (Unicode TR46), so
 * that BÜCHER.example is bücher.example. Not for what comes with mail. */
bool dns_name_read_typed(
    struct arena *arena, struct text text, struct text *ret_name) MUST_USE;

size_t dns_name_labels(struct text name); /* "" has none */
/* The name without its leftmost label; "" for a single label. */
struct text dns_name_parent(struct text name);
/* The rightmost COUNT labels, or all of them if there are fewer. */
struct text dns_name_tail(struct text name, size_t count);
/* Case-insensitive (RFC 4343). */
bool dns_name_equal(struct text a, struct text b);
/* Is NAME equal to ANCESTOR or below it? Nothing is below "". */
bool dns_name_is_at_or_below(struct text name, struct text ancestor);

#endif
