#include "dkim/encoding.h"

#include "base/base64.h"
#include "base/scan.h"

enum { LINE_MAX = 76 }; /* RFC 2045 6.7 (5), 6.8 */

static const struct text names[DKIM_ENCODINGS] = {
    [DKIM_7BIT] = {"7bit", 4},
    [DKIM_8BIT] = {"8bit", 4},
    [DKIM_BASE64] = {"base64", 6},
    [DKIM_QUOTED_PRINTABLE] = {"quoted-printable", 16},
};

struct text
dkim_encoding_name(enum dkim_encoding encoding)
{
	return names[encoding];
}

bool
dkim_encoding_read(struct text value, enum dkim_encoding *ret_encoding)
{
	for (int i = 0; i < DKIM_ENCODINGS; i++) {
		if (text_equal_nocase(text_trim(value), names[i])) {
			*ret_encoding = (enum dkim_encoding)i;
			return true;
		}
	}
	return false;
}

/* --- quoted-printable --- */

static bool
take_line_end(struct scan *scan)
{
	if (scan_peek(scan) != '\r' || scan_peek_at(scan, 1) != '\n')
		return false;
	scan->at += 2;
	return true;
}

/* After "=": a soft line break, or a byte as two digits. */
static bool
take_escape(struct scan *scan, struct build *build)
{
	if (take_line_end(scan))
		return true;
	int high = hex_value(scan_any(scan));
	int low = hex_value(scan_any(scan));
	if (high < 0 || low < 0)
		return false;
	build_byte(build, (char)(high << 4 | low));
	return true;
}

static bool
decode_quoted_printable(struct build *build, struct text body)
{
	struct scan scan = scan_text(body);

	while (!scan_at_end(&scan)) {
		if (take_line_end(&scan)) {
			/* 6.7 (3): white space before it is no text. */
			if (scan.at > 2 && is_wsp(body.ptr[scan.at - 3]))
				return false;
			build_text(build, TEXT("\r\n"));
			continue;
		}
		int byte = scan_any(&scan);
		if (byte == '=') {
			if (!take_escape(&scan, build))
				return false;
		} else if (is_printable(byte) || is_wsp(byte)) {
			build_byte(build, (char)byte);
		} else {
			return false;
		}
	}
	return true;
}

static bool
is_line_end(struct text text, size_t at)
{
	return at == text.len ||
	       text_starts(text_slice(text, at, text.len), TEXT("\r\n"));
}

/* Is the byte AT written as itself? */
static bool
is_plain(struct text text, size_t at)
{
	if (is_wsp(text.ptr[at]))
		return !is_line_end(text, at + 1);
	return is_printable((unsigned char)text.ptr[at]) && text.ptr[at] != '=';
}

static void
build_escape(struct build *build, unsigned byte)
{
	static const char digits[] = "0123456789ABCDEF";
	const char escape[] = {'=', digits[byte >> 4], digits[byte & 15]};

	build_text(build, (struct text){escape, sizeof escape});
}

static void
encode_quoted_printable(struct build *build, struct text text)
{
	size_t column = 0;

	for (size_t at = 0; at < text.len; at++) {
		if (is_line_end(text, at)) {
			build_text(build, TEXT("\r\n"));
			column = 0;
			at++;
			continue;
		}
		bool plain = is_plain(text, at);
		size_t width = plain ? 1 : 3;
		/* Room for the "=" of a soft break, but at the line's end. */
		size_t room =
		    is_line_end(text, at + 1) ? LINE_MAX : LINE_MAX - 1;
		if (column + width > room) {
			build_text(build, TEXT("=\r\n"));
			column = 0;
		}
		if (plain)
			build_byte(build, text.ptr[at]);
		else
			build_escape(build, (unsigned char)text.ptr[at]);
		column += width;
	}
}

/* --- all of them --- */

bool
dkim_decode(struct arena *arena, struct text body, enum dkim_encoding encoding,
    struct text *ret_text)
{
	struct build build;

	if (encoding == DKIM_BASE64)
		return base64_read(arena, body, ret_text);
	if (encoding != DKIM_QUOTED_PRINTABLE) {
		*ret_text = body;
		return true;
	}
	build_init_arena(&build, arena, body.len);
	if (!decode_quoted_printable(&build, body) || build_failed(&build))
		return false;
	*ret_text = build_view(&build);
	return true;
}

bool
dkim_encode(struct build *build, struct text text, enum dkim_encoding encoding)
{
	switch (encoding) {
	case DKIM_7BIT:
		if (!text_is_ascii(text))
			return false;
		build_text(build, text);
		return true;
	case DKIM_8BIT: build_text(build, text); return true;
	case DKIM_BASE64: base64_write(build, text, LINE_MAX); return true;
	case DKIM_QUOTED_PRINTABLE:
		encode_quoted_printable(build, text);
		return true;
	case DKIM_ENCODINGS: break;
	}
	return false;
}
