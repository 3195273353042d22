/* Db: a database engine as a table of a few functions. SQL is written once, in
 * the subset that SQLite, MariaDB and PostgreSQL share; what differs is here.
 *
 * Texts are plain ASCII: who stores others writes them with
 * history_value_write. Functions that can fail set *ret_problem and the error
 * class. One connection, one thread. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/problem.h"
#include "base/text.h"
#include "sandbox/sandbox.h"
#include "store/note.h"

enum db_error {
	DB_OK,
	DB_RETRY,  /* another one was at work: the transaction again */
	DB_UNIQUE, /* the key is there already */
	DB_LOST,   /* the server cannot be reached: again, in a while */
	DB_FATAL,
};

enum db_type { DB_NUMBER, DB_TEXT };

struct db_value {
	enum db_type type;
	int64_t number;
	struct text text;
};

struct db_value db_number(int64_t number);
struct db_value db_text(struct text text);

/* A statement with its values: DB_SQL("… x = ? AND y = ?", db_number(1),
 * db_text(y)); it lives as long as the block it stands in. */
struct db_sql {
	const char *text;
	size_t count;
	const struct db_value *values;
};

#define DB_VALUES(...) ((const struct db_value[]){__VA_ARGS__})
#define DB_SQL(sql, ...)                                                       \
 (&(const struct db_sql){(sql),                                                \
     sizeof DB_VALUES(__VA_ARGS__) / sizeof(struct db_value),                  \
     DB_VALUES(__VA_ARGS__)})
#define DB_SQL_PLAIN(sql) (&(const struct db_sql){(sql), 0, NULL})

/* One column of many rows, for append. */
struct db_column {
	const char *name;
	enum db_type type;
	const int64_t *numbers; /* or */
	const struct text *texts;
};

struct db;
struct db_row;

/* One row of an answer; texts live during the call. False: stop, no error. */
typedef bool db_row_fn(void *context, const struct db_row *row);

/* What the schema says differently for each engine. */
struct db_types {
	const char *text;      /* of any length that a history entry has */
	const char *table_end; /* behind the ")" of CREATE TABLE */
};

struct db_driver {
	const char *scheme; /* "sqlite" */
	const char *clock;  /* the engine's seconds since 1970 */
	/* Behind a SELECT whose rows nobody else may change before the end of
	 * the transaction; "" where there is one writer at a time. */
	const char *for_update;
	struct db_types types;
	/* WHERE is what stands after "scheme:". The check looks at the words
	 * alone. */
	bool (*check)(const char *where, struct problem *ret_problem);
	/* False: *ret_problem; it cannot be opened yet. */
	bool (*needs)(const char *where, struct sandbox *sandbox,
	    struct problem *ret_problem);
	struct db *(*open)(
	    const char *where, bool create, struct problem *ret_problem);
	void (*close)(struct db *db);
	/* *ret_changed (or NULL): the rows that were inserted, … */
	bool (*exec)(struct db *db, const struct db_sql *sql,
	    uint64_t *ret_changed, struct problem *ret_problem);
	bool (*query)(struct db *db, const struct db_sql *sql, db_row_fn *each,
	    void *context, struct problem *ret_problem);
	bool (*begin)(struct db *db, struct problem *ret_problem);
	bool (*commit)(struct db *db, struct problem *ret_problem);
	void (*rollback)(struct db *db);
	bool (*append)(struct db *db, const char *table,
	    const struct db_column *columns, size_t column_count,
	    size_t row_count, struct problem *ret_problem);
	/* Version, durability, rights: what could lose a commit, or fail. */
	bool (*inspect)(struct db *db, store_note_fn *each, void *context,
	    struct problem *ret_problem);
	enum db_error (*last_error)(const struct db *db);
	int64_t (*row_number)(const struct db_row *row, int column);
	struct text (*row_text)(const struct db_row *row, int column);
};

/* What every engine's own struct begins with. */
struct db {
	const struct db_driver *driver;
	bool in_transaction;
};

struct db_row {
	const struct db_driver *driver;
};

extern const struct db_driver db_mysql;
extern const struct db_driver db_sqlite;

/* "sqlite:/path": the driver by what stands before the colon; NULL:
 * *ret_problem. *RET_WHERE: what stands after it. */
const struct db_driver *db_driver(const char *database, const char **ret_where,
    struct problem *ret_problem) MUST_USE;
/* Looks at the words alone. */
bool db_check(const char *database, struct problem *ret_problem) MUST_USE;
bool db_needs(const char *database, struct sandbox *sandbox,
    struct problem *ret_problem) MUST_USE;
struct db *db_open(
    const char *database, bool create, struct problem *ret_problem) MUST_USE;
void db_close(struct db *db);
/* Outside a transaction, what met a lost connection is tried again for some
 * seconds: such an exec must be one that may happen twice. */
bool db_exec(struct db *db, const struct db_sql *sql, uint64_t *ret_changed,
    struct problem *ret_problem) MUST_USE;
bool db_query(struct db *db, const struct db_sql *sql, db_row_fn *each,
    void *context, struct problem *ret_problem) MUST_USE;
bool db_append(struct db *db, const char *table,
    const struct db_column *columns, size_t column_count, size_t row_count,
    struct problem *ret_problem) MUST_USE;
/* A SELECT: nobody else changes its rows before the transaction ends. */
bool db_lock(struct db *db, const struct db_sql *sql,
    struct problem *ret_problem) MUST_USE;
int64_t db_row_number(const struct db_row *row, int column);
struct text db_row_text(const struct db_row *row, int column);

/* The first number of the first row; *ret_number stays without a row. */
bool db_query_number(struct db *db, const struct db_sql *sql,
    int64_t *ret_number, struct problem *ret_problem) MUST_USE;

/* Runs WORK in a transaction, and again in a new one, some times, when another
 * connection came between (DB_RETRY) or did the same first (DB_UNIQUE), or the
 * server was gone (DB_LOST), and be it during the commit: WORK must see what it
 * did already. WORK false with no problem set: undone, and that is no error. */
typedef bool db_work_fn(
    struct db *db, void *context, struct problem *ret_problem);
bool db_transaction(struct db *db, db_work_fn *work, void *context,
    struct problem *ret_problem) MUST_USE;

#endif
