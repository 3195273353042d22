/* What becomes of a message, for every mode, policy, option and evidence:
 * written out by hand from what the manual promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "verdict/rule.h"

/* --- the columns: what the author's domain publishes --- */

enum { POLICIES = 5 };

static const struct {
	const char *name;
	enum dmarc_policy requested;
	enum dmarc_policy policy; /* after t=y */
} policies[POLICIES] = {
    {"p=none", DMARC_POLICY_NONE, DMARC_POLICY_NONE},
    {"p=quarantine", DMARC_POLICY_QUARANTINE, DMARC_POLICY_QUARANTINE},
    {"p=reject", DMARC_POLICY_REJECT, DMARC_POLICY_REJECT},
    {"p=quarantine t=y", DMARC_POLICY_QUARANTINE, DMARC_POLICY_NONE},
    {"p=reject t=y", DMARC_POLICY_REJECT, DMARC_POLICY_QUARANTINE},
};

/* --- the rows --- */

enum evidence {
	NOTHING,
	TRUSTED_IP,
	TRUSTED_DKIM,
	TRUSTED_SPF,
	TRUSTED_LIST,
	PROVEN,  /* the author's signature, once recoding is undone */
	CLAIMED, /* list fields and a signature of somebody else's */
	EVIDENCES,
};

#define F   DMARC_FAIL
#define T   DMARC_TEMPERROR
#define M   ENFORCE_MONITOR
#define Q   ENFORCE_QUARANTINE
#define C   ENFORCE_CONSIDERED
#define S   ENFORCE_STRICT
#define ANY (-1)
#define NO  0
#define YES 1

/* A cell is the action (- none, Q quarantine, R reject, D defer) and the reason
 * (l local_policy, m mailing_list, o other, t policy_test_mode, f
 * trusted_forwarder). */
