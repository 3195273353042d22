/* Values as a line holds them:
 *
 *	value = "-" / 1*(%x21-24 / %x26-7E / "%" 2HEXDIG)
 */
#include "history/codec.h"

static const struct text mark = {"%2E%2E%2E", 9}; /* "..." */

/* Stands for itself: is_printable and not '%', in line since every byte of a
 * history goes through here. */
static inline bool
is_plain(char byte)
{
	return byte > 0x20 && byte < 0x7F && byte != '%';
}

static size_t
plain_length(struct text value)
{
	size_t len = 0;

	while (len < value.len && is_plain(value.ptr[len]))
		len++;
	return len;
}

static size_t
written_length(struct text value)
{
	size_t len = value.len;

	for (size_t i = 0; i < value.len; i++)
		len += is_plain(value.ptr[i]) ? 0 : 2;
	return len;
}

size_t
history_value_length(struct text value)
{
	/* Nothing and its mark become "-" and "%2D". */
	size_t len = value.len < 2 ? 3 : written_length(value);

	return len < HISTORY_VALUE_MAX ? len : HISTORY_VALUE_MAX;
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
history_value_write(struct build *build, struct text value)
{
	size_t len = written_length(value);
	size_t start = build->len;

	if (value.len == 0) {
		build_byte(build, '-');
	} else if (text_equal(value, TEXT("-"))) {
		build_text(build, TEXT("%2D"));
	} else if (len == value.len && len <= HISTORY_VALUE_MAX) {
		build_text(build, value);
	} else {
		size_t room = HISTORY_VALUE_MAX;
		if (len > room)
			room -= mark.len;
		for (size_t i = 0; i < value.len; i++) {
			size_t size = is_plain(value.ptr[i]) ? 1 : 3;
			if (build->len - start + size > room)
				break;
			write_byte(build, value.ptr[i]);
		}
		if (len > HISTORY_VALUE_MAX)
			build_text(build, mark);
	}
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
history_value_read(
    struct arena *arena, struct text written, struct text *ret_value)
{
	size_t len;

	if (written.len == 0 || written.len > HISTORY_VALUE_MAX)
		return false;
	if (plain_length(written) == written.len) {
		*ret_value =
		    text_equal(written, TEXT("-")) ? TEXT("") : written;
		return true;
	}
	char *bytes = arena_array(arena, written.len, 1);
	if (bytes == NULL || !decode(written, bytes, &len))
		return false;
	*ret_value = (struct text){bytes, len};
	return true;
}
