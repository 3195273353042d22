/* Replay: what a verdict was made from, as a text: envelope, time, options, and
 * every DNS answer. With the message it gives the same verdict again, offline.
 * The form is described in docs/formats.md.
 *
 * Of the options all but what stands in files (the suffix list, of which only
 * the method is named, TrustedSenders, LocalPolicy) and whether the story is
 * kept. */
#ifndef VERDICT_REPLAY_H
#define VERDICT_REPLAY_H

#include "dns/zone.h"
#include "verdict/checks.h"

struct replay {
	struct envelope envelope;
	struct checks_options options;
	struct dns_zone *facts; /* answered by dns_zone_recall */
};

/* FACTS without an answer are left out. */
void replay_write(struct build *build, const struct envelope *envelope,
    const struct checks_options *options, const struct dns_facts *facts);

/* Texts point into TEXT or ARENA, which frees the facts. REPLAY holds what
 * stays where TEXT says nothing. NAME is what messages call it. False:
 * *ret_problem, and REPLAY is as good as lost. */
bool replay_read(struct arena *arena, struct text text, const char *name,
    struct replay *replay, struct problem *ret_problem) MUST_USE;

#endif
