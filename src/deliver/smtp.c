/* libcurl speaks the SMTP; what is ours is what surprises in it: it sends CR LF
 * in an address through to the server, it takes our host name out of the URL's
 * path, and says which reply ended a dialogue only line by line. */
#include "deliver/deliver.h"

#include "base/build.h"
#include "base/ip.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 512, ADDRESS_MAX = 254, URL_MAX = 1024 };

/* The letter that is being sent. */
struct parcel {
	const struct deliver_letter *letter;
	size_t at;      /* bytes handed to libcurl */
	bool was_asked; /* before_data, or that there is none */
};

struct deliver {
	CURL *curl;
	struct parcel parcel;
	char words[WORDS_MAX]; /* the server's last line */
	size_t words_len;
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
	struct deliver *deliver = context;
	struct text line = text_trim((struct text){bytes, size * count});

	if (text_starts(line, TEXT("221")))
		return size * count;
	deliver->words_len = line.len < WORDS_MAX ? line.len : WORDS_MAX;
	if (line.len > 0)
		memcpy(deliver->words, line.ptr, deliver->words_len);
	return size * count;
}

/* A command makes the line before it old news: what fails now was not refused
 * by the answer to STARTTLS. QUIT is not what we want to know about. */
static int
/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl's type */
on_debug(CURL *curl, curl_infotype type, char *bytes, size_t len, void *context)
{
	struct deliver *deliver = context;

	(void)curl;
	if (type == CURLINFO_HEADER_OUT &&
	    !text_starts((struct text){bytes, len}, TEXT("QUIT")))
		deliver->words_len = 0;
	return 0;
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
set_callbacks(struct deliver *deliver)
{
	CURL *curl = deliver->curl;
	bool all = true;

	note(curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read), &all);
	note(curl_easy_setopt(curl, CURLOPT_READDATA, &deliver->parcel), &all);
	note(curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_reply), &all);
	note(curl_easy_setopt(curl, CURLOPT_HEADERDATA, deliver), &all);
	note(curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug), &all);
	note(curl_easy_setopt(curl, CURLOPT_DEBUGDATA, deliver), &all);
	note(curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L), &all); /* on_debug */
	note(curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, deliver->error), &all);
	return all;
}

static bool
set_behaviour(CURL *curl, const struct deliver_options *options)
{
	bool is_smtps =
	    text_starts_nocase(text_from_cstr(options->relay), TEXT("smtps:"));
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
	/* STARTTLS where it is offered. What would go in the clear without it
	 * need not prove its name with it; smtps:// must. */
	note(curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)CURLUSESSL_TRY),
	    &all);
	note(curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, is_smtps ? 1L : 0L),
	    &all);
	note(curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, is_smtps ? 2L : 0L),
	    &all);
	return all;
}

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

bool
deliver_check(const char *relay, struct problem *ret_problem)
{
	static const struct text schemes[] = {{"smtp://", 7}, {"smtps://", 8}};
	struct text url = text_from_cstr(relay);

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (text_starts_nocase(url, schemes[i]) &&
		    is_server(text_slice(url, schemes[i].len, url.len)))
			return true;
	return problem_set(ret_problem, PROBLEM_CONFIG,
	    "ReportTransport \"%s\" cannot be used; write smtp://HOST:PORT or"
	    " smtps://HOST:PORT",
	    relay);
}

/* To scheme, host and port comes a path, with which libcurl says EHLO. */
static bool
set_url(
    CURL *curl, const struct deliver_options *options, struct problem *problem)
{
	struct text helo = text_from_cstr(options->helo);
	char url[URL_MAX];

	if (!deliver_check(options->relay, problem))
		return false;
	if (!is_host(helo) || helo.len > URL_MAX / 4)
		return problem_set(problem, PROBLEM_CONFIG,
		    "%s: no host name to greet the relay with", options->helo);
	(void)snprintf(url, sizeof url, "%s/%s", options->relay, options->helo);
	return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK ||
	       problem_no_memory(problem);
}

struct deliver *
deliver_new(const struct deliver_options *options, struct problem *ret_problem)
{
	struct deliver *deliver = calloc(1, sizeof *deliver);

	if (deliver == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		free(deliver);
		(void)problem_no_memory(ret_problem);
		return NULL;
	}
	deliver->curl = curl_easy_init();
	if (deliver->curl == NULL || !set_callbacks(deliver) ||
	    !set_behaviour(deliver->curl, options))
		(void)problem_set(ret_problem, PROBLEM_UNAVAILABLE,
		    "libcurl cannot send mail here: is it built with SMTP?");
	else if (set_url(deliver->curl, options, ret_problem))
		return deliver;
	deliver_free(deliver);
	return NULL;
}

void
deliver_free(struct deliver *deliver)
{
	if (deliver == NULL)
		return;
	if (deliver->curl != NULL)
		curl_easy_cleanup(deliver->curl);
	curl_global_cleanup();
	free(deliver);
}

/* --- one mail --- */

static bool
is_safe(struct text address)
{
	for (size_t i = 0; i < address.len; i++) {
		int byte = (unsigned char)address.ptr[i];
		if (!is_printable(byte) || byte == '<' || byte == '>')
			return false;
	}
	return address.len <= ADDRESS_MAX;
}

/* The server's words, or libcurl's when it said nothing. */
static struct text
last_words(const struct deliver *deliver, CURLcode code, struct arena *arena)
{
	struct text words = {deliver->words, deliver->words_len};
	struct build build;

	if (code != CURLE_OK &&
	    (words.len == 0 || words.ptr[0] < '4' || words.ptr[0] > '5'))
		words = text_from_cstr(deliver->error[0] != '\0'
					   ? deliver->error
					   : curl_easy_strerror(code));
	build_init_arena(&build, arena, SIZE_MAX);
	build_clean(&build, words);
	return build_failed(&build) ? TEXT("") : build_view(&build);
}

/* A 5xx is about this mail when it answers MAIL, RCPT or DATA (libcurl says
 * SEND_ERROR) or what was sent. One before that, "554 no service here", is the
 * relay's trouble and may pass. */
static enum deliver_result
judge(const struct deliver *deliver, CURLcode code)
{
	bool was_about_mail =
	    code == CURLE_SEND_ERROR || deliver->parcel.at > 0;

	if (code == CURLE_OK)
		return DELIVER_ACCEPTED;
	if (was_about_mail && deliver->words_len > 0 &&
	    deliver->words[0] == '5')
		return DELIVER_REFUSED;
	return DELIVER_RETRY;
}

static CURLcode
perform(struct deliver *deliver, const struct deliver_letter *letter,
    struct arena *arena)
{
	CURL *curl = deliver->curl;
	const char *from = arena_cstr(arena, letter->from);
	const char *to = arena_cstr(arena, letter->to);

	if (arena_failed(arena))
		return CURLE_OUT_OF_MEMORY;
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
		code = curl_easy_perform(curl);
	(void)curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, NULL);
	curl_slist_free_all(recipients);
	return code;
}

enum deliver_result
deliver_mail(struct deliver *deliver, const struct deliver_letter *letter,
    struct arena *arena, struct text *ret_words)
{
	if (!is_safe(letter->from) || !is_safe(letter->to) ||
	    !text_has(letter->to, '@')) {
		*ret_words = TEXT("not a safe address");
		return DELIVER_REFUSED;
	}
	deliver->parcel = (struct parcel){.letter = letter};
	deliver->words_len = 0;
	deliver->error[0] = '\0';
	CURLcode code = perform(deliver, letter, arena);
	deliver->parcel.letter = NULL;
	*ret_words = last_words(deliver, code, arena);
	return judge(deliver, code);
}
