#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#include <stdio.h>

enum { PASSED = 1, TROUBLED = 2 };

#define NORMAL "_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n"
#define STRICT                                                                 \
 "_dmarc.example.com TXT \"v=DMARC1; p=reject; adkim=s; aspf=s\"\n"
#define BANK                                                                   \
 "_dmarc.bank.example TXT \"v=DMARC1; p=reject; psd=y\"\n"                     \
 "_dmarc.giant.bank.example TXT \"v=DMARC1; p=reject\"\n"

static const struct row {
	const char *name;
	const char *zone;
	const char *author;

	struct {
		const char *domain;
		int state;
	} spf, dkim[3];

	const char *expected; /* result, policy, what is aligned */
} rows[] = {
    {"nothing passed", NORMAL, "example.com", {"example.com", 0},
	{{"example.com", 0}}, "fail reject"},
    {"SPF, same domain", NORMAL, "example.com", {"example.com", PASSED}, {{0}},
	"pass reject spf"},
    {"SPF, below", NORMAL, "example.com", {"a.example.com", PASSED}, {{0}},
	"pass reject spf"},
    {"SPF, above", NORMAL, "a.example.com", {"example.com", PASSED}, {{0}},
	"pass reject spf"},
    {"SPF, beside", NORMAL, "a.example.com", {"b.example.com", PASSED}, {{0}},
	"pass reject spf"},
    {"SPF, a name that only ends alike", NORMAL, "example.com",
	{"badexample.com", PASSED}, {{0}}, "fail reject"},
    {"SPF, the top level domain", NORMAL, "example.com", {"com", PASSED}, {{0}},
	"fail reject"},
    {"SPF without a domain", NORMAL, "example.com", {"", PASSED}, {{0}},
	"fail reject"},
    {"DKIM, the third", NORMAL, "example.com", {"other.example", PASSED},
	{{"x.example", PASSED}, {"example.com", 0}, {"example.com", PASSED}},
	"pass reject dkim"},
    {"DKIM in capitals", NORMAL, "example.com", {0}, {{"EXAMPLE.com", PASSED}},
	"pass reject dkim"},
    {"both", NORMAL, "example.com", {"example.com", PASSED},
	{{"a.example.com", PASSED}}, "pass reject spf dkim"},
    {"strict, same", STRICT, "example.com", {"example.com", PASSED},
	{{"example.com", PASSED}}, "pass reject spf dkim"},
    {"strict, below", STRICT, "example.com", {"a.example.com", PASSED},
	{{"a.example.com", PASSED}}, "fail reject"},
    {"an organization below a public suffix", BANK, "giant.bank.example",
	{"mail.giant.bank.example", PASSED}, {{0}}, "pass reject spf"},
    {"another one", BANK, "giant.bank.example", {"mega.bank.example", PASSED},
	{{"bank.example", PASSED}}, "fail reject"},
    {"an identifier that is an organization of its own",
	NORMAL "_dmarc.b.example.com TXT \"v=DMARC1; p=none; psd=n\"\n",
	"example.com", {"b.example.com", PASSED}, {{"x.b.example.com", PASSED}},
	"fail reject"},
    {"a record of the author's alone does not lift its parent",
	"_dmarc.a.example.com TXT \"v=DMARC1; p=reject\"\n", "a.example.com",
	{"example.com", PASSED}, {{0}}, "fail reject"},
    {"SPF may have passed", NORMAL, "example.com", {"a.example.com", TROUBLED},
	{{0}}, "temperror reject"},
    {"SPF may have passed, of somebody else", NORMAL, "example.com",
	{"other.example", TROUBLED}, {{0}}, "fail reject"},
    {"SPF may have passed, not aligned", STRICT, "example.com",
	{"a.example.com", TROUBLED}, {{0}}, "fail reject"},
    {"a pass wins over trouble", NORMAL, "example.com",
	{"example.com", TROUBLED},
	{{"example.com", TROUBLED}, {"example.com", PASSED}},
	"pass reject dkim"},
    {"DKIM may have passed", NORMAL, "example.com", {"other.example", 0},
	{{"other.example", PASSED}, {"example.com", TROUBLED}},
	"temperror reject"},
    {"a foreign key that is slow disarms nothing", NORMAL, "example.com", {0},
	{{"attacker.example", TROUBLED}}, "fail reject"},
    {"the identifier's walk fails", NORMAL "_dmarc.a.example.com SERVFAIL\n",
	"example.com", {"a.example.com", PASSED}, {{0}}, "temperror reject"},
    {"a walk that fails for nobody", NORMAL "_dmarc.a.example.com SERVFAIL\n",
	"example.com", {"a.example.com", 0}, {{"x.example", PASSED}},
	"fail reject"},
    {"the organization is not sure, the domain is the same",
	NORMAL "_dmarc.com SERVFAIL\n", "example.com", {"example.com", PASSED},
	{{0}}, "pass reject spf"},
    {"the organization is not sure, the domain is near",
	NORMAL "_dmarc.com SERVFAIL\n", "example.com", {"b.com", PASSED}, {{0}},
	"temperror reject"},
    {"the organization is not sure, the domain is foreign",
	NORMAL "_dmarc.com SERVFAIL\n", "example.com", {"b.example", PASSED},
	{{0}}, "fail reject"},
    {"the organization is not sure, what failed stands between",
	NORMAL "_dmarc.a.b.example.com TXT \"v=DMARC1; p=reject\"\n"
	       "_dmarc.b.example.com SERVFAIL\n",
	"a.b.example.com", {"c.example.com", PASSED}, {{0}},
	"temperror reject"},
    {"the organization is not sure and does not matter",
	STRICT "_dmarc.com SERVFAIL\n", "example.com",
	{"a.example.com", PASSED}, {{0}}, "fail reject"},
    {"no policy to be had", "_dmarc.example.com SERVFAIL\n", "example.com",
	{"example.com", PASSED}, {{"example.com", PASSED}}, "temperror absent"},
    {"the policy is not sure, the domain is the same: the record that was "
     "not had may be unusable",
	NORMAL "_dmarc.a.b.example.com SERVFAIL\n", "a.b.example.com",
	{"a.b.example.com", PASSED}, {{0}}, "temperror absent spf"},
    {"the policy is not sure, the domain is the same, by DKIM",
	NORMAL "_dmarc.b.example.com SERVFAIL\n", "a.b.example.com", {0},
	{{"a.b.example.com", PASSED}}, "temperror absent dkim"},
    {"the policy is not sure, the domain is near",
	NORMAL "_dmarc.b.example.com SERVFAIL\n", "a.b.example.com",
	{"example.com", PASSED}, {{0}}, "temperror reject"},
    {"the policy is not sure, the domain is foreign",
	NORMAL "_dmarc.b.example.com SERVFAIL\n", "a.b.example.com",
	{"b.example", PASSED}, {{0}}, "temperror reject"},
    {"np not known, but a pass",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\n"
	"a.example.com SERVFAIL\n",
	"a.example.com", {"a.example.com", PASSED}, {{0}}, "pass none spf"},
    {"np not known",
	"_dmarc.example.com TXT \"v=DMARC1; p=quarantine; np=reject\"\n"
	"a.example.com SERVFAIL\n",
	"a.example.com", {0}, {{0}}, "temperror quarantine"},
    {"no record", "example.com A 192.0.2.1\n", "example.com",
	{"example.com", PASSED}, {{"example.com", PASSED}}, "none absent"},
    {"unusable", "_dmarc.example.com TXT \"v=DMARC1; p=oops\"\n", "example.com",
	{"example.com", PASSED}, {{0}}, "permerror absent"},
    {"acts as none",
	"_dmarc.example.com TXT \"v=DMARC1; p=oops; rua=mailto:a@b\"\n",
	"example.com", {0}, {{0}}, "fail none"},
    {"acts as none, and passes",
	"_dmarc.example.com TXT \"v=DMARC1; p=oops; rua=mailto:a@b\"\n",
	"example.com", {"example.com", PASSED}, {{0}}, "pass none spf"},
    {"t=y lowers reject",
	"_dmarc.example.com TXT \"v=DMARC1; p=reject; t=y\"\n", "example.com",
	{0}, {{0}}, "fail quarantine"},
    {"t=y lowers quarantine",
	"_dmarc.example.com TXT \"v=DMARC1; p=quarantine; t=y\"\n",
	"example.com", {0}, {{0}}, "fail none"},
    {"t=y leaves none", "_dmarc.example.com TXT \"v=DMARC1; p=none; t=y\"\n",
	"example.com", {0}, {{0}}, "fail none"},
    {"pct is nothing to RFC 9989",
	"_dmarc.example.com TXT \"v=DMARC1; p=reject; pct=0\"\n", "example.com",
	{0}, {{0}}, "fail reject"},
};

