/* Entry: one judged message, as a value: what the history holds of it, and all
 * that a report can say about it. Results are RFC 8601's words as texts, since
 * older dialects know some that our enums do not. */
#ifndef HISTORY_ENTRY_H
#define HISTORY_ENTRY_H

#include "verdict/checks.h"

struct history_dkim {
	struct text domain;
	struct text selector; /* "" when the dialect does not know it */
	struct text result;   /* "pass", "fail", … */
};

/* What became of the message; the values are OpenDMARC's codes. */
enum history_action {
	HISTORY_REJECT,
	HISTORY_DISCARD,
	HISTORY_ACCEPT,
	HISTORY_TEMPFAIL,
	HISTORY_QUARANTINE,
};
extern const struct names history_action_names;

struct history_entry {
	struct text job;      /* queue id */
	struct text reporter; /* our host name */
	int64_t received;
	struct text client;     /* address as text */
	struct text from;       /* Author Domain; in old files as written */
	struct text mail_from;  /* domain; "" for the null sender; ptr NULL in
				   old files that do not say */
	struct text helo;       /* ours only */
	struct text spf;        /* result; "" when not evaluated */
	struct text spf_domain; /* what was checked, "" in old files */
	VEC(struct history_dkim) dkim;
	/* The policy in force, as DMARC saw it; "" where not known. */
	struct text policy_domain;
	struct text result; /* dmarc=: pass, fail, none, temperror, permerror */
	struct text requested;   /* what the owner asks for this message, after
				  t=y: none, quarantine, reject */
	struct text p, sp, np;   /* none, quarantine, reject */
	struct text adkim, aspf; /* r, s */
	struct text fo;
	struct text testing;   /* y, n */
	struct text discovery; /* treewalk, psl */
	unsigned pct;
	VEC(struct text) rua;
	bool dkim_aligned; /* passed and aligned */
	bool spf_aligned;
	enum history_action action;
	struct text reason;  /* RFC 9990 3.1.6 type, "" without override */
	struct text comment; /* with a reason */
	bool to_reports;     /* all its recipients take reports about mail */
};

/* Whatever strangers send, an entry is small enough to be written, for which
 * the bytes count as they are written, with %XX and the key: further rua URIs are left out (they are asked for again when a report is sent), and
 * further signatures, those that did not pass first. */
enum { HISTORY_RUA_BYTES = 8 * 1024, HISTORY_DKIM_BYTES = 8 * 1024 };

/* The entry of a verdict. Texts are shared with VERDICT and ENVELOPE, lists
 * are made in ARENA. ACTION: what the MTA was really told. False: no memory. */
bool history_entry_record(struct arena *arena, const struct envelope *envelope,
    const struct verdict *verdict, enum history_action action,
    struct history_entry *ret_entry) MUST_USE;

#endif
