/* Reports: sealed ones, and those that would be. */
#include "store/internal.h"
#include "store/row.h"

#include <stdlib.h>

enum { REPORTS_A_PAGE = 250 };

/* --- lists of reports --- */

/* A page of a list. Reports are collected before anybody is called, so that
 * who is called may use the store. */
struct page {
	struct arena *arena;
	VEC(struct store_report) reports;
	struct text policy;     /* the last one's name, for where to go on */
	struct store_span span; /* of what is not sealed */
};

#define POLICY_COLUMNS                                                         \
 "p.id, p.p, p.sp, p.np, p.adkim, p.aspf, p.fo, p.testing, p.discovery"

enum { POLICY_AT = 1, FIRST_TAG, AFTER_POLICY = FIRST_TAG + 8 };

enum { SENDER_AT = AFTER_POLICY + 6, SENDER_TEXTS = 4 };

static void
take_policy(
    struct page *page, const struct db_row *row, struct report_policy *policy)
{
	struct text *const values[AFTER_POLICY - FIRST_TAG] = {&policy->p,
	    &policy->sp, &policy->np, &policy->adkim, &policy->aspf,
	    &policy->fo, &policy->testing, &policy->discovery_method};

	policy->domain = arena_copy(page->arena, db_row_text(row, 0));
	page->policy = arena_copy(page->arena, db_row_text(row, POLICY_AT));
	for (int i = FIRST_TAG; i < AFTER_POLICY; i++)
		*values[i - FIRST_TAG] =
		    row_read(page->arena, db_row_text(row, i));
}

static void
take_sender(
    struct arena *arena, const struct db_row *row, struct store_sender *sender)
{
	struct text *const values[] = {&sender->email, &sender->receiver,
	    &sender->organization, &sender->contact};

	int format =
	    names_find(&report_format_names, db_row_text(row, SENDER_AT));

	/* A later version's form is not ours to write. */
	sender->format =
	    format < 0 ? REPORT_RFC9990 : (enum report_format)format;
	for (int i = 0; i < SENDER_TEXTS; i++)
		*values[i] =
		    row_read(arena, db_row_text(row, SENDER_AT + 1 + i));
}

static bool
take_report(void *context, const struct db_row *row)
{
	struct page *page = context;
	struct store_report *report = vec_push(page->arena, &page->reports);

	if (report == NULL)
		return false;
	take_policy(page, row, &report->policy);
	report->id = arena_copy(page->arena, db_row_text(row, AFTER_POLICY));
	report->begin = db_row_number(row, AFTER_POLICY + 1);
	report->end = db_row_number(row, AFTER_POLICY + 2);
	report->seq = (unsigned)db_row_number(row, AFTER_POLICY + 3);
	report->sealed = db_row_number(row, AFTER_POLICY + 5);
	if (report->sealed > 0)
		take_sender(page->arena, row, &report->sender);
	return store_read_uris(
	    page->arena, db_row_text(row, AFTER_POLICY + 4), report);
}

/* Where a page begins: behind this. */
struct position {
	struct text domain;
	struct text policy;
	int64_t begin;
	int64_t seq;
};

#define WITHIN                                                                 \
 " r.period_begin >= ? AND r.period_begin <= ?"                                \
 " AND (? = '' OR r.policy_domain = ?)"

#define REPORTS(and_where)                                                     \
 "SELECT r.policy_domain, " POLICY_COLUMNS                                     \
 ", r.id, r.period_begin, r.period_end, r.seq, r.rua"                          \
 ", COALESCE(s.sealed, 0), w.format, w.email, w.receiver, w.organization"      \
 ", w.contact FROM dmarc_report r JOIN dmarc_policy p ON p.id = r.policy"      \
 " LEFT JOIN dmarc_seal s ON s.report = r.id"                                  \
 " LEFT JOIN dmarc_sender w ON w.id = s.sender WHERE" WITHIN                   \
 " AND (r.policy_domain, r.period_begin, r.policy, r.seq)"                     \
 " > (?, ?, ?, ?)" and_where                                                   \
 " ORDER BY r.policy_domain, r.period_begin, r.policy, r.seq LIMIT ?"

