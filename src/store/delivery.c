/* Deliveries. A lease is a conditional UPDATE by the database's own clock; each
 * one counts the fence up, so that who was too slow is recognised. */
#include "store/internal.h"
#include "store/row.h"

#include <stdio.h>

static const char *const state_words[] = {
    [DELIVERY_WAITING] = "waiting",
    [DELIVERY_ACCEPTED] = "accepted",
    [DELIVERY_REFUSED] = "refused",
    [DELIVERY_UNAUTHORIZED] = "unauthorized",
    [DELIVERY_UNWANTED] = "unwanted",
    [DELIVERY_SUPPRESSED] = "suppressed",
};
const struct names delivery_state_names = NAMES(state_words);

static struct text
state_word(enum delivery_state state)
{
	return text_from_cstr(names_word(&delivery_state_names, (int)state));
}

static bool
ask_clock(struct db *db, int64_t *ret_now, struct problem *ret_problem)
{
	char sql[128];

	(void)snprintf(sql, sizeof sql, "SELECT %s", db->driver->clock);
	return db_query_number(db, DB_SQL_PLAIN(sql), ret_now, ret_problem);
}

/* One delivery and what to do with it. */
struct task {
	struct text report;
	struct text destination; /* as written in the tables */
	struct text words;       /* likewise */
	const struct store_delivery *delivery;
	const struct store_mail *mail;
	unsigned seconds;
	uint64_t fence;
	bool is_ours;
};

/* WORK in a transaction, with the texts of TASK written. */
static bool
run(struct store *store, db_work_fn *work, struct task *task,
    struct problem *ret_problem)
{
	struct arena *arena = arena_new(STORE_ARENA_MAX);

	if (arena == NULL)
		return problem_no_memory(ret_problem);
	task->destination = row_write(arena, task->destination);
	if (task->delivery != NULL)
		task->words = row_write(arena, task->delivery->words);
	bool good = arena_failed(arena)
			? problem_no_memory(ret_problem)
			: db_transaction(store->db, work, task, ret_problem);
	arena_free(arena);
	return good;
}

static bool
add(struct db *db, void *context, struct problem *ret_problem)
{
	const struct task *task = context;
	const struct store_delivery *delivery = task->delivery;
	int64_t is_new = 0;

	/* Nor of a report that expires or is gone (store/expire.c). */
	if (!db_lock(db,
		DB_SQL("SELECT id FROM dmarc_report WHERE id = ?",
		    db_text(task->report)),
		ret_problem) ||
	    !db_query_number(db,
		DB_SQL("SELECT COUNT(*) FROM dmarc_report r WHERE r.id = ?"
		       " AND NOT EXISTS (SELECT 1 FROM dmarc_delivery d"
		       " WHERE d.report = r.id AND (d.destination = ? OR"
		       " (d.destination = '-' AND d.state = 'suppressed')))",
		    db_text(task->report), db_text(task->destination)),
		&is_new, ret_problem) ||
	    is_new == 0)
		return false;
	if (!db_exec(db,
		DB_SQL("INSERT INTO dmarc_delivery (report, destination, state,"
		       " tries, next_try, words, lease_until, fence)"
		       " VALUES (?, ?, ?, ?, ?, ?, 0, 0)",
		    db_text(task->report), db_text(task->destination),
		    db_text(state_word(delivery->state)),
		    db_number(delivery->tries), db_number(delivery->next),
		    db_text(task->words)),
		NULL, ret_problem))
		return false;
	/* It is there already, unless all others were just found final. */
	return delivery->state != DELIVERY_WAITING ||
	       db_exec(db,
		   DB_SQL("INSERT INTO dmarc_unsent (report)"
			  " SELECT r.id FROM dmarc_report r WHERE r.id = ?"
			  " AND NOT EXISTS (SELECT 1 FROM dmarc_unsent u"
			  " WHERE u.report = r.id)",
		       db_text(task->report)),
		   NULL, ret_problem);
}

