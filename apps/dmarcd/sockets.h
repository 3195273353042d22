/* Sockets: what the master listens on: for MTAs, for queries, and the control
 * socket. */
#ifndef DMARCD_SOCKETS_H
#define DMARCD_SOCKETS_H

#include "settings.h"

#include "config/identity.h"

struct sockets {
	int fd[SOCKETS_MAX + 1]; /* the last one may be for queries */
	size_t count;
	size_t milter_count; /* the first ones */
	int control;         /* -1: none */
};

/* As CONFIG says, for IDENTITY. On failure, too, sockets_remove must be
 * called. */
bool sockets_bind(struct sockets *sockets, const struct config *config,
    const struct identity *identity, struct problem *ret_problem) MUST_USE;
/* Only those that we bound: another one's socket is not ours to remove. */
void sockets_remove(struct sockets *sockets, const struct config *config);

#endif
