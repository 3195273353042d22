/* Confine: what the filter and the clerk need of the system once they have
 * started, said to a sandbox that they then enter. docs/security.md says what
 * that keeps an intruder from. */
#ifndef DMARCD_CONFINE_H
#define DMARCD_CONFINE_H

#include "config/config.h"

/* While there is one thread, and when all that only root, or only a start, may
 * open is open. What the kernel lacks is said in the log. */
void confine_filter(const struct config *config);
/* False: *ret_problem, a folder is not there yet; once inside, it could never
 * be used. */
bool confine_clerk(
    const struct config *config, struct problem *ret_problem) MUST_USE;

#endif
