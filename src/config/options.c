#include "config/options.h"

#include "dmarc/discover.h"
#include "report/aggregate.h"
#include "verdict/upstream.h"

#include <stddef.h>
#include <string.h>

static const char *const sync_words[] = {
    [JOURNAL_SYNC_NONE] = "none",
    [JOURNAL_SYNC_SECOND] = "second",
    [JOURNAL_SYNC_EACH] = "each",
};
static const struct names sync_names = NAMES(sync_words);

static const char *const log_format_words[] = {
    [CONFIG_LOG_TEXT] = "text",
    [CONFIG_LOG_JSON] = "json",
};
static const struct names log_format_names = NAMES(log_format_words);

static const char *const tls_words[] = {
    [CONFIG_TLS_NONE] = "none",
    [CONFIG_TLS_OPPORTUNISTIC] = "opportunistic",
    [CONFIG_TLS_REQUIRED] = "required",
};
static const struct names tls_names = NAMES(tls_words);

static const char *const facility_words[] = {"auth", "authpriv", "cron",
    "daemon", "ftp", "kern", "lpr", "mail", "news", "user", "uucp", "local0",
    "local1", "local2", "local3", "local4", "local5", "local6", "local7"};
const struct names config_facility_names = NAMES(facility_words);

enum { YEAR = 366 * 86400 };

#define AT(member) offsetof(struct config, member)

