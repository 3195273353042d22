/* Input: a line "CLIENT HELO LOCAL SENDER", then a text with macros. It becomes
 * what a plain expansion makes of it, with whole arrays of parts and no limit
 * before the end. */
#include "spf/macro.h"

#include "dns/name.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { ARENA_MAX = 1 << 28, TEXT_BYTES_MAX = 4096, OUTPUT_MAX = 1 << 26 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* --- the plain expansion --- */

static struct text
plain_value(
    struct arena *arena, char letter, const struct spf_macro_values *values)
{
	char buffer[IP_TEXT_MAX];
	struct text ip = text_from_cstr(ip_cstr(&values->client, buffer));
	struct build build;

	build_init_arena(&build, arena, TEXT_BYTES_MAX * 3);
	switch (letter) {
	case 's':
		return arena_join(arena,
		    arena_join(arena, values->local, TEXT("@")),
		    values->sender);
	case 'l': return values->local;
	case 'o': return values->sender;
	case 'd': return values->domain;
	case 'p': return values->validated;
	case 'h': return values->helo;
	case 'r': return values->receiver;
	case 't': return arena_format(arena, "%lld", (long long)values->now);
	case 'v':
		return values->client.version == 4 ? TEXT("in-addr")
						   : TEXT("ip6");
	case 'c': return arena_copy(arena, ip);
	default: break;
	}
	if (values->client.version == 4)
		return arena_copy(arena, ip);
	for (size_t i = 0; i < 16; i++)
		build_format(&build, "%s%x.%x", i > 0 ? "." : "",
		    values->client.byte[i] >> 4, values->client.byte[i] & 15U);
	return build_view(&build);
}

static void
put_part(struct build *out, struct text part, bool escape)
{
	for (size_t i = 0; i < part.len; i++) {
		unsigned char byte = (unsigned char)part.ptr[i];
		if (!escape || is_alnum(byte) ||
		    text_has(TEXT("-._~"), part.ptr[i]))
			build_byte(out, part.ptr[i]);
		else
			build_format(out, "%%%02X", byte);
	}
}

struct macro {
	char letter;
	bool reverse;
	size_t keep;
	struct text delimiters;
};

static void
plain_macro(struct arena *arena, struct build *out, const struct macro *macro,
    const struct spf_macro_values *values)
{
	char letter = to_lower(macro->letter);
	struct text value = plain_value(arena, letter, values);
	struct text *part = arena_alloc(arena, (value.len + 1) * sizeof *part);
	size_t parts = 0;
	size_t from = 0;

	assert(part != NULL);
	for (size_t i = 0; i <= value.len; i++) {
		if (i < value.len && !text_has(macro->delimiters, value.ptr[i]))
			continue;
		part[parts++] = text_slice(value, from, i);
		from = i + 1;
	}
	size_t first = macro->keep < parts ? parts - macro->keep : 0;
	for (size_t i = first; i < parts; i++) {
		if (i > first)
			build_byte(out, '.');
		put_part(out, part[macro->reverse ? parts - 1 - i : i],
		    letter != macro->letter);
	}
}

/* The macro behind "%{" at *AT, in a text that is valid. */
static struct macro
read_macro(struct text text, size_t *at)
{
	size_t i = *at;
	struct macro macro = {.letter = text.ptr[i++]};

	for (; is_digit(text.ptr[i]); i++)
		if (macro.keep < 1000000)
			macro.keep =
			    10 * macro.keep + (size_t)(text.ptr[i] - '0');
	if (macro.keep == 0)
		macro.keep = SIZE_MAX;
	macro.reverse = to_lower(text.ptr[i]) == 'r';
	i += macro.reverse;
	size_t end = i + text_find(text_slice(text, i, text.len), '}');
	macro.delimiters = end > i ? text_slice(text, i, end) : TEXT(".");
	*at = end + 1;
	return macro;
}

static struct text
plain_expansion(struct arena *arena, struct text text,
    const struct spf_macro_values *values)
{
	struct build out;
	size_t i = 0;

	build_init_arena(&out, arena, OUTPUT_MAX);
	while (i < text.len) {
		if (text.ptr[i] != '%') {
			build_byte(&out, text.ptr[i++]);
			continue;
		}
		char kind = text.ptr[i + 1];
		i += 2;
		switch (kind) {
		case '%': build_byte(&out, '%'); continue;
		case '_': build_byte(&out, ' '); continue;
		case '-': build_cstr(&out, "%20"); continue;
		default: break;
		}
		struct macro macro = read_macro(text, &i);
		plain_macro(arena, &out, &macro, values);
	}
	assert(!build_failed(&out));
	return build_view(&out);
}

/* --- the properties --- */

static void
check_name(struct arena *arena, struct text text,
    const struct spf_macro_values *values)
{
	struct text name = spf_macro_expand_name(arena, text, values);
	struct text plain = plain_expansion(arena, text, values);

	if (plain.len > 0 && plain.ptr[plain.len - 1] == '.')
		plain.len--;
	while (plain.len > DNS_NAME_MAX && text_has(plain, '.'))
		plain = dns_name_parent(plain);
	if (plain.len <= DNS_NAME_MAX)
		assert(text_equal(name, arena_lower(arena, plain)));
	else
		assert(!dns_name_is_valid(name));
}

static void
check_explanation(struct arena *arena, struct text text,
    const struct spf_macro_values *values)
{
	struct text got = spf_macro_expand_explanation(arena, text, values);
	struct text plain = text_slice(
	    plain_expansion(arena, text, values), 0, SPF_EXPLANATION_MAX);

	/* Of a long text with empty macros less is read. */
	assert(text.len > SPF_DOMAIN_SPEC_MAX || got.len == plain.len);
	assert(got.len <= plain.len);
	for (size_t i = 0; i < got.len; i++) {
		bool is_tame =
		    plain.ptr[i] == ' ' || is_printable(plain.ptr[i]);
		assert(got.ptr[i] == (is_tame ? plain.ptr[i] : '?'));
	}
}

static void
check_text(struct arena *arena, struct text text,
    const struct spf_macro_values *values)
{
	bool is_string = spf_macro_is_valid(text, SPF_MACRO_STRING);
	bool is_domain = spf_macro_is_valid(text, SPF_MACRO_DOMAIN);
	bool is_explain = spf_macro_is_valid(text, SPF_MACRO_EXPLAIN);

	assert(is_string || !is_domain);
	assert(is_explain || !is_string);
	if (is_domain)
		check_name(arena, text, values);
	if (is_explain)
		check_explanation(arena, text, values);
	if (is_explain && !spf_macro_uses(text, "slodiphvcrt")) {
		struct spf_macro_values none = {.client = values->client};
		assert(text_equal(
		    spf_macro_expand_explanation(arena, text, values),
		    spf_macro_expand_explanation(arena, text, &none)));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text rest = {(const char *)bytes, len};
	struct text line = text_split(&rest, '\n');
	struct spf_macro_values values = {
	    .domain = {"domain.example", 14},
	    .validated = {"unknown", 7},
	    .receiver = {"receiver.example", 16},
	    .now = 1401408000,
	};
	struct ip client;

	if (len > TEXT_BYTES_MAX || !ip_read(text_split(&line, ' '), &client))
		return 0;
	struct arena *arena = arena_new(ARENA_MAX);
	assert(arena != NULL);
	values.client = ip_unmapped(client);
	values.helo = text_split(&line, ' ');
	values.local = text_split(&line, ' ');
	values.sender = line;
	check_text(arena, rest, &values);
	assert(!arena_failed(arena));
	arena_free(arena);
	return 0;
}
