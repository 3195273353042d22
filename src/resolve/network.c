/* Plan: c-ares sends our own packets to the servers, with its retries, its
 * fail-over and its change to TCP, and hands back raw packets; our own decoder
 * reads them. Its sockets are watched by the loop; while questions are open a
 * short beat drives its time-outs.
 *
 * ares_library_init is not called: it does nothing outside Windows. */
#include "resolve/source.h"

#include "dns/message.h"
#include "resolve/question.h"

#include <stdlib.h>
#include <sys/select.h> /* ares.h forgets it */

#include <ares.h>

enum {
	BEAT = 50, /* milliseconds */
	TRIES = 2, /* of each server; the second waits twice as long */
	TIMEOUT_MIN = 100,
	DNS_PORT = 53,
	QUERY_MAX = 512,
	SERVERS_MAX = 64 * 1024,
	/* Half of all ids, so that a free one is found soon. */
	OPEN_MAX = 32768,
	/* The first version that puts an id of its own, from a good generator,
	 * in place of ours. */
	ARES_OWN_ID = 0x011400,
};

struct socket_watch {
	struct socket_watch *next;
	struct network *network;
	ares_socket_t fd;
	struct loop_watch *watch;
};

struct query {
	struct network *network;
	const struct dns_question *question;
	struct open_question *open;
	uint16_t id;
};

struct network {
	struct source source;
	struct loop *loop;
	ares_channel channel;
	bool has_channel;
	bool has_own_ids; /* c-ares replaces ours, and checks them */
	struct socket_watch *watches;
	struct loop_timer *beat;
	size_t open;
	uint8_t used_ids[65536 / 8];
};

/* --- servers --- */

/* Where the address ends and, if anything follows, "#" or ":" and the port:
 * address [ "#" port ] | IPv4 ":" port | "[" IPv6 "]" [ ( "#" / ":" ) port ] */
static size_t
find_port(struct text word)
{
	size_t hash = text_find(word, '#');
	size_t colon = text_find_last(word, ':');

	if (text_starts(word, TEXT("[")))
		return text_find(word, ']') + 1;
	/* More than one colon: IPv6. */
	if (hash == word.len && text_find(word, ':') == colon)
		return colon;
	return hash;
}

static bool
read_server(struct text word, struct ip *ret_ip, uint64_t *ret_port)
{
	size_t end = find_port(word);
	struct text address = text_slice(word, 0, end);
	struct text port = text_slice(word, end, word.len);

	*ret_port = DNS_PORT;
	if (text_starts(word, TEXT("[")))
		address = text_slice(word, 1, end - 1);
	if (port.len > 0 && port.ptr[0] != '#' && port.ptr[0] != ':')
		return false;
	if (port.len > 0 &&
	    (!text_to_number(text_slice(port, 1, port.len), 65535, ret_port) ||
		*ret_port == 0))
		return false;
	/* "[::1" has no end, and none is found in it. */
	return end <= word.len && ip_read(address, ret_ip);
}

/* In c-ares' way of writing them. */
static bool
write_servers(
    struct build *build, const char *servers, struct problem *ret_problem)
{
	struct text rest = text_from_cstr(servers);
	struct ip ip;
	uint64_t port;

	while (rest.len > 0) {
		struct text word = text_trim(text_split(&rest, ','));
		if (!read_server(word, &ip, &port))
			return problem_set(ret_problem, PROBLEM_CONFIG,
			    "\"" TEXT_FMT "\" is not a name server: write an "
			    "address, address#port or [address]:port",
			    TEXT_ARG(word));
		if (build->len > 0)
			build_byte(build, ',');
		build_cstr(build, ip.version == 6 ? "[" : "");
		ip_write(build, &ip);
		build_cstr(build, ip.version == 6 ? "]:" : ":");
		build_number(build, port);
	}
	if (build->len == 0)
		return problem_set(
		    ret_problem, PROBLEM_CONFIG, "no name server is given");
	build_byte(build, '\0');
	return !build_failed(build) || problem_no_memory(ret_problem);
}

bool
resolver_check(const char *servers, struct problem *ret_problem)
{
	struct build build;

	build_init(&build, SERVERS_MAX);
	bool is_good =
	    servers == NULL || write_servers(&build, servers, ret_problem);
	build_free(&build);
	return is_good;
}

static size_t
count_servers(ares_channel channel)
{
	struct ares_addr_port_node *servers = NULL;
	size_t count = 0;

	if (ares_get_servers_ports(channel, &servers) != ARES_SUCCESS)
		return 1;
	for (struct ares_addr_port_node *s = servers; s != NULL; s = s->next)
		count++;
	ares_free_data(servers);
	return count == 0 ? 1 : count;
}

