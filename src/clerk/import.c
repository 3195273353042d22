/* Import: claims the history file, and reads its claims into the store.
 *
 * A claim is read from where the store says that it was read to, one window of
 * bytes after another; what is whole in a window, up to some thousand entries,
 * is a batch and a transaction. So whatever is killed or lost in between, the
 * next run goes on at the right byte. Nothing is remembered elsewhere. */
#include "clerk/clerk.h"

#include "dns/name.h"
#include "history/codec.h"
#include "journal/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	/* Large, since alike entries of a batch become one row. */
	BATCH_ENTRIES = 50000,
	BATCH_MEMORY = 96 * 1024 * 1024, /* entries can be made that need it */
	WINDOW = 16 * 1024 * 1024,
	ARENA_MAX = 256 * 1024 * 1024,
};

static_assert((int)WINDOW >= (int)HISTORY_WINDOW, "an entry must fit");

struct importing {
	const struct clerk_import *import;
	struct store *store;
	struct journal_lock *lock;
	char *window;
	struct clerk_imported done;
	uint64_t bytes; /* of the claims before this one */
	uint64_t of_bytes;
	bool is_stopped;
};

/* The claim that is being read. */
struct claim {
	struct importing *importing;
	const char *path;
	struct text id;
	int fd;
	uint64_t size;
	bool is_rested; /* what ends at SIZE ends there */
	uint64_t at;    /* was read to */
	uint64_t torn;  /* bytes before that which are read again, once */
};

/* --- a window of bytes --- */

static bool
read_window(const struct claim *claim, uint64_t at, uint64_t end,
    struct text *ret_bytes, struct problem *ret_problem)
{
	char *window = claim->importing->window;
	size_t want = end - at < WINDOW ? (size_t)(end - at) : WINDOW;
	size_t have = 0;

	while (have < want) {
		ssize_t got = pread(
		    claim->fd, window + have, want - have, (off_t)(at + have));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return problem_set(ret_problem, PROBLEM_SYSTEM,
			    "%s: %s", claim->path, strerror(errno));
		if (got == 0)
			return problem_set(ret_problem, PROBLEM_DATA,
			    "%s: has become shorter while it was read",
			    claim->path);
		have += (size_t)got;
	}
	*ret_bytes = (struct text){window, have};
	return true;
}

/* --- an entry --- */

/* It would be counted, and be in no report and no list: dmarcd writes none. */
static bool
is_to_no_host(const struct history_entry *entry)
{
	int result = names_find(&dmarc_result_names, entry->result);
	bool is_told = result == DMARC_PASS || result == DMARC_FAIL ||
		       result == DMARC_TEMPERROR;

	return is_told && entry->policy_domain.len > 0 &&
	       !dns_name_is_ldh(entry->policy_domain);
}

/* The first in BYTES, as history_read. */
static enum history_status
read_entry(struct arena *arena, struct text bytes, bool last,
    struct history_entry *ret_entry, size_t *ret_bytes, const char **ret_why)
{
	enum history_status status =
	    history_read(arena, bytes, last, ret_entry, ret_bytes, ret_why);

	if (status != HISTORY_ENTRY || !is_to_no_host(ret_entry))
		return status;
	*ret_why = "pdomain is no host name";
	return HISTORY_BAD;
}

/* --- a batch --- */

struct batch {
	struct arena *arena;
	VEC(struct history_entry) entries;
	uint64_t used;
	uint64_t begun; /* bytes behind those, of a bad entry without its end */
	uint64_t rejected;
	const char *why; /* the first of them */
};

/* What is whole in BYTES. */
static bool
read_entries(struct batch *batch, struct text bytes, bool last)
{
	while (batch->entries.count < BATCH_ENTRIES &&
	       arena_used(batch->arena) < BATCH_MEMORY) {
		struct history_entry entry;
		const char *why;
		size_t used;
		enum history_status status =
		    read_entry(batch->arena, bytes, last, &entry, &used, &why);
		if (arena_failed(batch->arena))
			return false;
		if (status == HISTORY_NEED_MORE)
			break;
		bytes = text_slice(bytes, used, bytes.len);
		batch->begun += used;
		if (status == HISTORY_PART)
			continue;
		batch->used += batch->begun;
		batch->begun = 0;
		if (status == HISTORY_BAD) {
			if (batch->rejected++ == 0)
				batch->why = why;
			continue;
		}
		struct history_entry *slot =
		    vec_push(batch->arena, &batch->entries);
		if (slot == NULL)
			return false;
		*slot = entry;
	}
	return true;
}

