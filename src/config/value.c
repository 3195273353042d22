/* Values of options: from the file's words to members of struct config, and
 * back. */
#include "config/options.h"

#include <string.h>

static bool
read_boolean(struct text value, bool *ret_boolean)
{
	char letter = '\0';

	if (value.len > 0)
		letter = to_lower(value.ptr[0]);
	if (letter != '\0' && strchr("ty1", letter) != NULL) {
		*ret_boolean = true;
		return true;
	}
	*ret_boolean = false;
	return letter != '\0' && strchr("fn0", letter) != NULL;
}

/* C's notation: 0x… hexadecimal, 0… octal, else decimal. */
static bool
read_number(struct text value, uint64_t max, uint64_t *ret_number)
{
	uint64_t base = 10;
	uint64_t number = 0;

	if (text_starts_nocase(value, TEXT("0x"))) {
		base = 16;
		value = text_slice(value, 2, value.len);
	} else if (value.len > 1 && value.ptr[0] == '0') {
		base = 8;
	}
	for (size_t i = 0; i < value.len; i++) {
		int digit = hex_value((unsigned char)value.ptr[i]);
		if (digit < 0 || (uint64_t)digit >= base)
			return false;
		number = number * base + (uint64_t)digit;
		if (number > max)
			return false;
	}
	*ret_number = number;
	return value.len > 0;
}

/* Numbers with a letter behind them; the largest unit first. */
struct unit {
	char letter;
	unsigned size;
};

enum { UNITS = 4 };

static const struct unit time_units[UNITS] = {
    {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
static const struct unit byte_units[UNITS] = {
    {'g', 1024 * 1024 * 1024}, {'m', 1024 * 1024}, {'k', 1024}, {'b', 1}};

static bool
read_units(struct text value, const struct unit units[UNITS], uint64_t max,
    uint64_t *ret_number)
{
	uint64_t unit = 1;

	for (size_t i = 0; value.len > 0 && i < UNITS; i++) {
		if (to_lower(value.ptr[value.len - 1]) == units[i].letter) {
			unit = units[i].size;
			value.len--;
			break;
		}
	}
	if (!text_to_number(value, max / unit, ret_number))
		return false;
	*ret_number *= unit;
	return true;
}

static struct text
write_units(
    struct arena *arena, const struct unit units[UNITS], unsigned number)
{
	for (size_t i = 0; number > 0 && i < UNITS - 1; i++) {
		if (number % units[i].size == 0)
			return arena_format(arena, "%u%c",
			    number / units[i].size, units[i].letter);
	}
	return arena_format(arena, "%u", number);
}

static bool
read_unsigned(enum option_type type, struct text value, uint64_t max,
    uint64_t *ret_number)
{
	if (type == OPTION_NUMBER)
		return read_number(value, max, ret_number);
	return read_units(value,
	    type == OPTION_SECONDS ? time_units : byte_units, max, ret_number);
}

static struct text
list_words(struct arena *arena, const struct names *words)
{
	struct build list;

	build_init_arena(&list, arena, 1024);
	for (size_t i = 0; i < words->count; i++) {
		if (i > 0)
			build_cstr(
			    &list, i + 1 == words->count ? " or " : ", ");
		build_cstr(&list, words->word[i]);
	}
	return build_view(&list);
}

static bool
set_unsigned(const struct config_option *option, struct config *config,
    struct text value, struct text *ret_why)
{
	uint64_t number;
	unsigned small;

	if (read_unsigned(option->type, value, option->max, &number) &&
	    number >= option->min) {
		small = (unsigned)number;
		memcpy((char *)config + option->offset, &small, sizeof small);
		return true;
	}
	if (option->max == OPTION_MODE_MAX) {
		*ret_why = TEXT("an octal number from 0 to 0777");
		return false;
	}
	*ret_why = arena_format(config->arena, "a %s from %llu to %llu",
	    option->type == OPTION_SECONDS
		? "time (30, 30s, 5m, 2h, 1d) of seconds"
	    : option->type == OPTION_BYTES ? "size (500k, 10m) of bytes"
					   : "number",
	    (unsigned long long)option->min, (unsigned long long)option->max);
	return false;
}

static bool
set_word(const struct config_option *option, struct config *config,
    struct text value, struct text *ret_why)
{
	int word = names_find(option->words, value);

	if (word < 0) {
		*ret_why = list_words(config->arena, option->words);
		return false;
	}
	memcpy((char *)config + option->offset, &word, sizeof word);
	return true;
}

bool
option_set(const struct config_option *option, struct config *config,
    struct text value, struct text *ret_why)
{
	void *member = (char *)config + option->offset;
	struct text copy;
	bool boolean;

	switch (option->type) {
	case OPTION_TEXT:
	case OPTION_FILE:
		copy = arena_copy(config->arena, value);
		memcpy(member, &copy, sizeof copy);
		return true;
	case OPTION_BOOLEAN:
		*ret_why = TEXT("yes or no");
		if (!read_boolean(value, &boolean))
			return false;
		memcpy(member, &boolean, sizeof boolean);
		return true;
	case OPTION_NUMBER:
	case OPTION_SECONDS:
	case OPTION_BYTES: return set_unsigned(option, config, value, ret_why);
	case OPTION_WORD: return set_word(option, config, value, ret_why);
	}
	return false;
}

/* --- and back --- */

struct text
option_get(const struct config_option *option, const struct config *config,
    struct arena *arena)
{
	const void *member = (const char *)config + option->offset;
	struct text text;
	unsigned number;
	bool boolean;
	int word;

	switch (option->type) {
	case OPTION_TEXT:
	case OPTION_FILE: memcpy(&text, member, sizeof text); return text;
	case OPTION_BOOLEAN:
		memcpy(&boolean, member, sizeof boolean);
		return boolean ? TEXT("yes") : TEXT("no");
	case OPTION_NUMBER:
		memcpy(&number, member, sizeof number);
		return arena_format(arena,
		    option->max == OPTION_MODE_MAX ? "%04o" : "%u", number);
	case OPTION_SECONDS:
		memcpy(&number, member, sizeof number);
		return write_units(arena, time_units, number);
	case OPTION_BYTES:
		memcpy(&number, member, sizeof number);
		return write_units(arena, byte_units, number);
	case OPTION_WORD:
		memcpy(&word, member, sizeof word);
		return word < 0
			   ? TEXT("")
			   : text_from_cstr(names_word(option->words, word));
	}
	return TEXT("");
}

const char *
option_type_name(enum option_type type)
{
	static const char *const words[] = {
	    [OPTION_TEXT] = "text",
	    [OPTION_FILE] = "file",
	    [OPTION_BOOLEAN] = "boolean",
	    [OPTION_NUMBER] = "number",
	    [OPTION_SECONDS] = "time",
	    [OPTION_BYTES] = "size",
	    [OPTION_WORD] = "word",
	};

	return words[type];
}
