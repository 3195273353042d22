#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/message.h"

#include "exact.h"
#include "packet.h"
#include "vectors.h"

#include <dirent.h>
#include <stdio.h>

static const struct {
	const char *what;
	enum dns_type type;
	const char *packet;
	const char *expected; /* status, ttl, AD, records */
} reads[] = {
    {"an address", DNS_A,
	HEAD("8180", "0001 0000 0000") QUESTION("0001")
	    RECORD("c00c", "0001", "00000040", "0004") "c0000201",
	"found 64 192.0.2.1"},
    {"AD, IPv6, EDNS", DNS_AAAA,
	HEAD("81a0", "0001 0000 0001") QUESTION("001c")
	    RECORD("c00c", "001c", "00000040",
		"0010") "20010db8 00000000 00000000 00000001" OPT("00000000"),
	"found 64 AD 2001:db8::1"},
    {"other case", DNS_A,
	HEAD("8180", "0001 0000 0000") "01 \"A\" 07 \"eXample\" 00 0001 0001 " RECORD(
	    "01 \"a\" 07 \"EXAMPLE\" 00", "0001", "00000040",
	    "0004") "c0000201",
	"found 64 192.0.2.1"},
    {"strings joined, records sorted", DNS_TXT,
	HEAD("8180", "0002 0000 0000") QUESTION("0010") RECORD("c00c", "0010",
	    "00000041", "0006") "02\"yz\" 00 01\"w\"" RECORD("c00c", "0010",
	    "00000040", "0002") "01\"x\"",
	"found 64 x yzw"},
    {"an empty string", DNS_TXT,
	HEAD("8180", "0001 0000 0000") QUESTION("0010")
	    RECORD("c00c", "0010", "00000040", "0001") "00",
	"found 64 "},
    {"no string", DNS_TXT,
	HEAD("8180", "0001 0000 0000") QUESTION("0010")
	    RECORD("c00c", "0010", "00000040", "0000"),
	"failed 10"},
    {"a string too long", DNS_TXT,
	HEAD("8180", "0001 0000 0000") QUESTION("0010")
	    RECORD("c00c", "0010", "00000040", "0002") "02\"x\" 00",
	"failed 10"},
    {"mail exchangers", DNS_MX,
	HEAD("8180", "0002 0000 0000") QUESTION("000f") RECORD("c00c", "000f",
	    "00000040", "0006") "0014 01\"B\"c00e" RECORD("c00c", "000f",
	    "00000040", "0003") "0000 00",
	"found 64 0: 20:b.example"},
    {"an exchanger and more", DNS_MX,
	HEAD("8180", "0001 0000 0000") QUESTION("000f")
	    RECORD("c00c", "000f", "00000040", "0007") "0014 01\"B\"c00e 00",
	"failed 10"},
    {"an exchanger cut", DNS_MX,
	HEAD("8180", "0001 0000 0000") QUESTION("000f")
	    RECORD("c00c", "000f", "00000040", "0003") "0014 01\"B\"c00e 00",
	"failed 10"},
    {"a pointer", DNS_PTR,
	HEAD("8180", "0001 0000 0000") QUESTION("000c")
	    RECORD("c00c", "000c", "00000040", "0002") "c00e",
	"found 64 example"},
    {"a dot in a label", DNS_PTR,
	HEAD("8180", "0001 0000 0000") QUESTION("000c")
	    RECORD("c00c", "000c", "00000040", "0005") "03\"a.b\"00",
	"failed 10"},
    {"a name that points at itself", DNS_PTR,
	HEAD("8180", "0001 0000 0000") QUESTION("000c")
	    RECORD("c00c", "000c", "00000040", "0002") "c027",
	"failed 10"},
    {"a name that points ahead", DNS_PTR,
	HEAD("8180", "0001 0000 0000") QUESTION("000c")
	    RECORD("c00c", "000c", "00000040", "0005") "c029 01\"a\"00",
	"failed 10"},
    {"a name that goes round", DNS_PTR,
	HEAD("8180", "0001 0000 0000") QUESTION("000c")
	    RECORD("c00c", "000c", "00000040", "0004") "01\"a\"c027",
	"failed 10"},
    {"a label of another kind", DNS_PTR,
	HEAD("8180", "0001 0000 0000") QUESTION("000c")
	    RECORD("c00c", "000c", "00000040", "0003") "41\"a\"00",
	"failed 10"},
    {"aliases, last first", DNS_A,
	HEAD("8180", "0003 0000 0000") QUESTION("0001") RECORD("01\"c\"c00e",
	    "0001", "00000040", "0004") "c0000201" RECORD("01\"b\"c00e", "0005",
	    "00000030", "0004") "01\"c\"c00e" RECORD("c00c", "0005", "00000050",
	    "0004") "01\"b\"c00e",
	"found 48 192.0.2.1"},
    {"the alias itself", DNS_CNAME,
	HEAD("8180", "0001 0000 0000") QUESTION("0005")
	    RECORD("c00c", "0005", "00000050", "0004") "01\"b\"c00e",
	"found 80 b.example"},
    {"an alias of itself", DNS_A,
	HEAD("8180", "0001 0000 0000") QUESTION("0001")
	    RECORD("c00c", "0005", "00000050", "0002") "c00c",
	"failed 10"},
    {"an alias to no data", DNS_A,
	HEAD("8180", "0001 0001 0000") QUESTION("0001")
	    RECORD("c00c", "0005", "00000050", "0004") "01\"b\"c00e" SOA,
	"no data 80"},
    {"an alias to no such name exists itself (RFC 8020 2)", DNS_A,
	HEAD("8183", "0001 0001 0000") QUESTION("0001")
	    RECORD("c00c", "0005", "00000200", "0004") "01\"b\"c00e" SOA,
	"no data 128"},
    {"somebody else's address", DNS_A,
	HEAD("8180", "0001 0001 0000") QUESTION("0001")
	    RECORD("c00e", "0001", "00000040", "0004") "c0000201" SOA,
	"no data 128"},
    {"another class", DNS_A,
	HEAD("8180", "0001 0001 0000")
	    QUESTION("0001") "c00c 0001 0003 00000040 0004 c0000201" SOA,
	"no data 128"},
    {"an address too short", DNS_A,
	HEAD("8180", "0001 0000 0000") QUESTION("0001")
	    RECORD("c00c", "0001", "00000040", "0003") "c00002",
	"failed 10"},
    {"an address too long", DNS_A,
	HEAD("8180", "0001 0000 0000") QUESTION("0001")
	    RECORD("c00c", "0001", "00000040", "0005") "c000020100",
	"failed 10"},
    {"a TTL below zero", DNS_A,
	HEAD("8180", "0001 0000 0000") QUESTION("0001")
	    RECORD("c00c", "0001", "80000000", "0004") "c0000201",
	"found 0 192.0.2.1"},
    {"a TTL of years", DNS_A,
	HEAD("8180", "0001 0000 0000") QUESTION("0001")
	    RECORD("c00c", "0001", "7fffffff", "0004") "c0000201",
	"found 86400 192.0.2.1"},
    {"no data", DNS_A, HEAD("81a0", "0000 0001 0000") QUESTION("0001") SOA,
	"no data 128 AD"},
    {"the lesser SOA last", DNS_A,
	HEAD("8180", "0000 0002 0000") QUESTION("0001")
	    SOA_OF("00000100", "00000080") SOA_OF("00000040", "00000100"),
	"no data 64"},
    {"the lesser SOA first", DNS_A,
	HEAD("8183", "0000 0002 0000") QUESTION("0001")
	    SOA_OF("00000100", "00000030") SOA_OF("00000100", "00000080"),
	"no such name 48"},
    {"no such name, no SOA", DNS_A,
	HEAD("8183", "0000 0000 0000") QUESTION("0001"), "no such name 0"},
    {"no data, no SOA", DNS_A, HEAD("8180", "0000 0000 0000") QUESTION("0001"),
	"no data 0"},
    {"SOA cut", DNS_A,
	HEAD("8180", "0000 0001 0000") QUESTION("0001")
	    RECORD("c00e", "0006", "00000100", "0002") "0000",
	"failed 10"},
    {"a referral", DNS_A,
	HEAD("8100", "0000 0001 0000") QUESTION("0001")
	    RECORD("c00e", "0002", "00000100", "0002") "c00c",
	"failed 10"},
    {"not a referral", DNS_A,
	HEAD("8500", "0000 0001 0000") QUESTION("0001")
	    RECORD("c00e", "0002", "00000100", "0002") "c00c",
	"no data 0"},
    {"no such name", DNS_A, HEAD("8183", "0000 0001 0000") QUESTION("0001") SOA,
	"no such name 128"},
    {"SERVFAIL", DNS_A, HEAD("8182", "0000 0000 0000") QUESTION("0001"),
	"failed 10"},
    {"REFUSED", DNS_A, HEAD("8185", "0000 0001 0000") QUESTION("0001") SOA,
	"failed 10"},
    {"BADVERS", DNS_A,
	HEAD("8180", "0000 0000 0001") QUESTION("0001") OPT("01000000"),
	"failed 10"},
    {"truncated", DNS_A,
	HEAD("8380", "0001 0000 0000") QUESTION("0001")
	    RECORD("c00c", "0001", "00000040", "0004") "c0000201",
	"failed 10"},
    {"more counted than there", DNS_A,
	HEAD("8180", "0002 0000 0000") QUESTION("0001")
	    RECORD("c00c", "0001", "00000040", "0004") "c0000201",
	"failed 10"},
    {"many counted", DNS_A, HEAD("8180", "ffff ffff ffff") QUESTION("0001"),
	"failed 10"},
    {"another id", DNS_A, "4321 8180 0001 0000 0000 0000 " QUESTION("0001"),
	"foreign"},
    {"a query", DNS_A, HEAD("0100", "0000 0000 0000") QUESTION("0001"),
	"foreign"},
    {"another opcode", DNS_A, HEAD("a180", "0000 0000 0000") QUESTION("0001"),
	"foreign"},
    {"another type", DNS_A, HEAD("8180", "0000 0000 0000") QUESTION("0010"),
	"foreign"},
    {"another class asked", DNS_A,
	HEAD("8180", "0000 0000 0000") A_EXAMPLE "0001 0003", "foreign"},
    {"another name", DNS_A,
	HEAD("8180", "0000 0000 0000") "01\"b\" 07\"example\"00 0001 0001",
	"foreign"},
    {"a name within another", DNS_A,
	HEAD("8180", "0000 0000 0000") "09\"a.example\"00 0001 0001",
	"foreign"},
    {"no question", DNS_A, "1234 8181 0000 0000 0000 0000", "foreign"},
    {"two questions", DNS_A,
	"1234 8180 0002 0000 0000 0000 " QUESTION("0001") QUESTION("0001"),
	"foreign"},
    {"nothing", DNS_A, "", "foreign"},
};

