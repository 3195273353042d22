#include "message.h"

#include <stdio.h>

enum { BYTES_MAX = 1 << 26 };

static void
keep_header(void *context, const struct mail_header *header)
{
	struct message *message = context;

	message->header = *header;
}

static void
keep_body(void *context, struct text piece)
{
	struct message *message = context;

	build_text(&message->body, piece);
}

/* Not by config/file.h, which would bring everything with it. */
bool
message_read_file(struct arena *arena, const char *path, struct text *ret_bytes)
{
	FILE *file = fopen(path, "rb");
	struct build build;

	if (file == NULL)
		return false;
	build_init_arena(&build, arena, BYTES_MAX);
	for (size_t len = 1; len > 0;) {
		char bytes[65536];
		len = fread(bytes, 1, sizeof bytes, file);
		build_text(&build, (struct text){bytes, len});
	}
	bool done = !ferror(file) && !build_failed(&build);
	(void)fclose(file);
	*ret_bytes = build_view(&build);
	return done;
}

bool
message_read(struct arena *arena, const char *path, struct message *ret_message)
{
	struct mail_message_sink sink = {keep_header, keep_body, ret_message};
	struct mail_message *reader = mail_message_new(arena, &sink);
	struct text bytes;

	build_init_arena(&ret_message->body, arena, BYTES_MAX);
	if (reader == NULL || !message_read_file(arena, path, &bytes))
		return false;
	mail_message_feed(reader, bytes);
	return mail_message_finish(reader) && !arena_failed(arena);
}
