/* Copies of inputs that are exactly as large as they say, so that a sanitizer
 * catches the first byte read beyond. */
#ifndef TESTS_EXACT_H
#define TESTS_EXACT_H

#include "base/text.h"

struct text exact(struct text text); /* free with exact_free */
void exact_free(struct text text);

#endif
