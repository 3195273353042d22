#include "verdict/required.h"

static const struct {
	const char *name;
	bool must_be;
} fields[] = {
    {"From", true},
    {"Date", true},
    {"Reply-To", false},
    {"To", false},
    {"Cc", false},
    {"Bcc", false},
    {"Message-ID", false},
    {"In-Reply-To", false},
    {"References", false},
    {"Subject", false},
};

struct text
required_find(struct arena *arena, const struct mail_header *header)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const char *name = fields[i].name;
		size_t count = mail_header_count(header, text_from_cstr(name));
		if (count > 1 || (count == 0 && fields[i].must_be))
			return arena_format(arena, "%s %s field%s",
			    count == 0 ? "no" : "several", name,
			    count == 0 ? "" : "s");
	}
	return TEXT("");
}
