/* A suffix list, an empty line, and a name. The organizational domain of the
 * name is a part of it at a dot, and its own organizational domain is itself.
 * The built-in list must say so too. */
#include "dns/name.h"
#include "suffix/suffix.h"

#include <stdlib.h>

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
check(const struct suffix_list *list, struct text name)
{
	struct text domain = suffix_organizational_domain(list, name);

	require(domain.len <= name.len);
	require(text_equal(
	    domain, text_slice(name, name.len - domain.len, name.len)));
	if (!dns_name_is_valid(name)) {
		require(domain.len == name.len);
		return;
	}
	require(dns_name_is_at_or_below(name, domain));
	require(text_equal(suffix_organizational_domain(list, domain), domain));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text text = {(const char *)bytes, len};
	size_t end = text_find_part(text, TEXT("\n\n"));
	struct text rules = text_slice(text, 0, end + 1);
	struct text name = text_slice(text, end + 2, len);
	struct suffix_list *builtin = suffix_list_builtin();
	struct suffix_list *list = NULL;

	/* The DAFSA form is made by a program and libpsl believes it. */
	if (!text_starts(rules, TEXT(".DAFSA")))
		list = suffix_list_read(rules);
	if (list != NULL)
		check(list, name);
	if (builtin != NULL)
		check(builtin, name);
	suffix_list_free(list);
	suffix_list_free(builtin);
	return 0;
}
