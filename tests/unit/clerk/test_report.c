/* Reports from stored entries to an SMTP server, end to end: a temporary
 * SQLite store, a zone text as DNS, a sink for the mails. Time is an argument
 * of the job. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/date.h"
#include "clerk/clerk.h"
#include "clerk/outbox.h"
#include "store/db.h"

#include "exact.h"
#include "sink.h"
#include "vectors.h"
#include "xmlcheck.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

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

/* --- the scene --- */

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

static struct config *
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

static void
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

static struct scene *
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

static void
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
static int
set_up(void **state)
{
	*state = scene_open(*state);
	return 0;
}

static int
tear_down(void **state)
{
	scene_close(*state);
	return 0;
}

/* For the next row of a table: nothing of the last one is left. */
static struct scene *
scene_renew(void **state)
{
	struct scene *scene = *state;
	const char *options = scene->options;

	scene_close(scene);
	*state = scene_open(options);
	return *state;
}

/* A message about DOMAIN from CLIENT, received at TIME, in a batch of its own. */
static void
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

static void
add_message(struct scene *scene, const char *domain, int64_t time)
{
	add_message_of(scene, domain, time, "192.0.2.1");
}

/* The NUMBERth of many that are not alike. */
static void
add_message_from(struct scene *scene, unsigned number)
{
	char client[32];

	(void)snprintf(
	    client, sizeof client, "192.0.%u.%u", number / 256, number % 256);
	add_message_of(scene, "example.com", DAY_0 + HOUR, client);
}

static void
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

static void
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

static bool
stop_at(void *context)
{
	struct scene *scene = context;

	return ++scene->asked == scene->stop_at;
}

static bool
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
static void
run(struct scene *scene)
{
	if (!run_job(scene, (struct clerk_report){.date = -1}))
		fail_msg("%s", scene->problem.text);
}

static void
assert_reported(const struct scene *scene, uint64_t reports, uint64_t sent,
    uint64_t waiting, uint64_t failed)
{
	assert_int_equal(scene->reported.reports, reports);
	assert_int_equal(scene->reported.sent, sent);
	assert_int_equal(scene->reported.waiting, waiting);
	assert_int_equal(scene->reported.failed, failed);
}

static bool
has_line(const struct scene *scene, const char *line)
{
	struct text lines = build_view(&scene->lines);

	return text_find_part(lines, text_from_cstr(line)) < lines.len;
}

static size_t
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

/* --- outcomes of one report --- */

#define RECORD(rua) "_dmarc.example.com TXT \"v=DMARC1; p=reject; " rua "\"\n"
#define OWN         RECORD("rua=mailto:reports@example.com")

