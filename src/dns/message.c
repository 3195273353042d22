/* Plan: read the header and the question, which must be ours; take one look at
 * every record, so that the whole packet is known to be well-formed; then walk
 * the answer section once for each step of the CNAME chain. Reading is sticky:
 * after the first byte that is not there, all reads give nothing. */
#include "dns/message.h"

#include "dns/name.h"
#include "dns/wire.h"

#include <string.h>

enum {
	POINTERS_MAX = 32,
	ANSWERS_MAX = (int)DNS_RECORDS_MAX + DNS_CNAME_STEPS_MAX,
};

/* --- reading bytes --- */

struct reader {
	struct text packet;
	size_t at;
	size_t end; /* nothing is read from here on */
	bool bad;
};

static unsigned
read_u8(struct reader *reader)
{
	if (reader->bad || reader->at >= reader->end) {
		reader->bad = true;
		return 0;
	}
	return (unsigned char)reader->packet.ptr[reader->at++];
}

static unsigned
read_u16(struct reader *reader)
{
	unsigned high = read_u8(reader);

	return high << 8 | read_u8(reader);
}

static uint32_t
read_u32(struct reader *reader)
{
	uint32_t high = read_u16(reader);

	return high << 16 | read_u16(reader);
}

static struct text
read_bytes(struct reader *reader, size_t len)
{
	if (reader->bad || len > reader->end - reader->at) {
		reader->bad = true;
		return TEXT("");
	}
	reader->at += len;
	return text_slice(reader->packet, reader->at - len, reader->at);
}

/* Past a name, without following its pointer. */
static void
skip_name(struct reader *reader)
{
	for (unsigned len; (len = read_u8(reader)) > 0;) {
		if (len >= WIRE_POINTER) {
			(void)read_u8(reader);
			return;
		}
		if (len > DNS_LABEL_MAX)
			reader->bad = true;
		(void)read_bytes(reader, len);
	}
}

struct name {
	char bytes[DNS_NAME_MAX];
	size_t len;
};

static struct text
name_text(const struct name *name)
{
	return (struct text){name->bytes, name->len};
}

static bool
add_label(struct name *name, struct text label)
{
	size_t dot = name->len > 0;

	/* a.b as one label would look like two. */
	if (text_has(label, '.') ||
	    dot + label.len > sizeof name->bytes - name->len)
		return false;
	if (dot)
		name->bytes[name->len++] = '.';
	for (size_t i = 0; i < label.len; i++)
		name->bytes[name->len++] = to_lower(label.ptr[i]);
	return true;
}

/* RFC 1035 4.1.4. A pointer must lead before the labels that it ends, so that
 * no name goes round in circles. */
static void
read_name(struct reader *reader, struct name *ret_name)
{
	struct reader jump = *reader;
	size_t start = jump.at;
	unsigned pointers = 0;

	ret_name->len = 0;
	for (unsigned len; (len = read_u8(&jump)) > 0;) {
		if (len >= WIRE_POINTER) {
			size_t to = (len & 0x3F) << 8 | read_u8(&jump);
			if (to >= start || ++pointers > POINTERS_MAX)
				jump.bad = true;
			jump.at = start = to;
			jump.end = reader->packet.len;
		} else if (len > DNS_LABEL_MAX ||
			   !add_label(ret_name, read_bytes(&jump, len))) {
			jump.bad = true;
		}
	}
	reader->bad = reader->bad || jump.bad;
	skip_name(reader);
}

/* --- reading records --- */

struct wire_record {
	struct name owner;
	unsigned type;
	unsigned class;
	uint32_t ttl;
	struct reader data; /* over RDATA alone */
};

static void
read_after_owner(struct reader *reader, struct wire_record *ret_record)
{
	ret_record->type = read_u16(reader);
	ret_record->class = read_u16(reader);
	ret_record->ttl = read_u32(reader);
	size_t len = read_u16(reader);
	ret_record->data = *reader;
	(void)read_bytes(reader, len);
	ret_record->data.end = reader->at;
	ret_record->data.bad = reader->bad;
}

static void
read_record(struct reader *reader, struct wire_record *ret_record)
{
	read_name(reader, &ret_record->owner);
	read_after_owner(reader, ret_record);
}

/* RFC 2181 8: a TTL with the highest bit set is zero. */
static uint32_t
sound_ttl(uint32_t ttl)
{
	return ttl > INT32_MAX ? 0 : ttl;
}

/* What is read of a record before the answer copies it. */
struct scratch {
	struct name name;
	char text[WIRE_PACKET_MAX];
};

static struct text
read_strings(struct reader *data, struct scratch *scratch)
{
	size_t len = 0;

	do {
		struct text string = read_bytes(data, read_u8(data));
		/* The strings stand in one packet, so there is room. */
		if (string.len > 0)
			memcpy(scratch->text + len, string.ptr, string.len);
		len += string.len;
	} while (!data->bad && data->at < data->end);
	return (struct text){scratch->text, len};
}

