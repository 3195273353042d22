/* What loop.c and stream.c share; nobody else includes this. */
#ifndef LOOP_INSIDE_H
#define LOOP_INSIDE_H

#include "loop/loop.h"

#include <uv.h>

int loop_stream_fd(const struct loop_stream *stream);

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	uv_timer_t step; /* ends loop_step in time */
	void (*on_wake)(void *context);
	void *context;
	char bytes[64 * 1024]; /* what one read of a stream may give */
};

#endif
