/* Delivery to a small SMTP server inside the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deliver/deliver.h"
#include "exact.h"
#include "sink.h"

#include "base/build.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	ARENA_MAX = 1024 * 1024,
	PATIENCE = 60, /* seconds: nobody waits so long */
	SHORT = 3,     /* where somebody waits */
};

/* --- one delivery --- */

struct attempt {
	enum deliver_result result;
	char words[256];
	unsigned asked; /* times of before_data */
	bool go_on;     /* what it says */
};

static bool
before_data(void *context)
{
	struct attempt *attempt = context;

	attempt->asked++;
	return attempt->go_on;
}

static struct deliver *
open_relay(unsigned port, unsigned timeout)
{
	char relay[64];
	struct problem problem = {0};

	(void)snprintf(relay, sizeof relay, "smtp://127.0.0.1:%u", port);
	struct deliver *deliver =
	    deliver_new(&(struct deliver_options){.transport = relay,
			    .helo = "mail.receiver.example",
			    .tls = DELIVER_TLS_OPPORTUNISTIC,
			    .timeout = timeout},
		&problem);
	if (deliver == NULL)
		fail_msg("%s", problem.text);
	return deliver;
}

#define MAIL_TEXT "Subject: x\r\n\r\n.dot first\r\n..two dots\r\n.\r\nlast\r\n"

static void
send_one(struct deliver *deliver, const char *from, const char *to,
    struct attempt *attempt)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct text mail = exact(TEXT(MAIL_TEXT));
	struct text words;

	attempt->result = deliver_mail(deliver,
	    &(struct deliver_letter){.from = text_from_cstr(from),
		.to = text_from_cstr(to),
		.mail = mail,
		.before_data = before_data,
		.context = attempt},
	    arena, &words);
	(void)snprintf(
	    attempt->words, sizeof attempt->words, TEXT_FMT, TEXT_ARG(words));
	exact_free(mail);
	arena_free(arena);
}

/* Of seconds: a server that says REPLY at some stage, which is no answer, is
 * waited for in vain. */
static unsigned
timeout_for(const char *reply)
{
	bool is_answer = reply == NULL || strcmp(reply, SINK_CLOSE) == 0 ||
			 (reply[0] >= '2' && reply[0] <= '5');

	return is_answer ? PATIENCE : SHORT;
}

/* --- tests --- */

