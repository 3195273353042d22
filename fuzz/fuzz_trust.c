/* The operator's lists. The first line is what is looked up, the rest a list:
 * a refusal names a line; each entry is found by its key; and what halving
 * finds is what looking at every entry finds. */
#include "dns/name.h"
#include "verdict/rule.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { ARENA_MAX = 64 * 1024 * 1024 };

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
require_line(const struct problem *problem)
{
	require(problem->kind == PROBLEM_CONFIG &&
		strncmp(problem->text, "fuzz:", 5) == 0 &&
		problem->text[5] >= '1' && problem->text[5] <= '9');
}

static void
check_keys(const struct roster *roster)
{
	for (size_t i = 0; i < roster->entries.count; i++) {
		const struct roster_entry *entry = &roster->entries.at[i];
		const struct roster_entry *found =
		    roster_find(roster, entry->key);
		while (found != NULL && found != entry)
			found = roster_next(roster, found);
		require(found == entry);
		require(entry->key.len > 0 && entry->key.len <= ROSTER_KEY_MAX);
	}
}

/* Has the list a line KIND that matches DOMAIN? */
static bool
any_matches(const struct roster *roster, struct text kind, struct text domain)
{
	bool is_any = false;

	for (size_t i = 0; i < roster->entries.count; i++) {
		struct text key = roster->entries.at[i].key;
		is_any |= text_starts(key, kind) &&
			  roster_pattern_matches(
			      text_slice(key, kind.len, key.len), domain);
	}
	return is_any && dns_name_is_valid(domain);
}

static bool
any_holds(const struct roster *roster, const struct ip *client)
{
	bool is_any = false;

	for (size_t i = 0; i < roster->entries.count; i++) {
		struct text key = roster->entries.at[i].key;
		struct ip net;
		unsigned prefix;
		if (!text_starts(key, TEXT("ip ")))
			continue;
		require(
		    ip_read_net(text_slice(key, 3, key.len), &net, &prefix));
		require(prefix > 0);
		is_any |= ip_in_net(client, &net, prefix);
	}
	return is_any;
}

static void
check_senders(struct arena *arena, struct text query, struct text lines)
{
	struct problem problem = {PROBLEM_NONE, ""};
	const struct trust *trust = trust_read(arena, lines, "fuzz", &problem);
	struct dkim_verdict signature = {.result = DKIM_PASS,
	    .domain = query,
	    .signed_names = TEXT("list-id")};
	struct dkim_results none = {0, NULL};
	struct dkim_results one = {1, &signature};
	struct mail_header header = {.bytes = 0};

	if (trust == NULL) {
		require_line(&problem);
		return;
	}
	check_keys(&trust->roster);
	struct trust_sender sender = {.dkim = &none, .header = &header};
	require(trust_find(trust, &sender) == NULL);
	sender.spf_domain = query;
	require((trust_find(trust, &sender) != NULL) ==
		any_matches(&trust->roster, TEXT("spf "), query));
	sender = (struct trust_sender){.dkim = &one, .header = &header};
	require((trust_find(trust, &sender) != NULL) ==
		any_matches(&trust->roster, TEXT("dkim "), query));
	require(mail_header_add(&header, arena, TEXT("List-Id"),
	    arena_join(arena, TEXT("<"), arena_join(arena, query, TEXT(">"))),
	    false));
	/* A list that nobody proves is nobody. */
	sender.dkim = &none;
	require(trust_find(trust, &sender) == NULL);
	sender.dkim = &one;
	(void)trust_find(trust, &sender);
	sender = (struct trust_sender){.dkim = &none, .header = &header};
	if (!ip_read(query, &sender.client))
		return;
	struct ip client = ip_unmapped(sender.client);
	require((trust_find(trust, &sender) != NULL) ==
		any_holds(&trust->roster, &client));
}

static void
check_rules(struct arena *arena, struct text query, struct text lines)
{
	struct problem problem = {PROBLEM_NONE, ""};
	const struct roster *rules = rule_read(arena, lines, "fuzz", &problem);

	if (rules == NULL) {
		require_line(&problem);
		return;
	}
	check_keys(rules);
	for (size_t i = 0; i < rules->entries.count; i++)
		require(
		    rule_action(&rules->entries.at[i]) <= DISPOSITION_REJECT);
	const struct roster_entry *rule = rule_find(rules, query);
	require((rule != NULL) == any_matches(rules, TEXT(""), query));
	require(rule == NULL || roster_pattern_matches(rule->key, query));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text lines = {(const char *)bytes, len};
	struct text query = text_split(&lines, '\n');
	struct arena *arena = arena_new(ARENA_MAX);

	require(arena != NULL);
	check_senders(arena, query, lines);
	check_rules(arena, query, lines);
	arena_free(arena);
	return 0;
}
