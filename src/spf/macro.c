/* Plan: read_piece takes one piece, a run of literals or one macro-expand. The
 * syntax check reads all pieces; the expansion reads them again and adds what
 * each becomes. A macro's value is split, reversed and cut without an array of
 * its parts: add_parts takes them off one end. */
#include "spf/macro.h"

#include "base/scan.h"
#include "dns/name.h"

enum {
	/* Of a name only the end counts, so only so much of it is kept while
	 * it grows. */
	TAIL_KEPT = 2 * DNS_NAME_MAX,
	TAIL_SLACK = 1024,
	EXPANSION_MAX = 1024 * 1024,
	/* As many parts as anybody may ask for; more is the same. */
	KEEP_MAX = 1000000,
};

struct piece {
	bool expanded;       /* a macro-expand, not a run of literals */
	char letter;         /* lower case; 0: literal stands for itself */
	struct text literal; /* for %% %_ %- too */
	bool escape;         /* the letter was upper case */
	bool reverse;
	uint64_t keep; /* right-hand parts; 0: all */
	struct text delimiters;
};

static bool
is_literal(int byte)
{
	return is_printable(byte) && byte != '%';
}

static bool
is_literal_or_space(int byte)
{
	return byte == ' ' || is_literal(byte);
}

static bool
is_delimiter(int byte)
{
	return byte > 0 && text_has(TEXT(".-+,/_="), (char)byte);
}

static bool
read_letter(struct scan *scan, enum spf_macro_form form, struct piece *piece)
{
	int byte = scan_any(scan);
	char lower = to_lower((char)byte);

	if (!text_has(TEXT("slodiphv"), lower) &&
	    !(form == SPF_MACRO_EXPLAIN && text_has(TEXT("crt"), lower)))
		return false;
	piece->letter = lower;
	piece->escape = lower != byte;
	return true;
}

/* transformers = *DIGIT [ "r" ]; a number must not be zero (RFC 7208 7.3). */
static bool
read_transformers(struct scan *scan, struct piece *piece)
{
	struct text digits = scan_while(scan, is_digit);

	if (digits.len > 0 && !text_to_number(digits, KEEP_MAX, &piece->keep))
		piece->keep = KEEP_MAX;
	piece->reverse = scan_word_nocase(scan, TEXT("r"));
	return digits.len == 0 || piece->keep > 0;
}

/* macro-expand = ( "%{" macro-letter transformers *delimiter "}" )
 *                / "%%" / "%_" / "%-"
 * The percent sign has been taken. */
static bool
read_expand(struct scan *scan, enum spf_macro_form form, struct piece *piece)
{
	piece->expanded = true;
	switch (scan_any(scan)) {
	case '%': piece->literal = TEXT("%"); return true;
	case '_': piece->literal = TEXT(" "); return true;
	case '-': piece->literal = TEXT("%20"); return true;
	case '{': break;
	default: return false;
	}
	if (!read_letter(scan, form, piece) || !read_transformers(scan, piece))
		return false;
	piece->delimiters = scan_while(scan, is_delimiter);
	return scan_byte(scan, '}');
}

/* macro-string   = *( macro-expand / macro-literal )
 * macro-literal  = %x21-24 / %x26-7E
 * explain-string = *( macro-string / SP ) */
static bool
read_piece(struct scan *scan, enum spf_macro_form form, struct piece *ret_piece)
{
	struct piece piece = {0};

	if (scan_byte(scan, '%')) {
		if (!read_expand(scan, form, &piece))
			return false;
	} else {
		piece.literal = scan_while(scan, form == SPF_MACRO_EXPLAIN
						     ? is_literal_or_space
						     : is_literal);
		if (piece.literal.len == 0)
			return false;
	}
	*ret_piece = piece;
	return true;
}

/* toplabel = ( *alphanum ALPHA *alphanum ) /
 *            ( 1*alphanum "-" *( alphanum / "-" ) alphanum ) */
