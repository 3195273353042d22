/* What other programs write, each as its own row; then all of it in one file,
 * in any order, cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "history/codec.h"
#include "vectors.h"

#include <string.h>

enum { ARENA = 16 * 1024 * 1024 };

/* --- one entry --- */

static struct text
or_dash(struct text text)
{
	return text.len == 0 ? TEXT("-") : text;
}

/* All that a report can say of ENTRY, on one line. */
static struct text
describe(struct arena *arena, const struct history_entry *entry)
{
	struct build line;

	build_init_arena(&line, arena, SIZE_MAX);
	const struct text words[] = {entry->job, entry->client, entry->from,
	    entry->mail_from, entry->spf, entry->policy_domain, entry->result,
	    entry->requested, entry->p, entry->sp, entry->adkim, entry->aspf,
	    entry->fo};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		build_text(&line, or_dash(words[i]));
		build_byte(&line, ' ');
	}
	build_format(&line, "%u %s%s" TEXT_FMT, entry->pct,
	    entry->dkim_aligned ? "d" : "", entry->spf_aligned ? "s " : " ",
	    TEXT_ARG(text_from_cstr(
		names_word(&history_action_names, (int)entry->action))));
	for (size_t i = 0; i < entry->dkim.count; i++) {
		const struct history_dkim *dkim = &entry->dkim.at[i];
		build_cstr(&line, " ");
		build_text(&line, or_dash(dkim->domain));
		build_cstr(&line, "/");
		build_text(&line, or_dash(dkim->selector));
		build_cstr(&line, "/");
		build_text(&line, dkim->result);
	}
	for (size_t i = 0; i < entry->rua.count; i++) {
		build_byte(&line, ' ');
		build_text(&line, entry->rua.at[i]);
	}
	assert_false(build_failed(&line));
	return build_view(&line);
}

#define HEAD                                                                   \
 "job J\nreporter mx\nreceived 1795439443\nipaddr 192.0.2.1\n"                 \
 "from a.example\nmfrom b.example\n"
#define POLICY                                                                 \
 "pdomain a.example\npolicy 15\nrua mailto:r@a.example\npct 100\nadkim 114\n"  \
 "aspf 115\np 114\nsp 113\n"
#define ALIGNED "align_dkim 5\nalign_spf 4\n"
#define LINES   "job J\nreceived 1795439443\naction 2\n"
/* What ends LINES plus something. */
#define NOTHING "J - - - - - - - - - - - - 0  accept"
#define USUAL                                                                  \
 "J 192.0.2.1 a.example b.example pass a.example pass reject reject "          \
 "quarantine r s - 100 s accept"
#define URI " mailto:r@a.example"

