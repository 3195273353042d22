/* Forms of the body, with what is held back of them, and undoing footers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "signer.h"

#include "dkim/undo.h"

#include <string.h>

enum { ARENA_MAX = 1 << 24 };

static struct text
repeated(struct arena *arena, const char *piece, size_t times)
{
	struct build build;

	build_init_arena(&build, arena, 1 << 22);
	for (size_t i = 0; i < times; i++)
		build_cstr(&build, piece);
	return build_view(&build);
}

/* The signature of a body: no more of it than the forms look at. */
static struct dkim_signature
signature_of(
    struct arena *arena, struct text body, enum dkim_canonicalization how)
{
	struct dkim_signature signature = {.body = how};
	struct text canonical = sign_canonical(arena, body, how);

	assert_true(crypto_sha256(canonical, &signature.body_hash));
	return signature;
}

static struct dkim_form *
finished_form(struct arena *arena, const struct dkim_signature *signature,
    struct text body, size_t piece)
{
	struct dkim_form *form = dkim_form_new(arena, signature->body);

	assert_non_null(form);
	assert_true(dkim_form_want(form, arena, signature));
	for (size_t at = 0; at < body.len; at += piece)
		dkim_form_feed(form, text_slice(body, at, at + piece));
	dkim_form_finish(form);
	assert_false(dkim_form_failed(form));
	return form;
}

/* Bodies around the sizes at which the tail moves, in many pieces. */
static void
test_whole_hash(void **state)
{
	static const size_t sizes[] = {0, 1, 100, 2046, 2047, 2048, 2049, 4096,
	    6143, 6144, 8191, 8192, 8193, 10240, 20000, 100000};
	static const size_t pieces[] = {
	    7, 1000, 2048, 2049, 8191, 8192, 8193, 50000, 200000};
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct text body = repeated(arena, "x", sizes[i]);
		struct dkim_signature signature =
		    signature_of(arena, body, DKIM_SIMPLE);
		for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
			struct dkim_form *form =
			    finished_form(arena, &signature, body, pieces[k]);
			if (!dkim_form_matches(form, &signature)) {
				print_error("%zu bytes in pieces of %zu\n",
				    sizes[i], pieces[k]);
				bad++;
			}
		}
		arena_free(arena);
	}
	assert_int_equal(bad, 0);
}

/* Several l= and the whole from one form. */
static void
test_lengths(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct text body = repeated(arena, "12345678\r\n", 3000);
	struct dkim_form *form = dkim_form_new(arena, DKIM_SIMPLE);
	struct dkim_signature signatures[6];
	static const uint64_t lengths[] = {0, 1, 2048, 29999, 30000, 30001};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		signatures[i] = signature_of(arena, body, DKIM_SIMPLE);
		signatures[i].has_length = true;
		signatures[i].length = lengths[i];
		assert_true(
		    crypto_sha256(text_slice(body, 0, (size_t)lengths[i]),
			&signatures[i].body_hash));
		assert_true(dkim_form_want(form, arena, &signatures[i]));
		assert_true(dkim_form_want(form, arena, &signatures[i]));
	}
	assert_int_equal(form->prefixes.count, 6);
	for (size_t at = 0; at < body.len; at += 777)
		dkim_form_feed(form, text_slice(body, at, at + 777));
	dkim_form_finish(form);
	assert_int_equal(dkim_form_bytes(form), 30000);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(
		    dkim_form_matches(form, &signatures[i]), i < 5);
	arena_free(arena);
}

static const struct row {
	const char *name;
	const char *sent;
	const char *footer;
	bool simple;
	bool relaxed;
} rows[] = {
    {"nothing appended", "a\r\nb\r\n", "", false, false},
    {"only empty lines appended", "a\r\n", "\r\n\r\n", false, false},
    {"one line", "a\r\nb\r\n", "footer\r\n", true, true},
    {"a line without its end", "a\r\nb\r\n", "footer", true, true},
    {"empty lines between", "a\r\nb\r\n", "\r\n\r\n-- \r\nx\r\n", true, true},
    {"the author had empty lines at the end", "a\r\n\r\n\r\n", "x\r\n", true,
	true},
    {"lines of white space between", "a\r\n", " \r\n\t\r\nx\r\n", true, true},
    {"the author ended in white space", "a\r\n \r\n", "x\r\n", true, true},
    {"one letter of body", "a", "\r\nx\r\n", true, true},
    {"empty body", "", "x\r\n", false, false},
    {"20 lines", "a\r\n",
	"1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n10\r\n"
	"1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n20\r\n",
	true, true},
    {"21 lines", "a\r\n",
	"1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n10\r\n"
	"1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n20\r\n21\r\n",
	false, false},
    {"text in the last line", "a\r\nb", "c\r\n", false, false},
    {"white space at the end of the last line", "a\r\nb \r\n", "c\r\n", true,
	true},
};

static bool
undone(struct text sent, struct text received, enum dkim_canonicalization how)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct dkim_signature signature = signature_of(arena, sent, how);
	struct dkim_form *form =
	    finished_form(arena, &signature, received, 1000);
	bool is_undone = dkim_undo_footer(form, &signature);

	arena_free(arena);
	return is_undone;
}

static void
test_rows(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		struct text sent = text_from_cstr(row->sent);
		struct text received =
		    arena_join(arena, sent, text_from_cstr(row->footer));
		if (undone(sent, received, DKIM_SIMPLE) != row->simple ||
		    undone(sent, received, DKIM_RELAXED) != row->relaxed) {
			print_error("%s\n", row->name);
			bad++;
		}
	}
	assert_int_equal(bad, 0);
	arena_free(arena);
}

/* However long the body is; not when the footer is too long. */
static void
test_sizes(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	unsigned bad = 0;

	(void)state;
	for (size_t lines = 1; lines < 1200; lines += 13) {
		struct text sent = repeated(arena, "12345678\r\n", lines);
		struct text received =
		    arena_join(arena, sent, TEXT("\r\n--\r\nx\r\n"));
		if (!undone(sent, received, DKIM_RELAXED)) {
			print_error("%zu lines\n", lines);
			bad++;
		}
	}
	struct text sent = repeated(arena, "12345678\r\n", 1000);
	for (size_t len = 2000; len < 2100; len++) {
		struct text line = arena_join(
		    arena, repeated(arena, "x", len - 2), TEXT("\r\n"));
		struct text received = arena_join(arena, sent, line);
		/* Four bytes of the body must be there to be looked at. */
		bool expected = len <= DKIM_UNDO_BYTES - 4;
		if (undone(sent, received, DKIM_RELAXED) != expected) {
			print_error("footer of %zu bytes\n", len);
			bad++;
		}
	}
	assert_int_equal(bad, 0);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole_hash),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
