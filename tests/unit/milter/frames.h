/* What an MTA sends, up to the end of a message. */
#ifndef TESTS_MILTER_FRAMES_H
#define TESTS_MILTER_FRAMES_H

#include "milter/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* As TEXT, for tables. */
#define BYTES(literal)                                                         \
 {                                                                             \
  (literal), sizeof(literal) - 1                                               \
 }

#define OFFER_6 "\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"
#define HELLO                                                                  \
 {                                                                             \
  'O', BYTES(OFFER_6)                                                          \
 }
#define MAILED                                                                 \
 {                                                                             \
  'M', BYTES("<a@b.example>\0SIZE=1000\0")                                     \
 }
#define END                                                                    \
 {                                                                             \
  'E', BYTES("")                                                               \
 }

static inline struct milter_session *
new_at_end_of_message(void)
{
	static const struct milter_frame frames[] = {HELLO, MAILED, END};
	struct milter_session *session = milter_session_new();
	struct milter_event event = {.kind = MILTER_EVENT_ERROR};
	struct build input;

	assert_non_null(session);
	build_init(&input, 1000);
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
		milter_frame_write(&input, frames[i].command, frames[i].data);
	milter_session_feed(session, build_view(&input));
	build_free(&input);
	while (milter_session_next(session, &event))
		;
	assert_int_equal(event.kind, MILTER_EVENT_END_OF_MESSAGE);
	milter_session_sent(session, milter_session_output(session).len);
	return session;
}

#endif
