#include "store/db.h"

enum { TRIES = 8 };

static const struct db_driver *const drivers[] = {&db_sqlite, NULL};

struct db_value
db_number(int64_t number)
{
	return (struct db_value){.type = DB_NUMBER, .number = number};
}

struct db_value
db_text(struct text text)
{
	return (struct db_value){.type = DB_TEXT, .text = text};
}

/* NULL: *ret_problem. *RET_WHERE: what stands after "scheme:". */
static const struct db_driver *
find_driver(
    const char *database, const char **ret_where, struct problem *ret_problem)
{
	struct text where = text_from_cstr(database);
	struct text scheme = text_split(&where, ':');

	*ret_where = where.ptr; /* to the end of DATABASE */
	for (const struct db_driver *const *at = drivers; *at != NULL; at++)
		if (where.len > 0 &&
		    text_equal(scheme, text_from_cstr((*at)->scheme)))
			return *at;
	(void)problem_set(ret_problem, PROBLEM_CONFIG,
	    "Database \"%s\" cannot be used; write sqlite:/path", database);
	return NULL;
}

bool
db_check(const char *database, struct problem *ret_problem)
{
	const char *where;

	return find_driver(database, &where, ret_problem) != NULL;
}

struct db *
db_open(const char *database, bool create, struct problem *ret_problem)
{
	const char *where;
	const struct db_driver *driver =
	    find_driver(database, &where, ret_problem);

	return driver == NULL ? NULL : driver->open(where, create, ret_problem);
}

void
db_close(struct db *db)
{
	if (db != NULL)
		db->driver->close(db);
}

bool
db_exec(struct db *db, const struct db_sql *sql, uint64_t *ret_changed,
    struct problem *ret_problem)
{
	return db->driver->exec(db, sql, ret_changed, ret_problem);
}

bool
db_query(struct db *db, const struct db_sql *sql, db_row_fn *each,
    void *context, struct problem *ret_problem)
{
	return db->driver->query(db, sql, each, context, ret_problem);
}

bool
db_append(struct db *db, const char *table, const struct db_column *columns,
    size_t column_count, size_t row_count, struct problem *ret_problem)
{
	return db->driver->append(
	    db, table, columns, column_count, row_count, ret_problem);
}

int64_t
db_row_number(const struct db_row *row, int column)
{
	return row->driver->row_number(row, column);
}

struct text
db_row_text(const struct db_row *row, int column)
{
	return row->driver->row_text(row, column);
}

static bool
take_number(void *context, const struct db_row *row)
{
	int64_t *number = context;

	*number = db_row_number(row, 0);
	return false;
}

bool
db_query_number(struct db *db, const struct db_sql *sql, int64_t *ret_number,
    struct problem *ret_problem)
{
	return db_query(db, sql, take_number, ret_number, ret_problem);
}

bool
db_transaction(
    struct db *db, db_work_fn *work, void *context, struct problem *ret_problem)
{
	struct problem problem;

	for (int i = 0; i < TRIES; i++) {
		problem = (struct problem){0};
		bool begun = db->driver->begin(db, &problem);
		bool done = begun && work(db, context, &problem);
		if (done && db->driver->commit(db, &problem))
			return true;
		enum db_error error = db->driver->last_error(db);
		if (begun)
			db->driver->rollback(db);
		if (problem.kind == PROBLEM_NONE)
			return true;
		if (error != DB_RETRY && error != DB_UNIQUE)
			break;
	}
	return problem_set(ret_problem, problem.kind, "%s", problem.text);
}