static const struct {
	const char *name;
	enum sink_stage stage;
	enum deliver_result result;
	const char *reply;
	const char *words; /* their begin */
} reply_rows[] = {
    {"accepted", SINK_HELLO, DELIVER_ACCEPTED, NULL, "250 2.0.0 queued as 42"},
    {"MAIL refused", SINK_MAIL, DELIVER_REFUSED, "550 5.7.1 not you\r\n",
	"550 5.7.1 not you"},
    {"RCPT refused", SINK_RCPT, DELIVER_REFUSED, "550 5.1.1 no such user\r\n",
	"550 5.1.1 no such user"},
    {"RCPT refused at length", SINK_RCPT, DELIVER_REFUSED,
	"550-5.1.1 no\r\n550 5.1.1 user\r\n", "550 5.1.1 no user"},
    {"we should have logged in", SINK_MAIL, DELIVER_RETRY,
	"530 5.7.0 authentication required\r\n", "530 5.7.0"},
    {"larger than it takes", SINK_MAIL, DELIVER_REFUSED,
	"552 5.3.4 size exceeds limit\r\n", "552 5.3.4 size exceeds limit"},
    {"accepted at length", SINK_END, DELIVER_ACCEPTED,
	"250-2.0.0 Ok:\r\n250 2.0.0 queued\r\n", "250 2.0.0 Ok: queued"},
    {"RCPT later", SINK_RCPT, DELIVER_RETRY, "451 4.7.1 greylisted\r\n",
	"451 4.7.1 greylisted"},
    {"DATA refused", SINK_DATA, DELIVER_REFUSED, "554 5.5.1 no\r\n",
	"554 5.5.1"},
    {"DATA later", SINK_DATA, DELIVER_RETRY, "452 4.3.1 disk full\r\n",
	"452 4.3.1"},
    {"mail refused", SINK_END, DELIVER_REFUSED, "552 5.3.4 too big\r\n",
	"552 5.3.4"},
    {"mail later", SINK_END, DELIVER_RETRY, "451 4.3.0 try again\r\n",
	"451 4.3.0"},
    {"no service", SINK_HELLO, DELIVER_RETRY, "554 no SMTP here\r\n", "554 no"},
    {"closing", SINK_HELLO, DELIVER_BUSY, "421 busy\r\n", "421 busy"},
    {"escapes", SINK_RCPT, DELIVER_REFUSED, "550 \x1B[31m\xFF\r\n",
	"550 \x1B[31m\xFF"},
    {"no greeting", SINK_HELLO, DELIVER_RETRY, SINK_CLOSE, ""},
    {"closed at EHLO", SINK_EHLO, DELIVER_RETRY, SINK_CLOSE, ""},
    {"closed at RCPT", SINK_RCPT, DELIVER_RETRY, SINK_CLOSE, ""},
    {"closed at the end", SINK_END, DELIVER_RETRY, SINK_CLOSE,
	"no answer to the whole mail"},
    {"no SMTP at all", SINK_HELLO, DELIVER_RETRY,
	"HTTP/1.1 400 Bad Request\r\n", ""},
    {"stalls before the greeting", SINK_HELLO, DELIVER_RETRY, SINK_STALL, ""},
    {"stalls at RCPT", SINK_RCPT, DELIVER_RETRY, SINK_STALL, ""},
    {"stalls at the end", SINK_END, DELIVER_RETRY, SINK_STALL,
	"no answer to the whole mail"},
};

static bool
run_reply(size_t row)
{
	struct sink *sink = sink_open();
	struct attempt attempt = {.go_on = true};
	const char *words = reply_rows[row].words;

	sink_reply(sink, reply_rows[row].stage, reply_rows[row].reply);
	struct deliver *deliver =
	    open_relay(sink_port(sink), timeout_for(reply_rows[row].reply));
	time_t begin = time(NULL);
	send_one(deliver, "a@receiver.example", "b@example.com", &attempt);
	bool was_bounded = time(NULL) - begin < PATIENCE;
	deliver_free(deliver);
	sink_close(sink);
	if (attempt.result == reply_rows[row].result && was_bounded &&
	    attempt.words[0] != '\0' &&
	    strncmp(attempt.words, words, strlen(words)) == 0)
		return true;
	print_error("%s: %d %s%s\n", reply_rows[row].name, (int)attempt.result,
	    attempt.words, was_bounded ? "" : " (took too long)");
	return false;
}

static void
test_replies(void **state)
{
	size_t failures = 0;

	(void)state;
	for (size_t row = 0; row < sizeof reply_rows / sizeof *reply_rows;
	     row++)
		failures += !run_reply(row);
	assert_int_equal(failures, 0);
}

/* --- several mails by one connection --- */

/* The second mail meets this, on the connection of the first; the sink is as
 * usual after it. */
