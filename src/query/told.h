/* Told: what a request says of the message, as the checks take it. */
#ifndef QUERY_TOLD_H
#define QUERY_TOLD_H

#include "query/request.h"

#include "verdict/upstream.h"

enum {
	/* Exim cuts $message_headers_raw here without a word: a header that
	 * reaches it is not judged as if complete. */
	QUERY_HEADERS_MAX = 64 * 1024,
};

/* The fields of headers64 in ARENA, without Exim's own Received at their top.
 * What cannot be read whole is_too_long, and
 * ends there. False: no memory. */
bool query_read_header(struct arena *arena, const struct query_request *request,
    struct mail_header *ret_header) MUST_USE;

/* The dkim lines in ARENA, as results that upstream_dkim takes: a pass without
 * its signature in the message counts for nothing. A pass for part of the body
 * is policy. */
struct upstream query_told_dkim(
    struct arena *arena, const struct query_request *request);

#endif
