/* The life of a message here: MAIL begins it, the header fields go into the
 * checks, and at the header's end the checks run for the first time, so that
 * DNS answers arrive while the body does. At the end of the message they run
 * until they are final; then the history is written, and only then does the
 * MTA get its answer. */
#include "conversation.h"

#include "forged.h"
#include "log.h"

#include "history/codec.h"

#include <stdlib.h>
#include <time.h>

enum {
	SECOND = 1000, /* milliseconds */
	PROGRESS_EVERY = 10 * SECOND,
	HELO_ARENA_MAX = 4096,
};

struct conversation {
	struct worker *worker;
	struct loop_stream *stream;
	struct milter_session *session;
	void (*on_closed)(void *context, struct conversation *conversation);
	void *context;
	struct conversation *previous;
	struct conversation *next;
	bool is_closing;

	/* The connection. */
	struct ip client;
	struct arena *helo_arena; /* anew at each HELO */
	struct text helo;
	bool is_ignored; /* IgnoreHosts */

	/* The message. */
	struct arena *arena; /* NULL: none under way */
	struct text mail_from;
	struct forged forged;
	bool has_header;       /* its first field or its end was seen */
	struct checks *checks; /* NULL: exempt, or no memory */
	struct envelope envelope;
	struct fetch *fetch;
	struct loop_timer *deadline;
	struct loop_timer *progress;
	bool is_exempt; /* not judged */
};

struct conversation *
conversation_next(const struct conversation *one)
{
	return one->next;
}

void
conversation_link(struct conversation *one, struct conversation **list)
{
	one->next = *list;
	if (*list != NULL)
		(*list)->previous = one;
	*list = one;
}

void
conversation_unlink(struct conversation *one, struct conversation **list)
{
	if (one->next != NULL)
		one->next->previous = one->previous;
	if (one->previous != NULL)
		one->previous->next = one->next;
	else
		*list = one->next;
}

static void
end_message(struct conversation *c)
{
	loop_timer_stop(c->deadline);
	loop_timer_stop(c->progress);
	if (c->fetch != NULL)
		fetch_free(c->fetch);
	arena_free(c->arena);
	c->deadline = NULL;
	c->progress = NULL;
	c->fetch = NULL;
	c->arena = NULL;
	c->checks = NULL;
	c->envelope = (struct envelope){.now = 0}; /* its texts are gone */
	c->has_header = false;
	c->is_exempt = false;
}

void
conversation_close(struct conversation *c)
{
	end_message(c);
	loop_stream_close(c->stream);
	milter_session_free(c->session);
	arena_free(c->helo_arena);
	c->on_closed(c->context, c);
	free(c);
}

static const struct setup *
its_setup(const struct conversation *c)
{
	return worker_its_setup(c->worker);
}

/* --- what the MTA said --- */

static void
begin_connection(struct conversation *c, const struct milter_event *event)
{
	char address[IP_TEXT_MAX];

	c->client = ip_unmapped(event->ip);
	c->helo = TEXT("");
	/* No address: a local submission, trusted as loopback is. */
	c->is_ignored =
	    c->client.version == 0 ||
	    config_ignores(its_setup(c)->config, &c->client, event->text);
	if (c->is_ignored)
		log_say("ignoring connection from " TEXT_FMT " [%s]",
		    TEXT_ARG(event->text), ip_cstr(&c->client, address));
}

static void
take_helo(struct conversation *c, struct text helo)
{
	arena_free(c->helo_arena);
	c->helo_arena = arena_new(HELO_ARENA_MAX);
	c->helo = TEXT("");
	if (c->helo_arena != NULL)
		c->helo = arena_copy(c->helo_arena, helo);
}

static void
begin_message(struct conversation *c, struct text mail_from)
{
	end_message(c);
	c->arena = arena_new(MESSAGE_ARENA_MAX);
	if (c->arena == NULL)
		return;
	c->mail_from = arena_copy(c->arena, mail_from);
}

/* The queue id is known only now: Postfix gives none at MAIL. */
static void
begin_header(struct conversation *c)
{
	const struct setup *setup = its_setup(c);
	struct text login =
	    milter_session_macro(c->session, TEXT("{auth_authen}"));

	if (c->has_header || c->arena == NULL)
		return;
	c->has_header = true;
	c->is_exempt =
	    c->is_ignored ||
	    (setup->config->ignore_authenticated_clients && login.len > 0);
	c->envelope = (struct envelope){
	    .client = c->client,
	    .helo = c->helo,
	    .mail_from = c->mail_from,
	    .job = arena_copy(
		c->arena, milter_session_macro(c->session, TEXT("i"))),
	    .receiver = setup->config->host_name,
	    .now = (int64_t)time(NULL),
	};
	forged_begin(&c->forged, c->arena, &setup->checks, c->envelope.job);
	if (!c->is_exempt)
		c->checks = checks_new(c->arena, &setup->checks, &c->envelope);
}

/* --- the verdict, carried out --- */

