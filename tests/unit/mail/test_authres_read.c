#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/build.h"
#include "exact.h"
#include "mail/authres.h"
#include "mail/token.h"

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

struct row {
	const char *name;
	struct text value;
	const char *parts; /* as show gives them; NULL: not believed */
};

/* "id 1; dkim/1=pass (reason) header.d=(value); …" */
static void
show(struct build *build, const struct authres_field *field)
{
	build_text(build, field->id);
	build_format(build, " %d", (int)field->version);
	for (size_t i = 0; i < field->results.count; i++) {
		const struct authres_result *one = &field->results.at[i];
		build_format(build, "; " TEXT_FMT "/%d=" TEXT_FMT,
		    TEXT_ARG(one->method), (int)one->version,
		    TEXT_ARG(one->result));
		if (one->reason.len > 0)
			build_format(
			    build, " (" TEXT_FMT ")", TEXT_ARG(one->reason));
		for (size_t k = 0; k < one->properties.count; k++) {
			const struct authres_property *property =
			    &one->properties.at[k];
			build_format(build,
			    " " TEXT_FMT "." TEXT_FMT "=(" TEXT_FMT ")",
			    TEXT_ARG(property->type), TEXT_ARG(property->name),
			    TEXT_ARG(property->value));
		}
	}
}

