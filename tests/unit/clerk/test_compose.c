/* From verdicts, and from other programs' histories, to the files of reports:
 * through the history's codec, a store and the XML, all of it looked at with
 * the schemas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../verdict/judge.h"
#include "base/date.h"
#include "clerk/compose.h"
#include "history/codec.h"
#include "report/envelope.h"
#include "vectors.h"
#include "xmlcheck.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

enum { ARENA_MAX = 64 * 1024 * 1024, XML_MAX = 16 * 1024 * 1024 };

static const int64_t now = 1795395600; /* 2026-11-23 01:00:00 UTC */

/* --- the scene --- */

struct scene {
	struct arena *arena;
	char folder[64];
	struct store *store;
	uint64_t batches;
	enum report_format format;
	size_t composed;
	struct build *xml;   /* of all reports, if that is wanted */
	struct build *mails; /* likewise */
	struct problem problem;
};

static int
set_up(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct scene *scene = arena_alloc(arena, sizeof *scene);

	*scene = (struct scene){
	    .arena = arena, .folder = "/tmp/test_compose.XXXXXX"};
	assert_non_null(mkdtemp(scene->folder));
	const char *database = arena_cstr(
	    arena, arena_format(arena, "sqlite:%s/store.db", scene->folder));
	scene->store = store_open(database, true, &scene->problem);
	assert_non_null(scene->store);
	*state = scene;
	return 0;
}

static void
empty_folder(const struct scene *scene, const char *ending)
{
	DIR *folder = opendir(scene->folder);
	char path[512];

	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (!text_ends_nocase(
			text_from_cstr(entry->d_name), text_from_cstr(ending)))
			continue;
		(void)snprintf(
		    path, sizeof path, "%s/%s", scene->folder, entry->d_name);
		(void)unlink(path);
	}
	(void)closedir(folder);
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	store_close(scene->store);
	empty_folder(scene, "");
	(void)rmdir(scene->folder);
	arena_free(scene->arena);
	return 0;
}

/* BYTES are a history file; how many entries are stored. */
static size_t
add_history(struct scene *scene, struct text bytes)
{
	VEC(struct history_entry) entries = {0};
	const char *why = "";

	for (size_t at = 0, used; at < bytes.len; at += used) {
		struct history_entry *entry = vec_push(scene->arena, &entries);
		assert_non_null(entry);
		enum history_status status = history_read(scene->arena,
		    text_slice(bytes, at, bytes.len), true, entry, &used, &why);
		if (status != HISTORY_ENTRY)
			fail_msg("at %zu: %s", at, why);
		entry->received = now - 10 * 3600;
	}
	const struct store_batch batch = {.claim = TEXT("claim"),
	    .first_byte = 100 * scene->batches,
	    .last_byte = 100 * scene->batches + 99,
	    .now = now};
	scene->batches++;
	if (!store_add_batch(scene->store, &batch, entries.at, entries.count,
		&scene->problem))
		fail_msg("%s", scene->problem.text);
	return entries.count;
}

static void
add_mail(struct build *mails, const struct sender *sender,
    const struct store_report *report, struct text xml)
{
	struct build gzip;

	build_init(&gzip, XML_MAX);
	assert_true(report_gzip(&gzip, xml));
	assert_true(compose_mail(mails, sender, report, build_view(&gzip),
	    TEXT("reports@example.com")));
	build_free(&gzip);
}

static bool
compose(void *context, const struct store_report *report)
{
	static const struct sender sender = {
	    .self = {.email = {"dmarc@receiver.example", 22},
		.receiver = {"receiver.example", 16},
		.organization = {"Receiver", 8}},
	};
	struct scene *scene = context;
	struct sender own = sender;
	struct build xml;

	own.self.format = scene->format;
	build_init(&xml, XML_MAX);
	if (!compose_xml(
		&xml, scene->store, &own, report, false, &scene->problem) ||
	    !compose_file(
		scene->folder, &own, report, build_view(&xml), &scene->problem))
		fail_msg("%s", scene->problem.text);
	assert_false(build_failed(&xml));
	if (scene->xml != NULL)
		build_text(scene->xml, build_view(&xml));
	if (scene->mails != NULL)
		add_mail(scene->mails, &own, report, build_view(&xml));
	scene->composed++;
	build_free(&xml);
	return true;
}