static const struct row psl_rows[] = {
    {"below the same organization", NORMAL, "a.example.com",
	{"b.example.com", PASSED}, {{0}}, "pass reject spf"},
    {"the parent counts without a record",
	"_dmarc.a.example.com TXT \"v=DMARC1; p=reject\"\n", "a.example.com",
	{"example.com", PASSED}, {{0}}, "pass reject spf"},
    {"across a public suffix",
	"_dmarc.example.co.uk TXT \"v=DMARC1; p=reject\"\n", "example.co.uk",
	{"other.co.uk", PASSED}, {{"co.uk", PASSED}}, "fail reject"},
    {"pct=0 is a test",
	"_dmarc.example.com TXT \"v=DMARC1; p=reject; pct=0\"\n", "example.com",
	{0}, {{0}}, "fail quarantine"},
    {"pct is not sampled",
	"_dmarc.example.com TXT \"v=DMARC1; p=reject; pct=10\"\n",
	"example.com", {0}, {{0}}, "fail reject"},
};

static struct dmarc_identifier
identifier(const char *domain, int state)
{
	return (struct dmarc_identifier){
	    .domain = domain == NULL ? TEXT("") : text_from_cstr(domain),
	    .passed = state == PASSED,
	    .temperror = state == TROUBLED,
	};
}

