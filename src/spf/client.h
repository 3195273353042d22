/* The names of the client: what "ptr" and %{p} need (RFC 7208 5.5, 7.3).
 *
 * Of the names that the PTR records give, the first ten count (4.6.4), and a
 * name is believed only if it has the client's address. A name whose lookup
 * fails is skipped. CLIENT is unmapped. */
#ifndef SPF_CLIENT_H
#define SPF_CLIENT_H

#include "dns/facts.h"

enum { SPF_PTR_MAX = 10 };

enum dns_type spf_client_address_type(const struct ip *client);

/* The PTR records; look at SPF_PTR_MAX of them at most. */
const struct dns_answer *spf_client_ask_names(
    struct dns_facts *facts, struct arena *arena, const struct ip *client);
/* Does NAME lead back to the client? */
bool spf_client_has_name(
    struct dns_facts *facts, const struct ip *client, struct text name);
/* %{p}: DOMAIN if it is one of the names, else one below it, else any, else
 * "unknown". */
struct text spf_client_best_name(struct dns_facts *facts, struct arena *arena,
    const struct ip *client, struct text domain);

#endif
