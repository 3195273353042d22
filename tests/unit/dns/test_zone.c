#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/build.h"
#include "dns/zone.h"

#include "exact.h"
#include "vectors.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* The answer as dns_zone_write writes it, which is also a test of that. */
static struct text
answer(struct arena *arena, const struct dns_zone *zone, struct text name,
    enum dns_type type)
{
	struct dns_question question = {name, type};
	struct dns_answer *found = dns_zone_answer(zone, &question);
	struct build build;

	assert_non_null(found);
	build_init_arena(&build, arena, 1024 * 1024);
	dns_zone_write(&build, &question, found);
	dns_answer_unref(found);
	assert_false(build_failed(&build));
	return build_view(&build);
}

static struct dns_zone *
read_zone(struct text text)
{
	struct problem problem = {0};
	struct text copy = exact(text);
	struct dns_zone *zone = dns_zone_read(copy, "zone", &problem);

	exact_free(copy); /* the zone has its own */
	if (zone == NULL)
		print_error("%s\n", problem.text);
	return zone;
}

static const char zone_text[] =
    "# a comment\n"
    "; another\r\n"
    "   \t \n"
    "example.com TXT \"v=DMARC1; p=none\" # comment\n"
    "example.com A 192.0.2.2\r\n"
    "  example.com A 192.0.2.1\n"
    "Example.COM. 60 IN MX 20 Mail.Example.COM. ; comment\n"
    "example.com in 60 mx 10 a.example.com\n"
    "example.com AAAA 2001:DB8::1\n"
    "example.com IN SOA ns.example.com. host.example.com. 1 2 3 4 5\n"
    "example.com CAA 0 issue \";\"\n"
    "ptr.example PTR host.example.\n"
    "ns.example NS ns1.example\n"
    "null.example MX 0 .\n"
    "strings.example TXT \"a\" \"b\"\"c\" d\\;e;f #g\n"
    "bytes.example TXT \"\\\"\\\\\\000\\255;#\" \"\"\n"
    "empty.example TXT \"\"\n"
    "raw.example TXT \"b\xC3\xBC\"\n"
    "b\xC3\xBC"
    "cher.example A 192.0.2.3\n"
    "odd\\032\\032name\\255.example A 192.0.2.4\n"
    "deep.under.here.example A 192.0.2.5\n"
    "there.example EXISTS\n"
    "srv.example SRV 0 0 5060 sip.example\n"
    "old.example SPF \"v=spf1 -all\"\n"
    "broken.example SERVFAIL\n"
    "broken.example A 192.0.2.6\n"
    "slow.example TIMEOUT txt\n"
    "slow.example A 192.0.2.7\n"
    "gone.example NXDOMAIN\n"
    "under.gone.example EXISTS\n"
    "half.example NXDOMAIN A\n"
    "half.example TXT there\n"
    "c0.example 30 CNAME c1.example\n"
    "c1.example CNAME c2.example\n"
    "c2.example CNAME c3.example\n"
    "c3.example CNAME c4.example\n"
    "c4.example CNAME c5.example\n"
    "c5.example CNAME c6.example\n"
    "c6.example CNAME c7.example\n"
    "c7.example CNAME c8.example\n"
    "c8.example CNAME c9.example\n"
    "c9.example TXT end\n"
    "away.example CNAME nowhere.test\n"
    "denied.example CNAME gone.example\n"
    "loop.example CNAME loop.example\n"
    "failing.example CNAME broken.example\n"
    /* RFC 4592 2.2.1 */
    "*.wild.example TXT \"this is a wildcard\"\n"
    "*.wild.example MX 10 host1.wild.example\n"
    "sub.*.wild.example TXT \"this is not a wildcard\"\n"
    "host1.wild.example A 192.0.2.8\n"
    "_ssh._tcp.host1.wild.example SRV 0 0 22 host1.wild.example\n"
    "*.alias.example CNAME c9.example\n"
    "\\042.star.example A 192.0.2.9\n"
    "\\@ A 192.0.2.11\n"
    "\\# A 192.0.2.12\n"
    "\\$ A 192.0.2.13\n"
    "last.example A 192.0.2.10";

