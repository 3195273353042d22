#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns/name.h"
#include "exact.h"
#include "verdict/rule.h"
#include "verdict/trust.h"

/* --- what lines mean --- */

static const char senders[] = "# those who pass on mail\r\n"
			      "ip 192.0.2.0/24   # a forwarder\r\n"
			      "ip 198.51.100.7\n"
			      "ip 198.51.100.0/25\n"
			      "ip 2001:db8:1::/48\n"
			      "ip ::ffff:203.0.113.0/124\n"
			      "\n"
			      "\tdkim  Lists.Example.ORG\n"
			      "dkim .below.example\n"
			      "dkim *.star.example\n"
			      "dkim b\xC3\xBC"
			      "cher.example\n"
			      "spf forward.example\n"
			      "spf .srs.example\n"
			      "list-id Talk.Lists.Example\n"
			      "list-id .all.example\n"
			      "list-id group.example dkim groups.test\n"
			      "list-id group.example dkim .more.test\n"
			      "list-id group.example spf bounce.test\n"
			      "list-id talk.a!b.example dkim odd.test\n"
			      "list-id talk.lists.example.org";

#define NO_CLIENT ""
#define OTHER     "203.0.113.66"

static const struct row {
	const char *name;
	const char *client;
	const char *signer;  /* of a signature that passes; NULL: none */
	const char *spf;     /* MAIL FROM that passed */
	const char *list_id; /* NULL: no field */
	unsigned line;       /* that holds; 0: none */
} rows[] = {
    {"nothing", OTHER, NULL, "", NULL, 0},
    {"no client", NO_CLIENT, NULL, "", NULL, 0},

    {"a network", "192.0.2.1", NULL, "", NULL, 2},
    {"its last address", "192.0.2.255", NULL, "", NULL, 2},
    {"one behind it", "192.0.3.0", NULL, "", NULL, 0},
    {"one before it", "192.0.1.255", NULL, "", NULL, 0},
    {"an address", "198.51.100.7", NULL, "", NULL, 3},
    {"the network around it", "198.51.100.8", NULL, "", NULL, 4},
    {"half a byte", "198.51.100.128", NULL, "", NULL, 0},
    {"a mapped client", "::ffff:192.0.2.1", NULL, "", NULL, 2},
    {"a mapped network", "203.0.113.15", NULL, "", NULL, 6},
    {"beside it", "203.0.113.16", NULL, "", NULL, 0},
    {"IPv6", "2001:db8:1:ffff::1", NULL, "", NULL, 5},
    {"beside it", "2001:db8:2::1", NULL, "", NULL, 0},
    {"the same bytes of the other family", "c000:201::", NULL, "", NULL, 0},

    {"a signature", OTHER, "lists.example.org", "", NULL, 8},
    {"in any case", OTHER, "LISTS.example.Org", "", NULL, 8},
    {"one label more", OTHER, "a.lists.example.org", "", NULL, 0},
    {"one label less", OTHER, "example.org", "", NULL, 0},
    {"only the same end", OTHER, "xlists.example.org", "", NULL, 0},
    {"below", OTHER, "a.below.example", "", NULL, 9},
    {"far below", OTHER, "a.b.c.d.below.example", "", NULL, 9},
    {"not itself", OTHER, "below.example", "", NULL, 0},
    {"only the same end", OTHER, "xbelow.example", "", NULL, 0},
    {"below, with *", OTHER, "a.star.example", "", NULL, 10},
    {"an A-label", OTHER, "xn--bcher-kva.example", "", NULL, 11},
    {"an asterisk is no domain", OTHER, "*.star.example", "", NULL, 10},
    {"a dot first", OTHER, ".below.example", "", NULL, 0},
    {"no d=", OTHER, "", "", NULL, 0},
    {"a kind is no part of a name", OTHER, "forward.example", "", NULL, 0},

    {"SPF", OTHER, NULL, "forward.example", NULL, 12},
    {"SPF, below", OTHER, NULL, "x.srs.example", NULL, 13},
    {"SPF of a signer", OTHER, NULL, "lists.example.org", NULL, 0},

    /* Anybody can write a List-Id. */
    {"a List-Id alone", OTHER, NULL, "", " <talk.lists.example>", 0},
    {"a List-Id, self-signed", OTHER, "attacker.example", "",
	" <talk.lists.example>", 0},
    {"a List-Id, own SPF", OTHER, NULL, "attacker.example",
	" <talk.lists.example>", 0},
    {"a List-Id, signed at it", OTHER, "talk.lists.example", "",
	" Talk <talk.lists.example>", 14},
    {"a List-Id, signed above", OTHER, "lists.example", "",
	" \"<b.example>\" <TALK.lists.example> ", 14},
    {"a List-Id, SPF above", OTHER, NULL, "lists.example",
	"\r\n\t<talk.lists.example>", 14},
    {"a List-Id, signed below", OTHER, "a.talk.lists.example", "",
	" <talk.lists.example>", 0},
    {"a List-Id, signed beside", OTHER, "x.lists.example", "",
	" <talk.lists.example>", 0},
    {"a List-Id below", OTHER, "all.example", "", " <a.b.all.example>", 15},
    {"a List-Id below, by somebody else", OTHER, "b.example", "",
	" <a.b.all.example>", 0},
    {"another one's", OTHER, "groups.test", "", " <group.example>", 16},
    {"another one's, below", OTHER, "a.more.test", "", " <group.example>", 17},
    {"another one's, only the same end", OTHER, "xmore.test", "",
	" <group.example>", 0},
    {"another one's, not itself", OTHER, "more.test", "", " <group.example>",
	0},
    {"another one's, SPF", OTHER, NULL, "bounce.test", " <group.example>", 18},
    {"SPF for dkim", OTHER, NULL, "groups.test", " <group.example>", 0},
    {"dkim for spf", OTHER, "bounce.test", "", " <group.example>", 0},
    {"its own is not asked then", OTHER, "group.example", "",
	" <group.example>", 0},
    {"odd but an id", OTHER, "odd.test", "", " <talk.a!b.example>", 19},
    {"its signature fails", OTHER, "x.example", "", " <talk.lists.example.org>",
	0},
    {"no brackets", OTHER, "lists.example", "", " talk.lists.example", 0},
    {"words behind it", OTHER, "lists.example", "", " <talk.lists.example> (x)",
	0},
    {"an empty id", OTHER, "lists.example", "", " <>", 0},
    {"half a bracket", OTHER, "lists.example", "", " <", 0},
    {"no bracket opens", OTHER, "lists.example", "", " x>", 0},
    {"blanks inside", OTHER, "lists.example", "", " < talk.lists.example>", 0},
    {"empty", OTHER, "lists.example", "", "", 0},
};

