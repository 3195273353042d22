/* libcurl speaks the SMTP; what is ours is what surprises in it: it sends CR LF
 * in an address through to the server, it takes our host name out of the URL's
 * path, and says which reply ended a dialogue only line by line. */
#include "deliver/password.h"
#include "deliver/transport.h"
#include "deliver/words.h"

#include "base/ip.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { URL_MAX = 1024 };

/* The letter that is being sent. */
struct parcel {
	const struct deliver_letter *letter;
	size_t at;      /* bytes handed to libcurl */
	bool was_asked; /* before_data, or that there is none */
};

struct smtp {
	struct deliver base;
	CURL *curl;
	struct parcel parcel;
	struct words words; /* the server's last reply */
	char error[CURL_ERROR_SIZE];
};

/* --- libcurl's calls --- */

/* Called first when DATA was answered by 354, so RCPT was accepted and nothing
 * was sent; an aborted DATA delivers nothing (RFC 5321 4.1.1.4). */
static size_t
on_read(char *room, size_t size, size_t count, void *context)
{
	struct parcel *parcel = context;
	const struct deliver_letter *letter = parcel->letter;

	if (!parcel->was_asked) {
		parcel->was_asked = true;
		if (letter->before_data != NULL &&
		    !letter->before_data(letter->context))
			return CURL_READFUNC_ABORT;
	}
	struct text piece =
	    text_slice(letter->mail, parcel->at, parcel->at + size * count);
	if (piece.len > 0)
		memcpy(room, piece.ptr, piece.len);
	parcel->at += piece.len;
	return piece.len;
}

/* A line of the server. The answer to our QUIT is not what we want to know. */
static size_t
/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl's type */
on_reply(char *bytes, size_t size, size_t count, void *context)
{
	struct smtp *smtp = context;
	struct text line = {bytes, size * count};

	if (!text_starts(line, TEXT("221")))
		words_add_reply(&smtp->words, line);
	return size * count;
}

/* A command makes the line before it old news: what fails now was not refused
 * by the answer to STARTTLS. QUIT is not what we want to know about. */
static int
/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl's type */
on_debug(CURL *curl, curl_infotype type, char *bytes, size_t len, void *context)
{
	struct smtp *smtp = context;

	(void)curl;
	if (type == CURLINFO_HEADER_OUT &&
	    !text_starts((struct text){bytes, len}, TEXT("QUIT")))
		words_clear(&smtp->words);
	return 0;
}

/* --- what the options say --- */

static bool
is_host_byte(int byte)
{
	return is_alnum(byte) || byte == '-' || byte == '.' || byte == '_';
}

static bool
is_host(struct text host)
{
	for (size_t i = 0; i < host.len; i++)
		if (!is_host_byte((unsigned char)host.ptr[i]))
			return false;
	return host.len > 0;
}

/* host [ ":" port ]; an IPv6 address stands in brackets. */
static bool
is_server(struct text server)
{
	bool has_brackets = text_starts(server, TEXT("["));
	size_t end =
	    has_brackets ? text_find(server, ']') + 1 : text_find(server, ':');
	struct text port = text_slice(server, end, server.len);
	struct ip ip;
	uint64_t number;

	if (end > server.len || end > URL_MAX / 2)
		return false;
	if (port.len > 0 && (port.ptr[0] != ':' ||
				!text_to_number(text_slice(port, 1, port.len),
				    65535, &number) ||
				number == 0))
		return false;
	return has_brackets ? ip_read(text_slice(server, 1, end - 1), &ip) &&
				  ip.version == 6
			    : is_host(text_slice(server, 0, end));
}

static bool
is_smtps(const struct deliver_options *options)
{
	return text_starts_nocase(
	    text_from_cstr(options->transport), TEXT("smtps:"));
}

/* Nothing is sent in the clear then, nor to who cannot prove its name. */
static bool
is_proven(const struct deliver_options *options)
{
	return is_smtps(options) || options->tls == DELIVER_TLS_REQUIRED;
}

