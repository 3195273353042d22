/* DNS messages on the wire (RFC 1035 4): the query we send, the answer we get.
 *
 * Answers are hostile bytes. Names are followed through at most 32 pointers,
 * each to an earlier place; CNAMEs through at most 8 steps; at most
 * DNS_RECORDS_MAX records are kept. What does not parse is DNS_FAILED. */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include "dns/answer.h"

enum { DNS_EDNS_SIZE = 1232 }; /* the largest answer by UDP that we want */

/* A query: RD and AD set, EDNS0 with that size and without DO (so that
 * NXDOMAIN stays NXDOMAIN, RFC 9824). ID comes from the caller, who draws it
 * unpredictably. False: the name is not valid or does not fit. */
bool dns_message_write_query(struct build *build, uint16_t id,
    const struct dns_question *question) MUST_USE;

/* Reads PACKET as the answer to QUESTION asked with ID. A new answer with one
 * reference, sorted; NULL only without memory. Another id, another question, a
 * query instead of a response: *ret_foreign is true and the answer DNS_FAILED;
 * such a packet must not be cached. TTL: the least of the records used; for
 * NXDOMAIN and NODATA of the SOA's too (RFC 2308 5), 0 without SOA; for failures
 * 10 seconds. */
struct dns_answer *dns_message_read(struct text packet, uint16_t id,
    const struct dns_question *question, bool *ret_foreign) MUST_USE;

/* An answer as a packet, for tests, fuzzers and a small DNS server in them. */
bool dns_message_write_answer(struct build *build, uint16_t id,
    const struct dns_question *question,
    const struct dns_answer *answer) MUST_USE;

#endif
