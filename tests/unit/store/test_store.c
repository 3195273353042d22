/* What every engine must do. */
#include "place.h"

#include "store/row.h"
#include "store/schema.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* --- what comes out, as text --- */

struct output {
	struct store *store;
	struct build text;
	uint64_t messages;
	bool sealed;
	char id[33]; /* of the last report */
};

static bool
print_row(void *context, const struct report_row *row)
{
	struct output *output = context;
	struct build *text = &output->text;

	output->messages += row->count;
	build_format(text,
	    "  %llu " TEXT_FMT " from=" TEXT_FMT " env=" TEXT_FMT,
	    (unsigned long long)row->count, TEXT_ARG(row->source_ip),
	    TEXT_ARG(row->header_from), TEXT_ARG(row->envelope_from));
	build_format(text, " " TEXT_FMT " dkim=%d spf=%d",
	    TEXT_ARG(row->disposition), row->dkim_aligned, row->spf_aligned);
	for (size_t i = 0; i < row->reasons.count; i++)
		build_format(text, " (" TEXT_FMT ": " TEXT_FMT ")",
		    TEXT_ARG(row->reasons.at[i].type),
		    TEXT_ARG(row->reasons.at[i].comment));
	for (size_t i = 0; i < row->dkim.count; i++)
		build_format(text, " d=" TEXT_FMT "/" TEXT_FMT "/" TEXT_FMT,
		    TEXT_ARG(row->dkim.at[i].domain),
		    TEXT_ARG(row->dkim.at[i].selector),
		    TEXT_ARG(row->dkim.at[i].result));
	build_format(text, " spf=" TEXT_FMT "/" TEXT_FMT "\n",
	    TEXT_ARG(row->spf_domain), TEXT_ARG(row->spf_result));
	return true;
}

static bool
print_report(void *context, const struct store_report *report)
{
	struct output *output = context;
	const struct report_policy *policy = &report->policy;

	assert_int_equal(report->id.len, 32);
	memcpy(output->id, report->id.ptr, 32);
	build_format(&output->text, TEXT_FMT " p=" TEXT_FMT " sp=" TEXT_FMT,
	    TEXT_ARG(policy->domain), TEXT_ARG(policy->p),
	    TEXT_ARG(policy->sp));
	build_format(&output->text, " %lld-%lld #%u",
	    (long long)(report->begin - day), (long long)(report->end - day),
	    report->seq);
	for (size_t i = 0; i < report->rua.count; i++)
		build_format(
		    &output->text, " " TEXT_FMT, TEXT_ARG(report->rua.at[i]));
	build_byte(&output->text, '\n');
	MUST(store_for_each_row(output->store, report, output->sealed,
	    print_row, output, &problem));
	return true;
}

static void
print_all(struct store *store, bool sealed, struct output *output)
{
	*output = (struct output){.store = store, .sealed = sealed};
	build_init(&output->text, SIZE_MAX);
	if (sealed)
		MUST(store_for_each_report(store, TEXT(""),
		    ((struct store_span){0, INT64_MAX}), print_report, output,
		    &problem));
	else
		MUST(store_preview_reports(store, TEXT(""),
		    ((struct store_span){day, day + DAY - 1}), print_report,
		    output, &problem));
	build_byte(&output->text, '\0');
}

static void
assert_output(struct store *store, bool sealed, const char *expected)
{
	struct output output;

	print_all(store, sealed, &output);
	assert_string_equal(output.text.ptr, expected);
	build_free(&output.text);
}

/* --- opening --- */

static void
test_open(void **state)
{
	struct place *place = sqlite_place(state);
	struct problem refused = {0};
	struct stat status;
	char path[320];

	assert_int_equal(figures_of(place->store).schema, 2);
	assert_int_equal(figures_of(place->store).oldest, 0);
	assert_int_equal(stat(place->database + 7, &status), 0);
	assert_int_equal(status.st_mode & 07777 & ~0640u, 0);
	struct store *again = store_open(place->database, false, &refused);
	assert_non_null(again);
	store_close(again);

	(void)snprintf(path, sizeof path, "%s2", place->database);
	assert_null(store_open(path, false, &refused));
	assert_int_equal(refused.kind, PROBLEM_NO_INPUT);
	assert_int_equal(access(path + 7, F_OK), -1);

	refused = (struct problem){0};
	assert_null(store_open("oracle:x", true, &refused));
	assert_int_equal(refused.kind, PROBLEM_CONFIG);
	refused = (struct problem){0};
	assert_null(store_open("/var/lib/x", true, &refused));
	assert_int_equal(refused.kind, PROBLEM_CONFIG);

	(void)snprintf(path, sizeof path, "sqlite:%s/no/x.db", place->folder);
	refused = (struct problem){0};
	assert_null(store_open(path, true, &refused));
	assert_int_equal(refused.kind, PROBLEM_CONFIG);
}

