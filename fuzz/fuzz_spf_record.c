/* Input: what follows "v=spf1 ". A record that is good stays the same when its
 * terms are written again, and none is good beside a bad term. */
#include "spf/macro.h"
#include "spf/record.h"

#include <assert.h>

enum { ARENA_MAX = 4 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const struct spf_record *
parse(struct arena *arena, struct text body, struct text behind)
{
	struct text start = arena_join(arena, TEXT("v=spf1 "), body);
	const struct dns_record records[] = {
	    {.text = arena_join(arena, start, behind)}};
	const struct dns_answer answer = {
	    .status = DNS_FOUND, .count = 1, .records = records};
	const struct spf_record *record =
	    dns_answer_parsed(&answer, spf_record_parse, arena);

	assert(record != NULL && record->versions == 1);
	assert(record->terms <= SPF_TERMS_MAX);
	return record;
}

static bool
is_domain_spec(struct text text)
{
	return text.len == 0 || spf_macro_is_valid(text, SPF_MACRO_DOMAIN);
}

static void
check_terms(const struct spf_record *record)
{
	for (size_t i = 0; i < record->terms; i++) {
		assert(record->term[i].prefix4 <= 32);
		assert(record->term[i].prefix6 <= 128);
		assert(is_domain_spec(record->term[i].domain));
	}
	assert(is_domain_spec(record->redirect));
	assert(is_domain_spec(record->explanation));
}

static void
compare(const struct spf_record *a, const struct spf_record *b)
{
	assert(b->error == NULL && a->terms == b->terms);
	for (size_t i = 0; i < a->terms; i++) {
		assert(a->term[i].mechanism == b->term[i].mechanism);
		assert(a->term[i].qualifier == b->term[i].qualifier);
		assert(a->term[i].prefix4 == b->term[i].prefix4);
		assert(a->term[i].prefix6 == b->term[i].prefix6);
		assert(ip_equal(&a->term[i].net, &b->term[i].net));
		assert(text_equal(a->term[i].domain, b->term[i].domain));
	}
}

static struct text
write_terms(struct arena *arena, const struct spf_record *record)
{
	struct build again;

	build_init_arena(&again, arena, ARENA_MAX);
	for (size_t i = 0; i < record->terms; i++) {
		build_text(&again, record->term[i].text);
		build_byte(&again, ' ');
	}
	return build_view(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text body = {(const char *)bytes, len};
	struct arena *arena = arena_new(ARENA_MAX);

	if (len > 65535)
		return 0; /* more than a TXT record has */
	assert(arena != NULL);
	const struct spf_record *record = parse(arena, body, TEXT(""));
	check_terms(record);
	/* RFC 7208 4.6: the whole record first. */
	assert(parse(arena, body, TEXT(" moo"))->error != NULL);
	if (record->error == NULL) {
		compare(
		    record, parse(arena, write_terms(arena, record), TEXT("")));
		compare(record, parse(arena, body, TEXT("  x=y ")));
	}
	assert(!arena_failed(arena));
	arena_free(arena);
	return 0;
}
