/* Rows in bulk: MariaDB takes arrays of values for one prepared INSERT; MySQL,
 * and what does not pass arrays on, an INSERT of many rows. */
#include "store/mariadb.h"

#include "base/build.h"

#include <stdlib.h>
#include <string.h>

enum { STATEMENT_MAX = 1024 * 1024, ROWS_AT_ONCE = 100 };

/* Rows FROM up to, not including, TO. */
struct bulk {
	const struct db_column *columns;
	size_t count;
	size_t from;
	size_t to;
	unsigned long lens[MARIADB_COLUMNS_MAX];
};

static void
write_row(struct build *sql, size_t count)
{
	build_byte(sql, '(');
	for (size_t i = 0; i < count; i++)
		build_cstr(sql, i == 0 ? "?" : ", ?");
	build_byte(sql, ')');
}

static void
write_insert(struct build *sql, const char *table,
    const struct db_column *columns, size_t count, size_t rows)
{
	build_format(sql, "INSERT INTO %s (", table);
	for (size_t i = 0; i < count; i++)
		build_format(sql, "%s%s", i == 0 ? "" : ", ", columns[i].name);
	build_cstr(sql, ") VALUES ");
	for (size_t i = 0; i < rows; i++) {
		if (i > 0)
			build_cstr(sql, ", ");
		write_row(sql, count);
	}
	build_byte(sql, '\0');
}

static void
bind_value(MYSQL_BIND *bind, const struct db_column *column, size_t row,
    unsigned long *len)
{
	if (column->type == DB_TEXT)
		mariadb_bind_text(bind, column->texts[row], len);
	else
		mariadb_bind_number(bind, &column->numbers[row]);
}

/* --- arrays --- */

/* The library asks for one row after another. */
static my_bool
give_row(void *context, MYSQL_BIND *binds, unsigned row)
{
	struct bulk *bulk = context;

	for (size_t i = 0; i < bulk->count; i++) {
		const struct db_column *column = &bulk->columns[i];
		size_t at = bulk->from + row;
		if (column->type == DB_NUMBER) {
			binds[i].buffer =
			    (void *)(uintptr_t)&column->numbers[at];
			continue;
		}
		struct text text = column->texts[at];
		binds[i].buffer =
		    (void *)(uintptr_t)(text.len == 0 ? "" : text.ptr);
		bulk->lens[i] = text.len;
		/* By which the library makes room; LENS says what to copy. */
		binds[i].buffer_length = text.len;
	}
	return 0;
}

static bool
send_array(struct mariadb *mariadb, MYSQL_STMT *statement, struct bulk *bulk,
    struct problem *ret_problem)
{
	unsigned rows = (unsigned)(bulk->to - bulk->from);
	MYSQL_BIND binds[MARIADB_COLUMNS_MAX];

	for (size_t i = 0; i < bulk->count; i++)
		bind_value(
		    &binds[i], &bulk->columns[i], bulk->from, &bulk->lens[i]);
	if (mysql_stmt_attr_set(statement, STMT_ATTR_ARRAY_SIZE, &rows) == 0 &&
	    mysql_stmt_attr_set(statement, STMT_ATTR_CB_USER_DATA, bulk) == 0 &&
	    mysql_stmt_attr_set(statement, STMT_ATTR_CB_PARAM,
		(const void *)(uintptr_t)give_row) == 0 &&
	    mysql_stmt_bind_param(statement, binds) == 0 &&
	    mysql_stmt_execute(statement) == 0)
		return true;
	return mariadb_statement_failed(mariadb, statement, ret_problem);
}

/* --- many rows in the text --- */

static bool
send_rows(struct mariadb *mariadb, MYSQL_STMT *statement,
    const struct bulk *bulk, struct problem *ret_problem)
{
	size_t rows = bulk->to - bulk->from;
	MYSQL_BIND *binds = calloc(rows * bulk->count, sizeof *binds);
	unsigned long *lens = calloc(rows * bulk->count, sizeof *lens);
	bool good =
	    (binds != NULL && lens != NULL) || problem_no_memory(ret_problem);

	for (size_t i = 0; good && i < rows * bulk->count; i++)
		bind_value(&binds[i], &bulk->columns[i % bulk->count],
		    bulk->from + i / bulk->count, &lens[i]);
	good = good &&
	       ((mysql_stmt_bind_param(statement, binds) == 0 &&
		    mysql_stmt_execute(statement) == 0) ||
		   mariadb_statement_failed(mariadb, statement, ret_problem));
	free(binds);
	free(lens);
	return good;
}

/* --- the whole --- */

static size_t
row_size(const struct bulk *bulk, size_t row)
{
	size_t size = bulk->count * (sizeof(int64_t) + 1);

	for (size_t i = 0; i < bulk->count; i++) {
		if (bulk->columns[i].type == DB_TEXT)
			size += bulk->columns[i].texts[row].len;
	}
	return size;
}

/* As many rows from bulk->from on as fit one packet, but at least one. */
static void
take_packet(struct bulk *bulk, size_t row_count, size_t packet, size_t most)
{
	size_t size = 0;

	bulk->to = bulk->from;
	while (bulk->to < row_count && bulk->to - bulk->from < most) {
		size += row_size(bulk, bulk->to);
		if (size > packet && bulk->to > bulk->from)
			return;
		bulk->to++;
	}
}

/* ROWS: how many "(?, …)" the statement has. */
static bool
send(struct mariadb *mariadb, const char *table, struct bulk *bulk, size_t rows,
    struct problem *ret_problem)
{
	struct build sql;
	MYSQL_STMT *statement = NULL;

	build_init(&sql, STATEMENT_MAX);
	write_insert(&sql, table, bulk->columns, bulk->count, rows);
	if (build_failed(&sql))
		(void)problem_no_memory(ret_problem);
	else
		statement =
		    mariadb_prepare(mariadb, table, sql.ptr, ret_problem);
	build_free(&sql);
	if (statement == NULL)
		return false;
	return mariadb->has_arrays
		   ? send_array(mariadb, statement, bulk, ret_problem)
		   : send_rows(mariadb, statement, bulk, ret_problem);
}

bool
mariadb_append(struct db *db, const char *table,
    const struct db_column *columns, size_t column_count, size_t row_count,
    struct problem *ret_problem)
{
	struct mariadb *mariadb = (struct mariadb *)(void *)db;
	size_t most = mariadb->has_arrays ? row_count : ROWS_AT_ONCE;
	struct bulk bulk = {.columns = columns, .count = column_count};

	for (; bulk.from < row_count; bulk.from = bulk.to) {
		take_packet(&bulk, row_count, mariadb->packet, most);
		size_t rows = mariadb->has_arrays ? 1 : bulk.to - bulk.from;
		if (!send(mariadb, table, &bulk, rows, ret_problem))
			return false;
	}
	return true;
}
