#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dmarc/record.h"
#include "exact.h"

static const struct version_row {
	const char *text;
	bool expected;
} version_rows[] = {
    {"v=DMARC1", true},
    {"v=DMARC1;", true},
    {"v=DMARC1 ; p=none", true},
    {"V =\tDMARC1; p=none", true},
    {"v=DMARC1 ", true},
    {"", false},
    {"v", false},
    {"v=", false},
    {"v=DMARC", false},
    {" v=DMARC1", false},
    {"v=dmarc1", false},
    {"v=DMARC1p=none", false},
    {"v=DMARC10; p=none", false},
    {"v=DMARC1, p=none", false},
    {"v=DMARC1 p=none", false},
    {"p=none; v=DMARC1", false},
    {"vv=DMARC1", false},
    {"v==DMARC1", false},
    {"v=\"DMARC1\"", false},
};

static void
test_version(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof version_rows / sizeof *version_rows;
	     i++) {
		struct text text = exact(text_from_cstr(version_rows[i].text));
		if (dmarc_record_is_dmarc(text) != version_rows[i].expected) {
			print_error("'%s'\n", version_rows[i].text);
			failures++;
		}
		exact_free(text);
	}
	assert_int_equal(failures, 0);
}

enum usable { USABLE, AS_NONE, UNUSABLE };

static const struct row {
	const char *name;
	const char *text;
	/* "p sp np adkim aspf psd t pct fo", one letter or word each */
	const char *expected;
	enum usable usable;
} rows[] = {
    {"only a version", "v=DMARC1", "absent absent absent r r u n 100 0",
	UNUSABLE},
    {"all tags",
	"v=DMARC1; p=reject; sp=none; np=quarantine; adkim=s; aspf=s; "
	"psd=n; t=y; fo=1:d:s; rua=mailto:a@b.example",
	"reject none quarantine s s n y 100 1:d:s", USABLE},
    {"any case", "v=DMARC1;P=Reject;ADKIM=S;T=Y;PSD=Y",
	"reject absent absent s r y y 100 0", USABLE},
    {"white space", "v = DMARC1 ; p\t=  none\t; sp = reject ;",
	"none reject absent r r u n 100 0", USABLE},
    {"a prefix is no value", "v=DMARC1; p=r",
	"invalid absent absent r r u n 100 0", UNUSABLE},
    {"a longer word", "v=DMARC1; p=rejected",
	"invalid absent absent r r u n 100 0", UNUSABLE},
    {"our own words are no values", "v=DMARC1; p=absent; sp=invalid",
	"invalid invalid absent r r u n 100 0", UNUSABLE},
    {"empty p", "v=DMARC1; p=; rua=mailto:a@b",
	"invalid absent absent r r u n 100 0", AS_NONE},
    {"empty sp", "v=DMARC1; p=reject; sp=",
	"reject invalid absent r r u n 100 0", UNUSABLE},
    {"bad np with rua", "v=DMARC1; p=reject; np=x; rua=mailto:a@b",
	"reject absent invalid r r u n 100 0", AS_NONE},
    {"bad p with a bad rua", "v=DMARC1; p=x; rua=a@b",
	"invalid absent absent r r u n 100 0", UNUSABLE},
    {"repeated the same", "v=DMARC1; p=reject; p=reject",
	"reject absent absent r r u n 100 0", USABLE},
    {"repeated differently", "v=DMARC1; p=reject; p=none",
	"invalid absent absent r r u n 100 0", UNUSABLE},
    {"repeated, the second wrong", "v=DMARC1; p=reject; P=",
	"invalid absent absent r r u n 100 0", UNUSABLE},
    {"repeated three times", "v=DMARC1; sp=x; p=none; sp=none; sp=x",
	"none invalid absent r r u n 100 0", UNUSABLE},
    {"repeated adkim: the first", "v=DMARC1; p=none; adkim=s; adkim=r",
	"none absent absent s r u n 100 0", USABLE},
    {"wrong optional values",
	"v=DMARC1; p=none; adkim=x; aspf=strict; psd=maybe; t=1; fo=9",
	"none absent absent r r u n 100 0", USABLE},
    {"no tag between", "v=DMARC1; p=none; reject; =; ; sp=none",
	"none none absent r r u n 100 0", USABLE},
    {"removed tags", "v=DMARC1; p=none; pct=20; ri=1; rf=afrf",
	"none absent absent r r u n 20 0", USABLE},
    {"wrong pct", "v=DMARC1; p=none; pct=101",
	"none absent absent r r u n 100 0", USABLE},
    {"fo in any order", "v=DMARC1; p=none; fo=d:s:0",
	"none absent absent r r u n 100 d:s:0", USABLE},
    {"fo 0 and 1", "v=DMARC1; p=none; fo=0:1",
	"none absent absent r r u n 100 0", USABLE},
    {"fo twice the same", "v=DMARC1; p=none; fo=d:d",
	"none absent absent r r u n 100 0", USABLE},
    {"fo with an end",
	"v=DMARC1; p=none; fo=1:", "none absent absent r r u n 100 0", USABLE},
    {"fo without a colon", "v=DMARC1; p=none; fo=1ds",
	"none absent absent r r u n 100 0", USABLE},
};