static const struct {
	const char *name;
	const char *zone;
	enum sink_stage stage;
	unsigned sent, waiting, failed;
	const char *reply;
	const char *lines;
} outcome_rows[] = {
    {"sent to who is named today", OWN, SINK_HELLO, 1, 0, 0, NULL,
	"example.com: sent to reports@example.com: 250 2.0.0 queued as 42\n"},
    {"refused", OWN, SINK_RCPT, 0, 0, 1, "550 5.1.1 nobody\r\n",
	"example.com: refused by reports@example.com: 550 5.1.1 nobody\n"},
    {"later", OWN, SINK_END, 0, 1, 0, "451 4.3.0 busy\r\n",
	"example.com: later to reports@example.com: 451 4.3.0 busy\n"},
    {"no rua", RECORD(""), SINK_HELLO, 0, 0, 0, NULL,
	"example.com: not sent: no rua\n"},
    {"record gone", "", SINK_HELLO, 0, 0, 0, NULL,
	"example.com: not sent: no DMARC record any more\n"},
    {"record above only",
	"_dmarc.com TXT \"v=DMARC1; p=none; rua=mailto:a@com.com\"\n",
	SINK_HELLO, 0, 0, 0, NULL,
	"example.com: not sent: no DMARC record any more\n"},
    {"acts as p=none",
	"_dmarc.example.com TXT \"v=DMARC1; p=x; rua=mailto:a@example.com\"\n",
	SINK_HELLO, 1, 0, 0, NULL,
	"example.com: sent to a@example.com: 250 2.0.0 queued as 42\n"},
    {"hostile URIs",
	RECORD("rua=https://a.example,mailto:a%0D%0ADATA@b.example"),
	SINK_HELLO, 0, 0, 0, NULL,
	"example.com: not sent to https://a.example: not a mailto: URI\n"
	"example.com: not sent to mailto:a%0D%0ADATA@b.example: a space, a "
	"control or a byte above 126\n"
	"example.com: not sent: no rua that can be used\n"},
    {"no URI in it", RECORD("rua=a@example.com, ,mailto:a^b@example.com"),
	SINK_HELLO, 0, 0, 0, NULL,
	"example.com: not sent to a@example.com: no URI\n"
	"example.com: not sent to mailto:a^b@example.com: no URI\n"
	"example.com: not sent: no rua that can be used\n"},
    {"a list of nothing", RECORD("rua=, ,"), SINK_HELLO, 0, 0, 0, NULL,
	"example.com: not sent: no rua\n"},
    {"our own address",
	RECORD(
	    "rua=mailto:DMARC@receiver.example") "example.com._report._dmarc.receiver.example TXT \"v=DMARC1\"\n",
	SINK_HELLO, 0, 0, 0, NULL,
	"example.com: not sent to DMARC@receiver.example: our own"
	" ReportEmail\n"},
    {"our own mailbox",
	RECORD(
	    "rua=mailto:Dmarc+agg@Receiver.example") "example.com._report._dmarc.receiver.example TXT \"v=DMARC1\"\n",
	SINK_HELLO, 0, 0, 0, NULL,
	"example.com: not sent to Dmarc+agg@receiver.example: our own"
	" ReportEmail\n"},
    {"a size, which only RFC 7489 knows",
	RECORD("rua=mailto:a@example.com!100"), SINK_HELLO, 1, 0, 0, NULL,
	"example.com: sent to a@example.com: 250 2.0.0 queued as 42\n"},
    {"no consent", RECORD("rua=mailto:a@victim.example"), SINK_HELLO, 0, 0, 0,
	NULL,
	"example.com: not sent to a@victim.example: its host has no v=DMARC1"
	" record for this domain\n"},
    {"consent and override",
	RECORD(
	    "rua=mailto:a@reader.example") "example.com._report._dmarc.reader.example TXT \"v=DMARC1;"
					   " rua=mailto:new@reader.example\"\n",
	SINK_HELLO, 1, 0, 0, NULL,
	"example.com: sent to new@reader.example: 250 2.0.0 queued as 42\n"},
    {"twice the same",
	RECORD("rua=mailto:a@example.com,mailto:a@Example.com!1m"), SINK_HELLO,
	1, 0, 0, NULL,
	"example.com: sent to a@example.com: 250 2.0.0 queued as 42\n"},
    {"twice the same but for case",
	RECORD("rua=mailto:a@example.com,mailto:A@example.com"), SINK_HELLO, 1,
	0, 0, NULL,
	"example.com: sent to a@example.com: 250 2.0.0 queued as 42\n"},
    {"a tag of its own",
	RECORD("rua=mailto:a@example.com,mailto:a+b@example.com"), SINK_HELLO,
	2, 0, 0, NULL,
	"example.com: sent to a@example.com: 250 2.0.0 queued as 42\n"
	"example.com: sent to a+b@example.com: 250 2.0.0 queued as 42\n"},
    {"DNS fails", "_dmarc.example.com TIMEOUT TXT\n", SINK_HELLO, 0, 1, 0, NULL,
	"example.com: later: DNS does not say where to\n"},
    {"DNS fails for consent",
	RECORD(
	    "rua=mailto:a@slow.example") "example.com._report._dmarc.slow.example TIMEOUT TXT\n",
	SINK_HELLO, 0, 1, 0, NULL,
	"example.com: later to a@slow.example: DNS failed for its host's"
	" consent\n"},
};

static bool
run_outcome(struct scene *scene, size_t row)
{
	const char *name = outcome_rows[row].name;
	struct text lines = text_from_cstr(outcome_rows[row].lines);

	add_message(scene, "example.com", DAY_0 + HOUR);
	set_zone(scene, outcome_rows[row].zone);
	sink_reply(
	    scene->sink, outcome_rows[row].stage, outcome_rows[row].reply);
	run(scene);
	bool passed = text_equal(build_view(&scene->lines), lines) &&
		      scene->reported.reports == 1 &&
		      scene->reported.sent == outcome_rows[row].sent &&
		      scene->reported.waiting == outcome_rows[row].waiting &&
		      scene->reported.failed == outcome_rows[row].failed;
	if (!passed)
		print_error(
		    "%s: " TEXT_FMT, name, TEXT_ARG(build_view(&scene->lines)));
	/* What is final stays so; what waits does until its time. */
	run(scene);
	if (scene->reported.reports != 0 || scene->lines.len != 0 ||
	    scene->reported.waiting != outcome_rows[row].waiting) {
		print_error("%s: looked at again\n", name);
		passed = false;
	}
	return passed;
}

static void
test_outcomes(void **state)
{
	size_t failures = 0;

	for (size_t row = 0; row < sizeof outcome_rows / sizeof *outcome_rows;
	     row++)
		failures += !run_outcome(scene_renew(state), row);
	assert_int_equal(failures, 0);
}

/* --- the mail --- */

/* The report inside the mail number N, unpacked. */
static struct text
unpack(struct scene *scene, size_t n)
{
	struct text rest = sink_heard(scene->sink);
	struct text end = TEXT("\r\n--=_");
	struct text gzip;
	z_stream stream = {0};

	for (size_t i = 0; i <= n; i++) {
		struct text mark = TEXT("filename=");
		rest = text_slice(
		    rest, text_find_part(rest, mark) + mark.len, rest.len);
	}
	rest =
	    text_slice(rest, text_find_part(rest, TEXT("\r\n\r\n")), rest.len);
	rest = text_slice(rest, 0, text_find_part(rest, end));
	assert_true(base64_read(scene->arena, rest, &gzip));
	char *bytes = arena_alloc(scene->arena, gzip.len);
	char *room = arena_alloc(scene->arena, LINES_MAX);
	assert_non_null(room);
	memcpy(bytes, gzip.ptr, gzip.len);
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	stream.next_in = (Bytef *)bytes;
	stream.avail_in = (uInt)gzip.len;
	stream.next_out = (Bytef *)room;
	stream.avail_out = LINES_MAX;
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	(void)inflateEnd(&stream);
	struct text xml = {room, stream.total_out};
	assert_int_not_equal(xml_check("attachment", xml), XML_INVALID);
	return xml;
}