static void
test_check(void **state)
{
	static const struct {
		const char *database;
		bool is_good;
	} rows[] = {
	    {"sqlite:/nowhere/x.db", true},
	    {"sqlite:x", true},
	    {"sqlite:", false},
	    {"sqlite", false},
	    {"SQLITE:/x", false},
	    {"oracle:x", false},
	    {":x", false},
	    {"", false},
	    {"/var/lib/x", false},
	    {"mysql://u@localhost/n", true},
	    {"mysql://u@db.example:3307/n?tls=verify&ca=/etc/ca.pem", true},
	    {"mysql://u@[2001:db8::1]:3307/n", true},
	    {"mysql://u@[2001:db8::1]/n?password-file=/etc/p", true},
	    {"mysql://u%40x@localhost/n?socket=/run/s&bulk=no", true},
	    {"mysql:u@localhost/n", false},
	    {"mysql://localhost/n", false},
	    {"mysql://@localhost/n", false},
	    {"mysql://u@localhost", false},
	    {"mysql://u@localhost/", false},
	    {"mysql://u@/n", false},
	    {"mysql://u@localhost/n`", false},
	    {"mysql://u@localhost/n%00", false},
	    {"mysql://u%zz@localhost/n", false},
	    {"mysql://u@localhost:0/n", false},
	    {"mysql://u@localhost:65536/n", false},
	    {"mysql://u@localhost:/n", false},
	    {"mysql://u@[::1/n", false},
	    {"mysql://u@[::1]x/n", false},
	    {"mysql://u@localhost/n?tls=perhaps", false},
	    {"mysql://u@localhost/n?unknown=1", false},
	    {"mysql://u@localhost/n?socket", false},
	    {"mysql://u@db.example/n?socket=/run/s", false},
	    /* Where others can read it. */
	    {"mysql://u:secret@localhost/n", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct problem refused = {0};
		bool is_good = store_check(rows[i].database, &refused);
		if (is_good == rows[i].is_good &&
		    (is_good || (refused.kind == PROBLEM_CONFIG &&
				    strstr(refused.text, "write "))))
			continue;
		fail_msg("\"%s\": %s", rows[i].database, refused.text);
	}
}

/* The override reason of a row, whatever the file says. */
static void
test_reasons(void **state)
{
	static const struct {
		const char *result;
		const char *reason;
		const char *expected;
	} rows[] = {
	    {"pass", "", ""},
	    {"pass", "none", ""},
	    {"fail", "mailing_list", "mailing_list"},
	    {"fail", "Trusted_Forwarder", "trusted_forwarder"},
	    {"fail", "of_a_later_version", "other"},
	    {"fail", "", "local_policy"},
	    {"fail", "none", "local_policy"},
	    {"temperror", "", "other"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(1 << 16);
		struct history_entry entry = {.client = TEXT("192.0.2.1"),
		    .policy_domain = TEXT("example.com"),
		    .from = TEXT("example.com"),
		    .requested = TEXT("reject"),
		    .action = HISTORY_ACCEPT,
		    .result = text_from_cstr(rows[i].result),
		    .reason = text_from_cstr(rows[i].reason)};
		struct row row;
		assert_true(row_of_entry(arena, &entry, &row));
		if (!text_equal(row.reason, text_from_cstr(rows[i].expected)))
			fail_msg("%s: " TEXT_FMT, rows[i].reason,
			    TEXT_ARG(row.reason));
		arena_free(arena);
	}
}

/* Made by root for a daemon that is somebody else: its folder's owner can work
 * with it, while root has it open and afterwards. */
static void
test_open_as_root(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm"};

	enum { NOBODY = 65534, OTHER = 65533 };
	struct place *place = sqlite_place(state);
	struct problem refused = {0};
	struct stat status;
	char path[320];

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(place->folder, NOBODY, OTHER), 0);
	(void)snprintf(path, sizeof path, "sqlite:%s/shared.db", place->folder);
	struct store *store = store_open(path, true, &refused);
	assert_non_null(store);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		char file[400];
		(void)snprintf(file, sizeof file, "%s%s", path + 7, ends[i]);
		assert_int_equal(stat(file, &status), 0);
		assert_int_equal(status.st_uid, NOBODY);
		assert_int_equal(status.st_gid, OTHER);
		assert_int_equal(status.st_mode & 07777 & ~0640u, 0);
	}
	pid_t child = fork();
	if (child == 0) {
		bool is_other = setgid(OTHER) == 0 && setuid(NOBODY) == 0;
		struct store *again = store_open(path, false, &refused);
		if (again == NULL)
			(void)fprintf(stderr, "# %s\n", refused.text);
		store_close(again);
		_exit(!is_other || again == NULL);
	}
	int ended = -1;
	assert_int_equal(waitpid(child, &ended, 0), child);
	assert_int_equal(ended, 0);
	store_close(store);
}

static void
test_not_a_database(void **state)
{
	struct place *place = sqlite_place(state);
	struct problem refused = {0};
	char path[320];

	(void)snprintf(path, sizeof path, "sqlite:%s/text", place->folder);
	FILE *file = fopen(path + 7, "w");
	for (int i = 0; i < 1000; i++)
		(void)fputs("no database\n", file);
	(void)fclose(file);
	assert_null(store_open(path, true, &refused));
	assert_int_equal(refused.kind, PROBLEM_DATA);
}

static void
test_later_schema(void **state)
{
	struct place *place = *state;
	struct problem refused = {0};
	struct db *db = db_open(place->database, false, &refused);

	assert_non_null(db);
	MUST(db_exec(db,
	    DB_SQL("INSERT INTO dmarc_schema_version VALUES (?, 0)",
		db_number(1000)),
	    NULL, &problem));
	db_close(db);
	assert_null(store_open(place->database, true, &refused));
	assert_int_equal(refused.kind, PROBLEM_UNAVAILABLE);
}

/* Waits for children; all must have ended well. */
static void
join_all(const pid_t *children, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int status = -1;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
}

/* What was released stays as it was: there are databases made by it. */
static void
test_first_schema(void **state)
{
	const struct place *place = *state;
	struct build sql;
	char released[16384];

	FILE *file =
	    fopen(place->is_server ? "tests/unit/store/schema-1.mysql.sql"
				   : "tests/unit/store/schema-1.sqlite.sql",
		"r");
	assert_non_null(file);
	size_t len = fread(released, 1, sizeof released, file);
	assert_true(len > 0 && len < sizeof released);
	(void)fclose(file);
	build_init(&sql, SIZE_MAX);
	MUST(store_write_schema(place->database, &sql, &problem));
	assert_true(sql.len >= len);
	assert_memory_equal(sql.ptr, released, len);
	build_free(&sql);
}

/* --- two versions to come --- */

enum { VERSIONS = 2, TO_COME = 2, STATEMENTS = 2 };

/* What there is and these; BROKEN: the statement that fails, or -1. */
struct future {
	const char *statements[TO_COME][STATEMENTS];
	struct migration versions[VERSIONS + TO_COME];
	struct migrations migrations;
};

