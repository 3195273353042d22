/* Macros (RFC 7208 7): their syntax, and what they become. */
#ifndef SPF_MACRO_H
#define SPF_MACRO_H

#include "base/arena.h"
#include "base/ip.h"

/* What a text may be made of. */
enum spf_macro_form {
	SPF_MACRO_STRING,  /* an unknown modifier's value */
	SPF_MACRO_DOMAIN,  /* domain-spec: ends in a toplabel or a macro */
	SPF_MACRO_EXPLAIN, /* explain-string: spaces, and %{c} %{r} %{t} too */
};

/* What the letters stand for (7.2). */
struct spf_macro_values {
	struct text local;     /* l; s is local@sender */
	struct text sender;    /* o: the sender's domain */
	struct text domain;    /* d: the <domain> of this check_host() */
	struct text validated; /* p: whoever asks looks first */
	struct text helo;      /* h */
	struct text receiver;  /* r */
	struct ip client;      /* i, c, v */
	int64_t now;           /* t */
};

/* A longer domain-spec is not valid: it is expanded in each pass again. */
enum { SPF_DOMAIN_SPEC_MAX = 512 };

bool spf_macro_is_valid(struct text text, enum spf_macro_form form);
/* Does TEXT, which is valid, expand one of LETTERS (lower case)? */
bool spf_macro_uses(struct text text, const char *letters);

/* A domain-spec's target name: lower case, one dot at the end taken off, and
 * labels on the left too if it is longer than a name may be (7.3). It may still
 * be no valid name; "" without memory. It takes no more of ARENA than a name,
 * however long the values are. */
struct text spf_macro_expand_name(struct arena *arena, struct text text,
    const struct spf_macro_values *values);

/* An explain-string, cut at SPF_EXPLANATION_MAX bytes, and in one line of
 * ASCII: any other byte, which a sender's local part can bring, is '?'. */
enum { SPF_EXPLANATION_MAX = 512 };
struct text spf_macro_expand_explanation(struct arena *arena, struct text text,
    const struct spf_macro_values *values);

#endif
