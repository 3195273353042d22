/* Delivery to a small SMTP server inside the test, which answers as its script
 * says and notes every byte that it was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deliver/deliver.h"
#include "exact.h"

#include "base/build.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ARENA_MAX = 1024 * 1024, HEARD_MAX = 65536 };

/* --- the server --- */

enum stage { HELLO, EHLO, MAIL, RCPT, DATA, END, STAGES };

#define CLOSE "close"
#define STALL "stall"

struct sink {
	int listener;
	unsigned port;
	pthread_t thread;
	const char *reply[STAGES]; /* NULL: the usual one */
	char heard[HEARD_MAX];     /* all lines, of one connection */
	size_t len;
};

static const char *const usual[] = {
    [HELLO] = "220 sink.example\r\n",
    [EHLO] = "250-sink.example hello\r\n250 SIZE 1000000\r\n",
    [MAIL] = "250 2.1.0 Ok\r\n",
    [RCPT] = "250 2.1.5 Ok\r\n",
    [DATA] = "354 go on\r\n",
    [END] = "250-2.0.0 first line\r\n250 2.0.0 queued as 42\r\n",
};

/* False: the connection ends here. */
static bool
say(const struct sink *sink, int fd, enum stage stage)
{
	const char *words = sink->reply[stage];
	char byte;

	if (words == NULL)
		words = usual[stage];
	if (strcmp(words, CLOSE) == 0)
		return false;
	if (strcmp(words, STALL) == 0) {
		while (recv(fd, &byte, 1, 0) > 0)
			;
		return false;
	}
	return send(fd, words, strlen(words), MSG_NOSIGNAL) > 0;
}

/* The next line, noted; empty at the end. */
static struct text
hear(struct sink *sink, int fd)
{
	size_t from = sink->len;

	while (sink->len < HEARD_MAX &&
	       recv(fd, sink->heard + sink->len, 1, 0) == 1)
		if (sink->heard[sink->len++] == '\n')
			break;
	return (struct text){sink->heard + from, sink->len - from};
}

static bool
hear_mail(struct sink *sink, int fd)
{
	struct text line;

	do
		line = hear(sink, fd);
	while (line.len > 0 && !text_equal(line, TEXT(".\r\n")));
	return line.len > 0 && say(sink, fd, END);
}

static bool
answer(struct sink *sink, int fd, struct text line)
{
	if (text_starts_nocase(line, TEXT("EHLO")))
		return say(sink, fd, EHLO);
	if (text_starts_nocase(line, TEXT("MAIL FROM:")))
		return say(sink, fd, MAIL);
	if (text_starts_nocase(line, TEXT("RCPT TO:")))
		return say(sink, fd, RCPT);
	if (text_starts_nocase(line, TEXT("QUIT"))) {
		(void)send(fd, "221 bye\r\n", 9, MSG_NOSIGNAL);
		return false;
	}
	if (!text_starts_nocase(line, TEXT("DATA"))) {
		(void)send(fd, "502 no\r\n", 8, MSG_NOSIGNAL);
		return true;
	}
	const char *words = sink->reply[DATA];
	bool goes_on = say(sink, fd, DATA);
	return goes_on && words == NULL ? hear_mail(sink, fd) : goes_on;
}

/* Serves one connection. */
static void *
serve(void *context)
{
	struct sink *sink = context;
	int fd = accept(sink->listener, NULL, NULL);
	struct text line;

	if (fd >= 0 && say(sink, fd, HELLO))
		while ((line = hear(sink, fd)).len > 0)
			if (!answer(sink, fd, line))
				break;
	if (fd >= 0)
		(void)close(fd);
	return NULL;
}

static void
sink_open(struct sink *sink)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;

	sink->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(sink->listener >= 0);
	assert_int_equal(
	    bind(sink->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(sink->listener, 1), 0);
	assert_int_equal(
	    getsockname(sink->listener, (struct sockaddr *)&address, &len), 0);
	sink->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&sink->thread, NULL, serve, sink), 0);
}

/* Ends the server also when nobody came. */
static void
sink_close(struct sink *sink)
{
	(void)shutdown(sink->listener, SHUT_RDWR);
	assert_int_equal(pthread_join(sink->thread, NULL), 0);
	(void)close(sink->listener);
}

