/* Note: what is worth knowing about a database. */
#ifndef STORE_NOTE_H
#define STORE_NOTE_H

struct store_note {
	const char *name;
	const char *value;
	const char *advice; /* "": it is as it should be */
};

typedef void store_note_fn(void *context, const struct store_note *note);

#endif
