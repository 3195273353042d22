/* Outbox: one sealed report on its way to whom the domain names now.
 *
 * The policy record is asked again before each attempt, so that neither a
 * forged history line nor a stale one chooses an address. Each destination
 * has one delivery in the store, which remembers what came of it; the
 * destination "" stands for the report as a whole when there is nobody to
 * send it to, or when DNS does not say. */
#ifndef CLERK_OUTBOX_H
#define CLERK_OUTBOX_H

#include "clerk/clerk.h"
#include "clerk/compose.h"
#include "clerk/relay.h"

struct outbox {
	const struct clerk_report *job;
	struct store *store;
	struct resolver *resolver;
	struct deliver *deliver;
	struct sender sender;
	struct clerk_reported *reported;
	struct problem *problem;
	/* Asked when the relay takes no more connections; NULL: there is no
	 * other. True: the rest, and this without a try, is left to others. */
	bool (*gives_way)(void *context);
	void *context;
	bool is_stopped;
};

enum {
	OUTBOX_DESTINATIONS_MAX = 10, /* of one report; RFC 9990 3.5 */
	/* Over all attempts, by which time the record may name others. */
	OUTBOX_DELIVERIES_MAX = 30,
	OUTBOX_XML_MAX = 32 * 1024 * 1024, /* MaxReportSize is at most 25m */
	/* Longer than deliver_mail ever takes: two connections, and QUIT. */
	OUTBOX_LEASE_SECONDS = 4 * RELAY_SECONDS,
	OUTBOX_TRIES_MAX = 23, /* about three days */
};

/* When to try again after TRY (1 is the first): 15 minutes, doubled up to four
 * hours. */
int64_t outbox_retry_after(unsigned try);

/* Tells job->on_report a line. */
void outbox_say(const struct outbox *outbox, const struct store_report *report,
    const char *format, ...) PRINTF_LIKE(3, 4);

/* What a report's XML may have in bytes. */
size_t outbox_xml_max(const struct outbox *outbox);

/* Asks job->should_stop; once true, always true. */
bool outbox_should_stop(struct outbox *outbox);

/* Sends REPORT to everybody who is due. False: *outbox->problem, stop. */
bool outbox_send(
    struct outbox *outbox, const struct store_report *report) MUST_USE;

#endif
