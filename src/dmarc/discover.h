/* Policy discovery and the Organizational Domain: the DNS Tree Walk of RFC
 * 9989 4.10, or RFC 7489's way with a public suffix list. */
#ifndef DMARC_DISCOVER_H
#define DMARC_DISCOVER_H

#include "dmarc/record.h"
#include "dns/facts.h"
#include "suffix/suffix.h"

#include "base/trace.h"

enum dmarc_method { DMARC_TREEWALK, DMARC_PSL };
extern const struct names dmarc_method_names; /* RFC 9990's words */

struct dmarc_options {
	enum dmarc_method method;
	const struct suffix_list *suffixes; /* needed for DMARC_PSL */
};

enum dmarc_discovery_status {
	DMARC_DISCOVERY_NONE,     /* no record: DMARC does not apply */
	DMARC_DISCOVERY_FOUND,    /* a usable record */
	DMARC_DISCOVERY_AS_NONE,  /* an unusable one with rua: acts as p=none */
	DMARC_DISCOVERY_UNUSABLE, /* an unusable one: permerror */
	/* DNS failed where the answer mattered. Without a record the policy is
	 * not known at all. With one, a name's existence is not (np), and
	 * REQUESTED is the least that the owner may ask; or the walk failed
	 * and may have missed a record that goes before this usable one. */
	DMARC_DISCOVERY_TEMPERROR,
};

/* One name that was asked for a record. */
struct dmarc_step {
	struct text name; /* "_dmarc.example.com" */
	enum dns_status status;
	size_t records;                    /* DMARC records there */
	const struct dmarc_record *record; /* when there is exactly one */
};

enum { DMARC_STEPS_MAX = 8 };

struct dmarc_walk {
	size_t count;
	struct dmarc_step steps[DMARC_STEPS_MAX];
	bool failed; /* a query failed: what was found may be incomplete */
};

struct dmarc_discovery {
	enum dmarc_discovery_status status;
	enum dmarc_method method;          /* by which it was looked for */
	const struct dmarc_record *record; /* the chosen one; NULL if none */
	struct text policy_domain;         /* where it was found */
	struct text organizational_domain; /* of the Author Domain */
	/* DNS failed in the walk: the Organizational Domain is this name or
	 * one below it. A record of the Author Domain itself is still sure. */
	bool organizational_failed;
	enum dmarc_policy requested; /* p, sp or np as it applies to this
					author, before t=y: NONE … REJECT */
	const char *requested_by;    /* "p", "sp" or "np" */
	bool is_psd_policy;          /* from a psd=y record above the org */
	struct dmarc_walk walk;      /* what was asked, by either method */
};

/* RFC 9989 4.10 from DOMAIN upwards. To be called within a pass. */
void dmarc_walk(struct text domain, struct dns_facts *facts,
    struct arena *arena, struct dmarc_walk *ret_walk);
/* RFC 9989 4.10.2. A part of DOMAIN. Means nothing when the walk failed. */
struct text dmarc_walk_organizational_domain(
    const struct dmarc_walk *walk, struct text domain);

/* Finds the policy for AUTHOR. Asks under DNS_SHARE_POLICY. False: more facts
 * are wanted, run again. */
bool dmarc_discover(struct text author, const struct dmarc_options *options,
    struct dns_facts *facts, struct arena *arena, struct trace *trace,
    struct dmarc_discovery *ret_discovery) MUST_USE;

/* Does the owner only test? t=y, or RFC 7489's pct=0, which says the same; other
 * values of pct are not sampled, the policy applies to all messages. */
bool dmarc_discovery_is_test(const struct dmarc_discovery *discovery);
/* What the owner asks for: a test is one level lower (RFC 9989 4.7 t, A.6).
 * ABSENT without a usable record. */
enum dmarc_policy dmarc_discovery_policy(
    const struct dmarc_discovery *discovery);

/* The Organizational Domain of any domain by the configured method, a part of
 * DOMAIN, within the caller's pass. False: DNS failed on the way. */
bool dmarc_organizational_domain(struct text domain,
    const struct dmarc_options *options, struct dns_facts *facts,
    struct arena *arena, struct text *ret_domain);

#endif
