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

bool
base64_read(struct arena *arena, struct text text, struct text *ret_bytes)
{
	char *bytes = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	size_t letters = 0;
	size_t padding = 0;
	uint32_t bits = 0;

	/* Four letters of six bits become three bytes. */
	for (size_t i = 0; bytes != NULL && i < text.len; i++) {
		int value = letter_value((unsigned char)text.ptr[i]);
		if (value >= 0 && padding == 0) {
			bits = (bits << 6 | (uint32_t)value) & 0xFFFFFF;
			if (letters % 4 != 0)
				bytes[len++] =
				    (char)(bits >> (6 - 2 * (letters % 4)));
			letters++;
		} else if (text.ptr[i] == '=') {
			padding++;
		} else if (!is_space(text.ptr[i])) {
			return false;
		}
	}
	/* RFC 4648 3.5: the bits that encode nothing must be zero. */
	uint32_t spare = padding == 0 ? 0 : padding == 1 ? 3 : 15;
	if (bytes == NULL || padding > 2 || (letters + padding) % 4 != 0 ||
	    (bits & spare) != 0)
		return false;
	*ret_bytes = (struct text){bytes, len};
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
