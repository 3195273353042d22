#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#include <stdio.h>

/* Which record is found, and how it applies. EXPECTED: status, "at" the policy
 * domain, the tag and its policy, "org" and the Organizational Domain, and what
 * else is so. */
struct row {
	const char *name;
	const char *zone;
	const char *author;
	const char *expected;
};

#define LABEL "123456789012345678901234567890123456789012345678901234567890."
/* 253 bytes, so that _dmarc below it cannot be asked. */
#define LONGEST LABEL LABEL LABEL LABEL "a.example"

static const struct row treewalk_rows[] = {
    {"own record", "_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=none\"\n",
	"example.com", "found at example.com p=reject org example.com"},
    {"nothing", "example.com A 192.0.2.1\n", "example.com",
	"none at - -=absent org example.com"},
    {"own record below another",
	"_dmarc.a.example.com TXT \"v=DMARC1; p=none; sp=reject\"\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n",
	"a.example.com", "found at a.example.com p=none org example.com"},
    {"sp of an existing name",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; sp=reject; "
	"np=quarantine\"\na.example.com A 192.0.2.1\n",
	"a.example.com", "found at example.com sp=reject org example.com"},
    {"np of a name that is not",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; sp=reject; "
	"np=quarantine\"\n",
	"a.example.com", "found at example.com np=quarantine org example.com"},
    {"np when its name cannot be asked: the least",
	"_dmarc.example.com TXT \"v=DMARC1; p=reject; np=quarantine\"\n"
	"a.example.com SERVFAIL\n",
	"a.example.com",
	"temperror at example.com np=quarantine org example.com"},
    {"np when its name cannot be asked: sp is the least",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\n"
	"a.example.com SERVFAIL\n",
	"a.example.com", "temperror at example.com p=none org example.com"},
    {"np when the name is an alias of nothing: it exists (RFC 8020 2)",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\n"
	"a.example.com CNAME nothing.example.net\n",
	"a.example.com", "found at example.com p=none org example.com"},
    {"np below a name that is not",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\n"
	"b.example.com NXDOMAIN\n",
	"a.b.example.com", "found at example.com np=reject org example.com"},
    {"np under a wildcard: every name exists",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\n"
	"*.example.com A 192.0.2.1\n",
	"a.example.com", "found at example.com p=none org example.com"},
    {"np of a name that has no data",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\n"
	"a.example.com EXISTS\n",
	"a.example.com", "found at example.com p=none org example.com"},
    {"np of a name that has names below it",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\n"
	"b.a.example.com A 192.0.2.1\n",
	"a.example.com", "found at example.com p=none org example.com"},
    {"np of a public suffix for its organizations",
	"_dmarc.bank TXT \"v=DMARC1; p=none; sp=quarantine; np=reject; "
	"psd=y\"\n",
	"a.bank", "found at bank np=reject org a.bank psd"},
    {"sp of a public suffix for its organizations",
	"_dmarc.bank TXT \"v=DMARC1; p=none; sp=quarantine; np=reject; "
	"psd=y\"\n"
	"x.a.bank A 192.0.2.1\n",
	"x.a.bank", "found at bank sp=quarantine org a.bank psd"},
    {"np never for the owner itself",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\n",
	"example.com", "found at example.com p=none org example.com"},
    {"the record between is nobody's",
	"_dmarc.b.example.com TXT \"v=DMARC1; p=reject\"\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=none; sp=quarantine\"\n"
	"a.b.example.com A 192.0.2.1\n",
	"a.b.example.com",
	"found at example.com sp=quarantine org example.com"},
    {"psd=n ends the walk",
	"_dmarc.b.example.com TXT \"v=DMARC1; p=reject; psd=n\"\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=none\"\n",
	"a.b.example.com", "found at b.example.com p=reject org b.example.com"},
    {"a public suffix's policy",
	"_dmarc.bank TXT \"v=DMARC1; p=reject; psd=y\"\n", "a.bank",
	"found at bank p=reject org a.bank psd"},
    {"a public suffix's policy, two below",
	"_dmarc.bank TXT \"v=DMARC1; p=reject; psd=y\"\n", "x.a.bank",
	"found at bank p=reject org a.bank psd"},
    {"not when the organization has one",
	"_dmarc.bank TXT \"v=DMARC1; p=reject; psd=y\"\n"
	"_dmarc.a.bank TXT \"v=DMARC1; p=none\"\n",
	"x.a.bank", "found at a.bank p=none org a.bank"},
    {"a public suffix as author",
	"_dmarc.bank TXT \"v=DMARC1; p=reject; psd=y\"\n", "bank",
	"found at bank p=reject org bank"},
    {"several records are none, the walk goes on",
	"_dmarc.a.example.com TXT \"v=DMARC1; p=reject; psd=n\"\n"
	"_dmarc.a.example.com TXT \"v=DMARC1; p=none\"\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=quarantine\"\n",
	"a.example.com", "found at example.com p=quarantine org example.com"},
    {"unusable: the walk is not resumed",
	"_dmarc.a.example.com TXT \"v=DMARC1; p=oops\"\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n",
	"a.example.com", "unusable at a.example.com p=absent org example.com"},
    {"unusable with rua acts as none",
	"_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=oops; "
	"rua=mailto:a@example.com\"\n",
	"example.com", "as-none at example.com p=none org example.com"},
    {"DNS fails at the author", "_dmarc.example.com SERVFAIL\n", "example.com",
	"temperror at - -=absent org example.com failed"},
    {"DNS fails above a found record: the policy is sure",
	"_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n_dmarc.com SERVFAIL\n",
	"example.com", "found at example.com p=reject org com failed"},
    {"DNS fails above where nothing is found", "_dmarc.com SERVFAIL\n",
	"example.com", "temperror at - -=absent org com failed"},
    {"DNS fails between the author and a record",
	"_dmarc.broken.example.com SERVFAIL\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=quarantine\"\n",
	"a.broken.example.com",
	"temperror at example.com sp=quarantine org example.com failed"},
    {"DNS fails at the author and above is a record",
	"_dmarc.a.example.com SERVFAIL\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n",
	"a.example.com",
	"temperror at example.com p=reject org example.com failed"},
    {"DNS fails above the record that is above the author",
	"_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n_dmarc.com SERVFAIL\n",
	"a.example.com", "temperror at example.com p=reject org com failed"},
    {"DNS fails below a public suffix's policy",
	"_dmarc.a.bank SERVFAIL\n"
	"_dmarc.bank TXT \"v=DMARC1; p=reject; psd=y\"\n",
	"x.a.bank", "temperror at bank p=reject org a.bank psd failed"},
    {"DNS fails below an unusable record",
	"_dmarc.b.example.com SERVFAIL\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=x; rua=mailto:a@b.example\"\n",
	"a.b.example.com", "temperror at - -=absent org example.com failed"},
    {"DNS fails where the walk does not go",
	"_dmarc.example.com TXT \"v=DMARC1; p=reject; psd=n\"\n"
	"_dmarc.com SERVFAIL\n",
	"example.com", "found at example.com p=reject org example.com"},
    {"records of somebody else beside it are not counted",
	"_dmarc.example.com TXT \"v=spf1 -all\"\n"
	"_dmarc.example.com TXT \"v=dmarc1; p=none; psd=n\"\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n",
	"example.com", "found at example.com p=reject org example.com"},
    {"strings of one record are joined",
	"_dmarc.example.com TXT \"v=DMA\" \"RC1; p=rej\" \"ect\"\n",
	"example.com", "found at example.com p=reject org example.com"},
    {"of several records above none counts, the walk goes on",
	"_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n"
	"_dmarc.com TXT \"v=DMARC1; p=quarantine\"\n",
	"a.example.com", "found at com p=quarantine org com"},
    {"a record of the top level domain without psd takes all (11.8)",
	"_dmarc.com TXT \"v=DMARC1; p=quarantine\"\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=none\"\n",
	"a.example.com", "found at com p=quarantine org com"},
    {"psd=n of the author against all above",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; psd=n\"\n"
	"_dmarc.com TXT \"v=DMARC1; p=reject\"\n",
	"example.com", "found at example.com p=none org example.com"},
    {"a wrong psd is u",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; psd=yes\"\n"
	"_dmarc.com TXT \"v=DMARC1; p=reject\"\n",
	"example.com", "found at example.com p=none org com"},
    {"psd=y of an unusable record still ends the walk",
	"_dmarc.bank TXT \"v=DMARC1; p=oops; psd=y\"\n", "x.a.bank",
	"unusable at bank p=absent org a.bank psd"},
    {"a public suffix below another",
	"_dmarc.co.bank TXT \"v=DMARC1; p=none; psd=y\"\n"
	"_dmarc.bank TXT \"v=DMARC1; p=reject; psd=y\"\n",
	"x.a.co.bank", "found at co.bank p=none org a.co.bank psd"},
    {"a wildcard answers for _dmarc too",
	"*.example.com TXT \"v=DMARC1; p=quarantine; sp=none\"\n",
	"a.example.com", "found at a.example.com p=quarantine org example.com"},
    {"a top level domain as author",
	"_dmarc.com TXT \"v=DMARC1; p=quarantine; sp=none\"\n", "com",
	"found at com p=quarantine org com"},
    {"eight labels: none is skipped",
	"_dmarc.b.c.d.e.f.g.example TXT \"v=DMARC1; p=none; psd=n\"\n",
	"a.b.c.d.e.f.g.example",
	"found at b.c.d.e.f.g.example p=none org b.c.d.e.f.g.example"},
    {"many labels: the one below a public suffix was never asked",
	"_dmarc.d.e.f.g.h.i.example TXT \"v=DMARC1; p=none; psd=y\"\n",
	"a.b.c.d.e.f.g.h.i.example",
	"found at d.e.f.g.h.i.example p=none org c.d.e.f.g.h.i.example psd"},
    {"a name that is as long as names may be",
	"_dmarc.example TXT \"v=DMARC1; p=reject\"\n", LONGEST,
	"found at example p=reject org example"},
    {"nine labels: one name is skipped",
	"_dmarc.b.c.d.e.f.g.h.example TXT \"v=DMARC1; p=none; psd=n\"\n"
	"_dmarc.c.d.e.f.g.h.example TXT \"v=DMARC1; p=reject\"\n",
	"a.b.c.d.e.f.g.h.example",
	"found at c.d.e.f.g.h.example p=reject org c.d.e.f.g.h.example"},
};

