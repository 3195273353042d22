/* Spool: a message's body from Exim's data file: the file's own name in its
 * first line, then the body with LF line ends. */
#ifndef DMARCD_SPOOL_H
#define DMARCD_SPOOL_H

#include "verdict/checks.h"

struct spool;

/* PATH, whose last part is NAME (query_spool_name), for CHECKS. In ARENA, but
 * for the open file. NULL: *ret_why (a literal). */
struct spool *spool_open(struct arena *arena, struct text path,
    struct text name, struct checks *checks, const char **ret_why) MUST_USE;

enum spool_state { SPOOL_MORE, SPOOL_END, SPOOL_FAILED };
/* The next piece of the body, with CR LF, goes into the checks. */
enum spool_state spool_read(struct spool *spool) MUST_USE;
void spool_close(struct spool *spool);

#endif
