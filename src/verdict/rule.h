/* Rule: LocalPolicy, what the operator wants done with a message that failed,
 * by its Author Domain. A line is
 *
 *	DOMAIN|.DOMAIN none|quarantine|reject
 *
 * The nearest rule counts; a domain may have one. */
#ifndef VERDICT_RULE_H
#define VERDICT_RULE_H

#include "verdict/disposition.h"

/* NULL: *ret_problem says which line and why. */
const struct roster *rule_read(struct arena *arena, struct text text,
    const char *name, struct problem *ret_problem) MUST_USE;
/* The rule for this Author Domain, or NULL. */
const struct roster_entry *rule_find(
    const struct roster *rules, struct text author);
enum disposition_action rule_action(const struct roster_entry *rule);

#endif
