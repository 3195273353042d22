/* Other people's messages, really signed, with their zones: mailauth's cases of
 * RFC 9989, mox's of RFC 7489, and the attacks of espoofer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge.h"
#include "vectors.h"

/* Where we differ from the expectation, and why. */
static const struct {
	const char *folder;
	const char *id;
	const char *result;
	const char *why;
} differences[] = {
    {"mailauth-rfc9989", "004", "fail",
	"RFC 9989 4.10 step 2: several records are discarded, the walk goes "
	"on"},
    {"mailauth-rfc9989", "022", "permerror",
	"RFC 9989 9.2: an improperly formatted record; nothing is done with "
	"the message either way"},
    {"mox-rfc7489", "013", "fail",
	"RFC 7489 6.3: other syntax errors are discarded, and it has a good p"},
};

static struct text
expected_result(const char *folder, const json_t *wanted, struct text id)
{
	for (size_t i = 0; i < sizeof differences / sizeof *differences; i++)
		if (text_equal(id, text_from_cstr(differences[i].id)) &&
		    text_equal(text_from_cstr(folder),
			text_from_cstr(differences[i].folder)))
			return text_from_cstr(differences[i].result);
	return json_get(wanted, "result");
}

struct comparison {
	const char *folder;
	struct text id;
	unsigned compared;
	unsigned failures;
};

static void
compare(struct comparison *comparison, const char *key, struct text expected,
    struct text got)
{
	if (expected.len == 0)
		return;
	comparison->compared++;
	if (text_equal(expected, got))
		return;
	print_error("%s " TEXT_FMT ": %s is " TEXT_FMT ", not " TEXT_FMT "\n",
	    comparison->folder, TEXT_ARG(comparison->id), key, TEXT_ARG(got),
	    TEXT_ARG(expected));
	comparison->failures++;
}

static void
compare_bool(struct comparison *comparison, const json_t *wanted,
    const char *key, bool got)
{
	const json_t *value = json_object_get(wanted, key);

	if (value != NULL)
		compare(comparison, key,
		    json_is_true(value) ? TEXT("true") : TEXT("false"),
		    got ? TEXT("true") : TEXT("false"));
}

static void
compare_verdict(struct comparison *comparison, const json_t *wanted,
    const struct verdict *verdict)
{
	struct text policy = text_from_cstr(
	    names_word(&dmarc_policy_names, (int)verdict->dmarc.policy));
	struct text domain = verdict->discovery.policy_domain;

	compare(comparison, "result",
	    expected_result(comparison->folder, wanted, comparison->id),
	    text_from_cstr(
		names_word(&dmarc_result_names, (int)verdict->dmarc.result)));
	compare(comparison, "policy", json_get(wanted, "policy"), policy);
	compare(comparison, "domain", json_get(wanted, "domain"), domain);
	compare(comparison, "policy_domain", json_get(wanted, "policy_domain"),
	    domain);
	compare_bool(
	    comparison, wanted, "spf_aligned", verdict->dmarc.spf_aligned);
	compare_bool(
	    comparison, wanted, "dkim_aligned", verdict->dmarc.dkim_aligned);
	compare_bool(comparison, wanted, "reject",
	    verdict->disposition.action == DISPOSITION_REJECT);
}

static struct text
load(struct arena *arena, const char *folder, struct text file)
{
	struct text name =
	    arena_format(arena, "%s/" TEXT_FMT, folder, TEXT_ARG(file));
	const char *path = vectors_path(arena, arena_cstr(arena, name));

	assert_non_null(path);
	return vectors_read(arena, path);
}

static void
run_case(struct comparison *comparison, const char *folder, const json_t *one,
    const struct dmarc_options *dmarc)
{
	struct arena *arena = arena_new((size_t)16 * 1024 * 1024);
	struct dns_zone *zone =
	    order_zone(load(arena, folder, json_get(one, "zone")));

	for (unsigned seed = 0; seed < 3; seed++) {
		struct judge judge;
		judge_init(&judge);
		judge.zone = zone;
		judge.order = seed == 0 ? ORDER_AT_ONCE : ORDER_RANDOM;
		judge.seed = seed;
		judge.options.dmarc = *dmarc;
		judge.options.disposition.enforce = ENFORCE_STRICT;
		judge.envelope.helo = json_get(one, "helo");
		judge.envelope.mail_from = json_get(one, "mail_from");
		judge.envelope.now = 1795442400; /* when they were signed */
		assert_true(
		    ip_read(json_get(one, "ip"), &judge.envelope.client));
		const struct verdict *verdict = judge_message(
		    &judge, load(arena, folder, json_get(one, "file")));
		assert_non_null(verdict);
		compare_verdict(
		    comparison, json_object_get(one, "expect"), verdict);
		judge_close(&judge);
	}
	dns_zone_free(zone);
	arena_free(arena);
}

