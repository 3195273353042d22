#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include <string.h>

/* --- one signature --- */

static const struct row {
	const char *name;
	struct sign_options sign;
	const char *header; /* as received; NULL is HEADER */
	const char *body;   /* as received; NULL is BODY */
	enum dkim_result result;
	const char *reason;
	bool body_hash_failed;
	unsigned changes;
} rows[] = {
    {"relaxed", {0}, .result = DKIM_PASS, .reason = ""},
    {"simple", {.tags = "h=from:to:subject"}, .result = DKIM_PASS,
	.reason = ""},
    {"simple/relaxed", {.tags = "c=simple/relaxed; h=from"},
	.result = DKIM_PASS, .reason = ""},
    {"relaxed/simple", {.tags = "c=relaxed; h=from"}, .result = DKIM_PASS,
	.reason = ""},
    {"Ed25519", {SIGN_ED25519, .selector = "ed"}, .result = DKIM_PASS,
	.reason = ""},
    {"test mode", {.selector = "test"}, .result = DKIM_PASS, .reason = ""},
    {"U-labels in d=",
	{.domain = "b\xC3\xBC"
		   "cher.example"},
	.result = DKIM_PASS, .reason = ""},
    {"header changed in white space, relaxed", {0},
	.header = "FROM:  Joe \t<joe@example.com> \r\n"
		  "To:\r\n\tsuzie@example.net\r\n"
		  "X: y\r\n"
		  "subject : Is dinner\r\n ready?\r\n",
	.result = DKIM_PASS, .reason = ""},
    {"header changed in white space, simple", {.tags = "h=from:to:subject"},
	.header = "From:  Joe <joe@example.com>\r\n"
		  "To: suzie@example.net\r\n"
		  "Subject: Is dinner ready?\r\n",
	.result = DKIM_FAIL, .reason = "signature did not verify"},
    {"header changed", {0},
	.header = "From: Joe <joe@example.com>\r\n"
		  "To: suzie@example.net\r\n"
		  "Subject: [list] Is dinner ready?\r\n",
	.result = DKIM_FAIL, .reason = "signature did not verify",
	.changes = DKIM_CHANGE_SUBJECT},
    {"From added above, not oversigned", {0},
	.header = "From: evil@example.com\r\n" HEADER, .result = DKIM_POLICY,
	.reason = "a field that may stand once stands above the signed one"},
    {"From added below", {0}, .header = HEADER "From: evil@example.com\r\n",
	.result = DKIM_FAIL, .reason = "signature did not verify"},
    {"oversigned", {.tags = "h=from:from:to:subject:date"}, .result = DKIM_PASS,
	.reason = ""},
    {"From added above, oversigned", {.tags = "h=from:from"},
	.header = "From: evil@example.com\r\n" HEADER, .result = DKIM_FAIL,
	.reason = "signature did not verify"},
    {"absent field added", {.tags = "h=from:date"},
	.header = HEADER "Date: today\r\n", .result = DKIM_FAIL,
	.reason = "signature did not verify"},
    {"body changed", {0}, .body = "Hi.\r\n\r\nWe won the game.\r\n",
	.result = DKIM_FAIL, .reason = "body hash did not verify",
	.body_hash_failed = true},
    {"empty lines at the end", {0}, .body = BODY "\r\n\r\n",
	.result = DKIM_PASS, .reason = ""},
    {"both changed", {0}, .header = "From: joe@example.com\r\n",
	.body = "other\r\n", .result = DKIM_FAIL,
	.reason = "neither signature nor body hash verify"},
    {"wrong key", {.selector = "other"}, .result = DKIM_FAIL,
	.reason = "signature did not verify"},
    {"several keys", {.selector = "two"}, .result = DKIM_PASS, .reason = ""},
    {"several keys, the third", {SIGN_ED25519, .selector = "two"},
	.result = DKIM_PASS, .reason = ""},
    {"several keys, none", {SIGN_RSA_SMALL, .selector = "two"},
	.result = DKIM_FAIL, .reason = "signature did not verify"},
    {"short key", {SIGN_RSA_SMALL, .selector = "small"},
	.result = DKIM_PERMERROR,
	.reason = "the RSA key is shorter than 1024 bits (RFC 8301 3.2)"},
    {"key of another kind", {.selector = "ed"}, .result = DKIM_PERMERROR,
	.reason = "the key is not for this a="},
    {"key for SHA-1", {.selector = "sha1"}, .result = DKIM_PERMERROR,
	.reason = "the key is not for SHA-256"},
    {"key revoked", {.selector = "revoked"}, .result = DKIM_PERMERROR,
	.reason = "the key is revoked"},
    {"no such key", {.selector = "nowhere"}, .result = DKIM_PERMERROR,
	.reason = "no key for signature"},
    {"name without TXT", {.selector = "nodata"}, .result = DKIM_PERMERROR,
	.reason = "no key for signature"},
    {"another TXT", {.selector = "wild"}, .result = DKIM_PERMERROR,
	.reason = "the record is not of DKIM1"},
    {"DNS failure", {.selector = "down"}, .result = DKIM_TEMPERROR,
	.reason = "key unavailable"},
    {"strict key", {.selector = "strict"}, .result = DKIM_PASS, .reason = ""},
    {"strict key, i= equal",
	{.selector = "strict", .tags = "h=from; i=joe@Example.com"},
	.result = DKIM_PASS, .reason = ""},
    {"strict key, i= below",
	{.selector = "strict", .tags = "h=from; i=@mail.example.com"},
	.result = DKIM_PERMERROR,
	.reason = "the key forbids i= in a subdomain (t=s)"},
    {"i= below", {.tags = "h=from; i=@mail.example.com"}, .result = DKIM_PASS,
	.reason = ""},
    {"malformed", {.tags = "c=x; h=from"}, .result = DKIM_PERMERROR,
	.reason = "c= is unknown"},
    {"expired", {.tags = "h=from; x=999699"}, .result = DKIM_POLICY,
	.reason = "the signature has expired"},
    {"expired within the skew", {.tags = "h=from; x=999700"},
	.result = DKIM_PASS, .reason = ""},
    {"expired in 1970", {.tags = "h=from; x=0"}, .result = DKIM_POLICY,
	.reason = "the signature has expired"},
    {"made in the future", {.tags = "h=from; t=2000000; x=3000000"},
	.result = DKIM_PASS, .reason = ""},
    /* BODY is 34 bytes in either form. */
    {"l= whole", {.tags = "c=simple/simple; h=from; l=34"}, .result = DKIM_PASS,
	.reason = ""},
    {"l= short", {.tags = "h=from; l=5"}, .result = DKIM_POLICY,
	.reason = "l= leaves a part of the body unsigned"},
    {"l= nothing", {.tags = "h=from; l=0"}, .result = DKIM_POLICY,
	.reason = "l= leaves a part of the body unsigned"},
    {"l= and text appended", {.tags = "h=from; l=34"},
	.body = BODY "Buy now.\r\n", .result = DKIM_POLICY,
	.reason = "l= leaves a part of the body unsigned"},
    {"l= and text changed", {.tags = "h=from; l=34"}, .body = "Hi!" BODY,
	.result = DKIM_FAIL, .reason = "body hash did not verify",
	.body_hash_failed = true},
    {"l= larger", {.tags = "h=from; l=35"}, .result = DKIM_FAIL,
	.reason = "the body is shorter than l=", .body_hash_failed = true},
    {"l= huge", {.tags = "h=from; l=99999999999999999999999"},
	.result = DKIM_FAIL,
	.reason = "the body is shorter than l=", .body_hash_failed = true},
    {"footer", {0}, .body = BODY "__\r\nThe list\r\n", .result = DKIM_FAIL,
	.reason = "body hash did not verify", .body_hash_failed = true,
	.changes = DKIM_CHANGE_FOOTER},
    {"footer and Subject tag", {0},
	.header = "From: Joe <joe@example.com>\r\n"
		  "To: suzie@example.net\r\n"
		  "Subject: [list] Is dinner ready?\r\n",
	.body = BODY "__\r\nThe list\r\n", .result = DKIM_FAIL,
	.reason = "neither signature nor body hash verify",
	.changes = DKIM_CHANGE_SUBJECT | DKIM_CHANGE_FOOTER},
};

