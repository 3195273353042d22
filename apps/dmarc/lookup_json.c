#include "lookup.h"

static const char *const status_words[] = {
    [DMARC_DISCOVERY_NONE] = "none",
    [DMARC_DISCOVERY_FOUND] = "found",
    [DMARC_DISCOVERY_AS_NONE] = "as_none",
    [DMARC_DISCOVERY_UNUSABLE] = "unusable",
    [DMARC_DISCOVERY_TEMPERROR] = "temperror",
};
static const struct names status_names = NAMES(status_words);

static json_t *
queries_json(const struct lookup *lookup)
{
	json_t *list = json_array();

	for (size_t i = 0; i < lookup->queries.count; i++) {
		const struct lookup_query *query = &lookup->queries.at[i];
		list = json_append(list,
		    json_pack("{s:o, s:s, s:o, s:o}", "name",
			json_from_text(query->name), "type",
			dns_type_name(query->type), "answer",
			json_from_word(&dns_status_names, (int)query->status),
			"records",
			json_from_texts(
			    query->records.at, query->records.count)));
	}
	return list;
}

static json_t *
tags_json(const struct lookup *lookup)
{
	json_t *tags = json_object();

	for (size_t i = 0; i < LOOKUP_TAGS; i++) {
		const struct lookup_tag *tag = &lookup->tags[i];
		json_t *value = json_pack("{s:o, s:b}", "value",
		    json_from_text(tag->value), "default", tag->is_default);
		if (json_object_set_new(tags, tag->name, value) != 0) {
			json_decref(tags);
			return NULL;
		}
	}
	return tags;
}

static json_t *
addresses_json(const struct lookup_address *addresses, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct destination *to = &addresses[i].destination;
		list = json_append(
		    list, json_pack("{s:o, s:o, s:o, s:o}", "uri",
			      json_from_text(addresses[i].uri), "status",
			      json_from_word(
				  &destination_status_names, (int)to->status),
			      "address", json_from_text(to->address), "reason",
			      json_from_text(to->reason)));
	}
	return list;
}

/* A record that was seen may not be the one that counts when DNS failed. */
static bool
has_policy(const struct dmarc_discovery *found)
{
	return found->status != DMARC_DISCOVERY_TEMPERROR &&
	       dmarc_discovery_policy(found) != DMARC_POLICY_ABSENT;
}

static json_t *
policy_json(const struct dmarc_discovery *found)
{
	if (!has_policy(found))
		return json_null();
	return json_from_word(
	    &dmarc_policy_names, (int)dmarc_discovery_policy(found));
}

static json_t *
organizational_json(const struct dmarc_discovery *discovery)
{
	return discovery->organizational_failed
		   ? json_null()
		   : json_from_text(discovery->organizational_domain);
}

json_t *
lookup_json(const struct lookup *lookup)
{
	const struct dmarc_discovery *found = &lookup->discovery;
	bool has_record = found->record != NULL;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s?, s:b, s:o, s:o, s:o,"
			 " s:o, s:o, s:o, s:o}",
	    "domain", json_from_text(lookup->domain), "discovery_method",
	    json_from_word(&dmarc_method_names, (int)found->method), "status",
	    json_from_word(&status_names, (int)found->status), "queries",
	    queries_json(lookup), "policy", policy_json(found), "policy_tag",
	    has_policy(found) ? found->requested_by : NULL, "testing",
	    dmarc_discovery_is_test(found), "policy_domain",
	    json_from_text(found->policy_domain), "organizational_domain",
	    organizational_json(found), "record",
	    json_from_text(has_record ? found->record->text : TEXT("")), "tags",
	    has_record ? tags_json(lookup) : json_null(), "rua",
	    addresses_json(lookup->rua.at, lookup->rua.count), "ruf",
	    addresses_json(lookup->ruf.at, lookup->ruf.count), "warnings",
	    json_from_texts(lookup->warnings.at, lookup->warnings.count));
}
