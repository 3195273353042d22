#include "verdict/evidence.h"

/* RFC 2919, RFC 2369. List-Unsubscribe marks any bulk mail, so it is no sign
 * of a list that passes on what others wrote. */
static bool
has_list_field(const struct mail_header *header)
{
	for (size_t i = 0; i < header->fields.count; i++) {
		struct text name = header->fields.at[i].name;
		if (text_starts_nocase(name, TEXT("List-")) &&
		    !text_starts_nocase(name, TEXT("List-Unsubscribe")))
			return true;
	}
	return false;
}

static const struct dkim_verdict *
find_passing(const struct dkim_results *dkim)
{
	for (size_t i = 0; i < dkim->count; i++)
		if (dkim->at[i].result == DKIM_PASS)
			return &dkim->at[i];
	return NULL;
}

/* A signature of the author's own that verifies once what was done on the way
 * is undone, and that text was or was not added to the body. Tags and footers
 * are what lists do (RFC 9990 3.1.6); relays do the rest. */
static bool
find_undone(const struct disposition_input *input, bool adds_text,
    struct arena *arena, struct evidence *ret_evidence)
{
	const struct dkim_results *dkim = input->dkim;

	for (size_t i = 0; i < dkim->count; i++) {
		unsigned changes = dkim->at[i].changes;
		if (changes == 0 ||
		    dkim_changes_add_text(changes) != adds_text ||
		    !input->is_authors[i])
			continue;
		bool is_list =
		    (changes & (DKIM_CHANGE_SUBJECT | DKIM_CHANGE_FOOTER)) != 0;
		ret_evidence->reason =
		    is_list ? OVERRIDE_MAILING_LIST : OVERRIDE_OTHER;
		ret_evidence->comment = arena_format(arena,
		    "the author's signature verifies after undoing " TEXT_FMT,
		    TEXT_ARG(dkim_changes_describe(arena, changes)));
		return true;
	}
	return false;
}

/* What else a broken signature of the author's own says. */
static bool
find_broken_body(
    const struct disposition_input *input, struct evidence *ret_evidence)
{
	const struct dkim_results *dkim = input->dkim;
	bool has_broken_body = false;

	for (size_t i = 0; i < dkim->count; i++)
		has_broken_body |=
		    dkim->at[i].body_hash_failed && input->is_authors[i];
	if (has_broken_body)
		*ret_evidence = (struct evidence){OVERRIDE_OTHER,
		    TEXT("of the author's signature only the body hash is "
			 "broken")};
	return has_broken_body;
}

bool
evidence_find_proof(const struct disposition_input *input, struct arena *arena,
    struct evidence *ret_evidence)
{
	return find_undone(input, false, arena, ret_evidence);
}

bool
evidence_find_claim(const struct disposition_input *input, struct arena *arena,
    struct evidence *ret_evidence)
{
	const struct dkim_verdict *passing = find_passing(input->dkim);

	if (passing == NULL || !has_list_field(input->header))
		return find_undone(input, true, arena, ret_evidence) ||
		       find_broken_body(input, ret_evidence);
	ret_evidence->reason = OVERRIDE_MAILING_LIST;
	ret_evidence->comment = arena_format(arena,
	    "list fields and a passing DKIM signature of " TEXT_FMT,
	    TEXT_ARG(passing->domain));
	return true;
}
