/* What is written is read back the same, and the messages of tests/replay are
 * judged as they were when somebody looked at them: NAME.eml, with the facts of
 * NAME.facts, gives NAME.expect, in any order of the answers.
 *
 * `test_verdict_replay NAME` prints what is NAME.expect now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <string.h>

#include "exact.h"
#include "judge.h"
#include "mail/authres.h"
#include "vectors.h"
#include "verdict/replay.h"

#define FOLDER "tests/replay/"
#define FIRST  "dmarcd facts 1\n"

enum { ARENA_MAX = 64 * 1024 * 1024, TEXT_MAX = 1024 * 1024 };

static struct arena *
new_arena(void)
{
	struct arena *arena = arena_new(ARENA_MAX);

	assert_non_null(arena);
	return arena;
}

/* --- writing and reading --- */

/* All that a stranger may have put there. */
static struct text
every_byte(void)
{
	static char bytes[512];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	return (struct text){bytes, sizeof bytes};
}

static struct replay
odd_replay(void)
{
	return (struct replay){
	    .envelope = {.client = {6, {0x20, 1, 0xd, 0xb8, [15] = 1}},
		.helo = TEXT("h\nenforce monitor"),
		.mail_from = every_byte(),
		.job = TEXT("50%"),
		.receiver = TEXT(" "),
		.now = INT64_MAX},
	    .options = {.authserv_id = TEXT("mx.test"),
		.authserv_id_with_job = true,
		.source = AUTHENTICATION_HEADERS,
		.trusted_authserv_ids = TEXT("a.test, b%c"),
		.dmarc = {.method = DMARC_PSL},
		.disposition = {.enforce = ENFORCE_STRICT,
		    .on_temperror = ON_TEMPERROR_ACCEPT,
		    .claimed_indirect = CLAIMED_REJECT,
		    .trusted_indirect = TRUSTED_ACCEPT,
		    .hold_quarantined = true,
		    .reject_string = TEXT("no %s\r\n\r\nx A 192.0.2.1")}},
	};
}

static const struct {
	struct text name;
	enum dns_type type;
	enum dns_status status;
} asked[] = {
    {{"a.test", 6}, DNS_TXT, DNS_FOUND},
    {{"a.test", 6}, DNS_A, DNS_NODATA},
    {{"a.test", 6}, DNS_MX, DNS_FAILED},
    {{"a.test", 6}, DNS_AAAA, DNS_NXDOMAIN},
    {{"below.a.test", 12}, DNS_A, DNS_NXDOMAIN},
    {{"*.a.test", 8}, DNS_TXT, DNS_FOUND},
    {{"no.a.test", 9}, DNS_TXT, DNS_NXDOMAIN},
    {{"\n\"\\# ;@\xFF\0.test", 14}, DNS_TXT, DNS_FOUND},
    {{"$origin", 7}, DNS_TXT, DNS_NODATA},
};

enum { ASKED = sizeof asked / sizeof *asked };

static const struct dns_answer *
make_answer(enum dns_status status)
{
	struct dns_answer *answer = dns_answer_new(status, 60);
	const struct text texts[] = {
	    every_byte(), TEXT(""), TEXT("\" NXDOMAIN")};

	for (size_t i = 0; i < 3 && status == DNS_FOUND; i++) {
		struct dns_record record = {.text = texts[i]};
		assert_true(dns_answer_add(answer, &record));
	}
	dns_answer_sort(answer);
	return answer;
}

static struct dns_facts *
make_facts(struct arena *arena)
{
	struct dns_facts *facts = dns_facts_new(arena);
	struct dns_question question;

	dns_facts_begin_pass(facts, DNS_SHARE_SPF);
	for (size_t i = 0; i < ASKED; i++) {
		(void)dns_ask(facts, asked[i].name, asked[i].type);
		assert_true(dns_next_wanted(facts, &question));
		assert_true(
		    dns_tell(facts, &question, make_answer(asked[i].status)));
	}
	(void)dns_ask(facts, TEXT("not.answered.test"), DNS_TXT);
	return facts;
}