/* Entries of real programs, as they came. */
static const struct row {
	const char *name;
	const char *lines;
	const char *expected; /* NULL: bad, whatever is said of it */
} programs[] = {
    {"milter 1.4.2",
	HEAD "spf 0\n" POLICY ALIGNED "arc 7\narc_policy 2 json:[]\naction 2\n",
	USUAL URI},
    {"milter 1.4.2, signatures, spf behind",
	HEAD "dkim a.example s1 0\ndkim list.example - 7\nspf 0\n" POLICY
	     "align_dkim 4\nalign_spf 4\narc 0\narc_policy 0 json:[{ "
	     "\"i\": 2, \"d\":\"x\", \"s\":\"y\", \"ip\":\"\" }]\naction 2\n",
	"J 192.0.2.1 a.example b.example pass a.example pass reject reject "
	"quarantine r s - 100 ds accept a.example/s1/pass list.example/-/"
	"fail" URI},
    {"milter 1.3: no arc", HEAD "spf 0\n" POLICY ALIGNED "action 2\n",
	USUAL URI},
    {"milter, unreleased: spf_scope and fo",
	HEAD "spf 0\nspf_scope 1\n" POLICY "fo 9\n" ALIGNED
	     "arc 7\narc_policy 2 json:[]\naction 2\n",
	"J 192.0.2.1 a.example b.example pass a.example pass reject reject "
	"quarantine r s 0:s 100 s accept" URI},
    {"milter, no policy",
	"job (unknown-jobid)\nreporter vm\nreceived 1795439443\n"
	"ipaddr 2001:db8::1\nfrom a.example\nmfrom \nspf -1\n"
	"pdomain a.example\npolicy 14\nrua -\npct 0\nadkim 0\naspf 0\np 0\n"
	"sp 0\nalign_dkim 0\nalign_spf 0\narc 7\narc_policy 2 json:[]\n"
	"action 2\n",
	"(unknown-jobid) 2001:db8::1 a.example - - a.example none - - - - - "
	"- 0  accept"},
    {"Exim 4.96: no selector, action before nothing",
	HEAD "spf 0\ndkim a.example 0\n" POLICY ALIGNED "action 2\n",
	USUAL " a.example/-/pass" URI},
    {"Exim 4.96: no SPF", HEAD POLICY ALIGNED "action 2\n",
	"J 192.0.2.1 a.example b.example - a.example pass reject reject "
	"quarantine r s - 100 s accept" URI},
    {"Exim 4.97: a slip",
	HEAD "spf 0\ndkim a.example s1 0\n" POLICY ALIGNED
	     "action 2\narc 11\narc_policy $d json:[]\n",
	USUAL " a.example/s1/pass" URI},
    {"Exim 4.98",
	HEAD "spf 0\n" POLICY ALIGNED
	     "action 2\narc 11\narc_policy 1 json:[]\n",
	USUAL URI},
    {"Exim 4.99, ARC looked at",
	HEAD "spf 0\n" POLICY ALIGNED "action 2\narc 7\narc_policy 2 json[ "
	     "(\"i\":1, \"d\":\"third.test\", \"s\":\"sel1\") ]\n",
	USUAL URI},
    {"Exim 4.100",
	HEAD "spf 0\n" POLICY ALIGNED
	     "action 2\narc 11\narc_policy 1 json[ ]\n",
	USUAL URI},
    {"CR LF",
	"job J\r\nreceived 1795439443\r\nfrom a.example\r\nmfrom \r\n"
	"dkim a.example s1 0\r\npolicy 16\r\nrua -\r\naction 0\r\n",
	"J - a.example - - - fail reject - - - - - 0  reject a.example/s1/"
	"pass"},
};

#define BAD_TIME "bad: received is no second of the years 2012 to 2099"

