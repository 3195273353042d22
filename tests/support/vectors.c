#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

const char *
vectors_path(struct arena *arena, const char *name)
{
	const char *folder = getenv("VECTORS");

	if (folder == NULL)
		folder = "../shared/vectors";
	struct text path = arena_format(arena, "%s/%s", folder, name);
	const char *cstr = arena_cstr(arena, path);
	return access(cstr, R_OK) == 0 ? cstr : NULL;
}

struct text
vectors_read(struct arena *arena, const char *path)
{
	FILE *file = fopen(path, "rb");
	char piece[16384];
	struct build bytes;

	if (file == NULL) {
		perror(path);
		abort();
	}
	build_init_arena(&bytes, arena, 64 * 1024 * 1024);
	for (size_t len; (len = fread(piece, 1, sizeof piece, file)) > 0;)
		build_text(&bytes, (struct text){piece, len});
	(void)fclose(file);
	if (build_failed(&bytes))
		abort();
	return build_view(&bytes);
}

json_t *
vectors_json(const char *name, const char *origin)
{
	struct arena *arena = arena_new(4096);
	const char *path = vectors_path(arena, name);
	json_error_t error;
	json_t *json = NULL;

	if (path != NULL)
		json = json_load_file(path, JSON_ALLOW_NUL, &error);
	if (path != NULL && json == NULL) {
		(void)fprintf(
		    stderr, "%s:%d: %s\n", path, error.line, error.text);
		abort();
	}
	arena_free(arena);
	if (json == NULL) {
		print_message(
		    "# no vectors/%s: it can be had from %s\n", name, origin);
		skip();
	}
	return json;
}

json_t *
vectors_examples(void)
{
	static json_t *examples;

	if (examples == NULL)
		examples = vectors_json("dmarc/rfc-examples.json",
		    "the RFCs, which have the same examples");
	return examples;
}

void
vectors_run_examples(const char *list, unsigned (*run)(const json_t *example))
{
	unsigned failures = 0;
	json_t *example;
	size_t i;

	json_array_foreach(
	    json_object_get(vectors_examples(), list), i, example)
	{
		unsigned wrong = run(example);
		if (wrong > 0)
			print_error("%s\n",
			    json_string_value(json_object_get(example, "id")));
		failures += wrong;
	}
	assert_int_equal(failures, 0);
	assert_true(i > 0);
}

struct text
json_text(const json_t *value)
{
	if (!json_is_string(value))
		return TEXT("");
	return (struct text){
	    json_string_value(value), json_string_length(value)};
}

struct text
json_get(const json_t *object, const char *key)
{
	return json_text(json_object_get(object, key));
}
