/* Files of the journal, opened carefully; for append.c, claim.c and spool.c. */
#ifndef JOURNAL_FILE_H
#define JOURNAL_FILE_H

#include "base/problem.h"

#include <sys/stat.h>

/* Opens PATH, a regular file on a local file system, never through a symbolic
 * link, 0600 when FLAGS make it. -1: *ret_problem. */
int journal_open_file(const char *path, int flags, struct stat *ret_status,
    struct problem *ret_problem) MUST_USE;

/* Sets what the system's ERROR means when PATH could not be "read", "lock",
 * "write to", …; false. */
bool journal_problem(
    struct problem *problem, int error, const char *path, const char *verb);

/* Did nobody write for JOURNAL_REST seconds? */
bool journal_is_rested(const struct stat *status);

/* What is in FOLDER stays there through a power cut. */
void journal_sync_folder(const char *folder);

struct journal_lock;
/* Where FILE lies, with the slash. */
const char *journal_folder(const struct journal_lock *lock);
/* The name of a claim to come, freed by the caller. NULL: *ret_problem. */
char *journal_new_claim(
    const struct journal_lock *lock, struct problem *ret_problem) MUST_USE;

#endif
