/* The key that signs our reports: what may be wrong with it, and a report that
 * it has signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../crypto/secrets.h"
#include "../dkim/run.h"

#include "base/base64.h"
#include "clerk/clerk.h"
#include "clerk/compose.h"
#include "clerk/signing.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARENA_MAX = 4 * 1024 * 1024, NOW = 1700000000 };

#define HOST "mail.receiver.example"

static char folder[] = "/tmp/test_signing.XXXXXX";

static const char *
path_of(struct arena *arena, const char *name)
{
	return arena_cstr(arena, arena_format(arena, "%s/%s", folder, name));
}

static void
write_file(const char *name, const char *text, mode_t mode)
{
	struct arena *arena = arena_new(ARENA_MAX);
	const char *path = path_of(arena, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fchmod(fileno(file), mode), 0);
	(void)fputs(text, file);
	(void)fclose(file);
	arena_free(arena);
}

static int
set_up(void **state)
{
	enum { LARGE = 16 * 1024 };

	static char large[LARGE + 1];

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	write_file("rsa", rsa_pkcs1, 0600);
	write_file("ed", ed25519, 0640);
	write_file("short", rsa_512, 0600);
	write_file("encrypted", encrypted_pkcs8, 0600);
	write_file("open", ed25519, 0644);
	write_file("writable", ed25519, 0602);
	write_file("empty", "", 0600);
	/* As many bytes as are read are one too many. */
	memset(large, '\n', LARGE);
	memcpy(large, ed25519, sizeof ed25519 - 1);
	write_file("large", large, 0600);
	large[LARGE - 1] = '\0';
	write_file("full", large, 0600);
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = {"rsa", "ed", "short", "encrypted",
	    "open", "writable", "empty", "large", "full"};
	struct arena *arena = arena_new(ARENA_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)unlink(path_of(arena, names[i]));
	arena_free(arena);
	return rmdir(folder);
}

static const struct row {
	const char *key; /* a file of the folder */
	const char *domain;
	const char *selector;
	const char *wrong; /* "": nothing */
} rows[] = {
    {"", "", "", ""},
    {"rsa", "", "s", ""},
    {"ed", "", "s", ""},
    {"full", "", "s", ""},
    {"ed", HOST, "a.b", ""},
    {"ed", "Receiver.EXAMPLE", "S1", ""},
    {"ed", "below." HOST, "s", ""},
    {"", HOST, "", "do nothing without ReportSigningKey"},
    {"", "", "s", "do nothing without ReportSigningKey"},
    {"ed", "", "", "without ReportSigningSelector"},
    {"ed", "", "a b", "ReportSigningSelector a b is no name"},
    {"ed", "", "a..b", "is no name"},
    {"ed", "other.example", "s", "would not be aligned"},
    {"ed", "eceiver.example", "s", "would not be aligned"},
    {"ed", "x;y", "s", "is no domain name"},
    {"none", "", "s", "/none: No such file"},
    {"", ".", "s", "do nothing"},
    {".", "", "s", "not a file"},
    {"short", "", "s", "shorter than 1024"},
    {"encrypted", "", "s", "encrypted"},
    {"empty", "", "s", "no private key"},
    {"large", "", "s", "File too large"},
    {"open", "", "s", "may read it"},
    {"writable", "", "s", "may write it"},
};

static struct config *
make_config(const struct row *row)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct config *config = config_load(NULL, &problem);

	assert_non_null(config);
	config->report_email = TEXT("dmarc@" HOST);
	config->report_signing_domain = text_from_cstr(row->domain);
	config->report_signing_selector = text_from_cstr(row->selector);
	if (row->key[0] != '\0')
		config->report_signing_key =
		    text_from_cstr(path_of(config->arena, row->key));
	return config;
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		struct problem problem = {PROBLEM_NONE, ""};
		struct config *config = make_config(row);
		bool is_good = clerk_check_sender(config, &problem);
		config_free(config);
		if (is_good != (row->wrong[0] == '\0') ||
		    strstr(problem.text, row->wrong) == NULL)
			fail_msg("%zu: %s", i, problem.text);
	}
}

