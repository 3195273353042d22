#include "store/legacy.h"

#include "crypto/crypto.h"
#include "history/code.h"
#include "history/key.h"
#include "store/db.h"

#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 500,
	LEGACY_ARENA_MAX = 4 * 1024 * 1024,
	ID_DIGITS = 32,
};

struct legacy {
	struct db *db;
	struct arena *arena;
	VEC(struct text) columns; /* "table.column", of what is there */
	struct text id;
	struct build absent;
	const char *messages;   /* the SELECT of a page */
	const char *signatures; /* likewise; NULL: they are not kept */
};

/* --- what is there --- */

static const char *const needed[] = {"messages.id", "messages.reporter",
    "messages.ip", "messages.env_domain", "messages.from_domain",
    "messages.policy_domain", "domains.id", "domains.name", "reporters.id",
    "reporters.name", "ipaddr.id", "ipaddr.addr", "requests.domain"};

/* Columns of a page, in the order of the SELECT, and the key of a history that
 * has the same value. */
struct column {
	const char *name;
	const char *sql;
	const char
	    *otherwise; /* where it is absent; NULL: no version lacks it */
	const char *key;
	const char *odd; /* what to say of a value that cannot be read */
};

/* An outer join may find nothing, and no NULL may look like "pass" (0). */
static const struct column columns[] = {
    {"messages.id", "m.id", NULL, NULL, NULL},
    {"requests.lastsent", "COALESCE(UNIX_TIMESTAMP(q.lastsent), 0)", NULL, NULL,
	NULL},
    {"requests.repuri", "q.repuri", NULL, NULL, NULL},
    {"domains.id", "COALESCE(e.id, 0)", NULL, NULL, NULL},
    {"messages.date", "UNIX_TIMESTAMP(m.date)", NULL, "received", "no date"},
    {"reporters.name", "r.name", NULL, "reporter", NULL},
    {"ipaddr.addr", "i.addr", NULL, "ipaddr", NULL},
    {"domains.name", "f.name", NULL, "from", NULL},
    {"domains.name", "e.name", NULL, "mfrom", NULL},
    {"domains.name", "p.name", NULL, "pdomain", NULL},
    {"messages.spf", "COALESCE(m.spf, -1)", NULL, "spf", "no SPF result"},
    {"messages.policy", "m.policy", NULL, "policy", "no DMARC result"},
    {"messages.align_dkim", "COALESCE(m.align_dkim, 5)", NULL, "align_dkim",
	"no alignment"},
    {"messages.align_spf", "COALESCE(m.align_spf, 5)", NULL, "align_spf",
	"no alignment"},
    {"messages.disp", "m.disp", NULL, "action", "an unknown disposition"},
    {"requests.pct", "COALESCE(q.pct, 100)", "100", "pct", "no pct"},
    {"requests.adkim", "COALESCE(q.adkim, 0)", "0", "adkim", "no adkim"},
    {"requests.aspf", "COALESCE(q.aspf, 0)", "0", "aspf", "no aspf"},
    {"requests.policy", "COALESCE(q.policy, 0)", NULL, "p", "no p"},
    {"requests.spolicy", "COALESCE(q.spolicy, 0)", "0", "sp", "no sp"},
    {"requests.fo", "COALESCE(q.fo, 0)", "0", "fo", "no fo"},
};

enum {
	ID,
	LASTSENT,
	REPURI,
	ENVELOPE,
	FIRST_KEY,
	COLUMNS = sizeof columns / sizeof *columns,
};

static bool
take_column(void *context, const struct db_row *row)
{
	struct legacy *legacy = context;
	struct text *name = vec_push(legacy->arena, &legacy->columns);

	if (name != NULL)
		*name = arena_lower(legacy->arena, db_row_text(row, 0));
	return name != NULL;
}

static bool
has(const struct legacy *legacy, const char *name)
{
	struct text wanted = text_from_cstr(name);

	for (size_t i = 0; i < legacy->columns.count; i++) {
		if (text_equal(legacy->columns.at[i], wanted))
			return true;
	}
	return false;
}