static struct text
find_xml(struct scene *scene)
{
	DIR *folder = opendir(scene->folder);
	struct text xml = {"", 0};

	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		if (text_ends_nocase(
			text_from_cstr(entry->d_name), TEXT(".xml")))
			xml = vectors_read(
			    scene->arena, path_of(scene, entry->d_name));
	(void)closedir(folder);
	assert_int_not_equal(xml_check("file", xml), XML_INVALID);
	return xml;
}

/* The mail holds the report; looking at it afterwards shows the same. */
static void
test_mail(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	add_message(scene, "example.com", DAY_0 + 5 * HOUR);
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
	assert_true(sink_has_heard(scene->sink, "MAIL FROM:<> SIZE="));
	assert_true(sink_has_heard(scene->sink,
	    "\r\nSubject: Report Domain: example.com"
	    " Submitter: receiver.example Report-ID:\r\n <"));
	struct text xml = unpack(scene, 0);
	assert_true(text_find_part(xml, TEXT("<count>2</count>")) < xml.len);
	assert_true(text_find_part(xml, TEXT("<org_name>Receiver</org_name>")) <
		    xml.len);
	assert_true(
	    run_job(scene, (struct clerk_report){.date = DAY_0 + 7 * HOUR,
			       .dry_run = true,
			       .output = scene->folder}));
	assert_true(has_line(
	    scene, "example.com: to reports@example.com: accepted 250 2.0.0"));
	assert_true(text_equal(find_xml(scene), xml));
}

/* What RFC 7489's URIs ask for (6.2) is heeded with its reports alone. */
static void
test_size(void **state)
{
	struct scene *scene = *state;
	bool is_heeded = scene->config->report_format == REPORT_RFC7489;

	set_zone(scene, RECORD("rua=mailto:small@example.com!77,"
			       "mailto:large@example.com!1m"));
	add_message(scene, "example.com", DAY_0 + HOUR);
	run(scene);
	assert_reported(scene, 1, is_heeded ? 1 : 2, 0, is_heeded ? 1 : 0);
	assert_true(has_line(scene, "its record takes 77 bytes") == is_heeded);
	struct text xml = unpack(scene, 0);
	assert_true(
	    (text_find_part(xml, TEXT("<pct>")) < xml.len) == is_heeded);
}

/* --- again and again --- */

static void
test_retry(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_END, "451 4.3.0 busy\r\n");
	run(scene);
	assert_reported(scene, 1, 0, 1, 0);
	scene->now += 15 * MINUTE - 1;
	run(scene);
	assert_reported(scene, 0, 0, 1, 0);
	scene->now += 1;
	sink_reply(scene->sink, SINK_END, NULL);
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
	/* The same mail, byte for byte. */
	struct text heard = sink_heard(scene->sink);
	struct text data = TEXT("DATA\r\n");
	struct text end = TEXT("\r\n.\r\n");
	size_t first = text_find_part(heard, data);
	size_t first_end = text_find_part(heard, end);
	struct text rest = text_slice(heard, first_end + end.len, heard.len);
	size_t second = text_find_part(rest, data);
	assert_true(second < rest.len);
	assert_true(text_equal(text_slice(heard, first, first_end),
	    text_slice(rest, second, text_find_part(rest, end))));
}

static void
test_given_up(void **state)
{
	struct scene *scene = *state;
	int64_t begin = scene->now;

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_RCPT, "450 4.2.0 full\r\n");
	for (unsigned try = 1; try < OUTBOX_TRIES_MAX; try++) {
		run(scene);
		assert_reported(scene, 1, 0, 1, 0);
		scene->now += outbox_retry_after(try);
	}
	assert_in_range(scene->now - begin, 3 * DAY, 3 * DAY + 12 * HOUR);
	run(scene);
	assert_reported(scene, 1, 0, 0, 1);
	assert_true(has_line(scene,
	    "refused by reports@example.com: given up after 23 tries: 450"));
	scene->now += 30 * DAY;
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
}

/* The record changes while a delivery waits. */
static void
test_withdrawn(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, RECORD("rua=mailto:old@example.com"));
	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_RCPT, "450 4.2.0 full\r\n");
	run(scene);
	assert_reported(scene, 1, 0, 1, 0);
	set_zone(scene, RECORD("rua=mailto:new@example.com"));
	sink_reply(scene->sink, SINK_RCPT, NULL);
	scene->now += HOUR;
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
	assert_true(has_line(scene, "sent to new@example.com"));
	assert_true(has_line(
	    scene, "not sent to old@example.com: not in the record any more"));
	scene->now += DAY;
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
}

