#include "mail/token.h"

bool
token_is_atext(int byte)
{
	static const struct text specials = {"!#$%&'*+-/=?^_`{|}~", 19};

	return is_alnum(byte) || byte >= 0x80 ||
	       (is_printable(byte) && text_has(specials, (char)byte));
}

/* token = 1*<any CHAR except SPACE, CTLs, or tspecials> */
bool
token_is_mime(int byte)
{
	static const struct text tspecials = {"()<>@,;:\\\"/[]?=", 15};

	return is_printable(byte) && !text_has(tspecials, (char)byte);
}

/* comment = "(" *([FWS] ccontent) [FWS] ")"
 * ccontent = ctext / quoted-pair / comment */
static bool
skip_comment(struct scan *scan)
{
	unsigned depth = 0;

	do {
		switch (scan_any(scan)) {
		case '(':
			if (++depth > TOKEN_COMMENT_DEPTH)
				return false;
			break;
		case ')': depth--; break;
		case '\\': (void)scan_any(scan); break;
		case -1: return false;
		default: break;
		}
	} while (depth > 0);
	return true;
}

bool
token_skip_cfws(struct scan *scan)
{
	for (;;) {
		scan_while(scan, is_space);
		if (scan_peek(scan) != '(')
			return true;
		if (!skip_comment(scan))
			return false;
	}
}

bool
token_take_quoted(struct scan *scan)
{
	size_t from = scan->at;

	if (!scan_byte(scan, '"'))
		return false;
	for (;;) {
		int byte = scan_any(scan);
		if (byte == '"')
			return true;
		if (byte == '\\')
			byte = scan_any(scan);
		if (byte < 0) {
			scan->at = from;
			return false;
		}
	}
}

struct text
token_unquote(struct arena *arena, struct text quoted)
{
	char *bytes = arena_alloc(arena, quoted.len);
	size_t len = 0;

	if (bytes == NULL)
		return TEXT("");
	for (size_t i = 1; i + 1 < quoted.len; i++) {
		char byte = quoted.ptr[i];
		if (byte == '\\')
			byte = quoted.ptr[++i];
		if (byte != '\r' && byte != '\n')
			bytes[len++] = byte;
	}
	return (struct text){bytes, len};
}
