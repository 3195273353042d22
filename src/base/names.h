/* Names: the words of an enum, in one table for reading and writing.
 *
 *	static const char *const words[] = {[SPF_NONE] = "none", …};
 *	static const struct names names = NAMES(words);
 */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include "base/text.h"

struct names {
	const char *const *word;
	size_t count;
};

#define NAMES(words)                                                           \
 {                                                                             \
  (words), sizeof(words) / sizeof *(words)                                     \
 }

/* The word, or "?" for a value without one. */
const char *names_word(const struct names *names, int value);
/* The value whose word is TEXT (any case), or -1. */
int names_find(const struct names *names, struct text text);

#endif
