/* History entries. Properties: whatever the bytes, reading moves on and ends;
 * all at once gives what pieces give; what was read and is written again reads
 * the same; no byte is lost between entries. */
#include "history/codec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { ARENA = 64 * 1024 * 1024 };

/* Other programs' values may be longer than ours can be. */
static void
check_same(struct text value, struct text again)
{
	assert(text_equal(value, again) ||
	       (history_value_length(value) == HISTORY_VALUE_MAX &&
		   again.len < value.len));
}

static void
check_identity(const struct history_entry *entry)
{
	struct arena *arena = arena_new(ARENA);
	struct history_entry again = {0};
	struct build first;
	struct build second;
	const char *why;
	size_t used;

	build_init(&first, SIZE_MAX);
	build_init(&second, SIZE_MAX);
	/* Unknown keys are gone, but what is always written may come in. */
	if (history_write(&first, entry)) {
		enum history_status status = history_read(
		    arena, build_view(&first), false, &again, &used, &why);
		assert(status == HISTORY_ENTRY && used == first.len);
		assert(history_write(&second, &again));
		assert(text_equal(build_view(&first), build_view(&second)));
		check_same(entry->job, again.job);
		check_same(entry->from, again.from);
		check_same(entry->comment, again.comment);
		assert(entry->dkim.count == again.dkim.count);
		assert(entry->rua.count == again.rua.count);
	}
	build_free(&first);
	build_free(&second);
	arena_free(arena);
}

/* Reads all of BYTES as it comes, STEP at a time; the ends of what was found,
 * negative for bad ones, go to ENDS. */
static size_t
read_all(struct text bytes, size_t step, long *ends, size_t room)
{
	size_t at = 0;
	size_t have = 0;
	size_t count = 0;

	while (at < bytes.len && count < room) {
		struct arena *arena = arena_new(ARENA);
		struct history_entry entry;
		const char *why = NULL;
		size_t used = 0;
		enum history_status status =
		    history_read(arena, text_slice(bytes, at, have),
			have == bytes.len, &entry, &used, &why);
		if (status == HISTORY_NEED_MORE) {
			assert(have < bytes.len);
			assert(have - at < HISTORY_WINDOW);
			have =
			    have + step < bytes.len ? have + step : bytes.len;
		} else {
			assert(used > 0 && used <= have - at);
			at += used;
			ends[count++] =
			    status == HISTORY_ENTRY ? (long)at : -(long)at;
			if (status == HISTORY_ENTRY)
				check_identity(&entry);
		}
		arena_free(arena);
	}
	return count;
}

static void
check_lines(struct text lines)
{
	struct arena *arena = arena_new(ARENA);
	struct history_entry entry;
	struct build build;
	const char *why;
	size_t used;

	build_init(&build, SIZE_MAX);
	build_text(&build, lines);
	build_format(
	    &build, "end %zu %08X\n", lines.len, history_crc32c(lines));
	if (history_read(arena, build_view(&build), true, &entry, &used,
		&why) == HISTORY_ENTRY)
		check_identity(&entry);
	build_free(&build);
	arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static long at_once[1000];
	static long in_pieces[1000];
	size_t room = sizeof at_once / sizeof *at_once;
	struct text text = {(const char *)bytes, len};

	if (len == 0)
		return 0;
	size_t step = 1 + len / 8 + bytes[len - 1] % 16;
	size_t count = read_all(text, len, at_once, room);
	assert(read_all(text, step, in_pieces, room) == count);
	assert(memcmp(at_once, in_pieces, count * sizeof *at_once) == 0);
	check_lines(text);
	return 0;
}
