/* Socket addresses as opendmarc.conf writes them: "unix:/path", "local:/path",
 * a bare path that begins with "/", "inet:port@host", "inet:port",
 * "inet6:port@host". Of a host's addresses only the first one is taken. */
#ifndef LOOP_ADDRESS_H
#define LOOP_ADDRESS_H

#include "base/problem.h"
#include "base/text.h"

/* Is it one of these, with a path that fits or a port that clients can know (1
 * to 65535)? Looks nothing up. False: *ret_problem. */
bool address_check(struct text address, struct problem *ret_problem) MUST_USE;
/* Binds and listens; the fd, close-on-exec and non-blocking, or -1. A stale
 * unix socket (nobody answers) is removed first, a live one is not. MODE: the
 * unix socket's permission bits, set by umask: not while other threads make
 * files. Port 0: the system chooses one. */
int address_listen(
    struct text address, unsigned mode, struct problem *ret_problem) MUST_USE;
/* Connects, blocking; -1 with *ret_problem. For clients: demo, tests. */
int address_connect(struct text address, struct problem *ret_problem) MUST_USE;
/* The path of a unix address, or "" for others. */
struct text address_path(struct text address);

#endif
