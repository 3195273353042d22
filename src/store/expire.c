/* Expiry: report by report, oldest first, and of each some batches at a time;
 * then what is in no report. No transaction is large; killed in between, the
 * next run goes on. */
#include "store/internal.h"

#include "base/date.h"

#include <string.h>

/* Of a transaction: looks at a report, and batches of rows deleted a look. */
enum {
	LOOKS = 50,
	PARTS_A_LOOK = 20,
	PLACES_A_LOOK = 2000,
	PARTS_A_PAGE = 500
};

/* A claim's file may be around long after it was read (ClaimKeep, at most a
 * year), and while it is, its batches say what was read of it. */
static const int64_t batch_kept = (int64_t)400 * DAY;

struct part {
	int64_t hour;
	int64_t batch;
};

/* A part by its whole name. */
struct key {
	struct text domain;
	struct text policy;
	int64_t hour;
	int64_t batch;
};

/* --- reports --- */

struct step {
	char report[32];
	int64_t before;
	int64_t unsent_before;
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

#define DELIVERED(report)                                                      \
 "EXISTS (SELECT 1 FROM dmarc_delivery d WHERE d.report = " report ")"
#define WAITS(report)                                                          \
 "EXISTS (SELECT 1 FROM dmarc_delivery d WHERE d.report = " report             \
 " AND d.state = 'waiting')"

/* A report that is final: it was sent, or why not was noted, and nothing of it
 * waits. Or one that is so old that this does not matter any more. One that was
 * divided is its first part, with which all others go. */
#define FINAL                                                                  \
 " FROM dmarc_report WHERE period_end < ?"                                     \
 " AND NOT EXISTS (SELECT 1 FROM dmarc_part q"                                 \
 " WHERE q.report = dmarc_report.id AND q.first_row > 0)"                      \
 " AND (period_end < ? OR (" DELIVERED("dmarc_report.id") " AND NOT " WAITS(   \
     "dmarc_report.id") " AND NOT EXISTS (SELECT 1 FROM dmarc_part q"          \
			" WHERE q.part_of = dmarc_report.id AND"               \
			" (NOT " DELIVERED("q.report") " OR " WAITS(           \
			    "q.report") "))))"

static bool
find_report(struct db *db, struct step *step, struct problem *ret_problem)
{
	step->is_found = false;
	return db_query(db,
	    DB_SQL("SELECT id, policy, policy_domain" FINAL
		   " ORDER BY period_end LIMIT 1",
		db_number(step->before), db_number(step->unsent_before)),
	    take_report, step, ret_problem);
}

/* From now on no delivery is added; one may have been since it was found. */
static bool
lock_report(struct db *db, const struct step *step, bool *ret_is_final,
    struct problem *ret_problem)
{
	struct text report = {step->report, sizeof step->report};
	int64_t final = 0;

	if (!db_lock(db,
		DB_SQL("SELECT id FROM dmarc_report WHERE id = ?",
		    db_text(report)),
		ret_problem) ||
	    !db_lock(db,
		DB_SQL("SELECT r.id FROM dmarc_part q JOIN dmarc_report r"
		       " ON r.id = q.report WHERE q.part_of = ?",
		    db_text(report)),
		ret_problem) ||
	    !db_query_number(db,
		DB_SQL("SELECT COUNT(*)" FINAL " AND id = ?",
		    db_number(step->before), db_number(step->unsent_before),
		    db_text(report)),
		&final, ret_problem))
		return false;
	*ret_is_final = final > 0;
	return true;
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

#define WHERE_PART                                                             \
 " WHERE policy_domain = ? AND policy = ? AND hour = ? AND batch = ?"
#define PART_VALUES(part)                                                      \
 db_text((part)->domain), db_text((part)->policy), db_number((part)->hour),    \
     db_number((part)->batch)

static bool
delete_rows(struct db *db, const struct key *key, uint64_t *rows,
    struct problem *ret_problem)
{
	uint64_t deleted = 0;

