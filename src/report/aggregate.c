/* The XML of RFC 9990's schema, elements in the schema's own order. Words of
 * an enumeration are looked up in the lists below, so that none can make the
 * report invalid: a required one that is not known becomes its list's neutral
 * word, an optional one is left out. */
#include "report/aggregate.h"

#include "report/xml.h"

#include "base/names.h"

enum { REPORT_DKIM_MAX = 100 }; /* RFC 9990 3.1.3 */

static const char *const policy_words[] = {"none", "quarantine", "reject"};
static const char *const disposition_words[] = {
    "none", "pass", "quarantine", "reject"};
static const char *const alignment_words[] = {"r", "s"};
static const char *const testing_words[] = {"n", "y"};
static const char *const discovery_words[] = {"psl", "treewalk"};
static const char *const reason_words[] = {"local_policy", "mailing_list",
    "other", "policy_test_mode", "trusted_forwarder"};
/* RFC 8601 2.7.1 and 2.7.2. */
static const char *const dkim_words[] = {
    "none", "pass", "fail", "policy", "neutral", "temperror", "permerror"};
static const char *const spf_words[] = {"none", "pass", "fail", "softfail",
    "policy", "neutral", "temperror", "permerror"};

static const struct names policies = NAMES(policy_words);
static const struct names dispositions = NAMES(disposition_words);
static const struct names alignments = NAMES(alignment_words);
static const struct names testings = NAMES(testing_words);
static const struct names discoveries = NAMES(discovery_words);
static const struct names reasons = NAMES(reason_words);
static const struct names dkim_results = NAMES(dkim_words);
static const struct names spf_results = NAMES(spf_words);

/* TEXT as WORDS has it, or OTHERWISE. */
static struct text
word(const struct names *words, struct text text, const char *otherwise)
{
	int value = names_find(words, text);

	return text_from_cstr(value < 0 ? otherwise : names_word(words, value));
}

static struct text
result(const struct names *words, struct text text)
{
	/* RFC 5451's word, in old histories. */
	if (text_equal_nocase(text, TEXT("hardfail")))
		return TEXT("fail");
	return word(words, text, text.len == 0 ? "none" : "neutral");
}

/* --- head --- */

static void
write_metadata(struct xml *xml, const struct report_metadata *metadata)
{
	xml_open(xml, "report_metadata");
	xml_element(xml, "org_name", metadata->org_name);
	xml_element(xml, "email", metadata->email);
	xml_optional(xml, "extra_contact_info", metadata->extra_contact_info);
	xml_element(xml, "report_id", metadata->report_id);
	xml_open(xml, "date_range");
	xml_number(xml, "begin", metadata->begin);
	xml_number(xml, "end", metadata->end);
	xml_close(xml, "date_range");
	xml_optional(xml, "error", metadata->error);
	xml_optional(xml, "generator", metadata->generator);
	xml_close(xml, "report_metadata");
}

static void
write_policy(struct xml *xml, const struct report_policy *policy)
{
	xml_open(xml, "policy_published");
	xml_element(xml, "domain", policy->domain);
	/* A record without a usable p acts as p=none (RFC 9989 4.10.1). */
	xml_element(xml, "p", word(&policies, policy->p, "none"));
	xml_optional(xml, "sp", word(&policies, policy->sp, ""));
	xml_optional(xml, "np", word(&policies, policy->np, ""));
	xml_optional(xml, "adkim", word(&alignments, policy->adkim, ""));
	xml_optional(xml, "aspf", word(&alignments, policy->aspf, ""));
	xml_optional(xml, "discovery_method",
	    word(&discoveries, policy->discovery_method, ""));
	xml_optional(xml, "fo", policy->fo);
	xml_optional(xml, "testing", word(&testings, policy->testing, ""));
	xml_close(xml, "policy_published");
}

void
aggregate_begin(struct build *build, const struct report_metadata *metadata,
    const struct report_policy *policy)
{
	struct xml xml = {.build = build};

	build_cstr(build,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n");
	xml.depth = 1;
	xml_element(&xml, "version", TEXT("1.0"));
	write_metadata(&xml, metadata);
	write_policy(&xml, policy);
}

void
aggregate_end(struct build *build)
{
	build_cstr(build, "</feedback>\n");
}

/* --- rows --- */

/* A type that RFC 9990 does not know ("sampled_out") is other, and says in the
 * comment what it was. */
static void
write_reason(struct xml *xml, const struct report_reason *reason)
{
	bool is_known = names_find(&reasons, reason->type) >= 0;

	xml_open(xml, "reason");
	xml_element(xml, "type", word(&reasons, reason->type, "other"));
	if (is_known || reason->comment.len > 0)
		xml_optional(xml, "comment", reason->comment);
	else
		xml_optional(xml, "comment", reason->type);
	xml_close(xml, "reason");
}

static struct text
pass_or_fail(bool aligned)
{
	return aligned ? TEXT("pass") : TEXT("fail");
}

static void
write_row(struct xml *xml, const struct report_row *row)
{
	xml_open(xml, "row");
	xml_element(xml, "source_ip", row->source_ip);
	xml_number(xml, "count", (int64_t)row->count);
	xml_open(xml, "policy_evaluated");
	xml_element(
	    xml, "disposition", word(&dispositions, row->disposition, "none"));
	xml_element(xml, "dkim", pass_or_fail(row->dkim_aligned));
	xml_element(xml, "spf", pass_or_fail(row->spf_aligned));
	for (size_t i = 0; i < row->reasons.count; i++)
		write_reason(xml, &row->reasons.at[i]);
	xml_close(xml, "policy_evaluated");
	xml_close(xml, "row");
}

static void
write_identifiers(struct xml *xml, const struct report_row *row)
{
	xml_open(xml, "identifiers");
	xml_element(xml, "header_from", row->header_from);
	if (row->has_envelope_from)
		xml_element(xml, "envelope_from", row->envelope_from);
	xml_close(xml, "identifiers");
}

/* The signatures that passed, or all others; returns how many there is room
 * for after them. */
static size_t
write_signatures(
    struct xml *xml, const struct report_row *row, bool passed, size_t room)
{
	for (size_t i = 0; i < row->dkim.count && room > 0; i++) {
		const struct report_dkim *dkim = &row->dkim.at[i];
		struct text outcome = result(&dkim_results, dkim->result);
		if (text_equal(outcome, TEXT("pass")) != passed)
			continue;
		xml_open(xml, "dkim");
		xml_element(xml, "domain", dkim->domain);
		xml_element(xml, "selector", dkim->selector);
		xml_element(xml, "result", outcome);
		xml_close(xml, "dkim");
		room--;
	}
	return room;
}

static void
write_spf(struct xml *xml, const struct report_row *row)
{
	if (row->spf_result.len == 0)
		return;
	xml_open(xml, "spf");
	xml_element(xml, "domain", row->spf_domain);
	xml_element(xml, "scope", TEXT("mfrom"));
	xml_element(xml, "result", result(&spf_results, row->spf_result));
	xml_close(xml, "spf");
}

void
aggregate_row(struct build *build, const struct report_row *row)
{
	struct xml xml = {.build = build, .depth = 1};

	xml_open(&xml, "record");
	write_row(&xml, row);
	write_identifiers(&xml, row);
	xml_open(&xml, "auth_results");
	/* Passes first: they are not the ones to be left out (3.1.3). */
	size_t room = write_signatures(&xml, row, true, REPORT_DKIM_MAX);
	(void)write_signatures(&xml, row, false, room);
	write_spf(&xml, row);
	xml_close(&xml, "auth_results");
	xml_close(&xml, "record");
}
