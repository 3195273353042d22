#include "mail/authres.h"

#include "base/build.h"
#include "mail/token.h"

/* RFC 5322 2.1.1: a line has at most 998 bytes. The rest is for the field's
 * name, a property's name and its quotes. */
enum { LINE_VALUES_MAX = 900 };

static bool
is_domain(int byte)
{
	return is_alnum(byte) || byte == '-' || byte == '_' || byte == '.';
}

static bool
is_all(struct text text, bool (*kind)(int byte))
{
	struct scan scan = scan_text(text);

	return scan_while(&scan, kind).len > 0 && scan_at_end(&scan);
}

/* pvalue = value / [[local-part] "@"] domain-name (RFC 8601 2.2); a local part
 * that is no token is quoted together with its domain. */
static bool
is_plain(struct text value)
{
	size_t at = text_find(value, '@');

	if (at == value.len)
		return is_all(value, token_is_mime);
	return is_all(text_slice(value, 0, at), token_is_mime) &&
	       is_all(text_slice(value, at + 1, value.len), is_domain);
}

static bool
needs_backslash(char byte)
{
	return byte == '"' || byte == '\\';
}

/* The bytes of VALUE from its begin that take, in quotes, at most MAX. */
static struct text
cut_quoted(struct text value, size_t max)
{
	size_t taken = 0;

	for (size_t i = 0; i < value.len; i++) {
		taken += needs_backslash(value.ptr[i]) ? 2 : 1;
		if (taken > max)
			return text_slice(value, 0, i);
	}
	return value;
}

/* Nothing gets out: no quote and no backslash without a backslash before it,
 * no line end and no byte that is not printable. */
static void
write_quoted(struct build *build, struct text value)
{
	build_byte(build, '"');
	for (size_t i = 0; i < value.len; i++) {
		char byte = value.ptr[i];
		if (needs_backslash(byte))
			build_byte(build, '\\');
		build_byte(build, to_harmless(byte));
	}
	build_byte(build, '"');
}

void
authres_write_value(struct build *build, struct text value)
{
	if (is_plain(value))
		build_text(build, value);
	else
		write_quoted(build, value);
}

/* "/" is no token byte, but id/job has always been written without quotes, and
 * those who look for it expect that. */
void
authres_begin(struct authres *authres, struct build *build, struct text id,
    struct text job)
{
	*authres = (struct authres){.build = build, .line_at = build->len};
	if (!is_all(id, token_is_mime)) {
		write_quoted(build, id);
		return;
	}
	build_text(build, id);
	if (is_all(job, token_is_mime) && job.len <= AUTHRES_VALUE_MAX) {
		build_byte(build, '/');
		build_text(build, job);
	}
}

static void
fold(struct authres *authres)
{
	build_text(authres->build, TEXT("\r\n"));
	authres->line_at = authres->build->len;
	build_byte(authres->build, '\t');
}

void
authres_method(struct authres *authres, const char *method, const char *result,
    struct text reason)
{
	struct build *build = authres->build;

	authres->methods++;
	build_byte(build, ';');
	fold(authres);
	build_cstr(build, method);
	build_byte(build, '=');
	build_cstr(build, result);
	if (reason.len == 0)
		return;
	build_text(build, TEXT(" reason="));
	write_quoted(build, cut_quoted(reason, AUTHRES_VALUE_MAX));
}

/* A property of VALUE, in quotes, may still stand on the current line. */
static bool
fits_line(const struct authres *authres, struct text value)
{
	size_t used = authres->build->len - authres->line_at;

	return used < LINE_VALUES_MAX &&
	       cut_quoted(value, LINE_VALUES_MAX - used).len == value.len;
}

void
authres_property(struct authres *authres, const char *type, const char *name,
    struct text value)
{
	struct build *build = authres->build;

	if (value.len == 0 ||
	    cut_quoted(value, AUTHRES_VALUE_MAX).len < value.len)
		return;
	if (fits_line(authres, value))
		build_byte(build, ' ');
	else
		fold(authres);
	build_cstr(build, type);
	build_byte(build, '.');
	build_cstr(build, name);
	build_byte(build, '=');
	authres_write_value(build, value);
}

void
authres_end(struct authres *authres)
{
	if (authres->methods == 0)
		build_text(authres->build, TEXT("; none"));
}
