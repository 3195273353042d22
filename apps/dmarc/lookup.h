/* What dmarc lookup finds out, between asking (lookup.c) and printing it for
 * people (lookup_text.c) or as JSON (lookup_json.c). */
#ifndef DMARC_LOOKUP_H
#define DMARC_LOOKUP_H

#include "json.h"

#include "dmarc/discover.h"
#include "report/destination.h"

struct lookup_query {
	struct text name;
	enum dns_type type;
	enum dns_status status;
	VEC(struct text) records; /* DMARC's; more than one: none counts */
};

struct lookup_tag {
	const char *name;
	struct text value; /* "": absent, and there is no default */
	bool is_default;   /* not in the record */
};

enum { LOOKUP_TAGS = 8 };

struct lookup_address {
	struct text uri;
	struct text asked; /* the URI's address, before its host had a say */
	struct destination destination;
};

struct lookup {
	struct text domain;
	struct dmarc_discovery discovery;
	VEC(struct lookup_query) queries; /* of the discovery, in its order */
	struct lookup_tag tags[LOOKUP_TAGS]; /* when there is a record */
	VEC(struct lookup_address) rua;
	VEC(struct lookup_address) ruf;
	VEC(struct text) warnings;
};

void lookup_print(const struct lookup *lookup);
/* The object that dmarc(1) describes. NULL: no memory. */
json_t *lookup_json(const struct lookup *lookup) MUST_USE;

#endif
