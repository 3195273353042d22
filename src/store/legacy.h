/* Legacy: the tables of OpenDMARC's MySQL database, as entries. They are only
 * read; columns that an older version does not have are told. */
#ifndef STORE_LEGACY_H
#define STORE_LEGACY_H

#include "history/entry.h"

#include "base/problem.h"

struct legacy;

/* DATABASE: as the option Database, of a MySQL or MariaDB. NULL: *ret_problem;
 * PROBLEM_CONFIG when a table or column is missing that every version has. */
struct legacy *legacy_open(
    const char *database, struct problem *ret_problem) MUST_USE;
void legacy_close(struct legacy *legacy); /* NULL is allowed */
/* What tells this database from others, however it is reached and wherever it
 * was copied to: 32 hex digits. */
struct text legacy_id(const struct legacy *legacy);
/* Columns that are not there, separated by SP. */
struct text legacy_absent(const struct legacy *legacy);

struct legacy_message {
	uint64_t id;
	struct history_entry entry;
	/* What is wrong with it, a literal; NULL: it can be read. */
	const char *odd;
	/* To here its From domain was reported to; 0: never. The tables have
	 * one policy a domain, that of its last message. */
	int64_t reported;
};

struct legacy_page {
	VEC(struct legacy_message) messages;
};

/* Of each message; more have no room in a report (RFC 9990 3.1.3). */
enum { LEGACY_DKIM_MAX = 200 };

/* The next messages in order of their ids, from FIRST on, with their
 * signatures; none: there are no more. */
bool legacy_read(struct legacy *legacy, struct arena *arena, uint64_t first,
    struct legacy_page *ret_page, struct problem *ret_problem) MUST_USE;
/* 0: there is none. */
bool legacy_last_id(struct legacy *legacy, uint64_t *ret_id,
    struct problem *ret_problem) MUST_USE;

/* EACH may use another database. False: stop. */
typedef bool legacy_pair_fn(void *context, struct text name, struct text value);
/* Domains that opendmarc-params locked, and where their reports go. */
bool legacy_for_each_locked(struct legacy *legacy, legacy_pair_fn *each,
    void *context, struct problem *ret_problem) MUST_USE;
/* Addresses that get no reports, and why. */
bool legacy_for_each_suppressed(struct legacy *legacy, legacy_pair_fn *each,
    void *context, struct problem *ret_problem) MUST_USE;

#endif