/* The record spells it otherwise while the other waits: it had its mail. */
static void
test_respelt(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, RECORD("rua=mailto:a@example.com"));
	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_RCPT, "450 4.2.0 full\r\n");
	run(scene);
	assert_reported(scene, 1, 0, 1, 0);
	set_zone(
	    scene, RECORD("rua=mailto:A@example.com,mailto:b@example.com"));
	scene->now += HOUR;
	run(scene);
	assert_reported(scene, 1, 0, 2, 0);
	assert_true(has_line(scene, "later to a@example.com"));
	sink_reply(scene->sink, SINK_RCPT, NULL);
	scene->now += HOUR;
	run(scene);
	assert_reported(scene, 1, 2, 0, 0);
	assert_true(has_line(scene, "sent to a@example.com"));
	scene->now += DAY;
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
}

static void
test_dns_recovers(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, "_dmarc.example.com SERVFAIL TXT\n");
	add_message(scene, "example.com", DAY_0 + HOUR);
	run(scene);
	assert_reported(scene, 1, 0, 1, 0);
	set_zone(scene, OWN);
	scene->now += HOUR;
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
	assert_false(has_line(scene, "not sent"));
	scene->now += DAY;
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
}

/* DNS fails for good while some wait: each of them is tried as often as any, at
 * its times, and given up. */
static void
test_dns_never_recovers(void **state)
{
	struct scene *scene = *state;

	set_zone(
	    scene, RECORD("rua=mailto:a@example.com,mailto:b@example.com"));
	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_RCPT, "450 4.2.0 full\r\n");
	run(scene);
	assert_reported(scene, 1, 0, 2, 0);
	set_zone(scene, "_dmarc.example.com SERVFAIL TXT\n");
	for (unsigned try = 2; try < OUTBOX_TRIES_MAX; try++) {
		run(scene); /* too early */
		assert_reported(scene, 0, 0, 2, 0);
		scene->now += outbox_retry_after(try - 1);
		run(scene);
		assert_reported(scene, 1, 0, 2, 0);
		assert_true(has_line(
		    scene, "later to b@example.com: DNS does not say"));
	}
	scene->now += DAY;
	run(scene);
	assert_reported(scene, 1, 0, 0, 2);
	scene->now += DAY;
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
}

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

/* Composing it again would not make it smaller. */
static void
test_too_large(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	assert_true(
	    run_job(scene, (struct clerk_report){.date = -1, .xml_max = 1000}));
	assert_reported(scene, 1, 0, 0, 1);
	assert_true(has_line(
	    scene, "refused by reports@example.com: the report is too large"));
	assert_int_equal(sink_heard(scene->sink).len, 0);
	scene->now += DAY;
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
}

/* Fifty URIs of one host, whose consent is as long as an answer may be, are at
 * the cost of no report but theirs. */
static void
test_hostile_consent(void **state)
{
	enum { URIS = 50, ZONE_MAX = 256 * 1024, CONSENTS = 90, FILL = 50 };
	struct scene *scene = *state;
	struct build zone;

	build_init(&zone, ZONE_MAX);
	build_cstr(&zone, "_dmarc.a.example TXT \"v=DMARC1; p=none; rua=");
	for (unsigned i = 0; i < URIS; i++)
		build_format(&zone, "%smailto:r%u@h.example%s",
		    i == 0 ? "" : ",", i, i % 8 == 7 ? "\" \"" : "");
	build_cstr(&zone, "\"\n_dmarc.b.example TXT \"v=DMARC1; p=none;"
			  " rua=mailto:r@b.example\"\n");
	for (unsigned n = 0; n < CONSENTS; n++) {
		build_format(&zone,
		    "a.example._report._dmarc.h.example TXT"
		    " \"v=DMARC1; x=%u; rua=mailto:x\"",
		    n);
		for (unsigned i = 0; i < FILL; i++)
			build_cstr(&zone, " \",mailto:a@b\"");
		build_cstr(&zone, "\n");
	}
	build_byte(&zone, '\0');
	assert_false(build_failed(&zone));
	set_zone(scene, zone.ptr);
	build_free(&zone);
	add_message(scene, "a.example", DAY_0 + HOUR);
	add_message(scene, "b.example", DAY_0 + HOUR);
	run(scene);
	assert_int_equal(scene->reported.reports, 2);
	assert_true(has_line(scene, "b.example: sent to r@b.example"));
	assert_true(has_line(scene, "a.example: not sent to r9@h.example"));
	assert_false(has_line(scene, "r10@h.example"));
}

/* What was asked counts, not what is listed: here all override to one. */
static void
test_checks_are_counted(void **state)
{
	struct scene *scene = *state;

	set_zone(scene,
	    RECORD(
		"rua=mailto:a@h.example,mailto:b@h.example,"
		"mailto:c@h.example,mailto:d@h.example,mailto:e@h.example\""
		" \",mailto:f@h.example,mailto:g@h.example,"
		"mailto:h@h.example,mailto:i@h.example\""
		" \",mailto:a@h.example,mailto:j@h.example,"
		"mailto:late@example.com") "example.com._report._dmarc.h.example TXT"
					   " \"v=DMARC1; rua=mailto:one@h.example\"\n");
	add_message(scene, "example.com", DAY_0 + HOUR);
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
	assert_true(has_line(scene, "sent to one@h.example"));
}

