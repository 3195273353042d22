/* Import on real files and a real store: everything written is counted, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/date.h"
#include "clerk/clerk.h"
#include "history/codec.h"
#include "journal/journal.h"

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* 2026-11-23 00:00:00 UTC */
static const int64_t day = 1795392000;

enum { PATH_SIZE = 256 };

/* A claim, and not what was rejected of it. */
static const char claim_name[] = "history.claim-*-????????????";

struct place {
	char folder[64];
	char file[96];
	char database[128];
	struct config config;
	struct store *store;
};

static struct store *
must_open(const struct place *place)
{
	struct problem problem = {0};
	struct store *store = store_open(place->database, true, &problem);

	if (store == NULL)
		fail_msg("%s", problem.text);
	return store;
}

static int
set_up(void **state)
{
	struct place *place = calloc(1, sizeof *place);
	/* Memory where there is some: this forces to disk all the time. */
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	if (place == NULL)
		return 1;
	(void)snprintf(place->folder, sizeof place->folder,
	    "%s/dmarcd-import-XXXXXX", base);
	if (mkdtemp(place->folder) == NULL)
		return 1;
	(void)snprintf(
	    place->file, sizeof place->file, "%s/history", place->folder);
	(void)snprintf(place->database, sizeof place->database,
	    "sqlite:%s/store.db", place->folder);
	place->config.claim_keep = 1000;
	place->store = must_open(place);
	*state = place;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *place = *state;
	char command[128];

	store_close(place->store);
	(void)snprintf(command, sizeof command, "rm -rf %s", place->folder);
	int status = system(command);
	free(place);
	return status;
}

/* Entry NUMBER of WRITER: its source address is its own. */
static void
write_entry(struct build *build, unsigned writer, unsigned number)
{
	char client[32];
	struct history_entry entry = {
	    .job = TEXT("4fQ1"),
	    .reporter = TEXT("mx.example.net"),
	    .received = day + number % DAY,
	    .from = TEXT("example.com"),
	    .mail_from = TEXT("bounce.example.com"),
	    .spf = TEXT("pass"),
	    .spf_domain = TEXT("bounce.example.com"),
	    .policy_domain = TEXT("example.com"),
	    .result = TEXT("pass"),
	    .requested = TEXT("reject"),
	    .p = TEXT("reject"),
	    .adkim = TEXT("r"),
	    .aspf = TEXT("r"),
	    .fo = TEXT("0"),
	    .spf_aligned = true,
	    .action = HISTORY_ACCEPT,
	};

	(void)snprintf(client, sizeof client, "10.%u.%u.%u", writer,
	    number / 256, number % 256);
	entry.client = text_from_cstr(client);
	assert_true(history_write(build, &entry));
}

static void
write_bytes(const char *path, const struct build *build)
{
	FILE *file = fopen(path, "a");

	assert_non_null(file);
	if (build->len > 0)
		assert_int_equal(
		    fwrite(build->ptr, 1, build->len, file), build->len);
	assert_int_equal(fclose(file), 0);
}

static void
write_entries(const char *path, unsigned writer, unsigned first, unsigned count)
{
	struct build build;

	build_init(&build, SIZE_MAX);
	for (unsigned i = 0; i < count; i++)
		write_entry(&build, writer, first + i);
	write_bytes(path, &build);
	build_free(&build);
}

static struct clerk_imported
import_at(const struct place *place, int64_t now)
{
	const struct clerk_import import = {
	    .config = &place->config, .now = now, .waits = true};
	struct clerk_imported done = {0};
	struct problem problem = {0};

	if (!clerk_import(&import, place->store, place->file, &done, &problem))
		fail_msg("%s", problem.text);
	return done;
}

static struct clerk_imported
import(const struct place *place)
{
	return import_at(place, (int64_t)time(NULL));
}

/* How many files NAME* there are; the first one's path. */
static size_t
count_files(
    const struct place *place, const char *name, char ret_first[PATH_SIZE])
{
	char pattern[128];
	glob_t found;

	(void)snprintf(pattern, sizeof pattern, "%s/%s", place->folder, name);
	int status = glob(pattern, 0, NULL, &found);
	size_t count = status == 0 ? found.gl_pathc : 0;
	if (count > 0 && ret_first != NULL)
		(void)snprintf(ret_first, PATH_SIZE, "%s", found.gl_pathv[0]);
	globfree(&found);
	return count;
}

