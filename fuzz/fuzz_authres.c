/* No value breaks out of an Authentication-Results field. */
#include "base/build.h"
#include "mail/authres.h"
#include "mail/token.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool
is_value(int byte)
{
	return is_printable(byte) && byte != '"' && byte != ';' &&
	       byte != '(' && byte != ')' && byte != '\\';
}

/* Takes TEXT and then one value, by rules of our own. */
static void
take_value(struct scan *scan, struct text before)
{
	assert(scan_word_nocase(scan, before));
	if (!token_take_quoted(scan))
		assert(scan_while(scan, is_value).len > 0);
}

static void
take_property(struct scan *scan, struct text name)
{
	assert(scan_word_nocase(scan, TEXT("\r\n\t")) || scan_byte(scan, ' '));
	take_value(scan, name);
}

/* RFC 5322 2.1.1, with the field's name in the first line. */
static void
check_lines(struct text field)
{
	size_t len = sizeof "Authentication-Results: " - 1;

	for (size_t i = 0; i < field.len; i++) {
		len = field.ptr[i] == '\n' ? 0 : len + 1;
		assert(len <= 998 + (field.ptr[i] == '\r'));
	}
}

static void
check_written(struct arena *arena, struct text value)
{
	struct authres authres;
	struct build build;

	build_init_arena(&build, arena, 1 << 20);
	authres_begin(&authres, &build, TEXT("mx.example"), value);
	authres_method(&authres, "dkim", "pass", value);
	authres_property(&authres, "header", "d", value);
	authres_property(&authres, "header", "i", value);
	authres_end(&authres);
	struct text written = build_view(&build);
	assert(!build_failed(&build));
	assert(authres_claims(arena, written, TEXT("mx.example")));
	struct scan scan = scan_text(written);
	assert(scan_word_nocase(&scan, TEXT("mx.example")));
	if (scan_peek(&scan) == '/')
		take_value(&scan, TEXT("/"));
	assert(scan_word_nocase(&scan, TEXT(";\r\n\tdkim=pass")));
	if (value.len > 0)
		take_value(&scan, TEXT(" reason="));
	if (!scan_at_end(&scan)) {
		assert(value.len <= AUTHRES_VALUE_MAX);
		take_property(&scan, TEXT("header.d="));
		take_property(&scan, TEXT("header.i="));
	} else {
		assert(value.len == 0 || 2 * value.len > AUTHRES_VALUE_MAX);
	}
	assert(scan_at_end(&scan));
	check_lines(written);
	for (size_t i = 0; i < written.len; i++) {
		unsigned char byte = (unsigned char)written.ptr[i];
		assert(byte == '\r' || byte == '\n' || byte == '\t' ||
		       (byte >= 0x20 && byte < 0x7F));
	}
}

/* Whoever's the id is, with it in front the field is his. */
static void
check_read(struct arena *arena, struct text value)
{
	struct text id;

	if (!authres_read_id(arena, value, &id)) {
		assert(authres_claims(arena, value, TEXT("mx.example")));
		return;
	}
	if (text_trim(id).len == id.len)
		assert(authres_claims(arena, value, id));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text text = {(const char *)bytes, len};
	struct arena *arena = arena_new(16 * 1024 * 1024);

	if (arena == NULL || len > 100000) {
		arena_free(arena);
		return 0;
	}
	check_read(arena, text);
	check_written(arena, text);
	arena_free(arena);
	return 0;
}
