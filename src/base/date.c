/* Plan: days are counted in cycles of 400 years that begin in March, so that
 * the leap day is the last one of its year. */
#include "base/date.h"

struct civil {
	int64_t year;
	int64_t month; /* 1-12 */
	int64_t day;   /* 1-31 */
};

enum {
	DAYS_TO_1970 = 719468, /* from 0000-03-01 */
	DAYS_A_CYCLE = 146097, /* 400 years */
};

static int64_t
days_from_civil(struct civil date)
{
	int64_t year = date.year - (date.month <= 2);
	int64_t cycle = year / 400;
	int64_t of_cycle = year - cycle * 400;
	int64_t month = (date.month + 9) % 12;
	int64_t of_year = (153 * month + 2) / 5 + date.day - 1;
	int64_t days = of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year;

	return cycle * DAYS_A_CYCLE + days - DAYS_TO_1970;
}

static struct civil
civil_from_days(int64_t days)
{
	days += DAYS_TO_1970;
	int64_t cycle = days / DAYS_A_CYCLE;
	int64_t of_cycle = days - cycle * DAYS_A_CYCLE;
	int64_t year = (of_cycle - of_cycle / 1460 + of_cycle / 36524 -
			   of_cycle / 146096) /
		       365;
	int64_t of_year = of_cycle - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;
	struct civil date = {
	    .year = year + cycle * 400,
	    .month = month < 10 ? month + 3 : month - 9,
	    .day = of_year - (153 * month + 2) / 5 + 1,
	};

	date.year += date.month <= 2;
	return date;
}

static int64_t
clamp(int64_t time)
{
	static const int64_t end = 253402300799; /* 9999-12-31T23:59:59Z */

	if (time < 0)
		return 0;
	return time > end ? end : time;
}

static void
write_clock(struct build *build, int64_t time)
{
	int of_day = (int)(time % DAY);

	build_format(build, "%02d:%02d:%02d", of_day / 3600, of_day / 60 % 60,
	    of_day % 60);
}

void
date_write_day(struct build *build, int64_t time)
{
	struct civil date = civil_from_days(clamp(time) / DAY);

	build_format(build, "%04d-%02d-%02d", (int)date.year, (int)date.month,
	    (int)date.day);
}

void
date_write(struct build *build, int64_t time)
{
	date_write_day(build, time);
	build_byte(build, 'T');
	write_clock(build, clamp(time));
	build_byte(build, 'Z');
}

void
date_write_mail(struct build *build, int64_t time)
{
	static const char day_names[] = "ThuFriSatSunMonTueWed";
	static const char month_names[] =
	    "JanFebMarAprMayJunJulAugSepOctNovDec";

	time = clamp(time);
	struct civil date = civil_from_days(time / DAY);
	build_format(build, "%.3s, %02d %.3s %04d ",
	    day_names + time / DAY % 7 * 3, (int)date.day,
	    month_names + (date.month - 1) * 3, (int)date.year);
	write_clock(build, time);
	build_text(build, TEXT(" +0000"));
}

/* Two or four digits at FROM, as in DDDD-DD-DDTDD:DD:DDZ. */
static bool
read_digits(struct text text, size_t from, size_t len, int64_t *ret_number)
{
	uint64_t number;

	if (text.len < from + len ||
	    !text_to_number(text_slice(text, from, from + len), 9999, &number))
		return false;
	*ret_number = (int64_t)number;
	return true;
}

static bool
read_day(struct text text, int64_t *ret_time)
{
	struct civil date;

	if (!read_digits(text, 0, 4, &date.year) || text.ptr[4] != '-' ||
	    !read_digits(text, 5, 2, &date.month) || text.ptr[7] != '-' ||
	    !read_digits(text, 8, 2, &date.day))
		return false;
	if (date.year < 1970 || date.month < 1 || date.month > 12 ||
	    date.day < 1)
		return false;
	int64_t days = days_from_civil(date);
	struct civil again = civil_from_days(days);
	if (again.month != date.month || again.day != date.day)
		return false; /* the 30th of February */
	*ret_time = days * DAY;
	return true;
}

static bool
read_clock(struct text text, int64_t *ret_seconds)
{
	int64_t hour;
	int64_t minute;
	int64_t second;

	if (text.len != 10 || text.ptr[0] != 'T' || text.ptr[3] != ':' ||
	    text.ptr[6] != ':' || text.ptr[9] != 'Z')
		return false;
	if (!read_digits(text, 1, 2, &hour) ||
	    !read_digits(text, 4, 2, &minute) ||
	    !read_digits(text, 7, 2, &second))
		return false;
	*ret_seconds = hour * 3600 + minute * 60 + second;
	return hour < 24 && minute < 60 && second < 60;
}

bool
date_read(struct text text, int64_t *ret_time)
{
	uint64_t number;
	int64_t day;
	int64_t seconds = 0;

	if (text_to_number(text, 253402300799, &number)) {
		*ret_time = (int64_t)number;
		return true;
	}
	if (text.len < 10 || !read_day(text, &day))
		return false;
	if (text.len > 10 &&
	    !read_clock(text_slice(text, 10, text.len), &seconds))
		return false;
	*ret_time = day + seconds;
	return true;
}
