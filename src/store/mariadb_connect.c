/* The connection to MariaDB or MySQL, and what its errors mean. */
#include "store/mariadb.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONNECT_SECONDS = 10,
	ANSWER_SECONDS = 600,
	PACKET_MAX = 4 * 1024 * 1024
};

/* --- errors --- */

enum {
	NO_CONNECTION = 2002,
	NO_HOST = 2003,
	GONE = 2006,
	LOST = 2013,
	NO_DATABASE = 1049,
	DENIED_TABLE = 1142,
};

static const struct {
	unsigned code;
	enum db_error error;
	enum problem_kind kind;
	const char *advice;
} errors[] = {
    {1062, DB_UNIQUE, PROBLEM_SYSTEM, ""},
    {1586, DB_UNIQUE, PROBLEM_SYSTEM, ""},
    {1020, DB_RETRY, PROBLEM_TEMPORARY, ""}, /* changed since read */
    {1180, DB_RETRY, PROBLEM_TEMPORARY, ""}, /* Galera: at commit */
    {1205, DB_RETRY, PROBLEM_TEMPORARY, ""}, /* lock wait */
    {1213, DB_RETRY, PROBLEM_TEMPORARY, ""}, /* deadlock */
    {1040, DB_LOST, PROBLEM_TEMPORARY, ""},  /* too many connections */
    {1047, DB_LOST, PROBLEM_TEMPORARY, ""},  /* Galera: not ready */
    {1053, DB_LOST, PROBLEM_TEMPORARY, ""},  /* shutting down */
    {1158, DB_LOST, PROBLEM_TEMPORARY, ""},
    {1159, DB_LOST, PROBLEM_TEMPORARY, ""},
    {1160, DB_LOST, PROBLEM_TEMPORARY, ""},
    {1161, DB_LOST, PROBLEM_TEMPORARY, ""},
    {1290, DB_LOST, PROBLEM_TEMPORARY, ""}, /* read-only now */
    {1317, DB_LOST, PROBLEM_TEMPORARY, ""}, /* the question was killed */
    {1836, DB_LOST, PROBLEM_TEMPORARY, ""}, /* read-only now */
    {1927, DB_LOST, PROBLEM_TEMPORARY, ""}, /* we were killed */
    {NO_CONNECTION, DB_LOST, PROBLEM_TEMPORARY, "; does the server run?"},
    {NO_HOST, DB_LOST, PROBLEM_TEMPORARY, "; does the server run?"},
    {2005, DB_LOST, PROBLEM_TEMPORARY, ""}, /* its name is not known now */
    {GONE, DB_LOST, PROBLEM_TEMPORARY, ""},
    {2012, DB_LOST, PROBLEM_TEMPORARY, ""},
    {LOST, DB_LOST, PROBLEM_TEMPORARY, ""},
    {2055, DB_LOST, PROBLEM_TEMPORARY, ""},
    {4031, DB_LOST, PROBLEM_TEMPORARY, ""}, /* MySQL: idle for too long */
    {2026, DB_FATAL, PROBLEM_UNAVAILABLE,
	"; see tls= and ca= in dmarcd.conf(5)"},
    {1044, DB_FATAL, PROBLEM_PERMISSION, "; see dmarc database schema"},
    {1045, DB_FATAL, PROBLEM_PERMISSION,
	"; is the password right (password-file=)?"},
    {1698, DB_FATAL, PROBLEM_PERMISSION, ""},
    {DENIED_TABLE, DB_FATAL, PROBLEM_PERMISSION, "; see dmarc database schema"},
    {1370, DB_FATAL, PROBLEM_PERMISSION, ""},
    {NO_DATABASE, DB_FATAL, PROBLEM_CONFIG,
	"; dmarc database create, or see dmarc database schema"},
    {1021, DB_FATAL, PROBLEM_CANNOT_WRITE, ""}, /* disk full */
    {1114, DB_FATAL, PROBLEM_CANNOT_WRITE, ""}, /* table full */
    {1153, DB_FATAL, PROBLEM_CONFIG, "; raise max_allowed_packet"},
};

static bool
fail(struct mariadb *mariadb, unsigned code, const char *words,
    struct problem *ret_problem)
{
	enum problem_kind kind = PROBLEM_SYSTEM;
	const char *advice = "";

	mariadb->error = DB_FATAL;
	mariadb->is_missing = code == NO_DATABASE;
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		if (errors[i].code != code)
			continue;
		mariadb->error = errors[i].error;
		kind = errors[i].kind;
		advice = errors[i].advice;
	}
	return problem_set(ret_problem, kind, "database %s: %s%s",
	    mariadb->name, words, advice);
}

static bool
failed(struct mariadb *mariadb, struct problem *ret_problem)
{
	return fail(mariadb, mysql_errno(mariadb->handle),
	    mysql_error(mariadb->handle), ret_problem);
}

bool
mariadb_statement_failed(
    struct mariadb *mariadb, MYSQL_STMT *statement, struct problem *ret_problem)
{
	unsigned code = mysql_stmt_errno(statement);

	if (code != 0)
		return fail(
		    mariadb, code, mysql_stmt_error(statement), ret_problem);
	/* While rows are fetched only the connection is told. */
	return fail(mariadb, mysql_errno(mariadb->handle),
	    mysql_error(mariadb->handle), ret_problem);
}

