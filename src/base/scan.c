#include "base/scan.h"

struct scan
scan_text(struct text text)
{
	return (struct scan){.text = text};
}

bool
scan_at_end(const struct scan *scan)
{
	return scan->at >= scan->text.len;
}

int
scan_peek_at(const struct scan *scan, size_t ahead)
{
	if (ahead >= scan->text.len - scan->at)
		return -1;
	return (unsigned char)scan->text.ptr[scan->at + ahead];
}

int
scan_peek(const struct scan *scan)
{
	return scan_peek_at(scan, 0);
}

bool
scan_byte(struct scan *scan, char byte)
{
	if (scan_peek(scan) != (unsigned char)byte)
		return false;
	scan->at++;
	return true;
}

bool
scan_word_nocase(struct scan *scan, struct text word)
{
	struct text rest = text_slice(scan->text, scan->at, scan->text.len);

	if (!text_starts_nocase(rest, word))
		return false;
	scan->at += word.len;
	return true;
}

int
scan_any(struct scan *scan)
{
	int byte = scan_peek(scan);

	if (byte >= 0)
		scan->at++;
	return byte;
}

struct text
scan_while(struct scan *scan, bool (*kind)(int byte))
{
	size_t from = scan->at;

	while (kind(scan_peek(scan)))
		scan->at++;
	return scan_since(scan, from);
}

size_t
scan_wsp(struct scan *scan)
{
	return scan_while(scan, is_wsp).len;
}

struct text
scan_rest(struct scan *scan)
{
	struct text rest = text_slice(scan->text, scan->at, scan->text.len);

	scan->at = scan->text.len;
	return rest;
}

struct text
scan_since(const struct scan *scan, size_t from)
{
	return text_slice(scan->text, from, scan->at);
}
