#include "config/config.h"
#include "config/file.h"
#include "config/options.h"
#include "config/setup.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Reads LINES on top of the defaults; NULL with *ret_problem. */
static struct config *
read_lines(const char *lines, struct problem *ret_problem)
{
	struct config *config = config_load(NULL, ret_problem);
	struct text bytes = exact(text_from_cstr(lines));

	assert_non_null(config);
	if (!config_read(config, bytes, "test.conf", ret_problem)) {
		config_free(config);
		config = NULL;
	}
	exact_free(bytes);
	return config;
}

/* The caller unlinks it as soon as it was read, before it asserts anything. */
static void
write_file(char *path, const char *lines)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(
	    write(fd, lines, strlen(lines)), (ssize_t)strlen(lines));
	(void)close(fd);
}

static void
test_errors(void **state)
{
	static const struct {
		const char *lines;
		const char *said;
	} rows[] = {
	    {"Enfocre strict\n", "did you mean Enforce?"},
	    {"\n\nEnforce maybe\n", "test.conf:3: Enforce cannot be \"maybe\""},
	    {"Enforce maybe\n", "monitor, quarantine, considered or strict"},
	    {"Workers many\n", "a number from 0 to 256"},
	    {"Workers 257\n", "Workers cannot be \"257\""},
	    {"Workers -1\n", "Workers cannot be"},
	    {"Workers 0x101\n", "Workers cannot be"},
	    {"Workers 09\n", "Workers cannot be"},
	    {"Workers 99999999999999999999\n", "Workers cannot be"},
	    {"UMask 01000\n", "an octal number from 0 to 0777"},
	    {"DNSTimeout 2h\n", "DNSTimeout cannot be"},
	    {"DNSTimeout s\n", "DNSTimeout cannot be"},
	    {"RejectFailures maybe\n", "it must be yes or no"},
	    {"AuthservID\n", "no value behind option \"AuthservID\""},
	    {"AuthservID # x\n", "no value"},
	    {"Zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz 1\n",
		"see dmarcd.conf(5)"},
	};

	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct problem problem = {PROBLEM_NONE, ""};
		struct config *config = read_lines(rows[i].lines, &problem);
		if (config == NULL && problem.kind == PROBLEM_CONFIG &&
		    strstr(problem.text, rows[i].said) != NULL)
			continue;
		print_error("%s: said \"%s\"\n", rows[i].lines, problem.text);
		config_free(config);
		failed++;
	}
	assert_int_equal(failed, 0);
}

static void
test_values(void **state)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct config *config = read_lines("authservid  mx.example.org \r\n"
					   "  # a comment\n"
					   "UMask 0002 # octal\n"
					   "Workers 0x10\n"
					   "HoldQuarantinedMessages Yes\n"
					   "RejectFailures 1\n"
					   "IgnoreAuthenticatedClients true\n"
					   "IgnoreAuthenticatedClients f\n"
					   "ImportInterval 2h\n"
					   "ClaimKeep\t90\n"
					   "Enforce CONSIDERED\n"
					   "RejectString no %s for you",
	    &problem);

	(void)state;
	assert_non_null(config);
	assert_true(text_equal(config->authserv_id, TEXT("mx.example.org")));
	assert_int_equal(config->umask, 2);
	assert_int_equal(config->workers, 16);
	assert_true(config->hold_quarantined_messages);
	assert_true(config->reject_failures);
	assert_false(config->ignore_authenticated_clients);
	assert_int_equal(config->import_interval, 7200);
	assert_int_equal(config->claim_keep, 90);
	assert_int_equal(config_enforce(config), ENFORCE_CONSIDERED);
	assert_true(text_equal(config->reject_string, TEXT("no %s for you")));
	config_free(config);
}

/* Old names, and options that do nothing any more or not yet; their values are
 * looked at all the same. */
static void
test_former(void **state)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct config *config =
	    read_lines("ForensicReports true\n"
		       "ForensicReportsSentBy postmaster@mx.example\n"
		       "AutoRestartCount 10\nUserid root\n",
		&problem);

	(void)state;
	assert_non_null(config);
	assert_true(config->failure_reports);
	assert_true(text_equal(
	    config->failure_reports_sent_by, TEXT("postmaster@mx.example")));
	assert_true(text_equal(config->user_id, TEXT("root")));
	assert_true(config_is_set(config,
	    (size_t)(option_find(TEXT("FailureReports")) - config_options)));
	assert_false(config_is_set(
	    config, (size_t)(option_find(TEXT("Enforce")) - config_options)));
	config_free(config);
	assert_null(read_lines("AutoRestart perhaps\n", &problem));
	assert_null(read_lines("ForensicReports perhaps\n", &problem));
	assert_null(read_lines("AutoRestartCount ten\n", &problem));
}

