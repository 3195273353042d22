/* Directives: what the operator says about who gets reports, in two tables
 * that a name is looked up in. */
#include "store/internal.h"
#include "store/row.h"

#include "dns/name.h"
#include "mail/mailbox.h"

enum { ADDRESS_MAX = 254, URIS_MAX = 2048 };

/* A table, and the SQL of it. */
struct table {
	const char *count, *delete, *insert;
};

static const struct table suppressions = {
    "SELECT COUNT(*) FROM dmarc_suppression WHERE address = ?",
    "DELETE FROM dmarc_suppression WHERE address = ?",
    "INSERT INTO dmarc_suppression (address, added, words) VALUES (?, ?, ?)",
};
static const struct table redirections = {
    "SELECT COUNT(*) FROM dmarc_redirection WHERE policy_domain = ?",
    "DELETE FROM dmarc_redirection WHERE policy_domain = ?",
    "INSERT INTO dmarc_redirection (policy_domain, added, rua)"
    " VALUES (?, ?, ?)",
};

struct change {
	const struct table *table;
	struct arena *arena;
	struct text key; /* as written in the table */
	int64_t added;
	struct text value; /* likewise */
	bool was_there;
};

/* --- keys --- */

static bool
set_address(struct change *change, struct text who, struct problem *ret_problem)
{
	size_t at = text_find_last(who, '@');
	struct text domain =
	    at == who.len ? who : text_slice(who, at + 1, who.len);

	if (who.len > ADDRESS_MAX || !dns_name_is_ldh(domain))
		return problem_set(ret_problem, PROBLEM_USAGE,
		    "neither an address nor a domain; write one such as"
		    " reports@example.org or @example.org");
	who = at == who.len ? arena_join(change->arena, TEXT("@"), who) : who;
	change->key = row_write(change->arena, arena_lower(change->arena, who));
	return true;
}

static bool
set_domain(
    struct change *change, struct text domain, struct problem *ret_problem)
{
	if (!dns_name_is_ldh(domain))
		return problem_set(ret_problem, PROBLEM_USAGE,
		    "no domain; write one such as example.org");
	change->key = arena_lower(change->arena, domain);
	return true;
}

/* --- changes --- */

static bool
replace(struct db *db, void *context, struct problem *ret_problem)
{
	const struct change *change = context;

	return db_exec(db, DB_SQL(change->table->delete, db_text(change->key)),
		   NULL, ret_problem) &&
	       db_exec(db,
		   DB_SQL(change->table->insert, db_text(change->key),
		       db_number(change->added), db_text(change->value)),
		   NULL, ret_problem);
}

static bool
take_away(struct db *db, void *context, struct problem *ret_problem)
{
	struct change *change = context;
	int64_t there = 0;

	if (!db_query_number(db,
		DB_SQL(change->table->count, db_text(change->key)), &there,
		ret_problem))
		return false;
	/* Kept over a try whose outcome is not known. */
	change->was_there = change->was_there || there > 0;
	return db_exec(db, DB_SQL(change->table->delete, db_text(change->key)),
	    NULL, ret_problem);
}

typedef bool set_key_fn(
    struct change *change, struct text name, struct problem *ret_problem);

/* WORK in a transaction; NAME and VALUE are written for the table. */
static bool
run(struct store *store, db_work_fn *work, struct change *change,
    set_key_fn *set_key, struct text name, struct problem *ret_problem)
{
	change->arena = arena_new(STORE_ARENA_MAX);
	if (change->arena == NULL)
		return problem_no_memory(ret_problem);
	change->value = row_write(change->arena, change->value);
	bool good =
	    set_key(change, name, ret_problem) &&
	    (!arena_failed(change->arena) || problem_no_memory(ret_problem)) &&
	    db_transaction(store->db, work, change, ret_problem);
	arena_free(change->arena);
	return good;
}

bool
store_suppress(struct store *store, const struct store_suppression *suppression,
    struct problem *ret_problem)
{
	struct change change = {.table = &suppressions,
	    .added = suppression->added,
	    .value = suppression->words};

	return run(store, replace, &change, set_address, suppression->who,
	    ret_problem);
}

bool
store_allow(struct store *store, struct text who, bool *ret_was_suppressed,
    struct problem *ret_problem)
{
	struct change change = {.table = &suppressions, .value = TEXT("")};
	bool good =
	    run(store, take_away, &change, set_address, who, ret_problem);

