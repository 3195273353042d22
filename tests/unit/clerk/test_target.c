/* To whom a report goes: what the policy says, what others agree to, and the
 * operator. */
#include "scene.h"

#include "clerk/outbox.h"

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
	    {NULL, "", "example.com: not sent: redirected to nobody\n"},
	    {NULL, "https://x.example",
		"example.com: not sent to https://x.example: not a mailto: URI\n"
		"example.com: not sent: redirected to nobody\n"},
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

static bool
add_deliveries(void *context, const struct store_listed *listed)
{
	struct build *lines = context;

	for (size_t i = 0; i < listed->deliveries.count; i++) {
		const struct store_delivery *delivery =
		    &listed->deliveries.at[i];
		build_format(lines, "<" TEXT_FMT "> %s " TEXT_FMT "\n",
		    TEXT_ARG(delivery->destination),
		    names_word(&delivery_state_names, (int)delivery->state),
		    TEXT_ARG(delivery->words));
	}
	return true;
}

/* What the list has of the one report; returns how many lines that are. */
static size_t
list_deliveries(struct scene *scene)
{
	const struct clerk_list list = {.config = scene->config,
	    .date = -1,
	    .each = add_deliveries,
	    .context = &scene->lines};
	size_t count = 0;

	build_cut(&scene->lines, 0);
	if (!clerk_list_reports(&list, scene->store, &scene->problem))
		fail_msg("%s", scene->problem.text);
	struct text lines = build_view(&scene->lines);
	for (size_t i = 0; i < lines.len; i++)
		count += lines.ptr[i] == '\n';
	return count;
}

#define TEN_X  "xxxxxxxxxx"
#define FIFTY  TEN_X TEN_X TEN_X TEN_X TEN_X
#define HOST_X "https://" FIFTY "." FIFTY "." FIFTY "." FIFTY

/* What of the record nothing can be sent to is listed, with why. */
static void
test_skipped(void **state)
{
	static const struct {
		const char *rua;
		bool is_redirected;
		size_t count;
		const char *lines;
	} rows[] = {
	    {"https://a.example,mailto:r@example.com,mailto:a%20b@example.com,"
	     "mailto:a@1.2.3.4",
		false, 4,
		"<https://a.example> unwanted not a mailto: URI\n"
		"<mailto:a%20b@example.com> unwanted a space, a control or a "
		"byte above 126\n"
		"<mailto:a@1.2.3.4> unwanted no host name after the '@'\n"
		"<r@example.com> accepted "},
	    {"https://a.example,mailto:r@example.com,https://a.example", false,
		2, "<https://a.example> unwanted not a mailto: URI\n<r@"},
	    {"a b@example.com", false, 2,
		"<> unwanted no rua that can be used\n"
		"<a%20b@example.com> unwanted no URI\n"},
	    {HOST_X "\" \"." FIFTY ",mailto:r@example.com", false, 2,
		"<" HOST_X "." TEN_X TEN_X TEN_X "xxxxxxxxx...> unwanted "},
	    {ELEVEN, true, 11,
		"<mailto:k@x.example> unwanted too many destinations before "
		"it\n"},
	    {"https://a.example, ,mailto:r@x.example", true, 2,
		"<https://a.example> unwanted not a mailto: URI\n"
		"<r@x.example> accepted "},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scene *scene = scene_renew(state);
		set_zone(
		    scene, arena_cstr(scene->arena,
			       arena_format(scene->arena, RECORD("rua=\" \"%s"),
				   rows[i].is_redirected ? "" : rows[i].rua)));
		if (rows[i].is_redirected)
			assert_true(store_redirect(scene->store,
			    &(struct store_redirection){
				.domain = TEXT("example.com"),
				.rua = text_from_cstr(rows[i].rua)},
			    &scene->problem));
		add_message(scene, "example.com", DAY_0 + HOUR);
		run(scene);
		assert_int_equal(scene->reported.failed, 0);
		size_t count = list_deliveries(scene);
		if (count != rows[i].count || !has_line(scene, rows[i].lines))
			fail_msg("row %zu: %.*s", i, (int)scene->lines.len,
			    scene->lines.ptr);
	}
}

/* URIs that are others each DAY, with LAST behind them. */
static void
publish_many(struct scene *scene, const char *begin, const char *end,
    unsigned day, const char *last)
{
	enum { ZONE_MAX = 4096 };
	struct build zone;

	build_init(&zone, ZONE_MAX);
	build_cstr(&zone, "_dmarc.example.com TXT \"v=DMARC1; rua=\"");
	for (unsigned i = 1; i < OUTBOX_DESTINATIONS_MAX; i++)
		build_format(&zone, " \"%s%u-%u%s,\"", begin, day, i, end);
	build_format(&zone, " \"%s\"\n", last);
	build_byte(&zone, '\0');
	assert_false(build_failed(&zone));
	set_zone(scene, zone.ptr);
	build_free(&zone);
}

/* Others at each attempt: a report keeps so many, and its good destination is
 * tried on. */
static void
test_rotating_skipped(void **state)
{
	enum { DAYS = 4 };
	struct scene *scene = *state;

	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_RCPT, "450 4.2.0 full\r\n");
	for (unsigned day = 0; day < DAYS; day++) {
		publish_many(
		    scene, "ftp://h", ".example", day, "mailto:r@example.com");
		run(scene);
		assert_true(has_line(scene, "not sent to ftp://"));
		assert_int_equal(scene->reported.waiting, 1);
		scene->now += DAY;
	}
	assert_int_equal(times_heard(scene, "RCPT TO:"), DAYS);
	assert_int_equal(list_deliveries(scene), OUTBOX_DESTINATIONS_MAX + 1);
}

/* Whoever names other destinations each time reaches a limit. */
static void
test_rotating_rua(void **state)
{
	enum { DAYS = 6 };
	struct scene *scene = *state;

	add_message(scene, "example.com", DAY_0 + HOUR);
	sink_reply(scene->sink, SINK_RCPT, "450 4.2.0 full\r\n");
	for (unsigned day = 0; day < DAYS; day++) {
		char last[64];
		(void)snprintf(
		    last, sizeof last, "mailto:r%u@example.com", day);
		publish_many(scene, "mailto:r", "@example.com", day, last);
		run(scene);
		scene->now += DAY;
	}
	assert_int_equal(times_heard(scene, "RCPT TO:"), OUTBOX_DELIVERIES_MAX);
	assert_int_equal(scene->reported.waiting, 0);
	assert_int_equal(list_deliveries(scene),
	    OUTBOX_DELIVERIES_MAX + OUTBOX_DESTINATIONS_MAX);
	assert_true(has_line(
	    scene, "example.com> unwanted too many destinations before it\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_hostile_consent, SENDER),
	    SCENARIO(test_checks_are_counted, SENDER),
	    cmocka_unit_test(test_operators_word),
	    SCENARIO(test_dry_run_targets, SENDER),
	    SCENARIO(test_skipped, SENDER),
	    SCENARIO(test_rotating_skipped, SENDER),
	    SCENARIO(test_rotating_rua, SENDER),
	};

	return cmocka_run_group_tests_name("clerk target", tests, NULL, NULL);
}
