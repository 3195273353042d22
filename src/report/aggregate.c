/* The XML of RFC 9990's schema, and of RFC 7489's, where the elements of both
 * stand in the order that both allow. Words of an enumeration are looked up in
 * the lists below, so that none can make the report invalid: a required one
 * that is not known becomes its list's neutral word, an optional one is left
 * out. */
#include "report/aggregate.h"

#include "report/xml.h"

#include <assert.h>

enum { REPORT_DKIM_MAX = 100 }; /* RFC 9990 3.1.3 */

static const char *const format_words[] = {
    [REPORT_RFC9990] = "9990",
    [REPORT_RFC7489] = "7489",
};
const struct names report_format_names = NAMES(format_words);

/* --- words --- */

/* RFC 9990's words, and what RFC 7489 says for each of them. */
struct words {
	struct names known;
	const char *const *in_7489;
};

#define WORDS(known, in_7489)                                                  \
 {                                                                             \
  NAMES(known), (in_7489)                                                      \
 }
#define ASSERT_PAIRED(known, in_7489)                                          \
 static_assert(sizeof(known) == sizeof(in_7489), "a word for each")

static const char *const policy_words[] = {"none", "quarantine", "reject"};
static const char *const alignment_words[] = {"r", "s"};
static const char *const testing_words[] = {"n", "y"};
static const char *const discovery_words[] = {"psl", "treewalk"};
/* RFC 8601 2.7.1. */
static const char *const dkim_words[] = {
    "none", "pass", "fail", "policy", "neutral", "temperror", "permerror"};

static const char *const disposition_words[] = {
    "none", "pass", "quarantine", "reject"};
static const char *const disposition_7489[] = {
    "none", "none", "quarantine", "reject"};
ASSERT_PAIRED(disposition_words, disposition_7489);

/* A test used to be called pct=0 (RFC 9989 A.6). */
static const char *const reason_words[] = {"local_policy", "mailing_list",
    "other", "policy_test_mode", "trusted_forwarder"};
static const char *const reason_7489[] = {"local_policy", "mailing_list",
    "other", "sampled_out", "trusted_forwarder"};
ASSERT_PAIRED(reason_words, reason_7489);
static const char *const pct_7489[] = {"100", "0"};
ASSERT_PAIRED(testing_words, pct_7489);

/* RFC 8601 2.7.2. */
static const char *const spf_words[] = {"none", "pass", "fail", "softfail",
    "policy", "neutral", "temperror", "permerror"};
static const char *const spf_7489[] = {"none", "pass", "fail", "softfail",
    "neutral", "neutral", "temperror", "permerror"};
ASSERT_PAIRED(spf_words, spf_7489);

static const struct words policies = WORDS(policy_words, policy_words);
static const struct words alignments = WORDS(alignment_words, alignment_words);
static const struct words testings = WORDS(testing_words, pct_7489);
static const struct words discoveries = WORDS(discovery_words, discovery_words);
static const struct words dispositions =
    WORDS(disposition_words, disposition_7489);
static const struct words reasons = WORDS(reason_words, reason_7489);
static const struct words dkim_results = WORDS(dkim_words, dkim_words);
static const struct words spf_results = WORDS(spf_words, spf_7489);

/* One report's, or row's, writing. */
struct writer {
	struct xml xml;
	enum report_format format;
};

static struct writer
begin_writing(const struct aggregate *aggregate)
{
	return (struct writer){.xml = {.build = aggregate->build, .depth = 1},
	    .format = aggregate->format};
}

static bool
is_7489(const struct writer *writer)
{
	return writer->format == REPORT_RFC7489;
}

/* TEXT as WORDS has it, or OTHERWISE. */
static struct text
word(const struct writer *writer, const struct words *words, struct text text,
    struct text otherwise)
{
	int value = names_find(&words->known, text);

	if (value < 0)
		return otherwise;
	return text_from_cstr(
	    is_7489(writer) ? words->in_7489[value] : words->known.word[value]);
}

static struct text
result(const struct writer *writer, const struct words *words, struct text text)
{
	/* RFC 5451's word, in old histories. */
	if (text_equal_nocase(text, TEXT("hardfail")))
		return TEXT("fail");
	return word(writer, words, text,
	    text.len == 0 ? TEXT("none") : TEXT("neutral"));
}

/* --- head --- */

static void
write_metadata(struct writer *writer, const struct report_metadata *metadata)
{
	struct xml *xml = &writer->xml;

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
	if (!is_7489(writer))
		xml_optional(xml, "generator", metadata->generator);
	xml_close(xml, "report_metadata");
}

/* The tags that came with RFC 9989 are known where RFC 9989 was applied. */
static void
write_tags_9990(
    struct writer *writer, const struct report_policy *policy, struct text sp)
{
	struct xml *xml = &writer->xml;
	struct text discovery =
	    word(writer, &discoveries, policy->discovery_method, TEXT(""));
	bool is_whole = discovery.len > 0;

	xml_optional(xml, "np",
	    word(writer, &policies, policy->np, is_whole ? sp : TEXT("")));
	xml_optional(xml, "discovery_method", discovery);
	xml_optional(xml, "fo", policy->fo);
	xml_optional(
	    xml, "testing", word(writer, &testings, policy->testing, TEXT("")));
}

