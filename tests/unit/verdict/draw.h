/* Draw: a random world (oracle.h), its zone as text, and a really signed message
 * in it. For one test program: it holds the keys and the round's memory. */
#ifndef TESTS_VERDICT_DRAW_H
#define TESTS_VERDICT_DRAW_H

#include "../dkim/signer.h"
#include "oracle.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define BODY         "Hello\r\n"

enum { ZONE_MAX = 65536 };

static struct signer signer; /* its arena is the round's */

static unsigned
draw(unsigned *random, size_t count)
{
	*random = *random * 1664525U + 1013904223U;
	return (*random >> 10) % (unsigned)count;
}

/* One time of COUNT. */
static bool
draw_rare(unsigned *random, size_t count)
{
	return draw(random, count) == 0;
}

static int
draw_name(unsigned *random)
{
	return (int)draw(random, NAMES);
}

/* --- the model --- */

static void
draw_policy(unsigned *random, struct policy *policy)
{
	static const char *const p[] = {"none", "quarantine", "reject",
	    "reject", "reject", "quarantine", "none", "quarantine", "reject",
	    "oops", NULL};
	static const char *const other[] = {NULL, NULL, NULL, NULL, "none",
	    "quarantine", "reject", NULL, NULL, NULL, "oops"};

	*policy = (struct policy){
	    .p = p[draw(random, COUNT(p))],
	    .sp = other[draw(random, COUNT(other))],
	    .np = other[draw(random, COUNT(other))],
	    .strict_dkim = draw_rare(random, 6),
	    .strict_spf = draw_rare(random, 6),
	    .psd = "uuuuuuuuyn"[draw(random, 10)],
	    .test = draw_rare(random, 6),
	    .rua = draw(random, 2) == 0,
	    .pct = draw_rare(random, 6) ? 0 : 100,
	};
}

static void
draw_host(unsigned *random, struct host *host)
{
	static const enum spf_kind kinds[] = {PUBLISHES_OWN, PUBLISHES_OWN,
	    PUBLISHES_OWN, PUBLISHES_SECOND, PUBLISHES_NONE};

	*host = (struct host){
	    .dmarc.fails = draw_rare(random, 30),
	    .dmarc.count = draw(random, 3) > 0,
	    .spf = kinds[draw(random, COUNT(kinds))],
	    .key = KEY_GOOD,
	    .has_address = draw_rare(random, 3),
	    .address_fails = draw_rare(random, 12),
	};
	if (draw_rare(random, 12))
		host->dmarc.count = 2;
	for (size_t i = 0; i < 2; i++)
		draw_policy(random, &host->dmarc.record[i]);
	if (draw(random, 2) == 0)
		host->spf = (enum spf_kind)draw(random, SPF_KINDS);
	if (draw_rare(random, 3))
		host->key = (enum key_kind)draw(random, KEY_KINDS);
	do
		host->target = draw_name(random);
	while (strchr(names[host->target], '.') == NULL);
	if (host->spf == PUBLISHES_NONE && draw_rare(random, 4)) {
		host->is_alias = true;
		host->has_address = false;
		host->address_fails = false;
	}
}

/* --- its zone --- */

static void
add(struct model *model, struct build *zone, const char *owner,
    const char *data)
{
	build_format(zone, "%s %s\n", owner, data);
	assert_true(model->owners < OWNERS_MAX);
	model->owner[model->owners++] = owner;
}

static const char *
below(const char *prefix, const char *name)
{
	return arena_cstr(
	    signer.arena, arena_format(signer.arena, "%s.%s", prefix, name));
}

static char
capital(char byte)
{
	if (byte < 'a' || byte > 'z')
		return byte;
	return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[byte - 'a'];
}

/* Case and white space are the owner's (RFC 9989 4.8). */
static void
add_tag(
    unsigned *random, struct build *text, const char *name, const char *value)
{
	static const char *const gaps[] = {"", "", " ", "  "};
	bool is_upper = draw_rare(random, 6);

	build_format(
	    text, "%s;%s", gaps[draw(random, 4)], gaps[draw(random, 4)]);
	for (; *name != '\0'; name++) {
		char byte = *name;
		if (is_upper)
			byte = capital(byte);
		build_byte(text, byte);
	}
	build_format(text, "%s=%s%s", gaps[draw(random, 4)],
	    gaps[draw(random, 4)], value);
}

