#include "query/request.h"

#include "base/base64.h"
#include "base/names.h"

/* --- the fold --- */

void
query_init(struct query *query)
{
	*query = (struct query){.seen = 0};
	build_init(&query->bytes, QUERY_REQUEST_MAX);
}

void
query_free(struct query *query)
{
	build_free(&query->bytes);
}

/* Where the empty line stands at or behind FROM, or the length. */
static size_t
find_end(struct text bytes, size_t from)
{
	for (size_t at = from; at < bytes.len; at++)
		if (bytes.ptr[at] == '\n' &&
		    (at == 0 || bytes.ptr[at - 1] == '\n'))
			return at;
	return bytes.len;
}

/* Piece by piece: what stands behind the end is not there to be too much. */
bool
query_feed(struct query *query, struct text bytes)
{
	enum { PIECE = 4096 };

	while (
	    bytes.len > 0 && !query->is_whole && !build_failed(&query->bytes)) {
		build_text(&query->bytes, text_slice(bytes, 0, PIECE));
		bytes = text_slice(bytes, PIECE, bytes.len);
		struct text all = build_view(&query->bytes);
		size_t end = find_end(all, query->seen);
		query->is_whole = end < all.len;
		query->seen = end;
	}
	return query->is_whole || build_failed(&query->bytes);
}

/* --- values --- */

static bool
is_letter_or_digit(struct text text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_alnum(text.ptr[i]))
			return false;
	return true;
}

/* Printable and not too long; it goes into logs and the history. */
static bool
is_word(struct text value)
{
	for (size_t i = 0; i < value.len; i++)
		if (!is_printable((unsigned char)value.ptr[i]))
			return false;
	return value.len <= QUERY_WORD_MAX;
}

static bool
read_version(
    struct arena *arena, struct text value, struct query_request *request)
{
	uint64_t number;

	(void)arena;
	(void)request;
	return text_to_number(value, UINT32_MAX, &number) &&
	       number == QUERY_VERSION;
}

static bool
read_client(
    struct arena *arena, struct text value, struct query_request *request)
{
	(void)arena;
	if (value.len == 0)
		return true;
	if (!ip_read(value, &request->client))
		return false;
	request->client = ip_unmapped(request->client);
	return true;
}

static bool
read_port(struct arena *arena, struct text value, struct query_request *request)
{
	uint64_t number = 0;

	(void)arena;
	if (value.len > 0 && !text_to_number(value, UINT16_MAX, &number))
		return false;
	request->port = (unsigned)number;
	return true;
}

static bool
read_bytes(
    struct arena *arena, struct text value, size_t max, struct text *ret_bytes)
{
	struct text bytes;

	/* White space is not even between the letters. */
	if (text_has(value, ' ') || text_has(value, '\t') ||
	    text_has(value, '\r') || !base64_read(arena, value, &bytes) ||
	    bytes.len > max)
		return false;
	*ret_bytes = bytes;
	return true;
}

static bool
read_host(struct arena *arena, struct text value, struct query_request *request)
{
	return read_bytes(arena, value, QUERY_ENVELOPE_MAX, &request->host);
}

static bool
read_helo(struct arena *arena, struct text value, struct query_request *request)
{
	return read_bytes(arena, value, QUERY_ENVELOPE_MAX, &request->helo);
}

static bool
read_sender(
    struct arena *arena, struct text value, struct query_request *request)
{
	return read_bytes(arena, value, QUERY_ENVELOPE_MAX, &request->sender);
}

static bool
read_headers(
    struct arena *arena, struct text value, struct query_request *request)
{
	return read_bytes(arena, value, QUERY_REQUEST_MAX, &request->headers);
}

static bool
read_flag(struct text value, bool *ret_flag)
{
	*ret_flag = text_equal(value, TEXT("1"));
	return *ret_flag || text_equal(value, TEXT("0"));
}

static bool
read_authenticated(
    struct arena *arena, struct text value, struct query_request *request)
{
	(void)arena;
	return read_flag(value, &request->is_authenticated);
}