static const struct row {
	enum dmarc_result result;
	int enforce;
	int evidence;
	const char *rule;     /* of LocalPolicy; NULL: none, "*": any */
	int holds;            /* HoldQuarantinedMessages */
	int claimed_rejected; /* ClaimedIndirect reject */
	int trusted_accepted; /* TrustedIndirect accept */
	int temperror_accepted;
	const char *cells[POLICIES];
} rows[] = {
    /* clang-format off */
    {DMARC_PASS, ANY, ANY, "*", ANY, ANY, ANY, ANY, {"-", "-", "-", "-", "-"}},
    {DMARC_NONE, ANY, ANY, "*", ANY, ANY, ANY, ANY, {"-", "-", "-", "-", "-"}},

    {F, M, ANY, "*", ANY, ANY, ANY, ANY, {"-", "-l", "-l", "-t", "-l"}},
    {F, S, ANY, "*", ANY, ANY, ANY, ANY, {"-", "Q", "R", "-t", "Qt"}},

    {F, Q, NOTHING, NULL, ANY, ANY, ANY, ANY, {"-", "Q", "Ql", "-t", "Qt"}},
    {F, Q, PROVEN, NULL, ANY, ANY, ANY, ANY, {"-", "Q", "Ql", "-t", "Qt"}},
    {F, Q, CLAIMED, NULL, ANY, ANY, ANY, ANY, {"-", "Q", "Ql", "-t", "Qt"}},
    {F, Q, TRUSTED_IP, NULL, ANY, ANY, NO, ANY, {"-", "Q", "Qf", "-t", "Qt"}},
    {F, Q, TRUSTED_DKIM, NULL, ANY, ANY, NO, ANY, {"-", "Q", "Qf", "-t", "Qt"}},
    {F, Q, TRUSTED_SPF, NULL, ANY, ANY, NO, ANY, {"-", "Q", "Qf", "-t", "Qt"}},
    {F, Q, TRUSTED_LIST, NULL, ANY, ANY, NO, ANY, {"-", "Q", "Qm", "-t", "Qt"}},
    {F, Q, TRUSTED_IP, NULL, ANY, ANY, YES, ANY, {"-", "-f", "-f", "-t", "-f"}},
    {F, Q, TRUSTED_LIST, NULL, ANY, ANY, YES, ANY,
	{"-", "-m", "-m", "-t", "-m"}},

    {F, C, NOTHING, NULL, ANY, ANY, ANY, ANY, {"-", "Q", "R", "-t", "Qt"}},
    {F, C, PROVEN, NULL, ANY, ANY, ANY, ANY, {"-", "Q", "Qo", "-t", "Qt"}},
    {F, C, CLAIMED, NULL, YES, NO, ANY, ANY, {"-", "Q", "Qm", "-t", "Qt"}},
    {F, C, CLAIMED, NULL, NO, NO, ANY, ANY, {"-", "Q", "R", "-t", "Qt"}},
    {F, C, CLAIMED, NULL, ANY, YES, ANY, ANY, {"-", "Q", "R", "-t", "Qt"}},
    {F, C, TRUSTED_IP, NULL, ANY, ANY, NO, ANY, {"-", "Q", "Qf", "-t", "Qt"}},
    {F, C, TRUSTED_DKIM, NULL, ANY, ANY, NO, ANY, {"-", "Q", "Qf", "-t", "Qt"}},
    {F, C, TRUSTED_SPF, NULL, ANY, ANY, NO, ANY, {"-", "Q", "Qf", "-t", "Qt"}},
    {F, C, TRUSTED_LIST, NULL, ANY, ANY, NO, ANY, {"-", "Q", "Qm", "-t", "Qt"}},
    {F, C, TRUSTED_IP, NULL, ANY, ANY, YES, ANY, {"-", "-f", "-f", "-t", "-f"}},
    {F, C, TRUSTED_DKIM, NULL, ANY, ANY, YES, ANY,
	{"-", "-f", "-f", "-t", "-f"}},
    {F, C, TRUSTED_SPF, NULL, ANY, ANY, YES, ANY,
	{"-", "-f", "-f", "-t", "-f"}},
    {F, C, TRUSTED_LIST, NULL, ANY, ANY, YES, ANY,
	{"-", "-m", "-m", "-t", "-m"}},

    {F, Q, NOTHING, "reject", ANY, ANY, ANY, ANY,
	{"Ql", "Ql", "Ql", "Ql", "Ql"}},
    {F, Q, NOTHING, "quarantine", ANY, ANY, ANY, ANY,
	{"Ql", "Q", "Ql", "Ql", "Qt"}},
    {F, Q, NOTHING, "none", ANY, ANY, ANY, ANY, {"-", "-l", "-l", "-t", "-l"}},
    {F, C, NOTHING, "reject", ANY, ANY, ANY, ANY,
	{"Rl", "Rl", "R", "Rl", "Rl"}},
    {F, C, NOTHING, "quarantine", ANY, ANY, ANY, ANY,
	{"Ql", "Q", "Ql", "Ql", "Qt"}},
    {F, C, NOTHING, "none", ANY, ANY, ANY, ANY, {"-", "-l", "-l", "-t", "-l"}},

    /* Evidence goes before the operator's rules, as before the owner's. */
    {F, C, PROVEN, "reject", ANY, ANY, ANY, ANY,
	{"Qo", "Qo", "Qo", "Qo", "Qo"}},
    {F, C, PROVEN, "quarantine", ANY, ANY, ANY, ANY,
	{"Ql", "Q", "Ql", "Ql", "Qt"}},
    {F, C, PROVEN, "none", ANY, ANY, ANY, ANY, {"-", "-l", "-l", "-t", "-l"}},
    {F, C, CLAIMED, "reject", YES, NO, ANY, ANY,
	{"Qm", "Qm", "Qm", "Qm", "Qm"}},
    {F, C, CLAIMED, "reject", NO, NO, ANY, ANY, {"Rl", "Rl", "R", "Rl", "Rl"}},
    {F, C, CLAIMED, "reject", ANY, YES, ANY, ANY,
	{"Rl", "Rl", "R", "Rl", "Rl"}},
    {F, C, TRUSTED_IP, "reject", ANY, ANY, NO, ANY,
	{"Qf", "Qf", "Qf", "Qf", "Qf"}},
    {F, C, TRUSTED_IP, "reject", ANY, ANY, YES, ANY,
	{"-f", "-f", "-f", "-f", "-f"}},
    {F, C, TRUSTED_IP, "quarantine", ANY, ANY, NO, ANY,
	{"Ql", "Q", "Ql", "Ql", "Qt"}},
    {F, C, TRUSTED_IP, "quarantine", ANY, ANY, YES, ANY,
	{"-f", "-f", "-f", "-f", "-f"}},
    {F, Q, TRUSTED_IP, "reject", ANY, ANY, NO, ANY,
	{"Qf", "Qf", "Qf", "Qf", "Qf"}},
    {F, C, TRUSTED_LIST, "none", ANY, ANY, ANY, ANY,
	{"-", "-l", "-l", "-t", "-l"}},

    /* What was not judged is deferred or not, whoever sent it. */
    {T, M, ANY, "*", ANY, ANY, ANY, ANY, {"-", "-l", "-l", "-", "-l"}},
    {T, Q, ANY, "*", ANY, ANY, ANY, NO, {"-", "Dl", "Dl", "-", "Dl"}},
    {T, C, ANY, "*", ANY, ANY, ANY, NO, {"-", "Dl", "Dl", "-", "Dl"}},
    {T, S, ANY, "*", ANY, ANY, ANY, NO, {"-", "Dl", "Dl", "-", "Dl"}},
    {T, Q, ANY, "*", ANY, ANY, ANY, YES, {"-", "-l", "-l", "-", "-l"}},
    {T, C, ANY, "*", ANY, ANY, ANY, YES, {"-", "-l", "-l", "-", "-l"}},
    {T, S, ANY, "*", ANY, ANY, ANY, YES, {"-", "-l", "-l", "-", "-l"}},
    /* clang-format on */
};