static void
check_facts(const struct dns_facts *facts, const struct dns_zone *zone)
{
	for (size_t i = 0; i < ASKED; i++) {
		struct dns_question question;
		const struct dns_answer *answer;
		bool is_known;

		dns_facts_at(facts, i, &question, &answer);
		struct dns_answer *read =
		    dns_zone_recall(zone, &question, &is_known);
		assert_true(is_known);
		assert_int_equal(read->status, answer->status);
		assert_int_equal(read->count, answer->count);
		for (size_t k = 0; k < read->count; k++)
			assert_true(text_equal(
			    read->records[k].text, answer->records[k].text));
		dns_answer_unref(read);
	}
	struct dns_question other = {TEXT("not.answered.test"), DNS_TXT};
	bool is_known;
	dns_answer_unref(dns_zone_recall(zone, &other, &is_known));
	assert_false(is_known);
}

static void
check_same(const struct replay *read, const struct replay *written)
{
	const struct envelope *a = &read->envelope;
	const struct envelope *b = &written->envelope;
	const struct disposition_options *c = &read->options.disposition;
	const struct disposition_options *d = &written->options.disposition;

	assert_true(ip_equal(&a->client, &b->client));
	assert_true(text_equal(a->helo, b->helo));
	assert_true(text_equal(a->mail_from, b->mail_from));
	assert_true(text_equal(a->job, b->job));
	assert_true(text_equal(a->receiver, b->receiver));
	assert_true(a->now == b->now);
	assert_true(text_equal(
	    read->options.authserv_id, written->options.authserv_id));
	assert_int_equal(read->options.authserv_id_with_job,
	    written->options.authserv_id_with_job);
	assert_int_equal(read->options.source, written->options.source);
	assert_true(text_equal(read->options.trusted_authserv_ids,
	    written->options.trusted_authserv_ids));
	assert_int_equal(
	    read->options.dmarc.method, written->options.dmarc.method);
	assert_int_equal(c->enforce, d->enforce);
	assert_int_equal(c->on_temperror, d->on_temperror);
	assert_int_equal(c->claimed_indirect, d->claimed_indirect);
	assert_int_equal(c->trusted_indirect, d->trusted_indirect);
	assert_int_equal(c->hold_quarantined, d->hold_quarantined);
	assert_true(text_equal(c->reject_string, d->reject_string));
}

static void
test_identity(void **state)
{
	struct arena *arena = new_arena();
	const struct replay replays[] = {odd_replay(), {.facts = NULL}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct dns_facts *facts = make_facts(arena);
		struct problem problem = {PROBLEM_NONE, ""};
		/* What is said must win over what was there. */
		struct replay read = replays[1 - i];
		struct build build;
		build_init(&build, TEXT_MAX);
		replay_write(
		    &build, &replays[i].envelope, &replays[i].options, facts);
		assert_false(build_failed(&build));
		struct text text = exact(build_view(&build));
		if (!replay_read(arena, text, "x", &read, &problem))
			fail_msg("%s", problem.text);
		check_same(&read, &replays[i]);
		check_facts(facts, read.facts);
		exact_free(text);
		build_free(&build);
	}
	arena_free(arena);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *problem;
	} rows[] = {
	    {"", "x:1: not \"dmarcd facts 1\""},
	    {"dmarcd facts 2\n\n", "x:1: not \"dmarcd facts 1\""},
	    {FIRST, "x:1: the empty line before the facts is missing"},
	    {FIRST "helo a\n",
		"x:2: the empty line before the facts is missing"},
	    {FIRST "helo a\nhelo b\n\n", "x:3: said twice"},
	    {FIRST "hello a\n\n", "x:2: not a name that is known here"},
	    {FIRST " helo a\n\n", "x:2: not a name that is known here"},
	    {FIRST "helo a b\n\n", "x:2: not a value that this may have"},
	    {FIRST "helo %4\n\n", "x:2: not a value that this may have"},
	    {FIRST "helo %zz\n\n", "x:2: not a value that this may have"},
	    {FIRST "client 1.2.3\n\n", "x:2: not a value that this may have"},
	    {FIRST "now -1\n\n", "x:2: not a value that this may have"},
	    {FIRST "now 9223372036854775808\n\n",
		"x:2: not a value that this may have"},
	    {FIRST "hold-quarantined maybe\n\n",
		"x:2: not a value that this may have"},
	    {FIRST "enforce hard\n\n", "x:2: not a value that this may have"},
	    {FIRST "job a\n\na.test A 192.0.2.1\na.test B\n",
		"x:5: the data is missing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = new_arena();
		struct problem problem = {PROBLEM_NONE, ""};
		struct replay replay = {.facts = NULL};
		struct text text = exact(text_from_cstr(rows[i].text));
		assert_false(replay_read(arena, text, "x", &replay, &problem));
		assert_int_equal(problem.kind, PROBLEM_DATA);
		assert_string_equal(problem.text, rows[i].problem);
		exact_free(text);
		arena_free(arena);
	}
}

