/* Plan: one table of keys, in the order of writing. A row knows how to write
 * its part of an entry and how to read it back; everything else is about where
 * an entry ends. Other dialects are other rows, or other readers of a row.
 *
 *	entry = 1*line end
 *	line  = key SP value *(SP value) LF    ; the first key is "job"
 *	end   = "end" SP BYTES SP CRC32C LF    ; of all lines before it
 */
#include "history/codec.h"

#include <assert.h>
#include <string.h>

/* --- keys --- */

/* OpenDMARC's numbers for words. The last row is what a word gets that has no
 * number. */
struct code {
	int number;
	const char *word;
};

static const struct code result_codes[] = {{-1, ""}, {0, "pass"}, {1, "unused"},
    {2, "softfail"}, {3, "neutral"}, {4, "temperror"}, {5, "permerror"},
    {6, "none"}, {7, "fail"}, {8, "policy"}, {9, "nxdomain"}, {10, "signed"},
    {12, "discard"}, {11, "unknown"}};
static const struct code alignment_codes[] = {{114, "r"}, {115, "s"}, {0, ""}};
static const struct code policy_codes[] = {
    {110, "none"}, {113, "quarantine"}, {114, "reject"}, {0, ""}};

struct codes {
	const struct code *at;
	size_t count;
};

#define CODES(table)                                                           \
 {                                                                             \
  (table), sizeof(table) / sizeof *(table)                                     \
 }

static const struct codes results = CODES(result_codes);
static const struct codes alignments = CODES(alignment_codes);
static const struct codes policies = CODES(policy_codes);

enum { ALIGNED = 4, NOT_ALIGNED = 5, NOT_COMPUTED = 0 };

enum { OUTCOME_ABSENT = 14, OUTCOME_PASS = 15 };
static const struct code outcome_codes[] = {
    {16, "reject"}, {17, "quarantine"}, {18, "none"}};
static const struct codes outcomes = CODES(outcome_codes);

/* The last second of the year 9999: no sum with it overflows. */
static const uint64_t received_max = 253402300799;

/* How the empty text is written. */
enum when_empty { LEAVE_OUT, DASH, BLANK };

struct key {
	struct text name;
	void (*write)(struct build *build, const struct key *key,
	    const struct history_entry *entry);
	bool (*read)(struct arena *arena, const struct key *key,
	    struct text value, struct history_entry *entry);
	size_t offset; /* of a text or a bool in the entry */
	const struct codes *codes;
	enum when_empty when_empty;
	bool repeats;
	bool required;
};

static const struct text *
text_of(const struct history_entry *entry, const struct key *key)
{
	return (const void *)((const char *)entry + key->offset);
}

static struct text *
text_in(struct history_entry *entry, const struct key *key)
{
	return (void *)((char *)entry + key->offset);
}

static void
begin_line(struct build *build, const struct key *key)
{
	build_text(build, key->name);
	build_byte(build, ' ');
}

static void
write_signed(struct build *build, const struct key *key, int number)
{
	begin_line(build, key);
	if (number < 0)
		build_byte(build, '-');
	build_number(build, (uint64_t)(number < 0 ? -number : number));
	build_byte(build, '\n');
}

static bool
read_signed(struct text value, int *ret_number)
{
	bool negative = text_starts(value, TEXT("-"));
	uint64_t number;

	if (!text_to_number(
		text_slice(value, negative, value.len), 255, &number))
		return false;
	*ret_number = negative ? -(int)number : (int)number;
	return true;
}

static int
code_number(const struct codes *codes, struct text word)
{
	size_t i = 0;

	while (i < codes->count - 1 &&
	       !text_equal(text_from_cstr(codes->at[i].word), word))
		i++;
	return codes->at[i].number;
}

static bool
code_word(const struct codes *codes, int number, struct text *ret_word)
{
	for (size_t i = 0; i < codes->count; i++) {
		if (codes->at[i].number == number) {
			*ret_word = text_from_cstr(codes->at[i].word);
			return true;
		}
	}
	return false;
}

static void
write_text(struct build *build, const struct key *key,
    const struct history_entry *entry)
{
	struct text value = *text_of(entry, key);

	if (value.len == 0 && key->when_empty == LEAVE_OUT)
		return;
	begin_line(build, key);
	if (value.len > 0 || key->when_empty == DASH)
		history_value_write(build, value);
	build_byte(build, '\n');
}

