#include "report/envelope.h"

#include "base/date.h"
#include "mail/mime.h"

#define ZLIB_CONST /* next_in is const */
#include <zlib.h>

enum {
	GZIP_WINDOW = 15 + 16, /* the largest, and gzip's wrapper */
	GZIP_MEMORY = 8,
	GZIP_PIECE = 16 * 1024,
	GZIP_INPUT_MAX = 1 << 30, /* fits zlib's unsigned int */
	GZIP_OS_UNKNOWN = 255,
	ID_MAX = 64,
};

/* --- names --- */

static bool
is_name_byte(int byte)
{
	return is_alnum(byte) || byte == '-' || byte == '.' || byte == '_';
}

/* A domain as it may stand in a file's name and a header: nothing of it can be
 * a path, a field, or look like the name's own '!'. */
static void
add_domain(struct build *build, struct text domain)
{
	for (size_t i = 0; i < domain.len; i++) {
		char byte = domain.ptr[i];
		if (!is_name_byte((unsigned char)byte))
			byte = '_';
		build_byte(build, byte);
	}
}

/* RFC 9990 3.5.2: unique-id = 1*(ALPHA / DIGIT) */
static void
add_id(struct build *build, struct text id)
{
	size_t end = build->len + ID_MAX;

	for (size_t i = 0; i < id.len && build->len < end; i++)
		if (is_alnum((unsigned char)id.ptr[i]))
			build_byte(build, id.ptr[i]);
}

/* receiver "!" policy-domain "!" begin "!" end "!" unique-id ".xml.gz" */
static void
add_file_name(struct build *build, struct text receiver,
    struct text policy_domain, const struct report_metadata *metadata)
{
	add_domain(build, receiver);
	build_byte(build, '!');
	add_domain(build, policy_domain);
	build_format(build, "!%lld!%lld!", (long long)metadata->begin,
	    (long long)metadata->end);
	add_id(build, metadata->report_id);
	build_cstr(build, ".xml.gz");
}

struct text
report_file_name(struct arena *arena, struct text receiver,
    struct text policy_domain, const struct report_metadata *metadata)
{
	struct build build;

	build_init_arena(&build, arena, SIZE_MAX);
	add_file_name(&build, receiver, policy_domain, metadata);
	return build_failed(&build) ? TEXT("") : build_view(&build);
}

/* --- gzip --- */

/* Adds what zlib has to say about the input it was given. */
static bool
drain(z_stream *stream, int flush, struct build *build)
{
	char piece[GZIP_PIECE];
	int status;

	do {
		stream->next_out = (Bytef *)piece;
		stream->avail_out = sizeof piece;
		status = deflate(stream, flush);
		build_text(build,
		    (struct text){piece, sizeof piece - stream->avail_out});
	} while (stream->avail_out == 0 && !build_failed(build));
	if (status == Z_STREAM_ERROR || build_failed(build))
		return false;
	return flush != Z_FINISH || status == Z_STREAM_END;
}

static bool
compress_all(z_stream *stream, struct text bytes, struct build *build)
{
	size_t at = 0;
	bool is_last;

	do {
		struct text piece = text_slice(bytes, at, at + GZIP_INPUT_MAX);
		at += piece.len;
		is_last = at == bytes.len;
		stream->next_in = (const Bytef *)piece.ptr;
		stream->avail_in = (uInt)piece.len;
		if (!drain(stream, is_last ? Z_FINISH : Z_NO_FLUSH, build))
			return false;
	} while (!is_last);
	return true;
}

bool
report_gzip(struct build *build, struct text bytes)
{
	/* No time, no name, no system: same text, same bytes. */
	gz_header header = {.os = GZIP_OS_UNKNOWN};
	z_stream stream = {0};

	if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
		GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	bool done = deflateSetHeader(&stream, &header) == Z_OK &&
		    compress_all(&stream, bytes, build);
	(void)deflateEnd(&stream);
	return done;
}

/* --- the mail --- */

enum { VALUE_MAX = 4096 };

/* Writes the field whose value was built, and frees the value. */
static void
add_field(struct build *build, const char *name, struct build *value)
{
	if (build_failed(value))
		build->failed = true;
	else
		mime_field(build, name, build_view(value));
	build_free(value);
}

