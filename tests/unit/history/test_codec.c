#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "history/codec.h"

#include <stdio.h>
#include <string.h>

enum { ARENA = 16 * 1024 * 1024 };

static const struct history_dkim signatures[] = {
    {{"example.com", 11}, {"s1", 2}, {"pass", 4}},
    {{"list.example", 12}, {"", 0}, {"permerror", 9}},
};
static const struct text uris[] = {
    {"mailto:a@example.com", 20},
    {"mailto:b@example.com!10m", 24},
};

/* The lists are borrowed: history_write changes nothing. */
static struct history_entry
sample(void)
{
	struct history_entry entry = {
	    .job = TEXT("4fQ1"),
	    .reporter = TEXT("mx.example.net"),
	    .received = 1795439443,
	    .client = TEXT("192.0.2.1"),
	    .from = TEXT("example.com"),
	    .mail_from = TEXT("bounce.example.com"),
	    .helo = TEXT("mail.example.com"),
	    .spf = TEXT("softfail"),
	    .spf_domain = TEXT("bounce.example.com"),
	    .policy_domain = TEXT("example.com"),
	    .result = TEXT("fail"),
	    .requested = TEXT("quarantine"),
	    .p = TEXT("reject"),
	    .sp = TEXT("quarantine"),
	    .np = TEXT("none"),
	    .adkim = TEXT("r"),
	    .aspf = TEXT("s"),
	    .fo = TEXT("1:d"),
	    .testing = TEXT("y"),
	    .discovery = TEXT("treewalk"),
	    .pct = 100,
	    .action = HISTORY_ACCEPT,
	    .reason = TEXT("mailing_list"),
	    .comment = TEXT("100% a list"),
	};

	entry.dkim.count = 2;
	memcpy(&entry.dkim.at, &(const void *){signatures}, sizeof(void *));
	entry.rua.count = 2;
	memcpy(&entry.rua.at, &(const void *){uris}, sizeof(void *));
	return entry;
}

static const char sample_lines[] = "job 4fQ1\n"
				   "reporter mx.example.net\n"
				   "received 1795439443\n"
				   "ipaddr 192.0.2.1\n"
				   "from example.com\n"
				   "mfrom bounce.example.com\n"
				   "helo mail.example.com\n"
				   "spf 2\n"
				   "spf_domain bounce.example.com\n"
				   "dkim example.com s1 0\n"
				   "dkim list.example - 5\n"
				   "pdomain example.com\n"
				   "policy 17\n"
				   "rua mailto:a@example.com\n"
				   "rua mailto:b@example.com!10m\n"
				   "pct 100\n"
				   "adkim 114\n"
				   "aspf 115\n"
				   "p 114\n"
				   "sp 113\n"
				   "np 110\n"
				   "fo_tag 1:d\n"
				   "testing y\n"
				   "discovery treewalk\n"
				   "requested quarantine\n"
				   "dmarc fail\n"
				   "align_dkim 5\n"
				   "align_spf 5\n"
				   "reason mailing_list\n"
				   "comment 100%25%20a%20list\n"
				   "action 2\n";

static bool
is_same(const struct history_entry *a, const struct history_entry *b)
{
	const struct text x[] = {a->job, a->reporter, a->client, a->from,
	    a->mail_from, a->helo, a->spf, a->spf_domain, a->policy_domain,
	    a->result, a->requested, a->p, a->sp, a->np, a->adkim, a->aspf,
	    a->fo, a->testing, a->discovery, a->reason, a->comment};
	const struct text y[] = {b->job, b->reporter, b->client, b->from,
	    b->mail_from, b->helo, b->spf, b->spf_domain, b->policy_domain,
	    b->result, b->requested, b->p, b->sp, b->np, b->adkim, b->aspf,
	    b->fo, b->testing, b->discovery, b->reason, b->comment};
	bool same = a->received == b->received && a->pct == b->pct &&
		    a->dkim_aligned == b->dkim_aligned &&
		    a->spf_aligned == b->spf_aligned &&
		    a->action == b->action && a->dkim.count == b->dkim.count &&
		    a->rua.count == b->rua.count;

	for (size_t i = 0; i < sizeof x / sizeof *x; i++)
		same = same && text_equal(x[i], y[i]);
	for (size_t i = 0; same && i < a->dkim.count; i++)
		same = text_equal(a->dkim.at[i].domain, b->dkim.at[i].domain) &&
		       text_equal(
			   a->dkim.at[i].selector, b->dkim.at[i].selector) &&
		       text_equal(a->dkim.at[i].result, b->dkim.at[i].result);
	for (size_t i = 0; same && i < a->rua.count; i++)
		same = text_equal(a->rua.at[i], b->rua.at[i]);
	return same;
}

