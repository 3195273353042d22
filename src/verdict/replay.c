/* The lines of the head stand in the table `fields`, in the order in which they
 * are written; they may be read in any. */
#include "verdict/replay.h"

#include "base/percent.h"

#include <string.h>

static const struct text first_line = {"dmarcd facts 1", 14};

static const char *const yes_no_words[] = {"no", "yes"};
static const struct names yes_no = NAMES(yes_no_words);

enum kind { KIND_TEXT, KIND_IP, KIND_TIME, KIND_BOOL, KIND_WORD };

static const struct field {
	const char *name;
	enum kind kind;
	size_t at;                 /* in struct replay */
	const struct names *words; /* of an enum */
} fields[] = {

#define AT(member) offsetof(struct replay, member)
    {"client", KIND_IP, AT(envelope.client), NULL},
    {"helo", KIND_TEXT, AT(envelope.helo), NULL},
    {"mail-from", KIND_TEXT, AT(envelope.mail_from), NULL},
    {"job", KIND_TEXT, AT(envelope.job), NULL},
    {"receiver", KIND_TEXT, AT(envelope.receiver), NULL},
    {"now", KIND_TIME, AT(envelope.now), NULL},
    {"authserv-id", KIND_TEXT, AT(options.authserv_id), NULL},
    {"authserv-id-with-job", KIND_BOOL, AT(options.authserv_id_with_job), NULL},
    {"authentication-source", KIND_WORD, AT(options.source),
	&authentication_source_names},
    {"trusted-authserv-ids", KIND_TEXT, AT(options.trusted_authserv_ids), NULL},
    {"discovery", KIND_WORD, AT(options.dmarc.method), &dmarc_method_names},
    {"enforce", KIND_WORD, AT(options.disposition.enforce), &enforce_names},
    {"on-temperror", KIND_WORD, AT(options.disposition.on_temperror),
	&on_temperror_names},
    {"claimed-indirect", KIND_WORD, AT(options.disposition.claimed_indirect),
	&claimed_indirect_names},
    {"trusted-indirect", KIND_WORD, AT(options.disposition.trusted_indirect),
	&trusted_indirect_names},
    {"hold-quarantined", KIND_BOOL, AT(options.disposition.hold_quarantined),
	NULL},
    {"required-headers", KIND_BOOL, AT(options.disposition.required_headers),
	NULL},
    {"required-from", KIND_BOOL, AT(options.disposition.required_from), NULL},
    {"reject-multi-value-from", KIND_BOOL,
	AT(options.disposition.reject_multi_value_from), NULL},
    {"lets-unknown-author-pass", KIND_BOOL,
	AT(options.disposition.lets_unknown_author_pass), NULL},
    {"spf-ignore-results", KIND_BOOL, AT(options.spf_ignore_results), NULL},
    {"spf-self-validate", KIND_BOOL, AT(options.spf_self_validate), NULL},
    {"reject-string", KIND_TEXT, AT(options.disposition.reject_string), NULL},
#undef AT
};

enum { FIELDS = sizeof fields / sizeof *fields };

/* --- writing --- */

static void
write_value(struct build *build, const struct field *field, const void *value)
{
	int word;

	switch (field->kind) {
	case KIND_TEXT:
		percent_write(build, *(const struct text *)value);
		break;
	case KIND_IP: ip_write(build, value); break;
	case KIND_TIME:
		build_number(build, (uint64_t) * (const int64_t *)value);
		break;
	case KIND_BOOL:
		build_cstr(build, yes_no_words[*(const bool *)value]);
		break;
	case KIND_WORD:
		memcpy(&word, value, sizeof word);
		build_cstr(build, names_word(field->words, word));
		break;
	}
}

void
replay_write(struct build *build, const struct envelope *envelope,
    const struct checks_options *options, const struct dns_facts *facts)
{
	const struct replay replay = {*envelope, *options, NULL};

	build_text(build, first_line);
	build_byte(build, '\n');
	for (size_t i = 0; i < FIELDS; i++) {
		build_format(build, "%s ", fields[i].name);
		write_value(
		    build, &fields[i], (const char *)&replay + fields[i].at);
		if (build->len > 0 && build->ptr[build->len - 1] == ' ')
			build_cut(build, build->len - 1);
		build_byte(build, '\n');
	}
	build_byte(build, '\n');
	for (size_t i = 0; i < dns_facts_count(facts); i++) {
		struct dns_question question;
		const struct dns_answer *answer;
		dns_facts_at(facts, i, &question, &answer);
		if (answer != NULL)
			dns_zone_write(build, &question, answer);
	}
}

