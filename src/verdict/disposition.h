/* Disposition: what is done with the message. The published policy through an
 * ordered chain of overrides, each with its RFC 9990 reason. Nothing turns a
 * fail into a pass. */
#ifndef VERDICT_DISPOSITION_H
#define VERDICT_DISPOSITION_H

#include "dkim/check.h"
#include "dmarc/check.h"
#include "mail/address.h"
#include "verdict/trust.h"

/* How far the published policy is carried out. */
enum enforce {
	ENFORCE_MONITOR,    /* tag only */
	ENFORCE_QUARANTINE, /* never reject */
	ENFORCE_CONSIDERED, /* reject unless there is evidence of indirect mail
			       (RFC 9989 7.4) */
	ENFORCE_STRICT,     /* always as published */
};
extern const struct names enforce_names;

enum on_temperror { ON_TEMPERROR_DEFER, ON_TEMPERROR_ACCEPT };
extern const struct names on_temperror_names;

enum claimed_indirect { CLAIMED_QUARANTINE, CLAIMED_REJECT };
extern const struct names claimed_indirect_names;

enum trusted_indirect { TRUSTED_QUARANTINE, TRUSTED_ACCEPT };
extern const struct names trusted_indirect_names;

enum disposition_action {
	DISPOSITION_NONE,
	DISPOSITION_QUARANTINE,
	DISPOSITION_REJECT,
	DISPOSITION_DEFER, /* 4xx: ask again later */
};
extern const struct names disposition_action_names;

/* RFC 9990 3.1.6. */
enum override_type {
	OVERRIDE_NONE, /* no override: the policy was carried out */
	OVERRIDE_LOCAL_POLICY,
	OVERRIDE_MAILING_LIST,
	OVERRIDE_OTHER,
	OVERRIDE_POLICY_TEST_MODE,
	OVERRIDE_TRUSTED_FORWARDER,
};
extern const struct names override_type_names; /* "none", "local_policy", … */

struct disposition {
	enum disposition_action action;
	enum override_type reason;
	struct text comment; /* with a reason: why, for the report */
	bool hold;           /* quarantine: the MTA is asked to hold it */
	/* For reject and defer: "550", "5.7.1", and one clean line. */
	const char *smtp_code;
	const char *smtp_status;
	struct text smtp_text;
};

struct disposition_options {
	enum enforce enforce;
	enum on_temperror on_temperror;
	enum claimed_indirect claimed_indirect;
	enum trusted_indirect trusted_indirect;
	const struct trust *trusted_senders; /* TrustedSenders; or NULL */
	const struct roster *local_policy;   /* LocalPolicy (rule.h); or NULL */
	bool hold_quarantined;               /* HoldQuarantinedMessages */
	struct text reject_string; /* RejectString, with at most one %s */
	/* OpenDMARC's, and refused whatever Enforce says. */
	bool required_headers;        /* RequiredHeaders (required.h) */
	bool required_from;           /* no From field, or a malformed one */
	bool reject_multi_value_from; /* several authors' domains */
	/* RejectFailures of an old file, without Enforce: of mail whose author
	 * cannot be known only what these options ask for is refused. */
	bool lets_unknown_author_pass;
};

struct disposition_input {
	const struct author *author;
	struct ip client;
	struct text spf_domain; /* of MAIL FROM, with SPF pass; else "" */
	const struct mail_header *header; /* List-Id and its kin */
	const struct dkim_results *dkim;
	/* Of each signature that is broken: had it passed, it would be aligned.
	 * For a message that failed; else NULL. */
	const bool *is_authors;
	const struct dmarc_discovery *discovery;
	const struct dmarc_outcome *dmarc;
};

/* Texts live in ARENA. */
struct disposition disposition_decide(const struct disposition_input *input,
    const struct disposition_options *options, struct arena *arena,
    struct trace *trace);

#endif
