/* Reply: the one line that answers a request, for Exim's ${extract}:
 *
 *	version="1" disposition="reject" domain="bank.example" …
 *
 * Names in lower case. In a value \ and " have a \ before them and a line
 * break is \n or \t; CR is left out and any other byte outside 0x20-0x7E
 * becomes '?', so that the line is one line. */
#ifndef QUERY_REPLY_H
#define QUERY_REPLY_H

#include "base/build.h"

enum { QUERY_REPLY_MAX = 256 * 1024 };

/* LIMIT of BUILD: QUERY_REPLY_MAX. */
void query_reply_begin(struct build *build);
void query_reply_add(struct build *build, const char *name, struct text value);
void query_reply_end(struct build *build);

#endif
