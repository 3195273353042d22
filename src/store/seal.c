/* Sealing: what of a finished period is in no report yet becomes one, for each
 * domain and policy, some hundred reports in a transaction. Two sealers meet at
 * the keys of dmarc_report (domain, period, policy, seq) and of
 * dmarc_report_batch; one of them tries again and finds nothing left to do. */
#include "store/internal.h"
#include "store/row.h"
#include "store/sum.h"

#include "base/date.h"

#include <sys/random.h>

/* One period of one domain and policy. */
struct period {
	struct text domain;
	struct text policy;
	int64_t begin;
	int64_t end;  /* inclusive */
	int64_t hour; /* one in it that is to be sealed */
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

/* --- a report --- */

/* What is being made of a period. */
struct making {
	struct db *db;
	const struct store_sealing *sealing;
	struct text sender; /* its name in the tables */
	const struct period *period;
	char first[32]; /* the id of the report that has the batches */
	int64_t seq;    /* of the next one */
	struct build rua;
	bool is_quiet;
	uint64_t made; /* reports */
};

static struct text
first_id(const struct making *making)
{
	return (struct text){making->first, sizeof making->first};
}

/* Nobody is asked to whom it goes. */
static bool
close_report(struct db *db, struct text id, struct problem *ret_problem)
{
	return db_exec(db,
	    DB_SQL("INSERT INTO dmarc_delivery (report, destination, state,"
		   " tries, next_try, words, lease_until, fence)"
		   " VALUES (?, '-', 'suppressed', 0, 0, ?, 0, 0)",
		db_text(id),
		db_text(
		    TEXT("nothing%20but%20mail%20to%20report%20addresses"))),
	    NULL, ret_problem);
}

static bool
insert_report(
    struct making *making, struct text id, struct problem *ret_problem)
{
	if (!db_exec(making->db,
		DB_SQL("INSERT INTO dmarc_report (id, policy_domain, policy,"
		       " period_begin, period_end, seq, rua)"
		       " VALUES (?, ?, ?, ?, ?, ?, ?)",
		    db_text(id), PERIOD_VALUES(making->period),
		    db_number(making->seq++),
		    db_text(build_view(&making->rua))),
		NULL, ret_problem))
		return false;
	making->made++;
	if (!db_exec(making->db,
		DB_SQL("INSERT INTO dmarc_seal (report, sealed, sender)"
		       " VALUES (?, ?, ?)",
		    db_text(id), db_number(making->sealing->now),
		    db_text(making->sender)),
		NULL, ret_problem))
		return false;
	if (making->is_quiet)
		return close_report(making->db, id, ret_problem);
	return db_exec(making->db,
	    DB_SQL("INSERT INTO dmarc_unsent (report) VALUES (?)", db_text(id)),
	    NULL, ret_problem);
}

/* --- parts --- */

/* Sizes of rows as XML, and the parts that they make. */
struct measure {
	struct aggregate aggregate;
	struct build row;
	struct arena *arena;
	uint64_t rows_max;
	uint64_t bytes;     /* of the last part */
	VEC(int64_t) parts; /* the number of rows of each */
};

static bool
measure_row(void *context, const struct report_row *row)
{
	struct measure *measure = context;

	build_cut(&measure->row, 0);
	aggregate_row(&measure->aggregate, row);
	uint64_t bytes = measure->row.len;
	if (build_failed(&measure->row))
		return false;
	if (measure->parts.count == 0 ||
	    measure->bytes + bytes > measure->rows_max) {
		int64_t *part = vec_push(measure->arena, &measure->parts);
		if (part == NULL)
			return false;
		measure->bytes = 0;
	}
	measure->bytes += bytes;
	measure->parts.at[measure->parts.count - 1]++;
	return true;
}

static bool
insert_part(const struct making *making, struct text id, int64_t first,
    int64_t count, struct problem *ret_problem)
{
	return db_exec(making->db,
	    DB_SQL("INSERT INTO dmarc_part (report, part_of, first_row,"
		   " row_count) VALUES (?, ?, ?, ?)",
		db_text(id), db_text(first_id(making)), db_number(first),
		db_number(count)),
	    NULL, ret_problem);
}

static bool
insert_parts(struct making *making, const struct measure *measure,
    struct problem *ret_problem)
{
	int64_t first = measure->parts.at[0];

