/* What a zone is made of, between its reader (zone_read.c) and what answers from
 * it (zone.c). Nobody else includes this.
 *
 * Each line of the text becomes an entry of the node of its owner. A node
 * exists when a line says so, for its own name or one below it. */
#ifndef DNS_ZONE_NODES_H
#define DNS_ZONE_NODES_H

#include "dns/answer.h"

enum {
	ZONE_TTL_DEFAULT = 300,
	ZONE_TEXT_MAX = 65535, /* what RDATA may hold (RFC 1035 3.2.1) */
	/* Types besides those of enum dns_type. */
	ZONE_ANY = 0, /* of a state: whatever is asked */
	ZONE_OBSOLETE_SPF = 99,
	ZONE_OTHER = 65535, /* reserved, so nobody asks it */
};

struct zone_entry {
	struct zone_entry *next;
	int type;
	enum dns_status status; /* FOUND: a record; else what is said of TYPE */
	uint32_t ttl;
	struct dns_record record;
};

struct zone_node {
	struct zone_node *next; /* in the same slot */
	struct text name;
	bool exists;
	bool wildcard; /* its first label is a * that was not escaped */
	struct zone_entry *entries;
};

struct zone_slot {
	struct zone_node *first;
};

struct dns_zone {
	struct arena *arena;
	struct zone_slot *slots;
	size_t room; /* slots; a power of two */
	size_t nodes;
};

/* Empty; NULL: no memory. Freed by dns_zone_free. */
struct dns_zone *zone_new(void) MUST_USE;
/* Finds it or makes it, not existing yet. NULL: no memory. */
struct zone_node *zone_make_node(
    struct dns_zone *zone, struct text name) MUST_USE;
/* A name exists with all its ancestors (RFC 8020 2). False: no memory. */
bool zone_mark_existing(struct dns_zone *zone, struct zone_node *node) MUST_USE;

#endif
