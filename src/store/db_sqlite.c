/* SQLite: WAL, so that looking does not wait for importing; synchronous=FULL,
 * so that what was committed survives a power cut; writers queue at BEGIN
 * IMMEDIATE and never meet a lock later. */
#include "store/db.h"

#include "base/build.h"
#include "store/sqlite_file.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	BUSY_MS = 20 * 1000,
	STATEMENT_MAX = 64 * 1024,
	KEPT = 64,
	CACHES_MAX = 64 * 1024 * 1024, /* of all connections together */
	WAL_TRIES = 500
};

struct sqlite {
	struct db db; /* first */
	/* Prepared statements by the address of their text, since preparing
	 * costs more than running them. */
	sqlite3_stmt *kept[KEPT];
	sqlite3 *handle;
	enum db_error error;
	char path[]; /* for messages */
};

struct sqlite_row {
	struct db_row row; /* first */
	sqlite3_stmt *statement;
};

static struct sqlite *
sqlite_of(struct db *db)
{
	return (struct sqlite *)(void *)db;
}

static sqlite3_stmt *
statement_of(const struct db_row *row)
{
	return ((const struct sqlite_row *)(const void *)row)->statement;
}

static enum db_error
error_class(int code)
{
	switch (code) {
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_ROWID: return DB_UNIQUE;
	default: break;
	}
	code &= 0xFF;
	return code == SQLITE_BUSY || code == SQLITE_LOCKED ? DB_RETRY
							    : DB_FATAL;
}

static enum problem_kind
kind_of(int code)
{
	switch (code & 0xFF) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return PROBLEM_TEMPORARY;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY: return PROBLEM_PERMISSION;
	case SQLITE_FULL:
	case SQLITE_IOERR: return PROBLEM_CANNOT_WRITE;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return PROBLEM_DATA;
	default: return PROBLEM_SYSTEM;
	}
}

static bool
failed(struct sqlite *sqlite, struct problem *ret_problem)
{
	int code = sqlite3_extended_errcode(sqlite->handle);

	sqlite->error = error_class(code);
	if (kind_of(code) == PROBLEM_PERMISSION &&
	    !sqlite_file_may_write(sqlite->path, ret_problem))
		return false;
	return problem_set(ret_problem, kind_of(code), "database %s: %s",
	    sqlite->path, sqlite3_errmsg(sqlite->handle));
}

static bool
run_plain(struct sqlite *sqlite, const char *sql, struct problem *ret_problem)
{
	sqlite->error = DB_OK;
	return sqlite3_exec(sqlite->handle, sql, NULL, NULL, NULL) ==
		   SQLITE_OK ||
	       failed(sqlite, ret_problem);
}

/* --- open and close --- */

/* When several make a new file WAL at once, all but one are told that it is
 * locked, whatever the time-out. */
static bool
set_wal(struct sqlite *sqlite, struct problem *ret_problem)
{
	static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

	for (int i = 0; i < WAL_TRIES; i++) {
		struct problem ignored = {0};
		if (run_plain(sqlite, "PRAGMA journal_mode=WAL", &ignored))
			return true;
		if (sqlite->error != DB_RETRY)
			break;
		(void)nanosleep(&pause, NULL);
	}
	return failed(sqlite, ret_problem);
}

static bool
prepare_connection(struct sqlite *sqlite, struct problem *ret_problem)
{
	(void)sqlite3_soft_heap_limit64(CACHES_MAX);
	(void)sqlite3_extended_result_codes(sqlite->handle, 1);
	(void)sqlite3_busy_timeout(sqlite->handle, BUSY_MS);
	return set_wal(sqlite, ret_problem) &&
	       run_plain(sqlite,
		   "PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;"
		   "PRAGMA cache_size=-16384",
		   ret_problem);
}

static void
sqlite_close(struct db *db)
{
	struct sqlite *sqlite = sqlite_of(db);

	for (size_t i = 0; i < KEPT; i++)
		(void)sqlite3_finalize(sqlite->kept[i]);
	(void)sqlite3_close(sqlite->handle);
	free(sqlite);
}

/* Any path is one. */
static bool
sqlite_check(const char *where, struct problem *ret_problem)
{
	(void)where;
	(void)ret_problem;
	return true;
}