	if (!insert_part(making, first_id(making), 0, first, ret_problem))
		return false;
	for (size_t i = 1; i < measure->parts.count; i++) {
		int64_t count = measure->parts.at[i];
		char hex[32];
		struct text id = {hex, sizeof hex};
		if (!random_id(hex, ret_problem) ||
		    !insert_report(making, id, ret_problem) ||
		    !insert_part(making, id, first, count, ret_problem))
			return false;
		first += count;
	}
	return true;
}

/* Of rows that are not summed, of which there are more. A byte as written is at
 * most six of XML; a signature is nine bytes at least ("a b pass "), and its
 * elements need some 130 more. */
#define ROWS_SIZE                                                              \
 "SELECT COALESCE(SUM(1500 + 6 * (LENGTH(r.source_ip) + LENGTH(r.header_from)" \
 " + LENGTH(r.envelope_from) + LENGTH(r.spf_domain) + LENGTH(r.reason)"        \
 " + LENGTH(r.reason_comment)) + 24 * LENGTH(r.dkim)), 0)"                     \
 " FROM dmarc_report_batch p JOIN dmarc_row r"                                 \
 " ON r.policy_domain = p.policy_domain AND r.policy = p.policy"               \
 " AND r.hour = p.hour AND r.batch = p.batch"                                  \
 " WHERE p.policy_domain = ? AND p.policy = ?"                                 \
 " AND p.hour >= ? AND p.hour <= ? AND p.report = ?"

/* It is small enough after all. */
static bool
forget_places(const struct making *making, struct problem *ret_problem)
{
	return db_exec(making->db,
	    DB_SQL("DELETE FROM dmarc_part_row WHERE part_of = ?",
		db_text(first_id(making))),
	    NULL, ret_problem);
}

/* Sorted once, and measured as each part will be read. */
static bool
divide(
    struct making *making, struct measure *measure, struct problem *ret_problem)
{
	const struct period *period = making->period;
	struct sum sum = {.domain = period->domain,
	    .policy = period->policy,
	    .span = {period->begin, period->end},
	    .report = first_id(making)};

	if (!sum_place(making->db, &sum, ret_problem))
		return false;
	sum.count = INT64_MAX;
	if (!sum_tell(making->db, &sum, measure_row, measure, ret_problem))
		return false;
	if (arena_failed(measure->arena) || build_failed(&measure->row))
		return problem_no_memory(ret_problem);
	return measure->parts.count < 2
		   ? forget_places(making, ret_problem)
		   : insert_parts(making, measure, ret_problem);
}

/* Nearly every report is so small that nothing need be measured. */
static bool
divide_large(struct making *making, struct problem *ret_problem)
{
	const struct store_sealing *sealing = making->sealing;
	struct measure measure = {.rows_max = sealing->rows_max};
	int64_t size = 0;

	if (sealing->rows_max == 0 || making->is_quiet)
		return true;
	if (!db_query_number(making->db,
		DB_SQL(ROWS_SIZE, PERIOD_VALUES(making->period),
		    db_text(first_id(making))),
		&size, ret_problem))
		return false;
	if ((uint64_t)size <= sealing->rows_max)
		return true;
	measure.arena = arena_new(STORE_ARENA_MAX);
	if (measure.arena == NULL)
		return problem_no_memory(ret_problem);
	build_init(&measure.row, STORE_ARENA_MAX);
	measure.aggregate =
	    (struct aggregate){&measure.row, sealing->sender.format};
	bool good = divide(making, &measure, ret_problem);
	build_free(&measure.row);
	arena_free(measure.arena);
	return good;
}

/* --- a period --- */

/* Of the batches that are in the report now: what was seen last of the domain,
 * and whether anything in them calls for a report. */
static bool
look(struct making *making, struct problem *ret_problem)
{
	const struct period *period = making->period;
	int64_t loud = 0;

	if (!db_query_number(making->db,
		DB_SQL("SELECT COALESCE(MAX(seq) + 1, 0) FROM dmarc_report"
		       " WHERE policy_domain = ? AND period_begin = ?"
		       " AND policy = ?",
		    db_text(period->domain), db_number(period->begin),
		    db_text(period->policy)),
		&making->seq, ret_problem) ||
	    !db_query(making->db,
		DB_SQL(STORE_LAST_RUA("?", "?"), PERIOD_VALUES(period)),
		take_rua, &making->rua, ret_problem) ||
	    !db_query_number(making->db,
		DB_SQL("SELECT 1 FROM dmarc_report_batch b" PERIOD_WHERE
		       " AND report = ? AND NOT EXISTS"
		       " (SELECT 1 FROM dmarc_quiet q"
		       " WHERE q.policy_domain = b.policy_domain"
		       " AND q.policy = b.policy AND q.hour = b.hour"
		       " AND q.batch = b.batch) LIMIT 1",
		    PERIOD_VALUES(period), db_text(first_id(making))),
		&loud, ret_problem))
		return false;
	making->is_quiet = loud == 0;
	return !build_failed(&making->rua) || problem_no_memory(ret_problem);
}

/* What is being sealed does not expire. */
static bool
take_batches(
    struct making *making, uint64_t *ret_batches, struct problem *ret_problem)
{
	const struct period *period = making->period;

