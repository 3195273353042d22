#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "suffix/suffix.h"

#include "exact.h"
#include "vectors.h"

static const char list_text[] = "// ===BEGIN ICANN DOMAINS===\n"
				"com\n"
				"uk\n"
				"co.uk\n"
				"*.ck\n"
				"!www.ck\n"
				"xn--55qx5d.cn\n"
				"\xE5\x85\xAC\xE5\x8F\xB8.hk\n"
				"cn\n"
				"UPPER.example\n"
				"// ===END ICANN DOMAINS===\n"
				"// ===BEGIN PRIVATE DOMAINS===\n"
				"github.io\n"
				"// ===END PRIVATE DOMAINS===\n";

static const struct {
	struct text name;
	const char *domain;
} rows[] = {
    {{"example.com", 11}, "example.com"},
    {{"a.b.example.com", 15}, "example.com"},
    {{"com", 3}, "com"},
    {{"example.co.uk", 13}, "example.co.uk"},
    {{"a.example.co.uk", 15}, "example.co.uk"},
    {{"example.uk", 10}, "example.uk"},
    {{"co.uk", 5}, "co.uk"},
    /* wildcard and exception */
    {{"a.b.c.ck", 8}, "b.c.ck"},
    {{"c.ck", 4}, "c.ck"},
    {{"a.www.ck", 8}, "www.ck"},
    /* the private section */
    {{"a.me.github.io", 14}, "me.github.io"},
    /* the default rule */
    {{"a.example.unlisted", 18}, "example.unlisted"},
    {{"unlisted", 8}, "unlisted"},
    {{"a.b.xn--55qx5d.cn", 17}, "b.xn--55qx5d.cn"},
    /* a rule in capitals, and one in UTF-8 (U-labels) */
    {{"a.b.upper.example", 17}, "b.upper.example"},
    {{"a.b.xn--55qx5d.hk", 17}, "b.xn--55qx5d.hk"},
    /* a name that only ends as a suffix does */
    {{"a.notco.uk", 10}, "notco.uk"},
    {{"ck", 2}, "ck"},
    {{"www.ck", 6}, "www.ck"},
    /* no names: they stand for themselves */
    {{"", 0}, ""},
    {{".com", 4}, ".com"},
    {{"a.b.c..com", 10}, "a.b.c..com"},
};

static void
test_rules(void **state)
{
	struct text bytes = exact(TEXT(list_text));
	struct suffix_list *list = suffix_list_read(bytes);
	unsigned wrong = 0;

	(void)state;
	exact_free(bytes);
	assert_non_null(list);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text name = exact(rows[i].name);
		struct text domain = suffix_organizational_domain(list, name);
		if (!text_equal(domain, text_from_cstr(rows[i].domain))) {
			print_error("%s: " TEXT_FMT "\n", rows[i].name.ptr,
			    TEXT_ARG(domain));
			wrong++;
		}
		exact_free(name);
	}
	assert_int_equal(wrong, 0);
	struct text nul = {"a.b\0.example.com", 16};
	assert_true(text_equal(suffix_organizational_domain(list, nul), nul));
	suffix_list_free(list);
}

#define BEGIN "// ===BEGIN ICANN DOMAINS===\n"
#define END   "// ===END PRIVATE DOMAINS===\n"

static const struct {
	const char *what;
	const char *bytes;
} no_lists[] = {
    {"nothing", ""},
    {"an empty line", "\n"},
    {"words", "// nothing but words\n"},
    {"an error page",
	"<!DOCTYPE html>\n<title>404</title>\n<p>Not found</p>\n"},
    {"a page about the list", "<html>\n<p>// ===BEGIN ICANN DOMAINS===\\ncom\\n"
			      "// ===END PRIVATE DOMAINS===</p>\n</html>\n"},
    {"no marks", "com\nuk\nco.uk\n"},
    {"no beginning", "com\nuk\nco.uk\n" END},
    {"cut in half", BEGIN "com\nuk\nco.u"},
    {"cut in the private section",
	BEGIN "com\nuk\nco.uk\n// ===END ICANN DOMAINS===\n"
	      "// ===BEGIN PRIVATE DOMAINS===\ngithub.io\n"},
    {"cut in the last mark", BEGIN "com\n// ===END PRIVATE DOM"},
    {"no rule", BEGIN END},
    {"a DAFSA of nothing", ".DAFSA@PSL_0   \n"},
    {"a DAFSA cut in half", ".DAFSA@PSL_0   \n\x08\x86\x03"},
};