bool
store_add_delivery(struct store *store, const struct store_delivery *delivery,
    struct problem *ret_problem)
{
	struct task task = {.report = delivery->report,
	    .destination = delivery->destination,
	    .delivery = delivery};

	return run(store, add, &task, ret_problem);
}

bool
store_delivery_is_due(const struct store_delivery *delivery, int64_t now)
{
	return delivery->state == DELIVERY_WAITING &&
	       (delivery->next <= now || delivery->next > now + STORE_WAIT_MAX);
}

/* Nobody has the lease; asked with the time, and STORE_WAIT_MAX later. */
#define AND_FREE " AND (lease_until <= ? OR lease_until > ?)"

static bool
lease(struct db *db, void *context, struct problem *ret_problem)
{
	struct task *task = context;
	uint64_t changed;
	int64_t now = 0;
	int64_t fence = 0;

	task->fence = 0;
	if (!ask_clock(db, &now, ret_problem) ||
	    !db_exec(db,
		DB_SQL("UPDATE dmarc_delivery"
		       " SET lease_until = ?, fence = fence + 1"
		       " WHERE report = ? AND destination = ? AND state = ?"
		       " AND (next_try <= ? OR next_try > ?)" AND_FREE,
		    db_number(now + (int64_t)task->seconds),
		    db_text(task->report), db_text(task->destination),
		    db_text(state_word(DELIVERY_WAITING)), db_number(now),
		    db_number(now + STORE_WAIT_MAX), db_number(now),
		    db_number(now + STORE_WAIT_MAX)),
		&changed, ret_problem) ||
	    changed == 0 ||
	    !db_query_number(db,
		DB_SQL("SELECT fence FROM dmarc_delivery"
		       " WHERE report = ? AND destination = ?",
		    db_text(task->report), db_text(task->destination)),
		&fence, ret_problem))
		return false;
	task->fence = (uint64_t)fence;
	return true;
}

bool
store_lease_delivery(struct store *store, struct text report,
    struct text destination, unsigned seconds, uint64_t *ret_fence,
    struct problem *ret_problem)
{
	struct task task = {
	    .report = report, .destination = destination, .seconds = seconds};

	if (!run(store, lease, &task, ret_problem))
		return false;
	*ret_fence = task.fence;
	return true;
}

static bool
check(struct db *db, void *context, struct problem *ret_problem)
{
	struct task *task = context;
	int64_t now = 0;
	int64_t ours = 0;

	if (!ask_clock(db, &now, ret_problem) ||
	    !db_query_number(db,
		DB_SQL("SELECT COUNT(*) FROM dmarc_delivery WHERE report = ?"
		       " AND destination = ? AND fence = ? AND lease_until > ?",
		    db_text(task->report), db_text(task->destination),
		    db_number((int64_t)task->fence), db_number(now)),
		&ours, ret_problem))
		return false;
	task->is_ours = ours > 0;
	return true;
}

bool
store_check_fence(struct store *store, struct text report,
    struct text destination, uint64_t fence, bool *ret_ours,
    struct problem *ret_problem)
{
	struct task task = {
	    .report = report, .destination = destination, .fence = fence};

	if (!run(store, check, &task, ret_problem))
		return false;
	*ret_ours = task.is_ours;
	return true;
}

static bool
forget(struct db *db, void *context, struct problem *ret_problem)
{
	const struct task *task = context;
	int64_t now = 0;

	return ask_clock(db, &now, ret_problem) &&
	       db_exec(db,
		   DB_SQL("DELETE FROM dmarc_delivery WHERE report = ?"
			  " AND destination = ? AND state = ?" AND_FREE,
		       db_text(task->report), db_text(task->destination),
		       db_text(state_word(DELIVERY_WAITING)), db_number(now),
		       db_number(now + STORE_WAIT_MAX)),
		   NULL, ret_problem);
}

bool
store_forget_delivery(struct store *store, struct text report,
    struct text destination, struct problem *ret_problem)
{
	struct task task = {.report = report, .destination = destination};

