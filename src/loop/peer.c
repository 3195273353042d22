#define _GNU_SOURCE /* struct ucred */
#include "loop/inside.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool
read_user(int fd, uid_t *ret_user)
{
#ifdef SO_PEERCRED
	struct ucred credentials;
	socklen_t len = sizeof credentials;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0)
		return false;
	*ret_user = credentials.uid;
	return true;
#else
	gid_t group;

	return getpeereid(fd, ret_user, &group) == 0;
#endif
}

bool
loop_stream_peer(const struct loop_stream *stream, struct loop_peer *ret_peer)
{
	int fd = loop_stream_fd(stream);
	struct loop_peer peer = {.is_local = false};
	struct sockaddr_storage name;
	socklen_t len = sizeof name;

	memset(&name, 0, sizeof name);
	if (getpeername(fd, (struct sockaddr *)&name, &len) != 0)
		return false;
	if (name.ss_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, &name, sizeof in);
		peer.ip.version = 4;
		memcpy(peer.ip.byte, &in.sin_addr, 4);
	} else if (name.ss_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, &name, sizeof in6);
		peer.ip.version = 6;
		memcpy(peer.ip.byte, &in6.sin6_addr, 16);
		peer.ip = ip_unmapped(peer.ip);
	} else {
		peer.is_local = true;
		if (!read_user(fd, &peer.user))
			return false;
	}
	*ret_peer = peer;
	return true;
}
