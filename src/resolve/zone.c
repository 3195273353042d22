/* The source that answers from a zone text, at once. */
#include "resolve/source.h"

#include <stdlib.h>

struct zone_source {
	struct source source;
	const struct dns_zone *zone;
};

static void
zone_ask(struct source *source, const struct dns_question *question,
    struct open_question *open)
{
	const struct zone_source *self = (const struct zone_source *)source;
	const struct dns_answer *answer = dns_zone_answer(self->zone, question);

	if (answer == NULL)
		answer = &dns_answer_failed;
	resolver_take_answer(open, answer, false);
}

static void
zone_free(struct source *source)
{
	free(source);
}

static const struct source_functions functions = {
    .ask = zone_ask,
    .free = zone_free,
};

struct source *
source_new_zone(const struct dns_zone *zone)
{
	struct zone_source *self = calloc(1, sizeof *self);

	if (self == NULL)
		return NULL;
	*self = (struct zone_source){{&functions}, zone};
	return &self->source;
}