static void
make_future(struct future *future, int broken)
{
	static const char *const statements[TO_COME][STATEMENTS] = {
	    {"CREATE TABLE IF NOT EXISTS dmarc_two (n BIGINT NOT NULL, t $TEXT,"
	     " PRIMARY KEY (n))$END",
		"INSERT INTO dmarc_two SELECT SUM(entries), 'x' FROM"
		" dmarc_batch WHERE NOT EXISTS (SELECT 1 FROM dmarc_two)"
		" HAVING COUNT(*) > 0"},
	    {"CREATE TABLE IF NOT EXISTS dmarc_three (n BIGINT NOT NULL,"
	     " at BIGINT NOT NULL, PRIMARY KEY (n))$END",
		"INSERT INTO dmarc_three SELECT n + 1, $CLOCK FROM dmarc_two"
		" WHERE NOT EXISTS (SELECT 1 FROM dmarc_three)"},
	};

	memcpy(future->statements, statements, sizeof statements);
	if (broken >= 0)
		future->statements[broken / STATEMENTS][broken % STATEMENTS] =
		    "SELECT nonsense FROM nowhere";
	assert_int_equal(schema_migrations.count, VERSIONS);
	for (int i = 0; i < VERSIONS; i++)
		future->versions[i] = schema_migrations.at[i];
	for (int i = 0; i < TO_COME; i++)
		future->versions[VERSIONS + i] =
		    (struct migration){STATEMENTS, future->statements[i]};
	future->migrations =
	    (struct migrations){VERSIONS + TO_COME, future->versions};
}

static bool
go_to_future(const struct place *place, int broken)
{
	struct future future;
	struct db *db;

	make_future(&future, broken);
	MUST((db = db_open(place->database, false, &problem)) != NULL);
	problem = (struct problem){0};
	bool good = schema_migrate(db, &future.migrations, &problem);
	db_close(db);
	return good;
}

static void
assert_future(const struct place *place)
{
	static const char version[] =
	    "SELECT MAX(version) FROM dmarc_schema_version";

	assert_int_equal(number_of(place, version), VERSIONS + TO_COME);
	assert_int_equal(number_of(place, "SELECT SUM(n) FROM dmarc_two"), 3);
	assert_int_equal(number_of(place, "SELECT SUM(n) FROM dmarc_three"), 4);
	assert_int_equal(
	    number_of(place, "SELECT SUM(messages) FROM dmarc_row"), 3);
}

static void
go_back(const struct place *place)
{
	run_sql(place, "DROP TABLE IF EXISTS dmarc_two");
	run_sql(place, "DROP TABLE IF EXISTS dmarc_three");
	run_sql(place, "DELETE FROM dmarc_schema_version WHERE version > 2");
}

static void
add_three(const struct place *place)
{
	const struct history_entry entries[] = {sample(), sample(), sample()};

	add_to(place->store, "c", 0, entries, 3);
}

/* A database goes on to what is to come; stopped at any statement, the next run
 * goes on from there. */
static void
test_migrate(void **state)
{
	const struct place *place = *state;
	struct problem refused = {0};

	add_three(place);
	for (int broken = 0; broken < TO_COME * STATEMENTS; broken++) {
		assert_false(go_to_future(place, broken));
		MUST(go_to_future(place, -1));
		assert_future(place);
		/* Again: nothing. */
		MUST(go_to_future(place, -1));
		assert_future(place);
		/* One that knows less says so. */
		assert_null(store_open(place->database, false, &refused));
		assert_int_equal(refused.kind, PROBLEM_UNAVAILABLE);
		go_back(place);
	}
}

/* A database as version 1 left it, entries and all, is brought up to date. */
static void
test_migrate_from_first(void **state)
{
	static const char *const later[] = {"dmarc_mail", "dmarc_part",
	    "dmarc_part_row", "dmarc_quiet", "dmarc_redirection",
	    "dmarc_suppression"};
	struct place *place = *state;
	char sql[128];

	add_three(place);
	for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
		(void)snprintf(sql, sizeof sql, "DROP TABLE %s", later[i]);
		run_sql(place, sql);
	}
	run_sql(place, "DELETE FROM dmarc_schema_version WHERE version > 1");
	store_close(place->store);
	place->store = must_open(place);
	assert_int_equal(figures_of(place->store).schema, VERSIONS);
	assert_int_equal(figures_of(place->store).messages, 3);
	for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
		(void)snprintf(
		    sql, sizeof sql, "SELECT COUNT(*) FROM %s", later[i]);
		assert_int_equal(number_of(place, sql), 0);
	}
}

/* Killed at any moment, or not alone. */
static void
test_migrate_killed(void **state)
{
	const struct place *place = *state;

	add_three(place);
	for (int turn = 0; turn < 30; turn++) {
		const struct timespec a_moment = {.tv_nsec = turn * 200 * 1000};
		pid_t children[2];
		for (int i = 0; i < 2; i++) {
			children[i] = fork();
			if (children[i] > 0)
				continue;
			bool good = go_to_future(place, -1);
			if (!good)
				(void)fprintf(stderr, "# %s\n", problem.text);
			_exit(!good);
		}
		(void)nanosleep(&a_moment, NULL);
		(void)kill(children[0], SIGKILL);
		assert_int_equal(waitpid(children[0], NULL, 0), children[0]);
		join_all(children + 1, 1);
		MUST(go_to_future(place, -1));
		assert_future(place);
		go_back(place);
	}
}