static struct db *
sqlite_open(const char *where, bool create, struct problem *ret_problem)
{
	if (!(create ? sqlite_file_make : sqlite_file_find)(where, ret_problem))
		return NULL;
	size_t size = strlen(where) + 1;
	struct sqlite *sqlite = calloc(1, sizeof *sqlite + size);
	if (sqlite == NULL) {
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	sqlite->db.driver = &db_sqlite;
	memcpy(sqlite->path, where, size);
	int code = sqlite3_open_v2(where, &sqlite->handle,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	/* Who makes it will write; others may be content with reading. */
	if ((code != SQLITE_OK && !failed(sqlite, ret_problem)) ||
	    !prepare_connection(sqlite, ret_problem) ||
	    (create && !sqlite_file_may_write(where, ret_problem))) {
		sqlite_close(&sqlite->db);
		return NULL;
	}
	return &sqlite->db;
}

/* --- statements --- */

static void
bind_text(sqlite3_stmt *statement, int at, struct text text)
{
	/* Texts outlive the step; an empty one must not be NULL. */
	(void)sqlite3_bind_text64(statement, at, text.len == 0 ? "" : text.ptr,
	    text.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* The place for a statement of this text. */
static sqlite3_stmt **
keep_at(struct sqlite *sqlite, const char *text)
{
	return &sqlite->kept[(uintptr_t)text / 8 % KEPT];
}

static sqlite3_stmt *
take_kept(struct sqlite *sqlite, const char *text)
{
	sqlite3_stmt **place = keep_at(sqlite, text);
	sqlite3_stmt *statement = *place;

	/* Texts may be made in the same memory one after another. */
	if (statement == NULL || strcmp(sqlite3_sql(statement), text) != 0)
		return NULL;
	*place = NULL;
	return statement;
}

static void
give_back(struct sqlite *sqlite, const char *text, sqlite3_stmt *statement)
{
	sqlite3_stmt **place = keep_at(sqlite, text);

	/* Says again what step said already. */
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	(void)sqlite3_finalize(*place);
	*place = statement;
}

static sqlite3_stmt *
prepare(struct sqlite *sqlite, const struct db_sql *sql,
    struct problem *ret_problem)
{
	sqlite3_stmt *statement = take_kept(sqlite, sql->text);

	sqlite->error = DB_OK;
	if (statement == NULL && sqlite3_prepare_v2(sqlite->handle, sql->text,
				     -1, &statement, NULL) != SQLITE_OK) {
		(void)failed(sqlite, ret_problem);
		return NULL;
	}
	assert(sqlite3_bind_parameter_count(statement) == (int)sql->count);
	for (size_t i = 0; i < sql->count; i++) {
		const struct db_value *value = &sql->values[i];
		if (value->type == DB_TEXT)
			bind_text(statement, (int)i + 1, value->text);
		else
			(void)sqlite3_bind_int64(
			    statement, (int)i + 1, value->number);
	}
	return statement;
}

static bool
sqlite_query(struct db *db, const struct db_sql *sql, db_row_fn *each,
    void *context, struct problem *ret_problem)
{
	struct sqlite *sqlite = sqlite_of(db);
	sqlite3_stmt *statement = prepare(sqlite, sql, ret_problem);
	struct sqlite_row row = {{&db_sqlite}, statement};
	int code;

	if (statement == NULL)
		return false;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		if (each != NULL && !each(context, &row.row))
			break;
	}
	bool good = code == SQLITE_DONE || code == SQLITE_ROW ||
		    failed(sqlite, ret_problem);
	give_back(sqlite, sql->text, statement);
	return good;
}

static bool
sqlite_exec(struct db *db, const struct db_sql *sql, uint64_t *ret_changed,
    struct problem *ret_problem)
{
	if (!sqlite_query(db, sql, NULL, NULL, ret_problem))
		return false;
	if (ret_changed != NULL)
		*ret_changed =
		    (uint64_t)sqlite3_changes64(sqlite_of(db)->handle);
	return true;
}

static bool
sqlite_begin(struct db *db, struct problem *ret_problem)
{
	return run_plain(sqlite_of(db), "BEGIN IMMEDIATE", ret_problem);
}

static bool
sqlite_commit(struct db *db, struct problem *ret_problem)
{
	return run_plain(sqlite_of(db), "COMMIT", ret_problem);
}

static void
sqlite_rollback(struct db *db)
{
	/* Fails when SQLite has rolled back by itself already. */
	(void)sqlite3_exec(sqlite_of(db)->handle, "ROLLBACK", NULL, NULL, NULL);
}

static enum db_error
sqlite_last_error(const struct db *db)
{
	return ((const struct sqlite *)(const void *)db)->error;
}

static int64_t
sqlite_row_number(const struct db_row *row, int column)
{
	return sqlite3_column_int64(statement_of(row), column);
}

static struct text
sqlite_row_text(const struct db_row *row, int column)
{
	const void *bytes = sqlite3_column_text(statement_of(row), column);
	int len = sqlite3_column_bytes(statement_of(row), column);

	if (bytes == NULL || len <= 0)
		return TEXT("");
	return (struct text){bytes, (size_t)len};
}

/* --- append --- */

static void
write_insert(struct build *sql, const char *table,
    const struct db_column *columns, size_t count)
{
	build_format(sql, "INSERT INTO %s (", table);
	for (size_t i = 0; i < count; i++)
		build_format(sql, "%s%s", i == 0 ? "" : ", ", columns[i].name);
	build_cstr(sql, ") VALUES (");
	for (size_t i = 0; i < count; i++)
		build_cstr(sql, i == 0 ? "?" : ", ?");
	build_text(sql, TEXT(")\0"));
}

static bool
insert_row(sqlite3_stmt *statement, const struct db_column *columns,
    size_t count, size_t row)
{
	for (size_t i = 0; i < count; i++) {
		if (columns[i].type == DB_TEXT)
			bind_text(statement, (int)i + 1, columns[i].texts[row]);
		else
			(void)sqlite3_bind_int64(
			    statement, (int)i + 1, columns[i].numbers[row]);
	}
	int code = sqlite3_step(statement);
	return sqlite3_reset(statement) == SQLITE_OK && code == SQLITE_DONE;
}

static bool
sqlite_append(struct db *db, const char *table, const struct db_column *columns,
    size_t column_count, size_t row_count, struct problem *ret_problem)
{
	struct sqlite *sqlite = sqlite_of(db);
	sqlite3_stmt *statement = NULL;
	struct build sql;
	bool good = true;

	build_init(&sql, STATEMENT_MAX);
	write_insert(&sql, table, columns, column_count);
	sqlite->error = DB_OK;
	if (build_failed(&sql) || sqlite3_prepare_v2(sqlite->handle, sql.ptr,
				      -1, &statement, NULL) != SQLITE_OK)
		good = failed(sqlite, ret_problem);
	for (size_t i = 0; good && i < row_count; i++)
		good = insert_row(statement, columns, column_count, i) ||
		       failed(sqlite, ret_problem);
	(void)sqlite3_finalize(statement);
	build_free(&sql);
	return good;
}

/* --- check --- */

static bool
take_value(void *context, const struct db_row *row)
{
	build_text(context, sqlite_row_text(row, 0));
	build_byte(context, '\0');
	return false;
}

static bool
sqlite_inspect(struct db *db, store_note_fn *each, void *context,
    struct problem *ret_problem)
{
	static const struct {
		const char *name;
		const char *sql;
		const char *good; /* NULL: anything */
		const char *advice;
	} questions[] = {
	    {"version", "SELECT sqlite_version()", NULL, ""},
	    {"journal_mode", "PRAGMA journal_mode", "wal",
		"looking waits for importing here; is it a local disk?"},
	    {"synchronous", "PRAGMA synchronous", "2",
		"a power cut can lose what was committed"},
	    {"quick_check", "PRAGMA quick_check(1)", "ok",
		"the file is damaged; restore it from a copy, or see sqlite3 "
		".recover"},
	};

	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
		struct build value;
		build_init(&value, STATEMENT_MAX);
		if (!sqlite_query(db, DB_SQL_PLAIN(questions[i].sql),
			take_value, &value, ret_problem) ||
		    value.len == 0)
			build_text(&value, TEXT("?\0"));
		bool is_good = questions[i].good == NULL ||
			       strcmp(value.ptr, questions[i].good) == 0;
		const struct store_note note = {questions[i].name, value.ptr,
		    is_good ? "" : questions[i].advice};
		each(context, &note);
		build_free(&value);
	}
	return true;
}

const struct db_driver db_sqlite = {
    .scheme = "sqlite",
    .clock = "CAST(strftime('%s', 'now') AS INTEGER)",
    .for_update = "",
    .types = {.text = "TEXT", .table_end = " WITHOUT ROWID"},
    .check = sqlite_check,
    .needs = sqlite_file_needs,
    .open = sqlite_open,
    .close = sqlite_close,
    .exec = sqlite_exec,
    .query = sqlite_query,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .append = sqlite_append,
    .inspect = sqlite_inspect,
    .last_error = sqlite_last_error,
    .row_number = sqlite_row_number,
    .row_text = sqlite_row_text,
};