static struct text
describe(struct arena *arena, const struct dmarc_record *record)
{
	static const char psd[] = {[DMARC_PSD_UNKNOWN] = 'u',
	    [DMARC_PSD_YES] = 'y',
	    [DMARC_PSD_NO] = 'n'};

	return arena_format(arena, "%s %s %s %c %c %c %c %u " TEXT_FMT,
	    names_word(&dmarc_policy_names, (int)record->p),
	    names_word(&dmarc_policy_names, (int)record->sp),
	    names_word(&dmarc_policy_names, (int)record->np),
	    record->strict_dkim ? 's' : 'r', record->strict_spf ? 's' : 'r',
	    psd[record->psd], record->testing ? 'y' : 'n', record->pct,
	    TEXT_ARG(record->fo));
}

static enum usable
usable(const struct dmarc_record *record)
{
	if (dmarc_record_is_usable(record))
		return USABLE;
	return record->rua.count > 0 ? AS_NONE : UNUSABLE;
}

static void
test_rows(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		struct arena *arena = arena_new(65536);
		struct text text = exact(text_from_cstr(row->text));
		const struct dmarc_record *record =
		    dmarc_record_read(arena, text);
		exact_free(text); /* nothing may point into it */
		assert_non_null(record);
		struct text got = describe(arena, record);
		if (!text_equal(got, text_from_cstr(row->expected)) ||
		    usable(record) != row->usable) {
			print_error("%s: " TEXT_FMT ", usable %d\n", row->name,
			    TEXT_ARG(got), (int)usable(record));
			failures++;
		}
		arena_free(arena);
	}
	assert_int_equal(failures, 0);
}

static const struct uri_row {
	const char *list;
	const char *expected; /* the URIs, each followed by " " */
} uri_rows[] = {
    {"mailto:a@b", "mailto:a@b "},
    {" mailto:a@b , mailto:c@d ", "mailto:a@b mailto:c@d "},
    {"mailto:a@b!10m", "mailto:a@b "},
    {"mailto:a@b!10,mailto:c@d!5G", "mailto:a@b mailto:c@d "},
    {"mailto:a@b!", ""},
    {"mailto:a@b!m", ""},
    {"mailto:a@b!10x", ""},
    {"mailto:a!b@c", ""},
    {"mailto:a%2Cb%21c@d", "mailto:a%2Cb%21c@d "},
    {"mailto:a%2@d", ""},
    {"mailto:a%", ""},
    {"https://r.example/x?y=1,mailto:a@b",
	"https://r.example/x?y=1 mailto:a@b "},
    {"a@b", ""},
    {"mailto:", ""},
    {":a@b", ""},
    {"1mailto:a@b", ""},
    {"mail to:a@b", ""},
    {"mailto:a b@c", ""},
    {"mailto:\xC3\xA4@c", ""},
    {",,mailto:a@b,,", "mailto:a@b "},
    {"", ""},
};