static const struct row rows[] = {
    /* RFC 8601, appendix B */
    {"B.2", T(" example.org 1; none"), "example.org 1"},
    {"B.4",
	T(" example.com;\r\n          auth=pass (cram-md5) "
	  "smtp.auth=sender@example.net;\r\n   spf=pass smtp.mailfrom=a.b"),
	"example.com 1; auth/1=pass smtp.auth=(sender@example.net); "
	"spf/1=pass smtp.mailfrom=(a.b)"},
    {"B.6",
	T(" example.com;\r\n dkim=pass reason=\"good signature\"\r\n\t"
	  "header.i=@mail.example.net"),
	"example.com 1; dkim/1=pass (good signature) "
	"header.i=(@mail.example.net)"},
    {"B.7",
	T(" foo.example.net (foobar) 1 (baz);\r\n"
	  "   dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
	  "     policy (A dot can go here) . (like that) expired\r\n"
	  "     (this surprised me) = (as I wasn't expecting it) 1362471462"),
	"foo.example.net 1; dkim/1=fail policy.expired=(1362471462)"},
    /* whose */
    {"quoted id", T("\"a \\\"b\\\"\"; none"), "a \"b\" 1"},
    {"UTF-8 id", T("\"b\xC3\xBC.example\"; none"), "b\xC3\xBC.example 1"},
    {"UTF-8 id, no quotes", T("b\xC3\xBC.example; none"), NULL},
    {"job", T("mx.a/4ABC; none"), "mx.a/4ABC 1"},
    {"version", T("mx.a 2; none"), "mx.a 2"},
    {"greatest version", T("mx.a 999; none"), "mx.a 999"},
    {"version too great", T("mx.a 1000; none"), NULL},
    {"version of junk", T("mx.a 1x; none"), NULL},
    {"version without a gap", T("\"mx.a\"1; none"), NULL},
    {"no id", T("spf=pass"), NULL},
    {"no id, but results", T("; spf=pass"), NULL},
    {"two ids", T("mx.a mx.b; none"), NULL},
    {"empty", T(""), NULL},
    {"id alone", T("mx.a"), NULL},
    {"id and semicolon", T("mx.a;"), NULL},
    /* none */
    {"none in any case", T("mx.a; NoNe (x)"), "mx.a 1"},
    {"none twice", T("mx.a; none; none"), NULL},
    {"none and a result", T("mx.a; none; spf=pass"), NULL},
    {"a result and none", T("mx.a; spf=pass; none"), NULL},
    {"method none", T("mx.a; none=pass"), "mx.a 1; none/1=pass"},
    {"none with more", T("mx.a; none-x=pass"), "mx.a 1; none-x/1=pass"},
    {"none and junk", T("mx.a; none x"), NULL},
    /* methods */
    {"trailing semicolon", T("mx.a; spf=pass ; "), "mx.a 1; spf/1=pass"},
    {"two of them", T("mx.a; spf=pass;;"), NULL},
    {"empty result between", T("mx.a; spf=pass;; dkim=pass"), NULL},
    {"no space anywhere", T("mx.a;spf=pass;dkim=fail a.b=c"),
	"mx.a 1; spf/1=pass; dkim/1=fail a.b=(c)"},
    {"unknown words", T("mx.a; x-y=so-so Foo.Bar=1"),
	"mx.a 1; x-y/1=so-so Foo.Bar=(1)"},
    {"method's version", T("mx.a; dkim/2=pass"), "mx.a 1; dkim/2=pass"},
    {"method's version is none", T("mx.a; dkim/=pass"), NULL},
    {"no result", T("mx.a; spf="), NULL},
    {"no method", T("mx.a; =pass"), NULL},
    {"no sign", T("mx.a; spf pass"), NULL},
    {"method ends in a hyphen", T("mx.a; spf-=pass"), NULL},
    {"result ends in a hyphen", T("mx.a; spf=pass-"), NULL},
    {"quoted method", T("mx.a; \"spf\"=pass"), NULL},
    {"quoted result", T("mx.a; spf=\"pass\""), NULL},
    {"underscore", T("mx.a; s_f=pass"), NULL},
    {"dot in a result", T("mx.a; spf=pa.ss"), NULL},
    {"8-bit method", T("mx.a; sp\xC3\xBC=pass"), NULL},
    /* reasons */
    {"token as a reason", T("mx.a; spf=fail reason=bad a.b=c"),
	"mx.a 1; spf/1=fail (bad) a.b=(c)"},
    {"reason with CFWS", T("mx.a; spf=fail reason (a) = (b) \"c;d\""),
	"mx.a 1; spf/1=fail (c;d)"},
    {"reason in UTF-8", T("mx.a; spf=fail reason=\"T\xC3\xA9st\""),
	"mx.a 1; spf/1=fail (T\xC3\xA9st)"},
    {"reason without a value", T("mx.a; spf=fail reason="), NULL},
    {"two reasons", T("mx.a; spf=fail reason=a reason=b"), NULL},
    {"late reason", T("mx.a; spf=fail a.b=c reason=x"), NULL},
    {"reason as a ptype", T("mx.a; spf=fail reason.x=y"),
	"mx.a 1; spf/1=fail reason.x=(y)"},
    {"reason needs a gap", T("mx.a; spf=fail(x)reason=\"y\"a.b=c"), NULL},
    /* properties */
    {"local part and domain", T("mx.a; spf=pass smtp.mailfrom=a+b=c@d.e"),
	"mx.a 1; spf/1=pass smtp.mailfrom=(a+b=c@d.e)"},
    {"domain with @", T("mx.a; spf=pass smtp.mailfrom=@d.e"),
	"mx.a 1; spf/1=pass smtp.mailfrom=(@d.e)"},
    {"quoted local part", T("mx.a; spf=pass smtp.mailfrom=\"a @b\"@d.e"),
	"mx.a 1; spf/1=pass smtp.mailfrom=(a @b@d.e)"},
    {"quoted whole", T("mx.a; spf=pass smtp.mailfrom=\"a;b@d.e\""),
	"mx.a 1; spf/1=pass smtp.mailfrom=(a;b@d.e)"},
    {"empty in quotes", T("mx.a; spf=pass smtp.mailfrom=\"\""),
	"mx.a 1; spf/1=pass smtp.mailfrom=()"},
    {"UTF-8 address", T("mx.a; dkim=pass header.i=\xC3\xA9@\xC3\xBC.x"),
	"mx.a 1; dkim/1=pass header.i=(\xC3\xA9@\xC3\xBC.x)"},
    {"base64, no quotes", T("mx.a; dkim=pass header.b=a/b+c="),
	"mx.a 1; dkim/1=pass header.b=(a/b+c=)"},
    {"IPv6, no quotes", T("mx.a; iprev=pass smtp.remote-ip=2001:db8::1"),
	"mx.a 1; iprev/1=pass smtp.remote-ip=(2001:db8::1)"},
    {"comments inside", T("mx.a; a=b(c)d(e).(f)g(h)=(i)j(k)l.m=n"),
	"mx.a 1; a/1=b d.g=(j) l.m=(n)"},
    {"folded everywhere", T("mx.a\n\t;\n a\r\n =\n b\n c\n .\n d\n =\n e\n "),
	"mx.a 1; a/1=b c.d=(e)"},
    {"no value", T("mx.a; spf=pass smtp.mailfrom="), NULL},
    {"no value, more", T("mx.a; spf=pass smtp.mailfrom=; dkim=pass"), NULL},
    {"no domain", T("mx.a; spf=pass smtp.mailfrom=a@"), NULL},
    {"two @", T("mx.a; spf=pass smtp.mailfrom=a@b@c"), NULL},
    {"brackets", T("mx.a; spf=pass smtp.mailfrom=<a@b>"), NULL},
    {"two values", T("mx.a; spf=pass smtp.mailfrom=a b"), NULL},
    {"comma", T("mx.a; spf=pass smtp.mailfrom=a,b"), NULL},
    {"no ptype", T("mx.a; dmarc=pass action=none"), NULL},
    {"no name", T("mx.a; spf=pass smtp.=a"), NULL},
    {"no gap between", T("mx.a; spf=pass a.b=\"c\"d.e=f"), NULL},
    {"no gap behind the result", T("mx.a; spf=pass\"x\"; a=b"), NULL},
    {"value in the next result", T("mx.a; dkim=none header.d=none;x.y"), NULL},
    {"closing only", T("mx.a; dkim=pass (a)) header.d=x"), NULL},
    {"open comment", T("mx.a; spf=pass (smtp.mailfrom=a"), NULL},
    {"open comment behind the id", T("mx.a (; spf=pass"), NULL},
    {"open quotes", T("mx.a; spf=pass smtp.mailfrom=\"a"), NULL},
    {"backslash at the end", T("mx.a; spf=pass smtp.mailfrom=\"a\\"), NULL},
    {"end of comment escaped", T("mx.a; spf=pass (a\\) dkim=pass"), NULL},
    {"result inside a comment", T("mx.a; spf=fail (; dkim=pass header.d=a)"),
	"mx.a 1; spf/1=fail"},
    {"result inside quotes", T("mx.a; spf=fail reason=\"; dkim=pass\""),
	"mx.a 1; spf/1=fail (; dkim=pass)"},
    /* lines and controls */
    {"line ends in quotes", T("mx.a; spf=fail reason=\"a\r\n b\n\tc\""),
	"mx.a 1; spf/1=fail (a b\tc)"},
    {"a line that does not go on", T("mx.a; spf=pass;\r\ndkim=pass"), NULL},
    {"in quotes too", T("mx.a; spf=pass a.b=\"c\r\nd\""), NULL},
    {"line end at the end", T("mx.a; spf=pass\r\n"), NULL},
    {"CR alone", T("mx.a;\r spf=pass"), NULL},
    {"NUL", T("mx.a; spf=pass a.b=c\0"), NULL},
    {"NUL in quotes", T("mx.a; spf=pass a.b=\"c\0d\""), NULL},
    {"NUL in a comment", T("mx.a (\0); spf=pass"), NULL},
    {"DEL in quotes", T("mx.a; spf=pass a.b=\"\x7F\""), NULL},
};