static const struct row psl_rows[] = {
    {"own record", "_dmarc.a.example.com TXT \"v=DMARC1; p=reject\"\n",
	"a.example.com", "found at a.example.com p=reject org example.com"},
    {"the organization's, by the list",
	"_dmarc.example.com TXT \"v=DMARC1; p=none; sp=reject; np=none\"\n",
	"a.b.example.com", "found at example.com sp=reject org example.com"},
    {"under a suffix of two labels",
	"_dmarc.example.co.uk TXT \"v=DMARC1; p=reject\"\n"
	"_dmarc.co.uk TXT \"v=DMARC1; p=none; psd=y\"\n",
	"a.example.co.uk", "found at example.co.uk p=reject org example.co.uk"},
    {"no public suffix policy",
	"_dmarc.co.uk TXT \"v=DMARC1; p=reject; psd=y\"\n", "example.co.uk",
	"none at - -=absent org example.co.uk"},
    {"several records end it (6.6.3 step 5)",
	"_dmarc.a.example.com TXT \"v=DMARC1; p=none\"\n"
	"_dmarc.a.example.com TXT \"v=DMARC1; p=reject\"\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n",
	"a.example.com", "none at - -=absent org example.com"},
    {"DNS fails at the author",
	"_dmarc.a.example.com SERVFAIL\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n",
	"a.example.com", "temperror at - -=absent org example.com"},
    {"np is unknown, and so may be anything",
	"_dmarc.example.com TXT \"v=DMARC1; p=reject; np=oops\"\n",
	"a.example.com", "found at example.com p=reject org example.com"},
    {"p is required", "_dmarc.example.com TXT \"v=DMARC1; sp=reject\"\n",
	"example.com", "unusable at example.com p=absent org example.com"},
    {"without p but with rua (6.6.3 step 6)",
	"_dmarc.example.com TXT \"v=DMARC1; rua=mailto:a@b.example\"\n",
	"example.com", "as-none at example.com p=none org example.com"},
    {"a wrong sp", "_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=oops\"\n",
	"a.example.com", "unusable at example.com p=absent org example.com"},
    {"an unusable record of the author ends it",
	"_dmarc.a.example.com TXT \"v=DMARC1; p=oops\"\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n",
	"a.example.com", "unusable at a.example.com p=absent org example.com"},
    {"psd=n means nothing",
	"_dmarc.a.example.com TXT \"v=DMARC1; p=reject; psd=n\"\n",
	"x.a.example.com", "none at - -=absent org example.com"},
    {"foreign records are not counted",
	"_dmarc.example.com TXT \"v=spf1 -all\"\n"
	"_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n",
	"example.com", "found at example.com p=reject org example.com"},
    {"DNS fails at the organization", "_dmarc.example.com TIMEOUT\n",
	"a.example.com", "temperror at - -=absent org example.com"},
};

