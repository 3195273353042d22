/* Nameserver: a small DNS server on the loop of the resolver that asks it: UDP and
 * TCP on one port of 127.0.0.1, answering from a zone, with a fault. */
#ifndef TESTS_NAMESERVER_H
#define TESTS_NAMESERVER_H

#include "dns/message.h"
#include "dns/name.h"
#include "dns/zone.h"
#include "loop/address.h"
#include "loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PACKET_MAX = 64 * 1024 };

/* What the server does to its answers. */
enum fault {
	NONE,
	SILENT,      /* says nothing */
	SILENT_ONCE, /* the first packet is lost */
	WRONG_ID,    /* first another id with a forged text, then the answer */
	WRONG_QUESTION, /* the same with another name */
	TRUNCATED,      /* by UDP only the head with TC */
	GARBAGE,        /* the question, then bytes that are no records */
	NO_EDNS,        /* FORMERR to queries with an OPT record */
	SERVER_FAILS,   /* SERVFAIL to all */
	NOT_IMPLEMENTED,
	REFUSES,
};

struct server {
	struct loop *loop;
	const struct dns_zone *zone;
	enum fault fault;
	struct text silent; /* of this name and those below it says nothing */
	int udp;
	int tcp;
	char address[40];
	struct loop_watch *watch;
	struct loop_listener *listener;
	struct loop_stream *stream; /* the latest TCP connection */
	unsigned by_udp;
	unsigned by_tcp;
	uint16_t ids[16];
	struct build out;
};

/* The question of a query; its name into NAME. */
static inline bool
read_question(
    struct text packet, char name[256], struct dns_question *ret_question)
{
	size_t at = 12;
	size_t len = 0;

	while (at < packet.len && packet.ptr[at] != 0) {
		size_t label = (unsigned char)packet.ptr[at++];
		if (label > 63 || len + label + 1 > 255 ||
		    at + label > packet.len)
			return false;
		if (len > 0)
			name[len++] = '.';
		memcpy(name + len, packet.ptr + at, label);
		len += label;
		at += label;
	}
	if (at + 5 > packet.len)
		return false;
	ret_question->name = (struct text){name, len};
	ret_question->type = (enum dns_type)(unsigned char)packet.ptr[at + 2];
	return true;
}

static inline void
set_bits(struct build *build, size_t at, unsigned bits)
{
	build->ptr[at] = (char)((unsigned char)build->ptr[at] | bits);
}

static inline bool
is_silent_about(const struct server *server, struct text query)
{
	char name[256];
	struct dns_question question = {.name = TEXT("")};

	return server->silent.len > 0 &&
	       read_question(query, name, &question) &&
	       dns_name_is_at_or_below(question.name, server->silent);
}

/* The true answer, damaged, in server->out. */
static inline void
make_answer(struct server *server, struct text query, bool is_udp)
{
	char name[256];
	struct dns_question question = {.name = TEXT("")};
	bool has_edns = query.ptr[11] != 0;
	uint16_t id = (uint16_t)((unsigned char)query.ptr[0] << 8 |
				 (unsigned char)query.ptr[1]);

	assert_true(read_question(query, name, &question));
	struct dns_answer *answer = dns_zone_answer(server->zone, &question);
	assert_non_null(answer);
	build_cut(&server->out, 0);
	assert_true(
	    dns_message_write_answer(&server->out, id, &question, answer));
	size_t question_end = 12 + question.name.len + 2 + 4;
	if (server->fault == TRUNCATED && is_udp) {
		set_bits(&server->out, 2, 2);
		build_cut(&server->out, question_end);
		memset(server->out.ptr + 6, 0, 6);
	}
	if (server->fault == GARBAGE)
		for (size_t i = question_end; i < server->out.len; i++)
			server->out.ptr[i] = (char)0xFF;
	static const unsigned char codes[] = {[NO_EDNS] = 1,
	    [SERVER_FAILS] = 2,
	    [NOT_IMPLEMENTED] = 4,
	    [REFUSES] = 5};
	if (server->fault > NO_EDNS || (server->fault == NO_EDNS && has_edns)) {
		server->out.ptr[3] = 0;
		set_bits(&server->out, 3, codes[server->fault]);
		build_cut(&server->out, question_end);
		memset(server->out.ptr + 6, 0, 6);
	}
	dns_answer_unref(answer);
}

static inline void
send_packet(
    struct server *server, struct text packet, const struct sockaddr_in *to)
{
	ssize_t len = sendto(server->udp, packet.ptr, packet.len, 0,
	    (const struct sockaddr *)to, sizeof *to);

	assert_int_equal(len, packet.len);
}