static void
run_folder(
    const char *name, const char *origin, const struct dmarc_options *dmarc)
{
	char folder[100];
	char cases[120];
	struct comparison comparison = {.folder = name};
	json_t *one;
	size_t index;

	(void)snprintf(folder, sizeof folder, "dmarc/%s/blackbox", name);
	(void)snprintf(cases, sizeof cases, "%s/cases.json", folder);
	json_t *all = vectors_json(cases, origin);
	json_array_foreach(json_object_get(all, "cases"), index, one)
	{
		comparison.id = json_get(one, "id");
		run_case(&comparison, folder, one, dmarc);
	}
	print_message("# %s: %zu messages, %u values\n", name, index,
	    comparison.compared);
	json_decref(all);
	assert_int_equal(comparison.failures, 0);
	assert_true(comparison.compared > 0);
}

static void
test_mailauth(void **state)
{
	const struct dmarc_options options = {.method = DMARC_TREEWALK};

	(void)state;
	run_folder(
	    "mailauth-rfc9989", "the tests of postalsys/mailauth", &options);
}

static void
test_mox(void **state)
{
	/* Static, since skip() does not come back to free it. */
	static struct suffix_list *list;

	(void)state;
	list = suffix_list_builtin();
	const struct dmarc_options options = {
	    .method = DMARC_PSL, .suffixes = list};
	if (list == NULL) {
		print_message("# libpsl has no list of its own\n");
		skip();
	}
	run_folder("mox-rfc7489", "the tests of mjl-/mox", &options);
	suffix_list_free(list);
}

/* Whatever they do: refused, unless they speak for nobody but themselves. */
static bool
is_fooled(const struct verdict *verdict)
{
	struct text author = verdict->author.domain;
	struct text field = verdict->authentication_results;
	struct text forged = TEXT("dmarc=pass header.from=legitimate.com");
	bool is_own = verdict->author.status == AUTHOR_OK &&
		      text_find_part(author, TEXT("legitimate")) == author.len;

	return (!is_own && verdict->disposition.action != DISPOSITION_REJECT) ||
	       text_find_part(field, forged) < field.len;
}

/* What every MTA puts above a message. A few do not begin with a header field:
 * as a file they are no message. */
static const struct text received = {"Received: by mx.example.org\r\n", 29};

static unsigned
run_attack(const json_t *attack, const struct dns_zone *zone,
    const struct suffix_list *list, bool is_received)
{
	struct arena *arena = arena_new((size_t)16 * 1024 * 1024);
	struct text message =
	    load(arena, "attacks/espoofer", json_get(attack, "file"));
	struct judge judge;

	judge_init(&judge);
	judge.zone = zone;
	if (list != NULL)
		judge.options.dmarc = (struct dmarc_options){DMARC_PSL, list};
	judge.envelope.client = (struct ip){4, {192, 0, 2, 66}};
	judge.envelope.helo = json_get(attack, "helo");
	judge.envelope.mail_from = json_get(attack, "mailfrom");
	if (is_received)
		message = arena_join(arena, received, message);
	const struct verdict *verdict = judge_message(&judge, message);
	bool is_good = verdict == NULL ? !is_received : !is_fooled(verdict);
	if (verdict == NULL)
		print_message("# " TEXT_FMT ": no message\n",
		    TEXT_ARG(json_get(attack, "id")));
	else if (!is_good)
		print_error(TEXT_FMT ": " TEXT_FMT "\n",
		    TEXT_ARG(json_get(attack, "id")),
		    TEXT_ARG(verdict->authentication_results));
	judge_close(&judge);
	arena_free(arena);
	return is_good ? 0 : 1;
}

static void
test_attacks(void **state)
{
	json_t *all = vectors_json("attacks/espoofer/cases.json",
	    "github.com/chenjj/espoofer, whose attacks they are");
	unsigned failures = 0;
	json_t *attack;
	size_t index;

	(void)state;
	struct arena *arena = arena_new(1 << 20);
	struct suffix_list *list = suffix_list_builtin();
	struct dns_zone *zone =
	    order_zone(load(arena, "attacks/espoofer", TEXT("attack.zone")));
	json_array_foreach(json_object_get(all, "cases"), index, attack)
	{
		for (unsigned way = 0; way < 4; way++)
			failures += run_attack(attack, zone,
			    way / 2 == 0 ? NULL : list, way % 2 == 0);
	}
	print_message("# %zu attacks\n", index);
	dns_zone_free(zone);
	suffix_list_free(list);
	arena_free(arena);
	json_decref(all);
	assert_int_equal(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mailauth),
	    cmocka_unit_test(test_mox),
	    cmocka_unit_test(test_attacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
