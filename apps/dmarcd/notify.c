#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
	struct sockaddr_un address;
	socklen_t length; /* 0: nobody listens */
	time_t every;     /* seconds between two signs of life; 0: none asked */
	time_t last;
} manager;

static void
take_address(const char *name)
{
	struct sockaddr_un *address = &manager.address;
	size_t length = strlen(name);

	/* A path, or with '@' a name that is none. */
	if ((name[0] != '/' && name[0] != '@') ||
	    length >= sizeof address->sun_path)
		return;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, name, length);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	manager.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				     length + (name[0] == '/'));
}

/* Twice within the time after which we are taken for dead. */
static void
take_watchdog(const char *microseconds, const char *pid)
{
	if (microseconds == NULL ||
	    (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
		return;
	long long seconds = strtoll(microseconds, NULL, 10) / 1000000;
	if (seconds > 0)
		manager.every = seconds > 1 ? seconds / 2 : 1;
}

void
notify_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");

	if (name != NULL)
		take_address(name);
	take_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

/* A manager that does not listen is not our trouble. */
void
notify_say(const char *state)
{
	if (manager.length == 0)
		return;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (const struct sockaddr *)&manager.address, manager.length);
	(void)close(fd);
}

void
notify_reloading(void)
{
	struct timespec now;
	char state[64];

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify_say(state);
}

void
notify_alive(time_t now)
{
	if (manager.every == 0 || now < manager.last + manager.every)
		return;
	manager.last = now;
	notify_say("WATCHDOG=1");
}