/* dmarc-subject = %s"Report" 1*FWS %s"Domain:" 1*FWS domain-name 1*FWS
 *     %s"Submitter:" 1*FWS domain-name 1*FWS
 *     [ %s"Report-ID:" 1*FWS ridtxt ]               RFC 9990 3.5.2 */
static void
add_subject(struct build *build, const struct report_mail *mail)
{
	struct build value;

	build_init(&value, VALUE_MAX);
	build_cstr(&value, "Report Domain: ");
	add_domain(&value, mail->policy_domain);
	build_cstr(&value, " Submitter: ");
	add_domain(&value, mail->receiver);
	build_cstr(&value, " Report-ID: <");
	add_id(&value, mail->metadata->report_id);
	build_byte(&value, '>');
	add_field(build, "Subject", &value);
}

static void
add_date_and_id(struct build *build, const struct report_mail *mail)
{
	struct build value;

	build_init(&value, VALUE_MAX);
	date_write_mail(&value, mail->date);
	add_field(build, "Date", &value);
	build_byte(&value, '<');
	add_id(&value, mail->metadata->report_id);
	build_byte(&value, '@');
	add_domain(&value, mail->receiver);
	build_byte(&value, '>');
	add_field(build, "Message-ID", &value);
}

/* "=_" stands in no base64 and in no line of add_words. */
static void
make_boundary(struct build *boundary, const struct report_mail *mail)
{
	build_init(boundary, VALUE_MAX);
	build_cstr(boundary, "=_");
	add_id(boundary, mail->metadata->report_id);
}

static void
add_content_type(struct build *build, struct text boundary)
{
	struct build value;

	build_init(&value, VALUE_MAX);
	build_cstr(&value, "multipart/mixed; boundary=\"");
	build_text(&value, boundary);
	build_byte(&value, '"');
	add_field(build, "Content-Type", &value);
}

/* For people. */
static void
add_words(struct build *build, const struct report_mail *mail)
{
	mime_field(build, "Content-Type", TEXT("text/plain; charset=us-ascii"));
	mime_end_of_header(build);
	build_format(build, "This is a DMARC aggregate report (RFC %s).\r\n",
	    names_word(&report_format_names, (int)mail->format));
	build_cstr(build, "\r\nMail from: ");
	add_domain(build, mail->policy_domain);
	build_cstr(build, "\r\nSeen by:   ");
	add_domain(build, mail->receiver);
	build_cstr(build, "\r\nBegin:     ");
	date_write(build, mail->metadata->begin);
	build_cstr(build, "\r\nEnd:       ");
	date_write(build, mail->metadata->end);
	build_cstr(build,
	    "\r\n\r\nThe attached file says which servers sent mail in the"
	    " name of this domain,\r\nhow much, and whether it passed. The"
	    " domain's DMARC record asks for it in rua=.\r\n\r\n");
}

static void
add_attachment(struct build *build, const struct report_mail *mail)
{
	struct build name;

	build_init(&name, VALUE_MAX);
	add_file_name(
	    &name, mail->receiver, mail->policy_domain, mail->metadata);
	if (build_failed(&name))
		build->failed = true;
	else
		mime_attachment(
		    build, "application/gzip", build_view(&name), mail->gzip);
	build_free(&name);
}

static void
add_parts(struct build *build, const struct report_mail *mail)
{
	struct build boundary;

	make_boundary(&boundary, mail);
	add_content_type(build, build_view(&boundary));
	mime_end_of_header(build);
	mime_open_part(build, build_view(&boundary));
	add_words(build, mail);
	mime_open_part(build, build_view(&boundary));
	add_attachment(build, mail);
	mime_close(build, build_view(&boundary));
	if (build_failed(&boundary))
		build->failed = true;
	build_free(&boundary);
}

void
report_mail_write(struct build *build, const struct report_mail *mail)
{
	mime_field(build, "From", mail->from);
	mime_field(build, "To", mail->to);
	add_subject(build, mail);
	add_date_and_id(build, mail);
	/* RFC 3834 5: no vacation notice answers this. */
	mime_field(build, "Auto-Submitted", TEXT("auto-generated"));
	mime_field(build, "MIME-Version", TEXT("1.0"));
	add_parts(build, mail);
}
