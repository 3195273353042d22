/* JSON for programs: one object, on one line. Texts of strangers stand in it as
 * they do for people: bytes outside 0x20-0x7E, and backslash, as \xNN. */
#ifndef DMARC_JSON_H
#define DMARC_JSON_H

#include "base/build.h"
#include "base/names.h"
#include "base/problem.h"

#include <jansson.h>

/* null for the empty text. NULL: no memory, which json_pack passes on. */
json_t *json_from_text(struct text text) MUST_USE;
json_t *json_from_word(const struct names *names, int value) MUST_USE;
/* LIST with VALUE at its end; both are taken over. NULL, as which either may come:
 * no memory. */
json_t *json_append(json_t *list, json_t *value) MUST_USE;
json_t *json_from_texts(const struct text *texts, size_t count) MUST_USE;
/* Prints OBJECT, which is taken over; NULL: no memory, and false. */
bool json_print(json_t *object, struct problem *problem);

#endif
