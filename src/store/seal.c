/* Sealing: what of a finished period is in no report yet becomes one, for each
 * domain and policy, some hundred reports in a transaction. Two sealers meet at
 * the keys of dmarc_report (domain, period, policy, seq) and of
 * dmarc_report_batch; one of them tries again and finds nothing left to do. */
#include "store/internal.h"
#include "store/row.h"

#include "base/date.h"

#include <sys/random.h>

/* One period of one domain and policy. */
struct period {
	struct text domain;
	struct text policy;
	int64_t begin;
	int64_t end; /* inclusive */
};

enum { PERIODS_A_PAGE = 500 };

/* The DB_SQL values that choose what is unsealed in a period. */
#define PERIOD_VALUES(period)                                                  \
 db_text((period)->domain), db_text((period)->policy),                         \
     db_number((period)->begin), db_number((period)->end)
#define PERIOD_WHERE                                                           \
 " WHERE policy_domain = ? AND policy = ? AND hour >= ? AND hour <= ?"

static bool
random_id(char hex[32], struct problem *ret_problem)
{
	unsigned char byte[16];

	if (getrandom(byte, sizeof byte, 0) != (ssize_t)sizeof byte)
		return problem_set(
		    ret_problem, PROBLEM_SYSTEM, "no random bytes to be had");
	hex_write(hex, byte, sizeof byte);
	return true;
}

static bool
take_rua(void *context, const struct db_row *row)
{
	build_text(context, db_row_text(row, 0));
	return false;
}

static bool
insert_report(struct db *db, const struct period *period, struct text id,
    struct problem *ret_problem)
{
	struct build rua;
	int64_t seq = 0;

	build_init(&rua, SIZE_MAX);
	bool good =
	    db_query_number(db,
		DB_SQL("SELECT COALESCE(MAX(seq) + 1, 0) FROM dmarc_report"
		       " WHERE policy_domain = ? AND period_begin = ?"
		       " AND policy = ?",
		    db_text(period->domain), db_number(period->begin),
		    db_text(period->policy)),
		&seq, ret_problem) &&
	    db_query(db,
		DB_SQL(STORE_LAST_RUA("?", "?"), PERIOD_VALUES(period)),
		take_rua, &rua, ret_problem) &&
	    db_exec(db,
		DB_SQL("INSERT INTO dmarc_report (id, policy_domain, policy,"
		       " period_begin, period_end, seq, rua)"
		       " VALUES (?, ?, ?, ?, ?, ?, ?)",
		    db_text(id), PERIOD_VALUES(period), db_number(seq),
		    db_text(build_view(&rua))),
		NULL, ret_problem);
	build_free(&rua);
	return good;
}

static bool
seal_period(struct db *db, const struct period *period, uint64_t *made,
    struct problem *ret_problem)
{
	uint64_t batches;
	char hex[32];

	if (!random_id(hex, ret_problem))
		return false;
	struct text id = {hex, sizeof hex};
	/* What is being sealed does not expire. */
	if (!db_lock(db,
		DB_SQL("SELECT batch FROM dmarc_unsealed" PERIOD_WHERE,
		    PERIOD_VALUES(period)),
		ret_problem) ||
	    !db_exec(db,
		DB_SQL("INSERT INTO dmarc_report_batch (policy_domain, policy,"
		       " hour, batch, report) SELECT policy_domain, policy,"
		       " hour, batch, ? FROM dmarc_unsealed" PERIOD_WHERE,
		    db_text(id), PERIOD_VALUES(period)),
		&batches, ret_problem))
		return false;
	if (batches == 0)
		return true; /* another sealer was first */
	if (!insert_report(db, period, id, ret_problem))
		return false;
	(*made)++;
	if (!db_exec(db,
		DB_SQL("INSERT INTO dmarc_unsent (report) VALUES (?)",
		    db_text(id)),
		NULL, ret_problem))
		return false;
	/* Only what is in the report: a batch may have come since. */
	return db_exec(db,
	    DB_SQL("DELETE FROM dmarc_unsealed" PERIOD_WHERE
		   " AND EXISTS (SELECT 1 FROM dmarc_report_batch b"
		   " WHERE b.policy_domain = dmarc_unsealed.policy_domain"
		   " AND b.policy = dmarc_unsealed.policy"
		   " AND b.hour = dmarc_unsealed.hour"
		   " AND b.batch = dmarc_unsealed.batch)",
		PERIOD_VALUES(period)),
	    NULL, ret_problem);
}

