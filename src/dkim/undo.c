/* Plan: `ways` lists what may have been done to the body, each with a function
 * that writes the body as it was before. Their hashes are made once for each
 * canonicalization that is asked about. Where one is bh=, or the body matches
 * as it is, the header is tried: as it came and with its Subject tag cut off,
 * and with the Content-Transfer-Encoding that belongs to that body. */
#include "dkim/undo.h"

#include "dkim/encoding.h"
#include "dkim/signed.h"

#include "base/scan.h"

#include <string.h>

enum {
	FORMS = 2,
	/* Each byte can become three (quoted-printable), and lines get ends. */
	WRITTEN_MAX = 4 * DKIM_UNDO_BODY,
};

/* --- line ends --- */

/* Splits off a line and its end: CR LF, LF, or "" at the end of the body. A CR
 * alone is a byte like any other. */
static struct text
take_line(struct text *rest, struct text *ret_end)
{
	struct text all = *rest;
	struct text line = text_split(rest, '\n');
	bool has_lf = line.len < all.len;
	bool has_cr = has_lf && line.len > 0 && line.ptr[line.len - 1] == '\r';

	line.len -= has_cr;
	*ret_end = text_slice(all, line.len, line.len + has_cr + has_lf);
	return line;
}

static void
write_with_crlf(struct build *build, struct text body)
{
	struct text end;

	while (body.len > 0) {
		build_text(build, take_line(&body, &end));
		if (end.len > 0)
			build_text(build, TEXT("\r\n"));
	}
}

/* All but the last, which the end of SMTP's DATA asks for. */
static void
write_with_lf(struct build *build, struct text body)
{
	struct text end;

	while (body.len > 0) {
		build_text(build, take_line(&body, &end));
		build_text(build, body.len > 0 ? TEXT("\n") : end);
	}
}

static void
write_trimmed(struct build *build, struct text body)
{
	struct text end;

	while (body.len > 0) {
		struct text line = take_line(&body, &end);
		while (line.len > 0 && is_wsp(line.ptr[line.len - 1]))
			line.len--;
		build_text(build, line);
		build_text(build, end);
	}
}

/* The space of "-- " (RFC 3676 4.3) gets lost where line ends are trimmed. */
static void
write_delimiter(struct build *build, struct text body)
{
	struct text end;

	while (body.len > 0) {
		struct text line = take_line(&body, &end);
		build_text(build, line);
		if (text_equal(line, TEXT("--")))
			build_byte(build, ' ');
		build_text(build, end);
	}
}

/* --- what may have been done --- */

struct way {
	enum dkim_change change;
	enum dkim_encoding to; /* CHANGE is the encoding */
	void (*write)(struct build *build, struct text body); /* or not */
};

static const struct way ways[] = {
    {DKIM_CHANGE_LINES, DKIM_7BIT, write_with_crlf},
    {DKIM_CHANGE_LINES, DKIM_7BIT, write_with_lf},
    {DKIM_CHANGE_LINES, DKIM_7BIT, write_trimmed},
    {DKIM_CHANGE_LINES, DKIM_7BIT, write_delimiter},
    {DKIM_CHANGE_ENCODING, DKIM_8BIT, NULL},
    {DKIM_CHANGE_ENCODING, DKIM_7BIT, NULL},
    {DKIM_CHANGE_ENCODING, DKIM_BASE64, NULL},
    {DKIM_CHANGE_ENCODING, DKIM_QUOTED_PRINTABLE, NULL},
};

enum { WAYS = sizeof ways / sizeof *ways };

/* The body's hashes, each way, in one canonicalization. */
struct hashes {
	bool made;
	bool has[WAYS];
	struct sha256 digest[WAYS];
};

struct dkim_undo {
	struct arena *arena;
	const struct mail_header *header;
	struct build body;
	struct hashes hashes[FORMS];
	/* A copy to be changed, and put back. */
	struct mail_header edited;
	bool has_read; /* the header, for what follows */
	/* Where they stand; NULL: not there, or not once. */
	const struct mail_field *subject;
	const struct mail_field *type_field;
	const struct mail_field *encoding_field;
	enum dkim_encoding encoding; /* as received */
	bool can_recode;
	bool can_edit;
};

