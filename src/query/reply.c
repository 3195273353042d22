#include "query/reply.h"

#include "query/request.h"

void
query_reply_begin(struct build *build)
{
	build_format(build, "version=\"%d\"", QUERY_VERSION);
}

static void
add_byte(struct build *build, char byte)
{
	switch (byte) {
	case '\\':
	case '"':
		build_byte(build, '\\');
		build_byte(build, byte);
		break;
	case '\n': build_cstr(build, "\\n"); break;
	case '\t': build_cstr(build, "\\t"); break;
	case '\r': break;
	default: build_byte(build, to_harmless(byte)); break;
	}
}

void
query_reply_add(struct build *build, const char *name, struct text value)
{
	build_format(build, " %s=\"", name);
	for (size_t i = 0; i < value.len; i++)
		add_byte(build, value.ptr[i]);
	build_byte(build, '"');
}

void
query_reply_end(struct build *build)
{
	build_byte(build, '\n');
}
