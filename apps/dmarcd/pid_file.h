/* Pid file: PidFile, written at the start and removed at the end, if it still
 * is the one that we wrote. */
#ifndef DMARCD_PID_FILE_H
#define DMARCD_PID_FILE_H

#include "base/problem.h"

/* Writes our process id to PATH. The fd, open until pid_file_remove; -1 with
 * *ret_problem. */
int pid_file_write(const char *path, struct problem *ret_problem) MUST_USE;
/* FD -1 is allowed. */
void pid_file_remove(int fd, const char *path);

#endif
