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

static_assert(HISTORY_KEYS <= 32, "what was seen is a set in 32 bits");

static const struct history_key *const keys_end = history_keys + HISTORY_KEYS;

/* --- writing --- */

bool
history_write(struct build *build, const struct history_entry *entry)
{
	size_t start = build->len;

	for (const struct history_key *key = history_keys; key < keys_end;
	     key++) {
		if (key->write != NULL)
			key->write(build, key, entry);
	}
	struct text lines = text_slice(build_view(build), start, build->len);
	build_format(build, "end %zu %08X\n", lines.len, history_crc32c(lines));
	if (!build->failed && build->len - start <= HISTORY_ENTRY_MAX)
		return true;
	build_cut(build, start);
	return false;
}

/* --- reading --- */

/* Entries come in the order of the table, so looking on from the last key finds
 * the next one at once. */
static const struct history_key *
find_key(struct text name, const struct history_key *last)
{
	const struct history_key *key = last;

	do {
		if (text_equal(key->name, name))
			return key;
		if (++key == keys_end)
			key = history_keys;
	} while (key != last);
	return NULL;
}

/* The keys that must stand in an entry, as a set. */
static uint32_t
required_keys(bool is_ours)
{
	uint32_t required = 0;

	for (size_t i = 0; i < HISTORY_KEYS; i++) {
		if (history_keys[i].required >= (is_ours ? IN_OURS : IN_ALL))
			required |= UINT32_C(1) << i;
	}
	return required;
}

/* NULL, or why not. A key that we do not know belongs to a later version. */
static const char *
read_lines(struct arena *arena, struct text lines, bool is_ours,
    struct history_entry *entry)
{
	const struct history_key *key = history_keys;
	uint32_t seen = 0;

	while (lines.len > 0) {
		struct text value = text_split(&lines, '\n');
		struct text name = text_split(&value, ' ');
		const struct history_key *found = find_key(name, key);
		if (found == NULL || (is_ours && found->read == NULL))
			continue;
		key = found;
		if (!is_ours && key->read_foreign == NULL)
			return "ours, without its end line";
		uint32_t bit = UINT32_C(1) << (key - history_keys);
		if ((seen & bit) != 0 && !key->repeats)
			return "a key that may stand once stands twice";
		seen |= bit;
		if (!(is_ours ? key->read : key->read_foreign)(
			arena, key, value, entry))
			return "a value that cannot be read";
	}
	if ((~seen & required_keys(is_ours)) != 0)
		return "a line is missing";
	return NULL;
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

/* Is LINE, which begins at *WHERE, the "job" line of another entry, or, TORN,
 * may it be the beginning of one? Behind NUL bytes at the very beginning moves
 * *WHERE behind them. */
static bool
begins_next(struct text line, bool torn, size_t *where)
{
	size_t zeros = 0;

	while (zeros < line.len && line.ptr[zeros] == '\0')
		zeros++;
	line = text_slice(line, zeros, line.len);
	if (*where + zeros == 0 ||
	    !(text_starts(line, TEXT("job ")) ||
		(torn && text_starts(TEXT("job "), line))))
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
		struct text line =
		    text_slice(bytes, found.last_line, bytes.len);
		size_t lf = text_find(line, '\n');
		if (lf == line.len)
			return found;
		found.where = found.last_line;
		found.behind = found.last_line += lf + 1;
		if (*line.ptr != 'e' && *line.ptr != 'j' && *line.ptr != '\0')
			continue;
		line = text_slice(line, 0, lf);
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

static enum history_status
bad(size_t bytes, const char *why, size_t *ret_bytes, const char **ret_why)
{
	*ret_bytes = bytes;
	*ret_why = why;
	return HISTORY_BAD;
}

/* Where the last entry ends, of BYTES whose last whole line ends at LINES. What
 * is behind that may be the torn beginning of another one. */
static size_t
end_of_last(struct text bytes, size_t lines)
{
	size_t where = lines;
	struct text rest = text_slice(bytes, lines, bytes.len);

	if (lines > 0 && rest.len > 0 && begins_next(rest, true, &where))
		return where;
	return bytes.len;
}

/* BYTES are an entry that has no "end" line: of another program. */
static enum history_status
read_foreign(struct arena *arena, struct text bytes,
    struct history_entry *ret_entry, const char **ret_why)
{
	struct history_entry entry = {0};

	if (bytes.len > HISTORY_ENTRY_MAX) {
		*ret_why = "longer than an entry may be";
		return HISTORY_BAD;
	}
	if (bytes.ptr[bytes.len - 1] != '\n') {
		*ret_why = "torn";
		return HISTORY_BAD;
	}
	*ret_why = read_lines(arena, bytes, false, &entry);
	if (*ret_why != NULL)
		return HISTORY_BAD;
	history_conclude_foreign(&entry);
	*ret_entry = entry;
	return HISTORY_ENTRY;
}

/* BYTES up to FOUND, which is an "end" line. */
static enum history_status
read_ours(struct arena *arena, struct text bytes, const struct found *found,
    struct history_entry *ret_entry, size_t *ret_bytes, const char **ret_why)
{
	struct history_entry entry = {0};
	size_t begin;

	if (!find_begin(bytes, found, &begin))
		return bad(behind_bad_end(bytes, found),
		    "the end line does not fit", ret_bytes, ret_why);
	if (begin > 0)
		return bad(begin, "torn", ret_bytes, ret_why);
	if (found->behind > HISTORY_ENTRY_MAX)
		return bad(found->behind, "longer than an entry may be",
		    ret_bytes, ret_why);
	const char *why =
	    read_lines(arena, text_slice(bytes, 0, found->where), true, &entry);
	if (why != NULL)
		return bad(found->behind, why, ret_bytes, ret_why);
	*ret_entry = entry;
	*ret_bytes = found->behind;
	return HISTORY_ENTRY;
}

enum history_status
history_read(struct arena *arena, struct text bytes, bool last,
    struct history_entry *ret_entry, size_t *ret_bytes, const char **ret_why)
{
	/* The same bytes give the same entries, however many are at hand. */
	bool is_full = bytes.len >= HISTORY_WINDOW;
	bytes = text_slice(bytes, 0, HISTORY_WINDOW);
	struct found found = find_end(bytes);
	if (found.at_all && found.is_end)
		return read_ours(
		    arena, bytes, &found, ret_entry, ret_bytes, ret_why);
	if (!found.at_all && is_full)
		return bad(found.last_line > 0 ? found.last_line : bytes.len,
		    "longer than an entry may be", ret_bytes, ret_why);
	if (!found.at_all && (!last || bytes.len == 0))
		return HISTORY_NEED_MORE;
	if (!found.at_all)
		found.where = end_of_last(bytes, found.last_line);
	*ret_bytes = found.where;
	return read_foreign(
	    arena, text_slice(bytes, 0, *ret_bytes), ret_entry, ret_why);
}
