/* Two readers. authres_read decides whom we believe, so it is strict: one that
 * takes less than the grammar wants can only lose results. authres_read_id
 * decides what is removed, so it is generous; whatever the first one takes, it
 * takes with the same id. */
#include "mail/authres.h"

#include "mail/token.h"

/* As a token, and "/" for id/job. */
static bool
is_id(int byte)
{
	return token_is_mime(byte) || byte == '/';
}

/* --- the whole field, strictly --- */

struct reader {
	struct arena *arena;
	struct scan scan;
	size_t properties; /* of all results */
};

/* Lines end only where the field goes on, and nothing else is a control. */
static bool
is_folded(struct text value)
{
	for (size_t i = 0; i < value.len; i++) {
		char byte = value.ptr[i];
		char next = '\0';
		if (i + 1 < value.len)
			next = value.ptr[i + 1];
		if ((byte == '\r' && next != '\n') ||
		    (byte == '\n' && !is_wsp(next)))
			return false;
		bool is_control = (unsigned char)byte < ' ' || byte == 0x7F;
		if (is_control && !is_space(byte))
			return false;
	}
	return true;
}

/* [CFWS] SIGN [CFWS] */
static bool
take_sign(struct scan *scan, char sign)
{
	return token_skip_cfws(scan) && scan_byte(scan, sign) &&
	       token_skip_cfws(scan);
}

static bool
is_keyword(int byte)
{
	return is_alnum(byte) || byte == '-';
}

/* Keyword = Ldh-str = *( ALPHA / DIGIT / "-" ) Let-dig (RFC 5321 4.1.2) */
static bool
take_keyword(struct scan *scan, struct text *ret_word)
{
	*ret_word = scan_while(scan, is_keyword);
	return ret_word->len > 0 && ret_word->ptr[ret_word->len - 1] != '-';
}

static bool
take_version(struct scan *scan, uint64_t *ret_version)
{
	return text_to_number(
	    scan_while(scan, is_digit), AUTHRES_VERSION_MAX, ret_version);
}

/* value = token / quoted-string. UTF-8 only in quotes. */
static bool
take_value(
    struct reader *reader, bool (*kind)(int byte), struct text *ret_value)
{
	struct scan *scan = &reader->scan;
	size_t from = scan->at;

	if (token_take_quoted(scan)) {
		*ret_value =
		    token_unquote(reader->arena, scan_since(scan, from));
		return true;
	}
	*ret_value = scan_while(scan, kind);
	return ret_value->len > 0;
}

/* A token or a local part; also what others write without quotes though they
 * should not: "/" of base64 and ":" of IPv6 and URLs. */
static bool
is_bare(int byte)
{
	static const struct text more = {"/:=?", 4};

	return token_is_mime(byte) || byte >= 0x80 ||
	       (byte >= 0 && text_has(more, (char)byte));
}

static bool
is_domain(int byte)
{
	return is_alnum(byte) || byte == '-' || byte == '_' || byte == '.' ||
	       byte >= 0x80;
}

/* pvalue = [CFWS] ( value / [[local-part] "@"] domain-name ) [CFWS] */
static bool
take_pvalue(struct reader *reader, struct text *ret_value)
{
	struct scan *scan = &reader->scan;
	size_t from = scan->at;
	bool is_quoted = token_take_quoted(scan);

	if (!is_quoted)
		(void)scan_while(scan, is_bare);
	struct text value = scan_since(scan, from);
	if (is_quoted)
		value = token_unquote(reader->arena, value);
	from = scan->at;
	if (scan_byte(scan, '@') && scan_while(scan, is_domain).len == 0)
		return false;
	*ret_value = arena_join(reader->arena, value, scan_since(scan, from));
	return is_quoted || ret_value->len > 0;
}

/* propspec = ptype [CFWS] "." [CFWS] property [CFWS] "=" pvalue */
static bool
take_property(
    struct reader *reader, struct text type, struct authres_result *result)
{
	struct scan *scan = &reader->scan;
	struct authres_property *property;

	if (reader->properties++ == AUTHRES_PROPERTIES_MAX)
		return false;
	property = vec_push(reader->arena, &result->properties);
	if (property == NULL)
		return false;
	property->type = type;
	return take_sign(scan, '.') && take_keyword(scan, &property->name) &&
	       take_sign(scan, '=') && take_pvalue(reader, &property->value);
}

/* methodspec = [CFWS] method [CFWS] "=" [CFWS] result
 * method = Keyword [[CFWS] "/" [CFWS] method-version] */
static bool
take_method(struct scan *scan, struct authres_result *result)
{
	result->version = 1;
	if (!take_keyword(scan, &result->method) || !token_skip_cfws(scan))
		return false;
	if (scan_peek(scan) == '/' &&
	    (!take_sign(scan, '/') || !take_version(scan, &result->version)))
		return false;
	return take_sign(scan, '=') && take_keyword(scan, &result->result);
}

/* methodspec [CFWS reasonspec] *( CFWS propspec ) [CFWS]
 * reasonspec = "reason" [CFWS] "=" [CFWS] value */