static struct text
row_message(const struct row *row)
{
	return compose(sign(&row->sign, HEADER),
	    row->header == NULL ? HEADER : row->header,
	    row->body == NULL ? BODY : row->body);
}

static bool
row_is(const struct row *row, const struct dkim_results *results)
{
	const struct dkim_verdict *verdict = &results->at[0];

	if (results->count == 1 && verdict->result == row->result &&
	    text_equal(verdict->reason, text_from_cstr(row->reason)) &&
	    verdict->body_hash_failed == row->body_hash_failed &&
	    verdict->changes == row->changes)
		return true;
	print_error("%s: %s \"" TEXT_FMT "\"\n", row->name,
	    names_word(&dkim_result_names, (int)verdict->result),
	    TEXT_ARG(verdict->reason));
	return false;
}

static void
test_rows(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct run run = {.arena = arena_new(ARENA_MAX),
		    .options = {NOW, TEXT("example.com")}};
		assert_true(run_message(&run, row_message(&rows[i]), zone));
		bad += !row_is(&rows[i], &run.results);
		arena_free(run.arena);
	}
	assert_int_equal(bad, 0);
}

static void
test_unsigned(void **state)
{
	struct run run = {.arena = arena_new(ARENA_MAX)};

	(void)state;
	assert_true(run_message(&run, compose(TEXT(""), HEADER, BODY), zone));
	assert_int_equal(run.results.count, 0);
	assert_int_equal(run.passes, 1);
	arena_free(run.arena);
}

