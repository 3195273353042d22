#include "store/db.h"

#include <stdio.h>
#include <time.h>

enum {
	STATEMENT_MAX = 512,
	TRIES = 9,
	FIRST_PAUSE_MS = 25,
	SECOND_MS = 1000,
	MS_NS = 1000000
};

static const struct db_driver *const drivers[] = {
    &db_sqlite,
    &db_mysql,
    NULL,
};

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

const struct db_driver *
db_driver(
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
	    "Database \"%s\" cannot be used; write sqlite:/path or "
	    "mysql://user@host/name",
	    database);
	return NULL;
}

bool
db_check(const char *database, struct problem *ret_problem)
{
	const char *where;
	const struct db_driver *driver =
	    db_driver(database, &where, ret_problem);

	return driver != NULL && driver->check(where, ret_problem);
}

bool
db_needs(
    const char *database, struct sandbox *sandbox, struct problem *ret_problem)
{
	const char *where;
	const struct db_driver *driver =
	    db_driver(database, &where, ret_problem);

	return driver != NULL && driver->needs(where, sandbox, ret_problem);
}

struct db *
db_open(const char *database, bool create, struct problem *ret_problem)
{
	const char *where;
	const struct db_driver *driver =
	    db_driver(database, &where, ret_problem);

	return driver == NULL ? NULL : driver->open(where, create, ret_problem);
}

void
db_close(struct db *db)
{
	if (db != NULL)
		db->driver->close(db);
}

/* --- trying again --- */

/* Longer each time: 25 ms, 50 ms, …, in all six seconds. */
static void
pause_before(int try)
{
	long ms = (long)FIRST_PAUSE_MS << (try - 1);
	const struct timespec pause = {
	    .tv_sec = ms / SECOND_MS, .tv_nsec = ms % SECOND_MS * MS_NS};

	(void)nanosleep(&pause, NULL);
}

bool
db_exec(struct db *db, const struct db_sql *sql, uint64_t *ret_changed,
    struct problem *ret_problem)
{
	for (int try = 1;; try++) {
		struct problem problem = {0};
		if (db->driver->exec(db, sql, ret_changed, &problem))
			return true;
		if (db->in_transaction || try == TRIES ||
		    db->driver->last_error(db) != DB_LOST)
			return problem_set(
			    ret_problem, problem.kind, "%s", problem.text);
		pause_before(try);
	}
}

/* Rows that were told are not told again. */
struct telling {
	db_row_fn *each;
	void *context;
	bool has_begun;
};

static bool
tell(void *context, const struct db_row *row)
{
	struct telling *telling = context;

	telling->has_begun = true;
	return telling->each(telling->context, row);
}

bool
db_query(struct db *db, const struct db_sql *sql, db_row_fn *each,
    void *context, struct problem *ret_problem)
{
	struct telling telling = {each, context, false};

	for (int try = 1;; try++) {
		struct problem problem = {0};
		if (db->driver->query(db, sql, tell, &telling, &problem))
			return true;
		if (db->in_transaction || telling.has_begun || try == TRIES ||
		    db->driver->last_error(db) != DB_LOST)
			return problem_set(
			    ret_problem, problem.kind, "%s", problem.text);
		pause_before(try);
	}
}

static bool
pass(void *context, const struct db_row *row)
{
	(void)context;
	(void)row;
	return true;
}

bool
db_lock(struct db *db, const struct db_sql *sql, struct problem *ret_problem)
{
	char text[STATEMENT_MAX];

	if (db->driver->for_update[0] == '\0')
		return true;
	(void)snprintf(
	    text, sizeof text, "%s%s", sql->text, db->driver->for_update);
	return db_query(db,
	    &(const struct db_sql){text, sql->count, sql->values}, pass, NULL,
	    ret_problem);
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

static bool
run_once(
    struct db *db, db_work_fn *work, void *context, struct problem *ret_problem)
{
	if (!db->driver->begin(db, ret_problem))
		return false;
	db->in_transaction = true;
	return work(db, context, ret_problem) &&
	       db->driver->commit(db, ret_problem);
}

bool
db_transaction(
    struct db *db, db_work_fn *work, void *context, struct problem *ret_problem)
{
	struct problem problem;

	for (int try = 1;; try++) {
		problem = (struct problem){0};
		bool done = run_once(db, work, context, &problem);
		enum db_error error = db->driver->last_error(db);
		if (!done && db->in_transaction)
			db->driver->rollback(db);
		db->in_transaction = false;
		if (done || problem.kind == PROBLEM_NONE)
			return true;
		bool is_passing =
		    error == DB_RETRY || error == DB_UNIQUE || error == DB_LOST;
		if (!is_passing || try == TRIES)
			break;
		pause_before(try);
	}
	return problem_set(ret_problem, problem.kind, "%s", problem.text);
}
