/* Deliver: one mail to one address, by SMTP (libcurl) or by a sendmail
 * program. The only folder that sees libcurl; linked into the clerk and the
 * tool, never into the filter.
 *
 * Threads: a struct deliver is one thread's at a time. Each thread opens its
 * own, whenever it likes. */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include "base/arena.h"
#include "base/problem.h"
#include "sandbox/sandbox.h"

enum deliver_tls {
	DELIVER_TLS_NONE,
	DELIVER_TLS_OPPORTUNISTIC, /* when offered; the server proves nothing */
	DELIVER_TLS_REQUIRED,      /* with a certificate for its name */
};

/* A text may be NULL or "" for none. */
struct deliver_options {
	const char *transport; /* smtp://HOST[:PORT], smtps://HOST[:PORT] or
				  sendmail:/PATH */
	unsigned timeout;      /* seconds for each mail as a whole */
	/* SMTP only. smtps:// is required TLS whatever stands here. */
	const char *helo; /* our host name */
	enum deliver_tls tls;
	const char *certificates;  /* PEM file of authorities that we believe;
				      none: the system's */
	const char *user;          /* for AUTH */
	const char *password_file; /* its first line */
};

enum deliver_result {
	DELIVER_ACCEPTED,
	/* 4xx, no connection, time-out, or no answer to the whole mail: that
	 * one may have been taken, so what is tried again must be the same
	 * mail with the same Message-ID. */
	DELIVER_RETRY,
	/* As DELIVER_RETRY: 421 to a new connection, which perhaps is one too
	 * many. */
	DELIVER_BUSY,
	DELIVER_REFUSED, /* 5xx: final */
};

/* Can reports go this way? Reads the password and asks no server. */
bool deliver_check(const struct deliver_options *options,
    struct problem *ret_problem) MUST_USE;

/* Behind the check. False: a program is started, and nobody knows what that one
 * needs: there can be no sandbox. */
bool deliver_needs(
    const struct deliver_options *options, struct sandbox *sandbox) MUST_USE;

struct deliver;

/* Mails of one struct deliver share a connection while the server keeps it. */
struct deliver *deliver_new(const struct deliver_options *options,
    struct problem *ret_problem) MUST_USE;
void deliver_free(struct deliver *deliver);

/* FROM "" is the null sender. Addresses are checked once more (printable
 * ASCII, no white space, no '<' '>'; libcurl passes CR LF through). MAIL has
 * CR LF line ends. BEFORE_DATA (may be NULL) is asked when the recipient was
 * accepted, or before the program is started, and nothing was sent yet; false
 * gives the mail up as RETRY. */
struct deliver_letter {
	struct text from;
	struct text to;
	struct text mail;
	bool (*before_data)(void *context);
	void *context;
};

/* The server's last words, or why it has none, go to ARENA: one clean line. */
enum deliver_result deliver_mail(struct deliver *deliver,
    const struct deliver_letter *letter, struct arena *arena,
    struct text *ret_words) MUST_USE;

#endif
