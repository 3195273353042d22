/* What a server or a program says is kept as one line of bounded length, in
 * whatever pieces it comes. */
#include "deliver/words.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
check_line(struct arena *arena, struct text said)
{
	struct text line = words_line(said, arena);

	assert(line.len <= WORDS_MAX && line.len <= said.len);
	assert(!text_has(line, '\n') && !text_has(line, '\0'));
	if (said.len <= WORDS_MAX) /* else the cut may leave a blank behind */
		assert(text_equal(words_line(line, arena), line));
}

/* Its lines as those of SMTP replies. */
static void
check_reply(struct arena *arena, struct text said)
{
	struct words words = {.len = 0};

	while (said.len > 0) {
		words_add_reply(&words, text_split(&said, '\n'));
		assert(words.len <= WORDS_MAX);
	}
	check_line(arena, words_view(&words));
}

static void
check_pieces(struct text said, size_t piece)
{
	struct words whole = {.len = 0};
	struct words pieces = {.len = 0};

	words_add(&whole, said);
	for (size_t at = 0; at < said.len; at += piece)
		words_add(&pieces, text_slice(said, at, at + piece));
	assert(text_equal(words_view(&whole), words_view(&pieces)));
	assert(text_starts(said, words_view(&whole)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text said = {(const char *)bytes, len};
	struct arena *arena = arena_new(16 * 1024 * 1024);

	if (arena == NULL)
		return 0;
	check_line(arena, said);
	check_reply(arena, said);
	check_pieces(said, 1);
	check_pieces(said, 7);
	arena_free(arena);
	return 0;
}
