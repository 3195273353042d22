/* The life of a message here: MAIL begins it, the header fields go into the
 * checks, and at the header's end the checks run for the first time, so that
 * DNS answers arrive while the body does. At the end of the message they run
 * until they are final; then the history is written, and only then does the
 * MTA get its answer. */
#include "conversation.h"

#include "forged.h"
#include "judgement.h"
#include "log.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	PROGRESS_EVERY = 10 * 1000, /* milliseconds */
	HELO_ARENA_MAX = 4096,
};

struct conversation {
	struct guest guest; /* first: its address is the conversation's */
	struct worker *worker;
	struct loop_stream *stream;
	struct milter_session *session;
	bool is_handling; /* what the MTA said, so all is flushed after it */
	bool is_closing;

	/* The connection. */
	struct ip client;
	struct arena *helo_arena; /* anew at each HELO */
	struct text helo;
	bool is_ignored; /* IgnoreHosts */

	/* The message. */
	struct arena *arena; /* NULL: none under way */
	struct text mail_from;
	bool has_recipient, has_other; /* one who takes no reports */
	struct forged forged;
	bool has_header; /* its first field or its end was seen */
	bool is_exempt;  /* not judged */
	bool is_login;   /* because its client logged in */
	struct judgement judgement;
	struct loop_timer *progress;
};

static void
end_message(struct conversation *c)
{
	loop_timer_stop(c->progress);
	judgement_end(&c->judgement);
	arena_free(c->arena);
	c->progress = NULL;
	c->arena = NULL;
	c->judgement = (struct judgement){0}; /* its texts are gone */
	c->has_recipient = c->has_other = false;
	c->has_header = false;
	c->is_exempt = false;
	c->is_login = false;
}

static void
close_now(struct guest *guest)
{
	struct conversation *c = (struct conversation *)guest;

	end_message(c);
	loop_stream_close(c->stream);
	milter_session_free(c->session);
	arena_free(c->helo_arena);
	worker_dismiss(c->worker, guest);
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
	c->is_ignored =
	    c->client.version == 0 ||
	    config_ignores(its_setup(c)->config, &c->client, event->text);
	/* A local submission, trusted as loopback is. */
	if (c->client.version == 0) {
		worker_count(c->worker, FIGURE_CONNECTIONS_LOCAL);
		log_say("local submission from " TEXT_FMT
			": accepted unchecked, number %" PRIu64,
		    TEXT_ARG(event->text), board_sum(FIGURE_CONNECTIONS_LOCAL));
	} else if (c->is_ignored)
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

/* PATH with <> or without. */
static void
note_recipient(struct conversation *c, struct text path)
{
	if (text_starts(path, TEXT("<")) && path.ptr[path.len - 1] == '>')
		path = text_slice(path, 1, path.len - 1);
	c->has_recipient = true;
	if (!config_takes_reports(its_setup(c)->config, path))
		c->has_other = true;
}

static void on_final(
    void *context, const struct verdict *verdict, const char *why);

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
	c->is_login =
	    setup->config->ignore_authenticated_clients && login.len > 0;
	c->is_exempt = c->is_ignored || c->is_login;
	c->judgement = (struct judgement){
	    .worker = c->worker,
	    .arena = c->arena,
	    .envelope =
		{
		    .client = c->client,
		    .helo = c->helo,
		    .mail_from = c->mail_from,
		    .job = arena_copy(
			c->arena, milter_session_macro(c->session, TEXT("i"))),
		},
	    .on_final = on_final,
	    .context = c,
	};
	forged_begin(
	    &c->forged, c->arena, &setup->checks, c->judgement.envelope.job);
	/* Without memory its end says so. */
	if (!c->is_exempt && !judgement_begin(&c->judgement))
		return;
}

/* --- the verdict, carried out --- */

static void
defer(struct conversation *c, const char *why)
{
	worker_count(c->worker, FIGURE_UNJUDGED_GIVEN_UP);
	log_warn(TEXT_FMT ": %s; deferred, number %" PRIu64,
	    TEXT_ARG(c->judgement.envelope.job), why,
	    board_sum(FIGURE_UNJUDGED_GIVEN_UP));
	milter_reply(c->session, "451", "4.3.0",
	    TEXT("DMARC: message cannot be judged now, try again later"));
}

/* CopyFailuresTo: of what failed a policy, though it was not carried out. */
static void
copy_failure(struct conversation *c, const struct verdict *verdict)
{
	struct text to = its_setup(c)->config->copy_failures_to;

	if (to.len == 0 || verdict->dmarc.result != DMARC_FAIL ||
	    verdict->dmarc.policy == DMARC_POLICY_NONE)
		return;
	if (milter_session_may(c->session, MILTER_ACTION_ADD_RECIPIENTS))
		milter_add_recipient(c->session, to);
	else
		log_warn(TEXT_FMT ": CopyFailuresTo: the MTA lets filters add "
				  "no recipients",
		    TEXT_ARG(c->judgement.envelope.job));
}

