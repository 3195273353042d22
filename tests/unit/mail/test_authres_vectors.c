/* Other people's cases, each with the parse that it expects. Where ours is
 * another, a row of `exceptions` says so and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "mail/authres.h"
#include "vectors.h"

#include <string.h>

struct exception {
	const char *part; /* of the field */
	bool is_read;     /* by us, whatever the case expects */
};

static const struct exception exceptions[] = {
    /* Many write a ";" behind the last result: we take it. */
    {"mailfrom=example.net;\r\n", true},
    /* "/" and ":" in values without quotes, likewise (docs/departures.md). */
    {"header.b=gfT/i2HB", true},
    {"https://d3frv9g52qce38", true},
    /* RFC 8601 4.1: a word that is not known is ignored by who uses the
     * results; it does not make the field unreadable. Words are taken in any
     * case, as ABNF has it. */
    {"dkim=Pass", true},
    {"dkim=hardfail", true},
    {"dkim=timeout\r\n", true},
    {"dkim=foo", true},
    {"spf=foo", true},
    {"dmarc=bestguesspass\r\n", true},
    {"dmarc=foo", true},
    /* RFC 8601 2.2 has UTF-8 in values always, not by an option. */
    {"header.i=Blo\xC3\x9F.de", true},
    /* A field without an authserv-id is nobody's, and a property without its
     * type is none: nothing of such a field is believed. */
    {"Results: spf=pass", false},
    {"action=none", false},
    {" version=TLSv1.2", false},
};

static const bool *
exception_of(struct text field)
{
	for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) {
		struct text part = text_from_cstr(exceptions[i].part);
		if (text_find_part(field, part) < field.len)
			return &exceptions[i].is_read;
	}
	return NULL;
}

/* One case as we read it. */
struct reading {
	const char *suite;
	size_t number;
	struct arena *arena;
	struct text input;
	struct authres_field field;
	bool is_read;
	unsigned wrong;
};

static void
read_case(struct reading *reading, struct text field)
{
	static const struct text name = {"Authentication-Results:", 23};

	if (text_starts_nocase(field, name))
		field = text_slice(field, name.len, field.len);
	if (text_ends_nocase(field, TEXT("\r\n")))
		field.len -= 2;
	reading->arena = arena_new((size_t)1 << 20);
	reading->input = exact(field);
	reading->is_read =
	    authres_read(reading->arena, reading->input, &reading->field);
}

static void
end_case(struct reading *reading)
{
	exact_free(reading->input);
	arena_free(reading->arena);
	reading->field = (struct authres_field){.version = 0};
}

static void
expect(struct reading *reading, const char *what, struct text got,
    struct text wanted)
{
	if (text_equal_nocase(got, wanted))
		return;
	print_error("%s %zu: %s is \"" TEXT_FMT "\", not \"" TEXT_FMT "\"\n",
	    reading->suite, reading->number, what, TEXT_ARG(got),
	    TEXT_ARG(wanted));
	reading->wrong++;
}

static void
expect_read(struct reading *reading, bool is_wanted, struct text field)
{
	const bool *exception = exception_of(field);
	bool wanted = exception == NULL ? is_wanted : *exception;

	if (reading->is_read == wanted)
		return;
	print_error("%s %zu: read is %d: " TEXT_FMT "\n", reading->suite,
	    reading->number, reading->is_read, TEXT_ARG(field));
	reading->wrong++;
}

static const struct authres_result *
result_at(const struct reading *reading, size_t index)
{
	static const struct authres_result none;

	return index < reading->field.results.count
		   ? &reading->field.results.at[index]
		   : &none;
}

/* "None", as a doctest says it, when it is not there. */
static struct text
value_of(
    const struct authres_result *result, struct text type, struct text name)
{
	for (size_t i = 0; i < result->properties.count; i++) {
		const struct authres_property *one = &result->properties.at[i];
		if (text_equal_nocase(one->type, type) &&
		    text_equal_nocase(one->name, name))
			return one->value;
	}
	return TEXT("None");
}

static struct text
without(struct arena *arena, struct text text, const char *bytes)
{
	struct build build;

	build_init_arena(&build, arena, 4096);
	for (size_t i = 0; i < text.len; i++)
		if (strchr(bytes, text.ptr[i]) == NULL)
			build_byte(&build, text.ptr[i]);
	return build_view(&build);
}

static struct text
number(struct arena *arena, uint64_t value)
{
	return arena_format(arena, "%d", (int)value);
}