/* A value that is none is sometimes two that differ. */
static void
add_policy(
    unsigned *random, struct build *text, const char *name, const char *value)
{
	if (value == NULL)
		return;
	if (is_word(value) || draw(random, 2) == 0) {
		add_tag(random, text, name, value);
		return;
	}
	add_tag(random, text, name, "none");
	add_tag(random, text, name, "reject");
}

static void
add_one(unsigned *random, struct build *text, const struct policy *policy,
    unsigned which)
{
	char psd[2] = {policy->psd, '\0'};

	switch (which) {
	case 0: add_policy(random, text, "p", policy->p); return;
	case 1: add_policy(random, text, "sp", policy->sp); return;
	case 2: add_policy(random, text, "np", policy->np); return;
	case 3:
		if (policy->strict_dkim || draw(random, 2) == 0)
			add_tag(random, text, "adkim",
			    policy->strict_dkim ? "s" : "r");
		return;
	case 4:
		if (policy->strict_spf || draw(random, 2) == 0)
			add_tag(random, text, "aspf",
			    policy->strict_spf ? "S" : "relaxed");
		return;
	case 5:
		if (policy->psd != 'u' || draw(random, 2) == 0)
			add_tag(random, text, "psd",
			    policy->psd == 'u' ? "maybe" : psd);
		return;
	case 6:
		if (policy->test)
			add_tag(random, text, "t", "y");
		return;
	case 7:
		if (policy->rua)
			add_tag(random, text, "rua", "mailto:a@b.example");
		return;
	default:
		add_tag(random, text, "pct", policy->pct == 0 ? "0" : "37");
		add_tag(random, text, "x", "y");
		return;
	}
}

static const char *
policy_data(unsigned *random, const struct policy *policy)
{
	enum { TAGS = 9 };

	unsigned first = draw(random, TAGS);
	struct build text;

	build_init_arena(&text, signer.arena, 1024);
	build_cstr(&text,
	    draw_rare(random, 8) ? "TXT \"v = DMA\" \"RC1" : "TXT \"v=DMARC1");
	for (unsigned i = 0; i < TAGS; i++)
		add_one(random, &text, policy, (first + i * 2) % TAGS);
	build_cstr(&text, "\"");
	return arena_cstr(signer.arena, build_view(&text));
}

static void
add_dmarc(struct model *model, struct build *zone, unsigned *random, int at)
{
	static const char *const junk[] = {"TXT \"v=DMARC1x; p=none; psd=n\"",
	    "TXT \"v=dmarc1; p=none; psd=y\"", "TXT \" v=DMARC1; p=none\"",
	    "TXT \"v=spf1 -all\""};
	const struct publication *dmarc = &model->host[at].dmarc;
	const char *owner = below("_dmarc", names[at]);

	if (dmarc->fails) {
		add(model, zone, owner,
		    draw(random, 2) == 0 ? "SERVFAIL" : "TIMEOUT");
		return;
	}
	for (unsigned i = 0; i < dmarc->count; i++)
		add(model, zone, owner, policy_data(random, &dmarc->record[i]));
	if (draw_rare(random, 8))
		add(model, zone, owner, junk[draw(random, COUNT(junk))]);
}

