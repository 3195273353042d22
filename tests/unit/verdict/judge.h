/* Judge: a whole message, its envelope and a zone in; the verdict out. */
#ifndef TESTS_VERDICT_JUDGE_H
#define TESTS_VERDICT_JUDGE_H

#include "dns/zone.h"
#include "mail/message.h"
#include "order.h"
#include "verdict/checks.h"

struct judge {
	/* Set before. */
	struct checks_options options;
	struct envelope envelope;
	const struct dns_zone *zone;
	enum order order;
	unsigned seed;
	size_t piece;     /* bytes of the message at a time; 0: all at once */
	size_t fail_at;   /* this allocation fails; 0: none */
	size_t arena_max; /* 0: as for every message */
	bool is_hasty;    /* run while the body still comes */
	/* The run's own. */
	struct arena *arena;
	struct checks *checks;
	bool was_final_early;
};

static inline void
judge_init(struct judge *judge)
{
	*judge = (struct judge){
	    .options = {.authserv_id = TEXT("mx.example.org"),
		.disposition = {.enforce = ENFORCE_CONSIDERED,
		    .hold_quarantined = true},
		.explain = true},
	    .envelope = {.client = {4, {192, 0, 2, 1}},
		.helo = TEXT("mail.example.com"),
		.mail_from = TEXT("<bounce@example.com>"),
		.job = TEXT("4XYZ"),
		.receiver = TEXT("mx.example.org"),
		.now = 1700000000},
	};
}

static inline void
judge_header(void *context, const struct mail_header *header)
{
	struct judge *judge = context;

	checks_header(judge->checks, header);
	checks_end_of_header(judge->checks);
}

static inline void
judge_body(void *context, struct text piece)
{
	struct judge *judge = context;

	checks_body(judge->checks, piece);
	if (judge->is_hasty)
		judge->was_final_early |= checks_run(judge->checks);
}

static inline bool
judge_pass(void *context)
{
	struct judge *judge = context;

	return checks_run(judge->checks);
}

/* NULL: no memory, or no message. Lives until judge_close. */
static inline const struct verdict *
judge_message(struct judge *judge, struct text text)
{
	const struct mail_message_sink sink = {judge_header, judge_body, judge};
	size_t piece = judge->piece == 0 ? text.len + 1 : judge->piece;

	judge->arena = arena_new(
	    judge->arena_max == 0 ? MESSAGE_ARENA_MAX : judge->arena_max);
	if (judge->fail_at > 0)
		arena_fail_after(judge->arena, judge->fail_at);
	judge->checks =
	    checks_new(judge->arena, &judge->options, &judge->envelope);
	if (judge->checks == NULL)
		return NULL;
	struct mail_message *message = mail_message_new(judge->arena, &sink);
	if (message == NULL)
		return NULL;
	for (size_t at = 0; at < text.len; at += piece)
		mail_message_feed(message, text_slice(text, at, at + piece));
	if (!mail_message_finish(message))
		return NULL;
	checks_end_of_body(judge->checks);
	(void)order_drive(checks_facts(judge->checks), judge->zone,
	    judge->order, judge->seed, judge_pass, judge);
	return checks_verdict(judge->checks);
}

static inline void
judge_close(struct judge *judge)
{
	arena_free(judge->arena);
	judge->arena = NULL;
}

/* "pass none none", "fail quarantine mailing_list held": DMARC's result, the
 * action and its reason. */
static inline struct text
judge_words(struct arena *arena, const struct verdict *verdict)
{
	if (verdict == NULL)
		return TEXT("no verdict");
	return arena_format(arena, "%s %s %s%s",
	    names_word(&dmarc_result_names, (int)verdict->dmarc.result),
	    names_word(
		&disposition_action_names, (int)verdict->disposition.action),
	    names_word(&override_type_names, (int)verdict->disposition.reason),
	    verdict->disposition.hold ? " held" : "");
}

#endif
