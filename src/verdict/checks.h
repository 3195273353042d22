/* Checks: all checks of one message, in their order, over one table of facts.
 *
 *	checks = checks_new(arena, &options, &envelope);
 *	checks_field(checks, name, value, true); …  or checks_header(…)
 *	checks_end_of_header(checks);
 *	checks_body(checks, piece); …
 *	checks_end_of_body(checks);
 *	while (!checks_run(checks))
 *		answer what checks_facts(checks) want, or close them;
 *	verdict = checks_verdict(checks);
 *
 * checks_run may be called from the end of the header on, so that DNS answers
 * arrive while the body does; it is not final before the end of the body. */
#ifndef VERDICT_CHECKS_H
#define VERDICT_CHECKS_H

#include "spf/check.h"
#include "verdict/disposition.h"
#include "verdict/upstream.h"

enum {
	MESSAGE_ARENA_MAX = 4 * 1024 * 1024,
	AUTHSERV_ID_MAX = 255, /* bytes; as long as any host name */
};

/* Decided once, by configuration; shared by all messages, never changed. */
struct checks_options {
	struct text authserv_id; /* first word of our Authentication-Results */
	bool authserv_id_with_job;
	/* With headers, SPF and DKIM are what believed fields say. */
	enum authentication_source source;
	struct text trusted_authserv_ids; /* comma-separated */
	bool spf_ignore_results; /* with headers: SPF is checked here */
	bool spf_self_validate;  /* where headers say nothing of it */
	struct dmarc_options dmarc;
	struct disposition_options disposition;
	bool explain; /* keep the story (costs time) */
};

/* The envelope of one message. */
struct envelope {
	struct ip client; /* version 0: not known; SPF is none then */
	struct text helo;
	struct text mail_from; /* with or without <>; "" is the null sender */
	struct text job;       /* queue id, may be "" */
	struct text receiver;  /* our host name */
	int64_t now;
};

struct verdict {
	struct author author;
	struct text mail_from_domain; /* "" for the null sender */
	struct spf_outcome spf;       /* of MAIL FROM, or postmaster@HELO */
	struct spf_outcome helo;
	struct dkim_results dkim;
	struct dmarc_discovery discovery;
	struct dmarc_outcome dmarc;
	struct disposition disposition;
	/* Value of the field to add (RFC 8601), folded with CR LF TAB. */
	struct text authentication_results;
	struct text story; /* the explanation; "" unless asked for */
};

struct checks;

/* In ARENA, which must be larger than the message's header; texts of ENVELOPE
 * are copied. NULL: no memory. */
struct checks *checks_new(struct arena *arena,
    const struct checks_options *options,
    const struct envelope *envelope) MUST_USE;

/* A field as a milter hands it over (mail_header_add). */
void checks_field(struct checks *checks, struct text name, struct text value,
    bool leading_space);
/* All fields at once, already read (mail_message's end_of_header). */
void checks_header(struct checks *checks, const struct mail_header *header);
/* The body will not be seen, but somebody else has verified the signatures:
 * TOLD are all results of DKIM. Before the end of the header. With headers as
 * the source they are not looked at. */
void checks_tell_dkim(struct checks *checks, const struct upstream *told);
void checks_end_of_header(struct checks *checks);
void checks_body(struct checks *checks, struct text piece);
void checks_end_of_body(struct checks *checks);

/* After the end of the header. */
const struct author *checks_author(const struct checks *checks);
const struct mail_header *checks_its_header(const struct checks *checks);
struct dns_facts *checks_facts(struct checks *checks);
/* True: the verdict is final. */
bool checks_run(struct checks *checks) MUST_USE;
/* After checks_run said true. NULL: memory or the arena's limit was not
 * enough, and there is no verdict: defer the message with 451. */
const struct verdict *checks_verdict(const struct checks *checks) MUST_USE;

#endif
