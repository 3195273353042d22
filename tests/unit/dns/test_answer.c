#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/answer.h"

#include <string.h>

static struct dns_record
text_record(const char *cstr)
{
	return (struct dns_record){.text = text_from_cstr(cstr)};
}

static void
test_types(void **state)
{
	enum dns_type type = DNS_A;

	(void)state;
	assert_string_equal(dns_type_name(DNS_AAAA), "AAAA");
	assert_string_equal(dns_type_name((enum dns_type)99), "?");
	assert_true(dns_type_find(TEXT("txt"), &type));
	assert_int_equal(type, DNS_TXT);
	assert_false(dns_type_find(TEXT("TX"), &type));
	assert_false(dns_type_find(TEXT(""), &type));
	assert_false(dns_type_find(TEXT("?"), &type));
	assert_int_equal(type, DNS_TXT);
	assert_string_equal(
	    names_word(&dns_status_names, DNS_FAILED), "failed");
}

static void
test_ttl(void **state)
{
	struct dns_answer *answer = dns_answer_new(DNS_NODATA, UINT32_MAX);

	(void)state;
	assert_int_equal(answer->ttl, 86400);
	dns_answer_unref(answer);
}

static void
test_sorted_and_copied(void **state)
{
	struct dns_answer *answer = dns_answer_new(DNS_FOUND, 60);
	char name[] = "b";
	struct dns_record records[] = {
	    {.text = {name, 1}, .preference = 20},
	    {.text = {"aa", 2}, .preference = 20},
	    {.text = {"z", 1}, .preference = 10},
	    {.text = {"a", 1}, .preference = 20},
	    {.text = {"", 0}, .preference = 20, .ip = {6, {1}}},
	    {.text = {"", 0}, .preference = 20, .ip = {4, {2}}},
	    {.text = {"", 0}, .preference = 20, .ip = {4, {1}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof records / sizeof *records; i++)
		assert_true(dns_answer_add(answer, &records[i]));
	name[0] = 'x';
	dns_answer_sort(answer);
	assert_int_equal(answer->count, 7);
	assert_int_equal(answer->records[0].preference, 10);
	assert_int_equal(answer->records[1].ip.byte[0], 1);
	assert_int_equal(answer->records[2].ip.byte[0], 2);
	assert_int_equal(answer->records[3].ip.version, 6);
	assert_true(text_equal(answer->records[4].text, TEXT("a")));
	assert_true(text_equal(answer->records[5].text, TEXT("aa")));
	assert_true(text_equal(answer->records[6].text, TEXT("b")));
	dns_answer_unref(answer);
}

static void
test_limits(void **state)
{
	static char large[DNS_ANSWER_BYTES_MAX];
	struct dns_answer *answer = dns_answer_new(DNS_FOUND, 60);
	struct dns_record record = text_record("x");

	(void)state;
	for (int i = 0; i < DNS_RECORDS_MAX; i++)
		assert_true(dns_answer_add(answer, &record));
	assert_false(dns_answer_add(answer, &record));
	assert_int_equal(answer->count, DNS_RECORDS_MAX);
	dns_answer_unref(answer);
	answer = dns_answer_new(DNS_FOUND, 60);
	record.text = (struct text){large, sizeof large};
	assert_false(dns_answer_add(answer, &record));
	assert_int_equal(answer->count, 0);
	dns_answer_unref(answer);
}

static void
test_references(void **state)
{
	struct dns_answer *answer = dns_answer_new(DNS_NODATA, 60);
	const struct dns_answer by_hand = {.status = DNS_NODATA};

	(void)state;
	assert_ptr_equal(dns_answer_ref(answer), answer);
	dns_answer_unref(answer);
	assert_int_equal(answer->status, DNS_NODATA);
	dns_answer_unref(answer);
	dns_answer_unref(NULL);
	dns_answer_unref(dns_answer_ref(&by_hand));
	for (int i = 0; i < 3; i++)
		dns_answer_unref(&dns_answer_failed);
	assert_int_equal(
	    dns_answer_ref(&dns_answer_failed)->status, DNS_FAILED);
}

static int parsed;
static int released;

static void
release(void *object)
{
	(void)object;
	released++;
}

static const void *
parse_count(struct arena *arena, const struct dns_answer *answer)
{
	size_t *count = arena_alloc(arena, sizeof *count);

	parsed++;
	if (count == NULL || !arena_defer(arena, release, count))
		return NULL;
	*count = answer->count;
	return count;
}

static const void *
parse_large(struct arena *arena, const struct dns_answer *answer)
{
	(void)answer;
	parsed++;
	return arena_alloc(arena, DNS_ANSWER_BYTES_MAX);
}

static const void *
parse_nothing(struct arena *arena, const struct dns_answer *answer)
{
	(void)arena;
	(void)answer;
	parsed++;
	return NULL;
}

static struct dns_answer *
new_text(const char *cstr)
{
	struct dns_answer *answer = dns_answer_new(DNS_FOUND, 60);
	struct dns_record record = text_record(cstr);

	assert_non_null(answer);
	assert_true(dns_answer_add(answer, &record));
	return answer;
}

static void
test_parsed_once(void **state)
{
	struct arena *arena = arena_new(4 * DNS_ANSWER_BYTES_MAX);
	struct dns_answer *answer = new_text("x");

	(void)state;
	parsed = released = 0;
	const void *first = dns_answer_parsed(answer, parse_count, arena);
	assert_non_null(first);
	assert_ptr_equal(dns_answer_parsed(answer, parse_count, arena), first);
	assert_int_equal(parsed, 1);
	assert_null(dns_answer_parsed(answer, parse_nothing, arena));
	assert_null(dns_answer_parsed(answer, parse_nothing, arena));
	assert_int_equal(parsed, 3);
	assert_int_equal(arena_used(arena), 0);
	dns_answer_unref(answer);
	assert_int_equal(released, 1);
	arena_free(arena);
}

/* What does not fit in the answer goes to the message, before and after. */
static void
test_parsed_elsewhere(void **state)
{
	struct arena *arena = arena_new(4 * DNS_ANSWER_BYTES_MAX);
	struct dns_answer *answer = new_text("x");

	(void)state;
	parsed = released = 0;
	const void *kept = dns_answer_parsed(answer, parse_count, arena);
	assert_non_null(dns_answer_parsed(answer, parse_large, arena));
	assert_non_null(dns_answer_parsed(answer, parse_large, arena));
	assert_int_equal(parsed, 4);
	assert_ptr_equal(dns_answer_parsed(answer, parse_count, arena), kept);
	assert_true(arena_used(arena) >= 2 * DNS_ANSWER_BYTES_MAX);
	dns_answer_unref(answer);
	assert_non_null(
	    dns_answer_parsed(&dns_answer_failed, parse_count, arena));
	assert_non_null(
	    dns_answer_parsed(&dns_answer_failed, parse_count, arena));
	assert_int_equal(parsed, 6);
	arena_free(arena);
	assert_int_equal(released, 3);
}

/* 64 bytes a word, in a vector that doubles: as SPF's terms are kept. */
static size_t parsed_bytes;

static const void *
parse_words(struct arena *arena, const struct dns_answer *answer)
{
	struct text rest = answer->records[0].text;
	size_t before = arena_used(arena);
	const void *words = NULL;
	size_t room = 0;

	for (size_t count = 0; rest.len > 0; count++) {
		(void)text_split(&rest, ' ');
		if (count < room)
			continue;
		room = room == 0 ? 8 : 2 * room;
		words = arena_array(arena, room, 64);
	}
	parsed_bytes = arena_used(arena) - before;
	return words;
}

/* What is parsed counts in the weight; what would not fit is not kept. */
static void
test_weight(void **state)
{
	static char many[2048];

	static const struct {
		const char *text;
		bool is_kept;
	} rows[] = {
	    {"v=spf1 -all", true},
	    {"v=spf1 a mx ip4:192.0.2.1 include:b.example ~all", true},
	    {"v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 ip4:203.0.113.0/24 "
	     "ip4:192.0.2.0/24 ip4:198.51.100.0/24 ip4:203.0.113.0/24 "
	     "ip4:192.0.2.0/24 ip4:198.51.100.0/24 ip4:203.0.113.0/24 "
	     "ip4:192.0.2.0/24 ip4:198.51.100.0/24 ip4:203.0.113.0/24 "
	     "ip4:192.0.2.0/24 ip4:198.51.100.0/24 ip4:203.0.113.0/24 -all",
		true},
	    {many, false},
	};

	int failures = 0;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof many; i++)
		many[i] = i % 2 == 0 ? 'a' : ' ';
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(4 * DNS_ANSWER_BYTES_MAX);
		struct dns_answer *answer = new_text(rows[i].text);
		size_t weight = dns_answer_weight(answer);
		assert_non_null(dns_answer_parsed(answer, parse_words, arena));
		bool is_kept = arena_used(arena) == 0;
		if (is_kept != rows[i].is_kept ||
		    (is_kept && weight < 2 * parsed_bytes) ||
		    weight > 1024 + 40 * strlen(rows[i].text) + 2048 ||
		    weight != dns_answer_weight(answer)) {
			print_error("%.40s: kept %d, %zu parsed, weight %zu\n",
			    rows[i].text, is_kept, parsed_bytes, weight);
			failures++;
		}
		dns_answer_unref(answer);
		arena_free(arena);
	}
	assert_int_equal(failures, 0);
	assert_int_equal(dns_answer_weight(&dns_answer_failed), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_types),
	    cmocka_unit_test(test_ttl),
	    cmocka_unit_test(test_sorted_and_copied),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_references),
	    cmocka_unit_test(test_parsed_once),
	    cmocka_unit_test(test_parsed_elsewhere),
	    cmocka_unit_test(test_weight),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