static const struct row lines[] = {
    {"least", LINES, NOTHING},
    {"any order", "job J\naction 2\nreceived 1795439443\n", NOTHING},
    {"unknown keys", LINES "x y z\n\nspf_domain2 x\n", NOTHING},
    {"pass below the policy's domain",
	LINES "from x.a.example\npdomain a.example\npolicy 15\np 114\nsp 113\n",
	"J - x.a.example - - a.example pass quarantine reject quarantine - - "
	"- 0  accept"},
    {"pass below it without sp",
	LINES "from x.a.example\npdomain a.example\npolicy 15\np 114\nsp 0\n",
	"J - x.a.example - - a.example pass reject reject - - - - 0  accept"},
    {"quarantine", LINES "policy 17\n",
	"J - - - - - fail quarantine - - - - - 0  accept"},
    {"none", LINES "policy 18\n", "J - - - - - fail none - - - - - 0  accept"},
    {"a policy nobody knows", LINES "policy 13\n", NOTHING},
    {"from as written", LINES "from A.Example>\n",
	"J - A.Example> - - - - - - - - - - 0  accept"},
    {"8 bit", LINES "from b\xC3\xBC\xFF.example\n",
	"J - b\xC3\xBC\xFF.example - - - - - - - - - - 0  accept"},
    {"nothing's mark", LINES "from -\nmfrom -\nrua -\n", NOTHING},
    {"percent is no escape", LINES "from a%41b\nrua mailto:a%2Cb@c%\n",
	"J - a%41b - - - - - - - - - - 0  accept mailto:a%2Cb@c%"},
    {"blanks", LINES "from  a b \nspf  0 \n",
	"J - a b - pass - - - - - - - - 0  accept"},
    {"results nobody knows", LINES "spf 99\ndkim d s 99\nadkim 1\np 5\n",
	"J - - - unknown - - - - - - - - 0  accept d/s/unknown"},
    {"pct of any size", LINES "pct 1000\n",
	"J - - - - - - - - - - - - 100  accept"},
    {"dkim without anything", LINES "dkim  0\n", NOTHING},
    {"dkim with more", LINES "dkim d s t 0\n", NOTHING " d/s t/pass"},
    {"all options of fo", LINES "fo 15\n",
	"J - - - - - - - - - - - 0:1:d:s 0  accept"},
    {"options of fo nobody knows", LINES "fo 16\n", NOTHING},
    {"several URIs", LINES "rua mailto:a@b!10m\nrua mailto:c@d\n",
	NOTHING " mailto:a@b!10m mailto:c@d"},
    {"no job", "received 1795439443\naction 2\n", NULL},
    {"an empty job", "job \nreceived 1795439443\naction 2\n", NULL},
    {"a job of nothing", "job\nreceived 1795439443\naction 2\n", NULL},
    {"a job of blanks", "job  \t\r\nreceived 1795439443\naction 2\n", NULL},
    {"nothing's mark for a job", "job -\nreceived 1795439443\naction 2\n",
	NULL},
    {"no received", "job J\naction 2\n", NULL},
    {"no action: torn", "job J\nreceived 1795439443\n", NULL},
    {"no line end: torn", "job J\nreceived 1795439443\naction 2", NULL},
    {"received of letters", "job J\nreceived x\naction 2\n", BAD_TIME},
    {"received of nothing", "job J\nreceived \naction 2\n", BAD_TIME},
    {"the first second", "job J\nreceived 1325376000\naction 2\n", NOTHING},
    {"before DMARC", "job J\nreceived 1325375999\naction 2\n", BAD_TIME},
    {"received at 0", "job J\nreceived 0\naction 2\n", BAD_TIME},
    {"the last second", "job J\nreceived 4102444799\naction 2\n", NOTHING},
    {"received too large", "job J\nreceived 4102444800\naction 2\n", BAD_TIME},
    {"received in 5138", "job J\nreceived 99999999999\naction 2\n", BAD_TIME},
    {"received of any size", "job J\nreceived 99999999999999999999\naction 2\n",
	BAD_TIME},
    {"unknown action", "job J\nreceived 1795439443\naction 5\n", NULL},
    {"action of letters", "job J\nreceived 1795439443\naction x\n", NULL},
    {"spf of letters", LINES "spf pass\n", NULL},
    {"dkim of letters", LINES "dkim d s pass\n", NULL},
    {"dkim of nothing", LINES "dkim\n", NULL},
    {"policy of letters", LINES "policy x\n", NULL},
    {"pct of letters", LINES "pct $d\n", NULL},
    {"adkim of letters", LINES "adkim r\n", NULL},
    {"aspf of letters", LINES "aspf r\n", NULL},
    {"p of letters", LINES "p none\n", NULL},
    {"sp of letters", LINES "sp none\n", NULL},
    {"align_dkim of letters", LINES "align_dkim x\n", NULL},
    {"align_spf of letters", LINES "align_spf x\n", NULL},
    {"arc of letters", LINES "arc x\n", NULL},
    {"fo of letters", LINES "fo x\n", NULL},
    {"spf_scope of letters", LINES "spf_scope x\n", NULL},
    {"one key twice: two entries, one torn", LINES "from a\nfrom b\n", NULL},
    {"ours, without its end line", LINES "dmarc pass\n", NULL},
};

