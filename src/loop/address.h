/* Socket addresses as opendmarc.conf writes them: "unix:/path", "local:/path",
 * a bare path, "inet:port@host", "inet:port", "inet6:port@host". */
#ifndef LOOP_ADDRESS_H
#define LOOP_ADDRESS_H

#include "base/problem.h"
#include "base/text.h"

/* Binds and listens; the fd, close-on-exec and non-blocking, or -1. A stale
 * unix socket (nobody answers) is removed first, a live one is not. MODE: the
 * unix socket's permission bits. */
int address_listen(
    struct text address, unsigned mode, struct problem *ret_problem) MUST_USE;
/* Connects, blocking; -1 with *ret_problem. For clients: tests, dmarc status. */
int address_connect(struct text address, struct problem *ret_problem) MUST_USE;
/* The path of a unix address, or "" for others. */
struct text address_path(struct text address);

#endif
