/* Facts: the DNS answers known so far to one message.
 *
 * The idea of the whole program: a check is an ordinary recursive function, the
 * RFC's own algorithm, over this table. What it asks and is not known yet is
 * noted as wanted and looks like a failed lookup; the pass is then incomplete
 * and its result is thrown away. The driver fetches what is wanted, tells the
 * facts, and the check runs again from the start:
 *
 *	while (!check_run(…, facts, &result)) {
 *		while (dns_next_wanted(facts, &question))
 *			dns_tell(facts, &question, fetch(&question));
 *	}
 *
 * Sound because: a pass reads nothing but its arguments and the facts; a second
 * answer to the same question is ignored; records come sorted; a pending pass
 * missed at least one fact, so there are at most facts + 2 passes. */
#ifndef DNS_FACTS_H
#define DNS_FACTS_H

#include "dns/answer.h"

struct dns_facts;

/* Who asks. Each check has its own room in the table, so that none can use up
 * another's; the Author Domain's policy is never starved. When a share is full
 * it is closed: what it asks beyond is answered with dns_answer_failed. The
 * rooms are well above what the RFCs' own limits let a final pass ask. */
enum dns_share {
	DNS_SHARE_POLICY,    /* 24 facts */
	DNS_SHARE_ALIGNMENT, /* 80: ten tree walks */
	DNS_SHARE_SPF,       /* 128 */
	DNS_SHARE_HELO,      /* 32 */
	DNS_SHARE_DKIM,      /* 24 */
	DNS_SHARE_ARC,       /* 48 */
};

/* In ARENA, which frees it: arena_free also gives back the answers, which are
 * counted (arena_defer). When ARENA has failed, whatever is new has failed. */
struct dns_facts *dns_facts_new(struct arena *arena) MUST_USE;

/* --- the check's side --- */

/* Begins a pass of the check that asks under SHARE. */
void dns_facts_begin_pass(struct dns_facts *facts, enum dns_share share);
/* The answer. Never NULL: one that is not known yet has status DNS_UNKNOWN,
 * is noted as wanted, and marks this pass as incomplete. NAME is normalised
 * as dns_name_read does for ASCII; a name that cannot exist (too long, an
 * empty label) is answered DNS_NXDOMAIN without asking anybody. */
const struct dns_answer *dns_ask(
    struct dns_facts *facts, struct text name, enum dns_type type);
/* "I shall probably ask this": wanted too, but no pass waits for it. Dropped
 * when the share is more than half full, or hints are switched off. */
void dns_hint(struct dns_facts *facts, struct text name, enum dns_type type);
void dns_facts_allow_hints(struct dns_facts *facts, bool allow);
/* Did this pass miss a fact? Then its result means nothing. */
bool dns_facts_missed(const struct dns_facts *facts);

/* --- the driver's side --- */

/* A question that is wanted and was not handed out yet. */
bool dns_next_wanted(
    struct dns_facts *facts, struct dns_question *ret_question) MUST_USE;
/* Takes over one reference to ANSWER, also when it returns false: the question
 * is unknown here or has its answer already, and this one is ignored. */
bool dns_tell(struct dns_facts *facts, const struct dns_question *question,
    const struct dns_answer *answer);
/* Are there questions that were wanted and have no answer? */
bool dns_facts_waiting(const struct dns_facts *facts);
/* The deadline: what is unknown now, and whatever is asked later, has failed.
 * One last pass then ends in temperror by the RFCs' own rules. */
void dns_facts_close(struct dns_facts *facts);

/* All questions in the order they came up, for tests and tools.
 * *ret_answer is NULL where there is none yet. */
size_t dns_facts_count(const struct dns_facts *facts);
void dns_facts_at(const struct dns_facts *facts, size_t index,
    struct dns_question *ret_question, const struct dns_answer **ret_answer);

#endif