struct count {
	struct store *store;
	uint64_t rows;
	uint64_t messages;
};

static bool
count_row(void *context, const struct report_row *row)
{
	struct count *count = context;

	count->rows++;
	count->messages += row->count;
	return true;
}

static bool
count_report(void *context, const struct store_report *report)
{
	struct count *count = context;
	struct problem problem = {0};

	if (!store_for_each_row(
		count->store, report, false, count_row, count, &problem))
		fail_msg("%s", problem.text);
	return true;
}

/* Each entry is a row of its own, so both numbers are that of the entries. */
static void
assert_counted(const struct place *place, uint64_t expected)
{
	struct count count = {.store = place->store};
	struct problem problem = {0};

	if (!store_preview_reports(place->store, TEXT(""),
		((struct store_span){day, day + DAY - 1}), count_report, &count,
		&problem))
		fail_msg("%s", problem.text);
	assert_int_equal(count.messages, expected);
	assert_int_equal(count.rows, expected);
}

static void
test_import(void **state)
{
	struct place *place = *state;

	write_entries(place->file, 1, 0, 100);
	struct clerk_imported done = import(place);
	assert_int_equal(done.entries, 100);
	assert_int_equal(done.rejected, 0);
	assert_int_equal(done.claims, 1);
	assert_string_equal(done.rejected_file, "");
	assert_counted(place, 100);
	/* Again: the claim is still there, and nothing in it is new. */
	assert_int_equal(count_files(place, "history.claim-*", NULL), 1);
	done = import(place);
	assert_int_equal(done.entries, 0);
	assert_int_equal(done.claims, 0);
	assert_counted(place, 100);
	write_entries(place->file, 2, 0, 50);
	done = import(place);
	assert_int_equal(done.entries, 50);
	assert_counted(place, 150);
	assert_int_equal(count_files(place, "history.claim-*", NULL), 2);
	/* ClaimKeep is over. */
	done = import_at(place, (int64_t)time(NULL) + 1000 * 1000);
	assert_int_equal(done.entries, 0);
	assert_int_equal(count_files(place, "history.claim-*", NULL), 0);
	assert_counted(place, 150);
}

static void
test_late_writer(void **state)
{
	struct place *place = *state;
	char claim[PATH_SIZE];

	write_entries(place->file, 1, 0, 10);
	(void)import(place);
	assert_int_equal(count_files(place, "history.claim-*", claim), 1);
	write_entries(claim, 1, 10, 5);
	struct clerk_imported done = import(place);
	assert_int_equal(done.entries, 5);
	assert_counted(place, 15);
	/* What is torn now is bad; what comes after it is not. */
	struct build torn;
	build_init(&torn, SIZE_MAX);
	write_entry(&torn, 1, 15);
	build_cut(&torn, torn.len - 7);
	write_bytes(claim, &torn);
	done = import(place);
	assert_int_equal(done.entries, 0);
	assert_int_equal(done.rejected, 1);
	write_entries(claim, 1, 16, 2);
	done = import(place);
	assert_int_equal(done.entries, 2);
	assert_counted(place, 17);
	build_free(&torn);
}