static const struct {
	const char *name;
	const char *idle; /* said before it hangs up between the two; or NULL */
	enum sink_stage stage;
	const char *reply; /* to the second mail */
	enum deliver_result result;
	unsigned connections;
	unsigned mails; /* that came to their end */
} reuse_rows[] = {
    {"kept", NULL, SINK_MAIL, NULL, DELIVER_ACCEPTED, 1, 2},
    {"hung up", "", SINK_MAIL, NULL, DELIVER_ACCEPTED, 2, 2},
    {"hung up with 421", "421 4.4.2 idle\r\n", SINK_MAIL, NULL,
	DELIVER_ACCEPTED, 2, 2},
    {"had enough mails", NULL, SINK_MAIL, "421 4.7.0 too many\r\n",
	DELIVER_ACCEPTED, 2, 2},
    {"had enough at RCPT", NULL, SINK_RCPT, "421 4.7.0 too many\r\n",
	DELIVER_ACCEPTED, 2, 2},
    {"hangs up at MAIL", NULL, SINK_MAIL, SINK_CLOSE, DELIVER_ACCEPTED, 2, 2},
    {"hangs up at DATA", NULL, SINK_DATA, SINK_CLOSE, DELIVER_ACCEPTED, 2, 2},
    {"hangs up at the end", NULL, SINK_END, SINK_CLOSE, DELIVER_RETRY, 1, 2},
    {"421 at the end", NULL, SINK_END, "421 4.3.2 down\r\n", DELIVER_RETRY, 1,
	2},
    {"stalls at MAIL", NULL, SINK_MAIL, SINK_STALL, DELIVER_RETRY, 1, 1},
    {"later at MAIL", NULL, SINK_MAIL, "451 4.3.0 later\r\n", DELIVER_RETRY, 1,
	1},
    {"no at RCPT", NULL, SINK_RCPT, "550 5.1.1 no\r\n", DELIVER_REFUSED, 1, 1},
};

static unsigned
times_heard(struct sink *sink, struct text part)
{
	struct text rest = sink_heard(sink);
	unsigned times = 0;

	for (size_t at; (at = text_find_part(rest, part)) < rest.len; times++)
		rest = text_slice(rest, at + part.len, rest.len);
	return times;
}

static bool
run_reuse(size_t row)
{
	struct sink *sink = sink_open();
	struct attempt first = {.go_on = true};
	struct attempt second = {.go_on = true};
	struct deliver *deliver =
	    open_relay(sink_port(sink), timeout_for(reuse_rows[row].reply));

	send_one(deliver, "", "a@example.com", &first);
	if (reuse_rows[row].idle != NULL)
		sink_hang_up(sink, reuse_rows[row].idle);
	sink_reply_once(sink, reuse_rows[row].stage, reuse_rows[row].reply);
	send_one(deliver, "", "b@example.com", &second);
	deliver_free(deliver);
	unsigned connections = sink_connections(sink);
	unsigned mails = times_heard(sink, TEXT("\r\n.\r\n"));
	sink_close(sink);
	if (first.result == DELIVER_ACCEPTED &&
	    second.result == reuse_rows[row].result &&
	    connections == reuse_rows[row].connections &&
	    mails == reuse_rows[row].mails && second.asked <= 1)
		return true;
	print_error("%s: %d, %d, %u connections, %u mails, %s\n",
	    reuse_rows[row].name, (int)first.result, (int)second.result,
	    connections, mails, second.words);
	return false;
}

static void
test_reuse(void **state)
{
	size_t failures = 0;

	(void)state;
	for (size_t row = 0; row < sizeof reuse_rows / sizeof *reuse_rows;
	     row++)
		failures += !run_reuse(row);
	assert_int_equal(failures, 0);
}

/* A new connection that fails at once is not tried twice. */
static void
test_fresh_is_not_repeated(void **state)
{
	struct sink *sink = sink_open();
	struct attempt attempt = {.go_on = true};

	(void)state;
	sink_reply_once(sink, SINK_MAIL, "421 4.7.0 too many\r\n");
	struct deliver *deliver = open_relay(sink_port(sink), PATIENCE);
	send_one(deliver, "", "a@example.com", &attempt);
	deliver_free(deliver);
	assert_int_equal(attempt.result, DELIVER_RETRY);
	assert_int_equal(sink_connections(sink), 1);
	assert_string_equal(attempt.words, "421 4.7.0 too many");
	sink_close(sink);
}

/* --- threads --- */

enum { THREADS = 8, LETTERS = 5 };

