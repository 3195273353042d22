/* Runs the whole check over a message and a zone, in a given order of answers
 * and with the message in pieces of a given size. */
#ifndef TESTS_DKIM_RUN_H
#define TESTS_DKIM_RUN_H

#include "order.h"

#include "dkim/check.h"
#include "mail/message.h"

#include <stdlib.h>

struct run {
	struct arena *arena;
	struct dkim_options options;
	enum order order;
	unsigned seed;
	bool hints;
	size_t piece; /* 0: all at once */
	/* The run's own. */
	struct dkim *dkim;
	struct dns_facts *facts;
	struct trace trace;
	struct dkim_results results;
	unsigned passes;
};

static inline void
run_end_of_header(void *context, const struct mail_header *header)
{
	struct run *run = context;

	run->dkim = dkim_new(run->arena, header, &run->options);
	if (run->dkim != NULL && run->hints)
		dkim_hint_keys(run->dkim, run->facts);
}

static inline void
run_body(void *context, struct text piece)
{
	struct run *run = context;

	if (run->dkim != NULL)
		dkim_body(run->dkim, piece);
}

static inline bool
run_pass(void *context)
{
	struct run *run = context;

	return dkim_check(run->dkim, run->facts, &run->trace, &run->results);
}

/* False: no memory. */
static inline bool
run_message(struct run *run, struct text text, const struct dns_zone *zone)
{
	const struct mail_message_sink sink = {
	    run_end_of_header, run_body, run};
	struct mail_message *message = mail_message_new(run->arena, &sink);
	size_t piece = run->piece == 0 ? text.len : run->piece;

	trace_init(&run->trace, run->arena);
	run->facts = dns_facts_new(run->arena);
	if (message == NULL || run->facts == NULL)
		return false;
	for (size_t at = 0; at < text.len; at += piece)
		mail_message_feed(message, text_slice(text, at, at + piece));
	if (!mail_message_finish(message) || run->dkim == NULL)
		return false;
	dkim_end_of_body(run->dkim);
	run->passes =
	    order_drive(run->facts, zone, run->order, run->seed, run_pass, run);
	return !arena_failed(run->arena);
}

#endif
