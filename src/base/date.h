/* Dates. Time is always seconds since 1970-01-01 00:00 UTC, and an argument:
 * nothing here asks what time it is. */
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include "base/build.h"

enum { DAY = 86400 };

/* "Mon, 23 Nov 2026 15:04:05 +0000" (RFC 5322 3.3) */
void date_write_mail(struct build *build, int64_t time);
/* "2026-11-23T15:04:05Z" and "2026-11-23" */
void date_write(struct build *build, int64_t time);
void date_write_day(struct build *build, int64_t time);

/* Seconds since 1970 in digits, "2026-11-23", or "2026-11-23T15:04:05Z".
 * A day alone is its first second. Years 1970-9999. */
bool date_read(struct text text, int64_t *ret_time) MUST_USE;

#endif
