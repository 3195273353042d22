#include "log.h"

#include "base/build.h"

#include <stdio.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 2048 };

static const char *log_who = "dmarcd";

void
log_open(const char *who)
{
	log_who = who;
}

static void
write_line(struct text line)
{
	struct build out;

	build_init(&out, (size_t)LINE_BYTES_MAX * 5);
	build_format(&out, "%s[%ld]: ", log_who, (long)getpid());
	build_clean(&out, line);
	build_byte(&out, '\n');
	if (!build_failed(&out) && write(STDERR_FILENO, out.ptr, out.len) < 0)
		(void)0; /* nobody is left to tell */
	build_free(&out);
}

void
log_say(const char *format, ...)
{
	char line[LINE_BYTES_MAX];
	va_list values;

	va_start(values, format);
	int len = vsnprintf(line, sizeof line, format, values);
	va_end(values);
	if (len < 0)
		return;
	size_t kept = (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
	write_line((struct text){line, kept});
}

void
log_lost_entry(struct text entry)
{
	while (entry.len > 0) {
		struct text line = text_split(&entry, '\n');
		log_say("history: " TEXT_FMT, TEXT_ARG(line));
	}
}