static struct text
describe(struct arena *arena, struct text bytes, enum dns_type type)
{
	struct dns_question question = {TEXT("a.example"), type};
	struct text copy = exact(bytes);
	struct build build;
	bool foreign;

	struct dns_answer *answer =
	    dns_message_read(copy, ID, &question, &foreign);
	exact_free(copy); /* the answer has its own */
	assert_non_null(answer);
	build_init_arena(&build, arena, 1024 * 1024);
	if (foreign) {
		assert_int_equal(answer->status, DNS_FAILED);
		build_cstr(&build, "foreign");
	} else {
		build_format(&build, "%s %u",
		    names_word(&dns_status_names, (int)answer->status),
		    answer->ttl);
	}
	build_cstr(&build, answer->authentic ? " AD" : "");
	for (size_t i = 0; i < answer->count; i++) {
		const struct dns_record *record = &answer->records[i];
		build_byte(&build, ' ');
		if (type == DNS_MX)
			build_format(&build, "%u:", record->preference);
		build_text(&build, record->text);
		ip_write(&build, &record->ip);
	}
	dns_answer_unref(answer);
	return build_view(&build);
}

static void
test_read(void **state)
{
	struct arena *arena = arena_new(16 * 1024 * 1024);
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
		struct text bytes = packet(arena, reads[i].packet);
		struct text found = describe(arena, bytes, reads[i].type);
		if (!text_equal(found, text_from_cstr(reads[i].expected))) {
			print_error("%s: " TEXT_FMT "\n", reads[i].what,
			    TEXT_ARG(found));
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
	arena_free(arena);
}

/* A packet cut anywhere says nothing. */
static void
test_cut(void **state)
{
	struct arena *arena = arena_new(16 * 1024 * 1024);

	(void)state;
	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
		struct text bytes = packet(arena, reads[i].packet);
		for (size_t len = 0; len < bytes.len; len++) {
			struct text found = describe(
			    arena, text_slice(bytes, 0, len), reads[i].type);
			if (!text_equal(found, TEXT("failed 10")) &&
			    !text_equal(found, TEXT("foreign")) &&
			    !text_equal(
				found, text_from_cstr(reads[i].expected)))
				fail_msg("%s cut at %zu: " TEXT_FMT,
				    reads[i].what, len, TEXT_ARG(found));
		}
	}
	arena_free(arena);
}