/* As if PATH had not been written to for a while. */
static void
rest(const char *path)
{
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* What was torn and set aside is counted all the same when its rest comes, as
 * when a broken pipe's file is given again; wherever it was torn. */
static void
test_continued(void **state)
{
	struct place *place = *state;
	char claim[PATH_SIZE];
	struct build file;
	uint64_t entries = 0;

	build_init(&file, SIZE_MAX);
	write_entry(&file, 1, 0);
	size_t one = file.len;
	write_entry(&file, 1, 1);
	write_entry(&file, 1, 2);
	struct text all = build_view(&file);
	for (size_t cut = one + 4; cut < all.len - one; cut += 13) {
		struct build part;
		build_init(&part, SIZE_MAX);
		build_text(&part, text_slice(all, 0, cut));
		write_bytes(place->file, &part);
		rest(place->file);
		struct clerk_imported done = import(place);
		assert_int_equal(done.entries, 1);
		assert_int_equal(done.rejected, 1);
		assert_int_equal(count_files(place, claim_name, claim), 1);
		build_cut(&part, 0);
		build_text(&part, text_slice(all, cut, all.len));
		write_bytes(claim, &part);
		rest(claim);
		done = import(place);
		assert_int_equal(done.entries, 2);
		assert_int_equal(done.rejected, 0);
		done = import(place);
		assert_int_equal(done.entries + done.rejected, 0);
		assert_int_equal(unlink(claim), 0);
		entries += 3;
		build_free(&part);
	}
	build_free(&file);
	struct store_figures figures;
	struct problem problem = {0};
	assert_true(store_figures(place->store, &figures, &problem));
	assert_int_equal(figures.messages, entries);
}

static void
test_rejected(void **state)
{
	static const char garbage[] = "no entry at all\n";
	static const char wrong[] =
	    "job a\nreceived 1795439443\nend 26 00000000\n";
	struct place *place = *state;
	struct build file;
	struct build bad;
	size_t torn;

	build_init(&file, SIZE_MAX);
	build_init(&bad, SIZE_MAX);
	build_cstr(&file, garbage);
	write_entry(&file, 1, 0);
	build_cstr(&file, wrong);
	write_entry(&file, 1, 1);
	torn = file.len;
	write_entry(&file, 1, 2);
	build_cut(&file, file.len - 60);
	build_cstr(&bad, garbage);
	build_cstr(&bad, wrong);
	build_text(&bad, text_slice(build_view(&file), torn, file.len));
	write_entry(&file, 1, 3);
	build_cstr(&file, "job torn\nfrom");
	build_cstr(&bad, "job torn\nfrom");
	write_bytes(place->file, &file);

	struct clerk_imported done = import(place);
	assert_int_equal(done.entries, 3);
	assert_int_equal(done.rejected, 4);
	assert_counted(place, 3);
	for (int again = 0; again < 2; again++) {
		char bytes[4096];
		char path[PATH_SIZE];
		assert_int_equal(
		    count_files(place, "history.claim-*.rejected", path), 1);
		if (again == 0)
			assert_string_equal(path, done.rejected_file);
		FILE *rejected = fopen(path, "r");
		assert_non_null(rejected);
		size_t len = fread(bytes, 1, sizeof bytes, rejected);
		(void)fclose(rejected);
		assert_int_equal(len, bad.len);
		assert_memory_equal(bytes, bad.ptr, len);
		/* An import killed before it wrote this: written again. */
		assert_int_equal(unlink(path), 0);
		done = import(place);
		assert_int_equal(done.entries + done.rejected, 0);
	}
	build_free(&file);
	build_free(&bad);
}

/* A line longer than what is looked at together is one bad entry, and set aside
 * whole. Without its end it is waited for. */
static void
test_endless(void **state)
{
	enum { LENGTH = 40 * 1000 * 1000 };

	struct place *place = *state;
	struct build file;
	struct stat status;
	char path[PATH_SIZE];

	build_init(&file, SIZE_MAX);
	write_entry(&file, 1, 0);
	size_t begin = file.len;
	while (file.len - begin < LENGTH)
		build_cstr(&file, "xxxxxxxxxxxxxxxxxxxx");
	build_cstr(&file, "\n");
	write_entry(&file, 1, 1);
	write_bytes(place->file, &file);
	struct clerk_imported done = import(place);
	assert_int_equal(done.entries, 2);
	assert_int_equal(done.rejected, 1);
	assert_int_equal(stat(done.rejected_file, &status), 0);
	assert_int_equal(status.st_size, LENGTH + 1);
	/* A late writer's, torn. */
	assert_int_equal(count_files(place, claim_name, path), 1);
	build_cut(&file, begin + LENGTH);
	write_bytes(path, &file);
	done = import(place);
	assert_int_equal(done.entries, 1);
	assert_int_equal(done.rejected, 1);
	assert_int_equal(stat(done.rejected_file, &status), 0);
	assert_int_equal(status.st_size, 2 * LENGTH + 1);
	build_free(&file);
}

/* --- other programs' entries, which say not where they end --- */

static void
write_foreign(const char *path, unsigned number, bool is_whole)
{
	struct build build;

	build_init(&build, SIZE_MAX);
	build_format(&build,
	    "job 1xVTy6-0007ez-1V\nreporter mx\nreceived %lld\n"
	    "ipaddr 192.0.2.%u\nfrom example.com\nmfrom example.com\nspf 0\n"
	    "pdomain example.com\npolicy 15\nrua -\npct 100\nadkim 114\n"
	    "aspf 114\np 114\nsp 0\nalign_dkim 5\nalign_spf 4\naction 2%s",
	    (long long)day, number, is_whole ? "\n" : "");
	write_bytes(path, &build);
	build_free(&build);
}

/* Sets when PATH was last written to; what writes to it, writes then. */
static void
set_written(const char *path, int seconds_from_now)
{
	struct timespec times[2];

	(void)clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec += seconds_from_now;
	times[1] = times[0];
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

enum { LONG_AGO = -100, JUST_NOW = 1 };

static void
test_rest(void **state)
{
	struct place *place = *state;
	const struct clerk_import job = {
	    .config = &place->config, .now = (int64_t)time(NULL) + 1000 * 1000};
	struct clerk_imported done = {0};
	struct problem problem = {0};
	struct timespec start;
	struct timespec end;
	struct stat one;

	write_foreign(place->file, 1, true);
	assert_int_equal(stat(place->file, &one), 0);
	write_foreign(place->file, 2, true);
	(void)clock_gettime(CLOCK_REALTIME, &start);
	set_written(place->file, JUST_NOW);
	assert_true(
	    clerk_import(&job, place->store, place->file, &done, &problem));
	(void)clock_gettime(CLOCK_REALTIME, &end);
	/* Where this took so long that it had rested, it says nothing. */
	if (end.tv_sec - start.tv_sec < JOURNAL_REST) {
		assert_int_equal(done.entries, 1);
		assert_int_equal(done.claims, 0);
		assert_int_equal(done.left, one.st_size);
		/* ClaimKeep is over, but not all was read. */
		assert_int_equal(
		    count_files(place, "history.claim-*", NULL), 1);
	}
	/* A run by hand waits. */
	(void)import(place);
	assert_counted(place, 2);
	write_foreign(place->file, 3, true);
	set_written(place->file, LONG_AGO);
	assert_true(
	    clerk_import(&job, place->store, place->file, &done, &problem));
	assert_int_equal(done.entries, 1);
	assert_int_equal(done.claims, 1);
	assert_int_equal(done.left, 0);
	assert_counted(place, 3);
}

/* A late writer's entry, torn and then another one, behind what was read. */
static void
test_late_foreign(void **state)
{
	struct place *place = *state;
	char claim[PATH_SIZE];

	write_foreign(place->file, 1, true);
	set_written(place->file, LONG_AGO);
	(void)import(place);
	assert_int_equal(count_files(place, "history.claim-*", claim), 1);
	write_foreign(claim, 2, true);
	write_foreign(claim, 3, false);
	set_written(claim, LONG_AGO);
	struct clerk_imported done = import(place);
	assert_int_equal(done.entries, 1);
	assert_int_equal(done.rejected, 1);
	write_entries(claim, 1, 0, 1);
	write_foreign(claim, 4, true);
	set_written(claim, LONG_AGO);
	done = import(place);
	assert_int_equal(done.entries, 2);
	assert_int_equal(done.rejected, 0);
	assert_counted(place, 4);
}

/* Looks at what was taken, and takes no more. */
static void
test_again(void **state)
{
	struct place *place = *state;
	const struct clerk_import job = {.config = &place->config,
	    .now = (int64_t)time(NULL),
	    .again = true};
	struct clerk_imported done = {0};
	struct problem problem = {0};
	char claim[PATH_SIZE];

	write_entries(place->file, 1, 0, 5);
	(void)import(place);
	assert_int_equal(count_files(place, "history.claim-*", claim), 1);
	write_entries(claim, 1, 5, 1);
	write_entries(place->file, 1, 6, 1);
	assert_true(
	    clerk_import(&job, place->store, place->file, &done, &problem));
	assert_int_equal(done.entries, 1);
	assert_counted(place, 6);
	assert_int_equal(count_files(place, "history.claim-*", NULL), 1);
	(void)import(place);
	assert_counted(place, 7);
	/* A claim for itself is no file to import. */
	assert_false(clerk_import(&job, place->store, claim, &done, &problem));
	assert_int_equal(problem.kind, PROBLEM_USAGE);
	assert_counted(place, 7);
}

static void
test_open_to_all(void **state)
{
	struct place *place = *state;

	write_entries(place->file, 1, 0, 1);
	assert_int_equal(chmod(place->file, 0660), 0);
	assert_false(import(place).is_open_to_all);
	write_entries(place->file, 1, 1, 1);
	assert_int_equal(chmod(place->file, 0666), 0);
	struct clerk_imported done = import(place);
	assert_true(done.is_open_to_all);
	assert_int_equal(done.entries, 1);
	assert_counted(place, 2);
}

static void
test_nothing(void **state)
{
	struct place *place = *state;
	const struct clerk_import import_job = {.config = &place->config};
	struct clerk_imported done = {0};
	struct problem problem = {0};

	assert_false(clerk_import(
	    &import_job, place->store, place->file, &done, &problem));
	assert_int_equal(problem.kind, PROBLEM_NO_INPUT);
	/* The file is gone, a claim of it is not. */
	write_entries(place->file, 1, 0, 5);
	(void)import(place);
	assert_int_equal(unlink(place->file), 0);
	done = import(place);
	assert_int_equal(done.entries, 0);
	/* An empty file. */
	write_entries(place->file, 1, 0, 0);
	done = import(place);
	assert_int_equal(done.entries, 0);
	assert_counted(place, 5);
}

struct progress {
	uint64_t calls;
	uint64_t bytes;
	uint64_t of_bytes;
};

static void
on_progress(void *context, uint64_t bytes, uint64_t of_bytes)
{
	struct progress *progress = context;

	assert_true(bytes > progress->bytes && bytes <= of_bytes);
	*progress = (struct progress){progress->calls + 1, bytes, of_bytes};
}

static void
test_progress(void **state)
{
	struct place *place = *state;
	struct progress progress = {0};
	const struct clerk_import job = {.config = &place->config,
	    .now = (int64_t)time(NULL),
	    .on_progress = on_progress,
	    .context = &progress};
	struct clerk_imported done = {0};
	struct problem problem = {0};

	write_entries(place->file, 1, 0, 60000);
	assert_true(
	    clerk_import(&job, place->store, place->file, &done, &problem));
	assert_int_equal(done.entries, 60000);
	assert_true(progress.calls >= 2);
	assert_int_equal(progress.bytes, progress.of_bytes);
	assert_counted(place, 60000);
}

struct stopping {
	unsigned asked;
	unsigned answer_at;
};

static bool
stop_at(void *context)
{
	struct stopping *stopping = context;

	return ++stopping->asked == stopping->answer_at;
}

/* Told to stop at any moment, the import is good for what it did, and the next
 * one goes on there. */
static void
test_stop(void **state)
{
	static const struct {
		unsigned answer_at;
		uint64_t entries, claims;
		size_t files;
	} rows[] = {
	    {1, 0, 0, 1},     /* before the claim */
	    {2, 0, 0, 1},     /* before its first batch */
	    {3, 50000, 0, 1}, /* before its second */
	    {0, 10000, 1, 0},
	};
	struct place *place = *state;

	write_entries(place->file, 1, 0, 60000);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct stopping stopping = {.answer_at = rows[i].answer_at};
		const struct clerk_import job = {.config = &place->config,
		    /* ClaimKeep is over: what is read is removed. */
		    .now = (int64_t)time(NULL) + 1000 * 1000,
		    .should_stop = stop_at,
		    .context = &stopping};
		struct clerk_imported done = {0};
		struct problem problem = {0};
		print_message("# stop at %u\n", rows[i].answer_at);
		if (!clerk_import(
			&job, place->store, place->file, &done, &problem))
			fail_msg("%s", problem.text);
		assert_int_equal(done.entries, rows[i].entries);
		assert_int_equal(done.claims, rows[i].claims);
		assert_int_equal(
		    count_files(place, "history.claim-*", NULL), rows[i].files);
	}
	assert_counted(place, 60000);
}

/* --- killed --- */

static pid_t
start_importer(struct place *place)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	place->store = must_open(place);
	for (;;) {
		const struct clerk_import job = {
		    .config = &place->config, .now = (int64_t)time(NULL)};
		struct clerk_imported done = {0};
		struct problem problem = {0};
		if (!clerk_import(
			&job, place->store, place->file, &done, &problem) &&
		    problem.kind != PROBLEM_TEMPORARY &&
		    problem.kind != PROBLEM_NO_INPUT) {
			(void)fprintf(stderr, "# %s\n", problem.text);
			_exit(1);
		}
	}
}

