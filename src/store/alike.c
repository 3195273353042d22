#include "store/alike.h"

#include "store/row.h"

#include <string.h>

/* Who looks longer than this finds nothing: strangers' bytes may collide. */
enum { PROBES_MAX = 32 };

/* The texts that a row is made of (row_of_entry). */
static const size_t texts[] = {
    offsetof(struct history_entry, client),
    offsetof(struct history_entry, from),
    offsetof(struct history_entry, mail_from),
    offsetof(struct history_entry, spf),
    offsetof(struct history_entry, spf_domain),
    offsetof(struct history_entry, policy_domain),
    offsetof(struct history_entry, result),
    offsetof(struct history_entry, requested),
    offsetof(struct history_entry, p),
    offsetof(struct history_entry, sp),
    offsetof(struct history_entry, np),
    offsetof(struct history_entry, adkim),
    offsetof(struct history_entry, aspf),
    offsetof(struct history_entry, fo),
    offsetof(struct history_entry, testing),
    offsetof(struct history_entry, discovery),
    offsetof(struct history_entry, reason),
    offsetof(struct history_entry, comment),
};

enum { TEXTS = sizeof texts / sizeof *texts };

static struct text
text_at(const struct history_entry *entry, size_t i)
{
	return *(
	    const struct text *)(const void *)((const char *)entry + texts[i]);
}

static int64_t
hour_of(const struct history_entry *entry)
{
	return entry->received - entry->received % ROW_HOUR;
}

/* What is no text, in one number. */
static uint64_t
rest_of(const struct history_entry *entry)
{
	return (uint64_t)hour_of(entry) << 16 | (uint64_t)entry->action << 8 |
	       (uint64_t)entry->to_reports << 4 |
	       (uint64_t)(entry->pct == 0) << 3 |
	       (uint64_t)(entry->mail_from.ptr != NULL) << 2 |
	       (uint64_t)entry->dkim_aligned << 1 |
	       (uint64_t)entry->spf_aligned;
}

/* --- hash --- */

static uint64_t
mix(uint64_t hash, uint64_t bytes)
{
	hash = (hash ^ bytes) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

static uint64_t
mix_text(uint64_t hash, struct text text)
{
	uint64_t bytes;

	hash = mix(hash, text.len);
	for (; text.len >= sizeof bytes; text.len -= sizeof bytes) {
		memcpy(&bytes, text.ptr, sizeof bytes);
		hash = mix(hash, bytes);
		text.ptr += sizeof bytes;
	}
	if (text.len == 0)
		return hash;
	bytes = 0;
	memcpy(&bytes, text.ptr, text.len);
	return mix(hash, bytes);
}

static uint64_t
hash_of(const struct history_entry *entry)
{
	uint64_t hash = mix(0, rest_of(entry));

	for (size_t i = 0; i < TEXTS; i++)
		hash = mix_text(hash, text_at(entry, i));
	for (size_t i = 0; i < entry->dkim.count; i++) {
		hash = mix_text(hash, entry->dkim.at[i].domain);
		hash = mix_text(hash, entry->dkim.at[i].selector);
		hash = mix_text(hash, entry->dkim.at[i].result);
	}
	return hash;
}

/* --- comparison --- */

static bool
are_signatures_equal(
    const struct history_entry *a, const struct history_entry *b)
{
	if (a->dkim.count != b->dkim.count)
		return false;
	for (size_t i = 0; i < a->dkim.count; i++) {
		const struct history_dkim *x = &a->dkim.at[i];
		const struct history_dkim *y = &b->dkim.at[i];
		if (!text_equal(x->domain, y->domain) ||
		    !text_equal(x->selector, y->selector) ||
		    !text_equal(x->result, y->result))
			return false;
	}
	return true;
}

static bool
are_alike(const struct history_entry *a, const struct history_entry *b)
{
	if (rest_of(a) != rest_of(b))
		return false;
	for (size_t i = 0; i < TEXTS; i++) {
		if (!text_equal(text_at(a, i), text_at(b, i)))
			return false;
	}
	return are_signatures_equal(a, b);
}

/* --- the table --- */

struct slot {
	uint64_t hash;
	uint32_t group; /* its number + 1; 0: free */
};

struct table {
	struct slot *slots;
	size_t mask;
	struct alike *alike;
	size_t count;
};

/* The group of ENTRY, or a free slot for it; NULL: too many probes. */
static struct slot *
find_slot(
    const struct table *table, const struct history_entry *entry, uint64_t hash)
{
	for (size_t i = 0; i < PROBES_MAX; i++) {
		struct slot *slot = &table->slots[(hash + i) & table->mask];
		if (slot->group == 0 ||
		    (slot->hash == hash &&
			are_alike(table->alike[slot->group - 1].last, entry)))
			return slot;
	}
	return NULL;
}

static void
add_entry(struct table *table, const struct history_entry *entry)
{
	uint64_t hash = hash_of(entry);
	struct slot *slot = find_slot(table, entry, hash);

	if (slot == NULL || slot->group == 0) {
		table->alike[table->count++] = (struct alike){entry, 1};
		if (slot != NULL)
			*slot = (struct slot){hash, (uint32_t)table->count};
		return;
	}
	struct alike *alike = &table->alike[slot->group - 1];
	alike->count++;
	if (entry->received > alike->last->received)
		alike->last = entry;
}

bool
alike_find(struct arena *arena, const struct history_entry *entries,
    size_t count, struct alike **ret_alike, size_t *ret_count)
{
	size_t size = 64;

	if (count >= UINT32_MAX)
		return false;
	while (size < count * 2)
		size *= 2;
	struct table table = {
	    .slots = arena_array(arena, size, sizeof *table.slots),
	    .mask = size - 1,
	    .alike = arena_array(arena, count, sizeof *table.alike)};
	if (table.slots == NULL || table.alike == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		add_entry(&table, &entries[i]);
	*ret_alike = table.alike;
	*ret_count = table.count;
	return true;
}
