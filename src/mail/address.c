/* Plan: first the bytes of the value are looked at (line ends, control bytes,
 * UTF-8, lengths), so that the grammar need not; then one function for each
 * rule of RFC 5322 3.4 walks over it and notes the domain of each address.
 * Whatever no rule takes makes the field malformed.
 *
 * Obsolete forms are read where all readers agree about the domain (routes,
 * dots in names and local parts) and refused where a simpler reader would see
 * another one: white space or comments inside a domain, empty list members, and
 * addresses of other domains where only a simple reader finds any. */
#include "mail/address.h"

#include "dns/name.h"
#include "mail/token.h"

enum {
	LINE_MAX_BYTES = 998, /* RFC 5322 2.1.1 */
	NAME_LEN = sizeof "From:" - 1,
};

static const char *const status_words[] = {
    [AUTHOR_OK] = "ok",
    [AUTHOR_NONE] = "none",
    [AUTHOR_MULTIPLE] = "multiple",
    [AUTHOR_MALFORMED] = "malformed",
};
const struct names author_status_names = NAMES(status_words);

struct reader {
	struct arena *arena;
	struct scan scan;
	struct text domain[AUTHOR_DOMAINS_MAX]; /* each once */
	size_t domains;
	size_t addresses;
	struct text hidden; /* the domain behind each '@' that is no address */
	struct text reason; /* of the first refusal */
};

static bool
refuse(struct reader *reader, struct text reason)
{
	if (reader->reason.len == 0)
		reader->reason = reason;
	return false;
}

/* The sequence (RFC 3629 4) that begins at AT: its length, or 0. C1 controls,
 * U+2028 and U+2029 are none to us: some readers end a line at them. */
static size_t
utf8_sequence(struct text text, size_t at)
{
	static const uint32_t smallest[] = {0, 0, 0xA0, 0x800, 0x10000};
	unsigned char lead = (unsigned char)text.ptr[at];
	size_t len = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;

	if (lead < 0xC2 || lead > 0xF4 || len > text.len - at)
		return 0;
	uint32_t code = lead & (0xFFU >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		unsigned char byte = (unsigned char)text.ptr[at + i];
		if ((byte & 0xC0) != 0x80)
			return 0;
		code = code << 6 | (byte & 0x3F);
	}
	bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
	bool is_separator = code == 0x2028 || code == 0x2029;
	if (code < smallest[len] || code > 0x10FFFF || is_surrogate)
		return 0;
	return is_separator ? 0 : len;
}

static bool
check_bytes(struct reader *reader, struct text value)
{
	size_t at = 0;

	while (at < value.len) {
		unsigned char byte = (unsigned char)value.ptr[at];
		size_t len = 1;
		if (byte == '\r' &&
		    text_starts(text_slice(value, at, value.len), TEXT("\r\n")))
			len = 2;
		else if (byte >= 0x80)
			len = utf8_sequence(value, at);
		else if ((byte < 0x20 && byte != '\t') || byte == 0x7F)
			return refuse(reader, TEXT("control byte"));
		if (len == 0)
			return refuse(reader, TEXT("not UTF-8"));
		at += len;
	}
	return true;
}

/* Each line but the first begins with white space, and none is blank: there a
 * simpler reader would see the header's end. None ends in a backslash: it
 * depends on how a reader unfolds which byte that escapes. */
static bool
check_lines(struct reader *reader, struct text value, size_t before)
{
	bool is_first = true;

	while (value.len > 0 || is_first) {
		size_t end = text_find_part(value, TEXT("\r\n"));
		struct text line = text_slice(value, 0, end);
		if (line.len + before > LINE_MAX_BYTES)
			return refuse(reader, TEXT("line too long"));
		if (!is_first &&
		    (text_trim(line).len == 0 || !is_wsp(line.ptr[0])))
			return refuse(reader, TEXT("wrong folding"));
		if (end + 2 == value.len || text_ends_nocase(line, TEXT("\\")))
			return refuse(reader, TEXT("wrong folding"));
		value = text_slice(value, end + 2, value.len);
		is_first = false;
		before = 0;
	}
	return true;
}

static bool
is_dot_atom(int byte)
{
	return token_is_atext(byte) || byte == '.';
}

static bool
read_name(struct arena *arena, struct text text, struct text *ret_name)
{
	struct text name;

	if (!dns_name_read(arena, text, &name) || !dns_name_is_ldh(name))
		return false;
	*ret_name = name;
	return true;
}

