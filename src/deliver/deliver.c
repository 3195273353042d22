#include "deliver/transport.h"

enum { ADDRESS_MAX = 254 };

static const struct transport *const transports[] = {
    &transport_smtp, &transport_smtps, &transport_sendmail, NULL};

bool
transport_has(const char *option)
{
	return option != NULL && option[0] != '\0';
}

bool
transport_refuse(
    const struct deliver_options *options, struct problem *ret_problem)
{
	return problem_set(ret_problem, PROBLEM_CONFIG,
	    "ReportTransport \"%s\" cannot be used; write smtp://HOST:PORT,"
	    " smtps://HOST:PORT or sendmail:/PATH",
	    options->transport);
}

/* NULL: there is none of that scheme. */
static const struct transport *
find_transport(const char *option, struct text *ret_where)
{
	struct text text = text_from_cstr(option);

	for (const struct transport *const *at = transports; *at != NULL;
	     at++) {
		struct text scheme = text_from_cstr((*at)->scheme);
		if (!text_starts_nocase(text, scheme))
			continue;
		*ret_where = text_slice(text, scheme.len, text.len);
		return *at;
	}
	return NULL;
}

bool
deliver_check(
    const struct deliver_options *options, struct problem *ret_problem)
{
	struct text where;
	const struct transport *transport =
	    find_transport(options->transport, &where);

	return transport == NULL
		   ? transport_refuse(options, ret_problem)
		   : transport->check(options, where, ret_problem);
}

static unsigned
port_of(struct text server, unsigned otherwise)
{
	size_t colon = text_find_last(server, ':');
	uint64_t port;

	/* "[::1]" has colons, too. */
	return text_to_number(
		   text_slice(server, colon + 1, server.len), 65535, &port)
		   ? (unsigned)port
		   : otherwise;
}

bool
deliver_needs(const struct deliver_options *options, struct sandbox *sandbox)
{
	struct text where;
	const struct transport *transport =
	    find_transport(options->transport, &where);

	if (transport == NULL || transport->port == 0)
		return false;
	sandbox_may_connect(sandbox, port_of(where, transport->port));
	if (transport_has(options->certificates))
		(void)sandbox_may_beside(
		    sandbox, SANDBOX_READ, options->certificates);
	if (transport_has(options->password_file))
		(void)sandbox_may_beside(
		    sandbox, SANDBOX_READ, options->password_file);
	return true;
}

struct deliver *
deliver_new(const struct deliver_options *options, struct problem *ret_problem)
{
	struct text where;
	const struct transport *transport =
	    find_transport(options->transport, &where);

	if (!deliver_check(options, ret_problem))
		return NULL;
	struct deliver *deliver = transport->open(options, where, ret_problem);
	if (deliver != NULL)
		deliver->transport = transport;
	return deliver;
}

void
deliver_free(struct deliver *deliver)
{
	if (deliver != NULL)
		deliver->transport->close(deliver);
}

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

enum deliver_result
deliver_mail(struct deliver *deliver, const struct deliver_letter *letter,
    struct arena *arena, struct text *ret_words)
{
	if (!is_safe(letter->from) || !is_safe(letter->to) ||
	    !text_has(letter->to, '@')) {
		*ret_words = TEXT("not a safe address");
		return DELIVER_REFUSED;
	}
	return deliver->transport->mail(deliver, letter, arena, ret_words);
}
