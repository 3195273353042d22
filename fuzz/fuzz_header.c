/* Fields come out as they went in: the first line is a name, the rest a
 * value, as a milter would hand them over. */
#include "mail/header.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
check_field(const struct mail_field *field)
{
	size_t colon = text_find(field->raw, ':');

	assert(colon < field->raw.len);
	assert(text_starts(field->raw, field->name));
	assert(!text_has(field->name, ':'));
	assert(field->raw.len == colon + 1 + field->value.len);
	for (size_t i = 0; i < field->value.len; i++)
		assert(field->value.ptr[i] != '\n' ||
		       (i > 0 && field->value.ptr[i - 1] == '\r'));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text value = {(const char *)bytes, len};
	struct text name = text_split(&value, '\n');
	struct arena *arena = arena_new(16 * 1024 * 1024);
	struct mail_header header = {.is_too_long = false};

	if (arena == NULL || len > 100000) {
		arena_free(arena);
		return 0;
	}
	bool is_added = mail_header_add(&header, arena, name, value, len % 2);
	assert(is_added && header.fields.count == 1);
	struct mail_field field = header.fields.at[0];
	check_field(&field);
	/* Raw, it is the same field again. */
	if (mail_header_add_raw(&header, arena, field.raw)) {
		struct mail_field again = header.fields.at[1];
		assert(text_equal(again.raw, field.raw));
		assert(text_equal(again.name, field.name));
		assert(text_equal(again.value, field.value));
		assert(mail_header_count(&header, field.name) == 2);
		assert(mail_header_find(&header, field.name, 1) ==
		       &header.fields.at[1]);
		assert(header.bytes == 2 * (field.raw.len + 2));
	} else {
		assert(field.name.len == 0);
	}
	arena_free(arena);
	return 0;
}
