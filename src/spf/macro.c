/* Plan: read_piece takes one piece, a run of literals or one macro-expand. The
 * syntax check reads all pieces; the expansion reads them again and adds what
 * each becomes. A macro's value is split, reversed and cut without an array of
 * its parts: put_parts takes them off one end. */
#include "spf/macro.h"

#include "base/scan.h"
#include "dns/name.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
	/* Of a name only the end counts, so only so much of it is kept. */
	NAME_END_MAX = 2 * DNS_NAME_MAX,
	OUTPUT_MAX = 1024,
	DOTTED_LEN = 63, /* 32 nibbles and the dots between them */
	VALUE_BYTES_MAX = DOTTED_LEN + 1,
	/* No domain-spec has more; an explanation is full by then, unless its
	 * macros are empty. */
	PIECES_MAX = SPF_DOMAIN_SPEC_MAX,
	/* As many parts as anybody may ask for; more is the same. */
	KEEP_MAX = 1000000,
};

static_assert(VALUE_BYTES_MAX >= (int)IP_TEXT_MAX, "an address fits");
static_assert(OUTPUT_MAX >= (int)SPF_EXPLANATION_MAX, "an explanation fits");

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

	if (form == SPF_MACRO_DOMAIN && text.len > SPF_DOMAIN_SPEC_MAX)
		return false;
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

/* What an expansion becomes: of a name the end, since only that counts; of an
 * explanation the begin. No arena is asked, since a record may expand as much
 * as it likes, in each pass again. */
struct output {
	char bytes[OUTPUT_MAX];
	size_t len;
	enum spf_macro_form form;
};

static bool
is_full(const struct output *output)
{
	return output->form == SPF_MACRO_EXPLAIN &&
	       output->len >= SPF_EXPLANATION_MAX;
}

static void
put_byte(struct output *output, char byte)
{
	if (is_full(output))
		return;
	if (output->len == OUTPUT_MAX) {
		memmove(output->bytes,
		    output->bytes + OUTPUT_MAX - NAME_END_MAX, NAME_END_MAX);
		output->len = NAME_END_MAX;
	}
	output->bytes[output->len++] = byte;
}

/* RFC 7208 7.3: everything but RFC 3986's unreserved bytes as %XX. */
static void
put_escaped(struct output *output, char byte)
{
	static const char digits[] = "0123456789ABCDEF";

	if (is_alnum(byte) || text_has(TEXT("-._~"), byte)) {
		put_byte(output, byte);
		return;
	}
	put_byte(output, '%');
	put_byte(output, digits[(unsigned char)byte >> 4]);
	put_byte(output, digits[(unsigned char)byte & 15]);
}

/* What a letter stands for: TEXT, or TEXT@DOMAIN. */
struct value {
	struct text text;
	struct text domain;
	size_t len;
	char bytes[VALUE_BYTES_MAX]; /* of TEXT, if nobody else has them */
};

static char
byte_at(const struct value *value, size_t at)
{
	if (at < value->text.len)
		return value->text.ptr[at];
	if (at == value->text.len)
		return '@';
	return value->domain.ptr[at - value->text.len - 1];
}

static size_t
count_parts(const struct value *value, struct text delimiters)
{
	size_t count = 1;

	for (size_t i = 0; i < value->len; i++)
		count += text_has(delimiters, byte_at(value, i));
	return count;
}

static size_t
find_end(const struct value *value, size_t at, struct text delimiters)
{
	while (at < value->len && !text_has(delimiters, byte_at(value, at)))
		at++;
	return at;
}

static size_t
find_start(const struct value *value, size_t at, struct text delimiters)
{
	while (at > 0 && !text_has(delimiters, byte_at(value, at - 1)))
		at--;
	return at;
}

/* RFC 7208 7.3: split, reverse, keep the right-hand parts, join with dots. */
static void
put_parts(
    struct output *output, const struct value *value, const struct piece *piece)
{
	struct text delimiters =
	    piece->delimiters.len > 0 ? piece->delimiters : TEXT(".");
	size_t skip = 0;
	size_t count = count_parts(value, delimiters);
	size_t at = piece->reverse ? value->len : 0;

