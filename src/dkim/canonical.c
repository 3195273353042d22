#include "dkim/canonical.h"

#include <string.h>

/* --- header fields --- */

/* A field on its way to the sink. Its form is written here a part at a time:
 * a header may be too large to have it twice. */
struct writer {
	void (*sink)(void *context, struct text piece);
	void *context;
	enum dkim_canonicalization how;
	size_t len;
	bool has_wsp; /* relaxed: white space held back */
	bool begun;   /* and the value's begin is written */
	char bytes[512];
};

/* BYTES need no beginning. */
static void
begin(struct writer *writer, enum dkim_canonicalization how,
    void (*sink)(void *context, struct text piece), void *context)
{
	writer->sink = sink;
	writer->context = context;
	writer->how = how;
	writer->len = 0;
	writer->has_wsp = false;
	writer->begun = false;
}

static void
flush(struct writer *writer)
{
	writer->sink(
	    writer->context, (struct text){writer->bytes, writer->len});
	writer->len = 0;
}

static void
write_byte(struct writer *writer, char byte)
{
	if (writer->len == sizeof writer->bytes)
		flush(writer);
	writer->bytes[writer->len++] = byte;
}

/* 3.4.1: as it is. */
static void
write_simple(struct writer *writer, struct text text)
{
	for (size_t i = 0; i < text.len; i++)
		write_byte(writer, text.ptr[i]);
}

/* 3.4.2: unfold, then each run of white space becomes one SP, and what stands
 * at the end is dropped. A CR LF that folds nothing stays. */
static void
write_relaxed(struct writer *writer, struct text value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (is_wsp(value.ptr[i])) {
			writer->has_wsp = true;
			continue;
		}
		if (i + 2 < value.len && value.ptr[i] == '\r' &&
		    value.ptr[i + 1] == '\n' && is_wsp(value.ptr[i + 2])) {
			i++;
			continue;
		}
		if (writer->has_wsp && writer->begun)
			write_byte(writer, ' ');
		write_byte(writer, value.ptr[i]);
		writer->has_wsp = false;
		writer->begun = true;
	}
}

static void
write_value(struct writer *writer, struct text value)
{
	if (writer->how == DKIM_SIMPLE)
		write_simple(writer, value);
	else
		write_relaxed(writer, value);
}

/* Up to the colon. */
static void
write_name(struct writer *writer, const struct mail_field *field)
{
	if (writer->how == DKIM_SIMPLE) {
		write_simple(writer, text_slice(field->raw, 0,
					 field->raw.len - field->value.len));
		return;
	}
	for (size_t i = 0; i < field->name.len; i++)
		write_byte(writer, to_lower(field->name.ptr[i]));
	write_byte(writer, ':');
}

void
dkim_canonical_field(const struct mail_field *field,
    enum dkim_canonicalization how,
    void (*sink)(void *context, struct text piece), void *context)
{
	struct writer writer;

	begin(&writer, how, sink, context);
	write_name(&writer, field);
	write_value(&writer, field->value);
	write_simple(&writer, TEXT("\r\n"));
	flush(&writer);
}

/* A CR LF that folds never stands at the cut: "=" or ";" does. */
void
dkim_canonical_own_field(const struct dkim_signature *signature,
    void (*sink)(void *context, struct text piece), void *context)
{
	struct text value = signature->field->value;
	struct writer writer;

	begin(&writer, signature->header, sink, context);
	write_name(&writer, signature->field);
	write_value(&writer, text_slice(value, 0, signature->b_at));
	write_value(&writer,
	    text_slice(value, signature->b_at + signature->b_len, value.len));
	flush(&writer);
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
give_gathered(struct dkim_canonical_body *body)
{
	if (body->gathered_len > 0)
		body->sink(body->context,
		    (struct text){body->gathered, body->gathered_len});
	body->gathered_len = 0;
}

static void
give(struct dkim_canonical_body *body, struct text piece)
{
	if (piece.len == 0)
		return;
	body->bytes += piece.len;
	if (piece.len > sizeof body->gathered - body->gathered_len)
		give_gathered(body);
	if (piece.len > sizeof body->gathered) {
		body->sink(body->context, piece);
		return;
	}
	memcpy(body->gathered + body->gathered_len, piece.ptr, piece.len);
	body->gathered_len += piece.len;
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
		if ((unsigned char)byte > ' ')
			continue; /* nearly always */
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
	give_gathered(body);
	body->empty_lines = 0;
	body->has_wsp = false;
}