/* Takes the part in [] that begins REST: "[3].method" gives 3 and "method". */
static size_t
take_index(struct text *rest)
{
	uint64_t index = 0;

	(void)text_split(rest, '[');
	assert_true(text_to_number(text_split(rest, ']'), 1000, &index));
	if (rest->len > 0)
		*rest = text_slice(*rest, 1, rest->len);
	return (size_t)index;
}

static struct text
of_result(
    struct arena *arena, const struct authres_result *result, struct text what)
{
	if (text_equal(what, TEXT("method")))
		return result->method;
	if (text_equal(what, TEXT("method_version")))
		return number(arena, result->version);
	if (text_equal(what, TEXT("result")))
		return result->result;
	if (text_equal(what, TEXT("reason")))
		return result->reason.len > 0 ? result->reason : TEXT("None");
	return TEXT("?");
}

/* --- dkim_verifier --- */

/* "resinfo[0].properties.header.d" */
static struct text
by_path(const struct reading *reading, struct text path)
{
	struct arena *arena = reading->arena;

	if (text_equal(path, TEXT("authserv_id")))
		return reading->field.id;
	if (text_equal(path, TEXT("authres_version")))
		return number(arena, reading->field.version);
	if (text_equal(path, TEXT("resinfo.length")))
		return number(arena, reading->field.results.count);
	const struct authres_result *result =
	    result_at(reading, take_index(&path));
	if (!text_starts(path, TEXT("properties.")))
		return of_result(arena, result, path);
	(void)text_split(&path, '.');
	size_t end = 0;
	while (end < path.len && path.ptr[end] != '.' && path.ptr[end] != '[')
		end++;
	return value_of(result, text_slice(path, 0, end),
	    without(arena, text_slice(path, end + 1, path.len), "\"]"));
}

static void
test_dkim_verifier(void **state)
{
	struct reading reading = {.suite = "dkim_verifier"};
	json_t *suite = vectors_json("authres/dkim_verifier/dkim_verifier-arh"
				     ".json",
	    "github.com/lieser/dkim_verifier");
	json_t *item;
	json_t *wanted;
	size_t k;

	(void)state;
	json_array_foreach(
	    json_object_get(suite, "cases"), reading.number, item)
	{
		struct text field = json_get(item, "header");
		read_case(&reading, field);
		expect_read(&reading,
		    json_is_false(json_object_get(item, "throws")), field);
		json_array_foreach(json_object_get(item, "expect"), k, wanted)
		{
			struct text path = json_get(wanted, "path");
			json_t *arg = json_object_get(wanted, "arg");
			if (reading.is_read)
				expect(&reading,
				    arena_cstr(reading.arena, path),
				    by_path(&reading, path),
				    json_is_integer(arg)
					? number(reading.arena,
					      (uint64_t)json_integer_value(arg))
					: json_text(arg));
		}
		end_case(&reading);
	}
	assert_int_equal(reading.number, 78);
	json_decref(suite);
	assert_int_equal(reading.wrong, 0);
}

/* --- authres (Python doctests) --- */

/* The result as the doctest prints it, but without quotes. */
static struct text
whole(struct arena *arena, const struct authres_result *result)
{
	struct build build;

	build_init_arena(&build, arena, 4096);
	build_text(&build, result->method);
	build_byte(&build, '=');
	build_text(&build, result->result);
	if (result->reason.len > 0) {
		build_cstr(&build, " reason=");
		build_text(&build, result->reason);
	}
	for (size_t i = 0; i < result->properties.count; i++) {
		const struct authres_property *one = &result->properties.at[i];
		build_format(&build, " " TEXT_FMT "." TEXT_FMT "=" TEXT_FMT,
		    TEXT_ARG(one->type), TEXT_ARG(one->name),
		    TEXT_ARG(one->value));
	}
	return build_view(&build);
}

/* "results[0].properties[1].name", "results[0].smtp_mailfrom" */
static struct text
by_expression(const struct reading *reading, struct text expression)
{
	struct text path = expression;

	if (text_find_part(path, TEXT("authserv_id")) < path.len)
		return reading->field.id;
	const struct authres_result *result =
	    result_at(reading, take_index(&path));
	if (path.len == 0)
		return whole(reading->arena, result);
	if (text_starts(path, TEXT("properties["))) {
		size_t index = take_index(&path);
		if (index >= result->properties.count)
			return TEXT("None");
		const struct authres_property *one =
		    &result->properties.at[index];
		return text_equal(path, TEXT("type"))   ? one->type
		       : text_equal(path, TEXT("name")) ? one->name
							: one->value;
	}
	size_t at = text_find(path, '_');
	return at == path.len ? of_result(reading->arena, result, path)
			      : value_of(result, text_slice(path, 0, at),
				    text_slice(path, at + 1, path.len));
}