static const struct {
	const char *name;
	enum dns_type type;
	const char *written;
} answers[] = {
    {"example.com", DNS_TXT, "example.com TXT \"v=DMARC1; p=none\"\n"},
    {"example.com", DNS_A,
	"example.com A 192.0.2.1\nexample.com A 192.0.2.2\n"},
    {"example.com", DNS_AAAA, "example.com AAAA 2001:db8::1\n"},
    {"example.com", DNS_MX,
	"example.com MX 10 a.example.com\n"
	"example.com MX 20 mail.example.com\n"},
    {"example.com", DNS_SOA, "example.com NODATA SOA\n"},
    {"com", DNS_A, "com NODATA A\n"},
    {"ptr.example", DNS_PTR, "ptr.example PTR host.example\n"},
    {"ns.example", DNS_NS, "ns.example NS ns1.example\n"},
    {"null.example", DNS_MX, "null.example MX 0 .\n"},
    {"strings.example", DNS_TXT, "strings.example TXT \"abcd;e;f\"\n"},
    {"bytes.example", DNS_TXT,
	"bytes.example TXT \"\\034\\092\\000\\255;#\"\n"},
    {"empty.example", DNS_TXT, "empty.example TXT \"\"\n"},
    {"raw.example", DNS_TXT, "raw.example TXT \"b\\195\\188\"\n"},
    {"xn--bcher-kva.example", DNS_A, "xn--bcher-kva.example A 192.0.2.3\n"},
    {"odd  name\xFF.example", DNS_A,
	"odd\\032\\032name\\255.example A 192.0.2.4\n"},
    {"under.here.example", DNS_A, "under.here.example NODATA A\n"},
    {"here.example", DNS_A, "here.example NODATA A\n"},
    {"other.here.example", DNS_A, "other.here.example NXDOMAIN A\n"},
    {"there.example", DNS_TXT, "there.example NODATA TXT\n"},
    {"srv.example", DNS_TXT, "srv.example NODATA TXT\n"},
    {"old.example", DNS_TXT, "old.example NODATA TXT\n"},
    {"broken.example", DNS_TXT, "broken.example SERVFAIL TXT\n"},
    {"broken.example", DNS_A, "broken.example SERVFAIL A\n"},
    {"slow.example", DNS_TXT, "slow.example SERVFAIL TXT\n"},
    {"slow.example", DNS_A, "slow.example A 192.0.2.7\n"},
    {"slow.example", DNS_MX, "slow.example NODATA MX\n"},
    {"gone.example", DNS_MX, "gone.example NXDOMAIN MX\n"},
    {"under.gone.example", DNS_MX, "under.gone.example NODATA MX\n"},
    {"half.example", DNS_A, "half.example NXDOMAIN A\n"},
    {"half.example", DNS_TXT, "half.example TXT \"there\"\n"},
    {"nowhere.test", DNS_A, "nowhere.test NXDOMAIN A\n"},
    {"xample.com", DNS_A, "xample.com NXDOMAIN A\n"},
    {"c1.example", DNS_TXT, "c1.example TXT \"end\"\n"},
    {"c1.example", DNS_A, "c1.example NODATA A\n"},
    {"c0.example", DNS_TXT, "c0.example SERVFAIL TXT\n"},
    {"c0.example", DNS_CNAME, "c0.example CNAME c1.example\n"},
    {"away.example", DNS_TXT, "away.example NODATA TXT\n"},
    {"denied.example", DNS_TXT, "denied.example NODATA TXT\n"},
    {"loop.example", DNS_TXT, "loop.example SERVFAIL TXT\n"},
    {"failing.example", DNS_TXT, "failing.example SERVFAIL TXT\n"},
    /* RFC 4592 2.2.1 */
    {"host3.wild.example", DNS_MX,
	"host3.wild.example MX 10 host1.wild.example\n"},
    {"host3.wild.example", DNS_A, "host3.wild.example NODATA A\n"},
    {"foo.bar.wild.example", DNS_TXT,
	"foo.bar.wild.example TXT \"this is a wildcard\"\n"},
    {"host1.wild.example", DNS_MX, "host1.wild.example NODATA MX\n"},
    {"sub.*.wild.example", DNS_MX, "sub.\\042.wild.example NODATA MX\n"},
    {"*.wild.example", DNS_MX, "\\042.wild.example MX 10 host1.wild.example\n"},
    {"_telnet._tcp.host1.wild.example", DNS_TXT,
	"_telnet._tcp.host1.wild.example NXDOMAIN TXT\n"},
    {"ghost.*.wild.example", DNS_MX, "ghost.\\042.wild.example NXDOMAIN MX\n"},
    {"wild.example", DNS_TXT, "wild.example NODATA TXT\n"},
    {"x.alias.example", DNS_TXT, "x.alias.example TXT \"end\"\n"},
    {"x.star.example", DNS_A, "x.star.example NXDOMAIN A\n"},
    {"*.star.example", DNS_A, "\\042.star.example A 192.0.2.9\n"},
    {"@", DNS_A, "\\064 A 192.0.2.11\n"},
    {"#", DNS_A, "\\035 A 192.0.2.12\n"},
    {"$", DNS_A, "\\036 A 192.0.2.13\n"},
    {"last.example", DNS_A, "last.example A 192.0.2.10\n"},
};