/* --- the message --- */

static const struct mail_field *
find_only(const struct mail_header *header, struct text name)
{
	if (mail_header_count(header, name) != 1)
		return NULL;
	return mail_header_find(header, name, 0);
}

/* Of multiparts and messages the encoding says nothing (RFC 2045 6.4), and
 * readers differ in what they make of it. */
static bool
has_text_only(const struct dkim_undo *undo)
{
	if (undo->type_field == NULL)
		return mail_header_find(
			   undo->header, TEXT("Content-Type"), 0) == NULL;
	return text_starts_nocase(
	    text_trim(undo->type_field->value), TEXT("text/"));
}

struct dkim_undo *
dkim_undo_new(struct arena *arena, const struct mail_header *header)
{
	struct dkim_undo *undo = arena_alloc(arena, sizeof *undo);

	if (undo == NULL)
		return NULL;
	undo->arena = arena;
	undo->header = header;
	build_init_arena(&undo->body, arena, DKIM_UNDO_BODY);
	return undo;
}

/* Only once something is broken: most messages pass. */
static void
read_header(struct dkim_undo *undo)
{
	const struct mail_header *header = undo->header;

	undo->has_read = true;
	undo->subject = find_only(header, TEXT("Subject"));
	undo->type_field = find_only(header, TEXT("Content-Type"));
	undo->encoding_field =
	    find_only(header, TEXT("Content-Transfer-Encoding"));
	undo->can_recode =
	    undo->encoding_field != NULL && has_text_only(undo) &&
	    dkim_encoding_read(undo->encoding_field->value, &undo->encoding);
	undo->can_edit = header->fields.count <= DKIM_UNDO_FIELDS &&
			 header->bytes <= DKIM_UNDO_HEADER;
}

void
dkim_undo_feed(struct dkim_undo *undo, struct text piece)
{
	build_text(&undo->body, piece);
}

/* --- hashes of the body --- */

static void
feed_hash(void *context, struct text piece)
{
	crypto_hash_feed(context, piece);
}

static bool
hash_body(struct arena *arena, struct text body, enum dkim_canonicalization how,
    struct sha256 *ret_digest)
{
	struct crypto_hash *hash = crypto_hash_new(arena);
	struct dkim_canonical_body canonical;

	if (hash == NULL)
		return false;
	dkim_canonical_body_init(&canonical, how, feed_hash, hash);
	dkim_canonical_body_feed(&canonical, body);
	dkim_canonical_body_finish(&canonical);
	return crypto_hash_finish(hash, ret_digest);
}

static bool
write_way(struct build *build, const struct way *way, struct text body,
    const struct text *decoded)
{
	if (way->write == NULL)
		return decoded != NULL && dkim_encode(build, *decoded, way->to);
	way->write(build, body);
	return true;
}

static void
make_hashes(struct dkim_undo *undo, enum dkim_canonicalization how)
{
	struct hashes *hashes = &undo->hashes[how];
	struct text body = build_view(&undo->body);
	struct text decoded;
	struct build build;

	hashes->made = true;
	if (build_failed(&undo->body))
		return; /* too long to be kept */
	bool can_decode = undo->can_recode && dkim_decode(undo->arena, body,
						  undo->encoding, &decoded);
	build_init(&build, WRITTEN_MAX);
	for (size_t i = 0; i < WAYS; i++) {
		build_cut(&build, 0);
		hashes->has[i] = write_way(&build, &ways[i], body,
				     can_decode ? &decoded : NULL) &&
				 !build_failed(&build) &&
				 hash_body(undo->arena, build_view(&build), how,
				     &hashes->digest[i]);
	}
	build_free(&build);
}

static bool
way_matches(
    struct dkim_undo *undo, size_t way, const struct dkim_signature *signature)
{
	struct hashes *hashes = &undo->hashes[signature->body];

	if (!hashes->made)
		make_hashes(undo, signature->body);
	return hashes->has[way] &&
	       memcmp(hashes->digest[way].byte, signature->body_hash.byte,
		   SHA256_SIZE) == 0;
}

/* --- footers --- */

