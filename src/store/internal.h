/* What the files of the store share. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store/db.h"
#include "store/store.h"

struct store {
	struct db *db;
};

/* Memory for one batch, page or report. */
enum { STORE_ARENA_MAX = 512 * 1024 * 1024 };

/* Texts separated by SP, each as row_write gives them. */
bool store_read_uris(struct arena *arena, struct text written,
    struct store_report *report) MUST_USE;

#endif
