#include "lookup.h"

#include "tool.h"

#include <stdio.h>

static const char *const status_words[] = {
    [DMARC_DISCOVERY_NONE] = "none: DMARC does not apply",
    [DMARC_DISCOVERY_FOUND] = "found",
    [DMARC_DISCOVERY_AS_NONE] =
	"unusable; acts as p=none, since it has rua (RFC 9989 4.10.1)",
    [DMARC_DISCOVERY_UNUSABLE] =
	"unusable: no DMARC processing (RFC 9989 4.10.1)",
    [DMARC_DISCOVERY_TEMPERROR] = "DNS failed; try again later",
};

static void
print_row(const char *what, struct text value, const char *more)
{
	(void)printf("%-22s ", what);
	print_clean(value);
	(void)printf("%s\n", more);
}

static const char *
answer_words(const struct lookup_query *query)
{
	if (query->type == DNS_TXT && query->status == DNS_FOUND)
		return query->records.count == 0 ? "no DMARC record"
						 : "a DMARC record";
	if (query->type == DNS_A && query->status == DNS_NXDOMAIN)
		return "no such name, so np applies (RFC 9989 4.7)";
	return names_word(&dns_status_names, (int)query->status);
}

static void
print_query(const struct lookup_query *query)
{
	(void)printf("  ");
	print_clean(query->name);
	(void)printf(" %s  ", dns_type_name(query->type));
	if (query->records.count > 1)
		(void)printf("%zu DMARC records, so none counts (RFC 9989 "
			     "4.10)\n",
		    query->records.count);
	else
		(void)printf("%s\n", answer_words(query));
	for (size_t i = 0; i < query->records.count; i++) {
		(void)printf("    \"");
		print_clean(query->records.at[i]);
		(void)printf("\"\n");
	}
}

/* What is asked for after t=y, as in the JSON. */
static void
print_request(const struct dmarc_discovery *found)
{
	enum dmarc_policy policy = dmarc_discovery_policy(found);
	const char *word = names_word(&dmarc_policy_names, (int)policy);

	(void)printf("%-22s ", "Policy for this domain");
	if (found->status == DMARC_DISCOVERY_TEMPERROR)
		(void)printf("not known: DNS failed\n");
	else if (policy == DMARC_POLICY_ABSENT)
		(void)printf("none that could be used\n");
	else if (dmarc_discovery_is_test(found))
		(void)printf("%s (by %s and t=y: one level lower)\n", word,
		    found->requested_by);
	else
		(void)printf("%s (by %s)\n", word, found->requested_by);
}

static void
print_policy(const struct lookup *lookup)
{
	const struct dmarc_discovery *found = &lookup->discovery;

	print_row(
	    "Policy record", text_from_cstr(status_words[found->status]), "");
	if (found->record != NULL) {
		print_row("Policy Domain", found->policy_domain,
		    found->is_psd_policy ? " (a public suffix, psd=y)" : "");
		print_request(found);
	}
	print_row("Organizational Domain", found->organizational_domain,
	    found->organizational_failed ? " or one below it: DNS failed" : "");
}

static void
print_tags(const struct lookup *lookup)
{
	(void)printf("\nThe record's tags\n");
	for (size_t i = 0; i < LOOKUP_TAGS; i++) {
		const struct lookup_tag *tag = &lookup->tags[i];
		(void)printf("  %-6s ", tag->name);
		print_clean(tag->value.len > 0 ? tag->value : TEXT("missing"));
		(void)printf("%s\n",
		    tag->is_default && tag->value.len > 0 ? "  (default)" : "");
	}
}

static void
print_addresses(const char *title, const struct lookup_address *addresses,
    size_t count, const char *nobody)
{
	(void)printf("\n%s\n", title);
	for (size_t i = 0; i < count; i++) {
		const struct destination *to = &addresses[i].destination;
		(void)printf("  ");
		print_clean(addresses[i].uri);
		(void)printf("  %s",
		    names_word(&destination_status_names, (int)to->status));
		if (to->reason.len > 0) {
			(void)printf(": ");
			print_clean(to->reason);
		}
		if (!text_equal(to->address, addresses[i].asked)) {
			(void)printf(": its host wants them at ");
			print_clean(to->address);
		}
		(void)printf("\n");
	}
	if (count == 0)
		(void)printf("  %s\n", nobody);
}

void
lookup_print(const struct lookup *lookup)
{
	(void)printf("Asked for ");
	print_clean(lookup->domain);
	(void)printf(" by %s\n", lookup->discovery.method == DMARC_PSL
				     ? "the public suffix list (RFC 7489 6.6.3)"
				     : "the tree walk (RFC 9989 4.10)");
	for (size_t i = 0; i < lookup->queries.count; i++)
		print_query(&lookup->queries.at[i]);
	(void)printf("\n");
	print_policy(lookup);
	if (lookup->discovery.record != NULL) {
		print_tags(lookup);
		print_addresses("Aggregate reports go to", lookup->rua.at,
		    lookup->rua.count,
		    lookup->discovery.record->rua_unread.count > 0
			? "nobody: no rua that can be used"
			: "nobody: the record has no rua");
		print_addresses("Failure reports go to", lookup->ruf.at,
		    lookup->ruf.count, "nobody: the record has no ruf");
	}
	if (lookup->warnings.count > 0)
		(void)printf("\nWarnings\n");
	for (size_t i = 0; i < lookup->warnings.count; i++) {
		(void)printf("  warning: ");
		print_clean(lookup->warnings.at[i]);
		(void)printf("\n");
	}
}
