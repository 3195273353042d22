/* Plan: read the mail as a verifier does, its body on the way into the hash ·
 * write the field up to b= · hash the header with it as a verifier does · sign
 * that and write it behind. */
#include "dkim/sign.h"

#include "dkim/canonical.h"
#include "dkim/signed.h"

#include "base/base64.h"
#include "mail/message.h"

/* What a report's header has. From stands twice: where h= names a field once
 * more than there are, none can be added (5.4.2, 8.15). */
#define SIGNED_NAMES                                                           \
 "From:From:To:Subject:Date:Message-ID:MIME-Version:\r\n"                      \
 " Content-Type:Auto-Submitted"

enum { FIELD_MAX = 4096, B_COLUMNS = 74 };

/* --- the mail --- */

struct letter {
	const struct mail_header *header;
	struct dkim_canonical_body body;
};

static void
take_header(void *context, const struct mail_header *header)
{
	struct letter *letter = context;

	letter->header = header;
}

static void
take_body(void *context, struct text piece)
{
	struct letter *letter = context;

	dkim_canonical_body_feed(&letter->body, piece);
}

static void
feed_hash(void *context, struct text piece)
{
	crypto_hash_feed(context, piece);
}

static bool
read_mail(struct arena *arena, struct text mail,
    const struct mail_header **ret_header, struct sha256 *ret_body_hash)
{
	struct letter letter = {.header = NULL};
	const struct mail_message_sink sink = {take_header, take_body, &letter};
	struct mail_message *message = mail_message_new(arena, &sink);
	struct crypto_hash *hash = crypto_hash_new(arena);

	if (message == NULL || hash == NULL)
		return false;
	dkim_canonical_body_init(&letter.body, DKIM_RELAXED, feed_hash, hash);
	mail_message_feed(message, mail);
	if (!mail_message_finish(message) || letter.header->is_too_long)
		return false;
	dkim_canonical_body_finish(&letter.body);
	*ret_header = letter.header;
	return crypto_hash_finish(hash, ret_body_hash);
}

/* --- the field --- */

static const char *
algorithm_word(const struct dkim_signer *signer)
{
	const struct crypto_key *key = crypto_secret_key(signer->secret);

	return crypto_key_algorithm(key) == CRYPTO_RSA_SHA256
		   ? "rsa-sha256"
		   : "ed25519-sha256";
}

/* Up to b=, which is the last tag. */
static void
write_tags(struct build *field, const struct dkim_signer *signer,
    const struct sha256 *body_hash, int64_t time)
{
	build_format(field,
	    "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n"
	    " d=" TEXT_FMT ";\r\n"
	    " s=" TEXT_FMT ";\r\n"
	    " t=%lld; h=" SIGNED_NAMES ";\r\n"
	    " bh=",
	    algorithm_word(signer), TEXT_ARG(signer->domain),
	    TEXT_ARG(signer->selector), (long long)time);
	base64_write(field,
	    (struct text){(const char *)body_hash->byte, SHA256_SIZE}, 0);
	build_cstr(field, ";\r\n b=");
}

/* The digest of HEADER's signed fields and of FIELD, whose b= is empty yet. */
static bool
hash_header(struct arena *arena, const struct mail_header *header,
    struct text field, struct sha256 *ret_digest)
{
	struct mail_header own = {.bytes = 0};
	struct dkim_signed fields;

	if (!mail_header_add_raw(&own, arena, field) || own.is_too_long)
		return false;
	const struct dkim_signature signature = {
	    .field = &own.fields.at[0],
	    .signed_names = TEXT(SIGNED_NAMES),
	    .b_at = own.fields.at[0].value.len,
	    .header = DKIM_RELAXED,
	};
	dkim_signed_find(header, &signature, &fields);
	return dkim_signed_hash(arena, &fields, &signature, ret_digest);
}

static void
write_signature(struct build *field, struct arena *arena, struct text signature)
{
	struct build letters;

	build_init_arena(&letters, arena, FIELD_MAX);
	base64_write(&letters, signature, 0);
	for (size_t at = 0; at < letters.len; at += B_COLUMNS) {
		build_cstr(field, at > 0 ? "\r\n " : "");
		build_text(field,
		    text_slice(build_view(&letters), at, at + B_COLUMNS));
	}
	build_cstr(field, "\r\n");
}

bool
dkim_sign(struct build *build, struct arena *arena, struct text mail,
    const struct dkim_signer *signer, int64_t time)
{
	const struct mail_header *header;
	struct sha256 body_hash;
	struct sha256 digest;
	struct text signature;
	struct build field;

	build_init_arena(&field, arena, FIELD_MAX);
	if (!read_mail(arena, mail, &header, &body_hash))
		return false;
	write_tags(&field, signer, &body_hash, time);
	if (build_failed(&field) ||
	    !hash_header(arena, header, build_view(&field), &digest) ||
	    !crypto_sign(signer->secret, arena, &digest, &signature))
		return false;
	write_signature(&field, arena, signature);
	build_text(build, build_view(&field));
	return !build_failed(&field) && !build_failed(build) &&
	       !arena_failed(arena);
}
