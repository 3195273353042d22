/* MariaDB and MySQL, by libmariadb. Transactions are READ COMMITTED: import
 * only appends, so that readers need not hold it up; what two could do at once
 * is decided by keys, conditional UPDATEs and for_update. A connection that is
 * lost is made again by the next transaction or question; db.c waits and
 * tries. */
#include "store/mariadb.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_ROOM = 256, DEFAULT_PORT = 3306 };

static struct mariadb *
mariadb_of(struct db *db)
{
	return (struct mariadb *)(void *)db;
}

/* --- open and close --- */

static void
mariadb_close(struct db *db)
{
	struct mariadb *mariadb = mariadb_of(db);

	mariadb_leave(mariadb);
	free(mariadb);
}

static bool
mariadb_check(const char *where, struct problem *ret_problem)
{
	struct location ignored;

	return location_read(where, &ignored, ret_problem);
}

static bool
mariadb_needs(
    const char *where, struct sandbox *sandbox, struct problem *ret_problem)
{
	struct location location;

	if (!location_read(where, &location, ret_problem))
		return false;
	sandbox_may_connect(
	    sandbox, location.port == 0 ? DEFAULT_PORT : location.port);
	if (location.password_file[0] != '\0')
		(void)sandbox_may_beside(
		    sandbox, SANDBOX_READ, location.password_file);
	if (location.ca[0] != '\0')
		(void)sandbox_may_beside(sandbox, SANDBOX_READ, location.ca);
	return true;
}

static struct db *
mariadb_open(const char *where, bool create, struct problem *ret_problem)
{
	struct mariadb *mariadb = calloc(1, sizeof *mariadb);
	struct problem problem = {0};

	if (mariadb == NULL) {
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	mariadb->db.driver = &db_mysql;
	if (!location_read(where, &mariadb->at, ret_problem)) {
		free(mariadb);
		return NULL;
	}
	char port[16] = "";
	if (mariadb->at.port != 0)
		(void)snprintf(port, sizeof port, ":%u", mariadb->at.port);
	(void)snprintf(mariadb->name, sizeof mariadb->name,
	    "mysql://%s@%s%s/%s", mariadb->at.user, mariadb->at.host, port,
	    mariadb->at.name);
	bool good = mariadb_reach(mariadb, &problem) ||
		    (mariadb->is_missing && create &&
			mariadb_reach_new(mariadb, &problem));
	/* Who asks it something will try again. */
	if (good || mariadb->error == DB_LOST)
		return &mariadb->db;
	(void)problem_set(ret_problem, problem.kind, "%s", problem.text);
	mariadb_close(&mariadb->db);
	return NULL;
}

/* --- statements --- */

/* Preparing is a round trip, so what was prepared is kept. */
MYSQL_STMT *
mariadb_prepare(struct mariadb *mariadb, const void *key, const char *text,
    struct problem *ret_problem)
{
	struct mariadb_kept *kept =
	    &mariadb->kept[(uintptr_t)key / 8 % MARIADB_KEPT];

	mariadb->error = DB_OK;
	if (kept->text != NULL && strcmp(kept->text, text) == 0)
		return kept->statement;
	mariadb_forget(kept);
	kept->text = strdup(text);
	kept->statement = mysql_stmt_init(mariadb->handle);
	if (kept->text != NULL && kept->statement != NULL &&
	    mysql_stmt_prepare(kept->statement, text, strlen(text)) == 0)
		return kept->statement;
	if (kept->text == NULL || kept->statement == NULL)
		(void)problem_no_memory(ret_problem);
	else
		(void)mariadb_statement_failed(
		    mariadb, kept->statement, ret_problem);
	mariadb_forget(kept);
	return NULL;
}

/* The library has no const for what it only reads. */
void
mariadb_bind_number(MYSQL_BIND *bind, const int64_t *number)
{
	*bind = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG,
	    .buffer = (void *)(uintptr_t)number};
}

void
mariadb_bind_text(MYSQL_BIND *bind, struct text text, unsigned long *len)
{
	*len = text.len;
	*bind = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
	    .buffer = (void *)(uintptr_t)(text.len == 0 ? "" : text.ptr),
	    .buffer_length = text.len,
	    .length = len};
}

