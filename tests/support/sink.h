/* Sink: a small SMTP server in a thread, which answers as it is told and notes
 * every byte that it was sent. */
#ifndef TESTS_SINK_H
#define TESTS_SINK_H

#include "base/text.h"

enum sink_stage {
	SINK_HELLO,
	SINK_EHLO,
	SINK_MAIL,
	SINK_RCPT,
	SINK_DATA,
	SINK_END, /* of the mail */
	SINK_STAGES,
};

struct sink;

/* On 127.0.0.1; aborts when that cannot be had. Serves one connection after
 * the other until it is closed. */
struct sink *sink_open(void);
void sink_close(struct sink *sink);
unsigned sink_port(const struct sink *sink);

/* From now on WORDS are the answer at STAGE; NULL: the usual friendly one. */
void sink_reply(struct sink *sink, enum sink_stage stage, const char *words);
/* The next time only; goes before what sink_reply said. */
void sink_reply_once(
    struct sink *sink, enum sink_stage stage, const char *words);
#define SINK_CLOSE "close" /* instead of an answer */
#define SINK_STALL "stall" /* says nothing until the client is gone */

/* Ends the connection that stands idle, after WORDS that nobody asked for. */
void sink_hang_up(struct sink *sink, const char *words);
unsigned sink_connections(struct sink *sink); /* that there were */

/* What was heard so far, all connections after each other; good until the
 * sink hears more. */
struct text sink_heard(struct sink *sink);
bool sink_has_heard(struct sink *sink, const char *part);

#endif
