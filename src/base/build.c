#include "base/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 256 };

void
build_init(struct build *build, size_t limit)
{
	*build = (struct build){.limit = limit};
}

void
build_init_arena(struct build *build, struct arena *arena, size_t limit)
{
	*build = (struct build){.limit = limit, .arena = arena};
}

void
build_free(struct build *build)
{
	if (build->arena == NULL)
		free(build->ptr);
	*build = (struct build){.limit = build->limit, .arena = build->arena};
}

static char *
resize(struct build *build, size_t room)
{
	if (build->arena == NULL)
		return realloc(build->ptr, room);
	char *bytes = arena_alloc(build->arena, room);
	if (bytes != NULL && build->len > 0)
		memcpy(bytes, build->ptr, build->len);
	return bytes;
}

/* Room for LEN bytes, and for one more, the NUL that vsnprintf writes. */
static bool
ensure(struct build *build, size_t len)
{
	if (build->failed || len > build->limit - build->len) {
		build->failed = true;
		return false;
	}
	if (len < build->room - build->len)
		return true;
	size_t room = build->room == 0 ? ROOM_FIRST : build->room * 2;
	if (room <= build->len + len)
		room = build->len + len + 1;
	char *bytes = resize(build, room);
	if (bytes == NULL) {
		build->failed = true;
		return false;
	}
	build->ptr = bytes;
	build->room = room;
	return true;
}

char *
build_room(struct build *build, size_t len)
{
	if (!ensure(build, len))
		return NULL;
	char *room = build->ptr + build->len;
	build->len += len;
	return room;
}

void
build_cut(struct build *build, size_t len)
{
	if (len < build->len)
		build->len = len;
}

void
build_drop(struct build *build, size_t len)
{
	if (len > build->len)
		len = build->len;
	if (len == 0)
		return;
	build->len -= len;
	memmove(build->ptr, build->ptr + len, build->len);
}

void
build_text(struct build *build, struct text text)
{
	char *room = text.len == 0 ? NULL : build_room(build, text.len);

	if (room != NULL)
		memcpy(room, text.ptr, text.len);
}

void
build_insert(struct build *build, size_t at, struct text text)
{
	size_t len = build->len;

	build_text(build, text);
	if (build_failed(build) || text.len == 0 || at > len)
		return;
	memmove(build->ptr + at + text.len, build->ptr + at, len - at);
	memcpy(build->ptr + at, text.ptr, text.len);
}

void
build_cstr(struct build *build, const char *cstr)
{
	build_text(build, text_from_cstr(cstr));
}

void
build_byte(struct build *build, char byte)
{
	char *room = build_room(build, 1);

	if (room != NULL)
		*room = byte;
}

void
build_number(struct build *build, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	build_text(build, (struct text){digits + at, sizeof digits - at});
}

void
build_vformat(struct build *build, const char *format, va_list values)
{
	va_list again;

	va_copy(again, values);
	int len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	char *room = len < 0 ? NULL : build_room(build, (size_t)len);
	if (room == NULL) {
		build->failed = true;
		return;
	}
	vsnprintf(room, (size_t)len + 1, format, values);
}

void
build_format(struct build *build, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	build_vformat(build, format, values);
	va_end(values);
}

void
build_clean(struct build *build, struct text text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.ptr[i];
		if ((is_printable(byte) || byte == ' ') && byte != '\\') {
			build_byte(build, (char)byte);
			continue;
		}
		build_text(build, TEXT("\\x"));
		build_byte(build, digits[byte >> 4]);
		build_byte(build, digits[byte & 15]);
	}
}

void
build_json(struct build *build, struct text text)
{
	build_byte(build, '"');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.ptr[i];
		if (byte < ' ' || byte > '~')
			build_format(build, "\\u%04x", byte);
		else if (byte == '"' || byte == '\\')
			build_format(build, "\\%c", byte);
		else
			build_byte(build, (char)byte);
	}
	build_byte(build, '"');
}

struct text
build_view(const struct build *build)
{
	if (build->len == 0)
		return TEXT("");
	return (struct text){build->ptr, build->len};
}

bool
build_failed(const struct build *build)
{
	return build->failed;
}
