/* Reports: sealed ones, those that would be, and their rows. */
#include "store/internal.h"
#include "store/row.h"

enum { REPORTS_A_PAGE = 250 };

/* --- lists of reports --- */

/* A page of a list. Reports are collected before anybody is called, so that
 * who is called may use the store. */
struct page {
	struct arena *arena;
	VEC(struct store_report) reports;
	struct text policy; /* the last one's name, for where to go on */
};

#define POLICY_COLUMNS                                                         \
 "p.id, p.p, p.sp, p.np, p.adkim, p.aspf, p.fo, p.testing, p.discovery"

enum { POLICY_AT = 1, FIRST_TAG, AFTER_POLICY = FIRST_TAG + 8 };

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
 " FROM dmarc_report r JOIN dmarc_policy p ON p.id = r.policy WHERE" WITHIN    \
 " AND (r.policy_domain, r.period_begin, r.policy, r.seq)"                     \
 " > (?, ?, ?, ?)" and_where                                                   \
 " ORDER BY r.policy_domain, r.period_begin, r.policy, r.seq LIMIT ?"

/* No index knows what is due: every report's deliveries are looked at, before
 * anything else of the few that are due. */
#define AND_DUE                                                                \
 " AND r.id IN (SELECT x.id FROM dmarc_report x LEFT JOIN dmarc_delivery d"    \
 " ON d.report = x.id WHERE d.report IS NULL"                                  \
 " OR (d.state = 'waiting' AND d.next_try <= ?))"

