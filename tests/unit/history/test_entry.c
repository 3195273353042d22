#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "history/codec.h"

#include <string.h>

/* What a verdict is made of, small enough for a row. */
struct given {
	enum dmarc_discovery_status status;
	enum dmarc_result result;
	enum dmarc_policy requested;
	enum override_type reason;
	const char *record; /* NULL: none was found */
	bool no_client;
};

static const struct row {
	const char *name;
	struct given given;
	/* "policy_domain result requested p sp np adkim aspf fo testing spf
	 * reason comment rua-count" */
	const char *expected;
} rows[] = {
    {"pass",
	{DMARC_DISCOVERY_FOUND, DMARC_PASS, DMARC_POLICY_REJECT, OVERRIDE_NONE,
	    "v=DMARC1; p=reject; rua=mailto:a@b.example", false},
	"org.example pass reject reject   r r 0 n softfail   1"},
    {"all tags",
	{DMARC_DISCOVERY_FOUND, DMARC_FAIL, DMARC_POLICY_QUARANTINE,
	    OVERRIDE_POLICY_TEST_MODE,
	    "v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=s; t=y; "
	    "fo=1; rua=mailto:a@b.example,mailto:c@d.example",
	    false},
	"org.example fail quarantine reject quarantine none s s 1 y softfail "
	"policy_test_mode why 2"},
    {"nothing in rua is a URI",
	{DMARC_DISCOVERY_FOUND, DMARC_PASS, DMARC_POLICY_REJECT, OVERRIDE_NONE,
	    "v=DMARC1; p=reject; rua=a@b.example, ,:", false},
	"org.example pass reject reject   r r 0 n softfail   2"},
    {"something in rua is a URI",
	{DMARC_DISCOVERY_FOUND, DMARC_PASS, DMARC_POLICY_REJECT, OVERRIDE_NONE,
	    "v=DMARC1; p=reject; rua=a@b.example,mailto:a@b.example", false},
	"org.example pass reject reject   r r 0 n softfail   1"},
    {"no record",
	{DMARC_DISCOVERY_NONE, DMARC_NONE, DMARC_POLICY_ABSENT, OVERRIDE_NONE,
	    NULL, false},
	" none         softfail   0"},
    {"DNS failed",
	{DMARC_DISCOVERY_TEMPERROR, DMARC_TEMPERROR, DMARC_POLICY_ABSENT,
	    OVERRIDE_NONE, NULL, false},
	" temperror         softfail   0"},
    {"unusable with rua",
	{DMARC_DISCOVERY_AS_NONE, DMARC_FAIL, DMARC_POLICY_NONE, OVERRIDE_NONE,
	    "v=DMARC1; p=bad; sp=reject; rua=mailto:a@b.example", false},
	"org.example fail none none   r r 0 n softfail   1"},
    {"unusable",
	{DMARC_DISCOVERY_UNUSABLE, DMARC_PERMERROR, DMARC_POLICY_ABSENT,
	    OVERRIDE_NONE, "v=DMARC1; p=bad", false},
	" permerror         softfail   0"},
    {"no client address",
	{DMARC_DISCOVERY_NONE, DMARC_NONE, DMARC_POLICY_ABSENT, OVERRIDE_NONE,
	    NULL, true},
	" none            0"},
};

static struct text
print(struct arena *arena, const struct history_entry *e)
{
	const struct text values[] = {e->policy_domain, e->result, e->requested,
	    e->p, e->sp, e->np, e->adkim, e->aspf, e->fo, e->testing, e->spf,
	    e->reason, e->comment};
	struct build text;

	build_init_arena(&text, arena, 4096);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		build_text(&text, values[i]);
		build_byte(&text, ' ');
	}
	build_number(&text, e->rua.count);
	return build_view(&text);
}

static const struct dkim_verdict signatures[] = {
    {.result = DKIM_PASS, .domain = {"a.example", 9}, .selector = {"s1", 2}},
    {.result = DKIM_PERMERROR, .domain = {"", 0}, .selector = {"", 0}},
};

static void
make(struct arena *arena, const struct given *given, struct envelope *envelope,
    struct verdict *verdict)
{
	*envelope = (struct envelope){.helo = TEXT("helo.example"),
	    .job = TEXT("J1"),
	    .receiver = TEXT("mx.example"),
	    .now = 1795439443};
	if (!given->no_client)
		assert_true(ip_read(TEXT("2001:db8::1"), &envelope->client));
	*verdict = (struct verdict){
	    .author = {AUTHOR_OK, TEXT("sub.org.example"), TEXT("")},
	    .mail_from_domain = TEXT("mail.example"),
	    .spf = {.result = SPF_SOFTFAIL, .domain = TEXT("mail.example")},
	    .dkim = {2, signatures},
	    .discovery = {.status = given->status,
		.policy_domain = TEXT("org.example")},
	    .dmarc = {.result = given->result,
		.policy = given->requested,
		.dkim_aligned = true},
	    .disposition = {.reason = given->reason, .comment = TEXT("why")},
	};
	if (given->record != NULL)
		verdict->discovery.record =
		    dmarc_record_read(arena, text_from_cstr(given->record));
}

