/* The life of a message here: the request comes whole, its header goes into the
 * checks, and the body is read from the MTA's spool while the DNS answers
 * arrive; where it may not be read, the MTA's own results of DKIM stand for it.
 * When the checks are final the history is written, and only then does the MTA
 * get its answer. */
#include "inquiry.h"

#include "exim_spool.h"
#include "judgement.h"
#include "log.h"

#include "query/reply.h"
#include "query/told.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	REQUEST_TIME = 30 * 1000, /* milliseconds for a request to come whole */
	BODY_REST = 1,            /* milliseconds for others, now and then */
};

struct inquiry {
	struct guest guest; /* first, so that its address is the inquiry's */
	struct worker *worker;
	struct loop_stream *stream;
	struct query query;
	struct loop_timer *patience; /* for the request */
	struct arena *request_arena;
	struct query_request request;
	struct judgement judgement;
	struct exim_spool *spool; /* NULL: no body is read */
	struct loop_timer *turn;
	bool is_asked; /* the request is whole */
};

static void
stop_reading(struct inquiry *i)
{
	loop_timer_stop(i->turn);
	i->turn = NULL;
	if (i->spool != NULL)
		exim_spool_close(i->spool);
	i->spool = NULL;
}

static void
close_now(struct guest *guest)
{
	struct inquiry *i = (struct inquiry *)guest;

	stop_reading(i);
	loop_timer_stop(i->patience);
	judgement_end(&i->judgement);
	arena_free(i->judgement.arena);
	arena_free(i->request_arena);
	query_free(&i->query);
	loop_stream_close(i->stream);
	worker_dismiss(i->worker, &i->guest);
	free(i);
}

static void
stop(struct guest *guest)
{
	const struct inquiry *i = (const struct inquiry *)guest;

	if (!i->is_asked)
		close_now(guest);
}

/* --- the answer --- */

static void
send_reply(struct inquiry *i, struct build *reply)
{
	query_reply_end(reply);
	if (build_failed(reply)) /* the asker does as without an answer */
		log_warn(TEXT_FMT ": the answer is too large; not sent",
		    TEXT_ARG(i->request.id));
	else
		loop_stream_write(i->stream, build_view(reply));
	build_free(reply);
	close_now(&i->guest);
}

static void
begin_reply(const struct inquiry *i, struct build *reply)
{
	build_init(reply, QUERY_REPLY_MAX);
	query_reply_begin(reply);
	query_reply_add(
	    reply, "ids", worker_its_setup(i->worker)->config->own_ids);
}

/* Not judged: DISPOSITION says why in one word. */
static void
answer_unjudged(struct inquiry *i, const char *disposition, const char *why)
{
	struct build reply;

	begin_reply(i, &reply);
	query_reply_add(&reply, "disposition", text_from_cstr(disposition));
	query_reply_add(&reply, "reason", text_from_cstr(why));
	send_reply(i, &reply);
}

static void
fail(struct inquiry *i, const char *why)
{
	worker_count(i->worker, FIGURE_UNJUDGED_GIVEN_UP);
	log_warn("query " TEXT_FMT ": %s; not judged, number %" PRIu64,
	    TEXT_ARG(i->request.id), why, board_sum(FIGURE_UNJUDGED_GIVEN_UP));
	answer_unjudged(i, "error", why);
}

static void
exempt(struct inquiry *i, enum figure figure, const char *why)
{
	worker_count(i->worker, figure);
	log_say(
	    "query " TEXT_FMT ": %s; not judged", TEXT_ARG(i->request.id), why);
	answer_unjudged(i, "exempt", why);
}

static void
accept_local(struct inquiry *i)
{
	worker_count(i->worker, FIGURE_UNJUDGED_LOCAL);
	log_say("query " TEXT_FMT
		": local submission: accepted unchecked, number %" PRIu64,
	    TEXT_ARG(i->request.id), board_sum(FIGURE_UNJUDGED_LOCAL));
	answer_unjudged(i, "exempt", "a local submission");
}

