#include "spf/client.h"

#include "spf/macro.h"

#include "dns/name.h"

enum dns_type
spf_client_address_type(const struct ip *client)
{
	return client->version == 4 ? DNS_A : DNS_AAAA;
}

const struct dns_answer *
spf_client_ask_names(
    struct dns_facts *facts, struct arena *arena, const struct ip *client)
{
	const struct spf_macro_values values = {.client = *client};
	struct text name =
	    spf_macro_expand_name(arena, TEXT("%{ir}.%{v}.arpa"), &values);

	return dns_ask(facts, name, DNS_PTR);
}

bool
spf_client_has_name(
    struct dns_facts *facts, const struct ip *client, struct text name)
{
	const struct dns_answer *answer =
	    dns_ask(facts, name, spf_client_address_type(client));

	for (size_t i = 0; i < answer->count; i++) {
		if (ip_equal(&answer->records[i].ip, client))
			return true;
	}
	return false;
}

/* How well NAME serves as %{p}: 0 best (RFC 7208 7.3). */
static int
rank(struct text name, struct text domain)
{
	if (dns_name_equal(name, domain))
		return 0;
	return dns_name_is_at_or_below(name, domain) ? 1 : 2;
}

struct text
spf_client_best_name(struct dns_facts *facts, struct arena *arena,
    const struct ip *client, struct text domain)
{
	const struct dns_answer *names =
	    spf_client_ask_names(facts, arena, client);

	for (int wanted = 0; wanted <= 2; wanted++) {
		for (size_t i = 0; i < names->count && i < SPF_PTR_MAX; i++) {
			struct text name = names->records[i].text;
			if (rank(name, domain) == wanted &&
			    spf_client_has_name(facts, client, name))
				return name;
		}
	}
	return TEXT("unknown");
}