static bool
read_text(struct arena *arena, const struct key *key, struct text value,
    struct history_entry *entry)
{
	struct text *text = text_in(entry, key);

	*text = TEXT("");
	return value.len == 0 || history_value_read(arena, value, text);
}

static void
write_code(struct build *build, const struct key *key,
    const struct history_entry *entry)
{
	write_signed(build, key, code_number(key->codes, *text_of(entry, key)));
}

static bool
read_code(struct arena *arena, const struct key *key, struct text value,
    struct history_entry *entry)
{
	int number;

	(void)arena;
	return read_signed(value, &number) &&
	       code_word(key->codes, number, text_in(entry, key));
}

static void
write_received(struct build *build, const struct key *key,
    const struct history_entry *entry)
{
	begin_line(build, key);
	build_number(
	    build, entry->received < 0 ? 0 : (uint64_t)entry->received);
	build_byte(build, '\n');
}

static bool
read_received(struct arena *arena, const struct key *key, struct text value,
    struct history_entry *entry)
{
	uint64_t seconds;

	(void)arena, (void)key;
	if (!text_to_number(value, received_max, &seconds))
		return false;
	entry->received = (int64_t)seconds;
	return true;
}

static void
write_dkim(struct build *build, const struct key *key,
    const struct history_entry *entry)
{
	for (size_t i = 0; i < entry->dkim.count; i++) {
		const struct history_dkim *dkim = &entry->dkim.at[i];
		begin_line(build, key);
		history_value_write(build, dkim->domain);
		build_byte(build, ' ');
		history_value_write(build, dkim->selector);
		write_signed(build, &(struct key){.name = TEXT("")},
		    code_number(&results, dkim->result));
	}
}

static bool
read_dkim(struct arena *arena, const struct key *key, struct text value,
    struct history_entry *entry)
{
	struct history_dkim *dkim = vec_push(arena, &entry->dkim);
	struct text domain = text_split(&value, ' ');
	struct text selector = text_split(&value, ' ');
	int number;

	(void)key;
	return dkim != NULL &&
	       history_value_read(arena, domain, &dkim->domain) &&
	       history_value_read(arena, selector, &dkim->selector) &&
	       read_signed(value, &number) &&
	       code_word(&results, number, &dkim->result);
}

/* What OpenDMARC's importer wants to know in one number; ours says the same in
 * "dmarc" and "requested", so it is written and not read. */
static void
write_outcome(struct build *build, const struct key *key,
    const struct history_entry *entry)
{
	int number = OUTCOME_ABSENT;

	if (text_equal(entry->result, TEXT("pass")))
		number = OUTCOME_PASS;
	else if (text_equal(entry->result, TEXT("fail")))
		number = code_number(&outcomes, entry->requested);
	write_signed(build, key, number);
}

static bool
read_outcome(struct arena *arena, const struct key *key, struct text value,
    struct history_entry *entry)
{
	int number;

	(void)arena, (void)key, (void)entry;
	return read_signed(value, &number);
}

static void
write_rua(struct build *build, const struct key *key,
    const struct history_entry *entry)
{
	for (size_t i = 0; i < entry->rua.count; i++) {
		begin_line(build, key);
		history_value_write(build, entry->rua.at[i]);
		build_byte(build, '\n');
	}
	if (entry->rua.count == 0) {
		begin_line(build, key);
		build_text(build, TEXT("-\n"));
	}
}

static bool
read_rua(struct arena *arena, const struct key *key, struct text value,
    struct history_entry *entry)
{
	struct text uri;

	(void)key;
	if (!history_value_read(arena, value, &uri))
		return false;
	if (uri.len == 0)
		return true;
	struct text *to = vec_push(arena, &entry->rua);
	if (to != NULL)
		*to = uri;
	return to != NULL;
}

static void
write_pct(struct build *build, const struct key *key,
    const struct history_entry *entry)
{
	write_signed(build, key, entry->pct > 100 ? 100 : (int)entry->pct);
}

static bool
read_pct(struct arena *arena, const struct key *key, struct text value,
    struct history_entry *entry)
{
	uint64_t number;