/* Programs that look for the first or last '@' of a line find addresses in
 * comments too. Their domain must turn out to be the author's, and nothing may
 * stand behind it that could be taken for more of it. */
static bool
note_hidden(struct reader *reader, struct text comments)
{
	struct text name;

	while (text_has(comments, '@')) {
		(void)text_split(&comments, '@');
		struct scan scan = scan_text(comments);
		struct text domain = scan_while(&scan, is_dot_atom);
		if (!text_has(TEXT(")>"), (char)scan_peek(&scan)) ||
		    !read_name(reader->arena, domain, &name))
			return refuse(reader, TEXT("address in a comment"));
		if (reader->hidden.len > 0 && !text_equal(name, reader->hidden))
			return refuse(reader, TEXT("addresses in comments"));
		reader->hidden = name;
	}
	return true;
}

static bool
skip_cfws(struct reader *reader)
{
	size_t from = reader->scan.at;

	if (!token_skip_cfws(&reader->scan))
		return refuse(reader, TEXT("comment without end or too deep"));
	return note_hidden(reader, scan_since(&reader->scan, from));
}

/* domain = dot-atom / domain-literal */
static bool
read_domain(struct reader *reader, struct text *ret_domain)
{
	if (scan_peek(&reader->scan) == '[')
		return refuse(reader, TEXT("domain literal"));
	struct text text = scan_while(&reader->scan, is_dot_atom);
	if (!read_name(reader->arena, text, ret_domain))
		return refuse(reader, TEXT("not a domain"));
	return true;
}

/* Is there a second '@' for those who read quotes wrongly, decode, or take
 * U+FF20 and U+FE6B for it? */
static bool
hides_at(struct text local)
{
	static const struct text marks[] = {
	    {"@", 1}, {"=?", 2}, {"\xEF\xBC\xA0", 3}, {"\xEF\xB9\xAB", 3}};

	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		if (text_find_part(local, marks[i]) < local.len)
			return true;
	}
	return false;
}

/* local-part = word *("." word)
 * Dots may stand anywhere: such addresses exist, and the domain is the same. */
static bool
skip_local(struct reader *reader)
{
	struct scan *scan = &reader->scan;
	size_t from = scan->at;

	do {
		if (!token_take_quoted(scan))
			(void)scan_while(scan, token_is_atext);
	} while (scan_byte(scan, '.'));
	struct text local = scan_since(scan, from);
	if (local.len == 0)
		return refuse(reader, TEXT("no address"));
	return !hides_at(local) ||
	       refuse(reader, TEXT("address in a local part"));
}

/* addr-spec = [CFWS] local-part [CFWS] "@" [CFWS] domain [CFWS]
 *
 * Without a comment before the domain: for some it begins there. */
static bool
read_addr_spec(struct reader *reader, struct text *ret_domain)
{
	if (!skip_cfws(reader) || !skip_local(reader) || !skip_cfws(reader))
		return false;
	if (!scan_byte(&reader->scan, '@'))
		return refuse(reader, TEXT("not an address"));
	scan_while(&reader->scan, is_space);
	return read_domain(reader, ret_domain) && skip_cfws(reader);
}

/* obs-route = "@" domain *("," [CFWS] ["@" domain]) ":" */
static bool
skip_route(struct reader *reader)
{
	struct text domain;

	while (scan_byte(&reader->scan, '@')) {
		if (!skip_cfws(reader) || !read_domain(reader, &domain) ||
		    !skip_cfws(reader))
			return false;
		while (scan_byte(&reader->scan, ','))
			if (!skip_cfws(reader))
				return false;
	}
	return scan_byte(&reader->scan, ':') ||
	       refuse(reader, TEXT("route without end"));
}

/* angle-addr = "<" [obs-route] addr-spec ">" [CFWS] */
static bool
read_angle(struct reader *reader, struct text *ret_domain)
{
	if (!scan_byte(&reader->scan, '<') || !skip_cfws(reader))
		return false;
	if (scan_peek(&reader->scan) == '@' && !skip_route(reader))
		return false;
	if (!read_addr_spec(reader, ret_domain))
		return false;
	return scan_byte(&reader->scan, '>') ? skip_cfws(reader)
					     : refuse(reader, TEXT("no '>'"));
}

