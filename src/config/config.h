/* Config: what dmarcd.conf (the format of opendmarc.conf) says. Read once,
 * never changed: a reload reads a new one. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "config/file.h"
#include "journal/journal.h"
#include "verdict/disposition.h"

#include "base/ip.h"

/* One line of IgnoreHosts: a network, or a host name (".example.org" for all
 * below it). */
struct config_host {
	struct ip ip; /* version 0: a name */
	unsigned prefix;
	struct text name;
	bool negated; /* "!": this one is not ignored after all */
};

/* A file that was read besides the configuration file: a list, a zone. */
struct config_file {
	const char *path;
	struct file_stamp known; /* as it was just before it was read */
	struct file_stamp seen;  /* for who watches it: at the last look */
};

struct config_files {
	VEC(struct config_file) list;
};

enum config_tls {
	CONFIG_TLS_NONE,
	CONFIG_TLS_OPPORTUNISTIC,
	CONFIG_TLS_REQUIRED,
};

enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };

/* syslog(3)'s words. */
extern const struct names config_facility_names;

struct config {
	struct arena *arena;        /* owns all texts */
	const char *path;           /* NULL: the built-in defaults alone */
	struct text lines;          /* of PATH */
	struct text overrides;      /* further lines, of the command line */
	struct config_files *files; /* still grows when a setup is made */
	bool *is_set;               /* for each row of config_options */
	/* Names are the options' in lower case; see options.c for each. */
	struct text host_name; /* this host's, lower case; not an option */
	int authentication_source;
	struct text authserv_id;
	bool authserv_id_with_job_id;
	struct text trusted_authserv_ids;
	/* With blanks between: who bears one of these is forged. */
	struct text own_ids;
	struct text socket; /* one or more, comma-separated */
	struct text query_socket;
	struct text query_socket_group;
	struct text control_socket; /* config_control_socket */
	struct text query_users;    /* comma-separated */
	struct text query_hosts;    /* likewise */
	struct text query_spool;    /* folders, comma-separated */
	bool sandbox;
	unsigned umask;
	struct text user_id;
	struct text pid_file;
	unsigned workers; /* 0: one for each processor */
	bool background;  /* as opendmarc */
	struct text base_directory;
	int log_format; /* enum config_log_format */
	bool syslog;
	int syslog_facility; /* of config_facility_names */

	int enforce; /* enum enforce, or -1: not said */
	bool reject_failures;
	bool hold_quarantined_messages;
	int on_temperror;
	int claimed_indirect;
	int trusted_indirect;
	struct text trusted_senders; /* file */
	struct text local_policy;    /* file */
	struct text reject_string;
	int discovery_method;
	struct text public_suffix_list;

	struct text ignore_hosts; /* file */
	VEC(struct config_host) ignored_hosts;
	bool ignore_authenticated_clients;
	struct text ignore_mail_from; /* domains, comma-separated */
	struct text ignore_mail_to;   /* addresses, comma-separated */
	bool required_headers;
	bool required_from;
	bool reject_multi_value_from;
	struct text copy_failures_to;
	bool software_header;
	bool spf_ignore_results;
	bool spf_self_validate;
	bool record_all_messages;

	struct text nameservers;
	struct text zone_file;
	unsigned dns_timeout;     /* seconds a question */
	unsigned message_timeout; /* seconds a message */

	struct text history_file;
	int history_sync;
	struct text database;
	unsigned import_interval; /* seconds */
	unsigned claim_keep;      /* seconds */
	struct text import_spool;
	unsigned expire_days;

