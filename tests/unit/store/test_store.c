/* What every engine must do. */
#include "output.h"

#include "store/row.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

/* --- import --- */

static void
test_batches(void **state)
{
	struct place *place = *state;
	struct history_entry entries[4] = {
	    sample(), sample(), sample(), sample()};
	uint64_t next = 1;

	entries[2].client = TEXT("192.0.2.2");
	entries[3].result = TEXT("none");
	entries[3].policy_domain = TEXT("");
	MUST(store_next_byte(place->store, TEXT("c"), &next, &problem));
	assert_int_equal(next, 0);
	add_to(place->store, "c", 0, entries, 4);
	MUST(store_next_byte(place->store, TEXT("c"), &next, &problem));
	assert_int_equal(next, 100);
	MUST(store_next_byte(place->store, TEXT("d"), &next, &problem));
	assert_int_equal(next, 0);

	/* Nobody is told about the last one, but it is counted. */
	struct store_figures figures = figures_of(place->store);
	assert_int_equal(figures.messages, 4);
	assert_int_equal(figures.rows, 3);
	assert_int_equal(figures.batches, 1);
	assert_int_equal(figures.oldest, day);
	/* The same again: nothing. */
	add_to(place->store, "c", 0, entries, 4);
	add_to(place->store, "c", 0, entries, 1);
	assert_int_equal(figures_of(place->store).messages, 4);
	add_to(place->store, "c", 100, entries, 4);
	add_to(place->store, "d", 0, entries, 4);
	add_to(place->store, "d", 100, entries, 0);
	assert_int_equal(figures_of(place->store).messages, 12);
	assert_int_equal(figures_of(place->store).batches, 4);
}

static const struct history_dkim dkim_list[] = {
    {{"zzz.example", 11}, {"s", 1}, {"fail", 4}},
    {{"other.example", 13}, {"s 1", 3}, {"pass", 4}},
    {{"MAIL.example.com", 16}, {"", 0}, {"pass", 4}},
    {{"example.com", 11}, {"s2", 2}, {"pass", 4}},
    {{"aaa.example", 11}, {"s", 1}, {"nxdomain", 8}},
};

/* Nobody can be told of these. */
static void
change_for_nobody(unsigned i, struct history_entry *entry)
{
	switch (i) {
	case 16: entry->result = TEXT("none"); break;
	case 17: entry->result = TEXT("permerror"); break;
	case 18: entry->policy_domain = TEXT("a b"); break;
	case 19: entry->policy_domain = TEXT(""); break;
	case 20: entry->client = TEXT(""); break;
	case 21: entry->client = TEXT("nonsense"); break;
	case 22: entry->action = HISTORY_TEMPFAIL; break;
	case 23: entry->policy_domain = TEXT("a..example"); break;
	case 24: entry->policy_domain = TEXT(".example"); break;
	default: break;
	}
}

static struct history_entry
change(unsigned i)
{
	struct history_entry e = sample();

	switch (i) {
	case 0: break;
	case 1: e.requested = TEXT("none"); break;
	case 2:
		e.result = TEXT("fail");
		e.spf_aligned = false;
		e.action = HISTORY_REJECT;
		break;
	case 3:
		e.result = TEXT("fail");
		e.action = HISTORY_QUARANTINE;
		e.reason = TEXT("mailing_list");
		e.comment = TEXT("a list, 100%");
		break;
	case 4: e.result = TEXT("fail"); break; /* accepted, no reason */
	case 5: e.result = TEXT("temperror"); break;
	case 6:
		memcpy(&e.dkim.at, &(const void *){dkim_list}, sizeof(void *));
		e.dkim.count = sizeof dkim_list / sizeof *dkim_list;
		e.dkim_aligned = true;
		break;
	case 7: e.client = TEXT("2001:DB8:0:0::1"); break;
	case 8: e.client = TEXT("::ffff:192.0.2.7"); break;
	case 9:
		e.mail_from = e.spf_domain = TEXT("");
		e.spf = TEXT("none");
		break;
	case 10: e.from = TEXT("a\nb\0\xFF.example"); break;
	case 11: e.spf = TEXT(""); break;
	case 12: e.spf = TEXT("unknown"); break;
	case 13: e.from = TEXT("SUB.Example.com"); break;
	case 14: e.policy_domain = TEXT("EXAMPLE.com"); break;
	case 15:
		e.p = TEXT("");
		e.sp = TEXT("bad");
		e.requested = TEXT("");
		break;
	default: change_for_nobody(i, &e); break;
	}
	return e;
}

