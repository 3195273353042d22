/* Code: OpenDMARC's numbers for words. */
#ifndef HISTORY_CODE_H
#define HISTORY_CODE_H

#include "base/attr.h"
#include "base/text.h"

struct codes;

extern const struct codes history_results;
extern const struct codes history_alignments;
extern const struct codes history_policies;
extern const struct codes history_outcomes; /* of a message that failed */

int history_code_number(const struct codes *codes, struct text word);
/* False: the number has no word. */
bool history_code_word(
    const struct codes *codes, int number, struct text *ret_word) MUST_USE;
/* The word for such a number. */
struct text history_code_unknown(const struct codes *codes);

#endif