static void
test_many_records(void **state)
{
	struct arena *arena = arena_new(16 * 1024 * 1024);
	struct dns_question question = {TEXT("a.example"), DNS_A};

	(void)state;
	for (unsigned count = 254; count <= 258; count++) {
		struct build build;
		bool foreign;
		char head[128];
		(void)snprintf(head, sizeof head,
		    HEAD("8180", "%04x 0000 0000") QUESTION("0001"), count);
		build_init_arena(&build, arena, 65535);
		build_text(&build, packet(arena, head));
		for (unsigned i = 0; i < count; i++)
			build_text(&build,
			    packet(arena, RECORD("c00c", "0001", "00000040",
					      "0004") "c0000201"));
		struct dns_answer *answer = dns_message_read(
		    build_view(&build), ID, &question, &foreign);
		assert_int_equal(answer->count, count <= 256 ? count : 0);
		assert_int_equal(
		    answer->status, count <= 256 ? DNS_FOUND : DNS_FAILED);
		dns_answer_unref(answer);
	}
	arena_free(arena);
}

/* a -> b1 -> b2 … -> the address: eight aliases are followed. */
static void
test_many_aliases(void **state)
{
	struct arena *arena = arena_new(16 * 1024 * 1024);

	(void)state;
	for (unsigned aliases = 1; aliases <= 9; aliases++) {
		char text[4096];
		int len = snprintf(text, sizeof text,
		    HEAD("8180", "%04x 0000 0000") QUESTION("0001") RECORD(
			"c00c", "0005", "00000040", "0005") "02\"b1\"c00e ",
		    aliases + 1);
		for (unsigned i = 1; i < aliases; i++)
			len += snprintf(text + len, sizeof text - (size_t)len,
			    RECORD("02\"b%u\"c00e", "0005", "00000040",
				"0005") "02\"b%u\"c00e ",
			    i, i + 1);
		(void)snprintf(text + len, sizeof text - (size_t)len,
		    RECORD(
			"02\"b%u\"c00e", "0001", "00000040", "0004") "c0000201",
		    aliases);
		struct text found = describe(arena, packet(arena, text), DNS_A);
		if (!text_equal(found, aliases <= 8 ? TEXT("found 64 192.0.2.1")
						    : TEXT("failed 10")))
			fail_msg("%u: " TEXT_FMT, aliases, TEXT_ARG(found));
	}
	arena_free(arena);
}

