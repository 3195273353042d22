/* Undoing what happened to a message on its way, when that makes a signature
 * verify again. It proves what happened and never makes a pass.
 *
 * Two parts: a form of the body whose hash is bh=, and a header that b= signs,
 * either as received or with something undone. All work is bounded: bodies of
 * at most DKIM_UNDO_BODY bytes and headers of DKIM_UNDO_HEADER, each form
 * hashed once a message, and two verifications for each body that matches. */
#ifndef DKIM_UNDO_H
#define DKIM_UNDO_H

#include "dkim/change.h"
#include "dkim/form.h"

enum {
	/* The last line ends that may be a footer's begin, within the last
	 * DKIM_UNDO_BYTES. */
	DKIM_UNDO_LINES = 20,
	DKIM_UNDO_BODY = 64 * 1024,
	DKIM_UNDO_HEADER = 64 * 1024,
	DKIM_UNDO_FIELDS = 500,
	/* Of a Subject tag, the brackets not counted. */
	DKIM_UNDO_TAG = 24,
	DKIM_UNDO_TAG_DIGITS = 4,
};

/* A signature that did not verify. */
struct dkim_broken {
	const struct dkim_signature *signature;
	const struct dkim_form *form; /* finished */
	const struct crypto_key *key;
	bool header_verifies; /* b= does */
	bool body_matches;    /* bh= does */
	bool is_covered;      /* dkim_signed.is_covered */
};

struct dkim_undo;

/* HEADER must outlive it. NULL: no memory. */
struct dkim_undo *dkim_undo_new(
    struct arena *arena, const struct mail_header *header) MUST_USE;
void dkim_undo_feed(struct dkim_undo *undo, struct text piece); /* the body */
/* The changes (enum dkim_change, together) without which the signature
 * verifies; 0: not known. */
unsigned dkim_undo_find(
    struct dkim_undo *undo, const struct dkim_broken *broken);

/* Was text appended to the body that SIGNATURE signed? Tries its canonical form
 * cut after each of the last lines. FORM is finished. */
bool dkim_undo_footer(
    const struct dkim_form *form, const struct dkim_signature *signature);

#endif
