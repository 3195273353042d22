/* Consent: may destinations get reports about a domain of somebody else's (RFC
 * 9990 4)? All their hosts are asked at once. */
#ifndef CLERK_CONSENT_H
#define CLERK_CONSENT_H

#include "report/destination.h"
#include "resolve/resolver.h"

struct consent {
	struct text policy_domain;
	const struct dmarc_options *dmarc;
	struct resolver *resolver;
	struct resolver_patience patience; /* with all of them together */
};

/* Checks those of COUNT destinations that have status OK; what is said of them
 * is copied to ARENA. Each has memory and facts of its own, so that no host's
 * answer, or silence, is at another's cost. */
void consent_ask(const struct consent *consent,
    struct destination *destinations, size_t count, struct arena *arena);

#endif
