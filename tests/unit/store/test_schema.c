/* A store is opened, made, checked, and brought to a later version, on every
 * engine. */
#include "place.h"

#include "store/schema.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* --- opening --- */

static void
test_open(void **state)
{
	struct place *place = sqlite_place(state);
	struct problem refused = {0};
	struct stat status;
	char path[320];

	assert_int_equal(figures_of(place->store).schema, 3);
	assert_int_equal(figures_of(place->store).oldest, 0);
	assert_int_equal(stat(place->database + 7, &status), 0);
	assert_int_equal(status.st_mode & 07777 & ~0600u, 0);
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
		assert_int_equal(status.st_mode & 07777 & ~0600u, 0);
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

enum { VERSIONS = 3, TO_COME = 2, STATEMENTS = 2 };

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
	run_sql(place, "DELETE FROM dmarc_schema_version WHERE version > 3");
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
	    "dmarc_part_row", "dmarc_quiet", "dmarc_redirection", "dmarc_seal",
	    "dmarc_sender", "dmarc_suppression"};
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
			       " dmarc_schema_version, dmarc_seal,"
			       " dmarc_sender, dmarc_suppression,"
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_open),
	    cmocka_unit_test(test_check),
	    SCENARIO(test_open_as_root),
	    SCENARIO(test_not_a_database),
	    SCENARIO(test_later_schema),
	    SCENARIO(test_first_schema),
	    SCENARIO(test_migrate),
	    SCENARIO(test_migrate_from_first),
	    SCENARIO(test_migrate_killed),
	    SCENARIO(test_open_at_once),
	};

	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