	if (piece->keep > 0 && piece->keep < count)
		skip = count - (size_t)piece->keep;
	for (size_t i = 0; i < count; i++) {
		size_t from = at;
		size_t to = at;
		if (piece->reverse) {
			from = find_start(value, at, delimiters);
			at = from > 0 ? from - 1 : 0;
		} else {
			to = find_end(value, at, delimiters);
			at = to + 1;
		}
		if (i < skip)
			continue;
		if (i > skip)
			put_byte(output, '.');
		for (; from < to; from++)
			(piece->escape ? put_escaped : put_byte)(
			    output, byte_at(value, from));
	}
}

/* RFC 7208 7.3: an IPv6 address is its 32 nibbles with dots. */
static struct text
dotted(struct value *value, const struct ip *ip)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DOTTED_LEN; i++)
		value->bytes[i] = '.';
	for (size_t i = 0; i < 16; i++) {
		value->bytes[4 * i] = digits[ip->byte[i] >> 4];
		value->bytes[4 * i + 2] = digits[ip->byte[i] & 15];
	}
	return (struct text){value->bytes, DOTTED_LEN};
}

static struct text
readable(struct value *value, const struct ip *ip)
{
	return text_from_cstr(ip_cstr(ip, value->bytes));
}

static struct text
timestamp(struct value *value, int64_t now)
{
	snprintf(value->bytes, sizeof value->bytes, "%lld", (long long)now);
	return text_from_cstr(value->bytes);
}

/* RFC 7208 7.2. */
static struct text
text_of(struct value *value, char letter, const struct spf_macro_values *values)
{
	bool is_ip6 = values->client.version == 6;

	switch (letter) {
	case 's':
	case 'l': return values->local;
	case 'o': return values->sender;
	case 'd': return values->domain;
	case 'i':
		return is_ip6 ? dotted(value, &values->client)
			      : readable(value, &values->client);
	case 'p': return values->validated;
	case 'v': return is_ip6 ? TEXT("ip6") : TEXT("in-addr");
	case 'h': return values->helo;
	case 'c': return readable(value, &values->client);
	case 'r': return values->receiver;
	case 't': return timestamp(value, values->now);
	default: return TEXT("");
	}
}

static void
put_macro(struct output *output, const struct piece *piece,
    const struct spf_macro_values *values)
{
	struct value value;

	value.text = text_of(&value, piece->letter, values);
	value.domain = values->sender;
	value.len = value.text.len;
	if (piece->letter == 's')
		value.len += 1 + value.domain.len;
	put_parts(output, &value, piece);
}

static void
expand(struct output *output, struct text text,
    const struct spf_macro_values *values)
{
	struct scan scan = scan_text(text);
	struct piece piece;

	for (size_t pieces = 0;
	     pieces < PIECES_MAX && !is_full(output) && !scan_at_end(&scan) &&
	     read_piece(&scan, output->form, &piece);
	     pieces++) {
		if (piece.letter != '\0')
			put_macro(output, &piece, values);
		for (size_t i = 0; i < piece.literal.len; i++)
			put_byte(output, piece.literal.ptr[i]);
	}
}

/* RFC 7208 7.3: labels off the left until 253 bytes are left. Without a dot to
 * cut at it is no name, whatever is left of it. */
static struct text
fit(struct text name)
{
	if (name.len <= DNS_NAME_MAX)
		return name;
	struct text tail =
	    text_slice(name, name.len - DNS_NAME_MAX - 1, name.len);
	size_t dot = text_find(tail, '.');
	return dot < tail.len ? text_slice(tail, dot + 1, tail.len) : tail;
}

struct text
spf_macro_expand_name(struct arena *arena, struct text text,
    const struct spf_macro_values *values)
{
	struct output output = {.form = SPF_MACRO_DOMAIN};
	struct text name = text;

	if (text_has(text, '%')) {
		expand(&output, text, values);
		name = (struct text){output.bytes, output.len};
	}
	if (name.len > 0 && name.ptr[name.len - 1] == '.')
		name.len--;
	return arena_lower(arena, fit(name));
}

struct text
spf_macro_expand_explanation(struct arena *arena, struct text text,
    const struct spf_macro_values *values)
{
	struct output output = {.form = SPF_MACRO_EXPLAIN};

	expand(&output, text, values);
	for (size_t i = 0; i < output.len; i++)
		output.bytes[i] = to_harmless(output.bytes[i]);
	return arena_copy(arena, (struct text){output.bytes, output.len});
}
