/* Where reports go: rua URIs read safely, and whether a destination outside
 * the policy's organization has agreed (RFC 9990 4), a restartable check. */
#ifndef REPORT_DESTINATION_H
#define REPORT_DESTINATION_H

#include "dmarc/discover.h"

enum destination_status {
	DESTINATION_OK,
	DESTINATION_UNSUPPORTED,  /* a scheme we do not know: ignored */
	DESTINATION_MALFORMED,    /* no safe address */
	DESTINATION_UNAUTHORIZED, /* external, without its consent */
	DESTINATION_TEMPERROR,    /* DNS failed: ask again later */
};
extern const struct names destination_status_names;

struct destination {
	enum destination_status status;
	bool is_ruf;         /* to be set: for failure reports (RFC 9991 5) */
	struct text address; /* decoded, printable ASCII, one '@', no quotes,
				at most 254 bytes */
	struct text host;    /* its domain, lower case */
	uint64_t size_max; /* "!10m": a report may have so many bytes; 0: any */
	struct text reason; /* for people */
};

/* mailto: only. "?subject=…" is dropped. RFC 9989 has no "!10m" any more; who
 * writes reports of RFC 7489 heeds it (6.2 there). */
struct destination destination_read(struct arena *arena, struct text uri);

/* Asks under DNS_SHARE_POLICY whether DESTINATION (status OK) may get reports
 * about POLICY_DOMAIN, and sets status and, after an override, address. False:
 * more facts are wanted, run again. */
bool destination_check(struct destination *destination,
    struct text policy_domain, const struct dmarc_options *options,
    struct dns_facts *facts, struct arena *arena, struct trace *trace) MUST_USE;

#endif