static void
name_software(struct conversation *c)
{
	const struct config *config = its_setup(c)->config;

	if (config->software_header)
		milter_insert_field(c->session, 0, TEXT("DMARC-Filter"),
		    arena_format(c->arena,
			"dmarcd " DMARCD_VERSION " " TEXT_FMT " " TEXT_FMT,
			TEXT_ARG(config->host_name),
			TEXT_ARG(c->judgement.envelope.job)));
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
	name_software(c);
	milter_insert_field(
	    c->session, 0, RESULTS_FIELD, verdict->authentication_results);
	copy_failure(c, verdict);
	if (disposition->action == DISPOSITION_QUARANTINE && is_held)
		milter_quarantine(
		    c->session, judgement_reason(&c->judgement, verdict));
	else if (disposition->action == DISPOSITION_QUARANTINE)
		milter_insert_field(
		    c->session, 0, DISPOSITION_FIELD, TEXT("quarantine"));
	if (!milter_accept(c->session)) {
		log_warn(TEXT_FMT ": too many changes for the MTA; deferred",
		    TEXT_ARG(c->judgement.envelope.job));
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

static void flush(struct conversation *c);

static void
on_final(void *context, const struct verdict *verdict, const char *why)
{
	struct conversation *c = context;

	if (verdict == NULL) {
		defer(c, why);
	} else {
		c->judgement.is_to_reporters =
		    c->has_recipient && !c->has_other;
		judgement_record(&c->judgement, verdict, answer(c, verdict));
		judgement_log(&c->judgement, verdict);
	}
	end_message(c);
	if (!c->is_handling)
		flush(c);
}

static enum figure
exemption(const struct conversation *c)
{
	if (c->client.version == 0)
		return FIGURE_UNJUDGED_LOCAL;
	if (c->is_ignored)
		return FIGURE_UNJUDGED_HOST;
	return c->is_login ? FIGURE_UNJUDGED_LOGIN : FIGURE_UNJUDGED_AUTHOR;
}

/* Not judged. A relay that we trust may carry results of ours; who merely
 * logged in, or wrote what IgnoreMailFrom names, may not. */
static void
exempt(struct conversation *c)
{
	if (!c->is_ignored && !forged_remove(&c->forged, c->session)) {
		defer(c, "forged header fields cannot be removed");
	} else {
		worker_count(c->worker, exemption(c));
		(void)milter_accept(c->session);
	}
	end_message(c);
}

/* --- the message comes in --- */

static void
on_progress(void *context)
{
	struct conversation *c = context;

	milter_progress(c->session);
	flush(c);
}

static void
end_header(struct conversation *c)
{
	begin_header(c);
	if (judgement_is_ignored(&c->judgement))
		c->is_exempt = true;
	else
		judgement_end_header(&c->judgement);
}

static void
end_body(struct conversation *c)
{
	if (c->is_exempt) {
		exempt(c);
		return;
	}
	if (!judgement_end_body(&c->judgement)) {
		defer(c, "no memory");
		end_message(c);
		return;
	}
	if (c->arena != NULL) /* not final yet */
		c->progress = loop_timer_start(worker_loop(c->worker),
		    PROGRESS_EVERY, PROGRESS_EVERY, on_progress, c);
}

static void
add_field(struct conversation *c, const struct milter_event *event)
{
	begin_header(c);
	if (c->arena == NULL)
		return;
	forged_note(&c->forged, event->name, event->text);
	if (c->judgement.checks != NULL)
		checks_field(c->judgement.checks, event->name, event->text,
		    milter_session_leading_space(c->session));
}

static void
handle(struct conversation *c, const struct milter_event *event)
{
	switch (event->kind) {
	case MILTER_EVENT_CONNECT: begin_connection(c, event); break;
	case MILTER_EVENT_HELO: take_helo(c, event->text); break;
	case MILTER_EVENT_MAIL: begin_message(c, event->text); break;
	case MILTER_EVENT_RECIPIENT: note_recipient(c, event->text); break;
	case MILTER_EVENT_FIELD: add_field(c, event); break;
	case MILTER_EVENT_END_OF_HEADER: end_header(c); break;
	case MILTER_EVENT_BODY:
		if (c->judgement.checks != NULL)
			checks_body(c->judgement.checks, event->text);
		break;
	case MILTER_EVENT_END_OF_MESSAGE: end_body(c); break;
	case MILTER_EVENT_ABORT: end_message(c); break;
	case MILTER_EVENT_QUIT: c->is_closing = true; break;
	case MILTER_EVENT_ERROR:
		log_warn("milter: " TEXT_FMT "; connection closed",
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

	c->is_handling = true;
	while (!c->is_closing && milter_session_next(c->session, &event))
		handle(c, &event);
	c->is_handling = false;
	struct text output = milter_session_output(c->session);
	loop_stream_write(c->stream, output);
	milter_session_sent(c->session, output.len);
	if (c->is_closing ||
	    (worker_is_stopping(c->worker) && c->arena == NULL))
		close_now(&c->guest);
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
	close_now(context);
}

static void
stop(struct guest *guest)
{
	const struct conversation *c = (const struct conversation *)guest;

	if (c->arena == NULL)
		close_now(guest);
}

bool
conversation_new(struct worker *worker, struct loop_stream *stream)
{
	struct conversation *c = calloc(1, sizeof *c);
	struct loop_stream_events events = {on_bytes, on_end, c};

	if (c != NULL)
		c->session = milter_session_new();
	if (c == NULL || c->session == NULL) {
		free(c);
		loop_stream_close(stream);
		return false;
	}
	c->guest = (struct guest){.stop = stop, .close = close_now};
	c->worker = worker;
	c->stream = stream;
	if (its_setup(c)->config->copy_failures_to.len > 0)
		milter_session_want(c->session, MILTER_ACTION_ADD_RECIPIENTS);
	if (its_setup(c)->config->report_email.len > 0)
		milter_session_want_recipients(c->session);
	worker_admit(worker, &c->guest);
	loop_stream_read(stream, &events);
	return true;
}