/* --- sockets --- */

static void
on_socket(void *context, int events)
{
	/* Copied, since c-ares may close the socket in there. */
	struct socket_watch watch = *(struct socket_watch *)context;

	ares_process_fd(watch.network->channel,
	    (events & LOOP_READABLE) != 0 ? watch.fd : ARES_SOCKET_BAD,
	    (events & LOOP_WRITABLE) != 0 ? watch.fd : ARES_SOCKET_BAD);
}

static void
add_watch(struct network *network, ares_socket_t fd, int events)
{
	struct socket_watch *watch = calloc(1, sizeof *watch);

	/* Without it the question ends by time-out. */
	if (watch == NULL)
		return;
	*watch = (struct socket_watch){network->watches, network, fd, NULL};
	watch->watch =
	    loop_watch_start(network->loop, fd, events, on_socket, watch);
	if (watch->watch == NULL) {
		free(watch);
		return;
	}
	network->watches = watch;
}

/* c-ares tells what it waits for; neither of both: it closes the socket. */
static void
on_socket_state(void *context, ares_socket_t fd, int readable, int writable)
{
	struct network *network = context;
	struct socket_watch **place = &network->watches;
	int events =
	    (readable ? LOOP_READABLE : 0) | (writable ? LOOP_WRITABLE : 0);

	while (*place != NULL && (*place)->fd != fd)
		place = &(*place)->next;
	struct socket_watch *watch = *place;
	if (watch == NULL && events != 0) {
		add_watch(network, fd, events);
	} else if (watch != NULL && events != 0) {
		loop_watch_change(watch->watch, events);
	} else if (watch != NULL) {
		*place = watch->next;
		loop_watch_stop(watch->watch);
		free(watch);
	}
}

