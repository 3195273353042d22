#include "dns/answer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TTL_MAX = 24 * 60 * 60, RECORDS_FIRST = 4 };

/* What may be parsed out of an answer and kept: enough for the records that
 * are in use, while one that is made to grow (SPF of terms of one letter) is
 * parsed for each message instead. */
enum { PARSE_BASE = 768, PARSE_FACTOR = 12 };

/* Of an arena: itself with its chunks' heads; its first chunk. */
enum { ARENA_BASE = 160, CHUNK_FIRST = 512 };

struct parsed {
	struct parsed *next;
	dns_parser *parser;
	const void *value;
};

/* All of it, and the answer too, is in the arena, but for what was parsed. */
struct dns_owner {
	struct arena *arena;
	size_t references;
	struct dns_record *records; /* what the answer shows as const */
	size_t room;
	struct arena *parsing; /* NULL: nothing was parsed yet */
	struct parsed *parsed;
};

const struct dns_answer dns_answer_failed = {.status = DNS_FAILED};

static const struct {
	enum dns_type type;
	const char *name;
} types[] = {
    {DNS_A, "A"},
    {DNS_NS, "NS"},
    {DNS_CNAME, "CNAME"},
    {DNS_SOA, "SOA"},
    {DNS_PTR, "PTR"},
    {DNS_MX, "MX"},
    {DNS_TXT, "TXT"},
    {DNS_AAAA, "AAAA"},
};

static const char *const status_words[] = {
    [DNS_UNKNOWN] = "unknown",
    [DNS_FOUND] = "found",
    [DNS_NODATA] = "no data",
    [DNS_NXDOMAIN] = "no such name",
    [DNS_FAILED] = "failed",
};
const struct names dns_status_names = NAMES(status_words);

const char *
dns_type_name(enum dns_type type)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (types[i].type == type)
			return types[i].name;
	}
	return "?";
}

bool
dns_type_find(struct text word, enum dns_type *ret_type)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (text_equal_nocase(word, text_from_cstr(types[i].name))) {
			*ret_type = types[i].type;
			return true;
		}
	}
	return false;
}

struct dns_answer *
dns_answer_new(enum dns_status status, uint32_t ttl)
{
	struct arena *arena = arena_new(DNS_ANSWER_BYTES_MAX);

	if (arena == NULL)
		return NULL;
	struct dns_owner *owner = arena_alloc(arena, sizeof *owner);
	struct dns_answer *answer = arena_alloc(arena, sizeof *answer);
	if (owner == NULL || answer == NULL) {
		arena_free(arena);
		return NULL;
	}
	*owner = (struct dns_owner){.arena = arena, .references = 1};
	*answer = (struct dns_answer){.status = status, .owner = owner};
	answer->ttl = ttl < TTL_MAX ? ttl : TTL_MAX;
	return answer;
}

static bool
ensure_room(struct dns_owner *owner, size_t count)
{
	if (count < owner->room)
		return true;
	size_t room = owner->room == 0 ? RECORDS_FIRST : owner->room * 2;
	struct dns_record *records =
	    arena_array(owner->arena, room, sizeof *records);
	if (records == NULL)
		return false;
	if (count > 0)
		memcpy(records, owner->records, count * sizeof *records);
	owner->records = records;
	owner->room = room;
	return true;
}

bool
dns_answer_add(struct dns_answer *answer, const struct dns_record *record)
{
	struct dns_owner *owner = answer->owner;

	assert(answer->status == DNS_FOUND);
	if (answer->count >= DNS_RECORDS_MAX ||
	    !ensure_room(owner, answer->count))
		return false;
	struct dns_record *added = &owner->records[answer->count];
	*added = *record;
	added->text = arena_copy(owner->arena, record->text);
	if (arena_failed(owner->arena))
		return false;
	answer->records = owner->records;
	answer->count++;
	return true;
}

static int
compare_records(const void *one, const void *other)
{
	const struct dns_record *a = one;
	const struct dns_record *b = other;

	if (a->preference != b->preference)
		return a->preference < b->preference ? -1 : 1;
	int order = text_compare(a->text, b->text);
	if (order != 0)
		return order;
	if (a->ip.version != b->ip.version)
		return a->ip.version < b->ip.version ? -1 : 1;
	return memcmp(a->ip.byte, b->ip.byte, sizeof a->ip.byte);
}

void
dns_answer_sort(struct dns_answer *answer)
{
	if (answer->count > 1)
		qsort(answer->owner->records, answer->count,
		    sizeof *answer->owner->records, compare_records);
}

const struct dns_answer *
dns_answer_ref(const struct dns_answer *answer)
{
	if (answer->owner != NULL)
		answer->owner->references++;
	return answer;
}

void
dns_answer_unref(const struct dns_answer *answer)
{
	if (answer == NULL || answer->owner == NULL)
		return;
	assert(answer->owner->references > 0);
	if (--answer->owner->references > 0)
		return;
	arena_free(answer->owner->parsing);
	arena_free(answer->owner->arena);
}

/* --- parsed --- */

static size_t
parse_limit(const struct dns_answer *answer)
{
	size_t len = 0;

	for (size_t i = 0; i < answer->count; i++)
		len += answer->records[i].text.len;
	return len == 0 ? 0 : PARSE_BASE + PARSE_FACTOR * len;
}

/* Chunks and vectors grow by doubling, so that half may be unused. */
static size_t
weigh_arena(size_t used)
{
	size_t held = used > CHUNK_FIRST / 2 ? 2 * used : CHUNK_FIRST;

	return used == 0 ? 0 : ARENA_BASE + held;
}

size_t
dns_answer_weight(const struct dns_answer *answer)
{
	if (answer->owner == NULL)
		return 0;
	return weigh_arena(arena_used(answer->owner->arena)) +
	       weigh_arena(parse_limit(answer));
}

/* NULL: none, or it is full. */
static struct arena *
open_parsing(const struct dns_answer *answer)
{
	struct dns_owner *owner = answer->owner;
	size_t limit = parse_limit(answer);

	if (owner->parsing == NULL && limit > 0)
		owner->parsing = arena_new(limit);
	if (owner->parsing == NULL || arena_failed(owner->parsing))
		return NULL;
	return owner->parsing;
}

static bool
keep_parsed(struct dns_owner *owner, dns_parser *parser, const void *value)
{
	struct parsed *parsed = arena_alloc(owner->parsing, sizeof *parsed);

	if (parsed == NULL)
		return false;
	*parsed = (struct parsed){owner->parsed, parser, value};
	owner->parsed = parsed;
	return true;
}

const void *
dns_answer_parsed(
    const struct dns_answer *answer, dns_parser *parser, struct arena *arena)
{
	struct dns_owner *owner = answer->owner;

	if (owner == NULL)
		return parser(arena, answer);
	for (struct parsed *p = owner->parsed; p != NULL; p = p->next) {
		if (p->parser == parser)
			return p->value;
	}
	/* A verdict must not depend on what was parsed before it, so what does
	 * not fit in the answer is made for the message. */
	struct arena *parsing = open_parsing(answer);
	if (parsing == NULL)
		return parser(arena, answer);
	const void *value = parser(parsing, answer);
	if (arena_failed(parsing) ||
	    (value != NULL && !keep_parsed(owner, parser, value)))
		return parser(arena, answer);
	return value;
}