static unsigned
count_failures(const struct row *rows, size_t count)
{
	unsigned failures = 0;

	for (size_t i = 0; i < count; i++) {
		struct arena *arena = arena_new(ARENA);
		struct text bytes = exact(text_from_cstr(rows[i].lines));
		struct history_entry entry;
		struct text got = TEXT("bad");
		const char *why = "";
		size_t used = 0;
		enum history_status status =
		    history_read(arena, bytes, true, &entry, &used, &why);
		if (status == HISTORY_ENTRY)
			got = describe(arena, &entry);
		else if (rows[i].expected != NULL)
			got = arena_format(arena, "bad: %s", why);
		const char *expected =
		    rows[i].expected == NULL ? "bad" : rows[i].expected;
		if (used != bytes.len ||
		    !text_equal(got, text_from_cstr(expected))) {
			print_error("%s: %s\n " TEXT_FMT "\n not %s\n",
			    rows[i].name, why, TEXT_ARG(got), expected);
			failures++;
		}
		exact_free(bytes);
		arena_free(arena);
	}
	return failures;
}

static void
test_rows(void **state)
{
	(void)state;
	assert_int_equal(
	    count_failures(programs, sizeof programs / sizeof *programs), 0);
	assert_int_equal(
	    count_failures(lines, sizeof lines / sizeof *lines), 0);
}

static void
test_nul(void **state)
{
	static const char line[] = LINES "from a\0b\n";
	struct arena *arena = arena_new(ARENA);
	struct text bytes = {line, sizeof line - 1};
	struct history_entry entry;
	const char *why;
	size_t used;

	(void)state;
	assert_int_equal(history_read(arena, bytes, true, &entry, &used, &why),
	    HISTORY_ENTRY);
	assert_int_equal(used, bytes.len);
	assert_true(text_equal(entry.from, (struct text){"a\0b", 3}));
	arena_free(arena);
}