/* An answer as an attacker would send it, ahead of the true one. */
static inline void
send_forged(
    struct server *server, struct text query, const struct sockaddr_in *to)
{
	char name[256];
	struct dns_question question = {.name = TEXT("")};
	struct dns_record record = {.text = TEXT("forged")};
	struct dns_answer *answer = dns_answer_new(DNS_FOUND, 300);
	uint16_t id = (uint16_t)((unsigned char)query.ptr[0] << 8 |
				 (unsigned char)query.ptr[1]);
	struct build build;

	assert_non_null(answer);
	assert_true(dns_answer_add(answer, &record));
	assert_true(read_question(query, name, &question));
	if (server->fault == WRONG_ID)
		id ^= 1;
	else
		question.name = TEXT("other.example");
	build_init(&build, PACKET_MAX);
	assert_true(dns_message_write_answer(&build, id, &question, answer));
	send_packet(server, build_view(&build), to);
	build_free(&build);
	dns_answer_unref(answer);
}

static inline void
on_udp(void *context, int events)
{
	struct server *server = context;
	struct sockaddr_in from;
	socklen_t size = sizeof from;
	char bytes[1500];
	ssize_t len = recvfrom(server->udp, bytes, sizeof bytes, 0,
	    (struct sockaddr *)&from, &size);

	(void)events;
	if (len < 12)
		return;
	struct text query = {bytes, (size_t)len};
	if (server->by_udp < 16)
		server->ids[server->by_udp] =
		    (uint16_t)((unsigned char)bytes[0] << 8 |
			       (unsigned char)bytes[1]);
	server->by_udp++;
	if (server->fault == SILENT || is_silent_about(server, query) ||
	    (server->fault == SILENT_ONCE && server->by_udp == 1))
		return;
	if (server->fault == WRONG_ID || server->fault == WRONG_QUESTION)
		send_forged(server, query, &from);
	make_answer(server, query, true);
	send_packet(server, build_view(&server->out), &from);
}

/* Queries come whole here, since nobody sends them in pieces. */
static inline void
on_tcp_bytes(void *context, struct text bytes)
{
	struct server *server = context;

	assert_true(bytes.len > 14);
	server->by_tcp++;
	make_answer(server, text_slice(bytes, 2, bytes.len), false);
	char length[2] = {
	    (char)(server->out.len >> 8), (char)(server->out.len & 0xFF)};
	loop_stream_write(server->stream, (struct text){length, 2});
	loop_stream_write(server->stream, build_view(&server->out));
}

static inline void
on_tcp_end(void *context)
{
	struct server *server = context;

	loop_stream_close(server->stream);
	server->stream = NULL;
}

static inline void
on_tcp(void *context, struct loop_stream *stream)
{
	struct server *server = context;
	struct loop_stream_events events = {on_tcp_bytes, on_tcp_end, server};

	loop_stream_close(server->stream);
	server->stream = stream;
	loop_stream_read(stream, &events);
}

static inline bool
bind_ports(struct server *server)
{
	struct sockaddr_in name = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof name;
	char tcp[40];

	server->udp = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(server->udp >= 0);
	assert_int_equal(
	    bind(server->udp, (struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(
	    getsockname(server->udp, (struct sockaddr *)&name, &size), 0);
	unsigned port = ntohs(name.sin_port);
	(void)snprintf(tcp, sizeof tcp, "inet:%u@127.0.0.1", port);
	(void)snprintf(
	    server->address, sizeof server->address, "127.0.0.1#%u", port);
	server->tcp = address_listen(text_from_cstr(tcp), 0, NULL);
	if (server->tcp < 0)
		(void)close(server->udp);
	return server->tcp >= 0;
}

static inline void
start_server(
    struct server *server, struct loop *loop, const struct dns_zone *zone)
{
	*server = (struct server){.loop = loop, .zone = zone};
	build_init(&server->out, PACKET_MAX);
	/* The TCP port of that number may be somebody's. */
	for (unsigned i = 0; !bind_ports(server); i++)
		assert_true(i < 100);
	server->watch =
	    loop_watch_start(loop, server->udp, LOOP_READABLE, on_udp, server);
	server->listener =
	    loop_listener_start(loop, server->tcp, on_tcp, server, NULL);
	assert_non_null(server->watch);
	assert_non_null(server->listener);
}

static inline void
stop_server(struct server *server)
{
	loop_stream_close(server->stream);
	loop_watch_stop(server->watch);
	loop_listener_stop(server->listener);
	(void)close(server->udp);
	(void)close(server->tcp);
	build_free(&server->out);
}

#endif
