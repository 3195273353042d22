#include "dkim/form.h"

#include <string.h>

static void
feed_prefix(struct dkim_prefix *prefix, struct text piece)
{
	if (piece.len > prefix->left)
		piece.len = (size_t)prefix->left;
	crypto_hash_feed(prefix->hash, piece);
	prefix->left -= piece.len;
}

/* Gives the hash all but the last KEPT bytes of the tail. */
static void
drain_tail(struct dkim_form *form, size_t kept)
{
	if (form->tail_len <= kept)
		return;
	size_t len = form->tail_len - kept;
	crypto_hash_feed(form->whole, (struct text){form->tail, len});
	memmove(form->tail, form->tail + len, kept);
	form->tail_len = kept;
	form->is_cut = true;
}

static void
feed_whole(struct dkim_form *form, struct text piece)
{
	if (piece.len > DKIM_TAIL_BYTES - form->tail_len)
		drain_tail(form, piece.len < DKIM_UNDO_BYTES
				     ? DKIM_UNDO_BYTES - piece.len
				     : 0);
	if (piece.len > DKIM_TAIL_BYTES - form->tail_len) {
		size_t len = piece.len - DKIM_UNDO_BYTES;
		crypto_hash_feed(form->whole, text_slice(piece, 0, len));
		form->is_cut = true;
		piece = text_slice(piece, len, piece.len);
	}
	memcpy(form->tail + form->tail_len, piece.ptr, piece.len);
	form->tail_len += piece.len;
}

static void
take_canonical(void *context, struct text piece)
{
	struct dkim_form *form = context;

	for (size_t i = 0; i < form->prefixes.count; i++)
		feed_prefix(&form->prefixes.at[i], piece);
	if (form->whole != NULL)
		feed_whole(form, piece);
}

struct dkim_form *
dkim_form_new(struct arena *arena, enum dkim_canonicalization how)
{
	struct dkim_form *form = arena_alloc(arena, sizeof *form);

	if (form != NULL)
		dkim_canonical_body_init(
		    &form->canonical, how, take_canonical, form);
	return form;
}

static const struct dkim_prefix *
find_prefix(const struct dkim_form *form, uint64_t length)
{
	for (size_t i = 0; i < form->prefixes.count; i++) {
		if (form->prefixes.at[i].length == length)
			return &form->prefixes.at[i];
	}
	return NULL;
}

bool
dkim_form_want(struct dkim_form *form, struct arena *arena,
    const struct dkim_signature *signature)
{
	if (!signature->has_length) {
		if (form->whole == NULL)
			form->whole = crypto_hash_new(arena);
		return form->whole != NULL;
	}
	if (find_prefix(form, signature->length) != NULL)
		return true;
	struct crypto_hash *hash = crypto_hash_new(arena);
	struct dkim_prefix *prefix =
	    hash == NULL ? NULL : vec_push(arena, &form->prefixes);
	if (prefix == NULL)
		return false;
	prefix->length = signature->length;
	prefix->left = signature->length;
	prefix->hash = hash;
	return true;
}

void
dkim_form_feed(struct dkim_form *form, struct text piece)
{
	dkim_canonical_body_feed(&form->canonical, piece);
}

void
dkim_form_finish(struct dkim_form *form)
{
	dkim_canonical_body_finish(&form->canonical);
	for (size_t i = 0; i < form->prefixes.count; i++) {
		struct dkim_prefix *prefix = &form->prefixes.at[i];
		if (!crypto_hash_finish(prefix->hash, &prefix->digest))
			form->failed = true;
	}
	if (form->whole == NULL)
		return;
	drain_tail(form, DKIM_UNDO_BYTES);
	if (!crypto_hash_finish_with(form->whole,
		(struct text){form->tail, form->tail_len}, &form->digest))
		form->failed = true;
}

bool
dkim_form_matches(
    const struct dkim_form *form, const struct dkim_signature *signature)
{
	const struct sha256 *digest = &form->digest;

	if (signature->has_length) {
		const struct dkim_prefix *prefix =
		    find_prefix(form, signature->length);
		/* l= MUST NOT be larger than the body (3.5). */
		if (prefix == NULL || prefix->left > 0)
			return false;
		digest = &prefix->digest;
	} else if (form->whole == NULL) {
		return false;
	}
	return !form->failed && memcmp(digest->byte, signature->body_hash.byte,
				    SHA256_SIZE) == 0;
}

bool
dkim_form_failed(const struct dkim_form *form)
{
	return form->failed;
}

uint64_t
dkim_form_bytes(const struct dkim_form *form)
{
	return form->canonical.bytes;
}