/* --- the sum --- */

static uint32_t
slow_crc32c(struct text bytes)
{
	uint32_t sum = 0xFFFFFFFFu;

	for (size_t i = 0; i < bytes.len; i++) {
		sum ^= (unsigned char)bytes.ptr[i];
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ ((sum & 1) != 0 ? 0x82F63B78u : 0);
	}
	return ~sum;
}

static void
test_sum(void **state)
{
	char bytes[300];

	(void)state;
	/* RFC 3720 B.4, and the usual check. */
	memset(bytes, 0, 32);
	assert_int_equal(history_crc32c((struct text){bytes, 32}), 0x8A9136AA);
	assert_int_equal(history_crc32c(TEXT("123456789")), 0xE3069283);
	assert_int_equal(history_crc32c(TEXT("")), 0);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 167 + i / 7);
	for (size_t len = 0; len < sizeof bytes; len++) {
		struct text text = exact((struct text){bytes, len});
		assert_int_equal(history_crc32c(text), slow_crc32c(text));
		assert_int_equal(
		    history_crc32c_by_table(text), slow_crc32c(text));
		exact_free(text);
	}
}

/* --- writing --- */

static void
test_lines(void **state)
{
	struct history_entry entry = sample();
	struct build build;

	(void)state;
	build_init(&build, HISTORY_ENTRY_MAX);
	assert_true(history_write(&build, &entry));
	struct text lines = text_from_cstr(sample_lines);
	build_byte(&build, '\0');
	assert_string_equal(build.ptr + lines.len, "end 497 5D83BF9D\n");
	assert_memory_equal(build.ptr, lines.ptr, lines.len);
	build_free(&build);
}

static struct history_entry
read_one(struct arena *arena, const struct build *build)
{
	struct history_entry entry = {0};
	const char *why = "need more";
	size_t used = 0;
	enum history_status status =
	    history_read(arena, build_view(build), true, &entry, &used, &why);

	if (status != HISTORY_ENTRY)
		print_error("%s\n", why);
	assert_int_equal(status, HISTORY_ENTRY);
	assert_int_equal(used, build->len);
	return entry;
}

static const struct value_row {
	const char *name;
	struct text value;
} values[] = {
    {"empty", {"", 0}},
    {"nothing's mark", {"-", 1}},
    {"that mark encoded", {"%2D", 3}},
    {"percent", {"%", 1}},
    {"an end line", {"a\nend 0 00000000\njob b", 22}},
    {"a job line", {"\njob b\n", 7}},
    {"spaces", {"  a b ", 6}},
    {"NUL", {"a\0b", 3}},
    {"only NUL", {"\0", 1}},
    {"CR LF", {"\r\n", 2}},
    {"DEL and 8 bit", {"\x7F\x80\xFF", 3}},
    {"UTF-8", {"b\xC3\xBC"
	       "cher.example",
		  15}},
    {"dots", {"...", 3}},
};

static void
test_identity(void **state)
{
	static const size_t offsets[] = {offsetof(struct history_entry, job),
	    offsetof(struct history_entry, reporter),
	    offsetof(struct history_entry, client),
	    offsetof(struct history_entry, from),
	    offsetof(struct history_entry, mail_from),
	    offsetof(struct history_entry, helo),
	    offsetof(struct history_entry, spf_domain),
	    offsetof(struct history_entry, policy_domain),
	    offsetof(struct history_entry, fo),
	    offsetof(struct history_entry, comment)};
	unsigned failures = 0;

	(void)state;
	for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
		for (size_t o = 0; o < sizeof offsets / sizeof *offsets; o++) {
			struct arena *arena = arena_new(ARENA);
			struct history_entry entry = sample();
			struct build build;
			struct history_dkim dkim = {
			    values[v].value, values[v].value, TEXT("fail")};
			struct text value = exact(values[v].value);
			*(struct text *)(void *)((char *)&entry + offsets[o]) =
			    value;
			entry.dkim.at = &dkim;
			entry.dkim.count = 1;
			build_init(&build, HISTORY_ENTRY_MAX);
			assert_true(history_write(&build, &entry));
			struct history_entry again = read_one(arena, &build);
			if (!is_same(&entry, &again)) {
				print_error("%s in text %zu:\n" TEXT_FMT,
				    values[v].name, o,
				    TEXT_ARG(build_view(&build)));
				failures++;
			}
			exact_free(value);
			build_free(&build);
			arena_free(arena);
		}
	}
	assert_int_equal(failures, 0);
}

