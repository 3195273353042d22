#include "verdict/rule.h"

static bool
read_rule(struct arena *arena, const struct roster_words *words,
    struct roster_entry *ret_entry, const char **ret_why)
{
	int action = names_find(&disposition_action_names,
	    words->count == 2 ? words->at[1] : TEXT(""));

	*ret_why = "write a domain and none, quarantine or reject";
	if (action < 0 || action == DISPOSITION_DEFER)
		return false;
	ret_entry->value =
	    text_from_cstr(names_word(&disposition_action_names, action));
	*ret_why = "not a domain";
	return roster_read_pattern(arena, words->at[0], &ret_entry->key);
}

/* Two rules for one domain: one of them is a mistake. */
static bool
check_unique(const struct roster *rules, struct problem *problem)
{
	for (size_t i = 0; i < rules->entries.count; i++) {
		const struct roster_entry *first = &rules->entries.at[i];
		const struct roster_entry *second = roster_next(rules, first);
		if (second != NULL)
			return problem_set(problem, PROBLEM_CONFIG,
			    TEXT_FMT ":%u: " TEXT_FMT
				     " has a rule in line %u already",
			    TEXT_ARG(rules->name), second->line,
			    TEXT_ARG(first->key), first->line);
	}
	return true;
}

const struct roster *
rule_read(struct arena *arena, struct text text, const char *name,
    struct problem *ret_problem)
{
	struct roster *rules = arena_alloc(arena, sizeof *rules);

	if (rules == NULL) {
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	if (!roster_read(arena, text, name, read_rule, rules, ret_problem) ||
	    !check_unique(rules, ret_problem))
		return NULL;
	return rules;
}

const struct roster_entry *
rule_find(const struct roster *rules, struct text author)
{
	return roster_find_domain(rules, TEXT(""), author);
}

enum disposition_action
rule_action(const struct roster_entry *rule)
{
	return (enum disposition_action)names_find(
	    &disposition_action_names, rule->value);
}
