/* Tokens are written, without their escapes, over the copy of the line that they
 * were read from, one right after the other: they are never longer than it, and
 * the strings of a TXT record are joined by that alone. */
#include "dns/zone.h"

#include "base/scan.h"
#include "dns/name.h"
#include "dns/zone_nodes.h"

#include <string.h>

/* --- tokens --- */

struct line {
	struct dns_zone *zone;
	char *bytes;
	struct scan scan; /* over the same bytes */
	size_t written;
	uint32_t ttl;
	const char *file;
	unsigned number;
	struct problem *problem;
};

struct token {
	struct text text;
	int first; /* its first byte as it was written: \\ for an escape */
	bool escaped_dot; /* cannot be written in our names */
	bool unicode;     /* a byte outside ASCII that was not escaped */
};

static bool
refuse(const struct line *line, const char *what)
{
	(void)problem_set(line->problem, PROBLEM_DATA, "%s:%u: %s", line->file,
	    line->number, what);
	return false;
}

static bool
no_memory(const struct line *line)
{
	(void)problem_set(line->problem, PROBLEM_SYSTEM,
	    "%s:%u: no memory for the zone", line->file, line->number);
	return false;
}

/* Skips blanks, and a comment if one begins here. Is there a token? */
static bool
has_more(struct line *line)
{
	scan_wsp(&line->scan);
	int byte = scan_peek(&line->scan);
	if (byte == '#' || byte == ';')
		scan_rest(&line->scan);
	return !scan_at_end(&line->scan);
}

/* What stands after the backslash: DDD or any byte (RFC 1035 5.1). */
static bool
read_escape(struct line *line, char *ret_byte)
{
	int first = scan_any(&line->scan);
	int value = first;

	if (first < 0)
		return refuse(line, "nothing after the backslash");
	if (is_digit(first)) {
		int second = scan_any(&line->scan);
		int third = scan_any(&line->scan);
		if (!is_digit(second) || !is_digit(third))
			return refuse(line, "\\DDD needs three digits");
		value =
		    (first - '0') * 100 + (second - '0') * 10 + (third - '0');
	}
	if (value > 255)
		return refuse(line, "\\DDD is above 255");
	*ret_byte = (char)value;
	return true;
}

static bool
read_byte(struct line *line, struct token *token)
{
	int byte = scan_any(&line->scan);
	char read = (char)byte;

	if (byte == '\\') {
		if (!read_escape(line, &read))
			return false;
		token->escaped_dot = token->escaped_dot || read == '.';
	} else if (byte > 0x7F) {
		token->unicode = true;
	}
	line->bytes[line->written++] = read;
	return true;
}

/* token = 1*(escape / not blank) / DQUOTE *(escape / not DQUOTE) DQUOTE */
static bool
read_token(struct line *line, struct token *ret_token)
{
	struct scan *scan = &line->scan;
	size_t from = line->written;
	bool quoted = scan_byte(scan, '"');
	struct token token = {.first = scan_peek(scan)};

	while (!scan_at_end(scan)) {
		int byte = scan_peek(scan);
		if (quoted ? byte == '"' : is_wsp(byte))
			break;
		if (!read_byte(line, &token))
			return false;
	}
	if (quoted && !scan_byte(scan, '"'))
		return refuse(line, "a string without its closing quote");
	token.text = (struct text){line->bytes + from, line->written - from};
	*ret_token = token;
	return true;
}

static bool
read_word(struct line *line, struct token *ret_token, const char *missing)
{
	return has_more(line) ? read_token(line, ret_token)
			      : refuse(line, missing);
}

static bool
take_name(struct line *line, const struct token *token, struct text *ret_name)
{
	struct arena *arena = line->zone->arena;
	struct text name = token->text;

	if (name.len == 1 && token->first == '@')
		return refuse(line, "there is no origin: write the whole name");
	if (token->escaped_dot)
		return refuse(line, "a label may not hold a dot");
	if (text_equal(name, TEXT("."))) {
		*ret_name = TEXT("");
		return true;
	}
	if (token->unicode)
		return dns_name_read(arena, name, ret_name) ||
		       refuse(line, "not a domain name");
	if (name.len > 0 && name.ptr[name.len - 1] == '.')
		name.len--;
	if (!dns_name_is_valid(name))
		return refuse(line, "not a domain name");
	*ret_name = arena_lower(arena, name);
	return !arena_failed(arena) || no_memory(line);
}

