/* Schema: the tables, as numbered migrations. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "store/db.h"

#include "base/build.h"

/* The steps to a version, each a statement ("$…" is what engines say
 * differently, see struct db_types). Whoever is killed amid them runs them all
 * again, since not every engine can undo one: they must bear it. A version that
 * was released never changes. */
struct migration {
	size_t count;
	const char *const *statements;
};

/* The first one makes version 1. */
struct migrations {
	unsigned count;
	const struct migration *at;
};

extern const struct migrations schema_migrations;

/* Brings the schema up to date. False too when a later version made it. */
bool schema_migrate(struct db *db, const struct migrations *migrations,
    struct problem *ret_problem) MUST_USE;
/* 0: nothing there yet. */
bool schema_version(
    struct db *db, unsigned *ret_version, struct problem *ret_problem) MUST_USE;

/* All of it as SQL, for who may make tables where we may not. */
void schema_write(struct build *sql, const struct db_driver *driver);

#endif
