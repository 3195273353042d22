#include "store/sum.h"

#include "store/internal.h"
#include "store/row.h"

#define ALIKE                                                                  \
 "r.source_ip, r.header_from, r.envelope_from, r.disposition,"                 \
 " r.spf_domain, r.spf_result, r.dkim_aligned, r.spf_aligned, r.reason,"       \
 " r.reason_comment, r.dkim"

/* The batches of a report, P, and their rows, R: one range of dmarc_row. */
#define ROWS_OF(table)                                                         \
 " FROM " table " p JOIN dmarc_row r"                                          \
 " ON r.policy_domain = p.policy_domain AND r.policy = p.policy"               \
 " AND r.hour = p.hour AND r.batch = p.batch"                                  \
 " WHERE p.policy_domain = ? AND p.policy = ?"                                 \
 " AND p.hour >= ? AND p.hour <= ?"
#define ROWS_SEALED ROWS_OF("dmarc_report_batch") " AND p.report = ?"
#define IN_ORDER    " GROUP BY " ALIKE " ORDER BY " ALIKE

#define SEALED(columns)   "SELECT " columns ROWS_SEALED IN_ORDER
#define UNSEALED(columns) "SELECT " columns ROWS_OF("dmarc_unsealed") IN_ORDER
/* Nothing but the rows at these places is read; P comes first, as SQLite takes
 * CROSS JOIN. */
#define PLACED(columns)                                                        \
 "SELECT " columns " FROM dmarc_part_row p CROSS JOIN dmarc_row r"             \
 " WHERE r.policy_domain = ? AND r.policy = ?"                                 \
 " AND r.hour = p.hour AND r.batch = p.batch AND r.seq = p.seq"                \
 " AND p.part_of = ? AND p.place >= ? AND p.place < ?"                         \
 " GROUP BY p.place, " ALIKE " ORDER BY p.place"
#define COUNT_OF(rows)                                                         \
 "SELECT COUNT(*), COALESCE(SUM(g.messages), 0) FROM (" rows ") g"

#define TOLD    ALIKE ", SUM(r.messages)"
#define COUNTED "SUM(r.messages) AS messages"

enum { VALUES_MAX = 5 };

/* A question, in the words for each kind of report. */
struct question {
	const char *sealed;
	const char *unsealed;
	const char *placed;
};

static struct db_sql
statement(const struct sum *sum, const struct question *question,
    struct db_value values[VALUES_MAX])
{
	struct db_sql sql = {question->unsealed, 0, values};

	values[sql.count++] = db_text(sum->domain);
	values[sql.count++] = db_text(sum->policy);
	if (sum->count > 0) {
		sql.text = question->placed;
		values[sql.count++] = db_text(sum->report);
		values[sql.count++] = db_number(sum->first);
		values[sql.count++] = db_number(sum->first + sum->count);
		return sql;
	}
	values[sql.count++] = db_number(sum->span.begin);
	values[sql.count++] = db_number(sum->span.end);
	if (sum->report.len > 0) {
		sql.text = question->sealed;
		values[sql.count++] = db_text(sum->report);
	}
	return sql;
}

/* --- rows --- */

struct telling {
	store_row_fn *each;
	void *context;
	bool is_out_of_memory;
};

static void
read_dkim(struct arena *arena, struct text written, struct report_row *row)
{
	while (written.len > 0) {
		struct report_dkim *dkim = vec_push(arena, &row->dkim);
		if (dkim == NULL)
			return;
		dkim->domain = row_read(arena, text_split(&written, ' '));
		dkim->selector = row_read(arena, text_split(&written, ' '));
		dkim->result = text_split(&written, ' ');
	}
}

static void
read_reason(
    struct arena *arena, const struct db_row *from, struct report_row *row)
{
	struct text type = db_row_text(from, 8);
	struct report_reason *reason =
	    type.len == 0 ? NULL : vec_push(arena, &row->reasons);

	if (reason == NULL)
		return;
	reason->type = type;
	reason->comment = row_read(arena, db_row_text(from, 9));
}

