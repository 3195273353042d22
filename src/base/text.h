/* Text: bytes with a length. NUL bytes are data, nothing is terminated.
 *
 * A text is a view: it owns nothing and lives as long as what it points into
 * (a message's arena, a received frame, a literal). All letters are ASCII
 * letters; no function here looks at the locale. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	const char *ptr;
	size_t len;
};

/* A text of a string literal. */
#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

/* For printf: printf("domain " TEXT_FMT "\n", TEXT_ARG(domain));
 * printf stops at a NUL byte, so this is for people to read: what is compared
 * or looked up later is made with build_text or arena_join instead. */
#define TEXT_FMT       "%.*s"
#define TEXT_ARG(text) (int)(text).len, (text).ptr

/* One byte's kind. They take any int, so that -1 (no byte) is of no kind. Most
 * are asked of every byte there is, so they are here to be inlined. */
static inline bool
is_alpha(int byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static inline bool
is_digit(int byte)
{
	return byte >= '0' && byte <= '9';
}

static inline bool
is_alnum(int byte)
{
	return is_alpha(byte) || is_digit(byte);
}

/* SP or TAB, and nothing else (RFC 5234). */
static inline bool
is_wsp(int byte)
{
	return byte == ' ' || byte == '\t';
}

/* SP, TAB, CR or LF. */
static inline bool
is_space(int byte)
{
	return is_wsp(byte) || byte == '\r' || byte == '\n';
}

/* 0x21-0x7E */
static inline bool
is_printable(int byte)
{
	return byte >= 0x21 && byte <= 0x7E;
}

bool is_hex(int byte);
int hex_value(int byte);     /* 0-15, or -1 */
char to_harmless(char byte); /* '?' for what is not 0x20-0x7E */

static inline char
to_lower(char byte)
{
	if (byte >= 'A' && byte <= 'Z')
		byte = (char)(byte - 'A' + 'a');
	return byte;
}

/* Writes 2 * LEN lower-case digits, and no NUL. */
void hex_write(char *to, const unsigned char *bytes, size_t len);

struct text text_from_cstr(const char *cstr);

/* Bytes FROM up to, not including, TO; both are cut to the length. */
struct text text_slice(struct text text, size_t from, size_t to);
struct text text_trim(struct text text); /* SP, TAB, CR and LF off both ends */

bool text_equal(struct text a, struct text b);
bool text_equal_nocase(struct text a, struct text b);
bool text_starts(struct text text, struct text start);
bool text_starts_nocase(struct text text, struct text start);
bool text_ends_nocase(struct text text, struct text end);

bool text_is_ascii(struct text text); /* no byte over 0x7F */

/* Order as memcmp, a prefix first; for qsort and sorted tables. */
int text_compare(struct text a, struct text b);

/* Where BYTE (or PART) first stands, or text.len if it does not. */
size_t text_find(struct text text, char byte);
size_t text_find_last(struct text text, char byte);
size_t text_find_part(struct text text, struct text part);
bool text_has(struct text text, char byte);

/* Splits at the first BYTE: returns what stands before it and leaves what
 * stands after it in *rest; without BYTE, returns all and empties *rest.
 * while (rest.len > 0) { item = text_split(&rest, ','); … } */
struct text text_split(struct text *rest, char byte);

/* A decimal number of digits only, at most MAX. False, and *ret_number
 * untouched, for anything else: no digits, a sign, blanks, too large. */
bool text_to_number(struct text text, uint64_t max, uint64_t *ret_number);

#endif