/* Notes what an older version does not have. */
static bool
has_or_say(struct legacy *legacy, const char *name)
{
	bool is_there = has(legacy, name);

	if (!is_there && legacy->absent.len > 0)
		build_byte(&legacy->absent, ' ');
	if (!is_there)
		build_cstr(&legacy->absent, name);
	return is_there;
}

static bool
need(const struct legacy *legacy, const char *name, struct problem *ret_problem)
{
	return has(legacy, name) ||
	       problem_set(ret_problem, PROBLEM_CONFIG,
		   "no tables of OpenDMARC: there is no %s; is it the right "
		   "database?",
		   name);
}

static bool
find_columns(struct legacy *legacy, struct problem *ret_problem)
{
	if (!db_query(legacy->db,
		DB_SQL_PLAIN("SELECT CONCAT(TABLE_NAME, '.', COLUMN_NAME)"
			     " FROM information_schema.COLUMNS"
			     " WHERE TABLE_SCHEMA = DATABASE()"
			     " AND TABLE_NAME IN ('messages', 'domains',"
			     " 'reporters', 'ipaddr', 'requests',"
			     " 'signatures', 'selectors', 'suppressions')"),
		take_column, legacy, ret_problem))
		return false;
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		if (!need(legacy, needed[i], ret_problem))
			return false;
	}
	for (size_t i = 0; i < COLUMNS; i++) {
		if (columns[i].otherwise == NULL &&
		    !need(legacy, columns[i].name, ret_problem))
			return false;
	}
	return true;
}

static void
write_messages(struct legacy *legacy)
{
	struct build sql;

	build_init_arena(&sql, legacy->arena, SIZE_MAX);
	build_cstr(&sql, "SELECT ");
	for (size_t i = 0; i < COLUMNS; i++) {
		const struct column *column = &columns[i];
		bool is_there = column->otherwise == NULL ||
				has_or_say(legacy, column->name);
		if (i > 0)
			build_cstr(&sql, ", ");
		build_cstr(&sql, is_there ? column->sql : column->otherwise);
	}
	build_format(&sql,
	    " FROM messages m LEFT JOIN reporters r ON r.id = m.reporter"
	    " LEFT JOIN ipaddr i ON i.id = m.ip"
	    " LEFT JOIN domains f ON f.id = m.from_domain"
	    " LEFT JOIN domains e ON e.id = m.env_domain"
	    " LEFT JOIN domains p ON p.id = m.policy_domain"
	    " LEFT JOIN requests q ON q.domain = m.from_domain"
	    " WHERE m.id >= ? ORDER BY m.id LIMIT %d",
	    PAGE);
	legacy->messages = arena_cstr(legacy->arena, build_view(&sql));
}

static void
choose_signatures(struct legacy *legacy)
{
	static const char whole[] =
	    "SELECT s.message, d.name, k.name, COALESCE(s.pass, 11)"
	    " FROM signatures s JOIN domains d ON d.id = s.domain"
	    " LEFT JOIN selectors k ON k.id = s.selector"
	    " WHERE s.message >= ? AND s.message <= ? ORDER BY s.message";
	static const char without_selector[] =
	    "SELECT s.message, d.name, '', COALESCE(s.pass, 11)"
	    " FROM signatures s JOIN domains d ON d.id = s.domain"
	    " WHERE s.message >= ? AND s.message <= ? ORDER BY s.message";

	if (!has_or_say(legacy, "signatures.message") ||
	    !has_or_say(legacy, "signatures.domain") ||
	    !has_or_say(legacy, "signatures.pass"))
		return;
	legacy->signatures = has_or_say(legacy, "signatures.selector") &&
				     has_or_say(legacy, "selectors.name")
				 ? whole
				 : without_selector;
}

/* --- which database --- */

static bool
take_first(void *context, const struct db_row *row)
{
	struct build *words = context;

	build_text(words, db_row_text(row, 0));
	return false;
}

