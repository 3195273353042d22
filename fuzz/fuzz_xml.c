/* Texts, separated by 0x1E, stand everywhere in a report; the XML that comes
 * out is walked by a strict little reader that knows only what XML 1.0 allows.
 */
#include "report/aggregate.h"

#include "base/scan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { XML_MAX = 64 * 1024 * 1024, DEPTH_MAX = 16, TEXTS = 8 };

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* --- the reader --- */

static unsigned
continuation(struct scan *scan)
{
	int byte = scan_any(scan);

	require(byte >= 0x80 && byte <= 0xBF);
	return (unsigned)byte & 0x3F;
}

/* One character in the shortest UTF-8 (RFC 3629). */
static unsigned
character(struct scan *scan)
{
	unsigned first = (unsigned)scan_any(scan);
	unsigned code = first;

	if (first >= 0xF0) {
		require(first <= 0xF4);
		code = (first & 7) << 18 | continuation(scan) << 12;
		code |= continuation(scan) << 6;
		code |= continuation(scan);
		require(code >= 0x10000 && code <= 0x10FFFF);
	} else if (first >= 0xE0) {
		code = (first & 15) << 12 | continuation(scan) << 6;
		code |= continuation(scan);
		require(code >= 0x800 && (code < 0xD800 || code > 0xDFFF));
		require(code < 0xFFFE);
	} else if (first >= 0x80) {
		require(first >= 0xC2);
		code = (first & 31) << 6 | continuation(scan);
	}
	return code;
}

static bool
is_name(int byte)
{
	return is_alpha(byte) || byte == '_';
}

/* The five names, or a number of a character that XML allows. */
static void
reference(struct scan *scan)
{
	static const struct text names[] = {
	    {"amp;", 4}, {"lt;", 3}, {"gt;", 3}, {"quot;", 5}, {"apos;", 5}};
	uint64_t code;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (scan_word_nocase(scan, names[i]))
			return;
	require(scan_byte(scan, '#'));
	require(text_to_number(scan_while(scan, is_digit), 0x10FFFF, &code));
	require(scan_byte(scan, ';'));
	require(code == 9 || code == 10 || code == 13 ||
		(code >= 0x7F && code <= 0x9F));
}

static void
text_run(struct scan *scan)
{
	while (!scan_at_end(scan) && scan_peek(scan) != '<') {
		unsigned code = character(scan);
		if (code == '&')
			reference(scan);
		else
			require(code == '\n' || (code >= ' ' && code < 0x7F) ||
				code >= 0xA0);
		require(code != '>');
	}
}

/* Enumerations of the schemas, of either form. */
static const struct {
	const char *element;
	const char *words; /* each between blanks */
} enumerations[] = {
    {"p", " none quarantine reject "},
    {"sp", " none quarantine reject "},
    {"np", " none quarantine reject "},
    {"adkim", " r s "},
    {"aspf", " r s "},
    {"pct", " 0 100 "},
    {"testing", " y n "},
    {"discovery_method", " psl treewalk "},
    {"disposition", " none pass quarantine reject "},
    {"scope", " mfrom "},
    {"result", " none pass fail softfail policy neutral temperror permerror "},
    {"type", " local_policy mailing_list other policy_test_mode sampled_out"
	     " trusted_forwarder "},
    {"version", " 1.0 "},
};

static void
check_value(struct text element, struct text value)
{
	for (size_t i = 0; i < sizeof enumerations / sizeof *enumerations;
	     i++) {
		struct text words = text_from_cstr(enumerations[i].words);
		char word[32] = " ";
		if (!text_equal(
			element, text_from_cstr(enumerations[i].element)))
			continue;
		require(value.len > 0 && value.len < sizeof word - 2);
		memcpy(word + 1, value.ptr, value.len);
		word[value.len + 1] = ' ';
		require(text_find_part(words,
			    (struct text){word, value.len + 2}) < words.len);
	}
}

static size_t
walk(struct text xml, struct text root)
{
	struct text open[DEPTH_MAX] = {{NULL, 0}};
	struct scan scan = scan_text(xml);
	size_t depth = 0;
	size_t elements = 0;

	require(scan_word_nocase(
	    &scan, TEXT("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")));
	do {
		require(scan_byte(&scan, '<'));
		bool is_end = scan_byte(&scan, '/');
		struct text name = scan_while(&scan, is_name);
		require(name.len > 0);
		if (elements == 0)
			require(scan_word_nocase(&scan, root));
		require(scan_byte(&scan, '>'));
		elements++;
		if (is_end) {
			require(depth > 0);
			require(text_equal(name, open[--depth]));
		} else {
			require(depth < DEPTH_MAX);
			open[depth++] = name;
		}
		size_t begin = scan.at;
		text_run(&scan);
		if (!is_end)
			check_value(name, scan_since(&scan, begin));
	} while (depth > 0);
	require(scan_at_end(&scan));
	return elements;
}

/* --- the report --- */

static void
write_report(
    const struct aggregate *aggregate, const struct text *t, uint64_t count)
{
	struct report_metadata metadata = {t[0], t[1], t[2], t[3],
	    (int64_t)count, -(int64_t)count, t[4], t[5]};
	struct report_policy policy = {
	    t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[0]};
	struct report_dkim dkim[2] = {{t[1], t[2], t[3]}, {t[4], t[5], t[6]}};
	struct report_reason reason = {t[7], t[6]};
	struct report_row row = {.source_ip = t[0],
	    .count = count,
	    .disposition = t[1],
	    .reasons = {&reason, 1, 1},
	    .header_from = t[2],
	    .envelope_from = t[3],
	    .has_envelope_from = count & 1,
	    .dkim = {dkim, 2, 2},
	    .spf_domain = t[4],
	    .spf_result = t[5]};

	aggregate_begin(aggregate, &metadata, &policy);
	aggregate_row(aggregate, &row);
	aggregate_row(aggregate, &row);
	aggregate_end(aggregate);
}

/* What stands behind the root's name. */
static const struct text roots[] = {
    [REPORT_RFC9990] = {" xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\"", 41},
    [REPORT_RFC7489] = {"", 0},
};

static void
check(enum report_format format, const struct text *texts, size_t len)
{
	struct build build;

	build_init(&build, XML_MAX);
	write_report(&(struct aggregate){&build, format}, texts, len);
	require(!build_failed(&build));
	size_t elements = walk(build_view(&build), roots[format]);
	require(elements >= 40 && elements <= 160);
	build_free(&build);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text rest = {(const char *)bytes, len};
	struct text texts[TEXTS];

	for (size_t i = 0; i < TEXTS; i++)
		texts[i] = text_split(&rest, '\x1E');
	check(REPORT_RFC9990, texts, len);
	check(REPORT_RFC7489, texts, len);
	return 0;
}
