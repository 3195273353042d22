#include "deliver/words.h"

#include "base/build.h"

#include <string.h>

enum { CODE_LEN = 3 };

void
words_clear(struct words *words)
{
	words->len = 0;
	words->goes_on = false;
}

void
words_add(struct words *words, struct text piece)
{
	piece = text_slice(piece, 0, WORDS_MAX - words->len);
	if (piece.len > 0)
		memcpy(words->bytes + words->len, piece.ptr, piece.len);
	words->len += piece.len;
}

struct text
words_view(const struct words *words)
{
	return (struct text){words->bytes, words->len};
}

/* "5.1.1 " of RFC 2034, which each line of a reply has again; or "". */
static struct text
enhanced_status(struct text line)
{
	size_t end = 0;

	while (end < line.len &&
	       (is_digit((unsigned char)line.ptr[end]) || line.ptr[end] == '.'))
		end++;
	bool is_status = end > 1 && line.ptr[1] == '.' && end < line.len &&
			 line.ptr[end] == ' ';
	return text_slice(line, 0, is_status ? end + 1 : 0);
}

/* RFC 5321 4.2.1: "550-first" CRLF "550 last" */
void
words_add_reply(struct words *words, struct text line)
{
	line = text_trim(line);
	struct text rest = text_slice(line, CODE_LEN + 1, line.len);
	if (!words->goes_on) {
		words->len = 0;
		words_add(words, text_slice(line, 0, CODE_LEN));
	} else {
		struct text status = enhanced_status(
		    text_slice(words_view(words), CODE_LEN + 1, words->len));
		if (text_starts(rest, status))
			rest = text_slice(rest, status.len, rest.len);
	}
	if (rest.len > 0)
		words_add(words, TEXT(" "));
	words_add(words, rest);
	words->goes_on = line.len > CODE_LEN && line.ptr[CODE_LEN] == '-';
}

struct text
words_line(struct text words, struct arena *arena)
{
	struct build build;

	build_init_arena(&build, arena, SIZE_MAX);
	words = text_trim(words);
	while (words.len > 0) {
		struct text line = text_trim(text_split(&words, '\n'));
		if (build.len > 0 && line.len > 0)
			build_byte(&build, ' ');
		for (size_t i = 0; i < line.len; i++)
			build_byte(&build,
			    (char)(line.ptr[i] == '\0' ? '?' : line.ptr[i]));
	}
	if (build_failed(&build))
		return TEXT("");
	return text_slice(build_view(&build), 0, WORDS_MAX);
}
