#include "desk.h"

#include "board.h"
#include "log.h"

#include <time.h>

static const struct {
	const char *word;
	enum figure last; /* when it succeeded */
	enum figure failures;
	enum board_place place; /* of what its last failure was */
} rows[JOBS] = {
    [JOB_IMPORT] = {"import", FIGURE_IMPORT_LAST, FIGURE_IMPORT_FAILURES,
	BOARD_IMPORT},
    [JOB_EXPIRE] = {"expire", FIGURE_EXPIRE_LAST, FIGURE_EXPIRE_FAILURES,
	BOARD_EXPIRE},
    [JOB_REPORT] = {"report", FIGURE_REPORT_LAST, FIGURE_REPORT_FAILURES,
	BOARD_REPORT},
};

bool
desk_open(struct desk *desk, struct problem *ret_problem)
{
	if (desk->store == NULL)
		desk->store = store_open(desk->database, true, ret_problem);
	return desk->store != NULL;
}

void
desk_close(struct desk *desk)
{
	store_close(desk->store);
	desk->store = NULL;
}

void
desk_done(enum job job)
{
	board_set(rows[job].last, (uint64_t)time(NULL));
}

void
desk_give_up(struct desk *desk, enum job job, const struct problem *problem)
{
	board_note(rows[job].place, text_from_cstr(problem->text));
	log_warn("%s: %s%s", rows[job].word, problem->text,
	    problem->kind == PROBLEM_CONFIG ? "" : "; it will be tried again");
	board_count(0, rows[job].failures, 1); /* last: it can be asked why */
	desk_close(desk);
}
