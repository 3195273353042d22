#include "spf/identity.h"

#include "dns/name.h"
#include "mail/address.h"

void
spf_identify_helo(struct arena *arena, struct spf_input *input)
{
	input->local = TEXT("postmaster");
	if (!dns_name_read(arena, input->helo, &input->domain))
		input->domain = TEXT("");
}

bool
spf_identify_mail_from(
    struct arena *arena, struct text mail_from, struct spf_input *input)
{
	if (!envelope_read(arena, mail_from, &input->local, &input->domain)) {
		input->local = TEXT("");
		input->domain = TEXT("");
		return false;
	}
	if (input->domain.len > 0)
		return false;
	spf_identify_helo(arena, input);
	return true;
}
