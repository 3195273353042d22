/* A list that is written again is the same list. */
#include "base/build.h"
#include "mail/taglist.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
check_tag(struct text text, const struct tag *tag)
{
	size_t end = tag->value_at + tag->value_len;
	struct text value = text_slice(text, tag->value_at, end);

	assert(tag->name.len > 0 && is_alpha(tag->name.ptr[0]));
	assert(tag->value_at > 0 && text.ptr[tag->value_at - 1] == '=');
	assert(end <= text.len && (end == text.len || text.ptr[end] == ';'));
	assert(text_equal(text_trim(value), tag->value));
}

static void
check_again(struct arena *arena, const struct taglist *list)
{
	struct taglist again;
	struct build build;

	build_init_arena(&build, arena, 1 << 20);
	for (size_t i = 0; i < list->tags.count; i++) {
		build_text(&build, list->tags.at[i].name);
		build_byte(&build, '=');
		build_text(&build, list->tags.at[i].value);
		build_byte(&build, ';');
	}
	assert(taglist_read(arena, build_view(&build), &again));
	assert(!again.has_error);
	assert(again.has_duplicate == list->has_duplicate);
	assert(again.tags.count == list->tags.count);
	for (size_t i = 0; i < list->tags.count; i++) {
		const struct tag *tag = &list->tags.at[i];
		assert(text_equal(again.tags.at[i].name, tag->name));
		assert(text_equal(again.tags.at[i].value, tag->value));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text text = {(const char *)bytes, len};
	struct arena *arena = arena_new(16 * 1024 * 1024);
	struct taglist list;

	if (arena == NULL || len > 100000) {
		arena_free(arena);
		return 0;
	}
	if (taglist_read(arena, text, &list)) {
		assert(list.tags.count > 0);
		assert(list.tags.count <= TAGLIST_TAGS_MAX);
		for (size_t i = 0; i < list.tags.count; i++) {
			const struct tag *tag = &list.tags.at[i];
			check_tag(text, tag);
			assert(taglist_find(&list, tag->name) <= tag);
		}
		check_again(arena, &list);
	}
	arena_free(arena);
	return 0;
}