/* Each destination has its own fate. */
static void
test_two_destinations(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, RECORD("rua=mailto:a@example.com,mailto:b@example.com,"
			       "mailto:c@elsewhere.example"));
	add_message(scene, "example.com", DAY_0 + HOUR);
	run(scene);
	assert_reported(scene, 1, 2, 0, 0);
	assert_int_equal(times_heard(scene, "\r\nSubject: "), 2);
	assert_true(has_line(scene, "not sent to c@elsewhere.example"));
}

/* Rows that come after sealing are a report of their own. */
static void
test_supplement(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
	add_message(scene, "example.com", DAY_0 + 2 * HOUR);
	scene->now += HOUR;
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
	struct text first = unpack(scene, 0);
	struct text second = unpack(scene, 1);
	assert_false(text_equal(first, second));
	assert_true(
	    text_find_part(second, TEXT("<count>1</count>")) < second.len);
}

static void
test_unfinished(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	scene->now = DAY_0 + DAY + HOUR - 1; /* within ReportDelay */
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
	scene->now += 1;
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
}

static void
test_one_domain(void **state)
{
	struct scene *scene = *state;

	set_zone(scene,
	    OWN "_dmarc.other.example TXT"
		" \"v=DMARC1; p=none; rua=mailto:a@other.example\"\n");
	add_message(scene, "example.com", DAY_0 + HOUR);
	add_message(scene, "other.example", DAY_0 + HOUR);
	assert_true(run_job(scene, (struct clerk_report){.date = -1,
				       .domain = TEXT("other.example")}));
	assert_reported(scene, 1, 1, 0, 0);
	assert_true(has_line(scene, "other.example: sent to a@other.example"));
	assert_true(
	    run_job(scene, (struct clerk_report){.date = DAY_0 + 5 * DAY}));
	assert_reported(scene, 0, 0, 0, 0);
	assert_true(run_job(scene, (struct clerk_report){.date = DAY_0}));
	assert_reported(scene, 1, 1, 0, 0);
}

/* --- the operator's word --- */

#define ELEVEN                                                                 \
 "mailto:a@x.example,mailto:b@x.example,mailto:c@x.example,"                   \
 "mailto:d@x.example,mailto:e@x.example,mailto:f@x.example,"                   \
 "mailto:g@x.example,mailto:h@x.example,mailto:i@x.example,"                   \
 "mailto:j@x.example,mailto:k@x.example"

static const struct {
	const char *name;
	const char *suppressed; /* or NULL */
	const char *rua;        /* redirected there, or NULL */
	unsigned sent;
	const char *line;
} word_rows[] = {
    {"nothing said", NULL, NULL, 1, "sent to reports@example.com: 250"},
    {"suppressed", "REPORTS@example.com", NULL, 0,
	"not sent to reports@example.com: suppressed by dmarc report suppress"},
    {"the domain suppressed", "example.com", NULL, 0,
	"not sent to reports@example.com: suppressed by dmarc report suppress"},
    {"the mailbox suppressed, with a tag", "a@x.example",
	"mailto:a+dmarc@x.example", 0,
	"not sent to a+dmarc@x.example: suppressed by dmarc report suppress"},
    {"a tag suppressed", "a+b@x.example", "mailto:A@x.example", 1,
	"sent to A@x.example: 250"},
    {"another domain", "@com", NULL, 1, "sent to reports@example.com: 250"},
    {"redirected, unasked", NULL, "mailto:a@x.example", 1,
	"sent to a@x.example: 250"},
    {"redirected, suppressed", "a@x.example", "mailto:a@x.example", 0,
	"not sent to a@x.example: suppressed by dmarc report suppress"},
    {"twice the same", NULL, " mailto:a@x.example ,mailto:a@x.example", 1,
	"sent to a@x.example: 250"},
    {"twice the same but for case", NULL,
	"mailto:A@x.example,mailto:a@x.example", 1, "sent to A@x.example: 250"},
    {"to nobody", NULL, "", 0, "not sent: redirected to nobody"},
    {"to what is none", NULL, "https://x.example,,mailto:a@", 0,
	"not sent: redirected to nobody"},
    {"no more than ten", NULL, ELEVEN, 10, "sent to j@x.example: 250"},
    {"to ourselves", NULL, "mailto:dmarc@receiver.example", 0,
	"not sent to dmarc@receiver.example: our own ReportEmail"},
    {"to where our bounces go", NULL, "mailto:bounces+x@receiver.example", 0,
	"not sent to bounces+x@receiver.example: our own ReportEnvelopeFrom"},
};

static void
try_word(size_t i)
{
	struct scene *scene =
	    scene_open(SENDER "ReportEnvelopeFrom bounces@receiver.example\n");
	const struct store_suppression suppression = {
	    .who = text_from_cstr(
		word_rows[i].suppressed == NULL ? "" : word_rows[i].suppressed),
	    .words = TEXT("they asked")};
	const struct store_redirection redirection = {
	    .domain = TEXT("example.com"),
	    .rua = text_from_cstr(
		word_rows[i].rua == NULL ? "" : word_rows[i].rua)};

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	if (word_rows[i].suppressed != NULL)
		assert_true(store_suppress(
		    scene->store, &suppression, &scene->problem));
	if (word_rows[i].rua != NULL)
		assert_true(store_redirect(
		    scene->store, &redirection, &scene->problem));
	run(scene);
	if (!has_line(scene, word_rows[i].line))
		fail_msg("%s: %.*s", word_rows[i].name, (int)scene->lines.len,
		    scene->lines.ptr);
	assert_reported(scene, 1, word_rows[i].sent, 0, 0);
	scene_close(scene);
}

