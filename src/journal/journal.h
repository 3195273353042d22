/* Journal: the history file. The filter appends, the importer claims.
 *
 * A line once written is never lost and never read twice: writers lock (flock)
 * and look whether the path still is the file they have open; the importer
 * takes the file away by link and rename under FILE.lock, so that there always
 * is a file (dmarcd-history(5)). */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "base/problem.h"
#include "base/text.h"

enum journal_sync { JOURNAL_SYNC_NONE, JOURNAL_SYNC_SECOND, JOURNAL_SYNC_EACH };

/* A writer; one for each thread. */
struct journal;

/* Opens PATH (O_APPEND|O_CREAT|O_NOFOLLOW, 0600). NULL: *ret_problem. */
struct journal *journal_open(const char *path, enum journal_sync sync,
    struct problem *ret_problem) MUST_USE;

/* Appends ENTRY, whole lines, by one write; a short write is taken back. False:
 * it was not written (disk full, …) and is kept in memory, to be written
 * before the next one or by journal_flush; *ret_problem says why. When more
 * than JOURNAL_KEPT_MAX bytes wait, the entry is refused (*ret_kept false) and
 * the caller must log it. */
enum { JOURNAL_KEPT_MAX = 8 * 1024 * 1024 };

bool journal_append(struct journal *journal, struct text entry, bool *ret_kept,
    struct problem *ret_problem) MUST_USE;
/* Writes what was kept and, with JOURNAL_SYNC_SECOND, forces to disk what was
 * appended since: call it every second. */
bool journal_flush(
    struct journal *journal, struct problem *ret_problem) MUST_USE;
size_t journal_kept(const struct journal *journal); /* bytes waiting */
/* Each entry that waits, in order: for who must close with some left. */
void journal_each_kept(
    const struct journal *journal, void (*each)(struct text entry));
/* What is kept is tried once more, then lost: see journal_kept first. */
void journal_close(struct journal *journal);

/* The importer's side. */

/* Holds FILE.lock until journal_unlock; a killed importer holds nothing. NULL:
 * another one works (PROBLEM_TEMPORARY), or *ret_problem. */
struct journal_lock;
struct journal_lock *journal_lock(
    const char *path, struct problem *ret_problem) MUST_USE;
void journal_unlock(struct journal_lock *lock);

/* Takes what FILE holds into FILE.claim-<uuid>, unless it is empty. False: no
 * FILE (PROBLEM_NO_INPUT), a permission is missing (PROBLEM_PERMISSION says
 * which), …; nothing is lost then. */
bool journal_claim(
    struct journal_lock *lock, struct problem *ret_problem) MUST_USE;

/* The claims that there are, oldest first, as paths beside FILE; freed by the
 * caller with journal_claims_free. What stands after ".claim-" is the id. */
struct journal_claims {
	size_t count;
	char **path;
};

bool journal_claims(struct journal_lock *lock,
    struct journal_claims *ret_claims, struct problem *ret_problem) MUST_USE;
void journal_claims_free(struct journal_claims *claims);
struct text journal_claim_id(const char *claim);
/* What FILE would have to be named for PATH to be a claim of it: how much of
 * PATH; 0: it is none. */
size_t journal_claimed_file(const char *path);

/* Copies what FD gives, up to its end, into a claim of PATH, which need not
 * exist, and forces it to disk: from then on its giver may forget it. Bytes that
 * begin as a claim does that is still kept continue that claim, so that what is
 * given again is not counted again. Waits for another at work, and, when FD is
 * a file, some seconds for its writers that do not lock. *RET_BYTES: how many
 * are new. False: *ret_problem; what was copied so far is found by the next
 * call. */
bool journal_spool(const char *path, int fd, uint64_t *ret_bytes,
    struct problem *ret_problem) MUST_USE;

/* Opens a claim for reading, up to *ret_size: no entry of a late writer that
 * locks is half written there. *ret_rested: for JOURNAL_REST seconds nobody
 * wrote to it, so that those who do not lock have done, too. -1:
 * *ret_problem. */
enum { JOURNAL_REST = 2 };

int journal_open_claim(const char *claim, uint64_t *ret_size, bool *ret_rested,
    struct problem *ret_problem) MUST_USE;
/* Removes a claim, unless it has grown over SIZE, was changed after BEFORE, or
 * still is FILE itself (a killed importer): true then, too. */
bool journal_remove_claim(struct journal_lock *lock, const char *claim,
    uint64_t size, int64_t before, struct problem *ret_problem) MUST_USE;

#endif