/* --- the data of each type --- */

static bool
read_name(struct line *line, struct dns_record *record)
{
	struct token token;

	return read_word(line, &token, "a name is missing") &&
	       take_name(line, &token, &record->text);
}

static bool
read_mx(struct line *line, struct dns_record *record)
{
	struct token token;
	uint64_t preference;

	if (!read_word(line, &token, "the preference is missing"))
		return false;
	if (!text_to_number(token.text, UINT16_MAX, &preference))
		return refuse(line, "the preference is not 0 to 65535");
	record->preference = (uint16_t)preference;
	return read_name(line, record);
}

static bool
read_ip(struct line *line, struct dns_record *record, unsigned version)
{
	struct token token;

	if (!read_word(line, &token, "the address is missing"))
		return false;
	if (!ip_read(token.text, &record->ip) || record->ip.version != version)
		return refuse(line, version == 4 ? "not an IPv4 address"
						 : "not an IPv6 address");
	return true;
}

static bool
read_a(struct line *line, struct dns_record *record)
{
	return read_ip(line, record, 4);
}

static bool
read_aaaa(struct line *line, struct dns_record *record)
{
	return read_ip(line, record, 6);
}

static bool
read_txt(struct line *line, struct dns_record *record)
{
	struct token token;

	if (!read_word(line, &token, "the string is missing"))
		return false;
	record->text = token.text;
	while (has_more(line)) {
		if (!read_token(line, &token))
			return false;
		record->text.len += token.text.len;
	}
	return record->text.len <= ZONE_TEXT_MAX ||
	       refuse(line, "more text than a record can hold");
}

static const struct reader {
	int type;
	bool (*read)(struct line *line, struct dns_record *record);
} readers[] = {
    {DNS_A, read_a},
    {DNS_NS, read_name},
    {DNS_CNAME, read_name},
    {DNS_PTR, read_name},
    {DNS_MX, read_mx},
    {DNS_TXT, read_txt},
    {DNS_AAAA, read_aaaa},
    {ZONE_OBSOLETE_SPF, read_txt},
};

/* What can be said of a name instead of giving it data. */
static const struct state {
	struct text word;
	enum dns_status status;
	bool takes_type;
} states[] = {
    {{"EXISTS", 6}, DNS_NODATA, false},
    {{"NODATA", 6}, DNS_NODATA, true},
    {{"SERVFAIL", 8}, DNS_FAILED, true},
    {{"TIMEOUT", 7}, DNS_FAILED, true},
    {{"NXDOMAIN", 8}, DNS_NXDOMAIN, true},
};

/* --- a line --- */

static bool
is_type_byte(int byte)
{
	return is_alnum(byte) || byte == '-';
}

static bool
take_type(struct line *line, struct text word, int *ret_type)
{
	struct scan scan = scan_text(word);
	enum dns_type type;

	if (dns_type_find(word, &type))
		*ret_type = (int)type;
	else if (text_equal_nocase(word, TEXT("SPF")))
		*ret_type = ZONE_OBSOLETE_SPF;
	else if (is_alpha(scan_peek(&scan)) &&
		 scan_while(&scan, is_type_byte).len == word.len)
		*ret_type = ZONE_OTHER;
	else
		return refuse(line, "not a record type");
	return true;
}

/* Takes a TTL and the class, in either order (RFC 1035 5.1), up to the type. */
static bool
read_type_word(struct line *line, struct token *ret_token)
{
	static const char missing[] = "the type is missing";
	uint64_t ttl;

	for (int i = 0; i < 3; i++) {
		if (!read_word(line, ret_token, missing))
			return false;
		if (text_to_number(ret_token->text, INT32_MAX, &ttl))
			line->ttl = (uint32_t)ttl;
		else if (!text_equal_nocase(ret_token->text, TEXT("IN")))
			return true;
	}
	return refuse(line, missing);
}

static bool
add_entry(
    struct line *line, struct zone_node *node, const struct zone_entry *entry)
{
	struct zone_entry *added =
	    arena_alloc(line->zone->arena, sizeof *added);

	if (added == NULL)
		return no_memory(line);
	*added = *entry;
	added->ttl = line->ttl;
	added->next = node->entries;
	node->entries = added;
	return true;
}

