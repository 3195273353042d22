#include "log.h"

#include "board.h"

#include "base/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 2048, LOG_BYTES_MAX = 1024 * 1024 };

static const char *log_who = "dmarcd";
static int log_facility = -1; /* no syslog */
static bool log_is_json;
static bool log_is_journal; /* systemd's, which knows who we are, and when */

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

/* sd-daemon(3): standard error is the journal's if it is this file. */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	char own[64];

	if (stream == NULL || fstat(STDERR_FILENO, &status) != 0)
		return false;
	(void)snprintf(own, sizeof own, "%llu:%llu",
	    (unsigned long long)status.st_dev,
	    (unsigned long long)status.st_ino);
	return strcmp(stream, own) == 0;
}

void
log_open(const char *who)
{
	log_who = who;
	log_is_journal = is_journal();
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

void
log_as_json(bool is_json)
{
	log_is_json = is_json;
}

/* --- lines --- */

static void
build_member(struct build *out, const char *name, struct text value)
{
	build_format(out, ",\"%s\":", name);
	build_json(out, value);
}

/* PRIORITY is one of syslog's. */
static void
begin_line(struct build *out, int priority)
{
	bool has_who = !log_is_journal || log_facility >= 0;

	if (!has_who)
		build_format(out, "<%d>", priority);
	if (!log_is_json && has_who)
		build_format(out, "%s[%ld]: ", log_who, (long)getpid());
	if (!log_is_json)
		return;
	build_cstr(out, "{\"time\":\"");
	date_write(out, (int64_t)time(NULL));
	build_byte(out, '"');
	build_member(out, "program", text_from_cstr(log_who));
	build_format(out, ",\"pid\":%ld", (long)getpid());
}

static void
end_line(struct build *out)
{
	build_cstr(out, log_is_json ? "}\n" : "\n");
}

/* syslogd writes who we are itself. */
static void
write_syslog(int priority, struct text lines)
{
	while (lines.len > 0) {
		struct text line = text_split(&lines, '\n');
		if (!log_is_json)
			line = text_slice(line,
			    text_find_part(line, TEXT("]: ")) + 3, line.len);
		syslog(priority, TEXT_FMT, TEXT_ARG(line));
	}
}

/* By one write, if it can be, so that the lines of two threads do not mix. */
static void
write_out(int priority, struct build *out)
{
	struct text rest = build_failed(out) ? TEXT("") : build_view(out);

	if (log_facility >= 0) {
		write_syslog(priority, rest);
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

static struct text fill(char line[LINE_BYTES_MAX], const char *format,
    va_list values) PRINTF_LIKE(2, 0);

/* Cut at LINE_BYTES_MAX. */
static struct text
fill(char line[LINE_BYTES_MAX], const char *format, va_list values)
{
	int len = vsnprintf(line, LINE_BYTES_MAX, format, values);

	if (len >= LINE_BYTES_MAX)
		len = LINE_BYTES_MAX - 1;
	return (struct text){line, len < 0 ? 0 : (size_t)len};
}

static void
say(int priority, struct text line)
{
	struct build out;

	build_init(&out, LOG_BYTES_MAX);
	begin_line(&out, priority);
	if (log_is_json)
		build_member(&out, "message", line);
	else
		build_clean(&out, line);
	end_line(&out);
	write_out(priority, &out);
}

/* Whoever shows it cleans it. */
static void
keep(struct text line)
{
	struct build out;

	build_init(&out, LOG_BYTES_MAX);
	build_format(&out, "%s: ", log_who);
	build_text(&out, line);
	board_note_recent(build_view(&out));
	build_free(&out);
}

void
log_say(const char *format, ...)
{
	char bytes[LINE_BYTES_MAX];
	va_list values;

	va_start(values, format);
	say(LOG_INFO, fill(bytes, format, values));
	va_end(values);
}

void
log_warn(const char *format, ...)
{
	char bytes[LINE_BYTES_MAX];
	va_list values;

	va_start(values, format);
	struct text line = fill(bytes, format, values);
	va_end(values);
	say(LOG_WARNING, line);
	keep(line);
}

void
log_tell(const char *who, const char *format, ...)
{
	char line[LINE_BYTES_MAX];
	struct build out;
	va_list values;

	build_init(&out, LOG_BYTES_MAX);
	build_format(&out, "%s: ", who);
	va_start(values, format);
	build_clean(&out, fill(line, format, values));
	va_end(values);
	build_byte(&out, '\n');
	(void)fwrite(out.ptr, 1, out.len, stderr);
	build_free(&out);
}

/* As build_clean, and so that nothing ends the quotes. */
static void
build_quoted(struct build *out, struct text value)
{
	build_byte(out, '"');
	while (value.len > 0) {
		size_t quote = text_find(value, '"');
		build_clean(out, text_slice(value, 0, quote));
		if (quote < value.len)
			build_cstr(out, "\\x22");
		value = text_slice(value, quote + 1, value.len);
	}
	build_byte(out, '"');
}

/* The first three are bare, as people search for them; the last is quoted. */
static void
build_words(struct build *out, const struct log_value *values, size_t count)
{
	static const char *const before[] = {"", ": ", " "};

	for (size_t i = 0; i < count; i++) {
		if (i < 3)
			build_cstr(out, before[i]);
		else
			build_format(out, " %s=", values[i].name);
		if (i + 1 < count)
			build_clean(out, values[i].value);
		else
			build_quoted(out, values[i].value);
	}
}

void
log_message(const struct log_value *values, size_t count)
{
	struct build out;

	build_init(&out, LOG_BYTES_MAX);
	begin_line(&out, LOG_INFO);
	if (!log_is_json)
		build_words(&out, values, count);
	for (size_t i = 0; log_is_json && i < count; i++)
		build_member(&out, values[i].name, values[i].value);
	end_line(&out);
	write_out(LOG_INFO, &out);
}

/* The lines as they are: history_write leaves nothing in them but 0x20-0x7E,
 * and a byte written otherwise would break the entry's sum. */
void
log_lost_entry(struct text entry)
{
	struct build out;

	build_init(&out, LOG_BYTES_MAX);
	while (entry.len > 0) {
		begin_line(&out, LOG_ERR);
		struct text line = text_split(&entry, '\n');
		if (log_is_json) {
			build_member(&out, "lost_entry", line);
		} else {
			build_cstr(&out, "lost entry: ");
			build_text(&out, line);
		}
		end_line(&out);
	}
	write_out(LOG_ERR, &out);
}
