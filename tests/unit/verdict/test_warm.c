/* What a message costs whose DNS answers are all known from another message:
 * no record is parsed again, and all its memory is its arena's. The linker
 * gives us the calls (--wrap, tests/unit/meson.build); those that libraries
 * make inside themselves are not among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../dkim/signer.h"
#include "judge.h"

#include "dkim/key.h"
#include "dmarc/record.h"
#include "spf/record.h"

#define BODY "Hello\r\n\r\nWorld  \r\n"

static struct counts {
	unsigned parsed; /* records were, or a list of them */
	unsigned arenas;
	unsigned taken;    /* malloc, calloc */
	unsigned grown;    /* realloc */
	unsigned returned; /* free */
} counts;

/* The linker chose the names. NOLINTBEGIN(readability-identifier-naming) */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *bytes, size_t size);
void __real_free(void *bytes);
struct arena *__real_arena_new(size_t limit);
dns_parser __real_dkim_keys_parse, __real_dmarc_records_parse,
    __real_spf_record_parse;

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *bytes, size_t size);
void __wrap_free(void *bytes);
struct arena *__wrap_arena_new(size_t limit);
dns_parser __wrap_dkim_keys_parse, __wrap_dmarc_records_parse,
    __wrap_spf_record_parse;

void *
__wrap_malloc(size_t size)
{
	counts.taken++;
	return __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	counts.taken++;
	return __real_calloc(count, size);
}

void *
__wrap_realloc(void *bytes, size_t size)
{
	counts.grown++;
	return __real_realloc(bytes, size);
}

void
__wrap_free(void *bytes)
{
	counts.returned += bytes != NULL;
	__real_free(bytes);
}

struct arena *
__wrap_arena_new(size_t limit)
{
	counts.arenas++;
	return __real_arena_new(limit);
}

const void *
__wrap_dkim_keys_parse(struct arena *arena, const struct dns_answer *answer)
{
	counts.parsed += answer->count > 0;
	return __real_dkim_keys_parse(arena, answer);
}

const void *
__wrap_dmarc_records_parse(struct arena *arena, const struct dns_answer *answer)
{
	counts.parsed += answer->count > 0;
	return __real_dmarc_records_parse(arena, answer);
}

const void *
__wrap_spf_record_parse(struct arena *arena, const struct dns_answer *answer)
{
	counts.parsed += answer->count > 0;
	return __real_spf_record_parse(arena, answer);
}

/* NOLINTEND(readability-identifier-naming) */

/* --- two messages --- */

static const struct row {
	const char *name;
	const char *fields; /* From and To are there */
	unsigned signatures;
	bool is_ed25519;
	const char *domain; /* NULL: example.com */
	const char *tags;
	const char *expected;
} rows[] = {
    {"no signature", "", 0, false, NULL, NULL, "pass none none"},
    {"a signature", "Subject: Hello\r\n", 1, false, NULL, NULL,
	"pass none none"},
    {"Ed25519", "Subject: Hello\r\n", 1, true, NULL, NULL, "pass none none"},
    {"simple, and l=",
	"Subject: Hello\r\n\tworld\r\nList-Id: <a.example.net>\r\n", 2, false,
	NULL, "c=simple/simple; l=5; h=subject:from:from:to", "pass none none"},
    {"ten", "Subject: Hello\r\n", 10, false, NULL,
	"c=relaxed/simple; h=from:to", "pass none none"},
    {"one beside the author's domain", "", 1, false, "a.other.example.com",
	"h=from; t=1", "pass none none"},
};

static struct signer signer;

static struct mail_header
make_header(const struct row *row)
{
	struct text rest = text_from_cstr(row->fields);
	struct mail_header header = {.bytes = 0};

	assert_true(mail_header_add_raw(
	    &header, signer.arena, TEXT("From: Ann <ann@news.example.com>")));
	assert_true(mail_header_add_raw(
	    &header, signer.arena, TEXT("To: bob@example.org")));
	while (rest.len > 0) {
		size_t end = text_find_part(rest, TEXT("\r\n"));
		while (end + 2 < rest.len && is_wsp(rest.ptr[end + 2]))
			end += 2 + text_find_part(
				       text_slice(rest, end + 2, rest.len),
				       TEXT("\r\n"));
		assert_true(mail_header_add_raw(
		    &header, signer.arena, text_slice(rest, 0, end)));
		rest = text_slice(rest, end + 2, rest.len);
	}
	struct sign_options options = {
	    .key = row->is_ed25519 ? SIGN_ED25519 : SIGN_RSA,
	    .selector = row->is_ed25519 ? "e" : "r",
	    .domain = row->domain,
	    .tags = row->tags,
	    .body = BODY,
	};
	for (unsigned i = 0; i < row->signatures; i++)
		assert_true(mail_header_add_raw(&header, signer.arena,
		    signer_sign(&signer, &header, &options)));
	return header;
}

