/* Source: where answers come from when the cache has none. The alternatives
 * are network.c and zone.c; nobody but resolver.c uses them. */
#ifndef RESOLVE_SOURCE_H
#define RESOLVE_SOURCE_H

#include "resolve/resolver.h"

struct open_question; /* resolver.c's: asked and not answered yet */

struct source;

struct source_functions {
	/* The source must call resolver_take_answer exactly once, now or
	 * later. QUESTION is there until then. */
	void (*ask)(struct source *source, const struct dns_question *question,
	    struct open_question *open);
	/* Answers all that is open as failed. */
	void (*free)(struct source *source);
};

struct source {
	const struct source_functions *functions;
};

/* Takes over the reference to ANSWER. MAY_KEEP: it is what DNS says, good for
 * the cache; not so a lack of memory here, or a packet of somebody else. */
void resolver_take_answer(
    struct open_question *open, const struct dns_answer *answer, bool may_keep);

/* To be called before that for a question that nobody answered in time. */
void resolver_note_time_out(const struct open_question *open);

struct source *source_new_network(struct loop *loop,
    const struct resolver_options *options,
    struct problem *ret_problem) MUST_USE;
struct source *source_new_zone(const struct dns_zone *zone) MUST_USE;

#endif