/* Composes all reports of the day, which must be valid. */
static void
compose_all(struct scene *scene, enum report_format format, struct build *xml)
{
	const struct store_span span = {
	    now - now % DAY - DAY, now - now % DAY - 1};

	scene->format = format;
	scene->xml = xml;
	scene->composed = 0;
	if (!store_preview_reports(
		scene->store, TEXT(""), span, compose, scene, &scene->problem))
		fail_msg("%s", scene->problem.text);
	assert_int_not_equal(xml_check_folder(scene->folder), XML_INVALID);
	empty_folder(scene, ".xml");
}

/* --- verdicts --- */

static enum history_action
action_of(const struct verdict *verdict)
{
	switch (verdict->disposition.action) {
	case DISPOSITION_NONE: return HISTORY_ACCEPT;
	case DISPOSITION_QUARANTINE: return HISTORY_QUARANTINE;
	case DISPOSITION_REJECT: return HISTORY_REJECT;
	case DISPOSITION_DEFER: return HISTORY_TEMPFAIL;
	}
	return HISTORY_ACCEPT;
}

/* Adds MESSAGE, judged, to the history. */
static void
add_verdict(struct build *history, struct judge *judge, struct text message)
{
	struct history_entry entry;
	const struct verdict *verdict = judge_message(judge, message);

	assert_non_null(verdict);
	assert_true(history_entry_record(judge->arena, &judge->envelope,
	    verdict, action_of(verdict), &entry));
	assert_true(history_write(history, &entry));
	judge_close(judge);
}

/* What a policy's report says of a message that passed, of one that failed
 * under each Enforce, and of one that could not be judged and was accepted:
 * disposition and reason. */
struct said {
	const char *passed;
	const char *failed[ENFORCE_STRICT + 1];
	const char *unjudged; /* under strict */
};

static const struct {
	enum dmarc_method method;
	const char *record; /* behind v=DMARC1; p= */
	struct said said;
} policy_rows[] = {
    {DMARC_TREEWALK, "none",
	{"none", {"none", "none", "none", "none"}, "none other temperror"}},
    {DMARC_TREEWALK, "quarantine",
	{"pass",
	    {"none local_policy Enforce monitor", "quarantine", "quarantine",
		"quarantine"},
	    "none local_policy temperror; OnTempError accept"}},
    {DMARC_TREEWALK, "reject",
	{"pass",
	    {"none local_policy Enforce monitor",
		"quarantine local_policy Enforce quarantine", "reject",
		"reject"},
	    "none local_policy temperror; OnTempError accept"}},
    {DMARC_TREEWALK, "none; t=y",
	{"none", {"none", "none", "none", "none"}, "none other temperror"}},

#define TEST_MODE "policy_test_mode the owner is testing: one level lower"
    {DMARC_TREEWALK, "quarantine; t=y",
	{"none",
	    {"none " TEST_MODE, "none " TEST_MODE, "none " TEST_MODE,
		"none " TEST_MODE},
	    "none other temperror"}},
    {DMARC_TREEWALK, "reject; t=y",
	{"pass",
	    {"none local_policy Enforce monitor", "quarantine " TEST_MODE,
		"quarantine " TEST_MODE, "quarantine " TEST_MODE},
	    "none local_policy temperror; OnTempError accept"}},
    /* RFC 7489's way to say the same, heeded where its method is used. */
    {DMARC_PSL, "quarantine; pct=0",
	{"none",
	    {"none " TEST_MODE, "none " TEST_MODE, "none " TEST_MODE,
		"none " TEST_MODE},
	    "none other temperror"}},
    {DMARC_TREEWALK, "quarantine; pct=0",
	{"pass",
	    {"none local_policy Enforce monitor", "quarantine", "quarantine",
		"quarantine"},
	    "none local_policy temperror; OnTempError accept"}},
};

enum { POLICIES = sizeof policy_rows / sizeof *policy_rows };

