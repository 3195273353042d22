/* Schema: the tables, as numbered migrations. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "store/db.h"

#include "base/build.h"

/* Brings the schema up to date. False too when a later version made it. */
bool schema_migrate(struct db *db, struct problem *ret_problem) MUST_USE;
/* 0: nothing there yet. */
bool schema_version(
    struct db *db, unsigned *ret_version, struct problem *ret_problem) MUST_USE;

/* All of it as SQL, for who may make tables where we may not. */
void schema_write(struct build *sql, const struct db_driver *driver);

#endif
