#include "base/names.h"

const char *
names_word(const struct names *names, int value)
{
	if (value < 0 || (size_t)value >= names->count ||
	    names->word[value] == NULL)
		return "?";
	return names->word[value];
}

int
names_find(const struct names *names, struct text text)
{
	for (size_t i = 0; i < names->count; i++) {
		if (names->word[i] != NULL &&
		    text_equal_nocase(text, text_from_cstr(names->word[i])))
			return (int)i;
	}
	return -1;
}