/* --- the periods --- */

struct page {
	struct arena *arena;
	unsigned interval;
	VEC(struct period) periods;
	uint64_t made; /* reports */
};

static bool
take_period(void *context, const struct db_row *row)
{
	struct page *page = context;
	struct period *period = vec_push(page->arena, &page->periods);

	if (period == NULL)
		return false;
	period->domain = arena_copy(page->arena, db_row_text(row, 0));
	period->policy = arena_copy(page->arena, db_row_text(row, 1));
	period->begin = db_row_number(row, 2);
	period->end = period->begin + page->interval - 1;
	return true;
}

static bool
find_periods(struct store *store, struct page *page, int64_t limit,
    struct problem *ret_problem)
{
	if (!db_query(store->db,
		DB_SQL("SELECT policy_domain, policy, hour - hour % ?"
		       " FROM dmarc_unsealed WHERE hour < ?"
		       " GROUP BY policy_domain, policy, hour - hour % ?"
		       " ORDER BY policy_domain, policy LIMIT ?",
		    db_number(page->interval), db_number(limit),
		    db_number(page->interval), db_number(PERIODS_A_PAGE)),
		take_period, page, ret_problem))
		return false;
	return !arena_failed(page->arena) || problem_no_memory(ret_problem);
}

static bool
seal_page(struct db *db, void *context, struct problem *ret_problem)
{
	struct page *page = context;

	page->made = 0;
	for (size_t i = 0; i < page->periods.count; i++) {
		if (!seal_period(
			db, &page->periods.at[i], &page->made, ret_problem))
			return false;
	}
	return true;
}

/* What is final need not be looked at again. */
static bool
forget_sent(struct db *db, void *context, struct problem *ret_problem)
{
	(void)context;
	return db_exec(db,
	    DB_SQL_PLAIN("DELETE FROM dmarc_unsent"
			 " WHERE EXISTS (SELECT 1 FROM dmarc_delivery d"
			 " WHERE d.report = dmarc_unsent.report)"
			 " AND NOT EXISTS (SELECT 1 FROM dmarc_delivery d"
			 " WHERE d.report = dmarc_unsent.report"
			 " AND d.state = 'waiting')"),
	    NULL, ret_problem);
}

bool
store_seal(struct store *store, int64_t now, unsigned interval, unsigned delay,
    uint64_t *ret_reports, struct problem *ret_problem)
{
	int64_t limit = now - (int64_t)delay;
	uint64_t reports = 0;
	bool good = true;
	size_t found = 1;

	if (interval == 0 || interval % ROW_HOUR != 0 || DAY % interval != 0)
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "ReportInterval: %u seconds is not a whole number of hours "
		    "that divides a day",
		    interval);
	if (!db_transaction(store->db, forget_sent, NULL, ret_problem))
		return false;
	limit -= limit % (int64_t)interval;
	while (good && found > 0) {
		struct page page = {.interval = interval};
		page.arena = arena_new(STORE_ARENA_MAX);
		if (page.arena == NULL)
			return problem_no_memory(ret_problem);
		good = find_periods(store, &page, limit, ret_problem) &&
		       db_transaction(store->db, seal_page, &page, ret_problem);
		reports += page.made;
		found = page.periods.count;
		arena_free(page.arena);
	}
	if (good)
		*ret_reports = reports;
	return good;
}
