#include "base/names.h"

const char *
names_word(const struct names *names, int value)
{
	if (value < 0 || (size_t)value >= names->count ||
	    names->word[value] == NULL)
		return "?";
	return names->word[value];
}

/* The first letters differ as a rule, and then no length is looked for. */
static bool
is_word(struct text text, const char *word)
{
	return word != NULL &&
	       (text.len == 0 || to_lower(*text.ptr) == to_lower(*word)) &&
	       text_equal_nocase(text, text_from_cstr(word));
}

int
names_find(const struct names *names, struct text text)
{
	for (size_t i = 0; i < names->count; i++) {
		if (is_word(text, names->word[i]))
			return (int)i;
	}
	return -1;
}
