/* Store: what was judged and what was reported, in our own words; SQL stays
 * below (store/db.h). Engines: sqlite, mysql (MariaDB too).
 *
 * Import only ever appends (docs/decisions): rows alike within one batch are
 * grouped with a count, a report sums them. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "history/entry.h"
#include "report/aggregate.h"

#include "base/build.h"
#include "base/problem.h"
#include "sandbox/sandbox.h"
#include "store/note.h"

struct store;

/* DATABASE as the option has it: "sqlite:/path", "mysql://user@host/name". Is
 * it of an engine that is here? Opens nothing. */
bool store_check(const char *database, struct problem *ret_problem) MUST_USE;
/* Behind the check: its folder, or its server's port, … False: *ret_problem, its
 * folder is not there yet. */
bool store_needs(const char *database, struct sandbox *sandbox,
    struct problem *ret_problem) MUST_USE;
/* Calls EACH for what is worth knowing about it. Changes nothing. */
bool store_inspect(const char *database, store_note_fn *each, void *context,
    struct problem *ret_problem) MUST_USE;
/* The tables as SQL, for who may make them where we may not. */
bool store_write_schema(const char *database, struct build *sql,
    struct problem *ret_problem) MUST_USE;
/* The schema is brought up to date (numbered migrations); CREATE: the file (or
 * a server's database) may be made (0600; by root: for its folder's owner and
 * group). NULL: *ret_problem. */
struct store *store_open(
    const char *database, bool create, struct problem *ret_problem) MUST_USE;
/* Another connection to the same database, for another thread. */
struct store *store_another(
    const struct store *store, struct problem *ret_problem) MUST_USE;
void store_close(struct store *store);

/* --- import --- */

/* A part of a claimed history file, and what was in it. */
struct store_batch {
	struct text claim; /* its id */
	uint64_t first_byte;
	uint64_t last_byte; /* inclusive */
	uint64_t rejected;  /* bad entries among them */
	int64_t now;
};

/* Where reading CLAIM goes on: 0, or the last stored byte + 1. */
bool store_next_byte(struct store *store, struct text claim, uint64_t *ret_byte,
    struct problem *ret_problem) MUST_USE;
/* The batches of CLAIM, in order. EACH may not use the store. */
typedef bool store_batch_fn(void *context, const struct store_batch *batch);
bool store_for_each_batch(struct store *store, struct text claim,
    store_batch_fn *each, void *context, struct problem *ret_problem) MUST_USE;
/* Stores the batch and its entries in one transaction. A batch that is there
 * already (claim, first_byte) changes nothing and is true: an unknown outcome
 * may simply be tried again. Entries that nobody can be sent a report about,
 * such as those without a policy domain, are counted too. A failure that
 * PROBLEM_TEMPORARY stands for was tried again already. */
bool store_add_batch(struct store *store, const struct store_batch *batch,
    const struct history_entry *entries, size_t count,
    struct problem *ret_problem) MUST_USE;

/* What claims begin with that hold messages of OpenDMARC's tables. */
#define STORE_LEGACY_CLAIM "opendmarc-"

/* The first hour that something is stored of which a report can tell, and which
 * is of another claim; INT64_MAX: nothing. */
bool store_own_since(struct store *store, int64_t *ret_since,
    struct problem *ret_problem) MUST_USE;

/* --- reports --- */

/* Who reports, and in which form. */
struct store_sender {
	enum report_format format;
	struct text email;
	struct text receiver; /* we, as file names and Subject say */
	struct text organization;
	struct text contact;
};

/* A report is a set of batches for one policy domain, policy configuration and
 * period, or a part of the rows of one; seq > 0 are parts and supplements. It
 * never changes once sealed. */
struct store_report {
	struct text id; /* 32 hex digits: Report-ID and unique-id */
	struct report_policy policy;
	int64_t begin;
	int64_t end; /* inclusive */
	unsigned seq;
	VEC(struct text) rua; /* as last seen; asked again at sending */
	bool is_quiet;        /* of a preview: mail to report addresses only */
	/* When, and as whose; 0: it is not sealed, or was by a version that did
	 * not keep it. */
	int64_t sealed;
	struct store_sender sender;
};

/* What is to be sealed: periods of INTERVAL seconds (UTC-aligned, whole hours)
 * that ended DELAY or more before NOW. */
struct store_sealing {
	int64_t now;
	unsigned interval;
	unsigned delay;
	struct store_sender sender; /* kept with the reports */
	/* Bytes that the rows of a report may be as XML; 0: any number. What is
	 * larger becomes several reports, of one row at least. */
	uint64_t rows_max;
};

/* A new report for each domain and policy with batches that are in no report
 * yet. One that has nothing but mail to report addresses in it is closed at
 * once: reports about reports help nobody. *ret_reports: how many were made. */
