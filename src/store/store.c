#include "store/internal.h"
#include "store/row.h"
#include "store/schema.h"

#include <stdlib.h>
#include <string.h>

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

bool
store_needs(
    const char *database, struct sandbox *sandbox, struct problem *ret_problem)
{
	return db_needs(database, sandbox, ret_problem);
}

bool
store_inspect(const char *database, store_note_fn *each, void *context,
    struct problem *ret_problem)
{
	struct db *db = db_open(database, false, ret_problem);
	bool good =
	    db != NULL && db->driver->inspect(db, each, context, ret_problem);

	db_close(db);
	return good;
}

bool
store_write_schema(
    const char *database, struct build *sql, struct problem *ret_problem)
{
	const char *where;
	const struct db_driver *driver =
	    db_driver(database, &where, ret_problem);

	if (driver != NULL)
		schema_write(sql, driver);
	return driver != NULL;
}

struct store *
store_open(const char *database, bool create, struct problem *ret_problem)
{
	struct store *store = calloc(1, sizeof *store);

	if (store == NULL) {
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	store->database = strdup(database);
	if (store->database == NULL)
		(void)problem_no_memory(ret_problem);
	else
		store->db = db_open(database, create, ret_problem);
	if (store->db == NULL ||
	    !schema_migrate(store->db, &schema_migrations, ret_problem)) {
		store_close(store);
		return NULL;
	}
	return store;
}

struct store *
store_another(const struct store *store, struct problem *ret_problem)
{
	return store_open(store->database, false, ret_problem);
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	db_close(store->db);
	free(store->database);
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

const char *
store_state_name(unsigned state)
{
	return state == 0 ? "sealed"
			  : names_word(&delivery_state_names, (int)state - 1);
}

static bool
take_state(void *context, const struct db_row *row)
{
	struct store_figures *figures = context;
	struct text word = db_row_text(row, 0);

	for (unsigned i = 0; i < STORE_STATES; i++) {
		if (text_equal(word, text_from_cstr(store_state_name(i))))
			figures->states[i] = (uint64_t)db_row_number(row, 1);
	}
	return true;
}

/* The words' order serves: "waiting" is the last, "accepted" the first. */
static const char count_states[] =
    "SELECT word, COUNT(*) FROM (SELECT CASE WHEN COUNT(d.state) = 0"
    " THEN 'sealed' WHEN MAX(d.state) = 'waiting' THEN 'waiting'"
    " ELSE MIN(d.state) END AS word FROM dmarc_report r"
    " LEFT JOIN dmarc_delivery d ON d.report = r.id GROUP BY r.id) s"
    " GROUP BY word";

bool
store_figures(struct store *store, struct store_figures *ret_figures,
    struct problem *ret_problem)
{
	struct store_figures figures = {.engine = store->db->driver->scheme};
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
	if (!schema_version(store->db, &figures.schema, ret_problem) ||
	    !db_query(store->db, DB_SQL_PLAIN(count_states), take_state,
		&figures, ret_problem))
		return false;
	figures.oldest = (int64_t)oldest;
	*ret_figures = figures;
	return true;
}
