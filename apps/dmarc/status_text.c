#include "status.h"

#include "tool.h"

#include "base/date.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	MINUTE = 60,
	HOUR = 60 * MINUTE,
	MARGIN = 13, /* of what stands behind a group's name */
	WIDTH = 80,
	ITEM_BYTES = 128,
};

struct screen {
	const json_t *object;
	int64_t now;
	int column;
};

/* Of strangers' making, as lines of a log are. dmarcd writes each byte as the
 * character of its number; jansson hands out that character's UTF-8. */
static void
print_string(const json_t *string)
{
	const char *at = json_string_value(string);
	struct build bytes;

	build_init(&bytes, SIZE_MAX);
	for (at = at == NULL ? "-" : at; *at != '\0'; at++) {
		unsigned char byte = (unsigned char)*at;
		if ((byte & 0xFE) == 0xC2) /* U+0080 to U+00FF */
			byte = (unsigned char)(byte << 6 | (*++at & 0x3F));
		build_byte(&bytes, (char)byte);
	}
	print_clean(build_view(&bytes));
	build_free(&bytes);
}

/* As much of a span as one wants to know. */
static void
build_span(struct build *out, int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *word;
	} units[] = {{DAY, "d"}, {HOUR, "h"}, {MINUTE, "min"}, {1, "s"}};

	size_t i = 0;

	while (units[i].seconds > 1 && seconds < units[i].seconds)
		i++;
	build_format(
	    out, "%" PRId64 " %s", seconds / units[i].seconds, units[i].word);
	if (units[i].seconds >= HOUR)
		build_format(out, " %" PRId64 " %s",
		    seconds % units[i].seconds / units[i + 1].seconds,
		    units[i + 1].word);
}

static void
build_ago(struct build *out, const struct screen *screen, int64_t time)
{
	if (time <= 0) {
		build_byte(out, '-');
		return;
	}
	build_span(out, time < screen->now ? screen->now - time : 0);
	build_cstr(out, " ago");
}

/* "milter 12" */
static void
build_item(struct build *out, const struct screen *screen, enum figure figure)
{
	const struct figure_row *row = &figure_rows[figure];
	int64_t value = status_figure(screen->object, figure);

	for (const char *at = row->word; *at != '\0'; at++)
		build_byte(out, (char)(*at == '_' ? ' ' : *at));
	build_byte(out, ' ');
	if (row->kind == FIGURE_TIME)
		build_ago(out, screen, value);
	else if (!status_knows(screen->object, figure))
		build_byte(out, '-');
	else
		build_format(out, "%" PRId64, value);
}

/* With a comma before it unless it IS_FIRST. */
static void
print_item(struct screen *screen, const struct build *item, bool is_first)
{
	if (!is_first && screen->column + (int)item->len + 3 > WIDTH) {
		(void)printf(",\n%*s", MARGIN, "");
		screen->column = MARGIN;
	} else if (!is_first) {
		screen->column += printf(", ");
	}
	(void)printf(TEXT_FMT, TEXT_ARG(build_view(item)));
	screen->column += (int)item->len;
}

/* Behind the last figure of the group that begins with FIRST. */
static enum figure
find_end(enum figure first)
{
	enum figure end = first;

	while (end < FIGURES &&
	       strcmp(figure_rows[end].group, figure_rows[first].group) == 0)
		end++;
	return end;
}

/* Figures that are parts of one whole. */
static void
print_total(struct screen *screen, enum figure first, enum figure end)
{
	int64_t total = 0;

	if (end - first < 2)
		return;
	for (enum figure figure = first; figure < end; figure++) {
		if (figure_rows[figure].label == NULL)
			return;
		int64_t more = status_figure(screen->object, figure);
		total = more > INT64_MAX - total ? INT64_MAX : total + more;
	}
	screen->column += printf("%" PRId64 ": ", total);
}

static void
print_failure(const struct screen *screen, const char *group)
{
	const json_t *failure = json_object_get(
	    json_object_get(screen->object, group), "last_failure");
	struct build ago;

	if (!json_is_object(failure))
		return;
	build_init(&ago, ITEM_BYTES);
	build_ago(
	    &ago, screen, json_integer_value(json_object_get(failure, "time")));
	(void)printf(
	    "%*sfailed " TEXT_FMT ": ", MARGIN, "", TEXT_ARG(build_view(&ago)));
	print_string(json_object_get(failure, "text"));
	(void)putchar('\n');
	build_free(&ago);
}

static void
print_group(struct screen *screen, enum figure first, enum figure end)
{
	struct build item;

	(void)printf("%-*s", MARGIN, figure_rows[first].group);
	screen->column = MARGIN;
	print_total(screen, first, end);
	for (enum figure figure = first; figure < end; figure++) {
		build_init(&item, ITEM_BYTES);
		build_item(&item, screen, figure);
		print_item(screen, &item, figure == first);
		build_free(&item);
	}
	(void)putchar('\n');
	print_failure(screen, figure_rows[first].group);
}

static void
print_log(const json_t *log)
{
	struct build date;

	(void)printf(
	    "\nlast warnings%s\n", json_array_size(log) == 0 ? ": none" : "");
	for (size_t i = 0; i < json_array_size(log); i++) {
		const json_t *note = json_array_get(log, i);
		build_init(&date, ITEM_BYTES);
		date_write(
		    &date, json_integer_value(json_object_get(note, "time")));
		(void)printf(TEXT_FMT " ", TEXT_ARG(build_view(&date)));
		build_free(&date);
		print_string(json_object_get(note, "text"));
		(void)putchar('\n');
	}
}

void
status_print(const json_t *object)
{
	struct screen screen = {.object = object,
	    .now = json_integer_value(json_object_get(object, "time"))};
	enum figure end;

	(void)printf("dmarcd ");
	print_string(json_object_get(object, "version"));
	(void)printf(" is ");
	print_string(json_object_get(object, "state"));
	(void)printf(": process %" JSON_INTEGER_FORMAT ", ",
	    json_integer_value(json_object_get(object, "pid")));
	print_string(json_object_get(object, "configuration"));
	(void)printf("\n\n");
	for (enum figure first = 0; first < FIGURES; first = end) {
		end = find_end(first);
		print_group(&screen, first, end);
	}
	print_log(json_object_get(object, "log"));
}
