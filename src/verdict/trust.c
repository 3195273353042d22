/* A line's key is its kind and what is looked up; the value is what must hold
 * besides. Networks are looked up once for each length that the file has. */
#include "verdict/trust.h"

#include "dkim/signed.h"
#include "dns/name.h"
#include "mail/token.h"

#include <stdio.h>

/* --- reading --- */

static struct ip
mask(struct ip ip, unsigned prefix)
{
	for (unsigned i = 0; i < sizeof ip.byte; i++) {
		unsigned kept = prefix > i * 8 ? prefix - i * 8 : 0;
		if (kept < 8)
			ip.byte[i] &= (uint8_t)(0xFF00U >> kept);
	}
	return ip;
}

static struct text
network_key(char key[ROSTER_KEY_MAX], const struct ip *ip, unsigned prefix)
{
	struct ip net = mask(*ip, prefix);
	char address[IP_TEXT_MAX];
	int len = snprintf(
	    key, ROSTER_KEY_MAX, "ip %s/%u", ip_cstr(&net, address), prefix);

	return (struct text){key, (size_t)len};
}

static bool
read_network(struct arena *arena, struct text word,
    struct roster_entry *ret_entry, const char **ret_why)
{
	char key[ROSTER_KEY_MAX];
	unsigned prefix;
	struct ip ip;

	*ret_why = "not an address or network";
	if (!ip_read_net(word, &ip, &prefix))
		return false;
	*ret_why = "this would trust everybody";
	ret_entry->key = arena_copy(arena, network_key(key, &ip, prefix));
	return prefix > 0;
}

/* RFC 2919 3: dot-atom-text. */
static bool
is_list_id(struct text id)
{
	for (size_t i = 0; i < id.len; i++) {
		int byte = (unsigned char)id.ptr[i];
		if (byte > 0x7F || (byte != '.' && !token_is_atext(byte)))
			return false;
	}
	return dns_name_is_valid(id); /* no empty part */
}

static bool
read_list_id(
    struct arena *arena, struct text word, struct roster_entry *ret_entry)
{
	if (text_starts(word, TEXT("*.")))
		word = text_slice(word, 1, word.len);
	size_t dot = text_starts(word, TEXT(".")) ? 1 : 0;
	ret_entry->key =
	    arena_join(arena, TEXT("list-id "), arena_lower(arena, word));
	return is_list_id(text_slice(word, dot, word.len));
}

static bool
is_signer(struct text word)
{
	return text_equal(word, TEXT("dkim")) || text_equal(word, TEXT("spf"));
}

/* "dkim .Example.org" becomes "dkim .example.org". */
static bool
read_signer(struct arena *arena, const struct text words[2],
    struct text *ret_signer, const char **ret_why)
{
	struct text pattern;

	*ret_why = "not a domain";
	if (!roster_read_pattern(arena, words[1], &pattern))
		return false;
	*ret_signer =
	    arena_join(arena, arena_join(arena, words[0], TEXT(" ")), pattern);
	return true;
}

static bool
read_sender(struct arena *arena, const struct roster_words *words,
    struct roster_entry *ret_entry, const char **ret_why)
{
	const struct text *word = words->at;
	bool is_list = text_equal(word[0], TEXT("list-id"));

	if (words->count == 2 && text_equal(word[0], TEXT("ip")))
		return read_network(arena, word[1], ret_entry, ret_why);
	if (words->count == 2 && is_signer(word[0]))
		return read_signer(arena, word, &ret_entry->key, ret_why);
	*ret_why = "not a List-Id";
	if (is_list && words->count == 2)
		return read_list_id(arena, word[1], ret_entry);
	if (is_list && words->count == 4 && is_signer(word[2]))
		return read_list_id(arena, word[1], ret_entry) &&
		       read_signer(arena, word + 2, &ret_entry->value, ret_why);
	*ret_why = "write ip ADDRESS[/BITS], dkim DOMAIN, spf DOMAIN or "
		   "list-id ID [dkim|spf DOMAIN]";
	return false;
}

/* Which lengths there are: their keys end with them. */
static void
note_prefixes(struct trust *trust)
{
	for (size_t i = 0; i < trust->roster.entries.count; i++) {
		struct text key = trust->roster.entries.at[i].key;
		size_t slash = text_find_last(key, '/');
		uint64_t prefix;
		if (text_starts(key, TEXT("ip ")) &&
		    text_to_number(
			text_slice(key, slash + 1, key.len), 128, &prefix))
			trust->has_prefix[text_has(key, ':')][prefix] = true;
	}
}

