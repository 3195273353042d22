/* dmarc report --check without the tool: when memory ends, there is no answer.
 * What it finds is in tests/system/test_signing.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clerk/check.h"

#include <stdlib.h>

enum { ARENA_MAX = 4 * 1024 * 1024, NOW = 1700000000 };

static const char zone_text[] =
    "_dmarc.receiver.example TXT \"v=DMARC1; p=reject\"\n"
    "mx.receiver.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n";

struct scene {
	struct config *config;
	struct setup setup;
	struct dns_zone *zone;
	struct loop *loop;
	struct resolver *resolver;
};

static int
set_up(void **state)
{
	static struct scene scene;
	struct problem problem = {PROBLEM_NONE, ""};

	*state = &scene;
	scene.config = config_load_over(
	    NULL, "ReportEmail dmarc@receiver.example\n", &problem);
	scene.zone = dns_zone_read(TEXT(zone_text), "zone", &problem);
	scene.loop = loop_new(&problem);
	if (scene.config == NULL || scene.zone == NULL || scene.loop == NULL ||
	    !setup_make(scene.config, &scene.setup, &problem))
		return -1;
	scene.resolver = resolver_new_zone(scene.loop, scene.zone, &problem);
	return scene.resolver == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	resolver_free(scene->resolver);
	loop_free(scene->loop);
	dns_zone_free(scene->zone);
	setup_clear(&scene->setup);
	config_free(scene->config);
	return 0;
}

static void
test_no_memory(void **state)
{
	const struct scene *scene = *state;
	static const struct ip address = {4, {192, 0, 2, 1}};
	const struct check_options options = {.setup = &scene->setup,
	    .now = NOW,
	    .helo = TEXT("mx.receiver.example"),
	    .addresses = 1,
	    .address = &address};
	bool is_done = false;

	for (size_t n = 1; !is_done; n++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct problem problem = {PROBLEM_NONE, ""};
		struct check check;
		arena_fail_after(arena, n);
		is_done = check_reports(
		    &options, scene->resolver, arena, &check, &problem);
		if (is_done) {
			assert_int_equal(check.conclusion, CHECK_BY_SPF);
			assert_int_equal(check.routes.count, 1);
			assert_int_equal(check.key, CHECK_KEY_NONE);
		} else {
			assert_int_not_equal(problem.kind, PROBLEM_NONE);
		}
		arena_free(arena);
		assert_in_range(n, 1, 1000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
