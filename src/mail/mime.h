/* MIME: composing the mails we send, byte for byte the same each time. */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include "base/build.h"

/* "Name: value\r\n", folded before 78 columns at SP. Bytes outside 0x20-0x7E
 * in VALUE become '?': nothing can start another field. */
void mime_field(struct build *build, const char *name, struct text value);
/* The empty line between header and body. */
void mime_end_of_header(struct build *build);

/* One part of a multipart. BOUNDARY must not stand in any part: derive it
 * from an unguessable or unique id. Closed by mime_close. */
void mime_open_part(struct build *build, struct text boundary);
void mime_close(struct build *build, struct text boundary);
/* A body in base64, lines of 76, and with the fields that say so. FILE_NAME
 * goes to Content-Type's name and Content-Disposition's filename; in it bytes
 * outside 0x20-0x7E, '"' and '\' become '?'. */
void mime_attachment(struct build *build, const char *media_type,
    struct text file_name, struct text bytes);

#endif
