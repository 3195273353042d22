/* The RFCs' own signed messages, and those of other implementations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run.h"
#include "vectors.h"

#include <string.h>

enum { ARENA_MAX = 4 * 1024 * 1024, NOW = 1667843664 };

#define ABSENT "# absent: %s; it can be had from %s\n"

#define A2_KEY                                                                 \
 "brisbane._domainkey.example.com TXT \"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4" \
 "GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt\" \"IxN2SnFCjxOCKG9v" \
 "3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuK"  \
 "hitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB\"\n"
#define A3_KEYS                                                                \
 "brisbane._domainkey.football.example.com TXT \"v=DKIM1; k=ed25519; "         \
 "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n"                          \
 "test._domainkey.football.example.com TXT \"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSI" \
 "b3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2\" "   \
 "\"jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3"  \
 "rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB\"\n"

#define DKIMPY        "github.com/dkimpy/dkimpy, dkim/tests/data"
#define DKIM_VERIFIER "github.com/lieser/dkim_verifier, test/data"

static const struct row {
	const char *file;
	const char *from; /* where it can be had */
	const char *zone;
	const char *results; /* a word a signature */
} rows[] = {
    {"dkim/rfc/rfc6376-a2.eml", "RFC 6376 A.2", A2_KEY, "pass"},
    {"dkim/rfc/rfc8463-a3.eml", "RFC 8463 A.3", A3_KEYS, "pass pass"},
    {"dkim/rfc/rfc8463-a3.eml", "RFC 8463 A.3", A2_KEY, "permerror permerror"},
    {"dkim/dkim_verifier/rfc6376-A.2.eml", DKIM_VERIFIER, A2_KEY, "pass"},
    {"dkim/dkim_verifier/rfc6376-A.2-body_modified.eml", DKIM_VERIFIER, A2_KEY,
	"fail"},
    {"dkim/dkim_verifier/rfc6376-A.2-header_subject_modified.eml",
	DKIM_VERIFIER, A2_KEY, "fail"},
    {"dkim/dkim_verifier/rfc6376-A.2-ill_formed-missing_v.eml", DKIM_VERIFIER,
	A2_KEY, "permerror"},
    {"dkim/dkim_verifier/rfc6376-A.2-ill_formed-list_id.eml", DKIM_VERIFIER,
	A2_KEY, "pass"},
    {"dkim/dkim_verifier/rfc8463-A.3.eml", DKIM_VERIFIER, A3_KEYS, "pass pass"},
    {"dkim/dkim_verifier/rfc8463-A.3-key_algo_mismatch.eml", DKIM_VERIFIER,
	A3_KEYS, "permerror permerror"},
    {"dkim/dkimpy/rfc6376.signed.msg", DKIMPY, A3_KEYS, "pass pass"},
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

static struct dns_zone *
read_zone(struct text text)
{
	struct problem problem = {0};
	struct dns_zone *zone = dns_zone_read(text, "zone", &problem);

	if (zone == NULL) {
		print_error("%s\n", problem.text);
		abort();
	}
	return zone;
}

/* False: not the expected words. An absent file is only told of. */
static bool
row_holds(const struct row *row, unsigned *absent)
{
	struct run run = {
	    .arena = arena_new(ARENA_MAX), .options = {NOW, TEXT("")}};
	const char *path = vectors_path(run.arena, row->file);
	bool holds = true;

	if (path == NULL) {
		print_message(ABSENT, row->file, row->from);
		(*absent)++;
	} else {
		struct dns_zone *zone = read_zone(text_from_cstr(row->zone));
		struct text words = TEXT("no message");
		if (run_message(&run, vectors_read(run.arena, path), zone))
			words = result_words(run.arena, &run.results);
		holds = text_equal(words, text_from_cstr(row->results));
		if (!holds)
			print_error("%s: " TEXT_FMT "\n" TEXT_FMT, row->file,
			    TEXT_ARG(words), TEXT_ARG(trace_story(&run.trace)));
		dns_zone_free(zone);
	}
	arena_free(run.arena);
	return holds;
}

static void
test_messages(void **state)
{
	unsigned absent = 0;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		bad += !row_holds(&rows[i], &absent);
	assert_int_equal(bad, 0);
	if (absent == sizeof rows / sizeof *rows)
		skip();
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
	    read_zone(zone_text(run.arena, json_object_get(item, "dns")));

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
	json_t *json = vectors_json("dkim/mail-auth/cases.json");
	size_t index;
	json_t *item;
	unsigned bad = 0;

	(void)state;
	if (json == NULL) {
		print_message(ABSENT, "dkim/mail-auth/cases.json",
		    "github.com/stalwartlabs/mail-auth, resources/dkim");
		skip();
	}
	json_array_foreach(json_object_get(json, "cases"), index, item)
	{
		bad += case_passes(item) !=
		       text_equal(json_text(json_object_get(item, "expect")),
			   TEXT("pass"));
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
	struct dns_zone *zone = read_zone(TEXT(A2_KEY));
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
	    cmocka_unit_test(test_mail_auth),
	    cmocka_unit_test(test_no_byte_may_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