/* --- reading --- */

struct reading {
	struct arena *arena;
	const char *name;
	unsigned line;
	bool has[FIELDS];
	struct problem *problem;
};

static bool
refuse(const struct reading *reading, const char *what)
{
	return problem_set(reading->problem, PROBLEM_DATA, "%s:%u: %s",
	    reading->name, reading->line, what);
}

static bool
read_word(const struct names *words, struct text written, int *ret_word)
{
	int word = names_find(words, written);

	if (word >= 0)
		*ret_word = word;
	return word >= 0;
}

static bool
read_ip(struct text written, struct ip *ret_ip)
{
	if (written.len > 0)
		return ip_read(written, ret_ip);
	*ret_ip = (struct ip){.version = 0};
	return true;
}

static bool
read_value(struct reading *reading, const struct field *field,
    struct text written, void *value)
{
	uint64_t number;
	int word;

	switch (field->kind) {
	case KIND_TEXT: return percent_read(reading->arena, written, value);
	case KIND_IP: return read_ip(written, value);
	case KIND_TIME:
		if (!text_to_number(written, INT64_MAX, &number))
			return false;
		*(int64_t *)value = (int64_t)number;
		return true;
	case KIND_BOOL:
		if (!read_word(&yes_no, written, &word))
			return false;
		*(bool *)value = word == 1;
		return true;
	case KIND_WORD:
		if (!read_word(field->words, written, &word))
			return false;
		memcpy(value, &word, sizeof word);
		return true;
	}
	return false;
}

static bool
read_field(struct reading *reading, struct text line, struct replay *replay)
{
	struct text name = text_split(&line, ' ');

	for (size_t i = 0; i < FIELDS; i++) {
		if (!text_equal(name, text_from_cstr(fields[i].name)))
			continue;
		if (reading->has[i])
			return refuse(reading, "said twice");
		reading->has[i] = true;
		return read_value(reading, &fields[i], line,
			   (char *)replay + fields[i].at) ||
		       refuse(reading, "not a value that this may have");
	}
	return refuse(reading, "not a name that is known here");
}

/* Takes the next line, without its end. */
static struct text
next_line(struct reading *reading, struct text *rest)
{
	struct text line = text_split(rest, '\n');

	reading->line++;
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

static bool
read_head(struct reading *reading, struct text *rest, struct replay *replay)
{
	if (!text_equal(next_line(reading, rest), first_line))
		return refuse(reading, "not \"dmarcd facts 1\"");
	while (rest->len > 0) {
		struct text line = next_line(reading, rest);
		if (line.len == 0)
			return true;
		if (!read_field(reading, line, replay))
			return false;
	}
	return refuse(reading, "the empty line before the facts is missing");
}

static void
free_facts(void *object)
{
	dns_zone_free(object);
}

/* The zone is told as many empty lines as the head has, so that its messages
 * count the lines of the file. */
static bool
read_facts(struct reading *reading, struct text rest, struct replay *replay)
{
	char *bytes = arena_array(reading->arena, reading->line + rest.len, 1);

	if (bytes == NULL)
		return problem_no_memory(reading->problem);
	memset(bytes, '\n', reading->line);
	if (rest.len > 0)
		memcpy(bytes + reading->line, rest.ptr, rest.len);
	replay->facts =
	    dns_zone_read((struct text){bytes, reading->line + rest.len},
		reading->name, reading->problem);
	if (replay->facts == NULL)
		return false;
	return arena_defer(reading->arena, free_facts, replay->facts) ||
	       problem_no_memory(reading->problem);
}

bool
replay_read(struct arena *arena, struct text text, const char *name,
    struct replay *replay, struct problem *ret_problem)
{
	struct reading reading = {
	    .arena = arena, .name = name, .problem = ret_problem};

	return read_head(&reading, &text, replay) &&
	       read_facts(&reading, text, replay);
}
