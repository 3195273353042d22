/* The SPF record (RFC 7208 4.5, 4.6, 12): a TXT answer becomes its terms. */
#ifndef SPF_RECORD_H
#define SPF_RECORD_H

#include "spf/check.h"

enum spf_mechanism {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
};

/* A directive; texts point into the answer's record. */
struct spf_term {
	enum spf_mechanism mechanism;
	enum spf_result qualifier; /* the result of a match */
	uint8_t prefix4;
	uint8_t prefix6;
	struct ip net;      /* ip4, ip6 */
	struct text domain; /* domain-spec, "" without */
	struct text text;   /* as it was written */
};

struct spf_record {
	size_t versions; /* records that begin with v=spf1; parsed only if 1 */
	const char *error; /* of the syntax, NULL: none */
	struct text text;  /* what is parsed; on an error the term it is in */
	size_t terms;
	const struct spf_term *term;
	struct text redirect;    /* domain-specs, "" without */
	struct text explanation; /* exp= */
};

/* A record with more directives is an error. The longest ones that are in use
 * have some hundreds. */
enum { SPF_TERMS_MAX = 1024 };

/* A dns_parser: dns_answer_parsed(answer, spf_record_parse, arena) is a
 * const struct spf_record. */
const void *spf_record_parse(
    struct arena *arena, const struct dns_answer *answer);

#endif
