/* Records as others test themselves with them (mox, checkdmarc), and as they
 * are published: never a crash, and the same opinion of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dmarc/record.h"
#include "exact.h"
#include "vectors.h"

/* What we make of a text: no DMARC record, one without use, one that we have a
 * remark on, or one that is as it should be. */
enum made { FOREIGN, UNUSABLE, REMARKED, CLEAN };

static enum made
make(struct text published)
{
	struct arena *arena = arena_new(1 << 20);
	struct text text = exact(published);
	bool is_dmarc = dmarc_record_is_dmarc(text);
	const struct dmarc_record *record = dmarc_record_read(arena, text);
	enum made made = CLEAN;

	assert_non_null(record);
	if (!is_dmarc)
		made = FOREIGN;
	else if (!dmarc_record_is_usable(record) && record->rua.count == 0)
		made = UNUSABLE;
	else if (record->warnings.count > 0 || !dmarc_record_is_usable(record))
		made = REMARKED;
	exact_free(text);
	arena_free(arena);
	return made;
}

/* mox refuses a record at its first fault; we must at least see the fault. */
static void
test_mox_records(void **state)
{
	json_t *all = vectors_json(
	    "dmarc/mox-rfc7489/rfc7489-vectors.json", "the tests of mjl-/mox");
	unsigned failures = 0;
	json_t *one;
	size_t index;

	(void)state;
	json_array_foreach(json_object_get(all, "record_parse"), index, one)
	{
		struct text record = json_get(one, "record");
		bool is_wanted =
		    text_equal(json_get(one, "expect"), TEXT("valid"));
		enum made made = make(record);
		/* RFC 7489 6.4 wants p right after v; RFC 9989 4.8 does not,
		 * and owners follow it. */
		if (text_equal(record, TEXT("v=DMARC1; sp=reject; p=reject")))
			is_wanted = true;
		if (is_wanted ? made >= REMARKED : made < CLEAN)
			continue;
		print_error(
		    "'" TEXT_FMT "': %u\n", TEXT_ARG(record), (unsigned)made);
		failures++;
	}
	json_decref(all);
	assert_int_equal(failures, 0);
}

/* One of the cases holds half a surrogate pair, which jansson refuses. */
static json_t *
load_checkdmarc(void)
{
	struct arena *arena = arena_new(1 << 20);
	const char *path = vectors_path(arena, "dmarc/checkdmarc/records.json");
	struct text half = TEXT("\\ud800");
	struct build whole;
	json_t *json = NULL;

	build_init_arena(&whole, arena, 1 << 19);
	if (path != NULL) {
		struct text text = vectors_read(arena, path);
		for (size_t at; text.len > 0;
		     text = text_slice(text, at + half.len, text.len)) {
			at = text_find_part(text, half);
			build_text(&whole, text_slice(text, 0, at));
			if (at < text.len)
				build_text(&whole, TEXT("\\uFFFD"));
		}
		assert_false(build_failed(&whole));
		json = json_loadb(whole.ptr, whole.len, JSON_ALLOW_NUL, NULL);
		assert_non_null(json);
	}
	arena_free(arena);
	return json;
}

/* What checkdmarc raises at the text of a record alone, and the least that we
 * must make of it. It stops at what RFC 9989 4.8 has us step over. */
static const struct {
	const char *raised;
	enum made at_best;
} raised[] = {
    {"checkdmarc.dmarc.InvalidDMARCReportURI", REMARKED},
    {"checkdmarc.dmarc.InvalidDMARCTagValue", REMARKED},
    {"checkdmarc.dmarc.InvalidDMARCTag", UNUSABLE},
    {"checkdmarc.dmarc.DMARCSyntaxError", UNUSABLE},
    {"checkdmarc.dmarc.SPFRecordFoundWhereDMARCRecordShouldBe", FOREIGN},
    {"checkdmarc.dmarc.DMARCRecordStartsWithWhitespace", FOREIGN},
};

static enum made
best_for(struct text exception)
{
	for (size_t i = 0; i < sizeof raised / sizeof *raised; i++)
		if (text_equal(exception, text_from_cstr(raised[i].raised)))
			return raised[i].at_best;
	return CLEAN;
}

/* RECORD of the case ONE. */
static bool
is_as_wanted(const json_t *one, struct text record)
{
	struct text exception =
	    json_text(json_array_get(json_object_get(one, "raises"), 0));
	bool is_foreign =
	    !text_equal(json_get(one, "file"), TEXT("test_dmarc.py"));
	enum made best = is_foreign ? FOREIGN : best_for(exception);
	enum made made = make(record);

	/* Here it raises nothing, and says that it is not valid. */
	if (text_equal(
		json_get(one, "test"), TEXT("testDMARCCheckDmarcParseError")))
		best = UNUSABLE;
	return best == CLEAN ? made != FOREIGN : made <= best;
}

static void
test_checkdmarc(void **state)
{
	json_t *all = load_checkdmarc();
	unsigned failures = 0;
	unsigned count = 0;
	size_t index;
	size_t inner;
	json_t *one;
	json_t *record;

	(void)state;
	if (all == NULL) {
		print_message("# no vectors/dmarc/checkdmarc: the tests of "
			      "domainaware/checkdmarc on GitHub\n");
		skip();
	}
	json_array_foreach(json_object_get(all, "cases"), index, one)
	{
		json_array_foreach(
		    json_object_get(one, "records"), inner, record)
		{
			struct text text = json_text(record);
			count++;
			if (is_as_wanted(one, text))
				continue;
			print_error("'" TEXT_FMT "'\n", TEXT_ARG(text));
			failures++;
		}
	}
	json_decref(all);
	print_message("# %u records of checkdmarc\n", count);
	assert_int_equal(failures, 0);
	assert_true(count > 0);
}

static void
test_real(void **state)
{
	json_t *all = vectors_json("dmarc/records-real/records.json",
	    "ab/dmarc-analysis on GitHub: published DNS");
	unsigned made[CLEAN + 1] = {0};
	size_t index;
	json_t *entry;

	(void)state;
	json_array_foreach(all, index, entry)
	    made[make(json_get(entry, "txt"))]++;
	print_message("# %zu real records: %u are none, %u without use, %u "
		      "with a remark, %u clean\n",
	    json_array_size(all), made[FOREIGN], made[UNUSABLE], made[REMARKED],
	    made[CLEAN]);
	json_decref(all);
	/* Looked at one by one: SPF and site verification under wildcards, and
	 * "v=dmarc1" in lower case. A second reader, a regular expression,
	 * says the same. */
	assert_int_equal(made[FOREIGN], 77);
	assert_int_equal(made[UNUSABLE], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mox_records),
	    cmocka_unit_test(test_checkdmarc),
	    cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
