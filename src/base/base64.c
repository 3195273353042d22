#include "base/base64.h"

static int
letter_value(int byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return byte - 'A';
	if (byte >= 'a' && byte <= 'z')
		return byte - 'a' + 26;
	if (is_digit(byte))
		return byte - '0' + 52;
	if (byte == '+')
		return 62;
	return byte == '/' ? 63 : -1;
}

/* The letters without white space, and *ret_padding the count of '='. */
static bool
read_letters(
    struct text text, char *letters, size_t *ret_count, size_t *ret_padding)
{
	size_t count = 0;
	size_t padding = 0;

	for (size_t i = 0; i < text.len; i++) {
		char byte = text.ptr[i];
		int value = letter_value((unsigned char)byte);
		if (value >= 0 && padding == 0)
			letters[count++] = (char)value;
		else if (byte == '=')
			padding++;
		else if (!is_space(byte))
			return false;
	}
	*ret_count = count;
	*ret_padding = padding;
	return padding <= 2 && (count + padding) % 4 == 0;
}

bool
base64_read(struct arena *arena, struct text text, struct text *ret_bytes)
{
	size_t count;
	size_t padding;
	char *values = arena_alloc(arena, text.len + 1);

	if (values == NULL || !read_letters(text, values, &count, &padding))
		return false;
	/* In place: four values of six bits become three bytes. */
	size_t len = 0;
	uint32_t bits = 0;
	for (size_t i = 0; i < count; i++) {
		bits = (bits << 6 | (unsigned char)values[i]) & 0xFFFFFF;
		if (i % 4 != 0)
			values[len++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	/* RFC 4648 3.5: the bits that encode nothing must be zero. */
	uint32_t spare = padding == 0 ? 0 : padding == 1 ? 3 : 15;
	if ((bits & spare) != 0)
		return false;
	*ret_bytes = (struct text){values, len};
	return true;
}

void
base64_write(struct build *build, struct text bytes, size_t line)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789+/";
	size_t column = 0;

	for (size_t i = 0; i < bytes.len; i += 3) {
		uint32_t bits = 0;
		for (size_t k = 0; k < 3; k++) {
			bits <<= 8;
			if (i + k < bytes.len)
				bits |= (unsigned char)bytes.ptr[i + k];
		}
		char four[4];
		for (size_t k = 0; k < 4; k++)
			four[k] = letters[bits >> (18 - 6 * k) & 63];
		for (size_t k = bytes.len - i + 1; k < 4; k++)
			four[k] = '=';
		build_text(build, (struct text){four, 4});
		column += 4;
		if (line > 0 && (column >= line || i + 3 >= bytes.len)) {
			build_text(build, TEXT("\r\n"));
			column = 0;
		}
	}
}
