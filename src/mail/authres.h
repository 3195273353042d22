/* Authentication-Results (RFC 8601), written and read.
 *
 * Written: every value that a stranger chose goes through authres_property,
 * which quotes it so that nothing can break out. Read: whole, to be believed;
 * or only to know whose field it is, so that forged ones are removed. */
#ifndef MAIL_AUTHRES_H
#define MAIL_AUTHRES_H

#include "mail/header.h"

/* Builds the value of one field:
 *
 *	authres_begin(&b, TEXT("mx.example.org"), TEXT(""));
 *	authres_method(&b, "dkim", "pass", TEXT(""));
 *	authres_property(&b, "header", "d", domain);
 *	authres_end(&b);
 *
 * gives 'mx.example.org; dkim=pass header.d=example.com', but each method on a
 * folded line of its own (CR LF TAB instead of the SP). It is folded before a
 * property too when the line would pass the 998 bytes of RFC 5322 2.1.1, with
 * an id that is a domain name. */
struct authres {
	struct build *build;
	size_t methods;
	size_t line_at; /* where the current line begins */
};

enum {
	AUTHRES_VALUE_MAX = 512,
	AUTHRES_FIELD_MAX = 64 * 1024, /* bytes of a field's value */
};

/* JOB: "id/job" when not empty (AuthservIDWithJobID), both are tokens, and JOB
 * is not longer than AUTHRES_VALUE_MAX. */
void authres_begin(struct authres *authres, struct build *build, struct text id,
    struct text job);
/* REASON: reason="…" when not empty, cut to AUTHRES_VALUE_MAX bytes with its
 * backslashes. */
void authres_method(struct authres *authres, const char *method,
    const char *result, struct text reason);
/* Omitted when VALUE is empty, or longer than AUTHRES_VALUE_MAX with its
 * backslashes: a part of a name would be another name. Bytes outside 0x20-0x7E
 * become '?'. */
void authres_property(struct authres *authres, const char *type,
    const char *name, struct text value);
/* "none" when no method was added. */
void authres_end(struct authres *authres);

/* A value as a token, or as a quoted-string when it needs to be one. */
void authres_write_value(struct build *build, struct text value);

/* A field as read. Nothing in it is checked against what we know: unknown
 * methods, results and property types stand here too. Words as written, to be
 * compared in any case; values unquoted. */
struct authres_property {
	struct text type; /* "header" */
	struct text name; /* "d" */
	struct text value;
};

struct authres_result {
	struct text method;
	uint64_t version; /* 1 when not written */
	struct text result;
	struct text reason;
	VEC(struct authres_property) properties;
};

struct authres_field {
	struct text id; /* "id/job" is left whole */
	uint64_t version;
	VEC(struct authres_result) results; /* empty: "none" */
};

/* Comments nest TOKEN_COMMENT_DEPTH deep. */
enum {
	AUTHRES_RESULTS_MAX = 128,
	AUTHRES_PROPERTIES_MAX = 512, /* of all results together */
	AUTHRES_VERSION_MAX = 999,
};

/* Reads a field's value, folded by CR LF or LF. False: it is not whole in the
 * grammar's sense (2.2), passes a limit, or there was no memory; then nothing
 * in it may be believed. */
bool authres_read(struct arena *arena, struct text value,
    struct authres_field *ret_field) MUST_USE;

/* The authserv-id of a field's value, unquoted, comments skipped. False: none
 * can be read; such a field is not to be believed by anybody. */
bool authres_read_id(
    struct arena *arena, struct text value, struct text *ret_id) MUST_USE;
/* Does a field with this value claim to be OUR_ID's (any case; "id/job" too;
 * with or without a dot at the host's end)?
 * An id that cannot be read counts as a claim, and so does a version other than
 * 1: nobody here could tell what such a field says (RFC 8601 5). */
bool authres_claims(struct arena *arena, struct text value, struct text our_id);

#endif