/* What stands between <NAME> and </NAME> in XML; "" without it. */
static struct text
between(struct text xml, const char *name)
{
	char tag[64];

	(void)snprintf(tag, sizeof tag, "<%s>", name);
	size_t begin = text_find_part(xml, text_from_cstr(tag));
	(void)snprintf(tag, sizeof tag, "</%s>", name);
	struct text rest = text_slice(xml, begin + strlen(name) + 2, xml.len);
	return begin == xml.len
		   ? TEXT("")
		   : text_slice(
			 rest, 0, text_find_part(rest, text_from_cstr(tag)));
}

/* "disposition reason comment" of the record of ADDRESS. */
static struct text
said_of(struct arena *arena, struct text xml, const char *address)
{
	struct text source =
	    arena_format(arena, "<source_ip>%s</source_ip>", address);
	struct text row = text_slice(xml, text_find_part(xml, source), xml.len);
	struct text evaluated = between(row, "policy_evaluated");
	const struct text words[] = {between(evaluated, "disposition"),
	    between(evaluated, "type"), between(evaluated, "comment")};
	struct build said;

	build_init_arena(&said, arena, ARENA_MAX);
	for (size_t i = 0; i < 3; i++) {
		if (i > 0 && words[i].len > 0)
			build_byte(&said, ' ');
		build_text(&said, words[i]);
	}
	return build_view(&said);
}

static const char mail_text[] = "From: a@example.com\r\n"
				"Subject: x\r\n\r\nbody\r\n";

/* 192.0.2.1 passes, 198.51.100.ENFORCE fails, 203.0.113.1 is not judged. */
static void
judge_policy(struct build *history, size_t row)
{
	struct suffix_list *suffixes = suffix_list_builtin();
	char text[512];

	(void)snprintf(text, sizeof text,
	    "_dmarc.example.com TXT \"v=DMARC1; p=%s\"\n"
	    "example.com TXT \"v=spf1 ip4:192.0.2.1 ip4:198.51.100.0/24 -all\"\n"
	    "other.example TXT \"v=spf1 +all\"\n"
	    "broken.example.com SERVFAIL TXT\n",
	    policy_rows[row].record);
	struct dns_zone *zone = order_zone(text_from_cstr(text));
	struct judge judge;

	judge_init(&judge);
	judge.zone = zone;
	judge.options.dmarc =
	    (struct dmarc_options){policy_rows[row].method, suffixes};
	judge.options.disposition.on_temperror = ON_TEMPERROR_ACCEPT;
	judge.envelope.now = now;
	add_verdict(history, &judge, text_from_cstr(mail_text));
	judge.envelope.mail_from = TEXT("b@other.example");
	for (unsigned i = 0; i <= ENFORCE_STRICT; i++) {
		judge.options.disposition.enforce = (enum enforce)i;
		judge.envelope.client =
		    (struct ip){4, {198, 51, 100, (unsigned char)i}};
		add_verdict(history, &judge, text_from_cstr(mail_text));
	}
	judge.envelope.client = (struct ip){4, {203, 0, 113, 1}};
	judge.envelope.mail_from = TEXT("b@broken.example.com");
	add_verdict(history, &judge, text_from_cstr(mail_text));
	dns_zone_free(zone);
	suffix_list_free(suffixes);
}

static size_t
count_wrong(struct arena *arena, size_t row, const char *address,
    struct text xml, const char *expected)
{
	struct text said = said_of(arena, xml, address);

	if (text_equal(said, text_from_cstr(expected)))
		return 0;
	print_error("p=%s, %s: " TEXT_FMT "; expected %s\n",
	    policy_rows[row].record, address, TEXT_ARG(said), expected);
	return 1;
}