static bool
is_written(const struct config *config, const char *name, const char *value)
{
	return text_equal(option_get(option_find(text_from_cstr(name)), config,
			      config->arena),
	    text_from_cstr(value));
}

/* What option_get says, option_set understands; what is not needed keeps its
 * own value, too. */
static void
test_written(void **state)
{
	static const char lines[] =
	    "Workers 7\nUMask 022\nImportInterval 90\nClaimKeep 2d\n"
	    "ReportDelay 0\nReportInterval 6h\nEnforce strict\n"
	    "HistoryFile /x y\nSocket unix:/x\nRejectFailures no\n"
	    "AutoRestart yes\nAutoRestartCount 5\nAutoRestartRate 5/1h\n"
	    "ChangeRootDirectory /var/empty\nMilterDebug 6\n";
	struct problem problem = {PROBLEM_NONE, ""};
	struct config *first = read_lines(lines, &problem);
	struct config *second = config_load(NULL, &problem);

	(void)state;
	assert_non_null(first);
	assert_non_null(second);
	for (size_t i = 0; i < config_options_count; i++) {
		const struct config_option *option = &config_options[i];
		struct text value = option_get(option, first, first->arena);
		struct text why;
		if (value.len > 0)
			assert_true(option_set(option, second, value, &why));
		assert_true(text_equal(
		    value, option_get(option, second, second->arena)));
	}
	assert_int_equal(second->import_interval, 90);
	assert_int_equal(second->umask, 022);
	assert_true(is_written(second, "AutoRestart", "yes"));
	assert_true(is_written(second, "EnableCoredumps", "no"));
	assert_true(is_written(second, "AutoRestartCount", "5"));
	assert_true(is_written(second, "AutoRestartRate", "5/1h"));
	config_free(first);
	config_free(second);
}

static void
test_old_file(void **state)
{
	char file[] = "/tmp/dmarcd-test-conf-XXXXXX";
	struct problem problem = {PROBLEM_NONE, ""};

	(void)state;
	write_file(file,
	    "DNSTimeout 120\nHistoryFile dmarc.dat\nPidFile /run/x.pid\n"
	    "BaseDirectory /var/spool/opendmarc\n");
	struct config *config = config_load(file, &problem);
	(void)unlink(file);
	assert_non_null(config);
	assert_true(text_equal(
	    config->history_file, TEXT("/var/spool/opendmarc/dmarc.dat")));
	assert_true(text_equal(config->pid_file, TEXT("/run/x.pid")));
	assert_int_equal(config->trusted_senders.len, 0);
	assert_int_equal(config->dns_timeout, 60); /* not refused */
	config_free(config);
}

/* An upgrade never begins to refuse anything by itself. */
static void
test_enforce(void **state)
{
	static const struct {
		const char *lines;
		enum enforce enforce;
	} rows[] = {
	    {"", ENFORCE_MONITOR},
	    {"RejectFailures no\n", ENFORCE_MONITOR},
	    {"RejectFailures yes\n", ENFORCE_STRICT},
	    {"RejectFailures yes\nEnforce quarantine\n", ENFORCE_QUARANTINE},
	    {"Enforce monitor\nRejectFailures yes\n", ENFORCE_MONITOR},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct problem problem = {PROBLEM_NONE, ""};
		struct config *config = read_lines(rows[i].lines, &problem);
		assert_non_null(config);
		assert_int_equal(config_enforce(config), rows[i].enforce);
		config_free(config);
	}
}

static bool
ignores(const struct config *config, const char *address, const char *host)
{
	struct ip ip = {0};

	assert_true(ip_read(text_from_cstr(address), &ip));
	return config_ignores(config, &ip, text_from_cstr(host));
}

