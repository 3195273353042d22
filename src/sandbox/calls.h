/* Calls: the system calls that are left. Known to this folder only. */
#ifndef SANDBOX_CALLS_H
#define SANDBOX_CALLS_H

#include "sandbox/sandbox.h"

/* False: the kernel cannot. */
bool calls_restrict(enum sandbox_calls calls) MUST_USE;

#endif