/* Is TAIL up to AT the end of a canonical body? That is: a line end, and not
 * the end of an empty line, since empty lines at the end are not part of the
 * form (RFC 6376 3.4.3, 3.4.4); the cut before them is tried in its turn. A
 * line end whose line begins before the tail is not known to be of either kind.
 * An empty body is not tried: all would be the footer. */
static bool
is_cut_point(const struct dkim_form *form, struct text tail, size_t at)
{
	if (!text_equal(text_slice(tail, at - 2, at), TEXT("\r\n")))
		return false;
	if (at >= 4)
		return !text_equal(
		    text_slice(tail, at - 4, at - 2), TEXT("\r\n"));
	return at == 3 && !form->is_cut;
}

bool
dkim_undo_footer(
    const struct dkim_form *form, const struct dkim_signature *signature)
{
	struct text tail = {form->tail, form->tail_len};
	unsigned tried = 0;

	if (form->whole == NULL || signature->has_length)
		return false;
	/* The end itself is no cut: something must have been appended. */
	for (size_t at = tail.len; at-- > 2 && tried < DKIM_UNDO_LINES;) {
		struct sha256 digest;
		if (!is_cut_point(form, tail, at))
			continue;
		tried++;
		if (crypto_hash_finish_with(
			form->whole, text_slice(tail, 0, at), &digest) &&
		    memcmp(digest.byte, signature->body_hash.byte,
			SHA256_SIZE) == 0)
			return true;
	}
	return false;
}

/* --- the header --- */

/* A tag may not say much, nor be a name that programs make a link of, nor a
 * telephone number. */
static bool
is_tag_byte(int byte)
{
	return is_alnum(byte) || byte == '-' || byte == '_' || byte == ' ';
}

static size_t
count_digits(struct text text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += is_digit(text.ptr[i]);
	return count;
}

/* Takes "[tag]" and the white space after it. */
static bool
take_tag(struct scan *scan)
{
	if (!scan_byte(scan, '['))
		return false;
	struct text tag = scan_while(scan, is_tag_byte);
	return tag.len > 0 && tag.len <= DKIM_UNDO_TAG &&
	       count_digits(tag) <= DKIM_UNDO_TAG_DIGITS &&
	       scan_byte(scan, ']') && scan_while(scan, is_space).len > 0;
}

/* FIELD without the tag in front of its text, or behind the first "Re:". */
static bool
cut_tag(struct arena *arena, const struct mail_field *field, bool is_reply,
    struct mail_field *ret_field)
{
	struct scan scan = scan_text(field->value);

	(void)scan_while(&scan, is_space);
	if (is_reply) {
		if (!scan_word_nocase(&scan, TEXT("Re:")))
			return false;
		(void)scan_while(&scan, is_space);
	}
	size_t from = scan.at;
	if (!take_tag(&scan))
		return false;
	size_t value_at = field->raw.len - field->value.len;
	struct text raw = arena_join(arena,
	    text_slice(field->raw, 0, value_at + from), scan_rest(&scan));
	*ret_field = (struct mail_field){
	    raw, field->name, text_slice(raw, value_at, raw.len)};
	return true;
}

static struct mail_field
with_encoding(struct arena *arena, const struct mail_field *field,
    enum dkim_encoding encoding)
{
	struct scan scan = scan_text(field->value);
	size_t value_at = field->raw.len - field->value.len;

	(void)scan_while(&scan, is_space);
	struct text raw =
	    arena_join(arena, text_slice(field->raw, 0, value_at + scan.at),
		dkim_encoding_name(encoding));
	return (struct mail_field){
	    raw, field->name, text_slice(raw, value_at, raw.len)};
}

static void
put_field(struct dkim_undo *undo, const struct mail_field *place,
    struct mail_field field)
{
	undo->edited.fields.at[place - undo->header->fields.at] = field;
}

static bool
copy_header(struct dkim_undo *undo)
{
	const struct mail_header *header = undo->header;
	size_t count = header->fields.count;

	if (undo->edited.fields.at == NULL) {
		undo->edited = *header;
		undo->edited.fields.at =
		    arena_array(undo->arena, count, sizeof *header->fields.at);
	}
	if (undo->edited.fields.at == NULL)
		return false;
	memcpy(undo->edited.fields.at, header->fields.at,
	    count * sizeof *header->fields.at);
	return true;
}