static void
test_record(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(1024 * 1024);
		struct envelope envelope;
		struct verdict verdict;
		struct history_entry entry;
		make(arena, &rows[i].given, &envelope, &verdict);
		assert_true(history_entry_record(
		    arena, &envelope, &verdict, HISTORY_QUARANTINE, &entry));
		struct text text = print(arena, &entry);
		if (!text_equal(text, text_from_cstr(rows[i].expected))) {
			print_error("%s: '" TEXT_FMT "'\n", rows[i].name,
			    TEXT_ARG(text));
			failures++;
		}
		assert_true(text_equal(entry.from, TEXT("sub.org.example")));
		assert_true(text_equal(entry.client,
		    rows[i].given.no_client ? TEXT("") : TEXT("2001:db8::1")));
		assert_int_equal(entry.received, 1795439443);
		assert_int_equal(entry.action, HISTORY_QUARANTINE);
		assert_true(entry.dkim_aligned && !entry.spf_aligned);
		assert_int_equal(entry.dkim.count, 2);
		assert_true(
		    text_equal(entry.dkim.at[1].result, TEXT("permerror")));
		arena_free(arena);
	}
	assert_int_equal(failures, 0);
}

/* The most that strangers can put into an entry still fits into one. */
static void
test_largest(void **state)
{
	struct arena *arena = arena_new(16 * 1024 * 1024);
	struct envelope envelope;
	struct verdict verdict;
	struct history_entry entry;
	struct dkim_verdict many[1000];
	struct dmarc_record record = {.fo = TEXT("0:1:d:s")};
	struct build lines;
	char name[254];
	char *line = arena_alloc(arena, 100 * 1024);

	(void)state;
	memset(name, '\n', sizeof name);
	memset(line, ' ', 100 * 1024);
	make(arena, &rows[0].given, &envelope, &verdict);
	for (size_t i = 0; i < sizeof many / sizeof *many; i++)
		many[i] = (struct dkim_verdict){.result = DKIM_NEUTRAL,
		    .domain = {name, i % 2 == 0 ? 253 : 0},
		    .selector = {name, i % 3 == 0 ? 253 : 0}};
	many[999].result = DKIM_PASS;
	verdict.dkim = (struct dkim_results){sizeof many / sizeof *many, many};
	envelope.helo = (struct text){line, 100 * 1024};
	verdict.spf.domain = verdict.mail_from_domain = verdict.author.domain =
	    (struct text){name, 253};
	for (int i = 0; i < DMARC_URIS_MAX; i++) {
		struct text *uri = vec_push(arena, &record.rua);
		*uri = (struct text){line, 1000};
	}
	verdict.discovery.record = &record;
	assert_true(history_entry_record(
	    arena, &envelope, &verdict, HISTORY_ACCEPT, &entry));
	assert_int_equal(entry.rua.count, HISTORY_RUA_BYTES / 3008);
	assert_true(entry.dkim.count >= 10);
	assert_true(text_equal(entry.dkim.at[0].result, TEXT("pass")));
	build_init(&lines, HISTORY_ENTRY_MAX);
	assert_true(history_write(&lines, &entry));
	build_free(&lines);

	/* The same when every value alone is at its limit. */
	entry = (struct history_entry){0};
	envelope.helo = envelope.job = (struct text){line, 8 * 1024};
	verdict.spf.domain = verdict.mail_from_domain = verdict.author.domain =
	    envelope.job;
	verdict.dkim.count = 100;
	for (int i = 0; i < DMARC_URIS_MAX; i++)
		record.rua.at[i].len = 100;
	assert_true(history_entry_record(
	    arena, &envelope, &verdict, HISTORY_ACCEPT, &entry));
	assert_true(entry.rua.count > 20 && entry.rua.count < DMARC_URIS_MAX);
	build_init(&lines, HISTORY_ENTRY_MAX);
	assert_true(history_write(&lines, &entry));
	build_free(&lines);
	arena_free(arena);
}

static void
test_no_memory(void **state)
{
	struct arena *arena = arena_new(1024 * 1024);
	struct envelope envelope;
	struct verdict verdict;
	struct history_entry entry;
	bool failed = true;

	(void)state;
	make(arena, &rows[0].given, &envelope, &verdict);
	for (size_t n = 1; failed; n++) {
		struct arena *small = arena_new(1024 * 1024);
		arena_fail_after(small, n);
		failed = !history_entry_record(
		    small, &envelope, &verdict, HISTORY_ACCEPT, &entry);
		assert_int_equal(failed, arena_failed(small));
		assert_true(n < 10);
		arena_free(small);
	}
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_record),
	    cmocka_unit_test(test_largest),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("history entry", tests, NULL, NULL);
}
