#include "verdict/roster.h"

#include "dns/name.h"

#include <stdlib.h>
#include <string.h>

/* --- reading --- */

struct reading {
	struct arena *arena;
	struct roster *roster;
	unsigned line;
	struct problem *problem;
};

static bool
refuse(const struct reading *reading, struct text line, const char *why)
{
	line = text_slice(line, 0, 80);
	return problem_set(reading->problem, PROBLEM_CONFIG,
	    TEXT_FMT ":%u: \"" TEXT_FMT "\": %s",
	    TEXT_ARG(reading->roster->name), reading->line, TEXT_ARG(line),
	    why);
}

/* False: more words than a line may have. */
static bool
split_words(struct text line, struct roster_words *ret_words)
{
	*ret_words = (struct roster_words){.count = 0};
	for (line = text_trim(line); line.len > 0; line = text_trim(line)) {
		size_t end = 0;
		while (end < line.len && !is_wsp(line.ptr[end]))
			end++;
		if (ret_words->count == ROSTER_WORDS_MAX)
			return false;
		ret_words->at[ret_words->count++] = text_slice(line, 0, end);
		line = text_slice(line, end, line.len);
	}
	return true;
}

static bool
read_line(struct reading *reading, struct text line,
    bool (*read_entry)(struct arena *arena, const struct roster_words *words,
	struct roster_entry *ret_entry, const char **ret_why))
{
	const char *why = "more words than a line may have";
	struct roster_words words;

	if (line.len > ROSTER_LINE_MAX)
		return refuse(reading, line, "longer than 1000 bytes");
	line = text_trim(text_slice(line, 0, text_find(line, '#')));
	if (line.len == 0)
		return true;
	struct roster_entry entry = {.line = reading->line};
	if (!split_words(line, &words) ||
	    !read_entry(reading->arena, &words, &entry, &why))
		return refuse(reading, line, why);
	if (reading->roster->entries.count == ROSTER_LINES_MAX)
		return refuse(reading, line, "more than a million lines");
	struct roster_entry *slot =
	    vec_push(reading->arena, &reading->roster->entries);
	if (slot != NULL)
		*slot = entry;
	return !arena_failed(reading->arena) ||
	       problem_no_memory(reading->problem);
}

/* By key, and lines of one key in their order. */
static int
compare_entries(const void *a, const void *b)
{
	const struct roster_entry *one = a;
	const struct roster_entry *other = b;
	int order = text_compare(one->key, other->key);

	if (order != 0)
		return order;
	return (one->line > other->line) - (one->line < other->line);
}

bool
roster_read(struct arena *arena, struct text text, const char *name,
    bool (*read_entry)(struct arena *arena, const struct roster_words *words,
	struct roster_entry *ret_entry, const char **ret_why),
    struct roster *ret_roster, struct problem *ret_problem)
{
	struct roster roster = {
	    .name = arena_copy(arena, text_from_cstr(name))};
	struct reading reading = {arena, &roster, 0, ret_problem};

	if (arena_failed(arena))
		return problem_no_memory(ret_problem);
	while (text.len > 0) {
		reading.line++;
		if (!read_line(&reading, text_split(&text, '\n'), read_entry))
			return false;
	}
	if (roster.entries.count > 0)
		qsort(roster.entries.at, roster.entries.count,
		    sizeof *roster.entries.at, compare_entries);
	*ret_roster = roster;
	return true;
}

/* --- finding --- */

const struct roster_entry *
roster_find(const struct roster *roster, struct text key)
{
	size_t low = 0;
	size_t high = roster->entries.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (text_compare(roster->entries.at[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == roster->entries.count ||
	    !text_equal(roster->entries.at[low].key, key))
		return NULL;
	return &roster->entries.at[low];
}

const struct roster_entry *
roster_next(const struct roster *roster, const struct roster_entry *entry)
{
	const struct roster_entry *next = entry + 1;

	if (next == roster->entries.at + roster->entries.count ||
	    !text_equal(next->key, entry->key))
		return NULL;
	return next;
}

/* --- domains --- */

bool
roster_read_pattern(
    struct arena *arena, struct text word, struct text *ret_pattern)
{
	struct text name;

	if (text_starts(word, TEXT("*.")))
		word = text_slice(word, 1, word.len);
	bool is_below = text_starts(word, TEXT("."));
	if (!dns_name_read(
		arena, text_slice(word, is_below ? 1 : 0, word.len), &name) ||
	    !dns_name_is_ldh(name))
		return false;
	*ret_pattern = is_below ? arena_join(arena, TEXT("."), name) : name;
	return true;
}

bool
roster_pattern_matches(struct text pattern, struct text domain)
{
	if (text_starts(pattern, TEXT(".")))
		return text_ends_nocase(domain, pattern);
	return dns_name_equal(pattern, domain);
}

static const struct roster_entry *
find_joined(const struct roster *roster, struct text kind, struct text dot,
    struct text domain)
{
	char key[ROSTER_KEY_MAX];
	size_t len = kind.len + dot.len + domain.len;

	if (len > sizeof key)
		return NULL;
	memcpy(key, kind.ptr, kind.len);
	memcpy(key + kind.len, dot.ptr, dot.len);
	for (size_t i = 0; i < domain.len; i++)
		key[len - domain.len + i] = to_lower(domain.ptr[i]);
	return roster_find(roster, (struct text){key, len});
}

const struct roster_entry *
roster_find_domain(
    const struct roster *roster, struct text kind, struct text domain)
{
	const struct roster_entry *entry;

	if (!dns_name_is_valid(domain)) /* ".a" is no name but a pattern */
		return NULL;
	entry = find_joined(roster, kind, TEXT(""), domain);
	while (entry == NULL && (domain = dns_name_parent(domain)).len > 0)
		entry = find_joined(roster, kind, TEXT("."), domain);
	return entry;
}
