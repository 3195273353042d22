#include "dkim/canonical.h"

/* --- header fields --- */

/* 3.4.2: unfold, then each run of white space becomes one SP, and what stands
 * at the end is dropped. A CR LF that folds nothing stays. */
static void
build_relaxed_value(struct build *build, struct text value)
{
	bool has_wsp = false;
	bool begun = false;

	for (size_t i = 0; i < value.len; i++) {
		if (is_wsp(value.ptr[i])) {
			has_wsp = true;
			continue;
		}
		if (i + 2 < value.len && value.ptr[i] == '\r' &&
		    value.ptr[i + 1] == '\n' && is_wsp(value.ptr[i + 2])) {
			i++;
			continue;
		}
		if (has_wsp && begun)
			build_byte(build, ' ');
		build_byte(build, value.ptr[i]);
		has_wsp = false;
		begun = true;
	}
}

void
dkim_canonical_field(struct build *build, const struct mail_field *field,
    enum dkim_canonicalization how)
{
	if (how == DKIM_SIMPLE) {
		build_text(build, field->raw);
	} else {
		for (size_t i = 0; i < field->name.len; i++)
			build_byte(build, to_lower(field->name.ptr[i]));
		build_byte(build, ':');
		build_relaxed_value(build, field->value);
	}
	build_text(build, TEXT("\r\n"));
}

/* --- body --- */

void
dkim_canonical_body_init(struct dkim_canonical_body *body,
    enum dkim_canonicalization how,
    void (*sink)(void *context, struct text piece), void *context)
{
	*body = (struct dkim_canonical_body){
	    .how = how, .sink = sink, .context = context};
}

static void
give(struct dkim_canonical_body *body, struct text piece)
{
	if (piece.len == 0)
		return;
	body->bytes += piece.len;
	body->sink(body->context, piece);
}

/* Something follows, so that what was held back counts after all. */
static void
give_pending(struct dkim_canonical_body *body)
{
	static const char lines[] = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"
				    "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";

	enum { LINES = (sizeof lines - 1) / 2 };

	while (body->empty_lines > 0) {
		size_t count =
		    body->empty_lines < LINES ? body->empty_lines : LINES;
		give(body, (struct text){lines, count * 2});
		body->empty_lines -= count;
	}
	if (body->has_wsp)
		give(body, TEXT(" "));
	body->has_wsp = false;
}

/* What can be given on as it is. In relaxed form that includes a single SP
 * between other bytes, so that pieces are as long as lines, not words. */
static size_t
plain_end(const struct dkim_canonical_body *body, struct text piece, size_t at)
{
	if (body->how == DKIM_SIMPLE)
		return at + text_find(text_slice(piece, at, piece.len), '\r');
	for (; at < piece.len; at++) {
		char byte = piece.ptr[at];
		if (byte == '\r' || byte == '\t')
			break;
		if (byte == ' ' &&
		    (at + 1 == piece.len || is_wsp(piece.ptr[at + 1]) ||
			piece.ptr[at + 1] == '\r'))
			break;
	}
	return at;
}

/* A CR was held back, and this is what came after it. */
static bool
take_line_end(struct dkim_canonical_body *body, char byte)
{
	body->has_cr = false;
	if (byte == '\n') {
		body->has_wsp = false;
		body->empty_lines++;
		return true;
	}
	give_pending(body); /* a CR alone is a byte like any other */
	give(body, TEXT("\r"));
	return false;
}

void
dkim_canonical_body_feed(struct dkim_canonical_body *body, struct text piece)
{
	size_t at = 0;

	while (at < piece.len) {
		char byte = piece.ptr[at];
		if (body->has_cr && take_line_end(body, byte)) {
			at++;
		} else if (byte == '\r') {
			body->has_cr = true;
			at++;
		} else if (body->how == DKIM_RELAXED && is_wsp(byte)) {
			body->has_wsp = true;
			at++;
		} else {
			size_t end = plain_end(body, piece, at);
			give_pending(body);
			give(body, text_slice(piece, at, end));
			at = end;
		}
	}
}

/* 3.4.3, 3.4.4: whatever line ends were held back, or none at all, the form
 * ends in one CR LF; an empty body is CR LF when simple, nothing when relaxed.
 */
void
dkim_canonical_body_finish(struct dkim_canonical_body *body)
{
	if (body->has_cr)
		(void)take_line_end(body, '\0');
	if (body->bytes > 0 || body->how == DKIM_SIMPLE)
		give(body, TEXT("\r\n"));
	body->empty_lines = 0;
	body->has_wsp = false;
}
