/* Plan: a fetch hands each wanted question to the cache, then to a question
 * that is open already, then to the source. An answer is told to all that wait
 * for it, whenever it comes; whom it was told to goes on the ready list, and
 * the loop's next turn calls them. So no callback runs inside somebody's call,
 * and a fetch that gets several answers in one turn is called once. */
#include "resolve/resolver.h"

#include "resolve/cache.h"
#include "resolve/question.h"
#include "resolve/source.h"

#include <stdlib.h>
#include <string.h>

enum {
	CHAINS = 1024,
	STEP = 500, /* milliseconds: asks so often whether to stop */
};

/* One fetch waiting for one open question; on a list of each of them. */
struct wait {
	struct wait *next_of_question;
	struct wait *next_of_fetch;
	struct wait *previous_of_fetch;
	struct fetch *fetch; /* NULL: it was freed meanwhile */
};

struct open_question {
	struct open_question *next; /* of the chain */
	struct resolver *resolver;
	struct wait *waits;
	struct dns_question question;
	char name[];
};

struct fetch {
	struct resolver *resolver;
	struct dns_facts *facts;
	void (*on_told)(void *context);
	void *context;
	struct wait *waits;
	bool is_ready; /* on the ready list */
	struct fetch *next_ready;
	struct fetch *previous_ready;
};

struct resolver {
	struct loop *loop;
	struct source *source;
	struct cache *cache; /* NULL: none */
	struct question_key key;
	struct open_question *open[CHAINS];
	struct fetch *ready;
	struct loop_timer *call; /* calls the ready ones in the next turn */
	struct resolver_figures figures;
	/* How another one is made: from ZONE, or with these. */
	const struct dns_zone *zone;
	struct resolver_options options;
	char *servers;
};

/* --- the ready list --- */

static void
remove_ready(struct fetch *fetch)
{
	if (!fetch->is_ready)
		return;
	fetch->is_ready = false;
	if (fetch->previous_ready != NULL)
		fetch->previous_ready->next_ready = fetch->next_ready;
	else
		fetch->resolver->ready = fetch->next_ready;
	if (fetch->next_ready != NULL)
		fetch->next_ready->previous_ready = fetch->previous_ready;
}

static void
call_ready(void *context)
{
	struct resolver *resolver = context;

	loop_timer_stop(resolver->call);
	resolver->call = NULL;
	while (resolver->ready != NULL) {
		struct fetch *fetch = resolver->ready;
		remove_ready(fetch);
		fetch->on_told(fetch->context);
	}
}

static void
add_ready(struct fetch *fetch)
{
	struct resolver *resolver = fetch->resolver;

	if (!fetch->is_ready) {
		fetch->is_ready = true;
		fetch->previous_ready = NULL;
		fetch->next_ready = resolver->ready;
		if (resolver->ready != NULL)
			resolver->ready->previous_ready = fetch;
		resolver->ready = fetch;
	}
	if (resolver->call == NULL)
		resolver->call = loop_timer_start(
		    resolver->loop, 0, 0, call_ready, resolver);
}

/* --- open questions --- */

static struct open_question **
find_place(struct resolver *resolver, const struct dns_question *question)
{
	uint64_t hash = question_hash(&resolver->key, question);
	struct open_question **place = &resolver->open[hash % CHAINS];

	while (*place != NULL && !question_equal(&(*place)->question, question))
		place = &(*place)->next;
	return place;
}

static struct open_question *
new_open(struct resolver *resolver, const struct dns_question *question)
{
	size_t len = question->name.len;
	struct open_question *open = malloc(sizeof *open + len);

	if (open == NULL)
		return NULL;
	*open = (struct open_question){
	    .resolver = resolver,
	    .question = {.name = {open->name, len}, .type = question->type},
	};
	if (len > 0)
		memcpy(open->name, question->name.ptr, len);
	return open;
}

static bool
add_wait(struct open_question *open, struct fetch *fetch)
{
	struct wait *wait = calloc(1, sizeof *wait);

	if (wait == NULL)
		return false;
	wait->fetch = fetch;
	wait->next_of_question = open->waits;
	open->waits = wait;
	wait->next_of_fetch = fetch->waits;
	if (fetch->waits != NULL)
		fetch->waits->previous_of_fetch = wait;
	fetch->waits = wait;
	return true;
}

