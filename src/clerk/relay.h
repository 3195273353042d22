/* Relay: the way that reports go, as the configuration has it. */
#ifndef CLERK_RELAY_H
#define CLERK_RELAY_H

#include "config/config.h"
#include "deliver/deliver.h"

enum { RELAY_SECONDS = 120 }; /* for each mail */

/* Can it be used? Asks no server. */
bool relay_check(
    const struct config *config, struct problem *ret_problem) MUST_USE;

/* Behind the check. False: it is a program that is started. */
bool relay_needs(const struct config *config, struct sandbox *sandbox) MUST_USE;

/* Greets with this host's name, or RECEIVER if that is none for SMTP. */
struct deliver *relay_open(const struct config *config, struct text receiver,
    struct problem *ret_problem) MUST_USE;

#endif