static void
test_answers(void **state)
{
	struct dns_zone *zone = read_zone(TEXT(zone_text));
	struct arena *arena = arena_new(16 * 1024 * 1024);
	unsigned wrong = 0;

	(void)state;
	assert_non_null(zone);
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct text name = exact(text_from_cstr(answers[i].name));
		struct text written =
		    answer(arena, zone, name, answers[i].type);
		if (!text_equal(written, text_from_cstr(answers[i].written))) {
			print_error("%s %s: " TEXT_FMT, answers[i].name,
			    dns_type_name(answers[i].type), TEXT_ARG(written));
			wrong++;
		}
		/* What was written answers the same alone. */
		struct dns_zone *again = read_zone(written);
		assert_non_null(again);
		if (!text_equal(
			answer(arena, again, name, answers[i].type), written)) {
			print_error("%s: not read back\n", answers[i].name);
			wrong++;
		}
		dns_zone_free(again);
		exact_free(name);
	}
	assert_int_equal(wrong, 0);
	arena_free(arena);
	dns_zone_free(zone);
}

static void
test_ttl(void **state)
{
	struct dns_zone *zone = read_zone(
	    TEXT("a.example 30 CNAME b.example\nb.example IN 20 A 192.0.2.1\n"
		 "b.example 10 A 192.0.2.2\nb.example TXT x\n"
		 "c.example SERVFAIL\n"
		 "d.example 3600 A 192.0.2.1\n"
		 "e.example 7200 CNAME d.example\n"
		 "f.example 7200 CNAME nowhere.example\n"
		 "g.example 20 NXDOMAIN\ng.example 900 TXT x\n"
		 "h.example 900 NXDOMAIN A\ni.example 20 CNAME h.example\n"
		 "j.example NXDOMAIN\nk.example 20 SERVFAIL\n"
		 "l.example 3600 EXISTS\n"
		 "m.example 4000000 A 192.0.2.1\nn.example 0 A 192.0.2.1\n"));

	static const struct {
		const char *name;
		enum dns_type type;
		uint32_t ttl;
	} rows[] = {
	    {"a.example", DNS_A, 10},
	    {"a.example", DNS_TXT, 30},
	    {"b.example", DNS_TXT, 300},
	    {"c.example", DNS_TXT, 10},
	    {"d.example", DNS_A, 3600},
	    {"d.example", DNS_TXT, 300},
	    {"e.example", DNS_A, 3600},
	    {"e.example", DNS_TXT, 300},
	    {"e.example", DNS_CNAME, 7200},
	    {"f.example", DNS_A, 300},
	    {"g.example", DNS_TXT, 20},
	    {"h.example", DNS_A, 900},
	    {"i.example", DNS_A, 20},
	    {"j.example", DNS_A, 300},
	    {"k.example", DNS_A, 10},
	    {"l.example", DNS_A, 300},
	    {"m.example", DNS_A, 86400},
	    {"n.example", DNS_A, 0},
	    {"nowhere.example", DNS_A, 300},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct dns_question question = {
		    text_from_cstr(rows[i].name), rows[i].type};
		struct dns_answer *found = dns_zone_answer(zone, &question);
		if (found->ttl != rows[i].ttl)
			fail_msg("%s %s: %u", rows[i].name,
			    dns_type_name(rows[i].type), found->ttl);
		dns_answer_unref(found);
	}
	dns_zone_free(zone);
}

