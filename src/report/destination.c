#include "report/destination.h"

#include "base/scan.h"
#include "dns/name.h"

#include <assert.h>

/* RFC 5321 4.5.3.1. */
enum { ADDRESS_MAX = 254, LOCAL_PART_MAX = 64 };

/* How many records of a consent, and URIs of each, are looked at: a stranger
 * wrote them, and one is what is wanted. */
enum { CONFIRMATIONS_MAX = 10, OVERRIDES_MAX = 10 };

static const char *const status_words[] = {
    [DESTINATION_OK] = "ok",
    [DESTINATION_UNSUPPORTED] = "unsupported",
    [DESTINATION_MALFORMED] = "malformed",
    [DESTINATION_UNAUTHORIZED] = "unauthorized",
    [DESTINATION_TEMPERROR] = "temperror",
};
static_assert(
    sizeof status_words / sizeof *status_words == DESTINATION_TEMPERROR + 1,
    "a word for each status");
const struct names destination_status_names = NAMES(status_words);

static struct destination
refuse(enum destination_status status, const char *reason)
{
	return (struct destination){
	    .status = status, .reason = text_from_cstr(reason)};
}

static struct destination
malformed(const char *reason)
{
	return refuse(DESTINATION_MALFORMED, reason);
}

/* --- the URI --- */

static bool
is_scheme(int byte)
{
	return is_alnum(byte) || byte == '+' || byte == '-' || byte == '.';
}

/* RFC 9989 4.8: obs-dmarc-report-size = "!" 1*DIGIT [ "k" / "m" / "g" / "t" ]
 * in powers of 2^10 (RFC 7489 6.2, 6.4). What no number here can hold, and 0,
 * limits nothing. */
static bool
read_size(struct text size, uint64_t *ret_max)
{
	static const struct text units = {"kmgt", 4};
	struct scan scan = scan_text(size);
	struct text digits = scan_while(&scan, is_digit);
	uint64_t max = 0;
	unsigned shift = 0;

	if (!scan_at_end(&scan)) {
		size_t unit = text_find(units, to_lower((char)scan_any(&scan)));
		if (unit == units.len)
			return false;
		shift = 10 * (unsigned)(unit + 1);
	}
	if (digits.len == 0 || !scan_at_end(&scan))
		return false;
	(void)text_to_number(digits, UINT64_MAX >> shift, &max);
	*ret_max = max << shift;
	return true;
}

/* URI without its size, which goes to *MAX if there is one. */
static struct text
take_size(struct text uri, uint64_t *max)
{
	size_t at = text_find_last(uri, '!');

	return read_size(text_slice(uri, at + 1, uri.len), max)
		   ? text_slice(uri, 0, at)
		   : uri;
}

/* What is before the query or fragment (RFC 3986 3.4, 3.5). */
static struct text
path(struct text rest)
{
	struct text upto_fragment = text_split(&rest, '#');

	return text_split(&upto_fragment, '?');
}

/* RFC 3986 2.1: pct-encoded = "%" HEXDIG HEXDIG */
static bool
decode(struct arena *arena, struct text encoded, struct text *ret_text)
{
	struct scan scan = scan_text(encoded);
	struct build build;

	build_init_arena(&build, arena, encoded.len);
	while (!scan_at_end(&scan)) {
		int byte = scan_any(&scan);
		if (byte == '%') {
			int high = hex_value(scan_any(&scan));
			int low = hex_value(scan_any(&scan));
			if (high < 0 || low < 0)
				return false;
			byte = high << 4 | low;
		}
		build_byte(&build, (char)byte);
	}
	*ret_text = build_view(&build);
	return !build_failed(&build);
}

/* --- the address --- */

/* RFC 5322 3.2.3 */
static bool
is_atext(int byte)
{
	return is_alnum(byte) ||
	       (byte > 0 && text_has(TEXT("!#$%&'*+-/=?^_`{|}~"), (char)byte));
}

/* RFC 5321 4.1.2: Dot-string = Atom *("." Atom) */
static bool
take_dot_string(struct scan *scan)
{
	do {
		if (scan_while(scan, is_atext).len == 0)
			return false;
	} while (scan_byte(scan, '.'));
	return true;
}

