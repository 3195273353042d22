#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "packet.h"

#include <string.h>

static const struct {
	enum dns_status status;
	enum dns_type type;
	struct dns_record records[2];
	size_t count;
} written[] = {
    {DNS_FOUND, DNS_A, {{.ip = {4, {192, 0, 2, 1}}}}, 1},
    {DNS_FOUND, DNS_AAAA, {{.ip = {6, {[15] = 1}}}, {.ip = {6, {[15] = 2}}}},
	2},
    {DNS_FOUND, DNS_TXT, {{.text = {"", 0}}, {.text = {"\0x", 2}}}, 2},
    {DNS_FOUND, DNS_MX,
	{{.text = {"", 0}}, {.text = {"b.c", 3}, .preference = 65535}}, 2},
    {DNS_FOUND, DNS_NS, {{.text = {"ns.example", 10}}}, 1},
    {DNS_FOUND, DNS_PTR, {{.text = {"host.example", 12}}}, 1},
    {DNS_FOUND, DNS_CNAME, {{.text = {"c.example", 9}}}, 1},
    {DNS_NODATA, DNS_A, {{.preference = 0}}, 0},
    {DNS_NXDOMAIN, DNS_A, {{.preference = 0}}, 0},
    {DNS_FAILED, DNS_A, {{.preference = 0}}, 0},
};

static bool
same(const struct dns_answer *a, const struct dns_answer *b)
{
	if (a->status != b->status || a->ttl != b->ttl ||
	    a->count != b->count || a->authentic != b->authentic)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!text_equal(a->records[i].text, b->records[i].text) ||
		    !ip_equal(&a->records[i].ip, &b->records[i].ip) ||
		    a->records[i].preference != b->records[i].preference)
			return false;
	}
	return true;
}

static void
test_written_is_read(void **state)
{
	struct arena *arena = arena_new(1024 * 1024);

	(void)state;
	for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
		struct dns_question question = {
		    TEXT("q.example"), written[i].type};
		struct dns_answer answer = {
		    .status = written[i].status,
		    .ttl = 10,
		    .authentic = written[i].status != DNS_FAILED,
		    .count = written[i].count,
		    .records = written[i].records,
		};
		struct build build;
		bool foreign;
		build_init_arena(&build, arena, 65535);
		build_text(&build, TEXT("##")); /* a length, as for TCP */
		assert_true(
		    dns_message_write_answer(&build, ID, &question, &answer));
		struct text bytes =
		    text_slice(build_view(&build), 2, build.len);
		struct dns_answer *read =
		    dns_message_read(bytes, ID, &question, &foreign);
		if (foreign || !same(read, &answer))
			fail_msg("row %zu", i);
		dns_answer_unref(read);
	}
	arena_free(arena);
}

static void
test_long_text(void **state)
{
	static char text[66000];
	struct dns_record record = {.text = {text, 0}};
	struct dns_question question = {TEXT("q.example"), DNS_TXT};
	struct dns_answer answer = {
	    .status = DNS_FOUND, .count = 1, .records = &record};
	struct arena *arena = arena_new(16 * 1024 * 1024);

	(void)state;
	memset(text, 'x', sizeof text);
	for (size_t len = 0; len <= sizeof text; len += 255) {
		struct build build;
		bool foreign;
		build_init_arena(&build, arena, 70000);
		record.text.len = len;
		bool fits =
		    dns_message_write_answer(&build, ID, &question, &answer);
		assert_true(
		    fits ==
		    (12 + 15 + 12 + len / 255 * 256 + (len == 0) <= 65535));
		if (!fits)
			continue;
		struct dns_answer *read = dns_message_read(
		    build_view(&build), ID, &question, &foreign);
		assert_true(same(read, &answer));
		dns_answer_unref(read);
		arena_free(arena);
		arena = arena_new(16 * 1024 * 1024);
	}
	arena_free(arena);
}

static void
test_query(void **state)
{
	struct arena *arena = arena_new(65536);
	struct dns_question question = {TEXT("a.example"), DNS_TXT};
	struct build build;

	(void)state;
	build_init_arena(&build, arena, 512);
	assert_true(dns_message_write_query(&build, ID, &question));
	assert_true(text_equal(build_view(&build),
	    packet(arena, "1234 0120 0001 0000 0000 0001 " QUESTION("0010")
			      OPT("00000000"))));
	question.name = TEXT("a..example");
	assert_false(dns_message_write_query(&build, ID, &question));
	question.name = TEXT("");
	assert_false(dns_message_write_query(&build, ID, &question));
	question.name = TEXT("a.example");
	build_init_arena(&build, arena, 20);
	assert_false(dns_message_write_query(&build, ID, &question));
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_written_is_read),
	    cmocka_unit_test(test_long_text),
	    cmocka_unit_test(test_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