static struct dmarc_outcome
run(struct world *world, const struct row *row)
{
	struct dmarc_identifier dkim[3];
	struct dmarc_input input = {
	    .author = text_from_cstr(row->author),
	    .spf = identifier(row->spf.domain, row->spf.state),
	    .dkim_count = 3,
	    .dkim = dkim,
	};

	for (size_t i = 0; i < 3; i++)
		dkim[i] = identifier(row->dkim[i].domain, row->dkim[i].state);
	struct dmarc_discovery discovery = world_discover(world, input.author);
	return world_check(world, &input, &discovery);
}

static struct text
describe(struct arena *arena, const struct dmarc_outcome *outcome)
{
	return arena_format(arena, "%s %s%s%s",
	    names_word(&dmarc_result_names, (int)outcome->result),
	    names_word(&dmarc_policy_names, (int)outcome->policy),
	    outcome->spf_aligned ? " spf" : "",
	    outcome->dkim_aligned ? " dkim" : "");
}

static unsigned
run_row(const struct row *row, const struct dmarc_options *options)
{
	unsigned failures = 0;

	for (unsigned seed = 0; seed < 6 && failures == 0; seed++) {
		struct world world = world_open(text_from_cstr(row->zone));
		world.options = *options;
		world.order = seed == 0 ? ORDER_AT_ONCE : ORDER_RANDOM;
		world.seed = seed;
		struct dmarc_outcome outcome = run(&world, row);
		struct text got = describe(world.arena, &outcome);
		if (!text_equal(got, text_from_cstr(row->expected))) {
			print_error("%s (order %u): " TEXT_FMT "\n", row->name,
			    seed, TEXT_ARG(got));
			failures++;
		}
		world_close(&world);
	}
	return failures;
}

static void
test_treewalk(void **state)
{
	const struct dmarc_options options = {.method = DMARC_TREEWALK};
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		failures += run_row(&rows[i], &options);
	assert_int_equal(failures, 0);
}

static void
test_psl(void **state)
{
	struct suffix_list *list =
	    suffix_list_read(TEXT("// ===BEGIN ICANN DOMAINS===\n"
				  "com\nuk\nco.uk\n"
				  "// ===END ICANN DOMAINS===\n"
				  "// ===END PRIVATE DOMAINS===\n"));
	const struct dmarc_options options = {
	    .method = DMARC_PSL, .suffixes = list};
	unsigned failures = 0;

	(void)state;
	assert_non_null(list);
	for (size_t i = 0; i < sizeof psl_rows / sizeof *psl_rows; i++)
		failures += run_row(&psl_rows[i], &options);
	suffix_list_free(list);
	assert_int_equal(failures, 0);
}

