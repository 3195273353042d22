/* Plan: nodes are found by hash. An answer is what RFC 1034 4.3.2 and RFC 4592
 * say: the data of the node, else of the wildcard at the closest encloser, else
 * no such name. */
#include "dns/zone.h"

#include "dns/name.h"
#include "dns/zone_nodes.h"

#include <string.h>

enum { ZONE_BYTES_MAX = 1 << 30, SLOTS_FIRST = 64 };

/* --- nodes --- */

static size_t
slot_of(const struct dns_zone *zone, struct text name)
{
	uint64_t hash = 14695981039346656037U; /* FNV-1a */

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char)name.ptr[i]) * 1099511628211U;
	return (size_t)(hash ^ hash >> 32) & (zone->room - 1);
}

static struct zone_node *
find_node(const struct dns_zone *zone, struct text name)
{
	struct zone_node *node = zone->slots[slot_of(zone, name)].first;

	while (node != NULL && !text_equal(node->name, name))
		node = node->next;
	return node;
}

static bool
enlarge(struct dns_zone *zone, size_t room)
{
	struct zone_slot *old = zone->slots;
	size_t old_room = zone->room;
	struct zone_slot *slots = arena_array(zone->arena, room, sizeof *slots);

	if (slots == NULL)
		return false;
	zone->slots = slots;
	zone->room = room;
	for (size_t i = 0; i < old_room; i++) {
		for (struct zone_node *node = old[i].first; node != NULL;) {
			struct zone_node *next = node->next;
			struct zone_slot *slot =
			    &slots[slot_of(zone, node->name)];
			node->next = slot->first;
			slot->first = node;
			node = next;
		}
	}
	return true;
}

struct zone_node *
zone_make_node(struct dns_zone *zone, struct text name)
{
	struct zone_node *node = find_node(zone, name);

	if (node != NULL)
		return node;
	if (zone->nodes >= zone->room && !enlarge(zone, zone->room * 2))
		return NULL;
	node = arena_alloc(zone->arena, sizeof *node);
	if (node == NULL)
		return NULL;
	struct zone_slot *slot = &zone->slots[slot_of(zone, name)];
	*node = (struct zone_node){.name = name, .next = slot->first};
	slot->first = node;
	zone->nodes++;
	return node;
}

bool
zone_mark_existing(struct dns_zone *zone, struct zone_node *node)
{
	while (!node->exists) {
		node->exists = true;
		if (node->name.len == 0)
			break;
		node = zone_make_node(zone, dns_name_parent(node->name));
		if (node == NULL)
			return false;
	}
	return true;
}

struct dns_zone *
zone_new(void)
{
	struct arena *arena = arena_new(ZONE_BYTES_MAX);

	if (arena == NULL)
		return NULL;
	struct dns_zone *zone = arena_alloc(arena, sizeof *zone);
	if (zone != NULL)
		*zone = (struct dns_zone){.arena = arena};
	if (zone == NULL || !enlarge(zone, SLOTS_FIRST)) {
		arena_free(arena);
		return NULL;
	}
	return zone;
}

void
dns_zone_free(struct dns_zone *zone)
{
	if (zone != NULL)
		arena_free(zone->arena);
}

/* --- answering --- */

/* The wildcard that answers for NAME, which does not exist, or NULL. */
static const struct zone_node *
find_wildcard(const struct dns_zone *zone, struct text name)
{
	char bytes[2 + DNS_NAME_MAX] = "*.";
	struct text encloser = name;
	const struct zone_node *node;

	do { /* RFC 4592 3.3.1: the closest encloser */
		encloser = dns_name_parent(encloser);
		node = find_node(zone, encloser);
	} while (encloser.len > 0 && (node == NULL || !node->exists));
	if (encloser.len > DNS_NAME_MAX)
		return NULL;
	if (encloser.len > 0)
		memcpy(bytes + 2, encloser.ptr, encloser.len);
	size_t len = encloser.len == 0 ? 1 : 2 + encloser.len;
	node = find_node(zone, (struct text){bytes, len});
	if (node == NULL || !node->wildcard || !node->exists)
		return NULL;
	return node;
}

static const struct zone_entry *
find_state(const struct zone_node *node, int type)
{
	for (const struct zone_entry *e = node->entries; e != NULL;
	     e = e->next) {
		if (e->status != DNS_FOUND &&
		    (e->type == ZONE_ANY || e->type == type))
			return e;
	}
	return NULL;
}

