/* Undoing. A message is signed and another one received under its signature;
 * the input says both. Whatever is undone, what a reader sees of the body is
 * the author's, but for a footer behind it; and encodings keep every byte.
 *
 * The first byte: the encodings of both, the canonicalization, a Subject tag.
 * The rest: the body as signed, NUL, the body as received. */
#include "dkim/encoding.h"
#include "dkim/signed.h"
#include "dkim/undo.h"

#include "base/base64.h"

#include <assert.h>
#include <openssl/evp.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct message {
	struct mail_header header;
	struct dkim_signature signature;
	struct text body;
	enum dkim_encoding encoding;
};

static const unsigned char secret[32] = {1, 2, 3};

static struct crypto_key *
read_key(struct arena *arena, EVP_PKEY *pair)
{
	unsigned char raw[32];
	size_t len = sizeof raw;
	struct crypto_key *key = NULL;

	assert(EVP_PKEY_get_raw_public_key(pair, raw, &len) == 1);
	assert(crypto_key_read_ed25519(arena, (struct text){(char *)raw, len},
		   &key) == CRYPTO_GOOD);
	return key;
}

static void
add(struct arena *arena, struct mail_header *header, struct text raw)
{
	assert(mail_header_add_raw(header, arena, raw));
}

static void
write_message(struct arena *arena, struct message *message, bool is_simple,
    const char *subject, struct text body_hash)
{
	const char *how = is_simple ? "simple/simple" : "relaxed/relaxed";
	const char *reason;

	add(arena, &message->header, TEXT("From: a@example.com"));
	add(arena, &message->header,
	    arena_format(arena, "Subject: %s", subject));
	add(arena, &message->header, TEXT("Content-Type: text/plain"));
	add(arena, &message->header,
	    arena_format(arena, "Content-Transfer-Encoding: " TEXT_FMT,
		TEXT_ARG(dkim_encoding_name(message->encoding))));
	add(arena, &message->header,
	    arena_format(arena,
		"DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=s; "
		"c=%s; h=from:subject:content-type:content-transfer-encoding; "
		"bh=" TEXT_FMT "; b=AAAA",
		how, TEXT_ARG(body_hash)));
	assert(dkim_signature_read(arena, &message->header.fields.at[4],
	    &message->signature, &reason));
}

static struct dkim_form *
make_form(struct arena *arena, const struct dkim_signature *signature,
    struct text body)
{
	struct dkim_form *form = dkim_form_new(arena, signature->body);

	assert(form != NULL && dkim_form_want(form, arena, signature));
	dkim_form_feed(form, body);
	dkim_form_finish(form);
	return form;
}

static struct text
sign(struct arena *arena, EVP_PKEY *pair, struct message *message)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char made[64];
	size_t len = sizeof made;
	struct dkim_signed fields;
	struct sha256 digest;

	dkim_signed_find(&message->header, &message->signature, &fields);
	assert(dkim_signed_hash(arena, &fields, &message->signature, &digest));
	assert(EVP_DigestSignInit(context, NULL, NULL, NULL, pair) == 1);
	assert(
	    EVP_DigestSign(context, made, &len, digest.byte, SHA256_SIZE) == 1);
	EVP_MD_CTX_free(context);
	return arena_copy(arena, (struct text){(char *)made, len});
}

/* --- what a reader sees --- */

/* Words and line ends; white space at line ends and empty lines at the end of
 * the body are nothing to see. */
static struct text
visible(struct arena *arena, struct text body)
{
	struct build build;
	size_t seen = 0;

	build_init_arena(&build, arena, 1 << 20);
	for (size_t i = 0; i < body.len; i++) {
		char byte = body.ptr[i];
		if (byte == '\n') {
			build_cut(&build, seen);
			build_byte(&build, '\n');
			seen = build.len;
		} else if (is_space(byte)) {
			build_byte(&build, ' ');
			while (i + 1 < body.len && is_wsp(body.ptr[i + 1]))
				i++;
		} else {
			build_byte(&build, byte);
			seen = build.len;
		}
	}
	return text_trim(build_view(&build));
}

static void
collect(void *context, struct text piece)
{
	build_text(context, piece);
}

