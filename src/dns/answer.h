/* Answers: what DNS said to one question, as an immutable counted value.
 *
 * An answer owns its records and whatever was parsed out of them, and lives as
 * long as anybody holds a reference: the cache, and each message that asked.
 * Counting is not atomic; an answer stays with the thread that made it, except
 * where a header says otherwise. */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include "base/ip.h"
#include "base/names.h"

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
};

/* "TXT" …; "?" for other types. */
const char *dns_type_name(enum dns_type type);
bool dns_type_find(struct text word, enum dns_type *ret_type) MUST_USE;

enum dns_status {
	DNS_UNKNOWN,  /* not known yet: only dns_ask says this */
	DNS_FOUND,    /* one record or more */
	DNS_NODATA,   /* the name exists, without such a record */
	DNS_NXDOMAIN, /* the name does not exist (RFC 8020) */
	DNS_FAILED,   /* SERVFAIL, REFUSED, timeout, a malformed answer */
};
extern const struct names dns_status_names; /* "found", "no data", … */

struct dns_question {
	struct text name; /* lower case */
	enum dns_type type;
};

struct dns_record {
	struct text text;    /* TXT: its strings joined with nothing between;
				MX, NS, PTR, CNAME: the name, lower case,
				"" for the root (RFC 7505); others: the bytes */
	struct ip ip;        /* A, AAAA */
	uint16_t preference; /* MX */
};

struct dns_answer {
	enum dns_status status;
	uint32_t ttl;   /* seconds it may be kept; never more than a day */
	bool authentic; /* the resolver set AD: it validated DNSSEC */
	size_t count;   /* records; 0 unless DNS_FOUND */
	const struct dns_record *records;
	struct dns_owner *owner; /* counts and frees it; NULL: nobody does */
};

/* The most records an answer may hold; more of them is DNS_FAILED. */
enum { DNS_RECORDS_MAX = 256, DNS_ANSWER_BYTES_MAX = 256 * 1024 };

/* The most aliases followed to an answer; one more is DNS_FAILED. And the
 * seconds that a failure is kept (RFC 2308 7.1: at most five minutes). */
enum { DNS_CNAME_STEPS_MAX = 8, DNS_FAILED_TTL = 10 };

/* Making one: new, add, then hand it on with its one reference. The texts are
 * copied. Records are sorted when the answer is told to facts or a cache, so
 * that a check sees the same order whatever the server did: MX by preference,
 * then all by bytes. NULL or false: no memory, or too many records. */
struct dns_answer *dns_answer_new(
    enum dns_status status, uint32_t ttl) MUST_USE;
bool dns_answer_add(
    struct dns_answer *answer, const struct dns_record *record) MUST_USE;
void dns_answer_sort(struct dns_answer *answer);

const struct dns_answer *dns_answer_ref(const struct dns_answer *answer);
void dns_answer_unref(const struct dns_answer *answer); /* NULL is allowed */

/* An answer that everybody may use and nobody frees. */
extern const struct dns_answer dns_answer_failed;

/* Parsed once, used by every message: dns_answer_parsed returns what PARSER
 * made of ANSWER, running it only the first time. The value lives as long as
 * the answer; arena_defer frees what a library allocated. NULL from the parser
 * (no memory) is returned and not kept. The answer keeps only as much as its
 * records' size allows; what does not fit is made in ARENA each time, as it is
 * for an answer without texts or one that nobody owns (dns_answer_failed, one
 * made by hand in a test). */
typedef const void *dns_parser(
    struct arena *arena, const struct dns_answer *answer);
const void *dns_answer_parsed(const struct dns_answer *answer,
    dns_parser *parser, struct arena *arena) MUST_USE;
/* About the most memory that a complete answer will ever take, whatever is
 * parsed out of it, but for what libraries allocate. */
size_t dns_answer_weight(const struct dns_answer *answer);

#endif
