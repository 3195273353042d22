/* Plan: a table of keys (key.c) says what a line means; everything here is about
 * where an entry ends.
 *
 *	entry = 1*line end               ; ours
 *	      / 1*line                   ; others: up to the next "job" line
 *	line  = key SP value *(SP value) LF    ; the first key is "job"
 *	end   = "end" SP BYTES SP CRC32C LF    ; of all lines before it
 */
#include "history/codec.h"

#include "history/key.h"

#include <assert.h>
#include <string.h>

static_assert(HISTORY_KEYS <= 64, "what was seen is a set in 64 bits");

/* --- writing --- */

bool
history_write(struct build *build, const struct history_entry *entry)
{
	size_t start = build->len;

	for (size_t i = 0; i < HISTORY_KEYS; i++) {
		if (history_keys[i].write != NULL)
			history_keys[i].write(build, &history_keys[i], entry);
	}
	struct text lines = text_slice(build_view(build), start, build->len);
	build_format(build, "end %zu %08X\n", lines.len, history_crc32c(lines));
	if (!build->failed && build->len - start <= HISTORY_ENTRY_MAX)
		return true;
	build_cut(build, start);
	return false;
}

/* --- reading --- */

/* Places in an entry where another one may begin. */
enum { JOBS_TRIED = 8 };

/* The reading of an entry's lines. */
struct reading {
	struct arena *arena;
	struct history_entry *entry;
	bool is_ours;
	uint64_t seen;                  /* keys, as a set */
	const struct history_key *next; /* that is to be expected */
};

static struct reading
begin_reading(struct arena *arena, bool is_ours, struct history_entry *entry)
{
	return (struct reading){.arena = arena,
	    .entry = entry,
	    .is_ours = is_ours,
	    .next = history_keys};
}

static bool
is_of(struct text line, struct text name)
{
	return line.len >= name.len && line.ptr[0] == name.ptr[0] &&
	       (line.len == name.len || line.ptr[name.len] == ' ') &&
	       memcmp(line.ptr, name.ptr, name.len) == 0;
}

static const struct history_key *const keys_end = history_keys + HISTORY_KEYS;

/* Entries come in the order of the table, so the next key is found at once. */
static const struct history_key *
find_key(struct text line, const struct history_key *next)
{
	const struct history_key *key = next;

	do {
		if (is_of(line, key->name))
			return key;
		if (++key == keys_end)
			key = history_keys;
	} while (key != next);
	return NULL;
}

/* NULL, or why not. A key that we do not know belongs to a later version. */
static const char *
read_line(struct reading *reading, struct text line)
{
	const struct history_key *key = find_key(line, reading->next);

	if (key == NULL || (reading->is_ours && key->read == NULL))
		return NULL;
	if (!reading->is_ours && key->read_foreign == NULL)
		return "ours, without its end line";
	uint64_t bit = UINT64_C(1) << (key - history_keys);
	if ((reading->seen & bit) != 0 && !key->repeats)
		return "a key that may stand once stands twice";
	reading->seen |= bit;
	reading->next = key->repeats || key + 1 == keys_end ? key : key + 1;
	size_t name = key->name.len + (line.len > key->name.len); /* and SP */
	struct text value = {line.ptr + name, line.len - name};
	if (!(reading->is_ours ? key->read : key->read_foreign)(
		reading->arena, key, value, reading->entry))
		return key->odd != NULL ? key->odd
					: "a value that cannot be read";
	return NULL;
}

static const char *
find_missing(const struct reading *reading)
{
	enum required least = reading->is_ours ? IN_OURS : IN_ALL;

	for (size_t i = 0; i < HISTORY_KEYS; i++) {
		if (history_keys[i].required >= least &&
		    (reading->seen & UINT64_C(1) << i) == 0)
			return "a line is missing";
	}
	return NULL;
}