struct scene {
	struct arena *arena;
	struct mail_header header;
	struct dkim_verdict signatures[2];
	struct dkim_results dkim;
	struct trust_sender sender;
};

static void
scene_open(struct scene *scene, const struct row *row)
{
	*scene = (struct scene){
	    .arena = arena_new(1 << 20),
	    .sender = {.spf_domain = text_from_cstr(row->spf)},
	};
	/* What does not pass is not looked at. */
	scene->signatures[0] = (struct dkim_verdict){
	    .result = DKIM_FAIL, .domain = TEXT("lists.example.org")};
	scene->dkim = (struct dkim_results){1, scene->signatures};
	if (row->signer != NULL) {
		scene->signatures[1] =
		    (struct dkim_verdict){.result = DKIM_PASS,
			.domain = text_from_cstr(row->signer),
			.signed_names = TEXT("from: LIST-Id\t:to")};
		scene->dkim.count = 2;
	}
	scene->sender.dkim = &scene->dkim;
	scene->sender.header = &scene->header;
	if (row->client[0] != '\0')
		assert_true(ip_read(
		    text_from_cstr(row->client), &scene->sender.client));
	if (row->list_id != NULL)
		assert_true(mail_header_add(&scene->header, scene->arena,
		    TEXT("list-ID"), text_from_cstr(row->list_id), false));
}

static const struct trust *
read_senders(struct arena *arena, struct text lines)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct text bytes = exact(lines);
	const struct trust *trust =
	    trust_read(arena, bytes, "trusted", &problem);

	exact_free(bytes); /* nothing of it is needed any more */
	if (trust == NULL)
		fail_msg("%s", problem.text);
	return trust;
}

