/* Our own signatures, as our verifier sees them; tests/system/test_signing.py
 * has others verify them. */
#include "fixture.h"

#include "exact.h"

#include "dkim/sign.h"

#include <openssl/pem.h>

#define MAIL_HEADER                                                            \
 "From: reports@example.com\r\n"                                               \
 "To: dmarc@other.example\r\n"                                                 \
 "Subject: Report Domain: other.example Submitter: example.com\r\n"            \
 " Report-ID: <1>\r\n"                                                         \
 "Date: Mon, 23 Nov 2026 00:00:00 +0000\r\n"                                   \
 "Message-ID: <1@example.com>\r\n"                                             \
 "Auto-Submitted: auto-generated\r\n"                                          \
 "MIME-Version: 1.0\r\n"                                                       \
 "Content-Type: text/plain\r\n"
#define MAIL MAIL_HEADER "\r\n" BODY

enum { TIME = 999999, COLUMNS = 78 };

static struct dkim_signer
signer_of(struct arena *arena, enum sign_key key)
{
	struct dkim_signer made = {.domain = TEXT("example.com"),
	    .selector = key == SIGN_ED25519 ? TEXT("ed") : TEXT("s")};
	struct crypto_secret *secret = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	const char *why = "";
	char *pem = NULL;

	assert_int_equal(PEM_write_bio_PrivateKey(
			     bio, signer.key[key], NULL, NULL, 0, NULL, NULL),
	    1);
	long len = BIO_get_mem_data(bio, &pem);
	assert_int_equal(crypto_secret_read(arena,
			     (struct text){pem, (size_t)len}, &secret, &why),
	    CRYPTO_GOOD);
	BIO_free(bio);
	made.secret = secret;
	return made;
}

/* The field and MAIL behind it; "" when it cannot be signed. */
static struct text
sign_mail(struct arena *arena, enum sign_key key, struct text mail)
{
	const struct dkim_signer by = signer_of(arena, key);
	struct text copy = exact(mail);
	struct build build;

	build_init_arena(&build, arena, ARENA_MAX);
	bool is_signed = dkim_sign(&build, arena, copy, &by, TIME);
	exact_free(copy);
	build_text(&build, mail);
	return is_signed ? build_view(&build) : TEXT("");
}

static enum dkim_result
verify(struct text mail)
{
	struct run run = {.arena = arena_new(ARENA_MAX),
	    .options = {NOW, TEXT("example.com")}};
	enum dkim_result result = DKIM_NONE;

	if (run_message(&run, mail, zone) && run.results.count > 0)
		result = run.results.at[0].result;
	arena_free(run.arena);
	return result;
}

static const enum sign_key keys[] = {SIGN_RSA, SIGN_ED25519};

static void
test_passes(void **state)
{
	static const char *const mails[] = {
	    MAIL,
	    MAIL_HEADER "\r\n",
	    MAIL_HEADER "\r\n\r\n\r\n",
	    MAIL_HEADER "\r\n \t \r\n",
	    MAIL_HEADER "\r\na \t b \r\n\r\n  \r\n",
	    MAIL_HEADER "\r\nno line end",
	    "From: a@example.com\r\n\r\nnothing else is signed\r\n",
	    "FROM:a@example.com\r\nsubject :  a\r\n\tb  c \r\n\r\nx\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof mails / sizeof *mails; i++) {
		for (size_t k = 0; k < 2; k++) {
			struct arena *arena = arena_new(ARENA_MAX);
			struct text mail =
			    sign_mail(arena, keys[k], text_from_cstr(mails[i]));
			if (verify(mail) != DKIM_PASS)
				fail_msg("%zu: " TEXT_FMT, i, TEXT_ARG(mail));
			arena_free(arena);
		}
	}
}

static void
test_field(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct text mail = sign_mail(arena, SIGN_RSA, TEXT(MAIL));
	struct text field =
	    text_slice(mail, 0, text_find_part(mail, TEXT("From: ")));
	struct mail_header header = read_header(field);
	struct dkim_signature read;
	const char *why = "";

	(void)state;
	/* Again: the same bytes. */
	assert_true(text_equal(mail, sign_mail(arena, SIGN_RSA, TEXT(MAIL))));
	assert_int_equal(header.fields.count, 1);
	assert_true(
	    dkim_signature_read(arena, &header.fields.at[0], &read, &why));
	assert_true(text_equal(read.domain, TEXT("example.com")));
	assert_true(text_equal(read.selector, TEXT("s")));
	assert_int_equal(read.timestamp, TIME);
	assert_false(read.has_length);
	assert_int_equal(read.header, DKIM_RELAXED);
	assert_int_equal(read.body, DKIM_RELAXED);
	while (field.len > 0)
		assert_in_range(text_split(&field, '\n').len, 1, COLUMNS + 1);
	arena_free(arena);
}

