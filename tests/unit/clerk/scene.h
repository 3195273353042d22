/* A scene of reporting: a temporary SQLite store, a zone text as DNS, a sink
 * for the mails. Time is an argument of the job. */
#ifndef TESTS_CLERK_SCENE_H
#define TESTS_CLERK_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/date.h"
#include "clerk/clerk.h"
#include "store/db.h"

#include "sink.h"
#include "xmlcheck.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ARENA_MAX = 16 * 1024 * 1024,
	LINES_MAX = 64 * 1024,
	HOUR = 3600,
	MINUTE = 60,
};

#define STALE  "mailto:stale@example.com"
#define DAY_0  ((int64_t)20000 * DAY) /* 2024-10-04 */
#define CREW   "ReportEmail dmarc@receiver.example\nReportOrg Receiver\n"
#define SENDER CREW "ReportConnections 1\n"

struct scene {
	struct arena *arena;
	const char *options;
	char folder[64];
	struct sink *sink;
	struct config *config;
	struct store *store;
	struct loop *loop;
	struct dns_zone *zone;
	struct resolver *resolver;
	int64_t now;
	unsigned batches;
	const char *p;       /* of messages; NULL: reject */
	const char *rua;     /* of messages; "": none; NULL: STALE */
	const char *on_sent; /* SQL, run once when a report was sent */
	struct build lines;  /* of on_report */
	struct clerk_reported reported;
	struct problem problem;
	unsigned asked;   /* whether to stop */
	unsigned stop_at; /* 0: never */
};

static const char *
path_of(struct scene *scene, const char *name)
{
	return arena_cstr(scene->arena,
	    arena_format(scene->arena, "%s/%s", scene->folder, name));
}

static inline struct config *
make_config(struct scene *scene, const char *options)
{
	const char *path = path_of(scene, "dmarcd.conf");
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	(void)fprintf(file, "%sReportTransport smtp://127.0.0.1:%u\n", options,
	    sink_port(scene->sink));
	(void)fclose(file);
	struct config *config = config_load(path, &scene->problem);
	if (config == NULL)
		fail_msg("%s", scene->problem.text);
	return config;
}

static inline void
set_zone(struct scene *scene, const char *text)
{
	if (scene->resolver != NULL)
		resolver_free(scene->resolver);
	if (scene->zone != NULL)
		dns_zone_free(scene->zone);
	scene->resolver = NULL;
	scene->zone =
	    dns_zone_read(text_from_cstr(text), "zone", &scene->problem);
	if (scene->zone == NULL)
		fail_msg("%s", scene->problem.text);
	scene->resolver =
	    resolver_new_zone(scene->loop, scene->zone, &scene->problem);
	assert_non_null(scene->resolver);
}

static inline struct scene *
scene_open(const char *options)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct scene *scene = arena_alloc(arena, sizeof *scene);

	assert_non_null(scene);
	scene->arena = arena;
	scene->options = options;
	(void)snprintf(scene->folder, sizeof scene->folder, "%s",
	    "/tmp/test_report.XXXXXX");
	assert_non_null(mkdtemp(scene->folder));
	scene->sink = sink_open();
	scene->config = make_config(scene, options);
	scene->store =
	    store_open(arena_cstr(arena,
			   arena_format(arena, "sqlite:%s/db", scene->folder)),
		true, &scene->problem);
	if (scene->store == NULL)
		fail_msg("%s", scene->problem.text);
	scene->loop = loop_new(&scene->problem);
	assert_non_null(scene->loop);
	scene->now = DAY_0 + DAY + HOUR + 1;
	build_init(&scene->lines, LINES_MAX);
	return scene;
}

static inline void
scene_close(struct scene *scene)
{
	struct arena *arena = scene->arena;
	DIR *folder = opendir(scene->folder);

	resolver_free(scene->resolver);
	dns_zone_free(scene->zone);
	loop_free(scene->loop);
	store_close(scene->store);
	config_free(scene->config);
	sink_close(scene->sink);
	build_free(&scene->lines);
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		if (entry->d_name[0] != '.')
			(void)unlink(path_of(scene, entry->d_name));
	(void)closedir(folder);
	assert_int_equal(rmdir(scene->folder), 0);
	arena_free(arena);
}

/* Its options are the test's initial state. */
static inline int
set_up(void **state)
{
	*state = scene_open(*state);
	return 0;
}

static inline int
tear_down(void **state)
{
	scene_close(*state);
	return 0;
}

/* For the next row of a table: nothing of the last one is left. */
static inline struct scene *
scene_renew(void **state)
{
	struct scene *scene = *state;
	const char *options = scene->options;

	scene_close(scene);
	*state = scene_open(options);
	return *state;
}