/* What the MTA shows beside a message in its hold queue; never empty. */
static struct text
hold_reason(struct conversation *c, const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;

	if (disposition->comment.len > 0)
		return arena_format(c->arena, "DMARC %s: " TEXT_FMT,
		    names_word(&override_type_names, (int)disposition->reason),
		    TEXT_ARG(disposition->comment));
	return arena_format(c->arena,
	    "quarantined by DMARC policy for " TEXT_FMT,
	    TEXT_ARG(verdict->author.domain));
}

static void
defer(struct conversation *c, const char *why)
{
	log_say(TEXT_FMT ": %s; deferred", TEXT_ARG(c->envelope.job), why);
	milter_reply(c->session, "451", "4.3.0",
	    TEXT("DMARC: message cannot be judged now, try again later"));
}

/* Accepted, tagged, or put on hold. */
static enum history_action
let_through(struct conversation *c, const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;
	bool is_held = disposition->hold &&
		       milter_session_may(c->session, MILTER_ACTION_QUARANTINE);

	if (!forged_remove(&c->forged, c->session)) {
		defer(c, "forged header fields cannot be removed");
		return HISTORY_TEMPFAIL;
	}
	milter_insert_field(
	    c->session, 0, RESULTS_FIELD, verdict->authentication_results);
	if (disposition->action == DISPOSITION_QUARANTINE && is_held)
		milter_quarantine(c->session, hold_reason(c, verdict));
	else if (disposition->action == DISPOSITION_QUARANTINE)
		milter_insert_field(
		    c->session, 0, DISPOSITION_FIELD, TEXT("quarantine"));
	if (!milter_accept(c->session)) {
		log_say(TEXT_FMT ": too many changes for the MTA; deferred",
		    TEXT_ARG(c->envelope.job));
		return HISTORY_TEMPFAIL;
	}
	return disposition->action == DISPOSITION_QUARANTINE
		   ? HISTORY_QUARANTINE
		   : HISTORY_ACCEPT;
}

/* What the MTA is really told; it is sent once the history has it. */
static enum history_action
answer(struct conversation *c, const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;
	bool is_deferred = disposition->action == DISPOSITION_DEFER;

	if (!is_deferred && disposition->action != DISPOSITION_REJECT)
		return let_through(c, verdict);
	milter_reply(c->session, disposition->smtp_code,
	    disposition->smtp_status, disposition->smtp_text);
	return is_deferred ? HISTORY_TEMPFAIL : HISTORY_REJECT;
}

static bool
is_recorded(const struct conversation *c, const struct verdict *verdict,
    enum history_action action)
{
	/* A deferred message comes again and is counted then. */
	if (action == HISTORY_TEMPFAIL)
		return false;
	return verdict->discovery.record != NULL ||
	       its_setup(c)->config->record_all_messages;
}

/* Before the MTA has its answer, so that no message is judged and forgotten. */
static void
record(struct conversation *c, const struct verdict *verdict,
    enum history_action action)
{
	struct journal *journal = worker_journal(c->worker);
	struct problem problem = {PROBLEM_NONE, ""};
	struct history_entry entry;
	struct build lines;
	bool is_kept = false;

	if (journal == NULL || !is_recorded(c, verdict, action))
		return;
	build_init(&lines, HISTORY_ENTRY_MAX);
	if (!history_entry_record(
		c->arena, &c->envelope, verdict, action, &entry) ||
	    !history_write(&lines, &entry)) {
		log_say(TEXT_FMT ": history entry too large; not recorded",
		    TEXT_ARG(c->envelope.job));
	} else if (!journal_append(
		       journal, build_view(&lines), &is_kept, &problem)) {
		worker_say_history_problem(c->worker, &problem);
		if (!is_kept)
			log_lost_entry(build_view(&lines));
	}
	build_free(&lines);
}

static void
log_verdict(const struct conversation *c, const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;
	char client[IP_TEXT_MAX];

	log_say(TEXT_FMT ": " TEXT_FMT " %s client=%s spf=%s policy=%s "
			 "disposition=%s reason=%s \"" TEXT_FMT "\"",
	    TEXT_ARG(c->envelope.job),
	    TEXT_ARG(verdict->author.status == AUTHOR_OK
			 ? verdict->author.domain
			 : verdict->author.reason),
	    names_word(&dmarc_result_names, (int)verdict->dmarc.result),
	    ip_cstr(&c->client, client),
	    names_word(&spf_result_names, (int)verdict->spf.result),
	    names_word(&dmarc_policy_names, (int)verdict->dmarc.policy),
	    names_word(&disposition_action_names, (int)disposition->action),
	    names_word(&override_type_names, (int)disposition->reason),
	    TEXT_ARG(disposition->comment));
}

static void
decide(struct conversation *c)
{
	const struct verdict *verdict = checks_verdict(c->checks);

	if (verdict == NULL) {
		defer(c, "the message needs too much memory");
	} else {
		record(c, verdict, answer(c, verdict));
		log_verdict(c, verdict);
	}
	end_message(c);
}

/* Not judged. A relay that we trust may carry results of ours; who merely
 * logged in may not. */
