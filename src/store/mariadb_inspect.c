/* What `dmarc database check` asks a server. */
#include "store/mariadb.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_MAX = 128 };

/* A question with one text for an answer; what is not GOOD needs ADVICE. */
struct question {
	const char *name;
	const char *sql;
	const char *good; /* NULL: anything; "+": any number over 0 */
	const char *advice;
};

#define OF_OUR_TABLES                                                          \
 " WHERE table_schema = DATABASE() AND table_name LIKE 'dmarc\\_%'"
#define GRANTEE                                                                \
 " WHERE grantee = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1),"      \
 " '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')"
#define RIGHT(right)                                                             \
 {                                                                               \
  "right to " right,                                                             \
      "SELECT COUNT(*) FROM (SELECT privilege_type FROM"                         \
      " information_schema.user_privileges" GRANTEE " UNION ALL"                 \
      " SELECT privilege_type FROM information_schema.schema_privileges" GRANTEE \
      " AND DATABASE() LIKE table_schema) p"                                     \
      " WHERE privilege_type = '" right "'",                                     \
      "+",                                                                       \
      "not granted to this user here, unless by a role; see dmarc "              \
      "database schema"                                                          \
 }

static const struct question questions[] = {
    {"version", "SELECT VERSION()", NULL, ""},
    {"innodb_flush_log_at_trx_commit",
	"SELECT @@innodb_flush_log_at_trx_commit", "1",
	"a crash can lose what was committed; set it to 1"},
    {"innodb_doublewrite", "SELECT @@innodb_doublewrite", "1",
	"a crash can spoil tables; set it to ON"},
    {"binary log that is not synced", "SELECT @@log_bin AND @@sync_binlog <> 1",
	"0", "a crash can lose what was committed; set sync_binlog to 1"},
    {"binlog_format", "SELECT IF(@@log_bin, @@binlog_format, 'no binary log')",
	NULL, ""},
    {"statement-based binary log",
	"SELECT @@log_bin AND @@binlog_format = 'STATEMENT'", "0",
	"READ COMMITTED cannot be logged so; set binlog_format to ROW"},
    {"max_allowed_packet", "SELECT @@max_allowed_packet", NULL, ""},
    {"small max_allowed_packet", "SELECT @@max_allowed_packet < 1048576", "0",
	"a long entry may not fit; set it to 16M"},
    {"clock", "SELECT UNIX_TIMESTAMP()", NULL, ""},
    {"tables of another engine than InnoDB",
	"SELECT COUNT(*) FROM information_schema.tables" OF_OUR_TABLES
	" AND engine <> 'InnoDB'",
	"0", "they have no transactions; ALTER TABLE … ENGINE=InnoDB"},
    {"columns that do not compare by bytes",
	"SELECT COUNT(*) FROM information_schema.columns" OF_OUR_TABLES
	" AND collation_name IS NOT NULL AND collation_name NOT LIKE "
	"'%\\_bin'",
	"0",
	"names that differ in case would be one; ALTER TABLE … CONVERT TO "
	"CHARACTER SET ascii COLLATE ascii_bin"},
    RIGHT("SELECT"),
    RIGHT("INSERT"),
    RIGHT("UPDATE"),
    RIGHT("DELETE"),
    RIGHT("CREATE"),
    RIGHT("ALTER"),
};

static bool
take_value(void *context, const struct db_row *row)
{
	struct text value = db_row_text(row, 0);

	(void)snprintf(
	    context, VALUE_MAX, TEXT_FMT, TEXT_ARG(text_slice(value, 0, 100)));
	return false;
}

static bool
is_good(const struct question *question, const char *value)
{
	if (question->good == NULL)
		return true;
	if (strcmp(question->good, "+") == 0)
		return strcmp(value, "0") != 0 && value[0] != '\0';
	return strcmp(question->good, value) == 0;
}

/* Encrypted, or is that not needed? */
static void
tell_connection(
    const struct mariadb *mariadb, store_note_fn *each, void *context)
{
	const char *cipher = mysql_get_ssl_cipher(mariadb->handle);
	bool is_here = strcmp(mariadb->at.host, "localhost") == 0;
	const struct store_note note = {.name = "connection",
	    .value = cipher != NULL ? cipher : mariadb->at.host,
	    .advice = cipher != NULL || is_here || !mariadb->at.is_remote
			  ? ""
			  : "others can read along; take tls=no out"};

	each(context, &note);
}

bool
mariadb_inspect(struct db *db, store_note_fn *each, void *context,
    struct problem *ret_problem)
{
	struct mariadb *mariadb = (struct mariadb *)(void *)db;

	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
		const struct question *question = &questions[i];
		char value[VALUE_MAX] = "";
		if (!db_query(db, DB_SQL_PLAIN(question->sql), take_value,
			value, ret_problem))
			return false;
		const struct store_note note = {question->name, value,
		    is_good(question, value) ? "" : question->advice};
		each(context, &note);
	}
	tell_connection(mariadb, each, context);
	return true;
}
