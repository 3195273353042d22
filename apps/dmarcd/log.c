#include "log.h"

#include "base/build.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 2048, LOG_BYTES_MAX = 1024 * 1024 };

static const char *log_who = "dmarcd";
static int log_facility = -1; /* no syslog */

static const struct {
	const char *word;
	int facility;
} facilities[] = {
    {"auth", LOG_AUTH},
    {"authpriv", LOG_AUTHPRIV},
    {"cron", LOG_CRON},
    {"daemon", LOG_DAEMON},
    {"ftp", LOG_FTP},
    {"kern", LOG_KERN},
    {"lpr", LOG_LPR},
    {"mail", LOG_MAIL},
    {"news", LOG_NEWS},
    {"user", LOG_USER},
    {"uucp", LOG_UUCP},
    {"local0", LOG_LOCAL0},
    {"local1", LOG_LOCAL1},
    {"local2", LOG_LOCAL2},
    {"local3", LOG_LOCAL3},
    {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5},
    {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7},
};

void
log_open(const char *who)
{
	log_who = who;
	if (log_facility >= 0)
		openlog(log_who, LOG_PID, log_facility);
}

void
log_to_syslog(const char *facility)
{
	size_t count = sizeof facilities / sizeof *facilities;

	log_facility = facility == NULL ? -1 : LOG_MAIL;
	for (size_t i = 0; facility != NULL && i < count; i++)
		if (strcmp(facility, facilities[i].word) == 0)
			log_facility = facilities[i].facility;
	log_open(log_who);
}

/* syslogd writes who we are itself. */
static void
write_syslog(struct text lines)
{
	while (lines.len > 0) {
		struct text line = text_split(&lines, '\n');
		size_t mark = text_find_part(line, TEXT("]: "));
		line = text_slice(line, mark + 3, line.len);
		syslog(LOG_INFO, TEXT_FMT, TEXT_ARG(line));
	}
}

static void
begin_line(struct build *out)
{
	build_format(out, "%s[%ld]: ", log_who, (long)getpid());
}

/* By one write, if it can be, so that the lines of two threads do not mix. */
static void
write_out(struct build *out)
{
	struct text rest = build_failed(out) ? TEXT("") : build_view(out);

	if (log_facility >= 0) {
		write_syslog(rest);
		rest = TEXT("");
	}
	while (rest.len > 0) {
		ssize_t len = write(STDERR_FILENO, rest.ptr, rest.len);
		if (len <= 0)
			break; /* nobody is left to tell */
		rest = text_slice(rest, (size_t)len, rest.len);
	}
	build_free(out);
}

void
log_say(const char *format, ...)
{
	char line[LINE_BYTES_MAX];
	struct build out;
	va_list values;

	va_start(values, format);
	int len = vsnprintf(line, sizeof line, format, values);
	va_end(values);
	if (len < 0)
		return;
	size_t kept = (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
	build_init(&out, LOG_BYTES_MAX);
	begin_line(&out);
	build_clean(&out, (struct text){line, kept});
	build_byte(&out, '\n');
	write_out(&out);
}

/* The lines as they are: history_write leaves nothing in them but 0x20-0x7E,
 * and a byte written otherwise would break the entry's sum. */
void
log_lost_entry(struct text entry)
{
	struct build out;

	build_init(&out, LOG_BYTES_MAX);
	while (entry.len > 0) {
		begin_line(&out);
		build_cstr(&out, "lost entry: ");
		build_text(&out, text_split(&entry, '\n'));
		build_byte(&out, '\n');
	}
	write_out(&out);
}