static bool
store_batch(const struct claim *claim, const struct batch *batch, uint64_t at,
    struct problem *ret_problem)
{
	struct importing *importing = claim->importing;
	const struct store_batch described = {
	    .claim = claim->id,
	    .first_byte = at,
	    .last_byte = at - claim->torn + batch->used - 1,
	    .rejected = batch->rejected,
	    .now = importing->import->now,
	};

	if (!store_add_batch(importing->store, &described, batch->entries.at,
		batch->entries.count, ret_problem))
		return false;
	importing->done.entries += batch->entries.count;
	importing->done.rejected += batch->rejected;
	if (importing->done.why == NULL)
		importing->done.why = batch->why;
	if (importing->import->on_progress != NULL)
		importing->import->on_progress(importing->import->context,
		    importing->bytes + at + batch->used, importing->of_bytes);
	return true;
}

/* Reads windows until something is whole: a bad entry may have any length. */
static bool
fill_batch(
    const struct claim *claim, struct batch *batch, struct problem *ret_problem)
{
	struct text bytes;
	uint64_t begun;

	do {
		uint64_t at = claim->at - claim->torn + batch->begun;
		begun = batch->begun;
		if (!read_window(claim, at, claim->size, &bytes, ret_problem))
			return false;
		bool last = claim->is_rested && at + bytes.len == claim->size;
		if (!read_entries(batch, bytes, last))
			return problem_no_memory(ret_problem);
	} while (batch->used == 0 && batch->begun > begun);
	return true;
}

/* One batch from byte AT on; moves AT behind it, or not when nothing is whole
 * yet. */
static bool
import_batch(struct claim *claim, struct problem *ret_problem)
{
	struct batch batch = {0};

	batch.arena = arena_new(ARENA_MAX);
	if (batch.arena == NULL)
		return problem_no_memory(ret_problem);
	/* Room for all: growing would copy them again and again. */
	batch.entries.at =
	    arena_array(batch.arena, BATCH_ENTRIES, sizeof *batch.entries.at);
	batch.entries.room = batch.entries.at == NULL ? 0 : BATCH_ENTRIES;
	bool good = fill_batch(claim, &batch, ret_problem);
	if (good && batch.used > claim->torn) {
		good = store_batch(claim, &batch, claim->at, ret_problem);
		claim->at += batch.used - claim->torn;
		claim->torn = 0;
	}
	arena_free(batch.arena);
	return good;
}

/* --- what was torn --- */

/* The last entry's begin in BYTES; their end: there is none. */
static size_t
last_begin(struct text bytes, bool is_first)
{
	for (size_t at = bytes.len; at-- > 0;) {
		if (text_starts(
			text_slice(bytes, at, bytes.len), TEXT("job ")) &&
		    (at == 0 ? is_first : bytes.ptr[at - 1] == '\n'))
			return at;
	}
	return bytes.len;
}

/* Before AT, where reading goes on, stands an entry that was torn there, and
 * set aside; now its rest is there, too: how many bytes before AT it begins. */
static bool
find_torn(const struct claim *claim, uint64_t at, uint64_t *ret_torn,
    struct problem *ret_problem)
{
	const struct text job = TEXT("job ");
	uint64_t from = at < HISTORY_ENTRY_MAX ? 0 : at - HISTORY_ENTRY_MAX;
	uint64_t end = claim->size - at < job.len ? claim->size : at + job.len;
	struct text bytes = {"", 0};
	struct history_entry ignored;
	const char *why;
	size_t used = 0;

	*ret_torn = 0;
	if (!read_window(claim, from, end, &bytes, ret_problem))
		return false;
	struct text rest = text_slice(bytes, (size_t)(at - from), bytes.len);
	bytes.len -= rest.len;
	size_t begin = last_begin(bytes, from == 0);
	if (text_starts(job, rest) || begin == bytes.len)
		return true;
	struct arena *arena = arena_new(ARENA_MAX);
	if (arena == NULL)
		return problem_no_memory(ret_problem);
	bytes = text_slice(bytes, begin, bytes.len);
	enum history_status status =
	    history_read(arena, bytes, true, &ignored, &used, &why);
	if (status == HISTORY_BAD && used == bytes.len)
		*ret_torn = used;
	arena_free(arena);
	return true;
}

/* --- bad entries --- */

struct rejects {
	struct arena *arena;
	VEC(struct store_batch) batches;
};

static bool
take_rejects(void *context, const struct store_batch *batch)
{
	struct rejects *rejects = context;

	if (batch->rejected == 0)
		return true;
	struct store_batch *copy = vec_push(rejects->arena, &rejects->batches);
	if (copy != NULL)
		*copy = *batch;
	return copy != NULL;
}

