/* A file's bytes, whole. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "base/arena.h"
#include "base/problem.h"

/* Reads PATH ("-": standard input) into ARENA. False: *ret_problem says what
 * and which file: not there, not readable, over MAX bytes. */
bool file_read(struct arena *arena, const char *path, size_t max,
    struct text *ret_bytes, struct problem *ret_problem) MUST_USE;

#endif
