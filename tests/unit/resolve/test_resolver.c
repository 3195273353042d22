/* Waits end with what is waited for; the limit is reached only when something
 * is broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resolve/resolver.h"

#include "nameserver.h"

enum {
	LIMIT = 60000,
	PATIENT = 30000, /* no try of a question runs out of time */
	STEP = 100,
};

/* --- the world of a test --- */

static const char zone_text[] = "a.example 60 TXT \"one\"\n"
				"b.example 60 TXT \"two\"\n"
				"short.example 0 TXT \"not kept\"\n"
				"here.example EXISTS\n"
				"broken.example SERVFAIL\n"
				"alias.example CNAME a.example\n";

struct world {
	struct loop *loop;
	struct dns_zone *zone;
	struct server server;
	struct resolver *resolver;
};

static void
open_world(struct world *world, const char *text, unsigned timeout)
{
	struct problem problem = {0};

	world->loop = loop_new(&problem);
	assert_non_null(world->loop);
	world->zone = dns_zone_read(text_from_cstr(text), "zone", &problem);
	assert_non_null(world->zone);
	start_server(&world->server, world->loop, world->zone);
	struct resolver_options options = {.servers = world->server.address,
	    .timeout = timeout,
	    .cache_bytes = 100000};
	world->resolver = resolver_new_network(world->loop, &options, &problem);
	if (world->resolver == NULL)
		print_error("%s\n", problem.text);
	assert_non_null(world->resolver);
}

static void
close_world(struct world *world)
{
	resolver_free(world->resolver);
	stop_server(&world->server);
	loop_free(world->loop);
	dns_zone_free(world->zone);
}

/* One message: its facts and how often it was told. */
struct message {
	struct arena *arena;
	struct dns_facts *facts;
	struct fetch *fetch;
	unsigned told;
};

static void
count_told(void *context)
{
	++*(unsigned *)context;
}

static void
open_message(struct message *message, struct resolver *resolver)
{
	message->told = 0;
	message->arena = arena_new(1 << 20);
	assert_non_null(message->arena);
	message->facts = dns_facts_new(message->arena);
	assert_non_null(message->facts);
	message->fetch =
	    fetch_new(resolver, message->facts, count_told, &message->told);
	assert_non_null(message->fetch);
	dns_facts_begin_pass(message->facts, DNS_SHARE_SPF);
}

static void
close_message(struct message *message)
{
	fetch_free(message->fetch);
	arena_free(message->arena);
}

static const struct dns_answer *
ask(struct message *message, const char *name)
{
	return dns_ask(message->facts, text_from_cstr(name), DNS_TXT);
}

static void
run_until_told(struct world *world, struct message *message)
{
	int64_t end = loop_now(world->loop) + LIMIT;

	while (dns_facts_waiting(message->facts) && loop_now(world->loop) < end)
		loop_step(world->loop, STEP);
	assert_false(dns_facts_waiting(message->facts));
	for (unsigned i = 0; i < 5 && message->told == 0; i++)
		loop_step(world->loop, 1);
	assert_true(message->told > 0);
}

/* Asks NAME for a message of its own; true: it was answered at once. */
static bool
asks_now(struct world *world, const char *name, enum dns_status expected,
    const char *text)
{
	struct message message;

	open_message(&message, world->resolver);
	assert_int_equal(ask(&message, name)->status, DNS_UNKNOWN);
	bool at_once = fetch_wanted(message.fetch);
	assert_int_equal(message.told, 0);
	if (!at_once)
		run_until_told(world, &message);
	const struct dns_answer *answer = ask(&message, name);
	assert_int_equal(answer->status, expected);
	if (text != NULL)
		assert_true(
		    text_equal(answer->records[0].text, text_from_cstr(text)));
	close_message(&message);
	return at_once;
}

/* --- the network --- */

