/* A place for a store, SQLite or the server that STORE_SERVER names, with "{}"
 * where the name of a database stands (tests/system/mariadb.py); and what is
 * put there. */
#ifndef TESTS_STORE_PLACE_H
#define TESTS_STORE_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/date.h"
#include "store/db.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* 2026-11-23 00:00:00 UTC */
static const int64_t day = 1795392000;

enum { HOUR = 3600 };

struct place {
	char folder[64];
	char database[256];
	bool is_server;
	struct store *store;
	struct arena *arena;
};

static inline struct store *
must_open(const struct place *place)
{
	struct problem problem = {0};
	struct store *store = store_open(place->database, true, &problem);

	if (store == NULL)
		fail_msg("%s", problem.text);
	return store;
}

/* NAME at the server. */
static inline void
write_server(char *database, size_t size, const char *name)
{
	const char *server = getenv("STORE_SERVER");
	const char *hole = server == NULL ? NULL : strstr(server, "{}");

	if (hole == NULL)
		fail_msg("STORE_SERVER has no {}");
	(void)snprintf(database, size, "%.*s%s%s", (int)(hole - server), server,
	    name, hole + 2);
}

static inline int
set_up(void **state)
{
	struct place *place = calloc(1, sizeof *place);

	if (place == NULL)
		return 1;
	(void)snprintf(place->folder, sizeof place->folder,
	    "%s/dmarcd-store-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(place->folder) == NULL)
		return 1;
	place->is_server = getenv("STORE_SERVER") != NULL;
	if (place->is_server)
		write_server(place->database, sizeof place->database,
		    strrchr(place->folder, '/') + 1);
	else
		(void)snprintf(place->database, sizeof place->database,
		    "sqlite:%s/store.db", place->folder);
	place->store = must_open(place);
	place->arena = arena_new(SIZE_MAX);
	*state = place;
	return 0;
}

/* For what is of files. */
static inline struct place *
sqlite_place(void **state)
{
	struct place *place = *state;

	if (place->is_server)
		skip();
	return place;
}

static struct problem problem;

static inline void
must(bool good, int line)
{
	if (!good)
		fail_msg("line %d: %s", line, problem.text);
}

/* CALL names &problem. */
#define MUST(call) must((problem = (struct problem){0}, (call)), __LINE__)

static inline struct history_entry
sample(void)
{
	return (struct history_entry){
	    .job = TEXT("4fQ1"),
	    .reporter = TEXT("mx.example.net"),
	    .received = day + 10,
	    .client = TEXT("192.0.2.1"),
	    .from = TEXT("example.com"),
	    .mail_from = TEXT("example.com"),
	    .spf = TEXT("pass"),
	    .spf_domain = TEXT("example.com"),
	    .policy_domain = TEXT("example.com"),
	    .result = TEXT("pass"),
	    .requested = TEXT("reject"),
	    .p = TEXT("reject"),
	    .adkim = TEXT("r"),
	    .aspf = TEXT("r"),
	    .fo = TEXT("0"),
	    .testing = TEXT("n"),
	    .discovery = TEXT("treewalk"),
	    .pct = 100,
	    .spf_aligned = true,
	    .action = HISTORY_ACCEPT,
	};
}

static inline void
add_to(struct store *store, const char *claim, uint64_t first,
    const struct history_entry *entries, size_t count)
{
	const struct store_batch batch = {
	    .claim = text_from_cstr(claim),
	    .first_byte = first,
	    .last_byte = first + 99,
	    .now = day,
	};

	MUST(store_add_batch(store, &batch, entries, count, &problem));
}

static inline struct store_figures
figures_of(struct store *store)
{
	struct store_figures figures = {0};

	MUST(store_figures(store, &figures, &problem));
	return figures;
}

static inline uint64_t
seal_parts(struct store *store, int64_t now, uint64_t rows_max)
{
	const struct store_sealing sealing = {
	    .now = now, .interval = DAY, .delay = HOUR, .rows_max = rows_max};
	uint64_t reports = 0;

	MUST(store_seal(store, &sealing, &reports, &problem));
	return reports;
}

static inline uint64_t
seal(struct store *store, int64_t now)
{
	return seal_parts(store, now, 0);
}

static inline void
run_sql(const struct place *place, const char *sql)
{
	struct db *db;

	MUST((db = db_open(place->database, false, &problem)) != NULL);
	MUST(db_exec(db, DB_SQL_PLAIN(sql), NULL, &problem));
	db_close(db);
}

static inline int64_t
number_of(const struct place *place, const char *sql)
{
	int64_t number = -1;
	struct db *db;

	MUST((db = db_open(place->database, false, &problem)) != NULL);
	MUST(db_query_number(db, DB_SQL_PLAIN(sql), &number, &problem));
	db_close(db);
	return number;
}

/* A server ends what a killed client has asked for, and then forgets him: who
 * is left are we, and who counts. */
static inline void
wait_until_alone(const struct place *place)
{
	const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

	while (place->is_server &&
	       number_of(place,
		   "SELECT COUNT(*) FROM information_schema.processlist"
		   " WHERE db = DATABASE()") > 2)
		(void)nanosleep(&pause, NULL);
}

/* Waits for children; all must have ended well. */
static inline void
join_all(const pid_t *children, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int status = -1;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
}

static inline struct history_entry
numbered(struct arena *arena, unsigned i)
{
	struct history_entry entry = sample();

	entry.policy_domain = arena_format(arena, "d%u.example", i % 700);
	entry.received = day + i % DAY;
	return entry;
}

static inline void
add_numbered(struct place *place, const char *claim, unsigned count)
{
	struct history_entry *entries =
	    arena_array(place->arena, count, sizeof *entries);

	for (unsigned i = 0; i < count; i++)
		entries[i] = numbered(place->arena, i);
	add_to(place->store, claim, 0, entries, count);
}

static inline int
tear_down(void **state)
{
	struct place *place = *state;
	char command[128];

	store_close(place->store);
	arena_free(place->arena);
	if (place->is_server) {
		(void)snprintf(command, sizeof command, "DROP DATABASE `%s`",
		    strrchr(place->folder, '/') + 1);
		run_sql(place, command);
	}
	(void)snprintf(command, sizeof command, "rm -rf %s", place->folder);
	int status = system(command);
	free(place);
	return status;
}

#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