static void
test_words(void **state)
{
	static const char *const words[] = {"", "pass", "unused", "softfail",
	    "neutral", "temperror", "permerror", "none", "fail", "policy",
	    "nxdomain", "signed", "unknown", "discard"};

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct arena *arena = arena_new(ARENA);
		struct history_entry entry = sample();
		struct build build;
		entry.spf = text_from_cstr(words[i]);
		entry.dkim_aligned = i % 2 == 0;
		entry.spf_aligned = i % 3 == 0;
		entry.action = (enum history_action)(i % 5);
		entry.p = entry.adkim = TEXT("");
		entry.rua.count = i % 3;
		build_init(&build, HISTORY_ENTRY_MAX);
		assert_true(history_write(&build, &entry));
		struct history_entry again = read_one(arena, &build);
		if (!is_same(&entry, &again))
			fail_msg("'%s'", words[i]);
		build_free(&build);
		arena_free(arena);
	}
}

static void
test_cut(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		size_t kept; /* of the value, before "..." */
		char byte;
		bool is_cut;
	} rows[] = {
	    {"longest", HISTORY_VALUE_MAX, HISTORY_VALUE_MAX, 'x', false},
	    {"one more", HISTORY_VALUE_MAX + 1, HISTORY_VALUE_MAX - 9, 'x',
		true},
	    {"longest encoded", HISTORY_VALUE_MAX / 3, HISTORY_VALUE_MAX / 3,
		'\n', false},
	    {"one more encoded", HISTORY_VALUE_MAX / 3 + 1,
		(HISTORY_VALUE_MAX - 9) / 3, '\n', true},
	    {"huge", 1000 * 1000, (HISTORY_VALUE_MAX - 9) / 3, '%', true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(ARENA);
		struct history_entry entry = sample();
		struct build build;
		char *bytes = arena_alloc(arena, rows[i].len);
		memset(bytes, rows[i].byte, rows[i].len);
		entry.helo = (struct text){bytes, rows[i].len};
		build_init(&build, HISTORY_ENTRY_MAX);
		assert_true(history_write(&build, &entry));
		struct history_entry again = read_one(arena, &build);
		size_t dots = rows[i].is_cut ? 3 : 0;
		if (again.helo.len != rows[i].kept + dots ||
		    !text_starts(
			entry.helo, text_slice(again.helo, 0, rows[i].kept)) ||
		    !text_equal(
			text_slice(again.helo, rows[i].kept, again.helo.len),
			text_slice(TEXT("..."), 0, dots)))
			fail_msg("%s: %zu bytes", rows[i].name, again.helo.len);
		/* Twice is the same as once. */
		struct build twice;
		build_init(&twice, HISTORY_ENTRY_MAX);
		assert_true(history_write(&twice, &again));
		struct history_entry third = read_one(arena, &twice);
		assert_int_equal(third.helo.len, again.helo.len);
		build_free(&twice);
		build_free(&build);
		arena_free(arena);
	}
}

static void
test_refused(void **state)
{
	struct arena *arena = arena_new(ARENA);
	struct history_entry entry = sample();
	struct build build;
	char long_uri[8000];

	(void)state;
	memset(long_uri, 'x', sizeof long_uri);
	entry.rua.count = 0;
	entry.rua.at = NULL;
	build_init(&build, 1000 * 1000);
	build_cstr(&build, "before\n");
	for (int i = 0; i < 9; i++) {
		struct text *uri = vec_push(arena, &entry.rua);
		*uri = (struct text){long_uri, sizeof long_uri};
		size_t before = build.len;
		bool written = history_write(&build, &entry);
		assert_int_equal(written, i < 8);
		if (!written)
			assert_int_equal(build.len, before);
		build_cut(&build, 7);
	}
	assert_string_equal("before\n", (build_byte(&build, 0), build.ptr));
	build_free(&build);

	build_init(&build, 100);
	assert_false(history_write(&build, &entry));
	assert_int_equal(build.len, 0);
	build_free(&build);
	arena_free(arena);
}

