/* One row of `tags` for each tag that means something; what a tag's reader
 * does not like is a warning and leaves the default, except that a wrong p,
 * sp or np is remembered as wrong (RFC 9989 4.8, 4.10.1). */
#include "dmarc/record.h"

#include "mail/taglist.h"

#include "base/scan.h"

#include <assert.h>

static const char *const policy_words[] = {
    [DMARC_POLICY_ABSENT] = "absent",
    [DMARC_POLICY_NONE] = "none",
    [DMARC_POLICY_QUARANTINE] = "quarantine",
    [DMARC_POLICY_REJECT] = "reject",
    [DMARC_POLICY_INVALID] = "invalid",
};
const struct names dmarc_policy_names = NAMES(policy_words);

enum {
	NAME_SHOWN_MAX = 40, /* bytes of an unknown tag's name in a warning */
	WARNINGS_MAX = 20,   /* a hostile record shall not fill the memory */
};

struct reading {
	struct arena *arena;
	struct dmarc_record *record;
};

/* dmarc-version = "v" equals %s"DMARC1"; equals = *WSP "=" *WSP
 * Followed by the end or a ";", so that DMARC10 is something else. */
bool
dmarc_record_is_dmarc(struct text text)
{
	struct scan scan = scan_text(text);

	if (!scan_word_nocase(&scan, TEXT("v")))
		return false;
	(void)scan_wsp(&scan);
	if (!scan_byte(&scan, '='))
		return false;
	(void)scan_wsp(&scan);
	struct text rest = scan_rest(&scan);
	if (!text_starts(rest, TEXT("DMARC1")))
		return false;
	scan = scan_text(text_slice(rest, 6, rest.len));
	(void)scan_wsp(&scan);
	return scan_at_end(&scan) || scan_peek(&scan) == ';';
}

static void
warn(struct reading *reading, struct text tag, const char *what)
{
	struct dmarc_record *record = reading->record;

	if (record->warnings.count == WARNINGS_MAX)
		return;
	struct text *warning = vec_push(reading->arena, &record->warnings);
	if (warning == NULL)
		return;
	tag = text_slice(tag, 0, NAME_SHOWN_MAX);
	*warning =
	    arena_format(reading->arena, TEXT_FMT ": %s", TEXT_ARG(tag), what);
}

/* One of the letters, in any case (ABNF strings): its index; -1: none. */
static int
read_letter(struct text value, const char *letters)
{
	for (int i = 0; value.len == 1 && letters[i] != '\0'; i++)
		if (to_lower(value.ptr[0]) == letters[i])
			return i;
	return -1;
}

/* A repeated tag must say the same again; which of two policies the owner
 * means is nothing to guess. */
static void
read_policy(struct reading *reading, const char *tag, struct text value,
    enum dmarc_policy *policy)
{
	int found = names_find(&dmarc_policy_names, value);
	enum dmarc_policy read = DMARC_POLICY_INVALID;

	if (found >= DMARC_POLICY_NONE && found <= DMARC_POLICY_REJECT)
		read = (enum dmarc_policy)found;
	else
		warn(reading, text_from_cstr(tag),
		    "neither none, quarantine nor reject");
	if (*policy != DMARC_POLICY_ABSENT && *policy != read)
		read = DMARC_POLICY_INVALID;
	*policy = read;
}

static void
read_p(struct reading *reading, struct text value)
{
	read_policy(reading, "p", value, &reading->record->p);
}

static void
read_sp(struct reading *reading, struct text value)
{
	read_policy(reading, "sp", value, &reading->record->sp);
}

static void
read_np(struct reading *reading, struct text value)
{
	read_policy(reading, "np", value, &reading->record->np);
}

static void
read_adkim(struct reading *reading, struct text value)
{
	int found = read_letter(value, "rs");

	if (found < 0)
		warn(reading, TEXT("adkim"), "neither r nor s; r is taken");
	reading->record->strict_dkim = found == 1;
}

static void
read_aspf(struct reading *reading, struct text value)
{
	int found = read_letter(value, "rs");

	if (found < 0)
		warn(reading, TEXT("aspf"), "neither r nor s; r is taken");
	reading->record->strict_spf = found == 1;
}

static void
read_psd(struct reading *reading, struct text value)
{
	int found = read_letter(value, "uyn");

	static_assert(
	    DMARC_PSD_UNKNOWN == 0 && DMARC_PSD_YES == 1 && DMARC_PSD_NO == 2,
	    "psd's letters follow the enum");
	if (found < 0)
		warn(reading, TEXT("psd"), "neither y, n nor u; u is taken");
	else
		reading->record->psd = (enum dmarc_psd)found;
}

