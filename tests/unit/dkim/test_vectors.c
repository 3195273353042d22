/* The RFCs' own signed messages, and those of other implementations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys.h"
#include "run.h"
#include "vectors.h"

#include "dkim/key.h"

#include <dirent.h>
#include <string.h>

enum { ARENA_MAX = 4 * 1024 * 1024, NOW = 1667843664 };

#define ABSENT "# absent: %s; it can be had from %s\n"

#define DKIMPY        "github.com/dkimpy/dkimpy, dkim/tests/data"
#define DKIM_VERIFIER "github.com/lieser/dkim_verifier, test/data"
#define JDKIM         "github.com/apache/james-jdkim, its corpus"
#define KUMOMTA       "github.com/KumoCorp/kumomta, mailauth"

/* Every message of a folder is in `rows`, so that none is left out silently. */
static const struct folder {
	const char *name;
	const char *from; /* where it can be had */
} folders[] = {
    {"dkim/rfc", "RFC 6376 A.2, RFC 8463 A.3"},
    {"dkim/dkim_verifier", DKIM_VERIFIER},
    {"dkim/dkim_verifier/arh", DKIM_VERIFIER},
    {"dkim/dkim_verifier/dkim", DKIM_VERIFIER},
    {"dkim/dkim_verifier/original", DKIM_VERIFIER},
    {"dkim/dkimpy", DKIMPY},
    {"dkim/jdkim", JDKIM},
    {"dkim/kumomta", KUMOMTA},
};