/* The line that begins at AT, without its end; false: the end is not there. */
static bool
find_line(struct text bytes, size_t at, struct text *ret_line)
{
	const char *line = bytes.ptr + at;
	const char *lf =
	    at < bytes.len ? memchr(line, '\n', bytes.len - at) : NULL;

	if (lf != NULL)
		*ret_line = (struct text){line, (size_t)(lf - line)};
	return lf != NULL;
}

static const char *
read_lines(struct reading *reading, struct text lines)
{
	const char *why = NULL;
	struct text line;

	for (size_t at = 0; why == NULL && find_line(lines, at, &line);
	     at += line.len + 1)
		why = read_line(reading, line);
	return why != NULL ? why : find_missing(reading);
}

/* Where the first entry ends: before the next "job" line, or at an "end" line,
 * whichever comes first. NUL bytes before a line, a crash's, are no part of it.
 */
struct found {
	bool at_all;
	bool is_end;      /* an "end" line begins at WHERE */
	size_t where;     /* where the line begins */
	size_t behind;    /* where the next line begins */
	size_t last_line; /* behind the last whole line that was seen */
};

static struct text
without_zeros(struct text line)
{
	size_t zeros = 0;

	while (zeros < line.len && line.ptr[zeros] == '\0')
		zeros++;
	return text_slice(line, zeros, line.len);
}

static bool
is_job(struct text line)
{
	return text_starts(line, TEXT("job ")) ||
	       text_equal(text_trim(line), TEXT("job"));
}

/* Is LINE, which begins at *WHERE, the "job" line of another entry, or, TORN,
 * may it be the beginning of one? Behind NUL bytes at the very beginning moves
 * *WHERE behind them. */
static bool
begins_next(struct text line, bool torn, size_t *where)
{
	struct text job = without_zeros(line);
	size_t zeros = line.len - job.len;

	if (*where + zeros == 0 ||
	    !(is_job(job) || (torn && text_starts(TEXT("job "), job))))
		return false;
	if (*where == 0)
		*where = zeros;
	return true;
}

static struct found
find_end(struct text bytes)
{
	struct found found = {0};

	for (;;) {
		struct text line;
		if (!find_line(bytes, found.last_line, &line))
			return found;
		found.where = found.last_line;
		found.behind = found.last_line += line.len + 1;
		if (*line.ptr != 'e' && *line.ptr != 'j' && *line.ptr != '\0')
			continue;
		found.is_end = text_starts(line, TEXT("end "));
		found.at_all =
		    found.is_end || begins_next(line, false, &found.where);
		if (found.at_all)
			return found;
	}
}

static bool
read_sum(struct text digits, uint32_t *ret_sum)
{
	uint32_t sum = 0;

	if (digits.len != 8)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		int value = hex_value((unsigned char)digits.ptr[i]);
		if (value < 0)
			return false;
		sum = sum << 4 | (uint32_t)value;
	}
	*ret_sum = sum;
	return true;
}

/* Where the lines begin that the "end" line speaks of. False: nowhere, or the
 * sum is another. Not always at 0: behind a torn entry without its last LF
 * stands the next one, on the same line. */
static bool
find_begin(struct text bytes, const struct found *found, size_t *ret_begin)
{
	struct text line = text_slice(bytes, found->where, found->behind - 1);
	uint64_t len;
	uint32_t sum;

	(void)text_split(&line, ' ');
	if (!text_to_number(text_split(&line, ' '), found->where, &len) ||
	    !read_sum(line, &sum))
		return false;
	size_t begin = found->where - (size_t)len;
	struct text lines = text_slice(bytes, begin, found->where);
	if (!text_starts(lines, TEXT("job ")) || history_crc32c(lines) != sum)
		return false;
	*ret_begin = begin;
	return true;
}

/* Where reading goes on behind an "end" line that does not fit. When the line
 * itself is torn, the next entry begins within it. */
static size_t
behind_bad_end(struct text bytes, const struct found *found)
{
	struct text line = text_slice(bytes, found->where, found->behind - 1);
	size_t job = text_find_part(line, TEXT("job "));

	return job < line.len ? found->where + job : found->behind;
}