static void
write_tags_7489(struct writer *writer, const struct report_policy *policy)
{
	struct xml *xml = &writer->xml;

	xml_element(
	    xml, "pct", word(writer, &testings, policy->testing, TEXT("100")));
	xml_element(xml, "fo", policy->fo.len > 0 ? policy->fo : TEXT("0"));
}

/* What is not published has its default value (RFC 9990 3.1.1.5). */
static void
write_policy(struct writer *writer, const struct report_policy *policy)
{
	struct xml *xml = &writer->xml;
	/* A record without a usable p acts as p=none (RFC 9989 4.10.1). */
	struct text p = word(writer, &policies, policy->p, TEXT("none"));
	struct text sp = word(writer, &policies, policy->sp, p);

	xml_open(xml, "policy_published");
	xml_element(xml, "domain", policy->domain);
	xml_element(
	    xml, "adkim", word(writer, &alignments, policy->adkim, TEXT("r")));
	xml_element(
	    xml, "aspf", word(writer, &alignments, policy->aspf, TEXT("r")));
	xml_element(xml, "p", p);
	xml_element(xml, "sp", sp);
	if (is_7489(writer))
		write_tags_7489(writer, policy);
	else
		write_tags_9990(writer, policy, sp);
	xml_close(xml, "policy_published");
}

/* RFC 7489's schema names a namespace for the root alone, which nobody sends,
 * and readers take the element for another one with it. */
static const char *const roots[] = {
    [REPORT_RFC9990] = "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">",
    [REPORT_RFC7489] = "<feedback>",
};

void
aggregate_begin(const struct aggregate *aggregate,
    const struct report_metadata *metadata, const struct report_policy *policy)
{
	struct writer writer = begin_writing(aggregate);

	build_format(aggregate->build,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n%s\n",
	    roots[aggregate->format]);
	xml_element(&writer.xml, "version", TEXT("1.0"));
	write_metadata(&writer, metadata);
	write_policy(&writer, policy);
}

void
aggregate_end(const struct aggregate *aggregate)
{
	build_cstr(aggregate->build, "</feedback>\n");
}

/* --- rows --- */

/* A type that is not known ("forwarded") is other, and says in the comment what
 * it was. */
static void
write_reason(struct writer *writer, const struct report_reason *reason)
{
	struct xml *xml = &writer->xml;
	struct text type = word(writer, &reasons, reason->type, TEXT(""));
	bool is_known = type.len > 0;

	xml_open(xml, "reason");
	xml_element(xml, "type", is_known ? type : TEXT("other"));
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
write_row(struct writer *writer, const struct report_row *row)
{
	struct xml *xml = &writer->xml;

	xml_open(xml, "row");
	xml_element(xml, "source_ip", row->source_ip);
	xml_number(xml, "count", (int64_t)row->count);
	xml_open(xml, "policy_evaluated");
	xml_element(xml, "disposition",
	    word(writer, &dispositions, row->disposition, TEXT("none")));
	xml_element(xml, "dkim", pass_or_fail(row->dkim_aligned));
	xml_element(xml, "spf", pass_or_fail(row->spf_aligned));
	for (size_t i = 0; i < row->reasons.count; i++)
		write_reason(writer, &row->reasons.at[i]);
	xml_close(xml, "policy_evaluated");
	xml_close(xml, "row");
}

static void
write_identifiers(struct writer *writer, const struct report_row *row)
{
	struct xml *xml = &writer->xml;

	xml_open(xml, "identifiers");
	if (row->has_envelope_from || is_7489(writer))
		xml_element(xml, "envelope_from", row->envelope_from);
	xml_element(xml, "header_from", row->header_from);
	xml_close(xml, "identifiers");
}

/* The signatures that passed, or all others; returns how many there is room
 * for after them. */
static size_t
write_signatures(struct writer *writer, const struct report_row *row,
    bool passed, size_t room)
{
	struct xml *xml = &writer->xml;

	for (size_t i = 0; i < row->dkim.count && room > 0; i++) {
		const struct report_dkim *dkim = &row->dkim.at[i];
		struct text outcome =
		    result(writer, &dkim_results, dkim->result);
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

/* RFC 7489: "There will always be at least one SPF result." */
static void
write_spf(struct writer *writer, const struct report_row *row)
{
	struct xml *xml = &writer->xml;
	bool is_known = row->spf_result.len > 0;

	if (!is_known && !is_7489(writer))
		return;
	xml_open(xml, "spf");
	xml_element(
	    xml, "domain", is_known ? row->spf_domain : row->envelope_from);
	xml_element(xml, "scope", TEXT("mfrom"));
	xml_element(
	    xml, "result", result(writer, &spf_results, row->spf_result));
	xml_close(xml, "spf");
}

void
aggregate_row(const struct aggregate *aggregate, const struct report_row *row)
{
	struct writer writer = begin_writing(aggregate);
	struct xml *xml = &writer.xml;

	xml_open(xml, "record");
	write_row(&writer, row);
	write_identifiers(&writer, row);
	xml_open(xml, "auth_results");
	/* Passes first: they are not the ones to be left out (3.1.3). */
	size_t room = write_signatures(&writer, row, true, REPORT_DKIM_MAX);
	(void)write_signatures(&writer, row, false, room);
	write_spf(&writer, row);
	xml_close(xml, "auth_results");
	xml_close(xml, "record");
}
