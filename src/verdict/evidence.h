/* Evidence of a detour (RFC 9989 7.4): what a message that failed shows of lists
 * and relays that passed it on. It softens a policy at most; it is no pass. */
#ifndef VERDICT_EVIDENCE_H
#define VERDICT_EVIDENCE_H

#include "verdict/disposition.h"

struct evidence {
	enum override_type reason; /* mailing_list or other */
	struct text comment;
};

/* Only the author can have written what is there, as it would be read: a
 * signature of theirs verifies once what relays do is undone. False: none. */
bool evidence_find_proof(const struct disposition_input *input,
    struct arena *arena, struct evidence *ret_evidence) MUST_USE;
/* What anybody with one real mail can make. False: none. */
bool evidence_find_claim(const struct disposition_input *input,
    struct arena *arena, struct evidence *ret_evidence) MUST_USE;

#endif