static bool
read_state(struct line *line, struct zone_node *node, const struct state *state)
{
	struct zone_entry entry = {.type = ZONE_ANY, .status = state->status};
	struct token token;

	if (state->status != DNS_NXDOMAIN &&
	    !zone_mark_existing(line->zone, node))
		return no_memory(line);
	if (state->takes_type && has_more(line) &&
	    (!read_token(line, &token) ||
		!take_type(line, token.text, &entry.type)))
		return false;
	if (entry.type == ZONE_OTHER)
		return refuse(line, "not a type that is asked for");
	return !state->takes_type || add_entry(line, node, &entry);
}

static bool
skip_data(struct line *line)
{
	/* A state misspelt looks like a type, but has no data. */
	if (!has_more(line))
		return refuse(line, "the data is missing");
	struct text data = scan_rest(&line->scan);

	return !text_has(data, '(') || text_has(data, ')') ||
	       refuse(line, "a record must stand on one line");
}

static bool
read_record(struct line *line, struct zone_node *node, struct text word)
{
	struct zone_entry entry = {.status = DNS_FOUND};

	if (!take_type(line, word, &entry.type))
		return false;
	if (!zone_mark_existing(line->zone, node))
		return no_memory(line);
	for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
		if (readers[i].type == entry.type)
			return readers[i].read(line, &entry.record) &&
			       add_entry(line, node, &entry);
	}
	return skip_data(line);
}

static bool
read_data(struct line *line, struct zone_node *node, struct text word)
{
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		if (text_equal_nocase(word, states[i].word))
			return read_state(line, node, &states[i]);
	}
	return read_record(line, node, word);
}

/* RFC 1035 lets a line that begins with a blank go on with the last owner. We
 * do not, and must not take its TTL, class or type for an owner. */
static bool
is_no_owner(struct text word)
{
	enum dns_type type;
	uint64_t ttl;

	return text_equal_nocase(word, TEXT("IN")) ||
	       dns_type_find(word, &type) ||
	       text_to_number(word, INT32_MAX, &ttl);
}

static bool
read_owner(struct line *line, struct zone_node **ret_node)
{
	bool indented = line->scan.at > 0;
	struct token token;
	struct text name;

	if (scan_peek(&line->scan) == '$')
		return refuse(
		    line, "directives are not known: write whole names");
	if (!read_token(line, &token))
		return false;
	if (indented && is_no_owner(token.text))
		return refuse(line, "the owner is missing");
	if (!take_name(line, &token, &name))
		return false;
	struct zone_node *node = zone_make_node(line->zone, name);
	if (node == NULL)
		return no_memory(line);
	struct text label = text_slice(name, 0, text_find(name, '.'));
	if (token.first == '*' && label.len == 1)
		node->wildcard = true;
	*ret_node = node;
	return true;
}

/* line = [owner [[ttl] [class] type data / state [type]]] [comment] */
static bool
read_line(struct line *line)
{
	struct zone_node *node = NULL;
	struct token type;

	if (!has_more(line))
		return true;
	if (!read_owner(line, &node) || !read_type_word(line, &type) ||
	    !read_data(line, node, type.text))
		return false;
	return !has_more(line) || refuse(line, "more than this record needs");
}

static bool
read_lines(struct dns_zone *zone, char *bytes, size_t len, struct line line)
{
	for (size_t from = 0; from < len;) {
		struct text rest = {bytes + from, len - from};
		size_t length = text_find(rest, '\n');
		size_t end = length;
		if (end > 0 && rest.ptr[end - 1] == '\r')
			end--;
		line.zone = zone;
		line.bytes = bytes + from;
		line.scan = scan_text(text_slice(rest, 0, end));
		line.written = 0;
		line.ttl = ZONE_TTL_DEFAULT;
		line.number++;
		if (!read_line(&line))
			return false;
		from += length + 1;
	}
	return true;
}

struct dns_zone *
dns_zone_read(struct text text, const char *name, struct problem *ret_problem)
{
	struct line line = {.file = name, .problem = ret_problem};
	struct dns_zone *zone = zone_new();
	char *bytes =
	    zone == NULL ? NULL : arena_alloc(zone->arena, text.len + 1);

	if (bytes == NULL) {
		(void)no_memory(&line);
		dns_zone_free(zone);
		return NULL;
	}
	if (text.len > 0)
		memcpy(bytes, text.ptr, text.len);
	if (!read_lines(zone, bytes, text.len, line)) {
		dns_zone_free(zone);
		return NULL;
	}
	return zone;
}