static void
exempt(struct conversation *c)
{
	if (!c->is_ignored && !forged_remove(&c->forged, c->session))
		defer(c, "forged header fields cannot be removed");
	else
		(void)milter_accept(c->session);
	end_message(c);
}

/* --- driving the checks --- */

static void flush(struct conversation *c);

/* Runs the checks as far as the facts go. */
static void
advance(struct conversation *c)
{
	while (!checks_run(c->checks)) {
		if (!fetch_wanted(c->fetch))
			return;
	}
	decide(c);
}

static void
on_told(void *context)
{
	struct conversation *c = context;

	advance(c);
	flush(c);
}

static void
on_deadline(void *context)
{
	struct conversation *c = context;

	dns_facts_close(checks_facts(c->checks));
	if (checks_run(c->checks)) {
		decide(c);
	} else { /* cannot be: all facts are known or failed */
		defer(c, "the checks did not end");
		end_message(c);
	}
	flush(c);
}

static void
on_progress(void *context)
{
	struct conversation *c = context;

	milter_progress(c->session);
	flush(c);
}

/* From here on DNS answers arrive while the body does. */
static void
end_header(struct conversation *c)
{
	begin_header(c);
	if (c->checks == NULL)
		return;
	checks_end_of_header(c->checks);
	c->fetch = fetch_new(
	    worker_resolver(c->worker), checks_facts(c->checks), on_told, c);
	if (c->fetch != NULL)
		advance(c);
}

/* The time-out begins now, when the MTA waits: a slow sender must not use it
 * up. */
static void
start_timers(struct conversation *c)
{
	struct loop *loop = worker_loop(c->worker);
	unsigned seconds = its_setup(c)->config->message_timeout;

	c->deadline =
	    loop_timer_start(loop, seconds * SECOND, 0, on_deadline, c);
	c->progress = loop_timer_start(
	    loop, PROGRESS_EVERY, PROGRESS_EVERY, on_progress, c);
}

static void
end_body(struct conversation *c)
{
	if (c->is_exempt) {
		exempt(c);
		return;
	}
	if (c->checks != NULL && c->fetch != NULL)
		start_timers(c);
	if (c->deadline == NULL) {
		defer(c, "no memory");
		end_message(c);
		return;
	}
	checks_end_of_body(c->checks);
	advance(c);
}

static void
add_field(struct conversation *c, const struct milter_event *event)
{
	begin_header(c);
	if (c->arena == NULL)
		return;
	forged_note(&c->forged, event->name, event->text);
	if (c->checks != NULL)
		checks_field(c->checks, event->name, event->text,
		    milter_session_leading_space(c->session));
}

static void
handle(struct conversation *c, const struct milter_event *event)
{
	switch (event->kind) {
	case MILTER_EVENT_CONNECT: begin_connection(c, event); break;
	case MILTER_EVENT_HELO: take_helo(c, event->text); break;
	case MILTER_EVENT_MAIL: begin_message(c, event->text); break;
	case MILTER_EVENT_FIELD: add_field(c, event); break;
	case MILTER_EVENT_END_OF_HEADER: end_header(c); break;
	case MILTER_EVENT_BODY:
		if (c->checks != NULL)
			checks_body(c->checks, event->text);
		break;
	case MILTER_EVENT_END_OF_MESSAGE: end_body(c); break;
	case MILTER_EVENT_ABORT: end_message(c); break;
	case MILTER_EVENT_QUIT: c->is_closing = true; break;
	case MILTER_EVENT_ERROR:
		log_say("milter: " TEXT_FMT "; connection closed",
		    TEXT_ARG(event->text));
		c->is_closing = true;
		break;
	}
}

/* --- bytes --- */

/* Handles what is at hand, sends what is to be sent; the conversation may be
 * gone afterwards. */
static void
flush(struct conversation *c)
{
	struct milter_event event;

	while (!c->is_closing && milter_session_next(c->session, &event))
		handle(c, &event);
	struct text output = milter_session_output(c->session);
	loop_stream_write(c->stream, output);
	milter_session_sent(c->session, output.len);
	if (c->is_closing ||
	    (worker_is_stopping(c->worker) && c->arena == NULL))
		conversation_close(c);
}

static void
on_bytes(void *context, struct text bytes)
{
	struct conversation *c = context;

	milter_session_feed(c->session, bytes);
	flush(c);
}

static void
on_end(void *context)
{
	conversation_close(context);
}

void
conversation_stop(struct conversation *conversation)
{
	if (conversation->arena == NULL)
		conversation_close(conversation);
}

struct conversation *
conversation_new(struct worker *worker, struct loop_stream *stream,
    void (*on_closed)(void *context, struct conversation *conversation),
    void *context)
{
	struct conversation *c = calloc(1, sizeof *c);
	struct loop_stream_events events = {on_bytes, on_end, c};

	if (c != NULL)
		c->session = milter_session_new();
	if (c == NULL || c->session == NULL) {
		free(c);
		loop_stream_close(stream);
		return NULL;
	}
	c->worker = worker;
	c->stream = stream;
	c->on_closed = on_closed;
	c->context = context;
	loop_stream_read(stream, &events);
	return c;
}
