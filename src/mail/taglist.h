/* Tag lists: the k=v; lists of DKIM (RFC 6376 3.2), DMARC (RFC 9989 4.8) and
 * ARC. Only the grammar; which tags exist and what they mean is the caller's.
 *
 * White space (with DKIM's folding) around names and values is taken off;
 * inside a value it stays. Names keep their case; DKIM compares as written,
 * DMARC in any case. */
#ifndef MAIL_TAGLIST_H
#define MAIL_TAGLIST_H

#include "base/vec.h"

struct tag {
	struct text name;
	struct text value; /* may be empty, which is not the same as absent */
	size_t value_at;   /* where the untrimmed value begins in the text */
	size_t value_len;  /* and its length, white space included */
};

struct taglist {
	VEC(struct tag) tags;
	bool has_duplicate; /* DKIM: then the whole list is invalid */
	bool has_error;     /* something that is no tag stood between two ';' */
};

enum { TAGLIST_TAGS_MAX = 100 }; /* more: false */

/* Splits TEXT. False: not even one tag, too many, or no memory. What is no
 * tag is skipped and has_error set; strict callers look at it. */
bool taglist_read(
    struct arena *arena, struct text text, struct taglist *ret_list) MUST_USE;
/* The first tag NAME, or NULL. */
const struct tag *taglist_find(const struct taglist *list, struct text name);

#endif
