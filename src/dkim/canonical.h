/* Canonicalization (RFC 6376 3.4): folds that take pieces of any size and give
 * the canonical form to a sink. Streamed and whole give the same bytes. */
#ifndef DKIM_CANONICAL_H
#define DKIM_CANONICAL_H

#include "dkim/signature.h"

/* A field's canonical form, CR LF at its end included. */
void dkim_canonical_field(const struct mail_field *field,
    enum dkim_canonicalization how,
    void (*sink)(void *context, struct text piece), void *context);
/* The signature's own field: the value of b= and the white space around it
 * count as nothing, and there is no CR LF at the end (3.7). */
void dkim_canonical_own_field(const struct dkim_signature *signature,
    void (*sink)(void *context, struct text piece), void *context);

/* Body: white space and line ends are counted and held back until something
 * follows, so that the end of the body needs no memory. Small pieces are
 * gathered: a body of white space would cost a call for each few bytes, and
 * that for each signature. */
enum { DKIM_CANONICAL_GATHERED = 512 };

struct dkim_canonical_body {
	enum dkim_canonicalization how;
	void (*sink)(void *context, struct text piece);
	void *context;
	uint64_t empty_lines; /* line ends held back */
	bool has_cr;          /* a CR that may begin a CR LF */
	bool has_wsp;         /* relaxed: white space held back */
	uint64_t bytes;       /* of the form, so far */
	size_t gathered_len;
	char gathered[DKIM_CANONICAL_GATHERED];
};

void dkim_canonical_body_init(struct dkim_canonical_body *body,
    enum dkim_canonicalization how,
    void (*sink)(void *context, struct text piece), void *context);
void dkim_canonical_body_feed(
    struct dkim_canonical_body *body, struct text piece);
void dkim_canonical_body_finish(struct dkim_canonical_body *body);

#endif