static const struct zone_entry *
find_record(const struct zone_node *node, int type)
{
	for (const struct zone_entry *e = node->entries; e != NULL;
	     e = e->next) {
		if (e->status == DNS_FOUND && e->type == type)
			return e;
	}
	return NULL;
}

/* Where NAME's data is: its own node, or a wildcard's. NULL: no such name. */
static const struct zone_node *
find_source(const struct dns_zone *zone, struct text name, int type)
{
	const struct zone_node *node = find_node(zone, name);

	if (node != NULL && (node->exists || find_state(node, type) != NULL))
		return node;
	return find_wildcard(zone, name);
}

static uint32_t
lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* More than a DNS message can hold is a failure, as it would be there. */
static struct dns_answer *
collect(const struct zone_node *node, int type, uint32_t ttl)
{
	size_t count = 0;
	size_t bytes = 0;

	for (const struct zone_entry *e = node->entries; e != NULL;
	     e = e->next) {
		if (e->status == DNS_FOUND && e->type == type) {
			count++;
			bytes += e->record.text.len;
			ttl = lesser(ttl, e->ttl);
		}
	}
	if (count == 0)
		return dns_answer_new(
		    DNS_NODATA, lesser(ttl, ZONE_TTL_DEFAULT));
	if (count > DNS_RECORDS_MAX || bytes > ZONE_TEXT_MAX)
		return dns_answer_new(DNS_FAILED, DNS_FAILED_TTL);
	struct dns_answer *answer = dns_answer_new(DNS_FOUND, ttl);
	if (answer == NULL)
		return NULL;
	for (const struct zone_entry *e = node->entries; e != NULL;
	     e = e->next) {
		if (e->status == DNS_FOUND && e->type == type &&
		    !dns_answer_add(answer, &e->record)) {
			dns_answer_unref(answer);
			return NULL;
		}
	}
	dns_answer_sort(answer);
	return answer;
}

/* RFC 8020 2: what is denied is the name where the aliases lead. */
static struct dns_answer *
deny(int aliases, uint32_t ttl)
{
	return dns_answer_new(aliases == 0 ? DNS_NXDOMAIN : DNS_NODATA, ttl);
}

static struct dns_answer *
answer_state(const struct zone_entry *state, int aliases, uint32_t ttl)
{
	if (state->status == DNS_FAILED)
		return dns_answer_new(DNS_FAILED, DNS_FAILED_TTL);
	ttl = lesser(ttl, state->ttl);
	return state->status == DNS_NXDOMAIN ? deny(aliases, ttl)
					     : dns_answer_new(DNS_NODATA, ttl);
}

struct dns_answer *
dns_zone_answer(
    const struct dns_zone *zone, const struct dns_question *question)
{
	int type = (int)question->type;
	struct text name = question->name;
	uint32_t ttl = UINT32_MAX;

	for (int step = 0; step <= DNS_CNAME_STEPS_MAX; step++) {
		const struct zone_node *node = find_source(zone, name, type);
		if (node == NULL)
			return deny(step, lesser(ttl, ZONE_TTL_DEFAULT));
		const struct zone_entry *state = find_state(node, type);
		if (state != NULL)
			return answer_state(state, step, ttl);
		const struct zone_entry *alias = find_record(node, DNS_CNAME);
		if (alias == NULL || type == DNS_CNAME)
			return collect(node, type, ttl);
		name = alias->record.text;
		ttl = lesser(ttl, alias->ttl);
	}
	return dns_answer_new(DNS_FAILED, DNS_FAILED_TTL);
}

struct dns_answer *
dns_zone_recall(const struct dns_zone *zone,
    const struct dns_question *question, bool *ret_known)
{
	int type = (int)question->type;
	const struct zone_node *node = find_node(zone, question->name);
	const struct zone_entry *state =
	    node == NULL ? NULL : find_state(node, type);

	*ret_known =
	    node != NULL && (state != NULL || find_record(node, type) != NULL);
	if (!*ret_known)
		return dns_answer_new(DNS_FAILED, DNS_FAILED_TTL);
	if (state != NULL)
		return answer_state(state, 0, state->ttl);
	return collect(node, type, ZONE_TTL_DEFAULT);
}
