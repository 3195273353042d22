#include "mail/header.h"

#include <string.h>

/* name: the bytes before the first colon, wherever they came from, so that a
 * field is always what a reader of its raw bytes takes it for. */
static struct mail_field
split_field(struct text raw)
{
	size_t colon = text_find(raw, ':');
	struct mail_field field = {
	    .raw = raw,
	    .name = text_slice(raw, 0, colon),
	    .value = text_slice(raw, colon + 1, raw.len),
	};

	while (field.name.len > 0 && is_wsp(field.name.ptr[field.name.len - 1]))
		field.name.len--;
	return field;
}

/* Counts a field of LEN bytes and its line end, if there is room for it. */
static bool
has_room(struct mail_header *header, size_t len)
{
	size_t left = MAIL_HEADER_MAX - header->bytes;

	if (header->is_too_long || left < 2 || len > left - 2 ||
	    header->fields.count >= MAIL_FIELDS_MAX) {
		header->is_too_long = true;
		return false;
	}
	header->bytes += len + 2;
	return true;
}

/* RAW is in ARENA already. */
static bool
append(struct mail_header *header, struct arena *arena, struct text raw)
{
	struct mail_field *field = vec_push(arena, &header->fields);

	if (field == NULL)
		return false;
	*field = split_field(raw);
	return true;
}

/* The first LF at or after FROM that has no CR before it, or the length. */
static size_t
find_bare_lf(struct text text, size_t from)
{
	while (from < text.len) {
		from += text_find(text_slice(text, from, text.len), '\n');
		if (from == 0 || from >= text.len || text.ptr[from - 1] != '\r')
			break;
		from++;
	}
	return from;
}

static size_t
count_bare_lf(struct text text)
{
	size_t count = 0;

	for (size_t at = find_bare_lf(text, 0); at < text.len;
	     at = find_bare_lf(text, at + 1))
		count++;
	return count;
}

static char *
put_text(char *at, struct text text)
{
	if (text.len > 0)
		memcpy(at, text.ptr, text.len);
	return at + text.len;
}

static void
put_value(char *at, struct text value)
{
	size_t from = 0;

	for (size_t lf = find_bare_lf(value, 0); lf < value.len;
	     lf = find_bare_lf(value, lf + 1)) {
		at = put_text(at, text_slice(value, from, lf));
		*at++ = '\r';
		from = lf;
	}
	(void)put_text(at, text_slice(value, from, value.len));
}

bool
mail_header_add(struct mail_header *header, struct arena *arena,
    struct text name, struct text value, bool leading_space)
{
	struct text colon = leading_space ? TEXT(":") : TEXT(": ");
	size_t len = name.len + colon.len + value.len + count_bare_lf(value);

	if (!has_room(header, len))
		return true;
	char *raw = arena_alloc(arena, len);
	if (raw == NULL)
		return false;
	put_value(put_text(put_text(raw, name), colon), value);
	return append(header, arena, (struct text){raw, len});
}

bool
mail_header_add_raw(
    struct mail_header *header, struct arena *arena, struct text raw)
{
	if (!text_has(raw, ':') || split_field(raw).name.len == 0)
		return false;
	if (!has_room(header, raw.len))
		return true;
	struct text copy = arena_copy(arena, raw);
	return !arena_failed(arena) && append(header, arena, copy);
}

const struct mail_field *
mail_header_find(
    const struct mail_header *header, struct text name, size_t from)
{
	for (size_t i = from; i < header->fields.count; i++) {
		const struct mail_field *field = &header->fields.at[i];
		if (text_equal_nocase(field->name, name))
			return field;
	}
	return NULL;
}

size_t
mail_header_count(const struct mail_header *header, struct text name)
{
	size_t count = 0;

	for (size_t i = 0; i < header->fields.count; i++)
		count += text_equal_nocase(header->fields.at[i].name, name);
	return count;
}
