/* Compose: a stored report as XML, as a file, as a mail. */
#ifndef CLERK_COMPOSE_H
#define CLERK_COMPOSE_H

#include "config/config.h"
#include "dkim/sign.h"
#include "store/store.h"

/* Who sends reports: what ReportEmail and its kin say now. What was sealed is
 * told, and comes, as from whom it was then (report->sender); only the envelope
 * and the signature are those of now. */
struct sender {
	struct text envelope;     /* the mail's sender; "" is the null one */
	struct store_sender self; /* email "": ReportEmail is not set; receiver:
				     its domain */
	struct dkim_signer signer; /* to be set (clerk/signing.h) */
};

/* Whose REPORT is. */
const struct store_sender *compose_self(
    const struct sender *sender, const struct store_report *report);

/* False: ReportEmail or ReportEnvelopeFrom is set, but is no address. */
bool compose_sender(struct arena *arena, const struct config *config,
    struct sender *ret_sender, struct problem *ret_problem) MUST_USE;

/* What the rows may be of a report that is at most SIZE bytes of XML. */
uint64_t compose_rows_max(const struct sender *sender, uint64_t size);
/* Adds REPORT's XML; build_failed: it is too large, or it has no row, of which
 * a report has one at least. False: *ret_problem. */
bool compose_xml(struct build *xml, struct store *store,
    const struct sender *sender, const struct store_report *report, bool sealed,
    struct problem *ret_problem) MUST_USE;
/* Adds the whole mail to ADDRESS, signed if there is a signer. */
bool compose_mail(struct build *mail, const struct sender *sender,
    const struct store_report *report, struct text xml_gzip,
    struct text address) MUST_USE;
/* Writes XML into FOLDER under the report's name, or, where that is too long for
 * a file, under its id. */
bool compose_file(const char *folder, const struct sender *sender,
    const struct store_report *report, struct text xml,
    struct problem *ret_problem) MUST_USE;

#endif