static struct ip
read_ip(struct reader *data, uint8_t version)
{
	struct ip ip = {.version = version};
	struct text bytes = read_bytes(data, version == 4 ? 4 : 16);

	if (bytes.len > 0)
		memcpy(ip.byte, bytes.ptr, bytes.len);
	return ip;
}

/* False: RDATA is not what the type needs. The text is in SCRATCH. */
static bool
read_data(struct wire_record *record, struct scratch *scratch,
    struct dns_record *ret_record)
{
	struct reader *data = &record->data;
	struct dns_record read = {.text = TEXT("")};

	if (record->type == DNS_MX)
		read.preference = (uint16_t)read_u16(data);
	switch (record->type) {
	case DNS_A: read.ip = read_ip(data, 4); break;
	case DNS_AAAA: read.ip = read_ip(data, 6); break;
	case DNS_TXT: read.text = read_strings(data, scratch); break;
	case DNS_MX:
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		read_name(data, &scratch->name);
		read.text = name_text(&scratch->name);
		break;
	default: read.text = read_bytes(data, data->end - data->at); break;
	}
	*ret_record = read;
	return !data->bad && data->at == data->end;
}

/* --- reading the message --- */

enum section { ANSWER, AUTHORITY, ADDITIONAL, SECTIONS };

struct message {
	const struct dns_question *question;
	unsigned flags;
	unsigned count[SECTIONS];
	struct reader answers; /* stands at the answer section */
	bool bad;
	bool has_soa;
	bool has_ns;           /* in the authority section */
	uint32_t negative_ttl; /* 0 without SOA */
	unsigned extended_rcode;
};

/* Is this the response to the question that we asked with ID? */
static bool
read_question(struct reader *reader, uint16_t id, struct message *message)
{
	const struct dns_question *question = message->question;
	struct name name;

	unsigned their_id = read_u16(reader);
	message->flags = read_u16(reader);
	unsigned questions = read_u16(reader);
	for (int i = 0; i < SECTIONS; i++)
		message->count[i] = read_u16(reader);
	read_name(reader, &name);
	unsigned type = read_u16(reader);
	unsigned class = read_u16(reader);
	message->answers = *reader;
	return !reader->bad && their_id == id && questions == 1 &&
	       (message->flags & (WIRE_FLAG_QR | WIRE_FLAGS_OPCODE)) ==
		   WIRE_FLAG_QR &&
	       type == (unsigned)question->type && class == WIRE_CLASS_IN &&
	       dns_name_equal(name_text(&name), question->name);
}

/* RFC 2308 5: the lesser of the SOA's TTL and its MINIMUM. Of several SOA, which
 * nobody should send, the least. */
static void
note_soa(struct message *message, struct wire_record *record)
{
	struct reader *data = &record->data;

	skip_name(data);
	skip_name(data);
	(void)read_bytes(data, 4 * sizeof(uint32_t));
	uint32_t minimum = sound_ttl(read_u32(data));
	uint32_t ttl = sound_ttl(record->ttl);
	message->bad = message->bad || data->bad || data->at != data->end;
	if (minimum < ttl)
		ttl = minimum;
	if (!message->has_soa || ttl < message->negative_ttl)
		message->negative_ttl = ttl;
	message->has_soa = true;
}

static void
note_record(
    struct message *message, enum section section, struct wire_record *record)
{
	if (section == AUTHORITY && record->type == DNS_SOA)
		note_soa(message, record);
	else if (section == AUTHORITY && record->type == DNS_NS)
		message->has_ns = true;
	else if (section == ADDITIONAL && record->type == WIRE_TYPE_OPT)
		message->extended_rcode =
		    record->ttl >> 24; /* RFC 6891 6.1.3 */
}

/* Every record once, whatever it is. */
static void
read_sections(struct message *message)
{
	struct reader reader = message->answers;
	struct wire_record record;

	for (int section = 0; section < SECTIONS; section++) {
		for (unsigned i = 0; i < message->count[section]; i++) {
			skip_name(&reader);
			read_after_owner(&reader, &record);
			if (reader.bad)
				break;
			note_record(message, (enum section)section, &record);
		}
	}
	message->bad =
	    message->bad || reader.bad || message->count[ANSWER] > ANSWERS_MAX;
}

/* A walk over the answers of one type and owner. */
struct walk {
	struct reader reader;
	unsigned left;
	unsigned type;
	struct text owner;
};

static struct walk
walk_answers(const struct message *message, unsigned type, struct text owner)
{
	return (struct walk){
	    message->answers, message->count[ANSWER], type, owner};
}

/* False at the end, or when walk->reader has become bad. */
static bool
walk_next(struct walk *walk, struct wire_record *ret_record)
{
	while (walk->left > 0 && !walk->reader.bad) {
		walk->left--;
		read_record(&walk->reader, ret_record);
		if (!walk->reader.bad && ret_record->type == walk->type &&
		    ret_record->class == WIRE_CLASS_IN &&
		    dns_name_equal(name_text(&ret_record->owner), walk->owner))
			return true;
	}
	return false;
}

/* What the answer section says, before it is made an answer. */
struct finding {
	struct name owner; /* where the CNAMEs lead */
	size_t records;
	uint32_t ttl;
};

