#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/name.h"

#include "exact.h"

#define LABEL63                                                                \
 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME253                                                                \
 LABEL63 "." LABEL63 "." LABEL63 "."                                           \
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *what;
	struct text text;
	const char *name; /* NULL: refused */
} reads[] = {
    {"plain", {"example.com", 11}, "example.com"},
    {"upper case", {"EXAMPLE.Com", 11}, "example.com"},
    {"dot at the end", {"example.com.", 12}, "example.com"},
    {"two dots at the end", {"example.com..", 13}, NULL},
    {"one label", {"com", 3}, "com"},
    {"nothing", {"", 0}, NULL},
    {"a dot", {".", 1}, NULL},
    {"leading dot", {".com", 4}, NULL},
    {"empty label", {"a..b", 4}, NULL},
    {"label of 63", {LABEL63, 63}, LABEL63},
    {"label of 64", {LABEL63 "a", 64}, NULL},
    {"name of 253", {NAME253, 253}, NAME253},
    {"name of 253 and a dot", {NAME253 ".", 254}, NAME253},
    {"name of 254", {NAME253 "a", 254}, NULL},
    {"underscore", {"_dmarc.example", 14}, "_dmarc.example"},
    {"any ASCII", {"a b!.c", 6}, "a b!.c"},
    {"DEL", {"a\x7F", 2}, "a\x7F"},
    {"U-label",
	{"b\xC3\xBC"
	 "cher.de",
	    10},
	"xn--bcher-kva.de"},
    {"U-label, ASCII in upper case",
	{"B\xC3\xBC"
	 "CHER.DE.",
	    11},
	"xn--bcher-kva.de"},
    {"U-label, upper case",
	{"B\xC3\x9C"
	 "CHER.DE.",
	    11},
	NULL},
    {"sharp s, not transitional", {"fa\xC3\x9F.de", 7}, "xn--fa-hia.de"},
    {"underscore and U-label",
	{"_dmarc.b\xC3\xBC"
	 "cher",
	    14},
	"_dmarc.xn--bcher-kva"},
    {"not NFC",
	{"bu\xCC\x88"
	 "cher.de",
	    11},
	NULL},
    {"ideographic full stop",
	{"a\xE3\x80\x82"
	 "de",
	    6},
	NULL},
    {"full-width letter", {"\xEF\xBD\x82.de", 6}, NULL},
    {"soft hyphen",
	{"a\xC2\xAD"
	 "b.de",
	    7},
	NULL},
    {"emoji", {"\xE2\x9D\xA4.de", 6}, NULL},
    {"A-label that is no punycode", {"xn--zzzzzz---.de", 16},
	"xn--zzzzzz---.de"},
    {"only a soft hyphen", {"\xC2\xAD.de", 5}, NULL},
    {"not UTF-8",
	{"b\xFC"
	 "cher.de",
	    9},
	NULL},
    {"cut UTF-8", {"b\xC3", 2}, NULL},
    {"NUL and UTF-8", {"\xC3\xBC\0x", 4}, NULL},
};

static void
test_read(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
		struct arena *arena = arena_new(65536);
		struct text text = exact(reads[i].text);
		struct text name = TEXT("untouched");
		bool ok = dns_name_read(arena, text, &name);
		struct text expected = TEXT("untouched");
		if (reads[i].name != NULL)
			expected = text_from_cstr(reads[i].name);
		if (ok != (reads[i].name != NULL) ||
		    !text_equal(name, expected)) {
			print_error("%s: " TEXT_FMT "\n", reads[i].what,
			    TEXT_ARG(name));
			wrong++;
		}
		exact_free(text);
		arena_free(arena);
	}
	assert_int_equal(wrong, 0);
}

static void
test_read_long(void **state)
{
	static char utf8[65536];
	struct arena *arena = arena_new(65536);
	struct text name;

	(void)state;
	for (size_t i = 0; i < sizeof utf8; i++)
		utf8[i] = i % 2 == 0 ? '\xC3' : '\xBC';
	for (size_t len = 1; len <= sizeof utf8; len *= 2) {
		struct text text = exact((struct text){utf8, len});
		if (dns_name_read(arena, text, &name))
			assert_true(len > 1 && name.len <= DNS_LABEL_MAX);
		exact_free(text);
	}
	arena_free(arena);
}

static void
test_read_no_memory(void **state)
{
	static const char *const texts[] = {"example.com", "b\xC3\xBC.de"};
	struct text name;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct arena *arena = arena_new(65536);
		arena_fail_after(arena, 1);
		assert_false(
		    dns_name_read(arena, text_from_cstr(texts[i]), &name));
		arena_free(arena);
	}
}

static const struct {
	struct text name;
	bool ldh;
} ldhs[] = {
    {{"a-b_c9.Example", 14}, true},
    {{"a b", 3}, false},
    {{"a/b", 3}, false},
    {{"a\0b", 3}, false},
    {{"\xC3\xBC", 2}, false},
    {{"a..b", 4}, false},
    {{"a.", 2}, false},
    {{"", 0}, false},
};

static void
test_ldh(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ldhs / sizeof *ldhs; i++) {
		struct text name = exact(ldhs[i].name);
		if (dns_name_is_ldh(name) != ldhs[i].ldh)
			fail_msg(TEXT_FMT, TEXT_ARG(name));
		exact_free(name);
	}
}

static const struct {
	const char *name;
	size_t labels;
	const char *parent;
	const char *tail[4]; /* of 0, 1, 2 and 3 labels */
} parts[] = {
    {"", 0, "", {"", "", "", ""}},
    {"com", 1, "", {"", "com", "com", "com"}},
    {"example.com", 2, "com", {"", "com", "example.com", "example.com"}},
    {"a.b.c.d", 4, "b.c.d", {"", "d", "c.d", "b.c.d"}},
};

static void
test_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		struct text name = exact(text_from_cstr(parts[i].name));
		assert_int_equal(dns_name_labels(name), parts[i].labels);
		assert_true(text_equal(
		    dns_name_parent(name), text_from_cstr(parts[i].parent)));
		for (size_t n = 0; n < 4; n++) {
			if (!text_equal(dns_name_tail(name, n),
				text_from_cstr(parts[i].tail[n])))
				fail_msg("%s: %zu", parts[i].name, n);
		}
		exact_free(name);
	}
}

static const struct {
	const char *name;
	const char *ancestor;
	bool equal;
	bool below;
} pairs[] = {
    {"example.com", "example.com", true, true},
    {"EXAMPLE.com", "example.COM", true, true},
    {"a.example.com", "example.com", false, true},
    {"a.b.example.com", "Example.com", false, true},
    {"aexample.com", "example.com", false, false},
    {"example.com", "a.example.com", false, false},
    {"example.com", "com", false, true},
    {"example.com", "om", false, false},
    {"example.com", "", false, false},
    {"example.com.", "example.com", false, false},
};

static void
test_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct text name = exact(text_from_cstr(pairs[i].name));
		struct text above = exact(text_from_cstr(pairs[i].ancestor));
		if (dns_name_equal(name, above) != pairs[i].equal ||
		    dns_name_is_at_or_below(name, above) != pairs[i].below)
			fail_msg("%s %s", pairs[i].name, pairs[i].ancestor);
		exact_free(name);
		exact_free(above);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_read_long),
	    cmocka_unit_test(test_read_no_memory),
	    cmocka_unit_test(test_ldh),
	    cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_pairs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