/* Closed at any moment, no pass that the full run does not give. */
static void
test_closed_early(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool may_pass =
		    rows[i].expected[0] == 'p' && rows[i].expected[1] == 'a';
		for (unsigned seed = 0; seed < 24; seed++) {
			struct world world =
			    world_open(text_from_cstr(rows[i].zone));
			world.order = ORDER_CLOSED_EARLY;
			world.seed = seed;
			struct dmarc_outcome outcome = run(&world, &rows[i]);
			if (outcome.result == DMARC_PASS && !may_pass)
				print_error("%s: a pass\n", rows[i].name);
			assert_true(outcome.result != DMARC_PASS || may_pass);
			world_close(&world);
		}
	}
}

/* Many deep signatures: at most so many walks, the rest is not aligned. */
static void
test_walks_are_capped(void **state)
{
	struct dmarc_identifier dkim[DMARC_WALKS_MAX + 2];
	char names[DMARC_WALKS_MAX + 2][32];
	struct world world = world_open(
	    TEXT(NORMAL "*.example.com TXT \"v=DMARC1; p=none; psd=n\"\n"));
	struct dmarc_input input = {
	    .author = TEXT("example.com"),
	    .dkim_count = DMARC_WALKS_MAX + 2,
	    .dkim = dkim,
	};

	(void)state;
	for (int i = 0; i < DMARC_WALKS_MAX + 2; i++) {
		(void)snprintf(names[i], sizeof names[i], "d%d.example.com", i);
		dkim[i] = identifier(names[i], PASSED);
	}
	struct dmarc_discovery discovery = world_discover(&world, input.author);
	size_t before = dns_facts_count(world.facts);
	struct dmarc_outcome outcome = world_check(&world, &input, &discovery);
	assert_int_equal(outcome.result, DMARC_FAIL);
	assert_int_equal(
	    dns_facts_count(world.facts) - before, DMARC_WALKS_MAX);
	world_close(&world);
}

/* As many walks as are made have room for their facts. */
static void
test_deep_walks(void **state)
{
	struct dmarc_identifier dkim[DMARC_WALKS_MAX];
	char names[DMARC_WALKS_MAX][64];
	char zone[2048];
	int used = snprintf(zone, sizeof zone, "%s", NORMAL);
	struct dmarc_input input = {
	    .author = TEXT("example.com"),
	    .dkim_count = DMARC_WALKS_MAX,
	    .dkim = dkim,
	};

	(void)state;
	for (int i = 0; i < DMARC_WALKS_MAX; i++) {
		used += snprintf(zone + used, sizeof zone - (size_t)used,
		    "_dmarc.d%d.example.com TXT \"v=DMARC1; psd=n\"\n", i);
		(void)snprintf(
		    names[i], sizeof names[i], "a.b.c.d.e.d%d.example.com", i);
		dkim[i] = identifier(names[i], PASSED);
	}
	struct world world = world_open(text_from_cstr(zone));
	struct dmarc_discovery discovery = world_discover(&world, input.author);
	struct dmarc_outcome outcome = world_check(&world, &input, &discovery);
	assert_int_equal(outcome.result, DMARC_FAIL);
	world_close(&world);
}

/* With a suffix list, the last of many identifiers may be the aligned one. */
static void
test_psl_needs_no_walks(void **state)
{
	struct dmarc_identifier dkim[DMARC_WALKS_MAX + 1];
	struct suffix_list *list =
	    suffix_list_read(TEXT("// ===BEGIN ICANN DOMAINS===\n"
				  "com\nb.example.com\n"
				  "// ===END ICANN DOMAINS===\n"
				  "// ===END PRIVATE DOMAINS===\n"));
	struct world world = world_open(TEXT(NORMAL));
	struct dmarc_input input = {
	    .author = TEXT("example.com"),
	    .dkim_count = DMARC_WALKS_MAX + 1,
	    .dkim = dkim,
	};

	(void)state;
	world.options =
	    (struct dmarc_options){.method = DMARC_PSL, .suffixes = list};
	for (int i = 0; i < DMARC_WALKS_MAX; i++)
		dkim[i] = identifier("a.b.example.com", PASSED);
	dkim[DMARC_WALKS_MAX] = identifier("a.example.com", PASSED);
	struct dmarc_discovery discovery = world_discover(&world, input.author);
	struct dmarc_outcome outcome = world_check(&world, &input, &discovery);
	assert_int_equal(outcome.result, DMARC_PASS);
	suffix_list_free(list);
	world_close(&world);
}

