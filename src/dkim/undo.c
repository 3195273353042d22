#include "dkim/undo.h"

#include <string.h>

/* Is TAIL up to AT the end of a canonical body? That is: a line end, and not
 * the end of an empty line, since empty lines at the end are not part of the
 * form (RFC 6376 3.4.3, 3.4.4); the cut before them is tried in its turn. A
 * line end whose line begins before the tail is not known to be of either kind.
 * An empty body is not tried: all would be the footer. */
static bool
is_cut_point(const struct dkim_form *form, struct text tail, size_t at)
{
	if (!text_equal(text_slice(tail, at - 2, at), TEXT("\r\n")))
		return false;
	if (at >= 4)
		return !text_equal(
		    text_slice(tail, at - 4, at - 2), TEXT("\r\n"));
	return at == 3 && !form->is_cut;
}

bool
dkim_undo_footer(
    const struct dkim_form *form, const struct dkim_signature *signature)
{
	struct text tail = {form->tail, form->tail_len};
	unsigned tried = 0;

	if (form->whole == NULL || signature->has_length)
		return false;
	/* The end itself is no cut: something must have been appended. */
	for (size_t at = tail.len; at-- > 2 && tried < DKIM_UNDO_LINES;) {
		struct sha256 digest;
		if (!is_cut_point(form, tail, at))
			continue;
		tried++;
		if (crypto_hash_finish_with(
			form->whole, text_slice(tail, 0, at), &digest) &&
		    memcmp(digest.byte, signature->body_hash.byte,
			SHA256_SIZE) == 0)
			return true;
	}
	return false;
}
