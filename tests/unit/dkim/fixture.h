/* A zone of keys, and messages that are signed with them. */
#ifndef TESTS_DKIM_FIXTURE_H
#define TESTS_DKIM_FIXTURE_H

#include "run.h"
#include "signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ARENA_MAX = 4 * 1024 * 1024, NOW = 1000000 };

#define HEADER                                                                 \
 "From: Joe <joe@example.com>\r\n"                                             \
 "To: suzie@example.net\r\n"                                                   \
 "Subject: Is dinner ready?\r\n"
#define BODY "Hi.\r\n\r\nWe lost the game.\r\n\r\nJoe.\r\n"

static struct signer signer;
static struct dns_zone *zone;

static inline int
set_up(void **state)
{
	static const struct {
		const char *name;
		const char *tags;
		enum sign_key key;
	} records[] = {
	    {"s._domainkey.example.com", "", SIGN_RSA},
	    {"s._domainkey.mail.example.com", "", SIGN_RSA},
	    {"s._domainkey.com.example", "", SIGN_RSA},
	    {"s._domainkey.list.example", "", SIGN_RSA},
	    {"s._domainkey.xn--bcher-kva.example", "", SIGN_RSA},
	    {"ed._domainkey.example.com", "k=ed25519;", SIGN_ED25519},
	    {"small._domainkey.example.com", "", SIGN_RSA_SMALL},
	    {"other._domainkey.example.com", "", SIGN_OTHER_RSA},
	    {"strict._domainkey.example.com", "t=s;", SIGN_RSA},
	    {"test._domainkey.example.com", "t=y;", SIGN_RSA},
	    {"sha1._domainkey.example.com", "h=sha1;", SIGN_RSA},
	    {"two._domainkey.example.com", "", SIGN_RSA},
	    {"two._domainkey.example.com", "", SIGN_OTHER_RSA},
	    {"two._domainkey.example.com", "k=ed25519;", SIGN_ED25519},
	};
	struct build build;

	(void)state;
	signer_init(&signer);
	build_init_arena(&build, signer.arena, 1 << 20);
	for (size_t i = 0; i < sizeof records / sizeof *records; i++)
		build_text(&build, signer_record(&signer, records[i].name,
				       records[i].tags, records[i].key));
	build_cstr(&build,
	    "revoked._domainkey.example.com TXT \"v=DKIM1; p=\"\n"
	    "wild._domainkey.example.com TXT \"v=spf1 -all\"\n"
	    "nodata._domainkey.example.com A 192.0.2.1\n"
	    "down._domainkey.example.com SERVFAIL\n");
	zone = order_zone(build_view(&build));
	return 0;
}

static inline int
tear_down(void **state)
{
	(void)state;
	dns_zone_free(zone);
	signer_free(&signer);
	return 0;
}

/* Where the field that begins TEXT ends: a CR LF that folds nothing. */
static inline size_t
field_end(struct text text)
{
	size_t end = text_find_part(text, TEXT("\r\n"));

	while (end + 2 < text.len && is_wsp(text.ptr[end + 2]))
		end += 2 + text_find_part(text_slice(text, end + 2, text.len),
			       TEXT("\r\n"));
	return end;
}

static inline struct mail_header
read_header(struct text text)
{
	struct mail_header header = {0};

	while (text.len > 0) {
		size_t end = field_end(text);
		if (!mail_header_add_raw(
			&header, signer.arena, text_slice(text, 0, end)))
			abort();
		text = text_slice(text, end + 2, text.len);
	}
	return header;
}

/* HEADER and BODY as signed by one signature. */
static inline struct text
sign(const struct sign_options *options, const char *header)
{
	struct mail_header fields = read_header(text_from_cstr(header));
	struct sign_options filled = *options;

	if (filled.body == NULL)
		filled.body = BODY;
	return arena_join(
	    signer.arena, signer_sign(&signer, &fields, &filled), TEXT("\r\n"));
}

static inline struct text
compose(struct text signatures, const char *header, const char *body)
{
	return arena_join(signer.arena, signatures,
	    arena_format(signer.arena, "%s\r\n%s", header, body));
}

#endif
