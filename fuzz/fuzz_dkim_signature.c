/* DKIM-Signature values. What is accepted keeps every promise of the header;
 * the signed header can be hashed; a name that is asked for is a name. */
#include "dkim/signature.h"
#include "dkim/signed.h"
#include "dns/name.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
check_accepted(struct arena *arena, const struct dkim_signature *signature)
{
	struct text value = signature->field->value;
	struct text b = text_slice(
	    value, signature->b_at, signature->b_at + signature->b_len);

	assert(dns_name_is_ldh(signature->domain));
	assert(dns_name_is_ldh(signature->selector));
	assert(dns_name_labels(signature->domain) >= 2);
	assert(dns_name_is_at_or_below(
	    signature->identity_domain, signature->domain));
	assert(dns_name_is_valid(arena_join(arena, signature->selector,
	    arena_join(arena, TEXT("._domainkey."), signature->domain))));
	assert(signature->signature.len > 0);
	assert(signature->b.len > 0 && signature->b.len <= 8);
	assert(b.len == signature->b_len && b.len >= signature->b.len);
	assert(signature->b_at > 0 && value.ptr[signature->b_at - 1] == '=');
}

/* h= finds each field once, and only fields of its names. */
static void
check_fields(struct arena *arena, const struct mail_header *header,
    const struct dkim_signature *signature)
{
	struct text rest = signature->signed_names;
	struct dkim_signed fields;
	struct sha256 digest;

	dkim_signed_find(header, signature, &fields);
	assert(dkim_signed_hash(arena, &fields, signature, &digest));
	for (size_t i = 0; i < fields.count; i++) {
		struct text name = text_trim(text_split(&rest, ':'));
		const struct mail_field *field = fields.field[i];
		if (field == NULL)
			continue;
		assert(field != signature->field);
		assert(text_equal_nocase(field->name, name));
		for (size_t k = 0; k < i; k++)
			assert(fields.field[k] != field);
	}
	assert(rest.len == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct arena *arena = arena_new(4 * 1024 * 1024);
	struct mail_header header = {0};
	struct dkim_signature signature;
	const char *reason = NULL;

	if (arena == NULL)
		return 0;
	struct text raw = arena_join(arena, TEXT("DKIM-Signature:"),
	    (struct text){(const char *)bytes, len});
	if (mail_header_add_raw(&header, arena, TEXT("From: a@b.c")) &&
	    mail_header_add_raw(&header, arena, TEXT("to : x\r\n\ty")) &&
	    mail_header_add_raw(&header, arena, TEXT("To:")) &&
	    mail_header_add_raw(&header, arena, raw) &&
	    header.fields.count == 4) {
		const struct mail_field *field = &header.fields.at[3];
		if (dkim_signature_read(arena, field, &signature, &reason)) {
			check_accepted(arena, &signature);
			check_fields(arena, &header, &signature);
		} else {
			assert(reason != NULL);
			assert(signature.domain.len == 0 ||
			       dns_name_is_ldh(signature.domain));
		}
	}
	arena_free(arena);
	return 0;
}
