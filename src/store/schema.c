/* The tables, all named dmarc_, so that they may live beside others.
 *
 *	batch         a part of a claimed history file; its key makes an import
 *	              that is tried again harmless
 *	policy        a policy configuration, named by its digest
 *	row           alike messages of one batch and hour, with their number;
 *	              never changed; keyed so that a report is one range;
 *	              without a domain: who nobody is told about, by hour
 *	unsealed      what of a batch is in no report yet, by hour
 *	report        a sealed report; never changed
 *	report_batch  what is in it; the key keeps any batch's hour out of two
 *	delivery      a report on its way to one destination
 *	part          a report that is too large for one mail is several, which
 *	              share the report_batch of the first; the range of its rows
 *	part_row      the rows of such a report in order, sorted once: alike
 *	              ones have one place, so that a part reads its own only
 *	unsent        a report of which something may be to send; others need
 *	              not be looked at
 *	mail          what a report's mail measures, once it was made
 *	quiet         a part of unsealed that calls for no report by itself:
 *	              nothing but mail to report addresses
 *	suppression   who wants no reports, as the operator was told
 *	redirection   where the operator has a domain's reports sent, whatever
 *	              its record says
 *	sender        who reported and in which form, named by its digest
 *	seal          when a report was sealed, and as whose; never changed
 *
 * Times are seconds since 1970; an hour is named by its first second. Texts
 * are written as in the history (history_value_write), so ASCII is enough. */
#include "store/schema.h"

#define DOMAIN  "VARCHAR(255) NOT NULL"
#define DIGEST  "CHAR(32) NOT NULL"
#define NUMBER  "BIGINT NOT NULL"
#define LONG    "$TEXT NOT NULL"
#define WORD    "VARCHAR(32) NOT NULL"
#define ADDRESS "VARCHAR(1000) NOT NULL"
#define TABLE   "CREATE TABLE IF NOT EXISTS "

static const char *const version_1[] = {
    TABLE "dmarc_batch (id " NUMBER ", claim VARCHAR(64) NOT NULL,"
	  " first_byte " NUMBER ", last_byte " NUMBER ", entries " NUMBER
	  ", rejected " NUMBER ", added " NUMBER
	  ", PRIMARY KEY (claim, first_byte), UNIQUE (id))$END",
    TABLE "dmarc_policy (id " DIGEST ", p " WORD ", sp " WORD ", np " WORD
	  ", adkim " WORD ", aspf " WORD ", fo " LONG ", testing " WORD
	  ", discovery " WORD ", PRIMARY KEY (id))$END",
    TABLE "dmarc_row (policy_domain " DOMAIN ", policy " DIGEST ", hour " NUMBER
	  ", batch " NUMBER ", seq " NUMBER ", messages " NUMBER
	  ", source_ip VARCHAR(45) NOT NULL"
	  ", header_from " LONG ", envelope_from " LONG ", disposition " WORD
	  ", dkim_aligned " NUMBER ", spf_aligned " NUMBER ", reason " LONG
	  ", reason_comment " LONG ", dkim " LONG ", spf_domain " LONG
	  ", spf_result " WORD
	  ", PRIMARY KEY (policy_domain, policy, hour, batch, seq))$END",
    TABLE "dmarc_unsealed (policy_domain " DOMAIN ", policy " DIGEST
	  ", hour " NUMBER ", batch " NUMBER ", rua " LONG
	  ", PRIMARY KEY (policy_domain, policy, hour, batch))$END",
    TABLE "dmarc_report (id " DIGEST ", policy_domain " DOMAIN
	  ", policy " DIGEST ", period_begin " NUMBER ", period_end " NUMBER
	  ", seq " NUMBER ", rua " LONG ", PRIMARY KEY (id),"
	  " UNIQUE (policy_domain, period_begin, policy, seq),"
	  " UNIQUE (period_end, id))$END",
    TABLE "dmarc_report_batch (policy_domain " DOMAIN ", policy " DIGEST
	  ", hour " NUMBER ", batch " NUMBER ", report " DIGEST
	  ", PRIMARY KEY (policy_domain, policy, hour, batch))$END",
    TABLE "dmarc_delivery (report " DIGEST ", destination " ADDRESS
	  ", state " WORD ", tries " NUMBER ", next_try " NUMBER ", words " LONG
	  ", lease_until " NUMBER ", fence " NUMBER
	  ", PRIMARY KEY (report, destination))$END",
};

static const char *const version_2[] = {
    TABLE "dmarc_part (report " DIGEST ", part_of " DIGEST ", first_row " NUMBER
	  ", row_count " NUMBER ", PRIMARY KEY (report),"
	  " UNIQUE (part_of, first_row))$END",
    TABLE "dmarc_part_row (part_of " DIGEST ", place " NUMBER ", hour " NUMBER
	  ", batch " NUMBER ", seq " NUMBER
	  ", PRIMARY KEY (part_of, place, hour, batch, seq))$END",
    TABLE "dmarc_unsent (report " DIGEST ", PRIMARY KEY (report))$END",
    "INSERT INTO dmarc_unsent (report) SELECT r.id FROM dmarc_report r"
    " WHERE NOT EXISTS (SELECT 1 FROM dmarc_unsent u WHERE u.report = r.id)",
    TABLE "dmarc_mail (report " DIGEST ", xml_bytes " NUMBER
	  ", mail_bytes " NUMBER ", PRIMARY KEY (report))$END",
    TABLE "dmarc_quiet (policy_domain " DOMAIN ", policy " DIGEST
	  ", hour " NUMBER ", batch " NUMBER
	  ", PRIMARY KEY (policy_domain, policy, hour, batch))$END",
    TABLE "dmarc_suppression (address " ADDRESS ", added " NUMBER
	  ", words " LONG ", PRIMARY KEY (address))$END",
    TABLE "dmarc_redirection (policy_domain " DOMAIN ", added " NUMBER
	  ", rua " LONG ", PRIMARY KEY (policy_domain))$END",
};

