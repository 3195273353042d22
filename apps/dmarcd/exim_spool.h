/* Exim spool: a message's body from Exim's data file: the file's own name in its
 * first line, then the body with LF line ends. */
#ifndef DMARCD_EXIM_SPOOL_H
#define DMARCD_EXIM_SPOOL_H

#include "verdict/checks.h"

struct exim_spool;

/* PATH, whose last part is NAME (query_spool_name), for CHECKS. In ARENA, but
 * for the open file. NULL: *ret_why (a literal). */
struct exim_spool *exim_spool_open(struct arena *arena, struct text path,
    struct text name, struct checks *checks, const char **ret_why) MUST_USE;

enum exim_spool_state { EXIM_SPOOL_MORE, EXIM_SPOOL_END, EXIM_SPOOL_FAILED };
/* The next piece of the body, with CR LF, goes into the checks. */
enum exim_spool_state exim_spool_read(struct exim_spool *spool) MUST_USE;
void exim_spool_close(struct exim_spool *spool);

#endif
