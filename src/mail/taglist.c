#include "mail/taglist.h"

/* tag-name = ALPHA *(ALPHA / DIGIT / "_") (RFC 6376 3.2) */
static bool
is_name(struct text text)
{
	if (text.len == 0 || !is_alpha(text.ptr[0]))
		return false;
	for (size_t i = 1; i < text.len; i++) {
		if (!is_alnum(text.ptr[i]) && text.ptr[i] != '_')
			return false;
	}
	return true;
}

/* VALCHAR = %x21-3A / %x3C-7E, white space between, and bytes above 0x7F, which
 * may be UTF-8 (RFC 8616); which tags may hold them is the caller's. A line end
 * is white space wherever it stands: records in the DNS have lone ones. */
static bool
is_value(struct text text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.ptr[i];
		if (!is_space(byte) && (byte < 0x20 || byte == 0x7F))
			return false;
	}
	return true;
}

/* tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
 * AT is where SPEC begins in the whole text. */
static bool
read_tag(struct text spec, size_t at, struct tag *ret_tag)
{
	size_t equals = text_find(spec, '=');
	struct text value = text_slice(spec, equals + 1, spec.len);
	struct tag tag = {
	    .name = text_trim(text_slice(spec, 0, equals)),
	    .value = text_trim(value),
	    .value_at = at + equals + 1,
	    .value_len = value.len,
	};

	if (equals == spec.len || !is_name(tag.name) || !is_value(value))
		return false;
	*ret_tag = tag;
	return true;
}

static bool
add_tag(struct arena *arena, struct taglist *list, const struct tag *tag)
{
	if (list->tags.count == TAGLIST_TAGS_MAX)
		return false;
	if (taglist_find(list, tag->name) != NULL)
		list->has_duplicate = true;
	struct tag *added = vec_push(arena, &list->tags);
	if (added == NULL)
		return false;
	*added = *tag;
	return true;
}

/* tag-list = tag-spec *(";" tag-spec) [";"] */
bool
taglist_read(struct arena *arena, struct text text, struct taglist *ret_list)
{
	struct taglist list = {0};
	struct text rest = text;

	while (rest.len > 0) {
		size_t at = text.len - rest.len;
		struct text spec = text_split(&rest, ';');
		struct tag tag;
		if (read_tag(spec, at, &tag)) {
			if (!add_tag(arena, &list, &tag))
				return false;
		} else if (at + spec.len < text.len ||
			   text_trim(spec).len > 0) {
			list.has_error = true;
		}
	}
	if (list.tags.count == 0)
		return false;
	*ret_list = list;
	return true;
}

const struct tag *
taglist_find(const struct taglist *list, struct text name)
{
	for (size_t i = 0; i < list->tags.count; i++) {
		if (text_equal(list->tags.at[i].name, name))
			return &list->tags.at[i];
	}
	return NULL;
}
