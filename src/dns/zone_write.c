#include "dns/zone.h"

static void
write_escaped(struct build *build, struct text text, struct text special)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.ptr[i];
		if (byte < 0x20 || byte > 0x7E || text_has(special, (char)byte))
			build_format(build, "\\%03u", byte);
		else
			build_byte(build, (char)byte);
	}
}

/* A * is escaped too: this name is itself, no wildcard. */
static void
write_name(struct build *build, struct text name)
{
	if (name.len == 0)
		build_byte(build, '.');
	write_escaped(build, name, TEXT(" \"\\#;$@*()"));
}

/* RFC 1035 3.3: a string has at most 255 bytes. */
static void
write_strings(struct build *build, struct text text)
{
	for (size_t from = 0; from == 0 || from < text.len; from += 255) {
		build_cstr(build, from == 0 ? "\"" : " \"");
		write_escaped(
		    build, text_slice(text, from, from + 255), TEXT("\"\\"));
		build_byte(build, '"');
	}
}

static void
write_type(struct build *build, enum dns_type type)
{
	const char *name = dns_type_name(type);

	if (name[0] == '?')
		build_format(build, " TYPE%u", (unsigned)type);
	else
		build_format(build, " %s", name);
}

static void
write_data(struct build *build, int type, const struct dns_record *record)
{
	build_byte(build, ' ');
	if (type == DNS_A || type == DNS_AAAA) {
		ip_write(build, &record->ip);
		return;
	}
	if (type == DNS_TXT) {
		write_strings(build, record->text);
		return;
	}
	if (type == DNS_MX)
		build_format(build, "%u ", (unsigned)record->preference);
	write_name(build, record->text);
}

void
dns_zone_write(struct build *build, const struct dns_question *question,
    const struct dns_answer *answer)
{
	static const char *const words[] = {
	    [DNS_NODATA] = " NODATA",
	    [DNS_NXDOMAIN] = " NXDOMAIN",
	    [DNS_FAILED] = " SERVFAIL",
	};
	for (size_t i = 0; i < answer->count; i++) {
		write_name(build, question->name);
		write_type(build, question->type);
		write_data(build, (int)question->type, &answer->records[i]);
		build_byte(build, '\n');
	}
	if (answer->status == DNS_FOUND || answer->status == DNS_UNKNOWN)
		return;
	write_name(build, question->name);
	build_cstr(build, words[answer->status]);
	write_type(build, question->type);
	build_byte(build, '\n');
}