static void
on_beat(void *context)
{
	struct network *network = context;

	ares_process_fd(network->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (network->open == 0) {
		loop_timer_stop(network->beat);
		network->beat = NULL;
	}
}

/* --- questions --- */

static bool
is_used(const struct network *network, uint16_t id)
{
	return (network->used_ids[id / 8] >> id % 8 & 1) != 0;
}

/* Predictable ids, or one id for two questions, would let strangers answer. */
static bool
draw_id(struct network *network, uint16_t *ret_id)
{
	uint16_t id;

	if (network->open >= OPEN_MAX)
		return false;
	do {
		if (!random_bytes(&id, sizeof id))
			return false;
	} while (is_used(network, id));
	network->used_ids[id / 8] |= (uint8_t)(1 << id % 8);
	*ret_id = id;
	return true;
}

static void
finish_query(
    struct query *query, const struct dns_answer *answer, bool may_keep)
{
	struct network *network = query->network;
	struct open_question *open = query->open;

	network->used_ids[query->id / 8] &= (uint8_t) ~(1 << query->id % 8);
	network->open--;
	free(query);
	if (answer == NULL) {
		answer = &dns_answer_failed;
		may_keep = false;
	}
	resolver_take_answer(open, answer, may_keep);
}

/* c-ares' type of function. */
static void
/* NOLINTNEXTLINE(readability-non-const-parameter) */
on_packet(void *context, int status, int timeouts, unsigned char *packet,
    int packet_len)
{
	struct query *query = context;
	uint16_t id = query->id;
	bool is_foreign = false;

	(void)timeouts;
	if (status != ARES_SUCCESS || packet_len < 2) {
		/* No server answered, or all refused or failed: that is
		 * kept for a moment. */
		bool is_ours = status == ARES_ENOMEM ||
			       status == ARES_EDESTRUCTION ||
			       status == ARES_ECANCELLED;
		if (status == ARES_ETIMEOUT)
			resolver_note_time_out(query->open);
		finish_query(query, dns_answer_new(DNS_FAILED, DNS_FAILED_TTL),
		    !is_ours);
		return;
	}
	if (query->network->has_own_ids)
		id = (uint16_t)(packet[0] << 8 | packet[1]);
	struct text bytes = {(const char *)packet, (size_t)packet_len};
	const struct dns_answer *answer =
	    dns_message_read(bytes, id, query->question, &is_foreign);
	finish_query(query, answer, !is_foreign);
}

static bool
send_query(struct query *query)
{
	struct network *network = query->network;
	struct build build;

	build_init(&build, QUERY_MAX);
	bool is_written =
	    dns_message_write_query(&build, query->id, query->question);
	struct text packet = build_view(&build);
	/* May call on_packet at once. */
	if (is_written)
		ares_send(network->channel, (const unsigned char *)packet.ptr,
		    (int)packet.len, on_packet, query);
	build_free(&build);
	return is_written;
}

static void
network_ask(struct source *source, const struct dns_question *question,
    struct open_question *open)
{
	struct network *network = (struct network *)source;
	struct query *query = calloc(1, sizeof *query);

	if (query == NULL || !draw_id(network, &query->id)) {
		free(query);
		resolver_take_answer(open, &dns_answer_failed, false);
		return;
	}
	query->network = network;
	query->question = question;
	query->open = open;
	network->open++;
	if (network->beat == NULL)
		network->beat = loop_timer_start(
		    network->loop, BEAT, BEAT, on_beat, network);
	if (!send_query(query))
		finish_query(query, &dns_answer_failed, false);
}

static void
network_free(struct source *source)
{
	struct network *network = (struct network *)source;

	if (network->has_channel)
		ares_destroy(network->channel);
	loop_timer_stop(network->beat);
	free(network);
}

static const struct source_functions functions = {
    .ask = network_ask,
    .free = network_free,
};

/* --- set up --- */

/* SERVERS: c-ares' way of writing, NULL: resolv.conf. */
static bool
open_channel(struct network *network, const char *servers, unsigned timeout,
    struct problem *ret_problem)
{
	struct ares_options options = {
	    .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
	    .timeout = (int)timeout,
	    .tries = TRIES,
	    .sock_state_cb = on_socket_state,
	    .sock_state_cb_data = network,
	    /* Or it would ask again by TCP after 512 bytes. */
	    .ednspsz = DNS_EDNS_SIZE,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		   ARES_OPT_SOCK_STATE_CB | ARES_OPT_EDNSPSZ |
		   ARES_OPT_NOROTATE;
#ifdef ARES_OPT_QUERY_CACHE
	mask |= ARES_OPT_QUERY_CACHE; /* of 0 seconds: the cache is ours */
#endif
	int error = ares_init_options(&network->channel, &options, mask);

	if (error == ARES_SUCCESS) {
		network->has_channel = true;
		if (servers != NULL)
			error = ares_set_servers_ports_csv(
			    network->channel, servers);
	}
	return error == ARES_SUCCESS ||
	       problem_set(ret_problem, PROBLEM_SYSTEM,
		   "cannot set up DNS (c-ares): %s", ares_strerror(error));
}

/* SERVERS as resolver_options has them, or NULL. */
static bool
open_servers(struct network *network, const char *servers, unsigned timeout,
    bool (*open)(struct network *network, const char *servers, unsigned timeout,
	struct problem *ret_problem),
    struct problem *ret_problem)
{
	struct build build;

	build_init(&build, SERVERS_MAX);
	bool is_open =
	    (servers == NULL || write_servers(&build, servers, ret_problem)) &&
	    open(network, servers == NULL ? NULL : build.ptr, timeout,
		ret_problem);
	build_free(&build);
	return is_open;
}

/* TIMEOUT is for all tries together: each server once, then each once more
 * with twice the time. How many there are only an open channel knows. */
static bool
open_with_timeout(struct network *network, const char *servers,
    unsigned timeout, struct problem *ret_problem)
{
	if (!open_channel(network, servers, timeout, ret_problem))
		return false;
	size_t each = timeout / (3 * count_servers(network->channel));
	ares_destroy(network->channel);
	network->has_channel = false;
	return open_channel(network, servers,
	    each < TIMEOUT_MIN ? TIMEOUT_MIN : (unsigned)each, ret_problem);
}

struct source *
source_new_network(struct loop *loop, const struct resolver_options *options,
    struct problem *ret_problem)
{
	struct network *network = calloc(1, sizeof *network);
	int version;

	if (network == NULL) {
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	(void)ares_version(&version);
	network->source.functions = &functions;
	network->loop = loop;
	network->has_own_ids = version >= ARES_OWN_ID;
	if (!open_servers(network, options->servers, options->timeout,
		open_with_timeout, ret_problem)) {
		network_free(&network->source);
		return NULL;
	}
	return &network->source;
}

void
resolver_needs(const char *servers, struct sandbox *sandbox)
{
	struct network network = {.has_channel = false};
	struct ares_addr_port_node *first = NULL;

	if (open_servers(&network, servers, TIMEOUT_MIN, open_channel, NULL))
		(void)ares_get_servers_ports(network.channel, &first);
	for (struct ares_addr_port_node *s = first; s != NULL; s = s->next)
		sandbox_may_connect(sandbox,
		    s->tcp_port == 0 ? DNS_PORT : (unsigned)s->tcp_port);
	ares_free_data(first);
	if (network.has_channel)
		ares_destroy(network.channel);
}
