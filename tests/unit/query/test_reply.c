#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "query/reply.h"

static void
test_reply(void **state)
{
	struct build build;

	(void)state;
	build_init(&build, QUERY_REPLY_MAX);
	query_reply_begin(&build);
	query_reply_add(&build, "plain", TEXT("a b"));
	query_reply_add(&build, "empty", TEXT(""));
	query_reply_add(&build, "quoted", TEXT("\"x\\\" y=\"z"));
	query_reply_add(&build, "folded", TEXT("a;\r\n\tb\r"));
	query_reply_add(&build, "odd", TEXT("\0\x7F\xFF$"));
	query_reply_end(&build);
	assert_false(build_failed(&build));
	assert_true(text_equal(build_view(&build),
	    TEXT("version=\"1\" plain=\"a b\" empty=\"\" "
		 "quoted=\"\\\"x\\\\\\\" y=\\\"z\" folded=\"a;\\n\\tb\" "
		 "odd=\"\?\?\?$\"\n")));
	build_free(&build);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_reply)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