static void
test_open_at_once(void **state)
{
	struct place *place = *state;
	pid_t children[8];
	char path[320];

	if (place->is_server) {
		run_sql(place, "DROP TABLE dmarc_batch, dmarc_delivery,"
			       " dmarc_mail, dmarc_part, dmarc_part_row,"
			       " dmarc_policy,"
			       " dmarc_quiet, dmarc_redirection, dmarc_report,"
			       " dmarc_report_batch, dmarc_row,"
			       " dmarc_schema_version, dmarc_suppression,"
			       " dmarc_unsealed");
		(void)snprintf(path, sizeof path, "%s", place->database);
	} else {
		(void)snprintf(path, sizeof path, "%s.new", place->database);
	}
	for (size_t i = 0; i < 8; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct problem refused = {0};
			struct store *store = store_open(path, true, &refused);
			if (store == NULL)
				(void)fprintf(stderr, "# %s\n", refused.text);
			store_close(store);
			_exit(store == NULL);
		}
	}
	join_all(children, 8);
}

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

static struct history_entry
numbered(struct arena *arena, unsigned i)
{
	struct history_entry entry = sample();

	entry.policy_domain = arena_format(arena, "d%u.example", i % 700);
	entry.received = day + i % DAY;
	return entry;
}

static void
add_numbered(struct place *place, const char *claim, unsigned count)
{
	struct history_entry *entries =
	    arena_array(place->arena, count, sizeof *entries);

	for (unsigned i = 0; i < count; i++)
		entries[i] = numbered(place->arena, i);
	add_to(place->store, claim, 0, entries, count);
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

/* --- deliveries --- */

static bool
take_delivery(void *context, const struct store_delivery *delivery)
{
	struct build *text = context;

	build_format(text, TEXT_FMT " %s %u " TEXT_FMT "\n",
	    TEXT_ARG(delivery->destination),
	    names_word(&delivery_state_names, (int)delivery->state),
	    delivery->tries, TEXT_ARG(delivery->words));
	return true;
}

static void
assert_deliveries(struct store *store, struct text report, const char *expected)
{
	struct build text;

	build_init(&text, SIZE_MAX);
	MUST(store_for_each_delivery(
	    store, report, take_delivery, &text, &problem));
	build_byte(&text, '\0');
	assert_string_equal(text.ptr, expected);
	build_free(&text);
}

static uint64_t
lease(struct store *store, struct text report, struct text to, unsigned seconds)
{
	uint64_t fence = 99;

	MUST(
	    store_lease_delivery(store, report, to, seconds, &fence, &problem));
	return fence;
}

static bool
is_ours(struct store *store, struct text report, struct text to, uint64_t fence)
{
	bool ours = false;

	MUST(store_check_fence(store, report, to, fence, &ours, &problem));
	return ours;
}

/* The name of a report to deliver. */
static struct text
make_report(struct place *place)
{
	struct history_entry entry = sample();
	struct output output;

	add_to(place->store, "c", 0, &entry, 1);
	assert_int_equal(seal(place->store, day + 2 * DAY), 1);
	print_all(place->store, true, &output);
	build_free(&output.text);
	return arena_copy(place->arena, text_from_cstr(output.id));
}

static void
test_add_delivery(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	struct text report = make_report(place);
	struct store_delivery delivery = {.report = report,
	    .destination = TEXT("a@example.com"),
	    .words = TEXT("")};

	assert_int_equal(lease(store, report, delivery.destination, 60), 0);
	MUST(store_add_delivery(store, &delivery, &problem));
	delivery.state = DELIVERY_REFUSED;
	MUST(store_add_delivery(store, &delivery, &problem)); /* stays */
	delivery.destination = TEXT("\xFF b@example.com");
	delivery.state = DELIVERY_UNAUTHORIZED;
	delivery.words = TEXT("no \"rua\" there: 100%\n");
	MUST(store_add_delivery(store, &delivery, &problem));
	assert_deliveries(store, report,
	    "\xFF b@example.com unauthorized 0 no \"rua\" there: 100%\n\n"
	    "a@example.com waiting 0 \n");
	assert_int_equal(lease(store, report, delivery.destination, 60), 0);
}

static void
test_fence(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	struct text report = make_report(place);
	struct text to = TEXT("a@example.com");
	struct store_delivery delivery = {
	    .report = report, .destination = to, .words = TEXT("")};
	struct problem refused = {0};

	MUST(store_add_delivery(store, &delivery, &problem));
	uint64_t fence = lease(store, report, to, 60);
	assert_int_not_equal(fence, 0);
	assert_int_equal(lease(store, report, to, 60), 0);
	assert_true(is_ours(store, report, to, fence));
	assert_false(is_ours(store, report, to, fence + 1));
	delivery.tries = 1;
	delivery.words = TEXT("451 later");
	assert_false(
	    store_finish_delivery(store, fence + 1, &delivery, NULL, &refused));
	assert_int_equal(refused.kind, PROBLEM_TEMPORARY);
	MUST(store_finish_delivery(store, fence, &delivery, NULL, &problem));
	assert_false(is_ours(store, report, to, fence));
	assert_false(
	    store_finish_delivery(store, fence, &delivery, NULL, &refused));

	/* Due again, this time accepted. */
	uint64_t second = lease(store, report, to, 60);
	assert_true(second > fence);
	delivery.state = DELIVERY_ACCEPTED;
	delivery.tries = 2;
	delivery.words = TEXT("250 thanks");
	MUST(store_finish_delivery(store, second, &delivery, NULL, &problem));
	assert_int_equal(lease(store, report, to, 60), 0);
	assert_deliveries(
	    store, report, "a@example.com accepted 2 250 thanks\n");
}

static void
test_lease_ends(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	struct text report = make_report(place);
	struct text to = TEXT("a@example.com");
	const struct store_delivery delivery = {
	    .report = report, .destination = to, .words = TEXT("")};
	const struct store_delivery later = {.report = report,
	    .destination = TEXT("b@example.com"),
	    .next = (int64_t)time(NULL) + 1000,
	    .words = TEXT("")};

	MUST(store_add_delivery(store, &delivery, &problem));
	MUST(store_add_delivery(store, &later, &problem));
	assert_int_equal(lease(store, report, later.destination, 60), 0);
	uint64_t first = lease(store, report, to, 1);
	(void)sleep(2);
	assert_false(is_ours(store, report, to, first));
	uint64_t second = lease(store, report, to, 60);
	assert_true(second > first);
	struct problem refused = {0};
	assert_false(
	    store_finish_delivery(store, first, &delivery, NULL, &refused));
	assert_true(is_ours(store, report, to, second));
}

/* Many want one lease; one gets it. */
static void
test_lease_at_once(void **state)
{
	struct place *place = *state;
	struct text report = make_report(place);
	const struct store_delivery delivery = {.report = report,
	    .destination = TEXT("a@example.com"),
	    .words = TEXT("")};
	unsigned got = 0;

	MUST(store_add_delivery(place->store, &delivery, &problem));
	pid_t children[6];
	for (size_t i = 0; i < 6; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct store *ours = must_open(place);
			_exit(
			    lease(ours, report, delivery.destination, 60) != 0);
		}
	}
	for (size_t i = 0; i < 6; i++) {
		int status;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		got += WEXITSTATUS(status) != 0 ? 1 : 0;
	}
	assert_int_equal(got, 1);
}

