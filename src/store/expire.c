/* Expiry: report by report, oldest first, and of each some batches at a time, so
 * that no transaction is large. Killed in between, the next run goes on. */
#include "store/internal.h"

#include "base/date.h"

#include <string.h>

/* Of a transaction: looks at a report, and batches of rows deleted a look. */
enum { LOOKS = 50, PARTS_A_LOOK = 20 };

/* A claim's file may be around long after it was read (ClaimKeep, at most a
 * year), and while it is, its batches say what was read of it. */
static const int64_t batch_kept = (int64_t)400 * DAY;

struct part {
	int64_t hour;
	int64_t batch;
};

struct step {
	char report[32];
	int64_t before;
	uint64_t rows;
	bool is_found;
	size_t count;
	struct part parts[PARTS_A_LOOK];
	char policy[32];
	char domain[256];
	size_t domain_len;
};

static void
copy(char *to, size_t room, struct text from, size_t *ret_len)
{
	size_t len = from.len < room ? from.len : room;

	memcpy(to, from.ptr, len);
	if (ret_len != NULL)
		*ret_len = len;
}

static bool
take_report(void *context, const struct db_row *row)
{
	struct step *step = context;

	copy(step->report, sizeof step->report, db_row_text(row, 0), NULL);
	copy(step->policy, sizeof step->policy, db_row_text(row, 1), NULL);
	copy(step->domain, sizeof step->domain, db_row_text(row, 2),
	    &step->domain_len);
	step->is_found = true;
	return false;
}

static bool
take_part(void *context, const struct db_row *row)
{
	struct step *step = context;

	step->parts[step->count].hour = db_row_number(row, 0);
	step->parts[step->count].batch = db_row_number(row, 1);
	return ++step->count < PARTS_A_LOOK;
}

/* A report that is final: nothing of it waits to be sent. */
static bool
find_report(struct db *db, struct step *step, struct problem *ret_problem)
{
	step->is_found = false;
	return db_query(db,
	    DB_SQL("SELECT id, policy, policy_domain FROM dmarc_report"
		   " WHERE period_end < ? AND NOT EXISTS (SELECT 1"
		   " FROM dmarc_delivery d WHERE d.report = dmarc_report.id"
		   " AND d.state = 'waiting') ORDER BY period_end LIMIT 1",
		db_number(step->before)),
	    take_report, step, ret_problem);
}

static bool
find_parts(struct db *db, struct step *step, struct problem *ret_problem)
{
	step->count = 0;
	return db_query(db,
	    DB_SQL("SELECT hour, batch FROM dmarc_report_batch"
		   " WHERE policy_domain = ? AND policy = ? AND report = ?"
		   " LIMIT ?",
		db_text((struct text){step->domain, step->domain_len}),
		db_text((struct text){step->policy, sizeof step->policy}),
		db_text((struct text){step->report, sizeof step->report}),
		db_number(PARTS_A_LOOK)),
	    take_part, step, ret_problem);
}

static bool
delete_part(struct db *db, struct step *step, const struct part *part,
    struct problem *ret_problem)
{
	struct text domain = {step->domain, step->domain_len};
	struct text policy = {step->policy, sizeof step->policy};
	uint64_t rows = 0;

	if (!db_exec(db,
		DB_SQL("DELETE FROM dmarc_row WHERE policy_domain = ?"
		       " AND policy = ? AND hour = ? AND batch = ?",
		    db_text(domain), db_text(policy), db_number(part->hour),
		    db_number(part->batch)),
		&rows, ret_problem))
		return false;
	step->rows += rows;
	return db_exec(db,
	    DB_SQL("DELETE FROM dmarc_report_batch WHERE policy_domain = ?"
		   " AND policy = ? AND hour = ? AND batch = ?",
		db_text(domain), db_text(policy), db_number(part->hour),
		db_number(part->batch)),
	    NULL, ret_problem);
}

static bool
delete_report(struct db *db, struct step *step, struct problem *ret_problem)
{
	struct text report = {step->report, sizeof step->report};

	return db_exec(db,
		   DB_SQL("DELETE FROM dmarc_delivery WHERE report = ?",
		       db_text(report)),
		   NULL, ret_problem) &&
	       db_exec(db,
		   DB_SQL("DELETE FROM dmarc_report WHERE id = ?",
		       db_text(report)),
		   NULL, ret_problem);
}

/* False in *step->is_found: no report is left. */
static bool
expire_some(struct db *db, struct step *step, struct problem *ret_problem)
{
	if (!find_report(db, step, ret_problem))
		return false;
	if (!step->is_found)
		return true;
	if (!find_parts(db, step, ret_problem))
		return false;
	for (size_t i = 0; i < step->count; i++) {
		if (!delete_part(db, step, &step->parts[i], ret_problem))
			return false;
	}
	return step->count == PARTS_A_LOOK ||
	       delete_report(db, step, ret_problem);
}

static bool
expire_step(struct db *db, void *context, struct problem *ret_problem)
{
	struct step *step = context;

	step->rows = 0;
	step->is_found = true;
	for (int i = 0; i < LOOKS && step->is_found; i++) {
		if (!expire_some(db, step, ret_problem))
			return false;
	}
	return true;
}

bool
store_expire_before(struct store *store, int64_t before, uint64_t *ret_rows,
    struct problem *ret_problem)
{
	struct step step = {.before = before, .is_found = true};
	uint64_t rows = 0;

	while (step.is_found) {
		if (!db_transaction(store->db, expire_step, &step, ret_problem))
			return false;
		rows += step.rows;
	}
	if (!db_exec(store->db,
		DB_SQL("DELETE FROM dmarc_batch WHERE added < ?",
		    db_number(before - batch_kept)),
		NULL, ret_problem))
		return false;
	*ret_rows = rows;
	return true;
}
