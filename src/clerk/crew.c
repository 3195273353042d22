#include "clerk/crew.h"

#include "clerk/relay.h"

#include "loop/thread.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	MEMBERS_MAX = 100,
	REPORT_COPY_MAX = 1024 * 1024,
	ASK_EVERY = 100 * 1000 * 1000, /* nanoseconds: whether to stop */
};

/* A report that was taken, until it is done. */
struct work {
	struct arena *arena; /* NULL: free */
	struct store_report report;
	bool is_begun;
};

struct member {
	struct crew *crew;
	pthread_t thread;
	struct clerk_report job;
	struct clerk_reported reported;
	struct problem problem;
};

struct crew {
	const struct outbox *outbox; /* of who started it */

	pthread_mutex_t mutex; /* for all that follows */
	pthread_cond_t changed;
	bool is_ending;
	struct problem problem;
	/* Besides what is begun as much again, so that who is done goes on with
	 * the connection that it has, and no more, so that what waits is
	 * little. */
	struct work works[2 * MEMBERS_MAX];
	unsigned slots;
	struct member members[MEMBERS_MAX];
	unsigned most;
	unsigned count; /* of members */
	unsigned idle;
	unsigned gone;    /* gave way to the others */
	bool leaves_work; /* one that gave way, since crew_finish */
};

static void
lock(struct crew *crew)
{
	(void)pthread_mutex_lock(&crew->mutex);
}

static void
unlock(struct crew *crew)
{
	(void)pthread_mutex_unlock(&crew->mutex);
}

/* --- a member --- */

static void
say(void *context, const struct store_report *report, const char *what)
{
	const struct member *member = context;
	const struct clerk_report *job = member->crew->outbox->job;

	lock(member->crew);
	if (job->on_report != NULL)
		job->on_report(job->context, report, what);
	unlock(member->crew);
}

static bool
is_ending(void *context)
{
	const struct member *member = context;

	lock(member->crew);
	bool ending = member->crew->is_ending;
	unlock(member->crew);
	return ending;
}

/* No more connections than the relay takes; the last member stays. */
static bool
gives_way(void *context)
{
	const struct member *member = context;
	struct crew *crew = member->crew;

	lock(crew);
	bool may = crew->count - crew->gone > 1;
	if (may) {
		crew->gone++;
		crew->most = crew->count;
		crew->leaves_work = true;
	}
	unlock(crew);
	return may;
}

static struct work *
next_work(struct crew *crew)
{
	for (unsigned i = 0; i < crew->slots; i++) {
		if (crew->works[i].arena != NULL && !crew->works[i].is_begun)
			return &crew->works[i];
	}
	return NULL;
}

/* NULL: there will be none. */
static struct work *
begin_work(struct crew *crew)
{
	struct work *work = NULL;

	lock(crew);
	crew->idle++;
	while (!crew->is_ending && (work = next_work(crew)) == NULL)
		(void)pthread_cond_wait(&crew->changed, &crew->mutex);
	crew->idle--;
	if (crew->is_ending)
		work = NULL;
	if (work != NULL)
		work->is_begun = true;
	unlock(crew);
	return work;
}

static void
end_work(struct crew *crew, struct work *work)
{
	lock(crew);
	arena_free(work->arena);
	*work = (struct work){.arena = NULL};
	(void)pthread_cond_broadcast(&crew->changed);
	unlock(crew);
}

static bool
open_relay(struct member *member, struct outbox *outbox)
{
	const struct outbox *first = member->crew->outbox;

	if (outbox->deliver == NULL)
		outbox->deliver = relay_open(first->job->config,
		    first->sender.self.receiver, &member->problem);
	return outbox->deliver != NULL;
}

/* The server may think about its answer to QUIT: not with the lock. */
static void
close_relay(struct outbox *outbox)
{
	deliver_free(outbox->deliver);
	outbox->deliver = NULL;
}

/* Who has nothing to do keeps no connection: a server may take no other
 * meanwhile. */
static void
close_relay_if_idle(struct crew *crew, struct outbox *outbox)
{
	lock(crew);
	bool is_idle = next_work(crew) == NULL;
	unlock(crew);
	if (is_idle)
		close_relay(outbox);
}

