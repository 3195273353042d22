/* A request read in pieces is the request read at once; a reply is one line,
 * and what was put into it comes out again. */
#include "query/reply.h"
#include "query/told.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char *
read_request(struct arena *arena, struct text text, size_t piece,
    struct query_request *ret_request)
{
	struct query query;
	const char *why = NULL;

	query_init(&query);
	while (text.len > 0 && !query_feed(&query, text_slice(text, 0, piece)))
		text = text_slice(text, piece, text.len);
	if (query_finish(&query, arena, ret_request, &why))
		why = "";
	query_free(&query);
	return why;
}

static void
check_same(const struct query_request *a, const struct query_request *b)
{
	assert(text_equal(a->helo, b->helo));
	assert(text_equal(a->sender, b->sender));
	assert(text_equal(a->headers, b->headers));
	assert(text_equal(a->id, b->id) && text_equal(a->spool, b->spool));
	assert(ip_equal(&a->client, &b->client) && a->port == b->port);
	assert(a->is_authenticated == b->is_authenticated);
	assert(a->dkim.count == b->dkim.count);
}

/* Who is told to have passed has a signature, and signed the whole body. */
static void
check_told(struct arena *arena, const struct query_request *request)
{
	struct mail_header header;
	struct upstream told = query_told_dkim(arena, request);

	if (!query_read_header(arena, request, &header))
		return;
	struct dkim_results results =
	    upstream_dkim(arena, &told, &header, NULL);
	for (size_t i = 0; i < results.count; i++) {
		bool has_passed = false;
		for (size_t k = 0; k < request->dkim.count; k++)
			has_passed |=
			    request->dkim.at[k].status == QUERY_DKIM_PASS &&
			    !request->dkim.at[k].is_limited;
		assert(results.at[i].result != DKIM_PASS || has_passed);
	}
}

static char
unescape(char byte)
{
	if (byte == 'n')
		return '\n';
	if (byte == 't')
		return '\t';
	return byte;
}

static void
check_reply(struct text value)
{
	struct build line;

	build_init(&line, QUERY_REPLY_MAX);
	query_reply_begin(&line);
	size_t start = line.len + sizeof " x=\"" - 1;
	query_reply_add(&line, "x", value);
	query_reply_end(&line);
	struct text whole = build_view(&line);
	assert(!build_failed(&line) && text_find(whole, '\n') == whole.len - 1);
	size_t at = start;
	for (size_t i = 0; i < value.len; i++) {
		char byte = value.ptr[i];
		if (byte == '\r')
			continue;
		assert(whole.ptr[at] != '"');
		if (whole.ptr[at] == '\\') {
			assert(unescape(whole.ptr[at + 1]) == byte);
			at += 2;
		} else {
			assert(whole.ptr[at++] == to_harmless(byte));
		}
	}
	assert(whole.ptr[at] == '"' && at + 2 == whole.len);
	build_free(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text text = {(const char *)bytes, len};
	struct arena *arena = arena_new(8 * QUERY_ARENA_MAX);
	struct query_request whole;
	struct query_request pieces;

	if (arena == NULL || len > 100000) {
		arena_free(arena);
		return 0;
	}
	const char *why = read_request(arena, text, len, &whole);
	size_t piece = len > 0 ? 1 + bytes[0] % 7 : 1;
	assert(strcmp(why, read_request(arena, text, piece, &pieces)) == 0);
	if (*why == '\0') {
		check_same(&whole, &pieces);
		check_told(arena, &whole);
		assert(whole.spool.len == 0 ||
		       text_has(query_spool_name(whole.spool, whole.id), '-'));
	}
	check_reply(text_slice(text, 0, 10000));
	arena_free(arena);
	return 0;
}