static void
add_spf(struct model *model, struct build *zone, int at)
{
	static const char *const data[SPF_KINDS] = {
	    [PUBLISHES_OWN] = "TXT \"v=spf1 ip4:192.0.2.1 -all\"",
	    [PUBLISHES_SECOND] = "TXT \"v=spf1 ip4:192.0.2.2 -all\"",
	    [PUBLISHES_NEUTRAL] = "TXT \"v=spf1 ?ip4:192.0.2.1 -all\"",
	    [PUBLISHES_A] = "TXT \"v=spf1 a -all\"",
	    [PUBLISHES_INCLUDE] = "TXT \"v=spf1 include:%s ~all\"",
	    [PUBLISHES_REDIRECT] = "TXT \"v=spf1 redirect=%s\"",
	    [PUBLISHES_BROKEN] = "TXT \"v=spf1 ip4:192.0.2.1 nonsense\"",
	    [PUBLISHES_TWO] = "TXT \"v=spf1 ip4:192.0.2.1 -all\"",
	    [PUBLISHES_FAILURE] = "SERVFAIL TXT",
	};
	const struct host *host = &model->host[at];
	const char *target = names[host->target];

	if (host->spf == PUBLISHES_INCLUDE)
		add(model, zone, names[at],
		    arena_cstr(signer.arena,
			arena_format(signer.arena,
			    "TXT \"v=spf1 include:%s ~all\"", target)));
	else if (host->spf == PUBLISHES_REDIRECT)
		add(model, zone, names[at],
		    arena_cstr(signer.arena,
			arena_format(signer.arena, "TXT \"v=spf1 redirect=%s\"",
			    target)));
	else if (host->spf != PUBLISHES_NONE)
		add(model, zone, names[at], data[host->spf]);
	if (host->spf == PUBLISHES_TWO)
		add(model, zone, names[at], "TXT \"v=spf1 +all\"");
}

static void
add_addresses(struct model *model, struct build *zone, int at)
{
	const struct host *host = &model->host[at];

	if (host->is_alias)
		add(model, zone, names[at], "CNAME nothing.invalid");
	if (host->address_fails)
		add(model, zone, names[at], "SERVFAIL A");
	if (host->has_address)
		add(model, zone, names[at], "A 192.0.2.1");
}

static void
add_key(struct model *model, struct build *zone, int at)
{
	const char *owner = below("s._domainkey", names[at]);
	enum key_kind kind = model->host[at].key;
	enum sign_key key = kind == KEY_OTHER ? SIGN_OTHER_RSA : SIGN_ED25519;
	struct text data = signer_public(&signer, key);

	if (kind == KEY_FAILURE)
		add(model, zone, owner, "SERVFAIL");
	else if (kind == KEY_REVOKED)
		add(model, zone, owner, "TXT \"k=ed25519; p=\"");
	else if (kind != KEY_ABSENT)
		add(model, zone, owner,
		    arena_cstr(signer.arena,
			arena_format(signer.arena,
			    "TXT \"k=%s; p=\" \"" TEXT_FMT "\" \"" TEXT_FMT
			    "\"",
			    kind == KEY_OTHER ? "rsa" : "ed25519",
			    TEXT_ARG(text_slice(data, 0, 200)),
			    TEXT_ARG(text_slice(data, 200, data.len)))));
}

static struct text
draw_zone(unsigned *random, struct model *model)
{
	struct build text;

	build_init_arena(&text, signer.arena, ZONE_MAX);
	for (int i = 0; i < NAMES; i++) {
		draw_host(random, &model->host[i]);
		/* Names of which there is nothing, for np. */
		if (draw_rare(random, 6)) {
			model->host[i] = (struct host){.key = KEY_ABSENT};
			continue;
		}
		add_dmarc(model, &text, random, i);
		add_spf(model, &text, i);
		add_addresses(model, &text, i);
		add_key(model, &text, i);
	}
	assert_false(build_failed(&text));
	return build_view(&text);
}

/* --- its message --- */

static const char *
upper(const char *name)
{
	char *copy = arena_alloc(signer.arena, strlen(name) + 1);

	for (size_t i = 0; name[i] != '\0'; i++)
		copy[i] = capital(name[i]);
	return copy;
}

