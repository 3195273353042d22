#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/date.h"
#include "exact.h"

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

struct row {
	int64_t time;
	struct text mail;
	struct text written;
};

static const struct row rows[] = {
    {0, T("Thu, 01 Jan 1970 00:00:00 +0000"), T("1970-01-01T00:00:00Z")},
    {86399, T("Thu, 01 Jan 1970 23:59:59 +0000"), T("1970-01-01T23:59:59Z")},
    {86400, T("Fri, 02 Jan 1970 00:00:00 +0000"), T("1970-01-02T00:00:00Z")},
    {951782400, T("Tue, 29 Feb 2000 00:00:00 +0000"),
	T("2000-02-29T00:00:00Z")},
    {951868800, T("Wed, 01 Mar 2000 00:00:00 +0000"),
	T("2000-03-01T00:00:00Z")},
    {1709251199, T("Thu, 29 Feb 2024 23:59:59 +0000"),
	T("2024-02-29T23:59:59Z")},
    {1795446245, T("Mon, 23 Nov 2026 15:04:05 +0000"),
	T("2026-11-23T15:04:05Z")},
    {2147483648, T("Tue, 19 Jan 2038 03:14:08 +0000"),
	T("2038-01-19T03:14:08Z")},
    {4107542400, T("Mon, 01 Mar 2100 00:00:00 +0000"),
	T("2100-03-01T00:00:00Z")},
    {253402300799, T("Fri, 31 Dec 9999 23:59:59 +0000"),
	T("9999-12-31T23:59:59Z")},
};

static bool
is_written(
    void (*write)(struct build *, int64_t), int64_t time, struct text expected)
{
	struct build build;

	build_init(&build, 100);
	write(&build, time);
	bool is_right = text_equal(build_view(&build), expected);
	if (!is_right)
		print_error("%lld: " TEXT_FMT "\n", (long long)time,
		    TEXT_ARG(build_view(&build)));
	build_free(&build);
	return is_right;
}

static void
test_write(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text day = text_slice(rows[i].written, 0, 10);
		wrong +=
		    !is_written(date_write_mail, rows[i].time, rows[i].mail);
		wrong += !is_written(date_write, rows[i].time, rows[i].written);
		wrong += !is_written(date_write_day, rows[i].time, day);
	}
	assert_int_equal(wrong, 0);
}

static void
test_clamped(void **state)
{
	(void)state;
	assert_true(is_written(date_write, -1, TEXT("1970-01-01T00:00:00Z")));
	assert_true(
	    is_written(date_write, INT64_MIN, TEXT("1970-01-01T00:00:00Z")));
	assert_true(
	    is_written(date_write, INT64_MAX, TEXT("9999-12-31T23:59:59Z")));
	assert_true(is_written(date_write_mail, INT64_MAX,
	    TEXT("Fri, 31 Dec 9999 23:59:59 +0000")));
	assert_true(is_written(date_write_day, -1, TEXT("1970-01-01")));
}

/* Every day of 400 years: one after the other, and back again. */
static void
test_every_day(void **state)
{
	struct build before;

	(void)state;
	build_init(&before, 100);
	for (int64_t day = 0; day < 146097; day++) {
		struct build build;
		int64_t time;
		build_init(&build, 100);
		date_write_day(&build, day * DAY);
		assert_true(date_read(build_view(&build), &time));
		assert_int_equal(time, day * DAY);
		assert_true(
		    text_compare(build_view(&before), build_view(&build)) < 0);
		build_free(&before);
		before = build;
	}
	build_free(&before);
}

struct read_row {
	struct text text;
	int64_t time; /* -1: refused */
};

static const struct read_row read_rows[] = {
    {T("0"), 0},
    {T("1795446245"), 1795446245},
    {T("253402300799"), 253402300799},
    {T("253402300800"), -1},
    {T("99999999999999999999"), -1},
    {T("2026-11-23"), 1795392000},
    {T("2026-11-23T15:04:05Z"), 1795446245},
    {T("2024-02-29"), 1709164800},
    {T("2023-02-29"), -1},
    {T("2100-02-29"), -1},
    {T("2024-02-30"), -1},
    {T("2024-04-31"), -1},
    {T("2024-00-01"), -1},
    {T("2024-13-01"), -1},
    {T("2024-01-00"), -1},
    {T("2024-01-32"), -1},
    {T("1969-12-31"), -1},
    {T("2026-11-23T24:00:00Z"), -1},
    {T("2026-11-23T23:60:00Z"), -1},
    {T("2026-11-23T23:59:60Z"), -1},
    {T("2026-11-23T15:04:05"), -1},
    {T("2026-11-23T15:04:05z"), -1},
    {T("2026-11-23 15:04:05Z"), -1},
    {T("2026-11-23T15:04Z"), -1},
    {T("2026-11-23T15:04:05ZZ"), -1},
    {T("2026-11-23T"), -1},
    {T("2026-11-2"), -1},
    {T("2026-1-23"), -1},
    {T("2026/11/23"), -1},
    {T("20261-1-23"), -1},
    {T(""), -1},
    {T("-1"), -1},
    {T(" 1"), -1},
    {T("1 "), -1},
    {T("2026-11-23\0"), -1},
};

static void
test_read(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof read_rows / sizeof *read_rows; i++) {
		struct text text = exact(read_rows[i].text);
		int64_t time = -1;
		bool is_read = date_read(text, &time);
		if (time != read_rows[i].time || is_read != (time >= 0)) {
			print_error(TEXT_FMT ": %lld\n", TEXT_ARG(text),
			    (long long)time);
			wrong++;
		}
		exact_free(text);
	}
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_write),
	    cmocka_unit_test(test_clamped),
	    cmocka_unit_test(test_every_day),
	    cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
