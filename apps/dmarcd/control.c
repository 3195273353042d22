#define _GNU_SOURCE /* accept4 */
#include "control.h"

#include "children.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int
control_fd(const struct control *control, int fd)
{
	bool is_enough = control->second == children_now() &&
			 control->answered >= CONTROL_PER_SECOND;

	return is_enough ? -1 : fd;
}

/* All of it fits into the socket's buffer, from where it is read when the
 * client likes; else it is the client's bad luck. */
static void
send_status(int client, struct text object)
{
	int room = STATUS_MAX;

	(void)setsockopt(client, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	(void)send(client, object.ptr, object.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void
control_answer(struct control *control, int fd, const struct status *status)
{
	struct build object;

	if (control->second != children_now())
		*control = (struct control){.second = children_now()};
	build_init(&object, STATUS_MAX);
	while (fd >= 0 && control->answered < CONTROL_PER_SECOND) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		control->answered++; /* a failure, too: it might be for ever */
		if (client < 0)
			continue;
		if (object.len == 0)
			status_write(&object, status);
		send_status(client, build_view(&object));
		(void)close(client);
	}
	build_free(&object);
}
