#include "clerk/clerk.h"

#include "base/date.h"

bool
clerk_expire(struct store *store, int64_t now, unsigned days, bool force,
    uint64_t *ret_rows, struct problem *ret_problem)
{
	int64_t age = (int64_t)days * DAY;

	return store_expire_before(store, now - age,
	    force ? now - age : now - 2 * age, ret_rows, ret_problem);
}
