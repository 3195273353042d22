/* The tables, all named dmarc_, so that they may live beside others.
 *
 *	batch         a part of a claimed history file; its key makes an import
 *	              that is tried again harmless
 *	policy        a policy configuration, named by its digest
 *	row           alike messages of one batch and hour, with their number;
 *	              never changed; keyed so that a report is one range
 *	unsealed      what of a batch is in no report yet, by hour
 *	report        a sealed report; never changed
 *	report_batch  what is in it; the key keeps any batch's hour out of two
 *	delivery      a report on its way to one destination
 *
 * Times are seconds since 1970; an hour is named by its first second. Texts
 * are written as in the history (history_value_write), so ASCII is enough. A
 * statement is one step, and every step may be run again, since not every
 * engine can undo it. */
#include "store/schema.h"

#include <stdio.h>
#include <string.h>

#define DOMAIN "VARCHAR(255) NOT NULL"
#define DIGEST "CHAR(32) NOT NULL"
#define NUMBER "BIGINT NOT NULL"
#define LONG   "TEXT NOT NULL"
#define WORD   "VARCHAR(32) NOT NULL"
#define TABLE  "CREATE TABLE IF NOT EXISTS "

/* "%s" is the driver's table_end. */
static const char *const version_1[] = {
    TABLE "dmarc_batch (id " NUMBER ", claim VARCHAR(64) NOT NULL,"
	  " first_byte " NUMBER ", last_byte " NUMBER ", entries " NUMBER
	  ", rejected " NUMBER ", added " NUMBER
	  ", PRIMARY KEY (claim, first_byte), UNIQUE (id))%s",
    TABLE "dmarc_policy (id " DIGEST ", p " WORD ", sp " WORD ", np " WORD
	  ", adkim " WORD ", aspf " WORD ", fo " LONG ", testing " WORD
	  ", discovery " WORD ", PRIMARY KEY (id))%s",
    TABLE "dmarc_row (policy_domain " DOMAIN ", policy " DIGEST ", hour " NUMBER
	  ", batch " NUMBER ", seq " NUMBER ", messages " NUMBER
	  ", source_ip VARCHAR(45) NOT NULL"
	  ", header_from " LONG ", envelope_from " LONG ", disposition " WORD
	  ", dkim_aligned " NUMBER ", spf_aligned " NUMBER ", reason " LONG
	  ", reason_comment " LONG ", dkim " LONG ", spf_domain " LONG
	  ", spf_result " WORD
	  ", PRIMARY KEY (policy_domain, policy, hour, batch, seq))%s",
    TABLE "dmarc_unsealed (policy_domain " DOMAIN ", policy " DIGEST
	  ", hour " NUMBER ", batch " NUMBER ", rua " LONG
	  ", PRIMARY KEY (policy_domain, policy, hour, batch))%s",
    TABLE "dmarc_report (id " DIGEST ", policy_domain " DOMAIN
	  ", policy " DIGEST ", period_begin " NUMBER ", period_end " NUMBER
	  ", seq " NUMBER ", rua " LONG ", PRIMARY KEY (id),"
	  " UNIQUE (policy_domain, period_begin, policy, seq),"
	  " UNIQUE (period_end, id))%s",
    TABLE "dmarc_report_batch (policy_domain " DOMAIN ", policy " DIGEST
	  ", hour " NUMBER ", batch " NUMBER ", report " DIGEST
	  ", PRIMARY KEY (policy_domain, policy, hour, batch))%s",
    TABLE "dmarc_delivery (report " DIGEST ", destination " DOMAIN
	  ", state " WORD ", tries " NUMBER ", next_try " NUMBER ", words " LONG
	  ", lease_until " NUMBER ", fence " NUMBER
	  ", PRIMARY KEY (report, destination))%s",
};

struct migration {
	size_t count;
	const char *const *statements;
};

static const struct migration migrations[] = {
    {sizeof version_1 / sizeof *version_1, version_1},
};

enum { LATEST = sizeof migrations / sizeof *migrations };

static bool
make_version_table(struct db *db, struct problem *ret_problem)
{
	char sql[256];

	(void)snprintf(sql, sizeof sql,
	    TABLE "dmarc_schema_version (version " NUMBER ", applied " NUMBER
		  ", PRIMARY KEY (version))%s",
	    db->driver->table_end);
	return db_exec(db, DB_SQL_PLAIN(sql), NULL, ret_problem);
}

bool
schema_version(
    struct db *db, unsigned *ret_version, struct problem *ret_problem)
{
	int64_t version = 0;

	if (!db_query_number(db,
		DB_SQL_PLAIN("SELECT COALESCE(MAX(version), 0)"
			     " FROM dmarc_schema_version"),
		&version, ret_problem))
		return false;
	*ret_version = (unsigned)version;
	return true;
}

static bool
apply(struct db *db, const struct migration *migration,
    struct problem *ret_problem)
{
	char sql[1024];

	for (size_t i = 0; i < migration->count; i++) {
		const char *statement = migration->statements[i];
		size_t len = strlen(statement);
		bool ends = len > 2 && strcmp(statement + len - 2, "%s") == 0;
		(void)snprintf(sql, sizeof sql, "%.*s%s",
		    (int)(ends ? len - 2 : len), statement,
		    ends ? db->driver->table_end : "");
		if (!db_exec(db, DB_SQL_PLAIN(sql), NULL, ret_problem))
			return false;
	}
	return true;
}

static bool
migrate(struct db *db, void *context, struct problem *ret_problem)
{
	unsigned version;
	char sql[128];

	(void)context;
	if (!make_version_table(db, ret_problem) ||
	    !schema_version(db, &version, ret_problem))
		return false;
	for (; version < LATEST; version++) {
		if (!apply(db, &migrations[version], ret_problem))
			return false;
		(void)snprintf(sql, sizeof sql,
		    "INSERT INTO dmarc_schema_version (version, applied)"
		    " VALUES (?, %s)",
		    db->driver->clock);
		if (!db_exec(db, DB_SQL(sql, db_number(version + 1)), NULL,
			ret_problem))
			return false;
	}
	return true;
}

bool
schema_migrate(struct db *db, struct problem *ret_problem)
{
	struct problem ignored = {0};
	unsigned version;

	/* Looking first: no lock is needed when there is nothing to do. */
	if (!schema_version(db, &version, &ignored) || version < LATEST) {
		if (!db_transaction(db, migrate, NULL, ret_problem) ||
		    !schema_version(db, &version, ret_problem))
			return false;
	}
	if (version > LATEST)
		return problem_set(ret_problem, PROBLEM_UNAVAILABLE,
		    "the database has schema version %u, and this program "
		    "knows %u: a later one has worked with it",
		    version, (unsigned)LATEST);
	return true;
}