	return run(store, forget, &task, ret_problem);
}

static bool
note_mail(struct db *db, const struct task *task, struct problem *ret_problem)
{
	const struct store_mail *mail = task->mail;

	return db_exec(db,
	    DB_SQL("INSERT INTO dmarc_mail (report, xml_bytes, mail_bytes)"
		   " SELECT r.id, ?, ? FROM dmarc_report r"
		   " WHERE r.id = ? AND NOT EXISTS"
		   " (SELECT 1 FROM dmarc_mail m WHERE m.report = r.id)",
		db_number((int64_t)mail->xml_bytes),
		db_number((int64_t)mail->mail_bytes), db_text(task->report)),
	    NULL, ret_problem);
}

static bool
finish(struct db *db, void *context, struct problem *ret_problem)
{
	struct task *task = context;
	const struct store_delivery *delivery = task->delivery;
	uint64_t changed = 0;

	/* A lease that ran out, but that nobody took since, is still good. */
	bool good = db_exec(db,
	    DB_SQL("UPDATE dmarc_delivery SET state = ?, tries = ?,"
		   " next_try = ?, words = ?, lease_until = 0"
		   " WHERE report = ? AND destination = ? AND fence = ?"
		   " AND lease_until > 0",
		db_text(state_word(delivery->state)),
		db_number(delivery->tries), db_number(delivery->next),
		db_text(task->words), db_text(task->report),
		db_text(task->destination), db_number((int64_t)task->fence)),
	    &changed, ret_problem);
	task->is_ours = changed > 0;
	return good && (changed == 0 || task->mail == NULL ||
			   note_mail(db, task, ret_problem));
}

bool
store_finish_delivery(struct store *store, uint64_t fence,
    const struct store_delivery *delivery, const struct store_mail *mail,
    struct problem *ret_problem)
{
	struct task task = {.report = delivery->report,
	    .destination = delivery->destination,
	    .delivery = delivery,
	    .mail = mail,
	    .fence = fence};

	if (!run(store, finish, &task, ret_problem))
		return false;
	return task.is_ours ||
	       problem_set(ret_problem, PROBLEM_TEMPORARY,
		   "report " TEXT_FMT ": the lease on " TEXT_FMT
		   " was lost to another sender",
		   TEXT_ARG(delivery->report), TEXT_ARG(delivery->destination));
}

/* --- the list --- */

struct list {
	struct arena *arena;
	struct text report;
	VEC(struct store_delivery) deliveries;
};

static bool
take(void *context, const struct db_row *row)
{
	struct list *list = context;
	struct store_delivery *delivery =
	    vec_push(list->arena, &list->deliveries);

	if (delivery == NULL)
		return false;
	int state = names_find(&delivery_state_names, db_row_text(row, 1));
	delivery->report = list->report;
	delivery->destination = row_read(list->arena, db_row_text(row, 0));
	delivery->state =
	    state < 0 ? DELIVERY_SUPPRESSED : (enum delivery_state)state;
	delivery->tries = (unsigned)db_row_number(row, 2);
	delivery->next = db_row_number(row, 3);
	delivery->words = row_read(list->arena, db_row_text(row, 4));
	return true;
}

bool
store_for_each_delivery(struct store *store, struct text report,
    store_delivery_fn *each, void *context, struct problem *ret_problem)
{
	struct list list = {
	    .arena = arena_new(STORE_ARENA_MAX), .report = report};

	if (list.arena == NULL)
		return problem_no_memory(ret_problem);
	bool good = db_query(store->db,
	    DB_SQL("SELECT destination, state, tries, next_try, words"
		   " FROM dmarc_delivery WHERE report = ?"
		   " ORDER BY destination",
		db_text(report)),
	    take, &list, ret_problem);
	if (arena_failed(list.arena))
		good = problem_no_memory(ret_problem);
	for (size_t i = 0; good && i < list.deliveries.count; i++) {
		if (!each(context, &list.deliveries.at[i]))
			break;
	}
	arena_free(list.arena);
	return good;
}