/* The verdict says whose signature it is, and the story tells it once. */
static void
test_what_is_told(void **state)
{
	struct run run = {.arena = arena_new(ARENA_MAX),
	    .options = {NOW, TEXT("example.com")}};
	struct sign_options options = {
	    .tags = "h=from; i=joe@mail.example.com"};

	(void)state;
	assert_true(run_message(
	    &run, compose(sign(&options, HEADER), HEADER, BODY), zone));
	const struct dkim_verdict *verdict = &run.results.at[0];
	assert_true(text_equal(verdict->domain, TEXT("example.com")));
	assert_true(text_equal(verdict->selector, TEXT("s")));
	assert_true(
	    text_equal(verdict->identity, TEXT("joe@mail.example.com")));
	assert_true(text_equal(verdict->algorithm, TEXT("rsa-sha256")));
	assert_int_equal(verdict->b.len, 8);
	assert_true(text_equal(trace_story(&run.trace),
	    TEXT("dkim: signature 1, d=example.com s=s a=rsa-sha256: pass"
		 " (RFC 6376 6.1)\n")));
	arena_free(run.arena);
}

/* --- orders --- */

/* Forms, keys, l= and failures at once. */
static struct text
mixed_message(void)
{
	static const struct sign_options all[] = {
	    {0},
	    {.tags = "h=from:to"},
	    {SIGN_ED25519, .selector = "ed"},
	    {.selector = "two", .tags = "c=relaxed/relaxed; h=from; l=5"},
	    {.selector = "other"},
	    {.selector = "down"},
	    {.selector = "nowhere"},
	    {.domain = "list.example", .body = "Hi.\r\n"},
	    {.tags = "h=to"},
	};
	struct text fields = TEXT("");

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		fields =
		    arena_join(signer.arena, fields, sign(&all[i], HEADER));
	return compose(fields, HEADER, BODY);
}

