/* No value breaks out of an Authentication-Results field: what is written is
 * read again, and nothing more. What is read keeps its limits. */
#include "base/build.h"
#include "mail/authres.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

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

/* Is READ what was WRITTEN, or its begin? */
static void
check_same(struct text read, struct text written)
{
	assert(read.len <= written.len);
	for (size_t i = 0; i < read.len; i++)
		assert(read.ptr[i] == to_harmless(written.ptr[i]));
}

/* With its backslashes, is VALUE short enough for a property? */
static bool
is_short(struct text value)
{
	size_t taken = value.len;

	for (size_t i = 0; i < value.len; i++)
		taken += value.ptr[i] == '"' || value.ptr[i] == '\\';
	return taken <= AUTHRES_VALUE_MAX;
}

static void
check_result(const struct authres_result *result, struct text value)
{
	bool has_properties = value.len > 0 && is_short(value);

	assert(text_equal(result->method, TEXT("dkim")));
	assert(text_equal(result->result, TEXT("fail")));
	check_same(result->reason, value);
	assert(result->reason.len == value.len || !is_short(value));
	assert(result->properties.count == (has_properties ? 2 : 0));
	for (size_t i = 0; i < result->properties.count; i++) {
		const struct authres_property *one = &result->properties.at[i];
		assert(text_equal(one->type, TEXT("header")));
		assert(text_equal(one->name, i == 0 ? TEXT("d") : TEXT("i")));
		assert(one->value.len == value.len);
		check_same(one->value, value);
	}
}

/* What went in comes out, and nothing more. */
static void
check_written(
    struct arena *arena, struct text id, struct text job, struct text value)
{
	struct authres authres;
	struct build build;
	struct authres_field field;

	build_init_arena(&build, arena, 1 << 20);
	authres_begin(&authres, &build, id, job);
	authres_method(&authres, "dkim", "fail", value);
	authres_property(&authres, "header", "d", value);
	authres_property(&authres, "header", "i", value);
	authres_method(&authres, "dmarc", "none", TEXT(""));
	authres_end(&authres);
	struct text written = build_view(&build);
	assert(!build_failed(&build));
	assert(authres_read(arena, written, &field));
	assert(authres_claims(arena, written, field.id));
	assert(field.version == 1 && field.results.count == 2);
	check_same(text_slice(field.id, 0, id.len), id);
	if (field.id.len > id.len) {
		assert(field.id.ptr[id.len] == '/');
		assert(text_equal(
		    text_slice(field.id, id.len + 1, field.id.len), job));
	}
	check_result(&field.results.at[0], value);
	assert(text_equal(field.results.at[1].method, TEXT("dmarc")));
	assert(field.results.at[1].properties.count == 0);
	if (id.len < AUTHRES_VALUE_MAX / 2)
		check_lines(written);
	for (size_t i = 0; i < written.len; i++) {
		unsigned char byte = (unsigned char)written.ptr[i];
		assert(byte == '\r' || byte == '\n' || byte == '\t' ||
		       (byte >= 0x20 && byte < 0x7F));
	}
}

/* Writes FIELD again with our writer, as far as it has no limit of its own,
 * and reads that: the same, but for bytes that we do not write. */
static void
check_again(struct arena *arena, const struct authres_field *field)
{
	struct authres authres;
	struct build build;
	struct authres_field again;

	build_init_arena(&build, arena, 1 << 20);
	authres_begin(&authres, &build, field->id, TEXT(""));
	for (size_t i = 0; i < field->results.count; i++) {
		const struct authres_result *one = &field->results.at[i];
		authres_method(&authres, arena_cstr(arena, one->method),
		    arena_cstr(arena, one->result), one->reason);
		for (size_t k = 0; k < one->properties.count; k++)
			authres_property(&authres,
			    arena_cstr(arena, one->properties.at[k].type),
			    arena_cstr(arena, one->properties.at[k].name),
			    one->properties.at[k].value);
	}
	authres_end(&authres);
	if (build_failed(&build) || build.len > AUTHRES_FIELD_MAX)
		return;
	assert(authres_read(arena, build_view(&build), &again));
	assert(again.results.count == field->results.count);
	check_same(again.id, field->id);
	for (size_t i = 0; i < again.results.count; i++) {
		assert(text_equal(
		    again.results.at[i].method, field->results.at[i].method));
		assert(text_equal(
		    again.results.at[i].result, field->results.at[i].result));
		assert(again.results.at[i].properties.count <=
		       field->results.at[i].properties.count);
	}
}

static void
check_limits(const struct authres_field *field)
{
	size_t properties = 0;

	assert(field->results.count <= AUTHRES_RESULTS_MAX);
	for (size_t i = 0; i < field->results.count; i++)
		properties += field->results.at[i].properties.count;
	assert(properties <= AUTHRES_PROPERTIES_MAX);
}

/* Whoever's the id is, with it in front the field is his. What can be believed
 * is never overlooked when forged fields are removed. */
static void
check_read(struct arena *arena, struct text value)
{
	struct authres_field field;
	struct text id;
	bool is_whole = authres_read(arena, value, &field);

	if (is_whole) {
		check_limits(&field);
		check_again(arena, &field);
	}
	if (!authres_read_id(arena, value, &id)) {
		assert(authres_claims(arena, value, TEXT("mx.example")));
		assert(!is_whole);
		return;
	}
	assert(!is_whole || text_equal(id, field.id));
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
	check_written(arena, TEXT("mx.example"), text, text);
	check_written(arena, text, TEXT("job"), TEXT("x"));
	arena_free(arena);
	return 0;
}
