/* Percent: a value as one word of 0x21-0x7E, so that no value can forge a line:
 *
 *	value = *(%x21-24 / %x26-7E / "%" 2HEXDIG) */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "base/build.h"

/* How long VALUE is when it is written; its own length if nothing changes. */
size_t percent_length(struct text value);
void percent_write(struct build *build, struct text value);
/* A part of WRITTEN, or a copy in ARENA. False: not written like this, or no
 * memory. */
bool percent_read(
    struct arena *arena, struct text written, struct text *ret_value) MUST_USE;

#endif
