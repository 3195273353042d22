/* Codec: entries as lines of text, and back. The format is OpenDMARC's, with
 * keys of ours; dmarcd-history(5) describes it.
 *
 * Written: one key a line, values with bytes outside 0x21-0x7E and '%' as %XX,
 * so that no value can forge a line; last "end BYTES CRC32C" over all lines
 * before it. Read: that, and what OpenDMARC 1.3 and later and Exim write, of
 * which no entry says where it ends; in any order in one file. */
#ifndef HISTORY_CODEC_H
#define HISTORY_CODEC_H

#include "history/entry.h"

/* Limits: longer values are cut and end in "%2E%2E%2E"; entries are refused. */
enum { HISTORY_VALUE_MAX = 8 * 1024, HISTORY_ENTRY_MAX = 64 * 1024 };

/* Adds ENTRY's lines. False: over HISTORY_ENTRY_MAX, or no memory; nothing
 * was added then. */
bool history_write(
    struct build *build, const struct history_entry *entry) MUST_USE;

/* Reading is a fold over whole bytes of a file: what is at hand goes in, whole
 * entries come out, the rest waits for more. */
enum history_status {
	HISTORY_ENTRY,     /* *ret_entry is good; *ret_bytes are behind it */
	HISTORY_BAD,       /* an unreadable entry of *ret_bytes; *ret_why */
	HISTORY_PART,      /* the same, and its rest, bad too, is behind them */
	HISTORY_NEED_MORE, /* no whole entry at hand yet */
};

/* With so many bytes at hand the answer never is HISTORY_NEED_MORE: there is
 * room for a torn entry, a whole one behind it, and its last line. */
enum { HISTORY_WINDOW = 2 * HISTORY_ENTRY_MAX + 64 };

/* The first entry in BYTES, which begin where an entry begins. LAST: nothing
 * will come after BYTES, so that an entry without an "end" line ends there if
 * its last line does, and a torn one is bad and not waited for. Texts live in ARENA, or are parts of BYTES. *ret_bytes is how much was used, never
 * 0 unless HISTORY_NEED_MORE. An ARENA that fails gives HISTORY_BAD, so look
 * at arena_failed. */
enum history_status history_read(struct arena *arena, struct text bytes,
    bool last, struct history_entry *ret_entry, size_t *ret_bytes,
    const char **ret_why) MUST_USE;

/* One value, as a line holds it: never empty ("-" stands for that), never with
 * white space, at most HISTORY_VALUE_MAX bytes. The store keeps texts so, too.
 * Reading is false for anything that writing cannot give. */
void history_value_write(struct build *build, struct text value);
/* At most so many bytes are written for VALUE. */
size_t history_value_length(struct text value);
bool history_value_read(
    struct arena *arena, struct text written, struct text *ret_value) MUST_USE;

uint32_t history_crc32c(struct text bytes);
/* The same on processors without an instruction for it. */
uint32_t history_crc32c_by_table(struct text bytes);

#endif