static void *
send_several(void *context)
{
	struct sink *sink = sink_open();
	unsigned *accepted = context;

	for (size_t i = 0; i < LETTERS; i++) {
		struct attempt attempt = {.go_on = true};
		struct deliver *deliver = open_relay(sink_port(sink), PATIENCE);
		send_one(deliver, "", "a@example.com", &attempt);
		send_one(deliver, "", "b@example.com", &attempt);
		*accepted += attempt.result == DELIVER_ACCEPTED;
		deliver_free(deliver);
	}
	sink_close(sink);
	return NULL;
}

static void
test_threads(void **state)
{
	pthread_t threads[THREADS];
	unsigned accepted[THREADS] = {0};

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send_several,
				     &accepted[i]),
		    0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(accepted[i], LETTERS);
	}
}

/* STARTTLS is refused, which is no answer to what the network failed. */
static void
test_stale_reply(void **state)
{
	static const enum sink_stage stages[] = {
	    SINK_MAIL, SINK_RCPT, SINK_DATA, SINK_END};

	(void)state;
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		struct sink *sink = sink_open();
		struct attempt attempt = {.go_on = true};
		sink_reply(sink, SINK_EHLO, "250-sink\r\n250 STARTTLS\r\n");
		sink_reply(sink, stages[i], SINK_CLOSE);
		struct deliver *deliver = open_relay(sink_port(sink), PATIENCE);
		send_one(
		    deliver, "a@receiver.example", "b@example.com", &attempt);
		deliver_free(deliver);
		assert_true(sink_has_heard(sink, "STARTTLS"));
		sink_close(sink);
		if (attempt.result != DELIVER_RETRY ||
		    strncmp(attempt.words, "502", 3) == 0)
			fail_msg("stage %d: %d %s", (int)stages[i],
			    (int)attempt.result, attempt.words);
	}
}

static void
test_dialogue(void **state)
{
	struct sink *sink = sink_open();
	struct attempt attempt = {.go_on = true};
	char expected[64];

	(void)state;
	struct deliver *deliver = open_relay(sink_port(sink), 5);
	send_one(
	    deliver, "a@receiver.example", "\"b@c\"@example.com", &attempt);
	assert_int_equal(attempt.result, DELIVER_ACCEPTED);
	assert_int_equal(attempt.asked, 1);
	/* The same connection, the null sender. */
	send_one(deliver, "", "c@example.com", &attempt);
	assert_int_equal(attempt.result, DELIVER_ACCEPTED);
	deliver_free(deliver);
	assert_true(sink_has_heard(sink, "EHLO mail.receiver.example\r\n"));
	(void)snprintf(expected, sizeof expected,
	    "MAIL FROM:<a@receiver.example> SIZE=%zu\r\n",
	    sizeof MAIL_TEXT - 1);
	assert_true(sink_has_heard(sink, expected));
	assert_true(sink_has_heard(sink, "RCPT TO:<\"b@c\"@example.com>\r\n"));
	assert_true(sink_has_heard(sink, "MAIL FROM:<> SIZE="));
	assert_true(sink_has_heard(sink, "RCPT TO:<c@example.com>\r\n"));
	/* RFC 5321 4.5.2 */
	assert_true(sink_has_heard(sink,
	    "DATA\r\nSubject: x\r\n\r\n..dot first\r\n...two dots\r\n..\r\n"
	    "last\r\n.\r\n"));
	sink_close(sink);
}

/* before_data is asked after RCPT; then nothing of the mail is sent. */
static void
test_given_up(void **state)
{
	struct sink *sink = sink_open();
	struct attempt attempt = {.go_on = false};

	(void)state;
	struct deliver *deliver = open_relay(sink_port(sink), 5);
	send_one(deliver, "a@receiver.example", "b@example.com", &attempt);
	deliver_free(deliver);
	assert_int_equal(attempt.result, DELIVER_RETRY);
	assert_int_equal(attempt.asked, 1);
	assert_true(sink_has_heard(sink, "RCPT TO:<b@example.com>\r\n"));
	assert_false(sink_has_heard(sink, "Subject"));
	assert_false(sink_has_heard(sink, "\r\n.\r\n"));
	sink_close(sink);
}