/* Bytes that no mail system may take for anything else. */
static const char *
find_unsafe(struct text address)
{
	if (address.len > ADDRESS_MAX)
		return "the address is too long";
	if (address.len > 0 && address.ptr[0] == '-')
		return "the address begins with '-'";
	for (size_t i = 0; i < address.len; i++) {
		int byte = (unsigned char)address.ptr[i];
		if (!is_printable(byte))
			return "a space, a control or a byte above 126";
		if (byte == '<' || byte == '>')
			return "'<' or '>' in the address";
		/* One mailbox would have many names, and '@' several. */
		if (byte == '"')
			return "a quoted address";
	}
	return NULL;
}

/* A name of at least two labels, the last of which is not a number: neither a
 * local name nor an IPv4 address. */
static bool
read_host(struct arena *arena, struct text text, struct text *ret_host)
{
	struct text host;

	if (!dns_name_read(arena, text, &host) || !dns_name_is_ldh(host) ||
	    dns_name_labels(host) < 2)
		return false;
	struct scan top = scan_text(dns_name_tail(host, 1));
	(void)scan_while(&top, is_digit);
	if (scan_at_end(&top))
		return false;
	*ret_host = host;
	return true;
}

static struct destination
read_address(struct arena *arena, struct text address)
{
	const char *unsafe = find_unsafe(address);
	struct scan scan = scan_text(address);

	if (unsafe != NULL)
		return malformed(unsafe);
	if (!take_dot_string(&scan))
		return malformed("no address");
	struct text local = scan_since(&scan, 0);
	if (local.len > LOCAL_PART_MAX || !scan_byte(&scan, '@'))
		return malformed("no address");
	struct destination destination = {.status = DESTINATION_OK};
	if (!read_host(arena, scan_rest(&scan), &destination.host))
		return malformed("no host name after the '@'");
	destination.address = arena_join(
	    arena, arena_join(arena, local, TEXT("@")), destination.host);
	if (arena_failed(arena))
		return refuse(DESTINATION_TEMPERROR, "no memory");
	return destination;
}

struct destination
destination_read(struct arena *arena, struct text uri)
{
	struct scan scan = scan_text(uri);
	struct text scheme = scan_while(&scan, is_scheme);
	struct text address;
	uint64_t size_max = 0;

	if (scheme.len == 0 || !scan_byte(&scan, ':'))
		return malformed("no URI");
	if (!text_equal_nocase(scheme, TEXT("mailto")))
		return refuse(DESTINATION_UNSUPPORTED, "not a mailto: URI");
	struct text rest = take_size(scan_rest(&scan), &size_max);
	if (!decode(arena, path(rest), &address))
		return malformed("wrong percent-encoding");
	struct destination destination = read_address(arena, address);
	destination.size_max = size_max;
	return destination;
}

/* --- RFC 9990 4 --- */

struct verification {
	struct text policy_domain;
	struct destination *destination;
	struct dns_facts *facts;
	struct arena *arena;
	struct trace *trace;
};

static struct destination
decide(struct destination destination, enum destination_status status,
    const char *reason)
{
	destination.status = status;
	destination.reason = text_from_cstr(reason);
	return destination;
}

/* Adds the override URIs of all confirming RECORDS to *USABLE and *OTHERS;
 * false: one of them names another host. */
static bool
collect_overrides(const struct verification *verification,
    const struct dmarc_record *record, struct destination *first_usable,
    size_t *others)
{
	bool is_ruf = verification->destination->is_ruf;
	const struct text *uris = is_ruf ? record->ruf.at : record->rua.at;
	size_t count = is_ruf ? record->ruf.count : record->rua.count;

	for (size_t i = 0; i < count && i < OVERRIDES_MAX; i++) {
		struct destination override =
		    destination_read(verification->arena, uris[i]);
		override.is_ruf = is_ruf;
		if (override.status != DESTINATION_OK)
			++*others;
		else if (!dns_name_equal(
			     override.host, verification->destination->host))
			return false;
		else if (first_usable->address.len == 0)
			*first_usable = override;
	}
	return true;
}

