#include "config/options.h"

#include "dmarc/discover.h"
#include "verdict/upstream.h"

#include <stddef.h>
#include <string.h>

static const char *const sync_words[] = {
    [JOURNAL_SYNC_NONE] = "none",
    [JOURNAL_SYNC_SECOND] = "second",
    [JOURNAL_SYNC_EACH] = "each",
};
static const struct names sync_names = NAMES(sync_words);

enum { YEAR = 366 * 86400, MODE_MAX = 0777 };

#define AT(member) offsetof(struct config, member)

/* clang-format off */
const struct option config_options[] = {
    {"AuthenticationSource", OPTION_WORD, AT(authentication_source), "self",
     0, 0, &authentication_source_names,
     "Who checks SPF and DKIM: self, or headers to believe what a filter in "
     "front wrote into Authentication-Results."},
    {"AuthservID", OPTION_TEXT, AT(authserv_id), "HOSTNAME", 0, 0, NULL,
     "First word of the Authentication-Results fields that we add; forged "
     "fields bearing it are removed. HOSTNAME is this host's name."},
    {"AuthservIDWithJobID", OPTION_BOOLEAN, AT(authserv_id_with_job_id), "no",
     0, 0, NULL, "Write the queue id behind AuthservID, after a slash."},
    {"ClaimedIndirect", OPTION_WORD, AT(claimed_indirect), "quarantine", 0, 0,
     &claimed_indirect_names,
     "With Enforce considered: what a message gets that should be rejected "
     "but claims, without proof, to come through a list or forwarder; "
     "quarantine needs HoldQuarantinedMessages."},
    {"ClaimKeep", OPTION_SECONDS, AT(claim_keep), "1d", 60, YEAR, NULL,
     "How long an imported piece of history is kept and looked at again for "
     "entries of a late writer."},
    {"Database", OPTION_TEXT, AT(database), NULL, 0, 0, NULL,
     "Where import stores what was judged: sqlite:/path or "
     "mysql://user@host/name. Without it nothing is imported or reported."},
    {"DiscoveryMethod", OPTION_WORD, AT(discovery_method), "treewalk", 0, 0,
     &dmarc_method_names,
     "How the policy is found: treewalk (RFC 9989) or psl (RFC 7489)."},
    {"DNSTimeout", OPTION_SECONDS, AT(dns_timeout), "5", 1, 60, NULL,
     "The most time one DNS question may take."},
    {"Enforce", OPTION_WORD, AT(enforce), NULL, 0, 0, &enforce_names,
     "How far policies are carried out: monitor, quarantine, considered or "
     "strict. Not set: strict with RejectFailures, else monitor."},
    {"ExpireDays", OPTION_NUMBER, AT(expire_days), "60", 1, 36500, NULL,
     "Stored data older than this is deleted; a report that still waits "
     "to be sent, when twice as old."},
    {"HistoryFile", OPTION_TEXT, AT(history_file), NULL, 0, 0, NULL,
     "Where an entry for each judged message is written."},
    {"HistorySync", OPTION_WORD, AT(history_sync), "second", 0, 0,
     &sync_names,
     "When history is forced to disk: none, second or each."},
    {"HoldQuarantinedMessages", OPTION_BOOLEAN,
     AT(hold_quarantined_messages), "no", 0, 0, NULL,
     "Ask the MTA to hold quarantined messages; else they are delivered with "
     "X-DMARC-Disposition: quarantine."},
    {"IgnoreAuthenticatedClients", OPTION_BOOLEAN,
     AT(ignore_authenticated_clients), "no", 0, 0, NULL,
     "Do not judge mail of clients that logged in (SMTP AUTH)."},
    {"IgnoreHosts", OPTION_TEXT, AT(ignore_hosts), NULL, 0, 0, NULL,
     "File of clients that are not judged: address, network, host or .domain "
     "a line, ! before it for an exception. Not set: loopback."},
    {"ImportInterval", OPTION_SECONDS, AT(import_interval), "5m", 1, 86400,
     NULL, "How often dmarcd imports the history."},
    {"LocalPolicy", OPTION_TEXT, AT(local_policy), NULL, 0, 0, NULL,
     "File of rules for messages that fail: an author's domain or .domain and "
     "none, quarantine or reject a line."},
    {"MessageTimeout", OPTION_SECONDS, AT(message_timeout), "20", 1, 240,
     NULL, "The most time the checks of one message may wait for DNS."},
    {"Nameservers", OPTION_TEXT, AT(nameservers), NULL, 0, 0, NULL,
     "Resolvers to ask, as 192.0.2.1, 192.0.2.1:5353, [2001:db8::1]:53, "
     "comma-separated. Not set: those of /etc/resolv.conf."},
    {"OnTempError", OPTION_WORD, AT(on_temperror), "defer", 0, 0,
     &on_temperror_names,
     "What a message gets that cannot be judged for now though its author "
     "has a policy: defer (451) or accept."},
    {"PidFile", OPTION_TEXT, AT(pid_file), NULL, 0, 0, NULL,
     "Where the process id is written."},
    {"PublicSuffixList", OPTION_TEXT, AT(public_suffix_list), NULL, 0, 0,
     NULL, "Suffix list for DiscoveryMethod psl. Not set: the system's."},
    {"RecordAllMessages", OPTION_BOOLEAN, AT(record_all_messages), "no", 0, 0,
     NULL, "Write history for domains without a policy too."},
    {"RejectFailures", OPTION_BOOLEAN, AT(reject_failures), "no", 0, 0, NULL,
     "OpenDMARC's name for Enforce strict; Enforce goes before it."},
    {"RejectString", OPTION_TEXT, AT(reject_string),
     "rejected by DMARC policy for %s", 0, 0, NULL,
     "Text of a rejection; one %s is the author's domain."},
    {"ReportContact", OPTION_TEXT, AT(report_contact), NULL, 0, 0, NULL,
     "Additional contact, named in reports."},
    {"ReportDelay", OPTION_SECONDS, AT(report_delay), "1h", 0, 86400, NULL,
     "How long after a period's end its report is made."},
    {"ReportEmail", OPTION_TEXT, AT(report_email), NULL, 0, 0, NULL,
     "Address that reports come from. Without it nothing is ever mailed."},
    {"ReportInterval", OPTION_SECONDS, AT(report_interval), "24h", 3600,
     86400, NULL, "Length of a report's period: whole hours dividing a day."},
    {"ReportOrg", OPTION_TEXT, AT(report_org), NULL, 0, 0, NULL,
     "Our organization's name in reports. Not set: ReportEmail's domain."},
    {"ReportTransport", OPTION_TEXT, AT(report_relay), "smtp://127.0.0.1:25",
     0, 0, NULL, "Server that takes our reports: smtp:// or smtps:// URL."},
    {"Socket", OPTION_TEXT, AT(socket), NULL, 0, 0, NULL,
     "Where the MTA connects: unix:/path or inet:port@host; several with "
     "commas."},
    {"TrustedAuthservIDs", OPTION_TEXT, AT(trusted_authserv_ids), NULL, 0, 0,
     NULL, "Further names of ours: fields bearing them are removed too, or "
     "believed (AuthenticationSource)."},
    {"TrustedIndirect", OPTION_WORD, AT(trusted_indirect), "quarantine", 0, 0,
     &trusted_indirect_names,
     "What a failing message gets at worst that comes from one of "
     "TrustedSenders: quarantine or accept."},
    {"TrustedSenders", OPTION_TEXT, AT(trusted_senders), NULL, 0, 0, NULL,
     "File of lists and forwarders whose mail is not rejected: ip NETWORK, "
     "dkim DOMAIN, spf DOMAIN or list-id ID a line."},
    {"UMask", OPTION_NUMBER, AT(umask), "0007", 0, MODE_MAX, NULL,
     "File mode creation mask, for the unix socket above all."},
    {"UserID", OPTION_TEXT, AT(user_id), NULL, 0, 0, NULL,
     "user or user:group to become after start."},
    {"Workers", OPTION_NUMBER, AT(workers), "0", 0, 256, NULL,
     "Threads that judge mail; 0 is one for each processor."},
    {"ZoneFile", OPTION_TEXT, AT(zone_file), NULL, 0, 0, NULL,
     "Answer all DNS questions from this file (for tests and demos)."},
};
/* clang-format on */