static bool
is_toplabel(struct text label)
{
	bool numeric = true;

	if (label.len == 0 || label.ptr[0] == '-' ||
	    label.ptr[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		if (label.ptr[i] != '-' && !is_alnum(label.ptr[i]))
			return false;
		numeric = numeric && is_digit(label.ptr[i]);
	}
	return !numeric;
}

/* domain-end = ( "." toplabel [ "." ] ) / macro-expand; a label has no '%' and
 * no '}', so a dot before it is always a literal one. */
static bool
ends_in_toplabel(struct text text)
{
	if (text.len > 0 && text.ptr[text.len - 1] == '.')
		text.len--;
	size_t dot = text_find_last(text, '.');
	return dot < text.len &&
	       is_toplabel(text_slice(text, dot + 1, text.len));
}

bool
spf_macro_is_valid(struct text text, enum spf_macro_form form)
{
	struct scan scan = scan_text(text);
	struct piece last = {0};

	while (!scan_at_end(&scan)) {
		if (!read_piece(&scan, form, &last))
			return false;
	}
	return form != SPF_MACRO_DOMAIN || last.expanded ||
	       ends_in_toplabel(text);
}

bool
spf_macro_uses(struct text text, const char *letters)
{
	struct scan scan = scan_text(text);
	struct piece piece;

	if (!text_has(text, '%'))
		return false;
	while (!scan_at_end(&scan) &&
	       read_piece(&scan, SPF_MACRO_EXPLAIN, &piece)) {
		if (piece.letter != '\0' &&
		    text_has(text_from_cstr(letters), piece.letter))
			return true;
	}
	return false;
}

/* RFC 7208 7.3: everything but RFC 3986's unreserved bytes as %XX. */
static void
add_value(struct build *build, struct text value, bool escape)
{
	if (!escape) {
		build_text(build, value);
		return;
	}
	for (size_t i = 0; i < value.len; i++) {
		unsigned char byte = (unsigned char)value.ptr[i];
		if (is_alnum(byte) || text_has(TEXT("-._~"), (char)byte))
			build_byte(build, (char)byte);
		else
			build_format(build, "%%%02X", byte);
	}
}

static size_t
count_parts(struct text value, struct text delimiters)
{
	size_t count = 1;

	for (size_t i = 0; i < value.len; i++)
		count += text_has(delimiters, value.ptr[i]);
	return count;
}

static struct text
take_first(struct text *rest, struct text delimiters)
{
	size_t end = 0;

	while (end < rest->len && !text_has(delimiters, rest->ptr[end]))
		end++;
	struct text part = text_slice(*rest, 0, end);
	*rest = text_slice(*rest, end + 1, rest->len);
	return part;
}

static struct text
take_last(struct text *rest, struct text delimiters)
{
	size_t start = rest->len;

	while (start > 0 && !text_has(delimiters, rest->ptr[start - 1]))
		start--;
	struct text part = text_slice(*rest, start, rest->len);
	*rest = text_slice(*rest, 0, start > 0 ? start - 1 : 0);
	return part;
}

/* RFC 7208 7.3: split, reverse, keep the right-hand parts, join with dots. */
static void
add_parts(struct build *build, struct text value, const struct piece *piece)
{
	struct text delimiters =
	    piece->delimiters.len > 0 ? piece->delimiters : TEXT(".");
	size_t skip = 0;
	size_t count = count_parts(value, delimiters);

	if (piece->keep > 0 && piece->keep < count)
		skip = count - (size_t)piece->keep;
	for (size_t i = 0; i < count; i++) {
		struct text part = piece->reverse
				       ? take_last(&value, delimiters)
				       : take_first(&value, delimiters);
		if (i < skip)
			continue;
		if (i > skip)
			build_byte(build, '.');
		add_value(build, part, piece->escape);
	}
}

/* RFC 7208 7.3: an IPv6 address is its 32 nibbles with dots. */
static struct text
dotted(struct arena *arena, const struct ip *ip)
{
	static const char digits[] = "0123456789abcdef";
	char nibbles[63];

	for (size_t i = 0; i < sizeof nibbles; i++)
		nibbles[i] = '.';
	for (size_t i = 0; i < 16; i++) {
		nibbles[4 * i] = digits[ip->byte[i] >> 4];
		nibbles[4 * i + 2] = digits[ip->byte[i] & 15];
	}
	return arena_copy(arena, (struct text){nibbles, sizeof nibbles});
}

static struct text
readable(struct arena *arena, const struct ip *ip)
{
	char cstr[IP_TEXT_MAX];

	return arena_copy(arena, text_from_cstr(ip_cstr(ip, cstr)));
}

/* RFC 7208 7.2. */
static struct text
value_of(
    struct arena *arena, char letter, const struct spf_macro_values *values)
{
	bool is_ip6 = values->client.version == 6;

	switch (letter) {
	case 's':
		return arena_join(arena,
		    arena_join(arena, values->local, TEXT("@")),
		    values->sender);
	case 'l': return values->local;
	case 'o': return values->sender;
	case 'd': return values->domain;
	case 'i':
		return is_ip6 ? dotted(arena, &values->client)
			      : readable(arena, &values->client);
	case 'p': return values->validated;
	case 'v': return is_ip6 ? TEXT("ip6") : TEXT("in-addr");
	case 'h': return values->helo;
	case 'c': return readable(arena, &values->client);
	case 'r': return values->receiver;
	case 't': return arena_format(arena, "%lld", (long long)values->now);
	default: return TEXT("");
	}
}

/* Adds what TEXT becomes, and stops once there are more than ENOUGH bytes, or
 * keeps only the end of a name. */
static void
expand(struct build *build, struct text text, enum spf_macro_form form,
    const struct spf_macro_values *values)
{
	struct scan scan = scan_text(text);
	struct piece piece;

	while (!scan_at_end(&scan) && read_piece(&scan, form, &piece)) {
		if (piece.letter == '\0')
			build_text(build, piece.literal);
		else
			add_parts(build,
			    value_of(build->arena, piece.letter, values),
			    &piece);
		if (form == SPF_MACRO_EXPLAIN &&
		    build->len >= SPF_EXPLANATION_MAX)
			return;
		if (form == SPF_MACRO_DOMAIN && build->len > TAIL_SLACK)
			build_drop(build, build->len - TAIL_KEPT);
	}
}

/* RFC 7208 7.3: labels off the left until 253 bytes are left. */
static struct text
fit(struct text name)
{
	if (name.len <= DNS_NAME_MAX)
		return name;
	size_t from = name.len - DNS_NAME_MAX - 1;
	struct text tail = text_slice(name, from, name.len);
	size_t dot = text_find(tail, '.');
	return dot < tail.len ? text_slice(tail, dot + 1, tail.len) : name;
}

struct text
spf_macro_expand_name(struct arena *arena, struct text text,
    const struct spf_macro_values *values)
{
	struct build build;
	struct text name = text;

	if (text_has(text, '%')) {
		build_init_arena(&build, arena, EXPANSION_MAX);
		expand(&build, text, SPF_MACRO_DOMAIN, values);
		name = build_view(&build);
	}
	if (name.len > 0 && name.ptr[name.len - 1] == '.')
		name.len--;
	return arena_lower(arena, fit(name));
}

struct text
spf_macro_expand_explanation(struct arena *arena, struct text text,
    const struct spf_macro_values *values)
{
	struct build build;

	build_init_arena(&build, arena, EXPANSION_MAX);
	expand(&build, text, SPF_MACRO_EXPLAIN, values);
	build_cut(&build, SPF_EXPLANATION_MAX);
	for (size_t i = 0; i < build.len; i++) {
		if (build.ptr[i] != ' ' && !is_printable(build.ptr[i]))
			build.ptr[i] = '?';
	}
	return build_view(&build);
}
