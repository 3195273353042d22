/* What the files of the driver for MariaDB and MySQL share. */
#ifndef STORE_MARIADB_H
#define STORE_MARIADB_H

#include "store/db.h"
#include "store/location.h"

#include <mysql.h>

enum {
	MARIADB_KEPT = 64,
	MARIADB_COLUMNS_MAX = 32,
};

/* A statement that is prepared, and its text. */
struct mariadb_kept {
	char *text;
	MYSQL_STMT *statement;
};

struct mariadb {
	struct db db; /* first */
	struct location at;
	MYSQL *handle; /* NULL: not connected */
	struct mariadb_kept kept[MARIADB_KEPT];
	enum db_error error;
	bool is_missing; /* the server has no such database */
	bool has_arrays;
	size_t packet;  /* the most bytes of rows in one go */
	char name[600]; /* for messages */
};

/* The library's words, with advice, and the class of the error; false. */
bool mariadb_statement_failed(struct mariadb *mariadb, MYSQL_STMT *statement,
    struct problem *ret_problem);

/* Makes the connection if there is none, or the last one was lost. */
bool mariadb_reach(
    struct mariadb *mariadb, struct problem *ret_problem) MUST_USE;
/* The same for a database that is not there yet. */
bool mariadb_reach_new(
    struct mariadb *mariadb, struct problem *ret_problem) MUST_USE;
void mariadb_leave(struct mariadb *mariadb);
void mariadb_forget(struct mariadb_kept *kept);
bool mariadb_run(struct mariadb *mariadb, const char *sql,
    struct problem *ret_problem) MUST_USE;
/* The statement of this text, prepared once; it is kept by KEY, an address
 * that does not change, such as that of a literal. */
MYSQL_STMT *mariadb_prepare(struct mariadb *mariadb, const void *key,
    const char *text, struct problem *ret_problem) MUST_USE;
/* *LEN lives as long as BIND. */
void mariadb_bind_number(MYSQL_BIND *bind, const int64_t *number);
void mariadb_bind_text(MYSQL_BIND *bind, struct text text, unsigned long *len);

bool mariadb_append(struct db *db, const char *table,
    const struct db_column *columns, size_t column_count, size_t row_count,
    struct problem *ret_problem) MUST_USE;
bool mariadb_inspect(struct db *db, store_note_fn *each, void *context,
    struct problem *ret_problem) MUST_USE;

#endif
