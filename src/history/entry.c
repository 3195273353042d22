#include "history/entry.h"

#include "history/codec.h"

#include <assert.h>

/* What a dkim line and a rua line have besides their values. */
enum { SIGNATURE_LINE = 16, RUA_LINE = 8 };

/* Values that strangers make long: job, from, mfrom, helo, spf_domain. The
 * rest, domains and words, has a value's room for itself. */
enum { LONG_VALUES = 5 };

static_assert((LONG_VALUES + 1) * HISTORY_VALUE_MAX + HISTORY_DKIM_BYTES +
		      HISTORY_RUA_BYTES <=
		  HISTORY_ENTRY_MAX,
    "whatever strangers send, an entry is written");

static const char *const action_words[] = {
    [HISTORY_REJECT] = "reject",
    [HISTORY_DISCARD] = "discard",
    [HISTORY_ACCEPT] = "accept",
    [HISTORY_TEMPFAIL] = "tempfail",
    [HISTORY_QUARANTINE] = "quarantine",
};
const struct names history_action_names = NAMES(action_words);

static struct text
word(const struct names *names, int value)
{
	return text_from_cstr(names_word(names, value));
}

static struct text
policy_word(enum dmarc_policy policy)
{
	if (policy == DMARC_POLICY_ABSENT || policy == DMARC_POLICY_INVALID)
		return TEXT("");
	return word(&dmarc_policy_names, (int)policy);
}

static void
record_identity(struct arena *arena, const struct envelope *envelope,
    const struct verdict *verdict, struct history_entry *entry)
{
	struct build client;

	build_init_arena(&client, arena, IP_TEXT_MAX);
	ip_write(&client, &envelope->client);
	entry->job = envelope->job;
	entry->reporter = envelope->receiver;
	entry->received = envelope->now;
	entry->client = build_view(&client);
	entry->from = verdict->author.domain;
	entry->mail_from = verdict->mail_from_domain;
	entry->helo = envelope->helo;
}

static void
record_spf(const struct envelope *envelope, const struct verdict *verdict,
    struct history_entry *entry)
{
	entry->spf = TEXT("");
	entry->spf_domain = verdict->spf.domain;
	if (envelope->client.version != 0)
		entry->spf = word(&spf_result_names, (int)verdict->spf.result);
	entry->spf_aligned = verdict->dmarc.spf_aligned;
}

/* Adds the signatures that passed, or the others, as long as there is room. */
static bool
add_signatures(struct arena *arena, const struct dkim_results *results,
    bool passed, size_t *bytes, struct history_entry *entry)
{
	for (size_t i = 0; i < results->count; i++) {
		const struct dkim_verdict *from = &results->at[i];
		size_t size = SIGNATURE_LINE +
			      history_value_length(from->domain) +
			      history_value_length(from->selector);
		if ((from->result == DKIM_PASS) != passed ||
		    size > HISTORY_DKIM_BYTES - *bytes)
			continue;
		struct history_dkim *to = vec_push(arena, &entry->dkim);
		if (to == NULL)
			return false;
		to->domain = from->domain;
		to->selector = from->selector;
		to->result = word(&dkim_result_names, (int)from->result);
		*bytes += size;
	}
	return true;
}

static bool
record_dkim(struct arena *arena, const struct verdict *verdict,
    struct history_entry *entry)
{
	size_t bytes = 0;

	entry->dkim_aligned = verdict->dmarc.dkim_aligned;
	return add_signatures(arena, &verdict->dkim, true, &bytes, entry) &&
	       add_signatures(arena, &verdict->dkim, false, &bytes, entry);
}

static bool
record_rua(struct arena *arena, const struct dmarc_record *record,
    struct history_entry *entry)
{
	/* Where nothing can be used, what it was is the reason. */
	bool is_read = record->rua.count > 0;
	const struct text *uris =
	    is_read ? record->rua.at : record->rua_unread.at;
	size_t count = is_read ? record->rua.count : record->rua_unread.count;
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++) {
		bytes += RUA_LINE + history_value_length(uris[i]);
		if (bytes > HISTORY_RUA_BYTES)
			return true;
		struct text *uri = vec_push(arena, &entry->rua);
		if (uri == NULL)
			return false;
		*uri = uris[i];
	}
	return true;
}

/* An unusable record with a rua acts as p=none (RFC 9989 4.10.1), and is
 * reported as that. */
static void
record_tags(
    const struct dmarc_discovery *discovery, struct history_entry *entry)
{
	const struct dmarc_record *record = discovery->record;

	if (discovery->status == DMARC_DISCOVERY_AS_NONE) {
		entry->p = TEXT("none");
	} else {
		entry->p = policy_word(record->p);
		entry->sp = policy_word(record->sp);
		entry->np = policy_word(record->np);
	}
	entry->adkim = record->strict_dkim ? TEXT("s") : TEXT("r");
	entry->aspf = record->strict_spf ? TEXT("s") : TEXT("r");
	entry->fo = record->fo;
	entry->testing = record->testing ? TEXT("y") : TEXT("n");
	entry->pct = record->pct;
}

static bool
record_policy(struct arena *arena, const struct verdict *verdict,
    struct history_entry *entry)
{
	const struct dmarc_discovery *discovery = &verdict->discovery;

	entry->result = word(&dmarc_result_names, (int)verdict->dmarc.result);
	if (discovery->record == NULL ||
	    (discovery->status != DMARC_DISCOVERY_FOUND &&
		discovery->status != DMARC_DISCOVERY_AS_NONE))
		return true;
	entry->policy_domain = discovery->policy_domain;
	entry->requested = policy_word(verdict->dmarc.policy);
	entry->discovery = word(&dmarc_method_names, (int)discovery->method);
	record_tags(discovery, entry);
	return record_rua(arena, discovery->record, entry);
}

bool
history_entry_record(struct arena *arena, const struct envelope *envelope,
    const struct verdict *verdict, enum history_action action,
    struct history_entry *ret_entry)
{
	struct history_entry entry = {.action = action};

	record_identity(arena, envelope, verdict, &entry);
	record_spf(envelope, verdict, &entry);
	if (!record_dkim(arena, verdict, &entry) ||
	    !record_policy(arena, verdict, &entry) || arena_failed(arena))
		return false;
	if (verdict->disposition.reason != OVERRIDE_NONE) {
		entry.reason = word(
		    &override_type_names, (int)verdict->disposition.reason);
		entry.comment = verdict->disposition.comment;
	}
	*ret_entry = entry;
	return true;
}
