/* Other people's test data. It lies beside the project (../shared/vectors, or
 * where $VECTORS says) and is not part of it: a test whose data is absent says
 * so in a line and is skipped. */
#ifndef TESTS_VECTORS_H
#define TESTS_VECTORS_H

#include "base/build.h"

#include <jansson.h>

/* The file's path, in ARENA, or NULL when it is not there. */
const char *vectors_path(struct arena *arena, const char *name);
/* The file's bytes; aborts when it cannot be read. */
struct text vectors_read(struct arena *arena, const char *path);
/* A JSON file; free with json_decref. When it is not there, says that it can be
 * had from ORIGIN and skips the test; aborts when it is no JSON. */
json_t *vectors_json(const char *name, const char *origin);
/* dmarc/rfc-examples.json, the RFCs' own examples; it stays. */
json_t *vectors_examples(void);
/* Runs each one of a LIST of them. RUN says how much of it was wrong; the test
 * fails then, and when there are none. */
void vectors_run_examples(
    const char *list, unsigned (*run)(const json_t *example));
/* json_string_value as a text; "" for anything but a string. */
struct text json_text(const json_t *value);
/* The same of a member. */
struct text json_get(const json_t *object, const char *key);

#endif
