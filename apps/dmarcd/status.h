/* Status: the object of JSON that tells how the daemon does (docs/formats.md). */
#ifndef DMARCD_STATUS_H
#define DMARCD_STATUS_H

#include "base/build.h"

enum { STATUS_MAX = 64 * 1024 }; /* bytes of the object */

/* What the board does not know. */
struct status {
	const char *config_path; /* NULL: built-in defaults */
	const char *state;       /* "starting", "running", "stopping" */
};

/* With what the board says, on one line. */
void status_write(struct build *out, const struct status *status);

#endif