#define AND_DUE                                                                \
 " AND r.id IN (SELECT x.report FROM dmarc_unsent x"                           \
 " LEFT JOIN dmarc_delivery d ON d.report = x.report WHERE d.report IS NULL"   \
 " OR (d.state = 'waiting' AND (d.next_try <= ? OR d.next_try > ?)))"
#define AND_NAMED " AND r.id >= ? AND r.id <= ?"

enum choice { ALL, DUE, NAMED, UNSEALED };

struct wanted {
	enum choice choice;
	struct store_due due; /* what every choice looks at, and the time */
	struct text id;       /* its beginning, for NAMED */
};

/* Sealed reports behind POSITION. */
static bool
find_sealed(struct store *store, struct page *page, const struct wanted *wanted,
    const struct position *position, struct problem *ret_problem)
{
	static const char *const statements[] = {[ALL] = REPORTS(""),
	    [DUE] = REPORTS(AND_DUE),
	    [NAMED] = REPORTS(AND_NAMED)};
	const struct store_due *due = &wanted->due;
	struct db_value values[11] = {
	    db_number(due->span.begin),
	    db_number(due->span.end),
	    db_text(due->domain),
	    db_text(due->domain),
	    db_text(position->domain),
	    db_number(position->begin),
	    db_text(position->policy),
	    db_number(position->seq),
	};
	struct db_sql sql = {statements[wanted->choice], 8, values};

	if (wanted->choice == DUE) {
		values[sql.count++] = db_number(due->now);
		values[sql.count++] = db_number(due->now + STORE_WAIT_MAX);
	}
	if (wanted->choice == NAMED) {
		values[sql.count++] = db_text(wanted->id);
		values[sql.count++] = db_text(arena_format(
		    page->arena, TEXT_FMT "~", TEXT_ARG(wanted->id)));
	}
	values[sql.count++] = db_number(REPORTS_A_PAGE);
	return db_query(store->db, &sql, take_report, page, ret_problem);
}

static bool
take_preview(void *context, const struct db_row *row)
{
	struct page *page = context;
	struct store_report *report = vec_push(page->arena, &page->reports);

	if (report == NULL)
		return false;
	take_policy(page, row, &report->policy);
	report->begin = page->span.begin;
	report->end = page->span.end;
	report->is_quiet = db_row_number(row, AFTER_POLICY + 1) == 0;
	/* Made up, and the same each time. */
	struct text name =
	    arena_format(page->arena, "preview " TEXT_FMT " " TEXT_FMT " %lld",
		TEXT_ARG(report->policy.domain), TEXT_ARG(page->policy),
		(long long)page->span.begin);
	return row_policy_id(page->arena, name, &report->id) &&
	       store_read_uris(
		   page->arena, db_row_text(row, AFTER_POLICY), report);
}

/* A page in the order of the key, before anything is looked up: MariaDB takes
 * no range from a comparison of rows. */
#define UNSEALED_PAGE                                                          \
 "SELECT u.policy_domain, u.policy, COUNT(*) - COUNT(q.batch) AS loud"         \
 " FROM dmarc_unsealed u LEFT JOIN dmarc_quiet q"                              \
 " ON q.policy_domain = u.policy_domain AND q.policy = u.policy"               \
 " AND q.hour = u.hour AND q.batch = u.batch"                                  \
 " WHERE u.hour >= ? AND u.hour <= ? AND (? = '' OR u.policy_domain = ?)"      \
 " AND u.policy_domain >= ? AND (u.policy_domain, u.policy) > (?, ?)"          \
 " GROUP BY u.policy_domain, u.policy"                                         \
 " ORDER BY u.policy_domain, u.policy LIMIT ?"

/* What is not sealed, behind POSITION. */
static bool
find_unsealed(struct store *store, struct page *page,
    const struct wanted *wanted, const struct position *position,
    struct problem *ret_problem)
{
	struct text domain = wanted->due.domain;