#undef F
#undef T
#undef M
#undef Q
#undef C
#undef S

/* --- one message --- */

/* One setting of all that a row leaves open. */
struct setting {
	enum enforce enforce;
	enum evidence evidence;
	int rule; /* in rule_words */
	bool holds, claimed_rejected, trusted_accepted, temperror_accepted;
};

static const char *const rule_words[] = {NULL, "none", "quarantine", "reject"};

enum { RULES = 4, SWITCHES = 16 };

struct lists {
	struct arena *arena;
	const struct trust *trusted;
	const struct roster *rules[RULES];
};

static void
open_lists(struct lists *lists)
{
	static const char *const lines[RULES] = {
	    "other.example reject\n.example.com reject\n",
	    "example.com none\nexample reject\n",
	    "example.com quarantine\nexample none\n",
	    "example.com reject\n.com none\n",
	};
	struct problem problem = {PROBLEM_NONE, ""};

	lists->arena = arena_new(1 << 20);
	lists->trusted = trust_read(lists->arena,
	    TEXT("ip 198.51.100.0/24\ndkim forward.example\n"
		 "spf srs.example\nlist-id talk.lists.example\n"),
	    "trusted", &problem);
	assert_non_null(lists->trusted);
	for (size_t i = 0; i < RULES; i++) {
		lists->rules[i] = rule_read(
		    lists->arena, text_from_cstr(lines[i]), "rules", &problem);
		assert_non_null(lists->rules[i]);
	}
}

static const struct {
	const char *client;
	const char *spf;
	const char *list_id;
	struct dkim_verdict signature;
} signs[EVIDENCES] = {
    [NOTHING] = {"192.0.2.1", "", NULL, {.result = DKIM_FAIL}},
    [TRUSTED_IP] = {"198.51.100.9", "", NULL, {.result = DKIM_FAIL}},
    [TRUSTED_DKIM] = {"192.0.2.1", "", NULL,
	{.result = DKIM_PASS, .domain = {"forward.example", 15}}},
    [TRUSTED_SPF] = {"192.0.2.1", "srs.example", NULL, {.result = DKIM_FAIL}},
    [TRUSTED_LIST] = {"192.0.2.1", "", " <talk.lists.example>",
	{.result = DKIM_PASS,
	    .domain = {"lists.example", 13},
	    .signed_names = {"from:list-id", 12}}},
    [PROVEN] = {"192.0.2.1", "", NULL,
	{.result = DKIM_FAIL,
	    .domain = {"example.com", 11},
	    .changes = DKIM_CHANGE_ENCODING}},
    [CLAIMED] = {"192.0.2.1", "", " <talk.lists.example>",
	{.result = DKIM_PASS, .domain = {"attacker.example", 16}}},
};

static struct disposition_options
make_options(const struct lists *lists, const struct setting *setting)
{
	return (struct disposition_options){
	    .enforce = setting->enforce,
	    .hold_quarantined = setting->holds,
	    .claimed_indirect =
		setting->claimed_rejected ? CLAIMED_REJECT : CLAIMED_QUARANTINE,
	    .trusted_indirect =
		setting->trusted_accepted ? TRUSTED_ACCEPT : TRUSTED_QUARANTINE,
	    .on_temperror = setting->temperror_accepted ? ON_TEMPERROR_ACCEPT
							: ON_TEMPERROR_DEFER,
	    .trusted_senders = lists->trusted,
	    .local_policy = lists->rules[setting->rule],
	};
}