static bool
heard(const struct sink *sink, const char *part)
{
	struct text all = {sink->heard, sink->len};

	return text_find_part(all, text_from_cstr(part)) < all.len;
}

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
	    deliver_new(&(struct deliver_options){.relay = relay,
			    .helo = "mail.receiver.example",
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

	attempt->result = deliver_mail(deliver, text_from_cstr(from),
	    text_from_cstr(to), mail, before_data, attempt, arena, &words);
	(void)snprintf(
	    attempt->words, sizeof attempt->words, TEXT_FMT, TEXT_ARG(words));
	exact_free(mail);
	arena_free(arena);
}

/* --- tests --- */

static const struct {
	const char *name;
	enum stage stage;
	const char *reply;
	enum deliver_result result;
	const char *words; /* their begin */
} reply_rows[] = {
    {"accepted", HELLO, NULL, DELIVER_ACCEPTED, "250 2.0.0 queued as 42"},
    {"MAIL refused", MAIL, "550 5.7.1 not you\r\n", DELIVER_REFUSED,
	"550 5.7.1 not you"},
    {"RCPT refused", RCPT, "550 5.1.1 no such user\r\n", DELIVER_REFUSED,
	"550 5.1.1 no such user"},
    {"RCPT refused at length", RCPT, "550-5.1.1 no\r\n550 5.1.1 user\r\n",
	DELIVER_REFUSED, "550 5.1.1 user"},
    {"RCPT later", RCPT, "451 4.7.1 greylisted\r\n", DELIVER_RETRY,
	"451 4.7.1 greylisted"},
    {"DATA refused", DATA, "554 5.5.1 no\r\n", DELIVER_REFUSED, "554 5.5.1"},
    {"DATA later", DATA, "452 4.3.1 disk full\r\n", DELIVER_RETRY, "452 4.3.1"},
    {"mail refused", END, "552 5.3.4 too big\r\n", DELIVER_REFUSED,
	"552 5.3.4"},
    {"mail later", END, "451 4.3.0 try again\r\n", DELIVER_RETRY, "451 4.3.0"},
    {"no service", HELLO, "554 no SMTP here\r\n", DELIVER_RETRY, "554 no"},
    {"closing", HELLO, "421 busy\r\n", DELIVER_RETRY, "421 busy"},
    {"escapes", RCPT, "550 \x1B[31m\xFF\r\n", DELIVER_REFUSED,
	"550 \\x1B[31m\\xFF"},
    {"no greeting", HELLO, CLOSE, DELIVER_RETRY, ""},
    {"closed at EHLO", EHLO, CLOSE, DELIVER_RETRY, ""},
    {"closed at RCPT", RCPT, CLOSE, DELIVER_RETRY, ""},
    {"closed at the end", END, CLOSE, DELIVER_RETRY, ""},
    {"no SMTP at all", HELLO, "HTTP/1.1 400 Bad Request\r\n", DELIVER_RETRY,
	""},
    {"stalls before the greeting", HELLO, STALL, DELIVER_RETRY, ""},
    {"stalls at RCPT", RCPT, STALL, DELIVER_RETRY, ""},
    {"stalls at the end", END, STALL, DELIVER_RETRY, ""},
};

static bool
run_reply(size_t row)
{
	struct sink sink = {.len = 0};
	struct attempt attempt = {.go_on = true};
	const char *words = reply_rows[row].words;

	sink.reply[reply_rows[row].stage] = reply_rows[row].reply;
	sink_open(&sink);
	struct deliver *deliver = open_relay(sink.port, 1);
	time_t begin = time(NULL);
	send_one(deliver, "a@receiver.example", "b@example.com", &attempt);
	bool was_bounded = time(NULL) - begin <= 4;
	deliver_free(deliver);
	sink_close(&sink);
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

static void
test_dialogue(void **state)
{
	struct sink sink = {.len = 0};
	struct attempt attempt = {.go_on = true};
	char expected[64];

	(void)state;
	sink_open(&sink);
	struct deliver *deliver = open_relay(sink.port, 5);
	send_one(
	    deliver, "a@receiver.example", "\"b@c\"@example.com", &attempt);
	assert_int_equal(attempt.result, DELIVER_ACCEPTED);
	assert_int_equal(attempt.asked, 1);
	/* The same connection, the null sender. */
	send_one(deliver, "", "c@example.com", &attempt);
	assert_int_equal(attempt.result, DELIVER_ACCEPTED);
	deliver_free(deliver);
	sink_close(&sink);
	assert_true(heard(&sink, "EHLO mail.receiver.example\r\n"));
	(void)snprintf(expected, sizeof expected,
	    "MAIL FROM:<a@receiver.example> SIZE=%zu\r\n",
	    sizeof MAIL_TEXT - 1);
	assert_true(heard(&sink, expected));
	assert_true(heard(&sink, "RCPT TO:<\"b@c\"@example.com>\r\n"));
	assert_true(heard(&sink, "MAIL FROM:<> SIZE="));
	assert_true(heard(&sink, "RCPT TO:<c@example.com>\r\n"));
	/* RFC 5321 4.5.2 */
	assert_true(heard(&sink,
	    "DATA\r\nSubject: x\r\n\r\n..dot first\r\n...two dots\r\n..\r\n"
	    "last\r\n.\r\n"));
}

/* before_data is asked after RCPT; then nothing of the mail is sent. */
static void
test_given_up(void **state)
{
	struct sink sink = {.len = 0};
	struct attempt attempt = {.go_on = false};

	(void)state;
	sink_open(&sink);
	struct deliver *deliver = open_relay(sink.port, 5);
	send_one(deliver, "a@receiver.example", "b@example.com", &attempt);
	deliver_free(deliver);
	sink_close(&sink);
	assert_int_equal(attempt.result, DELIVER_RETRY);
	assert_int_equal(attempt.asked, 1);
	assert_true(heard(&sink, "RCPT TO:<b@example.com>\r\n"));
	assert_false(heard(&sink, "Subject"));
	assert_false(heard(&sink, "\r\n.\r\n"));
}

static void
test_not_asked_when_refused(void **state)
{
	struct sink sink = {.reply[RCPT] = "550 no\r\n"};
	struct attempt attempt = {.go_on = true};

	(void)state;
	sink_open(&sink);
	struct deliver *deliver = open_relay(sink.port, 5);
	send_one(deliver, "a@receiver.example", "b@example.com", &attempt);
	deliver_free(deliver);
	sink_close(&sink);
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
    {"a@b.example", "x"},
    {"a@b.example", ""},
};

static void
test_addresses(void **state)
{
	struct sink sink = {.len = 0};
	struct attempt attempt = {.go_on = true};
	char long_address[300];

	(void)state;
	sink_open(&sink);
	struct deliver *deliver = open_relay(sink.port, 5);
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
	sink_close(&sink);
	assert_int_equal(sink.len, 0);
	assert_int_equal(attempt.asked, 0);
}

static void
test_nobody_there(void **state)
{
	struct sink sink = {.len = 0};
	struct attempt attempt = {.go_on = true};

	(void)state;
	sink_open(&sink);
	sink_close(&sink);
	struct deliver *deliver = open_relay(sink.port, 2);
	send_one(deliver, "a@receiver.example", "b@example.com", &attempt);
	deliver_free(deliver);
	assert_int_equal(attempt.result, DELIVER_RETRY);
	assert_true(attempt.words[0] != '\0');
}

static const char *const relay_rows[] = {"", "127.0.0.1", "http://a.example",
    "file:///etc/passwd", "smtp://", "smtp://a.example/path",
    "smtp://user:secret@a.example"};

static void
test_relays(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof relay_rows / sizeof *relay_rows; i++) {
		struct problem problem = {0};
		struct deliver *deliver = deliver_new(
		    &(struct deliver_options){relay_rows[i], "mail.example", 5},
		    &problem);
		assert_null(deliver);
		assert_int_equal(problem.kind, PROBLEM_CONFIG);
	}
	struct problem problem = {0};
	assert_null(deliver_new(
	    &(struct deliver_options){"smtp://127.0.0.1", "a b\r\n", 5},
	    &problem));
	assert_int_equal(problem.kind, PROBLEM_CONFIG);
	deliver_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_replies),
	    cmocka_unit_test(test_dialogue),
	    cmocka_unit_test(test_given_up),
	    cmocka_unit_test(test_not_asked_when_refused),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_nobody_there),
	    cmocka_unit_test(test_relays),
	};

	return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
