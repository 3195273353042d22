/* Public suffixes by libpsl, for DiscoveryMethod psl (RFC 7489 3.2). */
#ifndef SUFFIX_SUFFIX_H
#define SUFFIX_SUFFIX_H

#include "base/arena.h"

struct suffix_list;

/* From the bytes of a list file, text or DAFSA form. NULL: not a list, or not
 * all of it: the text form needs the line that begins the list, BEGIN ICANN
 * DOMAINS, and the one that ends it, END PRIVATE DOMAINS; the DAFSA form needs
 * the rules com and co.uk. */
struct suffix_list *suffix_list_read(struct text bytes) MUST_USE;
/* The list that libpsl was built with; NULL: it has none. */
struct suffix_list *suffix_list_builtin(void) MUST_USE;
void suffix_list_free(struct suffix_list *list);

/* One label more than the public suffix; NAME itself when it is a public
 * suffix or has one label. NAME: A-labels, lower case; the result is a part of
 * it. Wildcards, exceptions, the private section and the default rule "*"
 * count. */
struct text suffix_organizational_domain(
    const struct suffix_list *list, struct text name);

#endif
