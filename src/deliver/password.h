/* Password: kept in a file of its own, so that it stands on no command line
 * and in no configuration that others read. */
#ifndef DELIVER_PASSWORD_H
#define DELIVER_PASSWORD_H

#include "base/problem.h"

enum { PASSWORD_MAX = 255 };

/* The first line of the file at PATH. Refused when everybody may read or
 * write the file. */
bool password_read(const char *path, char ret_password[PASSWORD_MAX + 1],
    struct problem *ret_problem) MUST_USE;

#endif
