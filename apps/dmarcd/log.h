/* Log: one line at a time to standard error, where service managers look, or to
 * syslog. Where standard error is systemd's journal, which knows who we are, a
 * line begins with its priority instead, as in "<4>…". */
#ifndef DMARCD_LOG_H
#define DMARCD_LOG_H

#include "base/attr.h"
#include "base/text.h"

/* WHO is put before every line, as in "dmarcd filter[4711]: …". */
void log_open(const char *who);
/* From now on, instead of standard error, under this facility (a word as "mail").
 * NULL: standard error again. */
void log_to_syslog(const char *facility);
/* From now on each line is one object of JSON, or not. */
void log_as_json(bool is_json);

struct log_value {
	const char *name;
	struct text value;
};

/* The line of a message. As text: FIRST: SECOND THIRD name=value … name="LAST",
 * the last quoted since it may hold blanks. */
void log_message(const struct log_value *values, size_t count);
/* One line; whatever the values hold, bytes outside 0x20-0x7E are \xNN. */
void log_say(const char *format, ...) PRINTF_LIKE(1, 2);
/* The same of what should be looked after: dmarc status shows the last of it. */
void log_warn(const char *format, ...) PRINTF_LIKE(1, 2);
/* The same on standard error, "WHO: …", to who typed a command line. */
void log_tell(const char *who, const char *format, ...) PRINTF_LIKE(2, 3);
/* A history entry that could be neither written nor kept: its lines, whole,
 * each behind "lost entry: ". To put them back:
 *
 *	sed -n 's/^dmarcd[^:]*: lost entry: //p' LOG > FILE; dmarc import FILE
 */
void log_lost_entry(struct text entry);

#endif