static void
test_not_asked_when_refused(void **state)
{
	struct sink *sink = sink_open();
	struct attempt attempt = {.go_on = true};

	(void)state;
	sink_reply(sink, SINK_RCPT, "550 no\r\n");
	struct deliver *deliver = open_relay(sink_port(sink), 5);
	send_one(deliver, "a@receiver.example", "b@example.com", &attempt);
	deliver_free(deliver);
	sink_close(sink);
	assert_int_equal(attempt.result, DELIVER_REFUSED);
	assert_int_equal(attempt.asked, 0);
}

static const struct {
	const char *from, *to;
} address_rows[] = {
    {"a@b.example", "x@y.example>\r\nRCPT TO:<evil@z.example"},
    {"a@b.example\r\nDATA", "x@y.example"},
    {"a@b.example", "x@y.example\n"},
    {"a@b.example", "x y@y.example"},
    {"a@b.example", "<x@y.example>"},
    {"a@b.example", "x@y.example> NOTIFY=NEVER"},
    {"a@b.example", "\xC3\xBC@y.example"},
    {"a@b.example", "x@\xC3\xBC.example"},
    {"\xC3\xBC@b.example", "x@y.example"},
    {"a@b.example", "x"},
    {"a@b.example", ""},
};

static void
test_addresses(void **state)
{
	struct sink *sink = sink_open();
	struct attempt attempt = {.go_on = true};
	char long_address[300];

	(void)state;
	struct deliver *deliver = open_relay(sink_port(sink), 5);
	for (size_t i = 0; i < sizeof address_rows / sizeof *address_rows;
	     i++) {
		send_one(deliver, address_rows[i].from, address_rows[i].to,
		    &attempt);
		assert_int_equal(attempt.result, DELIVER_REFUSED);
	}
	memset(long_address, 'a', sizeof long_address - 1);
	long_address[sizeof long_address - 1] = '\0';
	long_address[1] = '@';
	send_one(deliver, "a@b.example", long_address, &attempt);
	assert_int_equal(attempt.result, DELIVER_REFUSED);
	deliver_free(deliver);
	assert_int_equal(sink_heard(sink).len, 0);
	assert_int_equal(attempt.asked, 0);
	sink_close(sink);
}

static void
test_nobody_there(void **state)
{
	struct sink *sink = sink_open();
	struct attempt attempt = {.go_on = true};
	unsigned port = sink_port(sink);

	(void)state;
	sink_close(sink);
	struct deliver *deliver = open_relay(port, 2);
	send_one(deliver, "a@receiver.example", "b@example.com", &attempt);
	deliver_free(deliver);
	assert_int_equal(attempt.result, DELIVER_RETRY);
	assert_true(attempt.words[0] != '\0');
}

static const char *const relay_rows[] = {"", "127.0.0.1", "http://a.example",
    "file:///etc/passwd", "smtp://", "smtp://a.example/path",
    "smtp://user:secret@a.example", "smtp://a.example:", "smtp://a.example:0",
    "smtp://a.example:65536", "smtp://a.example:x", "smtp://a.example:25:25",
    "smtp://:25", "smtp://a b", "smtp://a.example?x", "smtp://a.example#x",
    "smtp://[::1", "smtp://[::1]25", "smtp://[127.0.0.1]", "smtp://::1",
    "smtp://[]", "a.example:25"};

static const char *const good_relay_rows[] = {"smtp://127.0.0.1",
    "smtp://localhost:25", "SMTP://a.example:2525", "smtps://a.example",
    "smtps://a.example:465", "smtp://[::1]", "smtp://[2001:db8::1]:65535"};

