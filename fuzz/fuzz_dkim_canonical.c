/* Canonical forms. In whatever pieces the body comes, its form is the same; the
 * form of a form is itself; it ends in one CR LF; and its hash, with the tail
 * held back, is that of its bytes. The first byte says how to cut. */
#include "dkim/undo.h"

#include "base/build.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { FORM_MAX = 1 << 20 };

static void
collect(void *context, struct text piece)
{
	assert(piece.len > 0);
	build_text(context, piece);
}

static struct text
run(struct arena *arena, struct text body, size_t piece,
    enum dkim_canonicalization how)
{
	struct dkim_canonical_body canonical;
	struct build build;

	build_init_arena(&build, arena, FORM_MAX);
	dkim_canonical_body_init(&canonical, how, collect, &build);
	for (size_t at = 0; at < body.len; at += piece)
		dkim_canonical_body_feed(
		    &canonical, text_slice(body, at, at + piece));
	dkim_canonical_body_finish(&canonical);
	assert(!build_failed(&build));
	assert(canonical.bytes == build_view(&build).len);
	return build_view(&build);
}

static void
check_hash(struct arena *arena, struct text body, size_t piece,
    struct text form, enum dkim_canonicalization how)
{
	struct dkim_signature signature = {.body = how};
	struct dkim_form *hashed = dkim_form_new(arena, how);

	assert(crypto_sha256(form, &signature.body_hash));
	assert(hashed != NULL && dkim_form_want(hashed, arena, &signature));
	for (size_t at = 0; at < body.len; at += piece)
		dkim_form_feed(hashed, text_slice(body, at, at + piece));
	dkim_form_finish(hashed);
	assert(dkim_form_matches(hashed, &signature));
	/* What is unchanged has no footer. */
	assert(!dkim_undo_footer(hashed, &signature));
}

static void
check_body(struct arena *arena, struct text body, size_t piece,
    enum dkim_canonicalization how)
{
	struct text form = run(arena, body, body.len + 1, how);

	assert(text_equal(form, run(arena, body, piece, how)));
	assert(text_equal(form, run(arena, form, piece, how)));
	assert(form.len > 0 || how == DKIM_RELAXED);
	if (form.len > 0)
		assert(text_equal(
		    text_slice(form, form.len - 2, form.len), TEXT("\r\n")));
	if (form.len > 2)
		assert(form.len < 4 ||
		       !text_equal(text_slice(form, form.len - 4, form.len),
			   TEXT("\r\n\r\n")));
	check_hash(arena, body, piece, form, how);
}

static void
check_field(struct arena *arena, struct text raw)
{
	struct mail_header header = {0};
	struct build relaxed;
	struct build again;

	build_init_arena(&relaxed, arena, FORM_MAX);
	build_init_arena(&again, arena, FORM_MAX);
	if (!mail_header_add_raw(&header, arena, raw) ||
	    header.fields.count == 0)
		return;
	dkim_canonical_field(
	    &header.fields.at[0], DKIM_RELAXED, collect, &relaxed);
	assert(build_view(&relaxed).len <= raw.len + 2);
	struct text form =
	    text_slice(build_view(&relaxed), 0, build_view(&relaxed).len - 2);
	/* An empty line inside folds nothing, until the line after it did. */
	if (text_has(form, '\n') || !mail_header_add_raw(&header, arena, form))
		return;
	dkim_canonical_field(
	    &header.fields.at[1], DKIM_RELAXED, collect, &again);
	assert(text_equal(build_view(&relaxed), build_view(&again)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct arena *arena = arena_new(16 * 1024 * 1024);

	if (arena == NULL || len == 0 || len > 64 * 1024) {
		arena_free(arena);
		return 0;
	}
	struct text body = {(const char *)bytes + 1, len - 1};
	size_t piece = (size_t)bytes[0] + 1;
	check_body(arena, body, piece, DKIM_SIMPLE);
	check_body(arena, body, piece, DKIM_RELAXED);
	check_field(arena, body);
	arena_free(arena);
	return 0;
}