const size_t config_options_count =
    sizeof config_options / sizeof *config_options;

const struct option *
option_find(struct text name)
{
	for (size_t i = 0; i < config_options_count; i++) {
		if (text_equal_nocase(
			name, text_from_cstr(config_options[i].name)))
			return &config_options[i];
	}
	return NULL;
}

enum { NAME_MAX_BYTES = 40 };

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Levenshtein's distance, letters in any case. */
static size_t
distance(struct text a, struct text b)
{
	size_t row[NAME_MAX_BYTES + 1];

	if (a.len > NAME_MAX_BYTES || b.len > NAME_MAX_BYTES)
		return NAME_MAX_BYTES;
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 0; i < a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < b.len; j++) {
			size_t same = to_lower(a.ptr[i]) == to_lower(b.ptr[j]);
			size_t replaced = diagonal + !same;
			diagonal = row[j + 1];
			row[j + 1] = min3(diagonal + 1, row[j] + 1, replaced);
		}
	}
	return row[b.len];
}

const struct option *
option_nearest(struct text name)
{
	const struct option *nearest = NULL;
	size_t least = name.len / 2 + 1;

	for (size_t i = 0; i < config_options_count; i++) {
		size_t away =
		    distance(name, text_from_cstr(config_options[i].name));
		if (away < least) {
			least = away;
			nearest = &config_options[i];
		}
	}
	return nearest;
}

