#include "report/xml.h"

#include "base/scan.h"

/* U+FFFD, the replacement character, in UTF-8. */
#define REPLACEMENT "\xEF\xBF\xBD"

static void
indent(const struct xml *xml)
{
	for (unsigned i = 0; i < xml->depth; i++)
		build_text(xml->build, TEXT("  "));
}

/* A report is mostly tags: build_format would take most of its time. */
static void
write_tag(const struct xml *xml, const char *open, const char *name,
    const char *close)
{
	build_cstr(xml->build, open);
	build_cstr(xml->build, name);
	build_cstr(xml->build, close);
}

void
xml_open(struct xml *xml, const char *name)
{
	indent(xml);
	write_tag(xml, "<", name, ">\n");
	xml->depth++;
}

void
xml_close(struct xml *xml, const char *name)
{
	xml->depth--;
	indent(xml);
	write_tag(xml, "</", name, ">\n");
}

void
xml_element(struct xml *xml, const char *name, struct text text)
{
	indent(xml);
	write_tag(xml, "<", name, ">");
	xml_text(xml->build, text);
	write_tag(xml, "</", name, ">\n");
}

void
xml_number(struct xml *xml, const char *name, int64_t number)
{
	indent(xml);
	write_tag(xml, "<", name, ">");
	build_format(xml->build, "%lld", (long long)number);
	write_tag(xml, "</", name, ">\n");
}

void
xml_optional(struct xml *xml, const char *name, struct text text)
{
	if (text.len > 0)
		xml_element(xml, name, text);
}

/* --- characters --- */

/* RFC 3629 4, as a table: a first byte, the range of the second, the length.
 * This leaves out overlong forms, surrogates, and what is above U+10FFFF. */
struct lead {
	unsigned char first, last;
	unsigned char second_min, second_max;
	unsigned char len;
};

static const struct lead leads[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2},
    {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3},
    {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4},
    {0xF4, 0xF4, 0x80, 0x8F, 4},
};

static bool
is_between(int byte, int min, int max)
{
	return byte >= min && byte <= max;
}

/* The length of the UTF-8 character of several bytes that stands here, or 0. */
static size_t
sequence(const struct scan *scan)
{
	for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
		const struct lead *lead = &leads[i];
		if (!is_between(scan_peek(scan), lead->first, lead->last))
			continue;
		if (!is_between(scan_peek_at(scan, 1), lead->second_min,
			lead->second_max))
			return 0;
		for (size_t at = 2; at < lead->len; at++)
			if (!is_between(scan_peek_at(scan, at), 0x80, 0xBF))
				return 0;
		return lead->len;
	}
	return 0;
}

/* U+FFFE and U+FFFF are UTF-8 but no Char of XML 1.0 (2.2). */
static bool
is_noncharacter(struct text character)
{
	return text_equal(character, TEXT("\xEF\xBF\xBE")) ||
	       text_equal(character, TEXT("\xEF\xBF\xBF"));
}

static void
write_wide(struct build *build, struct scan *scan)
{
	size_t from = scan->at;
	size_t len = sequence(scan);

	scan->at += len == 0 ? 1 : len;
	struct text character = scan_since(scan, from);
	/* U+0080-U+009F: legal, but a terminal may obey them. */
	if (len == 2 && text_compare(character, TEXT("\xC2\xA0")) < 0)
		build_format(build, "&#%d;", (unsigned char)character.ptr[1]);
	else if (len == 0 || is_noncharacter(character))
		build_cstr(build, REPLACEMENT);
	else
		build_text(build, character);
}

static void
write_ascii(struct build *build, int byte)
{
	switch (byte) {
	case '&': build_cstr(build, "&amp;"); return;
	case '<': build_cstr(build, "&lt;"); return;
	case '>': build_cstr(build, "&gt;"); return;
	case '"': build_cstr(build, "&quot;"); return;
	case '\'': build_cstr(build, "&apos;"); return;
	case '\t':
	case '\n':
	case '\r':
	case 0x7F: build_format(build, "&#%d;", byte); return;
	default: build_cstr(build, REPLACEMENT); return;
	}
}

/* Bytes that stand for themselves. */
static bool
is_plain(int byte)
{
	return byte >= ' ' && byte < 0x7F && byte != '&' && byte != '<' &&
	       byte != '>' && byte != '"' && byte != '\'';
}

void
xml_text(struct build *build, struct text text)
{
	struct scan scan = scan_text(text);

	while (!scan_at_end(&scan)) {
		build_text(build, scan_while(&scan, is_plain));
		if (scan_peek(&scan) >= 0x80)
			write_wide(build, &scan);
		else if (!scan_at_end(&scan))
			write_ascii(build, scan_any(&scan));
	}
}
