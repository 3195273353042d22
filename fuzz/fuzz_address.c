/* An author is one valid domain in its one written form, or nobody. */
#include "base/build.h"
#include "base/scan.h"
#include "dns/name.h"
#include "mail/address.h"
#include "mail/mailbox.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
check_domain(struct arena *arena, struct text domain)
{
	struct text again;

	assert(dns_name_is_ldh(domain));
	assert(dns_name_read(arena, domain, &again));
	assert(text_equal(again, domain));
}

/* BEFORE, VALUE and BEHIND as one value. */
static struct author
read_between(struct arena *arena, struct text before, struct text value,
    struct text behind)
{
	struct text start = arena_join(arena, before, value);

	return author_read(arena, arena_join(arena, start, behind));
}

static bool
is_name_byte(int byte)
{
	return byte >= 0x80 || byte == '.' ||
	       (is_printable(byte) &&
		   !text_has(TEXT("()<>[]:;@\\,\""), (char)byte));
}

/* Who knows neither comments nor lists finds no other domain behind any '@'.
 * Quotes may hold any, as routes do. */
static void
check_simple_reader(struct arena *arena, struct text value, struct text domain)
{
	struct text name;

	if (text_has(value, '"') || text_has(value, ':'))
		return;
	while (text_has(value, '@')) {
		(void)text_split(&value, '@');
		struct scan scan = scan_text(value);
		(void)scan_while(&scan, is_space);
		struct text found = scan_while(&scan, is_name_byte);
		assert(found.len == 0 || (dns_name_read(arena, found, &name) &&
					     text_equal(name, domain)));
	}
}

static void
check_author(struct arena *arena, struct text value)
{
	struct author author = author_read(arena, value);
	static const struct text first = {"x@other.test,\r\n ", 16};

	assert((author.status == AUTHOR_OK) == (author.domain.len > 0));
	assert((author.status == AUTHOR_OK) == (author.reason.len == 0));
	assert(author.status != AUTHOR_NONE);
	if (author.status != AUTHOR_OK)
		return;
	check_domain(arena, author.domain);
	assert(!text_has(value, '\0'));
	/* Another author before or behind it never leaves it alone. */
	struct author more = read_between(arena, first, value, TEXT(""));
	assert(more.status != AUTHOR_OK ||
	       text_equal(author.domain, TEXT("other.test")));
	more = read_between(arena, TEXT(""), value, TEXT(",x@other.test"));
	assert(more.status != AUTHOR_OK ||
	       text_equal(author.domain, TEXT("other.test")));
	more = read_between(arena, TEXT(""), value, TEXT(" <x@other.test>"));
	assert(more.status != AUTHOR_OK ||
	       text_equal(author.domain, TEXT("other.test")));
	more =
	    read_between(arena, TEXT("(x@other.test)\r\n "), value, TEXT(""));
	assert(more.status != AUTHOR_OK ||
	       text_equal(author.domain, TEXT("other.test")));
	check_simple_reader(arena, value, author.domain);
	/* A comment changes nothing, but for the length. */
	more = read_between(arena, TEXT("(x)\r\n "), value, TEXT(""));
	assert(
	    more.status != AUTHOR_OK || text_equal(more.domain, author.domain));
	assert(more.status != AUTHOR_MULTIPLE);
}

static void
check_path(struct arena *arena, struct text path)
{
	struct text local;
	struct text domain;

	if (!envelope_read(arena, path, &local, &domain))
		return;
	if (domain.len == 0) {
		assert(local.len == 0);
		return;
	}
	check_domain(arena, domain);
	/* Written again, it is read again. */
	struct text start = arena_join(arena, local, TEXT("@"));
	struct text again_local;
	struct text again_domain;
	assert(envelope_read(arena, arena_join(arena, start, domain),
	    &again_local, &again_domain));
	assert(text_equal(again_local, local));
	assert(text_equal(again_domain, domain));
}

/* ADDRESS is in one mailbox, its own. */
static void
check_mailbox(struct arena *arena, struct text address)
{
	struct mailbox box = mailbox_read(address);
	struct text user = arena_join(arena, box.user, box.tag);

	assert(text_equal(arena_join(arena, user, box.domain), address));
	assert(mailbox_is_same(address, address));
	assert(mailbox_has(address, address));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text text = {(const char *)bytes, len};
	struct arena *arena = arena_new(16 * 1024 * 1024);

	if (arena == NULL)
		return 0;
	check_author(arena, text);
	check_path(arena, text);
	check_mailbox(arena, text);
	assert(!arena_failed(arena) || len > 100000);
	arena_free(arena);
	return 0;
}
