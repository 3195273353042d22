/* Log: one line at a time to standard error, where service managers look, or to
 * syslog. */
#ifndef DMARCD_LOG_H
#define DMARCD_LOG_H

#include "base/attr.h"
#include "base/text.h"

/* WHO is put before every line, as in "dmarcd filter[4711]: …". */
void log_open(const char *who);
/* From now on, instead of standard error, under this facility (a word as "mail").
 * NULL: standard error again. */
void log_to_syslog(const char *facility);
/* One line; whatever the values hold, bytes outside 0x20-0x7E are \xNN. */
void log_say(const char *format, ...) PRINTF_LIKE(1, 2);
/* A history entry that could be neither written nor kept: its lines, whole,
 * each behind "lost entry: ". To put them back:
 *
 *	sed -n 's/^dmarcd[^:]*: lost entry: //p' LOG > FILE; dmarc import FILE
 */
void log_lost_entry(struct text entry);

#endif
