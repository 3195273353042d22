/* Sandbox: a process says what it will need, then takes everything else from
 * itself, for good: no new privileges, landlock (files, TCP) and seccomp
 * (system calls). Of landlock, as much as the running kernel has. What stands
 * open already stays open. */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/problem.h"

#include <stdint.h>

struct sandbox {
	int rules;       /* of landlock; -1: none */
	int error;       /* why there are none */
	int version;     /* of landlock */
	uint64_t rights; /* on files, of which it knows */
};

/* On a file, or on all below a folder. */
enum sandbox_use {
	SANDBOX_READ,   /* read, list */
	SANDBOX_APPEND, /* make and write files, and read none */
	SANDBOX_CHANGE, /* all of that; rename within a folder, remove */
};

/* Neither may start a process or a program. */
enum sandbox_calls {
	SANDBOX_FILTER, /* nor rename, remove, load code, make code */
	SANDBOX_CLERK,
};

void sandbox_begin(struct sandbox *ret_sandbox);
/* False: PATH cannot be found, so nothing is to be allowed. By a file's name
 * alone, a new file of that name is not allowed: name its folder. */
bool sandbox_may(
    struct sandbox *sandbox, enum sandbox_use use, const char *path);
/* The folder of the file PATH, and of the file that PATH is a link to. */
bool sandbox_may_beside(
    struct sandbox *sandbox, enum sandbox_use use, const char *path);
/* By TCP, to any host. */
void sandbox_may_connect(struct sandbox *sandbox, unsigned port);
/* It is not entered. */
void sandbox_give_up(struct sandbox *sandbox);
/* While there is one thread. False: *ret_problem says what the kernel lacks;
 * all that it has is in force. */
bool sandbox_enter(struct sandbox *sandbox, enum sandbox_calls calls,
    struct problem *ret_problem) MUST_USE;

#endif
