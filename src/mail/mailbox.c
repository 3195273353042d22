#include "mail/mailbox.h"

struct mailbox
mailbox_read(struct text address)
{
	size_t at = text_find_last(address, '@');
	struct text local = text_slice(address, 0, at);
	/* "+@domain" and "+tag@domain" are nobody's with a tag. */
	size_t plus = 1 + text_find(text_slice(local, 1, at), '+');

	return (struct mailbox){.user = text_slice(local, 0, plus),
	    .tag = text_slice(local, plus, at),
	    .domain = text_slice(address, at, address.len)};
}

bool
mailbox_is_same(struct text a, struct text b)
{
	struct mailbox one = mailbox_read(a);
	struct mailbox other = mailbox_read(b);

	return text_equal_nocase(one.user, other.user) &&
	       text_equal_nocase(one.domain, other.domain);
}

bool
mailbox_has(struct text mailbox, struct text address)
{
	return text_equal_nocase(mailbox, address) ||
	       (mailbox_read(mailbox).tag.len == 0 &&
		   mailbox_is_same(mailbox, address));
}
