#include "mail/mime.h"

#include "base/base64.h"

enum {
	COLUMNS = 78, /* RFC 5322 2.1.1 */
	BASE64_COLUMNS = 76,
};

/* NOT_ALLOWED: bytes that become '?' too. */
static void
write_clean(struct build *build, struct text text, struct text not_allowed)
{
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.ptr[i];
		if (text_has(not_allowed, byte))
			byte = '?';
		build_byte(build, to_harmless(byte));
	}
}

/* The blanks at the begin of TEXT and the word behind them. */
static struct text
next_word(struct text text)
{
	size_t end = 0;

	while (end < text.len && text.ptr[end] == ' ')
		end++;
	end += text_find(text_slice(text, end, text.len), ' ');
	return text_slice(text, 0, end);
}

void
mime_field(struct build *build, const char *name, struct text value)
{
	struct text rest = text_trim(value);
	size_t column = text_from_cstr(name).len + 2;

	build_cstr(build, name);
	build_text(build, TEXT(": "));
	for (bool is_first = true; rest.len > 0; is_first = false) {
		struct text word = next_word(rest);
		if (!is_first && column + word.len > COLUMNS) {
			build_text(build, TEXT("\r\n"));
			column = 0;
		}
		write_clean(build, word, TEXT(""));
		column += word.len;
		rest = text_slice(rest, word.len, rest.len);
	}
	build_text(build, TEXT("\r\n"));
}

void
mime_end_of_header(struct build *build)
{
	build_text(build, TEXT("\r\n"));
}

/* delimiter = CRLF "--" boundary: the line end belongs to it (RFC 2046 5.1.1),
 * but a part that ends its last line has brought it. */
static void
write_delimiter(struct build *build, struct text boundary, struct text end)
{
	struct text written = build_view(build);

	if (written.len > 0 && !text_ends_nocase(written, TEXT("\r\n")))
		build_text(build, TEXT("\r\n"));
	build_text(build, TEXT("--"));
	build_text(build, boundary);
	build_text(build, end);
}

void
mime_open_part(struct build *build, struct text boundary)
{
	write_delimiter(build, boundary, TEXT("\r\n"));
}

void
mime_close(struct build *build, struct text boundary)
{
	write_delimiter(build, boundary, TEXT("--\r\n"));
}

static void
write_with_name(struct build *build, const char *field, const char *parameter,
    struct text file_name)
{
	build_cstr(build, field);
	build_text(build, TEXT(";\r\n "));
	build_cstr(build, parameter);
	build_text(build, TEXT("=\""));
	write_clean(build, file_name, TEXT("\"\\"));
	build_text(build, TEXT("\"\r\n"));
}

void
mime_attachment(struct build *build, const char *media_type,
    struct text file_name, struct text bytes)
{
	build_text(build, TEXT("Content-Type: "));
	write_with_name(build, media_type, "name", file_name);
	build_text(build, TEXT("Content-Transfer-Encoding: base64\r\n"));
	write_with_name(
	    build, "Content-Disposition: attachment", "filename", file_name);
	mime_end_of_header(build);
	base64_write(build, bytes, BASE64_COLUMNS);
}
