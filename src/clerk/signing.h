/* Signing: the key that signs our reports, as ReportSigningKey and its kin say.
 *
 * The file is read when it is needed, by the clerk and the tool alone: what
 * strangers talk to must not have the key in its memory, nor be forked from
 * what had. */
#ifndef CLERK_SIGNING_H
#define CLERK_SIGNING_H

#include "config/config.h"
#include "dkim/sign.h"

/* HOST is ReportEmail's domain. Without ReportSigningKey the signer has no
 * secret. False: *ret_problem, which says what to do. */
bool signing_read(struct arena *arena, const struct config *config,
    struct text host, struct dkim_signer *ret_signer,
    struct problem *ret_problem) MUST_USE;
/* Where its record stands: "selector._domainkey.domain". */
struct text signing_record_name(
    struct arena *arena, const struct dkim_signer *signer);

#endif
