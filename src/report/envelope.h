/* The mail that carries a report (RFC 9990 3.5): names, gzip, MIME. Pure: the
 * same report gives the same bytes, so that a repeated delivery is a repeat. */
#ifndef REPORT_ENVELOPE_H
#define REPORT_ENVELOPE_H

#include "report/aggregate.h"

/* "receiver!policy-domain!begin!end!unique-id.xml.gz" */
struct text report_file_name(struct arena *arena, struct text receiver,
    struct text policy_domain, const struct report_metadata *metadata);

/* gzip (RFC 1952) with mtime 0 and no name. */
bool report_gzip(struct build *build, struct text bytes) MUST_USE;

struct report_mail {
	struct text from;     /* ReportEmail */
	struct text to;       /* one address */
	struct text receiver; /* our domain: Submitter */
	struct text policy_domain;
	const struct report_metadata *metadata;
	enum report_format format;
	struct text gzip; /* the attachment */
	int64_t date;
};

/* The whole mail, CR LF line ends, ready for SMTP DATA (not dot-stuffed). From
 * has no display name: org_name, which may be any text, is in the XML. */
void report_mail_write(struct build *build, const struct report_mail *mail);

#endif