static void
read_t(struct reading *reading, struct text value)
{
	int found = read_letter(value, "ny");

	if (found < 0)
		warn(reading, TEXT("t"), "neither y nor n; n is taken");
	reading->record->testing = found == 1;
}

/* Letters of 0 1 d s with ":" between them, in any order, each once, and not
 * both 0 and 1 (4.7 fo). */
static bool
is_fo(struct text value)
{
	unsigned seen = 0;

	if (value.len % 2 == 0)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		int letter = read_letter(text_slice(value, i, i + 1), "01ds");
		if (i % 2 == 1 && value.ptr[i] != ':')
			return false;
		if (i % 2 == 1)
			continue;
		if (letter < 0 || (seen & 1U << letter) != 0)
			return false;
		seen |= 1U << letter;
	}
	return (seen & 3) != 3;
}

static void
read_fo(struct reading *reading, struct text value)
{
	if (is_fo(value))
		reading->record->fo = value;
	else
		warn(reading, TEXT("fo"), "no valid list; 0 is taken");
}

/* RFC 7489 6.3; only DiscoveryMethod psl looks at it. */
static void
read_pct(struct reading *reading, struct text value)
{
	uint64_t pct;

	warn(reading, TEXT("pct"), "removed by RFC 9989; t=y is its successor");
	if (text_to_number(value, 100, &pct))
		reading->record->pct = (unsigned)pct;
}

static void
read_rf(struct reading *reading, struct text value)
{
	(void)value;
	warn(reading, TEXT("rf"), "removed by RFC 9989");
}

static void
read_ri(struct reading *reading, struct text value)
{
	(void)value;
	warn(reading, TEXT("ri"), "removed by RFC 9989");
}

/* obs-dmarc-report-size = "!" 1*DIGIT [ "k" / "m" / "g" / "t" ] */
static struct text
without_size(struct text uri)
{
	size_t at = text_find_last(uri, '!');
	struct text size = text_slice(uri, at + 1, uri.len);

	if (size.len > 1 &&
	    read_letter(text_slice(size, size.len - 1, size.len), "kmgt") >= 0)
		size.len--;
	for (size_t i = 0; i < size.len; i++)
		if (!is_digit(size.ptr[i]))
			return uri;
	return size.len == 0 ? uri : text_slice(uri, 0, at);
}

/* URI of RFC 3986, without "!" and "," (4.8): a scheme, ":", and one or more
 * characters; what they mean is the scheme's (report/destination.h). */
static bool
is_uri(struct text uri)
{
	size_t colon = text_find(uri, ':');

	if (uri.len == 0 || colon + 1 >= uri.len || !is_alpha(uri.ptr[0]))
		return false;
	for (size_t i = 1; i < colon; i++)
		if (!is_alnum(uri.ptr[i]) && !text_has(TEXT("+-."), uri.ptr[i]))
			return false;
	for (size_t i = colon + 1; i < uri.len; i++) {
		if (is_alnum(uri.ptr[i]))
			continue;
		if (!text_has(TEXT("-._~:/?#[]@$&'()*+;=%"), uri.ptr[i]))
			return false;
		if (uri.ptr[i] == '%' &&
		    (uri.len - i < 3 || !is_hex(uri.ptr[i + 1]) ||
			!is_hex(uri.ptr[i + 2])))
			return false;
	}
	return true;
}

bool
dmarc_record_is_uri(struct text uri)
{
	return is_uri(without_size(uri));
}

/* The next good URI of a list, with its size. False: there is none left.
 * dmarc-urilist = dmarc-uri *(*WSP "," *WSP dmarc-uri) */
static bool
next_uri(struct reading *reading, struct text tag, struct text *list,
    struct text *ret_uri)
{
	while (list->len > 0) {
		struct text uri = text_trim(text_split(list, ','));
		if (dmarc_record_is_uri(uri)) {
			*ret_uri = uri;
			return true;
		}
		warn(reading, tag, "not a URI, left out");
	}
	return false;
}

/* So that reports can tell why they go nowhere. */
static void
note_unread(struct reading *reading, struct text list)
{
	struct dmarc_record *record = reading->record;

	while (list.len > 0 && record->rua_unread.count < DMARC_URIS_MAX) {
		struct text uri = text_trim(text_split(&list, ','));
		if (uri.len == 0 || dmarc_record_is_uri(uri))
			continue;
		struct text *slot =
		    vec_push(reading->arena, &record->rua_unread);
		if (slot == NULL)
			return;
		*slot = uri;
	}
}

