/* Aggregate reports as values, and as XML: RFC 9990's, or that of RFC 7489 for
 * who cannot read it yet. */
#ifndef REPORT_AGGREGATE_H
#define REPORT_AGGREGATE_H

#include "base/build.h"
#include "base/names.h"
#include "base/vec.h"

enum report_format { REPORT_RFC9990, REPORT_RFC7489 };
extern const struct names report_format_names; /* "9990", "7489" */

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
 * begin, every row (one at least), end. Valid against the format's schema
 * whatever the texts hold: characters that XML 1.0 forbids, and bytes that are
 * not UTF-8, are replaced by U+FFFD. All that is for people is English, which
 * is what a missing lang means. */
struct aggregate {
	struct build *build;
	enum report_format format;
};

void aggregate_begin(const struct aggregate *aggregate,
    const struct report_metadata *metadata, const struct report_policy *policy);
void aggregate_row(
    const struct aggregate *aggregate, const struct report_row *row);
void aggregate_end(const struct aggregate *aggregate);

#endif