	page->span = wanted->due.span;
	return db_query(store->db,
	    DB_SQL("SELECT g.policy_domain, " POLICY_COLUMNS
		   ", (" STORE_LAST_RUA("g.policy_domain",
		       "g.policy") ")"
				   ", g.loud FROM (" UNSEALED_PAGE ") g"
				   " JOIN dmarc_policy p ON p.id = g.policy"
				   " ORDER BY g.policy_domain, g.policy",
		db_number(page->span.begin), db_number(page->span.end),
		db_number(page->span.begin), db_number(page->span.end),
		db_text(domain), db_text(domain), db_text(position->domain),
		db_text(position->domain), db_text(position->policy),
		db_number(REPORTS_A_PAGE)),
	    take_preview, page, ret_problem);
}

static bool
find(struct store *store, struct page *page, const struct wanted *wanted,
    const struct position *position, struct problem *ret_problem)
{
	return wanted->choice == UNSEALED
		   ? find_unsealed(store, page, wanted, position, ret_problem)
		   : find_sealed(store, page, wanted, position, ret_problem);
}

/* Calls EACH for the page and moves POSITION behind it. */
static bool
tell_page(const struct page *page, struct position *position,
    store_report_fn *each, void *context)
{
	for (size_t i = 0; i < page->reports.count; i++) {
		if (!each(context, &page->reports.at[i]))
			return false;
	}
	if (page->reports.count < REPORTS_A_PAGE)
		return false;
	const struct store_report *last =
	    &page->reports.at[page->reports.count - 1];
	*position = (struct position){.domain = last->policy.domain,
	    .policy = page->policy,
	    .begin = last->begin,
	    .seq = last->seq};
	return true;
}

static bool
tell_reports(struct store *store, const struct wanted *wanted,
    store_report_fn *each, void *context, struct problem *ret_problem)
{
	struct position position = {.domain = TEXT(""), .policy = TEXT("")};
	struct arena *before = NULL; /* holds the position */
	bool good = true;
	bool more = true;

	while (good && more) {
		struct page page = {.arena = arena_new(STORE_ARENA_MAX)};
		good = page.arena != NULL &&
		       find(store, &page, wanted, &position, ret_problem) &&
		       !arena_failed(page.arena);
		if (page.arena == NULL || arena_failed(page.arena))
			(void)problem_no_memory(ret_problem);
		more = good && tell_page(&page, &position, each, context);
		arena_free(before);
		before = page.arena;
	}
	arena_free(before);
	return good;
}

bool
store_for_each_report(struct store *store, struct text domain,
    struct store_span span, store_report_fn *each, void *context,
    struct problem *ret_problem)
{
	const struct wanted wanted = {ALL, {domain, span, 0}, TEXT("")};

	return tell_reports(store, &wanted, each, context, ret_problem);
}

bool
store_for_each_report_named(struct store *store, struct text id,
    store_report_fn *each, void *context, struct problem *ret_problem)
{
	const struct wanted wanted = {NAMED, {TEXT(""), {0, INT64_MAX}, 0}, id};

	return tell_reports(store, &wanted, each, context, ret_problem);
}

/* --- what is due --- */

/* The domains of which somebody still waits who was tried in vain. */
struct slow {
	struct arena *arena;
	VEC(struct text) domains; /* sorted */
};

static bool
take_slow(void *context, const struct db_row *row)
{
	struct slow *slow = context;
	struct text *domain = vec_push(slow->arena, &slow->domains);

	if (domain != NULL)
		*domain = arena_copy(slow->arena, db_row_text(row, 0));
	return domain != NULL;
}

static int
compare_domains(const void *a, const void *b)
{
	const struct text *domain_a = a;
	const struct text *domain_b = b;

	return text_compare(*domain_a, *domain_b);
}

/* CROSS: SQLite shall begin with what is unsent, which is little. */
static bool
find_slow(struct store *store, struct slow *slow, struct problem *ret_problem)
{
	bool good = db_query(store->db,
	    DB_SQL_PLAIN(
		"SELECT DISTINCT r.policy_domain FROM dmarc_unsent u"
		" CROSS JOIN dmarc_delivery d CROSS JOIN dmarc_report r"
		" WHERE d.report = u.report AND d.state = 'waiting'"
		" AND d.tries > 0 AND r.id = u.report"),
	    take_slow, slow, ret_problem);

	/* Not by the database, which may know another order. */
	if (slow->domains.count > 0)
		qsort(slow->domains.at, slow->domains.count,
		    sizeof *slow->domains.at, compare_domains);
	return good &&
	       (!arena_failed(slow->arena) || problem_no_memory(ret_problem));
}