static const struct row {
	const char *file;
	const char *results; /* a word a signature; "" for none */
} rows[] = {
    {"dkim/dkim_verifier/arh/alignment-auid_not_in_sdid.eml", ""},
    {"dkim/dkim_verifier/arh/alignment-from_not_in_sdid.eml", ""},
    {"dkim/dkim_verifier/arh/dkim-unknown_result.eml", ""},
    {"dkim/dkim_verifier/arh/fakePayPal.eml", ""},
    {"dkim/dkim_verifier/arh/multiple_arh-newest_no_authserv.eml", ""},
    {"dkim/dkim_verifier/arh/multiple_arh-newest_no_result.eml", ""},
    {"dkim/dkim_verifier/arh/multiple_arh-newest_parsing_error_01.eml", ""},
    {"dkim/dkim_verifier/arh/multiple_arh-newest_parsing_error_02.eml", ""},
    {"dkim/dkim_verifier/arh/multiple_arh-newest_unknown_method.eml", ""},
    {"dkim/dkim_verifier/arh/multiple_arh-same_and_different_authserv.eml", ""},
    {"dkim/dkim_verifier/arh/multiple_dkim_results.eml", ""},
    {"dkim/dkim_verifier/arh/multiple_spf_and_dmarc_results.eml", ""},
    {"dkim/dkim_verifier/arh/rfc6376-A.2-arh-failed-no_reason.eml", "pass"},
    {"dkim/dkim_verifier/arh/rfc6376-A.2-arh-failed.eml", "pass"},
    {"dkim/dkim_verifier/arh/rfc6376-A.2-arh-valid-a_tag.eml", "pass"},
    {"dkim/dkim_verifier/arh/rfc6376-A.2-arh-valid-a_tag_sha1.eml", "pass"},
    {"dkim/dkim_verifier/arh/rfc6376-A.2-arh-valid-auid.eml", "pass"},
    {"dkim/dkim_verifier/arh/rfc6376-A.2-arh-valid-no_sdid_or_auid.eml",
	"pass"},
    {"dkim/dkim_verifier/arh/rfc6376-A.2-arh-valid-sdid_and_auid.eml", "pass"},
    {"dkim/dkim_verifier/arh/rfc6376-A.2-arh-valid.eml", "pass"},
    {"dkim/dkim_verifier/arh/rfc6376-A.2-arh-valid_relaxed.eml", "pass"},
    {"dkim/dkim_verifier/dkim/added_header-date.eml", "policy"},
    {"dkim/dkim_verifier/dkim/added_header-from.eml", "policy"},
    {"dkim/dkim_verifier/dkim/added_header-subject.eml", "policy"},
    {"dkim/dkim_verifier/dkim/added_header-to.eml", "policy"},
    {"dkim/dkim_verifier/dkim/alignment-from_not_in_auid.eml", "pass"},
    {"dkim/dkim_verifier/dkim/alignment-from_not_in_sdid.eml", "pass"},
    {"dkim/dkim_verifier/dkim/alignment-signed_by_parent_domain.eml", "pass"},
    {"dkim/dkim_verifier/dkim/flags_s-auid_and_sdid_match.eml", "pass"},
    {"dkim/dkim_verifier/dkim/flags_s-auid_is_subdomain_of_sdid.eml",
	"permerror"},
    {"dkim/dkim_verifier/dkim/header_with_non_ascii_char.eml", "pass"},
    {"dkim/dkim_verifier/dkim/time-received_after_creation.eml", "pass"},
    {"dkim/dkim_verifier/dkim/time-received_briefly_before_creation.eml",
	"pass"},
    {"dkim/dkim_verifier/dkim/time-received_long_before_creation.eml", "pass"},
    {"dkim/dkim_verifier/dkim/unsigned_header-content-type.eml", "pass"},
    {"dkim/dkim_verifier/dkim/unsigned_header-reply_to-in_domain.eml", "pass"},
    {"dkim/dkim_verifier/dkim/unsigned_header-reply_to-invalid.eml", "pass"},
    {"dkim/dkim_verifier/dkim/unsigned_header-reply_to-not_in_domain.eml",
	"pass"},
    {"dkim/dkim_verifier/fakePayPal.eml", ""},
    {"dkim/dkim_verifier/ill_formed-from.eml", ""},
    {"dkim/dkim_verifier/original/Fastmail from Amazon - Verify your new Amazon account.eml",
	"pass permerror"},
    {"dkim/dkim_verifier/original/Fastmail from CNN - Thanks for subscribing to 5 Things.eml",
	"pass"},
    {"dkim/dkim_verifier/original/Fastmail from CNN - Welcome to CNN Breaking News.eml",
	"pass"},
    {"dkim/dkim_verifier/original/Fastmail from Fastmail - How to keep your email private.eml",
	"pass permerror"},
    {"dkim/dkim_verifier/original/Fastmail from Fastmail - Welcome! Get set up in 3 steps..eml",
	"pass permerror"},
    {"dkim/dkim_verifier/rfc6376-A.2-body_modified.eml", "fail"},
    {"dkim/dkim_verifier/rfc6376-A.2-header_subject_modified.eml", "fail"},
    {"dkim/dkim_verifier/rfc6376-A.2-ill_formed-list_id.eml", "pass"},
    {"dkim/dkim_verifier/rfc6376-A.2-ill_formed-missing_v.eml", "permerror"},
    {"dkim/dkim_verifier/rfc6376-A.2.eml", "pass"},
    {"dkim/dkim_verifier/rfc8463-A.3-key_algo_mismatch.eml",
	"permerror permerror"},
    {"dkim/dkim_verifier/rfc8463-A.3.eml", "pass pass"},
    {"dkim/dkimpy/ed25519test.msg", ""},
    {"dkim/dkimpy/ed25519test2.msg", "pass"},
    {"dkim/dkimpy/message.mbox", "pass"},
    {"dkim/dkimpy/rfc6376.msg", ""},
    {"dkim/dkimpy/rfc6376.signed.msg", "pass pass"},
    {"dkim/dkimpy/test.message", ""},
    {"dkim/dkimpy/test2.message", "pass"},
    {"dkim/dkimpy/test_extra.message", ""},
    {"dkim/dkimpy/test_nofrom.message", ""},
    {"dkim/jdkim/FAIL_BADBH_s1024_yahoo.com.eml", "fail"},
    {"dkim/jdkim/FAIL_illegalargumentexception.eml", "permerror"},
    {"dkim/jdkim/gamma_gmail.com.eml", "pass"},
    {"dkim/jdkim/gamma_gmail.com_duplicateheaders.eml", "pass"},
    {"dkim/jdkim/multiHeader.eml", "pass"},
    {"dkim/jdkim/pmta_myspace.com.eml", "permerror"},
    {"dkim/jdkim/s1024_yahoo.com.eml", "pass"},
    {"dkim/kumomta/arc-example-2.eml", "permerror permerror"},
    {"dkim/kumomta/arc-example.eml", "permerror"},
    {"dkim/rfc/rfc6376-a2.eml", "pass"},
    {"dkim/rfc/rfc8463-a3.eml", "pass pass"},
};

static struct text
result_words(struct arena *arena, const struct dkim_results *results)
{
	struct build build;

	build_init_arena(&build, arena, 4096);
	for (size_t i = 0; i < results->count; i++) {
		if (i > 0)
			build_byte(&build, ' ');
		build_cstr(&build,
		    names_word(&dkim_result_names, (int)results->at[i].result));
	}
	return build_view(&build);
}

