#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "mail/address.h"
#include "mail/message.h"
#include "report/envelope.h"
#include "vectors.h"
#include "xmlcheck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define GOLDEN "tests/unit/report/golden.eml"

enum { ARENA_MAX = 4 * 1024 * 1024, MAIL_MAX = 1024 * 1024 };

static const struct report_metadata metadata = {
    .report_id = {"0123456789abcdef0123456789abcdef", 32},
    .begin = 1795305600,
    .end = 1795391999,
};

/* --- names --- */

static const struct {
	const char *name;
	struct text receiver;
	struct text policy_domain;
	struct text id;
	const char *expected;
} name_rows[] = {
    {"RFC 9990 3.5.2, with an id", {"mail.receiver.example", 21},
	{"example.com", 11}, {"a1", 2},
	"mail.receiver.example!example.com!1795305600!1795391999!a1.xml.gz"},
    {"a UUID loses its hyphens", {"r.example", 9}, {"d.example", 9},
	{"0190a2d7-6d0e-7f3a-9c1e-5a3f6c1b2d3e", 36},
	"r.example!d.example!1795305600!1795391999!"
	"0190a2d76d0e7f3a9c1e5a3f6c1b2d3e.xml.gz"},
    {"hostile", {"../../etc", 9}, {"a/../b!c\r\n\0d\"", 13}, {"../x\0", 5},
	".._.._etc!a_.._b_c___d_!1795305600!1795391999!x.xml.gz"},
};

static void
test_file_name(void **state)
{
	size_t failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof name_rows / sizeof *name_rows; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct report_metadata about = metadata;
		struct text domain = exact(name_rows[i].policy_domain);
		about.report_id = name_rows[i].id;
		struct text found = report_file_name(
		    arena, name_rows[i].receiver, domain, &about);
		if (!text_equal(found, text_from_cstr(name_rows[i].expected))) {
			print_error("%s: " TEXT_FMT "\n", name_rows[i].name,
			    TEXT_ARG(found));
			failures++;
		}
		exact_free(domain);
		arena_free(arena);
	}
	assert_int_equal(failures, 0);
}

/* --- gzip --- */

static void
inflate_all(struct text gzip, struct text expected)
{
	Bytef *room = malloc(expected.len + 1);
	z_stream stream = {0};

	assert_non_null(room);
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	Bytef *bytes = malloc(gzip.len);
	assert_non_null(bytes);
	memcpy(bytes, gzip.ptr, gzip.len);
	stream.next_in = bytes;
	stream.avail_in = (uInt)gzip.len;
	stream.next_out = room;
	stream.avail_out = (uInt)expected.len + 1;
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	assert_int_equal(stream.total_out, expected.len);
	assert_int_equal(memcmp(room, expected.ptr, expected.len), 0);
	(void)inflateEnd(&stream);
	free(bytes);
	free(room);
}

static void
test_gzip(void **state)
{
	static const size_t sizes[] = {1, 100, 16 * 1024, 300000};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct build twice[2];
		char *bytes = malloc(sizes[i]);
		unsigned random = 1;
		assert_non_null(bytes);
		for (size_t at = 0; at < sizes[i]; at++) {
			random = random * 1664525U + 1013904223U;
			bytes[at] = (char)(random >> 24);
		}
		struct text text = {bytes, sizes[i]};
		for (size_t n = 0; n < 2; n++) {
			build_init(&twice[n], MAIL_MAX);
			assert_true(report_gzip(&twice[n], text));
		}
		inflate_all(build_view(&twice[0]), text);
		assert_true(
		    text_equal(build_view(&twice[0]), build_view(&twice[1])));
		/* RFC 1952 2.3: no flags, no time, system unknown. */
		assert_memory_equal(
		    twice[0].ptr, "\x1F\x8B\x08\0\0\0\0\0\x02\xFF", 10);
		build_free(&twice[0]);
		build_free(&twice[1]);
		free(bytes);
	}
}

