/* Cache: answers by question, each as long as its TTL allows, all of them
 * within a budget of bytes; the one unused for longest goes first. Time is the
 * caller's (loop_now, milliseconds). */
#ifndef RESOLVE_CACHE_H
#define RESOLVE_CACHE_H

#include "dns/answer.h"

struct cache;

struct cache *cache_new(size_t budget) MUST_USE; /* NULL: no memory */
void cache_free(struct cache *cache);

/* The answer, still the cache's (dns_answer_ref to keep it); NULL: none that
 * is young enough. */
const struct dns_answer *cache_find(struct cache *cache,
    const struct dns_question *question, int64_t now) MUST_USE;
/* Keeps a reference of its own, or not: TTL 0, no memory, too large. */
void cache_put(struct cache *cache, const struct dns_question *question,
    const struct dns_answer *answer, int64_t now);

size_t cache_entries(const struct cache *cache);
size_t cache_bytes(const struct cache *cache);

#endif
