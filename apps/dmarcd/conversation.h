/* Conversation: one MTA connection: what the milter session says goes to the
 * checks, what the verdict says goes back. */
#ifndef DMARCD_CONVERSATION_H
#define DMARCD_CONVERSATION_H

#include "worker.h"

struct conversation;

/* Takes over STREAM. ON_CLOSED is called when the conversation has freed
 * itself. NULL: no memory, and the stream is closed. */
struct conversation *conversation_new(struct worker *worker,
    struct loop_stream *stream,
    void (*on_closed)(void *context, struct conversation *conversation),
    void *context);
/* Closes now if no message is under way, else right after its answer. */
void conversation_stop(struct conversation *conversation);
/* Closes now, whatever is under way, and frees. */
void conversation_close(struct conversation *conversation);

/* The worker's list. */
struct conversation *conversation_next(const struct conversation *one);
void conversation_link(struct conversation *one, struct conversation **list);
void conversation_unlink(struct conversation *one, struct conversation **list);

#endif
