/* Plan: each worker adds to a row of its own, so that no processor waits for
 * another's cache line; workers of several filters may meet in one, which is
 * why it is added and not stored. A note is words, the first of which is the
 * sum of the others: whatever writers do to it at once, or leave half done, a
 * reader takes a note whose sum is right, or none. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "board.h"

#include "children.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum { ROWS = 32, CACHE_LINE = 64, NOTES = BOARD_PLACES + BOARD_RECENT };

struct row {
	alignas(CACHE_LINE) _Atomic uint64_t at[FIGURES];
	_Atomic int64_t beat;
};

struct note {
	_Atomic uint64_t words[BOARD_NOTE_WORDS]; /* sum, ticket, time, text */
};

static struct board {
	struct row counts[ROWS]; /* the first one has the values, too */
	struct row levels[CHILDREN_MAX][BOARD_WORKERS_MAX];
	_Atomic uint32_t workers[CHILDREN_MAX];
	_Atomic uint64_t tickets; /* of recent notes, from 1 on */
	struct note notes[NOTES];
} * board;

static size_t board_child; /* which we are */

bool
board_make(struct problem *ret_problem)
{
	void *memory = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return problem_set(ret_problem, PROBLEM_SYSTEM,
		    "no memory for the status: %s", strerror(errno));
	board = memory;
	return true;
}

void
board_enter(size_t child, size_t workers)
{
	board_child = child;
	if (board != NULL)
		atomic_store(&board->workers[child], (uint32_t)workers);
}

/* How many rows of CHILD's are in use; more than there are is nonsense. */
static size_t
count_workers(size_t child)
{
	uint32_t count = atomic_load(&board->workers[child]);

	return count > BOARD_WORKERS_MAX ? BOARD_WORKERS_MAX : count;
}

void
board_clear(size_t child)
{
	if (board == NULL)
		return;
	memset(
	    board->levels[child], 0, count_workers(child) * sizeof(struct row));
	atomic_store(&board->workers[child], 0);
}

/* --- figures --- */

void
board_count(size_t worker, enum figure figure, uint64_t more)
{
	if (board != NULL)
		(void)atomic_fetch_add_explicit(
		    &board->counts[worker % ROWS].at[figure], more,
		    memory_order_relaxed);
}

void
board_level(size_t worker, enum figure figure, uint64_t level)
{
	if (board != NULL && worker < BOARD_WORKERS_MAX)
		atomic_store_explicit(
		    &board->levels[board_child][worker].at[figure], level,
		    memory_order_relaxed);
}

/* A value is one more there, so that 0 is one that was never set. */
void
board_set(enum figure figure, uint64_t value)
{
	if (figure_rows[figure].kind == FIGURE_VALUE)
		value++;
	if (board != NULL)
		atomic_store(&board->counts[0].at[figure], value);
}

/* What a child left there may be anything; more than this no reader of JSON
 * takes for a number. */
static uint64_t
add(uint64_t sum, uint64_t more)
{
	return more > INT64_MAX - sum ? INT64_MAX : sum + more;
}

static uint64_t
sum_rows(struct row *rows, size_t count, enum figure figure)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum = add(sum, atomic_load_explicit(
				   &rows[i].at[figure], memory_order_relaxed));
	return sum;
}

uint64_t
board_sum(enum figure figure)
{
	uint64_t sum = 0;

	if (board == NULL)
		return 0;
	if (figure_rows[figure].kind != FIGURE_LEVEL) {
		sum = sum_rows(board->counts, ROWS, figure);
		bool is_more =
		    figure_rows[figure].kind == FIGURE_VALUE && sum > 0;
		return is_more ? sum - 1 : sum;
	}
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		sum = add(
		    sum, sum_rows(board->levels[i], count_workers(i), figure));
	return sum;
}

bool
board_knows(enum figure figure)
{
	return figure_rows[figure].kind != FIGURE_VALUE ||
	       (board != NULL && sum_rows(board->counts, ROWS, figure) > 0);
}

/* --- signs of life --- */

void
board_beat(size_t worker)
{
	if (board != NULL && worker < BOARD_WORKERS_MAX)
		atomic_store(&board->levels[board_child][worker].beat,
		    (int64_t)children_now());
}

time_t
board_silence(size_t child)
{
	int64_t now = children_now();
	int64_t oldest = now;
	size_t count = board == NULL ? 0 : count_workers(child);

	for (size_t i = 0; i < count; i++) {
		int64_t beat = atomic_load(&board->levels[child][i].beat);
		if (beat < oldest)
			oldest = beat;
	}
	return (time_t)(oldest < 0 ? now : now - oldest);
}

/* --- notes --- */

/* FNV-1a over words; never 0, which is the sum of a note that nobody wrote. */
static uint64_t
sum_words(const uint64_t *words)
{
	uint64_t sum = 14695981039346656037U;

	for (size_t i = 1; i < BOARD_NOTE_WORDS; i++)
		sum = (sum ^ words[i]) * 1099511628211U;
	return sum | 1;
}

static void
write_note(struct note *note, uint64_t ticket, struct text text)
{
	uint64_t words[BOARD_NOTE_WORDS] = {0, ticket, (uint64_t)time(NULL)};

	text = text_slice(text, 0, BOARD_NOTE_BYTES);
	if (text.len > 0)
		memcpy(&words[3], text.ptr, text.len);
	words[0] = sum_words(words);
	for (size_t i = 0; i < BOARD_NOTE_WORDS; i++)
		atomic_store_explicit(
		    &note->words[i], words[i], memory_order_relaxed);
}

static bool
read_note(struct note *note, uint64_t ticket, struct board_note *ret_note)
{
	uint64_t words[BOARD_NOTE_WORDS];

	for (size_t i = 0; i < BOARD_NOTE_WORDS; i++)
		words[i] =
		    atomic_load_explicit(&note->words[i], memory_order_relaxed);
	if (words[0] != sum_words(words) || words[1] != ticket)
		return false;
	ret_note->time = (int64_t)words[2];
	memcpy(ret_note->text, &words[3], BOARD_NOTE_BYTES);
	const char *end = memchr(ret_note->text, '\0', BOARD_NOTE_BYTES);
	ret_note->len =
	    end == NULL ? BOARD_NOTE_BYTES : (size_t)(end - ret_note->text);
	return true;
}

void
board_note(enum board_place place, struct text text)
{
	if (board != NULL)
		write_note(&board->notes[place], 0, text);
}

bool
board_read(enum board_place place, struct board_note *ret_note)
{
	return board != NULL && read_note(&board->notes[place], 0, ret_note);
}

static struct note *
recent_note(uint64_t ticket)
{
	return &board->notes[BOARD_PLACES + ticket % BOARD_RECENT];
}

void
board_note_recent(struct text text)
{
	if (board == NULL)
		return;
	uint64_t ticket = atomic_fetch_add(&board->tickets, 1) + 1;
	write_note(recent_note(ticket), ticket, text);
}

bool
board_read_recent(size_t index, struct board_note *ret_note)
{
	uint64_t last = board == NULL ? 0 : atomic_load(&board->tickets);
	uint64_t ticket = last - BOARD_RECENT + 1 + index;

	return last + index >= BOARD_RECENT &&
	       read_note(recent_note(ticket), ticket, ret_note);
}
