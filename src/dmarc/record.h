/* DMARC Policy Records (RFC 9989 4.7, 4.8), as values. */
#ifndef DMARC_RECORD_H
#define DMARC_RECORD_H

#include "dns/answer.h"

#include "base/vec.h"

enum dmarc_policy {
	DMARC_POLICY_ABSENT, /* the tag is not there */
	DMARC_POLICY_NONE,
	DMARC_POLICY_QUARANTINE,
	DMARC_POLICY_REJECT,
	DMARC_POLICY_INVALID, /* there, with a value that is none of these */
};
extern const struct names dmarc_policy_names; /* "absent", "none", … */

enum dmarc_psd { DMARC_PSD_UNKNOWN, DMARC_PSD_YES, DMARC_PSD_NO };

struct dmarc_record {
	struct text text; /* as published; all texts here are parts of it */
	enum dmarc_policy p;
	enum dmarc_policy sp;
	enum dmarc_policy np;
	bool strict_dkim; /* adkim=s */
	bool strict_spf;  /* aspf=s */
	enum dmarc_psd psd;
	bool testing;   /* t=y */
	unsigned pct;   /* RFC 7489 only; 100 when absent or wrong */
	struct text fo; /* as published when valid, else "0" */
	/* URIs in order, syntactically valid (RFC 3986), "!10m" taken off; what
	 * else a destination needs is the report's to check. */
	VEC(struct text) rua;
	VEC(struct text) rua_sized;  /* the same, each with its "!10m" */
	VEC(struct text) rua_unread; /* what of rua is no such URI */
	VEC(struct text) ruf;
	VEC(struct text) warnings; /* for people: removed tags, bad values */
};

enum { DMARC_URIS_MAX = 50 }; /* of a record; further ones are left out */

/* Does TEXT begin with a v tag of exactly DMARC1 (4.10 step 2)? */
bool dmarc_record_is_dmarc(struct text text);
/* Reads a text for which dmarc_record_is_dmarc is true. NULL: no memory. */
const struct dmarc_record *dmarc_record_read(
    struct arena *arena, struct text text) MUST_USE;
/* Is it a URI that a record may name, with "!10m" or without (4.8)? */
bool dmarc_record_is_uri(struct text uri);
/* Neither p, sp nor np may be wrong, and p must be there; otherwise the record
 * acts as p=none if it has a rua, and else not at all (4.10.1). */
bool dmarc_record_is_usable(const struct dmarc_record *record);

/* What one TXT answer holds: records that are DMARC's. */
struct dmarc_records {
	size_t count; /* of DMARC records; more than one: none counts */
	const struct dmarc_record *record; /* when count is 1, else NULL */
};

/* A dns_parser: const struct dmarc_records *. */
const void *dmarc_records_parse(
    struct arena *arena, const struct dns_answer *answer);

#endif