static void
test_senders(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	const struct trust *trust = read_senders(arena, TEXT(senders));
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scene scene;
		scene_open(&scene, &rows[i]);
		const struct roster_entry *line =
		    trust_find(trust, &scene.sender);
		unsigned number = line == NULL ? 0 : line->line;
		bool is_list = line != NULL && trust_is_list(line);
		if (number != rows[i].line || is_list != (number >= 14)) {
			print_error("%s: line %u\n", rows[i].name, number);
			failures++;
		}
		arena_free(scene.arena);
	}
	arena_free(arena);
	assert_int_equal(failures, 0);
}

/* The list's own signature, and a List-Id that it does not cover. */
static void
test_unsigned_list_id(void **state)
{
	struct row row = {
	    "", OTHER, "lists.example", "", " <talk.lists.example>", 0};
	static const char *const names[] = {
	    "", "from:to", "from:list-id-x:x-list-id", "from:list:id"};
	struct arena *arena = arena_new(1 << 20);
	const struct trust *trust = read_senders(arena, TEXT(senders));
	struct scene scene;

	(void)state;
	scene_open(&scene, &row);
	assert_non_null(trust_find(trust, &scene.sender));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		scene.signatures[1].signed_names = text_from_cstr(names[i]);
		assert_null(trust_find(trust, &scene.sender));
	}
	scene.sender.spf_domain = TEXT("lists.example");
	assert_non_null(trust_find(trust, &scene.sender));
	arena_free(scene.arena);
	arena_free(arena);
}

/* Of two fields each reader would take another. */
static void
test_two_list_ids(void **state)
{
	struct row row = {
	    "", OTHER, "lists.example", "", " <talk.lists.example>", 0};
	struct arena *arena = arena_new(1 << 20);
	const struct trust *trust = read_senders(arena, TEXT(senders));
	struct scene scene;

	(void)state;
	scene_open(&scene, &row);
	assert_non_null(trust_find(trust, &scene.sender));
	assert_true(mail_header_add(&scene.header, scene.arena, TEXT("List-Id"),
	    TEXT(" <talk.lists.example>"), false));
	assert_null(trust_find(trust, &scene.sender));
	arena_free(scene.arena);
	arena_free(arena);
}

/* A file without lines trusts nobody. */
static void
test_nobody(void **state)
{
	struct row row = {"", "192.0.2.1", "lists.example.org",
	    "forward.example", " <talk.lists.example>", 0};
	struct arena *arena = arena_new(1 << 20);
	const struct trust *trust = read_senders(arena, TEXT("\n# none\n"));
	struct scene scene;

	(void)state;
	scene_open(&scene, &row);
	assert_null(trust_find(trust, &scene.sender));
	arena_free(scene.arena);
	arena_free(arena);
}

/* --- rules --- */

static void
test_rules(void **state)
{
	static const char lines[] = "bank.example reject\n"
				    ".example.net none # test hosts\n"
				    "mail.example.net quarantine\n"
				    "*.deep.example.net reject\n"
				    "B\xC3\xBC"
				    "cher.example NONE\n";

	static const struct {
		const char *author;
		int action; /* -1: no rule */
	} cases[] = {
	    {"bank.example", DISPOSITION_REJECT},
	    {"www.bank.example", -1},
	    {"example", -1},
	    {"", -1},
	    {"example.net", -1},
	    {"a.example.net", DISPOSITION_NONE},
	    {"mail.example.net", DISPOSITION_QUARANTINE},
	    {"a.mail.example.net", DISPOSITION_NONE},
	    {"deep.example.net", DISPOSITION_NONE},
	    {"a.deep.example.net", DISPOSITION_REJECT},
	    {"a.b.deep.example.net", DISPOSITION_REJECT},
	    {"xn--bcher-kva.example", DISPOSITION_NONE},
	    {"xbank.example", -1},
	};

	struct problem problem = {PROBLEM_NONE, ""};
	struct arena *arena = arena_new(1 << 20);
	struct text bytes = exact(TEXT(lines));
	const struct roster *rules = rule_read(arena, bytes, "rules", &problem);

	(void)state;
	exact_free(bytes);
	if (rules == NULL)
		fail_msg("%s", problem.text);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct roster_entry *rule =
		    rule_find(rules, text_from_cstr(cases[i].author));
		int action = rule == NULL ? -1 : (int)rule_action(rule);
		if (action != cases[i].action)
			fail_msg("%s: %d", cases[i].author, action);
	}
	arena_free(arena);
}