/* Those in BYTES, of which *RET_USED are whole. */
static bool
copy_bad(struct text bytes, bool last, FILE *to, uint64_t *ret_used)
{
	struct arena *arena = arena_new(ARENA_MAX);
	bool good = arena != NULL;

	*ret_used = 0;
	while (good && bytes.len > 0) {
		struct history_entry ignored;
		const char *why;
		size_t used;
		enum history_status status =
		    read_entry(arena, bytes, last, &ignored, &used, &why);
		good = !arena_failed(arena);
		if (status == HISTORY_NEED_MORE)
			break;
		if (good && status != HISTORY_ENTRY)
			(void)fwrite(bytes.ptr, 1, used, to);
		*ret_used += used;
		bytes = text_slice(bytes, used, bytes.len);
	}
	arena_free(arena);
	return good;
}

/* The bad entries of a batch, found as they were found the first time. */
static bool
copy_rejects(const struct claim *claim, const struct store_batch *batch,
    FILE *to, struct problem *ret_problem)
{
	uint64_t end = batch->last_byte + 1;
	uint64_t torn;
	uint64_t used = 1;

	if (!find_torn(claim, batch->first_byte, &torn, ret_problem))
		return false;
	for (uint64_t at = batch->first_byte - torn; at < end && used > 0;
	     at += used) {
		struct text bytes = {"", 0};
		if (!read_window(claim, at, end, &bytes, ret_problem))
			return false;
		if (!copy_bad(bytes, at + bytes.len == end, to, &used))
			return problem_no_memory(ret_problem);
	}
	return true;
}

static bool
cannot_write(struct problem *problem, const char *path)
{
	return problem_set(
	    problem, problem_kind_of(errno), "%s: %s", path, strerror(errno));
}

static FILE *
create(const char *path)
{
	(void)unlink(path); /* of a killed import; we hold the lock */
	int fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");

	if (file == NULL && fd >= 0)
		(void)close(fd);
	return file;
}

static bool
fill_rejected(const struct claim *claim, const struct rejects *rejects,
    const char *path, struct problem *ret_problem)
{
	FILE *file = create(path);
	bool good = true;

	if (file == NULL)
		return cannot_write(ret_problem, path);
	for (size_t i = 0; good && i < rejects->batches.count; i++)
		good = copy_rejects(
		    claim, &rejects->batches.at[i], file, ret_problem);
	if (good && (fflush(file) != 0 || ferror(file) != 0 ||
			fsync(fileno(file)) != 0))
		good = cannot_write(ret_problem, path);
	if (fclose(file) != 0 && good)
		good = cannot_write(ret_problem, path);
	return good;
}

/* Writes all bad entries of the claim to PATH, anew, from what the batches say
 * where they are. NEWS: this run found some. */
static bool
write_rejected(const struct claim *claim, const char *path, bool news,
    const struct rejects *rejects, struct problem *ret_problem)
{
	struct clerk_imported *done = &claim->importing->done;
	struct stat status;

	if (rejects->batches.count == 0 || (!news && lstat(path, &status) == 0))
		return true;
	const char *new_path = arena_cstr(
	    rejects->arena, arena_format(rejects->arena, "%s.new", path));
	if (new_path == NULL || arena_failed(rejects->arena))
		return problem_no_memory(ret_problem);
	if (!fill_rejected(claim, rejects, new_path, ret_problem))
		return false;
	if (rename(new_path, path) != 0)
		return cannot_write(ret_problem, path);
	(void)snprintf(
	    done->rejected_file, sizeof done->rejected_file, "%s", path);
	return true;
}

static bool
set_rejects_aside(
    const struct claim *claim, bool news, struct problem *ret_problem)
{
	struct rejects rejects = {.arena = arena_new(ARENA_MAX)};

	if (rejects.arena == NULL)
		return problem_no_memory(ret_problem);
	const char *path = arena_cstr(rejects.arena,
	    arena_format(rejects.arena, "%s.rejected", claim->path));
	bool good = path != NULL && !arena_failed(rejects.arena);
	if (!good)
		(void)problem_no_memory(ret_problem);
	good = good &&
	       store_for_each_batch(claim->importing->store, claim->id,
		   take_rejects, &rejects, ret_problem) &&
	       write_rejected(claim, path, news, &rejects, ret_problem);
	arena_free(rejects.arena);
	return good;
}

/* --- a claim --- */

/* Sticky: who was once told to stop need not be told again. */
static bool
should_stop(struct importing *importing)
{
	const struct clerk_import *import = importing->import;

	if (!importing->is_stopped && import->should_stop != NULL)
		importing->is_stopped = import->should_stop(import->context);
	return importing->is_stopped;
}

