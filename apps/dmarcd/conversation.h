/* Conversation: one MTA connection: what the milter session says goes to the
 * checks, what the verdict says goes back. */
#ifndef DMARCD_CONVERSATION_H
#define DMARCD_CONVERSATION_H

#include "worker.h"

/* Takes over STREAM and is the worker's guest until it has closed itself.
 * False: no memory, and the stream is closed. */
bool conversation_new(
    struct worker *worker, struct loop_stream *stream) MUST_USE;

#endif
