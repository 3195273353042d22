/* Plan: the names of h= are sorted once, so that one walk over the header from
 * the bottom up finds all fields. Looking up name by name would let a large
 * header and a long h= multiply. */
#include "dkim/signed.h"

#include "dkim/canonical.h"

struct wanted {
	struct text name;
	size_t place; /* in h= */
};

struct wanted_names {
	struct wanted at[DKIM_SIGNED_NAMES_MAX];
	size_t count;
	/* At the first of equal names: how many of them have their field. */
	size_t taken[DKIM_SIGNED_NAMES_MAX];
};

/* Any order will do in which equal names, in any case, stand together. */
static int
compare_names(struct text a, struct text b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	for (size_t i = 0; i < a.len; i++) {
		char x = to_lower(a.ptr[i]);
		char y = to_lower(b.ptr[i]);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

/* Keeps the order of equal names. */
static void
insert_name(struct wanted_names *names, struct text name)
{
	size_t at = names->count;

	while (at > 0 && compare_names(names->at[at - 1].name, name) > 0) {
		names->at[at] = names->at[at - 1];
		at--;
	}
	names->at[at] = (struct wanted){name, names->count};
	names->count++;
}

static void
read_names(struct text h, struct wanted_names *ret_names)
{
	ret_names->count = 0;
	while (h.len > 0 && ret_names->count < DKIM_SIGNED_NAMES_MAX)
		insert_name(ret_names, text_trim(text_split(&h, ':')));
	for (size_t i = 0; i < ret_names->count; i++)
		ret_names->taken[i] = 0;
}

/* The first of the names that equal NAME, or COUNT. */
static size_t
find_name(const struct wanted_names *names, struct text name)
{
	size_t from = 0;
	size_t to = names->count;

	while (from < to) {
		size_t middle = (from + to) / 2;
		if (compare_names(names->at[middle].name, name) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	if (from < names->count &&
	    compare_names(names->at[from].name, name) == 0)
		return from;
	return names->count;
}

/* Of RFC 5322 3.6 and RFC 2045 those that readers show, or show others by. */
static bool
stands_once(struct text name)
{
	static const char *const once[] = {"From", "Sender", "Reply-To", "To",
	    "Cc", "Subject", "Date", "Content-Type",
	    "Content-Transfer-Encoding"};

	for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
		if (text_equal_nocase(name, text_from_cstr(once[i])))
			return true;
	}
	return false;
}

/* Gives FIELD its place in h=, if there is one left. */
static void
take_place(struct wanted_names *names, const struct mail_field *field,
    struct dkim_signed *ret_fields)
{
	size_t first = find_name(names, field->name);

	if (first == names->count)
		return;
	size_t next = first + names->taken[first];
	if (next < names->count &&
	    compare_names(names->at[next].name, field->name) == 0) {
		ret_fields->field[names->at[next].place] = field;
		names->taken[first]++;
	} else if (stands_once(field->name)) {
		ret_fields->is_covered = true;
	}
}

void
dkim_signed_find(const struct mail_header *header,
    const struct dkim_signature *signature, struct dkim_signed *ret_fields)
{
	struct wanted_names names;

	read_names(signature->signed_names, &names);
	ret_fields->count = names.count;
	ret_fields->is_covered = false;
	for (size_t i = 0; i < names.count; i++)
		ret_fields->field[i] = NULL;
	for (size_t i = header->fields.count; i > 0; i--) {
		const struct mail_field *field = &header->fields.at[i - 1];
		if (field != signature->field)
			take_place(&names, field, ret_fields);
	}
}

bool
dkim_signed_has(struct text signed_names, struct text name)
{
	bool has = false;

	while (signed_names.len > 0 && !has)
		has = text_equal_nocase(
		    text_trim(text_split(&signed_names, ':')), name);
	return has;
}

static void
feed_hash(void *context, struct text piece)
{
	crypto_hash_feed(context, piece);
}

bool
dkim_signed_hash(struct arena *arena, const struct dkim_signed *fields,
    const struct dkim_signature *signature, struct sha256 *ret_digest)
{
	struct crypto_hash *hash = crypto_hash_new(arena);

	if (hash == NULL)
		return false;
	for (size_t i = 0; i < fields->count; i++) {
		if (fields->field[i] != NULL)
			dkim_canonical_field(fields->field[i],
			    signature->header, feed_hash, hash);
	}
	dkim_canonical_own_field(signature, feed_hash, hash);
	return crypto_hash_finish(hash, ret_digest);
}