static const char suffixes[] = "// ===BEGIN ICANN DOMAINS===\n"
			       "com\nexample\nuk\nco.uk\n"
			       "// ===END ICANN DOMAINS===\n"
			       "// ===END PRIVATE DOMAINS===\n";

static struct text
describe(struct arena *arena, const struct dmarc_discovery *found)
{
	static const char *const words[] = {
	    [DMARC_DISCOVERY_NONE] = "none",
	    [DMARC_DISCOVERY_FOUND] = "found",
	    [DMARC_DISCOVERY_AS_NONE] = "as-none",
	    [DMARC_DISCOVERY_UNUSABLE] = "unusable",
	    [DMARC_DISCOVERY_TEMPERROR] = "temperror",
	};
	struct text at = found->policy_domain;

	if (found->record == NULL)
		at = TEXT("-");
	return arena_format(arena,
	    "%s at " TEXT_FMT " %s=%s org " TEXT_FMT "%s%s",
	    words[found->status], TEXT_ARG(at),
	    found->requested_by == NULL ? "-" : found->requested_by,
	    names_word(&dmarc_policy_names, (int)found->requested),
	    TEXT_ARG(found->organizational_domain),
	    found->is_psd_policy ? " psd" : "",
	    found->organizational_failed ? " failed" : "");
}

