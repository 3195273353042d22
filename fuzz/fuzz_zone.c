/* Zone texts. Reading never crashes; a refusal has a problem with the line. The
 * first line is a question; its answer is sound, and what dns_zone_write makes
 * of it reads back as the same answer. */
#include "dns/name.h"
#include "dns/zone.h"

#include <stdlib.h>
#include <string.h>

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static const enum dns_type types[] = {
    DNS_A, DNS_NS, DNS_CNAME, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA};

static void
require_same(const struct dns_answer *a, const struct dns_answer *b)
{
	require(a->status == b->status && a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct dns_record *one = &a->records[i];
		const struct dns_record *other = &b->records[i];
		require(text_equal(one->text, other->text) &&
			ip_equal(&one->ip, &other->ip) &&
			one->preference == other->preference);
	}
}

static void
check_written(
    const struct dns_question *question, const struct dns_answer *answer)
{
	struct problem problem = {0};
	struct build build;

	build_init(&build, 1024 * 1024);
	dns_zone_write(&build, question, answer);
	require(!build_failed(&build) || build.len > 512 * 1024);
	if (!build_failed(&build)) {
		struct dns_zone *zone =
		    dns_zone_read(build_view(&build), "written", &problem);
		require(zone != NULL);
		struct dns_answer *again = dns_zone_answer(zone, question);
		require_same(answer, again);
		dns_answer_unref(again);
		bool is_known = false;
		again = dns_zone_recall(zone, question, &is_known);
		require(is_known);
		require_same(answer, again);
		dns_answer_unref(again);
		dns_zone_free(zone);
	}
	build_free(&build);
}

static void
ask(const struct dns_zone *zone, struct text name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct dns_question question = {name, types[i]};
		struct dns_answer *answer = dns_zone_answer(zone, &question);
		require(answer != NULL && answer->status != DNS_UNKNOWN);
		require((answer->count > 0) == (answer->status == DNS_FOUND));
		check_written(&question, answer);
		dns_answer_unref(answer);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text text = {(const char *)bytes, len};
	struct text line = text_split(&text, '\n');
	struct problem problem = {0};
	struct dns_zone *zone = dns_zone_read(text, "zone", &problem);
	struct arena *arena = arena_new(64 * 1024);
	struct text name;

	if (zone == NULL)
		require(problem.kind == PROBLEM_DATA &&
			strncmp(problem.text, "zone:", 5) == 0);
	else if (dns_name_read(arena, line, &name))
		ask(zone, name);
	arena_free(arena);
	dns_zone_free(zone);
	return 0;
}