static const char too_long[] = "longer than an entry may be";

static enum history_status
bad(size_t bytes, const char *why, size_t *ret_bytes, const char **ret_why)
{
	*ret_bytes = bytes;
	*ret_why = why;
	return HISTORY_BAD;
}

/* Where the last entry ends, of BYTES whose last whole line ends at LINES. What
 * is behind that may be the beginning of another one; a torn one, LAST. */
static size_t
end_of_last(struct text bytes, size_t lines, bool last)
{
	size_t where = lines;
	struct text rest = text_slice(bytes, lines, bytes.len);

	return rest.len > 0 && begins_next(rest, last, &where) ? where
							       : bytes.len;
}

/* All of BYTES as an entry that has no "end" line: of another program. NULL, or
 * why not. */
static const char *
read_foreign(
    struct arena *arena, struct text bytes, struct history_entry *ret_entry)
{
	struct history_entry entry = {0};
	struct reading reading = begin_reading(arena, false, &entry);

	if (bytes.ptr[bytes.len - 1] != '\n')
		return "torn";
	const char *why = read_lines(&reading, bytes);
	if (why != NULL)
		return why;
	history_conclude_foreign(&entry);
	*ret_entry = entry;
	return NULL;
}

/* Where another entry begins amid a line of BYTES, behind torn ones; or their
 * end. The last one that is whole: to take one torn entry off after another
 * could take square time. */
static size_t
find_behind_torn(
    struct arena *arena, struct text bytes, struct history_entry *entry)
{
	size_t jobs[JOBS_TRIED];
	size_t count = 0;

	for (size_t at = 1;; at++) {
		at += text_find_part(
		    text_slice(bytes, at, bytes.len), TEXT("job "));
		if (at == bytes.len)
			break;
		jobs[count++ % JOBS_TRIED] = at;
	}
	for (size_t i = 0; i < JOBS_TRIED && i < count; i++) {
		size_t at = jobs[(count - 1 - i) % JOBS_TRIED];
		if (read_foreign(
			arena, text_slice(bytes, at, bytes.len), entry) == NULL)
			return at;
	}
	return bytes.len;
}

/* The same of BYTES that may be torn. */
static enum history_status
read_others(struct arena *arena, struct text bytes,
    struct history_entry *ret_entry, size_t *ret_bytes, const char **ret_why)
{
	size_t end = find_behind_torn(arena, bytes, ret_entry);

	*ret_bytes = end;
	*ret_why =
	    end < bytes.len ? "torn" : read_foreign(arena, bytes, ret_entry);
	return *ret_why == NULL ? HISTORY_ENTRY : HISTORY_BAD;
}

/* BYTES are no entry, because of WHY. When they are more than one may have, the
 * lines that are not may be one, before a line that is in none. */
static enum history_status
set_aside(struct arena *arena, struct text bytes, const char *why,
    struct history_entry *ret_entry, size_t *ret_bytes, const char **ret_why)
{
	struct text fits = text_slice(bytes, 0, HISTORY_ENTRY_MAX);
	struct text rest = {bytes.ptr + fits.len, bytes.len - fits.len};
	size_t lines = text_find_last(fits, '\n') + 1;

	if (rest.len > 0 && lines <= fits.len) {
		rest = text_slice(bytes, lines, bytes.len);
		if (find_key(rest, history_keys) == NULL &&
		    read_foreign(arena, text_slice(bytes, 0, lines),
			ret_entry) == NULL) {
			*ret_bytes = lines;
			return HISTORY_ENTRY;
		}
	}
	return bad(bytes.len, why, ret_bytes, ret_why);
}

/* The same of BYTES whose end is not even at hand. An entry of ours that may
 * begin amid the last of them will be whole then. */
static enum history_status
read_endless(struct arena *arena, struct text bytes,
    struct history_entry *ret_entry, size_t *ret_bytes, const char **ret_why)
{
	struct text rest = text_slice(bytes, HISTORY_ENTRY_MAX, bytes.len);

