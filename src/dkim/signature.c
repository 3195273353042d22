/* Plan: the tag list gives names and values; the table RULES says for each tag
 * whether it must be there and which function reads its value. All rules are
 * run even after one has failed, so that a report can name whose signature it
 * was; the first failure is the reason. */
#include "dkim/signature.h"

#include "base/base64.h"
#include "base/scan.h"
#include "dns/name.h"
#include "mail/taglist.h"

enum {
	LENGTH_DIGITS_MAX = 76, /* 3.5, l= */
	TIME_DIGITS_MAX = 12,   /* 3.5, t= and x=: more is infinite */
	B_LETTERS = 8,          /* RFC 6008 3 */
};

struct reader {
	struct arena *arena;
	struct dkim_signature *signature;
	const char *reason; /* a rule's own, more precise one */
};

/* 3.2 wants values compared as written where nothing else is said. The ABNF of
 * these words says quoted strings, which are of any case, and signers exist
 * that use it. */
static bool
is_word(struct text value, const char *word)
{
	return text_equal_nocase(value, text_from_cstr(word));
}

/* --- names --- */

static bool
read_name(struct arena *arena, struct text value, struct text *ret_name)
{
	struct text name;

	/* The grammar has no dot at the end, which dns_name_read allows. */
	if (value.len == 0 || value.ptr[value.len - 1] == '.' ||
	    !dns_name_read(arena, value, &name) || !dns_name_is_ldh(name))
		return false;
	*ret_name = name;
	return true;
}

/* sig-d-tag   = %x64 [FWS] "=" [FWS] domain-name
 * domain-name = sub-domain 1*("." sub-domain) */
static bool
read_domain(struct reader *reader, struct text value)
{
	struct text name;

	if (!read_name(reader->arena, value, &name) ||
	    dns_name_labels(name) < 2)
		return false;
	reader->signature->domain = name;
	return true;
}

/* sig-s-tag = %x73 [FWS] "=" [FWS] selector
 * selector  = sub-domain *( "." sub-domain ) */
static bool
read_selector(struct reader *reader, struct text value)
{
	return read_name(reader->arena, value, &reader->signature->selector);
}

static struct text
without_space(struct arena *arena, struct text value)
{
	char *bytes = arena_alloc(arena, value.len + 1);
	size_t len = 0;

	for (size_t i = 0; bytes != NULL && i < value.len; i++) {
		if (!is_space(value.ptr[i]))
			bytes[len++] = value.ptr[i];
	}
	return bytes == NULL ? TEXT("") : (struct text){bytes, len};
}

/* dkim-quoted-printable (2.11): =XX is a byte. */
static bool
decode(struct arena *arena, struct text text, struct text *ret_text)
{
	struct scan scan = scan_text(text);
	char *bytes = arena_alloc(arena, text.len + 1);
	size_t len = 0;

	if (bytes == NULL)
		return false;
	while (!scan_at_end(&scan)) {
		int byte = scan_any(&scan);
		if (byte == '=') {
			int high = hex_value(scan_any(&scan));
			int low = hex_value(scan_any(&scan));
			if (high < 0 || low < 0)
				return false;
			byte = high << 4 | low;
		}
		bytes[len++] = (char)byte;
	}
	*ret_text = (struct text){bytes, len};
	return true;
}

/* sig-i-tag = %x69 [FWS] "=" [FWS] [ Local-part ] "@" domain-name
 *
 * A local part can be quoted and hold an "@"; a domain cannot. For the report
 * it stays encoded, so that no odd byte comes out of it. */
static bool
read_identity(struct reader *reader, struct text value)
{
	struct text identity = without_space(reader->arena, value);
	struct text decoded;
	struct text domain;

	if (!decode(reader->arena, identity, &decoded))
		return false;
	size_t at = text_find_last(decoded, '@');
	if (at == decoded.len ||
	    !read_name(reader->arena, text_slice(decoded, at + 1, decoded.len),
		&domain))
		return false;
	reader->signature->identity = identity;
	reader->signature->identity_domain = domain;
	return true;
}

/* --- words --- */

static bool
read_version(struct reader *reader, struct text value)
{
	(void)reader;
	return text_equal(value, TEXT("1"));
}

/* sig-a-tag-alg = sig-a-tag-k "-" sig-a-tag-h */
static bool
read_algorithm(struct reader *reader, struct text value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (!is_alnum(value.ptr[i]) && value.ptr[i] != '-')
			return false;
	}
	reader->signature->algorithm = value;
	if (is_word(value, "rsa-sha256"))
		reader->signature->crypto = CRYPTO_RSA_SHA256;
	else if (is_word(value, "ed25519-sha256")) /* RFC 8463 3 */
		reader->signature->crypto = CRYPTO_ED25519_SHA256;
	else {
		reader->reason = is_word(value, "rsa-sha1")
				     ? "rsa-sha1 is not accepted (RFC 8301 3.1)"
				     : "a= is unknown";
		return false;
	}
	return true;
}