	struct text report_email;
	struct text report_org;
	struct text report_contact;
	int report_format;              /* enum report_format */
	struct text report_signing_key; /* file */
	struct text report_signing_domain;
	struct text report_signing_selector;
	struct text report_envelope_from;
	struct text report_transport;
	int report_tls;                      /* enum config_tls */
	struct text report_tls_certificates; /* file */
	struct text report_user;
	struct text report_password_file; /* file */
	unsigned report_interval;         /* seconds, divides a day */
	unsigned report_delay;            /* seconds */
	unsigned report_spread;           /* seconds */
	unsigned report_connections;      /* at once */
	unsigned max_report_size;         /* bytes */
	struct text no_reports_list;      /* file */
	struct text no_reports;           /* what is in it */

	/* Kept until there are failure reports and ARC. */
	bool failure_reports;
	bool failure_reports_on_none;
	struct text failure_reports_bcc;
	struct text failure_reports_sent_by;
	struct text report_command;
	struct text domain_whitelist;
	struct text domain_whitelist_file;

	/* What is not needed any more; kept to be printed. */
	struct {
		bool always_deliver;
		bool auto_restart;
		bool enable_coredumps;
		unsigned auto_restart_count;
		unsigned domain_whitelist_size;
		unsigned milter_debug;
		struct text auto_restart_rate;
		struct text change_root_directory;
		struct text dmarcbis_ignore_pct;
		struct text dmarcbis_walk_mode_fallback;
		struct text log_spf_dns;
		struct text read_canonicalized_data;
		struct text temporary_directory;
		struct text test_dns_data;
	} idle;
};

/* Reads PATH, or with NULL the built-in defaults alone. NULL: *ret_problem
 * says "FILE:LINE: what; what to do". Later lines win; "#" begins a comment
 * anywhere in a line, as opendmarc.conf has it. */
struct config *config_load(
    const char *path, struct problem *ret_problem) MUST_USE;
/* The same with further lines on top. */
struct config *config_load_over(const char *path, const char *overrides,
    struct problem *ret_problem) MUST_USE;
/* As OLD was loaded, by the same lines, whatever is in its file by now; but the
 * files that they name are read again. */
struct config *config_load_again(
    const struct config *old, struct problem *ret_problem) MUST_USE;
/* What is good of a PATH that config_load refuses, for who wants an option or
 * two of it all the same: bad lines are left out, and no file that it names is
 * read. NULL: PATH itself cannot be. */
struct config *config_salvage(const char *path) MUST_USE;
void config_free(struct config *config);
/* To be called before any file that an option names is read: dmarcd watches it
 * from then on, and reads it while it serves. False: no memory, or a FIFO. */
bool config_note_file(const struct config *config, const char *path,
    struct problem *ret_problem) MUST_USE;
/* What is read when no file was named: /etc/dmarcd.conf, else
 * /etc/opendmarc.conf; NULL when neither can be read. */
const char *config_default_path(void);
/* The lines of one file alone, which NAME is called in messages, on top of
 * what CONFIG holds. Behind config_load; reads no file. */
bool config_read(struct config *config, struct text bytes, const char *name,
    struct problem *ret_problem) MUST_USE;

/* What the daemon really does: RejectFailures and a missing Enforce told
 * together (design of compatibility: neither set is monitor). */
enum enforce config_enforce(const struct config *config);
/* ControlSocket; "" for none. */
struct text config_control_socket(const struct config *config);

/* Does IgnoreHosts name this client? The last line that matches decides. */
bool config_ignores(
    const struct config *config, const struct ip *client, struct text host);

/* Does IgnoreMailFrom name this author's domain? */
bool config_ignores_author(const struct config *config, struct text domain);

/* Does IgnoreMailTo name an address that stands in this To field? */
bool config_ignores_recipient(const struct config *config, struct text to);

/* Does it arrive at ReportEmail, where the bounces of reports go, or at one of
 * IgnoreMailTo (mailbox_has)? */
bool config_takes_reports(const struct config *config, struct text address);

/* Does NoReportsList name this address, its mailbox, or its domain? */
bool config_reports_not_to(const struct config *config, struct text address);

/* Does a line say it? INDEX is the row in config_options. */
bool config_is_set(const struct config *config, size_t index);

#endif
