/* Problem: an operational failure, for a person: what, where, what to do.
 *
 * Edge functions that can fail take a problem last and return false. Verdicts
 * are values and never problems (a broken SPF record is SPF_PERMERROR). The
 * kind decides the exit code (sysexits.h) and whether trying again helps. */
#ifndef BASE_PROBLEM_H
#define BASE_PROBLEM_H

#include "base/attr.h"

#include <stdbool.h>

enum problem_kind {
	PROBLEM_NONE,
	PROBLEM_USAGE,        /* the command line is wrong: EX_USAGE 64 */
	PROBLEM_DATA,         /* the input is wrong: EX_DATAERR 65 */
	PROBLEM_NO_INPUT,     /* a file is not there: EX_NOINPUT 66 */
	PROBLEM_UNAVAILABLE,  /* a service or package is missing: 69 */
	PROBLEM_INTERNAL,     /* our mistake: EX_SOFTWARE 70 */
	PROBLEM_SYSTEM,       /* the operating system refused: EX_OSERR 71 */
	PROBLEM_CANNOT_WRITE, /* EX_CANTCREAT 73 */
	PROBLEM_TEMPORARY,    /* try again: EX_TEMPFAIL 75 */
	PROBLEM_PERMISSION,   /* EX_NOPERM 77 */
	PROBLEM_CONFIG,       /* EX_CONFIG 78 */
};

struct problem {
	enum problem_kind kind;
	char text[512]; /* one line without its end, no "error:" before it */
};

/* Sets kind and text; returns false, so that callers can return it. The first
 * problem stays: setting a second one changes nothing. NULL is allowed. */
bool problem_set(struct problem *problem, enum problem_kind kind,
    const char *format, ...) PRINTF_LIKE(3, 4);
/* Memory ran out; false. */
bool problem_no_memory(struct problem *problem);
/* The kind that a system error (errno) stands for. */
enum problem_kind problem_kind_of(int error);
int problem_exit_code(const struct problem *problem);

#endif