static bool
tell_row(void *context, const struct db_row *from)
{
	struct telling *telling = context;
	struct arena *arena = arena_new(STORE_ARENA_MAX);

	if (arena == NULL) {
		telling->is_out_of_memory = true;
		return false;
	}
	struct report_row row = {
	    .source_ip = db_row_text(from, 0),
	    .header_from = row_read(arena, db_row_text(from, 1)),
	    .envelope_from = row_read(arena, db_row_text(from, 2)),
	    .has_envelope_from = db_row_text(from, 2).len > 0,
	    .disposition = db_row_text(from, 3),
	    .spf_domain = row_read(arena, db_row_text(from, 4)),
	    .spf_result = db_row_text(from, 5),
	    .dkim_aligned = db_row_number(from, 6) != 0,
	    .spf_aligned = db_row_number(from, 7) != 0,
	    .count = (uint64_t)db_row_number(from, 11),
	};
	read_reason(arena, from, &row);
	read_dkim(arena, db_row_text(from, 10), &row);
	telling->is_out_of_memory = arena_failed(arena);
	bool more =
	    !telling->is_out_of_memory && telling->each(telling->context, &row);
	arena_free(arena);
	return more;
}

static const struct question rows = {
    SEALED(TOLD), UNSEALED(TOLD), PLACED(TOLD)};

bool
sum_tell(struct db *db, const struct sum *sum, store_row_fn *each,
    void *context, struct problem *ret_problem)
{
	struct telling telling = {.each = each, .context = context};
	struct db_value values[VALUES_MAX];
	struct db_sql sql = statement(sum, &rows, values);

	return db_query(db, &sql, tell_row, &telling, ret_problem) &&
	       (!telling.is_out_of_memory || problem_no_memory(ret_problem));
}

static bool
take_numbers(void *context, const struct db_row *row)
{
	int64_t *numbers = context;

	numbers[0] = db_row_number(row, 0);
	numbers[1] = db_row_number(row, 1);
	return false;
}

static const struct question numbers_of_rows = {COUNT_OF(SEALED(COUNTED)),
    COUNT_OF(UNSEALED(COUNTED)), COUNT_OF(PLACED(COUNTED))};

bool
sum_count(struct db *db, const struct sum *sum, uint64_t *ret_rows,
    uint64_t *ret_messages, struct problem *ret_problem)
{
	struct db_value values[VALUES_MAX];
	struct db_sql sql = statement(sum, &numbers_of_rows, values);
	int64_t numbers[2] = {0, 0};

	if (!db_query(db, &sql, take_numbers, numbers, ret_problem))
		return false;
	*ret_rows = (uint64_t)numbers[0];
	*ret_messages = (uint64_t)numbers[1];
	return true;
}

/* --- parts --- */

bool
sum_place(struct db *db, const struct sum *sum, struct problem *ret_problem)
{
	return db_exec(db,
	    DB_SQL("INSERT INTO dmarc_part_row (part_of, place, hour, batch,"
		   " seq) SELECT ?, DENSE_RANK() OVER (ORDER BY " ALIKE ") - 1,"
		   " r.hour, r.batch, r.seq" ROWS_SEALED,
		db_text(sum->report), db_text(sum->domain),
		db_text(sum->policy), db_number(sum->span.begin),
		db_number(sum->span.end), db_text(sum->report)),
	    NULL, ret_problem);
}

struct part {
	struct arena *arena;
	struct sum *sum;
};

static bool
take_part(void *context, const struct db_row *row)
{
	const struct part *part = context;

	part->sum->report = arena_copy(part->arena, db_row_text(row, 0));
	part->sum->first = db_row_number(row, 1);
	part->sum->count = db_row_number(row, 2);
	return false;
}

bool
sum_of_report(struct db *db, struct arena *arena,
    const struct store_report *report, bool sealed, struct sum *ret_sum,
    struct problem *ret_problem)
{
	struct sum sum = {
	    .domain = report->policy.domain,
	    .span = {report->begin, report->end},
	    .report = sealed ? report->id : TEXT(""),
	};
	struct part part = {arena, &sum};

	if (!row_policy_id(
		arena, row_policy(arena, &report->policy), &sum.policy))
		return problem_no_memory(ret_problem);
	if (sealed && !db_query(db,
			  DB_SQL("SELECT part_of, first_row, row_count"
				 " FROM dmarc_part WHERE report = ?",
			      db_text(report->id)),
			  take_part, &part, ret_problem))
		return false;
	*ret_sum = sum;
	return !arena_failed(arena) || problem_no_memory(ret_problem);
}

bool
store_for_each_row(struct store *store, const struct store_report *report,
    bool sealed, store_row_fn *each, void *context, struct problem *ret_problem)
{
	struct arena *arena = arena_new(STORE_ARENA_MAX);
	struct sum sum = {.count = 0};

	if (arena == NULL)
		return problem_no_memory(ret_problem);
	bool good = sum_of_report(
			store->db, arena, report, sealed, &sum, ret_problem) &&
		    sum_tell(store->db, &sum, each, context, ret_problem);
	arena_free(arena);
	return good;
}
