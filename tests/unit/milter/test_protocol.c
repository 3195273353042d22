#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "milter/protocol.h"

#include "exact.h"

/* As TEXT, for tables. */
#define BYTES(literal)                                                         \
 {                                                                             \
  (literal), sizeof(literal) - 1                                               \
 }

static void
reads_frames(void **state)
{
	static const struct {
		const char *name;
		struct text bytes;
		enum milter_read result;
		char command;
		struct text data;
		size_t size;
	} rows[] = {
	    {"nothing", BYTES(""), MILTER_READ_MORE, 0, {"", 0}, 0},
	    {"half a length", BYTES("\0\0\0"), MILTER_READ_MORE, 0, {"", 0}, 0},
	    {"only a length", BYTES("\0\0\0\1"), MILTER_READ_MORE, 0, {"", 0},
		0},
	    {"no data", BYTES("\0\0\0\1Q"), MILTER_READ_FRAME, 'Q', {"", 0}, 5},
	    {"data, and more", BYTES("\0\0\0\3Hab\0\0"), MILTER_READ_FRAME, 'H',
		{"ab", 2}, 7},
	    {"half the data", BYTES("\0\0\0\3Ha"), MILTER_READ_MORE, 0, {"", 0},
		0},
	    {"length 0", BYTES("\0\0\0\0Q"), MILTER_READ_ERROR, 0, {"", 0}, 0},
	    {"the largest", BYTES("\0\x11\0\0B"), MILTER_READ_MORE, 0, {"", 0},
		0},
	    {"one more", BYTES("\0\x11\0\1B"), MILTER_READ_ERROR, 0, {"", 0},
		0},
	    {"all bits", BYTES("\xff\xff\xff\xff\xff"), MILTER_READ_ERROR, 0,
		{"", 0}, 0},
	};

	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct milter_frame frame = {0, TEXT("")};
		size_t size = 0;
		struct text bytes = exact(rows[i].bytes);
		enum milter_read result =
		    milter_frame_read(bytes, &frame, &size);
		if (result != rows[i].result ||
		    frame.command != rows[i].command ||
		    !text_equal(frame.data, rows[i].data) ||
		    size != rows[i].size) {
			print_error("%s: %d '%c' %zu\n", rows[i].name,
			    (int)result, frame.command, size);
			failures++;
		}
		exact_free(bytes);
	}
	assert_int_equal(failures, 0);
}

static void
reads_what_it_writes(void **state)
{
	struct build build;
	struct milter_frame frame;
	struct text string;
	uint32_t number;
	uint16_t number16;
	size_t size;

	(void)state;
	build_init(&build, 100);
	milter_put_number(&build, 0xFEDCBA98);
	milter_put_string(&build, TEXT("value"));
	milter_put_string(&build, TEXT(""));
	build_text(&build, TEXT("\xFF\x01"));
	struct text data = exact(build_view(&build));
	build_cut(&build, 0);
	milter_frame_write(&build, 'L', data);
	exact_free(data);
	assert_int_equal(milter_frame_read(build_view(&build), &frame, &size),
	    MILTER_READ_FRAME);
	assert_int_equal(size, build.len);
	assert_int_equal(frame.command, 'L');
	assert_true(milter_take_number(&frame.data, &number));
	assert_int_equal(number, 0xFEDCBA98);
	assert_true(milter_take_string(&frame.data, &string));
	assert_true(text_equal(string, TEXT("value")));
	assert_true(milter_take_string(&frame.data, &string));
	assert_int_equal(string.len, 0);
	assert_false(milter_take_string(&frame.data, &string));
	assert_false(milter_take_number(&frame.data, &number));
	assert_true(milter_take_number16(&frame.data, &number16));
	assert_int_equal(number16, 0xFF01);
	assert_false(milter_take_number16(&frame.data, &number16));
	assert_int_equal(frame.data.len, 0);
	build_free(&build);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_frames),
	    cmocka_unit_test(reads_what_it_writes),
	};

	return cmocka_run_group_tests_name(
	    "milter protocol", tests, NULL, NULL);
}