/* --- reading --- */

/* "@" stands for a good entry, "~" for one without its last LF's worth of
 * sense: a torn one; other bytes for themselves. */
static struct text
expand(struct arena *arena, const char *pattern)
{
	struct history_entry entry = sample();
	struct build good;
	struct build build;

	build_init_arena(&good, arena, HISTORY_ENTRY_MAX);
	build_init_arena(&build, arena, ARENA);
	assert_true(history_write(&good, &entry));
	for (; *pattern != '\0'; pattern++) {
		struct text view = build_view(&good);
		if (*pattern == '@')
			build_text(&build, view);
		else if (*pattern == '~')
			build_text(&build, text_slice(view, 0, 300));
		else if (*pattern == '^')
			for (int i = 0; i < 70 * 1000; i++)
				build_byte(&build, 'x');
		else
			build_byte(&build, *pattern);
	}
	return build_view(&build);
}

/* What comes out as letters: E entry, B bad; STEP bytes come at a time. */
static void
read_all(struct text bytes, size_t step, char *letters, size_t room)
{
	struct arena *arena = arena_new(ARENA);
	size_t at = 0;
	size_t have = 0;
	size_t count = 0;

	while (at < bytes.len && count < room - 1) {
		struct history_entry entry;
		const char *why = NULL;
		size_t used = 0;
		struct text piece = exact(text_slice(bytes, at, have));
		enum history_status status = history_read(
		    arena, piece, have == bytes.len, &entry, &used, &why);
		if (status == HISTORY_NEED_MORE) {
			assert_true(have < bytes.len);
			assert_true(piece.len < HISTORY_WINDOW);
			have =
			    have + step < bytes.len ? have + step : bytes.len;
		} else {
			assert_true(used > 0 && used <= piece.len);
			assert_true(status == HISTORY_ENTRY || why != NULL);
			if (status != HISTORY_PART)
				letters[count++] =
				    status == HISTORY_ENTRY ? 'E' : 'B';
			at += used;
		}
		exact_free(piece);
	}
	letters[count] = '\0';
	arena_free(arena);
}

static const struct reading_row {
	const char *name;
	const char *pattern;
	const char *expected;
} readings[] = {
    {"nothing", "", ""},
    {"one", "@", "E"},
    {"three", "@@@", "EEE"},
    {"garbage before", "garbage\n@", "BE"},
    {"garbage line without its end before", "garbage@", "BE"},
    {"garbage after", "@garbage\n", "EB"},
    {"empty lines", "\n\n@\n", "BEB"},
    {"torn at the end", "@~", "EB"},
    {"torn in a line, then the next", "@~@", "EBE"},
    {"torn at a line, then the next", "@job x\nreceived 1795439443\n@", "EBE"},
    {"torn twice", "~~@@", "BEE"},
    {"no end", "job x\nreceived 1795439443\n@", "BE"},
    {"end of nothing", "end 0 00000000\n@", "BE"},
    {"end without numbers", "job a\nend\n@", "BE"},
    {"end with too large a number", "job a\nend 99 00000000\n@", "BE"},
    {"end with a wrong sum", "job a\nend 6 00000000\n@", "BE"},
    {"end with a huge number", "job a\nend 99999999999999999999999 00000000\n@",
	"BE"},
    {"incumbent's entry", "job x\nfrom a.example\naction 2\n", "B"},
    {"a line too long", "job ^\n@", "BE"},
    {"many bytes without a line", "^^^@", "BE"},
    {"many bytes in a line", "@^^^\n@", "EBE"},
    {"many bytes without a line's end", "@^^^^^", "EB"},
};