static bool
serve(struct member *member, struct outbox *outbox)
{
	struct crew *crew = member->crew;
	struct work *work;
	bool good = true;

	while (
	    good && !outbox->is_stopped && (work = begin_work(crew)) != NULL) {
		good = open_relay(member, outbox) &&
		       outbox_send(outbox, &work->report);
		end_work(crew, work);
		close_relay_if_idle(crew, outbox);
	}
	return good;
}

/* Libraries are told of new users one after the other. */
static bool
open_all(struct member *member, struct outbox *outbox, struct loop **ret_loop)
{
	struct crew *crew = member->crew;
	const struct outbox *first = crew->outbox;

	lock(crew);
	*ret_loop = loop_new(&member->problem);
	if (*ret_loop != NULL)
		outbox->resolver = resolver_another(
		    first->resolver, *ret_loop, &member->problem);
	if (outbox->resolver != NULL)
		outbox->store = store_another(first->store, &member->problem);
	unlock(crew);
	return outbox->store != NULL;
}

static void
close_all(struct member *member, struct outbox *outbox, struct loop *loop)
{
	close_relay(outbox);
	lock(member->crew);
	store_close(outbox->store);
	resolver_free(outbox->resolver);
	loop_free(loop);
	unlock(member->crew);
}

static void
note_failure(struct crew *crew, const struct problem *problem)
{
	lock(crew);
	if (crew->problem.kind == PROBLEM_NONE)
		crew->problem = *problem;
	crew->is_ending = true;
	(void)pthread_cond_broadcast(&crew->changed);
	unlock(crew);
}

static void *
run_member(void *context)
{
	struct member *member = context;
	struct loop *loop = NULL;
	struct outbox outbox = {.job = &member->job,
	    .sender = member->crew->outbox->sender,
	    .reported = &member->reported,
	    .problem = &member->problem,
	    .gives_way = gives_way,
	    .context = member};

	if (!open_all(member, &outbox, &loop) || !serve(member, &outbox))
		note_failure(member->crew, &member->problem);
	close_all(member, &outbox, loop);
	return NULL;
}

static unsigned
count_waiting(const struct crew *crew)
{
	unsigned count = 0;

	for (unsigned i = 0; i < crew->slots; i++)
		count +=
		    crew->works[i].arena != NULL && !crew->works[i].is_begun;
	return count;
}

/* One that cannot be had is no failure, if there is another. An idle one that
 * was told of work is idle until it wakes. */
static void
add_member(struct crew *crew)
{
	struct member *member = &crew->members[crew->count];

	if (crew->idle >= count_waiting(crew) || crew->count == crew->most)
		return;
	*member = (struct member){.crew = crew, .job = *crew->outbox->job};
	member->job.on_report = say;
	member->job.should_stop = is_ending;
	member->job.context = member;
	int error = thread_start(&member->thread, run_member, member);
	if (error == 0) {
		crew->count++;
	} else if (crew->count == 0) {
		(void)problem_set(&crew->problem, PROBLEM_TEMPORARY,
		    "no thread can be started: %s", strerror(error));
		crew->is_ending = true;
	}
}

/* --- who has it work --- */

