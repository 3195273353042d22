/* The milter protocol, version 6: frames, both ways. Sendmail's libmilter is
 * its only specification; docs/formats.md tells what we use of it.
 *
 * A frame is a 32-bit length, a command letter, and data; the length counts
 * the letter. */
#ifndef MILTER_PROTOCOL_H
#define MILTER_PROTOCOL_H

#include "base/build.h"

enum { MILTER_FRAME_MAX = 1024 * 1024 + 64 * 1024 };

/* MTA to filter. */
enum milter_command {
	MILTER_ABORT = 'A',
	MILTER_BODY = 'B',
	MILTER_CONNECT = 'C',
	MILTER_MACROS = 'D',
	MILTER_END_OF_MESSAGE = 'E',
	MILTER_HELO = 'H',
	MILTER_QUIT_NEW = 'K', /* this session ends, another one follows */
	MILTER_HEADER = 'L',
	MILTER_MAIL = 'M',
	MILTER_END_OF_HEADER = 'N',
	MILTER_NEGOTIATE = 'O',
	MILTER_QUIT = 'Q',
	MILTER_RCPT = 'R',
	MILTER_DATA = 'T',
	MILTER_UNKNOWN = 'U',
};

/* Filter to MTA. */
enum milter_reply {
	MILTER_ADD_RECIPIENT = '+',
	MILTER_ACCEPT = 'a',
	MILTER_CONTINUE = 'c',
	MILTER_DISCARD = 'd',
	MILTER_ADD_HEADER = 'h',
	MILTER_INSERT_HEADER = 'i',
	MILTER_CHANGE_HEADER = 'm',
	MILTER_PROGRESS = 'p',
	MILTER_QUARANTINE = 'q',
	MILTER_REJECT = 'r',
	MILTER_TEMPFAIL = 't',
	MILTER_REPLY_CODE = 'y',
	MILTER_NEGOTIATED = 'O',
};

/* What the filter may do (SMFIF_*). */
enum {
	MILTER_ACTION_ADD_HEADERS = 0x01,
	MILTER_ACTION_ADD_RECIPIENTS = 0x04,
	MILTER_ACTION_CHANGE_HEADERS = 0x10,
	MILTER_ACTION_QUARANTINE = 0x20,
};

/* What the MTA need not send or await an answer to (SMFIP_*). */
enum {
	MILTER_NO_CONNECT = 0x01,
	MILTER_NO_HELO = 0x02,
	MILTER_NO_MAIL = 0x04,
	MILTER_NO_RCPT = 0x08,
	MILTER_NO_BODY = 0x10,
	MILTER_NO_HEADERS = 0x20,
	MILTER_NO_END_OF_HEADER = 0x40,
	MILTER_NO_REPLY_HEADER = 0x80,
	MILTER_NO_UNKNOWN = 0x100,
	MILTER_NO_DATA = 0x200,
	MILTER_NO_REPLY_CONNECT = 0x1000,
	MILTER_NO_REPLY_HELO = 0x2000,
	MILTER_NO_REPLY_MAIL = 0x4000,
	MILTER_NO_REPLY_RCPT = 0x8000,
	MILTER_NO_REPLY_DATA = 0x10000,
	MILTER_NO_REPLY_UNKNOWN = 0x20000,
	MILTER_NO_REPLY_END_OF_HEADER = 0x40000,
	MILTER_NO_REPLY_BODY = 0x80000,
	MILTER_LEADING_SPACE = 0x100000,
	MILTER_FRAMES_256K = 0x10000000, /* body chunks up to this size */
	MILTER_FRAMES_1M = 0x20000000,
};

struct milter_frame {
	char command;
	struct text data;
};

enum milter_read { MILTER_READ_FRAME, MILTER_READ_MORE, MILTER_READ_ERROR };

/* The frame at the begin of BYTES; *ret_bytes is its whole size. ERROR: a
 * length of 0 or over MILTER_FRAME_MAX. Only a header field may be longer, since
 * its length is the sender's choice: what fits is handed out, and *ret_bytes is
 * more than that, perhaps more than BYTES has. */
enum milter_read milter_frame_read(struct text bytes,
    struct milter_frame *ret_frame, size_t *ret_bytes) MUST_USE;

void milter_frame_write(struct build *build, char command, struct text data);

/* Parts of a frame's data: NUL-terminated strings and 32-bit numbers. Each
 * takes its part off *data; false when it is not there. */
bool milter_take_string(struct text *data, struct text *ret_string) MUST_USE;
bool milter_take_number(struct text *data, uint32_t *ret_number) MUST_USE;
bool milter_take_number16(struct text *data, uint16_t *ret_number) MUST_USE;
void milter_put_string(struct build *build, struct text string);
void milter_put_number(struct build *build, uint32_t number);

#endif
