/* Keys: one table, in the order of writing. A row knows how to write its part
 * of an entry, how to read that back, and how to read what other programs wrote
 * there: OpenDMARC's milter and Exim, of any version. Theirs is raw text, their
 * numbers may be any, and what they do not know stays empty. */
#include "history/key.h"

#include "history/code.h"
#include "history/codec.h"

#include <assert.h>

enum { ALIGNED = 4, NOT_ALIGNED = 5, NOT_COMPUTED = 0 };

enum { OUTCOME_ABSENT = 14, OUTCOME_PASS = 15 };

/* No mail had a policy before DMARC was published, in 2012. Without bounds a
 * clock that was not set would make a report about 1970, or one whose period
 * never ends. */
static const int64_t received_min = 1325376000; /* 2012-01-01 00:00:00 UTC */
static const int64_t received_max = 4102444799; /* 2099-12-31 23:59:59 UTC */

static const struct text *
text_of(const struct history_entry *entry, const struct history_key *key)
{
	return (const void *)((const char *)entry + key->offset);
}

static struct text *
text_in(struct history_entry *entry, const struct history_key *key)
{
	return (void *)((char *)entry + key->offset);
}

static void
begin_line(struct build *build, const struct history_key *key)
{
	build_text(build, key->name);
	build_byte(build, ' ');
}

static void
write_signed(struct build *build, const struct history_key *key, int number)
{
	begin_line(build, key);
	if (number < 0)
		build_byte(build, '-');
	build_number(build, (uint64_t)(number < 0 ? -number : number));
	build_byte(build, '\n');
}

/* Of few digits, so that nothing overflows. */
static bool
read_number(struct text digits, size_t most, int64_t *ret_number)
{
	int64_t number = 0;

	if (digits.len == 0 || digits.len > most)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
			return false;
		number = number * 10 + (digits.ptr[i] - '0');
	}
	*ret_number = number;
	return true;
}

enum { CODE_DIGITS = 6, RECEIVED_DIGITS = 10 };

static bool
read_signed(struct text value, int *ret_number)
{
	bool negative = value.len > 0 && *value.ptr == '-';
	int64_t number;

	if (!read_number(
		(struct text){value.ptr + negative, value.len - negative},
		CODE_DIGITS, &number))
		return false;
	*ret_number = (int)(negative ? -number : number);
	return true;
}

static bool
read_unsigned(struct text value, int most, int *ret_number)
{
	int64_t number;

	if (!read_number(value, CODE_DIGITS, &number) || number > most)
		return false;
	*ret_number = (int)number;
	return true;
}