static void
test_operators_word(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof word_rows / sizeof *word_rows; i++)
		try_word(i);
}

/* --- looking only --- */

static void
test_dry_run(void **state)
{
	struct scene *scene = *state;
	struct clerk_report look = {
	    .date = DAY_0, .dry_run = true, .output = scene->folder};

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	scene->now = DAY_0 + 2 * HOUR; /* today so far */
	assert_true(run_job(scene, look));
	assert_reported(scene, 1, 0, 0, 0);
	assert_true(has_line(
	    scene, "example.com: would be sent to mailto:stale@example.com\n"));
	struct text xml = find_xml(scene);
	assert_true(
	    text_find_part(
		xml, TEXT("<header_from>example.com</header_from>")) < xml.len);
	/* Not finished, so a real run would not touch it. */
	look.date = -1;
	assert_true(run_job(scene, look));
	assert_reported(scene, 0, 0, 0, 0);
	scene->now = DAY_0 + DAY + HOUR + 1;
	assert_true(run_job(scene, look));
	assert_reported(scene, 1, 0, 0, 0);
	/* Nothing was written, sent, or asked. */
	assert_int_equal(sink_heard(scene->sink).len, 0);
	run(scene);
	assert_reported(scene, 1, 1, 0, 0);
	/* Sent, but finished, so there is a file of it. */
	assert_true(run_job(scene, look));
	assert_reported(scene, 1, 0, 0, 0);
	look.output = NULL;
	assert_true(run_job(scene, look));
	assert_reported(scene, 0, 0, 0, 0);
}

/* As many destinations as a real run would find. */
static void
test_dry_run_targets(void **state)
{
	static const struct {
		const char *published;
		const char *rua; /* redirected, or NULL */
		const char *lines;
	} rows[] = {
	    {NULL, NULL, "would be sent to " STALE "\n"},
	    {"", NULL, "not sent: no rua\n"},
	    {"mailto:a^b@x.example", NULL,
		"example.com: not sent to mailto:a^b@x.example: no URI\n"
		"example.com: not sent: no rua that can be used\n"},
	    {"https://x.example", NULL,
		"example.com: not sent to https://x.example: not a mailto: URI\n"
		"example.com: not sent: no rua that can be used\n"},
	    {NULL, "mailto:A@x.example,mailto:a@x.example,mailto:a+b@x.example",
		"example.com: would be sent to mailto:A@x.example\n"
		"example.com: would be sent to mailto:a+b@x.example\n"},
	    {NULL, ELEVEN, "j@x.example\n"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scene *scene = scene_renew(state);
		size_t len = strlen(rows[i].lines);
		if (rows[i].rua != NULL)
			assert_true(store_redirect(scene->store,
			    &(struct store_redirection){
				.domain = TEXT("example.com"),
				.rua = text_from_cstr(rows[i].rua)},
			    &scene->problem));
		scene->rua = rows[i].published;
		add_message(scene, "example.com", DAY_0 + HOUR);
		assert_true(run_job(scene,
		    (struct clerk_report){.date = DAY_0, .dry_run = true}));
		struct text said = build_view(&scene->lines);
		assert_true(
		    text_equal(text_slice(said, said.len - len, said.len),
			text_from_cstr(rows[i].lines)));
		assert_int_equal(
		    text_find_part(said, TEXT("k@x.example")), said.len);
	}
}

/* A day of short periods: all of them, and no other day's. */
static void
test_day_of_hours(void **state)
{
	struct scene *scene = *state;
	struct clerk_report look = {.date = DAY_0 + 7 * HOUR, .dry_run = true};

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 - 1);
	add_message(scene, "example.com", DAY_0);
	add_message(scene, "example.com", DAY_0 + 5 * HOUR);
	add_message(scene, "example.com", DAY_0 + DAY - 1);
	add_message(scene, "example.com", DAY_0 + DAY);
	assert_true(run_job(scene, look));
	assert_reported(scene, 3, 0, 0, 0);
	run(scene);
	assert_true(run_job(scene, look));
	assert_reported(scene, 3, 0, 0, 0);
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

/* Whoever names other destinations each time reaches a limit. */
static void
test_rotating_rua(void **state)
{
	enum { ZONE_MAX = 4096, DAYS = 6 };
	struct scene *scene = *state;

	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_RCPT, "450 4.2.0 full\r\n");
	for (unsigned day = 0; day < DAYS; day++) {
		struct build zone;
		build_init(&zone, ZONE_MAX);
		build_cstr(&zone, "_dmarc.example.com TXT \"v=DMARC1; rua=\"");
		for (unsigned i = 0; i < OUTBOX_DESTINATIONS_MAX; i++)
			build_format(&zone, " \"%smailto:r%u-%u@example.com\"",
			    i > 0 ? "," : "", day, i);
		build_cstr(&zone, "\n");
		build_byte(&zone, '\0');
		set_zone(scene, zone.ptr);
		build_free(&zone);
		run(scene);
		scene->now += DAY;
	}
	assert_int_equal(times_heard(scene, "RCPT TO:"), OUTBOX_DELIVERIES_MAX);
	assert_int_equal(scene->reported.waiting, 0);
}

