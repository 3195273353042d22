/* Import: the entries of a batch become rows, alike ones become one row with a
 * count, and all of it is appended in one transaction. */
#include "store/alike.h"
#include "store/internal.h"
#include "store/row.h"

#include "crypto/crypto.h"

#include <stdlib.h>

/* A policy configuration that occurs in the batch. */
struct policy {
	struct text id;
	struct text text;
};

struct import {
	const struct store_batch *batch;
	int64_t id;
	size_t entries;
	struct arena *arena;
	/* Grouped, in order, each with the id of its policy. */
	size_t count;
	size_t nobodys; /* of them, the first ones: see row_of_nobody */
	struct row **rows;
	struct text *policy_ids;
	VEC(struct policy) policies;
};

static const struct row *
row_at(const struct import *import, size_t i)
{
	return import->rows[i];
}

/* --- grouping --- */

static int
compare_pointers(const void *a, const void *b)
{
	return row_compare(*(struct row *const *)a, *(struct row *const *)b);
}

static void
count_in(struct row *group, const struct row *row)
{
	group->messages += row->messages;
	group->is_quiet = group->is_quiet && row->is_quiet;
	if (row->received <= group->received)
		return;
	group->received = row->received;
	group->rua = row->rua;
}

static bool
make_rows(struct import *import, const struct history_entry *entries)
{
	struct alike *alike;
	size_t groups;

	if (!alike_find(
		import->arena, entries, import->entries, &alike, &groups))
		return false;
	struct row *rows = arena_array(import->arena, groups, sizeof *rows);
	import->rows = arena_array(import->arena, groups, sizeof(void *));
	if (rows == NULL || import->rows == NULL)
		return false;
	for (size_t i = 0; i < groups; i++) {
		if (!row_of_entry(import->arena, alike[i].last, &rows[i]))
			row_of_nobody(alike[i].last, &rows[i]);
		rows[i].messages = alike[i].count;
		import->rows[i] = &rows[i];
	}
	if (groups > 0)
		qsort(import->rows, groups, sizeof(void *), compare_pointers);
	for (size_t i = 0; i < groups; i++) {
		size_t last = import->count;
		if (last > 0 &&
		    row_compare(import->rows[last - 1], import->rows[i]) == 0)
			count_in(import->rows[last - 1], import->rows[i]);
		else
			import->rows[import->count++] = import->rows[i];
	}
	while (import->nobodys < import->count &&
	       row_at(import, import->nobodys)->policy_domain.len == 0)
		import->nobodys++;
	return !arena_failed(import->arena);
}

static bool
find_policy(struct import *import, struct text text, struct text *ret_id)
{
	/* The latest first: neighbours are alike. */
	for (size_t i = import->policies.count; i > 0; i--) {
		const struct policy *policy = &import->policies.at[i - 1];
		if (text_equal(policy->text, text)) {
			*ret_id = policy->id;
			return true;
		}
	}
	struct policy *policy = vec_push(import->arena, &import->policies);
	if (policy == NULL)
		return false;
	policy->text = text;
	if (!row_policy_id(import->arena, text, &policy->id))
		return false;
	*ret_id = policy->id;
	return true;
}

static bool
find_policies(struct import *import)
{
	import->policy_ids = arena_array(
	    import->arena, import->count, sizeof *import->policy_ids);
	if (import->policy_ids == NULL)
		return false;
	for (size_t i = 0; i < import->nobodys; i++)
		import->policy_ids[i] = TEXT("");
	for (size_t i = import->nobodys; i < import->count; i++) {
		if (!find_policy(import, row_at(import, i)->policy,
			&import->policy_ids[i]))
			return false;
	}
	return true;
}

/* A number for the batch without asking the database for one: its key's
 * digest, the same on every try. */
static bool
set_id(struct import *import)
{
	struct build key;
	struct sha256 digest;
	uint64_t id = 0;

	build_init_arena(&key, import->arena, 512);
	build_text(&key, import->batch->claim);
	build_byte(&key, ' ');
	build_number(&key, import->batch->first_byte);
	if (build_failed(&key) || !crypto_sha256(build_view(&key), &digest))
		return false;
	for (size_t i = 0; i < 8; i++)
		id = id << 8 | digest.byte[i];
	import->id = (int64_t)(id >> 1);
	return true;
}

/* --- columns --- */

static struct db_column
text_column(const char *name, const struct text *texts)
{
	return (struct db_column){
	    .name = name, .type = DB_TEXT, .texts = texts};
}

static struct db_column
number_column(const char *name, const int64_t *numbers)
{
	return (struct db_column){
	    .name = name, .type = DB_NUMBER, .numbers = numbers};
}

/* The columns of dmarc_row that are texts of a row. */
static const struct {
	const char *name;
	size_t offset;
} text_columns[] = {
    {"policy_domain", offsetof(struct row, policy_domain)},
    {"source_ip", offsetof(struct row, source_ip)},
    {"header_from", offsetof(struct row, header_from)},
    {"envelope_from", offsetof(struct row, envelope_from)},
    {"disposition", offsetof(struct row, disposition)},
    {"reason", offsetof(struct row, reason)},
    {"reason_comment", offsetof(struct row, comment)},
    {"dkim", offsetof(struct row, dkim)},
    {"spf_domain", offsetof(struct row, spf_domain)},
    {"spf_result", offsetof(struct row, spf_result)},
};