static void
test_limits(void **state)
{
	static const struct {
		const char *name;
		size_t len; /* of the whole entry */
		enum history_status expected;
	} rows[] = {
	    {"a line over a value's limit", HISTORY_VALUE_MAX + 100,
		HISTORY_ENTRY},
	    {"the longest entry", HISTORY_ENTRY_MAX, HISTORY_ENTRY},
	    {"one byte more", HISTORY_ENTRY_MAX + 1, HISTORY_BAD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(ARENA);
		struct history_entry entry;
		struct build build;
		const char *why;
		size_t used;
		build_init(&build, SIZE_MAX);
		build_cstr(&build, LINES "from ");
		while (build.len < rows[i].len - 1)
			build_byte(&build, 'x');
		build_cstr(&build, "\n" LINES);
		struct text bytes = exact(build_view(&build));
		print_message("# %s\n", rows[i].name);
		assert_int_equal(
		    history_read(arena, bytes, false, &entry, &used, &why),
		    rows[i].expected);
		assert_int_equal(used, rows[i].len);
		exact_free(bytes);
		build_free(&build);
		arena_free(arena);
	}
}

/* --- files --- */

struct tally {
	uint64_t entries;
	uint64_t bad;
	size_t bytes; /* that either of them took */
};

/* Reads BYTES to their end, as they grow by STEP; the end of each entry that
 * is good goes to ENDS. */
static struct tally
read_file(struct text bytes, size_t step, size_t *ends, size_t room)
{
	struct tally tally = {0};
	size_t have = 0;

	while (tally.bytes < bytes.len) {
		struct arena *arena = arena_new(ARENA);
		struct history_entry entry;
		const char *why = NULL;
		size_t used = 0;
		struct text piece = exact(text_slice(bytes, tally.bytes, have));
		enum history_status status = history_read(
		    arena, piece, have == bytes.len, &entry, &used, &why);
		exact_free(piece);
		arena_free(arena);
		if (status == HISTORY_NEED_MORE) {
			assert_true(have < bytes.len);
			have =
			    have + step < bytes.len ? have + step : bytes.len;
			continue;
		}
		assert_true(used > 0 && used <= have - tally.bytes);
		tally.bytes += used;
		tally.bad += status == HISTORY_BAD;
		if (status == HISTORY_ENTRY && tally.entries < room)
			ends[tally.entries] = tally.bytes;
		tally.entries += status == HISTORY_ENTRY;
	}
	assert_int_equal(tally.bytes, bytes.len);
	return tally;
}

static void
test_samples(void **state)
{
	static const char *const names[] = {"history-milter-1.4.2.dat",
	    "history-exim-4.96.dat", "history-exim-4.97-derived.dat",
	    "history-exim-4.99.dat"};
	struct arena *arena = arena_new(ARENA);
	struct build all;
	uint64_t sum = 0;

	(void)state;
	build_init(&all, SIZE_MAX);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct text name =
		    arena_format(arena, "../samples/incumbent/%s", names[i]);
		const char *path = vectors_path(arena, arena_cstr(arena, name));
		if (path == NULL) {
			print_message("# %s is not here: its writer is an "
				      "OpenDMARC milter or an Exim\n",
			    names[i]);
			continue;
		}
		struct text bytes = vectors_read(arena, path);
		/* An entry is where a line begins with "job ". */
		uint64_t expected = 0;
		for (struct text rest = bytes; rest.len > 0;)
			expected +=
			    text_starts(text_split(&rest, '\n'), TEXT("job "));
		struct tally tally = read_file(bytes, bytes.len, NULL, 0);
		print_message("# %s: %d\n", names[i], (int)expected);
		assert_int_equal(tally.entries, expected);
		assert_int_equal(tally.bad, 0);
		build_text(&all, bytes);
		sum += expected;
	}
	/* One behind the other they are one file. */
	struct tally tally = read_file(build_view(&all), 1000, NULL, 0);
	assert_int_equal(tally.entries, sum);
	assert_int_equal(tally.bad, 0);
	build_free(&all);
	arena_free(arena);
}

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void
add_ours(struct build *file)
{
	const struct history_entry entry = {.job = TEXT("J"),
	    .received = 1795439443,
	    .from = TEXT("a.example"),
	    .comment = TEXT("\njob x\n"),
	    .result = TEXT("pass"),
	    .action = HISTORY_ACCEPT};

	assert_true(history_write(file, &entry));
}

enum { PROGRAMS = sizeof programs / sizeof *programs, MIXED = 12 };

/* MIXED entries of all dialects in any order; where each ends. */
static void
mix(struct build *file, uint32_t *seed, size_t ends[MIXED])
{
	for (size_t i = 0; i < MIXED; i++) {
		uint32_t which = next_random(seed) % (PROGRAMS + 6);
		if (which < PROGRAMS)
			build_cstr(file, programs[which].lines);
		else
			add_ours(file);
		ends[i] = file->len;
	}
}

static size_t
count_whole(const size_t ends[MIXED], size_t len)
{
	size_t count = 0;

	while (count < MIXED && ends[count] <= len)
		count++;
	return count;
}

/* A file that ends anywhere, and goes on there: what was whole is read with
 * the cut, what comes behind it without. Nothing is counted twice. */
static void
test_cut_anywhere(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (size_t turn = 0; turn < 12; turn++) {
		struct build file;
		size_t ends[MIXED];
		size_t got[MIXED];
		build_init(&file, SIZE_MAX);
		mix(&file, &seed, ends);
		struct text all = build_view(&file);
		size_t step = 1 + next_random(&seed) % 700;
		struct tally whole = read_file(all, step, got, MIXED);
		assert_int_equal(whole.entries, MIXED);
		assert_int_equal(whole.bad, 0);
		assert_memory_equal(got, ends, sizeof ends);
		for (size_t cut = turn % 7; cut <= all.len; cut += 7) {
			struct tally left =
			    read_file(text_slice(all, 0, cut), cut, got, MIXED);
			size_t expected = count_whole(ends, cut);
			bool at_end =
			    expected > 0 ? ends[expected - 1] == cut : cut == 0;
			/* Exim's last lines may be missing without anybody
			 * seeing that; the entry is then read as a shorter
			 * one, and the rest of it is bad. */
			assert_in_range(
			    left.entries, expected, expected + !at_end);
			assert_int_equal(left.entries + left.bad,
			    expected + (at_end ? 0 : 1));
			struct tally right = read_file(
			    text_slice(all, cut, all.len), 4096, got, MIXED);
			size_t behind = MIXED - expected - (at_end ? 0 : 1);
			assert_int_equal(right.entries, behind);
			assert_int_equal(right.bad, at_end ? 0 : 1);
		}
		build_free(&file);
	}
}

