#include "order.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAITING_MAX = 512 };

struct dns_zone *
order_zone(struct text text)
{
	struct problem problem = {.kind = PROBLEM_NONE};
	struct dns_zone *zone = dns_zone_read(text, "zone", &problem);

	if (zone == NULL) {
		(void)fprintf(stderr, "%s\n", problem.text);
		abort();
	}
	return zone;
}

struct waiting {
	struct dns_question question[WAITING_MAX];
	size_t count;
};

static void
collect(struct dns_facts *facts, struct waiting *waiting)
{
	struct dns_question question;

	while (dns_next_wanted(facts, &question)) {
		assert(waiting->count < WAITING_MAX);
		waiting->question[waiting->count++] = question;
	}
}

static void
tell(struct dns_facts *facts, const struct dns_zone *zone,
    struct waiting *waiting, size_t index)
{
	struct dns_question question = waiting->question[index];
	struct dns_answer *answer = dns_zone_answer(zone, &question);

	assert(answer != NULL);
	waiting->question[index] = waiting->question[--waiting->count];
	(void)dns_tell(facts, &question, answer);
}

static unsigned
next_random(unsigned *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 8;
}

unsigned
order_drive(struct dns_facts *facts, const struct dns_zone *zone,
    enum order order, unsigned seed, bool (*check)(void *context),
    void *context)
{
	struct waiting waiting = {.count = 0};
	unsigned random = seed;
	unsigned passes = 1;
	unsigned answers = 0;

	while (!check(context)) {
		assert(dns_facts_waiting(facts));
		collect(facts, &waiting);
		assert(waiting.count > 0);
		if (order == ORDER_CLOSED_EARLY && answers >= seed % 8)
			dns_facts_close(facts);
		else if (order == ORDER_AT_ONCE)
			while (waiting.count > 0)
				tell(facts, zone, &waiting, waiting.count - 1);
		else
			tell(facts, zone, &waiting,
			    next_random(&random) % waiting.count);
		answers++;
		passes++;
		assert(passes <= dns_facts_count(facts) + 2);
	}
	return passes;
}