/* --- what is due --- */

struct due {
	struct store *store;
	struct build names;
};

static bool
name_due(void *context, const struct store_report *report)
{
	struct due *due = context;
	const struct store_delivery delivery = {.report = report->id,
	    .destination = TEXT("new@example.com"),
	    .state = DELIVERY_ACCEPTED,
	    .words = TEXT("")};

	build_text(&due->names, report->policy.domain);
	build_byte(&due->names, ' ');
	/* The store may be used meanwhile. */
	MUST(store_add_delivery(due->store, &delivery, &problem));
	return true;
}

static void
assert_due(
    struct store *store, const struct store_due *wanted, const char *expected)
{
	struct due due = {.store = store};

	build_init(&due.names, SIZE_MAX);
	MUST(
	    store_for_each_due_report(store, wanted, name_due, &due, &problem));
	build_byte(&due.names, '\0');
	assert_string_equal(due.names.ptr, expected);
	build_free(&due.names);
}

static uint64_t
waiting(struct store *store, const char *domain)
{
	uint64_t count = 99;

	MUST(store_count_waiting(store, text_from_cstr(domain),
	    ((struct store_span){0, INT64_MAX}), &count, &problem));
	return count;
}

/* Gives the report of a domain the deliveries that its name tells: "now",
 * "later", "sent", "vain", in any order. */
static bool
add_told(void *context, const struct store_report *report)
{
	static const struct {
		const char *part;
		enum delivery_state state;
		int64_t next;
		unsigned tries;
	} told[] = {{"now", DELIVERY_WAITING, 1000, 0},
	    {"later", DELIVERY_WAITING, 1001, 0},
	    {"sent", DELIVERY_ACCEPTED, 0, 1},
	    {"vain", DELIVERY_WAITING, 1000, 1},
	    {"backs-off", DELIVERY_WAITING, 1001, 2},
	    {"given-up", DELIVERY_REFUSED, 0, 23}};
	struct text domain = report->policy.domain;

	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		struct text part = text_from_cstr(told[i].part);
		const struct store_delivery delivery = {.report = report->id,
		    .destination = part,
		    .state = told[i].state,
		    .next = told[i].next,
		    .tries = told[i].tries,
		    .words = TEXT("")};
		if (text_find_part(domain, part) < domain.len)
			MUST(store_add_delivery(context, &delivery, &problem));
	}
	return true;
}

static void
test_due(void **state)
{
	static const char *const domains[] = {"fresh.example", "later.example",
	    "now.example", "now-later.example", "sent.example",
	    "sent-later.example", "sent-now.example"};

	enum { DOMAINS = sizeof domains / sizeof *domains };
	struct place *place = *state;
	struct store *store = place->store;
	struct history_entry entries[DOMAINS];
	struct store_due due = {TEXT(""), {0, INT64_MAX}, 1000};

	for (size_t i = 0; i < DOMAINS; i++) {
		entries[i] = sample();
		entries[i].policy_domain = text_from_cstr(domains[i]);
	}
	add_to(store, "c", 0, entries, DOMAINS);
	assert_due(store, &due, ""); /* not sealed */
	assert_int_equal(waiting(store, ""), 0);
	assert_int_equal(seal(store, day + 2 * DAY), DOMAINS);
	assert_int_equal(waiting(store, ""), 0);
	MUST(store_for_each_report(store, TEXT(""),
	    ((struct store_span){0, INT64_MAX}), add_told, store, &problem));
	assert_int_equal(waiting(store, ""), 6);
	assert_int_equal(waiting(store, "now-later.example"), 2);
	assert_int_equal(waiting(store, "fresh.example"), 0);
	assert_int_equal(waiting(store, "sent.example"), 0);

	due.span = (struct store_span){day + 1, INT64_MAX};
	assert_due(store, &due, "");
	due.span = (struct store_span){day, day};
	due.now = 999;
	assert_due(store, &due, "fresh.example ");
	due.now = 1000;
	assert_due(
	    store, &due, "now-later.example now.example sent-now.example ");
	due.domain = TEXT("now.example");
	assert_due(store, &due, "now.example ");
	due = (struct store_due){TEXT(""), {0, INT64_MAX}, 1001};
	assert_due(store, &due,
	    "later.example now-later.example now.example sent-later.example "
	    "sent-now.example ");
}

static void
add_domains(struct store *store, const char *claim, const char *const domains[])
{
	struct history_entry entries[6];
	size_t count = 0;

	for (; domains[count] != NULL; count++) {
		entries[count] = sample();
		entries[count].policy_domain = text_from_cstr(domains[count]);
	}
	add_to(store, claim, 0, entries, count);
	assert_int_equal(seal(store, day + 2 * DAY), count);
}

/* Yesterday's silent domains, and what is new of them, stand behind all that is
 * of others; what was sent, or given up, is no stain. */
