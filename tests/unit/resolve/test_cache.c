#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resolve/cache.h"
#include "resolve/question.h"

#include <stdio.h>
#include <string.h>

static const struct dns_question question = {{"a.example", 9}, DNS_TXT};

static const struct dns_answer *
new_answer(enum dns_status status, uint32_t ttl, struct text text)
{
	struct dns_answer *answer = dns_answer_new(status, ttl);
	struct dns_record record = {.text = text};

	assert_non_null(answer);
	if (status == DNS_FOUND)
		assert_true(dns_answer_add(answer, &record));
	return answer;
}

/* Puts a new answer, which the cache then alone holds. */
static void
put(struct cache *cache, const struct dns_question *asked, uint32_t ttl,
    struct text text, int64_t now)
{
	const struct dns_answer *answer = new_answer(DNS_FOUND, ttl, text);

	cache_put(cache, asked, answer, now);
	dns_answer_unref(answer);
}

static void
keeps_by_ttl(void **state)
{
	static const struct {
		const char *name;
		enum dns_status status;
		uint32_t ttl;
		int64_t kept; /* milliseconds */
	} rows[] = {
	    {"a minute", DNS_FOUND, 60, 60000},
	    {"not at all", DNS_FOUND, 0, 0},
	    {"a day and not more", DNS_FOUND, 999999, 86400000},
	    {"no data", DNS_NODATA, 300, 300000},
	    {"no data, cut", DNS_NODATA, 86400, 10800000},
	    {"no such name", DNS_NXDOMAIN, 1, 1000},
	    {"no such name, cut", DNS_NXDOMAIN, 86400, 10800000},
	    {"failed", DNS_FAILED, 10, 10000},
	    {"failed, cut", DNS_FAILED, 3600, 10000},
	};

	const int64_t now = 123456;
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cache *cache = cache_new(100000);
		const struct dns_answer *answer =
		    new_answer(rows[i].status, rows[i].ttl, TEXT("x"));
		assert_non_null(cache);
		cache_put(cache, &question, answer, now);
		bool is_first =
		    rows[i].kept == 0 || cache_find(cache, &question,
					     now + rows[i].kept - 1) == answer;
		bool is_gone =
		    cache_find(cache, &question, now + rows[i].kept) == NULL;
		if (!is_first || !is_gone || cache_entries(cache) != 0 ||
		    cache_bytes(cache) != 0) {
			print_error(
			    "%s: %d %d\n", rows[i].name, is_first, is_gone);
			failures++;
		}
		dns_answer_unref(answer);
		cache_free(cache);
	}
	assert_int_equal(failures, 0);
}

static void
tells_questions_apart(void **state)
{
	static const struct dns_question other_type = {{"a.example", 9}, DNS_A};
	static const struct dns_question other_name = {
	    {"b.example", 9}, DNS_TXT};
	struct cache *cache = cache_new(100000);

	(void)state;
	put(cache, &question, 60, TEXT("one"), 0);
	assert_null(cache_find(cache, &other_type, 0));
	assert_null(cache_find(cache, &other_name, 0));
	put(cache, &other_type, 60, TEXT("two"), 0);
	put(cache, &question, 60, TEXT("three"), 0);
	assert_int_equal(cache_entries(cache), 2);
	const struct dns_answer *answer = cache_find(cache, &question, 0);
	assert_non_null(answer);
	assert_true(text_equal(answer->records[0].text, TEXT("three")));
	answer = cache_find(cache, &other_type, 0);
	assert_non_null(answer);
	assert_true(text_equal(answer->records[0].text, TEXT("two")));
	cache_free(cache);
}

/* What a message still holds stays good when it leaves the cache. */
static void
lends_answers(void **state)
{
	struct cache *cache = cache_new(100000);

	(void)state;
	put(cache, &question, 60, TEXT("text"), 0);
	const struct dns_answer *answer =
	    dns_answer_ref(cache_find(cache, &question, 0));
	cache_free(cache);
	assert_true(text_equal(answer->records[0].text, TEXT("text")));
	dns_answer_unref(answer);
}