static enum history_action
action_of(const struct verdict *verdict)
{
	switch (verdict->disposition.action) {
	case DISPOSITION_REJECT: return HISTORY_REJECT;
	case DISPOSITION_QUARANTINE: return HISTORY_QUARANTINE;
	case DISPOSITION_DEFER: return HISTORY_TEMPFAIL;
	case DISPOSITION_NONE: break;
	}
	return HISTORY_ACCEPT;
}

static void
add_word(
    struct build *reply, const char *name, const struct names *names, int value)
{
	query_reply_add(reply, name, text_from_cstr(names_word(names, value)));
}

/* Why that, for people. */
static struct text
reason_of(const struct inquiry *i, const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;

	if (disposition->comment.len > 0 ||
	    disposition->action == DISPOSITION_QUARANTINE)
		return judgement_reason(&i->judgement, verdict);
	return disposition->smtp_text;
}

/* The reply to give in the SMTP session; "" when there is nothing to say. */
static struct text
smtp_of(const struct inquiry *i, const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;

	if (disposition->action != DISPOSITION_REJECT &&
	    disposition->action != DISPOSITION_DEFER)
		return TEXT("");
	return arena_format(i->judgement.arena, "%s %s " TEXT_FMT,
	    disposition->smtp_code, disposition->smtp_status,
	    TEXT_ARG(disposition->smtp_text));
}

static void
write_verdict(
    const struct inquiry *i, const struct verdict *verdict, struct build *reply)
{
	const struct disposition *disposition = &verdict->disposition;

	begin_reply(i, reply);
	add_word(reply, "disposition", &disposition_action_names,
	    (int)disposition->action);
	query_reply_add(reply, "reason", reason_of(i, verdict));
	query_reply_add(reply, "smtp", smtp_of(i, verdict));
	query_reply_add(reply, "results", verdict->authentication_results);
	query_reply_add(reply, "domain", verdict->author.domain);
	add_word(
	    reply, "dmarc", &dmarc_result_names, (int)verdict->dmarc.result);
	add_word(reply, "spf", &spf_result_names, (int)verdict->spf.result);
	add_word(
	    reply, "policy", &dmarc_policy_names, (int)verdict->dmarc.policy);
	add_word(
	    reply, "override", &override_type_names, (int)disposition->reason);
}

static void
on_final(void *context, const struct verdict *verdict, const char *why)
{
	struct inquiry *i = context;
	struct build reply;

	if (verdict == NULL) {
		fail(i, why);
		return;
	}
	write_verdict(i, verdict, &reply);
	judgement_record(&i->judgement, verdict, action_of(verdict));
	judgement_log(&i->judgement, verdict);
	send_reply(i, &reply);
}

/* --- the body --- */

static void
end_body(struct inquiry *i)
{
	stop_reading(i);
	if (!judgement_end_body(&i->judgement))
		fail(i, "no memory");
}

static void
on_turn(void *context)
{
	struct inquiry *i = context;

	switch (exim_spool_read(i->spool)) {
	case EXIM_SPOOL_MORE: break;
	case EXIM_SPOOL_END: end_body(i); break;
	case EXIM_SPOOL_FAILED: fail(i, "the spool cannot be read"); break;
	}
}

static void
begin_body(struct inquiry *i)
{
	if (i->spool == NULL) {
		end_body(i);
		return;
	}
	i->turn = loop_timer_start(
	    worker_loop(i->worker), BODY_REST, BODY_REST, on_turn, i);
	if (i->turn == NULL)
		fail(i, "no memory");
	else
		on_turn(i);
}

/* --- the request --- */

/* What the checks take DKIM from. NULL: from something; else why not. */
static const char *
choose_dkim(struct inquiry *i, const struct mail_header *header)
{
	const struct query_request *request = &i->request;
	const char *why = "neither spool nor dkim is given";

	if (request->spool.len > 0)
		i->spool = exim_spool_open(i->judgement.arena, request->spool,
		    query_spool_name(request->spool, request->id),
		    i->judgement.checks, &why);
	if (i->spool != NULL)
		return NULL;
	if (request->dkim.count == 0 &&
	    mail_header_find(header, TEXT("DKIM-Signature"), 0) != NULL)
		return why;
	struct upstream told = query_told_dkim(i->judgement.arena, request);
	checks_tell_dkim(i->judgement.checks, &told);
	return NULL;
}