enum {
	TEXT_COLUMNS = sizeof text_columns / sizeof *text_columns,
	NUMBER_COLUMNS = 6,
	COLUMNS = TEXT_COLUMNS + NUMBER_COLUMNS + 1,
};

static bool
fill_texts(const struct import *import, struct db_column *columns)
{
	for (size_t c = 0; c < TEXT_COLUMNS; c++) {
		struct text *texts =
		    arena_array(import->arena, import->count, sizeof *texts);
		if (texts == NULL)
			return false;
		for (size_t i = 0; i < import->count; i++)
			texts[i] = *(const struct text *)(const void
				*)((const char *)row_at(import, i) +
				   text_columns[c].offset);
		columns[c] = text_column(text_columns[c].name, texts);
	}
	return true;
}

static bool
fill_numbers(const struct import *import, struct db_column *columns)
{
	static const char *const names[NUMBER_COLUMNS] = {
	    "hour", "batch", "seq", "messages", "dkim_aligned", "spf_aligned"};
	int64_t *numbers[NUMBER_COLUMNS];

	for (size_t c = 0; c < NUMBER_COLUMNS; c++) {
		numbers[c] = arena_array(
		    import->arena, import->count, sizeof *numbers[c]);
		if (numbers[c] == NULL)
			return false;
		columns[c] = number_column(names[c], numbers[c]);
	}
	for (size_t i = 0; i < import->count; i++) {
		const struct row *row = row_at(import, i);
		numbers[0][i] = row->hour;
		numbers[1][i] = import->id;
		numbers[2][i] = (int64_t)i;
		numbers[3][i] = row->messages;
		numbers[4][i] = row->dkim_aligned;
		numbers[5][i] = row->spf_aligned;
	}
	return true;
}

static bool
append_rows(
    struct db *db, const struct import *import, struct problem *ret_problem)
{
	struct db_column columns[COLUMNS];

	if (!fill_texts(import, columns) ||
	    !fill_numbers(import, columns + TEXT_COLUMNS))
		return problem_no_memory(ret_problem);
	columns[COLUMNS - 1] = text_column("policy", import->policy_ids);
	return db_append(
	    db, "dmarc_row", columns, COLUMNS, import->count, ret_problem);
}

/* --- what waits for a report --- */

static bool
is_same_part(const struct row *a, const struct row *b)
{
	return a->hour == b->hour &&
	       text_equal(a->policy_domain, b->policy_domain) &&
	       text_equal(a->policy, b->policy);
}

/* The rua seen last in the part of the batch that begins at row *AT, and whether
 * all of it is quiet; moves *AT behind it. */
static struct text
take_part(const struct import *import, size_t *at, bool *ret_is_quiet)
{
	const struct row *first = row_at(import, *at);
	const struct row *last = first;
	bool is_quiet = true;

	while (
	    *at < import->count && is_same_part(first, row_at(import, *at))) {
		const struct row *row = row_at(import, *at);
		if (row->received > last->received)
			last = row;
		is_quiet = is_quiet && row->is_quiet;
		(*at)++;
	}
	*ret_is_quiet = is_quiet;
	return last->rua;
}

static bool
add_quiet(struct db *db, const struct import *import, const struct row *row,
    struct text policy, struct problem *ret_problem)
{
	return db_exec(db,
	    DB_SQL("INSERT INTO dmarc_quiet (policy_domain, policy, hour,"
		   " batch) VALUES (?, ?, ?, ?)",
		db_text(row->policy_domain), db_text(policy),
		db_number(row->hour), db_number(import->id)),
	    NULL, ret_problem);
}

static bool
append_unsealed(
    struct db *db, const struct import *import, struct problem *ret_problem)
{
	struct arena *arena = import->arena;
	size_t room = import->count;
	struct text *domains = arena_array(arena, room, sizeof *domains);
	struct text *policies = arena_array(arena, room, sizeof *policies);
	struct text *ruas = arena_array(arena, room, sizeof *ruas);
	int64_t *hours = arena_array(arena, room, sizeof *hours);
	int64_t *ids = arena_array(arena, room, sizeof *ids);
	const struct db_column columns[] = {
	    text_column("policy_domain", domains),
	    text_column("policy", policies), number_column("hour", hours),
	    number_column("batch", ids), text_column("rua", ruas)};
	size_t count = 0;

	if (arena_failed(arena))
		return problem_no_memory(ret_problem);
	for (size_t at = import->nobodys; at < import->count; count++) {
		domains[count] = row_at(import, at)->policy_domain;
		policies[count] = import->policy_ids[at];
		hours[count] = row_at(import, at)->hour;
		ids[count] = import->id;
		bool is_quiet;
		size_t first = at;
		ruas[count] = take_part(import, &at, &is_quiet);
		if (is_quiet && !add_quiet(db, import, row_at(import, first),
				    policies[count], ret_problem))
			return false;
	}
	return db_append(db, "dmarc_unsealed", columns,
	    sizeof columns / sizeof *columns, count, ret_problem);
}