/* No byte of the mail can be another one. */
static void
test_each_byte_counts(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct text mail = sign_mail(arena, SIGN_RSA, TEXT(MAIL));
	size_t begin = text_find_part(mail, TEXT("From: "));
	char bytes[4096];

	(void)state;
	assert_in_range(mail.len, 1, sizeof bytes);
	memcpy(bytes, mail.ptr, mail.len);
	for (size_t i = begin; i < mail.len; i++) {
		char byte = bytes[i];
		/* White space at a line's end is the same as none. */
		if (byte == '\r' || byte == '\n')
			continue;
		bytes[i] = 'Q';
		if (byte != 'Q' &&
		    verify((struct text){bytes, mail.len}) == DKIM_PASS)
			fail_msg("%zu", i);
		bytes[i] = byte;
	}
	assert_int_equal(verify((struct text){bytes, mail.len}), DKIM_PASS);
	arena_free(arena);
}

static void
test_added_fields(void **state)
{
	static const struct {
		const char *field;
		bool passes;
	} rows[] = {
	    {"Received: by mx.example\r\n", true},
	    {"From: other@example.com\r\n", false},
	    {"Subject: other\r\n", false},
	    {"To: other@example.com\r\n", false},
	    {"Content-Type: text/html\r\n", false},
	};
	struct arena *arena = arena_new(ARENA_MAX);
	struct text mail = sign_mail(arena, SIGN_ED25519, TEXT(MAIL));

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool passes =
		    verify(arena_join(arena, text_from_cstr(rows[i].field),
			mail)) == DKIM_PASS;
		if (passes != rows[i].passes)
			fail_msg("%s", rows[i].field);
	}
	arena_free(arena);
}

static unsigned
draw(unsigned *seed, unsigned below)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % below;
}

/* Whatever is signed verifies: lines of bytes that canonicalization changes. */
static void
test_round_trip(void **state)
{
	static const char *const words[] = {
	    " ", "\t", "\r\n", "a", ".", "=", "  b", "\r\n\r\n", "\xC3\xA9"};

	enum { WORDS = sizeof words / sizeof *words };

	(void)state;
	for (unsigned round = 0; round < 500; round++) {
		struct arena *arena = arena_new(ARENA_MAX);
		unsigned seed = round;
		struct build mail;
		build_init_arena(&mail, arena, ARENA_MAX);
		build_cstr(&mail, "From: a@example.com\r\nSubject: x");
		for (unsigned i = draw(&seed, 8); i > 0; i--)
			build_cstr(
			    &mail, draw(&seed, 2) == 0 ? "\r\n \t" : " y");
		build_cstr(&mail, "\r\n\r\n");
		for (unsigned i = draw(&seed, 40); i > 0; i--)
			build_cstr(&mail, words[draw(&seed, WORDS)]);
		struct text text =
		    sign_mail(arena, keys[round % 2], build_view(&mail));
		if (verify(text) != DKIM_PASS)
			fail_msg("seed %u: " TEXT_FMT, round, TEXT_ARG(text));
		arena_free(arena);
	}
}

static void
test_no_mail(void **state)
{
	static const char *const rows[] = {"", "\r\n", "no field\r\n\r\nx\r\n"};
	struct arena *arena = arena_new(ARENA_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(
		    sign_mail(arena, SIGN_RSA, text_from_cstr(rows[i])).len, 0);
	arena_free(arena);
}

static void
test_no_memory(void **state)
{
	struct arena *keeper = arena_new(ARENA_MAX);
	const struct dkim_signer by = signer_of(keeper, SIGN_RSA);
	bool is_signed = false;

	(void)state;
	for (size_t n = 1; !is_signed; n++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct build field;
		build_init(&field, ARENA_MAX);
		arena_fail_after(arena, n);
		is_signed = dkim_sign(&field, arena, TEXT(MAIL), &by, TIME);
		struct text mail =
		    arena_join(keeper, build_view(&field), TEXT(MAIL));
		assert_true(!is_signed || verify(mail) == DKIM_PASS);
		build_free(&field);
		arena_free(arena);
		assert_in_range(n, 1, 1000);
	}
	arena_free(keeper);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_passes),
	    cmocka_unit_test(test_field),
	    cmocka_unit_test(test_each_byte_counts),
	    cmocka_unit_test(test_added_fields),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_no_mail),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
