#include "store/internal.h"
#include "store/row.h"
#include "store/schema.h"

#include <stdlib.h>

bool
store_read_uris(
    struct arena *arena, struct text written, struct store_report *report)
{
	while (written.len > 0) {
		struct text *uri = vec_push(arena, &report->rua);
		if (uri == NULL)
			return false;
		*uri = row_read(arena, text_split(&written, ' '));
	}
	return true;
}

bool
store_check(const char *database, struct problem *ret_problem)
{
	return db_check(database, ret_problem);
}

struct store *
store_open(const char *database, bool create, struct problem *ret_problem)
{
	struct store *store = calloc(1, sizeof *store);

	if (store == NULL) {
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	store->db = db_open(database, create, ret_problem);
	if (store->db == NULL || !schema_migrate(store->db, ret_problem)) {
		store_close(store);
		return NULL;
	}
	return store;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	db_close(store->db);
	free(store);
}

static bool
count(struct store *store, const char *sql, uint64_t *number,
    struct problem *ret_problem)
{
	int64_t value = 0;

	if (!db_query_number(store->db, DB_SQL_PLAIN(sql), &value, ret_problem))
		return false;
	*number = (uint64_t)value;
	return true;
}

bool
store_figures(struct store *store, struct store_figures *ret_figures,
    struct problem *ret_problem)
{
	struct store_figures figures = {0};
	uint64_t oldest = 0;

	const struct {
		const char *sql;
		uint64_t *number;
	} counts[] = {
	    {"SELECT COALESCE(SUM(messages), 0) FROM dmarc_row",
		&figures.messages},
	    {"SELECT COUNT(*) FROM dmarc_row", &figures.rows},
	    {"SELECT COUNT(*) FROM dmarc_batch", &figures.batches},
	    {"SELECT COALESCE(SUM(rejected), 0) FROM dmarc_batch",
		&figures.rejected},
	    {"SELECT COUNT(*) FROM dmarc_report", &figures.reports},
	    {"SELECT COALESCE(MIN(hour), 0) FROM dmarc_row", &oldest},
	};

	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		if (!count(store, counts[i].sql, counts[i].number, ret_problem))
			return false;
	}
	if (!schema_version(store->db, &figures.schema, ret_problem))
		return false;
	figures.oldest = (int64_t)oldest;
	*ret_figures = figures;
	return true;
}
