/* Promise 1: never a false pass. Random worlds, envelopes and really signed
 * messages; oracle.h says from the RFCs alone what the verdict must be. It may
 * not depend on when answers come, nor on the pieces of the message; closing
 * early gives the full run's result or temperror; without memory there is the
 * true verdict or none. More rounds: ROUNDS=100000 in the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "draw.h"
#include "judge.h"

enum { ROUNDS = 2000 };

static struct suffix_list *list;
static unsigned rounds = ROUNDS;

static int
prepare(void **state)
{
	const char *wanted = getenv("ROUNDS");

	(void)state;
	signer_init(&signer);
	arena_free(signer.arena);
	signer.arena = NULL;
	list = suffix_list_read(TEXT("// ===BEGIN ICANN DOMAINS===\n"
				     "com\nexample\nbank.example\n"
				     "// ===END PRIVATE DOMAINS===\n"));
	if (wanted != NULL)
		rounds = (unsigned)strtoul(wanted, NULL, 10);
	return list == NULL;
}

static int
clean(void **state)
{
	(void)state;
	signer_free(&signer);
	suffix_list_free(list);
	return 0;
}

/* --- a random envelope --- */

static struct text
draw_sender(unsigned *random, struct model *model)
{
	static const struct text bad[] = {{"<@@>", 4}, {"<b@com", 6},
	    {"<b@example.com(.x.com>", 22}, {"<b@example.com\0.x.com>", 22},
	    {"<b@-.>", 6}, {"<\x01@example.com>", 15}};
	int at = draw_name(random);
	int helo = model->sender;

	model->sender = at;
	if (model->author >= 0 && draw_rare(random, 4))
		model->sender = at = model->author;
	switch (draw(random, 12)) {
	case 0: model->sender = helo; return TEXT("<>");
	case 1: model->sender = helo; return TEXT("");
	case 2: model->sender = -1; return bad[draw(random, COUNT(bad))];
	case 3: return arena_format(signer.arena, "b@%s", upper(names[at]));
	default: return arena_format(signer.arena, "<b@%s>", names[at]);
	}
}

static void
draw_judge(unsigned *random, struct model *model, struct judge *judge)
{
	struct envelope *envelope = &judge->envelope;
	int helo = draw_name(random);

	judge_init(judge);
	judge->options.explain = draw_rare(random, 4);
	model->is_psl = draw_rare(random, 4);
	if (model->is_psl)
		judge->options.dmarc = (struct dmarc_options){DMARC_PSL, list};
	judge->options.disposition.enforce = (enum enforce)draw(random, 4);
	judge->options.disposition.hold_quarantined = draw(random, 2) == 0;
	model->client = draw_rare(random, 12) ? 0 : 1 + (int)draw(random, 3);
	if (model->client == 3 && draw(random, 2) == 0)
		model->client = 1;
	envelope->client.byte[3] = (uint8_t)model->client;
	if (model->client == 0)
		envelope->client = (struct ip){.version = 0};
	envelope->helo = text_from_cstr(names[helo]);
	model->sender = helo;
	if (draw_rare(random, 8)) {
		envelope->helo = TEXT("[192.0.2.1]");
		model->sender = -1;
	}
	envelope->mail_from = draw_sender(random, model);
}

/* --- what must hold --- */

static unsigned counted[5]; /* DMARC results, so that all were seen */
static unsigned exact_worlds;

static void
expect(unsigned seed, const char *what, const char *expected, struct text got)
{
	if (!text_equal(got, text_from_cstr(expected)))
		fail_msg("round %u: %s is " TEXT_FMT ", not %s", seed, what,
		    TEXT_ARG(got), expected);
}

static void
expect_flag(unsigned seed, const char *what, bool expected, bool got)
{
	expect(seed, what, expected ? "true" : "false",
	    got ? TEXT("true") : TEXT("false"));
}

static struct text
result_of(const struct verdict *verdict)
{
	return text_from_cstr(
	    names_word(&dmarc_result_names, (int)verdict->dmarc.result));
}

/* In every world: a pass has a passing, aligned identifier; a fail has none
 * that was looked at. */
static void
assert_no_false_result(unsigned seed, const struct model *model,
    const struct expected *expected, const struct verdict *verdict)
{
	bool is_justified = expected->spf == YES || expected->dkim == YES;

	if (verdict->dmarc.result == DMARC_PASS && !is_justified)
		fail_msg("round %u: a false pass", seed);
	if (verdict->dmarc.result == DMARC_FAIL && is_justified &&
	    model->signatures <= 9)
		fail_msg("round %u: a false fail", seed);
	if (verdict->dmarc.spf_aligned && expected->spf != YES)
		fail_msg("round %u: SPF is not aligned", seed);
	if (verdict->dmarc.dkim_aligned && expected->dkim != YES)
		fail_msg("round %u: DKIM is not aligned", seed);
}