static bool
check(const char *name, struct text value, const char *parts)
{
	struct arena *arena = arena_new((size_t)1 << 22);
	struct text input = exact(value);
	struct authres_field field = {.version = 0};
	struct build shown;
	struct text id;

	build_init_arena(&shown, arena, (size_t)1 << 20);
	bool is_read = authres_read(arena, input, &field);
	show(&shown, &field);
	bool is_right =
	    is_read == (parts != NULL) &&
	    (!is_read || text_equal(build_view(&shown), text_from_cstr(parts)));
	/* What is believed is also seen by who removes forged fields. */
	if (is_read &&
	    (!authres_read_id(arena, input, &id) || !text_equal(id, field.id)))
		is_right = false;
	if (!is_right)
		print_error("%s: %d " TEXT_FMT "\n", name, is_read,
		    TEXT_ARG(build_view(&shown)));
	exact_free(input);
	arena_free(arena);
	return is_right;
}

static void
test_rows(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		wrong += !check(rows[i].name, rows[i].value, rows[i].parts);
	assert_int_equal(wrong, 0);
}

/* --- limits: the last that is taken, the first that is not --- */

static struct text
repeat(struct build *build, const char *start, const char *part, size_t times,
    const char *end)
{
	build_init(build, (size_t)1 << 20);
	build_cstr(build, start);
	for (size_t i = 0; i < times; i++)
		build_cstr(build, part);
	build_cstr(build, end);
	return build_view(build);
}