struct telling {
	const struct slow *slow;
	bool tells_slow; /* these alone, or all others */
	store_report_fn *each;
	void *context;
	bool is_stopped;
};

static bool
tell_due(void *context, const struct store_report *report)
{
	struct telling *telling = context;
	const struct slow *slow = telling->slow;
	bool is_slow = slow->domains.count > 0 &&
		       bsearch(&report->policy.domain, slow->domains.at,
			   slow->domains.count, sizeof *slow->domains.at,
			   compare_domains) != NULL;

	if (is_slow == telling->tells_slow)
		telling->is_stopped = !telling->each(telling->context, report);
	return !telling->is_stopped;
}

bool
store_for_each_due_report(struct store *store, const struct store_due *due,
    store_report_fn *each, void *context, struct problem *ret_problem)
{
	const struct wanted wanted = {DUE, *due, TEXT("")};
	struct slow slow = {.arena = arena_new(STORE_ARENA_MAX)};
	struct telling telling = {
	    .slow = &slow, .each = each, .context = context};

	if (slow.arena == NULL)
		return problem_no_memory(ret_problem);
	bool good =
	    find_slow(store, &slow, ret_problem) &&
	    tell_reports(store, &wanted, tell_due, &telling, ret_problem);
	telling.tells_slow = true;
	if (good && !telling.is_stopped && slow.domains.count > 0)
		good = tell_reports(
		    store, &wanted, tell_due, &telling, ret_problem);
	arena_free(slow.arena);
	return good;
}

bool
store_count_waiting(struct store *store, struct text domain,
    struct store_span span, uint64_t *ret_waiting, struct problem *ret_problem)
{
	int64_t waiting = 0;

	if (!db_query_number(store->db,
		DB_SQL("SELECT COUNT(*) FROM dmarc_unsent u"
		       " JOIN dmarc_report r ON r.id = u.report"
		       " JOIN dmarc_delivery d ON d.report = u.report"
		       " WHERE d.state = 'waiting' AND" WITHIN,
		    db_number(span.begin), db_number(span.end), db_text(domain),
		    db_text(domain)),
		&waiting, ret_problem))
		return false;
	*ret_waiting = (uint64_t)waiting;
	return true;
}

/* --- what is not sealed --- */

struct periods {
	struct arena *arena;
	unsigned interval;
	VEC(struct store_span) spans;
};

static bool
take_period(void *context, const struct db_row *row)
{
	struct periods *periods = context;
	int64_t begin = db_row_number(row, 0);
	struct store_span *span = vec_push(periods->arena, &periods->spans);

	if (span != NULL)
		*span =
		    (struct store_span){begin, begin + periods->interval - 1};
	return span != NULL;
}

bool
store_for_each_period(struct store *store, struct store_span span,
    unsigned interval, store_period_fn *each, void *context,
    struct problem *ret_problem)
{
	struct periods periods = {
	    .arena = arena_new(STORE_ARENA_MAX), .interval = interval};

	if (periods.arena == NULL)
		return problem_no_memory(ret_problem);
	bool good =
	    db_query(store->db,
		DB_SQL("SELECT DISTINCT hour - hour % ? AS period"
		       " FROM dmarc_unsealed"
		       " WHERE hour >= ? AND hour <= ? ORDER BY period",
		    db_number(interval), db_number(span.begin),
		    db_number(span.end)),
		take_period, &periods, ret_problem) &&
	    (!arena_failed(periods.arena) || problem_no_memory(ret_problem));
	for (size_t i = 0; good && i < periods.spans.count; i++) {
		if (!each(context, periods.spans.at[i]))
			break;
	}
	arena_free(periods.arena);
	return good;
}

bool
store_preview_reports(struct store *store, struct text domain,
    struct store_span span, store_report_fn *each, void *context,
    struct problem *ret_problem)
{
	const struct wanted wanted = {UNSEALED, {domain, span, 0}, TEXT("")};

	return tell_reports(store, &wanted, each, context, ret_problem);
}