static const char *const version_3[] = {
    TABLE "dmarc_sender (id " DIGEST ", format " WORD ", email " LONG
	  ", receiver " LONG ", organization " LONG ", contact " LONG
	  ", PRIMARY KEY (id))$END",
    TABLE "dmarc_seal (report " DIGEST ", sealed " NUMBER ", sender " DIGEST
	  ", PRIMARY KEY (report))$END",
};

static const struct migration versions[] = {
    {sizeof version_1 / sizeof *version_1, version_1},
    {sizeof version_2 / sizeof *version_2, version_2},
    {sizeof version_3 / sizeof *version_3, version_3},
};

const struct migrations schema_migrations = {
    sizeof versions / sizeof *versions, versions};

enum { STATEMENT_MAX = 4096 };

static const char version_table[] =
    TABLE "dmarc_schema_version (version " NUMBER ", applied " NUMBER
	  ", PRIMARY KEY (version))$END";

/* STATEMENT as DRIVER says it. */
static void
write_statement(
    struct build *sql, const struct db_driver *driver, const char *statement)
{
	const struct {
		struct text word;
		const char *means;
	} words[] = {
	    {TEXT("TEXT"), driver->types.text},
	    {TEXT("END"), driver->types.table_end},
	    {TEXT("CLOCK"), driver->clock},
	};
	struct text rest = text_from_cstr(statement);
	struct text plain = text_split(&rest, '$');

	build_text(sql, plain);
	while (rest.len > 0) {
		struct text part = text_split(&rest, '$');
		for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
			if (!text_starts(part, words[i].word))
				continue;
			build_cstr(sql, words[i].means);
			part = text_slice(part, words[i].word.len, part.len);
		}
		build_text(sql, part);
	}
}

static bool
run(struct db *db, const char *statement, const struct db_value *value,
    struct problem *ret_problem)
{
	struct build sql;

	build_init(&sql, STATEMENT_MAX);
	write_statement(&sql, db->driver, statement);
	build_byte(&sql, '\0');
	bool good = build_failed(&sql) ? problem_no_memory(ret_problem)
				       : db_exec(db,
					     &(const struct db_sql){sql.ptr,
						 value == NULL ? 0 : 1, value},
					     NULL, ret_problem);
	build_free(&sql);
	return good;
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

static const char note_version[] =
    "INSERT INTO dmarc_schema_version (version, applied) VALUES (?, $CLOCK)";

static bool
migrate(struct db *db, void *context, struct problem *ret_problem)
{
	const struct migrations *migrations = context;
	unsigned version;

	if (!run(db, version_table, NULL, ret_problem) ||
	    !schema_version(db, &version, ret_problem))
		return false;
	for (; version < migrations->count; version++) {
		const struct migration *migration = &migrations->at[version];
		const struct db_value number = db_number(version + 1);
		for (size_t i = 0; i < migration->count; i++) {
			if (!run(db, migration->statements[i], NULL,
				ret_problem))
				return false;
		}
		if (!run(db, note_version, &number, ret_problem))
			return false;
	}
	return true;
}

void
schema_write(struct build *sql, const struct db_driver *driver)
{
	write_statement(sql, driver, version_table);
	build_cstr(sql, ";\n");
	for (unsigned version = 0; version < schema_migrations.count;
	     version++) {
		const struct migration *migration = &versions[version];
		for (size_t i = 0; i < migration->count; i++) {
			write_statement(sql, driver, migration->statements[i]);
			build_cstr(sql, ";\n");
		}
		build_cstr(
		    sql, "INSERT INTO dmarc_schema_version (version, applied)");
		build_format(
		    sql, " VALUES (%u, %s);\n", version + 1, driver->clock);
	}
}

bool
schema_migrate(struct db *db, const struct migrations *migrations,
    struct problem *ret_problem)
{
	struct migrations wanted = *migrations;
	struct problem ignored = {0};
	unsigned version;

	/* Looking first: no lock is needed when there is nothing to do. */
	if (!schema_version(db, &version, &ignored) || version < wanted.count) {
		if (ignored.kind == PROBLEM_TEMPORARY)
			return problem_set(
			    ret_problem, ignored.kind, "%s", ignored.text);
		if (!db_transaction(db, migrate, &wanted, ret_problem) ||
		    !schema_version(db, &version, ret_problem))
			return false;
	}
	if (version > wanted.count)
		return problem_set(ret_problem, PROBLEM_UNAVAILABLE,
		    "the database has schema version %u, and this program "
		    "knows %u: a later one has worked with it",
		    version, wanted.count);
	return true;
}