static bool
take_result(struct reader *reader, struct authres_result *result)
{
	struct scan *scan = &reader->scan;
	struct text word;

	if (!take_method(scan, result))
		return false;
	for (bool is_first = true;; is_first = false) {
		size_t from = scan->at;
		if (!token_skip_cfws(scan))
			return false;
		if (scan_at_end(scan) || scan_peek(scan) == ';')
			return true;
		if (scan->at == from || !take_keyword(scan, &word) ||
		    !token_skip_cfws(scan))
			return false;
		bool is_reason = is_first && scan_peek(scan) == '=' &&
				 text_equal_nocase(word, TEXT("reason"));
		if (!(is_reason ? take_sign(scan, '=') &&
				      take_value(reader, token_is_mime,
					  &result->reason)
				: take_property(reader, word, result)))
			return false;
	}
}

/* no-result = [CFWS] ";" [CFWS] "none", of which the last word is left */
static bool
take_none(struct scan *scan)
{
	size_t from = scan->at;

	if (scan_word_nocase(scan, TEXT("none")) && token_skip_cfws(scan) &&
	    scan_at_end(scan))
		return true;
	scan->at = from;
	return false;
}

/* no-result / 1*resinfo; and a ";" behind the last one, which many write. */
static bool
take_results(struct reader *reader, struct authres_field *field)
{
	struct scan *scan = &reader->scan;

	do {
		if (!take_sign(scan, ';'))
			return false;
		if (field->results.count == 0 && take_none(scan))
			return true;
		if (field->results.count > 0 && scan_at_end(scan))
			return true;
		if (field->results.count == AUTHRES_RESULTS_MAX)
			return false;
		struct authres_result *result =
		    vec_push(reader->arena, &field->results);
		if (result == NULL || !take_result(reader, result))
			return false;
	} while (!scan_at_end(scan));
	return true;
}

/* [CFWS] authserv-id [CFWS authres-version] */
static bool
take_whose(struct reader *reader, struct authres_field *field)
{
	struct scan *scan = &reader->scan;

	if (!token_skip_cfws(scan) || !take_value(reader, is_id, &field->id))
		return false;
	size_t from = scan->at;
	field->version = 1;
	if (!token_skip_cfws(scan))
		return false;
	return scan->at == from || !is_digit(scan_peek(scan)) ||
	       take_version(scan, &field->version);
}

bool
authres_read(
    struct arena *arena, struct text value, struct authres_field *ret_field)
{
	struct reader reader = {.arena = arena, .scan = scan_text(value)};
	struct authres_field field = {.version = 0};

	if (value.len > AUTHRES_FIELD_MAX || !is_folded(value) ||
	    !take_whose(&reader, &field) || !take_results(&reader, &field) ||
	    arena_failed(arena))
		return false;
	*ret_field = field;
	return true;
}

/* --- whose field it is, generously --- */

/* UTF-8 without quotes too, for internationalised mail. */
static bool
is_any_id(int byte)
{
	return is_id(byte) || byte >= 0x80;
}

/* value = token / quoted-string */
static bool
take_any_id(struct arena *arena, struct scan *scan, struct text *ret_id)
{
	size_t from = scan->at;

	if (token_take_quoted(scan)) {
		*ret_id = token_unquote(arena, scan_since(scan, from));
		return !arena_failed(arena);
	}
	*ret_id = scan_while(scan, is_any_id);
	return ret_id->len > 0;
}

/* [CFWS] authserv-id [CFWS authres-version] ([CFWS] ";" / end)
 * What else stands behind the id says that it is none: "spf=pass (…". */
static bool
read_whose(struct arena *arena, struct text value, struct text *ret_id,
    struct text *ret_version)
{
	struct scan scan = scan_text(value);
	struct text id;

	if (!token_skip_cfws(&scan) || !take_any_id(arena, &scan, &id))
		return false;
	if (!token_skip_cfws(&scan))
		return false;
	struct text version = scan_while(&scan, is_digit);
	if (!token_skip_cfws(&scan))
		return false;
	if (!scan_at_end(&scan) && !scan_byte(&scan, ';'))
		return false;
	*ret_id = id;
	*ret_version = version;
	return true;
}

bool
authres_read_id(struct arena *arena, struct text value, struct text *ret_id)
{
	struct text version;

	return read_whose(arena, value, ret_id, &version);
}

/* Dots and white space at a host's end, which name the same host. */
static size_t
skip_host_end(struct text id, size_t at)
{
	size_t end = at;

	while (end < id.len && (id.ptr[end] == '.' || is_wsp(id.ptr[end])))
		end++;
	return end == id.len || id.ptr[end] == '/' ? end : at;
}

/* Is ID the same as OUR_ID, or that with a job? */
static bool
is_same_id(struct text id, struct text our_id)
{
	size_t at = 0;

	for (size_t i = 0;; i++, at++) {
		i = skip_host_end(our_id, i);
		at = skip_host_end(id, at);
		if (i == our_id.len)
			return at == id.len || id.ptr[at] == '/';
		if (at == id.len ||
		    to_lower(id.ptr[at]) != to_lower(our_id.ptr[i]))
			return false;
	}
}

bool
authres_claims(struct arena *arena, struct text value, struct text our_id)
{
	struct text id;
	struct text version;
	uint64_t number = 1;

	if (!read_whose(arena, value, &id, &version))
		return true;
	if (version.len > 0 &&
	    !text_to_number(version, AUTHRES_VERSION_MAX, &number))
		return true;
	return number != 1 || is_same_id(text_trim(id), text_trim(our_id));
}
