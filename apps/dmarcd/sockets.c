#include "sockets.h"

#include "log.h"

#include "config/options.h"
#include "loop/address.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GROUP_MODE = 0660 }; /* of the query and the control socket */

struct place {
	const char *option;
	struct text address;
	unsigned mode;
	struct text group; /* "": that of UserID */
};

static bool
give_socket(const struct place *place, const struct config *config,
    const struct identity *identity, struct problem *problem)
{
	struct text path = address_path(place->address);
	bool is_root = identity->is_set && geteuid() == 0;
	uid_t user = is_root ? identity->user : (uid_t)-1;
	gid_t group = is_root ? identity->group : (gid_t)-1;

	if (place->group.len > 0 && !group_read(place->group, &group))
		return problem_set(problem, PROBLEM_CONFIG,
		    "%sGroup: it is gone", place->option);
	const char *cstr = arena_cstr(config->arena, path);
	if (path.len == 0 || lchown(cstr, user, group) == 0)
		return true;
	return problem_set(problem, PROBLEM_SYSTEM, "%s%s: %s: %s",
	    place->option, place->group.len > 0 ? "Group" : "", cstr,
	    strerror(errno));
}

/* *RET_FD is closed by sockets_remove, whatever is returned. */
static bool
bind_place(const struct place *place, const struct config *config,
    const struct identity *identity, int *ret_fd, struct problem *problem)
{
	*ret_fd = address_listen(place->address, place->mode, problem);
	return *ret_fd >= 0 && give_socket(place, config, identity, problem);
}

static bool
bind_more(struct sockets *sockets, const struct place *place,
    const struct config *config, const struct identity *identity,
    struct problem *problem)
{
	bool is_bound = bind_place(
	    place, config, identity, &sockets->fd[sockets->count], problem);

	if (sockets->fd[sockets->count] >= 0)
		sockets->count++;
	return is_bound;
}

/* Where no line asks for it, mail does not depend on it. */
static bool
bind_control(struct sockets *sockets, const struct config *config,
    const struct identity *identity, struct problem *problem)
{
	struct place place = {"ControlSocket", config_control_socket(config),
	    GROUP_MODE, TEXT("")};
	struct problem own = {PROBLEM_NONE, ""};
	bool is_asked_for = config_is_set(
	    config, (size_t)(option_find(text_from_cstr(place.option)) -
			     config_options));

	if (place.address.len == 0 ||
	    bind_place(&place, config, identity, &sockets->control, &own))
		return true;
	if (is_asked_for)
		return problem_set(problem, own.kind, "%s", own.text);
	if (own.kind != PROBLEM_NO_INPUT) /* /run/dmarcd is there */
		log_warn("%s; dmarc status will not work", own.text);
	return true;
}

bool
sockets_bind(struct sockets *sockets, const struct config *config,
    const struct identity *identity, struct problem *ret_problem)
{
	struct place place = {
	    .option = "Socket", .mode = 0777 & ~config->umask};
	struct place query = {"QuerySocket", config->query_socket, GROUP_MODE,
	    config->query_socket_group};
	struct text rest = config->socket;

	while (rest.len > 0) {
		place.address = text_trim(text_split(&rest, ','));
		if (!bind_more(sockets, &place, config, identity, ret_problem))
			return false;
	}
	sockets->milter_count = sockets->count;
	if (query.address.len > 0 &&
	    !bind_more(sockets, &query, config, identity, ret_problem))
		return false;
	return bind_control(sockets, config, identity, ret_problem);
}

static void
remove_socket(int fd, struct text address, const struct config *config)
{
	struct text path = address_path(address);

	(void)close(fd);
	if (path.len > 0)
		(void)unlink(arena_cstr(config->arena, path));
}

void
sockets_remove(struct sockets *sockets, const struct config *config)
{
	struct text rest = config->socket;

	for (size_t i = 0; i < sockets->count; i++)
		remove_socket(sockets->fd[i],
		    rest.len > 0 ? text_trim(text_split(&rest, ','))
				 : config->query_socket,
		    config);
	if (sockets->control >= 0)
		remove_socket(sockets->control, config->control_socket, config);
}