/* Also "." (obs-phrase) and brackets, which many names have and which tell no
 * reader that there is an address. */
static bool
is_phrase(int byte)
{
	return is_dot_atom(byte) || byte == '[' || byte == ']';
}

/* Names that are an address in quotes are usual. Beside an escaped quote it
 * depends on the reader where the quotes end. */
static bool
hides_end(struct text word)
{
	return text_has(word, '@') &&
	       text_find_part(word, TEXT("\\\"")) < word.len;
}

/* phrase = *(word / CFWS); *ret_words: how many bytes of words */
static bool
skip_phrase(struct reader *reader, size_t *ret_words)
{
	struct scan *scan = &reader->scan;
	size_t words = 0;

	for (;;) {
		if (!skip_cfws(reader))
			return false;
		size_t from = scan->at;
		if (!token_take_quoted(scan))
			(void)scan_while(scan, is_phrase);
		if (scan->at == from)
			break;
		if (hides_end(scan_since(scan, from)))
			return refuse(
			    reader, TEXT("address beside an escaped quote"));
		words += scan->at - from;
	}
	*ret_words = words;
	return true;
}

static bool
count_address(struct reader *reader, struct text domain)
{
	if (++reader->addresses > AUTHOR_ADDRESSES_MAX)
		return refuse(reader, TEXT("too many addresses"));
	for (size_t i = 0; i < reader->domains; i++) {
		if (text_equal(reader->domain[i], domain))
			return true;
	}
	if (reader->domains == AUTHOR_DOMAINS_MAX)
		return refuse(reader, TEXT("too many domains"));
	reader->domain[reader->domains++] = domain;
	return true;
}

/* addr-spec, and as no RFC has it but much mail: "a@x <b@x>". As long as both
 * have the same domain, all readers agree about that. */
static bool
read_bare(struct reader *reader, struct text *ret_domain)
{
	struct text domain = TEXT("");

	if (!read_addr_spec(reader, ret_domain))
		return false;
	if (scan_peek(&reader->scan) != '<')
		return true;
	if (!read_angle(reader, &domain))
		return false;
	return text_equal(domain, *ret_domain) ||
	       refuse(reader, TEXT("address as a display name"));
}

/* mailbox = [display-name] angle-addr / addr-spec */
static bool
read_mailbox(struct reader *reader)
{
	size_t from = reader->scan.at;
	size_t words;
	struct text domain = TEXT("");

	if (!skip_phrase(reader, &words))
		return false;
	bool is_angle = scan_peek(&reader->scan) == '<';
	if (!is_angle)
		reader->scan.at = from;
	if (!(is_angle ? read_angle : read_bare)(reader, &domain))
		return false;
	return count_address(reader, domain);
}

/* group-list = mailbox *("," mailbox) / CFWS, and ";" [CFWS] behind it */
static bool
read_members(struct reader *reader)
{
	if (!skip_cfws(reader))
		return false;
	if (scan_byte(&reader->scan, ';'))
		return skip_cfws(reader);
	do {
		if (!read_mailbox(reader))
			return false;
	} while (scan_byte(&reader->scan, ','));
	return scan_byte(&reader->scan, ';')
		   ? skip_cfws(reader)
		   : refuse(reader, TEXT("group without end"));
}

/* address = mailbox / group (RFC 6854 lets From have groups)
 * group = display-name ":" [group-list] ";" */
static bool
read_address(struct reader *reader)
{
	size_t from = reader->scan.at;
	size_t words;

	if (!skip_phrase(reader, &words))
		return false;
	if (words > 0 && scan_byte(&reader->scan, ':'))
		return read_members(reader);
	reader->scan.at = from;
	return read_mailbox(reader);
}

/* address-list = address *("," address) */
static bool
read_list(struct reader *reader)
{
	do {
		if (!read_address(reader))
			return false;
	} while (scan_byte(&reader->scan, ','));
	return scan_at_end(&reader->scan) ||
	       refuse(reader, TEXT("something behind the address"));
}

/* value = address-list, as all readers see it */
static bool
read_value(struct reader *reader, struct text value, size_t before)
{
	if (!check_bytes(reader, value) ||
	    !check_lines(reader, value, before) || !read_list(reader))
		return false;
	if (reader->domains == 0)
		return refuse(reader, TEXT("no address"));
	return reader->hidden.len == 0 || reader->domains > 1 ||
	       text_equal(reader->hidden, reader->domain[0]) ||
	       refuse(reader, TEXT("address in a comment"));
}