static bool
read_recipients(
    struct arena *arena, struct text value, struct query_request *request)
{
	return read_bytes(
	    arena, value, QUERY_ENVELOPE_MAX, &request->recipients);
}

static bool
read_reports(
    struct arena *arena, struct text value, struct query_request *request)
{
	(void)arena;
	return read_flag(value, &request->wants_reports);
}

static bool
read_id(struct arena *arena, struct text value, struct query_request *request)
{
	if (!is_word(value))
		return false;
	request->id = arena_copy(arena, value);
	return true;
}

static bool
read_spool(
    struct arena *arena, struct text value, struct query_request *request)
{
	request->spool = arena_copy(arena, value);
	return value.len <= QUERY_PATH_MAX;
}

static const char *const status_words[] = {
    [QUERY_DKIM_NONE] = "none",
    [QUERY_DKIM_INVALID] = "invalid",
    [QUERY_DKIM_FAIL] = "fail",
    [QUERY_DKIM_PASS] = "pass",
};
static const struct names status_names = NAMES(status_words);

/* Exim's $dkim_bodylength is this without l=. */
#define NO_LIMIT TEXT("9999999999999")

/* status SP domain64 SP selector64 SP algorithm SP bodylength */
static bool
read_dkim(struct arena *arena, struct text value, struct query_request *request)
{
	int status = names_find(&status_names, text_split(&value, ' '));
	struct text domain = text_split(&value, ' ');
	struct text selector = text_split(&value, ' ');
	struct text algorithm = text_split(&value, ' ');
	struct query_dkim *dkim;
	uint64_t length;

	if (status < 0 || !is_word(algorithm) ||
	    !text_to_number(value, UINT64_MAX, &length) ||
	    request->dkim.count == QUERY_DKIM_MAX)
		return false;
	dkim = vec_push(arena, &request->dkim);
	if (dkim == NULL)
		return false;
	dkim->status = (enum query_status)status;
	dkim->algorithm = arena_copy(arena, algorithm);
	dkim->is_limited = !text_equal(value, NO_LIMIT);
	return read_bytes(arena, domain, QUERY_ENVELOPE_MAX, &dkim->domain) &&
	       read_bytes(arena, selector, QUERY_ENVELOPE_MAX, &dkim->selector);
}

/* --- names --- */

enum how_often { MUST, MAY, MANY };

static const struct line {
	struct text name;
	enum how_often how_often;
	bool (*read)(struct arena *arena, struct text value,
	    struct query_request *request);
	const char *why; /* when its value is not good */
} lines[] = {
    {{"version", 7}, MUST, read_version, "version is not 1"},
    {{"client_address", 14}, MUST, read_client,
	"client_address is no IP address"},
    {{"port", 4}, MAY, read_port, "port is no number up to 65535"},
    {{"host64", 6}, MAY, read_host, "host64 is not Base64, or too long"},
    {{"helo64", 6}, MUST, read_helo, "helo64 is not Base64, or too long"},
    {{"sender64", 8}, MUST, read_sender, "sender64 is not Base64, or too long"},
    {{"recipients64", 12}, MAY, read_recipients,
	"recipients64 is not Base64, or too long"},
    {{"headers64", 9}, MUST, read_headers, "headers64 is not Base64"},
    {{"authenticated", 13}, MUST, read_authenticated,
	"authenticated is not 0 or 1"},
    {{"id", 2}, MUST, read_id, "id is not printable, or too long"},
    {{"reports", 7}, MAY, read_reports, "reports is not 0 or 1"},
    {{"spool", 5}, MAY, read_spool, "spool is too long"},
    {{"dkim", 4}, MANY, read_dkim, "a dkim line cannot be read, or too many"},
};

enum { LINES = sizeof lines / sizeof *lines };

static const struct line *
find_line(struct text name)
{
	for (size_t i = 0; i < LINES; i++)
		if (text_equal(name, lines[i].name))
			return &lines[i];
	return NULL;
}

/* What is wrong with one line; NULL: nothing. */
static const char *
read_line(struct arena *arena, struct text text, bool seen[LINES],
    struct query_request *request)
{
	size_t equals = text_find(text, '=');
	const struct line *line = find_line(text_slice(text, 0, equals));
	bool is_first = line == lines;

