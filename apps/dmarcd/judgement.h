/* Judgement: the checks of one message, driven until they are final, whoever
 * asked for them; and what then is written of it. The header and the body go
 * into `checks` as they come:
 *
 *	judgement = {.worker, .arena, .envelope, .on_final, .context};
 *	if (!judgement_begin(&judgement)) no memory …
 *	checks_field(judgement.checks, …); …
 *	judgement_end_header(&judgement);
 *	checks_body(judgement.checks, …); …
 *	if (!judgement_end_body(&judgement)) no memory …
 *	on_final: answer, judgement_record, judgement_log, judgement_end
 */
#ifndef DMARCD_JUDGEMENT_H
#define DMARCD_JUDGEMENT_H

#include "worker.h"

#include "history/entry.h"
#include "resolve/resolver.h"

#include <time.h>

struct judgement {
	struct worker *worker;
	struct arena *arena; /* the message's */
	struct envelope envelope;
	/* Called once, perhaps from within judgement_end_body. NULL: there is
	 * no verdict, for WHY: defer the message. */
	void (*on_final)(
	    void *context, const struct verdict *verdict, const char *why);
	void *context;
	/* All its recipients take reports: it is a report perhaps, and one
	 * about it would be answered by the next. */
	bool is_to_reporters;
	struct checks *checks; /* NULL: not begun, or no memory */
	struct fetch *fetch;
	struct loop_timer *deadline;
	struct timespec began;
};

/* The envelope's host name and time are set here. False: no memory; the rest
 * may still be called. */
bool judgement_begin(struct judgement *judgement) MUST_USE;
/* At the end of the header: IgnoreMailFrom names its author, and nothing more is
 * to be done. */
bool judgement_is_ignored(struct judgement *judgement) MUST_USE;
/* From here on DNS answers arrive while the body does. */
void judgement_end_header(struct judgement *judgement);
/* MessageTimeout begins. False: no memory, and on_final is not called. */
bool judgement_end_body(struct judgement *judgement) MUST_USE;
/* Stops what is under way; the arena stays. May be called at any time. */
void judgement_end(struct judgement *judgement);

/* Why a message is held or tagged, for people to read; never empty. */
struct text judgement_reason(
    const struct judgement *judgement, const struct verdict *verdict);
/* Counts it, and writes it into the history: before the MTA has its answer, so that no message is judged and forgotten.
 * ACTION: what the MTA is really told. */
void judgement_record(struct judgement *judgement,
    const struct verdict *verdict, enum history_action action);
void judgement_log(
    const struct judgement *judgement, const struct verdict *verdict);

#endif