/* A packet of ALIASES, the addresses of the last of them, and OTHERS, which
 * are addresses of nobody asked for. */
static struct text
crowd(
    struct arena *arena, unsigned aliases, unsigned addresses, unsigned others)
{
	struct build build;
	char text[256];

	build_init_arena(&build, arena, 65535);
	(void)snprintf(text, sizeof text,
	    HEAD("8180", "%04x 0000 0000") QUESTION("0001"),
	    aliases + addresses + others);
	build_text(&build, packet(arena, text));
	for (unsigned i = 0; i < aliases; i++) {
		(void)snprintf(text, sizeof text,
		    RECORD("01\"%c\"c00e", "0005", "00000040",
			"0004") "01\"%c\"c00e ",
		    (char)('a' + i), (char)('b' + i));
		build_text(&build, packet(arena, text));
	}
	(void)snprintf(text, sizeof text,
	    RECORD("01\"%c\"c00e", "0001", "00000040", "0004") "c0000201",
	    (char)('a' + aliases));
	for (unsigned i = 0; i < addresses; i++)
		build_text(&build, packet(arena, text));
	for (unsigned i = 0; i < others; i++)
		build_text(&build,
		    packet(arena,
			RECORD("c00e", "0001", "00000040", "0004") "c0000201"));
	assert_false(build_failed(&build));
	return build_view(&build);
}

/* As many as the longest chain and the most records, whoever's they are. */
static void
test_crowds(void **state)
{
	static const struct {
		unsigned aliases;
		unsigned addresses;
		unsigned others;
		const char *begins;
	} rows[] = {
	    {8, 256, 0, "found 64 192.0.2.1"},
	    {8, 256, 1, "failed 10"},
	    {8, 257, 0, "failed 10"},
	    {0, 256, 8, "found 64 192.0.2.1"},
	    {0, 0, 264, "no data 0"},
	    {0, 0, 265, "failed 10"},
	    {0, 1, 264, "failed 10"},
	};
	struct arena *arena = arena_new(16 * 1024 * 1024);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text bytes = crowd(
		    arena, rows[i].aliases, rows[i].addresses, rows[i].others);
		struct text found = describe(arena, bytes, DNS_A);
		if (!text_starts(found, text_from_cstr(rows[i].begins)))
			fail_msg("row %zu: " TEXT_FMT, i, TEXT_ARG(found));
	}
	arena_free(arena);
}