/* All keys that are still known. */
static struct dns_zone *
read_published(struct arena *arena)
{
	struct build build;

	build_init_arena(&build, arena, 1 << 20);
	for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
		struct text rest = text_from_cstr(published[i].record);
		build_format(&build, "%s TXT", published[i].name);
		while (rest.len > 0) {
			build_format(&build, " \"" TEXT_FMT "\"",
			    TEXT_ARG(text_slice(rest, 0, 200)));
			rest = text_slice(rest, 200, rest.len);
		}
		build_byte(&build, '\n');
	}
	return order_zone(build_view(&build));
}

static bool
row_holds(const struct row *row, const struct dns_zone *zone)
{
	struct run run = {
	    .arena = arena_new(ARENA_MAX), .options = {NOW, TEXT("")}};
	const char *path = vectors_path(run.arena, row->file);
	struct text words = TEXT("no message");

	if (path != NULL &&
	    run_message(&run, vectors_read(run.arena, path), zone))
		words = result_words(run.arena, &run.results);
	bool holds = text_equal(words, text_from_cstr(row->results));
	if (!holds)
		print_error("%s: " TEXT_FMT "\n" TEXT_FMT, row->file,
		    TEXT_ARG(words), TEXT_ARG(trace_story(&run.trace)));
	arena_free(run.arena);
	return holds;
}

static bool
is_message(const char *name)
{
	static const char *const ends[] = {".eml", ".msg", ".message", ".mbox"};

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		if (text_ends_nocase(
			text_from_cstr(name), text_from_cstr(ends[i])))
			return true;
	}
	return false;
}

static unsigned
count_messages(const char *path)
{
	DIR *directory = opendir(path);
	unsigned count = 0;

	assert_non_null(directory);
	for (struct dirent *entry = readdir(directory); entry != NULL;
	     entry = readdir(directory))
		count += is_message(entry->d_name);
	(void)closedir(directory);
	return count;
}

/* Is FILE in the folder NAME itself? */
static bool
is_in(struct text file, struct text name)
{
	return text_find_last(file, '/') == name.len && text_starts(file, name);
}

static void
test_messages(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct dns_zone *zone = read_published(arena);
	unsigned run = 0;
	unsigned bad = 0;

	(void)state;
	for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
		const char *path = vectors_path(arena, folders[f].name);
		unsigned expected = 0;
		if (path == NULL) {
			print_message(ABSENT, folders[f].name, folders[f].from);
			continue;
		}
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			if (!is_in(text_from_cstr(rows[i].file),
				text_from_cstr(folders[f].name)))
				continue;
			expected++;
			bad += !row_holds(&rows[i], zone);
		}
		assert_int_equal(count_messages(path), expected);
		run += expected;
	}
	dns_zone_free(zone);
	arena_free(arena);
	print_message("# %u messages\n", run);
	assert_int_equal(bad, 0);
	if (run == 0)
		skip();
}

/* What the names of files say must hold of the table too. That of ill_formed-
 * list_id is not said of its signature. */
static void
test_names(void **state)
{
	static const char *const bad[] = {
	    "FAIL_", "ill_formed-missing", "_modified", "mismatch"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
			struct text file = text_from_cstr(rows[i].file);
			if (text_find_part(file, text_from_cstr(bad[k])) <
			    file.len)
				assert_null(strstr(rows[i].results, "pass"));
		}
	}
}

/* --- key records --- */

static const struct {
	const char *file;
	const char *problem; /* "" for a good one */
} key_records[] = {
    {"dkim/dkimpy/test.txt", ""},
    {"dkim/dkimpy/test2.txt", ""},
    {"dkim/dkimpy/test_bad.txt", "p= is no RSA key, or too large"},
    {"dkim/dkimpy/badk.txt", "k= is unknown"},
    {"dkim/dkimpy/badversion.txt", "the record is not of DKIM1"},
    {"dkim/dkimpy/test_tlsrpt.txt", "the key is not for mail"},
    {"dkim/dkimpy/ed25519test.dns", ""},
    {"dkim/dkimpy/eximtest.dns", ""},
};

static void
test_records(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof key_records / sizeof *key_records; i++) {
		const char *path = vectors_path(arena, key_records[i].file);
		if (path == NULL) {
			arena_free(arena);
			print_message(ABSENT, key_records[i].file, DKIMPY);
			skip();
		}
		struct dkim_key key =
		    dkim_key_read(arena, text_trim(vectors_read(arena, path)));
		const char *problem = key.problem == NULL ? "" : key.problem;
		if (strcmp(problem, key_records[i].problem) != 0) {
			print_error("%s: %s\n", key_records[i].file, problem);
			bad++;
		}
	}
	arena_free(arena);
	assert_int_equal(bad, 0);
}

