/* dmarc report suppress and allow: who is to get no reports. */
#ifndef DMARC_SUPPRESS_H
#define DMARC_SUPPRESS_H

#include "tool.h"

/* WORDS, COUNT of them: the verb, an address or domain, and why. Without an
 * address suppress lists them. */
bool suppress_run(const struct tool *tool, const struct config *config,
    char **words, int count, bool json, struct problem *problem) MUST_USE;
/* May they stand there? NULL, or what is wrong. */
const char *suppress_check(char **words, int count);

#endif