static void
test_due_order(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	const struct store_due due = {TEXT(""), {0, INT64_MAX}, 1000};

	add_domains(store, "yesterday",
	    (const char *const[]){"a-vain.example", "b-sent.example",
		"c-backs-off.example", "d-now.example", "e-given-up.example",
		NULL});
	MUST(store_for_each_report(store, TEXT(""),
	    ((struct store_span){0, INT64_MAX}), add_told, store, &problem));
	assert_due(store, &due, "d-now.example a-vain.example ");
	add_domains(store, "today",
	    (const char *const[]){"a-vain.example", "b-sent.example",
		"c-backs-off.example", "e-given-up.example", "f.example",
		NULL});
	assert_due(store, &due,
	    "b-sent.example d-now.example e-given-up.example f.example "
	    "a-vain.example a-vain.example c-backs-off.example ");
}

/* All of many are told, though those before are not due any more. */
static void
test_due_pages(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	const struct store_due all = {TEXT(""), {0, INT64_MAX}, 0};
	struct due due = {.store = store};

	add_numbered(place, "c", 700);
	assert_int_equal(seal(store, day + 2 * DAY), 700);
	build_init(&due.names, SIZE_MAX);
	MUST(store_for_each_due_report(store, &all, name_due, &due, &problem));
	struct text names = build_view(&due.names);
	size_t count = 0;
	for (; names.len > 0; count++)
		(void)text_split(&names, ' ');
	assert_int_equal(count, 700);
	build_free(&due.names);
	assert_due(store, &all, "");
}

/* Each once, though they are looked through twice. */
static void
test_due_order_pages(void **state)
{
	struct place *place = *state;
	const struct store_due all = {TEXT(""), {0, INT64_MAX}, 0};
	struct due due = {.store = place->store};
	size_t count = 0;
	size_t slow = 0;

	add_numbered(place, "c", 700);
	assert_int_equal(seal(place->store, day + 2 * DAY), 700);
	run_sql(place,
	    "INSERT INTO dmarc_delivery SELECT id, 'x', 'waiting', 1, 0, '', 0,"
	    " 0 FROM dmarc_report WHERE policy_domain LIKE '%7%'");
	build_init(&due.names, SIZE_MAX);
	MUST(store_for_each_due_report(
	    place->store, &all, name_due, &due, &problem));
	struct text names = build_view(&due.names);
	for (; names.len > 0; count++) {
		struct text name = text_split(&names, ' ');
		bool is_slow = text_find(name, '7') < name.len;
		assert_true(is_slow || slow == 0);
		slow += is_slow;
	}
	assert_int_equal(count, 700);
	assert_int_equal(slow, 133);
	build_free(&due.names);
}

/* --- expiry --- */

static uint64_t
expire_unsent(struct store *store, int64_t before, int64_t unsent_before)
{
	uint64_t rows = 99;

	MUST(
	    store_expire_before(store, before, unsent_before, &rows, &problem));
	return rows;
}

/* What was not sent stays. */
static uint64_t
expire(struct store *store, int64_t before)
{
	return expire_unsent(store, before, 0);
}

/* Notes a delivery of every report. */
static bool
note_delivery(void *context, const struct store_report *report)
{
	struct store_delivery delivery = {.report = report->id,
	    .destination = TEXT("a@example.com"),
	    .state = DELIVERY_ACCEPTED,
	    .words = TEXT("250 thanks")};

	MUST(store_add_delivery(context, &delivery, &problem));
	return true;
}

static void
note_deliveries(struct store *store)
{
	MUST(store_for_each_report(store, TEXT(""),
	    ((struct store_span){0, INT64_MAX}), note_delivery, store,
	    &problem));
}

static void
test_expire(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	struct history_entry entries[60];

	/* More parts than one look deletes. */
	for (size_t i = 0; i < 60; i++) {
		entries[i] = sample();
		entries[i].received = day + (int64_t)(i % 24) * HOUR;
		entries[i].client =
		    arena_format(place->arena, "192.0.2.%zu", i);
	}
	add_to(store, "c", 0, entries, 60);
	add_to(store, "c", 100, entries, 10);
	assert_int_equal(seal(store, day + 9 * DAY), 1);
	note_deliveries(store);
	/* Too young. */
	assert_int_equal(expire(store, day + DAY - 1), 0);
	assert_int_equal(figures_of(store).messages, 70);
	assert_int_equal(expire(store, day + DAY), 70);
	assert_int_equal(figures_of(store).rows, 0);
	assert_int_equal(figures_of(store).reports, 0);
	/* What was read of a claim is known for much longer. */
	assert_int_equal(figures_of(store).batches, 2);
	assert_int_equal(expire(store, day + 500 * DAY), 0);
	assert_int_equal(figures_of(store).batches, 0);
}

/* A report that is not sent yet stays, until it is too old even for that. */
static void
test_expire_unsent(void **state)
{
	struct store *store = ((struct place *)*state)->store;
	struct history_entry entries[] = {sample(), sample()};

	entries[1].received += 5 * DAY;
	add_to(store, "c", 0, entries, 2);
	assert_int_equal(seal(store, day + 9 * DAY), 2);
	assert_int_equal(expire_unsent(store, day + 90 * DAY, day), 0);
	assert_int_equal(
	    expire_unsent(store, day + 90 * DAY, day + DAY - 1), 0);
	assert_int_equal(figures_of(store).reports, 2);
	assert_int_equal(expire_unsent(store, day + 90 * DAY, day + DAY), 1);
	assert_int_equal(figures_of(store).reports, 1);
	note_deliveries(store);
	assert_int_equal(expire_unsent(store, day + 90 * DAY, day + DAY), 1);
	assert_int_equal(figures_of(store).reports, 0);
}