static bool
read_form(struct text word, enum dkim_canonicalization *ret_form)
{
	if (is_word(word, "simple"))
		*ret_form = DKIM_SIMPLE;
	else if (is_word(word, "relaxed"))
		*ret_form = DKIM_RELAXED;
	else
		return false;
	return true;
}

/* sig-c-tag = %x63 [FWS] "=" [FWS] sig-c-tag-alg ["/" sig-c-tag-alg]
 *
 * The body's is simple when it is not named. */
static bool
read_canonicalization(struct reader *reader, struct text value)
{
	struct text body = value;
	struct text header = text_split(&body, '/');

	if (!read_form(header, &reader->signature->header))
		return false;
	return header.len == value.len ||
	       read_form(body, &reader->signature->body);
}

/* sig-q-tag = %x71 [FWS] "=" [FWS] sig-q-tag-method
 *             *([FWS] ":" [FWS] sig-q-tag-method)
 *
 * Methods that are not known are ignored. */
static bool
read_query(struct reader *reader, struct text value)
{
	(void)reader;
	while (value.len > 0) {
		if (is_word(text_trim(text_split(&value, ':')), "dns/txt"))
			return true;
	}
	return false;
}

/* --- numbers --- */

static bool
read_digits(struct text value, size_t max)
{
	for (size_t i = 0; i < value.len; i++) {
		if (!is_digit(value.ptr[i]))
			return false;
	}
	return value.len > 0 && value.len <= max;
}

/* sig-l-tag = %x6c [FWS] "=" [FWS] 1*76DIGIT */
static bool
read_length(struct reader *reader, struct text value)
{
	if (!read_digits(value, LENGTH_DIGITS_MAX))
		return false;
	reader->signature->has_length = true;
	if (!text_to_number(value, UINT64_MAX, &reader->signature->length))
		reader->signature->length = UINT64_MAX;
	return true;
}

static bool
read_time(struct text value, int64_t *ret_time)
{
	uint64_t time = INT64_MAX;

	if (!read_digits(value, DKIM_TAG_MAX))
		return false;
	if (value.len <= TIME_DIGITS_MAX &&
	    !text_to_number(value, INT64_MAX, &time))
		return false;
	*ret_time = (int64_t)time;
	return true;
}

/* sig-t-tag = %x74 [FWS] "=" [FWS] 1*12DIGIT */
static bool
read_timestamp(struct reader *reader, struct text value)
{
	reader->signature->has_timestamp = true;
	return read_time(value, &reader->signature->timestamp);
}

/* sig-x-tag = %x78 [FWS] "=" [FWS] 1*12DIGIT
 *
 * MUST be greater than t=, which RULES reads before. */
static bool
read_expiration(struct reader *reader, struct text value)
{
	struct dkim_signature *signature = reader->signature;

	signature->has_expiration = true;
	if (!read_time(value, &signature->expiration))
		return false;
	return !signature->has_timestamp ||
	       signature->expiration > signature->timestamp ||
	       signature->expiration == INT64_MAX;
}

/* --- lists and data --- */

/* ftext (RFC 5322 3.6.8); the colon is not among the bytes we get. */
static bool
is_field_name(struct text name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (!is_printable((unsigned char)name.ptr[i]))
			return false;
	}
	return name.len > 0;
}

/* sig-h-tag = %x68 [FWS] "=" [FWS] hdr-name *( [FWS] ":" [FWS] hdr-name )
 *
 * From must be among them (5.4). */
static bool
read_signed_names(struct reader *reader, struct text value)
{
	struct text rest = value;
	bool has_from = false;
	size_t count = 0;

	for (bool more = true; more; count++) {
		more = text_has(rest, ':');
		struct text name = text_trim(text_split(&rest, ':'));
		if (count == DKIM_SIGNED_NAMES_MAX) {
			reader->reason = "h= has too many names";
			return false;
		}
		if (!is_field_name(name))
			return false;
		has_from = has_from || is_word(name, "from");
	}
	reader->signature->signed_names = value;
	if (!has_from)
		reader->reason = "h= has no From";
	return has_from;
}

static bool
read_body_hash(struct reader *reader, struct text value)
{
	struct sha256 *hash = &reader->signature->body_hash;
	struct text bytes;

	if (!base64_read(reader->arena, value, &bytes) ||
	    bytes.len != SHA256_SIZE)
		return false;
	for (size_t i = 0; i < SHA256_SIZE; i++)
		hash->byte[i] = (unsigned char)bytes.ptr[i];
	return true;
}

