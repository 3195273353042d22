/* Reports from stored entries to an SMTP server, end to end. */
#include "scene.h"

#include "base/base64.h"

#include "exact.h"
#include "vectors.h"

#include <zlib.h>

/* The NUMBERth of many that are not alike. */
static void
add_message_from(struct scene *scene, unsigned number)
{
	char client[32];

	(void)snprintf(
	    client, sizeof client, "192.0.%u.%u", number / 256, number % 256);
	add_message_of(scene, "example.com", DAY_0 + HOUR, client);
}

/* --- outcomes of one report --- */

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

/* Only what the relay said counts, not that DNS says nothing. */
static bool
counts_later(const struct clerk_reported *reported, size_t row)
{
	bool is_wanted =
	    outcome_rows[row].waiting > 0 && outcome_rows[row].reply != NULL;
	struct text words =
	    text_from_cstr(is_wanted ? outcome_rows[row].reply : "");

	return reported->later == is_wanted &&
	       text_equal(
		   text_from_cstr(reported->later_words), text_trim(words));
}

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
		      scene->reported.failed == outcome_rows[row].failed &&
		      counts_later(&scene->reported, row);
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

#define ONE_FILE "larger than MaxReportSize: one file, but several reports"

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
	const struct clerk_report look = {
	    .date = -1, .dry_run = true, .output = scene->folder};
	assert_true(run_job(scene, look));
	assert_true(has_line(scene, ONE_FILE));
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
	assert_true(run_job(scene, look)); /* sealed by now */
	assert_int_equal(scene->reported.reports, listed.reports);
	assert_false(has_line(scene, ONE_FILE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_outcomes, SENDER),
	    SCENARIO(test_outcomes, CREW),
	    SCENARIO(test_mail, SENDER),
	    SCENARIO(test_size, SENDER),
	    SCENARIO(test_size, SENDER "ReportFormat 7489\n"),
	    SCENARIO(test_too_large, SENDER),
	    SCENARIO(test_two_destinations, SENDER),
	    SCENARIO(test_parts, SENDER "MaxReportSize 100k\n"),
	    SCENARIO(test_supplement, SENDER),
	    SCENARIO(test_unfinished, SENDER),
	    SCENARIO(test_one_domain, SENDER),
	    SCENARIO(test_dry_run, SENDER),
	    SCENARIO(test_day_of_hours, CREW "ReportInterval 1h\n"),
	    SCENARIO(test_output_is_no_folder, SENDER),
	    SCENARIO(test_no_report_email, ""),
	    SCENARIO(test_bad_report_email, "ReportEmail dmarc@localhost\n"),
	    cmocka_unit_test(test_check_sender),
	};

	return cmocka_run_group_tests_name("clerk report", tests, NULL, NULL);
}