bool store_seal(struct store *store, const struct store_sealing *sealing,
    uint64_t *ret_reports, struct problem *ret_problem) MUST_USE;

/* A stretch of time; both ends belong to it. */
struct store_span {
	int64_t begin;
	int64_t end;
};

/* Calls EACH for every sealed report that begins within SPAN, in order of
 * domain; "" DOMAIN: all. Texts live during the call, which may use the store.
 * EACH false: stop. */
typedef bool store_report_fn(void *context, const struct store_report *report);
bool store_for_each_report(struct store *store, struct text domain,
    struct store_span span, store_report_fn *each, void *context,
    struct problem *ret_problem) MUST_USE;

/* Those whose id begins with ID. */
bool store_for_each_report_named(struct store *store, struct text id,
    store_report_fn *each, void *context, struct problem *ret_problem) MUST_USE;

/* The same of those that are due: no delivery was noted yet, or one waits and
 * its time has come. Domains of which somebody still waits who was tried in vain
 * come last, so that who never answers stands before nobody. */
struct store_due {
	struct text domain;
	struct store_span span;
	int64_t now;
};

bool store_for_each_due_report(struct store *store, const struct store_due *due,
    store_report_fn *each, void *context, struct problem *ret_problem) MUST_USE;
/* How many deliveries wait, due or not, of the reports that begin within SPAN;
 * "" DOMAIN: all. */
bool store_count_waiting(struct store *store, struct text domain,
    struct store_span span, uint64_t *ret_waiting,
    struct problem *ret_problem) MUST_USE;
/* The periods of INTERVAL seconds that begin within SPAN and of which something
 * is not sealed, in order. EACH may use the store. False: stop. */
typedef bool store_period_fn(void *context, struct store_span period);
bool store_for_each_period(struct store *store, struct store_span span,
    unsigned interval, store_period_fn *each, void *context,
    struct problem *ret_problem) MUST_USE;
/* As store_for_each_report, of what is not sealed: the period SPAN as it stands,
 * for looking at (the id is made up, nothing is written). */
bool store_preview_reports(struct store *store, struct text domain,
    struct store_span span, store_report_fn *each, void *context,
    struct problem *ret_problem) MUST_USE;
/* Its rows, summed, always in the same order. EACH may not use the store. */
typedef bool store_row_fn(void *context, const struct report_row *row);
bool store_for_each_row(struct store *store, const struct store_report *report,
    bool sealed, store_row_fn *each, void *context,
    struct problem *ret_problem) MUST_USE;

/* --- deliveries: the outbox --- */

enum delivery_state {
	DELIVERY_WAITING, /* not tried, or to be tried again at NEXT */
	DELIVERY_ACCEPTED,
	DELIVERY_REFUSED,
	DELIVERY_UNAUTHORIZED,
	DELIVERY_UNWANTED, /* no rua, or withdrawn, or no address */
	DELIVERY_SUPPRESSED,
};
extern const struct names delivery_state_names;

struct store_delivery {
	struct text report;      /* id */
	struct text destination; /* address; or a URI without, unwanted */
	enum delivery_state state;
	unsigned tries;
	int64_t next;
	struct text words; /* the server's, or why not */
};

/* No try is put off so long, and no lease lasts so long, in seconds: what is
 * further ahead was noted while a clock was wrong, and counts for nothing. */
enum { STORE_WAIT_MAX = 24 * 60 * 60 };

/* Has the time of one that waits come? */
bool store_delivery_is_due(const struct store_delivery *delivery, int64_t now);

/* Adds a destination once; one that is there stays as it is. To a report that
 * expired or is being deleted nothing is added, so there is no lease on it. */
bool store_add_delivery(struct store *store,
    const struct store_delivery *delivery,
    struct problem *ret_problem) MUST_USE;
/* Takes a lease on one delivery that is due, for SECONDS on the database's
 * clock. *ret_fence proves it; 0: somebody else has it, or it is not due. */
bool store_lease_delivery(struct store *store, struct text report,
    struct text destination, unsigned seconds, uint64_t *ret_fence,
    struct problem *ret_problem) MUST_USE;
/* Is the lease still ours? To be asked right before DATA. */
bool store_check_fence(struct store *store, struct text report,
    struct text destination, uint64_t fence, bool *ret_ours,
    struct problem *ret_problem) MUST_USE;

/* There is no such delivery after all. One that does not wait, or that somebody
 * has the lease of, stays. */
bool store_forget_delivery(struct store *store, struct text report,
    struct text destination, struct problem *ret_problem) MUST_USE;

/* What a report's mail measures. */
struct store_mail {
	uint64_t xml_bytes;
	uint64_t mail_bytes;
};

/* The outcome; only with the fence. MAIL (may be NULL) is kept, if it is the
 * first of the report. */
bool store_finish_delivery(struct store *store, uint64_t fence,
    const struct store_delivery *delivery, const struct store_mail *mail,
    struct problem *ret_problem) MUST_USE;