/* The least recently used goes; what is used stays. */
static void
keeps_within_its_budget(void **state)
{
	const size_t budget = 64 * 1024;
	struct cache *cache = cache_new(budget);
	char name[20];

	(void)state;
	put(cache, &question, 60, TEXT("text"), 0);
	for (unsigned i = 0; i < 1000; i++) {
		int len = snprintf(name, sizeof name, "n%u.example", i);
		struct dns_question asked = {{name, (size_t)len}, DNS_TXT};
		put(cache, &asked, 60, TEXT("text"), 0);
		assert_true(cache_bytes(cache) <= budget);
		assert_non_null(cache_find(cache, &asked, 0));
		assert_non_null(cache_find(cache, &question, 0));
	}
	assert_in_range(cache_entries(cache), 10, 64);
	struct dns_question first = {{"n0.example", 10}, DNS_TXT};
	assert_null(cache_find(cache, &first, 0));
	cache_free(cache);
}

static struct arena *message;
static size_t kept_bytes; /* by the answer that was parsed last */

static const void *
parse_greedily(struct arena *arena, const struct dns_answer *answer)
{
	const void *first = arena_alloc(arena, 64);

	for (size_t i = 0; i < answer->records[0].text.len; i++)
		(void)arena_format(arena, "%060d", 0);
	if (arena != message)
		kept_bytes = arena_used(arena);
	return first;
}

/* A stranger's records stay within the budget when they are parsed, too. */
static void
counts_what_is_parsed(void **state)
{
	static char bytes[2048];
	const size_t budget = 1024 * 1024;
	struct cache *cache = cache_new(budget);
	char name[20];

	(void)state;
	memset(bytes, 'a', sizeof bytes);
	for (unsigned i = 0; i < 1000; i++) {
		int len = snprintf(name, sizeof name, "n%u.example", i);
		struct dns_question asked = {{name, (size_t)len}, DNS_TXT};
		message = arena_new(budget);
		put(cache, &asked, 60, (struct text){bytes, sizeof bytes}, 0);
		const struct dns_answer *answer = cache_find(cache, &asked, 0);
		assert_non_null(answer);
		assert_non_null(
		    dns_answer_parsed(answer, parse_greedily, message));
		assert_true(arena_used(message) > 0);
		arena_free(message);
		assert_in_range(
		    (kept_bytes + sizeof bytes) * cache_entries(cache), 1,
		    budget);
	}
	assert_true(cache_entries(cache) > 10);
	cache_free(cache);
}

/* A public key is the library's, and much larger than its record. */
static void
counts_keys(void **state)
{
	static const struct dns_question key = {
	    {"s._domainkey.a.example", 22}, DNS_TXT};
	struct cache *cache = cache_new(100000);

	(void)state;
	put(cache, &question, 60, TEXT("p=x"), 0);
	size_t plain = cache_bytes(cache);
	put(cache, &key, 60, TEXT("p=x"), 0);
	assert_true(cache_bytes(cache) - plain >= plain + 4096);
	cache_free(cache);
}

static void
refuses_what_is_too_large(void **state)
{
	static char bytes[4096];
	struct cache *cache = cache_new(4096);

	(void)state;
	put(cache, &question, 60, (struct text){bytes, sizeof bytes}, 0);
	assert_int_equal(cache_entries(cache), 0);
	assert_int_equal(cache_bytes(cache), 0);
	cache_free(cache);
	cache_free(NULL);
}

static void
hashes(void **state)
{
	struct question_key one;
	struct question_key other;

	(void)state;
	assert_true(question_key_draw(&one));
	assert_true(question_key_draw(&other));
	uint64_t hash = question_hash(&one, &question);
	assert_true(hash == question_hash(&one, &question));
	assert_true(hash != question_hash(&other, &question));
	/* Each byte, the length and the type count. */
	char name[41] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct dns_question asked = {{name, 40}, DNS_TXT};
	hash = question_hash(&one, &asked);
	for (size_t i = 0; i < 40; i++) {
		name[i] = 'b';
		assert_true(hash != question_hash(&one, &asked));
		name[i] = 'a';
		asked.name.len = i;
		assert_true(hash != question_hash(&one, &asked));
		asked.name.len = 40;
	}
	asked.type = DNS_A;
	assert_true(hash != question_hash(&one, &asked));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_by_ttl),
	    cmocka_unit_test(tells_questions_apart),
	    cmocka_unit_test(lends_answers),
	    cmocka_unit_test(keeps_within_its_budget),
	    cmocka_unit_test(counts_what_is_parsed),
	    cmocka_unit_test(counts_keys),
	    cmocka_unit_test(refuses_what_is_too_large),
	    cmocka_unit_test(hashes),
	};

	return cmocka_run_group_tests_name("resolve cache", tests, NULL, NULL);
}