static void
test_uris(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof uri_rows / sizeof *uri_rows; i++) {
		struct arena *arena = arena_new(65536);
		struct build got;
		struct text text =
		    arena_format(arena, "v=DMARC1; p=none; rua=%s; ruf=%s",
			uri_rows[i].list, uri_rows[i].list);
		const struct dmarc_record *record =
		    dmarc_record_read(arena, text);
		build_init_arena(&got, arena, 4096);
		assert_non_null(record);
		assert_int_equal(record->rua_sized.count, record->rua.count);
		for (size_t k = 0; k < record->rua.count; k++) {
			assert_true(text_starts(
			    record->rua_sized.at[k], record->rua.at[k]));
			build_text(&got, record->rua.at[k]);
			build_byte(&got, ' ');
		}
		if (record->ruf.count != record->rua.count ||
		    !text_equal(build_view(&got),
			text_from_cstr(uri_rows[i].expected))) {
			print_error("%s: '" TEXT_FMT "'\n", uri_rows[i].list,
			    TEXT_ARG(build_view(&got)));
			failures++;
		}
		arena_free(arena);
	}
	assert_int_equal(failures, 0);
}

static void
test_limits(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	struct build text;

	(void)state;
	build_init_arena(&text, arena, 1 << 18);
	build_cstr(&text, "v=DMARC1; p=reject; rua=");
	for (int i = 0; i < 1000; i++)
		build_cstr(&text, "x,mailto:a@b,");
	const struct dmarc_record *record =
	    dmarc_record_read(arena, build_view(&text));
	assert_non_null(record);
	assert_int_equal(record->rua.count, DMARC_URIS_MAX);
	assert_int_equal(record->rua_unread.count, DMARC_URIS_MAX);
	assert_true(record->warnings.count > 0 && record->warnings.count < 50);
	/* Too many tags: nothing of it is believed. */
	for (int i = 0; i < 200; i++)
		build_cstr(&text, ";x=y");
	record = dmarc_record_read(arena, build_view(&text));
	assert_non_null(record);
	assert_false(dmarc_record_is_usable(record));
	assert_int_equal(record->rua.count, 0);
	arena_free(arena);
}

static void
test_answers(void **state)
{
	const struct dns_record several[] = {
	    {.text = TEXT("v=spf1 -all")},
	    {.text = TEXT("v=DMARC1; p=reject")},
	    {.text = TEXT("v=DMARC1; p=none")},
	};
	struct dns_answer answer = {
	    .status = DNS_FOUND, .count = 2, .records = several};
	struct arena *arena = arena_new(65536);

	(void)state;
	const struct dmarc_records *records =
	    dmarc_records_parse(arena, &answer);
	assert_int_equal(records->count, 1);
	assert_int_equal(records->record->p, DMARC_POLICY_REJECT);
	answer.count = 3;
	records = dmarc_records_parse(arena, &answer);
	assert_int_equal(records->count, 2);
	assert_null(records->record);
	answer.count = 1;
	records = dmarc_records_parse(arena, &answer);
	assert_int_equal(records->count, 0);
	assert_null(records->record);
	arena_free(arena);
}

/* Every allocation fails once: NULL, and no half-read record. */
static void
test_memory(void **state)
{
	const struct dmarc_record *record = NULL;

	(void)state;
	for (size_t n = 1; record == NULL; n++) {
		struct arena *arena = arena_new(65536);
		arena_fail_after(arena, n);
		record = dmarc_record_read(arena,
		    TEXT("v=DMARC1; p=reject; x=1; rua=mailto:a@b,mailto:c@d"));
		assert_true(n < 50);
		if (record != NULL)
			assert_int_equal(record->rua.count, 2);
		arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_version),
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_uris),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