/* What is in no report goes too, by whole days; what else there is stays. */
static void
test_expire_unsealed(void **state)
{
	struct place *place = *state;
	struct store *store = place->store;
	struct history_entry late = sample();

	add_numbered(place, "c", 700); /* more than a page */
	assert_int_equal(seal(store, day + 2 * DAY), 700);
	note_deliveries(store);
	add_numbered(place, "d", 700);
	late.received = day + 24 * HOUR;
	add_to(store, "e", 0, &late, 1);
	late.received = day + 23 * HOUR;
	add_to(store, "e", 100, &late, 1);
	/* The day is not over at the limit. */
	assert_int_equal(expire(store, day + 24 * HOUR - 1), 0);
	/* All of the day, sealed or not; the next day stays. */
	assert_int_equal(expire(store, day + 24 * HOUR), 1401);
	assert_int_equal(expire(store, day + 47 * HOUR), 0);
	assert_int_equal(figures_of(store).rows, 1);
	assert_int_equal(seal(store, day + 9 * DAY), 1);
	assert_int_equal(figures_of(store).reports, 1);
	/* A report keeps what is in it. */
	assert_int_equal(expire(store, day + 90 * DAY), 0);
	assert_int_equal(figures_of(store).rows, 1);
}

/* What somebody waits for stays until a report tells it, however late it came;
 * with it all of its day, which that report is made of. */
static void
test_expire_untold(void **state)
{
	struct store *store = ((struct place *)*state)->store;
	struct text rua = TEXT("mailto:a@example.com");
	struct history_entry entries[] = {
	    sample(), sample(), sample(), sample(), sample()};

	entries[0].rua.at = &rua;
	entries[0].rua.count = 1;
	entries[1].received = day + 23 * HOUR;
	/* No recipient: another policy, another day, another domain. */
	entries[2].p = TEXT("none");
	entries[3].received = day + DAY;
	entries[4].policy_domain = TEXT("a.example");
	add_to(store, "c", 0, entries, 5);
	assert_int_equal(
	    expire_unsent(store, day + 90 * DAY, day + DAY - 1), 3);
	assert_int_equal(figures_of(store).messages, 2);
	assert_int_equal(expire(store, day + 90 * DAY), 0);
	assert_int_equal(seal(store, day + 90 * DAY), 1);
	assert_int_equal(expire(store, day + 90 * DAY), 0);
	note_deliveries(store);
	assert_int_equal(expire(store, day + 90 * DAY), 2);
	/* Or until nobody is to be told any more. */
	add_to(store, "d", 0, entries, 1);
	assert_int_equal(expire_unsent(store, day + 90 * DAY, day + DAY), 1);
	assert_int_equal(figures_of(store).rows, 0);
}

/* Who nobody is told about is counted by hour, in no report, and goes with its
 * day. */
static void
test_expire_nobodys(void **state)
{
	struct store *store = ((struct place *)*state)->store;
	struct history_entry entries[50];

	for (size_t i = 0; i < 50; i++) {
		entries[i] = sample();
		entries[i].result = TEXT("none");
		entries[i].received = day + (int64_t)i * HOUR;
	}
	add_to(store, "c", 0, entries, 50);
	add_to(store, "c", 100, entries, 50);
	assert_int_equal(figures_of(store).messages, 100);
	assert_int_equal(figures_of(store).rows, 100);
	assert_output(store, false, "");
	assert_int_equal(seal(store, day + 9 * DAY), 0);
	assert_int_equal(expire(store, day + DAY - 1), 0);
	assert_int_equal(expire(store, day + DAY), 48);
	assert_int_equal(figures_of(store).messages, 52);
	assert_int_equal(figures_of(store).oldest, day + DAY);
	assert_int_equal(expire(store, day + 9 * DAY), 52);
	assert_int_equal(figures_of(store).messages, 0);
}

/* A report that waits to be sent stays, the others go. */
static void
test_expire_waiting(void **state)
{
	struct store *store = ((struct place *)*state)->store;
	struct history_entry entries[] = {sample(), sample(), sample()};
	struct store_delivery delivery = {
	    .destination = TEXT("a@example.com"), .words = TEXT("")};
	struct output output;

	entries[1].received += 5 * DAY;
	entries[2].policy_domain = TEXT("z.example");
	add_to(store, "c", 0, entries, 3);
	assert_int_equal(seal(store, day + 9 * DAY), 3);
	print_all(store, true, &output); /* the last one is z.example's */
	build_free(&output.text);
	delivery.report = text_from_cstr(output.id);
	MUST(store_add_delivery(store, &delivery, &problem));
	note_deliveries(store);
	delivery.destination = TEXT("b@example.com");
	delivery.state = DELIVERY_ACCEPTED;
	MUST(store_add_delivery(store, &delivery, &problem));
	delivery.destination = TEXT("a@example.com");
	assert_int_equal(expire(store, day + 90 * DAY), 2);
	assert_int_equal(figures_of(store).rows, 1);
	assert_int_equal(figures_of(store).reports, 1);
	uint64_t fence =
	    lease(store, delivery.report, delivery.destination, 60);
	delivery.state = DELIVERY_ACCEPTED;
	MUST(store_finish_delivery(store, fence, &delivery, NULL, &problem));
	assert_int_equal(expire(store, day + 90 * DAY), 1);
	assert_int_equal(figures_of(store).reports, 0);
	assert_deliveries(store, delivery.report, "");
}

/* Nothing is added to a report that somebody else is deleting right now. */
static void
test_add_to_vanishing(void **state)
{
	const struct timespec pause = {.tv_nsec = 300 * 1000 * 1000};
	struct place *place = *state;
	struct store_delivery delivery = {
	    .destination = TEXT("a@example.com"), .words = TEXT("")};
	struct db *db;
	int go[2];
	char byte = 0;

	delivery.report = make_report(place);
	assert_int_equal(pipe(go), 0);
	pid_t child = fork();
	if (child == 0) {
		struct problem refused = {0};
		bool good =
		    read(go[0], &byte, 1) == 1 &&
		    store_add_delivery(must_open(place), &delivery, &refused);
		_exit(!good);
	}
	db = db_open(place->database, false, &problem);
	assert_non_null(db);
	MUST(db->driver->begin(db, &problem));
	db->in_transaction = true;
	MUST(db_exec(db,
	    DB_SQL("DELETE FROM dmarc_report WHERE id = ?",
		db_text(delivery.report)),
	    NULL, &problem));
	assert_int_equal(write(go[1], &byte, 1), 1);
	(void)nanosleep(&pause, NULL);
	MUST(db->driver->commit(db, &problem));
	join_all(&child, 1);
	(void)close(go[0]);
	(void)close(go[1]);
	db_close(db);
	assert_deliveries(place->store, delivery.report, "");
}