/* "Qf"; and what else holds for any disposition. */
static void
decide(const struct lists *lists, const struct setting *setting, size_t policy,
    enum dmarc_result result, char ret_cell[3])
{
	static const char actions[] = "-QRD";
	static const char reasons[] = "\0lmotf";
	struct disposition_options options = make_options(lists, setting);
	struct arena *arena = arena_new(1 << 16);
	struct author author = {AUTHOR_OK, TEXT("example.com"), TEXT("")};
	struct mail_header header = {.bytes = 0};
	struct dkim_results dkim = {1, &signs[setting->evidence].signature};
	bool is_authors = true;
	struct dmarc_discovery discovery = {
	    .organizational_domain = TEXT("example.com"),
	    .policy_domain = TEXT("example.com"),
	    .requested = policies[policy].requested};
	struct dmarc_outcome dmarc = {
	    .result = result, .policy = policies[policy].policy};
	struct disposition_input input = {
	    .author = &author,
	    .spf_domain = text_from_cstr(signs[setting->evidence].spf),
	    .header = &header,
	    .dkim = &dkim,
	    .is_authors = &is_authors,
	    .discovery = &discovery,
	    .dmarc = &dmarc,
	};
	const char *list_id = signs[setting->evidence].list_id;

	assert_true(ip_read(
	    text_from_cstr(signs[setting->evidence].client), &input.client));
	if (list_id != NULL)
		assert_true(mail_header_add(&header, arena, TEXT("List-Id"),
		    text_from_cstr(list_id), false));
	struct disposition got =
	    disposition_decide(&input, &options, arena, NULL);
	ret_cell[0] = actions[got.action];
	ret_cell[1] = reasons[got.reason];
	ret_cell[2] = '\0';
	assert_int_equal(
	    got.hold, got.action == DISPOSITION_QUARANTINE && setting->holds);
	assert_int_equal(got.comment.len > 0, got.reason != OVERRIDE_NONE);
	assert_int_equal(
	    got.smtp_text.len > 0, got.action >= DISPOSITION_REJECT);
	arena_free(arena);
}

/* --- all settings of all rows --- */

static bool
allows(int written, int value)
{
	return written == ANY || written == value;
}

static bool
rule_allows(const char *written, const char *rule)
{
	if (written == NULL || rule == NULL)
		return written == rule ||
		       (written != NULL && strcmp(written, "*") == 0);
	return strcmp(written, "*") == 0 || strcmp(written, rule) == 0;
}

static bool
row_allows(const struct row *row, const struct setting *setting)
{
	return allows(row->enforce, (int)setting->enforce) &&
	       allows(row->evidence, (int)setting->evidence) &&
	       rule_allows(row->rule, rule_words[setting->rule]) &&
	       allows(row->holds, setting->holds) &&
	       allows(row->claimed_rejected, setting->claimed_rejected) &&
	       allows(row->trusted_accepted, setting->trusted_accepted) &&
	       allows(row->temperror_accepted, setting->temperror_accepted);
}

static unsigned
run_setting(const struct lists *lists, size_t number, size_t policy,
    const struct setting *setting)
{
	const struct row *row = &rows[number];
	char cell[3];

	decide(lists, setting, policy, row->result, cell);
	if (strcmp(cell, row->cells[policy]) == 0)
		return 0;
	print_error("row %zu, %s: %s instead of %s\n", number,
	    policies[policy].name, cell, row->cells[policy]);
	return 1;
}

static unsigned
run_row(const struct lists *lists, size_t number)
{
	unsigned failures = 0;
	unsigned runs = 0;

	for (unsigned i = 0; i < 4 * EVIDENCES * RULES * SWITCHES; i++) {
		struct setting setting = {
		    .holds = (i & 1) != 0,
		    .claimed_rejected = (i & 2) != 0,
		    .trusted_accepted = (i & 4) != 0,
		    .temperror_accepted = (i & 8) != 0,
		    .enforce = (enum enforce)(i / 16 % 4),
		    .rule = (int)(i / 64 % RULES),
		    .evidence = (enum evidence)(i / 64 / RULES),
		};
		if (!row_allows(&rows[number], &setting))
			continue;
		runs++;
		for (size_t policy = 0; policy < POLICIES; policy++)
			failures +=
			    run_setting(lists, number, policy, &setting);
	}
	return failures + (runs == 0);
}

static void
test_matrix(void **state)
{
	struct lists lists;
	unsigned failures = 0;

	(void)state;
	open_lists(&lists);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		failures += run_row(&lists, i);
	arena_free(lists.arena);
	assert_int_equal(failures, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_matrix)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