	return db_lock(making->db,
		   DB_SQL("SELECT batch FROM dmarc_unsealed" PERIOD_WHERE,
		       PERIOD_VALUES(period)),
		   ret_problem) &&
	       db_exec(making->db,
		   DB_SQL("INSERT INTO dmarc_report_batch (policy_domain,"
			  " policy, hour, batch, report) SELECT policy_domain,"
			  " policy, hour, batch, ? FROM"
			  " dmarc_unsealed" PERIOD_WHERE,
		       db_text(first_id(making)), PERIOD_VALUES(period)),
		   ret_batches, ret_problem);
}

/* Only what is in the report: a batch may have come since. */
static bool
leave_batches(const struct making *making, struct problem *ret_problem)
{
	return db_exec(making->db,
	    DB_SQL("DELETE FROM dmarc_unsealed" PERIOD_WHERE
		   " AND EXISTS (SELECT 1 FROM dmarc_report_batch b"
		   " WHERE b.policy_domain = dmarc_unsealed.policy_domain"
		   " AND b.policy = dmarc_unsealed.policy"
		   " AND b.hour = dmarc_unsealed.hour"
		   " AND b.batch = dmarc_unsealed.batch)",
		PERIOD_VALUES(making->period)),
	    NULL, ret_problem);
}

static bool
seal_period(struct making *making, struct problem *ret_problem)
{
	uint64_t batches;

	if (!random_id(making->first, ret_problem) ||
	    !take_batches(making, &batches, ret_problem))
		return false;
	if (batches == 0)
		return true; /* another sealer was first */
	return look(making, ret_problem) &&
	       insert_report(making, first_id(making), ret_problem) &&
	       divide_large(making, ret_problem) &&
	       leave_batches(making, ret_problem);
}

/* --- the periods --- */

struct page {
	struct arena *arena;
	const struct store_sealing *sealing;
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
	period->end = period->begin + page->sealing->interval - 1;
	period->hour = db_row_number(row, 3);
	return true;
}

static bool
find_periods(struct store *store, struct page *page, int64_t limit,
    struct problem *ret_problem)
{
	if (!db_query(store->db,
		DB_SQL("SELECT policy_domain, policy, hour - hour % ?,"
		       " MIN(hour) FROM dmarc_unsealed WHERE hour < ?"
		       " GROUP BY policy_domain, policy, hour - hour % ?"
		       " ORDER BY policy_domain, policy LIMIT ?",
		    db_number(page->sealing->interval), db_number(limit),
		    db_number(page->sealing->interval),
		    db_number(PERIODS_A_PAGE)),
		take_period, page, ret_problem))
		return false;
	return !arena_failed(page->arena) || problem_no_memory(ret_problem);
}

/* Once; *ret_id names it. */
static bool
add_sender(struct db *db, const struct page *page, struct text *ret_id,
    struct problem *ret_problem)
{
	const struct store_sender *sender = &page->sealing->sender;
	struct arena *arena = page->arena;
	const char *format =
	    names_word(&report_format_names, (int)sender->format);
	const struct text texts[] = {text_from_cstr(format),
	    row_write(arena, sender->email), row_write(arena, sender->receiver),
	    row_write(arena, sender->organization),
	    row_write(arena, sender->contact)};
	struct text whole = TEXT("");
	struct db_value values[6];
	int64_t there = 0;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		whole = arena_format(arena, TEXT_FMT " " TEXT_FMT,
		    TEXT_ARG(whole), TEXT_ARG(texts[i]));
		values[i + 1] = db_text(texts[i]);
	}
	if (!row_policy_id(arena, whole, ret_id))
		return problem_no_memory(ret_problem);
	values[0] = db_text(*ret_id);
	if (!db_query_number(db,
		DB_SQL("SELECT COUNT(*) FROM dmarc_sender WHERE id = ?",
		    values[0]),
		&there, ret_problem))
		return false;
	return there > 0 ||
	       db_exec(db,
		   &(const struct db_sql){
		       "INSERT INTO dmarc_sender (id, format, email, receiver,"
		       " organization, contact) VALUES (?, ?, ?, ?, ?, ?)",
		       sizeof values / sizeof *values, values},
		   NULL, ret_problem);
}

