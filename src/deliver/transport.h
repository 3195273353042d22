/* Transport: a way to hand a mail over, as a table of functions. Known to this
 * folder only. */
#ifndef DELIVER_TRANSPORT_H
#define DELIVER_TRANSPORT_H

#include "deliver/deliver.h"

/* What each transport's own struct begins with. */
struct deliver {
	const struct transport *transport;
};

struct transport {
	const char *scheme; /* with which the option begins, any case */
	unsigned port;      /* if the option names none; 0: no server */
	/* WHERE is what stands behind the scheme. The check asks no server. */
	bool (*check)(const struct deliver_options *options, struct text where,
	    struct problem *ret_problem);
	/* Only after the check. */
	struct deliver *(*open)(const struct deliver_options *options,
	    struct text where, struct problem *ret_problem);
	void (*close)(struct deliver *deliver);
	/* The addresses are safe. */
	enum deliver_result (*mail)(struct deliver *deliver,
	    const struct deliver_letter *letter, struct arena *arena,
	    struct text *ret_words);
};

extern const struct transport transport_smtp, transport_smtps,
    transport_sendmail;

/* Is there a value? NULL and "" are none. */
bool transport_has(const char *option);
/* For a check: what may stand there; false. */
bool transport_refuse(
    const struct deliver_options *options, struct problem *ret_problem);

#endif