/* Whether an attribute is there at all is about Python. */
static bool
is_about_python(struct text expression)
{
	return text_starts(expression, TEXT("try:")) ||
	       text_starts(expression, TEXT("for "));
}

static void
test_doctests(void **state)
{
	struct reading reading = {.suite = "authres"};
	json_t *suite = vectors_json("authres/authres/authres-doctests.json",
	    "pypi.org/project/authres");
	json_t *item;
	json_t *wanted;
	size_t k;

	(void)state;
	json_array_foreach(
	    json_object_get(suite, "cases"), reading.number, item)
	{
		struct text field = json_get(item, "header");
		read_case(&reading, field);
		expect_read(&reading, true, field);
		json_array_foreach(json_object_get(item, "expect"), k, wanted)
		{
			struct text expression = without(
			    reading.arena, json_get(wanted, "expr"), "");
			struct text value = without(
			    reading.arena, json_get(wanted, "value"), "\"");
			if (!reading.is_read || is_about_python(expression))
				continue;
			if (text_starts(expression, TEXT("str(")))
				expression = text_slice(
				    expression, 4, expression.len - 1);
			expect(&reading, arena_cstr(reading.arena, expression),
			    by_expression(&reading, expression), value);
		}
		end_case(&reading);
	}
	assert_int_equal(reading.number, 23);
	json_decref(suite);
	assert_int_equal(reading.wrong, 0);
}

/* --- go-msgauth --- */

/* Go's names of methods and of their properties. */
static const struct {
	const char *go;
	const char *ours;
} methods[] = {{"DKIMResult", "dkim"}, {"SPFResult", "spf"},
    {"AuthResult", "auth"}, {"SenderIDResult", "sender-id"}},
  members[] = {{"Identifier", "header.i"}, {"Auth", "smtp.auth"},
      {"From", "smtp.mailfrom"}, {"HeaderValue", "header.from"}};

static const char *
our_method(struct text go)
{
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (text_equal(go, text_from_cstr(methods[i].go)))
			return methods[i].ours;
	return "?";
}

/* `Name: ResultPass`, `Reason: "bad"`, `From: "example.net"` */
static void
expect_member(struct reading *reading, const struct authres_result *result,
    struct text member)
{
	struct text value = member;
	struct text name = text_trim(text_split(&value, ':'));

	value = without(reading->arena, text_trim(value), "\"");
	if (text_equal(name, TEXT("Value")))
		expect(reading, "result", result->result,
		    text_slice(value, sizeof "Result" - 1, value.len));
	if (text_equal(name, TEXT("Reason")))
		expect(reading, "reason", result->reason, value);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		struct text ours = text_from_cstr(members[i].ours);
		struct text type = text_split(&ours, '.');
		if (text_equal(name, text_from_cstr(members[i].go)))
			expect(reading, members[i].ours,
			    value_of(result, type, ours), value);
	}
}

/* `[]Result{ &DKIMResult{Value: ResultNone}, }` */
static void
expect_go(struct reading *reading, struct text go)
{
	size_t count = 0;

	(void)text_split(&go, '&');
	for (; go.len > 0; count++) {
		struct text rest = text_split(&go, '&');
		const struct authres_result *result = result_at(reading, count);
		expect(reading, "method", result->method,
		    text_from_cstr(our_method(text_split(&rest, '{'))));
		rest = text_split(&rest, '}');
		while (rest.len > 0)
			expect_member(reading, result, text_split(&rest, ','));
	}
	if (reading->field.results.count != count)
		expect(reading, "count", TEXT("another"), TEXT("the same"));
}

static void
test_go_msgauth(void **state)
{
	struct reading reading = {.suite = "go-msgauth"};
	json_t *suite = vectors_json("authres/go-msgauth/go-msgauth.json",
	    "github.com/emersion/go-msgauth");
	json_t *item;

	(void)state;
	json_array_foreach(
	    json_object_get(suite, "cases"), reading.number, item)
	{
		struct text field = json_get(item, "header");
		struct text id = json_get(item, "authserv_id");
		read_case(&reading, field);
		/* The empty field: an id is not optional. */
		expect_read(&reading, id.len > 0, field);
		expect(&reading, "id", reading.field.id, id);
		expect_go(&reading, json_get(item, "results_go"));
		end_case(&reading);
	}
	assert_int_equal(reading.number, 13);
	json_decref(suite);
	assert_int_equal(reading.wrong, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dkim_verifier),
	    cmocka_unit_test(test_doctests),
	    cmocka_unit_test(test_go_msgauth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