/* Steps 6 to 9. */
static struct destination
judge_records(
    const struct verification *verification, const struct dns_answer *answer)
{
	struct destination asked = *verification->destination;
	struct destination override = {.status = DESTINATION_OK};
	size_t confirmations = 0;
	size_t others = 0;

	for (size_t i = 0;
	     i < answer->count && confirmations < CONFIRMATIONS_MAX; i++) {
		struct text text = answer->records[i].text;
		if (!dmarc_record_is_dmarc(text))
			continue;
		const struct dmarc_record *record =
		    dmarc_record_read(verification->arena, text);
		if (record == NULL)
			return decide(
			    asked, DESTINATION_TEMPERROR, "no memory");
		if (!collect_overrides(
			verification, record, &override, &others))
			return decide(asked, DESTINATION_UNAUTHORIZED,
			    "its host answers with an address elsewhere");
		confirmations++;
	}
	if (confirmations == 0)
		return decide(asked, DESTINATION_UNAUTHORIZED,
		    "its host has no v=DMARC1 record for this domain");
	if (override.address.len > 0)
		return override;
	/* There is one, so the old address is not meant any more. */
	if (others > 0)
		return decide(asked, DESTINATION_UNAUTHORIZED,
		    "its host answers with an address that cannot be used");
	return asked;
}

/* Steps 2 to 5. */
static struct destination
ask_host(const struct verification *verification)
{
	struct destination asked = *verification->destination;
	struct text name = arena_join(verification->arena,
	    arena_join(verification->arena, verification->policy_domain,
		TEXT("._report._dmarc.")),
	    asked.host);

	if (arena_failed(verification->arena))
		return decide(asked, DESTINATION_TEMPERROR, "no memory");
	if (!dns_name_is_valid(name))
		return decide(asked, DESTINATION_UNAUTHORIZED,
		    "the name to ask for its consent is too long");
	const struct dns_answer *answer =
	    dns_ask(verification->facts, name, DNS_TXT);
	trace_say(verification->trace,
	    "consent of the destination (RFC 9990 4): TXT " TEXT_FMT ": %s",
	    TEXT_ARG(name), names_word(&dns_status_names, (int)answer->status));
	if (answer->status == DNS_UNKNOWN || answer->status == DNS_FAILED)
		return decide(asked, DESTINATION_TEMPERROR,
		    "DNS failed for its host's consent");
	return judge_records(verification, answer);
}

static struct destination
verify(const struct verification *verification,
    const struct dmarc_options *options)
{
	struct destination asked = *verification->destination;
	struct text policy_org;
	struct text host_org;

	if (dns_name_equal(verification->policy_domain, asked.host))
		return asked;
	/* Both are asked before either is looked at: one round less. */
	bool known = dmarc_organizational_domain(verification->policy_domain,
	    options, verification->facts, verification->arena, &policy_org);
	known = dmarc_organizational_domain(asked.host, options,
		    verification->facts, verification->arena, &host_org) &&
		known;
	if (!known)
		return decide(asked, DESTINATION_TEMPERROR,
		    "DNS failed for its organizational domain");
	if (dns_name_equal(policy_org, host_org))
		return asked;
	return ask_host(verification);
}

bool
destination_check(struct destination *destination, struct text policy_domain,
    const struct dmarc_options *options, struct dns_facts *facts,
    struct arena *arena, struct trace *trace)
{
	const struct verification verification = {
	    .policy_domain = policy_domain,
	    .destination = destination,
	    .facts = facts,
	    .arena = arena,
	    .trace = trace};

	if (destination->status != DESTINATION_OK)
		return true;
	dns_facts_begin_pass(facts, DNS_SHARE_POLICY);
	trace_reset(trace);
	struct destination result = verify(&verification, options);
	if (dns_facts_missed(facts))
		return false;
	if (arena_failed(arena))
		result = decide(result, DESTINATION_TEMPERROR, "no memory");
	trace_say(trace, "report to " TEXT_FMT ": %s " TEXT_FMT,
	    TEXT_ARG(result.address),
	    names_word(&destination_status_names, (int)result.status),
	    TEXT_ARG(result.reason));
	*destination = result;
	return true;
}
