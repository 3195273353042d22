/* Plan: the terms stand between spaces, and so are cut out first; each is then
 * one directive or one modifier, told apart by the byte after its name. The
 * optional CIDR lengths are taken off a directive's end before its domain-spec
 * is looked at, because a slash may be part of that too. */
#include "spf/record.h"

#include "spf/macro.h"

#include "base/scan.h"
#include "base/vec.h"

enum need { NONE, MAY, MUST };

static const struct {
	const char *name;
	enum need domain;
	bool dual_cidr;
} mechanisms[] = {
    [SPF_ALL] = {"all", NONE, false},
    [SPF_INCLUDE] = {"include", MUST, false},
    [SPF_A] = {"a", MAY, true},
    [SPF_MX] = {"mx", MAY, true},
    [SPF_PTR] = {"ptr", MAY, false},
    [SPF_IP4] = {"ip4", MUST, false},
    [SPF_IP6] = {"ip6", MUST, false},
    [SPF_EXISTS] = {"exists", MUST, false},
};

struct parse {
	struct arena *arena;
	struct spf_record *record;
	VEC(struct spf_term) terms;
};

static bool
is_name_byte(int byte)
{
	return is_alnum(byte) || byte == '-' || byte == '_' || byte == '.';
}

static bool
is_not_space(int byte)
{
	return byte >= 0 && byte != ' ';
}

/* "0" / %x31-39 *DIGIT, at most MAX (RFC 7208 5.6) */
static bool
read_prefix(struct text digits, uint8_t max, uint8_t *ret_prefix)
{
	uint64_t number;

	if (digits.len > 1 && digits.ptr[0] == '0')
		return false;
	if (!text_to_number(digits, max, &number))
		return false;
	*ret_prefix = (uint8_t)number;
	return true;
}

/* ip4 = "ip4" ":" ip4-network [ ip4-cidr-length ], and ip6 likewise */
static bool
read_network(struct text text, struct spf_term *term)
{
	bool is_ip4 = term->mechanism == SPF_IP4;
	size_t slash = text_find(text, '/');
	struct text prefix = text_slice(text, slash + 1, text.len);

	if (!ip_read(text_slice(text, 0, slash), &term->net) ||
	    term->net.version != (is_ip4 ? 4 : 6))
		return false;
	if (slash == text.len)
		return true;
	return is_ip4 ? read_prefix(prefix, 32, &term->prefix4)
		      : read_prefix(prefix, 128, &term->prefix6);
}

/* Takes "/digits" off the end. */
static bool
take_length(struct text *text, struct text *ret_digits)
{
	size_t slash = text_find_last(*text, '/');
	struct text digits = text_slice(*text, slash + 1, text->len);
	struct scan scan = scan_text(digits);

	if (scan_while(&scan, is_digit).len == 0 || !scan_at_end(&scan))
		return false;
	*text = text_slice(*text, 0, slash);
	*ret_digits = digits;
	return true;
}

/* dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ]
 * TEXT is what follows the name; what stands before the lengths is left. */
static bool
take_dual_cidr(struct text *text, struct spf_term *term)
{
	struct text digits;

	if (!take_length(text, &digits))
		return true;
	if (text->len == 0 || text->ptr[text->len - 1] != '/')
		return read_prefix(digits, 32, &term->prefix4);
	text->len--;
	if (!read_prefix(digits, 128, &term->prefix6))
		return false;
	return !take_length(text, &digits) ||
	       read_prefix(digits, 32, &term->prefix4);
}

/* What follows a mechanism's name. NULL, or what is wrong with it. */
static const char *
read_arguments(struct text rest, struct spf_term *term)
{
	if (mechanisms[term->mechanism].dual_cidr &&
	    !take_dual_cidr(&rest, term))
		return "has a bad CIDR length";
	if (rest.len == 0)
		return mechanisms[term->mechanism].domain == MUST
			   ? "lacks its argument"
			   : NULL;
	if (rest.ptr[0] != ':' || mechanisms[term->mechanism].domain == NONE)
		return "has something after the name";
	rest = text_slice(rest, 1, rest.len);
	if (term->mechanism == SPF_IP4 || term->mechanism == SPF_IP6)
		return read_network(rest, term) ? NULL : "has a bad IP network";
	if (!spf_macro_is_valid(rest, SPF_MACRO_DOMAIN))
		return "has a bad domain-spec";
	term->domain = rest;
	return NULL;
}

