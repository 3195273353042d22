/* Files of the journal, opened carefully; for append.c and claim.c. */
#ifndef JOURNAL_FILE_H
#define JOURNAL_FILE_H

#include "base/problem.h"

#include <sys/stat.h>

/* Opens PATH, a regular file on a local file system, never through a symbolic
 * link, 0640 when FLAGS make it. -1: *ret_problem. */
int journal_open_file(const char *path, int flags, struct stat *ret_status,
    struct problem *ret_problem) MUST_USE;

/* Sets what the system's ERROR means when PATH could not be "read", "lock",
 * "write to", …; false. */
bool journal_problem(
    struct problem *problem, int error, const char *path, const char *verb);

#endif