static void
asks_the_network_once(void **state)
{
	struct world world;
	struct resolver_figures figures;

	(void)state;
	open_world(&world, zone_text, PATIENT);
	assert_false(asks_now(&world, "a.example", DNS_FOUND, "one"));
	assert_true(asks_now(&world, "A.Example.", DNS_FOUND, "one"));
	assert_false(asks_now(&world, "alias.example", DNS_FOUND, "one"));
	assert_false(asks_now(&world, "here.example", DNS_NODATA, NULL));
	assert_true(asks_now(&world, "here.example", DNS_NODATA, NULL));
	assert_false(asks_now(&world, "no.example", DNS_NXDOMAIN, NULL));
	assert_true(asks_now(&world, "no.example", DNS_NXDOMAIN, NULL));
	assert_false(asks_now(&world, "broken.example", DNS_FAILED, NULL));
	assert_true(asks_now(&world, "broken.example", DNS_FAILED, NULL));
	/* TTL 0 is for those who wait, not for later. */
	assert_false(asks_now(&world, "short.example", DNS_FOUND, "not kept"));
	assert_false(asks_now(&world, "short.example", DNS_FOUND, "not kept"));
	/* Some c-ares ask an only server that fails once more. */
	assert_in_range(world.server.by_udp, 7, 8);
	assert_int_equal(world.server.by_tcp, 0);
	resolver_figures(world.resolver, &figures);
	assert_int_equal(figures.asked, 11);
	assert_int_equal(figures.from_cache, 4);
	assert_int_equal(figures.sent, 7);
	assert_int_equal(figures.failed, 1);
	assert_int_equal(figures.cache_entries, 5);
	assert_true(figures.cache_bytes > 0);
	close_world(&world);
}

static void
shares_open_questions(void **state)
{
	struct world world;
	struct message messages[3];

	(void)state;
	open_world(&world, zone_text, PATIENT);
	for (size_t i = 0; i < 3; i++) {
		open_message(&messages[i], world.resolver);
		(void)ask(&messages[i], "a.example");
		(void)ask(&messages[i], "b.example");
		assert_false(fetch_wanted(messages[i].fetch));
	}
	/* One goes before its answers come; nobody calls it any more. */
	fetch_free(messages[1].fetch);
	messages[1].fetch = NULL;
	run_until_told(&world, &messages[0]);
	run_until_told(&world, &messages[2]);
	assert_int_equal(world.server.by_udp, 2);
	assert_int_equal(messages[1].told, 0);
	assert_true(dns_facts_waiting(messages[1].facts));
	assert_int_equal(ask(&messages[2], "b.example")->status, DNS_FOUND);
	for (size_t i = 0; i < 3; i++)
		close_message(&messages[i]);
	close_world(&world);
}

static void
draws_ids(void **state)
{
	struct world world;
	struct message message;
	char name[20];
	bool are_in_order = true;

	(void)state;
	open_world(&world, zone_text, PATIENT);
	open_message(&message, world.resolver);
	for (unsigned i = 0; i < 16; i++) {
		(void)snprintf(name, sizeof name, "n%u.example", i);
		(void)ask(&message, name);
	}
	assert_false(fetch_wanted(message.fetch));
	run_until_told(&world, &message);
	assert_int_equal(world.server.by_udp, 16);
	for (size_t i = 0; i < 16; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(
			    world.server.ids[i], world.server.ids[j]);
	for (size_t i = 1; i < 16; i++)
		if (world.server.ids[i] < world.server.ids[i - 1])
			are_in_order = false;
	assert_false(are_in_order);
	close_message(&message);
	close_world(&world);
}

/* Of two servers; what the first one cannot say the second one may. */
static void
asks_the_next_server(void **state)
{
	static const struct {
		const char *name;
		const char *asked;
		enum fault faults[2];
		enum dns_status expected;
		bool asks_second;
	} rows[] = {
	    {"good", "a.example", {NONE, NONE}, DNS_FOUND, false},
	    {"no such name", "no.example", {NONE, NONE}, DNS_NXDOMAIN, false},
	    {"no data", "here.example", {NONE, NONE}, DNS_NODATA, false},
	    {"fails", "a.example", {SERVER_FAILS, NONE}, DNS_FOUND, true},
	    {"cannot", "a.example", {NOT_IMPLEMENTED, NONE}, DNS_FOUND, true},
	    {"refuses", "a.example", {REFUSES, NONE}, DNS_FOUND, true},
	    {"refuses a name that is not", "no.example", {REFUSES, NONE},
		DNS_NXDOMAIN, true},
	    {"both", "a.example", {REFUSES, SERVER_FAILS}, DNS_FAILED, true},
	};

	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world world;
		struct server second;
		struct message message;
		char servers[100];
		open_world(&world, zone_text, PATIENT);
		start_server(&second, world.loop, world.zone);
		resolver_free(world.resolver);
		(void)snprintf(servers, sizeof servers, "%s, %s",
		    world.server.address, second.address);
		struct resolver_options options = {
		    .servers = servers, .timeout = PATIENT};
		world.resolver =
		    resolver_new_network(world.loop, &options, NULL);
		assert_non_null(world.resolver);
		world.server.fault = rows[i].faults[0];
		second.fault = rows[i].faults[1];
		open_message(&message, world.resolver);
		(void)ask(&message, rows[i].asked);
		assert_false(fetch_wanted(message.fetch));
		run_until_told(&world, &message);
		enum dns_status status = ask(&message, rows[i].asked)->status;
		if (status != rows[i].expected || world.server.by_udp == 0 ||
		    (second.by_udp > 0) != rows[i].asks_second) {
			print_error("%s: %d, second asked %u times\n",
			    rows[i].name, (int)status, second.by_udp);
			failures++;
		}
		close_message(&message);
		stop_server(&second);
		close_world(&world);
	}
	assert_int_equal(failures, 0);
}