/* What is not said stays; line ends may be CR LF. */
static void
test_partial(void **state)
{
	struct arena *arena = new_arena();
	struct problem problem = {PROBLEM_NONE, ""};
	struct replay replay = odd_replay();

	(void)state;
	assert_true(replay_read(arena,
	    TEXT("dmarcd facts 1\r\nhelo a%0Ab\r\nclient \r\nenforce MONITOR"
		 "\r\n\r\na.test TXT x\r\n"),
	    "x", &replay, &problem));
	assert_true(text_equal(replay.envelope.helo, TEXT("a\nb")));
	assert_int_equal(replay.envelope.client.version, 0);
	assert_int_equal(replay.options.disposition.enforce, ENFORCE_MONITOR);
	assert_true(replay.envelope.now == INT64_MAX);
	assert_int_equal(replay.options.dmarc.method, DMARC_PSL);
	arena_free(arena);
}

/* --- tests/replay --- */

static void
say_identity(
    struct build *build, const char *what, const char *word, struct text domain)
{
	build_format(build, "%s %s%s", what, word, domain.len > 0 ? " " : "");
	build_clean(build, domain);
	build_byte(build, '\n');
}

static struct text
describe(struct arena *arena, const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;
	struct build build;

	build_init_arena(&build, arena, TEXT_MAX);
	say_identity(&build, "from",
	    names_word(&author_status_names, (int)verdict->author.status),
	    verdict->author.domain);
	say_identity(&build, "spf",
	    names_word(&spf_result_names, (int)verdict->spf.result),
	    verdict->spf.domain);
	say_identity(&build, "helo",
	    names_word(&spf_result_names, (int)verdict->helo.result),
	    verdict->helo.domain);
	for (size_t i = 0; i < verdict->dkim.count; i++)
		say_identity(&build, "dkim",
		    names_word(
			&dkim_result_names, (int)verdict->dkim.at[i].result),
		    verdict->dkim.at[i].domain);
	say_identity(&build, "dmarc",
	    names_word(&dmarc_result_names, (int)verdict->dmarc.result),
	    verdict->discovery.policy_domain);
	build_format(&build, "disposition %s %s\n",
	    names_word(&disposition_action_names, (int)disposition->action),
	    names_word(&override_type_names, (int)disposition->reason));
	return build_view(&build);
}

static struct text
read_part(struct arena *arena, struct text name, const char *end)
{
	struct text path =
	    arena_format(arena, FOLDER TEXT_FMT "%s", TEXT_ARG(name), end);

	return vectors_read(arena, arena_cstr(arena, path));
}

static size_t
count_method(const struct authres_field *field, struct text method)
{
	size_t count = 0;

	for (size_t i = 0; i < field->results.count; i++)
		count += text_equal(field->results.at[i].method, method);
	return count;
}

/* Our field is whole, and nothing in it is what a stranger wrote. */
static void
check_results(
    struct arena *arena, struct text name, const struct verdict *verdict)
{
	struct authres_field field;
	size_t signatures = verdict->dkim.count;

	if (!authres_read(arena, verdict->authentication_results, &field))
		fail_msg(TEXT_FMT ": not to be read", TEXT_ARG(name));
	size_t spf = count_method(&field, TEXT("spf"));
	size_t dkim = count_method(&field, TEXT("dkim"));
	bool is_good = text_equal(field.id, TEXT("mx.example.org")) &&
		       (spf == 1 || spf == 2) &&
		       dkim == (signatures == 0 ? 1 : signatures) &&
		       count_method(&field, TEXT("dmarc")) == 1 &&
		       field.results.count == spf + dkim + 1;
	if (!is_good)
		fail_msg(TEXT_FMT ": " TEXT_FMT, TEXT_ARG(name),
		    TEXT_ARG(verdict->authentication_results));
}

