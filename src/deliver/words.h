/* Words: what a server or a program said last, for the operator to read. */
#ifndef DELIVER_WORDS_H
#define DELIVER_WORDS_H

#include "base/arena.h"
#include "base/text.h"

enum { WORDS_MAX = 512 };

struct words {
	char bytes[WORDS_MAX];
	size_t len;
	bool goes_on; /* the last line's code had a "-" behind it */
};

void words_clear(struct words *words);
/* What is beyond WORDS_MAX is forgotten. */
void words_add(struct words *words, struct text piece);
/* A line of an SMTP reply. The first of a reply takes the place of the reply
 * before; the others add their text without its code. */
void words_add_reply(struct words *words, struct text line);
struct text words_view(const struct words *words);

/* As one line of at most WORDS_MAX bytes, without LF and NUL; whoever prints it
 * cleans it. "" without memory. */
struct text words_line(struct text words, struct arena *arena);

#endif