/* The From field, or fields, without the last line's end. */
static struct text
draw_from(unsigned *random, struct model *model)
{
	struct arena *arena = signer.arena;
	int at = draw_name(random);
	const char *name = names[at];
	const char *other = names[(at + 1) % NAMES];

	model->author = at;
	model->has_from = true;
	switch (draw(random, 24)) {
	case 0:
		return arena_format(
		    arena, "From: \"v@%s\" <x@%s>", other, upper(name));
	case 1:
		return arena_format(
		    arena, "FROM: Club: x@%s,\r\n y@%s;", name, name);
	case 2:
		return arena_format(
		    arena, "From: =?utf-8?q?boss=40%s?= <x@%s>", other, name);
	case 3:
		return arena_format(
		    arena, "From: (v) <@a.example,@b.example:x@%s>", name);
	case 4: model->author = -1; break;
	case 5:
		model->author = -1;
		return arena_format(
		    arena, "From: x@%s\r\nFrom: x@%s", name, other);
	case 6:
		model->author = -1;
		return arena_format(arena, "From: x@%s, y@%s", name, other);
	case 7:
		model->author = -1;
		model->has_from = false;
		return TEXT("Subject: nobody");
	default: return arena_format(arena, "From: x@%s", name);
	}
	return arena_format(arena, "From: <x@%s> <y@%s>", name, other);
}

static struct text
sign_for(const char *domain, struct text from, const char *tags)
{
	struct mail_header header = {.bytes = 0};
	struct sign_options options = {
	    .key = SIGN_ED25519, .domain = domain, .tags = tags, .body = BODY};

	assert_true(mail_header_add_raw(&header, signer.arena, from));
	return signer_sign(&signer, &header, &options);
}

static struct text
replace(struct text text, const char *part, const char *by)
{
	size_t at = text_find_part(text, text_from_cstr(part));

	assert_true(at < text.len);
	return arena_format(signer.arena, TEXT_FMT "%s" TEXT_FMT,
	    TEXT_ARG(text_slice(text, 0, at)), by,
	    TEXT_ARG(text_slice(text, at + strlen(part), text.len)));
}

static const char *
domain_tag(int at)
{
	return arena_cstr(
	    signer.arena, arena_format(signer.arena, " d=%s;", names[at]));
}

static struct text
make_signature(const struct given_signature *given, struct text from)
{
	static const char good[] = "c=relaxed/relaxed; h=from";
	const char *domain = names[given->d];
	int thief = (given->d + 1) % NAMES;

	switch (given->form) {
	case FORM_EXPIRED:
		return sign_for(domain, from,
		    "c=relaxed/relaxed; h=from; t=1600000000; x=1699990000");
	case FORM_SHORT:
		return sign_for(domain, from, "c=relaxed/relaxed; h=from; l=1");
	case FORM_NO_FROM:
		return sign_for(domain, from, "c=relaxed/relaxed; h=subject");
	case FORM_STOLEN:
		return replace(sign_for(names[thief], from, good),
		    domain_tag(thief), domain_tag(given->d));
	case FORM_FLIPPED: {
		struct text field = sign_for(domain, from, good);
		size_t at = text_find_part(field, TEXT("\tb=")) + 8;
		return arena_format(signer.arena, TEXT_FMT "%c" TEXT_FMT,
		    TEXT_ARG(text_slice(field, 0, at)),
		    field.ptr[at] == 'A' ? 'B' : 'A',
		    TEXT_ARG(text_slice(field, at + 1, field.len)));
	}
	case FORM_GOOD:
	case FORMS: break;
	}
	return sign_for(domain, from, good);
}

static struct text
draw_message(unsigned *random, struct model *model)
{
	struct text from = draw_from(random, model);
	struct build text;

	build_init_arena(&text, signer.arena, 1 << 17);
	model->signatures = draw(random, 4);
	if (draw_rare(random, 12))
		model->signatures = draw(random, SIGNATURES_MAX + 1);
	for (size_t i = 0; i < model->signatures; i++) {
		struct given_signature *given = &model->signature[i];
		given->d = draw_name(random);
		if (model->author >= 0 && draw_rare(random, 4))
			given->d = model->author;
		if (draw(random, 2) == 0)
			given->form = (enum form)draw(random, FORMS);
		build_text(&text, make_signature(given, from));
		build_cstr(&text, "\r\n");
	}
	if (draw_rare(random, 5))
		build_cstr(&text, "List-Id: <l.example>\r\n");
	build_text(&text, from);
	model->is_body_changed = draw_rare(random, 5);
	build_format(
	    &text, "\r\n\r\n%s", model->is_body_changed ? "Other\r\n" : BODY);
	assert_false(build_failed(&text));
	return build_view(&text);
}

#endif
