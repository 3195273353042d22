/* Gate: who may ask on the query socket. */
#ifndef DMARCD_GATE_H
#define DMARCD_GATE_H

#include "config/config.h"
#include "loop/loop.h"

#include <sys/types.h>

enum { GATE_MAX = 64 }; /* in QueryUsers, in QueryHosts */

struct gate {
	size_t user_count; /* 0: whom the socket's mode lets in */
	uid_t users[GATE_MAX];
	size_t net_count;

	struct {
		struct ip ip;
		unsigned prefix;
	} nets[GATE_MAX];
};

/* QueryUsers and QueryHosts; users must exist. False: *ret_problem. */
bool gate_read(const struct config *config, struct gate *ret_gate,
    struct problem *ret_problem) MUST_USE;
/* Root and our own user may always ask on a unix socket. */
bool gate_admits(
    const struct gate *gate, const struct loop_stream *stream) MUST_USE;

#endif