/* What facts are read back with: only the very lines, nothing by a detour. */
static void
test_recall(void **state)
{
	static const struct {
		const char *name;
		enum dns_type type;
		bool is_known;
		enum dns_status status;
		size_t count;
	} rows[] = {
	    {"a.example", DNS_A, true, DNS_FOUND, 2},
	    {"a.example", DNS_TXT, true, DNS_FOUND, 1},
	    {"a.example", DNS_CNAME, true, DNS_FOUND, 1},
	    {"a.example", DNS_MX, false, DNS_FAILED, 0},
	    {"b.example", DNS_A, true, DNS_NODATA, 0},
	    {"b.example", DNS_TXT, true, DNS_NXDOMAIN, 0},
	    {"b.example", DNS_MX, true, DNS_FAILED, 0},
	    {"b.example", DNS_AAAA, false, DNS_FAILED, 0},
	    {"c.example", DNS_A, true, DNS_NODATA, 0},
	    {"d.example", DNS_A, false, DNS_FAILED, 0},
	    {"x.w.example", DNS_TXT, false, DNS_FAILED, 0},
	    {"*.s.example", DNS_TXT, true, DNS_FOUND, 1},
	    {"example", DNS_TXT, false, DNS_FAILED, 0},
	};
	struct dns_zone *zone =
	    read_zone(TEXT("a.example A 192.0.2.2\na.example A 192.0.2.1\n"
			   "a.example CNAME b.example\na.example TXT x\n"
			   "b.example NODATA A\nb.example NXDOMAIN TXT\n"
			   "b.example SERVFAIL MX\nc.example NODATA\n"
			   "d.example EXISTS\n*.w.example TXT x\n"
			   "\\042.s.example TXT x\n"));

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct dns_question question = {
		    text_from_cstr(rows[i].name), rows[i].type};
		bool is_known;
		struct dns_answer *found =
		    dns_zone_recall(zone, &question, &is_known);
		if (is_known != rows[i].is_known ||
		    found->status != rows[i].status ||
		    found->count != rows[i].count)
			fail_msg("%s %s: %s", rows[i].name,
			    dns_type_name(rows[i].type),
			    names_word(&dns_status_names, (int)found->status));
		dns_answer_unref(found);
	}
	dns_zone_free(zone);
}

static const struct {
	const char *text;
	const char *problem;
} refused[] = {
    {"x", "1: the type is missing"},
    {"\nx 300 IN # TXT", "2: the type is missing"},
    {"a A 192.0.2.1\nb A 192.0.2.1\n\n  IN A 192.0.2.1",
	"4: the owner is missing"},
    {"\tMX 10 a", "1: the owner is missing"},
    {" 300 IN A 192.0.2.1", "1: the owner is missing"},
    {"$ORIGIN example.com.", "1: directives are not known: write whole names"},
    {"@ A 192.0.2.1", "1: there is no origin: write the whole name"},
    {"x MX 10 @", "1: there is no origin: write the whole name"},
    {"a..b A 192.0.2.1", "1: not a domain name"},
    {"a.. A 192.0.2.1", "1: not a domain name"},
    {"\"\" A 192.0.2.1", "1: not a domain name"},
    {"b\xFC.example A 192.0.2.1", "1: not a domain name"},
    {"a\\.b A 192.0.2.1", "1: a label may not hold a dot"},
    {"a\\046b A 192.0.2.1", "1: a label may not hold a dot"},
    {"x A", "1: the address is missing"},
    {"x A # 192.0.2.1", "1: the address is missing"},
    {"x A 192.0.2", "1: not an IPv4 address"},
    {"x A ::1", "1: not an IPv4 address"},
    {"x AAAA 192.0.2.1", "1: not an IPv6 address"},
    {"x A 192.0.2.1 192.0.2.2", "1: more than this record needs"},
    {"x MX mail.example", "1: the preference is not 0 to 65535"},
    {"x MX 65536 mail.example", "1: the preference is not 0 to 65535"},
    {"x MX", "1: the preference is missing"},
    {"x MX 10", "1: a name is missing"},
    {"x CNAME a b", "1: more than this record needs"},
    {"x TXT", "1: the string is missing"},
    {"x TXT \"a", "1: a string without its closing quote"},
    {"x TXT \"a\nb\"", "1: a string without its closing quote"},
    {"x TXT a\\", "1: nothing after the backslash"},
    {"x TXT \\25", "1: \\DDD needs three digits"},
    {"x TXT \\2 5", "1: \\DDD needs three digits"},
    {"x TXT \\256", "1: \\DDD is above 255"},
    {"x EXISTS A", "1: more than this record needs"},
    {"x SERVFAIL A TXT", "1: more than this record needs"},
    {"x SERVFAIL -", "1: not a record type"},
    {"x SERVFAIL TXTT", "1: not a type that is asked for"},
    {"a A 192.0.2.1\nx NXDOMAIN SRV", "2: not a type that is asked for"},
    {"x TIMEOUT TYPE65", "1: not a type that is asked for"},
    {"x SERVFIAL", "1: the data is missing"},
    {"x EXIST # there", "1: the data is missing"},
    {"TXT x.example a", "1: not a record type"},
    {"x 1 2 3 A 192.0.2.1", "1: the type is missing"},
    {"x SOA a b ( 1", "1: a record must stand on one line"},
};

