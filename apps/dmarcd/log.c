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
begin_line(struct build *out)
{
	build_format(out, "%s[%ld]: ", log_who, (long)getpid());
}

/* By one write, if it can be, so that the lines of two threads do not mix. */
static void
write_out(struct build *out)
{
	struct text rest = build_failed(out) ? TEXT("") : build_view(out);

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