static void
kill_importer(pid_t child, unsigned milliseconds)
{
	const struct timespec pause = {.tv_sec = milliseconds / 1000,
	    .tv_nsec = (long)(milliseconds % 1000) * 1000 * 1000};
	int status;

	(void)nanosleep(&pause, NULL);
	(void)kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status)); /* did not give up by itself */
}

/* One large file, the importer killed at any moment. */
static void
test_resume(void **state)
{
	struct place *place = *state;

	write_entries(place->file, 1, 0, 60000);
	for (unsigned i = 0; i < 12; i++)
		kill_importer(start_importer(place), 30 + i * 25);
	(void)import(place);
	assert_counted(place, 60000);
	assert_int_equal(count_files(place, "history.claim-*", NULL), 1);
}

enum { WRITERS = 3, ENTRIES = 6000 };

static pid_t
start_writer(const struct place *place, unsigned writer)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	struct problem problem = {0};
	struct journal *journal =
	    journal_open(place->file, JOURNAL_SYNC_NONE, &problem);
	if (journal == NULL)
		_exit(1);
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct build build;
		bool kept = false;
		build_init(&build, HISTORY_ENTRY_MAX);
		write_entry(&build, writer, i);
		if (!journal_append(
			journal, build_view(&build), &kept, &problem) &&
		    !kept)
			_exit(2);
		build_free(&build);
	}
	if (!journal_flush(journal, &problem))
		_exit(3);
	journal_close(journal);
	_exit(0);
}

