#include "listing.h"

enum { WORDS_MAX = 4096 };

static json_t *
why_json(const struct listing *listing, const struct store_listed *listed,
    const struct store_delivery *delivery)
{
	struct build words;

	build_init(&words, WORDS_MAX);
	listing_why(listing, listed, delivery, &words);
	json_t *why = json_from_text(build_view(&words));
	build_free(&words);
	return why;
}

static json_t *
deliveries_json(
    const struct listing *listing, const struct store_listed *listed)
{
	json_t *list = json_array();

	for (size_t i = 0; i < listed->deliveries.count; i++) {
		const struct store_delivery *delivery =
		    &listed->deliveries.at[i];
		list = json_append(list,
		    json_pack("{s:o, s:o, s:i, s:I, s:o, s:o}", "destination",
			json_from_text(delivery->destination), "state",
			json_from_word(
			    &delivery_state_names, (int)delivery->state),
			"tries", (int)delivery->tries, "next",
			(json_int_t)delivery->next, "words",
			json_from_text(delivery->words), "why",
			why_json(listing, listed, delivery)));
	}
	return list;
}

static json_t *
policy_json(const struct report_policy *policy)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "p",
	    json_from_text(policy->p), "sp", json_from_text(policy->sp), "np",
	    json_from_text(policy->np), "adkim", json_from_text(policy->adkim),
	    "aspf", json_from_text(policy->aspf), "fo",
	    json_from_text(policy->fo), "testing",
	    json_from_text(policy->testing), "discovery_method",
	    json_from_text(policy->discovery_method));
}

static json_t *
sums_json(const struct listing_sums *sums)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "pass",
	    (json_int_t)sums->passed, "dkim", (json_int_t)sums->by_dkim, "spf",
	    (json_int_t)sums->by_spf, "quarantine",
	    (json_int_t)sums->quarantined, "reject", (json_int_t)sums->rejected,
	    "overridden", (json_int_t)sums->overridden);
}

json_t *
listing_json(const struct listing *listing, const struct store_listed *listed)
{
	const struct store_report *report = listed->report;

	return json_pack("{s:o, s:o, s:I, s:I, s:i, s:s, s:I, s:I, s:I, s:I,"
			 " s:o, s:o, s:o, s:o, s:o}",
	    "id", json_from_text(listed->is_sealed ? report->id : TEXT("")),
	    "domain", json_from_text(report->policy.domain), "begin",
	    (json_int_t)report->begin, "end", (json_int_t)report->end, "seq",
	    (int)report->seq, "state",
	    listed->is_sealed ? store_state_name(listed->state) : "open",
	    "messages", (json_int_t)listed->messages, "rows",
	    (json_int_t)listed->rows, "xml_bytes",
	    (json_int_t)listed->mail.xml_bytes, "mail_bytes",
	    (json_int_t)listed->mail.mail_bytes, "policy",
	    policy_json(&report->policy), "rua",
	    json_from_texts(report->rua.at, report->rua.count), "why",
	    listed->deliveries.count > 0 ? json_null()
					 : why_json(listing, listed, NULL),
	    "deliveries", deliveries_json(listing, listed), "sums",
	    listing->id == NULL ? json_null() : sums_json(&listing->sums));
}