/* Of the body as signed no more is known than its form. */
static struct text
canonical(struct arena *arena, const struct message *message)
{
	struct dkim_canonical_body body;
	struct build build;

	build_init_arena(&build, arena, 1 << 20);
	dkim_canonical_body_init(
	    &body, message->signature.body, collect, &build);
	dkim_canonical_body_feed(&body, message->body);
	dkim_canonical_body_finish(&body);
	return build_view(&build);
}

static void
check_changes(struct arena *arena, const struct message *sent,
    const struct message *received, unsigned changes)
{
	struct text a = canonical(arena, sent);
	struct text b = received->body;

	if ((changes & DKIM_CHANGE_ENCODING) != 0) {
		assert(dkim_decode(arena, a, sent->encoding, &a));
		assert(dkim_decode(arena, b, received->encoding, &b));
	}
	a = visible(arena, a);
	b = visible(arena, b);
	assert((changes & DKIM_CHANGE_ENCODING) != 0 ||
	       sent->encoding == received->encoding);
	if (dkim_changes_add_text(changes))
		assert(text_starts(b, a));
	else
		assert(text_equal(a, b));
}

static void
check_undo(struct arena *arena, EVP_PKEY *pair, int flags, struct message *sent,
    struct message *received)
{
	struct sha256 digest = {{0}};
	struct build hash;

	build_init_arena(&hash, arena, 100);
	base64_write(&hash, (struct text){(char *)digest.byte, 32}, 0);
	write_message(arena, sent, (flags & 16) != 0, "x", build_view(&hash));
	digest = make_form(arena, &sent->signature, sent->body)->digest;
	build_cut(&hash, 0);
	base64_write(&hash, (struct text){(char *)digest.byte, 32}, 0);
	sent->header = (struct mail_header){0};
	write_message(arena, sent, (flags & 16) != 0, "x", build_view(&hash));
	write_message(arena, received, (flags & 16) != 0,
	    (flags & 32) != 0 ? "[t] x" : "x", build_view(&hash));
	received->signature.signature = sign(arena, pair, sent);
	struct dkim_undo *undo = dkim_undo_new(arena, &received->header);
	assert(undo != NULL);
	dkim_undo_feed(undo, received->body);
	struct dkim_form *form =
	    make_form(arena, &received->signature, received->body);
	struct dkim_broken broken = {
	    .signature = &received->signature,
	    .form = form,
	    .key = read_key(arena, pair),
	    .header_verifies =
		(flags & 32) == 0 && sent->encoding == received->encoding,
	    .body_matches = dkim_form_matches(form, &received->signature),
	};
	if (broken.header_verifies && broken.body_matches)
		return;
	unsigned changes = dkim_undo_find(undo, &broken);
	if (changes != 0)
		check_changes(arena, sent, received, changes);
	if (broken.body_matches && sent->encoding == received->encoding)
		assert(changes == DKIM_CHANGE_SUBJECT);
}

static void
check_encodings(struct arena *arena, struct text text)
{
	for (int i = 0; i < DKIM_ENCODINGS; i++) {
		enum dkim_encoding encoding = (enum dkim_encoding)i;
		struct build build;
		struct text again;
		build_init_arena(&build, arena, 1 << 20);
		if (!dkim_encode(&build, text, encoding))
			continue;
		assert(
		    dkim_decode(arena, build_view(&build), encoding, &again));
		assert(text_equal(again, text));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	if (len == 0 || len > 16 * 1024)
		return 0;
	struct arena *arena = arena_new(32 * 1024 * 1024);
	EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(
	    EVP_PKEY_ED25519, NULL, secret, sizeof secret);
	assert(arena != NULL && pair != NULL);
	struct text rest = {(const char *)bytes + 1, len - 1};
	struct message sent = {.encoding = bytes[0] & 3};
	struct message received = {.encoding = bytes[0] >> 2 & 3};
	sent.body = text_split(&rest, '\0');
	received.body = rest;
	check_encodings(arena, received.body);
	check_undo(arena, pair, bytes[0], &sent, &received);
	EVP_PKEY_free(pair);
	arena_free(arena);
	return 0;
}