static bool
is_loopback(struct text server)
{
	struct ip net, ip;
	unsigned prefix;
	struct text host = text_starts(server, TEXT("["))
			       ? text_slice(server, 1, text_find(server, ']'))
			       : text_slice(server, 0, text_find(server, ':'));

	if (text_equal_nocase(host, TEXT("localhost")))
		return true;
	return ip_read(host, &ip) &&
	       ip_read_net(
		   ip.version == 4 ? TEXT("127.0.0.0/8") : TEXT("::1/128"),
		   &net, &prefix) &&
	       ip_in_net(&ip, &net, prefix);
}

static bool
check_login(const struct deliver_options *options, struct text server,
    struct problem *problem)
{
	bool has_user = transport_has(options->user);
	char password[PASSWORD_MAX + 1];

	if (has_user != transport_has(options->password_file))
		return problem_set(problem, PROBLEM_CONFIG,
		    "ReportUser and ReportPasswordFile go together: set both "
		    "or none");
	if (!has_user)
		return true;
	if (!is_proven(options) && !is_loopback(server))
		return problem_set(problem, PROBLEM_CONFIG,
		    "ReportUser: the password could go to " TEXT_FMT
		    " in the clear; add \"ReportTLS required\", or write "
		    "smtps:// in ReportTransport",
		    TEXT_ARG(server));
	return password_read(options->password_file, password, problem);
}

static bool
check_certificates(
    const struct deliver_options *options, struct problem *problem)
{
	return !transport_has(options->certificates) ||
	       access(options->certificates, R_OK) == 0 ||
	       problem_set(problem, problem_kind_of(errno),
		   "ReportTLSCertificates %s: %s", options->certificates,
		   strerror(errno));
}

static bool
check_smtp(const struct deliver_options *options, struct text where,
    struct problem *problem)
{
	if (!is_server(where))
		return transport_refuse(options, problem);
	return check_login(options, where, problem) &&
	       check_certificates(options, problem);
}

/* --- set-up --- */

/* Sticky: whether all options were taken. */
static void
note(CURLcode code, bool *all)
{
	if (code != CURLE_OK)
		*all = false;
}

static bool
set_callbacks(struct smtp *smtp)
{
	CURL *curl = smtp->curl;
	bool all = true;

	note(curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read), &all);
	note(curl_easy_setopt(curl, CURLOPT_READDATA, &smtp->parcel), &all);
	note(curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_reply), &all);
	note(curl_easy_setopt(curl, CURLOPT_HEADERDATA, smtp), &all);
	note(curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug), &all);
	note(curl_easy_setopt(curl, CURLOPT_DEBUGDATA, smtp), &all);
	note(curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L), &all); /* on_debug */
	note(curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, smtp->error), &all);
	return all;
}

static bool
set_behaviour(CURL *curl, const struct deliver_options *options)
{
	long timeout = (long)options->timeout;
	bool all = true;

	note(curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps"), &all);
	/* Nothing from the environment. */
	note(curl_easy_setopt(curl, CURLOPT_PROXY, ""), &all);
	note(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L), &all);
	note(curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L), &all);
	note(curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout), &all);
	note(curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, timeout), &all);
	note(curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, timeout),
	    &all);
	return all;
}

/* What would go in the clear without STARTTLS need not prove its name with
 * it. */
static bool
set_tls(CURL *curl, const struct deliver_options *options)
{
	static const long use[] = {
	    [DELIVER_TLS_NONE] = CURLUSESSL_NONE,
	    [DELIVER_TLS_OPPORTUNISTIC] = CURLUSESSL_TRY,
	    [DELIVER_TLS_REQUIRED] = CURLUSESSL_ALL,
	};
	bool proven = is_proven(options);
	bool all = true;

	note(curl_easy_setopt(curl, CURLOPT_USE_SSL, use[options->tls]), &all);
	note(curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, proven ? 1L : 0L),
	    &all);
	note(curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, proven ? 2L : 0L),
	    &all);
	if (transport_has(options->certificates)) {
		note(curl_easy_setopt(
			 curl, CURLOPT_CAINFO, options->certificates),
		    &all);
		/* The system's authorities are not believed then. */
		note(curl_easy_setopt(curl, CURLOPT_CAPATH, NULL), &all);
	}
	return all;
}