static void
read_rua(struct reading *reading, struct text list)
{
	struct dmarc_record *record = reading->record;
	struct text uri;

	note_unread(reading, list);
	while (record->rua.count < DMARC_URIS_MAX &&
	       next_uri(reading, TEXT("rua"), &list, &uri)) {
		struct text *slot = vec_push(reading->arena, &record->rua);
		struct text *sized =
		    vec_push(reading->arena, &record->rua_sized);
		if (slot == NULL || sized == NULL)
			return;
		*slot = without_size(uri);
		*sized = uri;
	}
}

static void
read_ruf(struct reading *reading, struct text list)
{
	struct dmarc_record *record = reading->record;
	struct text uri;

	while (record->ruf.count < DMARC_URIS_MAX &&
	       next_uri(reading, TEXT("ruf"), &list, &uri)) {
		struct text *slot = vec_push(reading->arena, &record->ruf);
		if (slot == NULL)
			return;
		*slot = without_size(uri);
	}
}

static const struct {
	const char *name;
	void (*read)(struct reading *reading, struct text value);
	bool may_repeat; /* looks at every occurrence; others at the first */
} tags[] = {
    {"p", read_p, true},
    {"sp", read_sp, true},
    {"np", read_np, true},
    {"adkim", read_adkim, false},
    {"aspf", read_aspf, false},
    {"psd", read_psd, false},
    {"t", read_t, false},
    {"fo", read_fo, false},
    {"rua", read_rua, false},
    {"ruf", read_ruf, false},
    {"pct", read_pct, false},
    {"rf", read_rf, false},
    {"ri", read_ri, false},
};

enum { TAGS = sizeof tags / sizeof *tags };

static size_t
find_tag(struct text name)
{
	size_t i = 0;

	while (
	    i < TAGS && !text_equal_nocase(name, text_from_cstr(tags[i].name)))
		i++;
	return i;
}

/* What follows the version. Unknown tags MUST be ignored (4.7). */
static void
read_tags(struct reading *reading, const struct taglist *list)
{
	bool seen[TAGS] = {false};

	for (size_t i = 1; i < list->tags.count; i++) {
		const struct tag *tag = &list->tags.at[i];
		size_t known = find_tag(tag->name);
		if (known == TAGS) {
			warn(reading, tag->name, "not a DMARC tag, ignored");
			continue;
		}
		/* 9989 says nothing of repeated tags: the first one counts. */
		if (seen[known])
			warn(reading, tag->name, "given more than once");
		if (!seen[known] || tags[known].may_repeat)
			tags[known].read(reading, tag->value);
		seen[known] = true;
	}
	if (list->has_error)
		warn(reading, TEXT("syntax"),
		    "something between two ';' is no tag, ignored");
}

const struct dmarc_record *
dmarc_record_read(struct arena *arena, struct text text)
{
	struct dmarc_record *record = arena_alloc(arena, sizeof *record);
	struct reading reading = {arena, record};
	struct taglist list = {.has_error = false};

	if (record == NULL)
		return NULL;
	*record = (struct dmarc_record){
	    .text = arena_copy(arena, text), .pct = 100, .fo = TEXT("0")};
	if (taglist_read(arena, record->text, &list))
		read_tags(&reading, &list);
	else
		warn(&reading, TEXT("syntax"), "too many tags");
	return arena_failed(arena) ? NULL : record;
}

/* RFC 9989 4.10.1 */
bool
dmarc_record_is_usable(const struct dmarc_record *record)
{
	return record->p != DMARC_POLICY_ABSENT &&
	       record->p != DMARC_POLICY_INVALID &&
	       record->sp != DMARC_POLICY_INVALID &&
	       record->np != DMARC_POLICY_INVALID;
}

/* Foreign records go before the counting, and of several none counts (4.10
 * steps 2 and 6). */
const void *
dmarc_records_parse(struct arena *arena, const struct dns_answer *answer)
{
	struct dmarc_records *records = arena_alloc(arena, sizeof *records);
	struct text found = TEXT("");

	if (records == NULL)
		return NULL;
	for (size_t i = 0; i < answer->count; i++) {
		if (!dmarc_record_is_dmarc(answer->records[i].text))
			continue;
		found = answer->records[i].text;
		records->count++;
	}
	if (records->count != 1)
		return records;
	records->record = dmarc_record_read(arena, found);
	return records->record == NULL ? NULL : records;
}