static void
use_ttl(struct finding *finding, uint32_t ttl)
{
	ttl = sound_ttl(ttl);
	if (ttl < finding->ttl)
		finding->ttl = ttl;
}

enum step { STEP_MADE, STEP_NONE, STEP_BAD };

static enum step
follow_alias(const struct message *message, struct finding *finding)
{
	struct walk walk =
	    walk_answers(message, DNS_CNAME, name_text(&finding->owner));
	struct wire_record record;
	struct name target;

	if (!walk_next(&walk, &record))
		return walk.reader.bad ? STEP_BAD : STEP_NONE;
	read_name(&record.data, &target);
	if (record.data.bad || record.data.at != record.data.end)
		return STEP_BAD;
	use_ttl(finding, record.ttl);
	finding->owner = target;
	return STEP_MADE;
}

static bool
follow_aliases(const struct message *message, struct finding *finding)
{
	struct text name = message->question->name;

	finding->ttl = UINT32_MAX;
	finding->owner.len = name.len;
	memcpy(finding->owner.bytes, name.ptr, name.len);
	if (message->question->type == DNS_CNAME)
		return true;
	for (int steps = 0; steps <= DNS_CNAME_STEPS_MAX; steps++) {
		enum step step = follow_alias(message, finding);
		if (step != STEP_MADE)
			return step == STEP_NONE;
	}
	return false;
}

/* Are all records for us well-formed, and not too many? */
static bool
check_records(const struct message *message, struct scratch *scratch,
    struct finding *finding)
{
	struct walk walk = walk_answers(message,
	    (unsigned)message->question->type, name_text(&finding->owner));
	struct wire_record wire;
	struct dns_record record;

	for (finding->records = 0; walk_next(&walk, &wire);
	     finding->records++) {
		if (!read_data(&wire, scratch, &record))
			return false;
		use_ttl(finding, wire.ttl);
	}
	return !walk.reader.bad && finding->records <= DNS_RECORDS_MAX;
}

/* A server that points elsewhere instead of answering (RFC 2308 2.2): taken
 * for an answer, it would mean that there is no policy. */
static bool
is_referral(const struct message *message)
{
	return message->has_ns && !message->has_soa &&
	       (message->flags & WIRE_FLAG_AA) == 0;
}

static enum dns_status
judge(const struct message *message, struct scratch *scratch,
    struct finding *finding)
{
	unsigned rcode =
	    message->extended_rcode << 4 | (message->flags & WIRE_FLAGS_RCODE);

	if (message->bad || (message->flags & WIRE_FLAG_TC) != 0 ||
	    !follow_aliases(message, finding) ||
	    !check_records(message, scratch, finding))
		return DNS_FAILED;
	/* RFC 8020 2: what is denied is the name where the aliases lead. */
	if (rcode == WIRE_RCODE_NXDOMAIN)
		return dns_name_equal(
			   name_text(&finding->owner), message->question->name)
			   ? DNS_NXDOMAIN
			   : DNS_NODATA;
	if (rcode != WIRE_RCODE_NOERROR)
		return DNS_FAILED;
	if (finding->records > 0)
		return DNS_FOUND;
	return is_referral(message) ? DNS_FAILED : DNS_NODATA;
}

/* False: no memory. */
static bool
add_records(const struct message *message, const struct finding *finding,
    struct scratch *scratch, struct dns_answer *answer)
{
	struct walk walk = walk_answers(message,
	    (unsigned)message->question->type, name_text(&finding->owner));
	struct wire_record wire;
	struct dns_record record;

	while (walk_next(&walk, &wire)) {
		if (!read_data(&wire, scratch, &record) ||
		    !dns_answer_add(answer, &record))
			return false;
	}
	dns_answer_sort(answer);
	return true;
}

static struct dns_answer *
make_answer(const struct message *message)
{
	struct finding finding;
	struct scratch scratch;
	enum dns_status status = judge(message, &scratch, &finding);

	if (status == DNS_FAILED)
		return dns_answer_new(DNS_FAILED, DNS_FAILED_TTL);
	if (status != DNS_FOUND)
		use_ttl(&finding, message->negative_ttl);
	struct dns_answer *answer = dns_answer_new(status, finding.ttl);
	if (answer == NULL)
		return NULL;
	answer->authentic = (message->flags & WIRE_FLAG_AD) != 0;
	if (status == DNS_FOUND &&
	    !add_records(message, &finding, &scratch, answer)) {
		dns_answer_unref(answer);
		return NULL;
	}
	return answer;
}

struct dns_answer *
dns_message_read(struct text packet, uint16_t id,
    const struct dns_question *question, bool *ret_foreign)
{
	struct message message = {.question = question};
	struct reader reader = {.packet = packet, .end = packet.len};

	*ret_foreign = packet.len > WIRE_PACKET_MAX ||
		       !dns_name_is_valid(question->name) ||
		       !read_question(&reader, id, &message);
	if (*ret_foreign)
		return dns_answer_new(DNS_FAILED, DNS_FAILED_TTL);
	read_sections(&message);
	return make_answer(&message);
}
