#include "history/code.h"

/* The last row is what a word gets that has no number, and a number that has no
 * word. */
struct code {
	int number;
	struct text word;
};

#define CODE(number, word)                                                     \
 {                                                                             \
  (number),                                                                    \
  {                                                                            \
   (word), sizeof(word) - 1                                                    \
  }                                                                            \
 }

static const struct code result_codes[] = {CODE(-1, ""), CODE(0, "pass"),
    CODE(1, "unused"), CODE(2, "softfail"), CODE(3, "neutral"),
    CODE(4, "temperror"), CODE(5, "permerror"), CODE(6, "none"),
    CODE(7, "fail"), CODE(8, "policy"), CODE(9, "nxdomain"), CODE(10, "signed"),
    CODE(12, "discard"), CODE(11, "unknown")};
static const struct code alignment_codes[] = {
    CODE(114, "r"), CODE(115, "s"), CODE(0, "")};
static const struct code policy_codes[] = {CODE(110, "none"),
    CODE(113, "quarantine"), CODE(114, "reject"), CODE(0, "")};

static const struct code outcome_codes[] = {
    CODE(16, "reject"), CODE(17, "quarantine"), CODE(18, "none")};

struct codes {
	const struct code *at;
	size_t count;
};

#define CODES(table)                                                           \
 {                                                                             \
  (table), sizeof(table) / sizeof *(table)                                     \
 }

const struct codes history_results = CODES(result_codes);
const struct codes history_alignments = CODES(alignment_codes);
const struct codes history_policies = CODES(policy_codes);
const struct codes history_outcomes = CODES(outcome_codes);

int
history_code_number(const struct codes *codes, struct text word)
{
	size_t i = 0;

	while (i < codes->count - 1 && !text_equal(codes->at[i].word, word))
		i++;
	return codes->at[i].number;
}

bool
history_code_word(const struct codes *codes, int number, struct text *ret_word)
{
	for (size_t i = 0; i < codes->count; i++) {
		if (codes->at[i].number == number) {
			*ret_word = codes->at[i].word;
			return true;
		}
	}
	return false;
}

struct text
history_code_unknown(const struct codes *codes)
{
	return codes->at[codes->count - 1].word;
}
