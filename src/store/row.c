#include "store/row.h"

#include "crypto/crypto.h"
#include "dns/name.h"
#include "history/codec.h"

#include <stdlib.h>

/* --- values --- */

struct text
row_write(struct arena *arena, struct text value)
{
	struct build written;
	size_t i = 0;

	/* Nearly all values stand for themselves. */
	while (i < value.len && value.ptr[i] > 0x20 && value.ptr[i] < 0x7F &&
	       value.ptr[i] != '%')
		i++;
	if (i == value.len && i > 1 && i <= HISTORY_VALUE_MAX)
		return value;
	build_init_arena(&written, arena, HISTORY_VALUE_MAX);
	history_value_write(&written, value);
	return build_view(&written);
}

struct text
row_read(struct arena *arena, struct text written)
{
	struct text value;

	if (!history_value_read(arena, written, &value))
		return TEXT("");
	return arena_copy(arena, value);
}

static const char *const mode_words[] = {"r", "s"};
static const struct names mode_names = NAMES(mode_words);
static const char *const testing_words[] = {"y", "n"};
static const struct names testing_names = NAMES(testing_words);

/* WORD as NAMES has it: what comes out of a file is never believed. */
static struct text
choose(const struct names *names, struct text word, struct text otherwise)
{
	int value = names_find(names, word);

	return value < 0 ? otherwise : text_from_cstr(names_word(names, value));
}

static struct text
choose_policy(struct text word, struct text otherwise)
{
	switch (names_find(&dmarc_policy_names, word)) {
	case DMARC_POLICY_NONE:
	case DMARC_POLICY_QUARANTINE:
	case DMARC_POLICY_REJECT:
		return choose(&dmarc_policy_names, word, otherwise);
	default: return otherwise;
	}
}

/* --- domains --- */

static struct text
lower(struct arena *arena, struct text domain)
{
	for (size_t i = 0; i < domain.len; i++) {
		if (to_lower(domain.ptr[i]) != domain.ptr[i])
			return arena_lower(arena, domain);
	}
	return domain;
}

/* --- signatures --- */

/* RFC 9990 3.1.3: strictly aligned passes first, then relaxed, then others.
 * Names of one Organizational Domain are above or below each other, or below
 * where its policy stands. */
static unsigned
rank_of(const struct history_dkim *dkim, const struct history_entry *entry)
{
	if (names_find(&dkim_result_names, dkim->result) != DKIM_PASS)
		return 3;
	if (text_equal_nocase(dkim->domain, entry->from))
		return 0;
	return dns_name_is_at_or_below(entry->from, dkim->domain) ||
		       dns_name_is_at_or_below(dkim->domain, entry->from) ||
		       dns_name_is_at_or_below(
			   dkim->domain, entry->policy_domain)
		   ? 1
		   : 2;
}

struct signature {
	unsigned rank;
	struct history_dkim dkim;
};

static int
compare_signatures(const void *a, const void *b)
{
	const struct signature *x = a;
	const struct signature *y = b;
	int order = (x->rank > y->rank) - (x->rank < y->rank);

	if (order == 0)
		order = text_compare(x->dkim.domain, y->dkim.domain);
	if (order == 0)
		order = text_compare(x->dkim.selector, y->dkim.selector);
	return order == 0 ? text_compare(x->dkim.result, y->dkim.result)
			  : order;
}

static struct text
dkim_of(struct arena *arena, const struct history_entry *entry)
{
	size_t count = entry->dkim.count;
	struct signature *all = arena_array(arena, count, sizeof *all);
	struct build list;

	if (all == NULL || count == 0)
		return TEXT("");
	for (size_t i = 0; i < count; i++) {
		all[i].dkim = entry->dkim.at[i];
		all[i].rank = rank_of(&all[i].dkim, entry);
	}
	qsort(all, count, sizeof *all, compare_signatures);
	build_init_arena(&list, arena, SIZE_MAX);
	for (size_t i = 0; i < count && i < ROW_DKIM_MAX; i++) {
		if (i > 0)
			build_byte(&list, ' ');
		history_value_write(&list, lower(arena, all[i].dkim.domain));
		build_byte(&list, ' ');
		history_value_write(&list, all[i].dkim.selector);
		build_byte(&list, ' ');
		build_text(&list, choose(&dkim_result_names, all[i].dkim.result,
				      TEXT("neutral")));
	}
	return build_view(&list);
}