static void
test_ignored_hosts(void **state)
{
	char hosts[] = "/tmp/dmarcd-test-hosts-XXXXXX";
	char file[] = "/tmp/dmarcd-test-conf-XXXXXX";
	char lines[128];
	struct problem problem = {PROBLEM_NONE, ""};
	struct problem missing = {PROBLEM_NONE, ""};

	(void)state;
	write_file(hosts, "192.0.2.0/24 # net\n!192.0.2.7\n2001:db8::/32\n"
			  ".inside.example\nmx.example\n"
			  "::ffff:198.18.0.0/111\n::ffff:203.0.113.1\n");
	(void)snprintf(lines, sizeof lines, "IgnoreHosts %s\n", hosts);
	write_file(file, lines);
	struct config *config = config_load(file, &problem);
	(void)unlink(hosts);
	struct config *without = config_load(file, &missing);
	(void)unlink(file);
	assert_non_null(config);
	assert_true(ignores(config, "192.0.2.6", "x"));
	assert_true(ignores(config, "::ffff:192.0.2.6", "x"));
	assert_false(ignores(config, "192.0.2.7", "x"));
	assert_true(ignores(config, "198.19.0.1", "x"));
	assert_false(ignores(config, "198.20.0.1", "x"));
	assert_true(ignores(config, "203.0.113.1", "x"));
	assert_false(ignores(config, "203.0.113.2", "x"));
	assert_false(ignores(config, "192.0.3.1", "x"));
	assert_true(ignores(config, "2001:db8:1::1", "x"));
	assert_false(ignores(config, "127.0.0.1", "localhost"));
	assert_true(ignores(config, "198.51.100.1", "A.inside.example"));
	assert_false(ignores(config, "198.51.100.1", "ainside.example"));
	assert_true(ignores(config, "198.51.100.1", "MX.example"));
	config_free(config);

	assert_null(without);
	assert_int_equal(missing.kind, PROBLEM_NO_INPUT);
	assert_non_null(strstr(missing.text, hosts));

	problem = (struct problem){PROBLEM_NONE, ""};
	config = config_load(NULL, &problem);
	assert_true(ignores(config, "127.0.0.9", "x"));
	assert_true(ignores(config, "::1", "x"));
	assert_false(ignores(config, "192.0.2.1", "x"));
	config_free(config);
}

/* Mail that is a report, by whom it is to. */
static void
test_takes_reports(void **state)
{
	static const struct {
		const char *address;
		bool takes;
	} rows[] = {
	    {"Reports@us.example", true},
	    {"reports+them@us.example", true},
	    {"a@us.example", true},
	    {"b+tag@us.example", true},
	    {"b@us.example", false},
	    {"c@us.example", false},
	    {"bounces+them@us.example", true},
	    {"", false},
	    {"<>", false},
	};

	char file[] = "/tmp/dmarcd-test-conf-XXXXXX";
	struct problem problem = {PROBLEM_NONE, ""};

	(void)state;
	write_file(file, "ReportEmail reports@us.example\n"
			 "IgnoreMailTo a@us.example, ,B+tag@us.example\n"
			 "ReportEnvelopeFrom bounces@us.example\n");
	struct config *config = config_load(file, &problem);
	(void)unlink(file);
	assert_non_null(config);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (config_takes_reports(config,
			text_from_cstr(rows[i].address)) != rows[i].takes)
			fail_msg("%s", rows[i].address);
	config_free(config);
	config = config_load(NULL, &problem); /* ReportEnvelopeFrom <> */
	assert_non_null(config);
	assert_false(config_takes_reports(config, TEXT("<>")));
	config_free(config);
}

static void
test_no_reports(void **state)
{
	static const struct {
		const char *address;
		bool is_named;
	} rows[] = {
	    {"a@one.example", true},
	    {"A@ONE.example", true},
	    {"b@one.example", false},
	    {"a+tag@one.example", true},
	    {"a@four.example", false},
	    {"A+TAG@four.example", true},
	    {"a+other@four.example", false},
	    {"x@two.example", true},
	    {"x@three.example", true},
	    {"x@sub.two.example", false},
	    {"x@example", false},
	    {"x@\"@two.example", true},
	};

	char list[] = "/tmp/dmarcd-test-list-XXXXXX";
	char file[] = "/tmp/dmarcd-test-conf-XXXXXX";
	char lines[128];
	struct problem problem = {PROBLEM_NONE, ""};

	(void)state;
	write_file(list, "a@one.example # asked\n\n#\n two.Example\r\n"
			 "@three.example\n@\na+tag@four.example\n");
	(void)snprintf(lines, sizeof lines, "NoReportsList %s\n", list);
	write_file(file, lines);
	struct config *config = config_load(file, &problem);
	(void)unlink(list);
	struct config *without = config_load(file, &problem);
	(void)unlink(file);
	assert_non_null(config);
	assert_null(without);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(config_reports_not_to(
				     config, text_from_cstr(rows[i].address)),
		    rows[i].is_named);
	config_free(config);
}

