/* Values as a line holds them:
 *
 *	value = "-" / 1*(%x21-24 / %x26-7E / "%" 2HEXDIG)
 */
#include "history/codec.h"

#include "base/percent.h"

static const struct text mark = {"%2E%2E%2E", 9}; /* "..." */

size_t
history_value_length(struct text value)
{
	/* Nothing and its mark become "-" and "%2D". */
	size_t len = value.len < 2 ? 3 : percent_length(value);

	return len < HISTORY_VALUE_MAX ? len : HISTORY_VALUE_MAX;
}

/* The bytes of VALUE from its begin that take, written, at most ROOM. */
static struct text
cut(struct text value, size_t room)
{
	size_t taken = 0;

	for (size_t i = 0; i < value.len; i++) {
		taken += percent_length(text_slice(value, i, i + 1));
		if (taken > room)
			return text_slice(value, 0, i);
	}
	return value;
}

void
history_value_write(struct build *build, struct text value)
{
	if (value.len == 0) {
		build_byte(build, '-');
	} else if (text_equal(value, TEXT("-"))) {
		build_text(build, TEXT("%2D"));
	} else if (percent_length(value) <= HISTORY_VALUE_MAX) {
		percent_write(build, value);
	} else {
		percent_write(build, cut(value, HISTORY_VALUE_MAX - mark.len));
		build_text(build, mark);
	}
}

bool
history_value_read(
    struct arena *arena, struct text written, struct text *ret_value)
{
	if (written.len == 0 || written.len > HISTORY_VALUE_MAX)
		return false;
	if (written.len == 1 && *written.ptr == '-') {
		*ret_value = TEXT("");
		return true;
	}
	return percent_read(arena, written, ret_value);
}