/* --- the transaction --- */

static bool
add_policy(
    struct db *db, const struct policy *policy, struct problem *ret_problem)
{
	struct text rest = policy->text;
	struct db_value values[9] = {db_text(policy->id)};
	int64_t there = 0;

	if (!db_query_number(db,
		DB_SQL("SELECT COUNT(*) FROM dmarc_policy WHERE id = ?",
		    db_text(policy->id)),
		&there, ret_problem))
		return false;
	if (there > 0)
		return true;
	/* The order of row_policy. */
	for (size_t i = 1; i < sizeof values / sizeof *values; i++)
		values[i] = db_text(text_split(&rest, ' '));
	return db_exec(db,
	    &(const struct db_sql){
		"INSERT INTO dmarc_policy (id, p, sp, np, adkim, aspf, fo,"
		" testing, discovery) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		sizeof values / sizeof *values, values},
	    NULL, ret_problem);
}

static bool
add_batch(
    struct db *db, const struct import *import, struct problem *ret_problem)
{
	const struct store_batch *batch = import->batch;

	return db_exec(db,
	    DB_SQL("INSERT INTO dmarc_batch (id, claim, first_byte, last_byte,"
		   " entries, rejected, added) VALUES (?, ?, ?, ?, ?, ?, ?)",
		db_number(import->id), db_text(batch->claim),
		db_number((int64_t)batch->first_byte),
		db_number((int64_t)batch->last_byte),
		db_number((int64_t)import->entries),
		db_number((int64_t)batch->rejected), db_number(batch->now)),
	    NULL, ret_problem);
}

static bool
add_all(struct db *db, void *context, struct problem *ret_problem)
{
	const struct import *import = context;
	int64_t there = 0;

	if (!db_query_number(db,
		DB_SQL("SELECT COUNT(*) FROM dmarc_batch"
		       " WHERE claim = ? AND first_byte = ?",
		    db_text(import->batch->claim),
		    db_number((int64_t)import->batch->first_byte)),
		&there, ret_problem) ||
	    there > 0)
		return false;
	for (size_t i = 0; i < import->policies.count; i++) {
		if (!add_policy(db, &import->policies.at[i], ret_problem))
			return false;
	}
	return add_batch(db, import, ret_problem) &&
	       append_rows(db, import, ret_problem) &&
	       append_unsealed(db, import, ret_problem);
}

bool
store_add_batch(struct store *store, const struct store_batch *batch,
    const struct history_entry *entries, size_t count,
    struct problem *ret_problem)
{
	struct import import = {.batch = batch, .entries = count};

	import.arena = arena_new(STORE_ARENA_MAX);
	if (import.arena == NULL)
		return problem_no_memory(ret_problem);
	bool good = set_id(&import) && make_rows(&import, entries) &&
		    find_policies(&import);
	if (!good)
		(void)problem_no_memory(ret_problem);
	good = good && db_transaction(store->db, add_all, &import, ret_problem);
	arena_free(import.arena);
	return good;
}

bool
store_next_byte(struct store *store, struct text claim, uint64_t *ret_byte,
    struct problem *ret_problem)
{
	int64_t next = 0;

	if (!db_query_number(store->db,
		DB_SQL("SELECT COALESCE(MAX(last_byte) + 1, 0) FROM dmarc_batch"
		       " WHERE claim = ?",
		    db_text(claim)),
		&next, ret_problem))
		return false;
	*ret_byte = (uint64_t)next;
	return true;
}

struct batches {
	struct text claim;
	store_batch_fn *each;
	void *context;
};

static bool
tell_batch(void *context, const struct db_row *row)
{
	const struct batches *batches = context;
	const struct store_batch batch = {
	    .claim = batches->claim,
	    .first_byte = (uint64_t)db_row_number(row, 0),
	    .last_byte = (uint64_t)db_row_number(row, 1),
	    .rejected = (uint64_t)db_row_number(row, 2),
	    .now = db_row_number(row, 3),
	};

	return batches->each(batches->context, &batch);
}

bool
store_for_each_batch(struct store *store, struct text claim,
    store_batch_fn *each, void *context, struct problem *ret_problem)
{
	struct batches batches = {claim, each, context};

	return db_query(store->db,
	    DB_SQL("SELECT first_byte, last_byte, rejected, added"
		   " FROM dmarc_batch WHERE claim = ? ORDER BY first_byte",
		db_text(claim)),
	    tell_batch, &batches, ret_problem);
}

bool
store_own_since(
    struct store *store, int64_t *ret_since, struct problem *ret_problem)
{
	*ret_since = INT64_MAX;
	return db_query_number(store->db,
	    DB_SQL("SELECT COALESCE(MIN(r.hour), ?) FROM dmarc_row r"
		   " JOIN dmarc_batch b ON b.id = r.batch"
		   " WHERE r.policy_domain <> '' AND b.claim NOT LIKE"
		   " '" STORE_LEGACY_CLAIM "%'",
		db_number(INT64_MAX)),
	    ret_since, ret_problem);
}