static struct dns_zone *
make_zone(void)
{
	struct build zone;

	build_init_arena(&zone, signer.arena, 65536);
	build_cstr(&zone,
	    "_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n"
	    "example.com TXT \"v=spf1 include:all.example.com -all\"\n"
	    "all.example.com TXT \"v=spf1 a:mail.example.com ip4:192.0.2.0/24 "
	    "-all\"\n"
	    "mail.example.com A 192.0.2.77\n"
	    "mail.example.com TXT \"v=spf1 a -all\"\n");
	build_text(&zone, signer_record(&signer, "r._domainkey.example.com",
			      "k=rsa; ", SIGN_RSA));
	build_text(
	    &zone, signer_record(&signer, "r._domainkey.a.other.example.com",
		       "k=rsa; ", SIGN_RSA));
	build_text(&zone, signer_record(&signer, "e._domainkey.example.com",
			      "k=ed25519; ", SIGN_ED25519));
	return order_zone(build_view(&zone));
}

/* The answer that KNOWN had to QUESTION, or a new one. */
static const struct dns_answer *
find_answer(const struct dns_zone *zone, const struct dns_facts *known,
    const struct dns_question *question)
{
	for (size_t i = 0; known != NULL && i < dns_facts_count(known); i++) {
		struct dns_question asked;
		const struct dns_answer *answer;
		dns_facts_at(known, i, &asked, &answer);
		if (asked.type == question->type &&
		    text_equal(asked.name, question->name))
			return dns_answer_ref(answer);
	}
	return dns_zone_answer(zone, question);
}

/* As a milter brings it: field by field, and the body in pieces. The DNS is
 * what KNOWN, of another message, had; NULL: all is asked. */
static struct checks *
run(const struct judge *judge, const struct mail_header *header,
    const struct dns_facts *known)
{
	struct checks *checks =
	    checks_new(judge->arena, &judge->options, &judge->envelope);
	struct dns_question question;

	for (size_t i = 0; i < header->fields.count; i++)
		checks_field(checks, header->fields.at[i].name,
		    header->fields.at[i].value, true);
	checks_end_of_header(checks);
	checks_body(checks, text_slice(TEXT(BODY), 0, 9));
	checks_body(checks, text_slice(TEXT(BODY), 9, sizeof BODY - 1));
	checks_end_of_body(checks);
	while (!checks_run(checks)) {
		struct dns_facts *facts = checks_facts(checks);
		while (dns_next_wanted(facts, &question))
			assert_true(dns_tell(facts, &question,
			    find_answer(judge->zone, known, &question)));
	}
	return checks;
}

static unsigned
check_row(const struct row *row, const struct dns_zone *zone)
{
	struct mail_header header = make_header(row);
	struct judge first;

	judge_init(&first);
	first.options.explain = false;
	first.zone = zone;
	struct judge second = first;
	first.arena = arena_new(MESSAGE_ARENA_MAX);
	counts = (struct counts){0};
	struct checks *checks = run(&first, &header, NULL);
	struct counts cold = counts;

	counts = (struct counts){0};
	second.arena = arena_new(MESSAGE_ARENA_MAX);
	const struct verdict *verdict =
	    checks_verdict(run(&second, &header, checks_facts(checks)));
	struct counts warm = counts;
	struct text words = judge_words(signer.arena, verdict);
	counts.returned = 0;
	arena_free(second.arena);
	struct counts end = counts;
	arena_free(first.arena);

	bool is_good = text_equal(words, text_from_cstr(row->expected)) &&
		       cold.parsed > 0 && cold.arenas > 0 && warm.parsed == 0 &&
		       warm.arenas == 1 && warm.grown == 0 &&
		       warm.returned == 0 && end.returned == warm.taken;
	if (!is_good)
		print_error("%s: " TEXT_FMT ", %u parsed (cold %u), %u arenas, "
			    "%u taken, %u grown, %u + %u returned\n",
		    row->name, TEXT_ARG(words), warm.parsed, cold.parsed,
		    warm.arenas, warm.taken, warm.grown, warm.returned,
		    end.returned);
	return !is_good;
}

static void
test_nothing_again(void **state)
{
	unsigned bad = 0;

	(void)state;
	signer_init(&signer);
	struct dns_zone *zone = make_zone();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		bad += check_row(&rows[i], zone);
	dns_zone_free(zone);
	signer_free(&signer);
	assert_int_equal(bad, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