static const struct file_row {
	const char *name;
	struct text bytes;
	uint64_t entries;
	uint64_t bad;
} files[] = {
    {"garbage before", {"x\n" LINES, sizeof "x\n" LINES - 1}, 1, 1},
    {"torn, then the next on the same line",
	{HEAD "spf 0\npdom" LINES LINES, sizeof HEAD LINES LINES + 10 - 1}, 2,
	1},
    {"torn in its first line, then the next on the same line",
	{"job 4Cjob K\nreceived 1795439443\naction 2\n", 41}, 1, 1},
    {"torn twice, then the next on the same line",
	{HEAD "spf 0\npdom" HEAD "spf" LINES LINES,
	    sizeof HEAD HEAD LINES LINES + 13 - 1},
	2, 1},
    {"torn in a key, then the next on the same line",
	{"job K\nrepjob K\nreceived 1795439443\naction 2\n", 44}, 1, 1},
    {"job amid a value", {LINES "arc_policy 1 job 2\n", sizeof LINES - 1 + 19},
	1, 0},
    {"job amid a bad entry",
	{LINES "job K\nreceived x\nfrom job a\naction 2\n" LINES,
	    2 * (sizeof LINES - 1) + 37},
	2, 1},
    {"torn at a line, then the next",
	{HEAD "spf 0\n" LINES LINES, sizeof HEAD LINES LINES + 6 - 1}, 2, 1},
    {"NUL bytes of a crash, then the next",
	{LINES "\0\0\0\0" LINES, 2 * (sizeof LINES - 1) + 4}, 2, 1},
    {"NUL bytes of a crash at the beginning",
	{"\0\0" LINES, sizeof LINES - 1 + 2}, 1, 1},
    {"NUL bytes of a crash at the end", {LINES "\0\0", sizeof LINES + 1}, 1, 1},
    {"torn in job", {LINES "jo", sizeof LINES + 1}, 1, 1},
    {"torn behind job", {LINES "job J", sizeof LINES + 4}, 1, 1},
    {"torn last", {LINES "job K\nrece", sizeof LINES - 1 + 10}, 1, 1},
    {"a job of nothing behind an entry",
	{LINES "job\nreceived 1795439443\naction 2\n" LINES,
	    2 * (sizeof LINES - 1) + 33},
	2, 1},
    {"a job of nothing, CR LF",
	{LINES "job\r\nreceived 1795439443\r\naction 2\r\n" LINES,
	    2 * (sizeof LINES - 1) + 36},
	2, 1},
    {"a job that is not the first line",
	{LINES "received 1795439443\njob K\naction 2\n" LINES,
	    2 * (sizeof LINES - 1) + 35},
	1, 2},
    {"lines before any job",
	{"received 1795439443\naction 2\n" LINES, sizeof LINES - 1 + 29}, 1, 1},
    {"empty lines between", {LINES "\n\n" LINES, 2 * sizeof LINES}, 2, 0},
};

