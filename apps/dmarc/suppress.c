#include "suppress.h"

#include "json.h"

#include "base/date.h"

#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 1000, LINE_MAX_BYTES = 8192 };

static const char suppress_word[] = "suppress";
static const char allow_word[] = "allow";

const char *
suppress_check(char **words, int count)
{
	if (strcmp(words[0], suppress_word) == 0)
		return NULL;
	if (strcmp(words[0], allow_word) != 0)
		return "no such argument";
	return count == 2 ? NULL : "allow wants one address or domain";
}

/* --- the list --- */

struct suppressing {
	bool json;
	struct problem *problem;
};

static bool
print_json(const struct store_suppression *suppression, struct problem *problem)
{
	return json_print(json_pack("{s:o, s:I, s:o}", "address",
			      json_from_text(suppression->who), "added",
			      (json_int_t)suppression->added, "words",
			      json_from_text(suppression->words)),
	    problem);
}

static bool
print_one(void *context, const struct store_suppression *suppression)
{
	const struct suppressing *suppressing = context;
	struct build line;

	if (suppressing->json)
		return print_json(suppression, suppressing->problem);
	build_init(&line, LINE_MAX_BYTES);
	date_write_day(&line, suppression->added);
	build_cstr(&line, "  ");
	build_clean(&line, suppression->who);
	build_cstr(&line, suppression->words.len > 0 ? "  " : "");
	build_clean(&line, suppression->words);
	(void)printf(TEXT_FMT "\n", TEXT_ARG(build_view(&line)));
	build_free(&line);
	return true;
}

static bool
print_all(struct store *store, bool json, struct problem *problem)
{
	struct suppressing suppressing = {json, problem};

	return store_for_each_suppression(
		   store, print_one, &suppressing, problem) &&
	       problem->kind == PROBLEM_NONE;
}

/* --- changing it --- */

static bool
suppress(const struct tool *tool, struct store *store, char **words, int count,
    struct problem *problem)
{
	struct build why;
	bool done;

	build_init(&why, WORDS_MAX);
	for (int i = 1; i < count; i++) {
		build_cstr(&why, i > 1 ? " " : "");
		build_cstr(&why, words[i]);
	}
	if (build_failed(&why))
		done = problem_set(problem, PROBLEM_USAGE,
		    "the reason is longer than %d bytes", WORDS_MAX);
	else
		done = store_suppress(store,
		    &(const struct store_suppression){
			.who = text_from_cstr(words[0]),
			.added = tool->now,
			.words = build_view(&why)},
		    problem);
	build_free(&why);
	return done;
}

static bool
allow(const struct tool *tool, const struct config *config, struct store *store,
    const char *who, struct problem *problem)
{
	struct text address = text_from_cstr(who);
	bool was_suppressed = false;
	bool is_still = false;

	if (!store_allow(store, address, &was_suppressed, problem) ||
	    !store_is_suppressed(store, address, &is_still, problem))
		return false;
	if (is_still)
		tool_say("%s: %s: its mailbox or domain is suppressed still",
		    tool->name, who);
	if (config_reports_not_to(config, address))
		tool_say(
		    "%s: %s: NoReportsList names it still", tool->name, who);
	return was_suppressed ||
	       problem_set(problem, PROBLEM_NO_INPUT,
		   "%s: was not suppressed; dmarc report suppress lists who is",
		   who);
}

bool
suppress_run(const struct tool *tool, const struct config *config, char **words,
    int count, bool json, struct problem *problem)
{
	struct store *store = tool_store(config, false, problem);
	bool done;

	if (store == NULL)
		return false;
	if (strcmp(words[0], allow_word) == 0)
		done = allow(tool, config, store, words[1], problem);
	else if (count > 1)
		done = suppress(tool, store, words + 1, count - 1, problem);
	else
		done = print_all(store, json, problem);
	store_close(store);
	return done;
}
