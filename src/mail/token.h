/* Lexical tokens of header fields (RFC 5322 3.2), for address and authres. */
#ifndef MAIL_TOKEN_H
#define MAIL_TOKEN_H

#include "base/arena.h"
#include "base/scan.h"

enum { TOKEN_COMMENT_DEPTH = 32 };

/* atext, and all bytes above 0x7F (RFC 6532 3.2). */
bool token_is_atext(int byte);
/* A byte of a token as MIME has it (RFC 2045 5.1). */
bool token_is_mime(int byte);

/* Takes [CFWS]: SP, TAB, CR, LF and comments. False: a comment that does not
 * end, or comments nested deeper than TOKEN_COMMENT_DEPTH. */
bool token_skip_cfws(struct scan *scan) MUST_USE;
/* Takes a quoted-string with its quotes. False, and nothing taken: there is
 * none, or it does not end. */
bool token_take_quoted(struct scan *scan) MUST_USE;
/* What a quoted-string says: no quotes, backslashes, line ends. */
struct text token_unquote(struct arena *arena, struct text quoted);

#endif