static void
bears_faults(void **state)
{
	static const struct {
		const char *name;
		enum fault fault;
		unsigned timeout;
		enum dns_status expected;
		unsigned by_udp;
		unsigned by_tcp;
	} rows[] = {
	    {"another id first", WRONG_ID, PATIENT, DNS_FOUND, 1, 0},
	    {"another question first", WRONG_QUESTION, PATIENT, DNS_FOUND, 1,
		0},
	    {"truncated", TRUNCATED, PATIENT, DNS_FOUND, 1, 1},
	    {"garbage", GARBAGE, PATIENT, DNS_FAILED, 1, 0},
	    {"one packet lost", SILENT_ONCE, 3000, DNS_FOUND, 2, 0},
	    {"no answer", SILENT, 300, DNS_FAILED, 2, 0},
	    {"a server that does not know EDNS", NO_EDNS, PATIENT, DNS_FOUND, 2,
		0},
	};

	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world world;
		struct message message;
		open_world(&world, zone_text, rows[i].timeout);
		world.server.fault = rows[i].fault;
		open_message(&message, world.resolver);
		(void)ask(&message, "a.example");
		assert_false(fetch_wanted(message.fetch));
		run_until_told(&world, &message);
		/* The server has not read the last packet, perhaps. */
		for (unsigned n = 0; n < 3; n++)
			loop_step(world.loop, 1);
		const struct dns_answer *answer = ask(&message, "a.example");
		if (answer->status != rows[i].expected ||
		    world.server.by_udp != rows[i].by_udp ||
		    world.server.by_tcp != rows[i].by_tcp ||
		    (answer->status == DNS_FOUND &&
			!text_equal(answer->records[0].text, TEXT("one")))) {
			print_error("%s: %d, %u by UDP, %u by TCP\n",
			    rows[i].name, (int)answer->status,
			    world.server.by_udp, world.server.by_tcp);
			failures++;
		}
		close_message(&message);
		close_world(&world);
	}
	assert_int_equal(failures, 0);
}

/* Up to the size in our query UDP does, above it the server cuts. */
static void
takes_large_packets(void **state)
{
	static char text[4096];
	struct world world;
	int len = snprintf(text, sizeof text, "a.example 60 TXT ");

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		len += snprintf(
		    text + len, sizeof text - (size_t)len, "\"%0200u\" ", i);
	open_world(&world, text, PATIENT);
	assert_false(asks_now(&world, "a.example", DNS_FOUND, NULL));
	assert_int_equal(world.server.by_udp, 1);
	assert_int_equal(world.server.by_tcp, 0);
	close_world(&world);
}

/* Nothing listens there. What exactly the kernel says, and when, differs. */
static void
bears_a_refused_port(void **state)
{
	struct world world;
	struct message message;
	char other[100];
	struct resolver_options options = {
	    .servers = other, .timeout = 300, .cache_bytes = 1000};

	(void)state;
	open_world(&world, zone_text, 300);
	resolver_free(world.resolver);
	loop_watch_stop(world.server.watch);
	world.server.watch = NULL;
	(void)close(world.server.udp);
	world.server.udp = -1;
	(void)snprintf(other, sizeof other, "%s", world.server.address);
	world.resolver = resolver_new_network(world.loop, &options, NULL);
	assert_non_null(world.resolver);
	open_message(&message, world.resolver);
	(void)ask(&message, "a.example");
	if (!fetch_wanted(message.fetch))
		run_until_told(&world, &message);
	assert_int_equal(ask(&message, "a.example")->status, DNS_FAILED);
	close_message(&message);
	close_world(&world);
}

