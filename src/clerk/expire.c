#include "clerk/clerk.h"

#include "base/date.h"

bool
clerk_expire(struct store *store, int64_t now, unsigned days,
    uint64_t *ret_rows, struct problem *ret_problem)
{
	return store_expire_before(
	    store, now - (int64_t)days * DAY, ret_rows, ret_problem);
}
