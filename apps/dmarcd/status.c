#include "status.h"

#include "board.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Whose last failure stands in which group. */
static const char *const failure_groups[BOARD_PLACES] = {
    [BOARD_IMPORT] = "import",
    [BOARD_EXPIRE] = "expire",
    [BOARD_REPORT] = "reports",
};

static void
write_note(struct build *out, const struct board_note *note)
{
	build_format(out, "{\"time\":%" PRId64 ",\"text\":", note->time);
	build_json(out, (struct text){note->text, note->len});
	build_byte(out, '}');
}

static void
write_failure(struct build *out, const char *group)
{
	struct board_note note;

	for (enum board_place place = 0; place < BOARD_PLACES; place++) {
		if (strcmp(group, failure_groups[place]) != 0)
			continue;
		build_cstr(out, ",\"last_failure\":");
		if (board_read(place, &note))
			write_note(out, &note);
		else
			build_cstr(out, "null");
	}
}

static void
write_figures(struct build *out)
{
	const char *group = "";

	for (enum figure figure = 0; figure < FIGURES; figure++) {
		const struct figure_row *row = &figure_rows[figure];
		bool is_first = strcmp(group, row->group) != 0;
		if (is_first)
			build_format(out, ",\"%s\":{", row->group);
		build_format(out, "%s\"%s\":", is_first ? "" : ",", row->word);
		if (board_knows(figure))
			build_format(out, "%" PRIu64, board_sum(figure));
		else
			build_cstr(out, "null");
		group = row->group;
		if (figure + 1 == FIGURES ||
		    strcmp(group, figure_rows[figure + 1].group) != 0) {
			write_failure(out, group);
			build_byte(out, '}');
		}
	}
}

static void
write_log(struct build *out)
{
	struct board_note note;
	const char *comma = "";

	build_cstr(out, ",\"log\":[");
	for (size_t i = 0; i < BOARD_RECENT; i++) {
		if (!board_read_recent(i, &note))
			continue;
		build_cstr(out, comma);
		write_note(out, &note);
		comma = ",";
	}
	build_byte(out, ']');
}

void
status_write(struct build *out, const struct status *status)
{
	build_cstr(out, "{\"format\":1,\"version\":");
	build_json(out, TEXT(DMARCD_VERSION));
	build_format(out, ",\"time\":%" PRId64 ",\"pid\":%ld",
	    (int64_t)time(NULL), (long)getpid());
	build_format(
	    out, ",\"state\":\"%s\",\"configuration\":", status->state);
	if (status->config_path == NULL)
		build_cstr(out, "null");
	else
		build_json(out, text_from_cstr(status->config_path));
	write_figures(out);
	write_log(out);
	build_cstr(out, "}\n");
}