/* A part of the mapped addresses and others besides. */
static void
test_wide_mapped_network(void **state)
{
	char hosts[] = "/tmp/dmarcd-test-hosts-XXXXXX";
	char file[] = "/tmp/dmarcd-test-conf-XXXXXX";
	char lines[128];
	struct problem problem = {PROBLEM_NONE, ""};

	(void)state;
	write_file(hosts, "::ffff:192.0.2.0/95\n");
	(void)snprintf(lines, sizeof lines, "IgnoreHosts %s\n", hosts);
	write_file(file, lines);
	struct config *config = config_load(file, &problem);
	(void)unlink(hosts);
	(void)unlink(file);
	assert_null(config);
	assert_non_null(strstr(problem.text, "not a host"));
}

static void
test_file_too_large(void **state)
{
	static const struct {
		size_t memory;
		size_t max;
		const char *said; /* NULL: nothing */
	} rows[] = {
	    {100000, 5000, NULL},
	    {100000, 4999, "File too large"},
	    {3000, 100000, "Cannot allocate memory"},
	};

	static char lines[5001];
	char path[] = "/tmp/dmarcd-test-file-XXXXXX";
	unsigned failed = 0;

	(void)state;
	memset(lines, '#', sizeof lines - 1);
	write_file(path, lines);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct problem problem = {PROBLEM_NONE, ""};
		struct arena *arena = arena_new(rows[i].memory);
		struct text bytes;
		bool is_read =
		    file_read(arena, path, rows[i].max, &bytes, &problem);
		arena_free(arena);
		if (is_read == (rows[i].said == NULL) &&
		    (is_read || strstr(problem.text, rows[i].said) != NULL))
			continue;
		print_error("%zu: said \"%s\"\n", i, problem.text);
		failed++;
	}
	(void)unlink(path);
	assert_int_equal(failed, 0);
}

/* Those that a configuration names are read with it. */
static void
test_files_too_large(void **state)
{
	static const char *const rows[] = {
	    "IgnoreHosts /dev/zero\n",
	    "NoReportsList /dev/zero\n",
	};
	struct problem problem = {PROBLEM_NONE, ""};

	(void)state;
	assert_null(config_load("/dev/zero", &problem));
	assert_non_null(strstr(problem.text, "/dev/zero: File too large"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char file[] = "/tmp/dmarcd-test-conf-XXXXXX";
		write_file(file, rows[i]);
		struct config *config = config_load(file, &problem);
		(void)unlink(file);
		assert_null(config);
		assert_non_null(
		    strstr(problem.text, "/dev/zero: File too large"));
	}
}

static void
test_together(void **state)
{
	static const struct {
		const char *lines;
		const char *said;
	} bad[] = {
	    {"ReportInterval 5h\n", "divide a day"},
	    {"ReportInterval 90m\n", "divide a day"},
	    {"RejectString %s and %s\n", "RejectString may have %s"},
	    {"RejectString %s%s\n", "RejectString may have %s"},
	    {"RejectString %s %n %% %s\n", "RejectString may have %s"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char file[] = "/tmp/dmarcd-test-conf-XXXXXX";
		struct problem problem = {PROBLEM_NONE, ""};
		write_file(file, bad[i].lines);
		struct config *config = config_load(file, &problem);
		(void)unlink(file);
		assert_null(config);
		assert_non_null(strstr(problem.text, bad[i].said));
	}
}

/* Every default is a value that the option itself would take. */
static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_options_count; i++) {
		const struct config_option *option = &config_options[i];
		size_t last = strlen(option->sentence) - 1;
		assert_int_equal(option->sentence[last], '.');
		assert_ptr_equal(
		    option_find(text_from_cstr(option->name)), option);
		if (i > 0 && strcasecmp(option[-1].name, option->name) >= 0)
			fail_msg("%s is out of order", option->name);
	}
}