static MYSQL_STMT *
execute(struct mariadb *mariadb, const struct db_sql *sql,
    struct problem *ret_problem)
{
	MYSQL_BIND binds[MARIADB_COLUMNS_MAX];
	unsigned long lens[MARIADB_COLUMNS_MAX];
	MYSQL_STMT *statement =
	    mariadb_prepare(mariadb, sql->text, sql->text, ret_problem);

	if (statement == NULL)
		return NULL;
	assert(sql->count <= MARIADB_COLUMNS_MAX &&
	       mysql_stmt_param_count(statement) == sql->count);
	for (size_t i = 0; i < sql->count; i++) {
		const struct db_value *value = &sql->values[i];
		if (value->type == DB_TEXT)
			mariadb_bind_text(&binds[i], value->text, &lens[i]);
		else
			mariadb_bind_number(&binds[i], &value->number);
	}
	if ((sql->count == 0 || mysql_stmt_bind_param(statement, binds) == 0) &&
	    mysql_stmt_execute(statement) == 0)
		return statement;
	(void)mariadb_statement_failed(mariadb, statement, ret_problem);
	return NULL;
}

static bool
mariadb_exec(struct db *db, const struct db_sql *sql, uint64_t *ret_changed,
    struct problem *ret_problem)
{
	struct mariadb *mariadb = mariadb_of(db);
	MYSQL_STMT *statement = mariadb_reach(mariadb, ret_problem)
				    ? execute(mariadb, sql, ret_problem)
				    : NULL;

	if (statement == NULL)
		return false;
	if (ret_changed != NULL)
		*ret_changed = mysql_stmt_affected_rows(statement);
	return true;
}

/* --- answers --- */

struct cell {
	char *bytes;
	unsigned long room;
	unsigned long len;
	my_bool is_null;
};

struct mariadb_row {
	struct db_row row; /* first */
	MYSQL_STMT *statement;
	unsigned count;
	struct cell cells[MARIADB_COLUMNS_MAX];
};

static const struct cell *
cell_of(const struct db_row *row, int column)
{
	return &((const struct mariadb_row *)(const void *)row)->cells[column];
}

static void
bind_cell(MYSQL_BIND *bind, struct cell *cell)
{
	*bind = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
	    .buffer = cell->bytes,
	    .buffer_length = cell->room,
	    .length = &cell->len,
	    .is_null = &cell->is_null};
}

static bool
make_room(struct cell *cell, unsigned long room)
{
	char *bytes = realloc(cell->bytes, room);

	if (bytes == NULL)
		return false;
	cell->bytes = bytes;
	cell->room = room;
	return true;
}

static bool
bind_answer(struct mariadb_row *row)
{
	MYSQL_BIND binds[MARIADB_COLUMNS_MAX];

	for (unsigned i = 0; i < row->count; i++) {
		if (row->cells[i].room == 0 &&
		    !make_room(&row->cells[i], CELL_ROOM))
			return false;
		bind_cell(&binds[i], &row->cells[i]);
	}
	return mysql_stmt_bind_result(row->statement, binds) == 0;
}

/* Values that were longer than their room, again and whole. */
static bool
fetch_long(struct mariadb_row *row)
{
	for (unsigned i = 0; i < row->count; i++) {
		struct cell *cell = &row->cells[i];
		MYSQL_BIND bind;
		if (cell->is_null || cell->len <= cell->room)
			continue;
		if (!make_room(cell, cell->len))
			return false;
		bind_cell(&bind, cell);
		if (mysql_stmt_fetch_column(row->statement, &bind, i, 0) != 0)
			return false;
	}
	return true;
}

