/* The first line is a rua URI; the others are the TXT records by which its
 * host consents or does not (RFC 9990 4). */
#include "report/destination.h"

#include "base/build.h"
#include "dns/name.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { ARENA_MAX = 8 * 1024 * 1024, RECORDS_MAX = 20 };

#define POLICY_DOMAIN TEXT("blue.example.com")

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* Whatever stood in the URI. */
static void
require_safe(const struct destination *destination)
{
	struct text address = destination->address;

	require(address.len > 0 && address.len <= 254);
	require(address.ptr[0] != '-' && address.ptr[0] != '@');
	for (size_t i = 0; i < address.len; i++) {
		require(is_printable((unsigned char)address.ptr[i]));
		require(address.ptr[i] != '<' && address.ptr[i] != '>');
	}
	struct text host =
	    text_slice(address, text_find_last(address, '@') + 1, address.len);
	require(text_equal(host, destination->host));
	require(dns_name_is_ldh(host));
}

/* An address that was read reads as itself, every byte of it encoded. */
static void
require_stable(struct arena *arena, const struct destination *destination)
{
	struct build uri;

	build_init_arena(&uri, arena, ARENA_MAX);
	build_cstr(&uri, "MailTo:");
	for (size_t i = 0; i < destination->address.len; i++)
		build_format(
		    &uri, "%%%02x", (unsigned char)destination->address.ptr[i]);
	build_format(
	    &uri, "?subject=x!%llu", (unsigned long long)destination->size_max);
	struct destination again = destination_read(arena, build_view(&uri));
	require(again.status == DESTINATION_OK);
	require(text_equal(again.address, destination->address));
	require(again.size_max == destination->size_max);
}

static struct dns_answer *
consent(struct text records)
{
	struct dns_answer *answer = dns_answer_new(DNS_FOUND, 60);

	require(answer != NULL);
	for (size_t i = 0; records.len > 0 && i < RECORDS_MAX; i++) {
		struct dns_record record = {.text = text_split(&records, '\n')};
		require(dns_answer_add(answer, &record));
	}
	return answer;
}

static void
answer_wanted(struct dns_facts *facts, struct text records)
{
	struct dns_question question;

	while (dns_next_wanted(facts, &question)) {
		bool is_consent = text_starts(
		    question.name, TEXT("blue.example.com._report._dmarc."));
		(void)dns_tell(facts, &question,
		    is_consent && records.len > 0
			? consent(records)
			: dns_answer_new(DNS_NXDOMAIN, 60));
	}
}

static bool
has_confirmation(struct text records)
{
	for (size_t i = 0; records.len > 0 && i < RECORDS_MAX; i++)
		if (dmarc_record_is_dmarc(text_split(&records, '\n')))
			return true;
	return false;
}

static void
check(struct arena *arena, struct destination asked, struct text records)
{
	const struct dmarc_options options = {.method = DMARC_TREEWALK};
	struct dns_facts *facts = dns_facts_new(arena);
	struct destination result = asked;
	unsigned passes = 1;

	while (!destination_check(
	    &result, POLICY_DOMAIN, &options, facts, arena, NULL)) {
		answer_wanted(facts, records);
		require(++passes <= dns_facts_count(facts) + 2);
	}
	require(text_equal(result.host, asked.host));
	if (arena_failed(arena) || result.status != DESTINATION_OK)
		return;
	require_safe(&result);
	require(
	    text_equal(asked.host, POLICY_DOMAIN) || has_confirmation(records));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text records = {(const char *)bytes, len};
	struct text uri = text_split(&records, '\n');
	struct arena *arena = arena_new(ARENA_MAX);

	require(arena != NULL);
	struct destination destination = destination_read(arena, uri);
	require((destination.status == DESTINATION_OK) ==
		(destination.reason.len == 0));
	if (destination.status == DESTINATION_OK) {
		require_safe(&destination);
		require_stable(arena, &destination);
		check(arena, destination, records);
	} else {
		require(destination.address.len == 0);
	}
	arena_free(arena);
	return 0;
}