/* Every question must have been answered from the file. */
static void
check_complete(struct text name, const struct dns_facts *facts,
    const struct dns_zone *zone)
{
	for (size_t i = 0; i < dns_facts_count(facts); i++) {
		struct dns_question question;
		const struct dns_answer *answer;
		bool is_known;

		dns_facts_at(facts, i, &question, &answer);
		dns_answer_unref(dns_zone_recall(zone, &question, &is_known));
		if (!is_known)
			fail_msg(TEXT_FMT ": no answer to " TEXT_FMT " %s",
			    TEXT_ARG(name), TEXT_ARG(question.name),
			    dns_type_name(question.type));
	}
}

static struct text
judge_replay(struct arena *arena, struct text name, enum order order)
{
	struct judge judge;
	struct problem problem = {PROBLEM_NONE, ""};
	struct replay replay = {.facts = NULL};
	struct suffix_list *suffixes = suffix_list_builtin();

	if (!replay_read(arena, read_part(arena, name, ".facts"), "facts",
		&replay, &problem))
		fail_msg(TEXT_FMT ": %s", TEXT_ARG(name), problem.text);
	judge_init(&judge);
	judge.envelope = replay.envelope;
	judge.options = replay.options;
	judge.options.explain = true;
	judge.options.dmarc.suffixes = suffixes;
	judge.zone = replay.facts;
	judge.order = order;
	judge.seed = (unsigned)name.len;
	const struct verdict *verdict =
	    judge_message(&judge, read_part(arena, name, ".eml"));
	if (verdict != NULL)
		check_results(arena, name, verdict);
	struct text described =
	    verdict == NULL ? TEXT("no verdict\n") : describe(arena, verdict);
	if (verdict == NULL)
		print_error(TEXT_FMT ": no verdict\n", TEXT_ARG(name));
	else if (order == ORDER_CLOSED_EARLY)
		described = verdict->dmarc.result == DMARC_PASS ? TEXT("pass")
								: TEXT("");
	else if (order == ORDER_AT_ONCE) /* as it was saved, hints and all */
		check_complete(name, checks_facts(judge.checks), judge.zone);
	judge_close(&judge);
	suffix_list_free(suffixes);
	return described;
}

static bool
is_as_expected(struct text name)
{
	struct arena *arena = new_arena();
	struct text expected = read_part(arena, name, ".expect");
	struct text got = judge_replay(arena, name, ORDER_AT_ONCE);
	struct text random = judge_replay(arena, name, ORDER_RANDOM);
	struct text early = judge_replay(arena, name, ORDER_CLOSED_EARLY);
	bool is_pass = text_find_part(got, TEXT("dmarc pass")) < got.len;
	bool is_good = text_equal(got, expected) && text_equal(got, random) &&
		       (is_pass || early.len == 0);

	if (!is_good)
		print_error(TEXT_FMT " gives\n" TEXT_FMT
				     "one by one\n" TEXT_FMT,
		    TEXT_ARG(name), TEXT_ARG(got), TEXT_ARG(random));
	arena_free(arena);
	return is_good;
}

static void
test_folder(void **state)
{
	DIR *folder = opendir(FOLDER);
	unsigned count = 0;
	unsigned wrong = 0;

	(void)state;
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		struct text name = text_from_cstr(entry->d_name);
		if (!text_ends_nocase(name, TEXT(".facts")))
			continue;
		name.len -= sizeof ".facts" - 1;
		wrong += is_as_expected(name) ? 0 : 1;
		count++;
	}
	(void)closedir(folder);
	print_message("# %u messages\n", count);
	assert_int_equal(wrong, 0);
	assert_true(count > 0);
}

static int
print_one(const char *name)
{
	struct arena *arena = new_arena();
	struct text got =
	    judge_replay(arena, text_from_cstr(name), ORDER_AT_ONCE);

	(void)printf(TEXT_FMT, TEXT_ARG(got));
	arena_free(arena);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_identity),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_partial),
	    cmocka_unit_test(test_folder),
	};

	if (argc == 2)
		return print_one(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