#define EXAMPLE    "example.com p=reject sp= 0-86399 #0\n"
#define ALL_PASSED " pass dkim=0 spf=1 spf=example.com/pass\n"
#define ONE        "  1 192.0.2.1 from=example.com env=example.com"

static const char *const changed[] = {
    EXAMPLE ONE ALL_PASSED,
    EXAMPLE ONE " none dkim=0 spf=1 spf=example.com/pass\n",
    EXAMPLE ONE " reject dkim=0 spf=0 spf=example.com/pass\n",
    EXAMPLE ONE " quarantine dkim=0 spf=1 (mailing_list: a list, 100%)"
		" spf=example.com/pass\n",
    EXAMPLE ONE " none dkim=0 spf=1 (local_policy: ) spf=example.com/pass\n",
    EXAMPLE ONE " none dkim=0 spf=1 (other: temperror) spf=example.com/pass\n",
    EXAMPLE ONE
    " pass dkim=1 spf=1 d=example.com/s2/pass d=mail.example.com//pass"
    " d=other.example/s 1/pass d=aaa.example/s/neutral d=zzz.example/s/fail"
    " spf=example.com/pass\n",
    EXAMPLE "  1 2001:db8::1 from=example.com env=example.com" ALL_PASSED,
    EXAMPLE "  1 192.0.2.7 from=example.com env=example.com" ALL_PASSED,
    EXAMPLE "  1 192.0.2.1 from=example.com env= pass dkim=0 spf=1 spf=/\n",
    NULL, /* bytes that are no C string */
    EXAMPLE ONE " pass dkim=0 spf=1 spf=/\n",
    EXAMPLE ONE " pass dkim=0 spf=1 spf=example.com/none\n",
    EXAMPLE "  1 192.0.2.1 from=sub.example.com env=example.com" ALL_PASSED,
    EXAMPLE ONE ALL_PASSED,
    "example.com p=none sp= 0-86399 #0\n" ONE
    " none dkim=0 spf=1 spf=example.com/pass\n",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
};

static void
check_row(struct store *store, unsigned i)
{
	struct history_entry entry = change(i);
	struct output output;
	struct output sealed;

	add_to(store, "c", 0, &entry, 1);
	print_all(store, false, &output);
	if (changed[i] != NULL && strcmp(output.text.ptr, changed[i]) != 0)
		fail_msg(
		    "row %u:\n%s\nnot\n%s", i, output.text.ptr, changed[i]);
	/* Sealed says the same as not sealed. */
	(void)seal(store, day + 2 * DAY);
	print_all(store, true, &sealed);
	assert_int_equal(sealed.text.len, output.text.len);
	assert_memory_equal(sealed.text.ptr, output.text.ptr, output.text.len);
	build_free(&output.text);
	build_free(&sealed.text);
}

/* Entry by entry, what a report says about it. */
static void
test_rows(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof changed / sizeof *changed; i++) {
		void *fresh = NULL;
		if (set_up(&fresh) != 0 || fresh == NULL) {
			fail();
			return;
		}
		check_row(((struct place *)fresh)->store, i);
		assert_int_equal(tear_down(&fresh), 0);
	}
}

static bool
check_bytes(void *context, const struct report_row *row)
{
	*(bool *)context =
	    text_equal(row->header_from, TEXT("a\nb\0\xFF.example"));
	return true;
}

static bool
check_hostile(void *context, const struct store_report *report)
{
	struct place *place = context;
	bool same = false;

	MUST(store_for_each_row(
	    place->store, report, false, check_bytes, &same, &problem));
	assert_true(same);
	return true;
}

static void
test_hostile_bytes(void **state)
{
	struct place *place = *state;
	struct history_entry entry = change(10);

	add_to(place->store, "c", 0, &entry, 1);
	MUST(store_preview_reports(place->store, TEXT("example.com"),
	    ((struct store_span){day, day + DAY - 1}), check_hostile, place,
	    &problem));
}

/* --- sealing --- */

