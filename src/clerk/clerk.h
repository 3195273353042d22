/* Clerk: the jobs beside mail: import, report, expire. dmarcd runs them on a
 * schedule, dmarc by hand; both call these. */
#ifndef CLERK_CLERK_H
#define CLERK_CLERK_H

#include "config/config.h"
#include "dmarc/discover.h"
#include "resolve/resolver.h"
#include "store/store.h"

struct clerk_import {
	const struct config *config;
	int64_t now;
	/* Progress: called now and then; may be NULL. */
	void (*on_progress)(void *context, uint64_t bytes, uint64_t of_bytes);
	/* Wait until writers that do not lock have done; else the last entry of
	 * such a one is left to the next import if it is younger than two
	 * seconds. */
	bool waits;
	bool again; /* look at the claims that there are, and take no more */
	/* Asked between batches; may be NULL. True: the import returns early,
	 * which is no failure; the next one goes on there. */
	bool (*should_stop)(void *context);
	void *context;
};

struct clerk_imported {
	uint64_t entries;
	uint64_t rejected;
	const char *why;         /* what was wrong with the first; or NULL */
	uint64_t claims;         /* that were read to the end */
	uint64_t left;           /* bytes of others; counted without failure */
	char rejected_file[512]; /* the last one with bad entries; "" without */
	bool is_open_to_all;     /* anybody may write to the history file */
};

/* Claims PATH (a history file) and reads all claims of it into STORE; a file
 * that cannot be claimed says which permission is missing. Claims read to
 * their end are removed ClaimKeep seconds after. */
bool clerk_import(const struct clerk_import *import, struct store *store,
    const char *path, struct clerk_imported *ret_imported,
    struct problem *ret_problem) MUST_USE;

/* Are ReportEmail, if it is set, and ReportEnvelopeFrom each one address that
 * mail can come from, is there the key that ReportSigningKey names, and can
 * reports go by ReportTransport? */
bool clerk_check_sender(
    const struct config *config, struct problem *ret_problem) MUST_USE;

enum { CLERK_NODE_BYTES = 256 };
/* Our host's name, in NAME; "localhost" if it has none. */
struct text clerk_node(char name[CLERK_NODE_BYTES]);

struct clerk_report {
	const struct config *config;
	const struct dmarc_options *dmarc; /* of its setup */
	int64_t now;
	struct text domain; /* "" for all */
	int64_t date;       /* a day to look at, or -1: finished periods */
	bool dry_run;       /* nothing written, sent, or asked */
	bool reforms;       /* of a dry run: what is sealed, too, is written in
			       the configuration's form, not as it was */
	struct text id;     /* of a dry run: only sealed ones that begin so */
	const char *output; /* a directory for the XML, or NULL */
	size_t xml_max;     /* bytes of a report; 0: the usual limit */
	/* clerk_node, say: reports are spread over ReportSpread, each domain's
	 * at a moment of its own. "": all are sent at once. */
	struct text node;
	/* Asked for each report's Policy Domain; may be NULL. False: nothing is
	 * done about it. */
	bool (*wants)(void *context, struct text domain);
	/* Called for each report with a line on what happened, not clean: URIs
	 * and servers' words stand in it; may be NULL. */
	void (*on_report)(
	    void *context, const struct store_report *report, const char *what);
	/* Asked before each delivery is begun and while DNS is waited for; may
	 * be NULL. True: the job returns early, which is no failure; what was
	 * not done waits. */
	bool (*should_stop)(void *context);
	void *context;
};

struct clerk_reported {
	uint64_t reports; /* looked at */
	uint64_t sent;    /* destinations that took one */
	uint64_t waiting; /* destinations that wait now, tried or not */
	uint64_t failed;  /* destinations that are given up */
	/* Destinations whose server, or the relay, wants it later, or cannot be
	 * reached; and what the first one said. */
	uint64_t later;
	char later_words[256];
};

/* Seals, asks policy and destinations again, sends what is due. RESOLVER may
 * be NULL for a dry run. Nothing is sent without ReportEmail. */
bool clerk_report(const struct clerk_report *job, struct store *store,
    struct resolver *resolver, struct clerk_reported *ret_reported,
    struct problem *ret_problem) MUST_USE;

/* Which reports a list shows. */
struct clerk_list {
	const struct config *config;
	struct text id;     /* the beginning of a sealed one's id; or "" and */
	struct text domain; /* "" for all */
	int64_t date;       /* a day, or -1 for all */
	store_listed_fn *each;
	void *context;
};

/* Sealed reports in order of domain, then what is not sealed, finished or not,
 * in order of time. Writes nothing and asks nobody. */
bool clerk_list_reports(const struct clerk_list *list, struct store *store,
    struct problem *ret_problem) MUST_USE;

/* Deletes what is older than DAYS; reports that were not sent, or not to all,
 * and what is in none and somebody waits for, when older than twice that, or
 * with FORCE. */
bool clerk_expire(struct store *store, int64_t now, unsigned days, bool force,
    uint64_t *ret_rows, struct problem *ret_problem) MUST_USE;

#endif