static void
write_text(struct build *build, const struct history_key *key,
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
read_text(struct arena *arena, const struct history_key *key, struct text value,
    struct history_entry *entry)
{
	struct text *text = text_in(entry, key);

	*text = TEXT("");
	return value.len == 0 || history_value_read(arena, value, text);
}

static void
write_code(struct build *build, const struct history_key *key,
    const struct history_entry *entry)
{
	write_signed(
	    build, key, history_code_number(key->codes, *text_of(entry, key)));
}

static bool
read_code(struct arena *arena, const struct history_key *key, struct text value,
    struct history_entry *entry)
{
	int number;

	(void)arena;
	return read_signed(value, &number) &&
	       history_code_word(key->codes, number, text_in(entry, key));
}

static void
write_received(struct build *build, const struct history_key *key,
    const struct history_entry *entry)
{
	begin_line(build, key);
	build_number(
	    build, entry->received < 0 ? 0 : (uint64_t)entry->received);
	build_byte(build, '\n');
}

static bool
read_received(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	int64_t seconds;

	(void)arena, (void)key;
	if (!read_number(value, RECEIVED_DIGITS, &seconds) ||
	    seconds < received_min || seconds > received_max)
		return false;
	entry->received = seconds;
	return true;
}

static void
write_dkim(struct build *build, const struct history_key *key,
    const struct history_entry *entry)
{
	for (size_t i = 0; i < entry->dkim.count; i++) {
		const struct history_dkim *dkim = &entry->dkim.at[i];
		begin_line(build, key);
		history_value_write(build, dkim->domain);
		build_byte(build, ' ');
		history_value_write(build, dkim->selector);
		write_signed(build, &(struct history_key){.name = TEXT("")},
		    history_code_number(&history_results, dkim->result));
	}
}

static bool
read_dkim(struct arena *arena, const struct history_key *key, struct text value,
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
	       history_code_word(&history_results, number, &dkim->result);
}

/* What OpenDMARC's importer wants to know in one number; ours says the same in
 * "dmarc" and "requested", so it is written and not read. */
static void
write_outcome(struct build *build, const struct history_key *key,
    const struct history_entry *entry)
{
	int number = OUTCOME_ABSENT;

	if (text_equal(entry->result, TEXT("pass")))
		number = OUTCOME_PASS;
	else if (text_equal(entry->result, TEXT("fail")))
		number =
		    history_code_number(&history_outcomes, entry->requested);
	write_signed(build, key, number);
}

static bool
read_outcome(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	int number;

	(void)arena, (void)key, (void)entry;
	return read_signed(value, &number);
}

static void
write_rua(struct build *build, const struct history_key *key,
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
read_rua(struct arena *arena, const struct history_key *key, struct text value,
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
write_pct(struct build *build, const struct history_key *key,
    const struct history_entry *entry)
{
	write_signed(build, key, entry->pct > 100 ? 100 : (int)entry->pct);
}

static bool
read_pct(struct arena *arena, const struct history_key *key, struct text value,
    struct history_entry *entry)
{
	int number;

	(void)arena, (void)key;
	if (!read_unsigned(value, 100, &number))
		return false;
	entry->pct = (unsigned)number;
	return true;
}

static void
write_aligned(struct build *build, const struct history_key *key,
    const struct history_entry *entry)
{
	const bool *aligned = (const void *)((const char *)entry + key->offset);
	int otherwise =
	    entry->policy_domain.len > 0 ? NOT_ALIGNED : NOT_COMPUTED;

	write_signed(build, key, *aligned ? ALIGNED : otherwise);
}

static bool
read_aligned(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
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

/* Nearly always false, which is left out. */
static void
write_flag(struct build *build, const struct history_key *key,
    const struct history_entry *entry)
{
	const bool *flag = (const void *)((const char *)entry + key->offset);

	if (*flag)
		write_signed(build, key, 1);
}

static bool
read_flag(struct arena *arena, const struct history_key *key, struct text value,
    struct history_entry *entry)
{
	bool *flag = (void *)((char *)entry + key->offset);
	int number;

	(void)arena;
	if (!read_unsigned(value, 1, &number))
		return false;
	*flag = number == 1;
	return true;
}

static void
write_action(struct build *build, const struct history_key *key,
    const struct history_entry *entry)
{
	write_signed(build, key, (int)entry->action);
}

static bool
read_action(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	int number;

	(void)arena, (void)key;
	if (!read_unsigned(value, HISTORY_QUARANTINE, &number))
		return false;
	entry->action = (enum history_action)number;
	return true;
}

/* --- what other programs wrote --- */

static bool
foreign_text(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	(void)arena;
	value = text_trim(value);
	*text_in(entry, key) = text_equal(value, TEXT("-")) ? TEXT("") : value;
	return true;
}

/* None of the others leaves it empty: OpenDMARC writes "(unknown-jobid)". */
static bool
foreign_job(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	return foreign_text(arena, key, value, entry) && entry->job.len > 0;
}

static bool
foreign_number(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	int ignored;

	(void)arena, (void)key, (void)entry;
	return read_signed(text_trim(value), &ignored);
}

/* A number that nobody knows is as good as the last in the table. */
static bool
foreign_code(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	const struct codes *codes = key->codes;
	int number;

	(void)arena;
	if (!read_signed(text_trim(value), &number))
		return false;
	if (!history_code_word(codes, number, text_in(entry, key)))
		*text_in(entry, key) = history_code_unknown(codes);
	return true;
}

static bool
foreign_received(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	return read_received(arena, key, text_trim(value), entry);
}

/* DOMAIN SELECTOR CODE, or with Exim before 4.97, DOMAIN CODE. */
static bool
foreign_dkim(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	struct history_dkim dkim;
	int number;

	(void)key;
	value = text_trim(value);
	size_t blank = text_find_last(value, ' ');
	bool is_alone = blank == value.len;
	struct text names = text_slice(value, 0, is_alone ? 0 : blank);
	if (!read_signed(text_slice(value, is_alone ? 0 : blank + 1, value.len),
		&number))
		return false;
	if (is_alone)
		return true; /* whose signature it was is not known */
	dkim.domain = text_split(&names, ' ');
	dkim.selector = text_trim(names);
	if (text_equal(dkim.selector, TEXT("-")))
		dkim.selector = TEXT("");
	if (!history_code_word(&history_results, number, &dkim.result))
		dkim.result = TEXT("unknown");
	struct history_dkim *to = vec_push(arena, &entry->dkim);
	if (to != NULL)
		*to = dkim;
	return to != NULL;
}

static bool
foreign_outcome(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	int number;

	(void)arena, (void)key;
	if (!read_signed(text_trim(value), &number))
		return false;
	if (number == OUTCOME_ABSENT)
		entry->result = TEXT("none");
	else if (number == OUTCOME_PASS)
		entry->result = TEXT("pass");
	else if (history_code_word(
		     &history_outcomes, number, &entry->requested))
		entry->result = TEXT("fail");
	return true;
}

static bool
foreign_rua(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	(void)key;
	value = text_trim(value);
	if (value.len == 0 || text_equal(value, TEXT("-")))
		return true;
	struct text *to = vec_push(arena, &entry->rua);
	if (to != NULL)
		*to = value;
	return to != NULL;
}

static bool
foreign_pct(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	int number;

	(void)arena, (void)key;
	if (!read_signed(text_trim(value), &number))
		return false;
	entry->pct = number < 0 || number > 100 ? 100 : (unsigned)number;
	return true;
}

static bool
foreign_aligned(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	bool *aligned = (void *)((char *)entry + key->offset);
	int number;

	(void)arena;
	if (!read_signed(text_trim(value), &number))
		return false;
	*aligned = number == ALIGNED;
	return true;
}

static bool
foreign_action(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	return read_action(arena, key, text_trim(value), entry);
}

/* The options of the tag "fo" as a sum; 0: none, or no tag. */
static bool
foreign_options(struct arena *arena, const struct history_key *key,
    struct text value, struct history_entry *entry)
{
	static const char *const texts[] = {"", "0", "1", "0:1", "d", "0:d",
	    "1:d", "0:1:d", "s", "0:s", "1:s", "0:1:s", "d:s", "0:d:s", "1:d:s",
	    "0:1:d:s"};
	int number;

	(void)arena, (void)key;
	if (!read_signed(text_trim(value), &number))
		return false;
	if (number > 0 && (size_t)number < sizeof texts / sizeof *texts)
		entry->fo = text_from_cstr(texts[number]);
	return true;
}

void
history_conclude_foreign(struct history_entry *entry)
{
	if (!text_equal(entry->result, TEXT("pass")))
		return;
	/* What was asked for a message that passed is not said. */
	bool is_below = !text_equal_nocase(entry->from, entry->policy_domain);
	entry->requested = is_below && entry->sp.len > 0 ? entry->sp : entry->p;
}

/* --- the table --- */

#define NAME(literal) .name = {literal, sizeof(literal) - 1}
#define AT(member)    .offset = offsetof(struct history_entry, member)
#define AS(kind)      .write = write_##kind, .read = read_##kind
#define THEIRS(kind)  .read_foreign = foreign_##kind

/* clang-format off */
const struct history_key history_keys[HISTORY_KEYS] = {
    {NAME("job"), AS(text), THEIRS(job), AT(job), .when_empty = DASH,
	.required = IN_ALL},
    {NAME("reporter"), AS(text), THEIRS(text), AT(reporter),
	.when_empty = DASH},
    {NAME("received"), AS(received), THEIRS(received),
	.odd = "received is no second of the years 2012 to 2099",
	.required = IN_ALL},
    {NAME("ipaddr"), AS(text), THEIRS(text), AT(client), .when_empty = DASH},
    {NAME("from"), AS(text), THEIRS(text), AT(from), .when_empty = DASH,
	.required = IN_OURS},
    {NAME("mfrom"), AS(text), THEIRS(text), AT(mail_from),
	.when_empty = BLANK},
    {NAME("helo"), AS(text), AT(helo)},
    {NAME("spf"), AS(code), THEIRS(code), AT(spf), .codes = &history_results},
    {NAME("spf_domain"), AS(text), AT(spf_domain)},
    {NAME("dkim"), AS(dkim), THEIRS(dkim), .repeats = true},
    {NAME("pdomain"), AS(text), THEIRS(text), AT(policy_domain)},
    {NAME("policy"), AS(outcome), THEIRS(outcome)},
    {NAME("rua"), AS(rua), THEIRS(rua), .repeats = true},
    {NAME("pct"), AS(pct), THEIRS(pct)},
    {NAME("adkim"), AS(code), THEIRS(code), AT(adkim), .codes = &history_alignments},
    {NAME("aspf"), AS(code), THEIRS(code), AT(aspf), .codes = &history_alignments},
    {NAME("p"), AS(code), THEIRS(code), AT(p), .codes = &history_policies},
    {NAME("sp"), AS(code), THEIRS(code), AT(sp), .codes = &history_policies},
    {NAME("np"), AS(code), THEIRS(code), AT(np), .codes = &history_policies},
    {NAME("fo_tag"), AS(text), AT(fo)},
    {NAME("testing"), AS(text), AT(testing)},
    {NAME("discovery"), AS(text), AT(discovery)},
    {NAME("requested"), AS(text), AT(requested)},
    {NAME("dmarc"), AS(text), AT(result)},
    {NAME("align_dkim"), AS(aligned), THEIRS(aligned), AT(dkim_aligned)},
    {NAME("align_spf"), AS(aligned), THEIRS(aligned), AT(spf_aligned)},
    {NAME("reason"), AS(text), AT(reason)},
    {NAME("comment"), AS(text), AT(comment)},
    {NAME("to_reports"), AS(flag), AT(to_reports)},
    {NAME("action"), AS(action), THEIRS(action), .required = IN_ALL},
    {NAME("fo"), THEIRS(options)},
    {NAME("arc"), THEIRS(number)},
    {NAME("spf_scope"), THEIRS(number)},
};

/* clang-format on */