static void
test_seal(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	struct text first = TEXT("mailto:old@example.com");
	struct text uris[] = {
	    TEXT("mailto:a@example.com"), TEXT("mailto:%62 @example.com")};
	struct history_entry entries[5] = {
	    sample(), sample(), sample(), sample(), sample()};

	entries[0].rua.at = &first;
	entries[0].rua.count = 1;
	entries[1].rua.at = uris;
	entries[1].rua.count = 2;
	entries[1].received = day + 23 * HOUR;
	entries[2].p = TEXT("none"); /* another policy */
	entries[3].policy_domain = TEXT("a.example");
	entries[4].received = day + DAY; /* another period */
	add_to(store, "c", 0, entries, 5);

	assert_int_equal(seal(store, day + DAY + HOUR - 1), 0);
	assert_int_equal(seal(store, day + DAY + HOUR), 3);
	assert_int_equal(seal(store, day + DAY + HOUR), 0);
	struct output output;
	print_all(store, true, &output);
	assert_non_null(strstr(output.text.ptr, "a.example p=reject sp= "
						"0-86399 #0\n  1 192.0.2.1"));
	assert_non_null(strstr(output.text.ptr,
	    "example.com p=reject sp= 0-86399 #0 mailto:a@example.com "
	    "mailto:%62 @example.com\n  2 192.0.2.1"));
	assert_non_null(strstr(
	    output.text.ptr, "example.com p=none sp= 0-86399 #0\n  1 192"));
	assert_int_equal(output.messages, 4);
	build_free(&output.text);
	assert_int_equal(seal(store, day + 9 * DAY), 1);
	print_all(store, true, &output);
	assert_int_equal(output.messages, 5);
	build_free(&output.text);
}

/* The rua of what was imported last, whatever its hour, its claim's name or the
 * rua itself; asked before sealing and after. */
static void
test_last_rua(void **state)
{
	static const struct {
		const char *name;

		struct {
			int64_t added;
			const char *claim;
			uint64_t first;
			int64_t hour;
			struct text rua;
		} batches[2]; /* the second is the last one */
	} rows[] = {
	    {"added", {{5, "c", 9, 7, {"z", 1}}, {6, "b", 0, 3, {"a", 1}}}},
	    {"claim", {{5, "b", 9, 7, {"z", 1}}, {5, "c", 0, 3, {"a", 1}}}},
	    {"part", {{5, "c", 0, 7, {"z", 1}}, {5, "c", 9, 3, {"a", 1}}}},
	    {"not the order",
		{{5, "b", 0, 3, {"a", 1}}, {6, "a", 0, 7, {"z", 1}}}},
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct history_entry entry = sample();
		struct output output;
		char expected[64];
		entry.policy_domain =
		    arena_format(place->arena, "d%zu.example", i);
		for (size_t b = 2; b-- > 0;) {
			struct text rua = rows[i].batches[b].rua;
			const struct store_batch batch = {
			    .claim = arena_format(place->arena, "%zu%s", i,
				rows[i].batches[b].claim),
			    .first_byte = rows[i].batches[b].first,
			    .last_byte = rows[i].batches[b].first + 8,
			    .now = day + rows[i].batches[b].added,
			};
			entry.received = day + rows[i].batches[b].hour * HOUR;
			entry.rua.at = &rua;
			entry.rua.count = 1;
			MUST(store_add_batch(
			    place->store, &batch, &entry, 1, &problem));
		}
		(void)snprintf(expected, sizeof expected,
		    "d%zu.example p=reject sp= 0-86399 #0 " TEXT_FMT "\n", i,
		    TEXT_ARG(rows[i].batches[1].rua));
		print_all(place->store, false, &output);
		if (strstr(output.text.ptr, expected) == NULL)
			fail_msg("%s:\n%s", rows[i].name, output.text.ptr);
		build_free(&output.text);
		assert_int_equal(seal(place->store, day + 2 * DAY), 1);
		print_all(place->store, true, &output);
		if (strstr(output.text.ptr, expected) == NULL)
			fail_msg(
			    "%s, sealed:\n%s", rows[i].name, output.text.ptr);
		build_free(&output.text);
	}
}

