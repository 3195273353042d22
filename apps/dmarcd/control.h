/* Control: the answer on ControlSocket: whoever may connect gets the status, and
 * the connection is closed. Nothing is read from it, and nobody is waited for. */
#ifndef DMARCD_CONTROL_H
#define DMARCD_CONTROL_H

#include "status.h"

#include <time.h>

enum { CONTROL_PER_SECOND = 50 }; /* the others wait in the socket's queue */

struct control {
	time_t second; /* in which so many were */
	unsigned answered;
};

/* FD as long as there is to be looked at it, else -1; it may be -1. */
int control_fd(const struct control *control, int fd);
/* Those who wait, as many as may be. */
void control_answer(
    struct control *control, int fd, const struct status *status);

#endif
