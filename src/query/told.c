#include "query/told.h"

/* --- the header --- */

/* The next field with its continuation lines, without its last LF. */
static struct text
take_field(struct text *rest)
{
	size_t end = text_find(*rest, '\n');

	while (end + 1 < rest->len && is_wsp(rest->ptr[end + 1]))
		end +=
		    1 + text_find(text_slice(*rest, end + 1, rest->len), '\n');
	struct text field = text_slice(*rest, 0, end);
	*rest = text_slice(*rest, end + 1, rest->len);
	return field;
}

/* False: no memory. */
static bool
add_field(struct mail_header *header, struct arena *arena, struct text field)
{
	size_t colon = text_find(field, ':');

	if (text_trim(text_slice(field, 0, colon)).len == 0 ||
	    colon == field.len) {
		header->is_too_long = true; /* that is no field */
		return true;
	}
	return mail_header_add(header, arena, text_slice(field, 0, colon),
	    text_slice(field, colon + 1, field.len), true);
}

bool
query_read_header(struct arena *arena, const struct query_request *request,
    struct mail_header *ret_header)
{
	struct mail_header header = {.bytes = 0};
	struct text rest = request->headers;
	size_t fields = 0;

	for (; rest.len > 0; fields++) {
		struct text field = take_field(&rest);
		bool is_own =
		    fields == 0 && text_starts_nocase(field, TEXT("Received:"));
		if (!is_own && !add_field(&header, arena, field))
			return false;
	}
	/* Exim counts one byte more for each field. */
	header.is_too_long |=
	    request->headers.len + fields >= QUERY_HEADERS_MAX;
	*ret_header = header;
	return true;
}

/* --- DKIM --- */

static struct text
result_of(const struct query_dkim *dkim)
{
	switch (dkim->status) {
	case QUERY_DKIM_PASS:
		return dkim->is_limited ? TEXT("policy") : TEXT("pass");
	case QUERY_DKIM_FAIL: return TEXT("fail");
	case QUERY_DKIM_INVALID: return TEXT("permerror");
	case QUERY_DKIM_NONE: break;
	}
	return TEXT("none");
}

/* False: no memory. */
static bool
add_property(struct arena *arena, struct authres_result *result,
    const char *name, struct text value)
{
	struct authres_property *property =
	    vec_push(arena, &result->properties);

	if (property == NULL)
		return false;
	*property = (struct authres_property){
	    .type = TEXT("header"),
	    .name = text_from_cstr(name),
	    .value = value,
	};
	return true;
}

static bool
add_result(struct arena *arena, struct authres_field *field,
    const struct query_dkim *dkim)
{
	struct authres_result *result = vec_push(arena, &field->results);

	if (result == NULL)
		return false;
	result->method = TEXT("dkim");
	result->version = 1;
	result->result = result_of(dkim);
	return add_property(arena, result, "d", dkim->domain) &&
	       add_property(arena, result, "s", dkim->selector) &&
	       add_property(arena, result, "a", dkim->algorithm);
}

struct upstream
query_told_dkim(struct arena *arena, const struct query_request *request)
{
	struct upstream told = {{0}};
	struct authres_field *field = vec_push(arena, &told.fields);

	if (field == NULL)
		return told;
	field->id = TEXT("the MTA");
	field->version = 1;
	for (size_t i = 0; i < request->dkim.count; i++)
		if (!add_result(arena, field, &request->dkim.at[i]))
			break; /* the arena has failed, and all with it */
	return told;
}
