/* Trace: the story of one pass of a check, one line a step, for people.
 *
 * A check says what it does as it does it. The pass that is thrown away takes
 * its story with it (trace_reset at its begin), so what is left is the one
 * linear story of the final pass. NULL is a trace that nobody reads: every
 * function takes it and does nothing. */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include "base/build.h"

enum { TRACE_MAX = 64 * 1024 };

struct trace {
	struct build lines; /* each ends in LF; full at TRACE_MAX */
};

void trace_init(struct trace *trace, struct arena *arena);
void trace_reset(struct trace *trace);
/* Adds a line. Bytes from outside may stand in the values: everything but
 * 0x20-0x7E is written as \xNN. Name the RFC section in the format. */
void trace_say(struct trace *trace, const char *format, ...) PRINTF_LIKE(2, 3);
struct text trace_story(const struct trace *trace); /* "" for NULL */

#endif
