#include "log.h"

#include "base/build.h"

#include <stdio.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 2048, LOG_BYTES_MAX = 1024 * 1024 };

static const char *log_who = "dmarcd";

void
log_open(const char *who)
{
	log_who = who;
}

static void
add_line(struct build *out, const char *what, struct text line)
{
	build_format(out, "%s[%ld]: %s", log_who, (long)getpid(), what);
	build_clean(out, line);
	build_byte(out, '\n');
}

/* By one write, so that the lines of two threads do not mix. */
static void
write_out(struct build *out)
{
	if (!build_failed(out) && write(STDERR_FILENO, out->ptr, out->len) < 0)
		(void)0; /* nobody is left to tell */
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
	add_line(&out, "", (struct text){line, kept});
	write_out(&out);
}

void
log_lost_entry(struct text entry)
{
	struct build out;

	build_init(&out, LOG_BYTES_MAX);
	while (entry.len > 0)
		add_line(&out, "history: ", text_split(&entry, '\n'));
	write_out(&out);
}