	if (set_aside(arena, bytes, too_long, ret_entry, ret_bytes, ret_why) ==
	    HISTORY_ENTRY)
		return HISTORY_ENTRY;
	/* The rest of a bad entry does not begin like another one. */
	*ret_bytes = HISTORY_ENTRY_MAX - is_job(rest);
	return HISTORY_PART;
}

/* BYTES up to FOUND, which is an "end" line. */
static enum history_status
read_ours(struct arena *arena, struct text bytes, const struct found *found,
    struct history_entry *ret_entry, size_t *ret_bytes, const char **ret_why)
{
	struct history_entry entry = {0};
	size_t begin;

	if (!find_begin(bytes, found, &begin))
		return set_aside(arena,
		    text_slice(bytes, 0, behind_bad_end(bytes, found)),
		    "the end line does not fit", ret_entry, ret_bytes, ret_why);
	if (begin > 0)
		return set_aside(arena, text_slice(bytes, 0, begin), "torn",
		    ret_entry, ret_bytes, ret_why);
	if (found->behind > HISTORY_ENTRY_MAX)
		return bad(found->behind, too_long, ret_bytes, ret_why);
	struct reading reading = begin_reading(arena, true, &entry);
	const char *why =
	    read_lines(&reading, text_slice(bytes, 0, found->where));
	if (why != NULL)
		return bad(found->behind, why, ret_bytes, ret_why);
	*ret_entry = entry;
	*ret_bytes = found->behind;
	return HISTORY_ENTRY;
}

/* Nearly every entry is ours, and good: in one pass, and proven by the sum at
 * its end. False: to be read with more care, whatever it is. */
static bool
read_at_once(struct arena *arena, struct text bytes,
    struct history_entry *ret_entry, size_t *ret_bytes)
{
	struct history_entry entry = {0};
	struct reading reading = begin_reading(arena, true, &entry);
	struct found found = {0};
	size_t begin;
	struct text line;

	while (find_line(bytes, found.where, &line)) {
		found.behind = found.where + line.len + 1;
		if (line.len > 3 && memcmp(line.ptr, "end ", 4) == 0) {
			if (found.behind > HISTORY_ENTRY_MAX ||
			    find_missing(&reading) != NULL ||
			    !find_begin(bytes, &found, &begin) || begin != 0)
				return false;
			*ret_entry = entry;
			*ret_bytes = found.behind;
			return true;
		}
		/* Where find_end may end sooner, to read on would make the time
		 * for a file grow with its square. */
		if (*line.ptr == '\0' || found.behind > HISTORY_ENTRY_MAX ||
		    read_line(&reading, line) != NULL)
			return false;
		found.where = found.behind;
	}
	return false;
}

enum history_status
history_read(struct arena *arena, struct text bytes, bool last,
    struct history_entry *ret_entry, size_t *ret_bytes, const char **ret_why)
{
	/* The same bytes give the same entries, however many are at hand. */
	bool is_full = bytes.len >= HISTORY_WINDOW;
	bytes = text_slice(bytes, 0, HISTORY_WINDOW);
	if (read_at_once(arena, bytes, ret_entry, ret_bytes))
		return HISTORY_ENTRY;
	struct found found = find_end(bytes);
	if (found.at_all && found.is_end)
		return read_ours(
		    arena, bytes, &found, ret_entry, ret_bytes, ret_why);
	if (!found.at_all && !is_full && (!last || bytes.len == 0))
		return HISTORY_NEED_MORE;
	if (!found.at_all)
		found.where = end_of_last(bytes, found.last_line, !is_full);
	if (is_full && found.where == bytes.len)
		return read_endless(
		    arena, bytes, ret_entry, ret_bytes, ret_why);
	bytes.len = found.where;
	if (bytes.len > HISTORY_ENTRY_MAX)
		return set_aside(
		    arena, bytes, too_long, ret_entry, ret_bytes, ret_why);
	return read_others(arena, bytes, ret_entry, ret_bytes, ret_why);
}