/* One form of the message to be tried. */
struct attempt {
	const struct dkim_broken *broken;
	const struct way *way; /* NULL: the body needs none, or was cut */
	unsigned body_changes;
};

static bool
header_verifies(struct dkim_undo *undo, const struct attempt *attempt)
{
	struct dkim_signature signature = *attempt->broken->signature;
	struct dkim_signed fields;
	struct sha256 digest;

	signature.field =
	    &undo->edited.fields.at[signature.field - undo->header->fields.at];
	dkim_signed_find(&undo->edited, &signature, &fields);
	return dkim_signed_hash(undo->arena, &fields, &signature, &digest) &&
	       crypto_verify(attempt->broken->key, &digest,
		   signature.signature) == CRYPTO_GOOD;
}

/* The changes with which the signature verifies, 0 if none does. */
static unsigned
try_headers(struct dkim_undo *undo, const struct attempt *attempt)
{
	bool recodes = attempt->way != NULL &&
		       attempt->way->change == DKIM_CHANGE_ENCODING &&
		       attempt->way->to != undo->encoding;
	struct mail_field field;

	if (attempt->broken->header_verifies)
		return recodes ? 0 : attempt->body_changes;
	if (!undo->can_edit || !copy_header(undo))
		return 0;
	if (recodes)
		put_field(undo, undo->encoding_field,
		    with_encoding(
			undo->arena, undo->encoding_field, attempt->way->to));
	if (recodes && header_verifies(undo, attempt))
		return attempt->body_changes;
	for (int is_reply = 0; undo->subject != NULL && is_reply < 2;
	     is_reply++) {
		if (!cut_tag(undo->arena, undo->subject, is_reply, &field))
			continue;
		put_field(undo, undo->subject, field);
		if (header_verifies(undo, attempt))
			return attempt->body_changes | DKIM_CHANGE_SUBJECT;
	}
	return 0;
}

/* --- all together --- */

/* What the reader is shown after decoding depends on these two fields, so they
 * must be the author's for the text to be. Neither stands twice. */
static bool
signs_encoding(
    const struct dkim_undo *undo, const struct dkim_signature *signature)
{
	struct text h = signature->signed_names;

	return dkim_signed_has(h, TEXT("Content-Transfer-Encoding")) &&
	       (undo->type_field == NULL ||
		   dkim_signed_has(h, TEXT("Content-Type")));
}

/* A body that matches can be another one only by the name of its encoding. */
static bool
may_be(struct dkim_undo *undo, size_t way, const struct dkim_broken *broken)
{
	bool recodes = ways[way].change == DKIM_CHANGE_ENCODING;

	if (broken->body_matches &&
	    (!recodes || ways[way].to == undo->encoding))
		return false;
	return way_matches(undo, way, broken->signature) &&
	       (!recodes || signs_encoding(undo, broken->signature));
}

static unsigned
find_way(struct dkim_undo *undo, struct attempt *attempt)
{
	for (size_t i = 0; i < WAYS; i++) {
		if (!may_be(undo, i, attempt->broken))
			continue;
		attempt->way = &ways[i];
		attempt->body_changes = ways[i].change;
		unsigned changes = try_headers(undo, attempt);
		if (changes != 0)
			return changes;
	}
	return 0;
}

unsigned
dkim_undo_find(struct dkim_undo *undo, const struct dkim_broken *broken)
{
	struct attempt attempt = {.broken = broken};

	/* With l= anything may stand behind what is signed, and what is not
	 * signed may stand above it. */
	if (broken->signature->has_length || broken->is_covered)
		return 0;
	if (!undo->has_read)
		read_header(undo);
	unsigned changes =
	    broken->body_matches ? try_headers(undo, &attempt) : 0;
	if (changes == 0)
		changes = find_way(undo, &attempt);
	if (changes == 0 && !broken->body_matches &&
	    dkim_undo_footer(broken->form, broken->signature)) {
		attempt.way = NULL;
		attempt.body_changes = DKIM_CHANGE_FOOTER;
		changes = try_headers(undo, &attempt);
	}
	return changes;
}
