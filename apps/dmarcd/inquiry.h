/* Inquiry: one connection of the query socket: a request, its answer, and then
 * it is closed. */
#ifndef DMARCD_INQUIRY_H
#define DMARCD_INQUIRY_H

#include "worker.h"

/* Takes over STREAM and is the worker's guest until it has closed itself.
 * False: no memory, and the stream is closed. */
bool inquiry_new(struct worker *worker, struct loop_stream *stream) MUST_USE;

#endif