	(void)arena, (void)key;
	if (!text_to_number(value, 100, &number))
		return false;
	entry->pct = (unsigned)number;
	return true;
}

static void
write_aligned(struct build *build, const struct key *key,
    const struct history_entry *entry)
{
	const bool *aligned = (const void *)((const char *)entry + key->offset);
	int otherwise =
	    entry->policy_domain.len > 0 ? NOT_ALIGNED : NOT_COMPUTED;

	write_signed(build, key, *aligned ? ALIGNED : otherwise);
}

static bool
read_aligned(struct arena *arena, const struct key *key, struct text value,
    struct history_entry *entry)
{
	bool *aligned = (void *)((char *)entry + key->offset);
	int number;

	(void)arena;
	if (!read_signed(value, &number) ||
	    (number != ALIGNED && number != NOT_ALIGNED &&
		number != NOT_COMPUTED))
		return false;
	*aligned = number == ALIGNED;
	return true;
}

static void
write_action(struct build *build, const struct key *key,
    const struct history_entry *entry)
{
	write_signed(build, key, (int)entry->action);
}

static bool
read_action(struct arena *arena, const struct key *key, struct text value,
    struct history_entry *entry)
{
	uint64_t number;

	(void)arena, (void)key;
	if (!text_to_number(value, HISTORY_QUARANTINE, &number))
		return false;
	entry->action = (enum history_action)number;
	return true;
}

#define NAME(literal) .name = {literal, sizeof(literal) - 1}
#define AT(member)    .offset = offsetof(struct history_entry, member)
#define AS(kind)      .write = write_##kind, .read = read_##kind

/* clang-format off */
static const struct key keys[] = {
    {NAME("job"), AS(text), AT(job), .when_empty = DASH, .required = true},
    {NAME("reporter"), AS(text), AT(reporter), .when_empty = DASH},
    {NAME("received"), AS(received), .required = true},
    {NAME("ipaddr"), AS(text), AT(client), .when_empty = DASH},
    {NAME("from"), AS(text), AT(from), .when_empty = DASH, .required = true},
    {NAME("mfrom"), AS(text), AT(mail_from), .when_empty = BLANK},
    {NAME("helo"), AS(text), AT(helo)},
    {NAME("spf"), AS(code), AT(spf), .codes = &results},
    {NAME("spf_domain"), AS(text), AT(spf_domain)},
    {NAME("dkim"), AS(dkim), .repeats = true},
    {NAME("pdomain"), AS(text), AT(policy_domain)},
    {NAME("policy"), AS(outcome)},
    {NAME("rua"), AS(rua), .repeats = true},
    {NAME("pct"), AS(pct)},
    {NAME("adkim"), AS(code), AT(adkim), .codes = &alignments},
    {NAME("aspf"), AS(code), AT(aspf), .codes = &alignments},
    {NAME("p"), AS(code), AT(p), .codes = &policies},
    {NAME("sp"), AS(code), AT(sp), .codes = &policies},
    {NAME("np"), AS(code), AT(np), .codes = &policies},
    {NAME("fo_tag"), AS(text), AT(fo)},
    {NAME("testing"), AS(text), AT(testing)},
    {NAME("discovery"), AS(text), AT(discovery)},
    {NAME("requested"), AS(text), AT(requested)},
    {NAME("dmarc"), AS(text), AT(result)},
    {NAME("align_dkim"), AS(aligned), AT(dkim_aligned)},
    {NAME("align_spf"), AS(aligned), AT(spf_aligned)},
    {NAME("reason"), AS(text), AT(reason)},
    {NAME("comment"), AS(text), AT(comment)},
    {NAME("action"), AS(action), .required = true},
};

/* clang-format on */

enum { KEYS = sizeof keys / sizeof *keys };

static_assert(KEYS <= 32, "what was seen is a set in 32 bits");

/* --- writing --- */

bool
history_write(struct build *build, const struct history_entry *entry)
{
	size_t start = build->len;

	for (size_t i = 0; i < KEYS; i++)
		keys[i].write(build, &keys[i], entry);
	struct text lines = text_slice(build_view(build), start, build->len);
	build_format(build, "end %zu %08X\n", lines.len, history_crc32c(lines));
	if (!build->failed && build->len - start <= HISTORY_ENTRY_MAX)
		return true;
	build_cut(build, start);
	return false;
}