/* Takes the wait off its fetch's list. */
static void
end_wait(struct wait *wait)
{
	if (wait->previous_of_fetch != NULL)
		wait->previous_of_fetch->next_of_fetch = wait->next_of_fetch;
	else
		wait->fetch->waits = wait->next_of_fetch;
	if (wait->next_of_fetch != NULL)
		wait->next_of_fetch->previous_of_fetch =
		    wait->previous_of_fetch;
}

static void
tell_waiting(struct open_question *open, const struct dns_answer *answer)
{
	while (open->waits != NULL) {
		struct wait *wait = open->waits;
		struct fetch *fetch = wait->fetch;
		open->waits = wait->next_of_question;
		if (fetch != NULL) {
			end_wait(wait);
			if (dns_tell(fetch->facts, &open->question,
				dns_answer_ref(answer)))
				add_ready(fetch);
		}
		free(wait);
	}
}

void
resolver_take_answer(
    struct open_question *open, const struct dns_answer *answer, bool may_keep)
{
	struct resolver *resolver = open->resolver;

	if (answer->status == DNS_FAILED)
		resolver->figures.failed++;
	if (may_keep && resolver->cache != NULL)
		cache_put(resolver->cache, &open->question, answer,
		    loop_now(resolver->loop));
	*find_place(resolver, &open->question) = open->next;
	tell_waiting(open, answer);
	dns_answer_unref(answer);
	free(open);
}

void
resolver_note_time_out(const struct open_question *open)
{
	open->resolver->figures.timed_out++;
}

/* --- fetches --- */

struct fetch *
fetch_new(struct resolver *resolver, struct dns_facts *facts,
    void (*on_told)(void *context), void *context)
{
	struct fetch *fetch = calloc(1, sizeof *fetch);

	if (fetch == NULL)
		return NULL;
	fetch->resolver = resolver;
	fetch->facts = facts;
	fetch->on_told = on_told;
	fetch->context = context;
	return fetch;
}

/* The answer that is at hand, with a reference, or NULL: it will be told. */
static const struct dns_answer *
ask(struct fetch *fetch, const struct dns_question *question)
{
	struct resolver *resolver = fetch->resolver;
	const struct dns_answer *answer =
	    resolver->cache == NULL ? NULL
				    : cache_find(resolver->cache, question,
					  loop_now(resolver->loop));

	resolver->figures.asked++;
	if (answer != NULL) {
		resolver->figures.from_cache++;
		return dns_answer_ref(answer);
	}
	struct open_question **place = find_place(resolver, question);
	if (*place != NULL)
		return add_wait(*place, fetch) ? NULL : &dns_answer_failed;
	struct open_question *open = new_open(resolver, question);
	if (open == NULL || !add_wait(open, fetch)) {
		free(open);
		return &dns_answer_failed;
	}
	*place = open;
	resolver->figures.sent++;
	resolver->source->functions->ask(
	    resolver->source, &open->question, open);
	return NULL;
}

bool
fetch_wanted(struct fetch *fetch)
{
	struct dns_question question;
	bool has_told = false;

	while (dns_next_wanted(fetch->facts, &question)) {
		const struct dns_answer *answer = ask(fetch, &question);
		if (answer != NULL)
			has_told |= dns_tell(fetch->facts, &question, answer);
	}
	/* Answered from within: no need for a callback. */
	has_told |= fetch->is_ready;
	remove_ready(fetch);
	return has_told;
}

void
fetch_free(struct fetch *fetch)
{
	if (fetch == NULL)
		return;
	remove_ready(fetch);
	for (struct wait *w = fetch->waits; w != NULL; w = w->next_of_fetch)
		w->fetch = NULL;
	free(fetch);
}

static void
on_told_nothing(void *context)
{
	(void)context;
}

int64_t
resolver_deadline(const struct resolver *resolver, unsigned seconds)
{
	return loop_now(resolver->loop) + (int64_t)seconds * 1000;
}

bool
resolver_answer_wanted(
    struct resolver *resolver, struct dns_facts *facts, int64_t deadline)
{
	struct fetch *fetch = fetch_new(resolver, facts, on_told_nothing, NULL);

	while (fetch != NULL && dns_facts_waiting(facts)) {
		if (fetch_wanted(fetch))
			continue;
		int64_t left = deadline - loop_now(resolver->loop);
		if (left <= 0)
			break;
		loop_step(resolver->loop, left < 1000 ? (unsigned)left : 1000);
	}
	fetch_free(fetch);
	if (!dns_facts_waiting(facts))
		return true;
	dns_facts_close(facts);
	return false;
}

/* --- several checks --- */

