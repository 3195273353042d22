/* Resolver: fetches what facts want, from the network or from a zone text,
 * through a cache by TTL. One for each thread, on its loop. */
#ifndef RESOLVE_RESOLVER_H
#define RESOLVE_RESOLVER_H

#include "dns/facts.h"
#include "dns/zone.h"
#include "loop/loop.h"
#include "sandbox/sandbox.h"

struct resolver;

struct resolver_options {
	const char *servers; /* "127.0.0.1#5353, ::1"; NULL: resolv.conf */
	unsigned timeout;    /* milliseconds a question, all tries together */
	size_t cache_bytes;  /* budget of the cache; 0: no cache */
};

/* Are these servers that can be asked? Asks none of them. */
bool resolver_check(const char *servers, struct problem *ret_problem) MUST_USE;
/* Behind the check: their ports, for when an answer is too long for UDP. */
void resolver_needs(const char *servers, struct sandbox *sandbox);
/* Questions go to recursive servers by c-ares; answers are read by our own
 * dns/message. NULL: *ret_problem. */
struct resolver *resolver_new_network(struct loop *loop,
    const struct resolver_options *options,
    struct problem *ret_problem) MUST_USE;
/* Everything is answered at once from ZONE, which must outlive it. */
struct resolver *resolver_new_zone(struct loop *loop,
    const struct dns_zone *zone, struct problem *ret_problem) MUST_USE;
/* One that asks as RESOLVER does, with a cache of its own, for another thread;
 * not while that one is freed. */
struct resolver *resolver_another(const struct resolver *resolver,
    struct loop *loop, struct problem *ret_problem) MUST_USE;
/* Every fetch must have been freed before. */
void resolver_free(struct resolver *resolver);

struct resolver_figures {
	uint64_t asked; /* questions from facts */
	uint64_t from_cache;
	uint64_t sent; /* to the network, or the zone */
	uint64_t failed;
	uint64_t timed_out; /* of these: no server answered in time */
	size_t cache_entries;
	size_t cache_bytes;
};

void resolver_figures(
    const struct resolver *resolver, struct resolver_figures *ret_figures);

/* A fetch serves the facts of one message. ON_TOLD is called, never from
 * within fetch_wanted, after answers have arrived and been told. */
struct fetch;
struct fetch *fetch_new(struct resolver *resolver, struct dns_facts *facts,
    void (*on_told)(void *context), void *context) MUST_USE;
/* Asks all that the facts want now. True: some answers were at hand (cache,
 * zone) and are told already, so run the check again; false: wait. */
bool fetch_wanted(struct fetch *fetch) MUST_USE;
void fetch_free(struct fetch *fetch); /* no callback afterwards */

/* SECONDS from now, on loop_now's clock. */
int64_t resolver_deadline(const struct resolver *resolver, unsigned seconds);
/* The driver for tools: answers everything the facts want, waiting at most
 * until DEADLINE; false: the deadline passed, and the facts are
 * closed. while (!check(…)) (void)resolver_answer_wanted(…); */
bool resolver_answer_wanted(
    struct resolver *resolver, struct dns_facts *facts, int64_t deadline);

/* The driver for several checks at once, each with facts of its own, that have
 * one deadline: none waits for what another wants to know. */
struct resolver_check {
	struct dns_facts *facts;
	bool (*run)(void *context); /* one pass; true: final */
	void *context;
	/* The resolver's. */
	struct fetch *fetch;
	bool is_final;
};

struct resolver_patience {
	int64_t deadline;
	/* Asked twice a second; NULL: never. True: as if it were the deadline. */
	bool (*should_stop)(void *context);
	void *context;
};

/* Until all are final; the deadline closes the facts of those that are not. */
void resolver_run_checks(struct resolver *resolver,
    struct resolver_check *checks, size_t count,
    const struct resolver_patience *patience);

#endif
