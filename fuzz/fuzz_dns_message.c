/* Hostile packets. What is read can be written and read again as the same, and
 * the same packet means the same whatever its id. The first byte chooses the
 * type that was asked; the question is taken from the packet where it has one
 * that we could have asked. */
#include "dns/message.h"
#include "dns/name.h"

#include <stdlib.h>

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static const enum dns_type types[] = {
    DNS_A, DNS_NS, DNS_CNAME, DNS_SOA, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA};

/* The name at byte 12, if it is plain. */
static struct text
question_name(struct text packet, char buffer[256])
{
	size_t at = 12;
	size_t len = 0;

	while (at < packet.len && packet.ptr[at] > 0 && packet.ptr[at] < 64) {
		struct text label =
		    text_slice(packet, at + 1, at + 1 + (size_t)packet.ptr[at]);
		if (len + 1 + label.len > 255)
			break;
		if (len > 0)
			buffer[len++] = '.';
		for (size_t i = 0; i < label.len; i++)
			buffer[len++] = to_lower(label.ptr[i]);
		at += 1 + label.len;
	}
	return (struct text){buffer, len};
}

static void
require_sound(
    const struct dns_question *question, const struct dns_answer *answer)
{
	bool has_name = question->type == DNS_MX || question->type == DNS_NS ||
			question->type == DNS_PTR ||
			question->type == DNS_CNAME;

	require(answer->status != DNS_UNKNOWN && answer->ttl <= 86400);
	require((answer->count > 0) == (answer->status == DNS_FOUND));
	require(answer->count <= DNS_RECORDS_MAX);
	require(answer->status != DNS_FAILED || answer->ttl == 10);
	for (size_t i = 0; i < answer->count; i++) {
		struct text text = answer->records[i].text;
		require(!has_name || text.len == 0 || dns_name_is_valid(text));
	}
}

static void
require_same(const struct dns_answer *a, const struct dns_answer *b)
{
	require(a->status == b->status && a->ttl == b->ttl);
	require(a->count == b->count && a->authentic == b->authentic);
	for (size_t i = 0; i < a->count; i++) {
		const struct dns_record *one = &a->records[i];
		const struct dns_record *other = &b->records[i];
		require(text_equal(one->text, other->text) &&
			ip_equal(&one->ip, &other->ip) &&
			one->preference == other->preference);
	}
}

static void
check_written(
    const struct dns_question *question, const struct dns_answer *answer)
{
	struct build build;
	bool foreign;

	build_init(&build, 70000);
	if (dns_message_write_answer(&build, 7, question, answer)) {
		struct dns_answer *again =
		    dns_message_read(build_view(&build), 7, question, &foreign);
		require(again != NULL && !foreign);
		require_same(answer, again);
		dns_answer_unref(again);
	}
	build_free(&build);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char buffer[256];
	bool foreign;

	if (len < 3)
		return 0;
	struct text packet = {(const char *)bytes + 1, len - 1};
	struct dns_question question = {
	    question_name(packet, buffer), types[bytes[0] % 8]};
	uint16_t id = (uint16_t)(bytes[1] << 8 | bytes[2]);
	struct dns_answer *answer =
	    dns_message_read(packet, id, &question, &foreign);
	require(answer != NULL);
	require_sound(&question, answer);
	require(!foreign || answer->status == DNS_FAILED);
	if (!foreign)
		check_written(&question, answer);
	dns_answer_unref(answer);
	answer = dns_message_read(packet, id ^ 1, &question, &foreign);
	require(foreign && answer->status == DNS_FAILED);
	dns_answer_unref(answer);
	return 0;
}
