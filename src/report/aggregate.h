/* Aggregate reports (RFC 9990) as values, and as XML. */
#ifndef REPORT_AGGREGATE_H
#define REPORT_AGGREGATE_H

#include "base/build.h"
#include "base/vec.h"

struct report_dkim {
	struct text domain;
	struct text selector;
	struct text result;
};

struct report_reason {
	struct text type;
	struct text comment;
};

/* One row: what alike messages have in common. Texts are RFC 9990's words; ""
 * where an optional element is left out. */
struct report_row {
	struct text source_ip;
	uint64_t count;
	struct text disposition; /* none, pass, quarantine, reject */
	bool dkim_aligned;
	bool spf_aligned;
	bool has_envelope_from; /* "" is written too: the null sender */
	VEC(struct report_reason) reasons;
	struct text header_from;
	struct text envelope_from;
	VEC(struct report_dkim) dkim;
	struct text spf_domain;
	struct text spf_result; /* "" : no spf element */
};

/* A policy configuration; reports and rows are kept apart by it. */
struct report_policy {
	struct text domain; /* DMARC Policy Domain */
	struct text p, sp, np;
	struct text adkim, aspf;
	struct text fo;
	struct text testing;
	struct text discovery_method;
};

struct report_metadata {
	struct text org_name;
	struct text email;
	struct text extra_contact_info;
	struct text report_id;
	int64_t begin;
	int64_t end; /* inclusive: the next period's begin - 1 */
	struct text error;
	struct text generator;
};

/* Writes the XML in pieces, so that a large report needs no large memory:
 * begin, every row, end. Valid against RFC 9990's schema whatever the texts
 * hold: characters that XML 1.0 forbids, and bytes that are not UTF-8, are
 * replaced by U+FFFD. */
void aggregate_begin(struct build *build,
    const struct report_metadata *metadata, const struct report_policy *policy);
void aggregate_row(struct build *build, const struct report_row *row);
void aggregate_end(struct build *build);

#endif
