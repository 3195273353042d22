/* SPF: check_host() of RFC 7208 4, a restartable check over DNS facts. */
#ifndef SPF_CHECK_H
#define SPF_CHECK_H

#include "dns/facts.h"

#include "base/trace.h"

enum spf_result {
	SPF_NONE,
	SPF_NEUTRAL,
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_TEMPERROR,
	SPF_PERMERROR,
};
extern const struct names spf_result_names; /* RFC 8601 2.7.2's words */

struct spf_input {
	struct ip client;     /* IPv4-mapped IPv6 is treated as IPv4 (5) */
	struct text helo;     /* %{h} */
	struct text local;    /* of the sender; "" is "postmaster" (4.3) */
	struct text domain;   /* <domain> of check_host */
	struct text receiver; /* %{r}; "" is "unknown" */
	int64_t now;          /* %{t} */
	enum dns_share share; /* DNS_SHARE_SPF, or _HELO for the HELO check */
};

struct spf_outcome {
	enum spf_result result;
	struct text domain;      /* what was checked, lower case */
	struct text reason;      /* for people, not clean: why not a pass,
				    "" on a pass */
	struct text explanation; /* the owner's exp= text (6.2), "" without:
				    ASCII, one line, cut at 512 bytes */
};

/* False: more facts are wanted, run again. True: *ret_outcome is final; its
 * texts live in ARENA. Without a client address the result is none. Limits
 * (4.6.4): 10 terms, 2 void lookups, 10 mx, 10 ptr names; permerror beyond. */
bool spf_check(const struct spf_input *input, struct dns_facts *facts,
    struct arena *arena, struct trace *trace,
    struct spf_outcome *ret_outcome) MUST_USE;

#endif
