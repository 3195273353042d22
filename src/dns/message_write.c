#include "dns/message.h"

#include "dns/name.h"
#include "dns/wire.h"

enum { STRING_MAX = 255 }; /* RFC 1035 3.3 */

static void
write_u16(struct build *build, unsigned number)
{
	build_byte(build, (char)(number >> 8));
	build_byte(build, (char)(number & 0xFF));
}

static void
write_u32(struct build *build, uint32_t number)
{
	write_u16(build, number >> 16);
	write_u16(build, number & 0xFFFF);
}

static void
write_name(struct build *build, struct text name)
{
	while (name.len > 0) {
		struct text label = text_split(&name, '.');
		build_byte(build, (char)label.len);
		build_text(build, label);
	}
	build_byte(build, 0);
}

struct head {
	uint16_t id;
	unsigned flags;
	unsigned answers;
	unsigned authorities;
	unsigned additional;
};

static void
write_question(struct build *build, const struct head *head,
    const struct dns_question *question)
{
	write_u16(build, head->id);
	write_u16(build, head->flags);
	write_u16(build, 1);
	write_u16(build, head->answers);
	write_u16(build, head->authorities);
	write_u16(build, head->additional);
	write_name(build, question->name);
	write_u16(build, (unsigned)question->type);
	write_u16(build, WIRE_CLASS_IN);
}

bool
dns_message_write_query(
    struct build *build, uint16_t id, const struct dns_question *question)
{
	struct head head = {
	    .id = id, .flags = WIRE_FLAG_RD | WIRE_FLAG_AD, .additional = 1};

	if (!dns_name_is_valid(question->name))
		return false;
	write_question(build, &head, question);
	write_name(build, TEXT("")); /* RFC 6891 6.1.2 */
	write_u16(build, WIRE_TYPE_OPT);
	write_u16(build, DNS_EDNS_SIZE);
	write_u32(build, 0); /* version 0, no DO */
	write_u16(build, 0);
	return !build_failed(build);
}

static void
write_strings(struct build *build, struct text text)
{
	for (size_t from = 0; from == 0 || from < text.len;
	     from += STRING_MAX) {
		struct text string = text_slice(text, from, from + STRING_MAX);
		build_byte(build, (char)string.len);
		build_text(build, string);
	}
}

static void
write_data(
    struct build *build, enum dns_type type, const struct dns_record *record)
{
	struct text ip = {
	    (const char *)record->ip.byte, type == DNS_A ? 4 : 16};

	switch ((unsigned)type) {
	case DNS_A:
	case DNS_AAAA: build_text(build, ip); break;
	case DNS_TXT: write_strings(build, record->text); break;
	case DNS_MX:
		write_u16(build, record->preference);
		write_name(build, record->text);
		break;
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR: write_name(build, record->text); break;
	default: build_text(build, record->text); break;
	}
}

/* RDLENGTH comes before its bytes, so it is filled in after them. */
static bool
write_record(struct build *build, const struct dns_question *question,
    const struct dns_answer *answer, const struct dns_record *record)
{
	write_u16(build, WIRE_POINTER << 8 | WIRE_HEADER_LEN);
	write_u16(build, (unsigned)question->type);
	write_u16(build, WIRE_CLASS_IN);
	write_u32(build, answer->ttl);
	write_u16(build, 0);
	size_t from = build->len;
	write_data(build, question->type, record);
	size_t len = build->len - from;
	if (build_failed(build) || len > UINT16_MAX)
		return false;
	build->ptr[from - 2] = (char)(len >> 8);
	build->ptr[from - 1] = (char)(len & 0xFF);
	return true;
}

static void
write_soa(struct build *build, uint32_t ttl)
{
	write_name(build, TEXT(""));
	write_u16(build, DNS_SOA);
	write_u16(build, WIRE_CLASS_IN);
	write_u32(build, ttl);
	write_u16(build, 2 + 5 * sizeof(uint32_t));
	write_name(build, TEXT(""));
	write_name(build, TEXT(""));
	for (int i = 0; i < 4; i++)
		write_u32(build, 0);
	write_u32(build, ttl);
}

bool
dns_message_write_answer(struct build *build, uint16_t id,
    const struct dns_question *question, const struct dns_answer *answer)
{
	static const unsigned rcode[] = {
	    [DNS_FOUND] = WIRE_RCODE_NOERROR,
	    [DNS_NODATA] = WIRE_RCODE_NOERROR,
	    [DNS_UNKNOWN] = WIRE_RCODE_SERVFAIL,
	    [DNS_NXDOMAIN] = WIRE_RCODE_NXDOMAIN,
	    [DNS_FAILED] = WIRE_RCODE_SERVFAIL,
	};
	bool negative =
	    answer->status == DNS_NODATA || answer->status == DNS_NXDOMAIN;
	struct head head = {.id = id, .answers = (unsigned)answer->count};
	size_t from = build->len;

	if (!dns_name_is_valid(question->name))
		return false;
	head.flags = WIRE_FLAG_QR | WIRE_FLAG_RD | WIRE_FLAG_RA |
		     rcode[answer->status] |
		     (answer->authentic ? WIRE_FLAG_AD : 0);
	head.authorities = negative;
	write_question(build, &head, question);
	for (size_t i = 0; i < answer->count; i++) {
		if (!write_record(build, question, answer, &answer->records[i]))
			return false;
	}
	if (negative)
		write_soa(build, answer->ttl);
	return !build_failed(build) && build->len - from <= WIRE_PACKET_MAX;
}
