#include "background.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static _Noreturn void
await(int started, pid_t child)
{
	int status = 0;
	char byte;

	if (read(started, &byte, 1) == 1)
		_exit(EX_OK);
	if (waitpid(child, &status, 0) == child && WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	_exit(EX_SOFTWARE);
}

int
background_enter(void)
{
	int ends[2];
	pid_t child = pipe(ends) == 0 ? fork() : -1;

	if (child < 0) {
		perror("opendmarc");
		exit(EX_OSERR);
	}
	if (child > 0) {
		(void)close(ends[1]);
		await(ends[0], child);
	}
	(void)close(ends[0]);
	(void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	(void)setsid();
	return ends[1];
}

void
background_close_terminal(void)
{
	int nowhere = open("/dev/null", O_RDWR);

	for (int fd = STDIN_FILENO; nowhere >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(nowhere, fd);
	if (nowhere > STDERR_FILENO)
		(void)close(nowhere);
}

void
background_leave(int started)
{
	if (started < 0)
		return;
	background_close_terminal();
	if (write(started, "", 1) != 1)
		return; /* nobody waits any more */
	(void)close(started);
}