static struct text
first_letters(struct arena *arena, struct text value)
{
	char letters[B_LETTERS];
	size_t count = 0;

	for (size_t i = 0; i < value.len && count < sizeof letters; i++) {
		if (!is_space(value.ptr[i]))
			letters[count++] = value.ptr[i];
	}
	return arena_copy(arena, (struct text){letters, count});
}

static bool
read_b(struct reader *reader, struct text value)
{
	struct dkim_signature *signature = reader->signature;

	signature->b = first_letters(reader->arena, value);
	return base64_read(reader->arena, value, &signature->signature) &&
	       signature->signature.len > 0;
}

/* --- the field --- */

static const struct rule {
	const char *tag;
	bool (*read)(struct reader *reader, struct text value);
	const char *malformed;
	const char *missing; /* NULL: it need not be there */
} rules[] = {
    {"d", read_domain, "d= is no domain name", "d= is missing"},
    {"s", read_selector, "s= is no selector", "s= is missing"},
    {"i", read_identity, "i= is malformed", NULL},
    {"a", read_algorithm, "a= is malformed", "a= is missing"},
    {"v", read_version, "v= is not 1", "v= is missing"},
    {"b", read_b, "b= is malformed", "b= is missing"},
    {"bh", read_body_hash, "bh= is no SHA-256 hash", "bh= is missing"},
    {"c", read_canonicalization, "c= is unknown", NULL},
    {"h", read_signed_names, "h= is malformed", "h= is missing"},
    {"l", read_length, "l= is malformed", NULL},
    {"q", read_query, "q= has no method that is known", NULL},
    {"t", read_timestamp, "t= is malformed", NULL},
    {"x", read_expiration, "x= is malformed or not after t=", NULL},
};

/* What is wrong, or NULL. */
static const char *
run_rule(
    const struct rule *rule, struct reader *reader, const struct taglist *list)
{
	const struct tag *tag = taglist_find(list, text_from_cstr(rule->tag));

	if (tag == NULL)
		return rule->missing;
	/* h= is not copied, so its names' own limit is enough. */
	if (tag->value.len > DKIM_TAG_MAX && rule->read != read_signed_names)
		return rule->malformed;
	reader->reason = rule->malformed;
	return rule->read(reader, tag->value) ? NULL : reader->reason;
}

static const char *
run_rules(struct reader *reader, const struct taglist *list)
{
	const char *problem = NULL;

	if (list->has_error)
		problem = "malformed tag list";
	if (list->has_duplicate) /* 3.2 */
		problem = "a tag stands twice";
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		const char *found = run_rule(&rules[i], reader, list);
		if (problem == NULL)
			problem = found;
	}
	return problem;
}

/* 6.1.1: d= is the same as i='s domain, or a parent of it. */
static bool
finish_identity(struct arena *arena, struct dkim_signature *signature)
{
	if (signature->identity.len == 0) {
		signature->identity =
		    arena_join(arena, TEXT("@"), signature->domain);
		signature->identity_domain = signature->domain;
	}
	return dns_name_is_at_or_below(
	    signature->identity_domain, signature->domain);
}

/* The query is the selector, "._domainkey." and the domain (3.6.2.1). */
static bool
has_query_name(const struct dkim_signature *signature)
{
	return signature->selector.len + sizeof "._domainkey." - 1 +
		   signature->domain.len <=
	       DNS_NAME_MAX;
}

static const char *
read_field(struct arena *arena, struct dkim_signature *signature)
{
	struct reader reader = {.arena = arena, .signature = signature};
	struct taglist list = {0};

	if (!taglist_read(arena, signature->field->value, &list))
		return "malformed tag list";
	const char *problem = run_rules(&reader, &list);
	if (problem != NULL)
		return problem;
	const struct tag *b = taglist_find(&list, TEXT("b"));
	signature->b_at = b->value_at;
	signature->b_len = b->value_len;
	if (!finish_identity(arena, signature))
		return "i= is not in the domain of d=";
	return has_query_name(signature) ? NULL : "s= and d= are too long";
}

bool
dkim_signature_read(struct arena *arena, const struct mail_field *field,
    struct dkim_signature *ret_signature, const char **ret_reason)
{
	struct dkim_signature signature = {
	    .field = field,
	    .domain = TEXT(""),
	    .selector = TEXT(""),
	    .identity = TEXT(""),
	    .identity_domain = TEXT(""),
	    .algorithm = TEXT(""),
	    .signature = TEXT(""),
	    .b = TEXT(""),
	    .signed_names = TEXT(""),
	};
	const char *problem = read_field(arena, &signature);

	*ret_signature = signature;
	if (problem == NULL && !arena_failed(arena))
		return true;
	*ret_reason = problem != NULL ? problem : "no memory";
	return false;
}