static void
test_files(void **state)
{
	static const size_t steps[] = {1, 9, 1000};
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
			struct tally tally =
			    read_file(files[i].bytes, steps[s], NULL, 0);
			if (tally.entries == files[i].entries &&
			    tally.bad == files[i].bad)
				continue;
			print_error("%s: %d and %d bad\n", files[i].name,
			    (int)tally.entries, (int)tally.bad);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

/* TEXT, with an entry of ours for each "@". */
static void
build_expanded(struct build *build, const char *text)
{
	const struct history_entry entry = {
	    .job = TEXT("O"), .received = 1795439443};

	for (; *text != '\0'; text++) {
		if (*text != '@')
			build_byte(build, *text);
		else
			assert_true(history_write(build, &entry));
	}
}

/* Lines of more bytes than an entry, or than we look at together: one bad entry
 * each, and those around them are as good as ever. */
static void
test_long_lines(void **state)
{
	static const struct {
		const char *name;
		const char *before;
		const char *behind;
		uint64_t entries;
		uint64_t bad;
	} rows[] = {
	    {"between entries", LINES "x", "\n" LINES, 2, 1},
	    {"without its key", LINES, "\n" LINES, 2, 1},
	    {"without its end, then an entry", LINES "x", LINES, 1, 1},
	    {"of ours behind it", LINES "x", "\n@" LINES, 3, 1},
	    {"without its end, then ours", LINES "x", "@" LINES, 3, 1},
	    {"first", "x", "\n" LINES, 1, 1},
	    {"last", LINES "x", "\n", 1, 1},
	    {"last and torn", LINES "x", "", 1, 1},
	    {"in an entry", LINES "job L\nfrom ",
		"\nreceived 1795439443\naction 2\n" LINES, 2, 1},
	    {"in an entry, behind what it needs", LINES LINES "from ",
		"\nmfrom a\n" LINES, 2, 1},
	    {"a job", LINES "job ", "\nreceived 1795439443\naction 2\n" LINES,
		2, 1},
	    {"an empty line before a job", "\njob ",
		"\nreceived 1795439443\naction 2\n" LINES, 1, 2},
	    {"with an end that does not fit", LINES "x",
		"\nend 1 00000000\n" LINES, 2, 1},
	};

	static const size_t lengths[] = {
	    HISTORY_ENTRY_MAX + 200, HISTORY_WINDOW, 3 * HISTORY_WINDOW};
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		/* Wherever the look at it ends. */
		for (size_t n = 0; n < 3 * 100; n++) {
			size_t len = lengths[n / 100] - n % 100;
			struct build build;
			build_init(&build, SIZE_MAX);
			build_cstr(&build, rows[i].before);
			while (build.len < len)
				build_byte(&build, 'j');
			build_expanded(&build, rows[i].behind);
			struct tally tally =
			    read_file(build_view(&build), build.len, NULL, 0);
			build_free(&build);
			if (tally.entries == rows[i].entries &&
			    tally.bad == rows[i].bad)
				continue;
			print_error("%s, %zu: %d and %d bad\n", rows[i].name,
			    len, (int)tally.entries, (int)tally.bad);
			failures++;
			break;
		}
	}
	assert_int_equal(failures, 0);
}

/* Bytes that make the least of each look at them take linear time all the
 * same; otherwise this does not end within the test's time. */
static void
test_time(void **state)
{
	static const struct text parts[] = {{"\0job \n", 6}, {"job \n", 5},
	    {"end \n", 5}, {"x\n", 2}, {"\0", 1}, {"job ", 4}};

	enum { BYTES = 1000 * 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		struct arena *arena = arena_new(ARENA);
		struct build file;
		build_init(&file, SIZE_MAX);
		while (file.len < BYTES)
			build_text(&file, parts[i]);
		struct text rest = build_view(&file);
		while (rest.len > 0) {
			struct history_entry entry;
			const char *why;
			size_t used = 0;
			assert_int_not_equal(history_read(arena, rest, true,
						 &entry, &used, &why),
			    HISTORY_ENTRY);
			rest = text_slice(rest, used, rest.len);
		}
		build_free(&file);
		arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_samples),
	    cmocka_unit_test(test_cut_anywhere),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_long_lines),
	    cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests_name(
	    "history dialects", tests, NULL, NULL);
}