/* As far as it comes without waiting. */
static void
run_check(struct resolver_check *check)
{
	while (!check->is_final && !dns_facts_waiting(check->facts)) {
		check->is_final = check->run(check->context);
		if (!check->is_final && !fetch_wanted(check->fetch))
			return;
	}
}

/* True: all are final. */
static bool
run_all(struct resolver_check *checks, size_t count)
{
	bool are_final = true;

	for (size_t i = 0; i < count; i++) {
		run_check(&checks[i]);
		are_final = are_final && checks[i].is_final;
	}
	return are_final;
}

/* The milliseconds until the deadline; 0 if it has come. */
static unsigned
time_left(
    const struct resolver *resolver, const struct resolver_patience *patience)
{
	int64_t left = patience->deadline - loop_now(resolver->loop);

	if (left <= 0 || (patience->should_stop != NULL &&
			     patience->should_stop(patience->context)))
		return 0;
	return left < STEP ? (unsigned)left : STEP;
}

void
resolver_run_checks(struct resolver *resolver, struct resolver_check *checks,
    size_t count, const struct resolver_patience *patience)
{
	unsigned left;

	for (size_t i = 0; i < count; i++) {
		checks[i].is_final = false;
		checks[i].fetch =
		    fetch_new(resolver, checks[i].facts, on_told_nothing, NULL);
		if (checks[i].fetch == NULL)
			dns_facts_close(checks[i].facts);
	}
	while (!run_all(checks, count) &&
	       (left = time_left(resolver, patience)) > 0)
		loop_step(resolver->loop, left);
	for (size_t i = 0; i < count; i++)
		dns_facts_close(checks[i].facts);
	(void)run_all(checks, count);
	for (size_t i = 0; i < count; i++)
		fetch_free(checks[i].fetch);
}

/* --- set up --- */

/* Takes over SOURCE, which may be NULL: then *ret_problem is set already, or
 * memory ran out. */
static struct resolver *
new_resolver(struct loop *loop, struct source *source, size_t cache_budget,
    struct problem *ret_problem)
{
	struct resolver *resolver = calloc(1, sizeof *resolver);

	if (resolver != NULL && cache_budget > 0)
		resolver->cache = cache_new(cache_budget);
	if (resolver == NULL || source == NULL ||
	    (cache_budget > 0 && resolver->cache == NULL) ||
	    !question_key_draw(&resolver->key)) {
		if (source != NULL)
			source->functions->free(source);
		if (resolver != NULL)
			cache_free(resolver->cache);
		free(resolver);
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	resolver->loop = loop;
	resolver->source = source;
	return resolver;
}

static bool
keep_options(struct resolver *resolver, const struct resolver_options *options)
{
	resolver->options = *options;
	if (options->servers == NULL)
		return true;
	resolver->options.servers = resolver->servers =
	    strdup(options->servers);
	return resolver->servers != NULL;
}

struct resolver *
resolver_new_network(struct loop *loop, const struct resolver_options *options,
    struct problem *ret_problem)
{
	struct source *source = source_new_network(loop, options, ret_problem);
	struct resolver *resolver =
	    new_resolver(loop, source, options->cache_bytes, ret_problem);

	if (resolver == NULL || keep_options(resolver, options))
		return resolver;
	resolver_free(resolver);
	(void)problem_no_memory(ret_problem);
	return NULL;
}

struct resolver *
resolver_new_zone(
    struct loop *loop, const struct dns_zone *zone, struct problem *ret_problem)
{
	struct resolver *resolver =
	    new_resolver(loop, source_new_zone(zone), 0, ret_problem);

	if (resolver != NULL)
		resolver->zone = zone;
	return resolver;
}

struct resolver *
resolver_another(const struct resolver *resolver, struct loop *loop,
    struct problem *ret_problem)
{
	return resolver->zone != NULL
		   ? resolver_new_zone(loop, resolver->zone, ret_problem)
		   : resolver_new_network(
			 loop, &resolver->options, ret_problem);
}

void
resolver_free(struct resolver *resolver)
{
	if (resolver == NULL)
		return;
	resolver->source->functions->free(resolver->source);
	loop_timer_stop(resolver->call);
	cache_free(resolver->cache);
	free(resolver->servers);
	free(resolver);
}

void
resolver_figures(
    const struct resolver *resolver, struct resolver_figures *ret_figures)
{
	*ret_figures = resolver->figures;
	if (resolver->cache == NULL)
		return;
	ret_figures->cache_entries = cache_entries(resolver->cache);
	ret_figures->cache_bytes = cache_bytes(resolver->cache);
}
