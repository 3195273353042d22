/* Those who send at the same time, told to stop, or left alone. */
#include "scene.h"

#include "clerk/outbox.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/utsname.h>

/* Told to stop before any of three deliveries of two reports: what was not
 * begun waits, and is done by the next run. */
static void
test_stop(void **state)
{
	/* Asked before each report, and before each delivery. */
	static const struct {
		unsigned stop_at, reports, sent, waiting;
	} rows[] = {
	    {1, 0, 0, 0},
	    {2, 1, 0, 2},
	    {3, 1, 1, 1},
	    {4, 1, 2, 0},
	    {5, 2, 2, 1},
	    {0, 2, 3, 0},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scene *scene = scene_renew(state);
		print_message("# stop at %u\n", rows[i].stop_at);
		set_zone(scene,
		    RECORD(
			"rua=mailto:a@example.com,mailto:b@example.com") "_dmarc.other.example TXT"
									 " \"v=DMARC1; p=none; rua=mailto:a@other.example\"\n");
		add_message(scene, "example.com", DAY_0 + HOUR);
		add_message(scene, "other.example", DAY_0 + HOUR);
		scene->stop_at = rows[i].stop_at;
		run(scene);
		assert_reported(
		    scene, rows[i].reports, rows[i].sent, rows[i].waiting, 0);
		scene->stop_at = 0;
		run(scene);
		assert_int_equal(rows[i].sent + scene->reported.sent, 3);
		assert_int_equal(scene->reported.waiting, 0);
		assert_int_equal(times_heard(scene, "\r\nSubject: "), 3);
	}
}

/* A socket that nobody reads is the name server from now on. */
static int
set_silence(struct scene *scene)
{
	struct sockaddr_in name = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof name;
	char servers[40];
	const struct resolver_options options = {
	    .servers = servers, .timeout = 240 * 1000};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
	(void)snprintf(servers, sizeof servers, "127.0.0.1#%u",
	    (unsigned)ntohs(name.sin_port));
	resolver_free(scene->resolver);
	scene->resolver =
	    resolver_new_network(scene->loop, &options, &scene->problem);
	assert_non_null(scene->resolver);
	return fd;
}

/* Told to stop while DNS says nothing, which it would do for minutes: the
 * report is left as it was, and no try is counted. */
static void
test_stop_in_dns(void **state)
{
	struct scene *scene = *state;
	int fd = set_silence(scene);

	add_message(scene, "example.com", DAY_0 + HOUR);
	scene->stop_at = 2; /* while it waits */
	run(scene);
	assert_true(scene->asked >= 2);
	assert_int_equal(scene->reported.waiting, 0);
	assert_int_equal(build_view(&scene->lines).len, 0);
	(void)close(fd);
	set_zone(scene, OWN);
	scene->stop_at = 0;
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
}

/* A server that serves one connection after the other, as the sink does: who
 * has nothing to do must not keep it from another, whom it would time out. */
static void
test_one_connection(void **state)
{
	enum { DOMAINS = 8, ZONE_MAX = 4096 };
	struct scene *scene = *state;
	struct build zone;

	build_init(&zone, ZONE_MAX);
	for (int which = 'a'; which < 'a' + DOMAINS; which++) {
		const char domain[] = {
		    (char)which, '.', 't', 'e', 's', 't', '\0'};
		build_format(&zone,
		    "_dmarc.%s TXT \"v=DMARC1; p=none; rua=mailto:r@%s\"\n",
		    domain, domain);
		add_message(scene, domain, DAY_0 + HOUR);
	}
	build_byte(&zone, '\0');
	set_zone(scene, zone.ptr);
	build_free(&zone);
	time_t begin = time(NULL);
	run(scene);
	assert_reported(scene, DOMAINS, DOMAINS, 0, 0);
	assert_true(time(NULL) - begin < RELAY_SECONDS);
}

/* d0.example and so on: a message and a policy each. */
static void
add_domains(struct scene *scene, unsigned count)
{
	struct build zone;

	build_init(&zone, 64 * 1024);
	for (unsigned i = 0; i < count; i++) {
		char domain[32];
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		build_format(&zone,
		    "_dmarc.%s TXT \"v=DMARC1; p=none; rua=mailto:a@%s\"\n",
		    domain, domain);
		add_message(scene, domain, DAY_0 + HOUR);
	}
	build_byte(&zone, '\0');
	set_zone(scene, zone.ptr);
	build_free(&zone);
}

/* Hosts of a farm differ at the end of their names. */
static void
test_node(void **state)
{
	char name[CLERK_NODE_BYTES];
	struct utsname system;

	(void)state;
	assert_int_equal(uname(&system), 0);
	assert_true(
	    text_equal(clerk_node(name), text_from_cstr(system.nodename)));
}

/* dmarcd sends each domain's report at a moment of its own. */
static void
test_spread(void **state)
{
	struct scene *scene = *state;
	char domain[32];
	unsigned sent = 0;
	unsigned first_half = 0;

	enum { DOMAINS = 20 };

	add_domains(scene, DOMAINS);
	const struct clerk_report job = {.date = -1, .node = TEXT("mx1")};
	int64_t sealed = DAY_0 + DAY + HOUR;
	for (int64_t past = 0; past <= HOUR; past += 10 * MINUTE) {
		scene->now = sealed + past;
		assert_true(run_job(scene, job));
		sent += (unsigned)scene->reported.sent;
		if (past == HOUR / 2)
			first_half = sent;
	}
	assert_int_equal(sent, DOMAINS);
	assert_in_range(first_half, 3, DOMAINS - 3);
	/* By hand, without waiting. */
	for (unsigned i = 0; i < DOMAINS; i++) {
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		add_message(scene, domain, DAY_0 + DAY + HOUR);
	}
	scene->now = sealed + DAY;
	run(scene);
	assert_int_equal(scene->reported.sent, DOMAINS);
}

/* The database fails under a crew at work: the job ends with its problem, what
 * was noted stays, and the next run sends the rest. */
static void
test_crew_without_database(void **state)
{
	struct scene *scene = *state;

	enum { DOMAINS = 12 };

	add_domains(scene, DOMAINS);
	scene->on_sent = "ALTER TABLE dmarc_delivery RENAME TO away";
	assert_false(run_job(scene, (struct clerk_report){.date = -1}));
	assert_int_not_equal(scene->problem.kind, PROBLEM_NONE);
	uint64_t sent = scene->reported.sent;
	assert_in_range(sent, 1, DOMAINS - 1);
	run_sql(scene, "ALTER TABLE away RENAME TO dmarc_delivery");
	/* Leases of those whose outcome could not be noted. */
	run_sql(scene, "UPDATE dmarc_delivery SET lease_until = 0");
	scene->problem = (struct problem){0};
	run(scene);
	assert_reported(scene, DOMAINS - sent, DOMAINS - sent, 0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_stop, SENDER),
	    SCENARIO(test_stop_in_dns, SENDER "MessageTimeout 240\n"),
	    SCENARIO(test_stop_in_dns,
		CREW "ReportConnections 2\nMessageTimeout 240\n"),
	    cmocka_unit_test(test_node),
	    SCENARIO(test_spread, SENDER "ReportSpread 1h\n"),
	    SCENARIO(test_crew_without_database, CREW "ReportConnections 3\n"),
	    SCENARIO(test_one_connection, CREW "ReportConnections 4\n"),
	};

	return cmocka_run_group_tests_name("clerk crew", tests, NULL, NULL);
}