/* False: *problem, or libcurl took it not. */
static bool
set_login(
    CURL *curl, const struct deliver_options *options, struct problem *problem)
{
	char password[PASSWORD_MAX + 1];
	bool all = true;

	if (!transport_has(options->user))
		return true;
	if (!password_read(options->password_file, password, problem))
		return false;
	note(curl_easy_setopt(curl, CURLOPT_USERNAME, options->user), &all);
	note(curl_easy_setopt(curl, CURLOPT_PASSWORD, password), &all);
	return all;
}

/* To scheme, host and port comes a path, with which libcurl says EHLO. */
static bool
set_url(
    CURL *curl, const struct deliver_options *options, struct problem *problem)
{
	struct text helo = text_from_cstr(options->helo);
	char url[URL_MAX];

	if (!is_host(helo) || helo.len > URL_MAX / 4)
		return problem_set(problem, PROBLEM_CONFIG,
		    "%s: no host name to greet the relay with", options->helo);
	(void)snprintf(
	    url, sizeof url, "%s/%s", options->transport, options->helo);
	return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK ||
	       problem_no_memory(problem);
}

static CURLcode global_code;

static void
init_globally(void)
{
	global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void
close_smtp(struct deliver *deliver)
{
	struct smtp *smtp = (struct smtp *)deliver;

	curl_easy_cleanup(smtp->curl);
	free(smtp);
}

/* libcurl is set up once and stays: older ones cannot do that while another
 * thread uses them. */
static struct deliver *
open_smtp(const struct deliver_options *options, struct text where,
    struct problem *problem)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct smtp *smtp = calloc(1, sizeof *smtp);

	(void)where;
	if (smtp == NULL || pthread_once(&once, init_globally) != 0 ||
	    global_code != CURLE_OK) {
		free(smtp);
		(void)problem_no_memory(problem);
		return NULL;
	}
	smtp->curl = curl_easy_init();
	if (smtp->curl != NULL && set_callbacks(smtp) &&
	    set_behaviour(smtp->curl, options) &&
	    set_tls(smtp->curl, options) &&
	    set_login(smtp->curl, options, problem) &&
	    set_url(smtp->curl, options, problem))
		return &smtp->base;
	(void)problem_set(problem, PROBLEM_UNAVAILABLE,
	    "libcurl cannot send mail here: is it built with SMTP and TLS?");
	close_smtp(&smtp->base);
	return NULL;
}

/* --- one mail --- */

static bool
has_refusal(const struct words *words)
{
	return words->len > 0 &&
	       (words->bytes[0] == '4' || words->bytes[0] == '5');
}

/* The first digit of a whole reply to the final dot says it (RFC 5321 4.2.1);
 * libcurl wants 250 there. Before that dot the last reply was 354. */
static bool
was_taken(const struct smtp *smtp, CURLcode code)
{
	const struct parcel *parcel = &smtp->parcel;

	return code == CURLE_OK ||
	       (parcel->at == parcel->letter->mail.len &&
		   text_starts(words_view(&smtp->words), TEXT("2")) &&
		   !smtp->words.goes_on);
}

/* The server's words, or libcurl's when it said nothing. */
static struct text
last_words(const struct smtp *smtp, CURLcode code, struct arena *arena)
{
	const struct parcel *parcel = &smtp->parcel;

	if (was_taken(smtp, code) || has_refusal(&smtp->words))
		return words_line(words_view(&smtp->words), arena);
	struct text words = words_line(
	    text_from_cstr(smtp->error[0] != '\0' ? smtp->error
						  : curl_easy_strerror(code)),
	    arena);
	if (parcel->at < parcel->letter->mail.len)
		return words;
	words = arena_format(arena,
	    "no answer to the whole mail, which may come twice: " TEXT_FMT,
	    TEXT_ARG(words));
	return text_slice(words, 0, WORDS_MAX);
}

