#include "json.h"

#include <stdio.h>
#include <stdlib.h>

json_t *
json_from_text(struct text text)
{
	struct build clean;

	if (text.len == 0)
		return json_null();
	build_init(&clean, text.len * 4);
	build_clean(&clean, text);
	json_t *string = build_failed(&clean)
			     ? NULL
			     : json_stringn_nocheck(clean.ptr, clean.len);
	build_free(&clean);
	return string;
}

json_t *
json_from_word(const struct names *names, int value)
{
	return json_string(names_word(names, value));
}

json_t *
json_append(json_t *list, json_t *value)
{
	if (list != NULL && json_array_append_new(list, value) == 0)
		return list;
	json_decref(list);
	return NULL;
}

json_t *
json_from_texts(const struct text *texts, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		list = json_append(list, json_from_text(texts[i]));
	return list;
}

bool
json_print(json_t *object, struct problem *problem)
{
	char *line = json_dumps(object, JSON_COMPACT);

	json_decref(object);
	if (line == NULL)
		return problem_no_memory(problem);
	(void)puts(line);
	free(line);
	return true;
}