/* A sealed report of an interval that was another one. */
static bool
take_neighbour(void *context, const struct db_row *row)
{
	struct period *period = context;
	int64_t begin = db_row_number(row, 0);
	int64_t end = db_row_number(row, 1);

	if (end < period->hour) {
		if (period->begin <= end)
			period->begin = end + 1;
	} else if (begin > period->hour) {
		if (period->end >= begin)
			period->end = begin - 1;
	} else {
		period->begin = begin;
		period->end = end;
		return false;
	}
	return true;
}

/* Periods of one domain and policy do not overlap (RFC 9990 3.1.1.4): what
 * comes late to one that was sealed is a supplement to it, and a new one lies
 * between those. The rest of it is found again. */
static bool
fit_period(struct db *db, struct period *period, struct problem *ret_problem)
{
	return db_query(db,
	    DB_SQL("SELECT period_begin, period_end FROM dmarc_report"
		   " WHERE policy_domain = ? AND policy = ?"
		   " AND period_begin > ? AND period_begin <= ?"
		   " AND period_end >= ? ORDER BY period_begin DESC",
		db_text(period->domain), db_text(period->policy),
		db_number(period->begin - DAY), db_number(period->end),
		db_number(period->begin)),
	    take_neighbour, period, ret_problem);
}

static bool
seal_page(struct db *db, void *context, struct problem *ret_problem)
{
	struct page *page = context;
	struct text sender = TEXT("");
	bool good = page->periods.count == 0 ||
		    add_sender(db, page, &sender, ret_problem);

	page->made = 0;
	for (size_t i = 0; good && i < page->periods.count; i++) {
		struct period period = page->periods.at[i];
		struct making making = {.db = db,
		    .sealing = page->sealing,
		    .sender = sender,
		    .period = &period};
		build_init(&making.rua, SIZE_MAX);
		good = fit_period(db, &period, ret_problem) &&
		       seal_period(&making, ret_problem);
		page->made += making.made;
		build_free(&making.rua);
	}
	return good;
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
store_seal(struct store *store, const struct store_sealing *sealing,
    uint64_t *ret_reports, struct problem *ret_problem)
{
	unsigned interval = sealing->interval;
	int64_t limit = sealing->now - (int64_t)sealing->delay;
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
		struct page page = {.sealing = sealing};
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
