#include "verdict.h"

static json_t *
author_json(const struct author *author)
{
	return json_pack("{s:o, s:o}", "domain", json_from_text(author->domain),
	    "status",
	    json_from_word(&author_status_names, (int)author->status));
}

json_t *
spf_json(const struct spf_outcome *spf)
{
	return json_pack("{s:o, s:o, s:o}", "result",
	    json_from_word(&spf_result_names, (int)spf->result), "domain",
	    json_from_text(spf->domain), "explanation",
	    json_from_text(spf->explanation));
}

/* Also of the null sender, whose domain is HELO's (RFC 7208 2.4). */
static json_t *
mail_from_json(const struct spf_outcome *spf)
{
	return json_pack("{s:o, s:s, s:o, s:o}", "result",
	    json_from_word(&spf_result_names, (int)spf->result), "identity",
	    "mailfrom", "domain", json_from_text(spf->domain), "explanation",
	    json_from_text(spf->explanation));
}

static json_t *
helo_json(const struct spf_outcome *spf)
{
	return json_pack("{s:o, s:o}", "result",
	    json_from_word(&spf_result_names, (int)spf->result), "domain",
	    json_from_text(spf->domain));
}

static json_t *
signature_json(const struct dkim_verdict *signature)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "result",
	    json_from_word(&dkim_result_names, (int)signature->result),
	    "domain", json_from_text(signature->domain), "selector",
	    json_from_text(signature->selector), "algorithm",
	    json_from_text(signature->algorithm), "identity",
	    json_from_text(signature->identity), "reason",
	    json_from_text(signature->reason));
}

static json_t *
dkim_json(const struct dkim_results *results)
{
	json_t *list = json_array();

	for (size_t i = 0; i < results->count; i++)
		list = json_append(list, signature_json(&results->at[i]));
	return list;
}

static json_t *
policy_json(enum dmarc_policy policy)
{
	if (policy == DMARC_POLICY_ABSENT || policy == DMARC_POLICY_INVALID)
		return json_null();
	return json_from_word(&dmarc_policy_names, (int)policy);
}

static const char *
alignment_word(bool is_aligned)
{
	return is_aligned ? "pass" : "fail";
}

static json_t *
dmarc_json(const struct verdict *verdict)
{
	const struct dmarc_discovery *discovery = &verdict->discovery;
	const struct dmarc_outcome *dmarc = &verdict->dmarc;
	struct text organizational = discovery->organizational_failed
					 ? TEXT("")
					 : discovery->organizational_domain;
	struct text record =
	    discovery->record == NULL ? TEXT("") : discovery->record->text;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:{s:s, s:s}, s:o}",
	    "result", json_from_word(&dmarc_result_names, (int)dmarc->result),
	    "policy", policy_json(dmarc->policy), "policy_domain",
	    json_from_text(discovery->policy_domain), "organizational_domain",
	    json_from_text(organizational), "discovery_method",
	    json_from_word(&dmarc_method_names, (int)discovery->method),
	    "testing", dmarc_discovery_is_test(discovery), "alignment", "spf",
	    alignment_word(dmarc->spf_aligned), "dkim",
	    alignment_word(dmarc->dkim_aligned), "record",
	    json_from_text(record));
}

static json_t *
disposition_json(const struct disposition *disposition)
{
	json_t *reason = json_null();

	if (disposition->reason != OVERRIDE_NONE)
		reason = json_pack("{s:o, s:o}", "type",
		    json_from_word(
			&override_type_names, (int)disposition->reason),
		    "comment", json_from_text(disposition->comment));
	return json_pack("{s:o, s:o}", "action",
	    json_from_word(&disposition_action_names, (int)disposition->action),
	    "reason", reason);
}

/* Without its folding, one line; backslashes as they stand in the field. */
static json_t *
field_json(struct text field)
{
	struct build line;

	build_init(&line, field.len + 1);
	while (field.len > 0) {
		build_text(&line, text_split(&field, '\r'));
		if (field.len > 0)
			build_byte(&line, ' ');
		field = text_slice(field, 2, field.len); /* LF TAB */
	}
	json_t *string = json_stringn(line.ptr, line.len);
	build_free(&line);
	return string;
}

json_t *
verdict_json(const struct verdict *verdict)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:n, s:o, s:o, s:o}", "from",
	    author_json(&verdict->author), "spf", mail_from_json(&verdict->spf),
	    "helo", helo_json(&verdict->helo), "dkim",
	    dkim_json(&verdict->dkim), "arc", "dmarc", dmarc_json(verdict),
	    "disposition", disposition_json(&verdict->disposition),
	    "authentication_results",
	    field_json(verdict->authentication_results));
}
