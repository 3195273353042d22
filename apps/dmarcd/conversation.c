/* The life of a message here: MAIL begins it, the header fields go into the
 * checks, and at the header's end the checks run for the first time, so that
 * DNS answers arrive while the body does. At the end of the message they run
 * until they are final; then the history is written, and only then does the
 * MTA get its answer. */
#include "conversation.h"

#include "log.h"

#include "history/codec.h"
#include "mail/authres.h"
#include "milter/session.h"
#include "verdict/checks.h"

#include <stdlib.h>
#include <time.h>

enum {
	SECOND = 1000, /* milliseconds */
	PROGRESS_EVERY = 10 * SECOND,
	HELO_ARENA_MAX = 4096,
	FORGED_MAX = 100, /* forged fields that are removed; more: refused */
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
	struct checks *checks;
	struct envelope envelope;
	struct fetch *fetch;
	struct loop_timer *deadline;
	struct loop_timer *progress;
	bool is_exempt; /* not judged */
	bool is_asked;  /* END_OF_MESSAGE waits for its answer */
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
	c->is_asked = false;
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
	if (c->arena != NULL)
		c->mail_from = arena_copy(c->arena, mail_from);
}

/* The queue id is known only now: Postfix gives none at MAIL. */
static void
begin_header(struct conversation *c)
{
	const struct setup *setup = its_setup(c);
	struct text login =
	    milter_session_macro(c->session, TEXT("{auth_authen}"));

	if (c->checks != NULL || c->arena == NULL)
		return;
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
	c->checks = checks_new(c->arena, &setup->checks, &c->envelope);
}

/* --- the verdict, carried out --- */

/* Removes the fields called NAME that CLAIMS says are forged, from the highest
 * number down, since the MTA counts anew after each. */
static void
remove_forged(struct conversation *c, struct text name,
    bool (*claims)(struct conversation *c, struct text value))
{
	const struct mail_header *header = checks_fields(c->checks);
	uint32_t forged[FORGED_MAX];
	size_t count = 0;
	uint32_t nth = 0;

	for (size_t i = 0; i < header->fields.count; i++) {
		const struct mail_field *field = &header->fields.at[i];
		if (!text_equal_nocase(field->name, name))
			continue;
		nth++;
		if (count < FORGED_MAX && claims(c, field->value))
			forged[count++] = nth;
	}
	while (count > 0)
		milter_delete_field(c->session, name, forged[--count]);
}

static bool
claims_our_results(struct conversation *c, struct text value)
{
	const struct config *config = its_setup(c)->config;
	struct text more = config->trusted_authserv_ids;

	if (authres_claims(c->arena, value, config->authserv_id))
		return true;
	while (more.len > 0) {
		struct text id = text_trim(text_split(&more, ','));
		if (id.len > 0 && authres_claims(c->arena, value, id))
			return true;
	}
	return false;
}

static bool
claims_any(struct conversation *c, struct text value)
{
	(void)c;
	(void)value;
	return true;
}

#define RESULTS_FIELD     TEXT("Authentication-Results")
#define DISPOSITION_FIELD TEXT("X-DMARC-Disposition")

static void
remove_all_forged(struct conversation *c)
{
	if (!milter_session_may(c->session, MILTER_ACTION_CHANGE_HEADERS))
		return;
	remove_forged(c, RESULTS_FIELD, claims_our_results);
	remove_forged(c, DISPOSITION_FIELD, claims_any);
}

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

static enum history_action
answer(struct conversation *c, const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;
	bool may_hold =
	    milter_session_may(c->session, MILTER_ACTION_QUARANTINE);

	switch (disposition->action) {
	case DISPOSITION_REJECT:
	case DISPOSITION_DEFER:
		milter_reply(c->session, disposition->smtp_code,
		    disposition->smtp_status, disposition->smtp_text);
		return disposition->action == DISPOSITION_REJECT
			   ? HISTORY_REJECT
			   : HISTORY_TEMPFAIL;
	case DISPOSITION_QUARANTINE:
	case DISPOSITION_NONE: break;
	}
	remove_all_forged(c);
	milter_insert_field(
	    c->session, 0, RESULTS_FIELD, verdict->authentication_results);
	if (disposition->action == DISPOSITION_NONE) {
		milter_accept(c->session);
		return HISTORY_ACCEPT;
	}
	if (disposition->hold && may_hold)
		milter_quarantine(c->session, hold_reason(c, verdict));
	else
		milter_insert_field(
		    c->session, 0, DISPOSITION_FIELD, TEXT("quarantine"));
	milter_accept(c->session);
	return HISTORY_QUARANTINE;
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
		log_say(TEXT_FMT ": history: %s; entry %s",
		    TEXT_ARG(c->envelope.job), problem.text,
		    is_kept ? "waits in memory" : "follows");
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
		log_say(TEXT_FMT ": message needs too much memory; deferred",
		    TEXT_ARG(c->envelope.job));
		milter_reply(c->session, "451", "4.3.0",
		    TEXT("DMARC: message too complex, try again later"));
	} else {
		record(c, verdict, answer(c, verdict));
		log_verdict(c, verdict);
	}
	end_message(c);
}

static void
exempt(struct conversation *c)
{
	/* A relay that we trust may carry results of ours; who merely logged
	 * in may not. */
	if (!c->is_ignored)
		remove_all_forged(c);
	milter_accept(c->session);
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
	if (c->is_asked)
		advance(c);
	flush(c);
}

static void
on_progress(void *context)
{
	struct conversation *c = context;

	if (c->is_asked)
		milter_progress(c->session);
	flush(c);
}

static void
end_header(struct conversation *c)
{
	struct loop *loop = worker_loop(c->worker);
	unsigned seconds = its_setup(c)->config->message_timeout;

	begin_header(c);
	if (c->checks == NULL || c->is_exempt)
		return;
	checks_end_of_header(c->checks);
	c->fetch = fetch_new(
	    worker_resolver(c->worker), checks_facts(c->checks), on_told, c);
	c->deadline =
	    loop_timer_start(loop, seconds * SECOND, 0, on_deadline, c);
	c->progress = loop_timer_start(
	    loop, PROGRESS_EVERY, PROGRESS_EVERY, on_progress, c);
	if (c->fetch != NULL)
		advance(c);
}

static void
defer(struct conversation *c)
{
	log_say("no memory for a message; deferred");
	milter_reply(c->session, "451", "4.3.0",
	    TEXT("DMARC: out of memory, try again later"));
	end_message(c);
}

static void
end_body(struct conversation *c)
{
	if (c->is_exempt) {
		exempt(c);
		return;
	}
	if (c->checks == NULL || c->fetch == NULL || c->deadline == NULL) {
		defer(c);
		return;
	}
	c->is_asked = true;
	checks_end_of_body(c->checks);
	advance(c);
}

static void
add_field(struct conversation *c, const struct milter_event *event)
{
	begin_header(c);
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
		if (c->checks != NULL && !c->is_exempt)
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