/* Its first reporter is the host itself, and goes with the last message. */
static bool
set_id(struct legacy *legacy, struct problem *ret_problem)
{
	struct build words;
	struct sha256 digest;
	char hex[ID_DIGITS];
	const struct db_sql *sql =
	    has(legacy, "reporters.firstseen")
		? DB_SQL_PLAIN("SELECT CONCAT(name, ' ',"
			       " UNIX_TIMESTAMP(firstseen)) FROM reporters"
			       " ORDER BY id LIMIT 1")
		: DB_SQL_PLAIN(
		      "SELECT name FROM reporters ORDER BY id LIMIT 1");

	build_init_arena(&words, legacy->arena, SIZE_MAX);
	if (!db_query(legacy->db, sql, take_first, &words, ret_problem))
		return false;
	if (build_failed(&words) || !crypto_sha256(build_view(&words), &digest))
		return problem_no_memory(ret_problem);
	hex_write(hex, digest.byte, sizeof hex / 2);
	legacy->id = arena_copy(legacy->arena, (struct text){hex, sizeof hex});
	return true;
}

/* --- open and close --- */

static bool
begin(struct legacy *legacy, const char *database, struct problem *ret_problem)
{
	legacy->arena = arena_new(LEGACY_ARENA_MAX);
	if (legacy->arena == NULL)
		return problem_no_memory(ret_problem);
	build_init_arena(&legacy->absent, legacy->arena, SIZE_MAX);
	if (!text_starts(text_from_cstr(database), TEXT("mysql:")))
		return problem_set(ret_problem, PROBLEM_USAGE,
		    "%s: OpenDMARC's tables are in a MySQL or MariaDB: "
		    "mysql://user@host/name",
		    database);
	legacy->db = db_open(database, false, ret_problem);
	if (legacy->db == NULL || !find_columns(legacy, ret_problem) ||
	    !set_id(legacy, ret_problem))
		return false;
	write_messages(legacy);
	choose_signatures(legacy);
	return !arena_failed(legacy->arena) || problem_no_memory(ret_problem);
}