/* --- what is refused --- */

static const struct {
	bool is_rule;
	const char *lines;
	const char *said;
} errors[] = {
    {false, "\nip 192.0.2.0/33\n",
	"test:2: \"ip 192.0.2.0/33\": not an address or network"},
    {false, "ip mail.example.org", "not an address"},
    {false, "ip 0.0.0.0/0", "trust everybody"},
    {false, "ip ::/0", "trust everybody"},
    {false, "ip ::ffff:0.0.0.0/96", "trust everybody"},
    {false, "ip ::ffff:0.0.0.0/95", "not an address"},
    {false, "ip", "write ip ADDRESS[/BITS], dkim DOMAIN"},
    {false, "ip 192.0.2.1 192.0.2.2", "write ip"},
    {false, "192.0.2.1", "write ip"},
    {false, "lists.example.org", "write ip"},
    {false, "helo lists.example.org", "write ip"},
    {false, "DKIM lists.example.org", "write ip"},
    {false, "dkim a..b", "\"dkim a..b\": not a domain"},
    {false, "dkim .", "not a domain"},
    {false, "dkim *.", "not a domain"},
    {false, "dkim *", "not a domain"},
    {false, "dkim a.*.b", "not a domain"},
    {false, "dkim a@b.example", "not a domain"},
    {false, "dkim \xFF.example", "\"dkim \xFF.example\": not a domain"},
    {false, "spf ..example", "not a domain"},
    {false, "list-id", "write ip"},
    {false, "list-id <a.example>", "not a List-Id"},
    {false, "list-id .", "not a List-Id"},
    {false, "list-id a..b", "not a List-Id"},
    {false, "list-id a.\xC3\xA4", "not a List-Id"},
    {false, "list-id a.example ip 192.0.2.1", "write ip"},
    {false, "list-id a.example dkim", "write ip"},
    {false, "list-id a.example dkim a@b", "not a domain"},
    {false, "list-id a.example dkim b.example more", "more words"},
    {true, "bank.example", "write a domain and none, quarantine or reject"},
    {true, "bank.example defer", "write a domain and none"},
    {true, "bank.example accept", "write a domain and none"},
    {true, "bank.example reject now", "write a domain and none"},
    {true, "reject bank.example", "write a domain and none"},
    {true, "bank..example reject", "not a domain"},
    {true, "a.example none\nb.example none\nA.Example. reject\n",
	"test:3: a.example has a rule in line 1 already"},
    {true, "*.example none\n.example none\n",
	"test:2: .example has a rule in line 1 already"},
};

static bool
is_read(struct arena *arena, bool is_rule, struct text lines,
    struct problem *problem)
{
	struct text bytes = exact(lines);
	bool is_good = is_rule
			   ? rule_read(arena, bytes, "test", problem) != NULL
			   : trust_read(arena, bytes, "test", problem) != NULL;

	exact_free(bytes);
	return is_good;
}

static void
test_errors(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		struct problem problem = {PROBLEM_NONE, ""};
		struct arena *arena = arena_new(1 << 20);
		if (is_read(arena, errors[i].is_rule,
			text_from_cstr(errors[i].lines), &problem) ||
		    problem.kind != PROBLEM_CONFIG ||
		    strstr(problem.text, errors[i].said) == NULL) {
			print_error(
			    "%s: said \"%s\"\n", errors[i].lines, problem.text);
			failures++;
		}
		arena_free(arena);
	}
	assert_int_equal(failures, 0);
}

/* --- large files, hostile files --- */

static void
test_long_line(void **state)
{
	static char line[ROSTER_LINE_MAX + 1];
	struct text start = TEXT("ip ::1");

	(void)state;
	memset(line, ' ', sizeof line);
	memcpy(line, start.ptr, start.len);
	for (size_t len = ROSTER_LINE_MAX; len <= sizeof line; len++) {
		struct problem problem = {PROBLEM_NONE, ""};
		struct arena *arena = arena_new(1 << 20);
		bool is_good =
		    is_read(arena, false, (struct text){line, len}, &problem);
		assert_int_equal(is_good, len <= ROSTER_LINE_MAX);
		if (!is_good)
			assert_non_null(
			    strstr(problem.text, "longer than 1000 bytes"));
		arena_free(arena);
	}
}

