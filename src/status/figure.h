/* Figures: the numbers by which a running daemon tells how it does. One row
 * each: where it stands in the object on the control socket (docs/formats.md),
 * and what Prometheus calls it. */
#ifndef STATUS_FIGURE_H
#define STATUS_FIGURE_H

#include <stddef.h>

enum figure {
	FIGURE_STARTED,
	FIGURE_WORKERS,
	FIGURE_RELOADS,
	FIGURE_RELOADS_FAILED,
	FIGURE_SUFFIX_LIST,

	FIGURE_FILTER_RESTARTS,
	FIGURE_CLERK_RESTARTS,

	FIGURE_CONNECTIONS_OPEN,
	FIGURE_CONNECTIONS_MILTER,
	FIGURE_CONNECTIONS_QUERY,
	FIGURE_CONNECTIONS_REFUSED,
	FIGURE_CONNECTIONS_LOCAL,

	FIGURE_DMARC, /* and the others of enum dmarc_result behind it */
	FIGURE_DMARC_LAST = FIGURE_DMARC + 4,

	FIGURE_ANSWER_ACCEPT,
	FIGURE_ANSWER_QUARANTINE,
	FIGURE_ANSWER_REJECT,
	FIGURE_ANSWER_DEFER,

	FIGURE_UNJUDGED_HOST,
	FIGURE_UNJUDGED_LOGIN,
	FIGURE_UNJUDGED_AUTHOR,
	FIGURE_UNJUDGED_LOCAL,
	FIGURE_UNJUDGED_GIVEN_UP,

	FIGURE_FROM_MALFORMED,

	FIGURE_DNS_ASKED,
	FIGURE_DNS_CACHED,
	FIGURE_DNS_SENT,
	FIGURE_DNS_FAILED,
	FIGURE_DNS_TIMED_OUT,
	FIGURE_CACHE_ENTRIES,
	FIGURE_CACHE_BYTES,

	FIGURE_HISTORY_ENTRIES,
	FIGURE_HISTORY_LOST,
	FIGURE_HISTORY_WAITING,

	FIGURE_IMPORT_LAST,
	FIGURE_IMPORT_ENTRIES,
	FIGURE_IMPORT_REJECTED,
	FIGURE_IMPORT_UNREAD,
	FIGURE_IMPORT_FAILURES,

	FIGURE_REPORT_LAST,
	FIGURE_REPORT_SENT,
	FIGURE_REPORT_REFUSED,
	FIGURE_REPORT_WAITING,
	FIGURE_REPORT_FAILURES,

	FIGURE_EXPIRE_LAST,
	FIGURE_EXPIRE_ROWS,
	FIGURE_EXPIRE_FAILURES,

	FIGURES
};

enum figure_kind {
	FIGURE_COUNT, /* since the daemon's start; only grows */
	FIGURE_LEVEL, /* now: the sum of what each living worker has */
	FIGURE_VALUE, /* as it was set last; before that nobody knows */
	FIGURE_TIME,  /* the same, in seconds since 1970 */
};

struct figure_row {
	const char
	    *group;       /* a member of the object; rows of one are together */
	const char *word; /* in it */
	enum figure_kind kind;
	const char *metric; /* Prometheus', behind "dmarcd_" */
	const char *label;  /* NULL: none; else it is WORD's */
	const char *help;   /* a sentence; of a metric's first row */
};

extern const struct figure_row figure_rows[FIGURES];

#endif
