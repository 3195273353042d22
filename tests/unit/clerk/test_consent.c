/* Consents of several hosts, some of which never answer. Time decides nothing
 * here: what ends the wait is that the others have answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clerk/consent.h"

#include "nameserver.h"

enum { ARENA_MAX = 1024 * 1024, SECONDS = 200, DESTINATIONS = 5 };

#define CONSENT(host) "d.example._report._dmarc." host " TXT "

static const char zone_text[] =
    "_dmarc.d.example TXT \"v=DMARC1; p=none\"\n"
    /* Two rounds: the organizational domain, then the consent. */
    "_dmarc.first.example TXT \"v=DMARC1; p=none\"\n" CONSENT("first.example") "\"v=DMARC1; rua=mailto:other@first.example\"\n" CONSENT(
	"last.example") "\"v=DMARC1; "
			"rua=mailto:other@last.example\"\n";

static bool
is_override(struct text address)
{
	return text_starts(address, TEXT("other@"));
}

static bool
has_both_answers(void *context)
{
	const struct destination *destinations = context;

	return is_override(destinations[1].address) &&
	       is_override(destinations[3].address);
}

static void
assert_is(const struct destination *destination, enum destination_status status,
    const char *address)
{
	assert_int_equal(destination->status, status);
	assert_true(text_equal(destination->address, text_from_cstr(address)));
}

static void
test_silent_hosts(void **state)
{
	static const char *const uris[DESTINATIONS] = {
	    "mailto:r@a.silent.example", "mailto:r@first.example",
	    "mailto:r@b.silent.example", "mailto:r@last.example", "https:x"};
	static const struct dmarc_options treewalk = {.method = DMARC_TREEWALK};
	struct destination destinations[DESTINATIONS];
	struct arena *arena = arena_new(ARENA_MAX);
	struct loop *loop = loop_new(NULL);
	struct dns_zone *zone = dns_zone_read(TEXT(zone_text), "zone", NULL);
	struct server server;

	(void)state;
	start_server(&server, loop, zone);
	server.silent = TEXT("silent.example");
	const struct resolver_options options = {
	    .servers = server.address, .timeout = SECONDS * 1000};
	struct resolver *resolver = resolver_new_network(loop, &options, NULL);
	assert_non_null(resolver);
	for (size_t i = 0; i < DESTINATIONS; i++)
		destinations[i] =
		    destination_read(arena, text_from_cstr(uris[i]));
	consent_ask(
	    &(struct consent){.policy_domain = TEXT("d.example"),
		.dmarc = &treewalk,
		.resolver = resolver,
		.patience = {.deadline = resolver_deadline(resolver, SECONDS),
		    .should_stop = has_both_answers,
		    .context = destinations}},
	    destinations, DESTINATIONS, arena);
	assert_is(
	    &destinations[0], DESTINATION_TEMPERROR, "r@a.silent.example");
	assert_is(&destinations[1], DESTINATION_OK, "other@first.example");
	assert_is(
	    &destinations[2], DESTINATION_TEMPERROR, "r@b.silent.example");
	assert_is(&destinations[3], DESTINATION_OK, "other@last.example");
	assert_is(&destinations[4], DESTINATION_UNSUPPORTED, "");
	resolver_free(resolver);
	stop_server(&server);
	loop_free(loop);
	dns_zone_free(zone);
	arena_free(arena);
}

/* Nobody is taken for willing when memory ends. */
static void
test_no_memory(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct loop *loop = loop_new(NULL);
	struct dns_zone *zone = dns_zone_read(TEXT(zone_text), "zone", NULL);
	struct resolver *resolver = resolver_new_zone(loop, zone, NULL);
	struct destination destination =
	    destination_read(arena, TEXT("mailto:r@first.example"));

	(void)state;
	arena_fail_after(arena, 1);
	consent_ask(&(struct consent){.policy_domain = TEXT("d.example"),
			.resolver = resolver},
	    &destination, 1, arena);
	assert_int_equal(destination.status, DESTINATION_TEMPERROR);
	resolver_free(resolver);
	loop_free(loop);
	dns_zone_free(zone);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_silent_hosts),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
