#include "base/percent.h"

#include <string.h>

/* Stands for itself: is_printable and not '%', in line since every byte of a
 * history goes through here. */
static inline bool
is_plain(char byte)
{
	return byte > 0x20 && byte < 0x7F && byte != '%';
}

/* The same of eight bytes at once. Where a byte is none, its high bit is set in
 * one of the three; the bits of bytes above it may then be anything. */
static inline bool
are_plain(uint64_t bytes)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t percent = bytes ^ each * '%';
	uint64_t below = (bytes - each * 0x21) & ~bytes;
	uint64_t above = (bytes + each) | bytes; /* 0x7F and over */
	uint64_t is_percent = (percent - each) & ~percent;

	return ((below | above | is_percent) & each * 0x80) == 0;
}

static bool
is_all_plain(struct text value)
{
	const char *at = value.ptr;
	size_t left = value.len;
	uint64_t bytes;

	for (; left >= sizeof bytes; left -= sizeof bytes, at += sizeof bytes) {
		memcpy(&bytes, at, sizeof bytes);
		if (!are_plain(bytes))
			return false;
	}
	while (left > 0 && is_plain(*at)) {
		left--;
		at++;
	}
	return left == 0;
}

size_t
percent_length(struct text value)
{
	size_t len = value.len;

	if (is_all_plain(value))
		return len;
	for (size_t i = 0; i < value.len; i++)
		len += is_plain(value.ptr[i]) ? 0 : 2;
	return len;
}

static void
write_byte(struct build *build, char byte)
{
	static const char digits[] = "0123456789ABCDEF";

	if (is_plain(byte)) {
		build_byte(build, byte);
		return;
	}
	build_byte(build, '%');
	build_byte(build, digits[(unsigned char)byte >> 4]);
	build_byte(build, digits[(unsigned char)byte & 15]);
}

void
percent_write(struct build *build, struct text value)
{
	if (percent_length(value) == value.len) {
		build_text(build, value);
		return;
	}
	for (size_t i = 0; i < value.len; i++)
		write_byte(build, value.ptr[i]);
}

static bool
decode(struct text written, char *to, size_t *ret_len)
{
	size_t len = 0;

	for (size_t i = 0; i < written.len; i++) {
		char byte = written.ptr[i];
		if (byte == '%') {
			if (written.len - i < 3)
				return false;
			int high = hex_value((unsigned char)written.ptr[++i]);
			int low = hex_value((unsigned char)written.ptr[++i]);
			if (high < 0 || low < 0)
				return false;
			byte = (char)(high << 4 | low);
		} else if (!is_plain(byte)) {
			return false;
		}
		to[len++] = byte;
	}
	*ret_len = len;
	return true;
}

bool
percent_read(struct arena *arena, struct text written, struct text *ret_value)
{
	size_t len;

	if (is_all_plain(written)) {
		*ret_value = written;
		return true;
	}
	char *bytes = arena_array(arena, written.len, 1);
	if (bytes == NULL || !decode(written, bytes, &len))
		return false;
	*ret_value = (struct text){bytes, len};
	return true;
}