static struct author
read_from(struct arena *arena, struct text value, size_t before)
{
	struct reader reader = {.arena = arena, .scan = scan_text(value)};
	struct author author = {AUTHOR_MALFORMED, TEXT(""), TEXT("no memory")};
	bool is_list = read_value(&reader, value, before);

	if (arena_failed(arena))
		return author;
	author.reason = reader.reason;
	if (!is_list)
		return author;
	if (reader.domains > 1) {
		author.status = AUTHOR_MULTIPLE;
		author.reason = TEXT("several domains");
		return author;
	}
	author.status = AUTHOR_OK;
	author.domain = reader.domain[0];
	return author;
}

struct author
author_read(struct arena *arena, struct text value)
{
	return read_from(arena, value, NAME_LEN);
}

/* "From" between bytes that no name has: some readers overlook them. */
static bool
is_disguised(struct text name)
{
	char letters[NAME_LEN];
	size_t len = 0;

	for (size_t i = 0; i < name.len && len < sizeof letters; i++) {
		if (is_printable(name.ptr[i]))
			letters[len++] = name.ptr[i];
	}
	return len < name.len &&
	       text_equal_nocase((struct text){letters, len}, TEXT("From"));
}

static bool
has_disguised(const struct mail_header *header)
{
	for (size_t i = 0; i < header->fields.count; i++) {
		if (is_disguised(header->fields.at[i].name))
			return true;
	}
	return false;
}

struct author
author_find(struct arena *arena, const struct mail_header *header)
{
	static const struct text from = {"From", 4};
	const struct mail_field *field = mail_header_find(header, from, 0);

	if (header->is_too_long)
		return (struct author){
		    AUTHOR_MALFORMED, TEXT(""), TEXT("header too long")};
	if (mail_header_count(header, from) > 1)
		return (struct author){
		    AUTHOR_MULTIPLE, TEXT(""), TEXT("several From fields")};
	if (has_disguised(header))
		return (struct author){AUTHOR_MALFORMED, TEXT(""),
		    TEXT("wrong bytes in the field name")};
	if (field == NULL)
		return (struct author){
		    AUTHOR_NONE, TEXT(""), TEXT("no From field")};
	return read_from(
	    arena, field->value, field->raw.len - field->value.len);
}

/* Mailbox of RFC 5321 4.1.2, read generously: what MTAs accept as a local part
 * is their choice, and no byte allowed here hides an "@". */
static bool
is_local(int byte)
{
	static const struct text others = {"@<>\"\\()", 7};

	return byte >= 0x80 || byte == ' ' ||
	       (is_printable(byte) && !text_has(others, (char)byte));
}

static bool
is_without_controls(struct text text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.ptr[i];
		if (byte < 0x20 || byte == 0x7F)
			return false;
	}
	return true;
}

/* [A-d-l ":"] local-part "@" domain, or "@" domain: postmaster's (RFC 7208
 * 4.3). */
static bool
read_path(struct arena *arena, struct text path, struct text *ret_local,
    struct text *ret_domain)
{
	bool has_route =
	    text_starts(path, TEXT("@")) && text_find(path, ':') < path.len;
	if (has_route)
		(void)text_split(&path, ':');
	struct scan scan = scan_text(path);
	if (!token_take_quoted(&scan))
		(void)scan_while(&scan, is_local);
	struct text local = scan_since(&scan, 0);
	struct text domain;
	if ((local.len == 0 && has_route) || text_starts(local, TEXT(" ")) ||
	    !is_without_controls(local) || !scan_byte(&scan, '@') ||
	    !read_name(arena, scan_rest(&scan), &domain))
		return false;
	*ret_local = local;
	*ret_domain = domain;
	return true;
}

bool
envelope_read(struct arena *arena, struct text path, struct text *ret_local,
    struct text *ret_domain)
{
	bool is_open = text_starts(path, TEXT("<"));

	if (is_open != text_ends_nocase(path, TEXT(">")))
		return false;
	if (is_open)
		path = text_slice(path, 1, path.len - 1);
	if (path.len > 0)
		return read_path(arena, path, ret_local, ret_domain);
	*ret_local = TEXT("");
	*ret_domain = TEXT("");
	return true;
}