static void
test_refused(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct problem problem = {0};
		struct text text = exact(text_from_cstr(refused[i].text));
		struct dns_zone *zone = dns_zone_read(text, "F", &problem);
		if (zone != NULL || strncmp(problem.text, "F:", 2) != 0 ||
		    strcmp(problem.text + 2, refused[i].problem) != 0) {
			print_error("%s: %s\n", refused[i].text, problem.text);
			wrong++;
		}
		dns_zone_free(zone);
		exact_free(text);
	}
	assert_int_equal(wrong, 0);
}

static void
test_long_text(void **state)
{
	static char text[70000];
	struct arena *arena = arena_new(16 * 1024 * 1024);
	struct build build;

	(void)state;
	memset(text, 'x', sizeof text);
	for (size_t len = 254; len < 70000; len = len * 16 + 1) {
		build_init_arena(&build, arena, sizeof text + 100);
		build_text(&build, TEXT("a TXT "));
		build_text(&build, (struct text){text, len});
		struct dns_zone *zone = read_zone(build_view(&build));
		assert_true((zone != NULL) == (len <= 65535));
		if (zone == NULL)
			continue;
		/* In strings of 255, and back. */
		struct text written = answer(arena, zone, TEXT("a"), DNS_TXT);
		struct dns_zone *again = read_zone(written);
		assert_true(text_equal(
		    answer(arena, again, TEXT("a"), DNS_TXT), written));
		dns_zone_free(again);
		dns_zone_free(zone);
	}
	arena_free(arena);
}

static void
test_too_many_records(void **state)
{
	struct arena *arena = arena_new(16 * 1024 * 1024);
	struct build build;

	(void)state;
	build_init_arena(&build, arena, 1024 * 1024);
	for (unsigned i = 0; i <= DNS_RECORDS_MAX; i++) {
		build_format(&build, "a A 192.0.%u.%u\n", i / 256, i % 256);
		if (i == DNS_RECORDS_MAX - 1)
			build_format(&build, "b CNAME a\n");
	}
	struct dns_zone *zone = read_zone(build_view(&build));
	assert_true(text_equal(
	    answer(arena, zone, TEXT("b"), DNS_A), TEXT("b SERVFAIL A\n")));
	dns_zone_free(zone);
	arena_free(arena);
}

static void
test_large_zone(void **state)
{
	enum { LINES = 100000 };
	struct arena *arena = arena_new(64 * 1024 * 1024);
	struct build build;

	(void)state;
	build_init_arena(&build, arena, 32 * 1024 * 1024);
	for (unsigned i = 0; i < LINES; i++)
		build_format(&build, "h%u.d%u.example TXT %u\n", i, i % 13, i);
	struct dns_zone *zone = read_zone(build_view(&build));
	assert_non_null(zone);
	for (unsigned i = 0; i < LINES; i++) {
		char name[64];
		int len =
		    snprintf(name, sizeof name, "h%u.d%u.example", i, i % 13);
		struct dns_question question = {{name, (size_t)len}, DNS_TXT};
		struct dns_answer *found = dns_zone_answer(zone, &question);
		assert_int_equal(found->count, 1);
		dns_answer_unref(found);
	}
	dns_zone_free(zone);
	arena_free(arena);
}

static unsigned
read_folder(struct arena *arena, const char *folder)
{
	DIR *entries = opendir(folder);
	unsigned count = 0;

	assert_non_null(entries);
	for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
		struct text name = text_from_cstr(entry->d_name);
		struct problem problem = {0};
		if (!text_ends_nocase(name, TEXT(".zone")))
			continue;
		const char *path = arena_cstr(
		    arena, arena_format(arena, "%s/%s", folder, entry->d_name));
		struct dns_zone *zone =
		    dns_zone_read(vectors_read(arena, path), path, &problem);
		if (zone == NULL)
			fail_msg("%s", problem.text);
		dns_zone_free(zone);
		count++;
	}
	(void)closedir(entries);
	return count;
}

static void
test_vectors(void **state)
{
	static const char *const folders[] = {
	    "attacks/espoofer",
	    "dmarc/mailauth-rfc9989/blackbox",
	    "dmarc/mox-rfc7489/blackbox",
	};
	struct arena *arena = arena_new(64 * 1024 * 1024);
	unsigned count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		const char *path = vectors_path(arena, folders[i]);
		if (path != NULL)
			count += read_folder(arena, path);
	}
	arena_free(arena);
	if (count == 0) {
		print_message("# no zone files: they come with the tests of "
			      "postalsys/mailauth and mjl-/mox\n");
		skip();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_ttl),
	    cmocka_unit_test(test_recall),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_long_text),
	    cmocka_unit_test(test_too_many_records),
	    cmocka_unit_test(test_large_zone),
	    cmocka_unit_test(test_vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
