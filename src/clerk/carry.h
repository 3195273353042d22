/* Carry: what OpenDMARC's MySQL tables hold goes into our store, each message
 * once, however often it is run, stopped or killed.
 *
 * Nobody is told twice: what OpenDMARC reported, or we do ourselves, is counted
 * and reported to nobody. */
#ifndef CLERK_CARRY_H
#define CLERK_CARRY_H

#include "store/store.h"

/* What became of a message. */
enum carry_fate {
	CARRY_REPORTABLE,
	CARRY_REPORTED,  /* received before its domain was last reported to */
	CARRY_OLD,       /* received before SINCE */
	CARRY_OURS,      /* received from UNTIL on */
	CARRY_NO_POLICY, /* there was none, or it is not known any more */
	CARRY_DEFERRED,
	CARRY_FATES,
};
extern const struct names carry_fate_names;

enum { CARRY_ODDS_MAX = 16 };

struct clerk_carry {
	const char *source; /* as the option Database */
	int64_t now;
	int64_t since; /* reports tell of nothing older; -1: a week */
	/* What came then and later we have ourselves; -1: what the store has
	 * from elsewhere begins then. */
	int64_t until;
	/* Progress, by message ids; may be NULL. */
	void (*on_progress)(void *context, uint64_t id, uint64_t last_id);
	void *context;
};

struct clerk_carried {
	uint64_t messages[CARRY_FATES];
	uint64_t rejected;

	struct {
		const char *why;
		uint64_t count;
		uint64_t first; /* the id of one */
	} odds[CARRY_ODDS_MAX];

	uint64_t redirections, suppressions;
	uint64_t refused;  /* of both: could not be carried */
	int64_t until;     /* as it was taken; INT64_MAX: nothing is ours */
	char absent[1024]; /* columns that this version does not have */
};

/* *RET_CARRIED is right without success, too. */
bool clerk_carry(const struct clerk_carry *carry, struct store *store,
    struct clerk_carried *ret_carried, struct problem *ret_problem) MUST_USE;

#endif
