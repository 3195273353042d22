/* Several signatures of one message: which are verified, and how often their
 * keys are asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

/* N signatures of DOMAIN. */
static void
add_signatures(struct build *build, const char *domain, int n)
{
	struct sign_options options = {.domain = domain};
	struct text field = sign(&options, HEADER);

	for (int i = 0; i < n; i++)
		build_text(build, field);
}

static void
test_authors_come_first(void **state)
{
	struct run run = {.arena = arena_new(ARENA_MAX),
	    .options = {NOW, TEXT("example.com")}};
	struct build build;

	(void)state;
	build_init_arena(&build, signer.arena, 1 << 20);
	build_text(&build, TEXT("DKIM-Signature: malformed\r\n"));
	add_signatures(&build, "list.example", 12);
	add_signatures(&build, "com.example", 1);
	add_signatures(&build, "mail.example.com", 1);
	add_signatures(&build, "example.com", 1);
	assert_true(
	    run_message(&run, compose(build_view(&build), HEADER, BODY), zone));
	assert_int_equal(run.results.count, 16);
	for (size_t i = 0; i < run.results.count; i++) {
		const struct dkim_verdict *verdict = &run.results.at[i];
		bool is_limit = i > 8 && i < 14;
		if (i == 0)
			assert_int_equal(verdict->result, DKIM_PERMERROR);
		else
			assert_int_equal(verdict->result,
			    is_limit ? DKIM_NEUTRAL : DKIM_PASS);
		if (is_limit) {
			assert_true(text_equal(verdict->reason, TEXT("limit")));
			assert_true(verdict->domain.len > 0);
		}
	}
	arena_free(run.arena);
}

/* The nearer a name is to the author's, the earlier its turn: it may align. */
static void
test_order_of_names(void **state)
{
	static const struct {
		const char *author;
		const char *before; /* ten of it stand in front */
		const char *domain;
		bool is_verified;
	} cases[] = {
	    {"example.com", "list.example", "example.com", true},
	    {"mail.example.com", "list.example", "example.com", true},
	    {"example.com", "list.example", "mail.example.com", true},
	    {"news.example.com", "list.example", "mail.example.com", true},
	    {"example.com", "mail.example.com", "example.com", true},
	    {"mail.example.com", "example.com", "mail.example.com", true},
	    {"example.com", "com.example", "list.example", false},
	    {"a.list.example", "list.example", "mail.example.com", false},
	    {"", "list.example", "example.com", false},
	};

	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct run run = {.arena = arena_new(ARENA_MAX),
		    .options = {NOW, text_from_cstr(cases[i].author)}};
		struct build build;
		build_init_arena(&build, signer.arena, 1 << 20);
		add_signatures(&build, cases[i].before, DKIM_SIGNATURES_MAX);
		add_signatures(&build, cases[i].domain, 1);
		assert_true(run_message(
		    &run, compose(build_view(&build), HEADER, BODY), zone));
		enum dkim_result result =
		    run.results.at[DKIM_SIGNATURES_MAX].result;
		if ((result == DKIM_PASS) != cases[i].is_verified) {
			print_error("%s, signed by %s\n", cases[i].author,
			    cases[i].domain);
			bad++;
		}
		arena_free(run.arena);
	}
	assert_int_equal(bad, 0);
}

/* The author's own behind all the junk that is read, in an arena as a message
 * has it, is found; one field later it is not looked for any more. */
static void
test_behind_junk(void **state)
{
	(void)state;
	for (int junk = DKIM_RESULTS_MAX - 1; junk <= DKIM_RESULTS_MAX;
	     junk++) {
		struct run run = {.arena = arena_new(4 * 1024 * 1024),
		    .options = {NOW, TEXT("example.com")}};
		struct build build;
		build_init_arena(&build, signer.arena, 2 << 20);
		add_signatures(&build, "list.example", junk);
		add_signatures(&build, "example.com", 1);
		assert_true(run_message(
		    &run, compose(build_view(&build), HEADER, BODY), zone));
		assert_int_equal(run.results.count, DKIM_RESULTS_MAX);
		const struct dkim_verdict *last =
		    &run.results.at[DKIM_RESULTS_MAX - 1];
		assert_int_equal(last->result,
		    junk < DKIM_RESULTS_MAX ? DKIM_PASS : DKIM_NEUTRAL);
		arena_free(run.arena);
	}
}

/* A flood of fields costs no memory to speak of, and passes nothing. */
static void
test_flood(void **state)
{
	struct run run = {.arena = arena_new(ARENA_MAX),
	    .options = {NOW, TEXT("example.com")}};
	struct build build;

	(void)state;
	build_init_arena(&build, signer.arena, 8 << 20);
	for (int i = 0; i < 2000; i++)
		build_text(&build, TEXT("DKIM-Signature: v=1\r\n"));
	add_signatures(&build, "example.com", 1);
	assert_true(
	    run_message(&run, compose(build_view(&build), HEADER, BODY), zone));
	assert_int_equal(run.results.count, DKIM_RESULTS_MAX);
	for (size_t i = 0; i < run.results.count; i++)
		assert_int_equal(run.results.at[i].result, DKIM_PERMERROR);
	arena_free(run.arena);
}

/* A signature may sign another, whose b= then counts as it stands. */
static void
test_signed_signature(void **state)
{
	struct run run = {.arena = arena_new(ARENA_MAX),
	    .options = {NOW, TEXT("example.com")}};
	struct sign_options inner = {.tags = "h=from"};
	struct sign_options outer = {
	    .domain = "list.example", .tags = "h=from:dkim-signature"};

	(void)state;
	struct text first = sign(&inner, HEADER);
	struct text header = arena_join(signer.arena, first, TEXT(HEADER));
	struct text second = sign(&outer, arena_cstr(signer.arena, header));
	struct text message =
	    compose(arena_join(signer.arena, second, first), HEADER, BODY);
	assert_true(run_message(&run, message, zone));
	assert_int_equal(run.results.count, 2);
	assert_int_equal(run.results.at[0].result, DKIM_PASS);
	assert_int_equal(run.results.at[1].result, DKIM_PASS);
	arena_free(run.arena);
}

/* One query for each key, however many signatures name it. */
static void
test_queries(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct dkim_options options = {NOW, TEXT("example.com")};
	struct dns_facts *facts = dns_facts_new(arena);
	struct dkim_results results;
	struct dns_question question;
	struct build build;
	unsigned asked = 0;

	(void)state;
	build_init_arena(&build, signer.arena, 1 << 20);
	add_signatures(&build, "example.com", 3);
	add_signatures(&build, "list.example", 2);
	build_cstr(&build, HEADER);
	struct mail_header header = read_header(build_view(&build));
	struct dkim *dkim = dkim_new(arena, &header, &options);
	assert_non_null(dkim);
	dkim_end_of_body(dkim);
	dkim_hint_keys(dkim, facts);
	while (!dkim_check(dkim, facts, NULL, &results)) {
		assert_true(dns_next_wanted(facts, &question));
		assert_true(dns_tell(
		    facts, &question, dns_zone_answer(zone, &question)));
		asked++;
	}
	assert_int_equal(asked, 2);
	assert_int_equal(results.count, 5);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_authors_come_first),
	    cmocka_unit_test(test_order_of_names),
	    cmocka_unit_test(test_behind_junk),
	    cmocka_unit_test(test_flood),
	    cmocka_unit_test(test_signed_signature),
	    cmocka_unit_test(test_queries),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
