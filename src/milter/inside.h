/* What session.c and answer.c share; nobody else includes this. */
#ifndef MILTER_INSIDE_H
#define MILTER_INSIDE_H

#include "milter/session.h"

enum { MILTER_STAGES = 10 };

enum milter_state {
	NEW,     /* nothing negotiated yet */
	IDLE,    /* no message */
	FIELDS,  /* after MAIL */
	BODY,    /* after the end of the header */
	LAST,    /* the body bytes in the end of message have been handed out */
	WAITING, /* for the answer to the end of message */
	OVER,    /* after QUIT or an error: no further event */
};

struct milter_session {
	struct arena *arena;
	struct build input;
	size_t at;   /* the bytes of input before it have been taken */
	size_t skip; /* of the bytes to come: the rest of a cut frame */
	bool is_cut; /* the frame at hand */
	struct build output;
	struct build changes; /* answered so far, sent with the final answer */
	enum milter_state state;
	uint32_t wanted; /* actions */
	bool wants_recipients;
	uint32_t actions;
	uint32_t protocol;
	bool message_over; /* its macros are stale */
	struct build macros[MILTER_STAGES];
};

#endif