static void
test_policy(struct scene *scene, size_t row, size_t *failures)
{
	const struct said *said = &policy_rows[row].said;
	struct build history;
	struct build xml;
	char address[32];

	build_init_arena(&history, scene->arena, ARENA_MAX);
	judge_policy(&history, row);
	assert_int_equal(
	    add_history(scene, build_view(&history)), 2 + ENFORCE_STRICT + 1);
	build_init_arena(&xml, scene->arena, ARENA_MAX);
	compose_all(scene, REPORT_RFC9990, &xml);
	assert_int_equal(scene->composed, 1);
	struct text view = build_view(&xml);
	*failures +=
	    count_wrong(scene->arena, row, "192.0.2.1", view, said->passed);
	for (unsigned i = 0; i <= ENFORCE_STRICT; i++) {
		(void)snprintf(address, sizeof address, "198.51.100.%u", i);
		*failures += count_wrong(
		    scene->arena, row, address, view, said->failed[i]);
	}
	*failures +=
	    count_wrong(scene->arena, row, "203.0.113.1", view, said->unjudged);
	bool is_test = strstr(policy_rows[row].record, "t=y") != NULL ||
		       policy_rows[row].method == DMARC_PSL;
	assert_true(text_equal(
	    between(view, "testing"), is_test ? TEXT("y") : TEXT("n")));
	compose_all(scene, REPORT_RFC7489, NULL);
}

static void
test_verdicts(void **state)
{
	size_t failures = 0;

	for (size_t i = 0; i < POLICIES; i++) {
		/* Each in a store of its own. */
		tear_down(state);
		set_up(state);
		test_policy(*state, i, &failures);
	}
	assert_int_equal(failures, 0);
}

/* --- histories --- */

static void
check_both(struct scene *scene)
{
	compose_all(scene, REPORT_RFC9990, NULL);
	assert_true(scene->composed > 0);
	compose_all(scene, REPORT_RFC7489, NULL);
}

/* What OpenDMARC and Exim wrote. */
static void
test_dialects(void **state)
{
	static const char *const files[] = {"history-milter-1.4.2.dat",
	    "history-exim-4.96.dat", "history-exim-4.97-derived.dat",
	    "history-exim-4.99.dat"};
	struct scene *scene = *state;

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct text name = arena_format(
		    scene->arena, "../samples/incumbent/%s", files[i]);
		const char *path =
		    vectors_path(scene->arena, arena_cstr(scene->arena, name));
		if (path == NULL) {
			print_message(
			    "no %s: OpenDMARC or Exim writes one\n", files[i]);
			skip();
		}
		assert_true(
		    add_history(scene, vectors_read(scene->arena, path)) > 5);
	}
	check_both(scene);
}

/* A line is not known to older dialects, or holds nothing. */
static const struct {
	const char *name;
	const char *lines;
	const char *there; /* in the XML of RFC 9990 */
	const char *gone;
} line_rows[] = {
    {"null sender", "mfrom \nspf 0\n", "<envelope_from></envelope_from>",
	"<spf>\n"},
    {"no sender", "spf 0\n", "<header_from>", "envelope_from"},
    {"no selector", "mfrom b.example\ndkim b.example 0\n",
	"<selector></selector>", "<np>"},
    {"no SPF", "mfrom b.example\n", "<sp>none</sp>", "<spf>\n"},
    {"no discovery", "mfrom b.example\nspf 7\n", "<adkim>r</adkim>",
	"discovery_method"},
    {"test not known", "mfrom b.example\nspf 7\n", "<scope>mfrom</scope>",
	"testing"},
    {"no options", "mfrom b.example\nspf 7\n", "<result>fail</result>", "<fo>"},
};

static void
test_lines(void **state)
{
	size_t failures = 0;

	for (size_t i = 0; i < sizeof line_rows / sizeof *line_rows; i++) {
		tear_down(state);
		set_up(state);
		struct scene *scene = *state;
		struct build xml;
		assert_int_equal(
		    add_history(scene,
			arena_format(scene->arena,
			    "job J\nreceived 1795439443\nipaddr 192.0.2.1\n"
			    "from a.example\n%spdomain a.example\npolicy 18\n"
			    "p 110\nadkim 0\naction 2\n",
			    line_rows[i].lines)),
		    1);
		build_init_arena(&xml, scene->arena, ARENA_MAX);
		compose_all(scene, REPORT_RFC9990, &xml);
		char *text = build_room(&xml, 1);
		*text = '\0';
		if (strstr(xml.ptr, line_rows[i].there) == NULL ||
		    strstr(xml.ptr, line_rows[i].gone) != NULL) {
			print_error("%s: %s\n", line_rows[i].name, xml.ptr);
			failures++;
		}
		compose_all(scene, REPORT_RFC7489, NULL);
	}
	assert_int_equal(failures, 0);
}

