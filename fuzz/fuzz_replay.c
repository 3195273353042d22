/* Replays. Reading never crashes; a refusal has a problem with the line. What
 * was read, with the answers to whatever name a line begins with, is written,
 * read, and written again as the same text, and no question is lost. */
#include "dns/name.h"
#include "verdict/replay.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { ARENA_MAX = 16 * 1024 * 1024, TEXT_MAX = 4 * 1024 * 1024 };

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
answer_all(struct dns_facts *facts, const struct dns_zone *zone, bool all_known)
{
	struct dns_question question;
	bool is_known;

	while (dns_next_wanted(facts, &question)) {
		struct dns_answer *answer =
		    dns_zone_recall(zone, &question, &is_known);
		require(answer != NULL && (is_known || !all_known));
		require((answer->status == DNS_FOUND) == (answer->count > 0));
		(void)dns_tell(facts, &question, answer);
	}
}

static struct dns_facts *
new_facts(struct arena *arena)
{
	struct dns_facts *facts = dns_facts_new(arena);

	require(facts != NULL);
	dns_facts_begin_pass(facts, DNS_SHARE_SPF);
	return facts;
}

static void
ask_names(struct arena *arena, struct dns_facts *facts, struct text lines)
{
	static const enum dns_type types[] = {
	    DNS_TXT, DNS_A, DNS_AAAA, DNS_MX, DNS_PTR, DNS_CNAME};

	while (lines.len > 0) {
		struct text line = text_split(&lines, '\n');
		struct text name = text_split(&line, ' ');
		if (!dns_name_read(arena, name, &name))
			continue;
		for (size_t i = 0; i < sizeof types / sizeof *types; i++)
			(void)dns_ask(facts, name, types[i]);
	}
}

static struct dns_facts *
ask_again(struct arena *arena, const struct dns_facts *before)
{
	struct dns_facts *facts = new_facts(arena);

	for (size_t i = 0; i < dns_facts_count(before); i++) {
		struct dns_question question;
		const struct dns_answer *answer;
		dns_facts_at(before, i, &question, &answer);
		(void)dns_ask(facts, question.name, question.type);
	}
	return facts;
}

static struct text
write_text(struct arena *arena, const struct replay *replay,
    const struct dns_facts *facts)
{
	struct build build;

	build_init_arena(&build, arena, TEXT_MAX);
	replay_write(&build, &replay->envelope, &replay->options, facts);
	return build_failed(&build) ? TEXT("") : build_view(&build);
}

static void
check_identity(
    struct arena *arena, const struct replay *replay, struct text text)
{
	struct dns_facts *facts = new_facts(arena);
	struct replay again = {.facts = NULL};
	struct problem problem = {PROBLEM_NONE, ""};

	ask_names(arena, facts, text);
	answer_all(facts, replay->facts, false);
	struct text written = write_text(arena, replay, facts);
	if (written.len == 0 || arena_failed(arena))
		return;
	if (!replay_read(arena, written, "again", &again, &problem)) {
		require(arena_failed(arena));
		return;
	}
	struct dns_facts *other = ask_again(arena, facts);
	answer_all(other, again.facts, true);
	struct text second = write_text(arena, &again, other);
	require(arena_failed(arena) || text_equal(written, second));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text text = {(const char *)bytes, len};
	struct problem problem = {PROBLEM_NONE, ""};
	struct replay replay = {.facts = NULL};
	struct arena *arena = arena_new(ARENA_MAX);

	if (replay_read(arena, text, "facts", &replay, &problem))
		check_identity(arena, &replay, text);
	else
		require(arena_failed(arena) ||
			(problem.kind == PROBLEM_DATA &&
			    strncmp(problem.text, "facts:", 6) == 0));
	arena_free(arena);
	return 0;
}