/* A 5xx is about this mail when it answers MAIL, RCPT or DATA (libcurl says
 * SEND_ERROR) or what was sent. One before that, "554 no service here", is the
 * relay's trouble and may pass; as 53x is ours, who are to log in or to begin
 * TLS (RFC 4954 6). libcurl says WEIRD_SERVER_REPLY of a banner. */
static enum deliver_result
judge(const struct smtp *smtp, CURLcode code)
{
	struct text words = words_view(&smtp->words);
	bool was_about_mail = code == CURLE_SEND_ERROR || smtp->parcel.at > 0;

	if (was_taken(smtp, code))
		return DELIVER_ACCEPTED;
	if (was_about_mail && text_starts(words, TEXT("5")) &&
	    !text_starts(words, TEXT("53")))
		return DELIVER_REFUSED;
	if (code == CURLE_WEIRD_SERVER_REPLY && !smtp->parcel.was_asked &&
	    text_starts(words, TEXT("421")))
		return DELIVER_BUSY;
	return DELIVER_RETRY;
}

static void
forget_last(struct smtp *smtp, const struct deliver_letter *letter)
{
	smtp->parcel = (struct parcel){.letter = letter};
	words_clear(&smtp->words);
	smtp->error[0] = '\0';
}

/* The server ended a connection that stood idle, or had enough of it, before
 * it saw the mail: that says nothing about a new one. */
static bool
was_stale(const struct smtp *smtp, CURLcode code)
{
	long connects = 0;

	return code != CURLE_OK && code != CURLE_OPERATION_TIMEDOUT &&
	       !smtp->parcel.was_asked &&
	       curl_easy_getinfo(
		   smtp->curl, CURLINFO_NUM_CONNECTS, &connects) == CURLE_OK &&
	       connects == 0 &&
	       (!has_refusal(&smtp->words) ||
		   text_starts(words_view(&smtp->words), TEXT("421")));
}

static CURLcode
perform(struct smtp *smtp, const struct deliver_letter *letter)
{
	CURL *curl = smtp->curl;
	CURLcode code = curl_easy_perform(curl);

	if (!was_stale(smtp, code))
		return code;
	forget_last(smtp, letter);
	(void)curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
	code = curl_easy_perform(curl);
	(void)curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 0L);
	return code;
}

static CURLcode
send_to(struct smtp *smtp, const struct deliver_letter *letter,
    const char *from, const char *to)
{
	CURL *curl = smtp->curl;
	struct curl_slist *recipients = curl_slist_append(NULL, to);
	CURLcode code = recipients == NULL ? CURLE_OUT_OF_MEMORY : CURLE_OK;

	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
		    (curl_off_t)letter->mail.len);
	if (code == CURLE_OK)
		code = perform(smtp, letter);
	(void)curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, NULL);
	curl_slist_free_all(recipients);
	return code;
}

static enum deliver_result
mail_by_smtp(struct deliver *deliver, const struct deliver_letter *letter,
    struct arena *arena, struct text *ret_words)
{
	struct smtp *smtp = (struct smtp *)deliver;
	const char *from = arena_cstr(arena, letter->from);
	const char *to = arena_cstr(arena, letter->to);

	if (arena_failed(arena)) {
		*ret_words = TEXT("no memory");
		return DELIVER_RETRY;
	}
	forget_last(smtp, letter);
	CURLcode code = send_to(smtp, letter, from, to);
	*ret_words = last_words(smtp, code, arena);
	return judge(smtp, code);
}

const struct transport transport_smtp = {
    .scheme = "smtp://",
    .port = 25,
    .check = check_smtp,
    .open = open_smtp,
    .close = close_smtp,
    .mail = mail_by_smtp,
};

const struct transport transport_smtps = {
    .scheme = "smtps://",
    .port = 465,
    .check = check_smtp,
    .open = open_smtp,
    .close = close_smtp,
    .mail = mail_by_smtp,
};
