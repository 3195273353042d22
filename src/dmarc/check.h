/* DMARC: alignment and result (RFC 9989 4.4, 5.3), a restartable check.
 *
 * A pass needs a passing, aligned identifier; there is no other way to it. */
#ifndef DMARC_CHECK_H
#define DMARC_CHECK_H

#include "dmarc/discover.h"

enum dmarc_result {
	DMARC_NONE,
	DMARC_PASS,
	DMARC_FAIL,
	DMARC_TEMPERROR,
	DMARC_PERMERROR,
};
extern const struct names dmarc_result_names; /* RFC 9989 9.2's words */

/* An authenticated identifier, or one that could not be looked at. */
struct dmarc_identifier {
	struct text domain; /* A-labels, lower case */
	bool passed;
	bool temperror; /* might have passed, had DNS answered */
};

struct dmarc_input {
	struct text author;
	const struct dmarc_discovery *discovery; /* final, of this author */
	struct dmarc_identifier spf; /* of MAIL FROM; never of HELO alone */
	size_t dkim_count;
	const struct dmarc_identifier *dkim;
};

struct dmarc_outcome {
	enum dmarc_result result;
	enum dmarc_policy policy; /* what the owner asks for this message,
				     after t=y; ABSENT without a record */
	bool spf_aligned;         /* passed and aligned */
	bool dkim_aligned;
	struct text reason; /* for people: why it is no pass */
};

/* At most so many identifiers get their own tree walk; the rest is not aligned
 * (identifiers that passed come first). A suffix list needs no walks. */
enum { DMARC_WALKS_MAX = 10 };

/* Asks under DNS_SHARE_ALIGNMENT. False: more facts are wanted, run again. */
bool dmarc_check(const struct dmarc_input *input,
    const struct dmarc_options *options, struct dns_facts *facts,
    struct arena *arena, struct trace *trace,
    struct dmarc_outcome *ret_outcome) MUST_USE;

/* Would a signature of DOMAIN be aligned, had it passed? For what is evidence and
 * no pass. Asks within the caller's pass; DNS_SHARE_ALIGNMENT is meant. */
bool dmarc_would_align(const struct dmarc_input *input, struct text domain,
    const struct dmarc_options *options, struct dns_facts *facts,
    struct arena *arena);

#endif