/* --- strangers --- */

static const struct text hostile[] = {
    {"]]></feedback><!--", 18},
    {"\0\x01\x1F\x7F\r\n", 6},
    {"\xFF\xFE\xC0\x80\xED\xA0\x80", 7},
    {"\xEF\xBF\xBE\xC2\x85", 5},
    {"%00%2E <&\"'>", 12},
};

static void
write_hostile(struct build *history, struct arena *arena, struct text text)
{
	struct history_dkim *dkim = arena_array(arena, 2, sizeof *dkim);
	struct history_entry entry = {
	    .job = text,
	    .reporter = text,
	    .received = now,
	    .client = TEXT("192.0.2.1"),
	    .from = text,
	    .mail_from = text,
	    .helo = text,
	    .spf = TEXT("pass"),
	    .spf_domain = text,
	    .policy_domain = TEXT("example.com"),
	    .result = TEXT("fail"),
	    .requested = text,
	    .p = TEXT("reject"),
	    .sp = text,
	    .fo = text,
	    .testing = text,
	    .discovery = text,
	    .reason = TEXT("other"),
	    .comment = text,
	};

	assert_non_null(dkim);
	dkim[0] = (struct history_dkim){text, text, TEXT("pass")};
	dkim[1] = (struct history_dkim){TEXT(""), TEXT(""), TEXT("")};
	entry.dkim.at = dkim;
	entry.dkim.count = 2;
	assert_true(history_write(history, &entry));
}

static void
test_strangers(void **state)
{
	static char bytes[HISTORY_ENTRY_MAX / 64];
	struct scene *scene = *state;
	struct build history;

	build_init_arena(&history, scene->arena, ARENA_MAX);
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
		write_hostile(&history, scene->arena, hostile[i]);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	write_hostile(
	    &history, scene->arena, (struct text){bytes, sizeof bytes});
	(void)add_history(scene, build_view(&history));
	check_both(scene);
}

/* Records as people publish them, each found for a message that fails. */
static void
test_records(void **state)
{
	struct scene *scene = *state;
	json_t *records = vectors_json(
	    "dmarc/records-real/records.json", "github.com/ab/dmarc-analysis");
	struct build history;
	struct judge judge;
	const json_t *record;
	size_t i;

	judge_init(&judge);
	judge.options.explain = false;
	build_init_arena(&history, scene->arena, ARENA_MAX);
	json_array_foreach(records, i, record)
	{
		struct text owner = json_get(record, "domain");
		struct dns_question question = {
		    .name = arena_join(scene->arena, TEXT("_dmarc."), owner),
		    .type = DNS_TXT};
		struct dns_answer *answer = dns_answer_new(DNS_FOUND, 60);
		const struct dns_record text = {
		    .text = json_get(record, "txt")};
		struct build zone;
		assert_true(dns_answer_add(answer, &text));
		build_init_arena(&zone, scene->arena, ARENA_MAX);
		dns_zone_write(&zone, &question, answer);
		dns_answer_unref(answer);
		struct dns_zone *read = order_zone(build_view(&zone));
		judge.zone = read;
		add_verdict(&history, &judge,
		    arena_format(scene->arena, "From: a@" TEXT_FMT "\r\n\r\n",
			TEXT_ARG(owner)));
		dns_zone_free(read);
	}
	json_decref(records);
	(void)add_history(scene, build_view(&history));
	check_both(scene);
	assert_true(scene->composed > 900);
}

/* --- files --- */

#define LABEL "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-012345678"

/* No file may be called as an attachment may: the name holds two domains. */
static void
test_long_name(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(
	    add_history(scene,
		TEXT("job J\nreceived 1795439443\nipaddr 192.0.2.1\n"
		     "from a.example\nmfrom b.example\npdomain " LABEL "." LABEL
		     "." LABEL ".example\npolicy 18\naction 2\n")),
	    1);
	check_both(scene);
}

