/* Board: where the processes of the daemon chalk up their figures (status/figure.h),
 * and what went wrong last: memory that the master makes before it starts any of
 * them, and reads whenever somebody asks.
 *
 * Nothing in it is locked and nothing is waited for, so that a process killed
 * amidst of it harms no other; what it says is a child's word, and nothing but
 * figures and texts. Before board_make everything here does nothing. */
#ifndef DMARCD_BOARD_H
#define DMARCD_BOARD_H

#include "base/problem.h"
#include "base/text.h"
#include "status/figure.h"

#include <stdint.h>
#include <time.h>

enum { BOARD_WORKERS_MAX = 256 };

bool board_make(struct problem *ret_problem) MUST_USE;

/* In the new process: which child it is, and how many workers it has, each of
 * which has a number from 0 on. */
void board_enter(size_t child, size_t workers);
/* In the master: the child has ended; its levels are nothing. */
void board_clear(size_t child);

/* By its kind a figure is changed by one of these, and by those alone. */
void board_count(size_t worker, enum figure figure, uint64_t more);
void board_level(size_t worker, enum figure figure, uint64_t level);
void board_set(enum figure figure, uint64_t value);
/* What it is now, of any kind. */
uint64_t board_sum(enum figure figure);
/* False: a FIGURE_VALUE that was never set. */
bool board_knows(enum figure figure);

/* A worker's sign of life. */
void board_beat(size_t worker);
/* For how many seconds that worker of CHILD gave none that has been silent for
 * longest. */
time_t board_silence(size_t child);

/* Notes. The last one of each of these, and the last few of any kind. */
enum board_place { BOARD_IMPORT, BOARD_EXPIRE, BOARD_REPORT, BOARD_PLACES };

enum {
	BOARD_RECENT = 16,
	BOARD_NOTE_WORDS = 32,
	BOARD_NOTE_BYTES = (BOARD_NOTE_WORDS - 3) * 8, /* the rest is cut off */
};

struct board_note {
	int64_t time; /* seconds since 1970 */
	size_t len;
	char text[BOARD_NOTE_BYTES];
};

void board_note(enum board_place place, struct text text);
void board_note_recent(struct text text);
/* False: none, or one that is just being written. */
bool board_read(enum board_place place, struct board_note *ret_note) MUST_USE;
/* The INDEXth of BOARD_RECENT, oldest first. */
bool board_read_recent(size_t index, struct board_note *ret_note) MUST_USE;

#endif
