/* Judges one message COUNT times, for bench/run to count the instructions.
 *
 * bench-verdict MODE COUNT ZONE MESSAGE     MODE: warm  answers are kept, and
 *                                                 with them what was parsed
 *                                           cold  every answer is made anew
 *                                           spf   only SPF, warm */
#include "config/file.h"
#include "config/setup.h"
#include "mail/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_MAX = 64 };

struct bench {
	const struct dns_zone *zone;
	struct text message;
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

static void
on_header(void *context, const struct mail_header *header)
{
	checks_header(context, header);
	checks_end_of_header(context);
}

static void
on_body(void *context, struct text piece)
{
	checks_body(context, piece);
}

static bool
judge(struct bench *bench, const struct checks_options *options)
{
	struct arena *arena = arena_new(MESSAGE_ARENA_MAX);
	struct envelope envelope = {
	    .client = {4, {192, 0, 2, 10}},
	    .helo = TEXT("mail.bank.example"),
	    .mail_from = TEXT("news@bank.example"),
	    .job = TEXT("BENCH"),
	    .receiver = TEXT("mx.example"),
	    .now = 1795426200,
	};
	struct checks *checks = checks_new(arena, options, &envelope);
	struct mail_message_sink sink = {on_header, on_body, checks};
	struct mail_message *message = mail_message_new(arena, &sink);

	mail_message_feed(message, bench->message);
	if (!mail_message_finish(message))
		return false;
	checks_end_of_body(checks);
	while (!checks_run(checks))
		answer_wanted(bench, checks_facts(checks));
	const struct verdict *verdict = checks_verdict(checks);
	bool passed = verdict != NULL && verdict->dmarc.result == DMARC_PASS;
	arena_free(arena);
	return passed;
}

static bool
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
	return outcome.result == SPF_PASS;
}

int
main(int argc, char **argv)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct arena *arena = arena_new((size_t)1 << 28);
	static struct bench bench;
	struct setup setup;

	if (argc != 5 || arena == NULL)
		return 64;
	bool only_spf = strcmp(argv[1], "spf") == 0;
	bench.keeps = strcmp(argv[1], "cold") != 0;
	struct config *config = config_load(NULL, &problem);
	struct dns_zone *zone = setup_read_zone(argv[3], &problem);
	bench.zone = zone;
	if (config == NULL || zone == NULL ||
	    !file_read(
		arena, argv[4], (size_t)1 << 26, &bench.message, &problem) ||
	    !setup_make(config, &setup, &problem)) {
		(void)fprintf(stderr, "%s\n", problem.text);
		return 1;
	}
	for (long count = strtol(argv[2], NULL, 10); count > 0; count--) {
		if (!(only_spf ? check_spf(&bench)
			       : judge(&bench, &setup.checks))) {
			(void)fprintf(stderr, "bench: no pass\n");
			return 1;
		}
	}
	for (size_t i = 0; i < bench.count; i++)
		dns_answer_unref(bench.answer[i]);
	setup_clear(&setup);
	dns_zone_free(zone);
	config_free(config);
	arena_free(arena);
	return 0;
}