static void
test_reading(void **state)
{
	static const size_t steps[] = {1, 7, 100, 4096, 1000 * 1000};
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
		struct arena *arena = arena_new(ARENA);
		struct text bytes = expand(arena, readings[i].pattern);
		char letters[32];
		for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
			/* A byte at a time takes square time. */
			if (bytes.len > 10000 && steps[s] < 4096)
				continue;
			read_all(bytes, steps[s], letters, sizeof letters);
			if (strcmp(letters, readings[i].expected) != 0) {
				print_error("%s, %zu at a time: %s\n",
				    readings[i].name, steps[s], letters);
				failures++;
			}
		}
		arena_free(arena);
	}
	assert_int_equal(failures, 0);
}

/* An entry torn anywhere costs none of those behind it. */
static void
test_torn(void **state)
{
	struct arena *arena = arena_new(ARENA);
	struct text good = expand(arena, "@");
	struct text two = expand(arena, "@@");
	unsigned failures = 0;

	(void)state;
	for (size_t cut = 1; cut < good.len; cut++) {
		char letters[32];
		struct text bytes = arena_format(arena, TEXT_FMT TEXT_FMT,
		    TEXT_ARG(text_slice(good, 0, cut)), TEXT_ARG(two));
		read_all(bytes, 100, letters, sizeof letters);
		if (strcmp(letters, "BEE") != 0) {
			print_error("torn at byte %zu: %s\n", cut, letters);
			failures++;
		}
	}
	arena_free(arena);
	assert_int_equal(failures, 0);
}

/* One byte of an entry changed, anywhere: never another good entry. */
static void
test_flipped(void **state)
{
	struct arena *arena = arena_new(ARENA);
	struct text good = expand(arena, "@");
	struct history_entry original = sample();

	(void)state;
	for (size_t i = 0; i < good.len; i++) {
		struct history_entry entry;
		const char *why;
		size_t used;
		struct text bytes = exact(good);
		char *at;
		memcpy(&at, &(const void *){bytes.ptr + i}, sizeof at);
		*at = (char)(*at ^ 1 << (i % 7));
		enum history_status status =
		    history_read(arena, bytes, true, &entry, &used, &why);
		/* The sum's letters may be of either case. */
		if (status == HISTORY_ENTRY && !is_same(&entry, &original))
			fail_msg("byte %zu", i);
		exact_free(bytes);
	}
	arena_free(arena);
}

static const struct line_row {
	const char *name;
	const char *lines; /* the end line is made */
	bool is_good;
} lines[] = {
    {"least", "job a\nreceived 1795439443\nfrom b.example\naction 2\n", true},
    {"any order", "job a\naction 2\nfrom b.example\nreceived 1795439443\n",
	true},
    {"unknown keys",
	"job a\nx y z\nreceived 1795439443\n\nfrom b\narc 7\nspf_scope 1\n"
	"action 2\n",
	true},
    {"nothing's mark",
	"job -\nreceived 1795439443\nfrom -\nmfrom -\naction 2\n", true},
    {"empty values", "job \nreceived 1795439443\nfrom\nmfrom \naction 2\n",
	true},
    {"lower-case digits", "job a%0a\nreceived 1795439443\nfrom b\naction 2\n",
	true},
    {"no received", "job a\nfrom b.example\naction 2\n", false},
    {"no from", "job a\nreceived 1795439443\naction 2\n", false},
    {"no action", "job a\nreceived 1795439443\nfrom b\n", false},
    {"twice",
	"job a\nreceived 1795439443\nreceived 1795439443\nfrom b\naction 2\n",
	false},
    {"received of letters", "job a\nreceived x\nfrom b\naction 2\n", false},
    {"received negative", "job a\nreceived -1\nfrom b\naction 2\n", false},
    {"the first second", "job a\nreceived 1325376000\nfrom b\naction 2\n",
	true},
    {"before DMARC", "job a\nreceived 1325375999\nfrom b\naction 2\n", false},
    {"received at 0", "job a\nreceived 0\nfrom b\naction 2\n", false},
    {"the last second", "job a\nreceived 4102444799\nfrom b\naction 2\n", true},
    {"received too large", "job a\nreceived 4102444800\nfrom b\naction 2\n",
	false},
    {"received in 5138", "job a\nreceived 99999999999\nfrom b\naction 2\n",
	false},
    {"received of any size",
	"job a\nreceived 99999999999999999999\nfrom b\naction 2\n", false},
    {"unknown action", "job a\nreceived 1795439443\nfrom b\naction 5\n", false},
    {"pct too large", "job a\nreceived 1795439443\nfrom b\npct 101\naction 2\n",
	false},
    {"unknown spf", "job a\nreceived 1795439443\nfrom b\nspf 13\naction 2\n",
	false},
    {"spf not a number",
	"job a\nreceived 1795439443\nfrom b\nspf pass\naction 2\n", false},
    {"unknown alignment",
	"job a\nreceived 1795439443\nfrom b\nalign_spf 1\naction 2\n", false},
    {"raw space", "job a b\nreceived 1795439443\nfrom b\naction 2\n", false},
    {"raw 8 bit", "job \x80\nreceived 1795439443\nfrom b\naction 2\n", false},
    {"half an escape", "job a%4\nreceived 1795439443\nfrom b\naction 2\n",
	false},
    {"wrong escape", "job %GG\nreceived 1795439443\nfrom b\naction 2\n", false},
    {"CR LF", "job a\r\nreceived 1795439443\r\nfrom b\r\naction 2\r\n", false},
    {"dkim without selector",
	"job a\nreceived 1795439443\nfrom b\ndkim d 0\naction 2\n", false},
    {"dkim with more",
	"job a\nreceived 1795439443\nfrom b\ndkim d s 0 0\naction 2\n", false},
    {"rua empty", "job a\nreceived 1795439443\nfrom b\nrua \naction 2\n",
	false},
};