static bool
tell_rows(struct mariadb *mariadb, struct mariadb_row *row, db_row_fn *each,
    void *context, struct problem *ret_problem)
{
	bool good = bind_answer(row);

	while (good) {
		int code = mysql_stmt_fetch(row->statement);
		if (code == MYSQL_NO_DATA)
			return true;
		if (code == MYSQL_DATA_TRUNCATED)
			good = fetch_long(row);
		else
			good = code == 0;
		if (good && !each(context, &row->row))
			return true;
		/* Not before: some versions of the library (10.11.18) forget
		 * the row when its cells are bound anew. */
		if (good && code == MYSQL_DATA_TRUNCATED)
			good = bind_answer(row);
	}
	return mysql_stmt_errno(row->statement) == 0 &&
		       mysql_errno(mariadb->handle) == 0
		   ? problem_no_memory(ret_problem)
		   : mariadb_statement_failed(
			 mariadb, row->statement, ret_problem);
}

static bool
mariadb_query(struct db *db, const struct db_sql *sql, db_row_fn *each,
    void *context, struct problem *ret_problem)
{
	struct mariadb *mariadb = mariadb_of(db);
	struct mariadb_row row = {.row = {&db_mysql}};

	if (!mariadb_reach(mariadb, ret_problem))
		return false;
	row.statement = execute(mariadb, sql, ret_problem);
	if (row.statement == NULL)
		return false;
	row.count = mysql_stmt_field_count(row.statement);
	assert(row.count <= MARIADB_COLUMNS_MAX);
	bool good = row.count == 0 || each == NULL ||
		    tell_rows(mariadb, &row, each, context, ret_problem);
	/* Takes what is left of the answer off the line. */
	(void)mysql_stmt_free_result(row.statement);
	for (unsigned i = 0; i < row.count; i++)
		free(row.cells[i].bytes);
	return good;
}

static int64_t
mariadb_row_number(const struct db_row *row, int column)
{
	const struct cell *cell = cell_of(row, column);
	char digits[32];

	if (cell->is_null || cell->len >= sizeof digits)
		return 0;
	memcpy(digits, cell->bytes, cell->len);
	digits[cell->len] = '\0';
	return (int64_t)strtoll(digits, NULL, 10);
}

static struct text
mariadb_row_text(const struct db_row *row, int column)
{
	const struct cell *cell = cell_of(row, column);

	if (cell->is_null)
		return TEXT("");
	return (struct text){cell->bytes, cell->len};
}

/* --- transactions --- */

static bool
mariadb_begin(struct db *db, struct problem *ret_problem)
{
	struct mariadb *mariadb = mariadb_of(db);

	if (!mariadb_reach(mariadb, ret_problem) ||
	    !mariadb_run(mariadb, "START TRANSACTION", ret_problem))
		return false;

	return true;
}

static bool
mariadb_commit(struct db *db, struct problem *ret_problem)
{
	struct mariadb *mariadb = mariadb_of(db);

	if (!mariadb_run(mariadb, "COMMIT", ret_problem))
		return false;

	return true;
}

/* Keeps the error that led here. */
static void
mariadb_rollback(struct db *db)
{
	struct mariadb *mariadb = mariadb_of(db);

	if (mariadb->error != DB_LOST &&
	    mysql_query(mariadb->handle, "ROLLBACK") != 0)
		mariadb->error = DB_LOST; /* so that it is made again */
}

static enum db_error
mariadb_last_error(const struct db *db)
{
	return ((const struct mariadb *)(const void *)db)->error;
}

const struct db_driver db_mysql = {
    .scheme = "mysql",
    .clock = "UNIX_TIMESTAMP()",
    .for_update = " FOR UPDATE",
    .types = {.text = "MEDIUMTEXT",
	.table_end = " ENGINE=InnoDB DEFAULT CHARACTER SET ascii"
		     " COLLATE ascii_bin"},
    .check = mariadb_check,
    .needs = mariadb_needs,
    .open = mariadb_open,
    .close = mariadb_close,
    .exec = mariadb_exec,
    .query = mariadb_query,
    .begin = mariadb_begin,
    .commit = mariadb_commit,
    .rollback = mariadb_rollback,
    .append = mariadb_append,
    .inspect = mariadb_inspect,
    .last_error = mariadb_last_error,
    .row_number = mariadb_row_number,
    .row_text = mariadb_row_text,
};
