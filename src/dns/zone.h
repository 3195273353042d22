/* Zone: a text that answers every question, for --zone, the demo and tests.
 * The form is described in docs/formats.md. */
#ifndef DNS_ZONE_H
#define DNS_ZONE_H

#include "dns/answer.h"

#include "base/problem.h"

struct dns_zone;

/* Reads TEXT, which is copied. NAME is what messages call it ("FILE:LINE: …").
 * NULL: *ret_problem says which line and why. Free with dns_zone_free. */
struct dns_zone *dns_zone_read(
    struct text text, const char *name, struct problem *ret_problem) MUST_USE;
void dns_zone_free(struct dns_zone *zone);

/* Never DNS_UNKNOWN; CNAMEs are followed (8 steps) and wildcards applied as
 * RFC 4592 does. One reference for the caller; NULL only without memory.
 * TIMEOUT answers as DNS_FAILED at once: nobody waits for a text file. */
struct dns_answer *dns_zone_answer(
    const struct dns_zone *zone, const struct dns_question *question) MUST_USE;

/* The same, from the lines of exactly this name and type alone: no CNAME is
 * followed, no wildcard applied. For what dns_zone_write wrote. *ret_known is
 * false, and the answer DNS_FAILED, when there are none. */
struct dns_answer *dns_zone_recall(const struct dns_zone *zone,
    const struct dns_question *question, bool *ret_known) MUST_USE;

/* Adds the lines that dns_zone_read reads back as this answer, except its TTL
 * and AD. For DNS_UNKNOWN there is none. Of the types only those that a zone has
 * data of: A, AAAA, CNAME, MX, NS, PTR, TXT. */
void dns_zone_write(struct build *build, const struct dns_question *question,
    const struct dns_answer *answer);

#endif