	if (equals == text.len)
		return "a line without =";
	if (is_first == seen[0]) /* nothing else counts before it */
		return "version is not the first line, and there once";
	if (line == NULL)
		return "a name that is not known";
	if (seen[line - lines] && line->how_often != MANY)
		return "a name stands there twice";
	seen[line - lines] = true;
	return line->read(
		   arena, text_slice(text, equals + 1, text.len), request)
		   ? NULL
		   : line->why;
}

static const char *
read_lines(struct arena *arena, struct text rest, struct query_request *request)
{
	bool seen[LINES] = {false};

	while (rest.len > 0) {
		struct text line = text_split(&rest, '\n');
		const char *why = read_line(arena, line, seen, request);
		if (why != NULL)
			return why;
	}
	for (size_t i = 0; i < LINES; i++)
		if (!seen[i] && lines[i].how_often == MUST)
			return "a line is missing";
	if (request->spool.len > 0 &&
	    query_spool_name(request->spool, request->id).len == 0)
		return "spool is not the data file of id";
	return NULL;
}

bool
query_finish(const struct query *query, struct arena *arena,
    struct query_request *ret_request, const char **ret_why)
{
	struct query_request request = {.port = 0};
	const char *why = "the request is too long";

	if (query->is_whole)
		why = read_lines(arena,
		    text_slice(build_view(&query->bytes), 0, query->seen),
		    &request);
	else if (!build_failed(&query->bytes))
		why = "the request has no end";
	if (why == NULL && arena_failed(arena))
		why = "it needs too much memory";
	if (why == NULL) {
		*ret_request = request;
		return true;
	}
	*ret_request = (struct query_request){.id = request.id};
	*ret_why = why;
	return false;
}

/* --- the spool --- */

static bool
is_path_byte(int byte)
{
	return is_alnum(byte) || byte == '/' || byte == '.' || byte == '_' ||
	       byte == '-' || byte == '+';
}

/* Absolute; no empty component, none that begins with a dot. */
static bool
is_plain_path(struct text path)
{
	for (size_t i = 0; i < path.len; i++) {
		if (!is_path_byte((unsigned char)path.ptr[i]))
			return false;
		if (path.ptr[i] == '/' &&
		    (i + 1 == path.len || path.ptr[i + 1] == '/' ||
			path.ptr[i + 1] == '.'))
			return false;
	}
	return text_starts(path, TEXT("/"));
}

/* 6-6-2 letters and digits, or 6-11-4 from Exim 4.97 on. */
static bool
is_exim_id(struct text id)
{
	struct text rest = id;
	struct text time = text_split(&rest, '-');
	struct text process = text_split(&rest, '-');

	return is_letter_or_digit(time) && is_letter_or_digit(process) &&
	       is_letter_or_digit(rest) && time.len == 6 &&
	       ((process.len == 6 && rest.len == 2) ||
		   (process.len == 11 && rest.len == 4));
}

/* PATH less END; false: it does not end so. */
static bool
take_end(struct text *path, struct text end)
{
	struct text left =
	    text_slice(*path, 0, path->len < end.len ? 0 : path->len - end.len);

	if (path->len < end.len ||
	    !text_equal(text_slice(*path, left.len, path->len), end))
		return false;
	*path = left;
	return true;
}

struct text
query_spool_name(struct text path, struct text id)
{
	struct text folder = path;

	if (!is_plain_path(path) || !is_exim_id(id) ||
	    !take_end(&folder, TEXT("-D")) || !take_end(&folder, id) ||
	    !take_end(&folder, TEXT("/")))
		return TEXT("");
	/* A split spool has a folder for the sixth letter. */
	struct text split = folder;
	if (take_end(&split, text_slice(id, 5, 6)) &&
	    take_end(&split, TEXT("/")))
		folder = split;
	if (!take_end(&folder, TEXT("/input")))
		return TEXT("");
	return text_slice(path, path.len - id.len - 2, path.len);
}
