/* Carry: clerk_carry for dmarc database. */
#ifndef DMARC_CARRY_H
#define DMARC_CARRY_H

#include "clerk/carry.h"
#include "tool.h"

/* Into what CONFIG names, and prints what became of it. *RET_ALL: nothing was
 * rejected or refused. */
bool carry_run(struct clerk_carry *carry, const struct config *config,
    bool json, bool *ret_all, struct problem *problem) MUST_USE;

#endif