/* --- the connection --- */

void
mariadb_forget(struct mariadb_kept *kept)
{
	if (kept->statement != NULL)
		(void)mysql_stmt_close(kept->statement);
	free(kept->text);
	*kept = (struct mariadb_kept){NULL, NULL};
}

void
mariadb_leave(struct mariadb *mariadb)
{
	for (size_t i = 0; i < MARIADB_KEPT; i++)
		mariadb_forget(&mariadb->kept[i]);
	if (mariadb->handle != NULL)
		mysql_close(mariadb->handle);
	mariadb->handle = NULL;
}

bool
mariadb_run(
    struct mariadb *mariadb, const char *sql, struct problem *ret_problem)
{
	mariadb->error = DB_OK;
	return mysql_query(mariadb->handle, sql) == 0 ||
	       failed(mariadb, ret_problem);
}

static void
set_options(struct mariadb *mariadb)
{
	static const unsigned connect = CONNECT_SECONDS;
	static const unsigned answer = ANSWER_SECONDS;
	static const unsigned no = 0;
	static const my_bool yes = 1;
	MYSQL *handle = mariadb->handle;

	(void)mysql_optionsv(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
	(void)mysql_optionsv(handle, MYSQL_OPT_READ_TIMEOUT, &answer);
	(void)mysql_optionsv(handle, MYSQL_OPT_WRITE_TIMEOUT, &answer);
	/* A server may not ask for files of ours. */
	(void)mysql_optionsv(handle, MYSQL_OPT_LOCAL_INFILE, &no);
	(void)mysql_optionsv(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (!mariadb->at.tls)
		return;
	(void)mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &yes);
	(void)mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
	if (mariadb->at.ca[0] != '\0')
		(void)mysql_optionsv(handle, MYSQL_OPT_SSL_CA, mariadb->at.ca);
}

/* Also: the answer's rows by whole bytes, however long (a report's order). */
static bool
begin_session(struct mariadb *mariadb, struct problem *ret_problem)
{
	return mariadb_run(mariadb,
		   "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		   ret_problem) &&
	       mariadb_run(mariadb,
		   "SET SESSION autocommit = 1,"
		   " sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
		   " innodb_lock_wait_timeout = 20,"
		   " max_sort_length = 65536, sort_buffer_size = 16777216",
		   ret_problem);
}

/* Whatever thread is the first. */
static void
begin_library(void)
{
	(void)mysql_library_init(0, NULL, NULL);
}

static bool
connect_as(
    struct mariadb *mariadb, const char *name, struct problem *ret_problem)
{
	const struct location *at = &mariadb->at;
	char password[LOCATION_PASSWORD_MAX];
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (!location_password(at, password, ret_problem)) {
		mariadb->error = DB_FATAL;
		return false;
	}
	(void)pthread_once(&once, begin_library);
	mariadb->handle = mysql_init(NULL);
	if (mariadb->handle == NULL)
		return problem_no_memory(ret_problem);
	set_options(mariadb);
	if (mysql_real_connect(mariadb->handle, at->host, at->user, password,
		name, at->port, at->socket[0] == '\0' ? NULL : at->socket,
		CLIENT_FOUND_ROWS) == NULL)
		return failed(mariadb, ret_problem);
	/* Something in between may not pass arrays on. */
	mariadb->has_arrays =
	    mariadb_connection(mariadb->handle) && mariadb->at.arrays;
	return begin_session(mariadb, ret_problem);
}

static bool
take_number(void *context, const struct db_row *row)
{
	*(int64_t *)context = db_row_number(row, 0);
	return false;
}

/* A packet of rows: what the server takes, with room for the rest of it. */
static bool
ask_packet(struct mariadb *mariadb, struct problem *ret_problem)
{
	int64_t most = 0;

	if (!db_mysql.query(&mariadb->db,
		DB_SQL_PLAIN("SELECT @@max_allowed_packet"), take_number, &most,
		ret_problem))
		return false;
	mariadb->packet =
	    most / 2 > PACKET_MAX ? PACKET_MAX : (size_t)(most / 2);
	return true;
}

bool
mariadb_reach(struct mariadb *mariadb, struct problem *ret_problem)
{
	if (mariadb->db.in_transaction)
		return true; /* whose loss its next step will see */
	if (mariadb->handle != NULL && mariadb->error != DB_LOST)
		return true;
	mariadb_leave(mariadb);
	mariadb->error = DB_OK;
	if (connect_as(mariadb, mariadb->at.name, ret_problem) &&
	    ask_packet(mariadb, ret_problem))
		return true;
	enum db_error error = mariadb->error;
	mariadb_leave(mariadb);
	mariadb->error = error;
	return false;
}

bool
mariadb_reach_new(struct mariadb *mariadb, struct problem *ret_problem)
{
	char sql[256];
	struct problem ignored = {0};

	(void)snprintf(sql, sizeof sql, "CREATE DATABASE IF NOT EXISTS `%s`",
	    mariadb->at.name);
	bool good = connect_as(mariadb, NULL, &ignored) &&
		    mysql_query(mariadb->handle, sql) == 0;
	mariadb_leave(mariadb);
	return good && mariadb_reach(mariadb, ret_problem);
}