/* --- disposition --- */

static bool
is_pass(const struct history_entry *entry)
{
	return names_find(&dmarc_result_names, entry->result) == DMARC_PASS;
}

static struct text
requested_of(const struct history_entry *entry)
{
	return choose_policy(entry->requested, TEXT("none"));
}

/* RFC 9990 3.1.1.9: "pass" is a pass under an enforcing policy. */
static struct text
disposition_of(const struct history_entry *entry)
{
	static const char *const words[] = {
	    [HISTORY_REJECT] = "reject",
	    [HISTORY_DISCARD] = "reject",
	    [HISTORY_ACCEPT] = "none",
	    [HISTORY_TEMPFAIL] = "none", /* not reportable */
	    [HISTORY_QUARANTINE] = "quarantine",
	};

	if (!is_pass(entry))
		return text_from_cstr(words[entry->action]);
	return text_equal(requested_of(entry), TEXT("none")) ? TEXT("none")
							     : TEXT("pass");
}

static void
set_reason(
    struct arena *arena, const struct history_entry *entry, struct row *row)
{
	struct text comment = entry->comment;

	row->reason = row->comment = TEXT("");
	/* A reason of a later version is still one, and says which. */
	if (entry->reason.len > 0 &&
	    names_find(&override_type_names, entry->reason) != OVERRIDE_NONE)
		row->reason =
		    choose(&override_type_names, entry->reason, TEXT("other"));
	if (comment.len == 0 &&
	    names_find(&override_type_names, entry->reason) < 0)
		comment = entry->reason;
	if (row->reason.len > 0 && comment.len > 0)
		row->comment = row_write(arena, comment);
	if (row->reason.len > 0 || is_pass(entry))
		return;
	if (names_find(&dmarc_result_names, entry->result) == DMARC_TEMPERROR) {
		row->reason = TEXT("other");
		row->comment = TEXT("temperror");
	} else if (!text_equal(row->disposition, requested_of(entry))) {
		/* A failing message that was treated otherwise must have a
		 * reason (RFC 9990 3.1.1.9). */
		row->reason = TEXT("local_policy");
	}
}

/* --- policy --- */

struct text
row_policy(struct arena *arena, const struct report_policy *policy)
{
	const struct text values[] = {policy->p, policy->sp, policy->np,
	    policy->adkim, policy->aspf, policy->fo, policy->testing,
	    policy->discovery_method};
	struct build text;

	build_init_arena(&text, arena, SIZE_MAX);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		if (i > 0)
			build_byte(&text, ' ');
		history_value_write(&text, values[i]);
	}
	return build_view(&text);
}

/* RFC 7489's pct=0 was heeded as t=y where its method was used (RFC 9989 A.6).
 */
static struct text
testing_of(const struct history_entry *entry)
{
	bool is_psl =
	    names_find(&dmarc_method_names, entry->discovery) == DMARC_PSL;

	if (is_psl && entry->pct == 0)
		return TEXT("y");
	return choose(&testing_names, entry->testing, TEXT(""));
}

static struct text
policy_of(struct arena *arena, const struct history_entry *entry)
{
	const struct report_policy policy = {
	    .p = choose_policy(entry->p, TEXT("none")),
	    .sp = choose_policy(entry->sp, TEXT("")),
	    .np = choose_policy(entry->np, TEXT("")),
	    .adkim = choose(&mode_names, entry->adkim, TEXT("")),
	    .aspf = choose(&mode_names, entry->aspf, TEXT("")),
	    .fo = entry->fo,
	    .testing = testing_of(entry),
	    .discovery_method =
		choose(&dmarc_method_names, entry->discovery, TEXT("")),
	};

	return row_policy(arena, &policy);
}

bool
row_policy_id(struct arena *arena, struct text policy, struct text *ret_id)
{
	struct sha256 digest;
	char hex[32];

	if (!crypto_sha256(policy, &digest))
		return false;
	hex_write(hex, digest.byte, sizeof hex / 2);
	*ret_id = arena_copy(arena, (struct text){hex, sizeof hex});
	return ret_id->len == sizeof hex;
}

/* --- the row --- */

static bool
is_reportable(const struct history_entry *entry)
{
	int result = names_find(&dmarc_result_names, entry->result);

	/* A deferred message comes again and is counted then. */
	return entry->action != HISTORY_TEMPFAIL &&
	       dns_name_is_ldh(entry->policy_domain) &&
	       (result == DMARC_PASS || result == DMARC_FAIL ||
		   result == DMARC_TEMPERROR);
}

