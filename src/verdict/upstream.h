/* Upstream: what a filter in front of us found of SPF and DKIM, read from its
 * Authentication-Results (RFC 8601), in place of our own checks.
 *
 * A field is believed that
 *  - bears AuthservID or one of TrustedAuthservIDs, exactly but in any case, or
 *    one of them with "/" and this message's queue id;
 *  - stands above the first Received field: our side wrote it;
 *  - can be read whole (authres_read) and is of version 1.
 * If one has the queue id, which no sender can know, those without it are not
 * believed.
 *
 * Of these fields a result counts that is about what is judged here: spf= of
 * this envelope's identity, dkim= of a signature that this message has. Methods
 * arc and dmarc, Received-SPF and ARC-Authentication-Results are never read. Of
 * results that disagree the worst counts; a pass must be everybody's. */
#ifndef VERDICT_UPSTREAM_H
#define VERDICT_UPSTREAM_H

#include "dkim/check.h"
#include "mail/authres.h"
#include "spf/check.h"

enum authentication_source {
	AUTHENTICATION_SELF,    /* SPF and DKIM are checked here */
	AUTHENTICATION_HEADERS, /* and here they are never: no fallback */
};
extern const struct names authentication_source_names;

/* Whose fields are believed. */
struct upstream_trust {
	struct text authserv_id;
	struct text trusted_ids; /* comma-separated */
	struct text job;         /* queue id, may be "" */
};

enum {
	/* With more fields with a trusted id none is believed: the honest one
	 * might be the next. */
	UPSTREAM_FIELDS_MAX = 16,
};

enum upstream_bearer {
	UPSTREAM_STRANGER, /* or cannot be read */
	UPSTREAM_TRUSTED,  /* by its id alone */
	UPSTREAM_JOB,      /* by its id and this message's queue id */
};

/* Whose is this one field's value, wherever it stands? *ret_field is set unless
 * it is a stranger's. */
enum upstream_bearer upstream_read(struct arena *arena,
    const struct upstream_trust *trust, struct text value,
    struct authres_field *ret_field) MUST_USE;

/* The believed fields of a message. */
struct upstream {
	VEC(struct authres_field) fields;
};

struct upstream upstream_find(struct arena *arena,
    const struct mail_header *header, const struct upstream_trust *trust,
    struct trace *trace);

/* As which the filter must have named the domain. */
enum upstream_identity {
	UPSTREAM_MAIL_FROM,   /* smtp.mailfrom=local@domain or =domain */
	UPSTREAM_NULL_SENDER, /* smtp.mailfrom=postmaster@helo or =helo, or
				 smtp.helo=helo alone */
	UPSTREAM_HELO,        /* smtp.helo=helo alone */
};

/* Result none without a believed one, and for the domain "". */
struct spf_outcome upstream_spf(const struct upstream *upstream,
    enum upstream_identity identity, struct text domain, struct trace *trace);

/* A verdict for each of the first DKIM_RESULTS_MAX signatures of HEADER, in
 * their order. A result names a signature by header.d and whatever it gives of
 * s, b (RFC 6008), i and a. One that is not named is neutral; one that is
 * malformed is a permerror, whatever they say. */
struct dkim_results upstream_dkim(struct arena *arena,
    const struct upstream *upstream, const struct mail_header *header,
    struct trace *trace);

#endif