/* --- reading --- */

/* Our entries come in the order of the table, so looking on from the last key
 * finds the next one at once. */
static const struct key *
find_key(struct text name, size_t *next)
{
	for (size_t i = 0; i < KEYS; i++) {
		const struct key *key = &keys[(*next + i) % KEYS];
		if (text_equal(key->name, name)) {
			*next = (size_t)(key - keys) + (key->repeats ? 0 : 1);
			return key;
		}
	}
	return NULL;
}

/* NULL, or why not. A key that we do not know belongs to a later version. */
static const char *
read_lines(struct arena *arena, struct text lines, struct history_entry *entry)
{
	uint32_t seen = 0;
	size_t next = 0;

	while (lines.len > 0) {
		struct text value = text_split(&lines, '\n');
		struct text name = text_split(&value, ' ');
		const struct key *key = find_key(name, &next);
		if (key == NULL)
			continue;
		uint32_t bit = UINT32_C(1) << (key - keys);
		if ((seen & bit) != 0 && !key->repeats)
			return "a key that may stand once stands twice";
		seen |= bit;
		if (!key->read(arena, key, value, entry))
			return "a value that cannot be read";
	}
	for (size_t i = 0; i < KEYS; i++) {
		if (keys[i].required && (seen & UINT32_C(1) << i) == 0)
			return "a line is missing";
	}
	return NULL;
}

/* Where the first entry ends: before the next "job" line, or at an "end" line,
 * whichever comes first. */
struct found {
	bool at_all;
	bool is_end;      /* an "end" line begins at WHERE */
	size_t where;     /* where the line begins */
	size_t behind;    /* where the next line begins */
	size_t last_line; /* behind the last whole line that was seen */
};

static struct found
find_end(struct text bytes)
{
	struct found found = {0};

	for (;;) {
		const char *line = bytes.ptr + found.last_line;
		size_t left = bytes.len - found.last_line;
		const char *lf = left == 0 ? NULL : memchr(line, '\n', left);
		if (lf == NULL)
			return found;
		struct text whole = {line, (size_t)(lf - line)};
		found.where = found.last_line;
		found.behind = found.last_line += whole.len + 1;
		if (*line != 'e' && *line != 'j')
			continue;
		found.is_end = text_starts(whole, TEXT("end "));
		if (found.is_end ||
		    (found.where > 0 && text_starts(whole, TEXT("job ")))) {
			found.at_all = true;
			return found;
		}
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

enum history_status
history_read(struct arena *arena, struct text bytes, bool last,
    struct history_entry *ret_entry, size_t *ret_bytes, const char **ret_why)
{
	struct history_entry entry = {0};
	size_t begin;

	/* The same bytes give the same entries, however many are at hand. */
	bool is_full = bytes.len >= HISTORY_WINDOW;
	bytes = text_slice(bytes, 0, HISTORY_WINDOW);
	struct found found = find_end(bytes);
	if (!found.at_all && is_full)
		return bad(found.last_line > 0 ? found.last_line : bytes.len,
		    "longer than an entry may be", ret_bytes, ret_why);
	if (!found.at_all) {
		if (!last || bytes.len == 0)
			return HISTORY_NEED_MORE;
		return bad(
		    bytes.len, "the file ends within it", ret_bytes, ret_why);
	}
	/* An entry of a dialect without "end" would be read from here. */
	if (!found.is_end)
		return bad(found.where, "no end line", ret_bytes, ret_why);
	if (!find_begin(bytes, &found, &begin))
		return bad(behind_bad_end(bytes, &found),
		    "the end line does not fit", ret_bytes, ret_why);
	if (begin > 0)
		return bad(begin, "torn", ret_bytes, ret_why);
	if (found.behind > HISTORY_ENTRY_MAX)
		return bad(found.behind, "longer than an entry may be",
		    ret_bytes, ret_why);
	const char *why =
	    read_lines(arena, text_slice(bytes, 0, found.where), &entry);
	if (why != NULL)
		return bad(found.behind, why, ret_bytes, ret_why);
	*ret_entry = entry;
	*ret_bytes = found.behind;
	return HISTORY_ENTRY;
}