static void
test_relays(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof relay_rows / sizeof *relay_rows; i++) {
		struct problem problem = {0};
		const struct deliver_options options = {
		    .transport = relay_rows[i], .helo = "mail.example"};
		struct deliver *deliver = deliver_new(&options, &problem);
		if (deliver != NULL || problem.kind != PROBLEM_CONFIG ||
		    deliver_check(&options, NULL))
			fail_msg("%s: %s", relay_rows[i], problem.text);
	}
	for (size_t i = 0; i < sizeof good_relay_rows / sizeof *good_relay_rows;
	     i++) {
		struct problem problem = {0};
		if (!deliver_check(
			&(struct deliver_options){
			    .transport = good_relay_rows[i]},
			&problem))
			fail_msg("%s: %s", good_relay_rows[i], problem.text);
	}
	struct problem problem = {0};
	assert_null(deliver_new(
	    &(struct deliver_options){
		.transport = "smtp://127.0.0.1", .helo = "a b\r\n"},
	    &problem));
	assert_int_equal(problem.kind, PROBLEM_CONFIG);
	deliver_free(NULL);
}

/* --- logging in --- */

static const struct {
	const char *name;
	struct deliver_options options;
	const char *says; /* NULL: good */
} option_rows[] = {
    {"to loopback", {.transport = "smtp://127.0.0.1:25", .user = "u"}, NULL},
    {"to loopback by IPv6", {.transport = "smtp://[::1]:25", .user = "u"},
	NULL},
    {"to localhost", {.transport = "smtp://localhost", .user = "u"}, NULL},
    {"within TLS", {.transport = "smtps://a.example", .user = "u"}, NULL},
    {"behind STARTTLS",
	{.transport = "smtp://a.example",
	    .tls = DELIVER_TLS_REQUIRED,
	    .user = "u"},
	NULL},
    {"in the clear", {.transport = "smtp://a.example", .user = "u"},
	"ReportTLS required"},
    {"perhaps in the clear",
	{.transport = "smtp://a.example",
	    .tls = DELIVER_TLS_OPPORTUNISTIC,
	    .user = "u"},
	"in the clear"},
    {"to somebody who looks like loopback",
	{.transport = "smtp://127.0.0.1.example:25", .user = "u"},
	"in the clear"},
    {"to a near address", {.transport = "smtp://[::2]:25", .user = "u"},
	"in the clear"},
    {"no password",
	{.transport = "smtps://a.example", .user = "u", .password_file = ""},
	"ReportPasswordFile"},
    {"nobody's password",
	{.transport = "smtps://a.example", .user = "", .password_file = "/x"},
	"ReportUser"},
    {"no such certificates",
	{.transport = "smtps://a.example",
	    .certificates = "/nonexistent/ca.pem"},
	"ReportTLSCertificates /nonexistent/ca.pem"},
};

static bool
run_option(size_t row, const char *password_file)
{
	struct deliver_options options = option_rows[row].options;
	const char *says = option_rows[row].says;
	struct problem problem = {0};

	if (options.user != NULL && options.password_file == NULL)
		options.password_file = password_file;
	bool is_good = deliver_check(&options, &problem);
	if (says == NULL ? is_good
			 : !is_good && strstr(problem.text, says) != NULL)
		return true;
	print_error("%s: %s\n", option_rows[row].name, problem.text);
	return false;
}

static void
test_options(void **state)
{
	char path[] = "/tmp/deliver-password-XXXXXX";
	int fd = mkstemp(path);
	size_t failures = 0;

	(void)state;
	assert_true(fd >= 0 && write(fd, "secret\n", 7) == 7);
	(void)close(fd);
	for (size_t row = 0; row < sizeof option_rows / sizeof *option_rows;
	     row++)
		failures += !run_option(row, path);
	(void)unlink(path);
	assert_int_equal(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_replies),
	    cmocka_unit_test(test_stale_reply),
	    cmocka_unit_test(test_reuse),
	    cmocka_unit_test(test_fresh_is_not_repeated),
	    cmocka_unit_test(test_threads),
	    cmocka_unit_test(test_dialogue),
	    cmocka_unit_test(test_given_up),
	    cmocka_unit_test(test_not_asked_when_refused),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_nobody_there),
	    cmocka_unit_test(test_relays),
	    cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