static void
test_line_rows(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct arena *arena = arena_new(ARENA);
		struct text text = text_from_cstr(lines[i].lines);
		struct text bytes =
		    exact(arena_format(arena, "%send %zu %08x\n",
			lines[i].lines, text.len, history_crc32c(text)));
		struct history_entry entry;
		const char *why = "";
		size_t used = 0;
		enum history_status status =
		    history_read(arena, bytes, false, &entry, &used, &why);
		if (used != bytes.len ||
		    status !=
			(lines[i].is_good ? HISTORY_ENTRY : HISTORY_BAD)) {
			print_error(
			    "%s: %d %s\n", lines[i].name, (int)status, why);
			failures++;
		}
		exact_free(bytes);
		arena_free(arena);
	}
	assert_int_equal(failures, 0);
}

static void
test_no_memory(void **state)
{
	struct arena *arena = arena_new(ARENA);
	struct text bytes = expand(arena, "@");
	struct history_entry entry;
	const char *why;
	size_t used;
	bool failed = true;

	(void)state;
	for (size_t n = 1; failed; n++) {
		struct arena *small = arena_new(ARENA);
		arena_fail_after(small, n);
		enum history_status status =
		    history_read(small, bytes, true, &entry, &used, &why);
		failed = arena_failed(small);
		assert_int_equal(status, failed ? HISTORY_BAD : HISTORY_ENTRY);
		assert_true(n < 20);
		arena_free(small);
	}
	arena_free(arena);
}

/* The example in dmarcd-history(5) is what it says. */
static void
test_documented(void **state)
{
	FILE *file = fopen("docs/man/dmarcd-history.5", "r");
	struct arena *arena = arena_new(ARENA);
	struct history_entry entry;
	struct build build;
	char line[512];
	bool is_inside = false;

	(void)state;
	assert_non_null(file);
	build_init(&build, HISTORY_ENTRY_MAX);
	while (fgets(line, sizeof line, file) != NULL) {
		is_inside |= strncmp(line, "job ", 4) == 0;
		if (is_inside && line[0] == '.')
			break;
		if (is_inside)
			build_cstr(&build, line);
	}
	(void)fclose(file);
	entry = read_one(arena, &build);
	assert_true(text_equal(entry.discovery, TEXT("treewalk")));
	/* Nothing was skipped as unknown. */
	struct build again;
	build_init(&again, HISTORY_ENTRY_MAX);
	assert_true(history_write(&again, &entry));
	assert_true(text_equal(build_view(&again), build_view(&build)));
	build_free(&again);
	build_free(&build);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sum),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_identity),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_reading),
	    cmocka_unit_test(test_torn),
	    cmocka_unit_test(test_flipped),
	    cmocka_unit_test(test_line_rows),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_documented),
	};

	return cmocka_run_group_tests_name("history codec", tests, NULL, NULL);
}
