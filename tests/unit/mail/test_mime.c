#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "exact.h"
#include "mail/mime.h"

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

#define WORD_70                                                                \
 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg"

struct row {
	const char *name;
	const char *field;
	struct text value;
	struct text written;
};

static const struct row rows[] = {
    {"plain", "Subject", T("a b"), T("Subject: a b\r\n")},
    {"empty", "Subject", T(""), T("Subject: \r\n")},
    {"trimmed", "Subject", T(" a "), T("Subject: a\r\n")},
    {"line end", "Subject", T("a\r\nTo: b"), T("Subject: a??To: b\r\n")},
    {"8-bit", "Subject", T("b\xC3\xBC"), T("Subject: b??\r\n")},
    {"NUL, tab", "Subject", T("a\0\tb"), T("Subject: a??b\r\n")},
    {"78 columns", "To", T(WORD_70 " 345"), T("To: " WORD_70 " 345\r\n")},
    {"79 columns", "To", T(WORD_70 " 3456"), T("To: " WORD_70 "\r\n 3456\r\n")},
    {"two folds", "To", T(WORD_70 " " WORD_70 " " WORD_70),
	T("To: " WORD_70 "\r\n " WORD_70 "\r\n " WORD_70 "\r\n")},
    {"spaces stay", "To", T(WORD_70 "   3456"),
	T("To: " WORD_70 "\r\n   3456\r\n")},
    {"first word too long", "Subject", T(WORD_70 WORD_70 " b"),
	T("Subject: " WORD_70 WORD_70 "\r\n b\r\n")},
    {"second word too long", "To", T("a " WORD_70 WORD_70 " b"),
	T("To: a\r\n " WORD_70 WORD_70 "\r\n b\r\n")},
};

static void
test_fields(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text value = exact(rows[i].value);
		struct build build;
		build_init(&build, 10000);
		mime_field(&build, rows[i].field, value);
		if (!text_equal(build_view(&build), rows[i].written)) {
			print_error("%s:\n" TEXT_FMT "\n", rows[i].name,
			    TEXT_ARG(build_view(&build)));
			wrong++;
		}
		build_free(&build);
		exact_free(value);
	}
	assert_int_equal(wrong, 0);
}

static void
test_multipart(void **state)
{
	struct build build;

	(void)state;
	build_init(&build, 10000);
	mime_field(&build, "Subject", TEXT("x"));
	mime_end_of_header(&build);
	mime_open_part(&build, TEXT("=_1"));
	mime_end_of_header(&build);
	build_text(&build, TEXT("no line end"));
	mime_open_part(&build, TEXT("=_1"));
	mime_attachment(&build, "application/gzip", TEXT("a!b\"\\\r\n.gz"),
	    TEXT("0123456789012345678901234567890123456789012345678901"
		 "23456789"));
	mime_close(&build, TEXT("=_1"));
	assert_true(text_equal(build_view(&build),
	    TEXT("Subject: x\r\n"
		 "\r\n"
		 "--=_1\r\n"
		 "\r\n"
		 "no line end\r\n"
		 "--=_1\r\n"
		 "Content-Type: application/gzip;\r\n"
		 " name=\"a!b????.gz\"\r\n"
		 "Content-Transfer-Encoding: base64\r\n"
		 "Content-Disposition: attachment;\r\n"
		 " filename=\"a!b????.gz\"\r\n"
		 "\r\n"
		 "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMj"
		 "M0NTY3ODkwMTIzNDU2\r\n"
		 "Nzg5\r\n"
		 "--=_1--\r\n")));
	build_free(&build);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_multipart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
