/* Target: whom the domain's record names today, and what is to be done about
 * each of them. */
#ifndef CLERK_TARGET_H
#define CLERK_TARGET_H

#include "clerk/outbox.h"

enum target_action { TARGET_SEND, TARGET_RETRY, TARGET_CLOSE };

struct target {
	struct text address; /* "": the report as a whole */
	enum target_action action;
	enum delivery_state state; /* with TARGET_CLOSE */
	struct text words;         /* why not TARGET_SEND */
	uint64_t size_max;         /* the destination's */
};

/* Who was asked, the first spelling of each: no real mailbox tells upper from
 * lower case, and one mailbox wants one mail. */
struct targets_asked {
	struct text address[OUTBOX_DESTINATIONS_MAX];
	size_t count;
};

#define TARGETS_TOO_MANY "too many destinations before it"

struct targets {
	VEC(struct target) list;
	/* What nothing can be sent to, for the list of reports: destination
	 * (as the record has it, no address), state and words. */
	VEC(struct store_delivery) skipped;
	/* Whoever is not in the list is not wanted any more. */
	bool policy_is_known;
};

/* Asks DNS for the policy record and for the consent of its destinations (RFC
 * 9990 4). Says what cannot be used. Look at arena_failed after it, and at
 * outbox->is_stopped: then DNS was not waited for. */
void targets_find(struct outbox *outbox, const struct store_report *report,
    struct arena *arena, struct targets *ret_targets);
/* False: ADDRESS was asked before, or there is no room for more. */
bool targets_note_asked(struct targets_asked *asked, struct text address);
/* What is beyond OUTBOX_DESTINATIONS_MAX is left out; see arena_failed. */
void targets_skip(struct targets *targets, struct arena *arena, struct text uri,
    struct text words);
/* But for case. */
bool targets_have(const struct targets *targets, struct text address);
/* Why nothing is ever sent there: reports about reports help nobody, and some
 * want none. NULL: no reason. False: the database does not say. */
bool target_suppressed(const struct outbox *outbox, struct text address,
    const char **ret_why) MUST_USE;
/* Where the operator has reports about DOMAIN sent, as URIs with ","; NULL ptr:
 * where the record says. False: the database does not say. */
bool target_redirected(const struct outbox *outbox, struct text domain,
    struct arena *arena, struct text *ret_rua) MUST_USE;

#endif