/* clang-format off */
const struct config_option config_options[] = {
    {"AlwaysDeliver", OPTION_BOOLEAN, OPTION_IDLE, AT(idle.always_deliver),
     NULL, 0, 0, NULL,
     "Not needed: Enforce monitor delivers always."},
    {"AuthenticationSource", OPTION_WORD, OPTION_RELOAD,
     AT(authentication_source), "self", 0, 0, &authentication_source_names,
     "Who checks SPF and DKIM: self, or headers to believe what a filter in "
     "front wrote into Authentication-Results."},
    {"AuthservID", OPTION_TEXT, OPTION_RELOAD, AT(authserv_id), "HOSTNAME", 0,
     0, NULL,
     "First word of the Authentication-Results fields that we add; forged "
     "fields bearing it are removed. HOSTNAME is this host's name."},
    {"AuthservIDWithJobID", OPTION_BOOLEAN, OPTION_RELOAD,
     AT(authserv_id_with_job_id), "no", 0, 0, NULL,
     "Write the queue id behind AuthservID, after a slash."},
    {"AutoRestart", OPTION_BOOLEAN, OPTION_IDLE, AT(idle.auto_restart), NULL,
     0, 0, NULL,
     "Not needed: what fails is always started again."},
    {"AutoRestartCount", OPTION_NUMBER, OPTION_IDLE,
     AT(idle.auto_restart_count), NULL, 0, INT32_MAX, NULL,
     "Not needed: see AutoRestart."},
    {"AutoRestartRate", OPTION_TEXT, OPTION_IDLE, AT(idle.auto_restart_rate),
     NULL, 0, 0, NULL,
     "Not needed: pauses between restarts grow up to a minute."},
    {"Background", OPTION_BOOLEAN, OPTION_IDLE, AT(background), "yes", 0, 0,
     NULL,
     "Only when called as opendmarc: leave the terminal once it works."},
    {"BaseDirectory", OPTION_TEXT, OPTION_RELOAD, AT(base_directory), NULL, 0,
     0, NULL,
     "Where the files are whose names here do not begin with a slash."},
    {"ChangeRootDirectory", OPTION_TEXT, OPTION_IDLE,
     AT(idle.change_root_directory), NULL, 0, 0, NULL,
     "Not needed, and files are named by their path outside of it: the "
     "service manager confines dmarcd."},
    {"ClaimedIndirect", OPTION_WORD, OPTION_RELOAD, AT(claimed_indirect),
     "quarantine", 0, 0, &claimed_indirect_names,
     "With Enforce considered: what a message gets that should be rejected "
     "but claims, without proof, to come through a list or forwarder; "
     "quarantine needs HoldQuarantinedMessages."},
    {"ClaimKeep", OPTION_SECONDS, OPTION_RELOAD, AT(claim_keep), "1d", 60,
     YEAR, NULL,
     "How long an imported piece of history is kept and looked at again for "
     "entries of a late writer."},
    {"ControlSocket", OPTION_TEXT, OPTION_RESTART, AT(control_socket),
     "unix:/run/dmarcd/control", 0, 0, NULL,
     "Where dmarc status asks, mode 0660, group of UserID: unix:/path, or none. "
     "Not set: only if there is such a folder."},
    {"CopyFailuresTo", OPTION_TEXT, OPTION_RELOAD, AT(copy_failures_to), NULL,
     0, 0, NULL,
     "Further recipient of each message that fails a policy of quarantine or"
     " reject and is let through."},
    {"Database", OPTION_TEXT, OPTION_RELOAD, AT(database), NULL, 0, 0, NULL,
     "Where import stores what was judged: sqlite:/path or "
     "mysql://user@host/name. Without it nothing is imported or reported."},
    {"DiscoveryMethod", OPTION_WORD, OPTION_RELOAD, AT(discovery_method),
     "treewalk", 0, 0, &dmarc_method_names,
     "How the policy is found: treewalk (RFC 9989) or psl (RFC 7489)."},
    {"DMARCbisIgnorePct", OPTION_TEXT, OPTION_IDLE,
     AT(idle.dmarcbis_ignore_pct), NULL, 0, 0, NULL,
     "Not needed: RFC 9989 has no pct."},
    {"DMARCbisWalkModeFallback", OPTION_TEXT, OPTION_IDLE,
     AT(idle.dmarcbis_walk_mode_fallback), NULL, 0, 0, NULL,
     "Not needed: DiscoveryMethod says how the policy is found."},
    {"DNSTimeout", OPTION_SECONDS, OPTION_RELOAD, AT(dns_timeout), "5", 0, 3600,
     NULL,
     "The most time one DNS question may take; what is not from 1 to 60 seconds "
     "counts as the nearer of them."},
    {"DomainWhitelist", OPTION_TEXT, OPTION_IDLE, AT(domain_whitelist), NULL,
     0, 0, NULL,
     "Does nothing yet: domains whose ARC seals would be believed."},
    {"DomainWhitelistFile", OPTION_FILE, OPTION_IDLE,
     AT(domain_whitelist_file), NULL, 0, 0, NULL,
     "Does nothing yet: file of domains like DomainWhitelist's."},
    {"DomainWhitelistSize", OPTION_NUMBER, OPTION_IDLE,
     AT(idle.domain_whitelist_size), NULL, 0, INT32_MAX, NULL,
     "Not needed: lists take the room that they need."},
    {"EnableCoredumps", OPTION_BOOLEAN, OPTION_IDLE, AT(idle.enable_coredumps),
     NULL, 0, 0, NULL,
     "Not needed: the service manager decides about core dumps."},
    {"Enforce", OPTION_WORD, OPTION_RELOAD, AT(enforce), NULL, 0, 0,
     &enforce_names,
     "How far policies are carried out: monitor, quarantine, considered or "
     "strict. Not set: strict with RejectFailures, else monitor."},
    {"ExpireDays", OPTION_NUMBER, OPTION_RELOAD, AT(expire_days), "60", 1,
     36500, NULL,
     "Stored data older than this, in days, is deleted; what somebody still "
     "waits for, when twice as old."},
    {"FailureReports", OPTION_BOOLEAN, OPTION_IDLE, AT(failure_reports), NULL,
     0, 0, NULL,
     "Does nothing yet: failure reports are not sent."},
    {"FailureReportsBcc", OPTION_TEXT, OPTION_IDLE, AT(failure_reports_bcc),
     NULL, 0, 0, NULL,
     "Does nothing yet: failure reports are not sent."},
    {"FailureReportsOnNone", OPTION_BOOLEAN, OPTION_IDLE,
     AT(failure_reports_on_none), NULL, 0, 0, NULL,
     "Does nothing yet: failure reports are not sent."},
    {"FailureReportsSentBy", OPTION_TEXT, OPTION_IDLE,
     AT(failure_reports_sent_by), NULL, 0, 0, NULL,
     "Does nothing yet: failure reports are not sent."},
    {"HistoryFile", OPTION_FILE, OPTION_RELOAD, AT(history_file), NULL, 0, 0,
     NULL,
     "Where an entry for each judged message is written."},
    {"HistorySync", OPTION_WORD, OPTION_RELOAD, AT(history_sync), "second", 0,
     0, &sync_names,
     "When history is forced to disk: none, second or each."},
    {"HoldQuarantinedMessages", OPTION_BOOLEAN, OPTION_RELOAD,
     AT(hold_quarantined_messages), "no", 0, 0, NULL,
     "Ask the MTA to hold quarantined messages; else they are delivered with"
     " X-DMARC-Disposition: quarantine."},
    {"IgnoreAuthenticatedClients", OPTION_BOOLEAN, OPTION_RELOAD,
     AT(ignore_authenticated_clients), "no", 0, 0, NULL,
     "Do not judge mail of clients that logged in (SMTP AUTH)."},
    {"IgnoreHosts", OPTION_FILE, OPTION_RELOAD, AT(ignore_hosts), NULL, 0, 0,
     NULL,
     "File of clients that are not judged: address, network, host or .domain"
     " a line, ! before it for an exception. Not set: loopback."},
    {"IgnoreMailFrom", OPTION_TEXT, OPTION_RELOAD, AT(ignore_mail_from), NULL,
     0, 0, NULL,
     "Authors' domains whose mail is not judged, comma-separated. Anybody "
     "can write such a From."},
    {"IgnoreMailTo", OPTION_TEXT, OPTION_RELOAD, AT(ignore_mail_to), NULL, 0,
     0, NULL,
     "Addresses of ours that get reports, comma-separated: mail whose To "
     "names one is judged but not recorded. Anybody can write such a To."},
    {"ImportInterval", OPTION_SECONDS, OPTION_RELOAD, AT(import_interval),
     "5m", 1, 86400, NULL,
     "How often dmarcd imports the history."},
    {"ImportSpool", OPTION_FILE, OPTION_RELOAD, AT(import_spool), NULL, 0, 0,
     NULL,
     "Folder where opendmarc-import keeps what it was given until it is "
     "stored. Not set: /var/lib/dmarcd/import, or one in /var/tmp."},
    {"LocalPolicy", OPTION_FILE, OPTION_RELOAD, AT(local_policy), NULL, 0, 0,
     NULL,
     "File of rules for messages that fail: an author's domain or .domain "
     "and none, quarantine or reject a line."},
    {"LogFormat", OPTION_WORD, OPTION_RELOAD, AT(log_format), "text", 0, 0,
     &log_format_names,
     "Lines of the log as text, or each as one object of JSON."},
    {"LogSPFDNS", OPTION_TEXT, OPTION_IDLE, AT(idle.log_spf_dns), NULL, 0, 0,
     NULL,
     "Not needed: dmarc verify --explain tells of each lookup."},
    {"MaxReportSize", OPTION_BYTES, OPTION_RELOAD, AT(max_report_size), "10m",
     100 * 1024, 25 * 1024 * 1024, NULL,
     "Bytes of a report's XML, before it is compressed: what would be larger "
     "is sent as several reports."},
    {"MessageTimeout", OPTION_SECONDS, OPTION_RELOAD, AT(message_timeout),
     "20", 1, 240, NULL,
     "The most time the checks of one message may wait for DNS."},
    {"MilterDebug", OPTION_NUMBER, OPTION_IDLE, AT(idle.milter_debug), NULL, 0,
     INT32_MAX, NULL,
     "Not needed: dmarcd speaks the milter protocol itself."},
    {"Nameservers", OPTION_TEXT, OPTION_RELOAD, AT(nameservers), NULL, 0, 0,
     NULL,
     "Resolvers to ask, as 192.0.2.1, 192.0.2.1:5353, [2001:db8::1]:53, "
     "comma-separated. Not set: those of /etc/resolv.conf."},
    {"NoReportsList", OPTION_FILE, OPTION_RELOAD, AT(no_reports_list), NULL, 0,
     0, NULL,
     "File of addresses and domains that never get a report, one a line."},
    {"OnTempError", OPTION_WORD, OPTION_RELOAD, AT(on_temperror), "defer", 0,
     0, &on_temperror_names,
     "What a message gets that cannot be judged for now though its author "
     "has a policy: defer (451) or accept."},
    {"PidFile", OPTION_FILE, OPTION_RESTART, AT(pid_file), NULL, 0, 0, NULL,
     "Where the process id is written."},
    {"PublicSuffixList", OPTION_FILE, OPTION_RELOAD, AT(public_suffix_list),
     NULL, 0, 0, NULL,
     "Suffix list for DiscoveryMethod psl. Not set: the system's."},
    {"QueryHosts", OPTION_TEXT, OPTION_RELOAD, AT(query_hosts), NULL, 0, 0,
     NULL,
     "Addresses and networks, comma-separated, that may ask on QuerySocket "
     "when it is inet."},
    {"QuerySocket", OPTION_TEXT, OPTION_RESTART, AT(query_socket), NULL, 0, 0,
     NULL,
     "Where Exim and others without milters ask: unix:/path."},
    {"QuerySocketGroup", OPTION_TEXT, OPTION_RESTART, AT(query_socket_group),
     NULL, 0, 0, NULL,
     "Group of the query socket, which has mode 0660. Not set: that of "
     "UserID."},
    {"QuerySpool", OPTION_TEXT, OPTION_RELOAD, AT(query_spool),
     "/var/spool/exim4, /var/spool/exim", 0, 0, NULL,
     "Folders, comma-separated, below which a client's message files are; "
     "Sandbox lets no other be read."},
    {"QueryUsers", OPTION_TEXT, OPTION_RELOAD, AT(query_users), NULL, 0, 0,
     NULL,
     "Users, comma-separated, that may ask on QuerySocket, beside root and "
     "UserID. Not set: whom its mode lets in."},
    {"ReadCanonicalizedData", OPTION_TEXT, OPTION_IDLE,
     AT(idle.read_canonicalized_data), NULL, 0, 0, NULL,
     "Not needed: messages are read as they came."},
    {"RecordAllMessages", OPTION_BOOLEAN, OPTION_RELOAD,
     AT(record_all_messages), "no", 0, 0, NULL,
     "Write history for domains without a policy too."},
    {"RejectFailures", OPTION_BOOLEAN, OPTION_RELOAD, AT(reject_failures),
     "no", 0, 0, NULL,
     "OpenDMARC's name for Enforce strict; Enforce goes before it."},
    {"RejectMultiValueFrom", OPTION_BOOLEAN, OPTION_RELOAD,
     AT(reject_multi_value_from), "no", 0, 0, NULL,
     "Refuse mail with several From fields or domains in it, even with "
     "Enforce monitor; considered and strict do anyway."},
    {"RejectString", OPTION_TEXT, OPTION_RELOAD, AT(reject_string),
     "rejected by DMARC policy for %s", 0, 0, NULL,
     "Text of a rejection; one %s is the author's domain."},
    {"ReportCommand", OPTION_TEXT, OPTION_IDLE, AT(report_command), NULL, 0,
     0, NULL,
     "Does nothing yet: failure reports are not sent."},
    {"ReportConnections", OPTION_NUMBER, OPTION_RELOAD,
     AT(report_connections), "10", 1, 100, NULL,
     "How many reports are sent at once."},
    {"ReportContact", OPTION_TEXT, OPTION_RELOAD, AT(report_contact), NULL, 0,
     0, NULL,
     "Additional contact, named in reports."},
    {"ReportDelay", OPTION_SECONDS, OPTION_RELOAD, AT(report_delay), "1h", 0,
     86400, NULL,
     "How long after a period's end its report is made."},
    {"ReportEmail", OPTION_TEXT, OPTION_RELOAD, AT(report_email), NULL, 0, 0,
     NULL,
     "Address that reports come from. Without it nothing is ever mailed."},
    {"ReportEnvelopeFrom", OPTION_TEXT, OPTION_RELOAD,
     AT(report_envelope_from), "<>", 0, 0, NULL,
     "Envelope sender of reports, where bounces go: an address, or <> for "
     "none."},
    {"ReportFormat", OPTION_WORD, OPTION_RELOAD, AT(report_format), "9990", 0,
     0, &report_format_names,
     "Reports are written as RFC 9990 has it, or as RFC 7489 had it: 9990 or "
     "7489."},
    {"ReportInterval", OPTION_SECONDS, OPTION_RELOAD, AT(report_interval),
     "24h", 3600, 86400, NULL,
     "Length of a report's period: whole hours dividing a day."},
    {"ReportOrg", OPTION_TEXT, OPTION_RELOAD, AT(report_org), NULL, 0, 0,
     NULL,
     "Our organization's name in reports. Not set: ReportEmail's domain."},
    {"ReportPasswordFile", OPTION_FILE, OPTION_RELOAD,
     AT(report_password_file), NULL, 0, 0, NULL,
     "File whose first line is ReportUser's password; not for everybody to "
     "read."},
    {"ReportSigningDomain", OPTION_TEXT, OPTION_RELOAD,
     AT(report_signing_domain), NULL, 0, 0, NULL,
     "Domain that signs our reports: ReportEmail's, as it is when this is not "
     "set, or one above or below it."},
    {"ReportSigningKey", OPTION_FILE, OPTION_RELOAD, AT(report_signing_key),
     NULL, 0, 0, NULL,
     "File of the private key, in PEM, that our reports are signed with "
     "(DKIM). Not set: the MTA signs them, or nobody."},
    {"ReportSigningSelector", OPTION_TEXT, OPTION_RELOAD,
     AT(report_signing_selector), NULL, 0, 0, NULL,
     "Selector under which the public half of ReportSigningKey is "
     "published."},
    {"ReportSpread", OPTION_SECONDS, OPTION_RELOAD, AT(report_spread), "1h",
     0, 86400, NULL,
     "Over what time after ReportDelay dmarcd spreads its reports, so that "
     "not all reporters send at once."},
    {"ReportTLS", OPTION_WORD, OPTION_RELOAD, AT(report_tls), "opportunistic",
     0, 0, &tls_names,
     "STARTTLS with ReportTransport smtp://: none, opportunistic (when "
     "offered, unproven) or required, with a certificate for its name."},
    {"ReportTLSCertificates", OPTION_FILE, OPTION_RELOAD,
     AT(report_tls_certificates), NULL, 0, 0, NULL,
     "File (PEM) of the authorities that may vouch for ReportTransport. Not "
     "set: the system's."},
    {"ReportTransport", OPTION_TEXT, OPTION_RELOAD, AT(report_transport),
     "smtp://127.0.0.1:25", 0, 0, NULL,
     "Who takes our reports: smtp://HOST:PORT, smtps://HOST:PORT or "
     "sendmail:/usr/sbin/sendmail."},
    {"ReportUser", OPTION_TEXT, OPTION_RELOAD, AT(report_user), NULL, 0, 0,
     NULL,
     "Name to log in with (AUTH) at ReportTransport."},
    {"RequiredFrom", OPTION_BOOLEAN, OPTION_RELOAD, AT(required_from), "no",
     0, 0, NULL,
     "Refuse mail without a From field, or with a malformed one, even with "
     "Enforce monitor; considered and strict do anyway."},
    {"RequiredHeaders", OPTION_BOOLEAN, OPTION_RELOAD, AT(required_headers),
     "no", 0, 0, NULL,
     "Refuse mail whose header lacks From or Date, or has a field more often"
     " than RFC 5322 allows, even with Enforce monitor."},
    {"Sandbox", OPTION_BOOLEAN, OPTION_RELOAD, AT(sandbox), "yes", 0, 0, NULL,
     "Take from filter and clerk, once they run, every file and system call "
     "that they do not need (Linux: landlock, seccomp)."},
    {"Socket", OPTION_TEXT, OPTION_RESTART, AT(socket), NULL, 0, 0, NULL,
     "Where the MTA connects: unix:/path or inet:port@host; several with "
     "commas."},
    {"SoftwareHeader", OPTION_BOOLEAN, OPTION_RELOAD, AT(software_header),
     "no", 0, 0, NULL,
     "Add a field DMARC-Filter that names this program, this host and the "
     "queue id."},
    {"SPFIgnoreResults", OPTION_BOOLEAN, OPTION_RELOAD,
     AT(spf_ignore_results), "no", 0, 0, NULL,
     "With AuthenticationSource headers: do not believe results of SPF, but "
     "check it here. With self it always is."},
    {"SPFSelfValidate", OPTION_BOOLEAN, OPTION_RELOAD, AT(spf_self_validate),
     "no", 0, 0, NULL,
     "With AuthenticationSource headers: check SPF here when nothing "
     "believed speaks of it. With self it always is."},
    {"Syslog", OPTION_BOOLEAN, OPTION_RELOAD, AT(syslog), "no", 0, 0, NULL,
     "Log to syslog instead of standard error."},
    {"SyslogFacility", OPTION_WORD, OPTION_RELOAD, AT(syslog_facility),
     "mail", 0, 0, &config_facility_names,
     "Under which facility."},
    {"TemporaryDirectory", OPTION_FILE, OPTION_IDLE,
     AT(idle.temporary_directory), NULL, 0, 0, NULL,
     "Not needed: dmarcd makes no temporary files."},
    {"TestDNSData", OPTION_FILE, OPTION_IDLE, AT(idle.test_dns_data), NULL, 0,
     0, NULL,
     "Not needed: ZoneFile and dmarc verify --zone are for tests."},
    {"TrustedAuthservIDs", OPTION_TEXT, OPTION_RELOAD,
     AT(trusted_authserv_ids), NULL, 0, 0, NULL,
     "Further names of ours: fields bearing them are removed too, or "
     "believed (AuthenticationSource)."},
    {"TrustedIndirect", OPTION_WORD, OPTION_RELOAD, AT(trusted_indirect),
     "quarantine", 0, 0, &trusted_indirect_names,
     "What a failing message gets at worst that comes from one of "
     "TrustedSenders: quarantine or accept."},
    {"TrustedSenders", OPTION_FILE, OPTION_RELOAD, AT(trusted_senders), NULL,
     0, 0, NULL,
     "File of lists and forwarders whose mail is not rejected: ip NETWORK, "
     "dkim DOMAIN, spf DOMAIN or list-id ID a line."},
    {"UMask", OPTION_NUMBER, OPTION_RESTART, AT(umask), "0007", 0, OPTION_MODE_MAX,
     NULL,
     "File mode creation mask, for the unix socket above all."},
    {"UserID", OPTION_TEXT, OPTION_RESTART, AT(user_id), NULL, 0, 0, NULL,
     "user or user:group to become after start."},
    {"Workers", OPTION_NUMBER, OPTION_RELOAD, AT(workers), "0", 0, 256, NULL,
     "Threads that judge mail; 0 is one for each processor."},
    {"ZoneFile", OPTION_FILE, OPTION_RELOAD, AT(zone_file), NULL, 0, 0, NULL,
     "Answer all DNS questions from this file (for tests and demos)."},
};
/* clang-format on */

const size_t config_options_count =
    sizeof config_options / sizeof *config_options;

/* Names of OpenDMARC before 1.4; the values are the same. */
static const struct {
	const char *former;
	const char *name;
} former_names[] = {
    {"ForensicReports", "FailureReports"},
    {"ForensicReportsBcc", "FailureReportsBcc"},
    {"ForensicReportsOnNone", "FailureReportsOnNone"},
    {"ForensicReportsSentBy", "FailureReportsSentBy"},
};

static struct text
current_name(struct text name)
{
	size_t count = sizeof former_names / sizeof *former_names;

	for (size_t i = 0; i < count; i++) {
		if (text_equal_nocase(
			name, text_from_cstr(former_names[i].former)))
			return text_from_cstr(former_names[i].name);
	}
	return name;
}

const struct config_option *
option_find(struct text name)
{
	name = current_name(name);
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

const struct config_option *
option_nearest(struct text name)
{
	const struct config_option *nearest = NULL;
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