static bool
read_claim(struct claim *claim, struct problem *ret_problem)
{
	struct importing *importing = claim->importing;
	uint64_t rejected = importing->done.rejected;
	uint64_t first;
	uint64_t before;

	if (!store_next_byte(
		importing->store, claim->id, &first, ret_problem) ||
	    !find_torn(claim, first, &claim->torn, ret_problem))
		return false;
	claim->at = before = first;
	while (claim->at < claim->size && !should_stop(importing)) {
		if (!import_batch(claim, ret_problem))
			return false;
		if (claim->at == before)
			break;
		before = claim->at;
	}
	if (claim->at > first && claim->at == claim->size) {
		importing->done.claims++;
		/* ClaimKeep counts from now. Who may not do this has it counted
		 * from the last byte. */
		(void)futimens(claim->fd, NULL);
	}
	return set_rejects_aside(
	    claim, importing->done.rejected > rejected, ret_problem);
}

static bool
open_and_read(struct claim *claim, struct problem *ret_problem)
{
	claim->fd = journal_open_claim(
	    claim->path, &claim->size, &claim->is_rested, ret_problem);
	if (claim->fd < 0)
		return false;
	bool good = read_claim(claim, ret_problem);
	(void)close(claim->fd);
	return good;
}

static bool
import_claim(
    struct importing *importing, const char *path, struct problem *ret_problem)
{
	static const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
	int64_t keep = (int64_t)importing->import->config->claim_keep;
	struct claim claim = {
	    .importing = importing, .path = path, .id = journal_claim_id(path)};
	bool good = open_and_read(&claim, ret_problem);

	while (good && claim.at < claim.size && importing->import->waits &&
	       !should_stop(importing)) {
		(void)nanosleep(&pause, NULL);
		good = open_and_read(&claim, ret_problem);
	}
	importing->bytes += claim.size;
	if (good)
		importing->done.left += claim.size - claim.at;
	if (!good || claim.at < claim.size)
		return good;
	return journal_remove_claim(importing->lock, path, claim.size,
	    importing->import->now - keep, ret_problem);
}

static void
add_sizes(struct importing *importing, const struct journal_claims *claims)
{
	struct stat status;

	for (size_t i = 0; i < claims->count; i++) {
		if (stat(claims->path[i], &status) == 0)
			importing->of_bytes += (uint64_t)status.st_size;
	}
}

static bool
import_locked(struct importing *importing, struct problem *ret_problem)
{
	struct journal_claims claims;
	struct problem claiming = {0};
	bool claimed = importing->import->again ||
		       journal_claim(importing->lock, &claiming);
	bool good = true;

	/* Without the file there may still be claims of it. */
	if (!claimed && claiming.kind != PROBLEM_NO_INPUT)
		return problem_set(
		    ret_problem, claiming.kind, "%s", claiming.text);
	if (!journal_claims(importing->lock, &claims, ret_problem))
		return false;
	if (!claimed && claims.count == 0)
		return problem_set(
		    ret_problem, claiming.kind, "%s", claiming.text);
	add_sizes(importing, &claims);
	for (size_t i = 0; good && i < claims.count; i++) {
		if (should_stop(importing))
			break;
		good = import_claim(importing, claims.path[i], ret_problem);
	}
	journal_claims_free(&claims);
	return good;
}

/* A claim is imported with its file; taken for a file, it would be counted
 * twice. */
static bool
is_file(const char *path, struct problem *ret_problem)
{
	size_t len = journal_claimed_file(path);

	return len == 0 ||
	       problem_set(ret_problem, PROBLEM_USAGE,
		   "%s: was taken from %.*s and is imported with that", path,
		   (int)len, path);
}

static bool
is_open_to_all(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && (status.st_mode & S_IWOTH) != 0;
}

bool
clerk_import(const struct clerk_import *import, struct store *store,
    const char *path, struct clerk_imported *ret_imported,
    struct problem *ret_problem)
{
	struct importing importing = {.import = import, .store = store};

	if (!is_file(path, ret_problem))
		return false;
	importing.lock = journal_lock(path, ret_problem);
	if (importing.lock == NULL)
		return false;
	importing.done.is_open_to_all = is_open_to_all(path);
	importing.window = malloc(WINDOW);
	bool good =
	    (importing.window != NULL || problem_no_memory(ret_problem)) &&
	    import_locked(&importing, ret_problem);
	free(importing.window);
	journal_unlock(importing.lock);
	/* What was stored before a failure is stored. */
	*ret_imported = importing.done;
	return good;
}
