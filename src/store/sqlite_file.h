/* File: the file of a SQLite database, its folder, and what is in the way. */
#ifndef STORE_SQLITE_FILE_H
#define STORE_SQLITE_FILE_H

#include "base/problem.h"
#include "sandbox/sandbox.h"

/* Makes it, 0600, unless it is there: SQLite would make it 0644; its -wal and
 * -shm take after it. */
bool sqlite_file_make(const char *path, struct problem *ret_problem) MUST_USE;
/* It must be there. */
bool sqlite_file_find(const char *path, struct problem *ret_problem) MUST_USE;
/* Its folder, and where SQLite makes temporary files. False: *ret_problem, there
 * is no folder. */
bool sqlite_file_needs(const char *path, struct sandbox *sandbox,
    struct problem *ret_problem) MUST_USE;
/* When SQLite may not write: says who lacks which permission. True: none. */
bool sqlite_file_may_write(
    const char *path, struct problem *ret_problem) MUST_USE;

#endif
