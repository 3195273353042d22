/* Notify: tells the service manager how we stand, by the datagrams that
 * sd_notify(3) describes, on the socket that NOTIFY_SOCKET names. Without one
 * nothing is told. */
#ifndef DMARCD_NOTIFY_H
#define DMARCD_NOTIFY_H

#include <time.h>

/* Takes what the environment says, and out of it: children do not notify. */
void notify_open(void);
/* "READY=1", or several such lines. */
void notify_say(const char *state);
/* A reload has begun; "READY=1" ends it. */
void notify_reloading(void);
/* To be called about once a second as long as all is well. */
void notify_alive(time_t now);

#endif