static void
test_supplement(void **state)
{
	struct place *place = *state;
	struct history_entry entry = sample();
	static const char first[] = EXAMPLE ONE ALL_PASSED;
	static const char second[] = EXAMPLE ONE ALL_PASSED
	    "example.com p=reject sp= 0-86399 #1\n" ONE ALL_PASSED;

	add_to(place->store, "c", 0, &entry, 1);
	assert_int_equal(seal(place->store, day + 2 * DAY), 1);
	assert_output(place->store, true, first);
	/* Late: the report stays as it is, and gets a supplement. */
	add_to(place->store, "c", 100, &entry, 1);
	assert_output(place->store, true, first);
	assert_output(place->store, false, EXAMPLE ONE ALL_PASSED);
	assert_int_equal(seal(place->store, day + 2 * DAY), 1);
	assert_output(place->store, true, second);
	assert_output(place->store, false, "");
	/* Another interval over the same days counts nothing again. */
	const struct store_sealing shorter = {
	    .now = day + 9 * DAY, .interval = 6 * HOUR};
	uint64_t reports = 0;
	MUST(store_seal(place->store, &shorter, &reports, &problem));
	assert_int_equal(reports, 0);
}

static bool
name_period(void *context, const struct store_report *report)
{
	build_format(context, "%lld-%lld#%u ",
	    (long long)(report->begin - day) / HOUR,
	    (long long)(report->end + 1 - day) / HOUR, report->seq);
	return true;
}

/* When the interval changes no report's period overlaps another's: what is late
 * is of the one that there is. Each step adds a message of each of HOURS and
 * seals. */
static void
test_interval_changes(void **state)
{
	static const struct {
		unsigned hours[3];
		unsigned interval;
		const char *periods;
	} steps[] = {
	    {{1, 13, 13}, 6, "0-6#0 12-18#0 "},
	    /* Longer: what lies between them, and what is late. */
	    {{2, 7, 20}, 24, "0-6#0 0-6#1 6-12#0 12-18#0 18-24#0 "},
	    {{14, 14, 14}, 24, "0-6#0 0-6#1 6-12#0 12-18#0 12-18#1 18-24#0 "},
	    /* Shorter. */
	    {{25, 26, 47}, 24,
		"0-6#0 0-6#1 6-12#0 12-18#0 12-18#1 18-24#0 24-48#0 "},
	    {{27, 46, 30}, 1,
		"0-6#0 0-6#1 6-12#0 12-18#0 12-18#1 18-24#0 24-48#0 "
		"24-48#1 "},
	    {{48, 48, 50}, 1,
		"0-6#0 0-6#1 6-12#0 12-18#0 12-18#1 18-24#0 24-48#0 "
		"24-48#1 48-49#0 50-51#0 "},
	};
	struct place *place = *state;

	for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct history_entry entries[] = {sample(), sample(), sample()};
		const struct store_sealing sealing = {
		    .now = day + 4 * DAY, .interval = steps[i].interval * HOUR};
		struct build periods;
		uint64_t reports;
		for (size_t n = 0; n < 3; n++)
			entries[n].received = day + steps[i].hours[n] * HOUR;
		add_to(place->store, "c", i * 100, entries, 3);
		MUST(store_seal(place->store, &sealing, &reports, &problem));
		build_init(&periods, SIZE_MAX);
		MUST(store_for_each_report(place->store, TEXT(""),
		    ((struct store_span){0, INT64_MAX}), name_period, &periods,
		    &problem));
		build_byte(&periods, '\0');
		assert_string_equal(periods.ptr, steps[i].periods);
		build_free(&periods);
	}
}

static void
test_intervals(void **state)
{
	static const struct {
		unsigned interval;
		bool good;
	} rows[] = {{DAY, true}, {HOUR, true}, {6 * HOUR, true}, {0, false},
	    {1800, false}, {5 * HOUR, false}, {2 * DAY, false}};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct problem refused = {0};
		uint64_t reports;
		bool good = store_seal(place->store,
		    &(struct store_sealing){
			.now = day, .interval = rows[i].interval},
		    &reports, &refused);
		if (good != rows[i].good)
			fail_msg("%u", rows[i].interval);
	}
}

/* Sealers and importers at once: every message is in one report, once. */
static void
test_at_once(void **state)
{
	struct place *place = *state;
	pid_t children[4];
	struct output output;

	add_numbered(place, "before", 3000);
	for (size_t i = 0; i < 4; i++) {
		children[i] = fork();
		if (children[i] != 0)
			continue;
		struct store *ours = must_open(place);
		place->store = ours;
		if (i < 2) {
			for (int n = 0; n < 5; n++)
				(void)seal(ours, day + 2 * DAY);
		} else {
			add_numbered(place, i == 2 ? "x" : "y", 1000);
		}
		_exit(0);
	}
	join_all(children, 4);
	(void)seal(place->store, day + 2 * DAY);
	print_all(place->store, true, &output);
	assert_int_equal(output.messages, 5000);
	build_free(&output.text);
}

