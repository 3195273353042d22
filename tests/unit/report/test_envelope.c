#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "report/envelope.h"
#include "vectors.h"

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
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name(
	    "report envelope", tests, NULL, NULL);
}