static void
assert_as_expected(unsigned seed, const struct model *model,
    const struct expected *expected, const struct verdict *verdict)
{
	const struct dmarc_outcome *dmarc = &verdict->dmarc;

	exact_worlds++;
	expect(seed, "result", expected->result, result_of(verdict));
	if (model->author < 0)
		return;
	expect(seed, "policy", expected->policy,
	    text_from_cstr(
		names_word(&dmarc_policy_names, (int)dmarc->policy)));
	expect(seed, "policy domain", expected->policy_domain,
	    verdict->discovery.policy_domain);
	expect(seed, "Organizational Domain", expected->organization,
	    verdict->discovery.organizational_domain);
	expect_flag(seed, "SPF", expected->spf == YES, dmarc->spf_aligned);
	expect_flag(seed, "DKIM", expected->dkim == YES, dmarc->dkim_aligned);
}

static void
assert_disposition(const struct judge *judge, const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;
	enum enforce enforce = judge->options.disposition.enforce;

	if (verdict->dmarc.result == DMARC_PASS || enforce == ENFORCE_MONITOR)
		assert_int_equal(disposition->action, DISPOSITION_NONE);
	if (enforce == ENFORCE_QUARANTINE)
		assert_int_not_equal(disposition->action, DISPOSITION_REJECT);
	/* Nothing that a stranger can claim lets a refused message in. */
	if (verdict->dmarc.result == DMARC_FAIL &&
	    verdict->dmarc.policy == DMARC_POLICY_REJECT &&
	    enforce == ENFORCE_CONSIDERED)
		assert_true(disposition->action == DISPOSITION_REJECT ||
			    disposition->hold);
	/* RFC 9989 4.10.1: without a record DMARC is not applied. */
	if (verdict->author.status == AUTHOR_OK &&
	    verdict->dmarc.result == DMARC_NONE)
		assert_int_equal(disposition->action, DISPOSITION_NONE);
}

struct round {
	unsigned seed;
	struct judge judge;
	struct text message;
	struct text field; /* of the first run */
	enum dmarc_result result;
};

static void
run_at_once(
    struct round *round, const struct model *model, struct expected expected)
{
	struct judge judge = round->judge;
	const struct verdict *verdict = judge_message(&judge, round->message);

	assert_non_null(verdict);
	assert_no_false_result(round->seed, model, &expected, verdict);
	if (expected.is_exact)
		assert_as_expected(round->seed, model, &expected, verdict);
	assert_disposition(&judge, verdict);
	counted[verdict->dmarc.result]++;
	round->result = verdict->dmarc.result;
	round->field =
	    arena_copy(signer.arena, verdict->authentication_results);
	judge_close(&judge);
}

static void
run_in_order(struct round *round, unsigned *random)
{
	struct judge judge = round->judge;

	judge.order = ORDER_RANDOM;
	judge.piece = draw(random, 90);
	judge.is_hasty = draw(random, 2) == 0;
	const struct verdict *verdict = judge_message(&judge, round->message);
	assert_non_null(verdict);
	assert_false(judge.was_final_early);
	if (!text_equal(verdict->authentication_results, round->field))
		fail_msg("round %u: '" TEXT_FMT "' in order, '" TEXT_FMT
			 "' at once",
		    round->seed, TEXT_ARG(verdict->authentication_results),
		    TEXT_ARG(round->field));
	judge_close(&judge);
}

static void
run_closed(struct round *round)
{
	struct judge judge = round->judge;

	judge.order = ORDER_CLOSED_EARLY;
	const struct verdict *verdict = judge_message(&judge, round->message);
	assert_non_null(verdict);
	if (verdict->dmarc.result != round->result &&
	    verdict->dmarc.result != DMARC_TEMPERROR)
		fail_msg("round %u: closed early, the result is " TEXT_FMT,
		    round->seed, TEXT_ARG(result_of(verdict)));
	judge_close(&judge);
}

static void
run_without_memory(struct round *round, unsigned *random)
{
	struct judge judge = round->judge;

	judge.fail_at = 1 + draw(random, 400);
	const struct verdict *verdict = judge_message(&judge, round->message);
	if (verdict != NULL && verdict->dmarc.result != round->result)
		fail_msg("round %u: without memory, the result is " TEXT_FMT,
		    round->seed, TEXT_ARG(result_of(verdict)));
	judge_close(&judge);
}

static void
run_round(unsigned seed)
{
	unsigned random = seed * 2654435761U + 1;
	struct model model = {.owners = 0};
	struct round round = {.seed = seed};

	signer.arena = arena_new((size_t)16 * 1024 * 1024);
	struct dns_zone *zone = order_zone(draw_zone(&random, &model));
	round.message = draw_message(&random, &model);
	draw_judge(&random, &model, &round.judge);
	round.judge.zone = zone;
	round.judge.seed = seed;
	run_at_once(&round, &model, judge_model(&model));
	run_in_order(&round, &random);
	run_closed(&round);
	run_without_memory(&round, &random);
	dns_zone_free(zone);
	arena_free(signer.arena);
	signer.arena = NULL;
}

static void
test_no_false_pass(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < rounds; seed++)
		run_round(seed);
	print_message("# none %u, pass %u, fail %u, temperror %u, permerror "
		      "%u; %u of %u worlds exact\n",
	    counted[DMARC_NONE], counted[DMARC_PASS], counted[DMARC_FAIL],
	    counted[DMARC_TEMPERROR], counted[DMARC_PERMERROR], exact_worlds,
	    rounds);
	for (size_t i = 0; i < COUNT(counted); i++)
		assert_true(counted[i] >= rounds / 40);
	assert_true(exact_worlds > rounds / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_false_pass),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