static bool
stop(void *context, const struct store_report *report)
{
	(void)report;
	return ++*(unsigned *)context < 300;
}

static void
test_pages(void **state)
{
	struct place *place = *state;
	struct output output;
	unsigned count = 0;

	add_numbered(place, "c", 700);
	assert_int_equal(seal(place->store, day + 2 * DAY), 700);
	MUST(store_for_each_report(place->store, TEXT(""),
	    ((struct store_span){day, day}), stop, &count, &problem));
	assert_int_equal(count, 300);
	count = 0;
	MUST(store_for_each_report(place->store, TEXT("d5.example"),
	    ((struct store_span){day, day}), stop, &count, &problem));
	assert_int_equal(count, 1);
	count = 0;
	MUST(store_for_each_report(place->store, TEXT(""),
	    ((struct store_span){day + 1, INT64_MAX}), stop, &count, &problem));
	assert_int_equal(count, 0);
	print_all(place->store, true, &output);
	assert_int_equal(output.messages, 700);
	build_free(&output.text);
}

static unsigned told;

/* Nothing behind what is told is unsealed any more. */
static bool
forget_others(void *context, const struct store_report *report)
{
	(void)report;
	if (++told == 1)
		run_sql(context, "DELETE FROM dmarc_unsealed");
	return true;
}

/* As many policies of one domain. */
static void
add_policies(struct place *place, unsigned count)
{
	struct history_entry *entries =
	    arena_array(place->arena, count, sizeof *entries);

	for (unsigned i = 0; i < count; i++) {
		entries[i] = sample();
		entries[i].fo = arena_format(place->arena, "%u", i);
	}
	add_to(place->store, "policies", 0, entries, count);
}

/* What is not sealed is read as it is told, and not held, however much. */
static void
test_preview_pages(void **state)
{
	struct place *place = *state;
	struct output output;
	const struct store_span span = {day, day + DAY - 1};

	add_numbered(place, "c", 1400);
	add_policies(place, 300);
	print_all(place->store, false, &output);
	assert_int_equal(output.messages, 1700);
	build_free(&output.text);
	told = 0;
	MUST(store_preview_reports(
	    place->store, TEXT(""), span, forget_others, place, &problem));
	assert_true(told > 0 && told < 350);
}

/* Killed while it adds: a batch is there whole or not at all. One must come
 * so far at least, which on a slow machine takes longer. */
static void
test_kill(void **state)
{
	struct place *place = *state;
	uint64_t batches = 0;

	for (int i = 0; i < 15 || (batches == 0 && i < 100); i++) {
		pid_t child = fork();
		if (child == 0) {
			place->store = must_open(place);
			for (int n = 0;; n++) {
				char claim[32];
				(void)snprintf(claim, sizeof claim, "%d %d",
				    (int)getpid(), n);
				add_numbered(place, claim, 200);
			}
		}
		const struct timespec pause = {
		    .tv_nsec = (20 + i * 7) * 1000 * 1000};
		(void)nanosleep(&pause, NULL);
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
		wait_until_alone(place);
		struct store_figures figures = figures_of(place->store);
		assert_int_equal(figures.messages, figures.batches * 200);
		assert_true(figures.batches >= batches);
		batches = figures.batches;
	}
	struct output output;
	(void)seal(place->store, day + 2 * DAY);
	print_all(place->store, true, &output);
	assert_int_equal(output.messages, batches * 200);
	assert_true(batches > 0);
	build_free(&output.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_batches),
	    SCENARIO(test_rows),
	    SCENARIO(test_hostile_bytes),
	    SCENARIO(test_seal),
	    SCENARIO(test_last_rua),
	    SCENARIO(test_supplement),
	    SCENARIO(test_interval_changes),
	    SCENARIO(test_intervals),
	    SCENARIO(test_at_once),
	    SCENARIO(test_pages),
	    SCENARIO(test_preview_pages),
	    SCENARIO(test_kill),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