/* Writers, and two importers that are killed again and again. */
static void
test_at_once(void **state)
{
	struct place *place = *state;
	pid_t writers[WRITERS];
	pid_t importers[2];
	unsigned done = 0;

	write_entries(place->file, 99, 0, 1);
	for (unsigned i = 0; i < WRITERS; i++)
		writers[i] = start_writer(place, i);
	for (unsigned i = 0; i < 2; i++)
		importers[i] = start_importer(place);
	for (unsigned turn = 0; done < WRITERS; turn++) {
		kill_importer(importers[turn % 2], turn * 37 % 150);
		importers[turn % 2] = start_importer(place);
		for (unsigned i = 0; i < WRITERS; i++) {
			int status;
			if (waitpid(writers[i], &status, WNOHANG) != writers[i])
				continue;
			assert_int_equal(status, 0);
			done++;
		}
	}
	kill_importer(importers[0], 0);
	kill_importer(importers[1], 0);
	(void)import(place);
	print_message(
	    "# %zu claims\n", count_files(place, "history.claim-*", NULL));
	assert_counted(place, WRITERS * ENTRIES + 1);
}

#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_import),
	    SCENARIO(test_late_writer),
	    SCENARIO(test_continued),
	    SCENARIO(test_rejected),
	    SCENARIO(test_endless),
	    SCENARIO(test_rest),
	    SCENARIO(test_late_foreign),
	    SCENARIO(test_again),
	    SCENARIO(test_open_to_all),
	    SCENARIO(test_nothing),
	    SCENARIO(test_progress),
	    SCENARIO(test_stop),
	    SCENARIO(test_resume),
	    SCENARIO(test_at_once),
	};

	return cmocka_run_group_tests_name("clerk import", tests, NULL, NULL);
}