/* Sealed reports behind POSITION. */
static bool
find_reports(struct store *store, struct page *page,
    const struct store_due *wanted, bool only_due,
    const struct position *position, struct problem *ret_problem)
{
	struct db_value values[10] = {
	    db_number(wanted->span.begin),
	    db_number(wanted->span.end),
	    db_text(wanted->domain),
	    db_text(wanted->domain),
	    db_text(position->domain),
	    db_number(position->begin),
	    db_text(position->policy),
	    db_number(position->seq),
	};
	struct db_sql sql = {
	    only_due ? REPORTS(AND_DUE) : REPORTS(""), 8, values};

	if (only_due)
		values[sql.count++] = db_number(wanted->now);
	values[sql.count++] = db_number(REPORTS_A_PAGE);
	return db_query(store->db, &sql, take_report, page, ret_problem);
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
tell_reports(struct store *store, const struct store_due *wanted, bool only_due,
    store_report_fn *each, void *context, struct problem *ret_problem)
{
	struct position position = {.domain = TEXT(""), .policy = TEXT("")};
	struct arena *before = NULL; /* holds the position */
	bool good = true;
	bool more = true;

	while (good && more) {
		struct page page = {.arena = arena_new(STORE_ARENA_MAX)};
		good = page.arena != NULL &&
		       find_reports(store, &page, wanted, only_due, &position,
			   ret_problem) &&
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
	const struct store_due wanted = {.domain = domain, .span = span};

	return tell_reports(store, &wanted, false, each, context, ret_problem);
}

bool
store_for_each_due_report(struct store *store, const struct store_due *due,
    store_report_fn *each, void *context, struct problem *ret_problem)
{
	return tell_reports(store, due, true, each, context, ret_problem);
}

bool
store_count_waiting(struct store *store, struct text domain,
    struct store_span span, uint64_t *ret_waiting, struct problem *ret_problem)
{
	int64_t waiting = 0;

	if (!db_query_number(store->db,
		DB_SQL("SELECT COUNT(*) FROM dmarc_delivery d"
		       " WHERE d.state = 'waiting' AND EXISTS"
		       " (SELECT 1 FROM dmarc_report r"
		       " WHERE r.id = d.report AND" WITHIN ")",
		    db_number(span.begin), db_number(span.end), db_text(domain),
		    db_text(domain)),
		&waiting, ret_problem))
		return false;
	*ret_waiting = (uint64_t)waiting;
	return true;
}

/* --- what is not sealed --- */

struct preview {
	struct page page;
	struct store_span span;
};

static bool
take_preview(void *context, const struct db_row *row)
{
	struct preview *preview = context;
	struct page *page = &preview->page;
	struct store_report *report = vec_push(page->arena, &page->reports);

	if (report == NULL)
		return false;
	take_policy(page, row, &report->policy);
	report->begin = preview->span.begin;
	report->end = preview->span.end;
	/* Made up, and the same each time. */
	struct text name =
	    arena_format(page->arena, "preview " TEXT_FMT " " TEXT_FMT " %lld",
		TEXT_ARG(report->policy.domain), TEXT_ARG(page->policy),
		(long long)preview->span.begin);
	return row_policy_id(page->arena, name, &report->id) &&
	       store_read_uris(
		   page->arena, db_row_text(row, AFTER_POLICY), report);
}

bool
store_preview_reports(struct store *store, struct text domain,
    struct store_span span, store_report_fn *each, void *context,
    struct problem *ret_problem)
{
	struct preview preview = {.span = span};
	struct position ignored = {0};

	preview.page.arena = arena_new(STORE_ARENA_MAX);
	bool good =
	    preview.page.arena != NULL &&
	    db_query(store->db,
		DB_SQL("SELECT u.policy_domain, " POLICY_COLUMNS
		       ", (" STORE_LAST_RUA("u.policy_domain",
			   "p.id") ") FROM dmarc_unsealed u"
				   " JOIN dmarc_policy p ON p.id = u.policy"
				   " WHERE u.hour >= ? AND u.hour <= ?"
				   " AND (? = '' OR u.policy_domain = ?)"
				   " GROUP BY u.policy_domain, " POLICY_COLUMNS
				   " ORDER BY u.policy_domain, p.id",
		    db_number(span.begin), db_number(span.end),
		    db_number(span.begin), db_number(span.end), db_text(domain),
		    db_text(domain)),
		take_preview, &preview, ret_problem) &&
	    !arena_failed(preview.page.arena);
	if (preview.page.arena == NULL || arena_failed(preview.page.arena))
		(void)problem_no_memory(ret_problem);
	if (good)
		(void)tell_page(&preview.page, &ignored, each, context);
	arena_free(preview.page.arena);
	return good;
}

/* --- rows --- */

#define ALIKE                                                                  \
 "r.source_ip, r.header_from, r.envelope_from, r.disposition,"                 \
 " r.spf_domain, r.spf_result, r.dkim_aligned, r.spf_aligned, r.reason,"       \
 " r.reason_comment, r.dkim"

/* The parts of a report, P, and their rows, R: one range of dmarc_row. */
#define ROWS_OF(table, and_where)                                              \
 "SELECT " ALIKE ", SUM(r.messages) FROM " table " p JOIN dmarc_row r"         \
 " ON r.policy_domain = p.policy_domain AND r.policy = p.policy"               \
 " AND r.hour = p.hour AND r.batch = p.batch"                                  \
 " WHERE p.policy_domain = ? AND p.policy = ?"                                 \
 " AND p.hour >= ? AND p.hour <= ?" and_where " GROUP BY " ALIKE               \
 " ORDER BY " ALIKE

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
	    .has_envelope_from = true,
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

static bool
find_rows(struct store *store, const struct store_report *report, bool sealed,
    struct text policy_id, struct telling *telling, struct problem *ret_problem)
{
	struct db_value values[] = {db_text(report->policy.domain),
	    db_text(policy_id), db_number(report->begin),
	    db_number(report->end), db_text(report->id)};
	struct db_sql sql = {
	    .text = sealed ? ROWS_OF("dmarc_report_batch", " AND p.report = ?")
			   : ROWS_OF("dmarc_unsealed", ""),
	    .count = sealed ? 5 : 4,
	    .values = values,
	};

	return db_query(store->db, &sql, tell_row, telling, ret_problem);
}

bool
store_for_each_row(struct store *store, const struct store_report *report,
    bool sealed, store_row_fn *each, void *context, struct problem *ret_problem)
{
	struct telling telling = {.each = each, .context = context};
	struct text id;
	struct arena *arena = arena_new(STORE_ARENA_MAX);

	if (arena == NULL)
		return problem_no_memory(ret_problem);
	struct text policy = row_policy(arena, &report->policy);
	bool good = row_policy_id(arena, policy, &id) &&
		    find_rows(store, report, sealed, id, &telling, ret_problem);
	if (arena_failed(arena) || telling.is_out_of_memory)
		good = problem_no_memory(ret_problem);
	arena_free(arena);
	return good;
}
