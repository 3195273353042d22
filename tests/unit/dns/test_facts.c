#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/facts.h"
#include "dns/name.h"

#include "order.h"

#include <stdio.h>
#include <string.h>

struct fixture {
	struct arena *arena;
	struct dns_facts *facts;
};

static int
set_up(void **state)
{
	static struct fixture fixture;

	fixture.arena = arena_new(1024 * 1024);
	fixture.facts = dns_facts_new(fixture.arena);
	*state = &fixture;
	return fixture.facts == NULL;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	arena_free(fixture->arena);
	return 0;
}

static struct text
numbered(char buffer[32], unsigned number)
{
	int len = snprintf(buffer, 32, "n%u.example", number);

	return (struct text){buffer, (size_t)len};
}

static enum dns_status
ask(struct dns_facts *facts, const char *name)
{
	return dns_ask(facts, text_from_cstr(name), DNS_TXT)->status;
}

static void
test_ask_tell_ask(void **state)
{
	struct dns_facts *facts = ((struct fixture *)*state)->facts;
	struct dns_question question;

	dns_facts_begin_pass(facts, DNS_SHARE_SPF);
	assert_false(dns_facts_missed(facts));
	assert_false(dns_facts_waiting(facts));
	assert_int_equal(ask(facts, "Example.COM."), DNS_UNKNOWN);
	assert_int_equal(ask(facts, "example.com"), DNS_UNKNOWN);
	assert_true(dns_facts_missed(facts));
	assert_true(dns_facts_waiting(facts));
	assert_int_equal(dns_facts_count(facts), 1);
	assert_true(dns_next_wanted(facts, &question));
	assert_true(text_equal(question.name, TEXT("example.com")));
	assert_int_equal(question.type, DNS_TXT);
	assert_false(dns_next_wanted(facts, &question));
	assert_true(dns_tell(facts, &question, dns_answer_new(DNS_NODATA, 60)));
	assert_false(dns_facts_waiting(facts));
	/* A second answer changes nothing. */
	assert_false(
	    dns_tell(facts, &question, dns_answer_new(DNS_NXDOMAIN, 60)));
	dns_facts_begin_pass(facts, DNS_SHARE_SPF);
	assert_int_equal(ask(facts, "EXAMPLE.com"), DNS_NODATA);
	assert_false(dns_facts_missed(facts));
	/* Another type is another question. */
	assert_int_equal(
	    dns_ask(facts, TEXT("example.com"), DNS_A)->status, DNS_UNKNOWN);
	assert_int_equal(dns_facts_count(facts), 2);
}

static void
test_unknown_question(void **state)
{
	struct dns_facts *facts = ((struct fixture *)*state)->facts;
	struct dns_question question = {TEXT("example.com"), DNS_A};

	assert_false(
	    dns_tell(facts, &question, dns_answer_new(DNS_NODATA, 60)));
	assert_int_equal(dns_facts_count(facts), 0);
}

static void
test_impossible_names(void **state)
{
	struct dns_facts *facts = ((struct fixture *)*state)->facts;
	static char bytes[70000];
	static const char *const names[] = {"", ".", "a..b", ".a", "a.."};

	memset(bytes, 'a', sizeof bytes);
	dns_facts_begin_pass(facts, DNS_SHARE_SPF);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(ask(facts, names[i]), DNS_NXDOMAIN);
	for (size_t len = 64; len < sizeof bytes; len *= 3) {
		struct text name = {bytes, len};
		assert_int_equal(
		    dns_ask(facts, name, DNS_A)->status, DNS_NXDOMAIN);
		dns_hint(facts, name, DNS_A);
	}
	assert_false(dns_facts_missed(facts));
	assert_int_equal(dns_facts_count(facts), 0);
}

static const struct {
	enum dns_share share;
	unsigned max;
} shares[] = {
    {DNS_SHARE_SPF, 128},
    {DNS_SHARE_HELO, 32},
    {DNS_SHARE_DKIM, 24},
    {DNS_SHARE_ARC, 48},
    {DNS_SHARE_POLICY, 24},
    {DNS_SHARE_ALIGNMENT, 80},
};

/* Each share has its own room, and a full one is closed, not waited for. */
static void
test_shares(void **state)
{
	struct dns_facts *facts = ((struct fixture *)*state)->facts;
	struct dns_question question;
	char buffer[32];
	unsigned asked = 0;

	for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
		dns_facts_begin_pass(facts, shares[i].share);
		for (unsigned n = 0; n < shares[i].max; n++)
			assert_int_equal(
			    dns_ask(facts, numbered(buffer, asked++), DNS_A)
				->status,
			    DNS_UNKNOWN);
		dns_facts_begin_pass(facts, shares[i].share);
		assert_ptr_equal(dns_ask(facts, TEXT("more.example"), DNS_A),
		    &dns_answer_failed);
		assert_false(dns_facts_missed(facts));
		/* What another one asked costs nothing. */
		assert_int_equal(
		    dns_ask(facts, TEXT("n0.example"), DNS_A)->status,
		    DNS_UNKNOWN);
	}
	assert_int_equal(dns_facts_count(facts), asked);
	assert_int_equal(asked, 336);
	for (unsigned n = 0; n < asked; n++) {
		assert_true(dns_next_wanted(facts, &question));
		assert_true(text_equal(question.name, numbered(buffer, n)));
		assert_true(
		    dns_tell(facts, &question, dns_answer_new(DNS_NODATA, 60)));
	}
	assert_false(dns_next_wanted(facts, &question));
	assert_false(dns_facts_waiting(facts));
}