const struct trust *
trust_read(struct arena *arena, struct text text, const char *name,
    struct problem *ret_problem)
{
	struct trust *trust = arena_alloc(arena, sizeof *trust);

	if (trust == NULL) {
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	if (!roster_read(
		arena, text, name, read_sender, &trust->roster, ret_problem))
		return NULL;
	note_prefixes(trust);
	return trust;
}

/* --- finding --- */

static const struct roster_entry *
find_client(const struct trust *trust, const struct trust_sender *sender)
{
	struct ip client = ip_unmapped(sender->client);
	const struct roster_entry *line = NULL;
	char key[ROSTER_KEY_MAX];

	if (client.version == 0)
		return NULL;
	for (unsigned prefix = client.version == 4 ? 32 : 128;
	     prefix > 0 && line == NULL; prefix--)
		if (trust->has_prefix[client.version == 6][prefix])
			line = roster_find(
			    &trust->roster, network_key(key, &client, prefix));
	return line;
}

static const struct roster_entry *
find_signature(const struct trust *trust, const struct trust_sender *sender)
{
	const struct roster_entry *line = NULL;

	for (size_t i = 0; i < sender->dkim->count && line == NULL; i++)
		if (sender->dkim->at[i].result == DKIM_PASS)
			line = roster_find_domain(&trust->roster, TEXT("dkim "),
			    sender->dkim->at[i].domain);
	return line;
}

static const struct roster_entry *
find_mail_from(const struct trust *trust, const struct trust_sender *sender)
{
	return roster_find_domain(
	    &trust->roster, TEXT("spf "), sender->spf_domain);
}

/* What stands between "<" and ">" in the one List-Id field (RFC 2919 3); ""
 * without one. Of two, each reader would take another. */
static struct text
list_id_of(const struct mail_header *header)
{
	const struct mail_field *field =
	    mail_header_find(header, TEXT("List-Id"), 0);

	if (field == NULL || mail_header_count(header, field->name) != 1)
		return TEXT("");
	struct text id = text_trim(field->value);
	size_t from = text_find_last(id, '<');
	if (from == id.len || id.ptr[id.len - 1] != '>')
		return TEXT("");
	id = text_slice(id, from + 1, id.len - 1);
	return is_list_id(id) ? id : TEXT("");
}

/* Does DOMAIN, which DKIM or SPF (KIND) proved, vouch for the list ID? */
static bool
vouches(const struct roster_entry *line, struct text id, struct text kind,
    struct text domain)
{
	if (line->value.len == 0)
		return dns_name_is_at_or_below(id, domain);
	return text_starts(line->value, kind) &&
	       roster_pattern_matches(
		   text_slice(line->value, kind.len, line->value.len), domain);
}

/* A signature that leaves List-Id out says nothing of it: a real mail of one of
 * a host's lists could be made one of another. */
static bool
is_vouched(const struct roster_entry *line, struct text id,
    const struct trust_sender *sender)
{
	const struct dkim_results *dkim = sender->dkim;

	for (size_t i = 0; i < dkim->count; i++)
		if (dkim->at[i].result == DKIM_PASS &&
		    dkim_signed_has(
			dkim->at[i].signed_names, TEXT("List-Id")) &&
		    vouches(line, id, TEXT("dkim "), dkim->at[i].domain))
			return true;
	return vouches(line, id, TEXT("spf "), sender->spf_domain);
}

static const struct roster_entry *
find_list(const struct trust *trust, const struct trust_sender *sender)
{
	struct text id = list_id_of(sender->header);
	const struct roster_entry *line =
	    roster_find_domain(&trust->roster, TEXT("list-id "), id);

	while (line != NULL && !is_vouched(line, id, sender))
		line = roster_next(&trust->roster, line);
	return line;
}

const struct roster_entry *
trust_find(const struct trust *trust, const struct trust_sender *sender)
{
	static const struct roster_entry *(*const finders[])(
	    const struct trust *, const struct trust_sender *) = {
	    find_client, find_signature, find_mail_from, find_list};

	const struct roster_entry *line = NULL;

	for (size_t i = 0; i < sizeof finders / sizeof *finders && line == NULL;
	     i++)
		line = finders[i](trust, sender);
	return line;
}

bool
trust_is_list(const struct roster_entry *line)
{
	return text_starts(line->key, TEXT("list-id "));
}
