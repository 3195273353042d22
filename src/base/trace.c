#include "base/trace.h"

#include <stdio.h>

enum { LINE_MAX_BYTES = 1024 }; /* longer lines are cut */

void
trace_init(struct trace *trace, struct arena *arena)
{
	build_init_arena(&trace->lines, arena, TRACE_MAX);
}

void
trace_reset(struct trace *trace)
{
	if (trace == NULL)
		return;
	build_cut(&trace->lines, 0);
	trace->lines.failed = false;
}

void
trace_say(struct trace *trace, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list values;

	if (trace == NULL)
		return;
	va_start(values, format);
	int len = vsnprintf(line, sizeof line, format, values);
	va_end(values);
	if (len < 0)
		return;
	size_t kept = (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
	build_clean(&trace->lines, (struct text){line, kept});
	build_byte(&trace->lines, '\n');
}

struct text
trace_story(const struct trace *trace)
{
	return trace == NULL ? TEXT("") : build_view(&trace->lines);
}
