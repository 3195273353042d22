/* Questions as keys of hash tables. Strangers choose the names, so the hash is
 * keyed: nobody can make all names meet in one chain. */
#ifndef RESOLVE_QUESTION_H
#define RESOLVE_QUESTION_H

#include "dns/answer.h"

struct question_key {
	uint64_t half[2];
};

/* Bytes from the system's generator (getrandom). */
bool random_bytes(void *bytes, size_t len) MUST_USE;

bool question_key_draw(struct question_key *ret_key) MUST_USE;
/* SipHash-1-3 of the name and the type. */
uint64_t question_hash(
    const struct question_key *key, const struct dns_question *question);
bool question_equal(const struct dns_question *a, const struct dns_question *b);

#endif