struct crew *
crew_new(
    const struct outbox *outbox, unsigned most, struct problem *ret_problem)
{
	struct crew *crew = calloc(1, sizeof *crew);

	if (crew == NULL || pthread_mutex_init(&crew->mutex, NULL) != 0 ||
	    pthread_cond_init(&crew->changed, NULL) != 0) {
		free(crew);
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	crew->outbox = outbox;
	crew->most = most < MEMBERS_MAX ? most : MEMBERS_MAX;
	crew->slots = 2 * crew->most;
	return crew;
}

/* Waits for a change a while, and asks whether to stop, without the lock: who
 * is asked may do anything. */
static void
pause_for_change(struct crew *crew)
{
	const struct clerk_report *job = crew->outbox->job;
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ASK_EVERY;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pthread_cond_timedwait(&crew->changed, &crew->mutex, &until);
	unlock(crew);
	bool stops = job->should_stop != NULL && job->should_stop(job->context);
	lock(crew);
	if (!stops)
		return;
	crew->is_ending = true;
	(void)pthread_cond_broadcast(&crew->changed);
}

static bool
is_under_way(const struct crew *crew, struct text domain)
{
	for (unsigned i = 0; i < crew->slots; i++) {
		const struct work *work = &crew->works[i];
		if (work->arena != NULL &&
		    text_equal(work->report.policy.domain, domain))
			return true;
	}
	return false;
}

static struct work *
free_work(struct crew *crew)
{
	for (unsigned i = 0; i < crew->slots; i++) {
		if (crew->works[i].arena == NULL)
			return &crew->works[i];
	}
	return NULL;
}

enum { TEXTS = 14 }; /* of a report, without its rua */

static bool
copy_report(struct work *work, const struct store_report *report)
{
	struct arena *arena = arena_new(REPORT_COPY_MAX);
	struct store_report copy = *report;
	struct report_policy *policy = &copy.policy;
	struct text *const texts[TEXTS] = {&copy.id, &policy->domain,
	    &policy->p, &policy->sp, &policy->np, &policy->adkim, &policy->aspf,
	    &policy->fo, &policy->testing, &policy->discovery_method,
	    &copy.sender.email, &copy.sender.receiver,
	    &copy.sender.organization, &copy.sender.contact};

	if (arena == NULL)
		return false;
	for (size_t i = 0; i < TEXTS; i++)
		*texts[i] = arena_copy(arena, *texts[i]);
	/* Those of today are asked for. */
	copy.rua.at = NULL;
	copy.rua.count = copy.rua.room = 0;
	if (arena_failed(arena)) {
		arena_free(arena);
		return false;
	}
	*work = (struct work){.arena = arena, .report = copy};
	return true;
}

static enum crew_answer
take(struct crew *crew, const struct store_report *report)
{
	struct work *work;

	if (is_under_way(crew, report->policy.domain))
		return CREW_LATER;
	while ((work = free_work(crew)) == NULL && !crew->is_ending)
		pause_for_change(crew);
	if (crew->is_ending)
		return CREW_ENDED;
	if (!copy_report(work, report)) {
		crew->is_ending = true;
		(void)problem_no_memory(&crew->problem);
		return CREW_ENDED;
	}
	add_member(crew);
	(void)pthread_cond_broadcast(&crew->changed);
	return CREW_TAKEN;
}

enum crew_answer
crew_offer(struct crew *crew, const struct store_report *report)
{
	lock(crew);
	enum crew_answer answer = take(crew, report);
	unlock(crew);
	return answer;
}

static bool
has_work(const struct crew *crew, bool begun_only)
{
	for (unsigned i = 0; i < crew->slots; i++) {
		if (crew->works[i].arena != NULL &&
		    (crew->works[i].is_begun || !begun_only))
			return true;
	}
	return false;
}

bool
crew_finish(struct crew *crew)
{
	lock(crew);
	while (has_work(crew, crew->is_ending))
		pause_for_change(crew);
	bool leaves_work = crew->leaves_work;
	crew->leaves_work = false;
	unlock(crew);
	return leaves_work;
}

static void
add_reported(struct clerk_reported *sum, const struct clerk_reported *one)
{
	sum->reports += one->reports;
	sum->sent += one->sent;
	sum->failed += one->failed;
	if (sum->later == 0)
		memcpy(sum->later_words, one->later_words,
		    sizeof sum->later_words);
	sum->later += one->later;
}

bool
crew_end(struct crew *crew, struct problem *ret_problem)
{
	lock(crew);
	crew->is_ending = true;
	(void)pthread_cond_broadcast(&crew->changed);
	unlock(crew);
	for (unsigned i = 0; i < crew->count; i++) {
		(void)pthread_join(crew->members[i].thread, NULL);
		add_reported(
		    crew->outbox->reported, &crew->members[i].reported);
	}
	for (unsigned i = 0; i < crew->slots; i++)
		arena_free(crew->works[i].arena);
	struct problem problem = crew->problem;
	(void)pthread_cond_destroy(&crew->changed);
	(void)pthread_mutex_destroy(&crew->mutex);
	free(crew);
	return problem.kind == PROBLEM_NONE ||
	       problem_set(ret_problem, problem.kind, "%s", problem.text);
}