struct legacy *
legacy_open(const char *database, struct problem *ret_problem)
{
	struct legacy *legacy = calloc(1, sizeof *legacy);

	if (legacy == NULL) {
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	if (begin(legacy, database, ret_problem))
		return legacy;
	legacy_close(legacy);
	return NULL;
}

void
legacy_close(struct legacy *legacy)
{
	if (legacy == NULL)
		return;
	db_close(legacy->db);
	arena_free(legacy->arena);
	free(legacy);
}

struct text
legacy_id(const struct legacy *legacy)
{
	return legacy->id;
}

struct text
legacy_absent(const struct legacy *legacy)
{
	return build_view(&legacy->absent);
}

/* --- a message --- */

static const struct history_key *
find_key(const char *name)
{
	size_t i = 0;

	while (!text_equal(history_keys[i].name, text_from_cstr(name)))
		i++;
	return &history_keys[i];
}

/* Values mean what they mean in a history of OpenDMARC. */
static void
read_columns(struct arena *arena, const struct db_row *row,
    struct legacy_message *message)
{
	for (int i = FIRST_KEY; i < COLUMNS; i++) {
		struct text value = arena_copy(arena, db_row_text(row, i));
		const struct history_key *key = find_key(columns[i].key);
		if (!key->read_foreign(arena, key, value, &message->entry) &&
		    message->odd == NULL)
			message->odd = columns[i].odd;
	}
	history_conclude_foreign(&message->entry);
}

static void
find_odd(struct legacy_message *message)
{
	const struct history_entry *entry = &message->entry;
	struct ip ip;

	if (message->odd != NULL)
		return;
	if (entry->from.len == 0)
		message->odd = "no From domain";
	else if (!ip_read(entry->client, &ip))
		message->odd = "no client address";
	else if (entry->result.len == 0)
		message->odd = "an unknown DMARC result";
}

static void
read_rua(struct arena *arena, struct text repuri, struct history_entry *entry)
{
	repuri = arena_copy(arena, repuri);
	while (repuri.len > 0) {
		struct text uri = text_trim(text_split(&repuri, ','));
		struct text *to =
		    uri.len == 0 ? NULL : vec_push(arena, &entry->rua);
		if (to != NULL)
			*to = uri;
	}
}

struct reading {
	struct arena *arena;
	struct legacy_page *page;
	size_t at; /* whose signatures come */
};

static bool
take_message(void *context, const struct db_row *row)
{
	struct reading *reading = context;
	struct arena *arena = reading->arena;
	struct legacy_message *message =
	    vec_push(arena, &reading->page->messages);

	if (message == NULL)
		return false;
	message->id = (uint64_t)db_row_number(row, ID);
	message->reported = db_row_number(row, LASTSENT);
	read_rua(arena, db_row_text(row, REPURI), &message->entry);
	read_columns(arena, row, message);
	if (db_row_number(row, ENVELOPE) == 0)
		message->entry.mail_from = (struct text){NULL, 0};
	find_odd(message);
	return !arena_failed(arena);
}

static bool
take_signature(void *context, const struct db_row *row)
{
	struct reading *reading = context;
	struct legacy_page *page = reading->page;
	uint64_t id = (uint64_t)db_row_number(row, 0);

	while (reading->at < page->messages.count &&
	       page->messages.at[reading->at].id < id)
		reading->at++;
	if (reading->at == page->messages.count)
		return false;
	struct legacy_message *message = &page->messages.at[reading->at];
	if (message->id != id || message->entry.dkim.count == LEGACY_DKIM_MAX)
		return true;
	struct history_dkim *dkim =
	    vec_push(reading->arena, &message->entry.dkim);
	if (dkim == NULL)
		return false;
	struct text selector = arena_copy(reading->arena, db_row_text(row, 2));
	dkim->domain = arena_copy(reading->arena, db_row_text(row, 1));
	dkim->selector = text_equal(selector, TEXT("-")) ? TEXT("") : selector;
	if (!history_code_word(
		&history_results, (int)db_row_number(row, 3), &dkim->result))
		dkim->result = history_code_unknown(&history_results);
	return true;
}

bool
legacy_read(struct legacy *legacy, struct arena *arena, uint64_t first,
    struct legacy_page *ret_page, struct problem *ret_problem)
{
	struct legacy_page page = {{0}};
	struct reading reading = {arena, &page, 0};

	if (!db_query(legacy->db,
		DB_SQL(legacy->messages, db_number((int64_t)first)),
		take_message, &reading, ret_problem))
		return false;
	size_t count = page.messages.count;
	if (count > 0 && legacy->signatures != NULL &&
	    !db_query(legacy->db,
		DB_SQL(legacy->signatures,
		    db_number((int64_t)page.messages.at[0].id),
		    db_number((int64_t)page.messages.at[count - 1].id)),
		take_signature, &reading, ret_problem))
		return false;
	*ret_page = page;
	return !arena_failed(arena) || problem_no_memory(ret_problem);
}

bool
legacy_last_id(
    struct legacy *legacy, uint64_t *ret_id, struct problem *ret_problem)
{
	int64_t id = 0;

	if (!db_query_number(legacy->db,
		DB_SQL_PLAIN("SELECT COALESCE(MAX(id), 0) FROM messages"), &id,
		ret_problem))
		return false;
	*ret_id = (uint64_t)id;
	return true;
}

/* --- the operator's word --- */

struct pairs {
	legacy_pair_fn *each;
	void *context;
};

static bool
tell_pair(void *context, const struct db_row *row)
{
	const struct pairs *pairs = context;

	return pairs->each(
	    pairs->context, db_row_text(row, 0), db_row_text(row, 1));
}

bool
legacy_for_each_locked(struct legacy *legacy, legacy_pair_fn *each,
    void *context, struct problem *ret_problem)
{
	struct pairs pairs = {each, context};

	return !has(legacy, "requests.locked") ||
	       db_query(legacy->db,
		   DB_SQL_PLAIN("SELECT d.name, q.repuri FROM requests q"
				" JOIN domains d ON d.id = q.domain"
				" WHERE q.locked = 1 ORDER BY d.name"),
		   tell_pair, &pairs, ret_problem);
}

bool
legacy_for_each_suppressed(struct legacy *legacy, legacy_pair_fn *each,
    void *context, struct problem *ret_problem)
{
	struct pairs pairs = {each, context};
	const struct db_sql *sql =
	    has(legacy, "suppressions.reason")
		? DB_SQL_PLAIN("SELECT address, reason FROM suppressions"
			       " ORDER BY address")
		: DB_SQL_PLAIN("SELECT address, '' FROM suppressions"
			       " ORDER BY address");

	return !has(legacy, "suppressions.address") ||
	       db_query(legacy->db, sql, tell_pair, &pairs, ret_problem);
}
