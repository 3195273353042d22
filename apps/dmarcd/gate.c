#include "gate.h"

#include "config/identity.h"
#include "loop/address.h"

#include <unistd.h>

static bool
add_user(struct gate *gate, struct text name, struct problem *problem)
{
	if (gate->user_count == GATE_MAX)
		return problem_set(problem, PROBLEM_CONFIG,
		    "QueryUsers: more than %d", GATE_MAX);
	if (user_read(name, &gate->users[gate->user_count++]))
		return true;
	return problem_set(problem, PROBLEM_CONFIG,
	    "QueryUsers: no user \"" TEXT_FMT "\" on this system",
	    TEXT_ARG(name));
}

static bool
add_net(struct gate *gate, struct text net, struct problem *problem)
{
	if (gate->net_count == GATE_MAX)
		return problem_set(problem, PROBLEM_CONFIG,
		    "QueryHosts: more than %d", GATE_MAX);
	size_t at = gate->net_count++;
	if (ip_read_net(net, &gate->nets[at].ip, &gate->nets[at].prefix))
		return true;
	return problem_set(problem, PROBLEM_CONFIG,
	    "QueryHosts: \"" TEXT_FMT "\" is no address or network",
	    TEXT_ARG(net));
}

bool
gate_read(const struct config *config, struct gate *ret_gate,
    struct problem *ret_problem)
{
	struct gate gate = {.user_count = 0};
	struct text users = config->query_users;
	struct text hosts = config->query_hosts;

	while (users.len > 0)
		if (!add_user(
			&gate, text_trim(text_split(&users, ',')), ret_problem))
			return false;
	while (hosts.len > 0)
		if (!add_net(
			&gate, text_trim(text_split(&hosts, ',')), ret_problem))
			return false;
	if (config->query_socket.len > 0 && gate.net_count == 0 &&
	    address_path(config->query_socket).len == 0)
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "QuerySocket: " TEXT_FMT " is open to every host; say by "
		    "QueryHosts who may ask, or use unix:/path",
		    TEXT_ARG(config->query_socket));
	*ret_gate = gate;
	return true;
}

static bool
admits_user(const struct gate *gate, uid_t user)
{
	if (gate->user_count == 0 || user == 0 || user == geteuid())
		return true;
	for (size_t i = 0; i < gate->user_count; i++)
		if (gate->users[i] == user)
			return true;
	return false;
}

bool
gate_admits(const struct gate *gate, const struct loop_stream *stream)
{
	struct loop_peer peer;

	if (!loop_stream_peer(stream, &peer))
		return false;
	if (peer.is_local)
		return admits_user(gate, peer.user);
	for (size_t i = 0; i < gate->net_count; i++)
		if (ip_in_net(
			&peer.ip, &gate->nets[i].ip, gate->nets[i].prefix))
			return true;
	return false;
}