/* A message about DOMAIN from CLIENT, received at TIME, in a batch of its own. */
static inline void
add_message_of(
    struct scene *scene, const char *domain, int64_t time, const char *client)
{
	struct text uri =
	    text_from_cstr(scene->rua != NULL ? scene->rua : STALE);
	struct history_dkim dkim = {
	    TEXT("example.com"), TEXT("s1"), TEXT("fail")};
	struct history_entry entry = {
	    .job = TEXT("4Xy"),
	    .reporter = TEXT("mail.receiver.example"),
	    .received = time,
	    .client = text_from_cstr(client),
	    .from = text_from_cstr(domain),
	    .mail_from = TEXT("bounce.example.net"),
	    .spf = TEXT("pass"),
	    .spf_domain = TEXT("bounce.example.net"),
	    .dkim = {&dkim, 1, 1},
	    .policy_domain = text_from_cstr(domain),
	    .result = TEXT("fail"),
	    .p = text_from_cstr(scene->p != NULL ? scene->p : "reject"),
	    .adkim = TEXT("r"),
	    .aspf = TEXT("r"),
	    .fo = TEXT("0"),
	    .testing = TEXT("n"),
	    .discovery = TEXT("treewalk"),
	    .pct = 100,
	    .rua = {&uri, uri.len > 0, 1},
	    .action = HISTORY_REJECT,
	};
	char claim[32];

	(void)snprintf(claim, sizeof claim, "claim%u", scene->batches++);
	struct store_batch batch = {
	    .claim = text_from_cstr(claim), .last_byte = 100, .now = time};
	if (!store_add_batch(scene->store, &batch, &entry, 1, &scene->problem))
		fail_msg("%s", scene->problem.text);
}

static inline void
add_message(struct scene *scene, const char *domain, int64_t time)
{
	add_message_of(scene, domain, time, "192.0.2.1");
}

static inline void
run_sql(const struct scene *scene, const char *sql)
{
	char name[128];
	struct problem problem = {0};

	(void)snprintf(name, sizeof name, "sqlite:%s/db", scene->folder);
	struct db *db = db_open(name, false, &problem);
	assert_non_null(db);
	if (!db_exec(db, DB_SQL_PLAIN(sql), NULL, &problem))
		fail_msg("%s", problem.text);
	db_close(db);
}

static inline void
note_line(void *context, const struct store_report *report, const char *what)
{
	struct scene *scene = context;

	if (scene->on_sent != NULL && strncmp(what, "sent", 4) == 0) {
		run_sql(scene, scene->on_sent);
		scene->on_sent = NULL;
	}
	build_text(&scene->lines, report->policy.domain);
	build_format(&scene->lines, ": %s\n", what);
}

static inline bool
stop_at(void *context)
{
	struct scene *scene = context;

	return ++scene->asked == scene->stop_at;
}

static inline bool
run_job(struct scene *scene, struct clerk_report job)
{
	static const struct dmarc_options treewalk = {.method = DMARC_TREEWALK};

	scene->asked = 0;
	build_cut(&scene->lines, 0);
	job.config = scene->config;
	job.dmarc = &treewalk;
	job.now = scene->now;
	job.on_report = note_line;
	job.should_stop = stop_at;
	job.context = scene;
	return clerk_report(&job, scene->store,
	    job.dry_run ? NULL : scene->resolver, &scene->reported,
	    &scene->problem);
}

/* The usual job must go well. */
static inline void
run(struct scene *scene)
{
	if (!run_job(scene, (struct clerk_report){.date = -1}))
		fail_msg("%s", scene->problem.text);
}

static inline void
assert_reported(const struct scene *scene, uint64_t reports, uint64_t sent,
    uint64_t waiting, uint64_t failed)
{
	assert_int_equal(scene->reported.reports, reports);
	assert_int_equal(scene->reported.sent, sent);
	assert_int_equal(scene->reported.waiting, waiting);
	assert_int_equal(scene->reported.failed, failed);
}

static inline bool
has_line(const struct scene *scene, const char *line)
{
	struct text lines = build_view(&scene->lines);

	return text_find_part(lines, text_from_cstr(line)) < lines.len;
}

static inline size_t
times_heard(struct scene *scene, const char *part)
{
	struct text rest = sink_heard(scene->sink);
	struct text needle = text_from_cstr(part);
	size_t count = 0;

	for (;; count++) {
		size_t at = text_find_part(rest, needle);
		if (at == rest.len)
			return count;
		rest = text_slice(rest, at + needle.len, rest.len);
	}
}

#define RECORD(rua) "_dmarc.example.com TXT \"v=DMARC1; p=reject; " rua "\"\n"
#define OWN         RECORD("rua=mailto:reports@example.com")

#define SCENARIO(name, options)                                                \
 cmocka_unit_test_prestate_setup_teardown(                                     \
     name, set_up, tear_down, (void *)(options))

#endif