static bool
same_results(const struct dkim_results *a, const struct dkim_results *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct dkim_verdict *x = &a->at[i];
		const struct dkim_verdict *y = &b->at[i];
		if (x->result != y->result || x->changes != y->changes ||
		    x->body_hash_failed != y->body_hash_failed ||
		    !text_equal(x->reason, y->reason) ||
		    !text_equal(x->domain, y->domain))
			return false;
	}
	return true;
}

static void
test_orders(void **state)
{
	struct text message = mixed_message();
	struct run whole = {.arena = arena_new(ARENA_MAX),
	    .options = {NOW, TEXT("example.com")}};

	(void)state;
	assert_true(run_message(&whole, message, zone));
	assert_int_equal(whole.passes, 2);
	for (unsigned seed = 0; seed < 60; seed++) {
		struct run run = {.arena = arena_new(ARENA_MAX),
		    .options = whole.options,
		    .order = seed % 2 == 0 ? ORDER_RANDOM : ORDER_CLOSED_EARLY,
		    .seed = seed / 2,
		    .hints = seed % 3 == 0};
		assert_true(run_message(&run, message, zone));
		if (run.order == ORDER_RANDOM)
			assert_true(same_results(&run.results, &whole.results));
		for (size_t i = 0; i < run.results.count; i++)
			assert_true(run.results.at[i].result != DKIM_PASS ||
				    whole.results.at[i].result == DKIM_PASS);
		arena_free(run.arena);
	}
	arena_free(whole.arena);
}

static void
test_pieces(void **state)
{
	struct text message = mixed_message();
	struct run whole = {.arena = arena_new(ARENA_MAX),
	    .options = {NOW, TEXT("example.com")}};

	(void)state;
	assert_true(run_message(&whole, message, zone));
	for (size_t piece = 1; piece < 40; piece++) {
		struct run run = {.arena = arena_new(ARENA_MAX),
		    .options = whole.options,
		    .piece = piece};
		assert_true(run_message(&run, message, zone));
		assert_true(same_results(&run.results, &whole.results));
		arena_free(run.arena);
	}
	arena_free(whole.arena);
}

/* The check may run before the body has ended: it asks, and is not final. */
static void
test_early_pass(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct sign_options options = {0};
	struct text field = sign(&options, HEADER);
	struct mail_header header =
	    read_header(arena_join(signer.arena, field, TEXT(HEADER)));
	struct dkim_options check = {NOW, TEXT("example.com")};
	struct dns_facts *facts = dns_facts_new(arena);
	struct dkim_results results;
	struct dns_question question;

	(void)state;
	struct dkim *dkim = dkim_new(arena, &header, &check);
	assert_non_null(dkim);
	assert_false(dkim_check(dkim, facts, NULL, &results));
	assert_true(dns_next_wanted(facts, &question));
	assert_true(
	    dns_tell(facts, &question, dns_zone_answer(zone, &question)));
	assert_false(dkim_check(dkim, facts, NULL, &results));
	dkim_body(dkim, TEXT(BODY));
	dkim_end_of_body(dkim);
	dkim_body(dkim, TEXT("too late"));
	assert_true(dkim_check(dkim, facts, NULL, &results));
	assert_int_equal(results.at[0].result, DKIM_PASS);
	arena_free(arena);
}

/* --- memory --- */

static void
test_no_memory(void **state)
{
	struct text message = mixed_message();
	bool failed = true;

	(void)state;
	for (size_t n = 1; failed; n++) {
		struct run run = {.arena = arena_new(ARENA_MAX),
		    .options = {NOW, TEXT("example.com")}};
		arena_fail_after(run.arena, n);
		bool done = run_message(&run, message, zone);
		failed = arena_failed(run.arena);
		assert_true(done != failed);
		arena_free(run.arena);
		assert_in_range(n, 1, 2000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_unsigned),
	    cmocka_unit_test(test_what_is_told),
	    cmocka_unit_test(test_orders),
	    cmocka_unit_test(test_pieces),
	    cmocka_unit_test(test_early_pass),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
