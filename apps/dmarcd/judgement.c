#include "judgement.h"

#include "log.h"

#include "history/codec.h"

#include <stdio.h>
#include <time.h>

enum { SECOND = 1000 /* milliseconds */ };

static const struct setup *
its_setup(const struct judgement *j)
{
	return worker_its_setup(j->worker);
}

bool
judgement_begin(struct judgement *j)
{
	j->envelope.receiver = its_setup(j)->config->host_name;
	j->envelope.now = (int64_t)time(NULL);
	(void)clock_gettime(CLOCK_MONOTONIC, &j->began);
	j->checks = checks_new(j->arena, &its_setup(j)->checks, &j->envelope);
	return j->checks != NULL;
}

/* --- driving the checks --- */

/* J may be gone afterwards. */
static void
decide(struct judgement *j)
{
	const struct verdict *verdict = checks_verdict(j->checks);

	j->on_final(j->context, verdict, "the message needs too much memory");
}

/* Runs the checks as far as the facts go. */
static void
advance(struct judgement *j)
{
	while (!checks_run(j->checks)) {
		if (!fetch_wanted(j->fetch))
			return;
	}
	decide(j);
}

static void
on_told(void *context)
{
	advance(context);
}

static void
on_deadline(void *context)
{
	struct judgement *j = context;

	dns_facts_close(checks_facts(j->checks));
	if (checks_run(j->checks))
		decide(j);
	else /* cannot be: all facts are known or failed */
		j->on_final(j->context, NULL, "the checks did not end");
}

bool
judgement_is_ignored(struct judgement *judgement)
{
	if (judgement->checks == NULL)
		return false;
	checks_end_of_header(judgement->checks);
	const struct author *author = checks_author(judgement->checks);
	if (author->status != AUTHOR_OK ||
	    !config_ignores_author(
		worker_its_setup(judgement->worker)->config, author->domain))
		return false;
	log_say(TEXT_FMT ": ignoring mail from " TEXT_FMT,
	    TEXT_ARG(judgement->envelope.job), TEXT_ARG(author->domain));
	judgement->checks = NULL;
	return true;
}

void
judgement_end_header(struct judgement *j)
{
	if (j->checks == NULL)
		return;
	checks_end_of_header(j->checks);
	j->fetch = fetch_new(
	    worker_resolver(j->worker), checks_facts(j->checks), on_told, j);
	if (j->fetch != NULL)
		advance(j);
}

/* The time-out begins now, when the MTA waits: a slow sender must not use it
 * up. */
bool
judgement_end_body(struct judgement *j)
{
	unsigned seconds;

	if (j->checks == NULL || j->fetch == NULL)
		return false;
	seconds = its_setup(j)->config->message_timeout;
	j->deadline = loop_timer_start(
	    worker_loop(j->worker), seconds * SECOND, 0, on_deadline, j);
	if (j->deadline == NULL)
		return false;
	checks_end_of_body(j->checks);
	advance(j);
	return true;
}

void
judgement_end(struct judgement *j)
{
	loop_timer_stop(j->deadline);
	if (j->fetch != NULL)
		fetch_free(j->fetch);
	j->deadline = NULL;
	j->fetch = NULL;
	j->checks = NULL;
}

/* --- what is written of it --- */

struct text
judgement_reason(const struct judgement *j, const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;

	if (disposition->comment.len > 0)
		return arena_format(j->arena, "DMARC %s: " TEXT_FMT,
		    names_word(&override_type_names, (int)disposition->reason),
		    TEXT_ARG(disposition->comment));
	return arena_format(j->arena,
	    "quarantined by DMARC policy for " TEXT_FMT,
	    TEXT_ARG(verdict->author.domain));
}

/* The first To alone: a message has one. */
static bool
is_to_reporter(const struct judgement *j)
{
	const struct mail_field *to =
	    mail_header_find(checks_its_header(j->checks), TEXT("To"), 0);

	return to != NULL &&
	       config_ignores_recipient(its_setup(j)->config, to->value);
}