/* No address that takes reports has a comma in it. */
static bool
is_to_reporters(const struct inquiry *i)
{
	const struct config *config = worker_its_setup(i->worker)->config;
	struct text rest = i->request.recipients;

	if (config->report_email.len == 0 || rest.len == 0)
		return false;
	while (rest.len > 0)
		if (!config_takes_reports(
			config, text_trim(text_split(&rest, ','))))
			return false;
	return true;
}

static void
judge(struct inquiry *i)
{
	const struct query_request *request = &i->request;
	struct mail_header header;

	i->judgement = (struct judgement){
	    .worker = i->worker,
	    .arena = arena_new(MESSAGE_ARENA_MAX),
	    .envelope =
		{
		    .client = request->client,
		    .helo = request->helo,
		    .mail_from = request->sender,
		    .job = request->id,
		},
	    .on_final = on_final,
	    .context = i,
	    .is_to_reporters = is_to_reporters(i),
	};
	if (i->judgement.arena == NULL || !judgement_begin(&i->judgement) ||
	    !query_read_header(i->judgement.arena, request, &header)) {
		fail(i, "no memory");
		return;
	}
	checks_header(i->judgement.checks, &header);
	const char *why = choose_dkim(i, &header);
	if (why != NULL) {
		fail(i, why);
		return;
	}
	if (judgement_is_ignored(&i->judgement)) {
		worker_count(i->worker, FIGURE_UNJUDGED_AUTHOR);
		answer_unjudged(i, "exempt", "IgnoreMailFrom names the author");
		return;
	}
	judgement_end_header(&i->judgement);
	begin_body(i);
}

static void
take_request(struct inquiry *i)
{
	const struct config *config = worker_its_setup(i->worker)->config;
	const struct query_request *request = &i->request;
	const char *why = "no memory";

	i->is_asked = true;
	loop_timer_stop(i->patience);
	i->patience = NULL;
	i->request_arena = arena_new(QUERY_ARENA_MAX);
	if (i->request_arena == NULL ||
	    !query_finish(&i->query, i->request_arena, &i->request, &why))
		fail(i, why);
	else if (request->client.version == 0)
		accept_local(i);
	else if (config_ignores(config, &request->client, request->host))
		exempt(i, FIGURE_UNJUDGED_HOST, "IgnoreHosts names the client");
	else if (request->is_authenticated &&
		 config->ignore_authenticated_clients)
		exempt(i, FIGURE_UNJUDGED_LOGIN, "the client logged in");
	else
		judge(i);
}

static void
on_bytes(void *context, struct text bytes)
{
	struct inquiry *i = context;

	if (!i->is_asked && query_feed(&i->query, bytes))
		take_request(i);
}

/* Exim sends its request and then no more; it still reads. */
static void
on_end(void *context)
{
	struct inquiry *i = context;

	if (!i->is_asked)
		take_request(i);
}

static void
on_late(void *context)
{
	struct inquiry *i = context;

	log_say("query: no request came; connection closed");
	close_now(&i->guest);
}

bool
inquiry_new(struct worker *worker, struct loop_stream *stream)
{
	struct inquiry *i = calloc(1, sizeof *i);
	struct loop_stream_events events = {on_bytes, on_end, i};

	if (i != NULL)
		i->patience = loop_timer_start(
		    worker_loop(worker), REQUEST_TIME, 0, on_late, i);
	if (i == NULL || i->patience == NULL) {
		free(i);
		loop_stream_close(stream);
		return false;
	}
	i->guest = (struct guest){.stop = stop, .close = close_now};
	i->worker = worker;
	i->stream = stream;
	query_init(&i->query);
	worker_admit(worker, &i->guest);
	loop_stream_read(stream, &events);
	return true;
}
