#include "dns/name.h"

#include <idn2.h>

/* 253 letters of four bytes: more UTF-8 becomes no name. */
enum { UNICODE_MAX = 4 * DNS_NAME_MAX };

bool
dns_name_is_valid(struct text name)
{
	size_t label = 0;

	if (name.len == 0 || name.len > DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] != '.') {
			if (++label > DNS_LABEL_MAX)
				return false;
		} else if (label == 0) {
			return false;
		} else {
			label = 0;
		}
	}
	return label > 0;
}

static bool
is_ldh(int byte)
{
	return is_alnum(byte) || byte == '-' || byte == '_' || byte == '.';
}

bool
dns_name_is_ldh(struct text name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (!is_ldh((unsigned char)name.ptr[i]))
			return false;
	}
	return dns_name_is_valid(name);
}

/* RFC 5891 5. Nothing is mapped (no Unicode TR46): there, letters that nobody
 * sees are dropped and full-width ones become ASCII, and not all programs do
 * the same. Without the STD3 rules, which would refuse _dmarc and _domainkey. */
static bool
read_unicode(
    struct arena *arena, struct text text, int flags, struct text *ret_ascii)
{
	uint8_t utf8[UNICODE_MAX + 1];
	uint8_t *ascii = NULL;

	if (text.len > UNICODE_MAX || text_has(text, '\0'))
		return false;
	for (size_t i = 0; i < text.len; i++)
		utf8[i] = (uint8_t)to_lower(text.ptr[i]);
	utf8[text.len] = '\0';
	if (idn2_lookup_u8(utf8, &ascii, flags) != IDN2_OK)
		return false;
	*ret_ascii = arena_lower(arena, text_from_cstr((const char *)ascii));
	idn2_free(ascii);
	return text_is_ascii(*ret_ascii) && dns_name_is_valid(*ret_ascii);
}

static bool
read_as(struct arena *arena, struct text text, int flags, struct text *ret_name)
{
	struct text name = text;

	if (name.len > 0 && name.ptr[name.len - 1] == '.')
		name.len--;
	if (!text_is_ascii(name)) {
		if (!read_unicode(arena, name, flags, &name))
			return false;
		*ret_name = name;
		return true;
	}
	if (!dns_name_is_valid(name))
		return false;
	name = arena_lower(arena, name);
	if (name.len == 0)
		return false; /* no memory */
	*ret_name = name;
	return true;
}

bool
dns_name_read(struct arena *arena, struct text text, struct text *ret_name)
{
	return read_as(arena, text, IDN2_NO_TR46, ret_name);
}

bool
dns_name_read_typed(
    struct arena *arena, struct text text, struct text *ret_name)
{
	return read_as(
	    arena, text, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL, ret_name);
}

size_t
dns_name_labels(struct text name)
{
	size_t labels = name.len > 0;

	for (size_t i = 0; i < name.len; i++)
		labels += name.ptr[i] == '.';
	return labels;
}

struct text
dns_name_parent(struct text name)
{
	return text_slice(name, text_find(name, '.') + 1, name.len);
}

struct text
dns_name_tail(struct text name, size_t count)
{
	for (size_t labels = dns_name_labels(name); labels > count; labels--)
		name = dns_name_parent(name);
	return name;
}

bool
dns_name_equal(struct text a, struct text b)
{
	return text_equal_nocase(a, b);
}

bool
dns_name_is_at_or_below(struct text name, struct text ancestor)
{
	/* "" is no name, so nothing is below it. */
	if (ancestor.len == 0 || !text_ends_nocase(name, ancestor))
		return false;
	return name.len == ancestor.len ||
	       name.ptr[name.len - ancestor.len - 1] == '.';
}