/* --- dkim-suite-1 --- */

/* {"name": {"txt": ["…"]}} as zone text. */
static struct text
zone_text(struct arena *arena, json_t *dns)
{
	struct build build;
	const char *name;
	json_t *records;

	build_init_arena(&build, arena, 1 << 20);
	json_object_foreach(dns, name, records)
	{
		json_t *texts = json_object_get(records, "txt");
		for (size_t i = 0; i < json_array_size(texts); i++) {
			struct text rest = json_text(json_array_get(texts, i));
			build_format(&build, "%s TXT", name);
			while (rest.len > 0) {
				build_format(&build, " \"" TEXT_FMT "\"",
				    TEXT_ARG(text_slice(rest, 0, 200)));
				rest = text_slice(rest, 200, rest.len);
			}
			build_byte(&build, '\n');
		}
	}
	return build_view(&build);
}

static bool
case_passes(json_t *item)
{
	struct run run = {.arena = arena_new(ARENA_MAX),
	    .options = {
		json_integer_value(json_object_get(item, "now")), TEXT("")}};
	struct text name = arena_format(run.arena, "dkim/mail-auth/%s",
	    json_string_value(json_object_get(item, "file")));
	const char *path = vectors_path(run.arena, arena_cstr(run.arena, name));
	struct dns_zone *zone =
	    order_zone(zone_text(run.arena, json_object_get(item, "dns")));

	assert_non_null(path);
	assert_true(run_message(&run, vectors_read(run.arena, path), zone));
	/* "the last DKIM-Signature passes" */
	bool passes = run.results.count > 0 &&
		      run.results.at[run.results.count - 1].result == DKIM_PASS;
	if (!passes)
		print_error(
		    "%s:\n" TEXT_FMT, path, TEXT_ARG(trace_story(&run.trace)));
	dns_zone_free(zone);
	arena_free(run.arena);
	return passes;
}

static void
test_mail_auth(void **state)
{
	json_t *json = vectors_json("dkim/mail-auth/cases.json",
	    "github.com/stalwartlabs/mail-auth, resources/dkim");
	size_t index;
	json_t *item;
	unsigned bad = 0;

	(void)state;
	assert_int_equal(json_array_size(json_object_get(json, "cases")), 6);
	json_array_foreach(json_object_get(json, "cases"), index, item)
	{
		bad += case_passes(item) !=
		       text_equal(json_get(item, "expect"), TEXT("pass"));
	}
	json_decref(json);
	assert_int_equal(bad, 0);
}

/* --- one letter --- */

/* Whatever single byte of what is signed is another one, it does not pass. A.2
 * is simple/simple, so that only the letters of the signature's own b= and the
 * case of header names' first letters in h= could be otherwise. */
static void
test_no_byte_may_change(void **state)
{
	struct arena *source = arena_new(ARENA_MAX);
	const char *path = vectors_path(source, "dkim/rfc/rfc6376-a2.eml");
	struct dns_zone *zone = read_published(source);
	unsigned bad = 0;

	(void)state;
	if (path == NULL) {
		dns_zone_free(zone);
		arena_free(source);
		print_message(ABSENT, "rfc6376-a2.eml", "RFC 6376 A.2");
		skip();
	}
	struct text message = arena_copy(source, vectors_read(source, path));
	char *bytes = arena_alloc(source, message.len);
	memcpy(bytes, message.ptr, message.len);
	for (size_t i = 0; i < message.len; i++) {
		struct run run = {
		    .arena = arena_new(ARENA_MAX), .options = {NOW, TEXT("")}};
		if (bytes[i] == '\r' || bytes[i] == '\n' || bytes[i] == ' ') {
			arena_free(run.arena);
			continue;
		}
		bytes[i] ^= 1;
		if (run_message(
			&run, (struct text){bytes, message.len}, zone) &&
		    run.results.count > 0 &&
		    run.results.at[0].result == DKIM_PASS) {
			print_error("byte %zu\n", i);
			bad++;
		}
		bytes[i] ^= 1;
		arena_free(run.arena);
	}
	assert_int_equal(bad, 0);
	dns_zone_free(zone);
	arena_free(source);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_mail_auth),
	    cmocka_unit_test(test_no_byte_may_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