static void
answers_for_tools(void **state)
{
	struct world world;
	struct message message;

	(void)state;
	open_world(&world, zone_text, PATIENT);
	open_message(&message, world.resolver);
	(void)ask(&message, "a.example");
	(void)ask(&message, "b.example");
	assert_true(resolver_answer_wanted(
	    world.resolver, message.facts, loop_now(world.loop) + LIMIT));
	assert_int_equal(ask(&message, "b.example")->status, DNS_FOUND);
	assert_true(resolver_answer_wanted(world.resolver, message.facts, 0));
	close_message(&message);

	/* The deadline: closed, and failed for good. */
	world.server.fault = SILENT;
	open_message(&message, world.resolver);
	(void)ask(&message, "c.example");
	assert_false(resolver_answer_wanted(
	    world.resolver, message.facts, loop_now(world.loop) + 1));
	assert_int_equal(ask(&message, "c.example")->status, DNS_FAILED);
	close_message(&message);
	close_world(&world);
}

/* --- several checks --- */

/* Asks FIRST, and then, if it is there, SECOND. */
struct walk {
	struct message message;
	const char *first, *second;
	enum dns_status first_status, second_status;
	bool is_done;
};

static bool
go(void *context)
{
	struct walk *walk = context;

	dns_facts_begin_pass(walk->message.facts, DNS_SHARE_SPF);
	walk->first_status = ask(&walk->message, walk->first)->status;
	walk->second_status = walk->first_status == DNS_FOUND
				  ? ask(&walk->message, walk->second)->status
				  : DNS_UNKNOWN;
	walk->is_done = !dns_facts_missed(walk->message.facts);
	return walk->is_done;
}

static struct resolver_check
begin_walk(struct walk *walk, struct resolver *resolver)
{
	open_message(&walk->message, resolver);
	return (struct resolver_check){
	    .facts = walk->message.facts, .run = go, .context = walk};
}

static bool
is_done(void *context)
{
	return *(bool *)context;
}

/* What would end it is the deadline, or that the last one is done. */
static void
runs_checks_at_once(void **state)
{
	struct world world;
	struct walk walks[] = {
	    {.first = "silent.example", .second = "a.example"},
	    {.first = "a.example", .second = "x.silent.example"},
	    {.first = "a.example", .second = "b.example"},
	};
	struct resolver_check checks[3];

	(void)state;
	open_world(&world, zone_text, PATIENT);
	world.server.silent = TEXT("silent.example");
	for (size_t i = 0; i < 3; i++)
		checks[i] = begin_walk(&walks[i], world.resolver);
	resolver_run_checks(world.resolver, checks, 3,
	    &(struct resolver_patience){
		.deadline = loop_now(world.loop) + PATIENT,
		.should_stop = is_done,
		.context = &walks[2].is_done});
	assert_int_equal(walks[2].first_status, DNS_FOUND);
	assert_int_equal(walks[2].second_status, DNS_FOUND);
	assert_int_equal(walks[1].first_status, DNS_FOUND);
	assert_int_equal(walks[1].second_status, DNS_FAILED);
	assert_int_equal(walks[0].first_status, DNS_FAILED);
	for (size_t i = 0; i < 3; i++) {
		assert_true(walks[i].is_done);
		close_message(&walks[i].message);
	}
	close_world(&world);
}

/* What is at hand needs no time. */
static void
runs_checks_until(void **state)
{
	static bool yes = true;

	static const struct {
		const char *name;
		const char *asked;
		bool (*should_stop)(void *context);
		unsigned seconds;
		enum dns_status expected;
	} rows[] = {
	    {"the deadline", "silent.example", NULL, 0, DNS_FAILED},
	    {"told to stop", "silent.example", is_done, PATIENT, DNS_FAILED},
	    {"it is known", "a.example", NULL, PATIENT, DNS_FOUND},
	    {"it is known already", "a.example", is_done, 0, DNS_FOUND},
	};
	struct world world;
	int failures = 0;

	(void)state;
	open_world(&world, zone_text, PATIENT);
	world.server.silent = TEXT("silent.example");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct walk walk = {
		    .first = rows[i].asked, .second = rows[i].asked};
		struct resolver_check check = begin_walk(&walk, world.resolver);
		resolver_run_checks(world.resolver, &check, 1,
		    &(struct resolver_patience){
			.deadline =
			    resolver_deadline(world.resolver, rows[i].seconds),
			.should_stop = rows[i].should_stop,
			.context = &yes});
		if (!walk.is_done || walk.first_status != rows[i].expected) {
			print_error(
			    "%s: %d\n", rows[i].name, (int)walk.first_status);
			failures++;
		}
		close_message(&walk.message);
	}
	close_world(&world);
	assert_int_equal(failures, 0);
}