static void
test_gzip_limits(void **state)
{
	struct build build;

	(void)state;
	build_init(&build, MAIL_MAX);
	assert_true(report_gzip(&build, TEXT("")));
	inflate_all(build_view(&build), TEXT(""));
	build_free(&build);
	build_init(&build, 10);
	assert_false(report_gzip(&build, TEXT("some bytes")));
	build_free(&build);
}

/* --- the mail --- */

static const struct report_mail mail = {
    .from = {"dmarc@receiver.example", 22},
    .to = {"reports@example.com", 19},
    .receiver = {"receiver.example", 16},
    .policy_domain = {"example.com", 11},
    .metadata = &metadata,
    .gzip = {"these bytes stand for a gzip file, \0 and all, and are more "
	     "than a line of base64",
	80},
    .date = 1795395600,
};

static void
test_golden(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct text golden = vectors_read(arena, GOLDEN);
	struct build build;

	(void)state;
	build_init(&build, MAIL_MAX);
	report_mail_write(&build, &mail);
	assert_false(build_failed(&build));
	if (!text_equal(build_view(&build), golden)) {
		(void)fwrite(build.ptr, 1, build.len, stderr);
		print_error("this is not " GOLDEN "\n");
		fail();
	}
	build_free(&build);
	arena_free(arena);
}

/* 253 bytes. */
#define LABEL "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-012345678"
#define LONG                                                                   \
 LABEL "." LABEL "." LABEL "."                                                 \
       "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-0123456"

static const struct {
	const char *name;
	const char *receiver;
	const char *domain;
	const char *to;
	struct text organization;
} mail_rows[] = {
    {"usual", "receiver.example", "example.com", "reports@example.com",
	{"Receiver", 8}},
    {"long names", LONG, LONG, "reports@example.com", {"Receiver", 8}},
    {"A-labels", "xn--bcher-kva.example", "xn--e1afmkfd.xn--p1ai",
	"reports@xn--e1afmkfd.xn--p1ai",
	{"B\xC3\xBC"
	 "cher & <S\xC3\xB6hne>",
	    19}},
    {"hostile organization", "receiver.example", "example.com",
	"\"a\\\"b\"@example.com",
	{"\r\nBcc: x\r\n\r\n\x1B\xFF\xEF\xBF\xBE", 18}},
    {"odd address", "receiver.example", "_x.example.com",
	"!#$%&'*+-/=?^_`{|}~@example.com", {"", 0}},
};

/* As the clerk makes it. */
static void
write_mail(struct build *letter, size_t row, enum report_format format)
{
	struct arena *arena = arena_new(ARENA_MAX);
	const struct text receiver = text_from_cstr(mail_rows[row].receiver);
	const struct report_policy policy = {
	    .domain = text_from_cstr(mail_rows[row].domain)};
	const struct report_row only = {.source_ip = TEXT("192.0.2.1"),
	    .count = 1,
	    .disposition = TEXT("none"),
	    .header_from = policy.domain};
	struct report_metadata about = metadata;
	struct build xml;
	struct build gzip;

	about.email = arena_join(arena, TEXT("dmarc@"), receiver);
	about.org_name = mail_rows[row].organization;
	about.extra_contact_info = mail_rows[row].organization;
	build_init_arena(&xml, arena, MAIL_MAX);
	build_init_arena(&gzip, arena, MAIL_MAX);
	const struct aggregate aggregate = {&xml, format};
	aggregate_begin(&aggregate, &about, &policy);
	aggregate_row(&aggregate, &only);
	aggregate_end(&aggregate);
	assert_true(report_gzip(&gzip, build_view(&xml)));
	report_mail_write(letter, &(struct report_mail){.from = about.email,
				      .to = text_from_cstr(mail_rows[row].to),
				      .receiver = receiver,
				      .policy_domain = policy.domain,
				      .metadata = &about,
				      .format = format,
				      .gzip = build_view(&gzip),
				      .date = metadata.end + 1});
	assert_false(build_failed(letter));
	arena_free(arena);
}