static bool
set_source(
    struct arena *arena, const struct history_entry *entry, struct row *row)
{
	struct ip ip;
	struct build text;

	if (!ip_read(entry->client, &ip))
		return false;
	ip = ip_unmapped(ip);
	build_init_arena(&text, arena, IP_TEXT_MAX);
	ip_write(&text, &ip);
	row->source_ip = build_view(&text);
	return true;
}

static void
set_spf(struct arena *arena, const struct history_entry *entry, struct row *row)
{
	struct text domain =
	    entry->spf_domain.len > 0 ? entry->spf_domain : entry->mail_from;

	row->spf_domain = row->spf_result = TEXT("");
	if (entry->spf.len == 0 || domain.len == 0)
		return;
	row->spf_domain = row_write(arena, lower(arena, domain));
	row->spf_result = choose(&spf_result_names, entry->spf, TEXT("none"));
}

static struct text
rua_of(struct arena *arena, const struct history_entry *entry)
{
	struct build list;

	if (entry->rua.count == 1)
		return row_write(arena, entry->rua.at[0]);
	build_init_arena(&list, arena, SIZE_MAX);
	for (size_t i = 0; i < entry->rua.count; i++) {
		if (i > 0)
			build_byte(&list, ' ');
		history_value_write(&list, entry->rua.at[i]);
	}
	return build_view(&list);
}

bool
row_of_entry(
    struct arena *arena, const struct history_entry *entry, struct row *ret_row)
{
	struct row row = {.messages = 1,
	    .received = entry->received,
	    .is_quiet = entry->to_reports};

	if (!is_reportable(entry) || !set_source(arena, entry, &row))
		return false;
	row.policy_domain = lower(arena, entry->policy_domain);
	row.policy = policy_of(arena, entry);
	row.hour = entry->received - entry->received % ROW_HOUR;
	row.header_from = row_write(arena, lower(arena, entry->from));
	row.envelope_from = TEXT("");
	if (entry->mail_from.ptr != NULL)
		row.envelope_from =
		    row_write(arena, lower(arena, entry->mail_from));
	row.disposition = disposition_of(entry);
	row.dkim_aligned = entry->dkim_aligned;
	row.spf_aligned = entry->spf_aligned;
	set_reason(arena, entry, &row);
	row.dkim = dkim_of(arena, entry);
	set_spf(arena, entry, &row);
	row.rua = rua_of(arena, entry);
	*ret_row = row;
	return true;
}

void
row_of_nobody(const struct history_entry *entry, struct row *ret_row)
{
	const struct text none = TEXT("");

	*ret_row = (struct row){
	    .policy_domain = none,
	    .policy = none,
	    .hour = entry->received - entry->received % ROW_HOUR,
	    .source_ip = none,
	    .header_from = none,
	    .envelope_from = none,
	    .disposition = none,
	    .reason = none,
	    .comment = none,
	    .dkim = none,
	    .spf_domain = none,
	    .spf_result = none,
	    .messages = 1,
	    .received = entry->received,
	    .rua = none,
	};
}

static int
compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int
compare_rest(const struct row *a, const struct row *b)
{
	const struct text x[] = {a->header_from, a->envelope_from,
	    a->disposition, a->reason, a->comment, a->dkim, a->spf_domain,
	    a->spf_result};
	const struct text y[] = {b->header_from, b->envelope_from,
	    b->disposition, b->reason, b->comment, b->dkim, b->spf_domain,
	    b->spf_result};
	int order = compare_numbers(a->dkim_aligned, b->dkim_aligned);

	if (order == 0)
		order = compare_numbers(a->spf_aligned, b->spf_aligned);
	for (size_t i = 0; order == 0 && i < sizeof x / sizeof *x; i++)
		order = text_compare(x[i], y[i]);
	return order;
}

int
row_compare(const struct row *a, const struct row *b)
{
	int order = text_compare(a->policy_domain, b->policy_domain);

	if (order == 0)
		order = text_compare(a->policy, b->policy);
	if (order == 0)
		order = compare_numbers(a->hour, b->hour);
	if (order == 0)
		order = text_compare(a->source_ip, b->source_ip);
	return order == 0 ? compare_rest(a, b) : order;
}