/* Freed with questions open: no answer reaches anybody. */
static void
ends_with_open_questions(void **state)
{
	struct world world;
	struct message message;

	(void)state;
	open_world(&world, zone_text, PATIENT);
	world.server.fault = SILENT;
	open_message(&message, world.resolver);
	(void)ask(&message, "a.example");
	assert_false(fetch_wanted(message.fetch));
	loop_step(world.loop, 1);
	close_message(&message);
	close_world(&world);
	assert_int_equal(message.told, 0);
}

/* --- options --- */

static void
reads_servers(void **state)
{
	static const struct {
		const char *servers;
		const char *problem; /* part of it; NULL: good */
	} rows[] = {
	    {"127.0.0.1", NULL},
	    {"127.0.0.1#5353, ::1, [::1]:53", NULL},
	    {"127.0.0.1:5353,[2001:db8::1]#53,[::1]", NULL},
	    {"2001:db8::1#53", NULL},
	    {"", "no name server"},
	    {",", "\"\" is not a name server"},
	    {"127.0.0.1,,::1", "\"\" is not a name server"},
	    {"127.0.0.1, ns.example", "\"ns.example\" is not"},
	    {"127.0.0.1#0", "\"127.0.0.1#0\" is not"},
	    {"127.0.0.1#65536", "\"127.0.0.1#65536\" is not"},
	    {"127.0.0.1#", "\"127.0.0.1#\" is not"},
	    {"127.0.0.1#x", "\"127.0.0.1#x\" is not"},
	    {"127.0.0.1 #53", "is not a name server"},
	    {"[::1", "\"[::1\" is not"},
	    {"[::1]53", "\"[::1]53\" is not"},
	    {"127.0.0.256", "\"127.0.0.256\" is not"},
	};
	struct loop *loop = loop_new(NULL);
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct problem problem = {0};
		struct resolver_options options = {
		    .servers = rows[i].servers, .timeout = 1000};
		struct resolver *resolver =
		    resolver_new_network(loop, &options, &problem);
		if ((resolver != NULL) != (rows[i].problem == NULL) ||
		    resolver_check(rows[i].servers, NULL) !=
			(rows[i].problem == NULL) ||
		    (rows[i].problem != NULL &&
			(problem.kind != PROBLEM_CONFIG ||
			    strstr(problem.text, rows[i].problem) == NULL))) {
			print_error(
			    "\"%s\": %s\n", rows[i].servers, problem.text);
			failures++;
		}
		resolver_free(resolver);
	}
	assert_true(resolver_check(NULL, NULL));
	loop_free(loop);
	assert_int_equal(failures, 0);
}

/* --- the zone --- */

static void
answers_from_a_zone(void **state)
{
	struct problem problem = {0};
	struct loop *loop = loop_new(&problem);
	struct dns_zone *zone =
	    dns_zone_read(text_from_cstr(zone_text), "zone", &problem);
	struct resolver *resolver = resolver_new_zone(loop, zone, &problem);
	struct message message;

	(void)state;
	open_message(&message, resolver);
	assert_false(fetch_wanted(message.fetch));
	assert_int_equal(ask(&message, "alias.example")->status, DNS_UNKNOWN);
	assert_int_equal(ask(&message, "no.example")->status, DNS_UNKNOWN);
	assert_true(fetch_wanted(message.fetch));
	assert_int_equal(ask(&message, "alias.example")->status, DNS_FOUND);
	assert_int_equal(ask(&message, "no.example")->status, DNS_NXDOMAIN);
	assert_false(fetch_wanted(message.fetch));
	(void)ask(&message, "broken.example");
	assert_true(resolver_answer_wanted(resolver, message.facts, 0));
	assert_int_equal(ask(&message, "broken.example")->status, DNS_FAILED);
	/* Nothing calls back. */
	loop_step(loop, 1);
	assert_int_equal(message.told, 0);
	close_message(&message);
	resolver_free(resolver);
	dns_zone_free(zone);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(asks_the_network_once),
	    cmocka_unit_test(shares_open_questions),
	    cmocka_unit_test(draws_ids),
	    cmocka_unit_test(asks_the_next_server),
	    cmocka_unit_test(bears_faults),
	    cmocka_unit_test(takes_large_packets),
	    cmocka_unit_test(bears_a_refused_port),
	    cmocka_unit_test(answers_for_tools),
	    cmocka_unit_test(runs_checks_at_once),
	    cmocka_unit_test(runs_checks_until),
	    cmocka_unit_test(ends_with_open_questions),
	    cmocka_unit_test(reads_servers),
	    cmocka_unit_test(answers_from_a_zone),
	};

	return cmocka_run_group_tests_name("resolver", tests, NULL, NULL);
}
