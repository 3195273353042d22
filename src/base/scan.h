/* Scan: a cursor over a text, for parsers that read like their grammar.
 *
 * Every function either takes something and moves on, or takes nothing and
 * says so; none reads past the end. A parser keeps the position before a rule
 * (scan->at) and puts it back when the rule does not match. */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include "base/text.h"

struct scan {
	struct text text;
	size_t at;
};

struct scan scan_text(struct text text);
bool scan_at_end(const struct scan *scan);

/* The next byte as 0-255 without taking it, or -1 at the end. */
int scan_peek(const struct scan *scan);
int scan_peek_at(const struct scan *scan, size_t ahead); /* 0 = scan_peek */

/* Takes one byte if it is BYTE. */
bool scan_byte(struct scan *scan, char byte);
/* Takes WORD if it stands here; letters in any case. */
bool scan_word_nocase(struct scan *scan, struct text word);
/* Takes any one byte: 0-255, or -1 at the end. */
int scan_any(struct scan *scan);
/* Takes bytes as long as KIND says so; may be none. */
struct text scan_while(struct scan *scan, bool (*kind)(int byte));
/* Takes SP, TAB; returns how many. */
size_t scan_wsp(struct scan *scan);
/* Takes what is left. */
struct text scan_rest(struct scan *scan);
/* What was taken since position FROM. */
struct text scan_since(const struct scan *scan, size_t from);

#endif
