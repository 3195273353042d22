/* Row: what a report says about one message, as the tables hold it. Alike rows
 * are counted together. All texts are written as in the history. */
#ifndef STORE_ROW_H
#define STORE_ROW_H

#include "history/entry.h"
#include "report/aggregate.h"

struct row {
	struct text policy_domain;
	struct text policy; /* the configuration in one text, see row_policy */
	int64_t hour;
	struct text source_ip;
	struct text header_from;
	struct text envelope_from; /* "": not known; "-": the null sender */
	struct text disposition;
	bool dkim_aligned;
	bool spf_aligned;
	struct text reason;
	struct text comment;
	struct text dkim; /* "domain selector result …", in a fixed order */
	struct text spf_domain;
	struct text spf_result;
	/* Not part of what makes rows alike. */
	int64_t messages;
	int64_t received; /* of the last one */
	struct text rua;  /* as seen then, separated by SP */
	bool is_quiet;    /* all of them went to report addresses only */
};

enum { ROW_HOUR = 3600, ROW_DKIM_MAX = 100 /* RFC 9990 3.1.3 */ };

/* False: nobody is told about this message: it has no policy domain, no DMARC
 * result, no source address, or was only deferred. Texts live in ARENA or are
 * ENTRY's. */
bool row_of_entry(struct arena *arena, const struct history_entry *entry,
    struct row *ret_row) MUST_USE;
/* As what it is counted then: it has a time and nothing else. */
void row_of_nobody(const struct history_entry *entry, struct row *ret_row);

/* By domain, policy and hour first; 0: alike. */
int row_compare(const struct row *a, const struct row *b);

/* A policy configuration (all but its domain) as one text, and its digest in
 * 32 hex digits, its name in the tables. */
struct text row_policy(struct arena *arena, const struct report_policy *policy);
bool row_policy_id(
    struct arena *arena, struct text policy, struct text *ret_id) MUST_USE;

/* A value as the tables hold it, and back. */
struct text row_write(struct arena *arena, struct text value);
struct text row_read(struct arena *arena, struct text written);

#endif
