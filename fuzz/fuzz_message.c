/* However a message is cut into pieces, the same comes out; and what came out
 * is, put together, the same message. The first byte chooses the cuts. */
#include "base/build.h"
#include "mail/message.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* The message as it came out; and where its fields begin and end. */
struct record {
	struct build text;
	struct build marks;
	bool has_header;
};

static void
record_header(void *context, const struct mail_header *header)
{
	struct record *record = context;

	assert(!record->has_header && !header->is_too_long);
	record->has_header = true;
	for (size_t i = 0; i < header->fields.count; i++) {
		assert(header->fields.at[i].name.len > 0);
		build_text(&record->text, header->fields.at[i].raw);
		build_text(&record->text, TEXT("\r\n"));
		build_number(&record->marks, record->text.len);
		build_byte(&record->marks, ' ');
	}
	build_text(&record->text, TEXT("\r\n"));
}

static void
record_body(void *context, struct text piece)
{
	struct record *record = context;

	assert(record->has_header && piece.len > 0);
	build_text(&record->text, piece);
}

static bool
run(struct record *record, struct text text, unsigned seed)
{
	struct arena *arena = arena_new(16 * 1024 * 1024);
	struct mail_message_sink sink = {record_header, record_body, record};
	struct mail_message *message = mail_message_new(arena, &sink);

	assert(message != NULL);
	*record = (struct record){.has_header = false};
	build_init(&record->text, 1 << 20);
	build_init(&record->marks, 1 << 20);
	while (text.len > 0) {
		size_t step = seed == 0 ? text.len : 1 + seed % 7;
		seed = seed * 1664525U + (seed == 0 ? 0 : 1013904223U);
		mail_message_feed(message, text_slice(text, 0, step));
		text = text_slice(text, step, text.len);
	}
	bool is_message = mail_message_finish(message);
	assert(is_message == record->has_header);
	arena_free(arena);
	return is_message;
}

static void
release(struct record *record)
{
	build_free(&record->text);
	build_free(&record->marks);
}

static void
check_same(const struct record *a, const struct record *b)
{
	assert(text_equal(build_view(&a->text), build_view(&b->text)));
	assert(text_equal(build_view(&a->marks), build_view(&b->marks)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct record whole;
	struct record cut;
	struct record again;

	/* Shorter than any message with too many fields. */
	if (len < 1 || len > 2 * MAIL_FIELDS_MAX)
		return 0;
	struct text text = {(const char *)bytes + 1, len - 1};
	bool is_message = run(&whole, text, 0);
	assert(run(&cut, text, 1U + bytes[0]) == is_message);
	check_same(&whole, &cut);
	if (is_message) {
		assert(run(&again, build_view(&whole.text), 0));
		check_same(&whole, &again);
		release(&again);
	}
	release(&whole);
	release(&cut);
	return 0;
}