static bool
find_mechanism(struct text name, enum spf_mechanism *ret_mechanism)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++) {
		if (text_equal_nocase(
			name, text_from_cstr(mechanisms[i].name))) {
			*ret_mechanism = (enum spf_mechanism)i;
			return true;
		}
	}
	return false;
}

static enum spf_result
read_qualifier(struct scan *scan)
{
	if (scan_byte(scan, '-'))
		return SPF_FAIL;
	if (scan_byte(scan, '~'))
		return SPF_SOFTFAIL;
	if (scan_byte(scan, '?'))
		return SPF_NEUTRAL;
	(void)scan_byte(scan, '+');
	return SPF_PASS;
}

/* directive = [ qualifier ] mechanism */
static const char *
read_directive(struct parse *parse, struct text text)
{
	struct scan scan = scan_text(text);
	struct spf_term term = {.text = text, .prefix4 = 32, .prefix6 = 128};

	term.qualifier = read_qualifier(&scan);
	if (!find_mechanism(scan_while(&scan, is_name_byte), &term.mechanism))
		return "is no mechanism";
	const char *error = read_arguments(scan_rest(&scan), &term);
	if (error != NULL)
		return error;
	if (parse->terms.count >= SPF_TERMS_MAX)
		return "is one mechanism too many";
	struct spf_term *added = vec_push(parse->arena, &parse->terms);
	if (added != NULL)
		*added = term;
	return NULL;
}

/* RFC 7208 6: redirect and exp at most once each. */
static const char *
set_once(struct text value, struct text *domain)
{
	if (domain->len > 0)
		return "is there twice";
	if (!spf_macro_is_valid(value, SPF_MACRO_DOMAIN))
		return "has a bad domain-spec";
	*domain = value;
	return NULL;
}

/* modifier         = redirect / explanation / unknown-modifier
 * unknown-modifier = name "=" macro-string
 * A name that is known is never an unknown one, whatever its value. */
static const char *
read_modifier(struct parse *parse, struct text name, struct text value)
{
	if (!is_alpha(name.len > 0 ? name.ptr[0] : -1))
		return "has a bad name";
	if (text_equal_nocase(name, TEXT("redirect")))
		return set_once(value, &parse->record->redirect);
	if (text_equal_nocase(name, TEXT("exp")))
		return set_once(value, &parse->record->explanation);
	if (!spf_macro_is_valid(value, SPF_MACRO_STRING))
		return "has a bad macro-string";
	return NULL;
}

/* name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ); with "=" right behind it
 * the term is a modifier (RFC 7208 4.6.1). */
static const char *
read_term(struct parse *parse, struct text text)
{
	struct scan scan = scan_text(text);
	struct text name = scan_while(&scan, is_name_byte);

	if (scan_byte(&scan, '='))
		return read_modifier(parse, name, scan_rest(&scan));
	return read_directive(parse, text);
}

static bool
has_version(struct text text)
{
	return text_starts_nocase(text, TEXT("v=spf1")) &&
	       (text.len == 6 || text.ptr[6] == ' ');
}

/* record = version terms *SP
 * terms  = *( 1*SP ( directive / modifier ) ) */
static void
read_record(struct parse *parse)
{
	struct spf_record *record = parse->record;
	struct scan scan = scan_text(record->text);

	(void)scan_word_nocase(&scan, TEXT("v=spf1"));
	while (record->error == NULL) {
		while (scan_byte(&scan, ' '))
			continue;
		if (scan_at_end(&scan))
			break;
		struct text term = scan_while(&scan, is_not_space);
		record->error = read_term(parse, term);
		if (record->error != NULL)
			record->text = term;
	}
	record->term = parse->terms.at;
	record->terms = parse->terms.count;
}

const void *
spf_record_parse(struct arena *arena, const struct dns_answer *answer)
{
	struct spf_record *record = arena_alloc(arena, sizeof *record);
	struct parse parse = {.arena = arena, .record = record};

	if (record == NULL)
		return NULL;
	for (size_t i = 0; i < answer->count; i++) {
		if (!has_version(answer->records[i].text))
			continue;
		record->versions++;
		record->text = answer->records[i].text;
	}
	if (record->versions == 1)
		read_record(&parse);
	return arena_failed(arena) ? NULL : record;
}
