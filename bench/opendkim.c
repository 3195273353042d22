/* Verifies one message COUNT times with libopendkim, as bench-verdict's "dkim"
 * does, and prints what came out. Keys come from memory; they are parsed for
 * each message, since the library has no other way. Some of its functions have
 * names of ours, so our DKIM must not be linked.
 *
 * bench-opendkim COUNT ZONE MESSAGE */
#include "message.h"

#include "dns/zone.h"

#include <opendkim/dkim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 16 };

static struct bench {
	struct arena *arena;
	struct dns_zone *zone;
	struct message message;
	size_t count;

	struct {
		const char *selector;
		const char *domain;
		const char *record;
	} key[KEYS_MAX];
} bench;

static const char *
read_key(const char *selector, const char *domain)
{
	struct dns_question question = {
	    arena_format(bench.arena, "%s._domainkey.%s", selector, domain),
	    DNS_TXT};
	const struct dns_answer *answer =
	    dns_zone_answer(bench.zone, &question);
	const char *record = answer->count == 0 ? NULL
						: arena_cstr(bench.arena,
						      answer->records[0].text);

	dns_answer_unref(answer);
	return record;
}

static const char *
find_key(const char *selector, const char *domain)
{
	for (size_t i = 0; i < bench.count; i++) {
		if (strcmp(bench.key[i].selector, selector) == 0 &&
		    strcmp(bench.key[i].domain, domain) == 0)
			return bench.key[i].record;
	}
	const char *record = read_key(selector, domain);
	if (record == NULL || bench.count == KEYS_MAX)
		return NULL;
	bench.key[bench.count].selector =
	    arena_cstr(bench.arena, text_from_cstr(selector));
	bench.key[bench.count].domain =
	    arena_cstr(bench.arena, text_from_cstr(domain));
	bench.key[bench.count++].record = record;
	return record;
}

static DKIM_CBSTAT
look_up(DKIM *dkim, DKIM_SIGINFO *signature, u_char *buffer, size_t size)
{
	const char *record =
	    find_key((const char *)dkim_sig_getselector(signature),
		(const char *)dkim_sig_getdomain(signature));

	(void)dkim;
	if (record == NULL)
		return DKIM_CBSTAT_NOTFOUND;
	(void)snprintf((char *)buffer, size, "%s", record);
	return DKIM_CBSTAT_CONTINUE;
}

/* The library writes nothing there, but will have it so. */
static unsigned char *
bytes_of(struct text text)
{
	union {
		const char *read;
		unsigned char *write;
	} pointer = {text.ptr};

	return pointer.write;
}

static const char *
verify(DKIM_LIB *library)
{
	const struct mail_header *header = &bench.message.header;
	struct text body = build_view(&bench.message.body);
	DKIM_STAT status;
	DKIM *dkim =
	    dkim_verify(library, (const unsigned char *)"BENCH", NULL, &status);

	for (size_t i = 0; i < header->fields.count; i++) {
		struct text raw = header->fields.at[i].raw;
		(void)dkim_header(dkim, bytes_of(raw), raw.len);
	}
	(void)dkim_eoh(dkim);
	for (size_t at = 0; at < body.len; at += MESSAGE_PIECE) {
		struct text piece = text_slice(body, at, at + MESSAGE_PIECE);
		(void)dkim_body(dkim, bytes_of(piece), piece.len);
	}
	status = dkim_eom(dkim, NULL);
	(void)dkim_free(dkim);
	return status == DKIM_STAT_OK ? "pass" : dkim_getresultstr(status);
}

int
main(int argc, char **argv)
{
	struct problem problem = {PROBLEM_NONE, ""};
	DKIM_LIB *library = dkim_init(NULL, NULL);
	uint64_t now = 1795426200;
	const char *word = "";
	struct text zone;

	bench.arena = arena_new((size_t)1 << 28);
	if (argc != 4 || bench.arena == NULL || library == NULL)
		return 64;
	if (message_read_file(bench.arena, argv[2], &zone))
		bench.zone = dns_zone_read(zone, argv[2], &problem);
	if (bench.zone == NULL ||
	    !message_read(bench.arena, argv[3], &bench.message)) {
		(void)fprintf(stderr, "bench-opendkim: %s\n", problem.text);
		return 1;
	}
	(void)dkim_set_key_lookup(library, look_up);
	(void)dkim_options(
	    library, DKIM_OP_SETOPT, DKIM_OPTS_FIXEDTIME, &now, sizeof now);
	for (long count = strtol(argv[1], NULL, 10); count > 0; count--)
		word = verify(library);
	(void)puts(word);
	dkim_close(library);
	dns_zone_free(bench.zone);
	arena_free(bench.arena);
	return 0;
}