static bool
read_boolean(struct text value, bool *ret_boolean)
{
	char letter = '\0';

	if (value.len > 0)
		letter = to_lower(value.ptr[0]);
	if (letter != '\0' && strchr("ty1", letter) != NULL) {
		*ret_boolean = true;
		return true;
	}
	*ret_boolean = false;
	return letter != '\0' && strchr("fn0", letter) != NULL;
}

/* C's notation: 0x… hexadecimal, 0… octal, else decimal. */
static bool
read_number(struct text value, uint64_t max, uint64_t *ret_number)
{
	uint64_t base = 10;
	uint64_t number = 0;

	if (text_starts_nocase(value, TEXT("0x"))) {
		base = 16;
		value = text_slice(value, 2, value.len);
	} else if (value.len > 1 && value.ptr[0] == '0') {
		base = 8;
	}
	for (size_t i = 0; i < value.len; i++) {
		int digit = hex_value((unsigned char)value.ptr[i]);
		if (digit < 0 || (uint64_t)digit >= base)
			return false;
		number = number * base + (uint64_t)digit;
		if (number > max)
			return false;
	}
	*ret_number = number;
	return value.len > 0;
}

static bool
read_seconds(struct text value, uint64_t max, uint64_t *ret_seconds)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};

	uint64_t unit = 1;

	for (size_t i = 0; value.len > 0 && i < 4; i++) {
		if (to_lower(value.ptr[value.len - 1]) == units[i].letter) {
			unit = units[i].seconds;
			value.len--;
			break;
		}
	}
	if (!text_to_number(value, max / unit, ret_seconds))
		return false;
	*ret_seconds *= unit;
	return true;
}

static struct text
list_words(struct arena *arena, const struct names *words)
{
	struct build list;

	build_init_arena(&list, arena, 1024);
	for (size_t i = 0; i < words->count; i++) {
		if (i > 0)
			build_cstr(
			    &list, i + 1 == words->count ? " or " : ", ");
		build_cstr(&list, words->word[i]);
	}
	return build_view(&list);
}

static bool
set_unsigned(const struct option *option, struct config *config,
    struct text value, struct text *ret_why)
{
	uint64_t number;
	bool is_time = option->type == OPTION_SECONDS;
	unsigned small;

	if ((is_time ? read_seconds : read_number)(
		value, option->max, &number) &&
	    number >= option->min) {
		small = (unsigned)number;
		memcpy((char *)config + option->offset, &small, sizeof small);
		return true;
	}
	if (option->max == MODE_MAX) {
		*ret_why = TEXT("an octal number from 0 to 0777");
		return false;
	}
	*ret_why = arena_format(config->arena, "a %s from %llu to %llu",
	    is_time ? "time (30, 30s, 5m, 2h, 1d) of seconds" : "number",
	    (unsigned long long)option->min, (unsigned long long)option->max);
	return false;
}

static bool
set_word(const struct option *option, struct config *config, struct text value,
    struct text *ret_why)
{
	int word = names_find(option->words, value);

	if (word < 0) {
		*ret_why = list_words(config->arena, option->words);
		return false;
	}
	memcpy((char *)config + option->offset, &word, sizeof word);
	return true;
}

bool
option_set(const struct option *option, struct config *config,
    struct text value, struct text *ret_why)
{
	void *member = (char *)config + option->offset;
	struct text copy;
	bool boolean;

	switch (option->type) {
	case OPTION_TEXT:
		copy = arena_copy(config->arena, value);
		memcpy(member, &copy, sizeof copy);
		return true;
	case OPTION_BOOLEAN:
		*ret_why = TEXT("yes or no");
		if (!read_boolean(value, &boolean))
			return false;
		memcpy(member, &boolean, sizeof boolean);
		return true;
	case OPTION_NUMBER:
	case OPTION_SECONDS:
		return set_unsigned(option, config, value, ret_why);
	case OPTION_WORD: return set_word(option, config, value, ret_why);
	}
	return false;
}