/* The same whatever the order of the answers (tests/support/order.h). */
static unsigned
run_row(const struct row *row, const struct dmarc_options *options)
{
	for (unsigned seed = 0; seed < 6; seed++) {
		struct world world = world_open(text_from_cstr(row->zone));
		world.options = *options;
		world.order = seed == 0 ? ORDER_AT_ONCE : ORDER_RANDOM;
		world.seed = seed;
		struct dmarc_discovery found =
		    world_discover(&world, text_from_cstr(row->author));
		struct text got = describe(world.arena, &found);
		bool is_right = text_equal(got, text_from_cstr(row->expected));
		if (!is_right)
			print_error("%s (order %u): " TEXT_FMT "\n", row->name,
			    seed, TEXT_ARG(got));
		world_close(&world);
		if (!is_right)
			return 1;
	}
	return 0;
}

static void
test_treewalk(void **state)
{
	const struct dmarc_options options = {.method = DMARC_TREEWALK};
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof treewalk_rows / sizeof *treewalk_rows;
	     i++)
		failures += run_row(&treewalk_rows[i], &options);
	assert_int_equal(failures, 0);
}

static void
test_psl(void **state)
{
	struct suffix_list *list = suffix_list_read(TEXT(suffixes));
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

/* Closed early, a discovery never finds another policy than the full one, and
 * never says that there is none. */
static void
test_closed_early(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof treewalk_rows / sizeof *treewalk_rows;
	     i++) {
		const struct row *row = &treewalk_rows[i];
		for (unsigned seed = 0; seed < 24; seed++) {
			struct world world =
			    world_open(text_from_cstr(row->zone));
			world.order = ORDER_CLOSED_EARLY;
			world.seed = seed;
			struct dmarc_discovery found =
			    world_discover(&world, text_from_cstr(row->author));
			struct text got = describe(world.arena, &found);
			bool is_temperror =
			    found.status == DMARC_DISCOVERY_TEMPERROR ||
			    found.organizational_failed;
			if (!is_temperror &&
			    !text_equal(got, text_from_cstr(row->expected))) {
				print_error("%s (seed %u): " TEXT_FMT "\n",
				    row->name, seed, TEXT_ARG(got));
				failures++;
			}
			world_close(&world);
		}
	}
	assert_int_equal(failures, 0);
}

