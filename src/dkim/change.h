/* Changes: what was done to a message on its way, when undoing it makes a
 * signature verify again. Proof of what happened, and never a pass. */
#ifndef DKIM_CHANGE_H
#define DKIM_CHANGE_H

#include "base/arena.h"

/* One bit each: a list does several things at once. */
enum dkim_change {
	DKIM_CHANGE_SUBJECT = 1 << 0,  /* a short tag before the Subject */
	DKIM_CHANGE_LINES = 1 << 1,    /* line ends, white space before them */
	DKIM_CHANGE_ENCODING = 1 << 2, /* another Content-Transfer-Encoding */
	DKIM_CHANGE_FOOTER = 1 << 3,   /* text appended to the body */
};

/* Did text come into the body? That may be the attack itself, and anyone with
 * one real mail can make it. */
bool dkim_changes_add_text(unsigned changes);
/* "a tag before the Subject and an appended footer"; "" for 0. */
struct text dkim_changes_describe(struct arena *arena, unsigned changes);

#endif
