/* Sum: the rows of a report, alike ones added up, always in the same order. */
#ifndef STORE_SUM_H
#define STORE_SUM_H

#include "store/db.h"
#include "store/store.h"

/* Which rows. */
struct sum {
	struct text domain;
	struct text policy; /* its name in the tables */
	struct store_span span;
	struct text report; /* whose batches; "": what is not sealed */
	/* Places in dmarc_part_row, of a report that is divided; else 0. */
	int64_t first;
	int64_t count;
};

/* EACH may not use DB. */
bool sum_tell(struct db *db, const struct sum *sum, store_row_fn *each,
    void *context, struct problem *ret_problem) MUST_USE;
bool sum_count(struct db *db, const struct sum *sum, uint64_t *ret_rows,
    uint64_t *ret_messages, struct problem *ret_problem) MUST_USE;
/* Gives alike rows of SUM's report a place, from 0 on, in dmarc_part_row. */
bool sum_place(
    struct db *db, const struct sum *sum, struct problem *ret_problem) MUST_USE;
/* The rows of REPORT, which may be a part. Texts live in ARENA or are its. */
bool sum_of_report(struct db *db, struct arena *arena,
    const struct store_report *report, bool sealed, struct sum *ret_sum,
    struct problem *ret_problem) MUST_USE;

#endif
