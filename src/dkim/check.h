/* DKIM: verifies every signature of a message (RFC 6376 6, 8301, 8463, 8616).
 *
 * The header first, then the body as it comes, then the check itself, which
 * asks for keys and is run again until it is final:
 *
 *	dkim = dkim_new(arena, header, &options);
 *	dkim_body(dkim, piece); …
 *	dkim_end_of_body(dkim);
 *	while (!dkim_check(dkim, facts, trace, &results)) …
 */
#ifndef DKIM_CHECK_H
#define DKIM_CHECK_H

#include "dkim/change.h"
#include "dkim/signature.h"
#include "dns/facts.h"

#include "base/trace.h"

enum dkim_result {
	DKIM_NONE,
	DKIM_PASS,
	DKIM_FAIL,
	DKIM_POLICY,
	DKIM_NEUTRAL,
	DKIM_TEMPERROR,
	DKIM_PERMERROR,
};
extern const struct names dkim_result_names; /* RFC 8601 2.7.1's words */

struct dkim_verdict {
	enum dkim_result result;
	struct text domain; /* d=, s=, i=, a= as far as they could be read */
	struct text selector;
	struct text identity;
	struct text algorithm;
	struct text b;            /* first 8 letters of b= (RFC 6008) */
	struct text signed_names; /* h= */
	struct text reason;       /* why not a pass; "" on a pass */
	bool body_hash_failed;    /* the header was intact, the body was not */
	bool body_matches;        /* the body was intact */
	bool is_testing;          /* the key says t=y */
	/* enum dkim_change, together: it verifies without them. 0: it is not
	 * broken, or not known how. */
	unsigned changes;
};

struct dkim_results {
	size_t count; /* of the first DKIM-Signature fields, in their order */
	const struct dkim_verdict *at;
};

struct dkim_options {
	int64_t now;        /* arrival, for x= */
	struct text author; /* A-labels, lower case; "" if not known: the more
			       labels d= has in common, the earlier its turn */
};

enum {
	DKIM_SIGNATURES_MAX = 10, /* further ones are neutral, "limit" */
	/* Fields that are read, and looked through for those of the author.
	 * More are a flood and have no result. */
	DKIM_RESULTS_MAX = 1000,
};

struct dkim;

/* HEADER must outlive it. NULL: no memory. */
struct dkim *dkim_new(struct arena *arena, const struct mail_header *header,
    const struct dkim_options *options) MUST_USE;
void dkim_body(struct dkim *dkim, struct text piece);
void dkim_end_of_body(struct dkim *dkim);
/* Tells the facts which keys will be wanted, as soon as the header is known,
 * so that they arrive while the body does. */
void dkim_hint_keys(const struct dkim *dkim, struct dns_facts *facts);

/* False: more facts are wanted, run again; before the end of the body too, when
 * it only asks. True: *ret_results is final. One DKIM goes with one FACTS. */
bool dkim_check(struct dkim *dkim, struct dns_facts *facts, struct trace *trace,
    struct dkim_results *ret_results) MUST_USE;

#endif
