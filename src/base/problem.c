#include "base/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

bool
problem_set(
    struct problem *problem, enum problem_kind kind, const char *format, ...)
{
	va_list values;

	if (problem == NULL || problem->kind != PROBLEM_NONE)
		return false;
	problem->kind = kind;
	va_start(values, format);
	(void)vsnprintf(problem->text, sizeof problem->text, format, values);
	va_end(values);
	return false;
}

bool
problem_no_memory(struct problem *problem)
{
	return problem_set(problem, PROBLEM_SYSTEM, "no memory");
}

enum problem_kind
problem_kind_of(int error)
{
	switch (error) {
	case EACCES:
	case EPERM: return PROBLEM_PERMISSION;
	case ENOENT:
	case ENOTDIR: return PROBLEM_NO_INPUT;
	case ELOOP: return PROBLEM_CONFIG;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EROFS: return PROBLEM_CANNOT_WRITE;
	case EADDRINUSE:
	case EADDRNOTAVAIL:
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ETIMEDOUT: return PROBLEM_UNAVAILABLE;
	default: return PROBLEM_SYSTEM;
	}
}

int
problem_exit_code(const struct problem *problem)
{
	static const int codes[] = {
	    [PROBLEM_NONE] = EX_OK,
	    [PROBLEM_USAGE] = EX_USAGE,
	    [PROBLEM_DATA] = EX_DATAERR,
	    [PROBLEM_NO_INPUT] = EX_NOINPUT,
	    [PROBLEM_UNAVAILABLE] = EX_UNAVAILABLE,
	    [PROBLEM_INTERNAL] = EX_SOFTWARE,
	    [PROBLEM_SYSTEM] = EX_OSERR,
	    [PROBLEM_CANNOT_WRITE] = EX_CANTCREAT,
	    [PROBLEM_TEMPORARY] = EX_TEMPFAIL,
	    [PROBLEM_PERMISSION] = EX_NOPERM,
	    [PROBLEM_CONFIG] = EX_CONFIG,
	};

	return codes[problem->kind];
}
