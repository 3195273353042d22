#include "dkim/key.h"

#include "base/base64.h"
#include "mail/taglist.h"

enum { RSA_BITS_MIN = 1024 }; /* RFC 8301 3.2 */

/* A colon-separated list; white space around its words. */
static bool
has_word(struct text list, struct text word)
{
	while (list.len > 0) {
		if (text_equal_nocase(text_trim(text_split(&list, ':')), word))
			return true;
	}
	return false;
}

static struct text
value_or(const struct taglist *list, struct text name, struct text otherwise)
{
	const struct tag *tag = taglist_find(list, name);

	return tag == NULL ? otherwise : tag->value;
}

/* 3.6.1: v= is the first tag if it is there at all, and DKIM1 exactly. */
static bool
has_right_version(const struct taglist *list)
{
	const struct tag *version = taglist_find(list, TEXT("v"));

	return version == NULL ||
	       (version == list->tags.at &&
		   text_equal(version->value, TEXT("DKIM1")));
}

/* What the record says about its use (3.6.1), or NULL if that is ours. */
static const char *
find_restriction(const struct taglist *list)
{
	struct text services = value_or(list, TEXT("s"), TEXT("*"));

	if (!has_word(
		value_or(list, TEXT("h"), TEXT("sha256")), TEXT("sha256")))
		return "the key is not for SHA-256";
	if (!has_word(services, TEXT("*")) &&
	    !has_word(services, TEXT("email")))
		return "the key is not for mail";
	return NULL;
}

/* --- p= --- */

static const struct key_type {
	const char *word; /* k= */
	enum crypto_result (*read)(struct arena *arena, struct text bytes,
	    struct crypto_key **ret_key);
	const char *broken;
} key_types[] = {
    {"rsa", crypto_key_read_rsa, "p= is no RSA key, or too large"},
    {"ed25519", crypto_key_read_ed25519, "p= is no Ed25519 key"},
    /* RFC 8463 4 */
};

static const char *
read_key(struct arena *arena, const struct key_type *type, struct text bytes,
    struct dkim_key *key)
{
	struct crypto_key *read = NULL;

	switch (type->read(arena, bytes, &read)) {
	case CRYPTO_BROKEN: return type->broken;
	case CRYPTO_UNABLE: key->unable = true; return "no memory";
	case CRYPTO_GOOD: break;
	}
	key->key = read;
	if (crypto_key_algorithm(read) == CRYPTO_RSA_SHA256 &&
	    crypto_key_bits(read) < RSA_BITS_MIN)
		return "the RSA key is shorter than 1024 bits (RFC 8301 3.2)";
	return NULL;
}

static const char *
read_public_key(
    struct arena *arena, const struct taglist *list, struct dkim_key *key)
{
	struct text type = value_or(list, TEXT("k"), TEXT("rsa"));
	const struct tag *data = taglist_find(list, TEXT("p"));
	struct text bytes;

	if (data == NULL)
		return "p= is missing";
	if (data->value.len == 0)
		return "the key is revoked";
	for (size_t i = 0; i < sizeof key_types / sizeof *key_types; i++) {
		if (!text_equal_nocase(type, text_from_cstr(key_types[i].word)))
			continue;
		if (!base64_read(arena, data->value, &bytes))
			return "p= is not base64";
		return read_key(arena, &key_types[i], bytes, key);
	}
	return "k= is unknown";
}

static const char *
read_record(struct arena *arena, struct text record, struct dkim_key *key)
{
	struct taglist list = {0};

	if (!taglist_read(arena, record, &list) || list.has_error)
		return "the key record is malformed";
	if (!has_right_version(&list))
		return "the record is not of DKIM1";
	if (list.has_duplicate)
		return "a tag stands twice in the key record";
	struct text flags = value_or(&list, TEXT("t"), TEXT(""));
	key->is_testing = has_word(flags, TEXT("y"));
	key->is_strict = has_word(flags, TEXT("s"));
	const char *problem = find_restriction(&list);
	return problem != NULL ? problem : read_public_key(arena, &list, key);
}

struct dkim_key
dkim_key_read(struct arena *arena, struct text record)
{
	struct dkim_key key = {0};

	key.problem = read_record(arena, record, &key);
	if (key.problem == NULL && arena_failed(arena))
		key.problem = "no memory";
	if (key.problem != NULL)
		key.key = NULL;
	return key;
}

const void *
dkim_keys_parse(struct arena *arena, const struct dns_answer *answer)
{
	size_t count =
	    answer->count < DKIM_KEYS_MAX ? answer->count : DKIM_KEYS_MAX;
	struct dkim_keys *keys = arena_alloc(arena, sizeof *keys);
	struct dkim_key *at = arena_array(arena, count, sizeof *at);

	if (keys == NULL || at == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		at[i] = dkim_key_read(arena, answer->records[i].text);
		if (at[i].unable)
			return NULL;
	}
	/* What memory ran out for is no judgement about the keys. */
	if (arena_failed(arena))
		return NULL;
	*keys = (struct dkim_keys){count, at};
	return keys;
}