/* Three labels of 63 bytes and one that makes the name 252 to 254 long: on the
 * wire, with a byte before each label and the root's, 254 to 256 (RFC 1035
 * 2.3.4). */
static void
test_long_name(void **state)
{
	struct arena *arena = arena_new(16 * 1024 * 1024);

	(void)state;
	for (unsigned len = 252; len <= 254; len++) {
		struct build build;
		build_init_arena(&build, arena, 1024);
		build_text(&build,
		    packet(arena,
			HEAD("8180", "0001 0000 0000") QUESTION("000c")
			    RECORD("c00c", "000c", "00000040", "0000")));
		build.ptr[build.len - 2] = (char)((len + 2) >> 8);
		build.ptr[build.len - 1] = (char)((len + 2) & 0xFF);
		for (unsigned left = len + 1; left > 0;) {
			unsigned label = left > 64 ? 63 : left - 1;
			build_byte(&build, (char)label);
			for (unsigned i = 0; i < label; i++)
				build_byte(&build, 'x');
			left -= label + 1;
		}
		build_byte(&build, 0);
		struct text found =
		    describe(arena, build_view(&build), DNS_PTR);
		bool kept = found.len == sizeof "found 64 " - 1 + len;
		if (kept != (len <= 253) ||
		    (!kept && !text_equal(found, TEXT("failed 10"))))
			fail_msg("%u: " TEXT_FMT, len, TEXT_ARG(found));
	}
	arena_free(arena);
}

/* Each pointer leads to the one before it. */
static void
test_many_pointers(void **state)
{
	struct arena *arena = arena_new(16 * 1024 * 1024);

	(void)state;
	for (unsigned pointers = 1; pointers <= 40; pointers++) {
		struct build build;
		build_init_arena(&build, arena, 65535);
		build_text(
		    &build, packet(arena,
				HEAD("8180", "0002 0000 0000") QUESTION("000c")
				    RECORD("00", "0010", "00000040", "0000")));
		build.ptr[build.len - 1] = (char)(2 * pointers);
		size_t to = 12;
		for (unsigned i = 0; i < pointers; i++) {
			size_t at = build.len;
			build_byte(&build, (char)(0xC0 | to >> 8));
			build_byte(&build, (char)(to & 0xFF));
			to = at;
		}
		build_text(&build,
		    packet(arena, RECORD("c00c", "000c", "00000040", "0002")));
		build_byte(&build, (char)(0xC0 | to >> 8));
		build_byte(&build, (char)(to & 0xFF));
		struct text found =
		    describe(arena, build_view(&build), DNS_PTR);
		bool followed = text_equal(found, TEXT("found 64 a.example"));
		if (followed != (pointers < 32))
			fail_msg("%u: " TEXT_FMT, pointers, TEXT_ARG(found));
	}
	arena_free(arena);
}

/* Packets that once broke c-ares. None of them answers our question. */
static void
test_vectors(void **state)
{
	struct arena *arena = arena_new(4 * 1024 * 1024);
	const char *folder = vectors_path(arena, "fuzz/dns-packets");
	DIR *entries = folder == NULL ? NULL : opendir(folder);

	(void)state;
	if (entries == NULL) {
		print_message("# fuzz/dns-packets is absent: it is "
			      "test/fuzzinput of c-ares\n");
		arena_free(arena);
		skip();
		return;
	}
	for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		struct text path =
		    arena_format(arena, "%s/%s", folder, entry->d_name);
		struct text bytes =
		    vectors_read(arena, arena_cstr(arena, path));
		struct text found = describe(arena, bytes, DNS_A);
		assert_true(text_equal(found, TEXT("foreign")));
	}
	(void)closedir(entries);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_many_records),
	    cmocka_unit_test(test_many_aliases),
	    cmocka_unit_test(test_crowds),
	    cmocka_unit_test(test_long_name),
	    cmocka_unit_test(test_many_pointers),
	    cmocka_unit_test(test_vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