	*ret_was_suppressed = change.was_there;
	return good;
}

bool
store_redirect(struct store *store, const struct store_redirection *redirection,
    struct problem *ret_problem)
{
	struct change change = {.table = &redirections,
	    .added = redirection->added,
	    .value = redirection->rua};

	if (redirection->rua.len > URIS_MAX)
		return problem_set(ret_problem, PROBLEM_USAGE,
		    "the list of destinations is longer than %d bytes",
		    URIS_MAX);
	return run(store, replace, &change, set_domain, redirection->domain,
	    ret_problem);
}

bool
store_unredirect(struct store *store, struct text domain,
    bool *ret_was_redirected, struct problem *ret_problem)
{
	struct change change = {.table = &redirections, .value = TEXT("")};
	bool good =
	    run(store, take_away, &change, set_domain, domain, ret_problem);

	*ret_was_redirected = change.was_there;
	return good;
}

/* --- looking --- */

bool
store_is_suppressed(struct store *store, struct text address,
    bool *ret_suppressed, struct problem *ret_problem)
{
	struct arena *arena = arena_new(STORE_ARENA_MAX);
	int64_t found = 0;

	if (arena == NULL)
		return problem_no_memory(ret_problem);
	struct text lower = arena_lower(arena, address);
	struct mailbox mailbox = mailbox_read(lower);
	struct text untagged = arena_join(arena, mailbox.user, mailbox.domain);
	bool good = db_query_number(store->db,
			DB_SQL("SELECT COUNT(*) FROM dmarc_suppression"
			       " WHERE address IN (?, ?, ?)",
			    db_text(row_write(arena, lower)),
			    db_text(row_write(arena, untagged)),
			    db_text(row_write(arena, mailbox.domain))),
			&found, ret_problem) &&
		    (!arena_failed(arena) || problem_no_memory(ret_problem));
	*ret_suppressed = found > 0;
	arena_free(arena);
	return good;
}

struct telling {
	struct arena *arena;
	store_suppression_fn *suppression;
	store_redirection_fn *redirection;
	void *context;
};

static bool
tell(void *context, const struct db_row *row)
{
	const struct telling *telling = context;
	struct text name = row_read(telling->arena, db_row_text(row, 0));
	int64_t added = db_row_number(row, 1);
	struct text value = row_read(telling->arena, db_row_text(row, 2));

	if (arena_failed(telling->arena))
		return false;
	return telling->suppression != NULL
		   ? telling->suppression(telling->context,
			 &(struct store_suppression){name, added, value})
		   : telling->redirection(telling->context,
			 &(struct store_redirection){name, added, value});
}

static bool
tell_all(struct store *store, struct telling *telling, const struct db_sql *sql,
    struct problem *ret_problem)
{
	telling->arena = arena_new(STORE_ARENA_MAX);
	if (telling->arena == NULL)
		return problem_no_memory(ret_problem);
	bool good =
	    db_query(store->db, sql, tell, telling, ret_problem) &&
	    (!arena_failed(telling->arena) || problem_no_memory(ret_problem));
	arena_free(telling->arena);
	return good;
}

bool
store_for_each_suppression(struct store *store, store_suppression_fn *each,
    void *context, struct problem *ret_problem)
{
	struct telling telling = {.suppression = each, .context = context};

	return tell_all(store, &telling,
	    DB_SQL_PLAIN("SELECT address, added, words FROM dmarc_suppression"
			 " ORDER BY address"),
	    ret_problem);
}

bool
store_for_each_redirection(struct store *store, struct text domain,
    store_redirection_fn *each, void *context, struct problem *ret_problem)
{
	struct telling telling = {.redirection = each, .context = context};
	struct build lower;

	build_init(&lower, SIZE_MAX);
	for (size_t i = 0; i < domain.len; i++)
		build_byte(&lower, to_lower(domain.ptr[i]));
	bool good = build_failed(&lower)
			? problem_no_memory(ret_problem)
			: tell_all(store, &telling,
			      DB_SQL("SELECT policy_domain, added, rua"
				     " FROM dmarc_redirection"
				     " WHERE ? = '' OR policy_domain = ?"
				     " ORDER BY policy_domain",
				  db_text(build_view(&lower)),
				  db_text(build_view(&lower))),
			      ret_problem);
	build_free(&lower);
	return good;
}