/* RFC 9990 3.1.1.2: there is at least one record. */
static void
test_no_rows(void **state)
{
	struct scene *scene = *state;
	const struct sender sender = {
	    .self = {.receiver = TEXT("receiver.example")}};
	const struct store_report report = {
	    .id = TEXT("0123456789abcdef0123456789abcdef"),
	    .policy = {.domain = TEXT("example.com")},
	    .end = now};
	struct build xml;

	build_init(&xml, XML_MAX);
	assert_true(compose_xml(
	    &xml, scene->store, &sender, &report, false, &scene->problem));
	assert_true(build_failed(&xml));
	build_free(&xml);
}

/* What the options say of us. */
static void
test_sender(void **state)
{
	struct scene *scene = *state;
	struct sender sender;
	struct config *config = config_load_over(NULL,
	    "ReportEmail dmarc@Receiver.example\nReportFormat 7489\n",
	    &scene->problem);

	assert_non_null(config);
	assert_true(
	    compose_sender(scene->arena, config, &sender, &scene->problem));
	assert_int_equal(sender.self.format, REPORT_RFC7489);
	assert_true(text_equal(sender.self.receiver, TEXT("receiver.example")));
	config_free(config);
	config = config_load(NULL, &scene->problem);
	assert_non_null(config);
	assert_true(
	    compose_sender(scene->arena, config, &sender, &scene->problem));
	assert_int_equal(sender.self.format, REPORT_RFC9990);
	config_free(config);
}

/* The checker knows what no schema can say. */
static void
test_rules(void **state)
{
	static const struct {
		const char *was;
		const char *is;
	} changes[] = {
	    {"<type>local_policy</type>", ""},
	    {"<disposition>none", "<disposition>pass"},
	    {"<source_ip>", "<source_ip>x"},
	    {"<count>", "<count>-"},
	    {"<begin>", "<begin>9"},
	};
	struct scene *scene = *state;
	struct build xml;

	assert_int_equal(
	    add_history(scene,
		TEXT("job J\nreceived 1795439443\nipaddr 192.0.2.1\n"
		     "from a.example\nmfrom b.example\npdomain a.example\n"
		     "policy 16\np 114\naction 2\n")),
	    1);
	build_init_arena(&xml, scene->arena, ARENA_MAX);
	compose_all(scene, REPORT_RFC9990, &xml);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct text was = text_from_cstr(changes[i].was);
		size_t at = text_find_part(build_view(&xml), was);
		const char *path = arena_cstr(scene->arena,
		    arena_format(scene->arena, "%s/%zu.xml", scene->folder, i));
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		assert_true(at < xml.len);
		(void)fprintf(file, "%.*s%s%.*s", (int)at, xml.ptr,
		    changes[i].is, (int)(xml.len - at - was.len),
		    xml.ptr + at + was.len);
		(void)fclose(file);
		if (xml_check_folder(scene->folder) == XML_VALID)
			fail_msg("not found: %s", changes[i].is);
		empty_folder(scene, ".xml");
	}
}

/* --- the same bytes --- */

static void
test_again(void **state)
{
	struct scene *scene = *state;
	struct build history;
	struct build once;
	struct build twice;

	build_init_arena(&history, scene->arena, ARENA_MAX);
	for (size_t i = 0; i < POLICIES; i++)
		judge_policy(&history, i);
	(void)add_history(scene, build_view(&history));
	build_init_arena(&once, scene->arena, ARENA_MAX);
	build_init_arena(&twice, scene->arena, ARENA_MAX);
	scene->mails = &once;
	compose_all(scene, REPORT_RFC9990, NULL);
	scene->mails = &twice;
	compose_all(scene, REPORT_RFC9990, NULL);
	/* Of what is ignored no report tells. */
	assert_int_equal(scene->composed, POLICIES - 1);
	assert_true(once.len > 1000 * scene->composed);
	assert_true(text_equal(build_view(&once), build_view(&twice)));
}

#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_verdicts),
	    SCENARIO(test_dialects),
	    SCENARIO(test_lines),
	    SCENARIO(test_strangers),
	    SCENARIO(test_records),
	    SCENARIO(test_long_name),
	    SCENARIO(test_no_rows),
	    SCENARIO(test_sender),
	    SCENARIO(test_rules),
	    SCENARIO(test_again),
	};

	return cmocka_run_group_tests_name("clerk compose", tests, NULL, NULL);
}