	if (!db_exec(db,
		DB_SQL("DELETE FROM dmarc_row" WHERE_PART, PART_VALUES(key)),
		&deleted, ret_problem) ||
	    !db_exec(db,
		DB_SQL("DELETE FROM dmarc_quiet" WHERE_PART, PART_VALUES(key)),
		NULL, ret_problem))
		return false;
	*rows += deleted;
	return true;
}

static bool
delete_part(struct db *db, struct step *step, const struct part *part,
    struct problem *ret_problem)
{
	const struct key key = {{step->domain, step->domain_len},
	    {step->policy, sizeof step->policy}, part->hour, part->batch};

	return delete_rows(db, &key, &step->rows, ret_problem) &&
	       db_exec(db,
		   DB_SQL("DELETE FROM dmarc_report_batch" WHERE_PART,
		       PART_VALUES(&key)),
		   NULL, ret_problem);
}

/* Of a report that was divided. */
static bool
delete_places(struct db *db, const struct step *step, uint64_t *ret_deleted,
    struct problem *ret_problem)
{
	struct text report = {step->report, sizeof step->report};
	int64_t first = 0;

	return db_query_number(db,
		   DB_SQL("SELECT COALESCE(MIN(place), 0) FROM dmarc_part_row"
			  " WHERE part_of = ?",
		       db_text(report)),
		   &first, ret_problem) &&
	       db_exec(db,
		   DB_SQL("DELETE FROM dmarc_part_row"
			  " WHERE part_of = ? AND place < ?",
		       db_text(report), db_number(first + PLACES_A_LOOK)),
		   ret_deleted, ret_problem);
}

struct names_of {
	struct arena *arena;
	VEC(struct text) ids;
};

static bool
take_name(void *context, const struct db_row *row)
{
	struct names_of *names = context;
	struct text *id = vec_push(names->arena, &names->ids);

	if (id != NULL)
		*id = arena_copy(names->arena, db_row_text(row, 0));
	return id != NULL;
}

struct statements {
	size_t count;
	const char *const *at; /* each with one hole, for an id */
};

static bool
exec_for_each(struct db *db, const struct statements *statements,
    struct names_of *names, struct text report, struct problem *ret_problem)
{
	/* Its own name is among those of its parts, if there are any. */
	if (!db_query(db,
		DB_SQL("SELECT report FROM dmarc_part WHERE part_of = ?",
		    db_text(report)),
		take_name, names, ret_problem))
		return false;
	if (names->ids.count == 0) {
		struct text *id = vec_push(names->arena, &names->ids);
		if (id != NULL)
			*id = report;
	}
	if (arena_failed(names->arena))
		return problem_no_memory(ret_problem);
	for (size_t i = 0; i < names->ids.count; i++) {
		for (size_t j = 0; j < statements->count; j++) {
			if (!db_exec(db,
				DB_SQL(statements->at[j],
				    db_text(names->ids.at[i])),
				NULL, ret_problem))
				return false;
		}
	}
	return true;
}

/* For a report and all its parts; by name, which is what tables are in order
 * of. */
static bool
exec_for_all(struct db *db, const struct statements *statements,
    const struct step *step, struct problem *ret_problem)
{
	struct text report = {step->report, sizeof step->report};
	struct names_of names = {.arena = arena_new(STORE_ARENA_MAX)};

	if (names.arena == NULL)
		return problem_no_memory(ret_problem);
	bool good = exec_for_each(db, statements, &names, report, ret_problem);
	arena_free(names.arena);
	return good;
}

#define STATEMENTS(list)                                                       \
 (&(const struct statements){sizeof(list) / sizeof *(list), (list)})

static bool
delete_report(struct db *db, struct step *step, struct problem *ret_problem)
{
	static const char *const each[] = {
	    "DELETE FROM dmarc_delivery WHERE report = ?",
	    "DELETE FROM dmarc_unsent WHERE report = ?",
	    "DELETE FROM dmarc_mail WHERE report = ?",
	    "DELETE FROM dmarc_seal WHERE report = ?",
	    "DELETE FROM dmarc_part WHERE report = ?",
	    "DELETE FROM dmarc_report WHERE id = ?",
	};

	return exec_for_all(db, STATEMENTS(each), step, ret_problem);
}

/* Of a report that takes several transactions nothing may be sent in between:
 * it would be a part of itself. What waits is final now, a lease on it is lost,
 * and the mark keeps it from being due and store_add_delivery from adding. */
static bool
withdraw_report(struct db *db, struct step *step, struct problem *ret_problem)
{
	static const char *const each[] = {
	    "UPDATE dmarc_delivery SET state = 'suppressed',"
	    " words = 'expired', lease_until = 0"
	    " WHERE report = ? AND state = 'waiting'",
	    "DELETE FROM dmarc_delivery"
	    " WHERE report = ? AND destination = '-'",
	    "INSERT INTO dmarc_delivery (report, destination, state, tries,"
	    " next_try, words, lease_until, fence)"
	    " SELECT id, '-', 'suppressed', 0, 0, 'expired', 0, 0"
	    " FROM dmarc_report WHERE id = ?",
	};

	return exec_for_all(db, STATEMENTS(each), step, ret_problem);
}

/* False in *step->is_found: no report is left. */
static bool
expire_some(struct db *db, struct step *step, struct problem *ret_problem)
{
	bool is_final = false;
	uint64_t places = 0;

	if (!find_report(db, step, ret_problem))
		return false;
	if (!step->is_found)
		return true;
	if (!lock_report(db, step, &is_final, ret_problem))
		return false;
	if (!is_final)
		return true;
	if (!find_parts(db, step, ret_problem) ||
	    !delete_places(db, step, &places, ret_problem))
		return false;
	for (size_t i = 0; i < step->count; i++) {
		if (!delete_part(db, step, &step->parts[i], ret_problem))
			return false;
	}
	return step->count == PARTS_A_LOOK || places > 0
		   ? withdraw_report(db, step, ret_problem)
		   : delete_report(db, step, ret_problem);
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

static bool
expire_reports(struct store *store, struct step *step, uint64_t *rows,
    struct problem *ret_problem)
{
	step->is_found = true;
	while (step->is_found) {
		if (!db_transaction(store->db, expire_step, step, ret_problem))
			return false;
		*rows += step->rows;
	}
	return true;
}

/* --- what is in no report --- */

struct page {
	int64_t unsent_before; /* a day's begin */
	struct arena *arena;
	VEC(struct key) keys;
	uint64_t rows;
};

static bool
take_key(void *context, const struct db_row *row)
{
	struct page *page = context;
	struct key *key = vec_push(page->arena, &page->keys);

	if (key == NULL)
		return false;
	key->domain = arena_copy(page->arena, db_row_text(row, 0));
	key->policy = arena_copy(page->arena, db_row_text(row, 1));
	key->hour = db_row_number(row, 2);
	key->batch = db_row_number(row, 3);
	return true;
}

/* Behind AFTER: all pages together are one look at the table. */
static bool
find_unsealed(struct store *store, struct page *page, const struct key *after,
    int64_t before, struct problem *ret_problem)
{
	if (!db_query(store->db,
		DB_SQL("SELECT policy_domain, policy, hour, batch"
		       " FROM dmarc_unsealed WHERE hour < ?"
		       " AND (policy_domain, policy, hour, batch)"
		       " > (?, ?, ?, ?)"
		       " ORDER BY policy_domain, policy, hour, batch LIMIT ?",
		    db_number(before), PART_VALUES(after),
		    db_number(PARTS_A_PAGE)),
		take_key, page, ret_problem))
		return false;
	return !arena_failed(page->arena) || problem_no_memory(ret_problem);
}

static int64_t
day_of(int64_t time)
{
	return time - time % DAY;
}

/* May a report be made of the part yet? Of a day all parts or none are kept,
 * since any of them may be in it. */
static bool
find_wanted(struct db *db, const struct page *page, const struct key *key,
    bool *ret_wanted, struct problem *ret_problem)
{
	int64_t day = day_of(key->hour);
	int64_t wanted = 0;

	if (day >= page->unsent_before &&
	    !db_query_number(db,
		DB_SQL("SELECT 1 FROM dmarc_unsealed WHERE policy_domain = ?"
		       " AND policy = ? AND hour >= ? AND hour < ?"
		       " AND rua <> '' LIMIT 1",
		    db_text(key->domain), db_text(key->policy), db_number(day),
		    db_number(day + DAY)),
		&wanted, ret_problem))
		return false;
	*ret_wanted = wanted > 0;
	return true;
}

static bool
is_same_day(const struct key *a, const struct key *b)
{
	return day_of(a->hour) == day_of(b->hour) &&
	       text_equal(a->domain, b->domain) &&
	       text_equal(a->policy, b->policy);
}

static bool
delete_unsealed(struct db *db, void *context, struct problem *ret_problem)
{
	struct page *page = context;
	bool is_wanted = false;

	page->rows = 0;
	for (size_t i = 0; i < page->keys.count; i++) {
		const struct key *key = &page->keys.at[i];
		uint64_t deleted;
		if ((i == 0 || !is_same_day(key, key - 1)) &&
		    !find_wanted(db, page, key, &is_wanted, ret_problem))
			return false;
		if (is_wanted)
			continue;
		if (!db_exec(db,
			DB_SQL("DELETE FROM dmarc_unsealed" WHERE_PART,
			    PART_VALUES(key)),
			&deleted, ret_problem))
			return false;
		/* 0: sealed since. */
		if (deleted > 0 &&
		    !delete_rows(db, key, &page->rows, ret_problem))
			return false;
	}
	return true;
}

static bool
expire_unsealed(struct store *store, int64_t before, int64_t unsent_before,
    uint64_t *rows, struct problem *ret_problem)
{
	struct key after = {TEXT(""), TEXT(""), 0, 0};
	struct arena *last = NULL; /* holds AFTER */
	bool good = true;
	bool more = true;

	while (good && more) {
		struct page page = {.unsent_before = unsent_before,
		    .arena = arena_new(STORE_ARENA_MAX)};
		good = page.arena != NULL || problem_no_memory(ret_problem);
		good =
		    good &&
		    find_unsealed(store, &page, &after, before, ret_problem) &&
		    db_transaction(
			store->db, delete_unsealed, &page, ret_problem);
		*rows += good ? page.rows : 0;
		more = page.keys.count == PARTS_A_PAGE;
		if (more)
			after = page.keys.at[page.keys.count - 1];
		arena_free(last);
		last = page.arena;
	}
	arena_free(last);
	return good;
}

/* --- what nobody is told about --- */

struct nobodys {
	int64_t before;
	uint64_t rows;
};

/* The oldest hour. */
static bool
delete_nobodys(struct db *db, void *context, struct problem *ret_problem)
{
	struct nobodys *nobodys = context;
	int64_t hour = nobodys->before;

	nobodys->rows = 0;
	if (!db_query_number(db,
		DB_SQL("SELECT hour FROM dmarc_row WHERE policy_domain = ''"
		       " AND policy = '' AND hour < ? ORDER BY hour LIMIT 1",
		    db_number(nobodys->before)),
		&hour, ret_problem))
		return false;
	return hour == nobodys->before ||
	       db_exec(db,
		   DB_SQL("DELETE FROM dmarc_row WHERE policy_domain = ''"
			  " AND policy = '' AND hour = ?",
		       db_number(hour)),
		   &nobodys->rows, ret_problem);
}

static bool
expire_nobodys(struct store *store, int64_t before, uint64_t *rows,
    struct problem *ret_problem)
{
	struct nobodys nobodys = {.before = before};

	do {
		if (!db_transaction(
			store->db, delete_nobodys, &nobodys, ret_problem))
			return false;
		*rows += nobodys.rows;
	} while (nobodys.rows > 0);
	return true;
}

/* --- the whole --- */

bool
store_expire_before(struct store *store, int64_t before, int64_t unsent_before,
    uint64_t *ret_rows, struct problem *ret_problem)
{
	struct step step = {.before = before, .unsent_before = unsent_before};
	int64_t day = day_of(before);
	uint64_t rows = 0;

	/* A day of which a part is in no report is expired as a whole, as the
	 * reports are. */
	if (!expire_reports(store, &step, &rows, ret_problem) ||
	    !expire_unsealed(
		store, day, day_of(unsent_before), &rows, ret_problem) ||
	    !expire_nobodys(store, day, &rows, ret_problem))
		return false;
	if (!db_exec(store->db,
		DB_SQL("DELETE FROM dmarc_batch WHERE added < ?",
		    db_number(before - batch_kept)),
		NULL, ret_problem))
		return false;
	*ret_rows = rows;
	return true;
}