static void
test_output_is_no_folder(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	assert_false(run_job(scene, (struct clerk_report){.date = DAY_0,
					.dry_run = true,
					.output = "/nonexistent/folder"}));
	assert_int_equal(scene->problem.kind, PROBLEM_CANNOT_WRITE);
}

static void
test_no_report_email(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	assert_true(run_job(
	    scene, (struct clerk_report){.date = DAY_0, .dry_run = true}));
	assert_true(has_line(scene,
	    "would be sent to mailto:stale@example.com, if ReportEmail were"));
	assert_false(run_job(scene, (struct clerk_report){.date = -1}));
	assert_int_equal(scene->problem.kind, PROBLEM_CONFIG);
	assert_non_null(strstr(scene->problem.text, "ReportEmail"));
	assert_int_equal(sink_heard(scene->sink).len, 0);
}

static void
test_bad_report_email(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, OWN);
	assert_false(run_job(scene, (struct clerk_report){.date = -1}));
	assert_int_equal(scene->problem.kind, PROBLEM_CONFIG);
}

static void
test_check_sender(void **state)
{
	static const struct {
		const char *email, *envelope;
		const char *says; /* NULL: good */
	} rows[] = {
	    {"", "<>", NULL},
	    {"dmarc@receiver.example", "<>", NULL},
	    {"dmarc@localhost", "<>", "ReportEmail"},
	    {"dmarc", "<>", "ReportEmail"},
	    {"@receiver.example", "<>", "ReportEmail"},
	    {"a@receiver.example,b@receiver.example", "<>", "ReportEmail"},
	    {"a b@receiver.example", "<>", "ReportEmail"},
	    {"a@receiver.example>\r\nBcc: x@y.example", "<>", "ReportEmail"},
	    {"dmarc@receiver.example", "bounces@receiver.example", NULL},
	    {"dmarc@receiver.example", "bounces", "ReportEnvelopeFrom"},
	    {"dmarc@receiver.example", "<bounces@receiver.example>",
		"ReportEnvelopeFrom"},
	    {"dmarc@receiver.example", "a@receiver.example>\r\nDATA",
		"ReportEnvelopeFrom"},
	};
	struct problem problem = {0};
	struct config *config = config_load(NULL, &problem);

	(void)state;
	assert_non_null(config);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		problem = (struct problem){0};
		config->report_email = exact(text_from_cstr(rows[i].email));
		config->report_envelope_from = text_from_cstr(rows[i].envelope);
		bool is_good = clerk_check_sender(config, &problem);
		exact_free(config->report_email);
		if (is_good != (rows[i].says == NULL) ||
		    (!is_good &&
			(problem.kind != PROBLEM_CONFIG ||
			    strstr(problem.text, rows[i].says) == NULL)))
			fail_msg("row %zu: %s", i, problem.text);
	}
	config_free(config);
}

static void
test_backoff(void **state)
{
	static const int64_t minutes[] = {15, 30, 60, 120, 240, 240, 240};

	(void)state;
	for (unsigned i = 0; i < sizeof minutes / sizeof *minutes; i++)
		assert_int_equal(
		    outbox_retry_after(i + 1), minutes[i] * MINUTE);
	assert_int_equal(outbox_retry_after(0), 15 * MINUTE);
	int64_t whole = 0;
	for (unsigned try = 1; try < OUTBOX_TRIES_MAX; try++)
		whole += outbox_retry_after(try);
	assert_in_range(whole, 3 * DAY, 4 * DAY);
	assert_int_equal(outbox_retry_after(UINT32_MAX), 240 * MINUTE);
}

struct listed {
	uint64_t bytes_max;
	uint64_t reports, rows, messages;
};

static bool
add_listed(void *context, const struct store_listed *one)
{
	struct listed *listed = context;

	assert_true(one->is_sealed);
	assert_in_range(one->mail.xml_bytes, 1, listed->bytes_max);
	assert_in_range(one->mail.mail_bytes, 1, one->mail.xml_bytes);
	listed->reports++;
	listed->rows += one->rows;
	listed->messages += one->messages;
	return true;
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
	struct build zone;
	build_init(&zone, 64 * 1024);
	for (unsigned i = 0; i < DOMAINS; i++) {
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		build_format(&zone,
		    "_dmarc.%s TXT \"v=DMARC1; p=none; rua=mailto:a@%s\"\n",
		    domain, domain);
		add_message(scene, domain, DAY_0 + HOUR);
	}
	build_byte(&zone, '\0');
	set_zone(scene, zone.ptr);
	build_free(&zone);
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
	char domain[32];
	struct build zone;

	enum { DOMAINS = 12 };

	build_init(&zone, 64 * 1024);
	for (unsigned i = 0; i < DOMAINS; i++) {
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		build_format(&zone,
		    "_dmarc.%s TXT \"v=DMARC1; p=none; rua=mailto:a@%s\"\n",
		    domain, domain);
		add_message(scene, domain, DAY_0 + HOUR);
	}
	build_byte(&zone, '\0');
	set_zone(scene, zone.ptr);
	build_free(&zone);
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

/* What was asked for in the middle of a day is another report. */
static void
test_policy_changes(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, OWN);
	add_message(scene, "example.com", DAY_0 + HOUR);
	scene->p = "none";
	add_message(scene, "example.com", DAY_0 + 2 * HOUR);
	scene->p = NULL;
	add_message(scene, "example.com", DAY_0 + 3 * HOUR);
	run(scene);
	assert_reported(scene, 2, 2, 0, 0);
	assert_int_equal(times_heard(scene, "\r\nSubject: "), 2);
}

