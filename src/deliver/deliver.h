/* Deliver: one mail to one address by SMTP (libcurl). The only folder that
 * sees libcurl; linked into the clerk and the tool, never into the filter. */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include "base/arena.h"
#include "base/problem.h"

struct deliver_options {
	const char *relay; /* "smtp://127.0.0.1:25", smtps:// for TLS */
	const char *helo;  /* our host name */
	unsigned timeout;  /* seconds for the whole dialogue */
};

enum deliver_result {
	DELIVER_ACCEPTED,
	DELIVER_RETRY,   /* 4xx, no connection, time-out */
	DELIVER_REFUSED, /* 5xx: final */
};

/* Is RELAY such a URL, of a host and perhaps a port? Asks nobody. */
bool deliver_check(const char *relay, struct problem *ret_problem) MUST_USE;

struct deliver;

struct deliver *deliver_new(const struct deliver_options *options,
    struct problem *ret_problem) MUST_USE;
void deliver_free(struct deliver *deliver);

/* FROM "" is the null sender. Addresses are checked once more (printable
 * ASCII, no white space, no '<' '>'; libcurl passes CR LF through). MAIL has
 * CR LF line ends. BEFORE_DATA (may be NULL) is asked when the recipient was
 * accepted and nothing was sent yet; false gives the mail up as RETRY. */
struct deliver_letter {
	struct text from;
	struct text to;
	struct text mail;
	bool (*before_data)(void *context);
	void *context;
};

/* The server's last words, or why it has none, go to ARENA. */
enum deliver_result deliver_mail(struct deliver *deliver,
    const struct deliver_letter *letter, struct arena *arena,
    struct text *ret_words) MUST_USE;

#endif
