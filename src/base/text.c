#include "base/text.h"

#include <string.h>

bool
is_hex(int byte)
{
	return hex_value(byte) >= 0;
}

char
to_harmless(char byte)
{
	if (!is_printable(byte) && byte != ' ')
		byte = '?';
	return byte;
}

int
hex_value(int byte)
{
	if (is_digit(byte))
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	if (byte >= 'A' && byte <= 'F')
		return byte - 'A' + 10;
	return -1;
}

void
hex_write(char *to, const unsigned char *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
}

struct text
text_from_cstr(const char *cstr)
{
	return (struct text){cstr, strlen(cstr)};
}

struct text
text_slice(struct text text, size_t from, size_t to)
{
	if (to > text.len)
		to = text.len;
	if (from >= to)
		return (struct text){"", 0};
	return (struct text){text.ptr + from, to - from};
}

struct text
text_trim(struct text text)
{
	while (text.len > 0 && is_space(text.ptr[text.len - 1]))
		text.len--;
	while (text.len > 0 && is_space(text.ptr[0])) {
		text.ptr++;
		text.len--;
	}
	return text;
}

bool
text_equal(struct text a, struct text b)
{
	return a.len == b.len &&
	       (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
text_equal_nocase(struct text a, struct text b)
{
	if (a.len != b.len)
		return false;
	if (text_equal(a, b))
		return true;
	for (size_t i = 0; i < a.len; i++) {
		if (to_lower(a.ptr[i]) != to_lower(b.ptr[i]))
			return false;
	}
	return true;
}

bool
text_starts(struct text text, struct text start)
{
	return text_equal(text_slice(text, 0, start.len), start);
}

bool
text_starts_nocase(struct text text, struct text start)
{
	return text_equal_nocase(text_slice(text, 0, start.len), start);
}

bool
text_ends_nocase(struct text text, struct text end)
{
	if (end.len > text.len)
		return false;
	return text_equal_nocase(
	    text_slice(text, text.len - end.len, text.len), end);
}

bool
text_is_ascii(struct text text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] > 0x7F)
			return false;
	return true;
}

int
text_compare(struct text a, struct text b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter == 0 ? 0 : memcmp(a.ptr, b.ptr, shorter);

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

size_t
text_find(struct text text, char byte)
{
	const char *at =
	    text.len == 0 ? NULL : memchr(text.ptr, byte, text.len);

	return at == NULL ? text.len : (size_t)(at - text.ptr);
}

size_t
text_find_last(struct text text, char byte)
{
	for (size_t i = text.len; i > 0; i--) {
		if (text.ptr[i - 1] == byte)
			return i - 1;
	}
	return text.len;
}

size_t
text_find_part(struct text text, struct text part)
{
	for (size_t i = 0; i + part.len <= text.len; i++) {
		struct text rest = text_slice(text, i, text.len);
		size_t skip = part.len == 0 ? 0 : text_find(rest, *part.ptr);
		if (text_starts(text_slice(rest, skip, rest.len), part))
			return i + skip;
		i += skip;
	}
	return text.len;
}

bool
text_has(struct text text, char byte)
{
	return text_find(text, byte) < text.len;
}

struct text
text_split(struct text *rest, char byte)
{
	size_t at = text_find(*rest, byte);
	struct text before = text_slice(*rest, 0, at);

	*rest = text_slice(*rest, at + 1, rest->len);
	return before;
}

bool
text_to_number(struct text text, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(text.ptr[i]))
			return false;
		uint64_t digit = (uint64_t)(text.ptr[i] - '0');
		if (digit > max || number > (max - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret_number = number;
	return true;
}