typedef bool store_delivery_fn(
    void *context, const struct store_delivery *delivery);
bool store_for_each_delivery(struct store *store, struct text report,
    store_delivery_fn *each, void *context,
    struct problem *ret_problem) MUST_USE;

/* --- lists --- */

/* A report as a list shows it. */
struct store_listed {
	const struct store_report *report;
	bool is_sealed; /* if not, report->id is made up, and nothing was tried
			 */
	unsigned state; /* see store_state_name */
	uint64_t messages;
	uint64_t rows;          /* alike messages are one */
	struct store_mail mail; /* its bytes 0: not made yet */
	VEC(struct store_delivery) deliveries;
};

/* EACH may use the store; texts live during the call. False: stop. */
typedef bool store_listed_fn(void *context, const struct store_listed *listed);

/* Sealed reports: of which ID is the beginning of the id, or, with "" ID, as
 * store_for_each_report. */
struct store_list {
	struct text id;
	struct text domain;
	struct store_span span;
};

bool store_for_each_listed(struct store *store, const struct store_list *list,
    store_listed_fn *each, void *context, struct problem *ret_problem) MUST_USE;
/* As store_preview_reports. */
bool store_preview_listed(struct store *store, struct text domain,
    struct store_span span, store_listed_fn *each, void *context,
    struct problem *ret_problem) MUST_USE;

/* --- the operator's word on who gets reports --- */

/* WHO is an address, or a domain: "@example.com" or "example.com", which means
 * every address at exactly that domain. Case does not count. */
struct store_suppression {
	struct text who; /* in lower case, a domain with its @ */
	int64_t added;
	struct text words; /* why */
};

/* Adds it, or changes its words. False with PROBLEM_USAGE: WHO is neither. */
bool store_suppress(struct store *store,
    const struct store_suppression *suppression,
    struct problem *ret_problem) MUST_USE;
bool store_allow(struct store *store, struct text who, bool *ret_was_suppressed,
    struct problem *ret_problem) MUST_USE;
/* By address, by its mailbox (mailbox_has), or by domain. */
bool store_is_suppressed(struct store *store, struct text address,
    bool *ret_suppressed, struct problem *ret_problem) MUST_USE;
/* In order. EACH may not use the store. */
typedef bool store_suppression_fn(
    void *context, const struct store_suppression *suppression);
bool store_for_each_suppression(struct store *store, store_suppression_fn *each,
    void *context, struct problem *ret_problem) MUST_USE;

/* Where the reports of a policy domain go, whatever its record says. */
struct store_redirection {
	struct text domain; /* in lower case */
	int64_t added;
	struct text rua; /* URIs as in a record, with ","; "": nobody */
};

/* Adds it, or puts it in the place of the one that is there. False with
 * PROBLEM_USAGE: no domain. */
bool store_redirect(struct store *store,
    const struct store_redirection *redirection,
    struct problem *ret_problem) MUST_USE;
bool store_unredirect(struct store *store, struct text domain,
    bool *ret_was_redirected, struct problem *ret_problem) MUST_USE;
/* Of DOMAIN, or "" for all, in order. EACH may not use the store. */
typedef bool store_redirection_fn(
    void *context, const struct store_redirection *redirection);
bool store_for_each_redirection(struct store *store, struct text domain,
    store_redirection_fn *each, void *context,
    struct problem *ret_problem) MUST_USE;

/* --- expiry and figures --- */

/* Deletes, in bounded transactions, with their rows:
 * - sealed reports whose period ended before BEFORE, if they are final: they
 *   have deliveries, and none of them waits;
 * - other sealed reports, if it ended before UNSENT_BEFORE;
 * - what is in no report, of UTC days that ended before BEFORE, if nobody waits
 *   for it: no entry of its domain, policy and day that is in no report had a
 *   rua;
 * - what else is in no report, of days that ended before UNSENT_BEFORE. */
bool store_expire_before(struct store *store, int64_t before,
    int64_t unsent_before, uint64_t *ret_rows,
    struct problem *ret_problem) MUST_USE;

/* How a report stands: sealed only; one of its deliveries waits; else the
 * state of its deliveries, accepted if one was. */
enum { STORE_STATES = DELIVERY_SUPPRESSED + 2 };

const char *store_state_name(unsigned state); /* 0: "sealed" */

struct store_figures {
	const char *engine;
	unsigned schema;
	uint64_t
	    messages; /* every entry that was imported and did not expire */
	uint64_t rows;
	uint64_t batches;
	uint64_t rejected;
	uint64_t reports;
	uint64_t states[STORE_STATES]; /* of the reports */
	int64_t oldest;                /* 0: empty */
};

bool store_figures(struct store *store, struct store_figures *ret_figures,
    struct problem *ret_problem) MUST_USE;

#endif