/* Each tenth is of another kind; COUNT lines in no order. */
static struct text
many_lines(unsigned count)
{
	struct build lines;

	build_init(&lines, 64 * 1024 * 1024);
	for (unsigned i = 0; i < count; i++) {
		unsigned n = i * 7919 % count;
		if (n % 10 == 0)
			build_format(&lines, "ip 10.%u.%u.%u\n", n >> 16 & 255,
			    n >> 8 & 255, n & 255);
		else
			build_format(&lines, "dkim host%u.example\n", n);
	}
	return build_view(&lines);
}

static void
test_many_lines(void **state)
{
	enum { COUNT = 100000 };

	struct arena *arena = arena_new(ROSTER_ARENA_MAX);
	struct text lines = many_lines(COUNT);
	const struct trust *trust = read_senders(arena, lines);

	(void)state;
	for (unsigned n = 0; n < COUNT + 10; n++) {
		char name[32];
		struct dkim_verdict signature = {.result = DKIM_PASS};
		struct dkim_results dkim = {1, &signature};
		struct mail_header header = {.bytes = 0};
		struct trust_sender sender = {.dkim = &dkim, .header = &header};
		int len = snprintf(name, sizeof name, "host%u.example", n);
		signature.domain = (struct text){name, (size_t)len};
		if (n % 10 == 0)
			sender.client =
			    (struct ip){4, {10, (uint8_t)(n >> 16),
					       (uint8_t)(n >> 8), (uint8_t)n}};
		bool is_there = trust_find(trust, &sender) != NULL;
		if (is_there != (n < COUNT))
			fail_msg("%u", n);
	}
	free((void *)(uintptr_t)lines.ptr);
	arena_free(arena);
}

static void
test_too_many_lines(void **state)
{
	static const char line[] = "ip ::1\n";

	enum { LEN = sizeof line - 1 };

	char *bytes = malloc((ROSTER_LINES_MAX + 1) * (size_t)LEN);

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i <= ROSTER_LINES_MAX; i++)
		memcpy(bytes + i * LEN, line, LEN);
	for (size_t more = 0; more < 2; more++) {
		struct problem problem = {PROBLEM_NONE, ""};
		struct arena *arena = arena_new(ROSTER_ARENA_MAX);
		struct text lines = {bytes, (ROSTER_LINES_MAX + more) * LEN};
		const struct trust *trust =
		    trust_read(arena, lines, "test", &problem);
		assert_int_equal(trust != NULL, more == 0);
		if (trust == NULL)
			assert_non_null(
			    strstr(problem.text, "test:1000001: \"ip ::1\": "
						 "more than a million lines"));
		arena_free(arena);
	}
	free(bytes);
}

/* The names of a hostile message: as deep and long as they may be. */
static void
test_deep_names(void **state)
{
	char name[DNS_NAME_MAX + 2];
	struct arena *arena = arena_new(1 << 20);
	const struct trust *trust = read_senders(arena, TEXT("dkim .a.a\n"));

	(void)state;
	for (size_t i = 0; i < sizeof name; i++)
		name[i] = i % 2 == 0 ? 'a' : '.';
	for (size_t len = DNS_NAME_MAX; len <= sizeof name; len++) {
		const struct roster_entry *line = roster_find_domain(
		    &trust->roster, TEXT("dkim "), (struct text){name, len});
		assert_int_equal(line != NULL, len == DNS_NAME_MAX);
	}
	arena_free(arena);
}

static void
test_no_memory(void **state)
{
	bool is_good = false;

	(void)state;
	for (size_t n = 1; !is_good; n++) {
		struct problem problem = {PROBLEM_NONE, ""};
		struct arena *arena = arena_new(1 << 20);
		arena_fail_after(arena, n);
		is_good = is_read(arena, false, TEXT(senders), &problem);
		if (!is_good && problem.kind == PROBLEM_NONE)
			fail_msg("allocation %zu: no problem", n);
		if (is_good && arena_failed(arena))
			fail_msg("allocation %zu: not noticed", n);
		arena_free(arena);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_senders),
	    cmocka_unit_test(test_unsigned_list_id),
	    cmocka_unit_test(test_two_list_ids),
	    cmocka_unit_test(test_nobody),
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_long_line),
	    cmocka_unit_test(test_many_lines),
	    cmocka_unit_test(test_too_many_lines),
	    cmocka_unit_test(test_deep_names),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