static void
test_no_list(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof no_lists / sizeof *no_lists; i++) {
		struct text bytes = exact(text_from_cstr(no_lists[i].bytes));
		struct suffix_list *list = suffix_list_read(bytes);
		if (list != NULL) {
			print_error("%s: a list\n", no_lists[i].what);
			wrong++;
		}
		suffix_list_free(list);
		exact_free(bytes);
	}
	assert_int_equal(wrong, 0);
	suffix_list_free(NULL);
}

/* The marks may end in CR LF, and the last one where the file ends. */
static void
test_marks(void **state)
{
	struct text bytes = exact(TEXT("// ===BEGIN ICANN DOMAINS===\r\n"
				       "com\r\n"
				       "// ===END PRIVATE DOMAINS==="));
	struct suffix_list *list = suffix_list_read(bytes);

	(void)state;
	assert_non_null(list);
	suffix_list_free(list);
	exact_free(bytes);
}

static void
test_builtin(void **state)
{
	struct suffix_list *list = suffix_list_builtin();

	(void)state;
	if (list == NULL) {
		print_message("# this libpsl was built without a list\n");
		skip();
	}
	assert_true(text_equal(
	    suffix_organizational_domain(list, TEXT("a.b.example.co.uk")),
	    TEXT("example.co.uk")));
	suffix_list_free(list);
}

static const char origin[] =
    "https://publicsuffix.org/list/ or Debian's package publicsuffix";

/* The form made by psl-make-dafsa, as Debian's publicsuffix has it. */
static void
test_dafsa(void **state)
{
	static const char path[] =
	    "/usr/share/publicsuffix/public_suffix_list.dafsa";
	struct arena *arena = arena_new(1024 * 1024);

	(void)state;
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		print_message("# no %s: it can be had from %s\n", path, origin);
		arena_free(arena);
		skip();
		return;
	}
	(void)fclose(file);
	struct suffix_list *list = suffix_list_read(vectors_read(arena, path));
	assert_non_null(list);
	assert_true(text_equal(
	    suffix_organizational_domain(list, TEXT("a.b.example.co.uk")),
	    TEXT("example.co.uk")));
	suffix_list_free(list);
	arena_free(arena);
}

/* Their null is our "the name itself". */
static bool
check_case(const struct suffix_list *list, json_t *row)
{
	json_t *given = json_array_get(row, 0);
	json_t *expected = json_array_get(row, 1);
	struct arena *arena = arena_new(4096);

	struct text name = arena_lower(arena, json_text(given));
	struct text wanted =
	    json_is_null(expected) ? name : json_text(expected);
	struct text domain = suffix_organizational_domain(list, name);
	bool right = text_equal(domain, wanted);
	if (!right)
		print_error(TEXT_FMT ": " TEXT_FMT "\n", TEXT_ARG(name),
		    TEXT_ARG(domain));
	arena_free(arena);
	return right;
}

static void
test_vectors(void **state)
{
	json_t *json = vectors_json("psl/tests.json", origin);
	struct arena *arena = arena_new(2 * 1024 * 1024);
	const char *path = vectors_path(arena, "psl/public_suffix_list.dat");
	unsigned wrong = 0;

	(void)state;
	assert_non_null(path);
	struct suffix_list *list = suffix_list_read(vectors_read(arena, path));
	json_t *cases = json_object_get(json, "cases");
	assert_true(list != NULL && json_array_size(cases) > 50);
	for (size_t i = 0; i < json_array_size(cases); i++)
		wrong += !check_case(list, json_array_get(cases, i));
	assert_int_equal(wrong, 0);
	json_decref(json);
	suffix_list_free(list);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_no_list),
	    cmocka_unit_test(test_marks),
	    cmocka_unit_test(test_builtin),
	    cmocka_unit_test(test_dafsa),
	    cmocka_unit_test(test_vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
