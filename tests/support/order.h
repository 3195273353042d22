/* Order: the property that every check must have. Its verdict may not depend
 * on when the DNS answers arrive: all at once, one at a time in any order, with
 * or without hints. Closed early it never passes where the full run does not.
 */
#ifndef TESTS_ORDER_H
#define TESTS_ORDER_H

#include "dns/facts.h"
#include "dns/zone.h"

enum order {
	ORDER_AT_ONCE,      /* all that is wanted is told before each pass */
	ORDER_RANDOM,       /* one answer a pass, chosen by SEED */
	ORDER_CLOSED_EARLY, /* as RANDOM, and closed after SEED % 8 answers */
};

/* The zone of TEXT; aborts when it is none. */
struct dns_zone *order_zone(struct text text);

/* CHECK runs the check once over FACTS and returns whether it is final. It is
 * driven until it is; passes are asserted to be at most facts + 2 and each
 * pending pass to have missed something. Returns the passes. */
unsigned order_drive(struct dns_facts *facts, const struct dns_zone *zone,
    enum order order, unsigned seed, bool (*check)(void *context),
    void *context);

#endif
