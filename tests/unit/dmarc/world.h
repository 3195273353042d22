/* World: a zone and one message's facts, for the tests of this folder. */
#ifndef TESTS_DMARC_WORLD_H
#define TESTS_DMARC_WORLD_H

#include "dmarc/check.h"
#include "dns/zone.h"
#include "order.h"

struct world {
	struct arena *arena;
	struct dns_zone *zone;
	struct dns_facts *facts;
	enum order order;
	unsigned seed;
	struct dmarc_options options;
};

static inline struct world
world_open(struct text zone)
{
	struct world world = {.arena = arena_new((size_t)4 * 1024 * 1024),
	    .zone = order_zone(zone)};

	world.facts = dns_facts_new(world.arena);
	return world;
}

static inline void
world_close(struct world *world)
{
	arena_free(world->arena);
	dns_zone_free(world->zone);
}

struct world_discovery {
	struct world *world;
	struct text author;
	struct dmarc_discovery discovery;
};

static inline bool
world_discover_once(void *context)
{
	struct world_discovery *run = context;

	return dmarc_discover(run->author, &run->world->options,
	    run->world->facts, run->world->arena, NULL, &run->discovery);
}

static inline struct dmarc_discovery
world_discover(struct world *world, struct text author)
{
	struct world_discovery run = {.world = world, .author = author};

	(void)order_drive(world->facts, world->zone, world->order, world->seed,
	    world_discover_once, &run);
	return run.discovery;
}

struct world_check {
	struct world *world;
	struct dmarc_input input;
	struct dmarc_outcome outcome;
};

static inline bool
world_check_once(void *context)
{
	struct world_check *run = context;

	return dmarc_check(&run->input, &run->world->options, run->world->facts,
	    run->world->arena, NULL, &run->outcome);
}

static inline struct dmarc_outcome
world_check(struct world *world, const struct dmarc_input *input,
    const struct dmarc_discovery *discovery)
{
	struct world_check run = {.world = world, .input = *input};

	run.input.discovery = discovery;
	(void)order_drive(world->facts, world->zone, world->order, world->seed,
	    world_check_once, &run);
	return run.outcome;
}

#endif
