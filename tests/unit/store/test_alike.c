/* Entries are alike when their rows are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/alike.h"
#include "store/row.h"

#include <stdio.h>
#include <string.h>

enum { HOUR = 3600, MANY = 5000 };

static struct history_dkim signatures[] = {
    {{"a.example", 9}, {"s", 1}, {"pass", 4}},
    {{"a.example", 9}, {"s", 1}, {"fail", 4}},
};

static struct history_entry
sample(void)
{
	struct history_entry entry = {
	    .job = TEXT("1"),
	    .reporter = TEXT("mx.test"),
	    .received = 1795392000,
	    .client = TEXT("192.0.2.1"),
	    .from = TEXT("a.example"),
	    .mail_from = TEXT("b.example"),
	    .helo = TEXT("c.example"),
	    .spf = TEXT("pass"),
	    .spf_domain = TEXT("d.example"),
	    .policy_domain = TEXT("a.example"),
	    .result = TEXT("fail"),
	    .requested = TEXT("none"),
	    .p = TEXT("none"),
	    .sp = TEXT("reject"),
	    .np = TEXT("reject"),
	    .adkim = TEXT("r"),
	    .aspf = TEXT("r"),
	    .fo = TEXT("0"),
	    .testing = TEXT("n"),
	    .pct = 100,
	    .discovery = TEXT("treewalk"),
	    .action = HISTORY_ACCEPT,
	    .reason = TEXT("mailing_list"),
	    .comment = TEXT("x"),
	};

	entry.dkim.at = signatures;
	entry.dkim.count = 1;
	return entry;
}

/* A text of an entry, another value for it, and whether a row shows it. */
static const struct {
	const char *name;
	size_t offset;
	const char *other;
	bool is_shown;
} texts[] = {

#define FIELD(name, other, shown)                                              \
 {                                                                             \
#  name, offsetof(struct history_entry, name), other, shown                    \
 }
    FIELD(job, "2", false),
    FIELD(reporter, "mx2.test", false),
    FIELD(client, "192.0.2.2", true),
    FIELD(from, "a2.example", true),
    FIELD(mail_from, "b2.example", true),
    FIELD(helo, "c2.example", false),
    FIELD(spf, "fail", true),
    FIELD(spf_domain, "d2.example", true),
    FIELD(policy_domain, "example", true),
    FIELD(result, "pass", false),
    FIELD(requested, "reject", false),
    FIELD(p, "reject", true),
    FIELD(sp, "none", true),
    FIELD(np, "none", true),
    FIELD(adkim, "s", true),
    FIELD(aspf, "s", true),
    FIELD(fo, "1", true),
    FIELD(testing, "y", true),
    FIELD(discovery, "psl", true),
    FIELD(reason, "other", true),
    FIELD(comment, "y", true),
};

static size_t
groups_of(const struct history_entry *entries, size_t count)
{
	struct arena *arena = arena_new(SIZE_MAX);
	struct alike *alike;
	size_t groups = 0;
	int64_t sum = 0;

	assert_true(alike_find(arena, entries, count, &alike, &groups));
	for (size_t i = 0; i < groups; i++)
		sum += alike[i].count;
	assert_int_equal(sum, count);
	arena_free(arena);
	return groups;
}

static bool
rows_differ(const struct history_entry *entries)
{
	struct arena *arena = arena_new(SIZE_MAX);
	struct row rows[2];

	assert_true(row_of_entry(arena, &entries[0], &rows[0]));
	assert_true(row_of_entry(arena, &entries[1], &rows[1]));
	bool differ = row_compare(&rows[0], &rows[1]) != 0;
	arena_free(arena);
	return differ;
}

/* Never one group for two rows. */
static void
assert_held_apart(const struct history_entry *entries, const char *name)
{
	if (rows_differ(entries) && groups_of(entries, 2) != 2)
		fail_msg("%s: two rows, one group", name);
}

static void
test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct history_entry entries[2] = {sample(), sample()};
		const struct text other = text_from_cstr(texts[i].other);
		memcpy((char *)&entries[1] + texts[i].offset, &other,
		    sizeof other);
		if (rows_differ(entries) != texts[i].is_shown)
			fail_msg("%s: not as the table has it", texts[i].name);
		assert_held_apart(entries, texts[i].name);
	}
}

static void
test_others(void **state)
{
	struct history_entry entries[2];

	(void)state;
	for (int i = 0; i < 9; i++) {
		entries[0] = entries[1] = sample();
		switch (i) {
		case 0: entries[1].received += HOUR; break;
		case 1: entries[1].dkim_aligned = true; break;
		case 2: entries[1].spf_aligned = true; break;
		case 3: entries[1].action = HISTORY_REJECT; break;
		case 4: entries[1].dkim.count = 0; break;
		case 5: entries[1].dkim.count = 2; break;
		case 6: /* the null sender, and one that is not known */
			entries[0].mail_from = TEXT("");
			entries[1].mail_from = (struct text){NULL, 0};
			break;
		case 7:
			entries[0].discovery = entries[1].discovery =
			    TEXT("psl");
			entries[1].pct = 0;
			break;
		default: entries[1].dkim.at = signatures + 1; break;
		}
		assert_true(rows_differ(entries));
		assert_held_apart(entries, "others");
	}
	entries[0] = entries[1] = sample();
	entries[1].received += HOUR - 1;
	entries[1].pct = 50;
	assert_int_equal(groups_of(entries, 2), 1);
}

static void
test_last(void **state)
{
	struct history_entry entries[] = {
	    sample(), sample(), sample(), sample()};
	struct arena *arena = arena_new(SIZE_MAX);
	struct alike *alike;
	size_t groups;

	(void)state;
	entries[1].received += 5;
	entries[2].received += 5;
	assert_true(alike_find(arena, entries, 4, &alike, &groups));
	assert_int_equal(groups, 1);
	assert_ptr_equal(alike->last, &entries[1]);
	assert_int_equal(alike->count, 4);
	assert_true(alike_find(arena, entries, 0, &alike, &groups));
	assert_int_equal(groups, 0);
	arena_free(arena);
}

static void
test_many(void **state)
{
	static struct history_entry entries[MANY];
	static char names[MANY][16];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		entries[i] = sample();
		(void)snprintf(names[i], sizeof names[i], "d%d", i / 5);
		entries[i].from = text_from_cstr(names[i]);
	}
	/* Some may be missed, see PROBES_MAX. */
	assert_in_range(groups_of(entries, MANY), MANY / 5, MANY / 5 + 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_others),
	    cmocka_unit_test(test_last),
	    cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("alike", tests, NULL, NULL);
}
