/* Check: would our reports pass DMARC where they arrive (RFC 9990 3.5)?
 *
 * A report without rows is composed and signed as every report is, and judged
 * by our own checks as a receiver would, once for each address that it may come
 * from. */
#ifndef CLERK_CHECK_H
#define CLERK_CHECK_H

#include "clerk/compose.h"
#include "config/setup.h"
#include "resolve/resolver.h"

struct check_options {
	const struct setup *setup;
	int64_t now;
	struct text helo; /* how the relay calls itself */
	size_t addresses; /* 0: not known, and SPF is not looked at */
	const struct ip *address;
};

enum check_key {
	CHECK_KEY_NONE,    /* ReportSigningKey is not set */
	CHECK_KEY_GOOD,    /* the published key is its public half */
	CHECK_KEY_MISSING, /* nothing is published */
	CHECK_KEY_OTHER,   /* another key is published */
	CHECK_KEY_BROKEN,  /* what is published cannot be used: key_problem */
	CHECK_KEY_UNKNOWN, /* DNS does not answer */
};
extern const struct names check_key_names;

enum check_conclusion {
	CHECK_BY_BOTH, /* they pass, by DKIM and by SPF */
	CHECK_BY_DKIM,
	CHECK_BY_SPF,
	CHECK_BY_MTA, /* they pass only if the MTA signs */
	CHECK_FAILS,
	CHECK_UNKNOWN, /* DNS does not answer */
};
extern const struct names check_conclusion_names; /* for programs */

/* One address, and what a receiver makes of a report that comes from it. */
struct check_route {
	struct ip address; /* version 0: not known */
	enum dmarc_result dmarc;
	enum spf_result spf;
	struct text spf_domain;
	struct text spf_reason;
	bool spf_aligned; /* and passed; likewise DKIM */
	bool dkim_aligned;
};

struct check {
	struct sender sender;
	struct text helo;
	/* The policy for ReportEmail's domain. */
	enum dmarc_discovery_status discovery;
	enum dmarc_policy policy;
	struct text policy_domain;
	struct text policy_record;
	struct text organizational_domain;
	bool strict_dkim;      /* adkim=s */
	struct text ambiguous; /* where several records are, or "" */
	/* The key: "" and NONE without one. */
	struct text key_name;   /* selector._domainkey.domain */
	struct text key_record; /* what to publish there */
	enum check_key key;
	struct text key_problem;
	bool key_is_testing; /* t=y */
	VEC(struct check_route) routes;
	enum check_conclusion conclusion;
	VEC(struct text) advice;
};

/* In ARENA. False: *ret_problem. */
bool check_reports(const struct check_options *options,
    struct resolver *resolver, struct arena *arena, struct check *ret_check,
    struct problem *ret_problem) MUST_USE;

#endif
