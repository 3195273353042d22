/* What of an entry goes into its row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/row.h"

#include <string.h>

enum { ARENA_MAX = 1024 * 1024 };

static struct history_entry
sample(void)
{
	return (struct history_entry){
	    .received = 1795392010,
	    .client = TEXT("192.0.2.1"),
	    .from = TEXT("a.example.com"),
	    .mail_from = TEXT("a.example.com"),
	    .policy_domain = TEXT("example.com"),
	    .result = TEXT("pass"),
	    .requested = TEXT("reject"),
	    .p = TEXT("reject"),
	    .action = HISTORY_ACCEPT,
	};
}

/* --- signatures --- */

/* RFC 9990 3.1.3: of two ranks, the lower goes first, however they stand in the
 * message and in the alphabet. */
static const struct {
	unsigned rank;
	const char *words;
} preferred[] = {
    {0, "a.example.com sel pass"},
    {1, "example.com sel pass"},     /* above */
    {1, "x.a.example.com sel pass"}, /* below */
    {1, "z.example.com sel pass"},   /* beside */
    {2, "aa.list.example sel pass"},
    {3, "a.example.com sel fail"},
    {3, "aaa.example sel neutral"},
};

enum { PREFERRED = sizeof preferred / sizeof *preferred };

static struct history_dkim
signature(const char *words)
{
	struct text rest = text_from_cstr(words);
	struct text domain = text_split(&rest, ' ');
	struct text selector = text_split(&rest, ' ');

	return (struct history_dkim){domain, selector, rest};
}

/* FIRST is of a lower rank than SECOND, and stands behind it in the message. */
static bool
is_first(const char *first, const char *second)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct history_entry entry = sample();
	struct history_dkim dkim[] = {signature(second), signature(first)};
	struct row row;

	entry.dkim.at = dkim;
	entry.dkim.count = 2;
	assert_true(row_of_entry(arena, &entry, &row));
	bool is_good = text_starts(row.dkim, text_from_cstr(first));
	if (!is_good)
		print_error("%s: " TEXT_FMT "\n", first, TEXT_ARG(row.dkim));
	arena_free(arena);
	return is_good;
}

static void
test_preference(void **state)
{
	size_t failures = 0;

	(void)state;
	for (size_t i = 0; i < PREFERRED; i++)
		for (size_t j = i + 1; j < PREFERRED; j++)
			failures +=
			    preferred[i].rank < preferred[j].rank &&
			    !is_first(preferred[i].words, preferred[j].words);
	assert_int_equal(failures, 0);
}

/* At most 100, and those that matter are among them. */
static void
test_many(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct history_entry entry = sample();
	struct history_dkim dkim[150];
	struct row row;
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < 150; i++)
		dkim[i] = signature("aaa.example sel fail");
	dkim[120] = signature("zz.example sel pass");
	dkim[149] = signature("a.example.com last pass");
	entry.dkim.at = dkim;
	entry.dkim.count = 150;
	assert_true(row_of_entry(arena, &entry, &row));
	assert_true(text_starts(row.dkim,
	    TEXT("a.example.com last pass zz.example sel pass aaa.example")));
	for (struct text rest = row.dkim; rest.len > 0; count++)
		(void)text_split(&rest, ' ');
	assert_int_equal(count, 3 * ROW_DKIM_MAX);
	arena_free(arena);
}

/* --- what was done, and why --- */

static const struct {
	const char *name;
	const char *result;
	const char *requested;
	enum history_action action;
	const char *reason; /* the entry's; its comment behind "/" */
	const char *expected;
} rows[] = {
    {"pass", "pass", "reject", HISTORY_ACCEPT, "", "pass"},
    {"pass, nothing asked", "pass", "none", HISTORY_ACCEPT, "", "none"},
    {"pass, not known what", "pass", "", HISTORY_ACCEPT, "", "none"},
    {"pass, refused for its form", "pass", "reject", HISTORY_REJECT,
	"local_policy", "pass local_policy"},
    {"pass, a reason that is none", "pass", "reject", HISTORY_ACCEPT, "none",
	"pass"},
    {"as asked", "fail", "reject", HISTORY_REJECT, "", "reject"},
    {"discarded", "fail", "reject", HISTORY_DISCARD, "", "reject"},
    {"nothing asked", "fail", "none", HISTORY_ACCEPT, "", "none"},
    {"less, without a word", "fail", "reject", HISTORY_ACCEPT, "",
	"none local_policy"},
    {"more, without a word", "fail", "none", HISTORY_QUARANTINE, "",
	"quarantine local_policy"},
    {"less, for a reason", "fail", "reject", HISTORY_QUARANTINE, "mailing_list",
	"quarantine mailing_list"},
    {"test", "fail", "none", HISTORY_ACCEPT, "policy_test_mode",
	"none policy_test_mode"},
    {"a reason in capitals", "fail", "reject", HISTORY_ACCEPT,
	"Trusted_Forwarder", "none trusted_forwarder"},
    {"a reason of another version", "fail", "reject", HISTORY_ACCEPT,
	"full moon", "none other full%20moon"},
    {"a reason of another version, in a word", "fail", "reject", HISTORY_ACCEPT,
	"sampled_out", "none other sampled_out"},
    {"a reason of another version, explained", "fail", "reject", HISTORY_ACCEPT,
	"sampled_out/10%", "none other 10%25"},
    {"a reason, explained", "fail", "reject", HISTORY_ACCEPT,
	"mailing_list/list.example", "none mailing_list list.example"},
    {"a reason that is none", "fail", "reject", HISTORY_ACCEPT, "none",
	"none local_policy"},
    {"not judged", "temperror", "reject", HISTORY_ACCEPT, "",
	"none other temperror"},
};

static void
test_reasons(void **state)
{
	size_t failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct history_entry entry = sample();
		struct row row;
		entry.result = text_from_cstr(rows[i].result);
		entry.requested = text_from_cstr(rows[i].requested);
		entry.action = rows[i].action;
		entry.comment = text_from_cstr(rows[i].reason);
		entry.reason = text_split(&entry.comment, '/');
		assert_true(row_of_entry(arena, &entry, &row));
		struct text said = text_trim(
		    arena_format(arena, TEXT_FMT " " TEXT_FMT " " TEXT_FMT,
			TEXT_ARG(row.disposition), TEXT_ARG(row.reason),
			TEXT_ARG(row.comment)));
		if (!text_equal(said, text_from_cstr(rows[i].expected))) {
			print_error(
			    "%s: " TEXT_FMT "\n", rows[i].name, TEXT_ARG(said));
			failures++;
		}
		arena_free(arena);
	}
	assert_int_equal(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_preference),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests_name("store row", tests, NULL, NULL);
}