static bool
is_recorded(const struct judgement *j, const struct verdict *verdict,
    enum history_action action)
{
	/* A deferred message comes again and is counted then. */
	if (action == HISTORY_TEMPFAIL || is_to_reporter(j))
		return false;
	return verdict->discovery.record != NULL ||
	       its_setup(j)->config->record_all_messages;
}

static void
count(const struct judgement *j, const struct verdict *verdict,
    enum history_action action)
{
	static const enum figure answers[] = {
	    [HISTORY_REJECT] = FIGURE_ANSWER_REJECT,
	    [HISTORY_DISCARD] = FIGURE_ANSWER_REJECT,
	    [HISTORY_ACCEPT] = FIGURE_ANSWER_ACCEPT,
	    [HISTORY_TEMPFAIL] = FIGURE_ANSWER_DEFER,
	    [HISTORY_QUARANTINE] = FIGURE_ANSWER_QUARANTINE,
	};

	_Static_assert(FIGURE_DMARC + DMARC_PERMERROR == FIGURE_DMARC_LAST,
	    "a figure for each result");
	worker_count(j->worker, FIGURE_DMARC + verdict->dmarc.result);
	worker_count(j->worker, answers[action]);
	if (verdict->author.status != AUTHOR_OK)
		worker_count(j->worker, FIGURE_FROM_MALFORMED);
}

void
judgement_record(struct judgement *j, const struct verdict *verdict,
    enum history_action action)
{
	struct journal *journal = worker_journal(j->worker);
	struct problem problem = {PROBLEM_NONE, ""};
	struct history_entry entry;
	struct build lines;
	bool is_written = false;
	bool is_kept = false;

	count(j, verdict, action);
	if (journal == NULL || !is_recorded(j, verdict, action))
		return;
	build_init(&lines, HISTORY_ENTRY_MAX);
	if (history_entry_record(
		j->arena, &j->envelope, verdict, action, &entry)) {
		entry.to_reports = j->is_to_reporters;
		is_written = history_write(&lines, &entry);
	}
	if (!is_written) {
		log_warn(TEXT_FMT ": history entry too large; not recorded",
		    TEXT_ARG(j->envelope.job));
	} else if (!journal_append(
		       journal, build_view(&lines), &is_kept, &problem)) {
		worker_say_history_problem(j->worker, &problem);
		if (!is_kept)
			log_lost_entry(build_view(&lines));
		worker_count(j->worker,
		    is_kept ? FIGURE_HISTORY_ENTRIES : FIGURE_HISTORY_LOST);
	} else {
		worker_count(j->worker, FIGURE_HISTORY_ENTRIES);
	}
	build_free(&lines);
}

/* Milliseconds since the header began, DNS and the sender's pauses and all. */
static unsigned long long
age(const struct judgement *j)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)(now.tv_sec - j->began.tv_sec) * 1000 +
	       (unsigned long long)(now.tv_nsec / 1000000) -
	       (unsigned long long)(j->began.tv_nsec / 1000000);
}

void
judgement_log(const struct judgement *j, const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;
	const struct author *author = &verdict->author;
	char client[IP_TEXT_MAX];
	char milliseconds[32];

#define WORD(names, value) text_from_cstr(names_word(&(names), (int)(value)))
	(void)snprintf(milliseconds, sizeof milliseconds, "%llu", age(j));
	const struct log_value values[] = {
	    {"id", j->envelope.job},
	    {"from",
		author->status == AUTHOR_OK ? author->domain : author->reason},
	    {"dmarc", WORD(dmarc_result_names, verdict->dmarc.result)},
	    {"client", text_from_cstr(ip_cstr(&j->envelope.client, client))},
	    {"spf", WORD(spf_result_names, verdict->spf.result)},
	    {"policy", WORD(dmarc_policy_names, verdict->dmarc.policy)},
	    {"disposition",
		WORD(disposition_action_names, disposition->action)},
	    {"reason", WORD(override_type_names, disposition->reason)},
	    {"ms", text_from_cstr(milliseconds)},
	    {"comment", disposition->comment},
	};
#undef WORD
	log_message(values, sizeof values / sizeof *values);
}