/* Whether the author exists is asked only when it makes a difference. */
static void
test_existence_is_asked_late(void **state)
{
	static const struct {
		const char *record;
		bool is_asked;
	} cases[] = {
	    {"v=DMARC1; p=none", false},
	    {"v=DMARC1; p=none; sp=reject", false},
	    {"v=DMARC1; p=reject; np=reject", false},
	    {"v=DMARC1; p=none; sp=reject; np=reject", false},
	    {"v=DMARC1; p=reject; sp=none; np=reject", true},
	    {"v=DMARC1; p=none; np=reject", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char zone[200];
		bool was_asked = false;
		(void)snprintf(zone, sizeof zone,
		    "_dmarc.example.com TXT \"%s\"\n", cases[i].record);
		struct world world = world_open(text_from_cstr(zone));
		(void)world_discover(&world, TEXT("a.example.com"));
		for (size_t k = 0; k < dns_facts_count(world.facts); k++) {
			struct dns_question question;
			const struct dns_answer *answer;
			dns_facts_at(world.facts, k, &question, &answer);
			was_asked |=
			    text_equal(question.name, TEXT("a.example.com"));
		}
		if (was_asked != cases[i].is_asked)
			print_error("%s\n", cases[i].record);
		assert_true(was_asked == cases[i].is_asked);
		world_close(&world);
	}
}

static void
test_explains(void **state)
{
	struct world world = world_open(
	    TEXT("_dmarc.example.com TXT \"v=DMARC1; p=none; sp=reject\"\n"));
	struct dmarc_discovery found =
	    world_discover(&world, TEXT("a.example.com"));
	struct trace trace;

	(void)state;
	trace_init(&trace, world.arena);
	assert_true(dmarc_discover(TEXT("a.example.com"), &world.options,
	    world.facts, world.arena, &trace, &found));
	struct text expected = TEXT(
	    "RFC 9989 4.10: _dmarc.a.example.com: no such name\n"
	    "RFC 9989 4.10: _dmarc.example.com: v=DMARC1; p=none; sp=reject\n"
	    "RFC 9989 4.10: _dmarc.com: no such name\n"
	    "RFC 9989 4.10.2: Organizational Domain example.com\n"
	    "RFC 9989 4.10.1: the record of example.com applies: sp=reject\n");
	if (!text_equal(trace_story(&trace), expected))
		print_error(TEXT_FMT, TEXT_ARG(trace_story(&trace)));
	assert_true(text_equal(trace_story(&trace), expected));
	world_close(&world);
}

/* With the suffix list, no section of RFC 9989 is in force. */
static void
test_explains_psl(void **state)
{
	struct world world = world_open(
	    TEXT("_dmarc.example.com TXT \"v=DMARC1; p=none; sp=reject\"\n"
		 "_dmarc.bad.example TXT \"v=DMARC1; p=x\"\n"));
	struct suffix_list *list = suffix_list_read(TEXT(suffixes));
	static const char *const authors[] = {
	    "a.example.com", "bad.example", "none.example"};

	(void)state;
	world.options =
	    (struct dmarc_options){.method = DMARC_PSL, .suffixes = list};
	for (size_t i = 0; i < sizeof authors / sizeof *authors; i++) {
		struct text author = text_from_cstr(authors[i]);
		struct dmarc_discovery found = world_discover(&world, author);
		struct trace trace;
		trace_init(&trace, world.arena);
		assert_true(dmarc_discover(author, &world.options, world.facts,
		    world.arena, &trace, &found));
		struct text story = trace_story(&trace);
		if (text_find_part(story, TEXT("RFC 9989")) < story.len ||
		    text_find_part(
			story, TEXT("RFC 7489 3.2: Organizational Domain")) ==
			story.len)
			fail_msg(TEXT_FMT, TEXT_ARG(story));
	}
	suffix_list_free(list);
	world_close(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_treewalk),
	    cmocka_unit_test(test_psl),
	    cmocka_unit_test(test_closed_early),
	    cmocka_unit_test(test_existence_is_asked_late),
	    cmocka_unit_test(test_explains),
	    cmocka_unit_test(test_explains_psl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
