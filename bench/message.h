/* A message to be judged again and again, read once: its fields as a milter
 * hands them over, and its body. */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include "mail/message.h"

#include "base/build.h"

struct message {
	struct mail_header header;
	struct build body;
};

/* A milter has a body in pieces of this size. */
enum { MESSAGE_PIECE = 65535 };

bool message_read_file(
    struct arena *arena, const char *path, struct text *ret_bytes) MUST_USE;
bool message_read(struct arena *arena, const char *path,
    struct message *ret_message) MUST_USE;

#endif
