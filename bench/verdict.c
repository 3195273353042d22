/* Judges one message COUNT times, for bench/run to count the instructions, and
 * prints what came out.
 *
 * bench-verdict MODE COUNT ZONE MESSAGE
 *
 * MODE: warm     answers are kept, and with them what was parsed
 *       cold     every answer is made anew
 *       headers  warm, and the results of mx.example are believed
 *       dkim     only DKIM, warm
 *       spf      only SPF, warm */
#include "message.h"

#include "config/setup.h"
#include "spf/check.h"
#include "verdict/checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_MAX = 64, NOW = 1795426200 };

struct bench {
	const struct dns_zone *zone;
	struct message message;
	struct checks_options options;
	bool keeps;
	size_t count;
	struct dns_question question[KEPT_MAX];
	const struct dns_answer *answer[KEPT_MAX];
	char names[KEPT_MAX][256];
};

static const struct dns_answer *
find_kept(const struct bench *bench, const struct dns_question *question)
{
	for (size_t i = 0; i < bench->count; i++) {
		if (bench->question[i].type == question->type &&
		    text_equal(bench->question[i].name, question->name))
			return dns_answer_ref(bench->answer[i]);
	}
	return NULL;
}

static const struct dns_answer *
fetch_answer(struct bench *bench, const struct dns_question *question)
{
	const struct dns_answer *answer = find_kept(bench, question);
	size_t at = bench->count;

	if (answer != NULL)
		return answer;
	answer = dns_zone_answer(bench->zone, question);
	if (!bench->keeps || answer == NULL || at == KEPT_MAX)
		return answer;
	memcpy(bench->names[at], question->name.ptr, question->name.len);
	bench->question[at] = (struct dns_question){
	    {bench->names[at], question->name.len}, question->type};
	bench->answer[at] = dns_answer_ref(answer);
	bench->count++;
	return answer;
}

static void
answer_wanted(struct bench *bench, struct dns_facts *facts)
{
	struct dns_question question;

	while (dns_next_wanted(facts, &question))
		(void)dns_tell(
		    facts, &question, fetch_answer(bench, &question));
}

static const char *
judge(struct bench *bench)
{
	struct arena *arena = arena_new(MESSAGE_ARENA_MAX);
	const struct mail_header *header = &bench->message.header;
	struct text body = build_view(&bench->message.body);
	struct envelope envelope = {
	    .client = {4, {192, 0, 2, 10}},
	    .helo = TEXT("mail.bank.example"),
	    .mail_from = TEXT("news@bank.example"),
	    .job = TEXT("BENCH"),
	    .receiver = TEXT("mx.example"),
	    .now = NOW,
	};
	struct checks *checks = checks_new(arena, &bench->options, &envelope);

	for (size_t i = 0; i < header->fields.count; i++)
		checks_field(checks, header->fields.at[i].name,
		    header->fields.at[i].value, true);
	checks_end_of_header(checks);
	for (size_t at = 0; at < body.len; at += MESSAGE_PIECE)
		checks_body(checks, text_slice(body, at, at + MESSAGE_PIECE));
	checks_end_of_body(checks);
	while (!checks_run(checks))
		answer_wanted(bench, checks_facts(checks));
	const struct verdict *verdict = checks_verdict(checks);
	const char *word = verdict == NULL ? "no verdict"
					   : names_word(&dmarc_result_names,
						 (int)verdict->dmarc.result);
	arena_free(arena);
	return word;
}

static const char *
check_dkim(struct bench *bench)
{
	struct arena *arena = arena_new(MESSAGE_ARENA_MAX);
	struct text body = build_view(&bench->message.body);
	struct dkim_options options = {
	    .now = NOW, .author = TEXT("bank.example")};
	struct dns_facts *facts = dns_facts_new(arena);
	struct dkim *dkim = dkim_new(arena, &bench->message.header, &options);
	struct dkim_results results;

	for (size_t at = 0; at < body.len; at += MESSAGE_PIECE)
		dkim_body(dkim, text_slice(body, at, at + MESSAGE_PIECE));
	dkim_end_of_body(dkim);
	while (!dkim_check(dkim, facts, NULL, &results))
		answer_wanted(bench, facts);
	const char *word =
	    names_word(&dkim_result_names, (int)results.at[0].result);
	arena_free(arena);
	return word;
}

static const char *
check_spf(struct bench *bench)
{
	struct arena *arena = arena_new(MESSAGE_ARENA_MAX);
	struct dns_facts *facts = dns_facts_new(arena);
	struct spf_outcome outcome;
	struct spf_input input = {
	    .client = {4, {192, 0, 2, 10}},
	    .helo = TEXT("mail.bank.example"),
	    .local = TEXT("news"),
	    .domain = TEXT("bank.example"),
	    .share = DNS_SHARE_SPF,
	};

	while (!spf_check(&input, facts, arena, NULL, &outcome))
		answer_wanted(bench, facts);
	arena_free(arena);
	return names_word(&spf_result_names, (int)outcome.result);
}

static const struct mode {
	const char *name;
	const char *(*run)(struct bench *bench);
	bool keeps;
	enum authentication_source source;
} modes[] = {
    {"warm", judge, true, AUTHENTICATION_SELF},
    {"cold", judge, false, AUTHENTICATION_SELF},
    {"headers", judge, true, AUTHENTICATION_HEADERS},
    {"dkim", check_dkim, true, AUTHENTICATION_SELF},
    {"spf", check_spf, true, AUTHENTICATION_SELF},
};

static const struct mode *
find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct arena *arena = arena_new((size_t)1 << 28);
	const struct mode *mode = argc == 5 ? find_mode(argv[1]) : NULL;
	static struct bench bench;
	struct setup setup;

	if (mode == NULL || arena == NULL)
		return 64;
	struct config *config = config_load(NULL, &problem);
	struct dns_zone *zone = setup_read_zone(argv[3], &problem);
	if (config == NULL || zone == NULL ||
	    !message_read(arena, argv[4], &bench.message) ||
	    !setup_make(config, &setup, &problem)) {
		(void)fprintf(stderr, "bench-verdict: %s\n", problem.text);
		return 1;
	}
	bench.zone = zone;
	bench.keeps = mode->keeps;
	bench.options = setup.checks;
	bench.options.source = mode->source;
	bench.options.trusted_authserv_ids = TEXT("mx.example");
	const char *word = "";
	for (long count = strtol(argv[2], NULL, 10); count > 0; count--)
		word = mode->run(&bench);
	(void)puts(word);
	for (size_t i = 0; i < bench.count; i++)
		dns_answer_unref(bench.answer[i]);
	setup_clear(&setup);
	dns_zone_free(zone);
	config_free(config);
	arena_free(arena);
	return 0;
}