static bool
is_read(struct build *build)
{
	struct arena *arena = arena_new((size_t)1 << 22);
	struct text input = exact(build_view(build));
	struct authres_field field;
	bool answer = authres_read(arena, input, &field);

	exact_free(input);
	arena_free(arena);
	build_free(build);
	return answer;
}

static void
test_limits(void **state)
{
	static const struct {
		const char *start, *part, *end;
		size_t max;
	} limits[] = {
	    {"a", ";b=c", "", AUTHRES_RESULTS_MAX},
	    {"a;b=c", " d.e=f", "", AUTHRES_PROPERTIES_MAX},
	    {"a;b=c d.e=f;b=c", " d.e=f", "", AUTHRES_PROPERTIES_MAX - 1},
	    {"a;b=c (", "x", ")", AUTHRES_FIELD_MAX - 8},
	};

	unsigned wrong = 0;
	struct build build;

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		for (size_t more = 0; more < 2; more++) {
			(void)repeat(&build, limits[i].start, limits[i].part,
			    limits[i].max + more, limits[i].end);
			if (is_read(&build) != (more == 0)) {
				print_error("%zu: %zu\n", i, more);
				wrong++;
			}
		}
	}
	assert_int_equal(wrong, 0);
}

/* Not even when a result seems to stand inside what is too deep. */
static void
test_depth(void **state)
{
	struct build build;

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		size_t depth = TOKEN_COMMENT_DEPTH + more;
		(void)repeat(&build, "a ", "(", depth, "; spf=fail ");
		for (size_t i = 0; i < depth; i++)
			build_byte(&build, ')');
		build_cstr(&build, "; spf=pass");
		assert_int_equal(is_read(&build), more == 0);
		(void)repeat(&build, "a ", "(", depth, "; spf=pass");
		assert_false(is_read(&build));
	}
}

/* Without memory nothing is believed, wherever it ends. */
static void
test_memory(void **state)
{
	struct text value = TEXT("a; b=c reason=\"d\" e.f=\"g\"@h i.j=k; l=m");
	struct authres_field field;
	bool is_read = false;

	(void)state;
	for (size_t n = 1; !is_read; n++) {
		struct arena *arena = arena_new(65536);
		arena_fail_after(arena, n);
		is_read = authres_read(arena, value, &field);
		assert_true(is_read != arena_failed(arena));
		assert_true(!is_read || n > 5);
		arena_free(arena);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
