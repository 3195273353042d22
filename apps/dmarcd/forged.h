/* Forged: which fields of a message must go, since they say what only we, or
 * those whom we believe, may say.
 *
 * X-DMARC-Disposition always; Authentication-Results that claim to be of
 * AuthservID or one of TrustedAuthservIDs. Of the latter those stay that the
 * verdict is drawn from (verdict/upstream.h). Fields are looked at as they
 * come, so that none is missed when the header is too long to be kept. */
#ifndef DMARCD_FORGED_H
#define DMARCD_FORGED_H

#include "milter/session.h"
#include "verdict/checks.h"

#define RESULTS_FIELD     TEXT("Authentication-Results")
#define DISPOSITION_FIELD TEXT("X-DMARC-Disposition")

enum { FORGED_NAMES = 2 };

struct forged {
	struct arena *arena;
	const struct checks_options *options;
	struct text job;
	bool has_received; /* a Received field was seen */
	unsigned trusted;  /* fields with a trusted id above it */
	bool has_job;      /* and one of them has the queue id */

	/* Fields of one name, counted as the MTA counts them. */
	struct forged_name {
		struct text name;
		uint32_t seen;
		VEC(struct forged_claim) claims;
	} names[FORGED_NAMES];
};

/* Of a message with the queue id JOB. What is noted lives in ARENA. */
void forged_begin(struct forged *forged, struct arena *arena,
    const struct checks_options *options, struct text job);
/* The next field. */
void forged_note(struct forged *forged, struct text name, struct text value);
/* False: some cannot be removed, so the message must not pass. */
bool forged_remove(
    const struct forged *forged, struct milter_session *session) MUST_USE;

#endif