/* A selector as long as there is room for beside the domain, and one more. */
static void
test_long_selector(void **state)
{
	static const char labels[] =
	    "a23456789.123456789.123456789.123456789.123456789."
	    "b23456789.123456789.123456789.123456789.123456789."
	    "c23456789.123456789.123456789.123456789.123456789."
	    "d23456789.123456789.123456789.123456789.123456789."
	    "e2345678901234567890123456789";

	static const struct row long_row = {"ed", "", "", ""};

	enum { LONGEST = 253 - sizeof "._domainkey." + 1 - sizeof HOST + 1 };

	(void)state;
	for (size_t len = LONGEST; len <= LONGEST + 1; len++) {
		struct problem problem = {PROBLEM_NONE, ""};
		struct config *config = make_config(&long_row);
		config->report_signing_selector =
		    text_slice(TEXT(labels), 0, len);
		bool is_good = clerk_check_sender(config, &problem);
		config_free(config);
		if (is_good != (len == LONGEST))
			fail_msg("%zu: %s", len, problem.text);
	}
}

/* --- a signed report --- */

static struct dns_zone *
make_zone(struct arena *arena, const struct dkim_signer *signer)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct build zone;
	bool is_rsa = crypto_key_algorithm(crypto_secret_key(signer->secret)) ==
		      CRYPTO_RSA_SHA256;

	build_init_arena(&zone, arena, ARENA_MAX);
	build_text(&zone, signing_record_name(arena, signer));
	build_format(&zone, " TXT \"k=%s; p=\" \"", is_rsa ? "rsa" : "ed25519");
	base64_write(&zone, crypto_secret_public(signer->secret), 0);
	build_cstr(&zone, "\"\n");
	struct dns_zone *made =
	    dns_zone_read(build_view(&zone), "zone", &problem);
	if (made == NULL)
		fail_msg("%s", problem.text);
	return made;
}

static void
compose(struct arena *arena, const struct config *config, struct build *mail,
    struct sender *sender)
{
	static const struct store_report report = {
	    .id = {"1", 1},
	    .policy = {.domain = {"example.com", 11}},
	    .begin = NOW,
	    .end = NOW + 86399,
	};
	struct problem problem = {PROBLEM_NONE, ""};

	if (!compose_sender(arena, config, sender, &problem) ||
	    !signing_read(arena, config, sender->self.receiver, &sender->signer,
		&problem))
		fail_msg("%s", problem.text);
	build_init_arena(mail, arena, ARENA_MAX);
	assert_true(compose_mail(
	    mail, sender, &report, TEXT("gzip"), TEXT("reports@example.com")));
}

static void
test_mail(void **state)
{
	static const struct row signed_rows[] = {
	    {"rsa", "", "s", ""}, {"ed", "Receiver.Example", "t.U", ""}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct config *config = make_config(&signed_rows[i]);
		struct run run = {.arena = arena_new(ARENA_MAX),
		    .options = {NOW, TEXT(HOST)}};
		struct sender sender;
		struct build mail;
		struct build again;
		compose(run.arena, config, &mail, &sender);
		compose(run.arena, config, &again, &sender);
		assert_true(text_equal(build_view(&mail), build_view(&again)));
		assert_true(
		    text_starts(build_view(&mail), TEXT("DKIM-Signature:")));
		struct dns_zone *zone = make_zone(run.arena, &sender.signer);
		assert_true(run_message(&run, build_view(&mail), zone));
		assert_int_equal(run.results.count, 1);
		assert_int_equal(run.results.at[0].result, DKIM_PASS);
		dns_zone_free(zone);
		arena_free(run.arena);
		config_free(config);
	}
}

/* Without a key the mail is what it was. */
static void
test_unsigned(void **state)
{
	struct config *config = make_config(&rows[0]);
	struct arena *arena = arena_new(ARENA_MAX);
	struct sender sender;
	struct build mail;

	(void)state;
	compose(arena, config, &mail, &sender);
	assert_true(text_starts(build_view(&mail), TEXT("From: dmarc@")));
	assert_null(sender.signer.secret);
	arena_free(arena);
	config_free(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_long_selector),
	    cmocka_unit_test(test_mail),
	    cmocka_unit_test(test_unsigned),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