/* Identifiers that cannot align are not walked at all. */
static void
test_no_needless_walk(void **state)
{
	struct world world = world_open(TEXT(NORMAL));
	struct dmarc_identifier dkim[] = {
	    identifier("list.example.net", PASSED),
	    identifier("example.com", PASSED),
	};
	struct dmarc_input input = {
	    .author = TEXT("example.com"),
	    .spf = identifier("bounce.example.org", PASSED),
	    .dkim_count = 2,
	    .dkim = dkim,
	};

	(void)state;
	struct dmarc_discovery discovery = world_discover(&world, input.author);
	size_t before = dns_facts_count(world.facts);
	struct dmarc_outcome outcome = world_check(&world, &input, &discovery);
	assert_int_equal(outcome.result, DMARC_PASS);
	assert_int_equal(dns_facts_count(world.facts), before);
	world_close(&world);
}

/* --- what did not pass --- */

static const struct {
	const char *name;
	const char *author;
	const char *domain;
	bool aligns;
} evidence[] = {
    {"the author's own", "bank.test", "bank.test", true},
    {"below", "bank.test", "news.bank.test", true},
    {"above", "news.bank.test", "bank.test", true},
    {"beside", "a.bank.test", "b.bank.test", true},
    {"an organization below", "bank.test", "own.bank.test", false},
    {"below that", "bank.test", "a.own.bank.test", false},
    {"DNS failed below", "bank.test", "slow.bank.test", false},
    {"DNS failed for the author", "slow.bank.test", "bank.test", false},
    {"somebody else", "bank.test", "x.test", false},
    {"the top level domain", "bank.test", "test", false},
    {"nobody", "bank.test", "", false},
    {"adkim=s, the same", "strict.test", "strict.test", true},
    {"adkim=s, below", "strict.test", "a.strict.test", false},
};

struct would_align {
	struct world *world;
	struct dmarc_input input;
	struct text domain;
	bool aligns;
};

static bool
would_align_once(void *context)
{
	struct would_align *run = context;
	struct world *world = run->world;

	dns_facts_begin_pass(world->facts, DNS_SHARE_ALIGNMENT);
	run->aligns = dmarc_would_align(&run->input, run->domain,
	    &world->options, world->facts, world->arena);
	return !dns_facts_missed(world->facts);
}

static void
test_would_align(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof evidence / sizeof *evidence; i++) {
		struct world world = world_open(
		    TEXT("_dmarc.bank.test TXT \"v=DMARC1; p=reject\"\n"
			 "_dmarc.own.bank.test TXT \"v=DMARC1; psd=n\"\n"
			 "_dmarc.slow.bank.test SERVFAIL\n"
			 "_dmarc.strict.test TXT \"v=DMARC1; adkim=s\"\n"));
		struct text author = text_from_cstr(evidence[i].author);
		struct dmarc_discovery discovery =
		    world_discover(&world, author);
		struct would_align run = {.world = &world,
		    .input = {.author = author, .discovery = &discovery},
		    .domain = text_from_cstr(evidence[i].domain)};
		(void)order_drive(world.facts, world.zone, ORDER_AT_ONCE, 1,
		    would_align_once, &run);
		if (run.aligns != evidence[i].aligns)
			fail_msg("%s", evidence[i].name);
		world_close(&world);
	}
}

static void
test_memory(void **state)
{
	struct world world = world_open(TEXT(NORMAL));
	struct dmarc_input input = {
	    .author = TEXT("example.com"),
	    .spf = identifier("example.com", PASSED),
	};

	(void)state;
	struct dmarc_discovery discovery = world_discover(&world, input.author);
	arena_fail_after(world.arena, 1);
	assert_null(arena_alloc(world.arena, 1));
	struct dmarc_outcome outcome = world_check(&world, &input, &discovery);
	assert_int_equal(outcome.result, DMARC_TEMPERROR);
	world_close(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_treewalk),
	    cmocka_unit_test(test_psl),
	    cmocka_unit_test(test_closed_early),
	    cmocka_unit_test(test_walks_are_capped),
	    cmocka_unit_test(test_deep_walks),
	    cmocka_unit_test(test_psl_needs_no_walks),
	    cmocka_unit_test(test_no_needless_walk),
	    cmocka_unit_test(test_would_align),
	    cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
