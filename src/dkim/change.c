#include "dkim/change.h"

static const struct {
	enum dkim_change change;
	bool adds_text;
	struct text phrase;
} changes_known[] = {
    {DKIM_CHANGE_SUBJECT, false, {"a tag before the Subject", 24}},
    {DKIM_CHANGE_LINES, false, {"other line ends or white space at them", 38}},
    {DKIM_CHANGE_ENCODING, false, {"another Content-Transfer-Encoding", 33}},
    {DKIM_CHANGE_FOOTER, true, {"an appended footer", 18}},
};

enum { CHANGES = sizeof changes_known / sizeof *changes_known };

bool
dkim_changes_add_text(unsigned changes)
{
	for (size_t i = 0; i < CHANGES; i++) {
		if ((changes & changes_known[i].change) != 0 &&
		    changes_known[i].adds_text)
			return true;
	}
	return false;
}

struct text
dkim_changes_describe(struct arena *arena, unsigned changes)
{
	struct text words = TEXT("");

	for (size_t i = 0; i < CHANGES; i++) {
		if ((changes & changes_known[i].change) == 0)
			continue;
		if (words.len > 0)
			words = arena_join(arena, words, TEXT(" and "));
		words = arena_join(arena, words, changes_known[i].phrase);
	}
	return words;
}
