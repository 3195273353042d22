/* A form of the body: its canonical bytes, hashed as they come, for all
 * signatures that want this canonicalization.
 *
 * The last DKIM_UNDO_BYTES are held back from the hash of the whole, so that
 * when the body has ended it can still be cut short (dkim/undo.h). */
#ifndef DKIM_FORM_H
#define DKIM_FORM_H

#include "dkim/canonical.h"

#include "base/vec.h"

enum {
	/* What may be undone at the end of the body. */
	DKIM_UNDO_BYTES = 2048,
	/* The tail is moved only when it is this full. */
	DKIM_TAIL_BYTES = 4 * DKIM_UNDO_BYTES,
};

/* A hash over the first bytes (l=). */
struct dkim_prefix {
	uint64_t length;
	uint64_t left; /* bytes that it still wants */
	struct crypto_hash *hash;
	struct sha256 digest;
};

struct dkim_form {
	struct dkim_canonical_body canonical;
	VEC(struct dkim_prefix) prefixes;
	struct crypto_hash *whole; /* NULL: wanted by nobody */
	struct sha256 digest;      /* of the whole */
	size_t tail_len;           /* bytes that WHOLE has not seen */
	bool is_cut;               /* WHOLE has seen some */
	bool failed;               /* there are no digests */
	char tail[DKIM_TAIL_BYTES];
};

/* NULL: no memory. */
struct dkim_form *dkim_form_new(
    struct arena *arena, enum dkim_canonicalization how) MUST_USE;
/* Asks for the hash that SIGNATURE needs. False: no memory. */
bool dkim_form_want(struct dkim_form *form, struct arena *arena,
    const struct dkim_signature *signature) MUST_USE;
void dkim_form_feed(struct dkim_form *form, struct text piece);
void dkim_form_finish(struct dkim_form *form);

/* After finish. Is the body that SIGNATURE signed there, unchanged? */
bool dkim_form_matches(
    const struct dkim_form *form, const struct dkim_signature *signature);
/* Did the library fail, so that nothing can be said? */
bool dkim_form_failed(const struct dkim_form *form);
uint64_t dkim_form_bytes(const struct dkim_form *form);

#endif