/* Stopped amid a report that waits: nobody sends what is left of it. */
static void
check_half_expired(struct place *place, bool has_delivery)
{
	enum { BATCHES = 50, HOURS = 24 };
	const struct store_due all = {TEXT(""), {0, INT64_MAX}, day + 90 * DAY};
	struct store *store = place->store;
	struct history_entry entries[HOURS];
	struct store_delivery delivery = {
	    .destination = TEXT("a@example.com"), .words = TEXT("")};
	struct problem stopped = {0};
	uint64_t fence = 0;
	uint64_t rows = 0;

	delivery.report = make_report(place);
	for (size_t i = 0; i < HOURS; i++) {
		entries[i] = sample();
		entries[i].received += 5 * DAY + (int64_t)i * HOUR;
	}
	for (uint64_t i = 0; i < BATCHES; i++)
		add_to(store, "d", i * 100, entries, HOURS);
	assert_int_equal(expire_unsent(store, day + 4 * DAY, day + 4 * DAY), 1);
	assert_int_equal(seal(store, day + 9 * DAY), 1);
	/* Nothing is added to what is gone. */
	MUST(store_add_delivery(store, &delivery, &problem));
	assert_deliveries(store, delivery.report, "");

	struct output output;
	print_all(store, true, &output);
	build_free(&output.text);
	delivery.report = text_from_cstr(output.id);
	if (has_delivery) {
		MUST(store_add_delivery(store, &delivery, &problem));
		fence = lease(store, delivery.report, delivery.destination, 60);
		assert_int_not_equal(fence, 0);
	}
	run_sql(place,
	    place->is_server
		? "CREATE TRIGGER stop BEFORE DELETE ON dmarc_row FOR EACH ROW"
		  " IF (SELECT COUNT(*) FROM dmarc_report_batch) < 100 THEN"
		  " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'stopped';"
		  " END IF"
		: "CREATE TRIGGER stop BEFORE DELETE ON dmarc_row"
		  " WHEN (SELECT COUNT(*) FROM dmarc_report_batch) < 100"
		  " BEGIN SELECT RAISE(ABORT, 'stopped'); END");
	assert_false(store_expire_before(
	    store, day + 90 * DAY, day + 90 * DAY, &rows, &stopped));
	assert_non_null(strstr(stopped.text, "stopped"));
	assert_int_equal(figures_of(store).reports, 1);
	assert_true(figures_of(store).rows < BATCHES * HOURS);
	assert_due(store, &all, "");
	assert_int_equal(waiting(store, ""), 0);
	assert_false(has_delivery && is_ours(store, delivery.report,
					 delivery.destination, fence));
	/* Nor by whom was told of it before. */
	MUST(store_add_delivery(store, &delivery, &problem));
	delivery.destination = TEXT("b@example.com");
	MUST(store_add_delivery(store, &delivery, &problem));
	assert_int_equal(
	    lease(store, delivery.report, TEXT("a@example.com"), 60), 0);
	assert_int_equal(
	    lease(store, delivery.report, delivery.destination, 60), 0);
	assert_deliveries(store, delivery.report,
	    has_delivery ? " suppressed 0 expired\n"
			   "a@example.com suppressed 0 expired\n"
			 : " suppressed 0 expired\n");

	/* The next run goes on, whatever the limit for what waits is now. */
	run_sql(place, "DROP TRIGGER stop");
	assert_true(expire(store, day + 90 * DAY) >= 99);
	assert_int_equal(figures_of(store).reports, 0);
	assert_int_equal(figures_of(store).rows, 0);
	assert_deliveries(store, delivery.report, "");
}

static void
test_half_expired(void **state)
{
	check_half_expired(*state, true);
}

static void
test_half_expired_undelivered(void **state)
{
	check_half_expired(*state, false);
}

/* Killed while it adds: a batch is there whole or not at all. */
static void
test_kill(void **state)
{
	struct place *place = *state;
	uint64_t batches = 0;

	for (int i = 0; i < 15; i++) {
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
	    SCENARIO(test_open),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_reasons),
	    SCENARIO(test_open_as_root),
	    SCENARIO(test_not_a_database),
	    SCENARIO(test_later_schema),
	    SCENARIO(test_first_schema),
	    SCENARIO(test_migrate),
	    SCENARIO(test_migrate_from_first),
	    SCENARIO(test_migrate_killed),
	    SCENARIO(test_open_at_once),
	    SCENARIO(test_batches),
	    SCENARIO(test_rows),
	    SCENARIO(test_hostile_bytes),
	    SCENARIO(test_seal),
	    SCENARIO(test_last_rua),
	    SCENARIO(test_supplement),
	    SCENARIO(test_intervals),
	    SCENARIO(test_at_once),
	    SCENARIO(test_pages),
	    SCENARIO(test_add_delivery),
	    SCENARIO(test_fence),
	    SCENARIO(test_lease_ends),
	    SCENARIO(test_lease_at_once),
	    SCENARIO(test_due),
	    SCENARIO(test_due_order),
	    SCENARIO(test_due_pages),
	    SCENARIO(test_due_order_pages),
	    SCENARIO(test_expire),
	    SCENARIO(test_expire_unsent),
	    SCENARIO(test_expire_unsealed),
	    SCENARIO(test_expire_untold),
	    SCENARIO(test_expire_nobodys),
	    SCENARIO(test_expire_waiting),
	    SCENARIO(test_add_to_vanishing),
	    SCENARIO(test_half_expired),
	    SCENARIO(test_half_expired_undelivered),
	    SCENARIO(test_kill),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
