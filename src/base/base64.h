/* Base64 (RFC 4648 4), as mail uses it. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/build.h"

/* The bytes that TEXT encodes. White space (SP TAB CR LF) between the letters
 * is skipped, as DKIM's tags need; any other foreign byte, a wrong length,
 * missing padding or bits after the end make it false. */
bool base64_read(
    struct arena *arena, struct text text, struct text *ret_bytes) MUST_USE;

/* Adds BYTES encoded. LINE: letters a line, each line ended by CR LF, for
 * MIME (76); 0: one line without an end. */
void base64_write(struct build *build, struct text bytes, size_t line);

#endif
