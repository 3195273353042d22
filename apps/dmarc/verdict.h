/* A verdict on standard output: for people, or as JSON. */
#ifndef DMARC_VERDICT_H
#define DMARC_VERDICT_H

#include "json.h"

#include "verdict/checks.h"

void verdict_print(const struct verdict *verdict);
/* The object that dmarc(1) describes. NULL: no memory. */
json_t *verdict_json(const struct verdict *verdict) MUST_USE;
/* {"result", "domain", …}; with the explanation, as `dmarc spf` has it. */
json_t *spf_json(const struct spf_outcome *spf) MUST_USE;
void spf_print(const char *what, const struct spf_outcome *spf);

#endif