static void
test_setup_errors(void **state)
{
	static const struct {
		const char *lines;
		const char *said;
	} rows[] = {
	    {"DiscoveryMethod psl\nPublicSuffixList /dev/null\n",
		"/dev/null: not a public suffix list"},
	    {"DiscoveryMethod psl\nPublicSuffixList /nonexistent\n",
		"/nonexistent: No such file"},
	    {"ZoneFile /nonexistent\n", "/nonexistent: No such file"},
	    {"TrustedSenders /nonexistent\n", "/nonexistent: No such file"},
	    {"TrustedSenders apps/demo/messages/zone\n",
		"apps/demo/messages/zone:2: \"bank.example MX 10 "},
	    {"TrustedSenders /dev/zero\n", "/dev/zero: File too large"},
	    {"ZoneFile /dev/zero\n", "/dev/zero: File too large"},
	    {"DiscoveryMethod psl\nPublicSuffixList /dev/zero\n",
		"/dev/zero: File too large"},
	    {"LocalPolicy /nonexistent\n", "/nonexistent: No such file"},
	    {"TrustedSenders /dev/null\nLocalPolicy apps/demo/messages/zone\n",
		"apps/demo/messages/zone:2: \"bank.example MX 10 "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct problem problem = {PROBLEM_NONE, ""};
		struct config *config = read_lines(rows[i].lines, &problem);
		struct setup setup;
		assert_non_null(config);
		bool is_made = setup_make(config, &setup, &problem);
		config_free(config);
		if (is_made || strstr(problem.text, rows[i].said) == NULL)
			fail_msg(
			    "%s: said \"%s\"", rows[i].lines, problem.text);
	}
}

/* What was read is noted as it was then; what comes by the same lines is read
 * anew, though the configuration file says something else by now. */
static void
test_load_again(void **state)
{
	char hosts[] = "/tmp/dmarcd-test-hosts-XXXXXX";
	char file[] = "/tmp/dmarcd-test-conf-XXXXXX";
	char lines[128];
	struct problem problem = {PROBLEM_NONE, ""};
	struct problem missing = {PROBLEM_NONE, ""};

	(void)state;
	write_file(hosts, "192.0.2.1\n");
	struct file_stamp before = file_look(hosts);
	(void)snprintf(
	    lines, sizeof lines, "Workers 3\nIgnoreHosts %s\n", hosts);
	write_file(file, lines);
	struct config *old = config_load(file, &problem);
	(void)unlink(file);
	int cut = truncate(hosts, 0);
	struct file_stamp after = file_look(hosts);
	struct config *new =
	    old == NULL ? NULL : config_load_again(old, &problem);
	(void)unlink(hosts);
	struct file_stamp gone = file_look(hosts);
	struct config *without =
	    old == NULL ? NULL : config_load_again(old, &missing);

	assert_int_equal(cut, 0);
	if (old == NULL || new == NULL) {
		fail_msg("%s", problem.text);
		return;
	}
	assert_int_equal(new->workers, 3);
	assert_true(ignores(old, "192.0.2.1", "x"));
	assert_false(ignores(new, "192.0.2.1", "x"));
	assert_int_equal(new->files->list.count, 1);
	assert_string_equal(new->files->list.at[0].path, hosts);
	assert_true(file_is_same(&old->files->list.at[0].known, &before));
	assert_true(file_is_same(&new->files->list.at[0].known, &after));
	assert_false(file_is_same(&before, &after));
	assert_false(file_is_same(&after, &gone));
	assert_false(gone.is_there);
	assert_null(without);
	assert_non_null(strstr(missing.text, hosts));
	config_free(old);
	config_free(new);
}

/* The list that is in use, and those that would go before it. */
static void
test_files(void **state)
{
	static const struct {
		const char *lines;
		size_t least, most;
	} rows[] = {
	    {"", 0, 0},
	    {"PublicSuffixList /dev/null\n", 0, 0}, /* treewalk */
	    {"DiscoveryMethod psl\n", 1, 3},
	    {"ZoneFile apps/demo/messages/zone\n", 1, 1},
	    {"TrustedSenders /dev/null\n", 1, 1},
	    {"TrustedSenders /dev/null\nLocalPolicy /dev/null\n", 2, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct problem problem = {PROBLEM_NONE, ""};
		struct config *config = read_lines(rows[i].lines, &problem);
		struct setup setup;
		assert_non_null(config);
		if (!setup_make(config, &setup, &problem))
			fail_msg("%s: %s", rows[i].lines, problem.text);
		assert_in_range(
		    config->files->list.count, rows[i].least, rows[i].most);
		setup_clear(&setup);
		config_free(config);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_former),
	    cmocka_unit_test(test_written),
	    cmocka_unit_test(test_old_file),
	    cmocka_unit_test(test_enforce),
	    cmocka_unit_test(test_ignored_hosts),
	    cmocka_unit_test(test_takes_reports),
	    cmocka_unit_test(test_no_reports),
	    cmocka_unit_test(test_wide_mapped_network),
	    cmocka_unit_test(test_file_too_large),
	    cmocka_unit_test(test_files_too_large),
	    cmocka_unit_test(test_together),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_setup_errors),
	    cmocka_unit_test(test_load_again),
	    cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
