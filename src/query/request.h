/* Request: what an MTA without milters (Exim) asks about one message:
 *
 *	version=1
 *	client_address=192.0.2.1
 *	…
 *	headers64=…
 *
 * Lines of name=value, each ended by LF; an empty line ends the request and
 * what comes after it is ignored. dmarcd-query(5) lists the names. A value that
 * a stranger can influence is Base64, so that none can make a line of its own.
 * Read strictly: a name that is not known, given twice or missing, or a value
 * that is not of its kind, and the request is refused whole.
 *
 *	query_init(&query);
 *	while (!query_feed(&query, bytes)) wait for more …
 *	query_finish(&query, arena, &request, &why);
 *	query_free(&query);
 */
#ifndef QUERY_REQUEST_H
#define QUERY_REQUEST_H

#include "base/build.h"
#include "base/ip.h"
#include "base/vec.h"

enum {
	QUERY_VERSION = 1,
	QUERY_REQUEST_MAX = 256 * 1024, /* bytes; 64 KiB of header as Base64,
					   and DKIM lines */
	QUERY_ARENA_MAX = 1024 * 1024,  /* what query_finish needs at most */
	QUERY_WORD_MAX = 64,            /* id, a DKIM algorithm */
	QUERY_PATH_MAX = 512,           /* spool */
	QUERY_ENVELOPE_MAX = 4096,      /* helo64, sender64, …, decoded */
	QUERY_DKIM_MAX = 64,            /* dkim lines */
};

/* What the MTA found of one signature. */
enum query_status {
	QUERY_DKIM_NONE,
	QUERY_DKIM_INVALID,
	QUERY_DKIM_FAIL,
	QUERY_DKIM_PASS,
};

struct query_dkim {
	enum query_status status;
	struct text domain;
	struct text selector;
	struct text algorithm;
	bool is_limited; /* only part of the body is signed */
};

struct query_request {
	struct ip client; /* version 0: a local submission */
	unsigned port;    /* 0: not told */
	struct text host; /* the client's name, or "" */
	struct text helo;
	struct text sender;     /* "" is the null sender */
	struct text recipients; /* separated by ","; "" when not told */
	struct text headers;    /* raw, LF line ends */
	struct text id;         /* queue id */
	struct text spool;      /* the body's file, or "" */
	bool is_authenticated;
	bool wants_reports; /* read and kept; nothing looks at it yet */
	VEC(struct query_dkim) dkim;
};

struct query {
	struct build bytes;
	size_t seen; /* no end in these */
	bool is_whole;
};

void query_init(struct query *query);
void query_free(struct query *query);
/* True: there is an end, or too much without one; query_finish tells. */
bool query_feed(struct query *query, struct text bytes) MUST_USE;
/* In ARENA. False: *ret_why says what is wrong with it (a literal), and of the
 * request only the id is there, if a good one came before that. */
bool query_finish(const struct query *query, struct arena *arena,
    struct query_request *ret_request, const char **ret_why) MUST_USE;

/* "ID-D", if PATH is a name that Exim gives the data file of message ID in its
 * spool, split or not: …/input/ID-D or …/input/x/ID-D. "" if it is not. */
struct text query_spool_name(struct text path, struct text id);

#endif