/* Neither now, nor when a record comes later. */
static void
test_never_wanted(void **state)
{
	struct scene *scene = *state;

	set_zone(scene, RECORD(""));
	add_message(scene, "example.com", DAY_0 + HOUR);
	run(scene);
	assert_reported(scene, 1, 0, 0, 0);
	set_zone(scene, OWN);
	run(scene);
	assert_reported(scene, 0, 0, 0, 0);
	assert_int_equal(times_heard(scene, "\r\nSubject: "), 0);
}

/* MaxReportSize: several mails, each with a Report-ID of its own, and all rows
 * in one of them. */
static void
test_parts(void **state)
{
	struct scene *scene = *state;

	enum { ROWS = 400 };

	set_zone(scene, OWN);
	for (unsigned i = 0; i < ROWS; i++)
		add_message_from(scene, i);
	run(scene);
	assert_in_range(scene->reported.reports, 3, 6);
	assert_int_equal(scene->reported.sent, scene->reported.reports);
	assert_int_equal(
	    times_heard(scene, "\r\nSubject: "), scene->reported.reports);
	assert_int_equal(
	    times_heard(scene, "\r\nMessage-ID: "), scene->reported.reports);
	struct listed listed = {.bytes_max = 100 * 1024};
	const struct clerk_list list = {.config = scene->config,
	    .date = -1,
	    .each = add_listed,
	    .context = &listed};
	if (!clerk_list_reports(&list, scene->store, &scene->problem))
		fail_msg("%s", scene->problem.text);
	assert_int_equal(listed.rows, ROWS);
	assert_int_equal(listed.messages, ROWS);
	assert_int_equal(listed.reports, scene->reported.reports);
}

#define SCENARIO(name, options)                                                \
 cmocka_unit_test_prestate_setup_teardown(                                     \
     name, set_up, tear_down, (void *)(options))

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_outcomes, SENDER),
	    SCENARIO(test_outcomes, CREW),
	    SCENARIO(test_mail, SENDER),
	    SCENARIO(test_size, SENDER),
	    SCENARIO(test_size, SENDER "ReportFormat 7489\n"),
	    SCENARIO(test_retry, SENDER),
	    SCENARIO(test_given_up, SENDER),
	    SCENARIO(test_withdrawn, SENDER),
	    SCENARIO(test_respelt, SENDER),
	    SCENARIO(test_dns_recovers, SENDER),
	    SCENARIO(test_dns_never_recovers, SENDER),
	    SCENARIO(test_stop, SENDER),
	    SCENARIO(test_stop_in_dns, SENDER "MessageTimeout 240\n"),
	    SCENARIO(test_stop_in_dns,
		CREW "ReportConnections 2\nMessageTimeout 240\n"),
	    SCENARIO(test_too_large, SENDER),
	    SCENARIO(test_hostile_consent, SENDER),
	    SCENARIO(test_checks_are_counted, SENDER),
	    SCENARIO(test_two_destinations, SENDER),
	    SCENARIO(test_spread, SENDER "ReportSpread 1h\n"),
	    SCENARIO(test_parts, SENDER "MaxReportSize 100k\n"),
	    SCENARIO(test_crew_without_database, CREW "ReportConnections 3\n"),
	    SCENARIO(test_policy_changes, SENDER),
	    SCENARIO(test_never_wanted, SENDER),
	    SCENARIO(test_supplement, SENDER),
	    SCENARIO(test_unfinished, SENDER),
	    SCENARIO(test_one_domain, SENDER),
	    cmocka_unit_test(test_operators_word),
	    SCENARIO(test_dry_run, SENDER),
	    SCENARIO(test_dry_run_targets, SENDER),
	    SCENARIO(test_day_of_hours, CREW "ReportInterval 1h\n"),
	    SCENARIO(test_one_connection, CREW "ReportConnections 4\n"),
	    SCENARIO(test_rotating_rua, SENDER),
	    SCENARIO(test_output_is_no_folder, SENDER),
	    SCENARIO(test_no_report_email, ""),
	    SCENARIO(test_bad_report_email, "ReportEmail dmarc@localhost\n"),
	    cmocka_unit_test(test_check_sender),
	    cmocka_unit_test(test_backoff),
	};

	return cmocka_run_group_tests_name("clerk report", tests, NULL, NULL);
}