static struct mail_header read_header; /* of the last mail */

static void
keep_header(void *context, const struct mail_header *header)
{
	(void)context;
	read_header = *header;
}

static void
drop_body(void *context, struct text piece)
{
	(void)context, (void)piece;
}

/* Our own reader takes it for what it is: one author, who is the receiver. */
static bool
is_ours(size_t row, struct text letter)
{
	struct arena *arena = arena_new(ARENA_MAX);
	const struct mail_message_sink sink = {keep_header, drop_body, NULL};
	struct mail_message *message = mail_message_new(arena, &sink);

	mail_message_feed(message, letter);
	assert_true(mail_message_finish(message));
	struct author author = author_find(arena, &read_header);
	bool is_good = author.status == AUTHOR_OK &&
		       text_equal(author.domain,
			   text_from_cstr(mail_rows[row].receiver)) &&
		       read_header.fields.count == 8;
	arena_free(arena);
	return is_good;
}

static void
test_mails(void **state)
{
	size_t failures = 0;

	(void)state;
	for (size_t i = 0; i < 2 * (sizeof mail_rows / sizeof *mail_rows);
	     i++) {
		size_t row = i / 2;
		struct build letter;
		build_init(&letter, MAIL_MAX);
		write_mail(&letter, row, (enum report_format)(i % 2));
		struct text whole = exact(build_view(&letter));
		if (!is_ours(row, whole) ||
		    xml_check(mail_rows[row].name, whole) == XML_INVALID) {
			print_error("%s\n", mail_rows[row].name);
			failures++;
		}
		exact_free(whole);
		build_free(&letter);
	}
	assert_int_equal(failures, 0);
}

/* No text can add a line, end a part, or be 8-bit. */
static void
test_hostile(void **state)
{
	struct text evil = exact(TEXT("a\r\nBcc: x@victim.example\r\n\r\n--=_"
				      "\xC3\xBC\0\""));
	struct report_metadata about = metadata;
	struct report_mail letter = {.from = evil,
	    .to = evil,
	    .receiver = evil,
	    .policy_domain = evil,
	    .metadata = &about,
	    .gzip = evil,
	    .date = INT64_MAX};
	struct build build;
	size_t ends = 0;

	(void)state;
	about.report_id = evil;
	build_init(&build, MAIL_MAX);
	report_mail_write(&build, &letter);
	assert_false(build_failed(&build));
	for (struct text rest = build_view(&build); rest.len > 0; ends++) {
		struct text line = text_split(&rest, '\n');
		assert_false(text_starts_nocase(line, TEXT("Bcc")));
		assert_false(text_equal(line, TEXT("--=_\r")));
		assert_true(line.ptr[line.len - 1] == '\r');
		assert_int_equal(text_find(line, '\r'), line.len - 1);
		for (size_t i = 0; i + 1 < line.len; i++)
			assert_in_range(line.ptr[i], ' ', '~');
	}
	assert_in_range(ends, 30, 45);
	build_free(&build);
	exact_free(evil);
}

static void
test_no_memory(void **state)
{
	struct build build;

	(void)state;
	build_init(&build, MAIL_MAX);
	report_mail_write(&build, &mail);
	size_t len = build.len;
	build_free(&build);
	for (size_t limit = 0; limit < len; limit++) {
		build_init(&build, limit);
		report_mail_write(&build, &mail);
		assert_true(build_failed(&build));
		build_free(&build);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_file_name),
	    cmocka_unit_test(test_gzip),
	    cmocka_unit_test(test_gzip_limits),
	    cmocka_unit_test(test_golden),
	    cmocka_unit_test(test_mails),
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name(
	    "report envelope", tests, NULL, NULL);
}
