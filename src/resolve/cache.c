/* Plan: one hash table of chains whose size follows from the budget, and one
 * list of all entries by last use. An entry that is too old goes when it is
 * found or when it is the last of the list. */
#include "resolve/cache.h"

#include "resolve/question.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHAINS_MIN = 64,
	CHAINS_MAX = 1 << 20,
	ENTRY_MIN = 1024, /* about what the smallest one takes */
	ALLOCATOR_OWN = 16,
	/* What the library holds for a public key. */
	KEY_BYTES = 4096,
};

/* Seconds; what servers say beyond is cut. Failures: RFC 2308 7.1, negative
 * answers: RFC 2308 5. */
static const uint32_t ttl_max[] = {
    [DNS_UNKNOWN] = 0,
    [DNS_FOUND] = 24 * 60 * 60,
    [DNS_NODATA] = 3 * 60 * 60,
    [DNS_NXDOMAIN] = 3 * 60 * 60,
    [DNS_FAILED] = DNS_FAILED_TTL,
};

struct entry {
	struct entry *next; /* of the chain */
	struct entry *newer;
	struct entry *older;
	int64_t end; /* when it is too old */
	size_t bytes;
	const struct dns_answer *answer;
	struct dns_question question;
	char name[];
};

struct cache {
	struct question_key key;
	struct entry **chains;
	size_t chain_mask;
	struct entry *newest;
	struct entry *oldest;
	size_t budget;
	size_t bytes;
	size_t entries;
};

struct cache *
cache_new(size_t budget)
{
	struct cache *cache = calloc(1, sizeof *cache);
	size_t chains = CHAINS_MIN;

	while (chains < CHAINS_MAX && chains < budget / ENTRY_MIN)
		chains *= 2;
	if (cache != NULL)
		cache->chains = calloc(chains, sizeof(struct entry *));
	if (cache == NULL || cache->chains == NULL ||
	    !question_key_draw(&cache->key)) {
		cache_free(cache);
		return NULL;
	}
	cache->chain_mask = chains - 1;
	cache->budget = budget;
	return cache;
}

static void
unlink_use(struct cache *cache, struct entry *entry)
{
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		cache->newest = entry->older;
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	else
		cache->oldest = entry->newer;
}

static void
link_newest(struct cache *cache, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	if (cache->newest != NULL)
		cache->newest->newer = entry;
	else
		cache->oldest = entry;
	cache->newest = entry;
}

/* Where the pointer to the question's entry is, or would be. */
static struct entry **
find_place(struct cache *cache, const struct dns_question *question)
{
	uint64_t hash = question_hash(&cache->key, question);
	struct entry **place = &cache->chains[hash & cache->chain_mask];

	while (*place != NULL && !question_equal(&(*place)->question, question))
		place = &(*place)->next;
	return place;
}

static void
remove_at(struct cache *cache, struct entry **place)
{
	struct entry *entry = *place;

	assert(entry != NULL);
	*place = entry->next;
	unlink_use(cache, entry);
	cache->bytes -= entry->bytes;
	cache->entries--;
	dns_answer_unref(entry->answer);
	free(entry);
}

void
cache_free(struct cache *cache)
{
	if (cache == NULL)
		return;
	for (size_t i = 0; cache->entries > 0; i++)
		while (cache->chains[i] != NULL)
			remove_at(cache, &cache->chains[i]);
	free(cache->chains);
	free(cache);
}

const struct dns_answer *
cache_find(
    struct cache *cache, const struct dns_question *question, int64_t now)
{
	struct entry **place = find_place(cache, question);
	struct entry *entry = *place;

	if (entry == NULL)
		return NULL;
	if (entry->end <= now) {
		remove_at(cache, place);
		return NULL;
	}
	unlink_use(cache, entry);
	link_newest(cache, entry);
	return entry->answer;
}

/* Each record of a DKIM key's name (RFC 6376 3.6.2.1) may become a key, which
 * is kept by the library, outside what the answer weighs. */
static size_t
size_keys(const struct dns_question *question, const struct dns_answer *answer)
{
	struct text part = TEXT("._domainkey.");

	if (text_find_part(question->name, part) == question->name.len)
		return 0;
	return answer->count * KEY_BYTES;
}

static struct entry *
new_entry(const struct dns_question *question, const struct dns_answer *answer)
{
	size_t len = question->name.len;
	struct entry *entry = malloc(sizeof *entry + len);

	if (entry == NULL)
		return NULL;
	*entry = (struct entry){
	    .bytes = sizeof *entry + len + ALLOCATOR_OWN +
		     dns_answer_weight(answer) + size_keys(question, answer),
	    .answer = dns_answer_ref(answer),
	    .question = {.name = {entry->name, len}, .type = question->type},
	};
	if (len > 0)
		memcpy(entry->name, question->name.ptr, len);
	return entry;
}

static void
remove_oldest(struct cache *cache)
{
	remove_at(cache, find_place(cache, &cache->oldest->question));
}

void
cache_put(struct cache *cache, const struct dns_question *question,
    const struct dns_answer *answer, int64_t now)
{
	struct entry **place = find_place(cache, question);
	uint32_t ttl = ttl_max[answer->status];

	if (answer->ttl < ttl)
		ttl = answer->ttl;
	if (*place != NULL)
		remove_at(cache, place);
	struct entry *entry = ttl == 0 ? NULL : new_entry(question, answer);
	if (entry == NULL)
		return;
	entry->end = now + (int64_t)ttl * 1000;
	entry->next = *place;
	*place = entry;
	link_newest(cache, entry);
	cache->bytes += entry->bytes;
	cache->entries++;
	while (cache->bytes > cache->budget)
		remove_oldest(cache);
}

size_t
cache_entries(const struct cache *cache)
{
	return cache->entries;
}

size_t
cache_bytes(const struct cache *cache)
{
	return cache->bytes;
}