static void
test_hints(void **state)
{
	struct dns_facts *facts = ((struct fixture *)*state)->facts;
	struct dns_question question;
	char buffer[32];

	dns_facts_begin_pass(facts, DNS_SHARE_DKIM);
	dns_hint(facts, TEXT("Hint.example."), DNS_TXT);
	dns_hint(facts, TEXT("hint.example"), DNS_TXT);
	assert_false(dns_facts_missed(facts));
	assert_int_equal(dns_facts_count(facts), 1);
	assert_true(dns_next_wanted(facts, &question));
	assert_true(text_equal(question.name, TEXT("hint.example")));
	dns_facts_allow_hints(facts, false);
	dns_hint(facts, TEXT("other.example"), DNS_TXT);
	assert_int_equal(dns_facts_count(facts), 1);
	dns_facts_allow_hints(facts, true);
	for (unsigned n = 0; n < 24; n++)
		dns_hint(facts, numbered(buffer, n), DNS_TXT);
	assert_int_equal(dns_facts_count(facts), 13); /* half, and one */
}

static void
test_close(void **state)
{
	struct dns_facts *facts = ((struct fixture *)*state)->facts;
	const struct dns_answer *answer;
	struct dns_question question;

	dns_facts_begin_pass(facts, DNS_SHARE_SPF);
	(void)ask(facts, "known.example");
	(void)ask(facts, "late.example");
	assert_true(dns_next_wanted(facts, &question));
	(void)dns_tell(facts, &question, dns_answer_new(DNS_NODATA, 60));
	assert_true(dns_next_wanted(facts, &question));
	(void)ask(facts, "never.example");
	dns_facts_close(facts);
	assert_false(dns_facts_waiting(facts));
	dns_facts_begin_pass(facts, DNS_SHARE_SPF);
	assert_int_equal(ask(facts, "known.example"), DNS_NODATA);
	assert_int_equal(ask(facts, "late.example"), DNS_FAILED);
	assert_int_equal(ask(facts, "new.example"), DNS_FAILED);
	dns_hint(facts, TEXT("hint.example"), DNS_A);
	assert_false(dns_facts_missed(facts));
	/* Too late. */
	assert_false(dns_tell(facts, &question, dns_answer_new(DNS_FOUND, 60)));
	assert_int_equal(ask(facts, "late.example"), DNS_FAILED);
	assert_false(dns_next_wanted(facts, &question));
	assert_false(dns_facts_waiting(facts));
	/* All that was asked can be saved with its answer. */
	assert_int_equal(dns_facts_count(facts), 4);
	dns_facts_at(facts, 3, &question, &answer);
	assert_true(text_equal(question.name, TEXT("new.example")));
	assert_int_equal(answer->status, DNS_FAILED);
}

static void
test_no_memory(void **state)
{
	(void)state;
	for (size_t n = 1; n < 28; n++) {
		struct arena *arena = arena_new(1024 * 1024);
		char buffer[32];
		arena_fail_after(arena, n);
		struct dns_facts *facts = dns_facts_new(arena);
		if (facts == NULL) {
			arena_free(arena);
			continue;
		}
		for (unsigned i = 0; i < 24; i++) {
			enum dns_status status =
			    dns_ask(facts, numbered(buffer, i), DNS_A)->status;
			assert_int_equal(status,
			    arena_failed(arena) ? DNS_FAILED : DNS_UNKNOWN);
		}
		assert_true(arena_failed(arena));
		assert_true(dns_facts_count(facts) < 24);
		arena_free(arena);
	}
}

/* --- a small check, to try the driver of all tests --- */

struct walk {
	struct dns_facts *facts;
	unsigned depth;
	bool hint;
	bool found;
	bool final;
};

/* Looks for a TXT at deep.a.b.example and each of its ancestors. */
static bool
walk_up(void *context)
{
	struct walk *walk = context;
	struct text name = TEXT("deep.a.b.example");
	bool found = false;

	dns_facts_begin_pass(walk->facts, DNS_SHARE_POLICY);
	walk->depth = 0;
	if (walk->hint)
		dns_hint(walk->facts, TEXT("example"), DNS_TXT);
	for (; name.len > 0 && !found; name = dns_name_parent(name)) {
		walk->depth++;
		found =
		    dns_ask(walk->facts, name, DNS_TXT)->status == DNS_FOUND;
	}
	if (dns_facts_missed(walk->facts))
		return false;
	walk->found = found;
	walk->final = true;
	return true;
}

static void
test_order(void **state)
{
	struct problem problem = {0};
	struct dns_zone *zone =
	    dns_zone_read(TEXT("b.example TXT yes\na.b.example A 192.0.2.1\n"),
		"test", &problem);

	(void)state;
	assert_non_null(zone);
	for (unsigned i = 0; i < 3 * 2 * 20; i++) {
		struct arena *arena = arena_new(1024 * 1024);
		struct walk walk = {
		    .facts = dns_facts_new(arena), .hint = i % 2 == 0};
		enum order order = (enum order)(i / 2 % 3);
		unsigned passes =
		    order_drive(walk.facts, zone, order, i / 6, walk_up, &walk);
		assert_true(walk.final && passes <= 6);
		if (order != ORDER_CLOSED_EARLY) {
			assert_true(walk.found);
			assert_int_equal(walk.depth, 3);
		} else if (i / 6 % 8 == 0) {
			assert_false(walk.found);
		}
		arena_free(arena);
	}
	dns_zone_free(zone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_ask_tell_ask, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_unknown_question, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_impossible_names, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_shares, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_hints, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_close, set_up, tear_down),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
